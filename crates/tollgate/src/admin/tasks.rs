//! `/admin/v1/tasks`: video tasks, where they stand, and how they came there.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::AdminError;
use super::{AdminState, Id};
use crate::store::tasks::{self as rows, Filter, TaskRow};
use crate::tasks::{ArchiveState, Dialect, Kept, Links, Task, TaskId, TaskState};
use crate::{clock, money, store, webhooks};

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 1000;
/// How long a link to a file is good, in seconds: as long as a person may look at it, to the hour.
const LINK: i64 = 7_200;
/// Messages that are shown with a task.
const MESSAGES: i64 = 100;

/// Parameters of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<i64>,
    after: Option<String>,
    book: Option<String>,
    project: Option<String>,
    key: Option<String>,
    provider: Option<String>,
    model: Option<String>,
    state: Option<String>,
}

impl ListQuery {
    fn filter(self) -> Result<Filter, AdminError> {
        let state = |text: &str| {
            TaskState::read(text).map(TaskState::name).ok_or_else(|| AdminError::field("state", "is not a known state"))
        };
        let book = |text: &str| match text {
            "live" => Ok(0),
            "test" => Ok(1),
            _ => Err(AdminError::field("book", "must be live or test")),
        };
        let after = |text: &str| {
            let id = TaskId::read(text).ok_or_else(|| AdminError::field("after", "is not a task's id"))?;
            Ok::<_, AdminError>(id.bytes().to_vec())
        };
        Ok(Filter {
            book: self.book.as_deref().map(book).transpose()?,
            states: self.state.as_deref().map(state).transpose()?.into_iter().collect(),
            after: self.after.as_deref().filter(|text| !text.is_empty()).map(after).transpose()?,
            project: self.project,
            key: self.key,
            provider: self.provider,
            model: self.model,
            deleted: true,
            ..Filter::default()
        })
    }
}

pub(super) async fn list(
    State(state): State<AdminState>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Value>, AdminError> {
    let Query(query) = query.map_err(|rejection| AdminError::field("query", rejection.body_text()))?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(AdminError::field("limit", format!("must be from 1 to {MAX_LIMIT}")));
    }
    let mut found = rows::page(&state.store, &query.filter()?, limit + 1, 0).await?;
    let more = i64::try_from(found.len()).is_ok_and(|count| count > limit);
    found.truncate(usize::try_from(limit).unwrap_or(0));
    let next = found.last().filter(|_| more).and_then(|row| TaskId::from_bytes(&row.id)).map(|id| id.to_string());
    let data =
        found.into_iter().map(|row| Ok(Value::Object(shown(&read(row)?)))).collect::<Result<Vec<_>, AdminError>>()?;
    Ok(Json(json!({ "data": data, "next": next })))
}

pub(super) async fn get(State(state): State<AdminState>, Id(id): Id) -> Result<Json<Value>, AdminError> {
    let missing = || AdminError::not_found("task");
    let id = named(&id).ok_or_else(missing)?;
    let row = rows::get(&state.store, &id.bytes()).await?.ok_or_else(missing)?;
    let task = read(row)?;
    let mut object = shown(&task);
    object.insert("prompt".into(), task.asked.prompt.clone().into());
    object.insert("size".into(), task.asked.size.clone().into());
    object.insert("files".into(), files(&task, Some(&state.running.links)));
    let events = rows::events(&state.store, &id.bytes()).await?;
    let events: Vec<Value> = events
        .into_iter()
        .map(|event| json!({ "at": clock::print(event.at), "state": event.state, "note": event.note }))
        .collect();
    object.insert("history".into(), events.into());
    let messages = store::webhooks::messages(&state.store, None, Some(&id.bytes()), None, MESSAGES).await?;
    let messages: Vec<Value> = messages.iter().map(|row| Value::Object(webhooks::shown_message(row))).collect();
    object.insert("messages".into(), messages.into());
    Ok(Json(Value::Object(object)))
}

/// A task by its id here, or by the one that its caller knows.
fn named(text: &str) -> Option<TaskId> {
    TaskId::read(text).or_else(|| Dialect::ALL.into_iter().find_map(|dialect| dialect.read_id(text)))
}

/// What is kept of a task. With `links`, each file that is there has a path below the data plane's address that opens it
/// without a key for a while.
fn files(task: &Task, links: Option<&Links>) -> Value {
    let there = task.archive == ArchiveState::Stored && task.row.deleted_at.is_none();
    let links = links.filter(|_| there);
    let shown = |file: &Kept| {
        let mut object = json!({
            "role": file.role.name(),
            "index": file.index,
            "content_type": file.content_type,
            "bytes": file.stored.bytes,
        });
        if let (Some(links), Value::Object(object)) = (links, &mut object) {
            let link = links.to("", task, file, LINK, clock::now_ms() / 1_000);
            object.insert("link".into(), link.into());
        }
        object
    };
    task.files.iter().map(shown).collect::<Vec<_>>().into()
}

fn read(row: TaskRow) -> Result<Task, AdminError> {
    Ok(Task::read(row).ok_or(store::StoreError::Unreadable("tasks"))?)
}

fn shown(task: &Task) -> Map<String, Value> {
    let row = &task.row;
    let time = |ms: Option<i64>| ms.map(clock::print);
    let error = row.error_code.as_ref().map(|code| json!({ "code": code, "message": row.error_message }));
    let facts = task.facts();
    let object = json!({
        "id": task.id.to_string(),
        "public_id": task.public_id(),
        "request_id": task.request().to_string(),
        "book": if task.is_test() { "test" } else { "live" },
        "state": task.state.name(),
        "dialect": task.dialect.name(),
        "project": row.project_id,
        "key": row.key_id,
        "model": row.model,
        "provider": row.provider,
        "upstream_model": row.upstream_model,
        "upstream_id": row.vendor_id,
        "external_id": row.external_id,
        "seconds": facts.milliseconds / 1_000,
        "samples": facts.samples,
        "filtered": row.filtered,
        "archive": task.archive.name(),
        "files": files(task, None),
        "settlement": task.settlement.name(),
        "held_usd": money::print(row.held),
        "cost_usd": task.state.is_final().then(|| money::print(row.amount)),
        "error": error,
        "callback_url": task.asked.callback,
        "attempts": row.attempts,
        "created_at": clock::print(row.admitted_at),
        "updated_at": clock::print(row.updated_at),
        "sent_at": time(row.sent_at),
        "finished_at": time(row.finished_at),
        "deadline": clock::print(row.deadline),
        "expires_at": time(row.expires_at),
        "deleted_at": time(row.deleted_at),
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
