//! One request's record and charge on their way to the log, the metrics and the ledger.
//!
//! The meter is owned by whoever owns the answer's body. It settles when the body says how it ended and, by its
//! `Drop`, when nobody does: a caller that leaves drops the body, wherever the request then is. Settling must not
//! live in the request's future, which is dropped at the same moment.

use super::charge::Charge;
use crate::accounts::{Hold, Rates};
use crate::ledger::Flags;
use crate::outcome::Outcome;
use crate::telemetry::{Record, Telemetry};
use std::sync::Arc;

/// Holds a request's record until it is settled, once.
pub(super) struct Meter {
    telemetry: Arc<Telemetry>,
    record: Option<Box<Record>>,
    charge: Option<Box<Charge>>,
    /// The place of a request that is not charged.
    place: Option<Hold>,
    /// For the caller's headers.
    pub(super) rates: Rates,
}

impl Meter {
    /// Begins to count a request.
    pub(super) fn open(telemetry: &Arc<Telemetry>, record: Record) -> Self {
        telemetry.begin();
        let telemetry = Arc::clone(telemetry);
        Self { telemetry, record: Some(Box::new(record)), charge: None, place: None, rates: Rates::default() }
    }

    /// The request is admitted: from now on it will be charged, once.
    pub(super) fn admit(&mut self, charge: Box<Charge>) {
        self.charge = Some(charge);
    }

    /// The request has its place, and will not be charged.
    pub(super) fn seat(&mut self, place: Hold) {
        self.place = Some(place);
    }

    /// The request's id.
    pub(super) fn id(&self) -> String {
        self.record.as_ref().map(|record| record.id.clone()).unwrap_or_default()
    }

    /// Notes something about the request; nothing once it is settled.
    pub(super) fn note(&mut self, f: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut self.record {
            f(record);
        }
    }

    /// Record and charge of an admitted request that is not settled yet.
    pub(super) fn open_charge(&mut self) -> Option<(&mut Record, &mut Charge)> {
        Some((self.record.as_deref_mut()?, self.charge.as_deref_mut()?))
    }

    /// A stream has come so far; false if the budget has no room for more of it.
    pub(super) fn progress(&mut self, tokens: u64) -> bool {
        self.charge.as_mut().is_none_or(|charge| charge.progress(tokens))
    }

    /// Marks something about the charge.
    pub(super) fn flag(&mut self, flags: Flags) {
        if let Some(charge) = &mut self.charge {
            charge.flag(flags);
        }
    }

    /// The request has ended this way. Gives what it costs, in nano-dollars, if it was admitted.
    pub(super) fn settle(&mut self, outcome: Outcome) -> Option<i64> {
        self.note(|record| record.outcome = outcome);
        self.close()
    }

    /// The meter for somebody else; this one is settled.
    pub(super) fn take(&mut self) -> Self {
        Self {
            telemetry: Arc::clone(&self.telemetry),
            record: self.record.take(),
            charge: self.charge.take(),
            place: self.place.take(),
            rates: self.rates,
        }
    }

    fn close(&mut self) -> Option<i64> {
        let seated = self.place.take().is_some();
        let record = self.record.take()?;
        let amount = self.charge.take().map(|charge| charge.settle(&record)).or(seated.then_some(0));
        self.telemetry.end(&record);
        amount
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.close();
    }
}
