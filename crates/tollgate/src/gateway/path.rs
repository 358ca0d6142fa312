//! The life of one data-plane request. Read this first.

use super::admission::{self, Ask};
use super::attempt;
use super::charge;
use super::failure::{Stopped, too_large};
use super::meter::Meter;
use super::open::{Opened, OpenedBody};
use super::outbound::{Outbound, Payload};
use super::respond::{Voice, cost, fault_answer, mark, name, rate_headers};
use super::streamed::{Passed, Streamed};
use super::upload::Form;
use super::{Asked, Gateway, Route, Session, caller, idempotency, plan};
use crate::clock::now_ms;
use crate::config::{Kind, Protocol};
use crate::ids;
use crate::keys::Key;
use crate::message::{self, Answer, AnswerBody, CallerBody, Inbound};
use crate::outcome::Outcome;
use crate::routing::{Choice, Fleet};
use crate::telemetry::{Record, Stage};
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, StatusCode, header};
use std::sync::Arc;
use std::time::Instant;
use tollgate_protocol::fault::{Fault, FaultKind};

const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Answers one data-plane request, whatever happens.
pub async fn serve(
    gateway: &Arc<Gateway>,
    asked: Asked,
    inbound: Inbound,
    body: &mut dyn CallerBody,
    session: &mut Session,
) -> Answer {
    let meter = Meter::open(&gateway.telemetry, Record::new(asked.route.name(), inbound.started));
    if inbound.headers.contains(&idempotency::KEY) {
        return Box::pin(idempotency::serve(gateway, asked.into(), inbound, body, session, meter)).await;
    }
    respond(gateway, &asked, &inbound, body, session, meter).await
}

/// Answers one request for whoever sends it: a caller, or the gateway on behalf of all callers with one
/// `Idempotency-Key`.
pub(super) async fn respond(
    gateway: &Arc<Gateway>,
    asked: &Asked,
    inbound: &Inbound,
    body: &mut dyn CallerBody,
    session: &mut Session,
    mut meter: Meter,
) -> Answer {
    let protocol = asked.route.protocol();
    match exchange(gateway, asked, inbound, body, session, &mut meter).await {
        Ok(opened) => deliver(opened, protocol, meter, session),
        Err(stopped) => refuse(stopped, protocol, meter),
    }
}

/// Who asks, what for, whom to ask, and the first that answers.
async fn exchange(
    gateway: &Arc<Gateway>,
    asked: &Asked,
    inbound: &Inbound,
    body: &mut dyn CallerBody,
    session: &mut Session,
    meter: &mut Meter,
) -> Result<Opened, Stopped> {
    let route = asked.route;
    let key = caller::noted(gateway, inbound, session, meter)?;
    let (body_limit, upload_limit) = {
        let fleet = gateway.fleet.load();
        (fleet.config.server.body_limit, fleet.config.server.upload_limit)
    };
    let mut payload = if route.is_form() {
        Payload::Form(Box::new(Box::pin(Form::begin(inbound, body, upload_limit, &gateway.spool)).await?))
    } else {
        let whole = whole(inbound, body, body_limit).await?;
        Payload::Json { head: plan::head(asked, &whole)?, body: whole }
    };
    let read = Instant::now();
    // Taken only now: a body may take long to arrive, and what is in force then is what counts.
    let fleet = gateway.fleet.load();
    let model = payload.model();
    caller::may_use(&key, model, inbound)?;
    let id = || meter.id();
    let turn = plan::turn(gateway, asked, &key, &mut payload, id, body_limit).await?;
    let model = payload.model();
    let choices = plan::choices(&fleet, key.mode, model)?;
    meter.note(|record| {
        record.model = Some(model.to_owned());
        record.stream = payload.stream();
    });
    let prices = Arc::clone(&fleet.config.prices);
    let (choices, sandbox) = admitted(gateway, &fleet, &key, route, &payload, body, choices, session, meter)?;
    drop(fleet);
    let attempts = match choices.as_deref() {
        Some(choices) => Some(plan::attempts(choices, route, turn.as_ref(), ids::below)?),
        None => None,
    };
    let mut outbound = Outbound {
        sandbox,
        planned: read,
        watchdog: std::mem::take(&mut session.watchdog),
        ..Outbound::new(asked, inbound, payload, Arc::clone(&key.project_id), turn, prices)
    };
    attempt::first(gateway, attempts, &mut outbound, body, meter).await
}

/// The choices that are left, and for the sandbox whose price counts.
type Admitted = (Option<Arc<[Choice]>>, Option<(Kind, Arc<str>)>);

