//! What keys and projects have spent, hold and may do now: in memory, decided in one atomic step.
//!
//! A request is admitted under the lock of its project, which guards the project's own side and those of its keys:
//! concurrency, rates and budgets are checked and taken together or not at all. Knows no request, no model and no
//! database; time is an argument.

mod clock;
mod minute;
#[cfg(test)]
mod property;
mod side;
#[cfg(test)]
mod tests;
mod window;

use crate::keys::{Key, Limits, Mode, Window};
use clock::{Clock, Moment};
use side::{Rules, Side};
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

/// One project in one book.
struct Project {
    state: Mutex<State>,
    /// Places of the keys in [`State::keys`].
    slots: Mutex<HashMap<Arc<str>, usize>>,
}

/// What a project's lock guards.
#[derive(Default)]
struct State {
    clock: Clock,
    own: Side,
    keys: Vec<Side>,
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
        /// What is left of it, in nano-dollars; negative if more was spent than the limit.
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
    admitted_at: i64,
    second: i64,
    amount: i64,
    tokens: u64,
    /// It counts as an open request.
    counted: bool,
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
    /// Tells what an owner (key or project) had spent when `starts` were the windows' first days. For the start of
    /// the process: an owner that has been seen since keeps what it has.
    pub fn restore(&self, mode: Mode, owner: &str, starts: Starts, sums: Sums) {
        lock(&self.0.restored).insert((mode, owner.into()), (starts, sums));
    }

    /// The account of a key.
    pub fn account(&self, key: &Key) -> Account {
        self.account_of(key.mode, &key.id, &key.project_id)
    }

    /// Takes up a hold that an earlier process had, of a request that was admitted at `admitted_at` (unix milliseconds).
    /// The key may be gone by now.
    pub fn resume(&self, mode: Mode, project: &Arc<str>, key: &Arc<str>, amount: i64, admitted_at: i64) -> Hold {
        let account = self.account_of(mode, key, project);
        let starts = Starts::at(admitted_at);
        let mut state = lock(&account.project.state);
        state.clock.begin(starts);
        let today = state.clock.starts();
        for side in state.pair(account.slot).into_iter().flatten() {
            side.roll(today);
            side.post(starts, amount.max(0), 0);
        }
        drop(state);
        Hold { account, starts, admitted_at, second: 0, amount: amount.max(0), tokens: 0, counted: false, open: true }
    }

    fn account_of(&self, mode: Mode, key_id: &Arc<str>, project_id: &Arc<str>) -> Account {
        let project = {
            let mut projects = lock(&self.0.projects);
            let make = || {
                let mut state = State::default();
                state.own = self.side(mode, project_id, &mut state.clock);
                Arc::new(Project { state: Mutex::new(state), slots: Mutex::default() })
            };
            Arc::clone(projects.entry((mode, Arc::clone(project_id))).or_insert_with(make))
        };
        let mut slots = lock(&project.slots);
        let slot = match slots.get(key_id) {
            Some(slot) => *slot,
            None => {
                let mut state = lock(&project.state);
                let side = self.side(mode, key_id, &mut state.clock);
                state.keys.push(side);
                let slot = state.keys.len() - 1;
                slots.insert(Arc::clone(key_id), slot);
                slot
            }
        };
        drop(slots);
        Account { project, slot }
    }

    /// Changes what a key and its project have spent: a refund, of a charge that counts to `day`.
    pub fn adjust(&self, mode: Mode, (key_id, project_id): (&Arc<str>, &Arc<str>), day: i64, delta: i64) {
        let account = self.account_of(mode, key_id, project_id);
        let starts = Starts::of_day(day);
        let mut state = lock(&account.project.state);
        // The day of a charge has begun, also where no request has come since the start.
        state.clock.begin(starts);
        let today = state.clock.starts();
        for side in state.pair(account.slot).into_iter().flatten() {
            side.roll(today);
            side.post(starts, 0, delta);
        }
    }

    /// Holds that are open now, over all accounts, and their sum in nano-dollars.
    pub fn open_holds(&self) -> (u64, i64) {
        let projects: Vec<_> = lock(&self.0.projects).values().map(Arc::clone).collect();
        projects.iter().fold((0, 0), |(count, sum), project| {
            let state = lock(&project.state);
            (count + u64::from(state.own.in_flight), sum.saturating_add(state.own.held()))
        })
    }

    fn side(&self, mode: Mode, owner: &str, clock: &mut Clock) -> Side {
        let restored = lock(&self.0.restored).remove(&(mode, owner.into()));
        let Some((starts, sums)) = restored else { return Side::default() };
        // No side may be ahead of its project's clock.
        clock.begin(starts);
        Side::restored(starts, sums)
    }
}

impl State {
    /// A key's side and the project's own. There is one for every account that was handed out.
    fn pair(&mut self, slot: usize) -> Option<[&mut Side; 2]> {
        Some([self.keys.get_mut(slot)?, &mut self.own])
    }

