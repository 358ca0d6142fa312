//! Log lines, written by a thread of their own.
//!
//! A worker that serves requests never waits for a terminal, a pipe or a disk: lines go into a bounded buffer, and
//! what does not fit is counted and dropped.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that may wait to be written.
const MAX_WAITING: usize = 4 * 1024 * 1024;
/// The writer is woken early at this many bytes.
const WAKE_AT: usize = 64 * 1024;
/// Longest that a line waits.
const LINGER: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Queue {
    waiting: Vec<u8>,
    closed: bool,
    idle: bool,
}

/// The buffer and its writer. Clones share it.
#[derive(Clone)]
pub struct Log {
    queue: Arc<(Mutex<Queue>, Condvar)>,
    dropped: Arc<AtomicU64>,
    human: bool,
}

impl Log {
    /// Starts the writer; lines go to standard error. Lines for people if that is a terminal, JSON otherwise.
    pub fn start() -> std::io::Result<Self> {
        let log = Self { queue: Arc::default(), dropped: Arc::default(), human: std::io::stderr().is_terminal() };
        let queue = Arc::clone(&log.queue);
        std::thread::Builder::new().name("log".into()).spawn(move || write_on(&queue))?;
        Ok(log)
    }

    /// Whether lines are for people.
    pub fn is_human(&self) -> bool {
        self.human
    }

    /// Adds a line, its line end included.
    pub fn line(&self, line: &[u8]) {
        let mut queue = self.queue.0.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.waiting.len() + line.len() > MAX_WAITING {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let before = queue.waiting.len();
        queue.waiting.extend_from_slice(line);
        // Once for the first line after a pause, once when there is much: not for each line.
        if queue.idle || (before < WAKE_AT && queue.waiting.len() >= WAKE_AT) {
            queue.idle = false;
            self.queue.1.notify_one();
        }
    }

    /// Lines dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until what is there has been written, at most a second.
    pub fn flush(&self) {
        let (lock, wake) = &*self.queue;
        lock.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        wake.notify_one();
        for _ in 0..100 {
            if lock.lock().unwrap_or_else(PoisonError::into_inner).waiting.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn write_on((lock, wake): &(Mutex<Queue>, Condvar)) {
    let mut lines = Vec::new();
    loop {
        {
            let mut queue = lock.lock().unwrap_or_else(PoisonError::into_inner);
            while queue.waiting.is_empty() && !queue.closed {
                queue.idle = true;
                queue = wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            queue.idle = false;
            if !queue.closed && queue.waiting.len() < WAKE_AT {
                // Let more lines come: one write for all of them.
                queue = wake.wait_timeout(queue, LINGER).unwrap_or_else(PoisonError::into_inner).0;
            }
            if queue.closed && queue.waiting.is_empty() {
                return;
            }
            std::mem::swap(&mut queue.waiting, &mut lines);
        }
        // A closed pipe must not end the gateway.
        let _ = std::io::stderr().write_all(&lines);
        lines.clear();
        if lines.capacity() > WAKE_AT * 4 {
            lines = Vec::new();
        }
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.line(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Sends the program's events to `log`. `TOLLGATE_LOG` filters them as `RUST_LOG` does elsewhere; default `info`.
pub fn init(log: &Log) {
    let filter = EnvFilter::try_from_env("TOLLGATE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(log.clone());
    // A second call (in tests) keeps the first.
    let _ = if log.human { builder.try_init() } else { builder.json().flatten_event(true).try_init() };
}
