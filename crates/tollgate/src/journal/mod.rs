//! An append-only journal in files: what must not be lost before it is in the database.
//!
//! Knows nothing of what it holds. A record is in the kernel when [`Journal::append`] with [`Urgency::Now`] returns,
//! so that it survives the process; on stable storage some milliseconds later, together with others. Each thread
//! writes to its own segment (a lane), so that workers never wait for each other.
//!
//! ```text
//! append ─▶ lane's buffer ─▶ write() into its segment ─▶ flusher: fdatasync, spares, deletion
//! ```

mod flusher;
mod record;
mod recover;
mod segment;

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

pub use recover::Recovered;
use segment::{SEGMENT, Segment, Trash};

/// Largest payload, in bytes.
pub const MAX_RECORD: usize = 1 << 20;
/// A lane's buffered records are written out at this size, in bytes.
const MAX_BUFFER: usize = 16 * 1024;
/// Records that could not be written are kept up to this size, in bytes; the database has them by another way.
const MAX_STUCK: usize = 1 << 20;
/// Prepared segments; the last of them is for settlements only.
const SPARES: usize = 2;
/// Longest wait for stable storage.
const MAX_SYNC: Duration = Duration::from_secs(5);

/// How soon a record must be out of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// When the call returns.
    Now,
    /// With the lane's next record, its next flush, or after 5 ms.
    Soon,
}

/// Why the journal takes nothing.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Longer than [`MAX_RECORD`].
    #[error("a record of {0} bytes is too large for the journal")]
    TooLarge(usize),
    /// The disk refused.
    #[error("the journal cannot be written")]
    Io(#[from] io::Error),
    /// Stable storage took too long.
    #[error("the journal could not be synchronised in time")]
    NotSynced,
}

/// The journal of one data dir. Clones share it.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

/// Holds a record's segment: its file stays until the last of these is dropped and the segment is full.
#[derive(Debug, Clone)]
pub struct Mark {
    _segment: Arc<Segment>,
}

struct Inner {
    dir: PathBuf,
    lanes: Vec<Mutex<Lane>>,
    next: AtomicU64,
    spares: Mutex<Vec<Arc<Segment>>>,
    trash: Arc<Trash>,
    healthy: AtomicBool,
    /// Something waits for the flusher.
    pending: AtomicBool,
    /// Somebody waits for stable storage.
    urgent: AtomicBool,
    stop: AtomicBool,
    bell: (Mutex<()>, Condvar),
    /// Rounds of synchronisation begun and ended.
    begun: AtomicU64,
    ended: watch::Sender<u64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What one thread writes to.
#[derive(Default)]
struct Lane {
    segment: Option<Arc<Segment>>,
    /// Bytes of the segment that are written.
    at: u64,
    /// Records that belong behind those.
    buffer: Vec<u8>,
    /// Written since the last synchronisation.
    dirty: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal {
    /// Opens the journal in `dir` (made if absent) for so many threads. What an earlier process left is in the
    /// second value and stays on disk until its owner discards it.
    pub fn open(dir: &Path, lanes: usize) -> Result<(Self, Recovered), JournalError> {
        std::fs::create_dir_all(dir)?;
        let recovered = Recovered::list(dir)?;
        let inner = Arc::new(Inner {
            dir: dir.to_owned(),
            lanes: std::iter::repeat_with(Mutex::default).take(lanes.max(1)).collect(),
            next: AtomicU64::new(recovered.last() + 1),
            spares: Mutex::default(),
            trash: Arc::default(),
            healthy: AtomicBool::new(true),
            pending: AtomicBool::new(true),
            urgent: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            bell: (Mutex::new(()), Condvar::new()),
            begun: AtomicU64::new(0),
            ended: watch::Sender::new(0),
            thread: Mutex::default(),
        });
        // A journal that cannot be written is to be known at the start, not at the first request.
        let first = inner.create()?;
        lock(&inner.spares).push(first);
        let thread = std::thread::Builder::new().name("journal".into()).spawn({
            let inner = Arc::clone(&inner);
            move || flusher::run(&inner)
        })?;
        *lock(&inner.thread) = Some(thread);
        Ok((Self(inner), recovered))
    }

    /// Appends a record. With `last_resort` the segment that is kept for a full disk may be used: for what ends
    /// requests, not for what begins them.
    pub fn append(&self, payload: &[u8], urgency: Urgency, last_resort: bool) -> Result<Mark, JournalError> {
        if payload.len() > MAX_RECORD {
            return Err(JournalError::TooLarge(payload.len()));
        }
        let inner = &*self.0;
        let mut lane = lock(inner.lane());
        let segment = lane.room(inner, record::size(payload), last_resort)?;
        let before = lane.buffer.len();
        record::write(payload, &mut lane.buffer);
        if (urgency == Urgency::Now || lane.buffer.len() >= MAX_BUFFER)
            && let Err(error) = lane.write_out(inner)
        {
            // A record that begins a request must not be there if the request is refused.
            if urgency == Urgency::Now {
                lane.buffer.truncate(before);
            }
            return Err(error.into());
        }
        drop(lane);
        inner.ring();
        Ok(Mark { _segment: segment })
    }

    /// Writes out what this thread has buffered. Called before a worker sleeps.
    pub fn flush_lane(&self) {
        let mut lane = lock(self.0.lane());
        if !lane.buffer.is_empty() {
            // What fails here is tried again by the flusher.
            let _ = lane.write_out(&self.0);
        }
    }

    /// Waits until everything appended so far is on stable storage.
    pub async fn synced(&self) -> Result<(), JournalError> {
        let inner = &*self.0;
        let mut ended = inner.ended.subscribe();
        // A round that begins after this reads everything written before it.
        let target = inner.begun.load(Ordering::SeqCst) + 1;
        inner.urgent.store(true, Ordering::SeqCst);
        inner.ring_loudly();
        let wait = ended.wait_for(|round| *round >= target);
        match tokio::time::timeout(MAX_SYNC, wait).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(JournalError::NotSynced),
        }
    }

