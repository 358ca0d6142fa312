#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::apply::{Applier, Batch};
use super::find::{Cursor, Wanted};
use super::section::Section;
use super::verify::{verify, verify_showing};
use super::*;
use crate::accounts::Accounts;
use crate::clock::now_ms;
use crate::journal::Journal;
use crate::outcome::Outcome;
use crate::pricing::PriceBook;
use crate::store::{DataDir, Store};
use proptest::prelude::*;
use std::collections::HashMap;
use tollgate_protocol::usage::Usage;

pub(super) async fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    (dir, store)
}

pub(super) async fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(&DataDir::create(dir.path()).unwrap()).await.unwrap()
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

/// Books entries as a thread of so many at a time would, each lot some milliseconds after its last request came.
pub(super) async fn book_over_time(store: &Store, entries: &[Entry], at_once: usize) {
    let mut applier = Applier::new(store).await.unwrap();
    for lot in entries.chunks(at_once) {
        let mut section = Section::default();
        for entry in lot {
            section.push(entry, &mut Vec::new());
        }
        let last = lot.iter().map(|entry| entry.admitted_at).max().unwrap();
        applier.apply(store, &mut Batch::at(vec![section], last + 20)).await.unwrap();
    }
}

/// As the start of a process does it with what it finds in the journal.
async fn replayed(store: &Store, entries: Vec<Entry>) -> usize {
    let mut applier = Applier::new(store).await.unwrap();
    let mut new: HashMap<RequestId, Entry> = entries.into_iter().map(|entry| (entry.id, entry)).collect();
    replay::drop_known(store, &mut new).await.unwrap();
    let new: Vec<Entry> = new.into_values().collect();
    let count = new.len();
    replay::book(store, &mut applier, new).await.unwrap();
    count
}

#[derive(Debug, Clone)]
enum Step {
    /// Entries of these numbers as the journal gives them, some of them perhaps again.
    Replay(Vec<u32>),
    /// New entries, so many, in time; perhaps tried once more although the database had taken them.
    Apply(u32, bool),
    /// A transaction that never commits.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::vec(0..60_u32, 1..20).prop_map(Step::Replay),
        3 => (1..9_u32, any::<bool>()).prop_map(|(count, again)| Step::Apply(count, again)),
        1 => Just(Step::Crash),
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
            let mut expected: HashMap<u32, i64> = HashMap::new();
            let mut fresh = 1_000;
            let fixed: Vec<Entry> = (0..60).map(|n| entry(n, i64::from(n) * 31 % 97)).collect();
            for step in steps {
                match step {
                    Step::Replay(numbers) => {
                        let batch: Vec<Entry> = numbers.iter().map(|n| fixed[*n as usize].clone()).collect();
                        let before = expected.len();
                        for n in numbers {
                            expected.insert(n, fixed[n as usize].amount);
                        }
                        assert_eq!(replayed(&store, batch).await, expected.len() - before);
                    }
                    Step::Apply(count, again) => {
                        let mut section = Section::default();
                        for n in fresh..fresh + count {
                            let entry = entry(n, i64::from(n));
                            expected.insert(n, entry.amount);
                            section.push(&entry, &mut Vec::new());
                        }
                        fresh += count;
                        let mut batch = Batch::new(vec![section]);
                        let mut applier = Applier::new(&store).await.unwrap();
                        for _ in 0..=u32::from(again) {
                            applier.apply(&store, &mut batch).await.unwrap();
                        }
                    }
                    Step::Crash => drop(store.write().await.unwrap()),
                }
            }
            let report = verify(&store).await.unwrap();
            assert!(report.is_ok(), "{report:?}");
            assert_eq!(report.entries, expected.len() as u64);
            for book in [Book::Live, Book::Test] {
                let sums = view::sums(&store, book, [None; 5], 0, now_ms() + 1, &[]).await.unwrap();
                let of = |n: &u32| (n.is_multiple_of(7)) == (book == Book::Test);
                let due: i64 = expected.iter().filter(|(n, _)| of(n)).map(|(_, amount)| amount).sum();
                assert_eq!(sums[0]["cost_usd"].as_str().unwrap(), crate::money::print(due));
            }
        });
    }
}

