//! Who is to be told of a change: the caller's own address, and operators' webhooks.

use super::{Task, TaskState, Tasks};
use crate::clock::{self, now_ms};
use crate::ids;
use crate::money;
use crate::store::webhooks::{self, MessageRow};
use serde_json::{Map, Value, json};

/// Webhooks of one installation that are told.
const MAX_WEBHOOKS: i64 = 100;

/// Names of events.
pub const EVENTS: [&str; 5] =
    ["video.in_progress", "video.completed", "video.failed", "video.cancelled", "video.expired"];

/// The event that a state begins with; most are nobody's business.
fn event(state: TaskState) -> Option<&'static str> {
    Some(match state {
        TaskState::Running => "video.in_progress",
        TaskState::Succeeded => "video.completed",
        TaskState::Failed => "video.failed",
        TaskState::Cancelled => "video.cancelled",
        TaskState::Expired => "video.expired",
        _ => return None,
    })
}

impl Tasks {
    /// What is to be told of the state that a task is in now.
    pub(super) async fn messages(&self, task: &Task) -> Vec<MessageRow> {
        let Some(event) = event(task.state) else { return Vec::new() };
        // A create that was refused is answered with that, and nobody knows its id.
        if task.row.deleted_at.is_some() {
            return Vec::new();
        }
        let now = now_ms();
        let mut messages = Vec::new();
        let message = |webhook: Option<String>, url: String, payload: Vec<u8>| {
            Some(MessageRow {
                id: ids::new("msg_", now).ok()?,
                task: task.row.id.clone(),
                webhook,
                url,
                event: event.to_owned(),
                payload,
                attempts: 0,
                created_at: now,
                next_at: Some(now),
                delivered_at: None,
                failed_at: None,
                last_status: None,
                last_error: None,
            })
        };
        if let Some(url) = &task.asked.callback
            && let Some(body) = self.callback_body(task)
        {
            messages.extend(message(None, url.clone(), body));
        }
        let Ok(hooks) = webhooks::page(&self.store, None, MAX_WEBHOOKS).await else {
            tracing::error!(task = %task.id, "webhooks cannot be read; nobody is told");
            return messages;
        };
        for hook in hooks {
            let events: Vec<String> = serde_json::from_str(&hook.events).unwrap_or_default();
            let wanted = events.is_empty() || events.iter().any(|wanted| wanted == event);
            let own = hook.project_id.as_ref().is_none_or(|project| *project == task.row.project_id);
            if hook.disabled_at.is_none() && wanted && own {
                messages.extend(message(Some(hook.id), hook.url, payload(task, event, now)));
            }
        }
        messages
    }
}

/// What a webhook is told, in the form of Standard Webhooks.
fn payload(task: &Task, event: &str, now: i64) -> Vec<u8> {
    let row = &task.row;
    let mut data = Map::new();
    data.insert("id".into(), task.public_id().into());
    data.insert("task_id".into(), task.id.to_string().into());
    data.insert("request_id".into(), task.request().to_string().into());
    data.insert("project_id".into(), row.project_id.as_str().into());
    data.insert("key_id".into(), row.key_id.as_str().into());
    data.insert("mode".into(), if task.is_test() { "test" } else { "live" }.into());
    data.insert("status".into(), task.state.name().into());
    data.insert("model".into(), row.model.as_str().into());
    data.insert("created_at".into(), clock::print(row.admitted_at).into());
    if task.state.is_final() {
        data.insert("cost_usd".into(), money::print(row.amount).into());
    }
    if let (Some(code), Some(message)) = (&row.error_code, &row.error_message) {
        data.insert("error".into(), json!({ "code": code, "message": message }));
    }
    let payload = json!({ "type": event, "timestamp": clock::print(now), "data": Value::Object(data) });
    payload.to_string().into_bytes()
}