/// Takes what the request needs from its key's and project's limits and budgets. Gives the choices that are left (a
/// budget takes no model without a price), and for the sandbox whose price counts.
#[expect(clippy::too_many_arguments, reason = "the one place where all of it meets")]
fn admitted(
    gateway: &Gateway,
    fleet: &Fleet,
    key: &Arc<Key>,
    route: Route,
    payload: &Payload,
    body: &dyn CallerBody,
    mut choices: Option<Arc<[Choice]>>,
    session: &mut Session,
    meter: &mut Meter,
) -> Result<Admitted, Fault> {
    if route.is_count() {
        let account = session.account(&gateway.accounts, key);
        let now = now_ms();
        let place = admission::place(&account, key, now);
        meter.rates = account.rates(key, now);
        meter.seat(place?);
        return Ok((choices, None));
    }
    if !gateway.books {
        return if admission::is_budgeted(key) { Err(admission::unavailable()) } else { Ok((choices, None)) };
    }
    let prices = &fleet.config.prices;
    let (budgeted, model) = (admission::is_budgeted(key), payload.model());
    let candidates = match &choices {
        Some(choices) if !budgeted => {
            debug_assert!(!choices.is_empty());
            Vec::new()
        }
        choices => admission::candidates(fleet, choices.as_deref(), model),
    };
    let account = session.account(&gateway.accounts, key);
    let ask = Ask::of(route, payload, body.left().unwrap_or(fleet.config.server.upload_limit));
    let mut now = now_ms();
    meter.note(|record| now = charge::admitted_at(record));
    let result = admission::admit(gateway, prices, &account, key, ask, &candidates, now);
    meter.rates = account.rates(key, now);
    meter.admit(result?);
    let mut sandbox = None;
    match &mut choices {
        Some(choices) if budgeted => {
            *choices = choices.iter().filter(|choice| plan::is_priced(choice, prices)).cloned().collect();
        }
        Some(_) => {}
        None => sandbox = plan::sandbox_model(&candidates, prices),
    }
    Ok((choices, sandbox))
}

/// The answer for what a vendor (or the sandbox) gave.
pub(super) fn deliver(opened: Opened, protocol: Protocol, mut meter: Meter, session: &mut Session) -> Answer {
    let Opened { status, mut headers, body } = opened;
    meter.note(|record| {
        name(&mut headers, protocol, &record.id);
        record.status = status.as_u16();
        record.answered = true;
        record.first_byte = Some(record.started.elapsed());
        mark(&mut headers, record);
    });
    rate_headers(&mut headers, protocol, meter.rates);
    let body = match body {
        OpenedBody::Whole { body, usage, content, began, timer } => {
            if let Some(timer) = timer {
                session.watchdog = timer.release();
            }
            meter.note(|record| {
                record.usage = usage;
                if usage.is_none() {
                    record.content_bytes = content;
                }
                record.spent(Stage::Answer, began.elapsed());
            });
            if let Some(amount) = meter.settle(Outcome::Completed) {
                cost(&mut headers, amount);
            }
            AnswerBody::Whole(body)
        }
        OpenedBody::Large(large) => AnswerBody::Stream(Box::new(Passed::new(*large, meter))),
        OpenedBody::Stream(primed, began) => {
            meter.note(|record| record.spent(Stage::Answer, began.elapsed()));
            headers.set(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            // Proxies that buffer by default (nginx) leave a stream alone when told so.
            headers.push(BUFFERING, HeaderValue::from_static("no"));
            AnswerBody::Stream(Box::new(Streamed::new(*primed, meter)))
        }
    };
    Answer { status, headers, body }
}

/// The answer for a request that gets none from a vendor.
pub(super) fn refuse(stopped: Stopped, voice: impl Into<Voice>, mut meter: Meter) -> Answer {
    let voice = voice.into();
    let fault = match stopped {
        Stopped::Fault(fault) => fault,
        // Nobody is there to read this; the meter settles as it drops.
        Stopped::Gone => return Answer::whole(StatusCode::BAD_REQUEST, "text/plain", Bytes::new()),
    };
    let mut id = String::new();
    meter.note(|record| id.clone_from(&record.id));
    let mut answer = fault_answer(voice, &fault, &id);
    meter.note(|record| {
        record.status = answer.status.as_u16();
        record.error = Some(fault.code.to_string());
        record.outcome = match fault.kind {
            _ if record.attempts == 0 => Outcome::Refused,
            FaultKind::Rejected(_) => Outcome::Rejected,
            _ => Outcome::UpstreamError,
        };
        mark(&mut answer.headers, record);
    });
    rate_headers(&mut answer.headers, voice.protocol(), meter.rates);
    answer
}

/// A whole JSON body, within its limit.
pub(super) async fn whole(inbound: &Inbound, body: &mut dyn CallerBody, limit: u64) -> Result<Bytes, Stopped> {
    let coded =
        inbound.header(&header::CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
    if coded {
        return Err(Fault::invalid("content-encoding", "Compressed request bodies are not supported.").into());
    }
    let announced = body.left().unwrap_or(0);
    if announced > limit {
        return Err(too_large(limit).into());
    }
    let mut bytes = BytesMut::with_capacity(usize::try_from(announced).unwrap_or(0));
    while message::read(body, &mut bytes).await? {
        if bytes.len() as u64 > limit {
            return Err(too_large(limit).into());
        }
    }
    Ok(bytes.freeze())
}
