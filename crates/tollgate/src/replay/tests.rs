//! The life of results on a real disk.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use super::*;
use bytes::Bytes;
use http::{HeaderValue, header};
use std::future::poll_fn;

const SMALL: Limits = Limits { results: 3, result: 300_000, bytes: 1_000_000, running: 4, ..LIMITS };

fn head() -> Head {
    let mut headers = Lines::default();
    headers.push(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Head { status: StatusCode::OK, headers, length: None }
}

async fn first(replays: &Arc<Replays>, name: u8, request: u128) -> (Run, Reader) {
    match replays.begin([name; 32], [name; 32], request).await {
        Ok(Begun::First(mut run, reader)) => {
            run.claim().await.unwrap();
            (run, reader)
        }
        Ok(Begun::Again(_)) => panic!("not the first"),
        Err(error) => panic!("{error}"),
    }
}

async fn again(replays: &Arc<Replays>, name: u8) -> Result<Reader, Refusal> {
    match replays.begin([name; 32], [name; 32], 999).await? {
        Begun::Again(reader) => Ok(reader),
        Begun::First(..) => panic!("the name is free"),
    }
}

/// All of it; whether it ended well.
async fn read(reader: &mut Reader) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    loop {
        match poll_fn(|cx| reader.poll_next(cx)).await {
            Next::Piece(piece) => all.extend_from_slice(&piece),
            Next::End => return (all, true),
            Next::Broken => return (all, false),
        }
    }
}

fn files(dir: &Path) -> Vec<String> {
    let mut files: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn everybody_reads_the_same_at_any_time() {
    let dir = tempfile::tempdir().unwrap();
    let replays = Replays::open_with(dir.path(), SMALL).unwrap();
    let (mut run, mut early) = first(&replays, 1, 7).await;
    run.begin(head());
    let mut late = Vec::new();
    let mut expected = Vec::new();
    for step in 0..200_u32 {
        let piece: Vec<u8> = (0..=step * 7).map(|i| (i * step).to_le_bytes()[0]).collect();
        expected.extend_from_slice(&piece);
        run.push(piece.into()).await.unwrap();
        if step % 50 == 0 {
            let mut reader = again(&replays, 1).await.unwrap();
            late.push(tokio::spawn(async move { read(&mut reader).await }));
        }
    }
    assert!(matches!(replays.begin([1; 32], [2; 32], 8).await, Err(Refusal::Other)));
    run.end(None, Bytes::from_static(b"last"), Fate::Kept).await;
    expected.extend_from_slice(b"last");
    assert_eq!(early.head().await.unwrap().status, StatusCode::OK);
    assert!(read(&mut early).await == (expected.clone(), true));
    for reader in late {
        assert!(reader.await.unwrap() == (expected.clone(), true));
    }
    drop(replays);
    // And after a restart.
    let replays = Replays::open_with(dir.path(), SMALL).unwrap();
    let mut reader = again(&replays, 1).await.unwrap();
    let found = reader.head().await.unwrap();
    assert_eq!(found.headers.text(&header::CONTENT_TYPE), Some("text/event-stream"));
    assert!(read(&mut reader).await == (expected, true));
    assert!(matches!(replays.begin([1; 32], [2; 32], 8).await, Err(Refusal::Other)));
}

#[tokio::test]
async fn what_did_not_end_stays_in_doubt() {
    let dir = tempfile::tempdir().unwrap();
    let replays = Replays::open_with(dir.path(), SMALL).unwrap();
    let (mut run, mut reader) = first(&replays, 1, 7).await;
    run.begin(head());
    run.push(Bytes::from(vec![1; 100_000])).await.unwrap();
    drop(run);
    assert!(!read(&mut reader).await.1);
    assert!(matches!(again(&replays, 1).await, Err(Refusal::Unfinished(7))));
    drop(replays);
    let replays = Replays::open_with(dir.path(), SMALL).unwrap();
    assert!(matches!(again(&replays, 1).await, Err(Refusal::Unfinished(7))));
    assert!(matches!(replays.begin([1; 32], [2; 32], 8).await, Err(Refusal::Other)));
    let label = Label { name: [1; 32], request: 7, done: false };
    assert_eq!(std::fs::metadata(label.path(dir.path())).unwrap().len(), CLAIM, "nobody reads half an answer");
}

#[tokio::test]
async fn a_freed_name_is_as_new() {
    let dir = tempfile::tempdir().unwrap();
    let replays = Replays::open_with(dir.path(), SMALL).unwrap();
    for (fate, well) in [(Fate::Free, true), (Fate::Broken, false)] {
        let (run, mut reader) = first(&replays, 1, 7).await;
        let mut joined = again(&replays, 1).await.unwrap();
        run.end(Some(head()), Bytes::from_static(b"sorry"), fate).await;
        for reader in [&mut reader, &mut joined] {
            assert_eq!(read(reader).await, (b"sorry".to_vec(), well));
        }
        assert!(files(dir.path()).is_empty());
    }
    assert_eq!(replays.running(), 0);
}

#[tokio::test]
async fn large_answers_pass_and_are_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let replays = Replays::open_with(dir.path(), SMALL).unwrap();
    let (mut run, mut reader) = first(&replays, 1, 7).await;
    run.begin(head());
    for _ in 0..4 {
        run.push(Bytes::from(vec![1; 100_000])).await.unwrap();
    }
    run.end(None, Bytes::new(), Fate::Kept).await;
    assert!(matches!(again(&replays, 1).await, Err(Refusal::TooLarge(7))));
    let (all, well) = read(&mut reader).await;
    assert!(well && all.len() == 400_000);
    let left = std::fs::metadata(Label { name: [1; 32], request: 7, done: true }.path(dir.path())).unwrap().len();
    assert_eq!((left, files(dir.path()).len()), (CLAIM, 1));
    drop(replays);
    let replays = Replays::open_with(dir.path(), SMALL).unwrap();
    assert!(matches!(again(&replays, 1).await, Err(Refusal::TooLarge(7))));
}

