#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::*;
use crate::keys::{Budget, BudgetMode, Limits, Project as KeyProject};
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) const NOW: i64 = 1_795_000_000_000;
pub(super) const DAY: i64 = 86_400_000;

pub(super) fn budget(limit_nano_usd: i64, window: Window, mode: BudgetMode) -> Budget {
    Budget { limit_nano_usd, window, mode }
}

#[allow(clippy::unnecessary_wraps, reason = "where it goes, there may be none")]
fn strict(limit: i64) -> Option<Budget> {
    Some(budget(limit, Window::Day, BudgetMode::Strict))
}

/// A key of `proj_a` with what it and its project are allowed.
pub(super) fn key(id: &str, own: Option<Budget>, project: Option<Budget>, limits: [Limits; 2]) -> Key {
    Key {
        id: id.into(),
        project_id: "proj_a".into(),
        name: String::new(),
        mode: Mode::Live,
        expires_at: None,
        allowed_models: Vec::new(),
        allowed_ips: Vec::new(),
        budget: own,
        limits: limits[0],
        project: Arc::new(KeyProject { id: "proj_a".into(), budget: project, limits: limits[1] }),
    }
}

fn budgeted(id: &str, own: Option<Budget>, project: Option<Budget>) -> Key {
    key(id, own, project, [Limits::default(); 2])
}

fn limited(requests: u32, tokens: u64) -> Key {
    let limits = Limits { requests_per_minute: Some(requests), tokens_per_minute: Some(tokens), concurrency: None };
    key("key_a", None, None, [limits, Limits::default()])
}

pub(super) fn need(hold: i64) -> Need {
    Need { hold, ..Need::default() }
}

fn tokens(tokens: u64) -> Need {
    Need { tokens, ..Need::default() }
}

#[test]
fn a_budget_is_a_limit() {
    let accounts = Accounts::default();
    let first = budgeted("key_a", strict(100), strict(150));
    let account = accounts.account(&first);
    let a = account.admit(&first, need(60), NOW).unwrap();
    assert_eq!(account.admit(&first, need(41), NOW).err(), Some(Refused::Budget { whose: Whose::Key, left: 40 }));
    let least = Need { hold: 1000, least: Some(41), tokens: 0 };
    assert!(account.admit(&first, least, NOW).is_err());
    let mut b = account.admit(&first, Need { least: Some(30), ..least }, NOW).unwrap();
    assert_eq!((b.amount(), b.extend(1), b.extend(0)), (40, false, true));
    a.settle(10, 0);
    assert!(b.extend(50) && !b.extend(1));
    assert_eq!(accounts.open_holds(), (1, 90));
    drop(b);
    assert_eq!(account.view(NOW)[0].posted, [10; 4]);
    assert_eq!(accounts.open_holds(), (0, 0));
    // Another key of the project may use what the first one left of the project's budget.
    let other = budgeted("key_b", None, strict(150));
    let second = accounts.account(&other);
    assert_eq!(second.admit(&other, need(141), NOW).err(), Some(Refused::Budget { whose: Whose::Project, left: 140 }));
    second.admit(&other, need(140), NOW).unwrap().settle(140, 0);
    assert!(account.admit(&first, need(1), NOW).is_err());
    assert!(account.admit(&first, need(0), NOW).is_ok(), "what costs nothing fits");
    // Tomorrow all of it is there again.
    account.admit(&first, need(100), NOW + DAY).unwrap().settle(5, 0);
    assert_eq!(account.view(NOW + DAY)[0].posted[..2], [15, 5]);
}

#[test]
fn live_and_test_money_are_apart() {
    let accounts = Accounts::default();
    let live = budgeted("key_a", None, strict(10));
    let test = Key { mode: Mode::Test, id: "key_b".into(), ..live.clone() };
    accounts.account(&live).admit(&live, need(10), NOW).unwrap().settle(10, 0);
    assert!(accounts.account(&live).admit(&live, need(1), NOW).is_err());
    assert!(accounts.account(&test).admit(&test, need(10), NOW).is_ok());
}

