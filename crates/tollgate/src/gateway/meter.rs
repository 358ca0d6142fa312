//! One request's record on its way to the log, the metrics and (with the money work) the journal.
//!
//! The meter is owned by whoever owns the answer's body. It settles when the body says how it ended and, by its
//! `Drop`, when nobody does: a caller that leaves drops the body, wherever the request then is. Settling must not
//! live in the request's future, which is dropped at the same moment.

use crate::outcome::Outcome;
use crate::telemetry::{Record, Telemetry};
use std::sync::Arc;

/// Holds a request's record until it is settled, once.
pub(super) struct Meter {
    telemetry: Arc<Telemetry>,
    record: Option<Box<Record>>,
}

impl Meter {
    /// Begins to count a request.
    pub(super) fn open(telemetry: &Arc<Telemetry>, record: Record) -> Self {
        telemetry.begin();
        Self { telemetry: Arc::clone(telemetry), record: Some(Box::new(record)) }
    }

    /// Notes something about the request; nothing once it is settled.
    pub(super) fn note(&mut self, f: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut self.record {
            f(record);
        }
    }

    /// The request has ended this way.
    pub(super) fn settle(&mut self, outcome: Outcome) {
        self.note(|record| record.outcome = outcome);
        self.close();
    }

    fn close(&mut self) {
        if let Some(record) = self.record.take() {
            self.telemetry.end(&record);
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.close();
    }
}
