//! Trying: one call after the other until one answers, and what each failure allows.
//!
//! The commit point is the first meaningful frame (or whole answer): before it the next account or target may be
//! tried, if it is certain that this one delivers and bills nothing. An answer that is lost after it began is not
//! asked for again.

use super::admission;
use super::crossing::TRANSLATION;
use super::failure::{Failure, Next, Stopped, account_unusable, call_failure, late_failure, untranslatable};
use super::meter::Meter;
use super::open::{self, Exchange, Opened, OpenedBody};
use super::outbound::{Composed, Outbound, Payload};
use super::read;
use super::timer::Timer;
use super::wait::{Stop, Watch, raced};
use super::{Gateway, headers};
use crate::config::OnDisconnect;
use crate::lines::Lines;
use crate::message::CallerBody;
use crate::proof::Proof;
use crate::routing::{Account, Attempt, Deployment};
use crate::telemetry::{Record, Stage};
use crate::upstream::{Call, CallBody, Reply};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::Instant;
use tollgate_protocol::codec::Refusal;
use tollgate_protocol::fault::{Fault, FaultKind, Meaning};

/// Calls for one request.
pub(super) const MAX_CALLS: u32 = 3;
/// Right to retry that one request brings, and the most that is saved up; in hundredths of a retry. In a storm of
/// failures the vendors see at most 1.2 calls a request.
const RETRY_SHARE: i64 = 20;
const RETRY_SAVINGS: i64 = 2_000;
/// Largest error body that is read, in bytes.
const MAX_ERROR: usize = 64 * 1024;

/// The sandbox as a provider.
static SANDBOX_NAME: LazyLock<Arc<str>> = LazyLock::new(|| "sandbox".into());
/// Label of all models that callers name themselves.
static OTHER_MODEL: LazyLock<Arc<str>> = LazyLock::new(|| "other".into());

/// Where a call goes.
#[derive(Clone, Copy)]
enum Destination<'a> {
    Sandbox,
    Vendor(&'a Attempt),
}

impl<'a> Destination<'a> {
    fn attempt(self) -> Option<&'a Attempt> {
        match self {
            Self::Sandbox => None,
            Self::Vendor(attempt) => Some(attempt),
        }
    }
}

/// The first answer that can be delivered. `attempts` is `None` for the sandbox.
pub(super) async fn first(
    gateway: &Arc<Gateway>,
    attempts: Option<Vec<Attempt>>,
    outbound: &mut Outbound<'_>,
    caller: &mut dyn CallerBody,
    meter: &mut Meter,
) -> Result<Opened, Stopped> {
    let savings = gateway.retries.fetch_add(RETRY_SHARE, Ordering::Relaxed);
    if savings > RETRY_SAVINGS {
        gateway.retries.store(RETRY_SAVINGS, Ordering::Relaxed);
    }
    let Some(mut attempts) = attempts else {
        return one(gateway, Destination::Sandbox, outbound, caller, meter)
            .await?
            .map_err(|failure| failure.fault.into());
    };
    outbound.prepare(gateway, &mut attempts).await;
    if let Some((body, name)) = attempts.first().and_then(|attempt| outbound.estimated(attempt)) {
        return Ok(estimate(body, name));
    }
    let mut unreachable: Option<Arc<Deployment>> = None;
    let mut last: Option<Failure> = None;
    let mut calls = 0;
    let mut at = 0;
    while let Some(attempt) = attempts.get(at) {
        at += 1;
        if unreachable.as_ref().is_some_and(|d| Arc::ptr_eq(d, &attempt.choice.deployment)) {
            continue;
        }
        if calls > 0 {
            let replayable = if let Payload::Form(form) = &outbound.payload { form.is_replayable() } else { true };
            if calls >= MAX_CALLS || !replayable || !may_retry(gateway) {
                break;
            }
        }
        calls += 1;
        let failure = match one(gateway, Destination::Vendor(attempt), outbound, caller, meter).await? {
            Ok(opened) => {
                if let Some(account) = attempt.account() {
                    account.trust();
                }
                return Ok(opened);
            }
            Err(failure) => failure,
        };
        if failure.unasked {
            // Nobody was asked: it is no call, and the account is not to blame.
            calls -= 1;
        } else if let Some(account) = attempt.account() {
            lay_off(account, &failure);
        }
        match failure.next {
            Next::Stop => return Err(last_word(failure, calls).into()),
            Next::Account => {}
            // At most once: see `Proofs::refused`.
            Next::Again => at -= 1,
            Next::Target => unreachable = Some(Arc::clone(&attempt.choice.deployment)),
        }
        // What a vendor said tells more than why another was not asked.
        if last.is_none() || !failure.unasked {
            last = Some(failure);
        }
    }
    Err(last.map_or_else(nothing_left, |failure| last_word(failure, calls)).into())
}

