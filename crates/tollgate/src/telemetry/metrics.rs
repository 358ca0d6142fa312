//! Metrics in the Prometheus text format. Labels come from configuration and small enums, never from callers.

use super::record::{Record, Stage};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

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

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Text(Arc<str>);

impl EncodeLabelValue for Text {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&&*self.0, encoder)
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
    in_flight: Gauge,
    connections: Gauge,
    dropped_lines: Gauge<u64, AtomicU64>,
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
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            dropped_lines: Gauge::default(),
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
        registry.register("requests_in_flight", "Data-plane requests open now", metrics.in_flight.clone());
        registry.register("connections", "Client connections open now", metrics.connections.clone());
        registry.register("log_lines_dropped", "Log lines that found no room", metrics.dropped_lines.clone());
        metrics
    }

    /// A data-plane request has begun.
    pub(super) fn begin(&self) {
        self.in_flight.inc();
    }

    /// A data-plane request has ended.
    pub(super) fn end(&self, record: &Record) {
        self.in_flight.dec();
        let (provider, model) = (Text(Arc::clone(&record.provider)), Text(Arc::clone(&record.metric_model)));
        let labels = RequestLabels {
            route: record.route,
            provider: provider.clone(),
            model: model.clone(),
            status: record.status,
        };
        self.requests.get_or_create(&labels).inc();
        let route = RouteLabels { route: record.route };
        self.seconds.get_or_create(&route).observe(record.total().as_secs_f64());
        if let Some(first) = record.first_byte {
            self.first_byte.get_or_create(&route).observe(first.as_secs_f64());
        }
        for stage in Stage::ALL {
            if let Some(time) = record.stage(stage) {
                self.overhead.get_or_create(&StageLabels { stage: stage.name() }).observe(time.as_secs_f64());
            }
        }
        if let Some(usage) = record.usage {
            for (kind, count) in [
                ("input", usage.input_tokens),
                ("cache_read", usage.cache_read_tokens),
                ("cache_write", usage.cache_write_5m_tokens + usage.cache_write_1h_tokens),
                ("output", usage.output_tokens),
                ("reasoning", usage.reasoning_tokens),
                ("audio_input", usage.audio_input_tokens),
                ("audio_output", usage.audio_output_tokens),
            ] {
                if count > 0 {
                    let labels = TokenLabels { provider: provider.clone(), model: model.clone(), kind };
                    self.tokens.get_or_create(&labels).inc_by(count);
                }
            }
        }
    }

    /// A request was sent to a provider, and this came of it.
    pub fn attempt(&self, provider: &Arc<str>, outcome: &'static str) {
        self.attempts.get_or_create(&AttemptLabels { provider: Text(Arc::clone(provider)), outcome }).inc();
    }

    /// The text form of all metrics.
    pub fn render(&self, connections: usize, dropped_lines: u64) -> String {
        self.connections.set(i64::try_from(connections).unwrap_or(i64::MAX));
        self.dropped_lines.set(dropped_lines);
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
