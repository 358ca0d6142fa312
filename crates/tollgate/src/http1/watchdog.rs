//! A deadline that is moved often and fires rarely.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep_until};

/// One timer that lives as long as its connection. Moving a deadline later costs nothing: the timer is set anew only
/// when it goes off too early, or when a deadline comes before it.
pub struct Watchdog {
    sleep: Option<Pin<Box<Sleep>>>,
    due: Option<Instant>,
}

impl Watchdog {
    /// Without a deadline.
    pub fn new() -> Self {
        Self { sleep: None, due: None }
    }

    /// Sets or clears the deadline.
    pub fn set(&mut self, due: Option<Instant>) {
        self.due = due;
    }

    /// Whether there is a deadline.
    pub fn is_set(&self) -> bool {
        self.due.is_some()
    }

    /// Ready once the deadline has passed.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.due else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if sleep.deadline() > due {
            sleep.as_mut().reset(due);
        }
        loop {
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= due {
                self.due = None;
                // A timer that has gone off must be set before it is polled again.
                self.sleep = None;
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
    }
}

impl Default for Watchdog {
    fn default() -> Self {
        Self::new()
    }
}
