//! Brings what is to be remembered into the database, many changes at a time, and clears away what has expired.

use super::{Change, Waiting, lock};
use crate::clock::now_ms;
use crate::store::memory::MemoryRow;
use crate::store::{Store, StoreError, memory};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// Most changes in one transaction.
const BATCH: usize = 256;
/// Pause after a transaction that the database did not take.
const PAUSE: Duration = Duration::from_secs(1);
/// How often expired rows are looked for, and how many are removed at once.
const SWEEP: Duration = Duration::from_mins(5);
const SWEPT: i64 = 1_000;

/// The one that writes. To be run in the background until it is told to stop.
pub struct Writer {
    store: Store,
    changes: mpsc::Receiver<Change>,
    waiting: Arc<Mutex<Waiting>>,
}

impl Writer {
    pub(super) fn new(store: Store, changes: mpsc::Receiver<Change>, waiting: Arc<Mutex<Waiting>>) -> Self {
        Self { store, changes, waiting }
    }

    /// Writes until `stop`, and then what still waits, as far as the database takes it.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut sweep = Instant::now() + SWEEP;
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                count = self.changes.recv_many(&mut batch, BATCH) => if count == 0 { return },
                () = stop.cancelled() => return,
                () = sleep_until(sweep) => {
                    self.sweep().await;
                    sweep = Instant::now() + SWEEP;
                    continue;
                }
            }
            while let Err(error) = self.write(&batch).await {
                tracing::error!(error = &error as &dyn std::error::Error, "what is to be remembered cannot be written");
                if stop.is_cancelled() {
                    return;
                }
                sleep(PAUSE).await;
            }
            self.done(&batch);
            batch.clear();
        }
    }

    async fn write(&self, batch: &[Change]) -> Result<(), StoreError> {
        let mut write = self.store.write().await?;
        for change in batch {
            match &change.content {
                Some(content) => {
                    let row = MemoryRow { name: change.name, content: content.to_vec(), expires_at: change.expires_at };
                    memory::put(&mut write, &row).await?;
                }
                None => memory::delete(&mut write, &change.name).await?,
            }
        }
        write.commit().await
    }

    /// What is in the database need not wait any more, unless it has changed again.
    fn done(&self, batch: &[Change]) {
        let mut waiting = lock(&self.waiting);
        for change in batch {
            waiting.bytes -= change.content.as_ref().map_or(0, |content| content.len());
            if waiting.changes.get(&change.name).is_some_and(|(number, _)| *number == change.number) {
                waiting.changes.remove(&change.name);
            }
        }
    }

    async fn sweep(&self) {
        loop {
            let swept = async {
                let mut write = self.store.write().await?;
                let count = memory::forget(&mut write, now_ms(), SWEPT).await?;
                write.commit().await?;
                Ok::<_, StoreError>(count)
            };
            match swept.await {
                Ok(count) if count >= SWEPT.unsigned_abs() => tokio::task::yield_now().await,
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "expired memories stay for now");
                    return;
                }
            }
        }
    }
}
