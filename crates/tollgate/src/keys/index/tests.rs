//! The index alone, on rows made by hand.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::*;
use crate::config::Secret;
use crate::keys::secret::generate;
use crate::keys::{BudgetMode, Mode, Window};
use std::time::Instant;

fn pepper() -> Pepper {
    Pepper::new(&[3; 32])
}

fn project(id: &str, budget: Option<i64>) -> ProjectRow {
    ProjectRow {
        id: id.into(),
        name: id.into(),
        budget_nano_usd: budget,
        budget_window: budget.map(|_| Window::Day.as_str().into()),
        budget_mode: None,
        requests_per_minute: None,
        tokens_per_minute: None,
        concurrency: None,
        metadata: "{}".into(),
        created_at: 0,
        updated_at: 0,
        revision: 1,
    }
}

fn key(name: &str, digest: &Digest) -> KeyRow {
    KeyRow {
        id: format!("key_{name}"),
        digest: digest.bytes().to_vec(),
        hint: "abcd".into(),
        name: name.into(),
        mode: Mode::Live.as_str().into(),
        project_id: "proj_a".into(),
        allowed_models: "[]".into(),
        allowed_ips: "[]".into(),
        expires_at: None,
        budget_nano_usd: None,
        budget_window: None,
        budget_mode: None,
        requests_per_minute: Some(5),
        tokens_per_minute: None,
        concurrency: None,
        metadata: "{}".into(),
        created_at: 0,
        updated_at: 0,
        revoked_at: None,
        revision: 1,
    }
}

fn one() -> (Keys, Loaded, Secret, KeyRow) {
    let keys = Keys::new(pepper());
    let mut loaded = Loaded::default();
    let secret = generate(Kind::Live).unwrap();
    let row = key("one", &pepper().digest(secret.expose().as_bytes()));
    apply(&keys, &mut loaded, vec![row.clone()], vec![project("proj_a", None)]);
    (keys, loaded, secret, row)
}

fn apply(keys: &Keys, loaded: &mut Loaded, rows: Vec<KeyRow>, projects: Vec<ProjectRow>) {
    let revision = loaded.revision + 1;
    keys.apply(loaded, &Changes { revision, keys: rows, projects });
}

#[test]
fn every_end_of_a_key() {
    let (keys, mut loaded, secret, mut row) = one();
    let ask = |now| keys.authenticate_at(secret.expose().as_bytes(), now).map(|key| key.id.to_string());
    assert_eq!(ask(0), Ok("key_one".into()));
    let epoch = keys.epoch();
    row.expires_at = Some(1000);
    apply(&keys, &mut loaded, vec![row.clone()], vec![]);
    assert_ne!(keys.epoch(), epoch);
    assert_eq!((ask(999), ask(1000)), (Ok("key_one".into()), Err(KeyError::Expired)));
    row.revoked_at = Some(1);
    apply(&keys, &mut loaded, vec![row], vec![]);
    assert_eq!(ask(0), Err(KeyError::Revoked));
    let other = generate(Kind::Test).unwrap();
    assert_eq!(keys.authenticate(other.expose().as_bytes()).unwrap_err(), KeyError::Unknown);
    for text in ["", "sk-tg-live-", generate(Kind::Admin).unwrap().expose()] {
        assert_eq!(keys.authenticate(text.as_bytes()).unwrap_err(), KeyError::Malformed);
    }
    assert_eq!(keys.count(), 1);
}

#[test]
fn a_project_moves_its_keys_at_once() {
    let (keys, mut loaded, secret, _) = one();
    let held = keys.authenticate(secret.expose().as_bytes()).unwrap();
    let epoch = keys.epoch();
    apply(&keys, &mut loaded, vec![], vec![project("proj_b", Some(1))]);
    assert_eq!(keys.epoch(), epoch, "a new project changes no key");
    apply(&keys, &mut loaded, vec![], vec![project("proj_a", Some(7))]);
    assert_ne!(keys.epoch(), epoch);
    let fresh = keys.authenticate(secret.expose().as_bytes()).unwrap();
    let budget = fresh.project.budget.unwrap();
    assert_eq!((budget.limit_nano_usd, budget.mode), (7, BudgetMode::Strict), "rows without a mode are strict");
    assert_eq!((held.project.budget, fresh.limits.requests_per_minute), (None, Some(5)));
}

#[test]
fn what_cannot_be_understood_stays_closed() {
    let (keys, mut loaded, secret, row) = one();
    let broken: [fn(&mut KeyRow); 6] = [
        |row| {
            row.budget_nano_usd = Some(1);
            (row.budget_window, row.budget_mode) = (Some("day".into()), Some("x".into()));
        },
        |row| row.mode = "other".into(),
        |row| row.allowed_models = "null".into(),
        |row| row.allowed_ips = "[\"10.0.0.0/99\"]".into(),
        |row| row.requests_per_minute = Some(-1),
        |row| row.project_id = "proj_none".into(),
    ];
    for (index, breaks) in broken.iter().enumerate() {
        let mut worse = row.clone();
        breaks(&mut worse);
        apply(&keys, &mut loaded, vec![worse], vec![]);
        let error = keys.authenticate(secret.expose().as_bytes()).unwrap_err();
        assert_eq!(error, KeyError::Unknown, "{index}");
        apply(&keys, &mut loaded, vec![row.clone()], vec![]);
        assert!(keys.authenticate(secret.expose().as_bytes()).is_ok());
    }
    let mut worse = project("proj_a", Some(1));
    worse.budget_window = None;
    apply(&keys, &mut loaded, vec![], vec![worse]);
    assert!(keys.authenticate(secret.expose().as_bytes()).is_err());
}

#[test]
fn a_hundred_thousand_keys() {
    let (keys, mut loaded, secret, _) = one();
    let many = (0..100_000).map(|n: u32| key(&n.to_string(), &pepper().digest(&n.to_be_bytes())));
    apply(&keys, &mut loaded, many.collect(), vec![]);
    assert_eq!(keys.count(), 100_001);
    let another = generate(Kind::Live).unwrap();
    let row = key("late", &pepper().digest(another.expose().as_bytes()));
    let start = Instant::now();
    apply(&keys, &mut loaded, vec![row], vec![]);
    // A bound with room for a debug build on a busy machine, not a measurement.
    assert!(start.elapsed().as_millis() < 100, "{:?}", start.elapsed());
    assert!(keys.authenticate(another.expose().as_bytes()).is_ok());
    assert!(keys.authenticate(secret.expose().as_bytes()).is_ok());
    let largest = keys.0.shards.iter().map(|shard| shard.load().len()).max();
    assert!(largest < Some(600), "{largest:?}");
}

#[test]
fn readers_see_every_key_at_any_time() {
    let (keys, mut loaded, secret, row) = one();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = || {
            let mut asked = 0;
            while !done.load(Ordering::Relaxed) {
                assert!(keys.authenticate(secret.expose().as_bytes()).is_ok());
                asked += 1;
            }
            asked
        };
        let readers = [scope.spawn(reader), scope.spawn(reader)];
        for n in 0..2_000_u32 {
            let other = key(&n.to_string(), &pepper().digest(&n.to_be_bytes()));
            apply(&keys, &mut loaded, vec![row.clone(), other], vec![]);
        }
        done.store(true, Ordering::Relaxed);
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
    });
    assert_eq!(keys.count(), 2_001);
}
