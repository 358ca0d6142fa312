//! A project's time, made from a wall clock that may be set.
//!
//! Windows of budgets never begin twice: while the clock is behind the latest day seen, that day goes on. Minutes run
//! by the clock's forward steps alone: one that was set back goes on counting from there, instead of keeping a
//! minute's requests until it has caught up.

use super::window::{DAY_MS, Starts};

/// A clock that is behind by less is not set back, only read before another request took the lock, or drifting.
const SLACK_MS: i64 = 60_000;
/// Beyond this a time is no time; it keeps all sums of times from overflowing.
const END_MS: i64 = i64::MAX / 4;

/// A moment as a project counts it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The windows it lies in.
    pub(super) starts: Starts,
    /// Unix milliseconds; inside these windows.
    pub(super) at_ms: i64,
    /// Milliseconds that never go back; only differences mean something.
    pub(super) ms: i64,
    /// The same in seconds.
    pub(super) second: i64,
}

#[derive(Debug, Default)]
pub(super) struct Clock {
    starts: Starts,
    day_begins: i64,
    day_ends: i64,
    /// The wall clock as it was read last.
    seen: i64,
    ms: i64,
}

impl Clock {
    /// Begins the windows of a day, if it is later than the latest seen.
    pub(super) fn begin(&mut self, starts: Starts) {
        if starts.day() > self.starts.day() {
            self.starts = starts;
            self.day_begins = starts.day().saturating_mul(DAY_MS);
            self.day_ends = self.day_begins.saturating_add(DAY_MS);
        }
    }

    /// The current windows.
    pub(super) fn starts(&self) -> Starts {
        self.starts
    }

    /// The moment at which the wall clock shows `now_ms`.
    pub(super) fn at(&mut self, now_ms: i64) -> Moment {
        let now_ms = now_ms.clamp(0, END_MS);
        if now_ms >= self.day_ends {
            self.begin(Starts::at(now_ms));
        }
        if now_ms > self.seen {
            self.ms = (self.ms + now_ms - self.seen).min(END_MS);
            self.seen = now_ms;
        } else if self.seen - now_ms > SLACK_MS {
            self.seen = now_ms;
        }
        Moment {
            starts: self.starts,
            at_ms: now_ms.max(self.day_begins),
            ms: self.ms,
            second: self.ms.div_euclid(1000),
        }
    }
}