/// The gateway's own answer to how many tokens a request has. `name` is what the caller's protocol calls the number.
fn estimate(body: Bytes, name: &str) -> Opened {
    let mut headers = Lines::with_capacity(8);
    headers.push(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(told) = HeaderValue::from_str(&format!("approximated={name}")) {
        headers.push(TRANSLATION, told);
    }
    Opened { status: StatusCode::OK, headers, body: OpenedBody::own(body) }
}

/// Takes one retry out of the savings, if there is one. A refusal takes nothing: a storm must not leave a debt.
fn may_retry(gateway: &Gateway) -> bool {
    let taken = gateway
        .retries
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |savings| (savings >= 100).then_some(savings - 100));
    taken.is_ok()
}

/// A vendor's wish puts the account to rest; other failures only put it behind the others.
fn lay_off(account: &Account, failure: &Failure) {
    let rate_limited = failure.fault.kind == FaultKind::RateLimited;
    match failure.fault.retry_after {
        Some(wait) => account.rest(wait, rate_limited),
        None if failure.next == Next::Account => account.doubt(),
        None => {}
    }
}

/// The fault that the caller sees. Client libraries retry by themselves; where the gateway has tried all it may,
/// they are told not to multiply that.
fn last_word(failure: Failure, calls: u32) -> Fault {
    let fault = failure.fault;
    match fault.kind {
        FaultKind::UpstreamTimeout => fault.retry(false),
        FaultKind::RateLimited | FaultKind::Rejected(_) => fault,
        _ if fault.retry_after.is_some() => fault,
        _ if calls > 1 || fault.code == "upstream_account_error" => fault.retry(false),
        _ => fault,
    }
}

fn nothing_left() -> Fault {
    Fault::new(FaultKind::UpstreamUnavailable, "upstream_unavailable", "No provider is left to ask.")
}

