#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::*;
use crate::keys::{Limits, Project as KeyProject};
use proptest::prelude::*;
use std::collections::HashMap;

const NOW: i64 = 1_795_000_000_000;
const DAY: i64 = 86_400_000;

fn key(id: &str, own: Option<i64>, project: Option<i64>, window: Window, limits: Limits) -> Key {
    let budget = |limit: Option<i64>| limit.map(|limit_nano_usd| Budget { limit_nano_usd, window });
    Key {
        id: id.into(),
        project_id: "proj_a".into(),
        name: String::new(),
        mode: Mode::Live,
        expires_at: None,
        allowed_models: Vec::new(),
        allowed_ips: Vec::new(),
        budget: budget(own),
        limits,
        project: Arc::new(KeyProject { id: "proj_a".into(), budget: budget(project), limits: Limits::default() }),
    }
}

fn need(hold: i64) -> Need {
    Need { hold, ..Need::default() }
}

#[test]
fn a_budget_is_a_limit() {
    let accounts = Accounts::default();
    let key = key("key_a", Some(100), Some(150), Window::Day, Limits::default());
    let account = accounts.account(&key);
    let a = account.admit(&key, need(60), NOW).unwrap();
    assert_eq!(account.admit(&key, need(41), NOW).err(), Some(Refused::Budget { whose: Whose::Key, left: 40 }));
    let least = Need { hold: 1000, least: Some(30), tokens: 0 };
    let b = account.admit(&key, least, NOW).unwrap();
    assert_eq!(b.amount(), 40);
    a.settle(10, 0);
    drop(b);
    assert_eq!(account.view(NOW)[0].posted, [10; 4]);
    assert_eq!(accounts.open_holds(), (0, 0));
    // Another key of the project may use what the first one left of the project's budget.
    let other = self::key("key_b", None, Some(150), Window::Day, Limits::default());
    let second = accounts.account(&other);
    assert_eq!(second.admit(&other, need(141), NOW).err(), Some(Refused::Budget { whose: Whose::Project, left: 140 }));
    second.admit(&other, need(140), NOW).unwrap().settle(140, 0);
    assert!(account.admit(&key, need(1), NOW).is_err());
    // Tomorrow all of it is there again.
    account.admit(&key, need(100), NOW + DAY).unwrap().settle(5, 0);
    assert_eq!(account.view(NOW + DAY)[0].posted[..2], [15, 5]);
}

#[test]
fn a_hold_belongs_to_the_window_that_admitted_it() {
    let accounts = Accounts::default();
    let key = key("key_a", Some(100), None, Window::Day, Limits::default());
    let account = accounts.account(&key);
    let mut old = account.admit(&key, need(90), NOW).unwrap();
    let new = account.admit(&key, need(100), NOW + DAY).unwrap();
    assert!(old.extend(1000), "its window has gone by");
    old.settle(95, 0);
    assert_eq!(account.view(NOW + DAY)[0].posted[..2], [95, 0]);
    new.settle(7, 0);
    assert_eq!(account.view(NOW + DAY)[0].posted[..2], [102, 7]);
}

#[test]
fn rates_hold_in_any_minute() {
    let limits = Limits { requests_per_minute: Some(10), tokens_per_minute: Some(1000), concurrency: Some(3) };
    let accounts = Accounts::default();
    let key = key("key_a", None, None, Window::Total, limits);
    let account = accounts.account(&key);
    let open: Vec<_> = (0..3).map(|_| account.admit(&key, Need { tokens: 100, ..need(0) }, NOW).unwrap()).collect();
    let refused = account.admit(&key, need(0), NOW).err().unwrap();
    assert!(matches!(refused, Refused::Rate { rate: Rate::Concurrency, limit: 3, .. }));
    for hold in open {
        hold.settle(0, 300);
    }
    let refused = account.admit(&key, Need { tokens: 101, ..need(0) }, NOW + 59_000).err().unwrap();
    assert!(matches!(refused, Refused::Rate { rate: Rate::Tokens, wait, .. } if wait == Duration::from_secs(1)));
    let mut started = Vec::new();
    for ms in (0..180_000).step_by(500) {
        if let Ok(hold) = account.admit(&key, need(0), NOW + 60_000 + ms) {
            started.push(ms);
            drop(hold);
        }
    }
    assert!(started.len() >= 30, "{}", started.len());
    for from in &started {
        assert!(started.iter().filter(|at| (*from..from + 60_000).contains(*at)).count() <= 10);
    }
}

