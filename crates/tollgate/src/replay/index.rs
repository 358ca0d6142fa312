//! What is running and what is kept, by name; what has to go, oldest first. No file is touched here.

use super::file::Label;
use super::recording::Progress;
use super::{Digest, Limits};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::watch;

/// A request under way.
pub(super) struct Live {
    pub(super) identity: Digest,
    pub(super) request: u128,
    pub(super) progress: watch::Receiver<Progress>,
}

/// What there is under a name.
#[derive(Clone)]
pub(super) enum Slot {
    /// A request under way.
    Running(Arc<Live>),
    /// A file.
    Kept(Kept),
}

/// A file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) label: Label,
    /// Its size.
    pub(super) bytes: u64,
    /// Unix milliseconds when it got its last byte.
    pub(super) at: i64,
}

/// No more may run or be kept now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Everything that is known by name.
pub(super) struct Index {
    limits: Limits,
    slots: HashMap<Digest, Slot>,
    /// The kept ones by age. An entry whose slot has changed since means nothing.
    order: VecDeque<Label>,
    /// Bytes of what is kept and of what is being recorded.
    bytes: u64,
    running: usize,
}

impl Index {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, slots: HashMap::new(), order: VecDeque::new(), bytes: 0, running: 0 }
    }

    /// What there is under a name, unless it is too old to count.
    pub(super) fn find(&self, name: &Digest, now: i64) -> Option<Slot> {
        let slot = self.slots.get(name)?;
        match slot {
            Slot::Kept(kept) if self.expired(kept, now) => None,
            slot => Some(slot.clone()),
        }
    }

    /// Requests under way.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Takes a name that [`Index::find`] does not find. Gives the file that lies there too old, to be removed.
    pub(super) fn claim(&mut self, name: Digest, live: Live) -> Result<Option<Label>, Full> {
        if self.running >= self.limits.running {
            return Err(Full);
        }
        self.running += 1;
        Ok(match self.slots.insert(name, Slot::Running(Arc::new(live))) {
            Some(Slot::Kept(old)) => {
                self.bytes = self.bytes.saturating_sub(old.bytes);
                Some(old.label)
            }
            _ => None,
        })
    }

    /// A file is there: what was running under its name has ended, and `recorded` of its bytes are counted already.
    pub(super) fn keep(&mut self, kept: Kept, recorded: u64) {
        if let Some(Slot::Running(_)) = self.slots.insert(kept.label.name, Slot::Kept(kept)) {
            self.running = self.running.saturating_sub(1);
        }
        self.bytes = self.bytes.saturating_sub(recorded).saturating_add(kept.bytes);
        self.order.push_back(kept.label);
    }

    /// The name is free again, if this request still has it; `recorded` of its bytes were counted while it ran.
    pub(super) fn free(&mut self, name: &Digest, request: u128, recorded: u64) {
        match self.slots.get(name) {
            Some(Slot::Running(live)) if live.request == request => {
                self.running = self.running.saturating_sub(1);
                self.bytes = self.bytes.saturating_sub(recorded);
            }
            Some(Slot::Kept(kept)) if kept.label.request == request => {
                self.bytes = self.bytes.saturating_sub(kept.bytes);
            }
            _ => return,
        }
        self.slots.remove(name);
    }

    /// Counts bytes that are to be recorded. Gives the files that must go before, or `Full` if even that would not
    /// make room.
    pub(super) fn reserve(&mut self, bytes: u64) -> Result<Vec<Label>, Full> {
        let mut gone = Vec::new();
        while self.bytes.saturating_add(bytes) > self.limits.bytes {
            match self.pop() {
                Some(label) => gone.push(label),
                // What was dropped on the way is still to be removed; the next round does not find it again.
                None if gone.is_empty() => return Err(Full),
                None => break,
            }
        }
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(gone)
    }

    /// Takes what is too old or too much off the books, at most `most`: files to be removed.
    pub(super) fn overdue(&mut self, now: i64, most: usize) -> Vec<Label> {
        let mut gone = Vec::new();
        while gone.len() < most {
            let Some(label) = self.order.front().copied() else { break };
            let over = self.slots.len() - self.running > self.limits.results || self.bytes > self.limits.bytes;
            match self.kept(&label) {
                Some(kept) if !over && !self.expired(&kept, now) => break,
                Some(_) => gone.extend(self.pop()),
                None => {
                    self.order.pop_front();
                }
            }
        }
        gone
    }

    fn expired(&self, kept: &Kept, now: i64) -> bool {
        now.saturating_sub(kept.at) >= self.limits.retention_ms
    }

    fn kept(&self, label: &Label) -> Option<Kept> {
        match self.slots.get(&label.name) {
            Some(Slot::Kept(kept)) if kept.label == *label => Some(*kept),
            _ => None,
        }
    }

    /// Takes the oldest kept one off the books.
    fn pop(&mut self) -> Option<Label> {
        while let Some(label) = self.order.pop_front() {
            if let Some(kept) = self.kept(&label) {
                self.slots.remove(&label.name);
                self.bytes = self.bytes.saturating_sub(kept.bytes);
                return Some(label);
            }
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { results: 5, result: 100, bytes: 200, running: 3, retention_ms: 1_000 };

    fn live(request: u128) -> Live {
        let (_, progress) = watch::channel(Progress::default());
        Live { identity: [0; 32], request, progress }
    }

    fn kept(name: u8, request: u128, bytes: u64, at: i64) -> Kept {
        Kept { label: Label { name: [name; 32], request, done: true }, bytes, at }
    }

    proptest! {
        /// Random lives of a few names: the sums are those of what is there, and the bounds hold after each round.
        #[test]
        fn the_books_stay_right(steps in prop::collection::vec((0_u8..8, 0_u8..4, 0_u64..60), 0..200)) {
            let mut index = Index::new(LIMITS);
            let mut recorded: HashMap<u8, (u128, u64)> = HashMap::new();
            for (step, (name, what, bytes)) in steps.into_iter().enumerate() {
                let (now, request) = (i64::try_from(step).unwrap() * 40, step as u128);
                match (what, recorded.get(&name).copied()) {
                    (0, None) if index.find(&[name; 32], now).is_none() => {
                        match index.claim([name; 32], live(request)) {
                            Ok(_) => { recorded.insert(name, (request, 0)); }
                            Err(Full) => prop_assert_eq!(recorded.len(), LIMITS.running),
                        }
                    }
                    (1, Some((request, before))) if index.reserve(bytes).is_ok() => {
                        recorded.insert(name, (request, before + bytes));
                    }
                    (2, Some((request, before))) => {
                        index.keep(kept(name, request, before, now), before);
                        recorded.remove(&name);
                    }
                    (3, Some((request, before))) => {
                        index.free(&[name; 32], request, before);
                        prop_assert!(index.find(&[name; 32], now).is_none());
                        recorded.remove(&name);
                    }
                    _ => {}
                }
                index.overdue(now, 100);
                let files: u64 = index.slots.values().map(|s| if let Slot::Kept(k) = s { k.bytes } else { 0 }).sum();
                prop_assert_eq!(index.bytes, files + recorded.values().map(|(_, bytes)| bytes).sum::<u64>());
                prop_assert_eq!(index.running(), recorded.len());
                prop_assert!(index.slots.len() - index.running() <= LIMITS.results);
            }
        }
    }

    #[test]
    fn the_oldest_goes_first_and_the_old_do_not_count() {
        let mut index = Index::new(LIMITS);
        for name in 0..3 {
            index.keep(kept(name, u128::from(name), 60, i64::from(name)), 0);
        }
        assert_eq!(index.reserve(100).unwrap().iter().map(|l| l.name[0]).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(index.reserve(60).unwrap().len(), 1);
        assert_eq!(index.reserve(60), Err(Full));
        index.keep(kept(9, 9, 0, 50), 160);
        assert!(index.find(&[9; 32], 1_049).is_some());
        assert!(index.find(&[9; 32], 1_050).is_none());
        assert_eq!(index.overdue(1_049, 10), []);
        let old = index.claim([9; 32], live(10)).unwrap();
        assert_eq!(old.map(|label| label.request), Some(9));
        assert_eq!(index.overdue(5_000, 10), [], "its name has a newer life");
        // A late word of an earlier life changes nothing.
        index.free(&[9; 32], 9, 0);
        assert_eq!(index.running(), 1);
    }
}