/// Every entry is found by its id and once in the pages of every filter, whether it was booked soon or late.
#[tokio::test]
async fn whatever_is_asked_for_is_found_once() {
    let (_dir, store) = store().await;
    with_price(&store).await;
    let mut all: Vec<Entry> = (0..700).map(|n| entry(n, i64::from(n))).collect();
    for (n, entry) in all.iter_mut().enumerate() {
        entry.outcome = if n % 90 == 3 { Outcome::StreamBroken } else { Outcome::Completed };
        entry.basis = if n % 50 == 7 { Basis::Recovered } else { Basis::Provider };
        entry.detail.attempts = u32::try_from(n).unwrap();
    }
    // A minute apart and booked ten at a time: of each ten the first seven are strays. The others come hours late.
    book_over_time(&store, &all[..600], 10).await;
    assert_eq!(replayed(&store, all.clone()).await, 100);
    for entry in all.iter().step_by(13) {
        let (found, kept) = find::get(&store, entry.id).await.unwrap().unwrap();
        assert!(kept && found == *entry, "{found:?}");
    }
    assert!(find::get(&store, RequestId(all[3].id.0 + 1)).await.unwrap().is_none());
    let at = |n: usize| all[n].admitted_at;
    let wanted = |wanted: Wanted, is: fn(&Entry) -> bool| (wanted, is);
    let key = Some("key_1".to_owned());
    for (wanted, is) in [
        wanted(Wanted::default(), |_| true),
        wanted(Wanted { key: key.clone(), ..Wanted::default() }, |entry| &*entry.series.key_id == "key_1"),
        wanted(Wanted { book: Some(Book::Test), ..Wanted::default() }, |entry| entry.series.book == Book::Test),
        wanted(Wanted { status: Some((500, 599)), ..Wanted::default() }, |entry| entry.status == 500),
        wanted(Wanted { status: Some((200, 200)), ..Wanted::default() }, |entry| entry.status == 200),
        wanted(Wanted { status: Some((400, 499)), ..Wanted::default() }, |_| false),
        wanted(Wanted { basis: Some(Basis::Recovered), key, ..Wanted::default() }, |entry| {
            entry.basis == Basis::Recovered && &*entry.series.key_id == "key_1"
        }),
        wanted(Wanted { outcome: Some(Outcome::StreamBroken), ..Wanted::default() }, |entry| {
            entry.outcome == Outcome::StreamBroken
        }),
    ] {
        for (from, to) in [(None, None), (Some(at(100)), Some(at(101))), (None, Some(at(330))), (Some(at(590)), None)] {
            let mut wanted = Wanted { from, to, ..wanted.clone() };
            let within = |entry: &&Entry| {
                from.is_none_or(|from| entry.admitted_at >= from) && to.is_none_or(|to| entry.admitted_at < to)
            };
            let mut due: Vec<_> = all.iter().filter(within).filter(|entry| is(entry)).map(|entry| entry.id).collect();
            let mut found = Vec::new();
            loop {
                let page = find::page(&store, &wanted, 7).await.unwrap();
                assert!(page.found.len() <= 7);
                found.extend(page.found.iter().map(|(entry, _)| entry.id));
                let Some(next) = page.next else { break };
                wanted.after = Cursor::parse(&next.to_string());
                assert_eq!(wanted.after, Some(next));
            }
            found.sort_unstable();
            due.sort_unstable();
            assert_eq!(found, due, "{wanted:?}");
        }
    }
    let mut seen = Vec::new();
    let report = verify_showing(&store, &mut |at| seen.push(at)).await.unwrap();
    assert!(seen.is_sorted_by_key(|at| (at.blocks, at.entries)), "{seen:?}");
    assert!(seen.last().is_some_and(|at| at.blocks == at.of_blocks && at.entries == 700), "{seen:?}");
    assert!(report.is_ok() && report.entries == 700, "{report:?}");
}

