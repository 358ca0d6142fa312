//! The journal of a process that is killed, and of one whose disk refuses. Both are this test binary, run again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tollgate::journal::{Journal, JournalError, Urgency};

/// Says to a child where its journal is; without it, a child does nothing.
const DIR: &str = "JOURNAL_TEST_DIR";
const THREADS: u32 = 3;

/// Runs one of the ignored tests below in a process of its own.
fn child(test: &str, dir: &Path) -> Child {
    // A write above the size limit then fails instead of killing.
    Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn dir() -> Option<PathBuf> {
    std::env::var_os(DIR).map(PathBuf::from)
}

fn all(dir: &Path) -> Vec<Vec<u8>> {
    let (_journal, mut recovered) = Journal::open(dir, 1).unwrap();
    let mut all = Vec::new();
    recovered.read(|payload| all.push(payload.to_vec())).unwrap();
    all
}

fn record(round: u32, thread: u32, n: u32) -> Vec<u8> {
    let mut bytes = [round, thread, n].map(u32::to_le_bytes).concat();
    bytes.resize(12 + (n as usize * 37) % 900, 0xAA);
    bytes
}

fn numbers(payload: &[u8]) -> (u32, u32, u32) {
    let number = |at: usize| u32::from_le_bytes(payload[at..at + 4].try_into().unwrap());
    let numbers = (number(0), number(4), number(8));
    assert_eq!(payload, record(numbers.0, numbers.1, numbers.2), "a record that nobody wrote");
    numbers
}

/// Appends until it is killed; every third record is buffered. Acknowledges those that were not.
#[test]
#[ignore = "a child of the test below"]
fn appends_until_killed() {
    let Some(dir) = dir() else { return };
    let round = std::fs::read_dir(&dir).unwrap().count() as u32;
    let (journal, _) = Journal::open(&dir, THREADS as usize).unwrap();
    println!("\nround {round}");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let journal = &journal;
            scope.spawn(move || {
                let mut marks = Vec::new();
                for n in 0..1_000_000 {
                    let urgency = if n % 3 == 0 { Urgency::Soon } else { Urgency::Now };
                    loop {
                        match journal.append(&record(round, thread, n), urgency, true) {
                            Ok(mark) => break marks.push(mark),
                            Err(error) => assert!(matches!(error, JournalError::Full), "{error}"),
                        }
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    if urgency == Urgency::Now {
                        writeln!(std::io::stdout(), "{thread} {n}").unwrap();
                    }
                }
            });
        }
    });
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::new();
    for kill in 0..12_u64 {
        let mut child = child("journal::appends_until_killed", dir.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let round: u32 = lines.find_map(|line| line.strip_prefix("round ").map(|n| n.parse().unwrap())).unwrap();
        let end = Instant::now() + Duration::from_millis(5 + kill * 17 % 97);
        let mut killed = false;
        // What is still in the pipe after the kill counts, too.
        for line in lines {
            if let Some((thread, n)) = line.split_once(' ').and_then(|(t, n)| Some((t.parse().ok()?, n.parse().ok()?)))
            {
                let _: Option<u32> = acknowledged.insert((round, thread), n);
            }
            if !killed && Instant::now() > end {
                killed = true;
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(killed, "the child ended by itself");
    }
    let mut found: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for payload in all(dir.path()) {
        let (round, thread, n) = numbers(&payload);
        let next = found.entry((round, thread)).or_default();
        assert_eq!(n, *next, "of each thread all records are there, in their order, once");
        *next += 1;
    }
    assert!(acknowledged.len() > 12);
    for (of, last) in acknowledged {
        assert!(found.get(&of).is_some_and(|next| *next > last), "{of:?}: {last} was acknowledged, {found:?}");
    }
}

/// Lowers the largest size of a file under a running journal: a write is cut short there, and the next one fails.
#[test]
#[ignore = "a child of the test below"]
fn meets_a_disk_that_refuses() {
    let Some(dir) = dir() else { return };
    let (journal, _) = Journal::open(&dir, 1).unwrap();
    let whole = rustix::process::getrlimit(rustix::process::Resource::Fsize);
    let limit = |bytes| {
        let limits = rustix::process::Rlimit { current: bytes, maximum: whole.maximum };
        rustix::process::setrlimit(rustix::process::Resource::Fsize, limits).unwrap();
    };
    let (mut marks, mut written, mut next) = (Vec::new(), Vec::new(), 0);
    let mut fill = |last_resort: bool, written: &mut Vec<u32>| {
        let before = written.len();
        for _ in 0..1_000 {
            next += 1;
            let urgency = if next % 3 == 0 { Urgency::Soon } else { Urgency::Now };
            match journal.append(&record(0, 0, next), urgency, last_resort) {
                Ok(mark) => {
                    marks.push(mark);
                    written.push(next);
                }
                Err(error) => {
                    assert!(matches!(error, JournalError::Full), "{error}");
                    break;
                }
            }
        }
        written.len() - before
    };
    assert!(fill(false, &mut written) == 1_000);
    // The segment in use is beyond this already: its records move on to the spares, which fill up to it.
    limit(Some(20_000));
    assert!(fill(false, &mut written) > 20);
    assert!(!journal.is_healthy());
    assert!(fill(true, &mut written) > 10, "the reserve");
    limit(whole.current);
    let end = Instant::now() + Duration::from_secs(5);
    while !journal.is_healthy() {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(fill(false, &mut written) == 1_000);
    drop(journal);
    let mut found: Vec<_> = all(&dir).iter().map(|payload| numbers(payload).2).collect();
    // A record whose write was cut short may be there twice, and in its order both times.
    found.dedup();
    found.sort_unstable();
    found.dedup();
    let lost: Vec<_> = written.iter().filter(|n| found.binary_search(n).is_err()).collect();
    let refused: Vec<_> = found.iter().filter(|n| written.binary_search(n).is_err()).collect();
    assert!(lost.is_empty() && refused.is_empty(), "lost: {lost:?}, there though refused: {refused:?}");
}

#[test]
fn records_move_on_when_a_segment_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let done = child("journal::meets_a_disk_that_refuses", dir.path()).wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    assert!(String::from_utf8_lossy(&done.stdout).contains("1 passed"));
}
