//! How entries lie in the database: many of them in one row, in the order in which they were booked.
//!
//! ```text
//! ids      16 bytes an entry
//! charges  for each section: numbers of its series, count, bytes; then each entry: slot, delay, charge
//! details  the entries' details in the same order, until the log forgets them
//! ```
//!
//! A block's number is the time at which it was booked, in milliseconds × 1024, and a counter. Most entries are booked
//! soon after their request came, so their block is found by their id's time; the others are listed (`strays`).

use super::apply::hour_of;
use super::codec::{self, Charge, Reader};
use super::entry::{Detail, Entry, RequestId, Series};
use super::section::{MAX_ENTRIES, Section, Unusual, unzigzag};
use crate::store::ledger::BlockRow;

/// Blocks that can be booked in one millisecond.
const PER_MS: i64 = 1024;
/// From arrival to booking; what takes longer is a stray.
pub(super) const SOON_MS: i64 = 120_000;
/// Blocks are made of whole sections until they have so many entries.
const ENOUGH: usize = MAX_ENTRIES;
/// Numbers of series of one section; a reader believes no more.
const MAX_SLOTS: u64 = 1 << 20;

/// The first block that can be booked at a time.
pub(super) fn first_at(ms: i64) -> i64 {
    ms.clamp(0, i64::MAX / PER_MS).saturating_mul(PER_MS)
}

/// The last block that can be booked at a time.
pub(super) fn last_at(ms: i64) -> i64 {
    first_at(ms).saturating_add(PER_MS - 1)
}

/// When a block was booked.
pub(super) fn time_of(block: i64) -> i64 {
    block.div_euclid(PER_MS)
}

/// Whether a request is found in this block by its id's time.
pub(super) fn is_soon(id: RequestId, block: i64) -> bool {
    (0..=SOON_MS).contains(&(time_of(block) - id.time()))
}

/// An entry as it lies in a block, without its series and its detail.
pub(super) struct Line {
    pub(super) id: RequestId,
    /// Number of its series.
    pub(super) series: i64,
    pub(super) admitted_at: i64,
    pub(super) charge: Charge,
}

impl Line {
    /// Where a stray is listed: its id and the hour that it counts to.
    pub(super) fn place(self) -> ([u8; 16], i64) {
        (self.id.bytes(), hour_of(self.admitted_at))
    }

    /// The whole entry.
    pub(super) fn entry(self, series: Series, detail: Detail) -> Entry {
        self.charge.entry(self.id, self.admitted_at, series, detail)
    }
}

/// A block about to be written.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) count: usize,
    pub(super) ids: Vec<u8>,
    pub(super) charges: Vec<u8>,
    pub(super) details: Vec<u8>,
    /// Numbers of the series that have entries in it.
    pub(super) series: Vec<i64>,
    pub(super) unusual: Unusual,
}

/// Puts sections together. `numbers` are those of the sections' slots.
pub(super) fn drafts<'a>(sections: impl Iterator<Item = (&'a Section, Vec<i64>)>) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = Vec::new();
    for (section, numbers) in sections.filter(|(section, _)| section.count > 0) {
        let draft = match drafts.last_mut() {
            Some(last) if last.count < ENOUGH => last,
            _ => drafts.push_mut(Draft::default()),
        };
        draft.add(section, &numbers);
    }
    for draft in &mut drafts {
        draft.series.sort_unstable();
        draft.series.dedup();
    }
    drafts
}

impl Draft {
    fn add(&mut self, section: &Section, numbers: &[i64]) {
        self.count += section.count;
        self.ids.extend_from_slice(&section.ids);
        codec::number(numbers.len() as u64, &mut self.charges);
        for series in numbers {
            codec::number(series.unsigned_abs(), &mut self.charges);
        }
        codec::number(section.count as u64, &mut self.charges);
        codec::number(section.charges.len() as u64, &mut self.charges);
        self.charges.extend_from_slice(&section.charges);
        self.details.extend_from_slice(&section.details);
        self.series.extend_from_slice(numbers);
        self.unusual.join(section.unusual);
    }
}