#[test]
fn soft_budgets_stop_once_spent_and_meters_never() {
    let accounts = Accounts::default();
    let soft = budgeted("key_a", Some(budget(100, Window::Day, BudgetMode::Soft)), None);
    let account = accounts.account(&soft);
    let mut holds: Vec<_> = (0..3).map(|_| account.admit(&soft, need(90), NOW).unwrap()).collect();
    assert!(holds.iter_mut().all(|hold| hold.extend(1_000)));
    holds.pop().unwrap().settle(99, 0);
    holds.push(account.admit(&soft, need(90), NOW).unwrap());
    holds.pop().unwrap().settle(31, 0);
    let refused = account.admit(&soft, Need { least: Some(0), ..need(0) }, NOW).err();
    assert_eq!(refused, Some(Refused::Budget { whose: Whose::Key, left: -30 }));
    let meter = budgeted("key_a", Some(budget(0, Window::Day, BudgetMode::Meter)), None);
    account.admit(&meter, need(1_000_000), NOW).unwrap().settle(1_000_000, 0);
    assert_eq!(account.view(NOW)[0].posted[1], 1_000_130);
    // Beside a meter a strict budget stays strict.
    let both = budgeted("key_a", meter.budget, strict(2_000_000));
    assert!(account.admit(&both, need(1_000_000), NOW).is_err());
}

#[test]
fn a_hold_belongs_to_the_window_that_admitted_it() {
    let accounts = Accounts::default();
    let key = budgeted("key_a", strict(100), None);
    let account = accounts.account(&key);
    let mut old = account.admit(&key, need(80), NOW).unwrap();
    let new = account.admit(&key, need(100), NOW + DAY).unwrap();
    assert_eq!(account.view(NOW + DAY)[0].held[..2], [180, 100]);
    assert!(old.extend(20), "there is room in its own window, though not in the new one");
    assert!(!old.extend(1), "a window that is over is still a limit");
    account.admit(&key, need(0), NOW + 2 * DAY).unwrap().settle(0, 0);
    assert!(!old.extend(1));
    old.settle(95, 0);
    assert_eq!(account.view(NOW + 2 * DAY)[0].posted[..2], [95, 0]);
    new.settle(7, 0);
    let last = account.view(NOW + 2 * DAY)[0];
    assert_eq!((last.posted, last.held), ([102, 0, 102, 102], [0; 4]));
}

#[test]
fn a_lower_limit_holds_for_what_runs_already() {
    let accounts = Accounts::default();
    let key = budgeted("key_a", strict(100), None);
    let account = accounts.account(&key);
    let mut hold = account.admit(&key, need(50), NOW).unwrap();
    let lower = budgeted("key_a", strict(60), None);
    assert!(account.admit(&lower, need(20), NOW).is_err());
    drop(account.admit(&lower, need(5), NOW));
    assert!(hold.extend(10) && !hold.extend(1));
}

#[test]
fn a_clock_that_is_set_back_breaks_nothing() {
    let accounts = Accounts::default();
    let limits = Limits { requests_per_minute: Some(2), ..Limits::default() };
    let key = key("key_a", strict(100), None, [limits, Limits::default()]);
    let account = accounts.account(&key);
    account.admit(&key, need(60), NOW + DAY).unwrap().settle(60, 0);
    // The day goes on that has begun: no budget anew, and holds find the window that they are in.
    let hold = account.admit(&key, need(40), NOW).unwrap();
    assert_eq!(day_of(hold.admitted_at()), day_of(NOW + DAY));
    assert!(matches!(account.admit(&key, need(0), NOW).err(), Some(Refused::Rate { .. })));
    drop(hold);
    let view = account.view(NOW)[0];
    assert_eq!((view.held, view.posted[1]), ([0; 4], 60));
    // The minute is over after a minute of the new time, and not only when the old time has come again.
    assert!(account.admit(&key, need(0), NOW + 59_000).is_err());
    assert!(account.admit(&key, need(0), NOW + 61_000).is_ok());
    assert!(account.admit(&key, need(0), i64::MIN).is_ok());
    assert!(account.admit(&key, need(0), i64::MAX).is_ok());
}

#[test]
fn rates_hold_in_any_minute() {
    let limits = Limits { requests_per_minute: Some(10), tokens_per_minute: Some(1000), concurrency: Some(3) };
    let accounts = Accounts::default();
    let key = key("key_a", None, None, [limits, Limits::default()]);
    let account = accounts.account(&key);
    let mut open: Vec<_> = (0..3).map(|_| account.admit(&key, tokens(100), NOW).unwrap()).collect();
    let refused = account.admit(&key, need(0), NOW).err().unwrap();
    assert!(matches!(refused, Refused::Rate { rate: Rate::Concurrency, limit: 3, .. }));
    open.drain(..).for_each(|hold| hold.settle(0, 300));
    let refused = account.admit(&key, tokens(101), NOW + 59_000).err().unwrap();
    assert!(matches!(refused, Refused::Rate { rate: Rate::Tokens, wait, .. } if wait == Duration::from_secs(1)));
    assert!(account.admit(&key, tokens(101), NOW + 60_000).is_ok());
}

