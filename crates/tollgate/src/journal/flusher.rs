//! The thread that does what workers must not wait for: buffered records after 5 ms, stable storage in groups,
//! spare segments, removal of files. Asleep while there is nothing to do.

use super::{Inner, Round, lock};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often what failed is tried again.
const RETRY: Duration = Duration::from_millis(250);

pub(super) fn run(inner: &Inner) {
    let mut retry = None;
    while inner.desk.wait(retry) {
        let done = round(inner);
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
    round(inner);
    inner.desk.clear();
    inner.desk.remove_unused();
}

/// Brings everything that was appended before it to stable storage. Says whether that worked.
fn round(inner: &Inner) -> bool {
    let number = inner.begun.fetch_add(1, Ordering::SeqCst) + 1;
    let mut done = true;
    let mut segments = Vec::with_capacity(inner.lanes.len());
    for lane in &inner.lanes {
        let visited = lock(lane).visit(&inner.desk);
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