/// The entries of a block; `None` if its bytes are not a block's.
pub(super) fn lines(row: &BlockRow) -> Option<Vec<Line>> {
    let mut lines = Vec::with_capacity(usize::try_from(row.count).ok()?.min(row.ids.len() / 16));
    let (mut ids, mut rest) = (Reader(&row.ids), Reader(&row.charges));
    while !rest.0.is_empty() {
        let slots = rest.number()?;
        if slots > MAX_SLOTS {
            return None;
        }
        let series: Vec<i64> = (0..slots).map(|_| rest.number().map(u64::cast_signed)).collect::<Option<_>>()?;
        let count = rest.number()?;
        let bytes = usize::try_from(rest.number()?).ok()?;
        let mut section = Reader(rest.take(bytes)?);
        for _ in 0..count {
            let id = ids.id()?;
            let series = *series.get(usize::try_from(section.number()?).ok()?)?;
            let admitted_at = id.time().checked_add(unzigzag(section.number()?))?;
            lines.push(Line { id, series, admitted_at, charge: codec::read_charge(&mut section)? });
        }
        if !section.0.is_empty() {
            return None;
        }
    }
    let whole = ids.0.is_empty() && i64::try_from(lines.len()).is_ok_and(|count| count == row.count);
    whole.then_some(lines)
}

/// The details of a block's entries, in their order; `None` if these bytes are not those of so many.
pub(super) fn details(bytes: &[u8], count: usize) -> Option<Vec<Detail>> {
    let mut rest = Reader(bytes);
    let details: Option<Vec<_>> = (0..count).map(|_| codec::detail(&mut rest)).collect();
    details.filter(|_| rest.0.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::ledger::tests::entry;
    use proptest::prelude::*;

    fn row(draft: &Draft) -> BlockRow {
        let count = i64::try_from(draft.count).unwrap();
        BlockRow { id: 0, count, ids: draft.ids.clone(), charges: draft.charges.clone() }
    }

    fn sections(sizes: &[usize]) -> (Vec<Entry>, Vec<Section>) {
        let mut all = Vec::new();
        let sections = sizes.iter().map(|size| {
            let mut section = Section::default();
            for _ in 0..*size {
                let entry = entry(u32::try_from(all.len()).unwrap(), 31);
                section.push(&entry, &mut Vec::new());
                all.push(entry);
            }
            section
        });
        let sections = sections.collect();
        (all, sections)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn entries_come_back(sizes in prop::collection::vec(0..400_usize, 0..6)) {
            let (all, sections) = sections(&sizes);
            // Numbers that say which section and slot they are of.
            let numbers = |at: usize| (0..sections[at].slots.len()).map(|slot| i64::try_from(at * 1000 + slot).unwrap()).collect();
            let drafts = drafts(sections.iter().enumerate().map(|(at, section)| (section, numbers(at))));
            let mut found = Vec::new();
            for draft in &drafts {
                let details = details(&draft.details, draft.count).unwrap();
                for (line, detail) in lines(&row(draft)).unwrap().into_iter().zip(details) {
                    let (at, slot) = (usize::try_from(line.series / 1000).unwrap(), usize::try_from(line.series % 1000).unwrap());
                    prop_assert!(draft.series.contains(&line.series));
                    found.push(line.entry(sections[at].slots[slot].known.series.clone(), detail));
                }
            }
            prop_assert_eq!(found, all);
        }

        #[test]
        fn never_panics(mut ids: Vec<u8>, charges: Vec<u8>, count in 0..10_i64, cut: prop::sample::Index, to: u8) {
            ids.resize(ids.len() / 16 * 16, 0);
            let _ = lines(&BlockRow { id: 0, count, ids, charges: charges.clone() });
            let _ = details(&charges, 3);
            let (_, sections) = sections(&[5, 7]);
            let draft = drafts(sections.iter().map(|section| (section, vec![1; section.slots.len()]))).remove(0);
            let mut row = row(&draft);
            let at = cut.index(row.charges.len());
            row.charges[at] = to;
            let _ = lines(&row);
            row.charges.truncate(at);
            prop_assert!(lines(&row).is_none());
        }
    }
}
