//! Entries on their way to the database, encoded and summed by the threads that settle them.
//!
//! A section is what one thread settled in a short while. Nothing of it is encoded again: its bytes go into a block
//! as they are, its sums into the rollups, and the journal gets the same bytes.

use super::apply::hour_of;
use super::codec::{number, write_charge, write_detail, write_place, write_series};
use super::entry::{Basis, Entry, Series};
use crate::journal::Mark;
use crate::outcome::Outcome;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// Entries of one section.
pub(super) const MAX_ENTRIES: usize = 512;
/// Series that a thread remembers.
const MAX_KNOWN: usize = 4_096;

/// A series and its form in the journal, made once a thread and not once a request.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) series: Series,
    head: Vec<u8>,
}

/// Sums of entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) requests: i64,
    pub(super) errors: i64,
    pub(super) amount: i64,
    pub(super) cost: i64,
    pub(super) usage: [i64; 14],
}

/// A series in an hour.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) known: Arc<Known>,
    pub(super) hour: i64,
    pub(super) sums: Sums,
}

/// What filters look for and most entries are not: bit sets of places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Unusual {
    /// Classes of statuses but 2xx, by their first digit.
    pub(super) classes: u32,
    /// Outcomes but completed.
    pub(super) outcomes: u32,
    /// Bases but the provider's count.
    pub(super) bases: u32,
}

/// Entries of one thread, in the order in which they ended.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) slots: Vec<Slot>,
    pub(super) count: usize,
    /// 16 bytes an entry.
    pub(super) ids: Vec<u8>,
    /// Of each entry its slot, how long after its arrival it was admitted, and its charge.
    pub(super) charges: Vec<u8>,
    pub(super) details: Vec<u8>,
    pub(super) unusual: Unusual,
    /// Keep the files of the journal until this is in the database.
    pub(super) marks: Vec<Mark>,
}

impl Known {
    /// The one of this thread for a series.
    pub(super) fn of(series: &Series) -> Arc<Self> {
        thread_local! {
            static LAST: RefCell<Option<Arc<Known>>> = const { RefCell::new(None) };
            static ALL: RefCell<HashMap<Series, Arc<Known>>> = RefCell::default();
        }
        LAST.with_borrow_mut(|last| {
            if let Some(known) = last.as_ref().filter(|known| is_same(&known.series, series)) {
                return Arc::clone(known);
            }
            let known = ALL.with_borrow_mut(|all| {
                if let Some(known) = all.get(series) {
                    return Arc::clone(known);
                }
                if all.len() >= MAX_KNOWN {
                    all.clear();
                }
                let mut head = Vec::with_capacity(160);
                write_series(series, &mut head);
                let known = Arc::new(Self { series: series.clone(), head });
                all.insert(series.clone(), Arc::clone(&known));
                known
            });
            *last = Some(Arc::clone(&known));
            known
        })
    }

    /// Appends the journal's form of an entry of this series that is not final.
    pub(super) fn write(&self, entry: &Entry, out: &mut Vec<u8>) {
        write_place(entry.id, entry.admitted_at, &self.head, out);
        write_charge(entry, out);
        write_detail(&entry.detail, out);
    }
}

/// Names that are shared are compared by their addresses.
fn is_same(a: &Series, b: &Series) -> bool {
    let same = |a: &Arc<str>, b: &Arc<str>| Arc::ptr_eq(a, b) || a == b;
    a.book == b.book
        && same(&a.key_id, &b.key_id)
        && same(&a.project_id, &b.project_id)
        && same(&a.endpoint, &b.endpoint)
        && same(&a.model, &b.model)
        && same(&a.provider, &b.provider)
        && same(&a.provider_kind, &b.provider_kind)
        && same(&a.upstream_model, &b.upstream_model)
        && same(&a.price_version, &b.price_version)
}

impl Sums {
    /// Adds an entry.
    pub(super) fn add(&mut self, entry: &Entry) {
        self.requests += 1;
        self.errors += i64::from(entry.status >= 400);
        self.amount = self.amount.saturating_add(entry.amount);
        self.cost = self.cost.saturating_add(entry.cost);
        for (sum, count) in self.usage.iter_mut().zip(entry.usage.counts()) {
            *sum = sum.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Adds other sums.
    pub(super) fn join(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.amount = self.amount.saturating_add(other.amount);
        self.cost = self.cost.saturating_add(other.cost);
        for (sum, more) in self.usage.iter_mut().zip(other.usage) {
            *sum = sum.saturating_add(more);
        }
    }
}

impl Unusual {
    fn note(&mut self, entry: &Entry) {
        let class = u32::from(entry.status / 100);
        if class != 2 {
            self.classes |= 1 << class.min(31);
        }
        if entry.outcome != Outcome::Completed {
            self.outcomes |= 1 << entry.outcome.place();
        }
        if entry.basis != Basis::Provider {
            self.bases |= 1 << entry.basis as u32;
        }
    }

    /// Adds another set.
    pub(super) fn join(&mut self, other: Self) {
        self.classes |= other.classes;
        self.outcomes |= other.outcomes;
        self.bases |= other.bases;
    }
}

impl Section {
    /// Whether the next entry belongs into a fresh one.
    pub(super) fn is_full(&self) -> bool {
        self.count >= MAX_ENTRIES
    }

    /// Adds an entry, and appends its form in the journal to `record`.
    pub(super) fn push(&mut self, entry: &Entry, record: &mut Vec<u8>) {
        let known = Known::of(&entry.series);
        let slot = self.slot(&known, hour_of(entry.admitted_at));
        self.count += 1;
        self.ids.extend_from_slice(&entry.id.bytes());
        number(slot as u64, &mut self.charges);
        number(zigzag(entry.admitted_at.saturating_sub(entry.id.time())), &mut self.charges);
        let (charge, detail) = (self.charges.len(), self.details.len());
        write_charge(entry, &mut self.charges);
        write_detail(&entry.detail, &mut self.details);
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.sums.add(entry);
        }
        self.unusual.note(entry);
        write_place(entry.id, entry.admitted_at, &known.head, record);
        record.extend_from_slice(self.charges.get(charge..).unwrap_or_default());
        record.extend_from_slice(self.details.get(detail..).unwrap_or_default());
    }

    /// Keeps a file of the journal.
    pub(super) fn keep(&mut self, mark: Mark) {
        // Thousands of entries are in one file.
        if !self.marks.iter().rev().any(|kept| kept.is_same(&mark)) {
            self.marks.push(mark);
        }
    }

    fn slot(&mut self, known: &Arc<Known>, hour: i64) -> usize {
        let is_it = |slot: &Slot| Arc::ptr_eq(&slot.known, known) && slot.hour == hour;
        if let Some(at) = self.slots.iter().rposition(is_it) {
            return at;
        }
        self.slots.push(Slot { known: Arc::clone(known), hour, sums: Sums::default() });
        self.slots.len() - 1
    }
}

/// Small numbers of either sign as small numbers.
pub(super) fn zigzag(n: i64) -> u64 {
    (n << 1 ^ n >> 63).cast_unsigned()
}

/// Undoes [`zigzag`].
pub(super) fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -(n & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn zigzag_comes_back(n: i64) {
            prop_assert_eq!(unzigzag(zigzag(n)), n);
        }
    }
}
