//! The thread that does what workers must not wait for: buffered records after 5 ms, stable storage in groups,
//! spare segments, removal of files. Asleep while there is nothing to do.

use super::{Inner, SPARES, lock};
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Records are on stable storage this long after they were written, and the time of the synchronisation itself.
const GROUP: Duration = Duration::from_millis(5);
/// How often a full disk is tried again.
const RETRY: Duration = Duration::from_millis(500);

pub(super) fn run(inner: &Inner) {
    loop {
        wait(inner);
        let stop = inner.stop.load(Ordering::SeqCst);
        if let Err(error) = round(inner) {
            inner.healthy.store(false, Ordering::Relaxed);
            tracing::error!(%error, "the journal cannot be synchronised");
        }
        if stop {
            return;
        }
        if !inner.healthy.load(Ordering::Relaxed) {
            std::thread::sleep(RETRY);
            inner.pending.store(true, Ordering::SeqCst);
        }
    }
}

/// Sleeps until there is work, then for as long as others may still join the group.
fn wait(inner: &Inner) {
    let (bell, rung) = &inner.bell;
    let idle = || !inner.pending.load(Ordering::SeqCst) && !inner.stop.load(Ordering::SeqCst);
    let held = rung.wait_while(lock(bell), |()| idle());
    let Ok(held) = held else { return };
    let calm = || !inner.urgent.load(Ordering::SeqCst) && !inner.stop.load(Ordering::SeqCst);
    drop(rung.wait_timeout_while(held, GROUP, |()| calm()));
}

fn round(inner: &Inner) -> io::Result<()> {
    // In this order: whoever writes after this point makes another round.
    inner.pending.store(false, Ordering::SeqCst);
    inner.urgent.store(false, Ordering::SeqCst);
    let round = inner.begun.fetch_add(1, Ordering::SeqCst) + 1;
    let mut result = Ok(());
    let mut segments = inner.trash.take_closed();
    for lane in &inner.lanes {
        let mut lane = lock(lane);
        if !lane.buffer.is_empty() {
            result = result.and(lane.write_out(inner));
        }
        if std::mem::take(&mut lane.dirty) {
            segments.extend(lane.segment.clone());
        }
    }
    for segment in &segments {
        result = result.and(segment.sync());
    }
    drop(segments);
    inner.trash.empty();
    let spares = refill(inner);
    if result.is_ok() {
        inner.ended.send_replace(round);
        if spares.is_ok() {
            inner.healthy.store(true, Ordering::Relaxed);
        }
    }
    result.and(spares)
}

fn refill(inner: &Inner) -> io::Result<()> {
    while lock(&inner.spares).len() < SPARES {
        let spare = inner.create()?;
        lock(&inner.spares).push(spare);
    }
    Ok(())
}
