//! One owner's sums, open requests and minute.

use super::minute::Minute;
use super::window::Starts;
use super::{Rate, RateState, Rates, Refused, Spending, Sums, Whose, place};
use crate::keys::{Budget, Limits};
use std::time::Duration;

/// What a rate limit on open requests asks to wait: nobody knows when one ends.
const SOON: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Side {
    pub(super) windows: [Counted; 4],
    pub(super) in_flight: u32,
    /// Only for owners with a limit by the minute.
    minute: Option<Box<Minute>>,
}

/// One window's sums, in nano-dollars.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    start: i64,
    pub(super) posted: i64,
    pub(super) held: i64,
}

impl Side {
    pub(super) fn restored(starts: Starts, sums: Sums) -> Self {
        let mut side = Self::default();
        for ((window, start), posted) in side.windows.iter_mut().zip(starts.0).zip(sums) {
            *window = Counted { start, posted, held: 0 };
        }
        side
    }

    /// Begins the windows that have come. A clock that goes back finds the later window still there.
    pub(super) fn roll(&mut self, starts: Starts) {
        for (window, start) in self.windows.iter_mut().zip(starts.0) {
            if start > window.start {
                *window = Counted { start, posted: 0, held: 0 };
            }
        }
    }

    /// What is left of a budget in its current window.
    pub(super) fn left(&self, budget: Budget) -> i64 {
        let window = self.windows[place(budget.window)];
        budget.limit_nano_usd.saturating_sub(window.posted).saturating_sub(window.held)
    }

    /// What is left of a budget in the window that began then; `None` if that has gone by.
    pub(super) fn left_of(&self, budget: Budget, starts: Starts) -> Option<i64> {
        let at = place(budget.window);
        (self.windows[at].start == starts.0[at]).then(|| self.left(budget))
    }

    pub(super) fn check(&self, whose: Whose, limits: Limits, tokens: u64, now_ms: i64) -> Result<(), Refused> {
        let refuse = |rate, limit, wait| Err(Refused::Rate { rate, whose, limit, wait });
        if let Some(limit) = limits.concurrency
            && self.in_flight >= limit
        {
            return refuse(Rate::Concurrency, u64::from(limit), SOON);
        }
        let Some(minute) = &self.minute else { return Ok(()) };
        if let Some(limit) = limits.requests_per_minute
            && let Some(wait) = minute.wait_for_requests(u64::from(limit), now_ms)
        {
            return refuse(Rate::Requests, u64::from(limit), wait);
        }
        if let Some(limit) = limits.tokens_per_minute
            && let Some(wait) = minute.wait_for_tokens(limit, tokens, now_ms)
        {
            return refuse(Rate::Tokens, limit, wait);
        }
        Ok(())
    }

    pub(super) fn take(&mut self, limits: Limits, amount: i64, tokens: u64, second: i64) {
        for window in &mut self.windows {
            window.held = window.held.saturating_add(amount);
        }
        self.in_flight += 1;
        if limits.requests_per_minute.is_some() || limits.tokens_per_minute.is_some() {
            self.minute.get_or_insert_default().count(second, tokens);
        }
    }

    /// Changes what is held and booked in the windows that began then, as far as they are still the current ones.
    pub(super) fn post(&mut self, starts: Starts, held: i64, posted: i64) {
        for (window, start) in self.windows.iter_mut().zip(starts.0) {
            if window.start == start {
                window.held = window.held.saturating_add(held);
                window.posted = window.posted.saturating_add(posted);
            } else if start > window.start && posted != 0 {
                // Only a side that no request has touched since: the window begins with this.
                *window = Counted { start, posted, held: 0 };
            }
        }
    }

    /// Puts the tokens that were used in the place of those that were expected.
    pub(super) fn correct(&mut self, second: i64, expected: u64, used: u64) {
        if let Some(minute) = &mut self.minute {
            minute.correct(second, expected, used);
        }
    }

    pub(super) fn rates(&self, limits: Limits, now_ms: i64) -> Rates {
        let empty = Minute::default();
        let minute = self.minute.as_deref().unwrap_or(&empty);
        let (requests, tokens, reset) = minute.used(now_ms);
        let state = |limit: u64, used: u64| RateState { limit, remaining: limit.saturating_sub(used), reset };
        Rates {
            requests: limits.requests_per_minute.map(|limit| state(u64::from(limit), requests)),
            tokens: limits.tokens_per_minute.map(|limit| state(limit, tokens)),
        }
    }

    pub(super) fn spending(&self) -> Spending {
        Spending {
            posted: self.windows.map(|window| window.posted),
            held: self.windows.map(|window| window.held),
            in_flight: self.in_flight,
        }
    }
}
