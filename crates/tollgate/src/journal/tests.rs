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

/// Tasks of one thread that stage in the same round share one write, and each is in the file when it is told so.
#[tokio::test]
async fn staged_records_are_written_together() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), 1).unwrap();
    let before = read(dir.path()).0.len();
    let tasks = (1..=6).map(|n| {
        let (journal, dir) = (journal.clone(), dir.path().to_owned());
        async move {
            let staged = journal.stage(&payload(n)).unwrap();
            let (seen, torn) = read(&dir);
            let mark = journal.written(staged).await.unwrap();
            assert!(read(&dir).0.contains(&payload(n)));
            (seen.len(), torn, mark)
        }
    });
    let done = futures_util::future::join_all(tasks).await;
    // While the first of them waited, none had been written.
    assert!(done.iter().all(|(seen, torn, mark)| (*seen, *torn) == (before, 0) && mark.is_same(&done[0].2)));
    assert_eq!(read(dir.path()).0, (1..=6).map(payload).collect::<Vec<_>>());
    // One that nobody waits for goes out with the flusher.
    drop(journal.stage(&payload(7)).unwrap());
    drop(journal.append(&payload(8), Urgency::Soon, true).unwrap());
    eventually(|| read(dir.path()).0.len() == 8);
    journal.close();
}

#[test]
fn buffered_records_go_out_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), 1).unwrap();
    let _mark = journal.append(b"soon", Urgency::Soon, true).unwrap();
    eventually(|| !read(dir.path()).0.is_empty());
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
        while journal.append(&record, Urgency::Now, true).is_err() {
            // Faster than the flusher prepares segments.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    journal.close();
    // The first, the last one written to, and at most the spares: eight others have gone.
    assert!(files() <= 2 + SPARES.0 + RESERVE, "{}", files());
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
fn refuses_what_could_not_be_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), 1).unwrap();
    let huge = vec![1; MAX_RECORD + 1];
    assert!(matches!(journal.append(&huge, Urgency::Now, false), Err(JournalError::TooLarge(_))));
    assert!(matches!(journal.append(b"", Urgency::Now, false), Err(JournalError::Empty)));
    let mut marks = vec![journal.append(&huge[1..], Urgency::Soon, false).unwrap()];
    marks.push(journal.append(b"after", Urgency::Now, false).unwrap());
    assert_eq!(read(dir.path()).0, [huge[1..].to_vec(), b"after".to_vec()]);
}

/// Checkpoints of one request lie in several segments: the last one read must be the last one written.
#[test]
fn a_thread_is_read_in_its_order_over_many_segments() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), 1).unwrap();
    let mut marks = Vec::new();
    for n in 0..60_u32 {
        let mut record = vec![7; 700_000];
        record[..4].copy_from_slice(&n.to_le_bytes());
        loop {
            match journal.append(&record, Urgency::Now, n % 2 == 0) {
                Ok(mark) => break marks.push(mark),
                // Faster than the flusher prepares segments.
                Err(error) => assert!(matches!(error, JournalError::Full), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let numbers: Vec<_> = read(dir.path()).0.iter().map(|r| u32::from_le_bytes(r[..4].try_into().unwrap())).collect();
    assert_eq!(numbers, (0..60).collect::<Vec<_>>());
}

#[test]
fn what_comes_after_the_end_is_written_at_once_and_no_file_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), 1).unwrap();
    let before = journal.append(b"before", Urgency::Soon, true).unwrap();
    journal.close();
    let after = journal.append(b"after", Urgency::Soon, true).unwrap();
    drop((before, after, journal));
    assert_eq!(read(dir.path()).0, [b"before".to_vec(), b"after".to_vec()]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "spares go");
}

#[test]
fn files_of_another_version_are_refused_and_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = segment::path_of(dir.path(), 7);
    std::fs::write(&path, b"tgjrnl\0\x02what we cannot read").unwrap();
    assert!(matches!(Journal::open(dir.path(), 1), Err(JournalError::Version(named)) if named == path));
    assert!(path.exists());
}

#[test]
fn foreign_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["notes.txt", "7.journal", "000000000000000x.journal"] {
        std::fs::write(dir.path().join(name), b"not ours").unwrap();
    }
    let (_journal, recovered) = Journal::open(dir.path(), 1).unwrap();
    assert!(recovered.is_empty());
    recovered.discard().unwrap();
    assert!(dir.path().join("notes.txt").exists() && dir.path().join("7.journal").exists());
}