    /// What a request would hold if it were admitted now, in nano-dollars.
    fn weigh(&mut self, slot: usize, rules: [Rules; 2], need: Need, moment: &Moment) -> Result<i64, Refused> {
        let Some(sides) = self.pair(slot) else {
            return Err(Refused::Budget { whose: Whose::Key, left: 0 });
        };
        let mut amount = need.hold.max(0);
        let (mut left, mut tightest) = (i64::MAX, Whose::Key);
        for ((side, (limits, budget)), whose) in sides.into_iter().zip(rules).zip([Whose::Key, Whose::Project]) {
            side.roll(moment.starts);
            side.check(whose, limits, need.tokens, moment)?;
            amount = amount.min(side.room());
            if let Some(own) = budget.map(|budget| side.left(budget)).filter(|own| *own < left) {
                (left, tightest) = (own, whose);
            }
        }
        match need.least {
            _ if amount <= left => Ok(amount),
            Some(least) if least.max(0) <= left => Ok(left),
            _ => Err(Refused::Budget { whose: tightest, left }),
        }
    }
}

/// What a key and its project are allowed.
fn rules(key: &Key) -> [Rules; 2] {
    [(key.limits, key.budget), (key.project.limits, key.project.budget)]
}

impl Account {
    /// Takes what a request needs, all of it or nothing, at `now_ms` (unix milliseconds).
    pub fn admit(&self, key: &Key, need: Need, now_ms: i64) -> Result<Hold, Refused> {
        let rules = rules(key);
        let mut state = lock(&self.project.state);
        let moment = state.clock.at(now_ms);
        let amount = state.weigh(self.slot, rules, need, &moment)?;
        let Some(sides) = state.pair(self.slot) else {
            return Err(Refused::Budget { whose: Whose::Key, left: 0 });
        };
        for (side, rules) in sides.into_iter().zip(rules) {
            side.take(rules, amount, need.tokens, &moment);
        }
        drop(state);
        Ok(Hold {
            account: self.clone(),
            starts: moment.starts,
            admitted_at: moment.at_ms,
            second: moment.second,
            amount,
            tokens: need.tokens,
            counted: true,
            open: true,
        })
    }

    /// What [`Account::admit`] would hold now, in nano-dollars, or why it would refuse; takes nothing.
    pub fn probe(&self, key: &Key, need: Need, now_ms: i64) -> Result<i64, Refused> {
        let mut state = lock(&self.project.state);
        let moment = state.clock.at(now_ms);
        state.weigh(self.slot, rules(key), need, &moment)
    }

    /// The rates as they are now.
    pub fn rates(&self, key: &Key, now_ms: i64) -> Rates {
        if key.limits == Limits::default() && key.project.limits == Limits::default() {
            return Rates::default();
        }
        let mut state = lock(&self.project.state);
        let moment = state.clock.at(now_ms);
        let Some([side, own]) = state.pair(self.slot) else { return Rates::default() };
        let (a, b) = (side.rates(key.limits, &moment), own.rates(key.project.limits, &moment));
        Rates { requests: tighter(a.requests, b.requests), tokens: tighter(a.tokens, b.tokens) }
    }

    /// Key's and project's spending as it is now.
    pub fn view(&self, now_ms: i64) -> [Spending; 2] {
        let mut state = lock(&self.project.state);
        let moment = state.clock.at(now_ms);
        let Some(sides) = state.pair(self.slot) else { return [Spending::default(); 2] };
        sides.map(|side| {
            side.roll(moment.starts);
            side.spending()
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

    /// When it was admitted, in unix milliseconds: the time to book it at. Later than the clock only if that was set
    /// back over a midnight.
    pub fn admitted_at(&self) -> i64 {
        self.admitted_at
    }

    /// Holds so much more, if every strict budget has room for it in the window that the request was admitted in.
    pub fn extend(&mut self, more: i64) -> bool {
        let more = more.max(0);
        let mut state = lock(&self.account.project.state);
        let Some(mut sides) = state.pair(self.account.slot) else { return false };
        let fits = sides.iter_mut().all(|side| more <= side.growth(self.starts));
        if fits {
            for side in sides {
                side.post(self.starts, more, 0);
            }
            self.amount = self.amount.saturating_add(more);
        }
        fits
    }

    /// The request is over and what it began goes on: what is held stays held, and it no longer counts as open.
    pub fn detach(&mut self) {
        if !std::mem::take(&mut self.counted) {
            return;
        }
        let mut state = lock(&self.account.project.state);
        for side in state.pair(self.account.slot).into_iter().flatten() {
            side.in_flight = side.in_flight.saturating_sub(1);
        }
    }

    /// Ends the hold: `amount` (nano-dollars) is spent, `tokens` were used.
    pub fn settle(mut self, amount: i64, tokens: u64) {
        self.end(amount.max(0), tokens);
    }

    fn end(&mut self, amount: i64, tokens: u64) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let mut state = lock(&self.account.project.state);
        let Some(sides) = state.pair(self.account.slot) else { return };
        for side in sides {
            side.post(self.starts, -self.amount, amount);
            if self.counted {
                side.in_flight = side.in_flight.saturating_sub(1);
            }
            side.correct(self.second, self.tokens, tokens);
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
