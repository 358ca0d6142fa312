//! Metrics in the Prometheus text format. Labels come from configuration and small enums, never from callers.

use super::record::{Record, Stage};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Series that all requests of one kind share.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    provider: Text,
    model: Text,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    provider: Text,
    model: Text,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    provider: Text,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RateLabels {
    provider: Text,
    account: u32,
    rate: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Text(Arc<str>);

impl EncodeLabelValue for Text {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&&*self.0, encoder)
    }
}

/// Series that a thread remembers.
const MAX_KNOWN: usize = 64;

/// Where one kind of request counts.
struct Series {
    /// Address of the metrics it belongs to.
    owner: usize,
    route: &'static str,
    status: u16,
    provider: Arc<str>,
    model: Arc<str>,
    requests: Counter,
    seconds: Histogram,
    first_byte: Histogram,
    overhead: [Histogram; Stage::ALL.len()],
    tokens: [Option<Counter>; 11],
    answered: Counter,
}

impl Series {
    fn is_for(&self, metrics: &Metrics, record: &Record) -> bool {
        self.status == record.status
            && Arc::ptr_eq(&self.provider, &record.provider)
            && Arc::ptr_eq(&self.model, &record.metric_model)
            && std::ptr::eq(self.route, record.route)
            && self.owner == std::ptr::from_ref(metrics).addr()
    }
}

/// From 5 µs to 80 ms, and from 5 ms to 160 s.
const FINE: [f64; 13] = [5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 8e-2];
const COARSE: [f64; 13] = [5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 20.0, 60.0, 160.0];

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
    seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    first_byte: Family<RouteLabels, Histogram, fn() -> Histogram>,
    overhead: Family<StageLabels, Histogram, fn() -> Histogram>,
    attempts: Family<AttemptLabels, Counter>,
    rates_left: Family<RateLabels, Gauge<u64, AtomicU64>>,
    in_flight: Gauge,
    connections: Gauge,
    dropped_lines: Gauge<u64, AtomicU64>,
    backlog: Gauge<u64, AtomicU64>,
    lag: Gauge<f64, AtomicU64>,
    is_open: Gauge,
    journal_files: Gauge,
    holds: Gauge<u64, AtomicU64>,
    held: Gauge<f64, AtomicU64>,
}

/// What is not counted but looked up when somebody asks for the metrics.
#[derive(Debug, Clone, Copy, Default)]
pub struct Levels {
    /// Client connections.
    pub connections: usize,
    /// Log lines that found no room so far.
    pub dropped_lines: u64,
    /// Entries that wait for the database, and for how long the oldest has.
    pub backlog: u64,
    /// See `backlog`.
    pub lag: Duration,
    /// Whether the ledger takes new requests.
    pub is_open: bool,
    /// Files of the journal, the ones that lie ready included.
    pub journal_files: usize,
    /// Requests that hold something of a budget or a limit, and how much, in nano-dollars.
    pub holds: u64,
    /// See `holds`.
    pub held: i64,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let fine: fn() -> Histogram = || Histogram::new(FINE);
        let coarse: fn() -> Histogram = || Histogram::new(COARSE);
        let mut metrics = Self {
            registry: Registry::with_prefix("tollgate"),
            requests: Family::default(),
            tokens: Family::default(),
            seconds: Family::new_with_constructor(coarse),
            first_byte: Family::new_with_constructor(coarse),
            overhead: Family::new_with_constructor(fine),
            attempts: Family::default(),
            rates_left: Family::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            dropped_lines: Gauge::default(),
            backlog: Gauge::default(),
            lag: Gauge::default(),
            is_open: Gauge::default(),
            journal_files: Gauge::default(),
            holds: Gauge::default(),
            held: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("requests", "Requests answered", metrics.requests.clone());
        registry.register("tokens", "Tokens as the providers reported them", metrics.tokens.clone());
        registry.register_with_unit("request", "Time of whole requests", Unit::Seconds, metrics.seconds.clone());
        registry.register_with_unit(
            "first_byte",
            "Time to the first byte of the answer",
            Unit::Seconds,
            metrics.first_byte.clone(),
        );
        registry.register_with_unit(
            "overhead",
            "The gateway's own time, by stage",
            Unit::Seconds,
            metrics.overhead.clone(),
        );
        registry.register("upstream_attempts", "Requests sent to providers", metrics.attempts.clone());
        registry.register(
            "upstream_rate_left",
            "What a provider said last is left of an account's rate",
            metrics.rates_left.clone(),
        );
        registry.register("requests_in_flight", "Data-plane requests open now", metrics.in_flight.clone());
        registry.register("connections", "Client connections open now", metrics.connections.clone());
        registry.register("log_lines_dropped", "Log lines that found no room", metrics.dropped_lines.clone());
        let ledger = registry.sub_registry_with_prefix("ledger");
        ledger.register("backlog", "Charges that wait for the database", metrics.backlog.clone());
        ledger.register_with_unit("lag", "How long the oldest of them has", Unit::Seconds, metrics.lag.clone());
        ledger.register("open", "Whether new requests can be booked", metrics.is_open.clone());
        ledger.register("journal_files", "Files of the journal, 4 MiB each", metrics.journal_files.clone());
        ledger.register("holds", "Admitted requests that are not settled", metrics.holds.clone());
        ledger.register_with_unit("held", "What they hold of budgets", Unit::Other("usd".into()), metrics.held.clone());
        metrics
    }

