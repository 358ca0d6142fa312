//! Places at which a test ends the process, as a power cut would. Nothing of it is in a release build.

/// Ends the process if `TG_CRASH_AT` names this place; with `TG_CRASH_AT=name:3` only at the third pass.
#[cfg(debug_assertions)]
pub(super) fn point(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static WANTED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let text = std::env::var("TG_CRASH_AT").ok()?;
        let (name, pass) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), pass.parse().unwrap_or(1)))
    });
    static PASSED: AtomicU32 = AtomicU32::new(0);
    if let Some((wanted, pass)) = &*WANTED
        && wanted == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *pass
    {
        // Not an exit: nothing is flushed, nobody's `Drop` runs.
        std::process::abort();
    }
}

/// Does nothing.
#[cfg(not(debug_assertions))]
pub(super) fn point(_: &str) {}