/// The tail of a killed process's journal is torn at 50 offsets, or 500 with `TOLLGATE_LONG`: the start books what is
/// whole, once, and the books add up.
#[tokio::test]
async fn books_add_up_whatever_is_torn_off_the_journal() {
    let cuts = if std::env::var_os("TOLLGATE_LONG").is_some_and(|value| !value.is_empty()) { 500 } else { 50 };
    let (dir, store) = store().await;
    with_price(&store).await;
    // Three requests end and one does not; nothing of them reaches the database that the next process finds.
    let template = dir.path().join("template.db");
    store.close().await;
    std::fs::copy(dir.path().join("tollgate.db"), &template).unwrap();
    let store = open(&dir).await;
    let (prices, accounts) = (PriceBook::catalogue(), Accounts::default());
    let ledger = Ledger::open(dir.path(), 1, false, &store, prices, &accounts).await.unwrap();
    let mut requests = Vec::new();
    for n in 0..4 {
        let (mut begun, done) = (entry(n, 7), entry(n, 10));
        (begun.basis, begun.usage.output_tokens) = (Basis::Recovered, 7);
        let mark = ledger.begun(ledger.begin(&begun).unwrap()).await.unwrap();
        requests.push((done, mark));
    }
    let mut marks = Vec::new();
    for (n, (done, mark)) in requests.into_iter().enumerate() {
        if n < 3 {
            ledger.settle(&done, None);
        }
        marks.push(mark);
    }
    ledger.flush_lane();
    let journal = std::fs::read_dir(dir.path().join("journal")).unwrap().map(|file| file.unwrap().path());
    let bytes = journal.map(|path| std::fs::read(path).unwrap()).find(|bytes| bytes[8..].iter().any(|b| *b != 0));
    let bytes = bytes.expect("something was written");
    let end = bytes.iter().rposition(|b| *b != 0).unwrap() + 1;
    assert!(end > 500, "{end} bytes");
    ledger.close();
    store.close().await;

    let mut seen = std::collections::BTreeSet::new();
    for n in 0..=cuts {
        let cut = 8 + (end - 8) * n / cuts;
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("journal")).unwrap();
        // The file has its whole size from the beginning: behind the tear are zeros.
        let mut torn = bytes.clone();
        torn[cut..].fill(0);
        std::fs::write(dir.path().join("journal/0000000000000001.journal"), &torn).unwrap();
        std::fs::copy(&template, dir.path().join("tollgate.db")).unwrap();
        let store = open(&dir).await;
        let (journal, recovered) = Journal::open(&dir.path().join("journal"), 1).unwrap();
        replay::replay(&store, &mut Applier::new(&store).await.unwrap(), recovered).await.unwrap();
        journal.close();
        let report = verify(&store).await.unwrap();
        assert!(report.is_ok(), "{cut}: {report:?}");
        let page = find::page(&store, &Wanted::default(), 100).await.unwrap();
        let (mut exact, mut recovered) = (0, 0);
        for (entry, _) in page.found {
            match entry.basis {
                Basis::Provider => exact += 1,
                Basis::Recovered => recovered += 1,
                basis => panic!("{basis:?}"),
            }
            assert_eq!(entry.amount, if entry.basis == Basis::Provider { 10 } else { 7 });
        }
        seen.insert((exact, recovered));
        store.close().await;
    }
    // From nothing over what was begun to what was ended, one record after the other.
    let due = [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 3), (2, 2), (3, 1)];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), due);
}