#[test]
fn two_bursts_are_a_minute_apart() {
    let (accounts, key) = (Accounts::default(), limited(10, 1_000_000));
    let account = accounts.account(&key);
    let start = NOW - NOW % 1000;
    let admitted = |ms| (0..10).filter(|_| account.admit(&key, need(0), start + ms).is_ok()).count();
    // At the end of a second, and where buckets of a second alone would have forgotten it too early.
    assert_eq!([admitted(999), admitted(60_000), admitted(60_998), admitted(60_999)], [10, 0, 0, 10]);
}

#[test]
fn tokens_are_corrected_in_their_second() {
    let (accounts, key) = (Accounts::default(), limited(100, 1000));
    let account = accounts.account(&key);
    let left = |now| account.rates(&key, now).tokens.unwrap().remaining;
    let a = account.admit(&key, tokens(600), NOW).unwrap();
    assert_eq!(left(NOW), 400);
    a.settle(0, 100);
    assert_eq!(left(NOW), 900);
    let b = account.admit(&key, tokens(900), NOW + 1000).unwrap();
    drop(b);
    assert_eq!(left(NOW + 1000), 900, "what did not run used none");
    let [late, wild, wilder] = [0, 1, 2].map(|n| account.admit(&key, tokens(n), NOW + 2000).unwrap());
    wild.settle(0, u64::MAX);
    wilder.settle(0, u64::MAX);
    assert_eq!(left(NOW + 2000), 0);
    assert_eq!(left(NOW + 64_000), 1000);
    late.settle(0, 500);
    assert_eq!(left(NOW + 64_000), 1000, "its minute is over");
    // What is larger than the limit runs when nothing else does.
    let large = account.admit(&key, tokens(5_000), NOW + 64_000).unwrap();
    assert!(account.admit(&key, tokens(1), NOW + 64_000).is_err());
    large.settle(0, 1000);
    assert!(account.admit(&key, tokens(1), NOW + 64_000).is_err());
}

#[test]
fn headers_tell_the_tighter_one() {
    let limits = |requests, tokens| Limits {
        requests_per_minute: Some(requests),
        tokens_per_minute: Some(tokens),
        concurrency: None,
    };
    let accounts = Accounts::default();
    let one = key("key_a", None, None, [limits(5, 100), limits(7, 90)]);
    let two = Key { id: "key_b".into(), ..one.clone() };
    let account = accounts.account(&one);
    drop(account.admit(&one, tokens(10), NOW).unwrap());
    accounts.account(&two).admit(&two, tokens(80), NOW + 1000).unwrap().settle(0, 80);
    let rates = account.rates(&one, NOW + 1000);
    let (requests, tokens) = (rates.requests.unwrap(), rates.tokens.unwrap());
    assert_eq!((requests.limit, requests.remaining), (5, 4));
    assert_eq!((tokens.limit, tokens.remaining), (90, 10));
    assert!(requests.reset < tokens.reset && tokens.reset == Duration::from_secs(60), "{rates:?}");
    assert_eq!(account.rates(&one, NOW + 62_000).requests.unwrap().reset, Duration::ZERO);
    assert_eq!(account.rates(&budgeted("key_a", None, None), NOW), Rates::default());
}

#[test]
fn what_was_spent_before_counts() {
    let accounts = Accounts::default();
    accounts.restore(Mode::Live, "key_a", Starts::at(NOW), [70, 60, 60, 60]);
    let key = budgeted("key_a", strict(100), None);
    let account = accounts.account(&key);
    assert!(account.admit(&key, need(41), NOW).is_err());
    account.admit(&key, need(40), NOW).unwrap().settle(40, 0);
    accounts.adjust(key.mode, (&key.id, &key.project_id), day_of(NOW), -30);
    assert_eq!(account.view(NOW)[0].posted, [80, 70, 70, 70]);
    account.admit(&key, need(100), NOW + DAY).unwrap().settle(1, 0);
    // A refund of yesterday gives nothing back today.
    accounts.adjust(key.mode, (&key.id, &key.project_id), day_of(NOW), -70);
    assert_eq!(account.view(NOW + DAY)[0].posted, [11, 1, 1, 1]);
}

