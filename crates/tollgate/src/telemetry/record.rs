//! One record for each data-plane request: what the log line and the metrics are made of, and later the ledger.
//!
//! The fields are an allow-list: nothing of a body, a key's text or a vendor's account can get in.

use super::{Log, Metrics, line};
use crate::outcome::Outcome;
use crate::{clock, ids};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_protocol::usage::Usage;

/// Own time of the gateway, by what it was spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// From the head to a known key.
    Auth,
    /// From the whole body to the first call: reading the request, choosing, editing.
    Plan,
    /// From the vendor's first meaningful bytes (or whole answer) to the caller's head.
    Answer,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auth, Self::Plan, Self::Answer];

    /// As it is called in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Plan => "plan",
            Self::Answer => "answer",
        }
    }
}

/// What is known of one request.
#[derive(Debug, Clone)]
pub struct Record {
    /// Request id, and its bits.
    pub id: String,
    /// See `id`.
    pub number: u128,
    /// The route's pattern.
    pub route: &'static str,
    /// Status sent; 499 if the caller left before one was.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Machine code of the error, if there was one.
    pub error: Option<String>,
    /// Key and project.
    pub key_id: Option<Arc<str>>,
    /// The key's project.
    pub project_id: Option<Arc<str>>,
    /// Model asked for, as far as it may be logged.
    pub model: Option<String>,
    /// Provider that answered or was asked last; empty if none.
    pub provider: Arc<str>,
    /// The provider's model; empty if none.
    pub upstream_model: Arc<str>,
    /// As `upstream_model`, but only names from configuration or catalogue: metrics must not grow with callers' ideas.
    pub metric_model: Arc<str>,
    /// Requests sent to vendors.
    pub attempts: u32,
    /// Whether a vendor (or the sandbox) gave an answer that was delivered.
    pub answered: bool,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// What the vendor says was used.
    pub usage: Option<Usage>,
    /// Bytes of generated content seen, for an estimate where there is no usage.
    pub content_bytes: u64,
    /// What translation lost; `None` where nothing was translated.
    pub translation: Option<String>,
    /// Vendor's own id of the request.
    pub upstream_id: Option<String>,
    /// When the head was complete.
    pub started: Instant,
    /// From there to the first byte for the caller.
    pub first_byte: Option<Duration>,
    stages: [Option<Duration>; 3],
}

impl Record {
    /// A request that has just come; it gets its id here.
    pub fn new(route: &'static str, started: Instant) -> Self {
        let number = ids::request_bits(clock::now_ms());
        Self {
            id: ids::from_bits(ids::REQUEST, number),
            number,
            route,
            status: 499,
            outcome: Outcome::ClientLeft,
            error: None,
            key_id: None,
            project_id: None,
            model: None,
            provider: empty(),
            upstream_model: empty(),
            metric_model: empty(),
            attempts: 0,
            answered: false,
            stream: false,
            usage: None,
            content_bytes: 0,
            translation: None,
            upstream_id: None,
            started,
            first_byte: None,
            stages: [None; 3],
        }
    }

    /// Notes the gateway's own time for a stage.
    pub fn spent(&mut self, stage: Stage, time: Duration) {
        if let Some(slot) = self.stages.get_mut(stage as usize) {
            *slot = Some(time);
        }
    }

    /// The gateway's own time for a stage.
    pub fn stage(&self, stage: Stage) -> Option<Duration> {
        self.stages.get(stage as usize).copied().flatten()
    }

    /// Time since the start.
    pub fn total(&self) -> Duration {
        self.started.elapsed()
    }
}

fn empty() -> Arc<str> {
    thread_local! {
        static EMPTY: Arc<str> = "".into();
    }
    EMPTY.with(Arc::clone)
}

/// Metrics and log of the process.
pub struct Telemetry {
    /// Metrics.
    pub metrics: Metrics,
    /// Log.
    pub log: Log,
}

impl Telemetry {
    /// With this log.
    pub fn new(log: Log) -> Self {
        Self { metrics: Metrics::new(), log }
    }

    /// A data-plane request has begun.
    pub fn begin(&self) {
        self.metrics.begin();
    }

    /// A data-plane request has ended: its line and its counts.
    pub fn end(&self, record: &Record) {
        let total = record.total();
        self.metrics.end(record, total);
        thread_local! {
            static LINE: RefCell<String> = const { RefCell::new(String::new()) };
        }
        LINE.with_borrow_mut(|text| {
            text.clear();
            if self.log.is_human() {
                line::human(record, total, text);
            } else {
                line::json(record, total, text);
            }
            self.log.line(text.as_bytes());
        });
    }
}