/// One call. The outer error ends the request, the inner one may allow another call.
async fn one(
    gateway: &Arc<Gateway>,
    destination: Destination<'_>,
    outbound: &mut Outbound<'_>,
    caller: &mut dyn CallerBody,
    meter: &mut Meter,
) -> Result<Result<Opened, Failure>, Stopped> {
    let provider = match destination {
        Destination::Sandbox => None,
        Destination::Vendor(attempt) => Some(&attempt.choice.deployment.provider),
    };
    let model: Arc<str> = match destination {
        Destination::Sandbox => outbound.payload.model().into(),
        Destination::Vendor(attempt) => Arc::clone(&attempt.choice.model),
    };
    let timeouts = provider.map_or_else(|| gateway.fleet.load().config.sandbox_timeouts, |provider| provider.timeouts);
    let composed = outbound.composed(gateway, destination.attempt(), || meter.id());
    let Composed { path, mut headers, body, exchange } = match composed {
        Ok(composed) => composed,
        Err(fault) => return Ok(Err(untranslatable(fault))),
    };
    let proof = match destination {
        Destination::Sandbox => None,
        Destination::Vendor(attempt) => match prove(gateway, attempt).await {
            Ok(proof) => {
                headers.push(proof.name.clone(), proof.value.clone());
                Some(proof)
            }
            Err(failure) => return Ok(Err(failure)),
        },
    };
    meter.note(|record| note_call(record, destination, &model));
    begin(gateway, destination, outbound, meter).await?;
    let began = Instant::now();
    let (body, feed) = match &mut outbound.payload {
        Payload::Json { .. } => (CallBody::Whole(body.unwrap_or_default()), None),
        Payload::Form(form) => {
            let (body, feed) = form.start(&model, caller.left());
            (body, Some((form, feed)))
        }
    };
    let mut watch = match feed {
        None => Watch::Caller(caller),
        Some((form, feed)) => Watch::Feed(Box::pin(form.feed(feed, &model, caller))),
    };
    let call = Call { method: Method::POST, path, headers, body };
    let mut timer = Timer::start(timeouts, std::mem::take(&mut outbound.watchdog));
    meter.note(|record| {
        if record.attempts == 1 {
            record.spent(Stage::Plan, outbound.planned.elapsed());
        }
    });
    let reply = match destination {
        Destination::Sandbox => raced(&mut timer, &mut watch, Box::pin(gateway.sandbox.call(call))).await,
        Destination::Vendor(attempt) => {
            raced(&mut timer, &mut watch, gateway.network.call(&attempt.choice.deployment.origin, call)).await
        }
    };
    let mut result = match reply {
        Err(Stop::Caller(stopped)) => return Err(stopped),
        Err(Stop::Late(late)) => Err(late_failure(late)),
        Ok(Err(error)) => Err(call_failure(&error)),
        Ok(Ok(reply)) => {
            meter.note(|record| record.upstream_id = upstream_id(&reply.headers));
            if let Destination::Vendor(attempt) = destination
                && let Some(account) = attempt.account()
            {
                account.note_rates(&reply.headers);
            }
            if reply.status.is_success() {
                open::open(reply, exchange, timer, &mut watch, meter).await?
            } else {
                let unproved = reply.status == StatusCode::UNAUTHORIZED;
                let mut refused = Box::pin(refused(reply, &exchange, &mut timer, &mut watch)).await?;
                if let (true, Err(failure), Some(proof)) = (unproved, &mut refused, &proof)
                    && let Some(account) = destination.attempt().and_then(Attempt::account)
                    && gateway.proofs.refused(account, proof)
                {
                    failure.next = Next::Again;
                }
                refused
            }
        }
    };
    match (&mut result, proof.as_ref().map(Proof::secret)) {
        // A key of any form may be echoed, also one that does not look like a key.
        (Err(failure), Some(secret)) => failure.fault.conceal(secret),
        (Ok(Opened { body: OpenedBody::Stream(primed, _), .. }), Some(secret)) => primed.secret = Some(secret.into()),
        _ => {}
    }
    if let (Err(failure), Some(pin)) = (&mut result, outbound.turn.as_ref().and_then(|turn| turn.pin.as_ref())) {
        failure.fault.reword(&pin.theirs, &pin.ours);
    }
    if let Ok(Opened { body: OpenedBody::Stream(primed, _), .. }) = &mut result {
        primed.drains = provider.is_some_and(|provider| provider.on_disconnect == OnDisconnect::Drain);
    }
    if let (Err(failure), Some((record, charge))) = (&result, meter.open_charge()) {
        // These may have been served: the vendor bills what it read.
        let billed = matches!(failure.outcome, "timeout" | "broken");
        charge.failed(record, &failure.fault.code, billed, began.elapsed());
    }
    if let Err(failure) = &result {
        let name = provider.map_or(&*SANDBOX_NAME, |provider| &provider.name);
        gateway.telemetry.metrics.attempt(name, failure.outcome);
        tracing::info!(provider = %name, outcome = failure.outcome, code = %failure.fault.code, "a call gave no answer");
    }
    Ok(result)
}