#[test]
fn what_was_spent_before_counts() {
    let accounts = Accounts::default();
    accounts.restore(Mode::Live, "key_a", Starts::at(NOW), [70, 60, 60, 60]);
    let key = key("key_a", Some(100), None, Window::Day, Limits::default());
    let account = accounts.account(&key);
    assert!(account.admit(&key, need(41), NOW).is_err());
    account.admit(&key, need(40), NOW).unwrap().settle(40, 0);
    accounts.adjust(&key, day_of(NOW), -30);
    assert_eq!(account.view(NOW)[0].posted, [80, 70, 70, 70]);
    account.admit(&key, need(100), NOW + DAY).unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    Admit(usize, i64, Option<i64>),
    Extend(usize, i64),
    Settle(usize, i64),
    Void(usize),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 0..60_i64, prop::option::of(0..20_i64)).prop_map(|(k, n, l)| Step::Admit(k, n, l)),
        2 => (0..20_usize, 0..30_i64).prop_map(|(h, n)| Step::Extend(h, n)),
        3 => (0..20_usize, 0..60_i64).prop_map(|(h, n)| Step::Settle(h, n)),
        1 => (0..20_usize).prop_map(Step::Void),
        1 => (0..DAY).prop_map(Step::Wait),
    ]
}

proptest! {
    /// The oracle keeps every hold and charge with its day; no interleaving may go over a limit or leak.
    #[test]
    fn never_over_a_limit(steps in prop::collection::vec(step(), 1..80)) {
        let accounts = Accounts::default();
        let keys: Vec<_> = (0..3).map(|n| key(&format!("key_{n}"), Some(100), Some(180), Window::Day, Limits::default())).collect();
        let mut now = NOW;
        let mut open: Vec<(usize, i64, Hold)> = Vec::new();
        let mut posted: HashMap<(usize, i64), i64> = HashMap::new();
        for step in steps {
            match step {
                Step::Admit(k, hold, least) => {
                    let need = Need { hold, least, tokens: 0 };
                    if let Ok(hold) = accounts.account(&keys[k]).admit(&keys[k], need, now) {
                        let day = day_of(now);
                        let held = |which: Option<usize>| open.iter().filter(|(o, d, _)| *d == day && which.is_none_or(|w| w == *o)).map(|(.., h)| h.amount()).sum::<i64>();
                        let spent = |which: Option<usize>| posted.iter().filter(|((o, d), _)| *d == day && which.is_none_or(|w| w == *o)).map(|(_, n)| n).sum::<i64>();
                        prop_assert!(held(Some(k)) + spent(Some(k)) + hold.amount() <= 100);
                        prop_assert!(held(None) + spent(None) + hold.amount() <= 180);
                        open.push((k, day, hold));
                    }
                }
                Step::Extend(h, more) if h < open.len() => { open[h].2.extend(more); }
                Step::Settle(h, n) if h < open.len() => {
                    let (k, day, hold) = open.swap_remove(h);
                    let n = n.min(hold.amount());
                    *posted.entry((k, day)).or_default() += n;
                    hold.settle(n, 0);
                }
                Step::Void(h) if h < open.len() => drop(open.swap_remove(h)),
                Step::Wait(ms) => now += ms,
                _ => {}
            }
        }
        open.clear();
        prop_assert_eq!(accounts.open_holds(), (0, 0));
        for (k, key) in keys.iter().enumerate() {
            let view = accounts.account(key).view(now)[0];
            let all: i64 = posted.iter().filter(|((o, _), _)| *o == k).map(|(_, n)| n).sum();
            let today = posted.get(&(k, day_of(now))).copied().unwrap_or(0);
            prop_assert_eq!((view.posted[0], view.posted[1], view.held, view.in_flight), (all, today, [0; 4], 0));
        }
    }
}

#[test]
fn threads_race_for_one_budget() {
    for _ in 0..5 {
        let accounts = Accounts::default();
        let key = key("key_a", Some(10_000), None, Window::Total, Limits::default());
        std::thread::scope(|scope| {
            for thread in 0..8_i64 {
                let (accounts, key) = (&accounts, &key);
                scope.spawn(move || {
                    for n in 0..125 {
                        let hold = 1 + (thread * 131 + n * 37) % 97;
                        if let Ok(held) = accounts.account(key).admit(key, need(hold), NOW) {
                            let view = accounts.account(key).view(NOW)[0];
                            assert!(view.posted[0] + view.held[0] <= 10_000);
                            held.settle(hold, 0);
                        }
                    }
                });
            }
        });
        let spent = accounts.account(&key).view(NOW)[0].posted[0];
        assert!(spent <= 10_000 && spent > 9_900, "{spent}");
    }
}
