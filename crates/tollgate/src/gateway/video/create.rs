//! A request that makes a video: checked, admitted, held for, made, answered.

use super::candidates::{self, ceiling};
use super::route::{Asked, voice};
use super::wish::Wish;
use super::{Reader, json, missing, unavailable};
use crate::accounts::Need;
use crate::clock::now_ms;
use crate::gateway::failure::Stopped;
use crate::gateway::meter::Meter;
use crate::gateway::respond::{Voice, mark, rate_headers};
use crate::gateway::{Gateway, Session, admission, caller, charge, path};
use crate::keys::Mode;
use crate::ledger::RequestId;
use crate::message::{Answer, CallerBody, Inbound};
use crate::outcome::Outcome;
use crate::tasks::{self, Created, Dialect, New, Task, TaskId, TaskState};
use crate::telemetry::Stage;
use crate::upstream::StrangersUrl;
use http::{HeaderName, HeaderValue, header};
use std::sync::Arc;
use tollgate_protocol::fault::{Fault, FaultKind};

const TRANSLATION: HeaderName = HeaderName::from_static("x-tollgate-translation");
const POLL_AFTER: HeaderName = HeaderName::from_static("openai-poll-after-ms");
const SIM: HeaderName = HeaderName::from_static("x-tollgate-sim");

/// A route that makes a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) enum Create {
    /// In the dialect's own way.
    Tasks(Dialect),
    /// From a finished one, by its id; the task once it is found.
    Remix(String, Option<Box<Task>>),
    /// Google's.
    Predict {
        /// The model.
        model: String,
        /// What stands before `/operations/` in the operation's name.
        parent: String,
    },
}

impl Create {
    /// What a POST to a path makes, if it makes something.
    pub(super) fn of(asked: &Asked) -> Option<Self> {
        Some(match asked {
            Asked::Tasks(dialect) => Self::Tasks(*dialect),
            Asked::Remix(id) => Self::Remix(id.clone(), None),
            Asked::Predict { model, parent } => Self::Predict { model: model.clone(), parent: parent.clone() },
            _ => return None,
        })
    }

    fn dialect(&self) -> Dialect {
        match self {
            Self::Tasks(dialect) => *dialect,
            Self::Remix(..) => Dialect::OpenAi,
            Self::Predict { .. } => Dialect::Veo,
        }
    }

    /// The route's name in logs, metrics and the ledger.
    pub(in crate::gateway) fn name(&self) -> &'static str {
        self.dialect().endpoint()
    }

    /// What else of the path says which request it is.
    pub(in crate::gateway) fn subject(&self) -> &str {
        match self {
            Self::Tasks(_) => "",
            Self::Remix(id, _) => id,
            Self::Predict { parent, .. } => parent,
        }
    }

    /// In whose form its faults are told.
    pub(in crate::gateway) fn voice(&self) -> Voice {
        voice(self.dialect())
    }
}

/// Answers a request that makes a task, for a caller or for all callers with one `Idempotency-Key`.
pub(in crate::gateway) async fn respond(
    gateway: &Arc<Gateway>,
    create: &Create,
    inbound: &Inbound,
    body: &mut dyn CallerBody,
    session: &mut Session,
    mut meter: Meter,
) -> Answer {
    match Box::pin(make(gateway, create, inbound, body, session, &mut meter)).await {
        Ok(task) => made(gateway, &task, create.voice(), meter),
        Err(stopped) => path::refuse(stopped, create.voice(), meter),
    }
}

