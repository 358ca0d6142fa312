//! The time limits of one exchange with a vendor.

use crate::config::Timeouts;
use crate::http1::Watchdog;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// Which limit was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// Nothing meaningful came in time.
    FirstByte,
    /// Nothing meaningful came for too long.
    Idle,
    /// The whole exchange took too long.
    Total,
}

/// Watches first byte, idle time and the whole. Idle time counts only while the vendor is waited for: a caller who
/// reads slowly stops the clock.
pub(super) struct Timer {
    limits: Timeouts,
    end: Instant,
    first: Option<Instant>,
    waiting_since: Option<Instant>,
    watchdog: Watchdog,
}

impl Timer {
    /// Starts now: the request is being sent.
    pub(super) fn start(limits: Timeouts, watchdog: Watchdog) -> Self {
        let now = Instant::now();
        Self { limits, end: now + limits.total, first: Some(now + limits.first_byte), waiting_since: None, watchdog }
    }

    /// Something meaningful has come.
    pub(super) fn alive(&mut self) {
        self.first = None;
        self.waiting_since = None;
    }

    /// Something is being waited for: ready when that has taken too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        let (due, late) = match self.first {
            Some(first) => (first, Late::FirstByte),
            None => (*self.waiting_since.get_or_insert_with(Instant::now) + self.limits.idle, Late::Idle),
        };
        let (due, late) = if due < self.end { (due, late) } else { (self.end, Late::Total) };
        self.watchdog.set(Some(due));
        self.watchdog.poll(cx).map(|()| late)
    }

    /// Ends the watch; the timer may serve another exchange.
    pub(super) fn release(mut self) -> Watchdog {
        self.watchdog.set(None);
        self.watchdog
    }

    /// The caller, not the vendor, has been waited for.
    pub(super) fn pause(&mut self) {
        self.waiting_since = None;
    }
}