/// The proof of an account, for one call.
pub(super) async fn prove(gateway: &Gateway, attempt: &Attempt) -> Result<Proof, Failure> {
    let account = attempt.account().ok_or_else(account_unusable)?;
    gateway.proofs.of(account).await.map_err(|_| account_unusable())
}

/// Writes down that a call is about to be sent.
async fn begin(
    gateway: &Gateway,
    destination: Destination<'_>,
    outbound: &Outbound<'_>,
    meter: &mut Meter,
) -> Result<(), Stopped> {
    let Some((record, charge)) = meter.open_charge() else { return Ok(()) };
    let (kind, priced) = match destination {
        Destination::Sandbox => {
            let sandbox = outbound.sandbox.as_ref();
            (sandbox.map(|(kind, _)| *kind), sandbox.and_then(|(kind, model)| outbound.prices.find(*kind, model)))
        }
        Destination::Vendor(attempt) => {
            let kind = attempt.choice.deployment.provider.kind;
            (Some(kind), outbound.prices.find(kind, &attempt.choice.model))
        }
    };
    if let (Destination::Sandbox, Some((_, model))) = (destination, &outbound.sandbox) {
        // Prices belong to the model's own name, which the caller may have written with a provider before it.
        record.upstream_model = Arc::clone(model);
    }
    let begun = charge.begin(record, kind, priced.map(Arc::clone));
    // Nothing is sent yet, and neither the answer nor the charge of a caller that leaves now may say that it was.
    record.attempts -= 1;
    let written = match begun {
        Ok(begun) => gateway.ledger.begun(begun).await,
        Err(error) => Err(error),
    };
    match (written, meter.open_charge()) {
        (Ok(mark), Some((record, charge))) => {
            record.attempts += 1;
            charge.keep(mark);
            Ok(())
        }
        _ => Err(admission::unavailable().into()),
    }
}

fn note_call(record: &mut Record, destination: Destination<'_>, model: &Arc<str>) {
    record.attempts += 1;
    match destination {
        Destination::Sandbox => {
            record.provider = Arc::clone(&SANDBOX_NAME);
            record.metric_model = Arc::clone(&SANDBOX_NAME);
        }
        Destination::Vendor(attempt) => {
            record.provider = Arc::clone(&attempt.choice.deployment.provider.name);
            record.metric_model = if attempt.choice.listed { Arc::clone(model) } else { Arc::clone(&OTHER_MODEL) };
        }
    }
    record.upstream_model = Arc::clone(model);
}

/// The vendor answered with an error status.
async fn refused(
    reply: Reply,
    exchange: &Exchange,
    timer: &mut Timer,
    watch: &mut Watch<'_>,
) -> Result<Result<Opened, Failure>, Stopped> {
    let status = reply.status.as_u16();
    let wait = headers::retry_after(&reply.headers);
    let body = match read::error_body(reply.body, MAX_ERROR, timer, watch).await {
        Ok(body) => body,
        Err(Stop::Caller(stopped)) => return Err(stopped),
        // The status says enough.
        Err(Stop::Late(_)) => Bytes::new(),
    };
    let Refusal { meaning, mut fault } = exchange.wire.codec().read_refusal(status, &body, wait);
    if exchange.back.is_some() {
        // The vendor's own words are of no use to a caller who speaks another protocol.
        fault.raw = None;
    }
    let (next, outcome) = match meaning {
        Meaning::Caller => (Next::Stop, "rejected"),
        Meaning::Account => (Next::Account, "account"),
        Meaning::RateLimited => (Next::Account, "rate_limited"),
        Meaning::Unavailable => (Next::Account, "unavailable"),
        Meaning::Broken => (Next::Account, "error"),
    };
    Ok(Err(Failure { fault, next, outcome, unasked: false }))
}

fn upstream_id(headers: &Lines) -> Option<String> {
    let id = headers.text(&HeaderName::from_static("x-request-id"))?;
    id.bytes().all(|b| b.is_ascii_graphic()).then(|| id.chars().take(100).collect())
}