#[tokio::test]
async fn the_bounds_hold() {
    let dir = tempfile::tempdir().unwrap();
    let replays = Replays::open_with(dir.path(), SMALL).unwrap();
    for name in 1..=5 {
        let (run, _) = first(&replays, name, u128::from(name)).await;
        run.end(Some(head()), Bytes::from(vec![name; 1000]), Fate::Kept).await;
    }
    let gone = async {
        while files(dir.path()).len() > 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
    assert_eq!(read(&mut again(&replays, 5).await.unwrap()).await.0, vec![5; 1000]);
    let (run, _) = first(&replays, 1, 11).await;
    drop(run);
    // More than all of it may hold: the kept ones go, and then the answer passes no further than memory goes.
    let mut runs = Vec::new();
    for name in 10..14 {
        runs.push(first(&replays, name, u128::from(name)).await.0);
    }
    assert!(matches!(replays.begin([20; 32], [20; 32], 20).await, Err(Refusal::Busy)));
    let run = &mut runs[0];
    run.begin(head());
    let mut pushed = 0;
    while run.push(Bytes::from(vec![0; 100_000])).await.is_ok() {
        pushed += 1;
        assert!(pushed < 40, "no bound");
    }
    assert!(pushed > 15, "{pushed}");
    drop(runs);
    assert!(matches!(again(&replays, 10).await, Err(Refusal::Unfinished(10))));
}

#[tokio::test]
async fn a_claim_that_cannot_be_written_is_none() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("results");
    let replays = Replays::open_with(&dir, SMALL).unwrap();
    std::fs::remove_dir(&dir).unwrap();
    let Ok(Begun::First(mut run, mut reader)) = replays.begin([1; 32], [1; 32], 7).await else { panic!() };
    assert!(run.claim().await.is_err());
    run.end(Some(head()), Bytes::from_static(b"later"), Fate::Free).await;
    assert_eq!(read(&mut reader).await, (b"later".to_vec(), true));
    std::fs::create_dir(&dir).unwrap();
    drop(first(&replays, 1, 8).await);
    // Somebody tidied up: the name is free.
    std::fs::remove_dir_all(&dir).unwrap();
    std::fs::create_dir(&dir).unwrap();
    drop(first(&replays, 1, 9).await);
}

#[tokio::test]
async fn strange_files_are_left_alone_and_damaged_ones_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("README"), "mine").unwrap();
    let replays = Replays::open_with(dir.path(), SMALL).unwrap();
    let (run, _) = first(&replays, 1, 7).await;
    run.end(Some(head()), Bytes::from_static(b"good"), Fate::Kept).await;
    let label = Label { name: [1; 32], request: 7, done: true };
    let bytes = std::fs::read(label.path(dir.path())).unwrap();
    std::fs::write(label.path(dir.path()), &bytes[..bytes.len() - 1]).unwrap();
    // A claim that was cut while it was written: nothing ran under it.
    std::fs::write(Label { name: [2; 32], request: 8, done: false }.path(dir.path()), b"tgre").unwrap();
    let replays = Replays::open_with(dir.path(), SMALL).unwrap();
    assert!(matches!(again(&replays, 1).await, Err(Refusal::Unfinished(7))));
    drop(first(&replays, 2, 9).await);
    assert_eq!(std::fs::read(dir.path().join("README")).unwrap(), b"mine");
}

#[tokio::test]
async fn results_end_with_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let short = Limits { retention_ms: 50, ..SMALL };
    let replays = Replays::open_with(dir.path(), short).unwrap();
    let (run, _) = first(&replays, 1, 7).await;
    run.end(Some(head()), Bytes::from_static(b"a"), Fate::Kept).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    replays.sweep();
    assert!(files(dir.path()).is_empty());
    let (run, _) = first(&replays, 1, 8).await;
    run.end(Some(head()), Bytes::from_static(b"b"), Fate::Kept).await;
    assert_eq!(read(&mut again(&replays, 1).await.unwrap()).await.0, b"b");
}
