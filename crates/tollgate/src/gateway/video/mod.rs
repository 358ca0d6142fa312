//! Video for callers: creates, looks, lists, files, in four dialects.
//!
//! ```text
//! route.rs     which path asks for what
//! create.rs    key ─▶ body ─▶ model ─▶ candidates ─▶ hold ─▶ tasks/ ─▶ answer
//!   wish.rs      what each dialect's request says, and the call that follows from it
//!   candidates.rs  the accounts that can make it, and what it may cost there
//! read.rs      looks and lists, from rows; nothing goes upstream
//! content.rs   files, from the archive
//! remove.rs    cancel and delete
//! ```
//!
//! Reading never bills and never reaches a vendor.

mod candidates;
mod content;
mod create;
mod inline;
mod read;
mod remove;
mod route;
mod wish;

use super::failure::Stopped;
use super::meter::Meter;
use super::respond::{Voice, fault_answer, name, request_id};
use super::{Gateway, Session, caller, idempotency};
use crate::keys::{Key, Mode};
use crate::message::{Answer, CallerBody, Inbound};
use crate::store::StoreError;
use crate::tasks::Dialect;
use crate::telemetry::Record;
use http::{HeaderValue, Method, StatusCode, header};
use std::sync::Arc;
use tollgate_protocol::fault::{Fault, FaultKind};

pub(super) use create::{Create, respond};
pub use route::Asked;

/// Answers one request, whatever happens.
pub async fn serve(
    gateway: &Arc<Gateway>,
    asked: Asked,
    inbound: Inbound,
    body: &mut dyn CallerBody,
    session: &mut Session,
) -> Answer {
    let voice = asked.voice();
    let allowed = asked.methods();
    let method = if inbound.method == Method::HEAD { Method::GET } else { inbound.method.clone() };
    if !allowed.contains(&method) {
        let list = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let fault = Fault::new(FaultKind::MethodNotAllowed, "method_not_allowed", format!("This route takes {list}."));
        let mut answer = fault_answer(voice, &fault, &request_id());
        if let Ok(value) = HeaderValue::from_str(&list) {
            answer.headers.push(header::ALLOW, value);
        }
        return answer;
    }
    if method == Method::POST
        && let Some(create) = Create::of(&asked)
    {
        let meter = Meter::open(&gateway.telemetry, Record::new(create.name(), inbound.started));
        if inbound.headers.contains(&idempotency::KEY) {
            return idempotency::serve(gateway, create.into(), inbound, body, session, meter).await;
        }
        return respond(gateway, &create, &inbound, body, session, meter).await;
    }
    let id = request_id();
    let result = match method {
        Method::DELETE => remove::serve(gateway, &asked, &inbound, session, &id).await,
        _ => read::serve(gateway, &asked, &inbound, body, session, &id).await,
    };
    match result {
        Ok(answer) => answer,
        Err(Stopped::Fault(fault)) => fault_answer(voice, &fault, &id),
        Err(Stopped::Gone) => Answer::whole(StatusCode::BAD_REQUEST, "text/plain", ""),
    }
}

/// Who reads, and which tasks are theirs.
struct Reader {
    key: Arc<Key>,
    book: i64,
}

impl Reader {
    fn of(gateway: &Gateway, inbound: &Inbound, session: &mut Session) -> Result<Self, Fault> {
        let key = caller::identify(gateway, inbound, session)?;
        let book = i64::from(key.mode == Mode::Test);
        Ok(Self { key, book })
    }
}

/// A JSON answer.
fn json(voice: Voice, request_id: &str, body: Vec<u8>) -> Answer {
    let mut answer = Answer::whole(StatusCode::OK, "application/json", body);
    name(&mut answer.headers, voice.protocol(), request_id);
    answer
}

/// The fault for a task that is not there: unknown, somebody else's, a vendor's own id. All the same.
fn missing(dialect: Dialect) -> Fault {
    let (code, message) = match dialect {
        Dialect::OpenAi => ("video_not_found", "There is no video with this id."),
        Dialect::Ark => ("NotFound.TaskId", "The task is not found."),
        Dialect::KlingText | Dialect::KlingImage => ("task_not_found", "The task does not exist."),
        Dialect::Veo => ("operation_not_found", "The operation is not found."),
    };
    Fault::new(FaultKind::NotFound, code, message)
}

/// The fault for a database that gives nothing.
fn unavailable(error: &StoreError) -> Fault {
    tracing::error!(error = error as &dyn std::error::Error, "tasks cannot be read");
    Fault::new(FaultKind::Unavailable, "tasks_unavailable", "Tasks cannot be read now. Try again later.")
}

/// A parameter of a query, its escapes resolved.
fn parameters(query: Option<&str>) -> impl Iterator<Item = (String, String)> {
    let plain = |text: &str| super::route::decoded(&text.replace('+', " "));
    query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()).take(1_000).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (plain(name), plain(value))
    })
}
