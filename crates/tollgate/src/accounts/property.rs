//! Any interleaving against an oracle that keeps every hold and every charge with its windows.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::tests::{DAY, NOW, budget, key, need};
use super::*;
use crate::keys::{Budget, BudgetMode};
use proptest::prelude::*;

const KEYS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Admit {
        key: usize,
        hold: i64,
        least: Option<i64>,
        tokens: u64,
    },
    Extend(usize, i64),
    /// Possibly more than was held: what was used is booked.
    Settle(usize, i64),
    Void(usize),
    Wait(i64),
    /// The clock is set back.
    Back(i64),
    /// The budget of a key, or of the project.
    Budget(usize, Option<Budget>),
    Concurrency(usize, Option<u32>),
    Refund(usize, i64),
}

fn any_budget() -> impl Strategy<Value = Option<Budget>> {
    let window = prop::sample::select(vec![Window::Total, Window::Day, Window::Week, Window::Month]);
    let mode = prop::sample::select(vec![BudgetMode::Strict, BudgetMode::Strict, BudgetMode::Soft, BudgetMode::Meter]);
    prop::option::weighted(
        0.9,
        (0..200_i64, window, mode).prop_map(|(limit, window, mode)| budget(limit, window, mode)),
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..KEYS, 0..60_i64, prop::option::of(0..70_i64), 0..50_u64)
            .prop_map(|(key, hold, least, tokens)| Step::Admit { key, hold, least, tokens }),
        4 => (0..20_usize, 0..30_i64).prop_map(|(hold, more)| Step::Extend(hold, more)),
        5 => (0..20_usize, 0..80_i64).prop_map(|(hold, amount)| Step::Settle(hold, amount)),
        1 => (0..20_usize).prop_map(Step::Void),
        2 => (0..DAY).prop_map(Step::Wait),
        1 => (DAY..40 * DAY).prop_map(Step::Wait),
        1 => (0..3 * DAY).prop_map(Step::Back),
        2 => (0..=KEYS, any_budget()).prop_map(|(owner, budget)| Step::Budget(owner, budget)),
        1 => (0..=KEYS, prop::option::of(1..4_u32)).prop_map(|(owner, limit)| Step::Concurrency(owner, limit)),
        1 => (0..KEYS, 0..20_i64).prop_map(|(key, amount)| Step::Refund(key, amount)),
    ]
}

/// What the books would say.
#[derive(Default)]
struct Oracle {
    open: Vec<(usize, Starts, Hold)>,
    posted: Vec<(usize, Starts, i64)>,
    budgets: [Option<Budget>; KEYS + 1],
    /// What the sides have seen of them, at their latest admission.
    known: [Option<Budget>; KEYS + 1],
    limits: [Limits; KEYS + 1],
}

impl Oracle {
    /// Of an owner (the last is the project): what is posted and held in the window at `place` that began then.
    fn sums(&self, owner: usize, place: usize, starts: Starts) -> (i64, i64) {
        let counts = |key: usize, of: Starts| (owner == KEYS || owner == key) && of.0[place] == starts.0[place];
        let posted = self.posted.iter().filter(|(key, of, _)| counts(*key, *of)).map(|(_, _, amount)| amount).sum();
        let held = self.open.iter().filter(|(key, of, _)| counts(*key, *of)).map(|(_, _, hold)| hold.amount()).sum();
        (posted, held)
    }

    fn in_flight(&self, owner: usize) -> usize {
        self.open.iter().filter(|(key, ..)| owner == KEYS || owner == *key).count()
    }

    fn key(&self, n: usize) -> Key {
        key(&format!("key_{n}"), self.budgets[n], self.budgets[KEYS], [self.limits[n], self.limits[KEYS]])
    }

