//! What workers and the flusher leave for each other: spare segments one way, things to be done the other.
//!
//! Its lock is taken a few hundred times a second, not for every record. Nobody drops a segment while holding it,
//! since that takes it again.

use super::segment::{Named, Segment};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Segments kept for a full disk, for what ends requests.
pub(super) const RESERVE: usize = 1;
/// Records are on stable storage this long after they were written, and the time of the synchronisation itself. A
/// synchronisation costs what some hundred records cost.
const GROUP: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Desk {
    state: Mutex<State>,
    bell: Condvar,
    healthy: AtomicBool,
    /// Spares that are wanted, the reserve included.
    want: usize,
}

#[derive(Debug, Default)]
struct State {
    /// In the order of their numbers, which is the order in which they are used: a lane's records are in it, too.
    spares: VecDeque<Arc<Segment>>,
    /// Full or broken, and perhaps not on stable storage.
    left: Vec<Arc<Segment>>,
    /// Needed by nobody.
    unused: Vec<Arc<Named>>,
    /// When the first lane got something that is not on stable storage.
    since: Option<Instant>,
    /// Somebody waits for stable storage.
    urgent: bool,
    stopped: bool,
}

impl Desk {
    /// A desk at which `want` spares are to lie.
    pub(super) fn new(want: usize) -> Self {
        let state = Mutex::new(State { spares: VecDeque::with_capacity(want), ..State::default() });
        Self { state, bell: Condvar::new(), healthy: AtomicBool::new(true), want }
    }

    /// The next spare. With `last_resort` the reserve, too.
    pub(super) fn take_spare(&self, last_resort: bool) -> Option<Arc<Segment>> {
        let keep = if last_resort { 0 } else { RESERVE };
        let mut state = self.lock();
        let spare = if state.spares.len() > keep { state.spares.pop_front() } else { None };
        self.bell.notify_one();
        spare
    }

    /// Adds a spare, which must have the highest number so far.
    pub(super) fn add_spare(&self, spare: Arc<Segment>) {
        self.lock().spares.push_back(spare);
    }

    /// How many spares are wanted.
    pub(super) fn wanted(&self) -> usize {
        self.want.saturating_sub(self.lock().spares.len())
    }

    /// A lane has something that is not on stable storage, for the first time since the flusher visited it.
    pub(super) fn dirty(&self) {
        let mut state = self.lock();
        if state.since.is_none() {
            state.since = Some(Instant::now());
            self.bell.notify_one();
        }
    }

    /// A lane has left a segment that may not be on stable storage.
    pub(super) fn leave(&self, segment: Arc<Segment>) {
        self.lock().left.push(segment);
    }

    /// The segments that were left.
    pub(super) fn take_left(&self) -> Vec<Arc<Segment>> {
        std::mem::take(&mut self.lock().left)
    }

    /// Nobody needs this file. After the flusher's end it stays: who gives up a mark then may only be ending, too.
    pub(super) fn remove(&self, named: Arc<Named>) {
        self.lock().unused.push(named);
        self.bell.notify_one();
    }

    /// Removes the files that nobody needs.
    pub(super) fn remove_unused(&self) {
        let unused = std::mem::take(&mut self.lock().unused);
        for named in unused {
            named.remove();
        }
    }

    /// Somebody waits for stable storage: the flusher begins at once.
    pub(super) fn hurry(&self) {
        self.lock().urgent = true;
        self.bell.notify_one();
    }

    /// Ends the flusher.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.bell.notify_one();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Takes the spares away, for good.
    pub(super) fn clear(&self) {
        let spares = std::mem::take(&mut self.lock().spares);
        drop(spares);
    }

    /// For the flusher: sleeps until there is something to do, and on for as long as others may join a group.
    /// After a failure it is tried again at `retry` and not before. Says whether somebody waits for it; `None` when it
    /// is to end.
    pub(super) fn wait(&self, retry: Option<Instant>) -> Option<bool> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            let now = Instant::now();
            let at_once = state.urgent || !state.unused.is_empty() || state.spares.len() < self.want;
            let due = retry.or(if at_once { Some(now) } else { state.since.map(|since| since + GROUP) });
            state = match due {
                None => self.bell.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) if due > now => {
                    self.bell.wait_timeout(state, due - now).unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    // Whoever comes from here on asks for another round.
                    state.since = None;
                    return Some(std::mem::take(&mut state.urgent));
                }
            };
        }
    }

    /// Whether records can be written.
    pub(super) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Something failed; says so in the log unless that is known.
    pub(super) fn failed(&self, what: &'static str, error: &io::Error) {
        if self.healthy.swap(false, Ordering::Relaxed) {
            tracing::error!(%error, "the journal {what}: new requests are refused until it can");
        }
    }

    /// Everything works.
    pub(super) fn works(&self) {
        if !self.healthy.swap(true, Ordering::Relaxed) {
            tracing::info!("the journal can be written again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