async fn make(
    gateway: &Arc<Gateway>,
    create: &Create,
    inbound: &Inbound,
    body: &mut dyn CallerBody,
    session: &mut Session,
    meter: &mut Meter,
) -> Result<Task, Stopped> {
    let reader = Reader::of(gateway, inbound, session)?;
    let key = Arc::clone(&reader.key);
    meter.note(|record| {
        record.key_id = Some(Arc::clone(&key.id));
        record.project_id = Some(Arc::clone(&key.project_id));
        record.spent(Stage::Auth, inbound.started.elapsed());
    });
    let limit = gateway.fleet.load().config.server.body_limit;
    let whole = path::whole(inbound, body, limit).await?;
    let mut wish = Wish::read(&found(gateway, create, &reader).await?, inbound, whole)?;
    find_draft(gateway, &reader, &mut wish).await?;
    let model = wish.model()?;
    caller::may_use(&key, &model, inbound)?;
    meter.note(|record| record.model = Some(model.clone()));
    let fleet = gateway.fleet.load_full();
    let (_, callback, external) = wish.told();
    if let Some(url) = callback {
        check_callback(url, &fleet.config.video.internal_networks)?;
    }
    let strict = inbound.header(&TRANSLATION).is_some_and(|value| value.trim().eq_ignore_ascii_case("strict"));
    let mut candidates = match key.mode {
        Mode::Test => candidates::sandbox(&fleet, &wish, &model, strict)?,
        Mode::Live => candidates::live(&fleet, &wish, &model, strict)?,
    };
    let external_id = external.map(str::to_owned);
    if let Some(name) = &external_id {
        let taken = gateway.tasks.find_external(wish.dialect(), name, &key.project_id, reader.book).await;
        if taken.map_err(|error| unavailable(&error))?.is_some() {
            let message = "This 'external_task_id' has been used before. Each task needs its own.";
            return Err(Fault::invalid("external_task_id", message).into());
        }
    }
    // From here on the request is admitted: it gets its one charge.
    if !gateway.books || !gateway.ledger.is_open() {
        return Err(admission::unavailable().into());
    }
    let mut need = Need::default();
    if admission::is_budgeted(&key) {
        need.hold = ceiling(&mut candidates).ok_or_else(|| {
            let message = "This key has a budget, and the model has no price to count against it.";
            Fault::new(FaultKind::Forbidden, "model_unpriced", message).about("model")
        })?;
    }
    let mut now = now_ms();
    let mut request = None;
    meter.note(|record| {
        now = charge::admitted_at(record);
        request = RequestId::parse(&record.id);
    });
    let account = session.account(&gateway.accounts, &key);
    let hold = account.admit(&key, need, now);
    meter.rates = account.rates(&key, now);
    let hold = hold.map_err(|refused| admission::refusal(refused, need))?;
    let no_id = |_| Fault::new(FaultKind::Internal, "internal", "The gateway failed.");
    let steer = inbound.header(&SIM).map(str::to_owned).filter(|_| key.mode == Mode::Test);
    let new = New {
        id: TaskId::new(now).map_err(no_id)?,
        request: request.unwrap_or_default(),
        dialect: wish.dialect(),
        asked: asked(create, &wish, base_of(&fleet.config, inbound)),
        external_id,
        model,
        candidates,
        hold,
        headers: inbound.headers.clone(),
        steer,
        key,
        build: Box::new(move |candidate, name| wish.call(candidate, name)),
    };
    drop(fleet);
    let Created { task, fault } = gateway.tasks.create(new).await;
    if let Some(task) = &task {
        meter.note(|record| {
            record.attempts = u32::try_from(task.row.attempts).unwrap_or(0);
            if record.attempts > 0 || fault.is_none() {
                record.provider = task.row.provider.as_str().into();
                record.upstream_model = task.row.upstream_model.as_str().into();
                record.metric_model = task.row.provider.as_str().into();
            }
        });
    }
    match (fault, task) {
        (Some(fault), _) => Err(fault.into()),
        (None, Some(task)) => Ok(task),
        (None, None) => Err(Fault::new(FaultKind::Internal, "internal", "The gateway failed.").into()),
    }
}