/// A directory that is not there stands for a disk that gives no room.
#[test]
fn without_room_only_what_ends_requests_is_taken_until_there_is_room_again() {
    let parent = tempfile::tempdir().unwrap();
    let (dir, away) = (parent.path().join("journal"), parent.path().join("away"));
    let (journal, _) = Journal::open(&dir, 2).unwrap();
    std::fs::rename(&dir, &away).unwrap();
    let record = vec![3; MAX_RECORD];
    let mut marks = Vec::new();
    let fill = |last_resort, marks: &mut Vec<Mark>| {
        let before = marks.len();
        loop {
            match journal.append(&record, Urgency::Now, last_resort) {
                Ok(mark) => marks.push(mark),
                Err(error) => break assert!(matches!(error, JournalError::Full), "{error}"),
            }
        }
        marks.len() - before
    };
    // Three records a segment: this thread's own and two spares.
    assert_eq!(fill(false, &mut marks), 9);
    // The reserve, and the room that the other thread has.
    assert_eq!(fill(true, &mut marks), 6);
    let started = std::time::Instant::now();
    assert!(journal.append(&record, Urgency::Now, false).is_err());
    assert!(started.elapsed() < Duration::from_millis(100));
    eventually(|| !journal.is_healthy());
    std::fs::rename(&away, &dir).unwrap();
    eventually(|| journal.is_healthy());
    marks.push(journal.append(&record, Urgency::Now, false).unwrap());
    assert_eq!(read(&dir), (vec![record; 16], 0));
}

#[test]
fn a_journal_that_cannot_begin_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    // The fourth segment's name is taken.
    std::fs::create_dir(segment::path_of(dir.path(), 4)).unwrap();
    std::fs::write(segment::path_of(dir.path(), 4).join("x"), b"").unwrap();
    assert!(matches!(Journal::open(dir.path(), 2), Err(JournalError::Io(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

fn eventually(mut what: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(5);
    while !what() {
        assert!(std::time::Instant::now() < end, "never happened");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A file as a lane writes it, and where each of its records ends.
fn file(records: u32) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = segment::MAGIC.to_vec();
    bytes.push(segment::VERSION);
    let mut ends = Vec::new();
    for n in 1..=records {
        record::write(&payload(n), &mut bytes);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// What is read of these bytes with unused space behind them: the first records as they were written, nothing else.
fn whole(dir: &Path, bytes: &[u8]) -> (usize, u64) {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len() + 64, 0);
    std::fs::write(segment::path_of(dir, 1), &padded).unwrap();
    let (all, torn) = read(dir);
    assert!(all.iter().zip(1..).all(|(found, n)| *found == payload(n)));
    (all.len(), torn)
}

/// Every offset of a small journal, more than 500 of them: what was whole before is read, nothing is made up.
#[test]
fn a_tail_torn_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, ends) = file(20);
    assert!(bytes.len() > 500);
    for cut in segment::START..bytes.len() {
        let before = ends.iter().filter(|end| **end <= cut).count();
        let start = before.checked_sub(1).map_or(segment::START, |last| ends[last]);
        // Zeros where bytes were may happen to be the bytes that were cut.
        let (found, torn) = whole(dir.path(), &bytes[..cut]);
        assert!(found == before || (found == before + 1 && bytes[cut..ends[before]].iter().all(|b| *b == 0)), "{cut}");
        assert_eq!(torn == 1, found == before && bytes[start..cut].iter().any(|b| *b != 0), "{cut}");
        let mut flipped = bytes.clone();
        flipped[cut] ^= 0x40;
        assert_eq!(whole(dir.path(), &flipped), (before, 1), "{cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn never_panics_and_never_makes_anything_up(foreign: Vec<u8>, at in 8..2000_usize, noise in "[\\x00-\\x7f]{1,40}") {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(segment::path_of(dir.path(), 1), &foreign).unwrap();
        prop_assert!(read(dir.path()).0.is_empty());
        let (mut bytes, ends) = file(30);
        let at = at.min(bytes.len() - 40);
        bytes[at..at + noise.len()].copy_from_slice(noise.as_bytes());
        let (found, _) = whole(dir.path(), &bytes);
        prop_assert!(found >= ends.iter().filter(|end| **end <= at).count());
    }
}
