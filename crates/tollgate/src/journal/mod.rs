//! An append-only journal in files: what must not be lost before it is in the database.
//!
//! Knows nothing of what it holds. A record is in the kernel when [`Journal::append`] with [`Urgency::Now`] returns,
//! so that it survives the process; on stable storage some milliseconds later, together with others. Each thread
//! writes to its own segment (a lane), so that workers never wait for each other. Tasks of one thread that need
//! their records in the kernel share a write: [`Journal::stage`], then [`Journal::written`].
//!
//! ```text
//! append, stage ─▶ lane's buffer ─▶ write() into its segment ─▶ flusher: fdatasync, spares, deletion
//! ```

mod desk;
mod flusher;
mod lane;
mod record;
mod recover;
mod segment;

use std::cell::Cell;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

use desk::{Desk, RESERVE};
use lane::{Group, Lane};
pub use recover::Recovered;
use segment::Segment;

/// Largest payload, in bytes.
pub const MAX_RECORD: usize = 1 << 20;
/// Segments that lie ready besides the reserve: one a lane, within these limits. They last for as long as the disk
/// stalls.
const SPARES: (usize, usize) = (2, 8);
/// Longest wait for stable storage.
const MAX_SYNC: Duration = Duration::from_secs(5);

/// How soon a record must be out of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// When the call returns.
    Now,
    /// With the lane's next record that goes out, its next flush, or after some 40 ms.
    Soon,
}

/// Why the journal takes nothing.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A payload of no bytes: it would read as the end.
    #[error("a record without bytes cannot be in the journal")]
    Empty,
    /// Longer than [`MAX_RECORD`].
    #[error("a record of {0} bytes is too large for the journal")]
    TooLarge(usize),
    /// No segment is left: the disk is full or refuses. The log has the cause.
    #[error("the journal has no room")]
    Full,
    /// The disk refused.
    #[error("the journal cannot be written")]
    Io(#[from] io::Error),
    /// A file of another version of tollgate.
    #[error("{} was written by another version of tollgate; only that one can read it", .0.display())]
    Version(PathBuf),
    /// Stable storage took too long, or failed.
    #[error("the journal could not be synchronised in time")]
    NotSynced,
}

/// The journal of one data dir. Clones share it; the last one closes it.
#[derive(Clone)]
pub struct Journal(Arc<Handle>);

/// Holds a record's segment: its file stays until the last of these is dropped and the segment is full.
#[derive(Debug, Clone)]
pub struct Mark {
    segment: Arc<Segment>,
}

impl Mark {
    /// Whether both hold the same file.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.segment, &other.segment)
    }
}

/// A record that is to be written with others.
#[derive(Debug)]
pub struct Staged {
    group: Arc<Group>,
    lane: usize,
}

struct Handle {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Inner {
    dir: PathBuf,
    desk: Arc<Desk>,
    lanes: Vec<Mutex<Lane>>,
    /// Number of the next segment. Only the flusher makes them.
    next: AtomicU64,
    /// Rounds of synchronisation begun, and how they ended.
    begun: AtomicU64,
    rounds: watch::Sender<Round>,
}

/// The last round of synchronisation that ended, and the last that failed.
#[derive(Debug, Clone, Copy, Default)]
struct Round {
    ended: u64,
    failed: Option<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal {
    /// Opens the journal in `dir` (made with mode 0700 if absent) for so many threads, each with a segment of 4 MiB
    /// besides the spares. What an earlier process left is in the second value and stays on disk until its owner
    /// discards it. Fails if the first segments cannot be made: that is to be known at the start, not at the first
    /// request.
    pub fn open(dir: &Path, lanes: usize) -> Result<(Self, Recovered), JournalError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let recovered = Recovered::list(dir)?;
        let desk = Arc::new(Desk::new(lanes.clamp(SPARES.0, SPARES.1) + RESERVE));
        let first = recovered.last() + 1;
        let handle = Handle::start(dir, lanes.max(1), first, &desk).inspect_err(|_| desk.remove_unused())?;
        Ok((Self(Arc::new(handle)), recovered))
    }

    /// Appends a record of 1 to [`MAX_RECORD`] bytes; one that is refused will never be read. With `last_resort` the
    /// segment that is kept for a full disk may be used: for what ends requests, not for what begins them.
    pub fn append(&self, payload: &[u8], urgency: Urgency, last_resort: bool) -> Result<Mark, JournalError> {
        check(payload)?;
        let inner = &*self.0.inner;
        let appended = lock(inner.lane().1).append(&inner.desk, payload, urgency, last_resort);
        match appended {
            // Another thread may have taken the last segment, and have room in it.
            Err(JournalError::Full) if last_resort => inner
                .lanes
                .iter()
                .find_map(|lane| lock(lane).append(&inner.desk, payload, urgency, last_resort).ok())
                .ok_or(JournalError::Full),
            appended => appended,
        }
    }

