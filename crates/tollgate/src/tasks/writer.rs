//! One writer for all tasks: changes that come together are one transaction.

use super::task::Task;
use crate::clock::now_ms;
use crate::store::tasks as rows;
use crate::store::webhooks::{self, MessageRow};
use crate::store::{Store, StoreError, Write};
use tokio::sync::{mpsc, oneshot};

/// Changes of one transaction.
const BATCH: usize = 256;
/// Changes that may wait.
const QUEUE: usize = 4_096;

/// A change and everything that belongs to it.
pub(super) struct Change {
    /// The task as it is to be.
    pub(super) task: Box<Task>,
    /// It is new.
    pub(super) new: bool,
    /// Steps to be noted: state and why.
    pub(super) events: Vec<(&'static str, Option<String>)>,
    /// What is to be told.
    pub(super) messages: Vec<MessageRow>,
}

type Waiting = (Change, oneshot::Sender<Result<bool, StoreError>>);

/// Hands changes to the writer. Clones share it.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Waiting>);

impl Writer {
    /// Starts the writer on the current runtime.
    pub(super) fn start(store: Store) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(run(store, receiver));
        Self(sender)
    }

    /// Writes a change. `Ok(false)`: somebody else has changed the task since.
    pub(super) async fn write(&self, change: Change) -> Result<bool, StoreError> {
        let (done, wait) = oneshot::channel();
        self.0.send((change, done)).await.map_err(|_| StoreError::Interrupted)?;
        wait.await.map_err(|_| StoreError::Interrupted)?
    }
}

async fn run(store: Store, mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch: Vec<Waiting> = Vec::new();
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        match apply(&store, &batch).await {
            Ok(results) => {
                for ((_, done), result) in batch.drain(..).zip(results) {
                    // Whoever asked may have left.
                    let _ = done.send(result);
                }
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "tasks cannot be written");
                let text = || StoreError::Interrupted;
                batch.drain(..).for_each(|(_, done)| {
                    let _ = done.send(Err(text()));
                });
            }
        }
    }
}

/// All of them, or an error for all. A change that conflicts with another row fails alone.
async fn apply(store: &Store, batch: &[Waiting]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
    let mut write = store.write().await?;
    let mut results = Vec::with_capacity(batch.len());
    for (change, _) in batch {
        let result = one(&mut write, change).await;
        match result {
            Err(StoreError::Conflict(_)) | Ok(_) => results.push(result),
            Err(error) => return Err(error),
        }
    }
    write.commit().await?;
    Ok(results)
}

async fn one(write: &mut Write, change: &Change) -> Result<bool, StoreError> {
    let row = change.task.to_row();
    if change.new {
        rows::insert(write, &row).await?;
    } else if !rows::update(write, &row).await? {
        return Ok(false);
    }
    let now = now_ms();
    for (state, note) in &change.events {
        rows::event(write, &row.id, now, state, note.as_deref()).await?;
    }
    for message in &change.messages {
        webhooks::put(write, message).await?;
    }
    Ok(true)
}
