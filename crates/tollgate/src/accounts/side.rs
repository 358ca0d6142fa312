//! One owner's sums, open requests and minute.

use super::clock::Moment;
use super::minute::Minute;
use super::window::Starts;
use super::{Rate, RateState, Rates, Refused, Spending, Sums, Whose, place};
use crate::keys::{Budget, BudgetMode, Limits};
use std::time::Duration;

/// What a rate limit on open requests asks to wait: nobody knows when one ends.
const SOON: Duration = Duration::from_secs(1);

/// One window's sums, in nano-dollars.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    posted: i64,
    held: i64,
}

impl Counted {
    fn left(self, limit: i64) -> i64 {
        let left = i128::from(limit) - i128::from(self.posted) - i128::from(self.held);
        i64::try_from(left).unwrap_or(if left < 0 { i64::MIN } else { i64::MAX })
    }
}

/// What a key or a project is allowed.
pub(super) type Rules = (Limits, Option<Budget>);

/// A key or a project.
///
/// Besides the current windows the ones before them are kept, for requests that were admitted in those and still run:
/// their holds belong there, grow against what is left there, and are booked there.
#[derive(Debug, Default)]
pub(super) struct Side {
    starts: Starts,
    now: [Counted; 4],
    before_starts: Starts,
    before: [Counted; 4],
    pub(super) in_flight: u32,
    /// As the latest admission had it; what open holds may grow to.
    budget: Option<Budget>,
    /// Only for owners with a limit by the minute.
    minute: Option<Box<Minute>>,
}

impl Side {
    pub(super) fn restored(starts: Starts, sums: Sums) -> Self {
        Self { starts, now: sums.map(|posted| Counted { posted, held: 0 }), ..Self::default() }
    }

    /// Begins the windows that have come.
    pub(super) fn roll(&mut self, starts: Starts) {
        if starts.day() <= self.starts.day() {
            return;
        }
        for (at, start) in starts.0.into_iter().enumerate() {
            if start > self.starts.0[at] {
                self.before_starts.0[at] = self.starts.0[at];
                self.before[at] = std::mem::take(&mut self.now[at]);
                self.starts.0[at] = start;
            }
        }
    }

    /// The sums of the window at this place that began then, if it is the current one or the one before.
    fn counted(&mut self, at: usize, start: i64) -> Option<&mut Counted> {
        if self.starts.0[at] == start {
            Some(&mut self.now[at])
        } else if self.before_starts.0[at] == start {
            Some(&mut self.before[at])
        } else {
            None
        }
    }

    /// What is left of a budget for a new request: none is `i64::MAX`, and a soft one has all or nothing.
    pub(super) fn left(&self, budget: Budget) -> i64 {
        let counted = self.now[place(budget.window)];
        match budget.mode {
            BudgetMode::Strict => counted.left(budget.limit_nano_usd),
            // Less than nothing, so that a request that costs nothing does not pass either.
            BudgetMode::Soft if counted.posted >= budget.limit_nano_usd => {
                budget.limit_nano_usd.saturating_sub(counted.posted).min(-1)
            }
            BudgetMode::Soft | BudgetMode::Meter => i64::MAX,
        }
    }

    /// How much more can be held at all before the sums would overflow.
    pub(super) fn room(&self) -> i64 {
        i64::MAX - self.now[0].held
    }

    /// How much a hold may grow that was admitted when the windows began then.
    pub(super) fn growth(&mut self, starts: Starts) -> i64 {
        let room = self.room();
        let Some(budget) = self.budget.filter(|budget| budget.mode == BudgetMode::Strict) else { return room };
        let at = place(budget.window);
        // Of a window that is gone for longer, nobody knows any more what was left.
        self.counted(at, starts.0[at]).map_or(-1, |counted| counted.left(budget.limit_nano_usd)).min(room)
    }

    /// Whether one more request with so many tokens may run.
    pub(super) fn check(&mut self, whose: Whose, limits: Limits, tokens: u64, moment: &Moment) -> Result<(), Refused> {
        let refuse = |rate, limit, wait| Err(Refused::Rate { rate, whose, limit, wait });
        if let Some(limit) = limits.concurrency
            && self.in_flight >= limit
        {
            return refuse(Rate::Concurrency, u64::from(limit), SOON);
        }
        let Some(minute) = &mut self.minute else { return Ok(()) };
        minute.advance(moment.ms);
        if let Some(limit) = limits.requests_per_minute
            && let Some(wait) = minute.wait_for_requests(u64::from(limit), moment.ms)
        {
            return refuse(Rate::Requests, u64::from(limit), wait);
        }
        if let Some(limit) = limits.tokens_per_minute
            && let Some(wait) = minute.wait_for_tokens(limit, tokens, moment.ms)
        {
            return refuse(Rate::Tokens, limit, wait);
        }
        Ok(())
    }

    /// Takes a request in; it has been checked.
    pub(super) fn take(&mut self, (limits, budget): Rules, amount: i64, tokens: u64, moment: &Moment) {
        for counted in &mut self.now {
            counted.held = counted.held.saturating_add(amount);
        }
        self.in_flight += 1;
        self.budget = budget;
        if limits.requests_per_minute.is_some() || limits.tokens_per_minute.is_some() {
            let minute = self.minute.get_or_insert_with(|| Box::new(Minute::new(moment.ms)));
            minute.advance(moment.ms);
            minute.count(tokens, moment.ms);
        } else {
            self.minute = None;
        }
    }

    /// Changes what is held and booked in the windows that began then, as far as they are still known.
    pub(super) fn post(&mut self, starts: Starts, held: i64, posted: i64) {
        for (at, start) in starts.0.into_iter().enumerate() {
            if let Some(counted) = self.counted(at, start) {
                counted.held = counted.held.saturating_add(held);
                counted.posted = counted.posted.saturating_add(posted);
            }
        }
    }

    /// Puts the tokens that were used in the place of those that were expected.
    pub(super) fn correct(&mut self, second: i64, expected: u64, used: u64) {
        if let Some(minute) = &mut self.minute {
            minute.correct(second, expected, used);
        }
    }

    pub(super) fn rates(&mut self, limits: Limits, moment: &Moment) -> Rates {
        let (mut requests, mut tokens, mut reset) = (0, 0, Duration::ZERO);
        if let Some(minute) = &mut self.minute {
            minute.advance(moment.ms);
            (requests, tokens, reset) = (minute.requests(), minute.tokens(), minute.reset(moment.ms));
        }
        let state = |limit: u64, used: u64| RateState { limit, remaining: limit.saturating_sub(used), reset };
        Rates {
            requests: limits.requests_per_minute.map(|limit| state(u64::from(limit), requests)),
            tokens: limits.tokens_per_minute.map(|limit| state(limit, tokens)),
        }
    }

    pub(super) fn spending(&self) -> Spending {
        Spending {
            posted: self.now.map(|counted| counted.posted),
            held: self.now.map(|counted| counted.held),
            in_flight: self.in_flight,
        }
    }

    /// What all open requests hold, in nano-dollars.
    pub(super) fn held(&self) -> i64 {
        self.now[0].held
    }
}
