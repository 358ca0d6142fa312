//! What a load saw.

use crate::process::{Memory, Tree};
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use std::cell::{Cell, RefCell};

/// Longest time a histogram tells apart from longer ones: two minutes.
const LONGEST_NS: u64 = 120_000_000_000;

/// Counts and times. Only what happens while the window is open counts; errors always do.
pub(crate) struct Tally {
    window: Cell<bool>,
    answers: Cell<u64>,
    errors: Cell<u64>,
    first_error: RefCell<Option<String>>,
    bytes: Cell<u64>,
    latency: Times,
    first_byte: Times,
    chunk_delay: Times,
}

impl Tally {
    /// An empty tally, window shut.
    pub(crate) fn new() -> Self {
        Self {
            window: Cell::new(false),
            answers: Cell::new(0),
            errors: Cell::new(0),
            first_error: RefCell::default(),
            bytes: Cell::new(0),
            latency: Times::new(),
            first_byte: Times::new(),
            chunk_delay: Times::new(),
        }
    }

    /// Opens or shuts the window.
    pub(crate) fn open(&self, open: bool) {
        self.window.set(open);
    }

    /// A right answer, after so many nanoseconds.
    pub(crate) fn answer(&self, nanos: u64) {
        if self.window.get() {
            self.answers.set(self.answers.get() + 1);
            self.latency.record(nanos);
        }
    }

    /// A failed request.
    pub(crate) fn error(&self, text: String) {
        self.errors.set(self.errors.get() + 1);
        self.first_error.borrow_mut().get_or_insert(text);
    }

    /// Requests that failed.
    pub(crate) fn errors(&self) -> u64 {
        self.errors.get()
    }

    /// The first failure.
    pub(crate) fn first_error(&self) -> Option<String> {
        self.first_error.borrow().clone()
    }

    /// Bytes of a body.
    pub(crate) fn bytes(&self, count: usize) {
        if self.window.get() {
            self.bytes.set(self.bytes.get() + count as u64);
        }
    }

    /// The first byte of a body.
    pub(crate) fn first_byte(&self, nanos: u64) {
        if self.window.get() {
            self.first_byte.record(nanos);
        }
    }

    /// A streamed chunk that was so many nanoseconds on its way.
    pub(crate) fn chunk(&self, nanos: u64) {
        if self.window.get() {
            self.chunk_delay.record(nanos);
        }
    }

    /// The part of the report that concerns requests.
    pub(crate) fn report(&self, secs: f64, cpu: Option<u64>) -> Map<String, Value> {
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| {
            out.insert(name.to_owned(), value);
        };
        put("answers", json!(self.answers.get()));
        put("errors", json!(self.errors.get()));
        put("first_error", json!(self.first_error()));
        put("per_second", rounded(float(self.answers.get()) / secs));
        put("megabytes_per_second", rounded(float(self.bytes.get()) / secs / 1e6));
        put("latency_us", self.latency.report());
        put("first_byte_us", self.first_byte.report());
        let chunks = self.chunk_delay.count();
        if chunks > 0 {
            put("chunks", json!(chunks));
            put("chunks_per_second", rounded(float(chunks) / secs));
            put("chunk_delay_us", self.chunk_delay.report());
        }
        if let Some(cpu) = cpu {
            put("cpu_share", rounded(float(cpu) / 1e6 / secs));
            put("cpu_us_per_answer", per(cpu, self.answers.get()));
            if chunks > 0 {
                put("cpu_us_per_chunk", per(cpu, chunks));
            }
        }
        out
    }
}

/// A distribution of times.
struct Times(RefCell<Option<Histogram<u64>>>);

impl Times {
    fn new() -> Self {
        Self(RefCell::new(Histogram::new_with_bounds(1, LONGEST_NS, 3).ok()))
    }

    fn record(&self, nanos: u64) {
        if let Some(histogram) = self.0.borrow_mut().as_mut() {
            histogram.saturating_record(nanos.max(1));
        }
    }

    fn count(&self) -> u64 {
        self.0.borrow().as_ref().map_or(0, Histogram::len)
    }

    fn report(&self) -> Value {
        let histogram = self.0.borrow();
        let Some(h) = histogram.as_ref().filter(|h| !h.is_empty()) else {
            return Value::Null;
        };
        let at = |quantile| rounded(float(h.value_at_quantile(quantile)) / 1e3);
        json!({
            "mean": rounded(h.mean() / 1e3), "p50": at(0.5), "p90": at(0.9), "p99": at(0.99),
            "p999": at(0.999), "max": rounded(float(h.max()) / 1e3),
        })
    }
}

/// A memory reading as JSON.
pub(crate) fn memory(memory: Memory) -> Value {
    json!({"pss_kib": memory.pss, "rss_kib": memory.rss, "peak_kib": memory.peak})
}

/// The memory of a tree as JSON, if there is one to watch.
pub(crate) fn memory_of(tree: Option<&Tree>) -> Value {
    tree.map_or(Value::Null, |t| memory(t.memory()))
}

fn per(sum: u64, count: u64) -> Value {
    match count {
        0 => Value::Null,
        n => rounded(float(sum) / float(n)),
    }
}

/// Two digits after the point are more than these measurements carry.
pub(crate) fn rounded(x: f64) -> Value {
    json!((x * 100.0).round() / 100.0)
}

/// Counts here stay far below the 52 bits that a float holds exactly.
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