/// `cargo test --release -p tollgate --lib ledger_at_size -- --ignored --nocapture`: fills the books with
/// `TOLLGATE_ROWS` (default 2,000,000) entries and says how long what takes.
#[tokio::test]
#[ignore = "takes minutes; run by hand"]
#[allow(clippy::cast_precision_loss, reason = "for people")]
async fn ledger_at_size() {
    let rows: u32 = std::env::var("TOLLGATE_ROWS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000_000);
    let (dir, store) = store().await;
    with_price(&store).await;
    let start = now_ms() - 30 * 86_400_000;
    let span = 30 * 86_400_000 / i64::from(rows).max(1);
    let mut spent = std::time::Duration::ZERO;
    for first in (0..rows).step_by(20_000) {
        let batch: Vec<Entry> = (first..(first + 20_000).min(rows))
            .map(|n| {
                let mut entry = entry(n, 10);
                let at = start + i64::from(n) * span;
                entry.id = RequestId(u128::from(at.unsigned_abs()) << 80 | u128::from(n));
                entry.admitted_at = at;
                entry.status = if n == rows / 2 { 503 } else { 200 };
                entry.series.key_id =
                    if n.is_multiple_of(100_000) { "key_rare".into() } else { format!("key_{}", n % 50).into() };
                entry.detail.upstream_id = Some(format!("chatcmpl-{n:032x}"));
                entry
            })
            .collect();
        let clock = std::time::Instant::now();
        // As many as come in a quarter of a second at 2,000 a second.
        book_over_time(&store, &batch, 500).await;
        spent += clock.elapsed();
    }
    let say = |what: &str, since: std::time::Instant| {
        println!("{what}: {:.1} ms", since.elapsed().as_secs_f64() * 1e3);
    };
    let size: u64 = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    println!(
        "{rows} entries: {:.2} us and {:.0} bytes an entry",
        spent.as_secs_f64() * 1e6 / f64::from(rows),
        size as f64 / f64::from(rows)
    );
    for (what, wanted) in [
        ("newest page", Wanted::default()),
        ("page of a busy key", Wanted { key: Some("key_7".into()), ..Wanted::default() }),
        ("all of a rare key", Wanted { key: Some("key_rare".into()), ..Wanted::default() }),
        ("the one error", Wanted { status: Some((500, 599)), ..Wanted::default() }),
        ("no error", Wanted { status: Some((400, 499)), ..Wanted::default() }),
        ("a status that is not looked up", Wanted { status: Some((206, 206)), ..Wanted::default() }),
        ("a page of the sandbox", Wanted { book: Some(Book::Test), ..Wanted::default() }),
        ("a page of a project", Wanted { project: Some("proj_default".into()), ..Wanted::default() }),
        ("a project that is not there", Wanted { project: Some("proj_x".into()), ..Wanted::default() }),
        ("a page of an endpoint", Wanted { endpoint: Some("/v1/chat/completions".into()), ..Wanted::default() }),
        ("a page of a model", Wanted { model: Some("x".into()), ..Wanted::default() }),
        ("a page of a provider", Wanted { provider: Some("p1".into()), ..Wanted::default() }),
        ("what was recovered", Wanted { basis: Some(Basis::Recovered), ..Wanted::default() }),
        ("what was counted", Wanted { basis: Some(Basis::Provider), ..Wanted::default() }),
        ("streams that broke", Wanted { outcome: Some(Outcome::StreamBroken), ..Wanted::default() }),
        (
            "an hour a fortnight ago",
            Wanted {
                from: Some(now_ms() - 14 * 86_400_000),
                to: Some(now_ms() - 14 * 86_400_000 + 3_600_000),
                ..Wanted::default()
            },
        ),
        (
            "a rare key in an hour",
            Wanted {
                key: Some("key_rare".into()),
                from: Some(now_ms() - 14 * 86_400_000),
                to: Some(now_ms() - 14 * 86_400_000 + 3_600_000),
                ..Wanted::default()
            },
        ),
        (
            "a busy key's unlisted status",
            Wanted { key: Some("key_7".into()), status: Some((206, 206)), ..Wanted::default() },
        ),
        ("a page a fortnight ago", Wanted { to: Some(now_ms() - 14 * 86_400_000), ..Wanted::default() }),
    ] {
        let since = std::time::Instant::now();
        let page = find::page(&store, &wanted, 50).await.unwrap();
        // Whatever is asked for, the work of a page is bounded, however many rows there are.
        assert!(since.elapsed() < std::time::Duration::from_secs(5), "{what}: {:?}", since.elapsed());
        say(&format!("{what} ({} rows{})", page.found.len(), if page.next.is_some() { ", more" } else { "" }), since);
    }
    let one =
        find::page(&store, &Wanted { to: Some(now_ms() - 9 * 86_400_000), ..Wanted::default() }, 1).await.unwrap();
    let since = std::time::Instant::now();
    assert!(find::get(&store, one.found[0].0.id).await.unwrap().is_some());
    say("one by its id", since);
    let since = std::time::Instant::now();
    view::sums(&store, Book::Live, [None; 5], 0, now_ms(), &[view::Group::Day, view::Group::Key]).await.unwrap();
    say("sums by day and key", since);
    let since = std::time::Instant::now();
    let report = verify(&store).await.unwrap();
    say("verify", since);
    assert!(report.is_ok() && report.entries == u64::from(rows));
}
