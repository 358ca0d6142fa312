//! Looks and lists: from rows, never from a vendor, never for money.

use super::create::poll_after;
use super::route::{Asked, voice};
use super::{Reader, content, json, missing, parameters, unavailable};
use crate::gateway::failure::Stopped;
use crate::gateway::{Gateway, Session, path};
use crate::message::{Answer, CallerBody, Inbound};
use crate::store::tasks::Filter;
use crate::tasks::{Dialect, Task, TaskId, TaskState};
use std::sync::Arc;
use tollgate_protocol::fault::Fault;
use tollgate_protocol::video::{ark, kling, openai, veo};

/// Largest request for an operation, in bytes.
const MAX_FETCH: u64 = 64 * 1024;
/// Days for which Ark's lists show tasks.
const ARK_DAYS: i64 = 7;

/// Answers a request that reads.
pub(super) async fn serve(
    gateway: &Arc<Gateway>,
    asked: &Asked,
    inbound: &Inbound,
    body: &mut dyn CallerBody,
    session: &mut Session,
    request_id: &str,
) -> Result<Answer, Stopped> {
    match asked {
        Asked::Result => Ok(content::signed(gateway, inbound, request_id).await?),
        Asked::Content(id) => {
            let reader = Reader::of(gateway, inbound, session)?;
            let task = find(gateway, &reader, Dialect::OpenAi, id).await?;
            Ok(content::variant(gateway, &task, inbound, request_id).await?)
        }
        Asked::File { name, download } => {
            let reader = Reader::of(gateway, inbound, session)?;
            Ok(content::file(gateway, &reader, name, *download, inbound, request_id).await?)
        }
        Asked::Fetch => {
            let reader = Reader::of(gateway, inbound, session)?;
            let whole = path::whole(inbound, body, MAX_FETCH).await?;
            let name = veo::read_fetch(&whole)?;
            let id = name.rsplit_once("/operations/").map_or("", |(_, id)| id);
            let task = find(gateway, &reader, Dialect::Veo, id).await?;
            Ok(content::vertex(gateway, &task, request_id).await?)
        }
        Asked::Task(dialect, id) => {
            let reader = Reader::of(gateway, inbound, session)?;
            let task = find(gateway, &reader, *dialect, id).await?;
            let mut answer = json(voice(*dialect), request_id, gateway.tasks.show(&task, request_id));
            poll_after(&mut answer, &task);
            Ok(answer)
        }
        Asked::Tasks(dialect) => {
            let reader = Reader::of(gateway, inbound, session)?;
            let filter = Filter {
                project: Some(reader.key.project_id.to_string()),
                book: Some(reader.book),
                dialect: Some(dialect.name().to_owned()),
                ..Filter::default()
            };
            let body = match dialect {
                Dialect::OpenAi => openai_list(gateway, filter, inbound, request_id).await?,
                Dialect::Ark => ark_list(gateway, filter, inbound, request_id).await?,
                Dialect::KlingText | Dialect::KlingImage => kling_list(gateway, filter, inbound, request_id).await?,
                Dialect::Veo => return Err(missing(Dialect::Veo).into()),
            };
            Ok(json(voice(*dialect), request_id, body))
        }
        // These make something.
        Asked::Remix(_) | Asked::Predict { .. } => Err(missing(Dialect::OpenAi).into()),
    }
}

/// A task of the reader's project, by its id or, at Kling, by its caller's own name for it.
pub(super) async fn find(gateway: &Gateway, reader: &Reader, dialect: Dialect, text: &str) -> Result<Task, Fault> {
    let project = &reader.key.project_id;
    let found = match dialect.read_id(text) {
        Some(id) => gateway.tasks.find(dialect, id, project, reader.book).await,
        None if dialect.family().is_some() && !text.is_empty() && text.len() <= 256 => {
            gateway.tasks.find_external(dialect, text, project, reader.book).await
        }
        None => Ok(None),
    };
    found.map_err(|error| unavailable(&error))?.ok_or_else(|| missing(dialect))
}