    /// The most that the budgets allow to be held more, for a request of the windows `starts`.
    fn left(&self, budgets: &[Option<Budget>; KEYS + 1], key: usize, starts: Starts, growing: bool) -> i64 {
        let left = [key, KEYS].map(|owner| {
            let Some(budget) = budgets[owner] else { return i64::MAX };
            let (posted, held) = self.sums(owner, place(budget.window), starts);
            match budget.mode {
                BudgetMode::Strict => budget.limit_nano_usd - posted - held,
                BudgetMode::Soft if !growing && posted >= budget.limit_nano_usd => -1,
                BudgetMode::Soft | BudgetMode::Meter => i64::MAX,
            }
        });
        left[0].min(left[1])
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn never_over_a_limit_and_nothing_leaks(steps in prop::collection::vec(step(), 1..120)) {
        let accounts = Accounts::default();
        let mut oracle = Oracle::default();
        let (mut now, mut latest) = (NOW, NOW);
        accounts.account(&oracle.key(0)).view(now);
        for step in steps {
            match step {
                Step::Admit { key: n, hold, least, tokens } => {
                    let key = oracle.key(n);
                    let starts = Starts::at(latest);
                    let left = oracle.left(&oracle.budgets, n, starts, false);
                    let busy = [n, KEYS].into_iter().any(|owner| {
                        let limit = oracle.limits[owner].concurrency;
                        limit.is_some_and(|limit| oracle.in_flight(owner) >= limit as usize)
                    });
                    let expected = if busy {
                        None
                    } else if hold <= left {
                        Some(hold)
                    } else {
                        least.filter(|least| *least <= left).map(|_| left)
                    };
                    let admitted = accounts.account(&key).admit(&key, Need { hold, least, tokens }, now);
                    prop_assert_eq!(admitted.as_ref().ok().map(Hold::amount), expected);
                    if let Ok(hold) = admitted {
                        prop_assert_eq!(Starts::at(hold.admitted_at()), starts);
                        oracle.known[n] = oracle.budgets[n];
                        oracle.known[KEYS] = oracle.budgets[KEYS];
                        oracle.open.push((n, starts, hold));
                    }
                }
                Step::Extend(at, more) if at < oracle.open.len() => {
                    let (n, starts, _) = oracle.open[at];
                    let left = oracle.left(&oracle.known, n, starts, true);
                    let grown = oracle.open[at].2.extend(more);
                    // It may refuse in a window that is long over, and never pass a limit.
                    prop_assert!(more <= left || !grown);
                    let fresh = Starts::at(latest).day() <= starts.day() + 1;
                    prop_assert!(grown || more > left || !fresh);
                }
                Step::Settle(at, amount) if at < oracle.open.len() => {
                    let (n, starts, hold) = oracle.open.swap_remove(at);
                    hold.settle(amount, 7);
                    oracle.posted.push((n, starts, amount));
                }
                Step::Void(at) if at < oracle.open.len() => drop(oracle.open.swap_remove(at)),
                Step::Wait(ms) => now += ms,
                Step::Back(ms) => now -= ms,
                Step::Budget(owner, budget) => oracle.budgets[owner] = budget,
                Step::Concurrency(owner, concurrency) => oracle.limits[owner].concurrency = concurrency,
                Step::Refund(n, amount) => {
                    let key = oracle.key(n);
                    accounts.adjust(key.mode, (&key.id, &key.project_id), day_of(latest), -amount);
                    oracle.posted.push((n, Starts::at(latest), -amount));
                }
                _ => {}
            }
            latest = latest.max(now);
            for n in 0..KEYS {
                let [own, project] = accounts.account(&oracle.key(n)).view(now);
                for (owner, spending) in [(n, own), (KEYS, project)] {
                    for place in 0..4 {
                        let sums = oracle.sums(owner, place, Starts::at(latest));
                        prop_assert_eq!((spending.posted[place], spending.held[place]), sums);
                    }
                    prop_assert_eq!(spending.in_flight as usize, oracle.in_flight(owner));
                }
            }
        }
        oracle.open.clear();
        prop_assert_eq!(accounts.open_holds(), (0, 0));
    }

    /// In no sixty seconds, wherever they begin, more requests or tokens than the limits; and whoever waits as long
    /// as told gets in.
    #[test]
    fn no_minute_has_more_than_its_limits(
        limits in (1..6_u32, 20..200_u64),
        asks in prop::collection::vec((0..9_000_i64, 0..60_u64), 1..150),
    ) {
        let limits =
            Limits { requests_per_minute: Some(limits.0), tokens_per_minute: Some(limits.1), concurrency: None };
        let key = key("key_a", None, None, [limits, Limits::default()]);
        let accounts = Accounts::default();
        let account = accounts.account(&key);
        let mut now = NOW;
        let mut admitted: Vec<(i64, u64)> = Vec::new();
        for (pause, tokens) in asks {
            now += pause;
            let ask = Need { tokens, ..need(0) };
            let at = match account.admit(&key, ask, now) {
                Ok(hold) => { hold.settle(0, tokens); now }
                Err(Refused::Rate { wait, .. }) => {
                    let wait = i64::try_from(wait.as_millis()).unwrap();
                    prop_assert!((1..=60_000).contains(&wait));
                    prop_assert!(account.admit(&key, ask, now + wait - 1).is_err());
                    now += wait;
                    match account.admit(&key, ask, now) {
                        Ok(hold) => hold.settle(0, tokens),
                        // Only the other limit may be in the way then.
                        Err(refused) => {
                            prop_assert!(matches!(refused, Refused::Rate { wait, .. } if !wait.is_zero()), "");
                            continue;
                        }
                    }
                    now
                }
                Err(refused) => return Err(TestCaseError::fail(format!("{refused:?}"))),
            };
            admitted.push((at, tokens));
            let minute: Vec<_> = admitted.iter().filter(|(then, _)| *then > at - 60_000).collect();
            prop_assert!(minute.len() <= limits.requests_per_minute.unwrap() as usize);
            let sum: u64 = minute.iter().map(|(_, tokens)| tokens).sum();
            prop_assert!(sum <= limits.tokens_per_minute.unwrap() || sum == tokens);
        }
    }
}
