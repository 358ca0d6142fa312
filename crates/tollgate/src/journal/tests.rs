#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::*;
use proptest::prelude::*;

fn read(dir: &Path) -> (Vec<Vec<u8>>, u64) {
    let mut recovered = Recovered::list(dir).unwrap();
    let mut all = Vec::new();
    recovered.read(|payload| all.push(payload.to_vec())).unwrap();
    (all, recovered.torn())
}

fn payload(n: u32) -> Vec<u8> {
    n.to_le_bytes().repeat(1 + usize::try_from(n % 90).unwrap())
}

#[test]
fn what_was_appended_now_is_in_the_files_before_anything_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, recovered) = Journal::open(dir.path(), 1).unwrap();
    assert!(recovered.is_empty());
    let mut marks = Vec::new();
    for n in 1..100 {
        marks.push(journal.append(&payload(n), Urgency::Soon, true).unwrap());
    }
    marks.push(journal.append(&payload(100), Urgency::Now, false).unwrap());
    assert_eq!(read(dir.path()), ((1..=100).map(payload).collect(), 0));
    marks.push(journal.append(&payload(101), Urgency::Soon, true).unwrap());
    journal.flush_lane();
    assert_eq!(read(dir.path()).0.len(), 101);
    journal.close();
}

#[test]
fn buffered_records_go_out_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), 1).unwrap();
    let _mark = journal.append(b"soon", Urgency::Soon, true).unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(5);
    while read(dir.path()).0.is_empty() && std::time::Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(read(dir.path()).0, [b"soon"]);
}

#[test]
fn segments_go_when_nothing_of_them_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let files = || std::fs::read_dir(dir.path()).unwrap().count();
    let (journal, _) = Journal::open(dir.path(), 1).unwrap();
    let record = vec![1; 100_000];
    let kept = journal.append(b"kept", Urgency::Now, false).unwrap();
    for _ in 0..400 {
        journal.append(&record, Urgency::Now, true).unwrap();
    }
    journal.close();
    // The first, the last one written to, and at most the spares: ten others have gone.
    assert!(files() <= 2 + SPARES, "{}", files());
    assert!(read(dir.path()).0.contains(&b"kept".to_vec()));
    drop(kept);
    drop(journal);
}

#[tokio::test]
async fn waits_for_stable_storage() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), 2).unwrap();
    for n in 1..50 {
        let _mark = journal.append(&payload(n), Urgency::Now, false).unwrap();
        journal.synced().await.unwrap();
    }
    journal.close();
    assert!(matches!(journal.synced().await, Err(JournalError::NotSynced)));
}

#[test]
fn a_later_process_reads_all_threads_and_discards() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), 4).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let journal = &journal;
            scope.spawn(move || {
                for n in 1..=1000 {
                    // Marks are dropped at once: what is not full stays.
                    journal.append(&payload(thread * 1000 + n), Urgency::Soon, true).unwrap();
                }
            });
        }
    });
    journal.close();
    let (again, mut recovered) = Journal::open(dir.path(), 4).unwrap();
    let mut count = 0;
    recovered.read(|_| count += 1).unwrap();
    assert_eq!((count, recovered.torn()), (4000, 0));
    recovered.discard().unwrap();
    let _mark = again.append(b"new", Urgency::Now, false).unwrap();
    assert_eq!(read(dir.path()).0, [b"new"]);
}

#[test]
fn refuses_what_is_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), 1).unwrap();
    let huge = vec![0; MAX_RECORD + 1];
    assert!(matches!(journal.append(&huge, Urgency::Now, false), Err(JournalError::TooLarge(_))));
}

/// Every offset of a small journal's tail, more than 500 of them: what was whole before is read, nothing else is.
#[test]
fn a_tail_torn_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = MAGIC_BYTES.to_vec();
    let mut ends = vec![bytes.len()];
    for n in 1..=40 {
        record::write(&payload(n), &mut bytes);
        ends.push(bytes.len());
    }
    let path = Segment::path_of(dir.path(), 1);
    let mut offsets = 0;
    for cut in MAGIC_BYTES.len()..bytes.len() {
        offsets += 1;
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        let mut torn = bytes[..cut].to_vec();
        torn.resize(bytes.len() + 64, 0);
        std::fs::write(&path, &torn).unwrap();
        let all = read(dir.path()).0;
        // Zeros where bytes were may happen to be the bytes that were cut.
        assert!(all.len() >= whole && all.iter().zip(1..).all(|(found, n)| *found == payload(n)), "{cut}");
        let mut flipped = bytes.clone();
        flipped[cut] ^= 0x40;
        std::fs::write(&path, &flipped).unwrap();
        // A flipped length may hide what follows, but never make something up.
        let all = read(dir.path()).0;
        assert!(all.len() == whole && all.iter().zip(1..).all(|(found, n)| *found == payload(n)), "{cut}");
    }
    assert!(offsets >= 500, "{offsets}");
}

const MAGIC_BYTES: &[u8] = segment::MAGIC;

proptest! {
    #[test]
    fn never_panics_on_foreign_bytes(bytes: Vec<u8>) {
        let mut rest = &bytes[..];
        while let Some((_, after)) = record::read(rest) {
            rest = after;
        }
    }
}