async fn openai_list(
    gateway: &Gateway,
    mut filter: Filter,
    inbound: &Inbound,
    request_id: &str,
) -> Result<Vec<u8>, Fault> {
    let mut limit: i64 = 20;
    for (name, value) in parameters(inbound.query.as_deref()) {
        match name.as_str() {
            "limit" => {
                let number = value.parse().ok().filter(|limit| (0..=100).contains(limit));
                limit = number.ok_or_else(|| Fault::invalid("limit", "'limit' must be from 0 to 100."))?;
            }
            "order" => match value.as_str() {
                "asc" => filter.oldest_first = true,
                "desc" => {}
                _ => return Err(Fault::invalid("order", "'order' must be asc or desc.")),
            },
            "after" if !value.is_empty() => {
                let id = Dialect::OpenAi.read_id(&value);
                let id = id.ok_or_else(|| Fault::invalid("after", "'after' is not the id of a video."))?;
                filter.after = Some(id.bytes().to_vec());
            }
            _ => {}
        }
    }
    let mut tasks = gateway.tasks.list(&filter, limit + 1, 0).await.map_err(|error| unavailable(&error))?;
    let more = tasks.len() > usize::try_from(limit).unwrap_or(0);
    tasks.truncate(usize::try_from(limit).unwrap_or(0));
    let items: Vec<Vec<u8>> = tasks.iter().map(|task| gateway.tasks.show(task, request_id)).collect();
    let ids: Vec<String> = tasks.iter().map(Task::public_id).collect();
    let ends = ids.first().zip(ids.last()).map(|(first, last)| (first.as_str(), last.as_str()));
    Ok(openai::view_list(&items, ends, more))
}

async fn ark_list(
    gateway: &Gateway,
    mut filter: Filter,
    inbound: &Inbound,
    request_id: &str,
) -> Result<Vec<u8>, Fault> {
    let query: Vec<(String, String)> = parameters(inbound.query.as_deref()).collect();
    let asked = ark::filter(query.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .map_err(|name| Fault::invalid(name, format!("'{name}' is not a value that this list takes.")))?;
    if let Some(state) = asked.state {
        filter.states = TaskState::words_of(state);
    }
    filter.model = asked.model;
    if !asked.ids.is_empty() {
        let known = asked.ids.iter().filter_map(|id| Dialect::Ark.read_id(id));
        filter.ids = known.map(|id| id.bytes().to_vec()).collect();
        if filter.ids.is_empty() {
            return Ok(ark::view_list(&[], 0));
        }
    }
    filter.from = Some(first_id(crate::clock::now_ms() - ARK_DAYS * 86_400_000));
    let (page, size) = (i64::from(asked.page), i64::from(asked.size));
    let total = gateway.tasks.count(&filter).await.map_err(|error| unavailable(&error))?;
    let tasks = gateway.tasks.list(&filter, size, (page - 1) * size).await.map_err(|error| unavailable(&error))?;
    let items: Vec<Vec<u8>> = tasks.iter().map(|task| gateway.tasks.show(task, request_id)).collect();
    Ok(ark::view_list(&items, u64::try_from(total).unwrap_or(0)))
}

async fn kling_list(gateway: &Gateway, filter: Filter, inbound: &Inbound, request_id: &str) -> Result<Vec<u8>, Fault> {
    let (mut page, mut size) = (1_i64, 30_i64);
    for (name, value) in parameters(inbound.query.as_deref()) {
        let (slot, most) = match name.as_str() {
            "pageNum" => (&mut page, 1_000),
            "pageSize" => (&mut size, 500),
            _ => continue,
        };
        let number = value.parse().ok().filter(|number| (1..=most).contains(number));
        *slot = number.ok_or_else(|| Fault::invalid(name.clone(), format!("'{name}' must be from 1 to {most}.")))?;
    }
    let tasks = gateway.tasks.list(&filter, size, (page - 1) * size).await.map_err(|error| unavailable(&error))?;
    let items: Vec<Vec<u8>> = tasks.iter().map(|task| gateway.tasks.show(task, request_id)).collect();
    Ok(kling::view_list(&items, request_id))
}

/// The least id that a task of a time may have.
fn first_id(ms: i64) -> Vec<u8> {
    TaskId(u128::from(ms.max(0).unsigned_abs()) << 80).bytes().to_vec()
}
