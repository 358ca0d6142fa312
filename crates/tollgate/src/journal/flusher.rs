//! The thread that does what workers must not wait for: stable storage in groups, records that a worker left in its
//! buffer, spare segments, removal of files. Asleep while there is nothing to do.
//!
//! A worker that finds its lane taken has to wait until this thread gets a processor. So it writes nothing while it
//! holds one, unless somebody waits for that or the worker has not done it for a whole round.

use super::{Inner, Round, lock};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often what failed is tried again.
const RETRY: Duration = Duration::from_millis(250);

pub(super) fn run(inner: &Inner) {
    let mut retry = None;
    while let Some(urgent) = inner.desk.wait(retry) {
        let done = round(inner, urgent || retry.is_some());
        inner.desk.remove_unused();
        let done = inner.refill().inspect_err(|error| inner.desk.failed("has no room", error)).is_ok() && done;
        if done {
            inner.desk.works();
        }
        retry = (!done).then(|| Instant::now() + RETRY);
    }
    for lane in &inner.lanes {
        lock(lane).close();
    }
    round(inner, true);
    inner.desk.clear();
    inner.desk.remove_unused();
}

/// Brings everything that was appended before it to stable storage; if it is not `urgent`, what is still in buffers
/// only the next time. Says whether that worked.
fn round(inner: &Inner, urgent: bool) -> bool {
    let number = inner.begun.fetch_add(1, Ordering::SeqCst) + 1;
    let mut done = true;
    let mut segments = Vec::with_capacity(inner.lanes.len());
    for lane in &inner.lanes {
        let visited = lock(lane).visit(&inner.desk, urgent);
        match visited {
            Ok(segment) => segments.extend(segment),
            Err(_) => done = false,
        }
    }
    // After the lanes: what one of them left meanwhile is here.
    segments.extend(inner.desk.take_left());
    for segment in &segments {
        if let Err(error) = segment.sync() {
            inner.desk.failed("cannot be synchronised", &error);
            done = false;
        }
    }
    inner.rounds.send_modify(|round| {
        *round = Round { ended: number, failed: if done { round.failed } else { Some(number) } };
    });
    done
}
