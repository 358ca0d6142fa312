//! What is to be done when: each task has one place at the most.

use super::state::TaskId;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Default)]
struct Entries {
    order: BTreeSet<(Instant, TaskId)>,
    places: HashMap<TaskId, Instant>,
}

/// The agenda.
#[derive(Default)]
pub(super) struct Agenda {
    entries: Mutex<Entries>,
    bell: Notify,
}

impl Agenda {
    /// Puts a task at a time, in the place of the one it had.
    pub(super) fn put(&self, id: TaskId, at: Instant) {
        let first = {
            let mut entries = self.entries();
            if let Some(before) = entries.places.insert(id, at) {
                entries.order.remove(&(before, id));
            }
            entries.order.insert((at, id));
            entries.order.first().is_some_and(|(_, first)| *first == id)
        };
        if first {
            self.bell.notify_one();
        }
    }

    /// Takes a task out.
    pub(super) fn remove(&self, id: TaskId) {
        let mut entries = self.entries();
        if let Some(at) = entries.places.remove(&id) {
            entries.order.remove(&(at, id));
        }
    }

    /// Waits for the next task whose time has come.
    pub(super) async fn next(&self) -> TaskId {
        loop {
            let due = {
                let mut entries = self.entries();
                match entries.order.first().copied() {
                    Some((at, id)) if at <= Instant::now() => {
                        entries.order.remove(&(at, id));
                        entries.places.remove(&id);
                        return id;
                    }
                    first => first.map(|(at, _)| at),
                }
            };
            match due {
                Some(at) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at) => {}
                        () = self.bell.notified() => {}
                    }
                }
                None => self.bell.notified().await,
            }
        }
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn the_earliest_comes_first_and_once() {
        let agenda = Agenda::default();
        let at = |ms| Instant::now() + Duration::from_millis(ms);
        agenda.put(TaskId(1), at(60));
        agenda.put(TaskId(2), at(40));
        agenda.put(TaskId(3), at(50));
        agenda.put(TaskId(1), at(20));
        agenda.remove(TaskId(3));
        assert_eq!((agenda.next().await, agenda.next().await), (TaskId(1), TaskId(2)));
        assert!(tokio::time::timeout(Duration::from_millis(30), agenda.next()).await.is_err());
        let later = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            agenda.put(TaskId(4), at(0));
        };
        assert_eq!(tokio::join!(agenda.next(), later).0, TaskId(4));
    }
}
