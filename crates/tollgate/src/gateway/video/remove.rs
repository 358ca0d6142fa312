//! Cancel and delete.

use super::read::find;
use super::route::{Asked, voice};
use super::{Reader, json, missing, unavailable};
use crate::gateway::failure::Stopped;
use crate::gateway::{Gateway, Session};
use crate::message::{Answer, Inbound};
use crate::tasks::{Cancelled, Dialect, Task};
use std::sync::Arc;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::video::{State, openai};

/// Answers a DELETE: a task that waits is called off, a finished one is taken away.
pub(super) async fn serve(
    gateway: &Arc<Gateway>,
    asked: &Asked,
    inbound: &Inbound,
    session: &mut Session,
    request_id: &str,
) -> Result<Answer, Stopped> {
    let Asked::Task(dialect, id) = asked else { return Err(missing(Dialect::OpenAi).into()) };
    let reader = Reader::of(gateway, inbound, session)?;
    let task = find(gateway, &reader, *dialect, id).await?;
    let body = match dialect {
        Dialect::Ark => {
            ark(gateway, task).await?;
            b"{}".to_vec()
        }
        _ => {
            openai(gateway, &reader, task, id).await?;
            openai::view_deleted(id)
        }
    };
    Ok(json(voice(*dialect), request_id, body))
}

/// As Ark has it: what is queued becomes cancelled and stays; what has ended goes, unless it was cancelled.
async fn ark(gateway: &Arc<Gateway>, task: Task) -> Result<(), Fault> {
    let not_now = |state: &str| {
        let message = format!("The task cannot be cancelled or deleted while it is {state}.");
        Fault::new(FaultKind::Forbidden, "OperationDenied.InvalidState", message)
    };
    match task.state.shown() {
        State::Queued => match gateway.tasks.cancel(task.id).await {
            Cancelled::Yes => Ok(()),
            Cancelled::No => Err(not_now("running")),
        },
        State::Running => Err(not_now("running")),
        State::Cancelled => Err(not_now("cancelled")),
        State::Succeeded | State::Failed | State::Expired => remove(gateway, task).await,
    }
}

/// In the unified dialect what waits is called off first; what runs cannot be stopped.
async fn openai(gateway: &Arc<Gateway>, reader: &Reader, mut task: Task, id: &str) -> Result<(), Fault> {
    if task.state.shown() == State::Queued && gateway.tasks.cancel(task.id).await == Cancelled::Yes {
        task = find(gateway, reader, Dialect::OpenAi, id).await?;
    }
    if !task.state.is_final() {
        let message = "The video is being made and cannot be stopped. Delete it once it is completed or failed.";
        return Err(Fault::new(FaultKind::Conflict, "video_not_finished", message));
    }
    remove(gateway, task).await
}

async fn remove(gateway: &Arc<Gateway>, task: Task) -> Result<(), Fault> {
    match gateway.tasks.remove(task).await {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(Fault::new(FaultKind::Conflict, "video_busy", "The task has just changed. Try again.").retry(true))
        }
        Err(error) => Err(unavailable(&error)),
    }
}
