//! A clock that two processes of one machine share, and one of what this thread uses.

use rustix::time::{ClockId, clock_gettime};

/// Monotonic nanoseconds since the machine started: the same count in every process.
pub(crate) fn now() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

/// CPU time that this thread has used, in nanoseconds.
pub(crate) fn own_cpu() -> u64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let t = clock_gettime(clock);
    let secs = u64::try_from(t.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(t.tv_nsec).unwrap_or(0);
    secs.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// A duration of so many seconds in nanoseconds; nonsense becomes zero.
pub(crate) fn nanos(secs: f64) -> u64 {
    std::time::Duration::try_from_secs_f64(secs).ok().and_then(|d| u64::try_from(d.as_nanos()).ok()).unwrap_or(0)
}