#[test]
fn a_clock_behind_the_books_breaks_nothing() {
    let accounts = Accounts::default();
    accounts.restore(Mode::Live, "key_a", Starts::at(NOW + DAY), [70, 60, 60, 60]);
    let key = budgeted("key_a", strict(100), None);
    let account = accounts.account(&key);
    let hold = account.admit(&key, need(40), NOW).unwrap();
    assert!(account.admit(&key, need(1), NOW).is_err());
    hold.settle(10, 0);
    let now = account.view(NOW)[0];
    assert_eq!((now.posted, now.held), ([80, 70, 70, 70], [0; 4]));
}

#[test]
fn no_number_is_too_large() {
    let accounts = Accounts::default();
    let free = budgeted("key_a", None, None);
    let account = accounts.account(&free);
    let mut holds: Vec<_> = (0..3).map(|_| account.admit(&free, need(i64::MAX), NOW).unwrap()).collect();
    assert!(!holds[0].extend(i64::MAX) && holds[0].extend(-5));
    let negative = account.admit(&free, need(-5), NOW).unwrap();
    assert_eq!(negative.amount(), 0);
    negative.settle(-7, 0);
    drop(holds);
    assert_eq!((account.view(NOW)[0].posted, accounts.open_holds()), ([0; 4], (0, 0)));
    account.admit(&free, need(0), NOW).unwrap().settle(i64::MAX, u64::MAX);
    account.admit(&free, need(0), NOW).unwrap().settle(i64::MAX, u64::MAX);
    let full = budgeted("key_a", strict(i64::MAX), None);
    assert!(account.admit(&full, need(1), NOW).is_err());
}

/// A thousand requests of random sizes on one budget, on eight threads, five times.
#[test]
fn threads_race_for_one_budget() {
    for run in 0..5 {
        let accounts = Accounts::default();
        let key = budgeted("key_a", strict(10_000), strict(9_000));
        let admitted = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8_i64 {
                let (accounts, key, admitted) = (&accounts, &key, &admitted);
                scope.spawn(move || {
                    let account = accounts.account(key);
                    let mut open = Vec::new();
                    for n in 0..125 {
                        let hold = 1 + (run * 59 + thread * 131 + n * 37) % 97;
                        let Ok(mut held) = account.admit(key, need(hold), NOW) else { continue };
                        admitted.fetch_add(1, Ordering::Relaxed);
                        let grown = hold + if held.extend(n % 5) { n % 5 } else { 0 };
                        for side in account.view(NOW) {
                            assert!(side.posted[1] + side.held[1] <= 9_000);
                        }
                        open.push((held, grown));
                        if n % 3 == 0 {
                            open.drain(..).for_each(|(held, amount)| held.settle(amount, 0));
                        }
                    }
                    for (held, amount) in open {
                        held.settle(amount, 0);
                    }
                });
            }
        });
        let [side, project] = accounts.account(&key).view(NOW);
        assert_eq!((side, project.in_flight, accounts.open_holds()), (project, 0, (0, 0)));
        assert!((8_900..=9_000).contains(&side.posted[0]), "{side:?}");
        assert!(admitted.into_inner() > 150);
    }
}

#[test]
fn a_hold_outlives_its_request_and_its_process() {
    let accounts = Accounts::default();
    let limits = Limits { concurrency: Some(1), ..Limits::default() };
    let key = key("key_a", strict(100), strict(150), [limits, Limits::default()]);
    let account = accounts.account(&key);
    let mut hold = account.admit(&key, need(60), NOW).unwrap();
    assert!(matches!(account.admit(&key, need(1), NOW).err(), Some(Refused::Rate { rate: Rate::Concurrency, .. })));
    hold.detach();
    hold.detach();
    let other = account.admit(&key, need(40), NOW).unwrap();
    assert_eq!((account.view(NOW)[0].in_flight, account.view(NOW)[0].held[0]), (1, 100));
    drop(other);
    hold.settle(50, 0);
    assert_eq!((account.view(NOW)[0].posted, accounts.open_holds()), ([50; 4], (0, 0)));
    // Another process: what was held yesterday is held in the windows that yesterday lies in.
    let accounts = Accounts::default();
    accounts.restore(Mode::Live, "key_a", Starts::at(NOW), [7; 4]);
    let hold = accounts.resume(Mode::Live, &key.project_id, &key.id, 60, NOW - DAY);
    let account = accounts.account(&key);
    let [own, _] = account.view(NOW);
    assert_eq!((own.held[0], own.held[1], own.in_flight), (60, 0, 0));
    hold.settle(30, 0);
    let [own, _] = account.view(NOW);
    assert_eq!((own.posted[0], own.posted[1], own.held[0]), (37, 7, 0));
    assert_eq!(accounts.open_holds(), (0, 0));
}
