#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::verify::verify;
use super::*;
use crate::clock::now_ms;
use crate::outcome::Outcome;
use crate::store::{DataDir, Store};
use proptest::prelude::*;
use std::collections::HashMap;
use tollgate_protocol::usage::Usage;

pub(super) async fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&DataDir::create(dir.path()).unwrap()).await.unwrap();
    (dir, store)
}

/// The `n`th request of a made-up history that ends now: one a minute, free of a price.
pub(super) fn entry(n: u32, amount: i64) -> Entry {
    let at = now_ms() - 3_000 * 60_000 + i64::from(n) * 60_000;
    let id = RequestId(u128::from(at.unsigned_abs()) << 80 | u128::from(n));
    Entry {
        id,
        admitted_at: at,
        series: Series {
            book: if n.is_multiple_of(7) { Book::Test } else { Book::Live },
            key_id: format!("key_{}", n % 3).into(),
            project_id: "proj_default".into(),
            endpoint: "/v1/chat/completions".into(),
            model: "m".into(),
            provider: format!("p{}", n % 2).into(),
            provider_kind: "openai".into(),
            upstream_model: "x".into(),
            price_version: "test".into(),
        },
        amount,
        cost: amount * 2,
        basis: Basis::Provider,
        flags: Flags::default(),
        usage: Usage { output_tokens: amount.unsigned_abs(), ..Usage::default() },
        status: if n.is_multiple_of(5) { 500 } else { 200 },
        outcome: Outcome::Completed,
        detail: Detail::default(),
    }
}

/// One nano-dollar an output token, so that amounts can be checked.
pub(super) async fn with_price(store: &Store) {
    let stored = r#"{"version":"test","effective_from":"2026-01-01","source":"config","rows":[{"tier":"standard","above":0,"hours":[],"rates":{"output":1000000}}]}"#;
    let row = ("openai".to_owned(), "x".to_owned(), "test".to_owned(), stored.to_owned());
    let mut write = store.write().await.unwrap();
    crate::store::ledger::price_versions(&mut write, &[row], 1).await.unwrap();
    write.commit().await.unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    /// Entries of these numbers, some of them perhaps again.
    Apply(Vec<u32>),
    /// A transaction that never commits.
    Crash,
    /// A new process: nothing is remembered.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(0..60_u32, 1..20).prop_map(Step::Apply),
        1 => Just(Step::Crash),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever is applied, in whatever order and however often: each request counts once.
    #[test]
    fn each_request_counts_once(steps in prop::collection::vec(step(), 1..15)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_dir, store) = store().await;
            with_price(&store).await;
            let mut applier = Applier::default();
            let mut expected: HashMap<u32, i64> = HashMap::new();
            let fixed: Vec<Entry> = (0..60).map(|n| entry(n, i64::from(n) * 31 % 97)).collect();
            for step in steps {
                match step {
                    Step::Apply(numbers) => {
                        let batch: Vec<Entry> = numbers.iter().map(|n| fixed[*n as usize].clone()).collect();
                        let before = expected.len();
                        for n in numbers {
                            expected.insert(n, fixed[n as usize].amount);
                        }
                        let new = applier.apply(&store, &batch).await.unwrap();
                        assert_eq!(new, expected.len() - before);
                    }
                    Step::Crash => drop(store.write().await.unwrap()),
                    Step::Restart => applier = Applier::default(),
                }
            }
            let report = verify(&store).await.unwrap();
            assert!(report.is_ok(), "{report:?}");
            assert_eq!(report.entries, expected.len() as u64);
            for book in [Book::Live, Book::Test] {
                let sums = view::sums(&store, book, 0, now_ms() + 1, &[]).await.unwrap();
                let of = |n: &u32| (n.is_multiple_of(7)) == (book == Book::Test);
                let due: i64 = expected.iter().filter(|(n, _)| of(n)).map(|(_, amount)| amount).sum();
                assert_eq!(sums[0]["cost_usd"].as_str().unwrap(), crate::money::print(due));
            }
        });
    }
}

/// `cargo test --release -p tollgate --lib ledger_at_size -- --ignored --nocapture`: fills the books with
/// `TOLLGATE_ROWS` (default 2,000,000) entries and says how long what takes.
#[tokio::test]
#[ignore = "takes minutes; run by hand"]
async fn ledger_at_size() {
    let rows: u32 = std::env::var("TOLLGATE_ROWS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000_000);
    let (_dir, store) = store().await;
    with_price(&store).await;
    let mut applier = Applier::default();
    let start = now_ms() - 30 * 86_400_000;
    let span = 30 * 86_400_000 / i64::from(rows).max(1);
    let clock = std::time::Instant::now();
    for first in (0..rows).step_by(4_000) {
        let batch: Vec<Entry> = (first..(first + 4_000).min(rows))
            .map(|n| {
                let mut entry = entry(n, 10);
                let at = start + i64::from(n) * span;
                entry.id = RequestId(u128::from(at.unsigned_abs()) << 80 | u128::from(n));
                entry.admitted_at = at;
                entry.series.key_id =
                    if n.is_multiple_of(100_000) { "key_rare".into() } else { format!("key_{}", n % 50).into() };
                entry
            })
            .collect();
        applier.apply(&store, &batch).await.unwrap();
    }
    let say = |what: &str, since: std::time::Instant| {
        println!("{what}: {:.1} ms", since.elapsed().as_secs_f64() * 1e3);
    };
    println!("{rows} rows: {:.2} us a row", clock.elapsed().as_secs_f64() * 1e6 / f64::from(rows));
    for (what, wanted) in [
        ("newest page", view::Wanted::default()),
        ("page of a busy key", view::Wanted { key: Some("key_7".into()), ..view::Wanted::default() }),
        ("all of a rare key", view::Wanted { key: Some("key_rare".into()), ..view::Wanted::default() }),
        ("errors", view::Wanted { status: Some((500, 599)), ..view::Wanted::default() }),
        ("a page a fortnight ago", view::Wanted { to: Some(now_ms() - 14 * 86_400_000), ..view::Wanted::default() }),
    ] {
        let since = std::time::Instant::now();
        let found = view::page(&store, &wanted, 50).await.unwrap();
        say(&format!("{what} ({} rows)", found.len()), since);
    }
    let since = std::time::Instant::now();
    view::sums(&store, Book::Live, 0, now_ms(), &[view::Group::Day, view::Group::Key]).await.unwrap();
    say("sums by day and key", since);
    let since = std::time::Instant::now();
    let report = verify(&store).await.unwrap();
    say("verify", since);
    assert!(report.is_ok() && report.entries == u64::from(rows));
}