    /// Takes a record that other tasks of this thread may write together with theirs. In the kernel only when
    /// [`Journal::written`] says so; if that is never asked, some milliseconds later, or not at all.
    pub fn stage(&self, payload: &[u8]) -> Result<Staged, JournalError> {
        check(payload)?;
        let inner = &*self.0.inner;
        let (number, lane) = inner.lane();
        Ok(Staged { group: lock(lane).stage(&inner.desk, payload), lane: number })
    }

    /// Waits until the tasks that can run now have staged theirs, and writes all of them. One that is refused will
    /// not be read, unless the disk fails in the middle and the process ends right then.
    pub async fn written(&self, staged: Staged) -> Result<Mark, JournalError> {
        if staged.group.outcome().is_none() {
            tokio::task::yield_now().await;
        }
        let inner = &*self.0.inner;
        if staged.group.outcome().is_none()
            && let Some(lane) = inner.lanes.get(staged.lane)
        {
            lock(lane).write_group(&inner.desk);
        }
        staged.group.outcome().unwrap_or(Err(JournalError::Full))
    }

    /// Writes out what this thread has buffered. Called before a worker sleeps.
    pub fn flush_lane(&self) {
        let inner = &*self.0.inner;
        // What fails here is tried again by the flusher.
        let _ = lock(inner.lane().1).write_out(&inner.desk, true);
    }

    /// Waits until everything appended so far is on stable storage, for 5 s at most. Many may wait for one
    /// synchronisation.
    pub async fn synced(&self) -> Result<(), JournalError> {
        let inner = &*self.0.inner;
        let mut rounds = inner.rounds.subscribe();
        // A round that begins after this finds everything written before it.
        let target = inner.begun.load(Ordering::SeqCst) + 1;
        if inner.desk.is_stopped() {
            return Err(JournalError::NotSynced);
        }
        inner.desk.hurry();
        let ended = rounds.wait_for(|round| round.ended >= target);
        match tokio::time::timeout(MAX_SYNC, ended).await {
            // The round that was under way may have been the one that lost it.
            Ok(Ok(round)) if round.failed.is_none_or(|failed| failed + 1 < target) => Ok(()),
            _ => Err(JournalError::NotSynced),
        }
    }

    /// Whether new requests can be written down. False from the first failure until a whole round of the flusher has
    /// worked, which it tries four times a second.
    pub fn is_healthy(&self) -> bool {
        self.0.inner.desk.is_healthy()
    }

    /// Its files: written to, waiting for their owners, and lying ready.
    pub fn files(&self) -> usize {
        // Each knows the desk.
        Arc::weak_count(&self.0.inner.desk)
    }

    /// Writes and synchronises everything and ends the flusher. Blocks for as long as the disk takes. What is
    /// appended afterwards is written at once while there is room, and no file is removed any more: the next start
    /// reads what the lanes hold.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Handle {
    /// Makes the first segments, then the flusher.
    fn start(dir: &Path, lanes: usize, first: u64, desk: &Arc<Desk>) -> io::Result<Self> {
        let mut inner = Inner {
            dir: dir.to_owned(),
            desk: Arc::clone(desk),
            lanes: Vec::with_capacity(lanes),
            next: AtomicU64::new(first),
            begun: AtomicU64::new(0),
            rounds: watch::Sender::new(Round::default()),
        };
        for _ in 0..lanes {
            let segment = inner.create()?;
            inner.lanes.push(Mutex::new(Lane::new(segment)));
        }
        // This makes the names of all of them durable.
        inner.refill()?;
        let inner = Arc::new(inner);
        let thread = std::thread::Builder::new().name("journal".into()).spawn({
            let inner = Arc::clone(&inner);
            move || flusher::run(&inner)
        })?;
        Ok(Self { inner, thread: Mutex::new(Some(thread)) })
    }

    fn close(&self) {
        self.inner.desk.stop();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // A flusher that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

fn check(payload: &[u8]) -> Result<(), JournalError> {
    match payload.len() {
        0 => Err(JournalError::Empty),
        1..=MAX_RECORD => Ok(()),
        more => Err(JournalError::TooLarge(more)),
    }
}

/// The number of this thread among all that ever asked for theirs.
pub fn thread_number() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
    }
    NUMBER.with(Cell::get)
}

impl Inner {
    fn lane(&self) -> (usize, &Mutex<Lane>) {
        let number = thread_number() % self.lanes.len();
        (number, &self.lanes[number])
    }

    fn create(&self) -> io::Result<Arc<Segment>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Segment::create(&self.dir, number, &self.desk).map(Arc::new)
    }

    /// Makes the spares that are wanted, or as many as there is room for. None is handed out before its name is
    /// durable.
    fn refill(&self) -> io::Result<()> {
        let mut made = Vec::new();
        let mut result = Ok(());
        while result.is_ok() && made.len() < self.desk.wanted() {
            result = self.create().map(|spare| made.push(spare));
        }
        if !made.is_empty() {
            File::open(&self.dir)?.sync_all()?;
            for spare in made {
                self.desk.add_spare(spare);
            }
        }
        result
    }
}

#[cfg(test)]
mod tests;
