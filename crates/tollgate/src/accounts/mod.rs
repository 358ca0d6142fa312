//! What keys and projects have spent, hold and may do now: in memory, decided in one atomic step.
//!
//! A request is admitted under the lock of its project, which guards the project's own side and those of its keys:
//! concurrency, rates and budgets are checked and taken together or not at all. Knows no request, no model and no
//! database; time is an argument.

mod minute;
mod side;
#[cfg(test)]
mod tests;
mod window;

use crate::keys::{Budget, Key, Limits, Mode, Window};
use side::Side;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use window::{Starts, day_of};

/// Sums of one owner by window: total, day, week, month, in nano-dollars.
pub type Sums = [i64; 4];

/// All accounts. Clones share them.
#[derive(Clone, Default)]
pub struct Accounts(Arc<Inner>);

/// Live and test money are counted apart.
type Owner = (Mode, Arc<str>);

#[derive(Default)]
struct Inner {
    projects: Mutex<HashMap<Owner, Arc<Project>>>,
    /// What was spent before this process, until its owner is first seen.
    restored: Mutex<HashMap<Owner, (Starts, Sums)>>,
}

/// One project in one book: its own side first, then its keys'.
struct Project {
    sides: Mutex<Vec<Side>>,
    slots: Mutex<HashMap<Arc<str>, usize>>,
}

/// A key's account; a connection may keep it.
#[derive(Clone)]
pub struct Account {
    project: Arc<Project>,
    slot: usize,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Need {
    /// The most that it may cost, in nano-dollars.
    pub hold: i64,
    /// If that does not fit: all that is left is held, provided that this much fits.
    pub least: Option<i64>,
    /// Tokens in and out, estimated.
    pub tokens: u64,
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The key's own.
    Key,
    /// Its project's.
    Project,
}

/// A rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Requests started in a minute.
    Requests,
    /// Tokens in and out in a minute.
    Tokens,
    /// Requests open at the same time.
    Concurrency,
}

/// Why a request is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It does not fit into a budget.
    Budget {
        /// Whose.
        whose: Whose,
        /// What is left of it, in nano-dollars; may be negative.
        left: i64,
    },
    /// A rate is used up.
    Rate {
        /// Which.
        rate: Rate,
        /// Whose.
        whose: Whose,
        /// The limit.
        limit: u64,
        /// When to come back.
        wait: Duration,
    },
}

/// What a request holds until it is settled. Dropped without that, it gives everything back.
pub struct Hold {
    account: Account,
    starts: Starts,
    second: i64,
    amount: i64,
    tokens: u64,
    budgets: [Option<Budget>; 2],
    open: bool,
}

/// A rate as headers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateState {
    /// Per minute.
    pub limit: u64,
    /// What is left now.
    pub remaining: u64,
    /// Until all of it is there again.
    pub reset: Duration,
}

/// The rates of a key as headers tell them: of key and project the tighter one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Requests.
    pub requests: Option<RateState>,
    /// Tokens.
    pub tokens: Option<RateState>,
}

/// One side as people see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spending {
    /// Booked, by window.
    pub posted: Sums,
    /// Held by open requests, by window.
    pub held: Sums,
    /// Open requests.
    pub in_flight: u32,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Accounts {
    /// Tells what an owner (key or project) had spent when `starts` were the windows' first days.
    pub fn restore(&self, mode: Mode, owner: &str, starts: Starts, sums: Sums) {
        lock(&self.0.restored).insert((mode, owner.into()), (starts, sums));
    }

    /// The account of a key.
    pub fn account(&self, key: &Key) -> Account {
        let project = {
            let mut projects = lock(&self.0.projects);
            let make = || {
                let own = self.side(key.mode, &key.project_id);
                Arc::new(Project { sides: Mutex::new(vec![own]), slots: Mutex::default() })
            };
            Arc::clone(projects.entry((key.mode, Arc::clone(&key.project_id))).or_insert_with(make))
        };
        let mut slots = lock(&project.slots);
        let slot = match slots.get(&key.id) {
            Some(slot) => *slot,
            None => {
                let mut sides = lock(&project.sides);
                sides.push(self.side(key.mode, &key.id));
                let slot = sides.len() - 1;
                slots.insert(Arc::clone(&key.id), slot);
                slot
            }
        };
        drop(slots);
        Account { project, slot }
    }

    /// Changes what an owner has spent: a refund, of a charge that counts to `day`.
    pub fn adjust(&self, key: &Key, day: i64, delta: i64) {
        let account = self.account(key);
        let starts = Starts::of_day(day);
        let mut sides = lock(&account.project.sides);
        for slot in [0, account.slot] {
            if let Some(side) = sides.get_mut(slot) {
                side.post(starts, 0, delta);
            }
        }
    }

    /// Holds that are open now, over all accounts, and their sum in nano-dollars.
    pub fn open_holds(&self) -> (u64, i64) {
        let projects: Vec<_> = lock(&self.0.projects).values().map(Arc::clone).collect();
        projects.iter().fold((0, 0), |(count, sum), project| {
            let sides = lock(&project.sides);
            let own = sides.first();
            (
                count + own.map_or(0, |side| u64::from(side.in_flight)),
                sum.saturating_add(own.map_or(0, |side| side.windows[0].held)),
            )
        })
    }

    fn side(&self, mode: Mode, owner: &str) -> Side {
        let restored = lock(&self.0.restored).remove(&(mode, owner.into()));
        restored.map_or_else(Side::default, |(starts, sums)| Side::restored(starts, sums))
    }
}

