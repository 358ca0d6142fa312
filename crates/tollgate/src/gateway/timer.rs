//! The time limits of one exchange with a vendor.

use crate::config::Timeouts;
use crate::http1::Watchdog;
use std::task::{Context, Poll};
use std::time::Duration;
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
    /// Waited before that, since something meaningful came.
    waited: Duration,
    watchdog: Watchdog,
}

impl Timer {
    /// Starts now: the request is being sent.
    pub(super) fn start(limits: Timeouts, watchdog: Watchdog) -> Self {
        let now = Instant::now();
        Self {
            limits,
            end: now + limits.total,
            first: Some(now + limits.first_byte),
            waiting_since: None,
            waited: Duration::ZERO,
            watchdog,
        }
    }

    /// Something meaningful has come.
    pub(super) fn alive(&mut self) {
        self.first = None;
        self.waiting_since = None;
        self.waited = Duration::ZERO;
    }

    /// Something is being waited for: ready when that has taken too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        let (due, late) = if let Some(first) = self.first {
            (first, Late::FirstByte)
        } else {
            let left = self.limits.idle.saturating_sub(self.waited);
            (*self.waiting_since.get_or_insert_with(Instant::now) + left, Late::Idle)
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

    /// From now on the caller is waited for, not the vendor. What was waited before counts on: keep-alives pause
    /// the clock and do not turn it back.
    pub(super) fn pause(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
    }
}
