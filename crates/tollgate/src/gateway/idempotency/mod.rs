//! `Idempotency-Key`: the same request sent twice is one request.
//!
//! The first request under a key runs in a task of its own, and its answer is recorded. Whoever sent it, and whoever
//! sends the same again, is a reader of that recording: while it runs, afterwards, and after a restart. Callers may
//! leave; the request goes on, so that a retry finds its result. Only the first is admitted and billed.
//!
//! A key counts within its project, its kind of API key and its route. What is kept and what is not is said in
//! `execute.rs`, how long and how much in `replay/`, what makes two requests the same in `identity.rs`.

mod execute;
mod held;
mod identity;

use super::failure::Stopped;
use super::meter::Meter;
use super::streamed::stopping;
use super::work::Work;
use super::{Gateway, Session, caller, path};
use crate::ids;
use crate::lines::Lines;
use crate::message::{self, Answer, AnswerBody, AnswerStream, CallerBody, Flow, Inbound};
use crate::outcome::Outcome;
use crate::replay::{Begun, Next, Reader, Refusal};
use bytes::BytesMut;
use held::Held;
use http::{HeaderName, HeaderValue, header};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tollgate_protocol::codec::Protocol;
use tollgate_protocol::fault::{Fault, FaultKind};

/// The header that asks for all this.
pub(super) const KEY: HeaderName = HeaderName::from_static(NAME);
const NAME: &str = "idempotency-key";
/// Longest key, in bytes.
const MAX_KEY: usize = 255;
/// Says that the answer is an earlier request's.
const REPLAYED: HeaderName = HeaderName::from_static("x-tollgate-replayed");

/// Answers a request that carries the header.
pub(super) async fn serve(
    gateway: &Arc<Gateway>,
    work: Work,
    inbound: Inbound,
    body: &mut dyn CallerBody,
    session: &mut Session,
    mut meter: Meter,
) -> Answer {
    let voice = work.voice();
    let (begun, held) = match begin(gateway, &work, &inbound, body, session, &mut meter).await {
        Ok(begun) => begun,
        Err(stopped) => return path::refuse(stopped, voice, meter),
    };
    let (mut reader, meter) = match begun {
        Begun::First(run, reader) => {
            tokio::spawn(execute::execute(Arc::clone(gateway), work, inbound, held, meter, run));
            (reader, None)
        }
        Begun::Again(reader) => (reader, Some(meter)),
    };
    let head = tokio::select! {
        head = reader.head() => head,
        () = message::gone(body) => return Answer::whole(http::StatusCode::BAD_REQUEST, "text/plain", ""),
    };
    let Some(head) = head else {
        let fault = Fault::new(FaultKind::Internal, "internal", "The gateway failed.");
        return match meter {
            Some(meter) => path::refuse(fault.into(), voice, meter),
            None => super::fault_answer(voice, &fault, &super::request_id()),
        };
    };
    let mut headers = head.headers.clone();
    let meter = meter.map(|mut meter| {
        headers.push(REPLAYED, HeaderValue::from_static("true"));
        meter.note(|record| {
            record.status = head.status.as_u16();
            record.first_byte = Some(record.started.elapsed());
        });
        meter
    });
    let events = is_events(&headers);
    let body =
        AnswerBody::Stream(Box::new(Replay { reader, length: head.length, events, protocol: voice.protocol(), meter }));
    Answer { status: head.status, headers, body }
}

/// Who asks, what for, and whether that was asked before.
async fn begin(
    gateway: &Arc<Gateway>,
    work: &Work,
    inbound: &Inbound,
    body: &mut dyn CallerBody,
    session: &mut Session,
    meter: &mut Meter,
) -> Result<(Begun, Held), Stopped> {
    let key = caller::noted(gateway, inbound, session, meter)?;
    let mut request = 0;
    meter.note(|record| request = record.number);
    let name = identity::name(&key.project_id, key.mode.as_str(), work.name(), &key_text(inbound)?);
    let (held, identity) = held::read(gateway, work, inbound, body).await?;
    let begun = gateway.replays.begin(name, identity, request).await.map_err(refusal)?;
    Ok((begun, held))
}

/// Whether an answer is a stream of events.
fn is_events(headers: &Lines) -> bool {
    headers.text(&header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// The header's one value.
fn key_text(inbound: &Inbound) -> Result<String, Fault> {
    let name = KEY;
    let mut values = inbound.headers.all(&name);
    let value = values.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let visible = value.bytes().all(|b| b.is_ascii_graphic());
    if values.next().is_some() || !visible || !(1..=MAX_KEY).contains(&value.len()) {
        let message = format!("Idempotency-Key takes one value of 1 to {MAX_KEY} visible ASCII characters.");
        return Err(Fault::invalid(NAME, message));
    }
    Ok(value.to_owned())
}

fn refusal(refusal: Refusal) -> Fault {
    let first = |request| ids::from_bits(ids::REQUEST, request);
    match refusal {
        Refusal::Other => Fault::new(
            FaultKind::Contradiction,
            "idempotency_key_reused",
            "This Idempotency-Key was used for a request with another body. Use a new key for a new request.",
        ),
        Refusal::Unfinished(request) => Fault::new(
            FaultKind::Conflict,
            "idempotency_unfinished",
            format!(
                "The first request with this Idempotency-Key, {}, was under way when the gateway stopped, or its answer \
                 could not be kept. It may have been served and billed. To ask again, use a new key.",
                first(request)
            ),
        )
        .retry(false),
        Refusal::TooLarge(request) => Fault::new(
            FaultKind::Conflict,
            "idempotency_result_too_large",
            format!(
                "The first request with this Idempotency-Key, {}, was answered, but its answer was too large to be \
                 kept. To ask again, use a new key.",
                first(request)
            ),
        )
        .retry(false),
        Refusal::Busy => execute::unavailable(),
        Refusal::Io(error) => {
            tracing::error!(%error, "a kept result cannot be read");
            execute::unavailable()
        }
    }
    .about(NAME)
}

/// A recorded answer on its way to one of its callers.
struct Replay {
    reader: Reader,
    length: Option<u64>,
    /// It is a stream of events.
    events: bool,
    protocol: Protocol,
    /// Of a request that is not the first.
    meter: Option<Meter>,
}

impl Replay {
    fn settle(&mut self, outcome: Outcome) {
        if let Some(meter) = &mut self.meter {
            meter.settle(outcome);
        }
    }
}

impl AnswerStream for Replay {
    fn poll_next(&mut self, cx: &mut Context<'_>, _: &mut BytesMut) -> Poll<Flow> {
        Poll::Ready(match ready!(self.reader.poll_next(cx)) {
            Next::Piece(piece) => Flow::Piece(piece),
            Next::End => {
                self.settle(Outcome::Replayed);
                Flow::End
            }
            Next::Broken => {
                self.settle(Outcome::StreamBroken);
                Flow::Abort
            }
        })
    }

    fn close(&mut self, out: &mut BytesMut) -> Flow {
        self.settle(Outcome::StreamBroken);
        if self.events && self.reader.is_level() {
            self.protocol.codec().watch(false).fault(&stopping(), out);
            Flow::End
        } else {
            Flow::Abort
        }
    }

    fn length(&self) -> Option<u64> {
        self.length
    }
}
