//! Calling a task off, and taking a finished one away.

use super::call::Line;
use super::{ArchiveState, Task, TaskId, TaskState, Tasks};
use crate::clock::now_ms;
use crate::lines::Lines;
use crate::store::StoreError;
use std::sync::Arc;

/// What became of the wish.
#[derive(Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It will not run, and costs nothing.
    Yes,
    /// It runs, or may run, and cannot be stopped.
    No,
}

impl Tasks {
    /// Calls a task off that has not begun to run. Goes on when its caller leaves.
    pub async fn cancel(self: &Arc<Self>, id: TaskId) -> Cancelled {
        let tasks = Arc::clone(self);
        let work = self.runtime.spawn(async move { tasks.cancel_now(id).await });
        work.await.unwrap_or(Cancelled::No)
    }

    async fn cancel_now(self: &Arc<Self>, id: TaskId) -> Cancelled {
        let Some(gate) = self.with(id, |live| Arc::clone(&live.gate)) else { return Cancelled::No };
        let _turn = gate.lock().await;
        let Some(mut task) = self.with(id, |live| live.task.clone()) else { return Cancelled::No };
        let error = || Some(("cancelled".to_owned(), "The task was cancelled before it ran.".to_owned()));
        match task.state {
            // Only here: nothing was sent.
            TaskState::Reserved => {
                self.finish(&mut task, TaskState::Cancelled, error(), 0, false).await;
                Cancelled::Yes
            }
            TaskState::Submitted => {
                let fleet = self.fleet.load_full();
                let Some(line) = Line::of(&task, &fleet) else { return Cancelled::No };
                let Some(call) = task.row.vendor_id.as_deref().and_then(|id| line.vendor.cancel(id)) else {
                    return Cancelled::No;
                };
                let said = self.ask(&line, call, &Lines::default(), self.patience(&line)).await;
                let accepted = said.is_ok_and(|said| line.vendor.refusal(said.status, &said.body).is_none());
                if !accepted {
                    // The next look says how it is.
                    self.agenda.put(id, tokio::time::Instant::now());
                    return Cancelled::No;
                }
                task.row.answer = None;
                self.finish(&mut task, TaskState::Cancelled, error(), 0, false).await;
                Cancelled::Yes
            }
            _ => Cancelled::No,
        }
    }

    /// Takes a finished task and its files away, for good. `false`: it is not finished, or was changed meanwhile.
    pub async fn remove(&self, mut task: Task) -> Result<bool, StoreError> {
        if !task.state.is_final() || self.with(task.id, |_| ()).is_some() {
            return Ok(false);
        }
        task.row.deleted_at = Some(now_ms());
        task.row.answer = None;
        task.row.external_id = None;
        task.asked.prompt = None;
        task.row.version += 1;
        let had_files = task.archive == ArchiveState::Stored;
        if had_files {
            task.archive = ArchiveState::Gone;
            task.files.clear();
        }
        let group = task.group();
        let events = vec![("deleted", None)];
        let change = super::Change { task: Box::new(task), new: false, events, messages: Vec::new() };
        if !self.writer.write(change).await? {
            return Ok(false);
        }
        if had_files && let Err(error) = self.archive.remove(&group).await {
            tracing::error!(%error, group, "files of a deleted task are still there");
        }
        Ok(true)
    }

    /// Removes the files of tasks whose time is over, so many at the most. Gives how many.
    pub(super) async fn expire_files(&self, limit: i64) -> Result<usize, StoreError> {
        let rows = crate::store::tasks::expiring(&self.store, now_ms(), limit).await?;
        let count = rows.len();
        for row in rows {
            let Some(mut task) = Task::read(row) else { continue };
            // First the files: a row that says they are gone is never wrong.
            if let Err(error) = self.archive.remove(&task.group()).await {
                tracing::error!(%error, task = %task.id, "files cannot be removed");
                continue;
            }
            task.archive = ArchiveState::Gone;
            task.files.clear();
            task.row.version += 1;
            let change = super::Change {
                task: Box::new(task),
                new: false,
                events: vec![("expired_files", None)],
                messages: vec![],
            };
            self.writer.write(change).await?;
        }
        Ok(count)
    }
}
