//! The time that video tasks live in: the machine's, or one that a test moves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Where a simulator has its time from. Clones of a clock that is set by hand show the same time.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicU64>>);

impl Clock {
    /// The machine's.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// One that stands still at this time, in milliseconds since 1970, until it is moved.
    #[must_use]
    pub fn at(millis: u64) -> Self {
        Self(Some(Arc::new(AtomicU64::new(millis))))
    }

    /// Moves a clock that is set by hand; the machine's cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Some(set) = &self.0 {
            set.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), SeqCst);
        }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        match &self.0 {
            Some(set) => set.load(SeqCst),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}