    /// Whether new requests can be written down.
    pub fn is_healthy(&self) -> bool {
        self.0.healthy.load(Ordering::Relaxed)
    }

    /// Writes and synchronises everything, and ends the flusher.
    pub fn close(&self) {
        self.0.stop.store(true, Ordering::SeqCst);
        self.0.ring_loudly();
        let thread = lock(&self.0.thread).take();
        if let Some(thread) = thread {
            // A flusher that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Inner {
    fn lane(&self) -> &Mutex<Lane> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static NUMBER: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
        }
        let number = NUMBER.with(Cell::get) % self.lanes.len();
        &self.lanes[number]
    }

    fn create(&self) -> io::Result<Arc<Segment>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Segment::create(&self.dir, number, &self.trash).map(Arc::new)
    }

    /// A fresh segment: a prepared one, or one made now.
    fn fresh(&self, last_resort: bool) -> io::Result<Arc<Segment>> {
        {
            let mut spares = lock(&self.spares);
            if (spares.len() > 1 || last_resort)
                && let Some(spare) = spares.pop()
            {
                return Ok(spare);
            }
        }
        self.create().inspect_err(|_| self.healthy.store(false, Ordering::Relaxed))
    }

    /// Lets the flusher know that there is work; costs nothing if it knows.
    fn ring(&self) {
        if !self.pending.swap(true, Ordering::SeqCst) {
            self.ring_loudly();
        }
    }

    fn ring_loudly(&self) {
        self.pending.store(true, Ordering::SeqCst);
        let _held = lock(&self.bell.0);
        self.bell.1.notify_one();
    }
}

impl Lane {
    /// The segment in which a record of `size` bytes has its place.
    fn room(&mut self, inner: &Inner, size: usize, last_resort: bool) -> io::Result<Arc<Segment>> {
        let end = self.at + self.buffer.len() as u64 + size as u64;
        match &self.segment {
            Some(segment) if end <= SEGMENT && !segment.is_broken() => return Ok(Arc::clone(segment)),
            _ => {}
        }
        if self.segment.as_ref().is_some_and(|segment| !segment.is_broken()) {
            self.write_out(inner)?;
        }
        let fresh = inner.fresh(last_resort)?;
        if let Some(full) = self.segment.take()
            && self.dirty
        {
            full.needs_sync();
            inner.trash.closed(full);
        }
        self.at = Segment::START;
        self.dirty = false;
        Ok(Arc::clone(self.segment.insert(fresh)))
    }

    fn write_out(&mut self, inner: &Inner) -> io::Result<()> {
        let Some(segment) = &self.segment else { return Ok(()) };
        if let Err(error) = segment.write_at(&self.buffer, self.at) {
            inner.healthy.store(false, Ordering::Relaxed);
            tracing::error!(%error, "the journal cannot be written");
            if self.buffer.len() > MAX_STUCK {
                self.buffer.clear();
            }
            return Err(error);
        }
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        self.dirty = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