impl Account {
    /// Takes what a request needs, all of it or nothing, at `now_ms` (unix milliseconds).
    pub fn admit(&self, key: &Key, need: Need, now_ms: i64) -> Result<Hold, Refused> {
        let starts = Starts::at(now_ms);
        let second = now_ms.div_euclid(1000);
        let mut sides = lock(&self.project.sides);
        let (own, rest) = sides.split_at_mut(1);
        let (Some(project), Some(side)) = (own.first_mut(), rest.get_mut(self.slot - 1)) else {
            return Err(Refused::Budget { whose: Whose::Key, left: 0 });
        };
        let mut amount = need.hold;
        let parties = [
            (Whose::Key, &mut *side, key.limits, key.budget),
            (Whose::Project, project, key.project.limits, key.project.budget),
        ];
        let mut left = i64::MAX;
        let mut tightest = Whose::Key;
        for (whose, side, limits, budget) in parties {
            side.roll(starts);
            side.check(whose, limits, need.tokens, now_ms)?;
            if let Some(budget) = budget {
                let own = side.left(budget);
                if own < left {
                    (left, tightest) = (own, whose);
                }
            }
        }
        if amount > left {
            match need.least {
                Some(least) if least <= left => amount = left,
                _ => return Err(Refused::Budget { whose: tightest, left }),
            }
        }
        let limits = [(0, key.project.limits), (self.slot, key.limits)];
        for (slot, limits) in limits {
            if let Some(side) = sides.get_mut(slot) {
                side.take(limits, amount, need.tokens, second);
            }
        }
        drop(sides);
        Ok(Hold {
            account: self.clone(),
            starts,
            second,
            amount,
            tokens: need.tokens,
            budgets: [key.budget, key.project.budget],
            open: true,
        })
    }

    /// The rates as they are now.
    pub fn rates(&self, key: &Key, now_ms: i64) -> Rates {
        if key.limits == Limits::default() && key.project.limits == Limits::default() {
            return Rates::default();
        }
        let sides = lock(&self.project.sides);
        let mut rates = Rates::default();
        for (slot, limits) in [(self.slot, key.limits), (0, key.project.limits)] {
            if let Some(side) = sides.get(slot) {
                let own = side.rates(limits, now_ms);
                rates.requests = tighter(rates.requests, own.requests);
                rates.tokens = tighter(rates.tokens, own.tokens);
            }
        }
        rates
    }

    /// Key's and project's spending as it is now.
    pub fn view(&self, now_ms: i64) -> [Spending; 2] {
        let mut sides = lock(&self.project.sides);
        let starts = Starts::at(now_ms);
        [self.slot, 0].map(|slot| {
            sides.get_mut(slot).map_or_else(Spending::default, |side| {
                side.roll(starts);
                side.spending()
            })
        })
    }
}

fn tighter(a: Option<RateState>, b: Option<RateState>) -> Option<RateState> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.remaining < a.remaining { b } else { a }),
        (a, b) => a.or(b),
    }
}

impl Hold {
    /// What is held, in nano-dollars.
    pub fn amount(&self) -> i64 {
        self.amount
    }

    /// Holds so much more, if every budget has room for it.
    pub fn extend(&mut self, more: i64) -> bool {
        let mut sides = lock(&self.account.project.sides);
        let owners = [(self.account.slot, self.budgets[0]), (0, self.budgets[1])];
        let fits = owners.iter().all(|(slot, budget)| {
            let Some(budget) = budget else { return true };
            // A window that has gone by takes what still belongs to it.
            sides.get(*slot).is_none_or(|side| side.left_of(*budget, self.starts).is_none_or(|left| more <= left))
        });
        if fits {
            for (slot, _) in owners {
                if let Some(side) = sides.get_mut(slot) {
                    side.post(self.starts, more, 0);
                }
            }
            self.amount = self.amount.saturating_add(more);
        }
        fits
    }

    /// Ends the hold: `amount` (nano-dollars) is spent, `tokens` were used.
    pub fn settle(mut self, amount: i64, tokens: u64) {
        self.end(amount, tokens);
    }

    fn end(&mut self, amount: i64, tokens: u64) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let mut sides = lock(&self.account.project.sides);
        for slot in [0, self.account.slot] {
            if let Some(side) = sides.get_mut(slot) {
                side.post(self.starts, -self.amount, amount);
                side.in_flight = side.in_flight.saturating_sub(1);
                side.correct(self.second, self.tokens, tokens);
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.end(0, 0);
    }
}

/// The place of a window in [`Sums`].
pub fn place(window: Window) -> usize {
    match window {
        Window::Total => 0,
        Window::Day => 1,
        Window::Week => 2,
        Window::Month => 3,
    }
}