    /// A data-plane request has begun.
    pub(super) fn begin(&self) {
        self.in_flight.inc();
    }

    /// A data-plane request has ended.
    pub(super) fn end(&self, record: &Record, total: Duration) {
        self.in_flight.dec();
        self.with_series(record, |series| {
            series.requests.inc();
            if record.answered {
                series.answered.inc();
            }
            series.seconds.observe(total.as_secs_f64());
            if let Some(first) = record.first_byte {
                series.first_byte.observe(first.as_secs_f64());
            }
            for (stage, histogram) in Stage::ALL.iter().zip(&series.overhead) {
                if let Some(time) = record.stage(*stage) {
                    histogram.observe(time.as_secs_f64());
                }
            }
            let counters = record.usage.map(|usage| usage.counters()).unwrap_or_default();
            for ((kind, count), slot) in counters.into_iter().zip(&mut series.tokens) {
                if count > 0 && kind.ends_with("_tokens") {
                    let counter = slot.get_or_insert_with(|| {
                        let kind = kind.trim_end_matches("_tokens");
                        let labels = TokenLabels {
                            provider: Text(series.provider.clone()),
                            model: Text(series.model.clone()),
                            kind,
                        };
                        self.tokens.get_or_create_owned(&labels)
                    });
                    counter.inc_by(count);
                }
            }
        });
    }

    /// The series that a request counts in. Looking them up by their labels costs more than counting, so each thread
    /// keeps the ones it used last; names are compared by address, which configuration keeps stable.
    fn with_series(&self, record: &Record, f: impl FnOnce(&mut Series)) {
        thread_local! {
            static KNOWN: RefCell<Vec<Series>> = const { RefCell::new(Vec::new()) };
        }
        KNOWN.with_borrow_mut(|known| {
            let found = known.iter().position(|series| series.is_for(self, record));
            let at = found.unwrap_or_else(|| {
                if known.len() >= MAX_KNOWN {
                    known.clear();
                }
                known.push(self.series(record));
                known.len() - 1
            });
            if let Some(series) = known.get_mut(at) {
                f(series);
            }
        });
    }

    fn series(&self, record: &Record) -> Series {
        let (provider, model) = (Arc::clone(&record.provider), Arc::clone(&record.metric_model));
        let route = RouteLabels { route: record.route };
        Series {
            owner: std::ptr::from_ref(self).addr(),
            requests: self.requests.get_or_create_owned(&RequestLabels {
                route: record.route,
                provider: Text(provider.clone()),
                model: Text(model.clone()),
                status: record.status,
            }),
            seconds: self.seconds.get_or_create_owned(&route),
            first_byte: self.first_byte.get_or_create_owned(&route),
            overhead: Stage::ALL.map(|stage| self.overhead.get_or_create_owned(&StageLabels { stage: stage.name() })),
            tokens: Default::default(),
            answered: self
                .attempts
                .get_or_create_owned(&AttemptLabels { provider: Text(provider.clone()), outcome: "ok" }),
            route: record.route,
            status: record.status,
            provider,
            model,
        }
    }

    /// A request was sent to a provider and this came of it instead of an answer.
    pub fn attempt(&self, provider: &Arc<str>, outcome: &'static str) {
        self.attempts.get_or_create(&AttemptLabels { provider: Text(Arc::clone(provider)), outcome }).inc();
    }

    /// A provider said that this much is left of an account's rate. Accounts are told apart by their place in the
    /// configuration.
    pub fn rate_left(&self, provider: &Arc<str>, account: usize, rate: &'static str, left: u64) {
        let account = u32::try_from(account).unwrap_or(u32::MAX);
        self.rates_left.get_or_create(&RateLabels { provider: Text(Arc::clone(provider)), account, rate }).set(left);
    }

    /// The text form of all metrics.
    pub fn render(&self, levels: &Levels) -> String {
        self.connections.set(i64::try_from(levels.connections).unwrap_or(i64::MAX));
        self.dropped_lines.set(levels.dropped_lines);
        self.backlog.set(levels.backlog);
        self.lag.set(levels.lag.as_secs_f64());
        self.is_open.set(i64::from(levels.is_open));
        self.journal_files.set(i64::try_from(levels.journal_files).unwrap_or(i64::MAX));
        self.holds.set(levels.holds);
        // Dollars to the nano are not for a gauge.
        self.held.set(Duration::from_nanos(levels.held.unsigned_abs()).as_secs_f64());
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