/// The answer to a request that made a task.
fn made(gateway: &Gateway, task: &Task, voice: Voice, mut meter: Meter) -> Answer {
    let mut id = String::new();
    meter.note(|record| id.clone_from(&record.id));
    let body = gateway.tasks.show_created(task, &id);
    let mut answer = json(voice, &id, body);
    if let Some(losses) = &task.asked.losses
        && let Ok(value) = HeaderValue::from_str(losses)
    {
        answer.headers.push(TRANSLATION, value);
    }
    poll_after(&mut answer, task);
    meter.note(|record| {
        record.status = 200;
        record.answered = true;
        record.first_byte = Some(record.started.elapsed());
        mark(&mut answer.headers, record);
    });
    rate_headers(&mut answer.headers, voice.protocol(), meter.rates);
    meter.settle(Outcome::Completed);
    answer
}

/// Tells a library of this dialect when to look again: it asks as often as we do, and not more.
pub(super) fn poll_after(answer: &mut Answer, task: &Task) {
    if task.dialect != Dialect::OpenAi || task.state.is_final() {
        return;
    }
    let milliseconds = if task.is_test() { 250 } else { 2_000 };
    answer.headers.push(POLL_AFTER, HeaderValue::from(milliseconds));
}

/// The route with the task that it names, which must be the caller's own and finished.
async fn found(gateway: &Gateway, create: &Create, reader: &Reader) -> Result<Create, Fault> {
    let Create::Remix(id, _) = create else { return Ok(create.clone()) };
    let none = || missing(Dialect::OpenAi);
    let known = Dialect::OpenAi.read_id(id).ok_or_else(none)?;
    let task = gateway.tasks.find(Dialect::OpenAi, known, &reader.key.project_id, reader.book).await;
    let task = task.map_err(|error| unavailable(&error))?.ok_or_else(none)?;
    if !task.asked.native {
        let message = "This video was made by a provider that cannot make one anew from it.";
        return Err(Fault::new(FaultKind::InvalidRequest, "unsupported_operation", message).about("video_id"));
    }
    if task.state != TaskState::Succeeded {
        return Err(Fault::invalid("video_id", "Only a completed video can be remixed."));
    }
    Ok(Create::Remix(id.clone(), Some(Box::new(task))))
}

/// Finds the draft that a request at Ark refers to.
async fn find_draft(gateway: &Gateway, reader: &Reader, wish: &mut Wish) -> Result<(), Fault> {
    let Wish::Ark { create, draft, .. } = wish else { return Ok(()) };
    let Some(id) = &create.draft_task else { return Ok(()) };
    let none = || missing(Dialect::Ark).about("content.draft_task.id");
    let known = Dialect::Ark.read_id(id).ok_or_else(none)?;
    let task = gateway.tasks.find(Dialect::Ark, known, &reader.key.project_id, reader.book).await;
    *draft = Some(Box::new(task.map_err(|error| unavailable(&error))?.ok_or_else(none)?));
    Ok(())
}

fn check_callback(url: &str, inside: &[ipnet::IpNet]) -> Result<(), Fault> {
    let wrong = |error: crate::upstream::UrlError| Fault::invalid("callback_url", format!("'callback_url' {error}."));
    let url = StrangersUrl::read(url).map_err(wrong)?;
    // Where the operator has networks of its own, the address decides when it is called.
    if inside.is_empty() {
        url.check().map_err(wrong)?;
    }
    Ok(())
}

/// What is remembered of a request, but for what depends on who makes it.
fn asked(create: &Create, wish: &Wish, base: String) -> tasks::Asked {
    let (prompt, callback, _) = wish.told();
    tasks::Asked {
        prompt: prompt.map(str::to_owned),
        callback: callback.map(str::to_owned),
        base,
        remixed_from: match create {
            Create::Remix(id, _) => Some(id.clone()),
            _ => None,
        },
        parent: match create {
            Create::Predict { parent, .. } => Some(parent.clone()),
            _ => None,
        },
        ..tasks::Asked::default()
    }
}

/// Where the caller found this gateway.
fn base_of(config: &crate::config::Config, inbound: &Inbound) -> String {
    if let Some(url) = &config.video.public_url {
        return url.to_string();
    }
    let scheme = if config.server.tls.is_some() { "https" } else { "http" };
    let listen = config.server.listen.to_string();
    let host = inbound.header(&header::HOST).unwrap_or(&listen);
    format!("{scheme}://{host}")
}
