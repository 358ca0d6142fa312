//! The first request under a key: it runs apart from its caller, and its answer goes into the recording.

use super::held::Held;
use super::is_events;
use crate::gateway::failure::Stopped;
use crate::gateway::meter::Meter;
use crate::gateway::work::Work;
use crate::gateway::{Gateway, Session, path};
use crate::message::{Answer, AnswerBody, Flow, Inbound};
use crate::replay::{Fate, Head, Run};
use bytes::{Bytes, BytesMut};
use http::HeaderName;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio_util::sync::CancellationToken;
use tollgate_protocol::fault::{Fault, FaultKind};

const ATTEMPTS: HeaderName = HeaderName::from_static("x-tollgate-attempts");

/// Runs a request to its end, whoever is there to see it.
pub(super) async fn execute(
    gateway: Arc<Gateway>,
    work: Work,
    inbound: Inbound,
    mut held: Held,
    meter: Meter,
    mut run: Run,
) {
    let answer = match run.claim().await {
        Ok(()) => {
            let mut session = Session::default();
            work.respond(&gateway, &inbound, &mut held, &mut session, meter).await
        }
        Err(error) => {
            tracing::error!(%error, "a claim of an Idempotency-Key cannot be written");
            path::refuse(Stopped::Fault(unavailable()), work.voice(), meter)
        }
    };
    drop((inbound, held));
    record(answer, run, gateway.replays.closing()).await;
}

/// The fault for a claim or a result that the disk does not take or give.
pub(super) fn unavailable() -> Fault {
    let message = "Requests with an Idempotency-Key cannot be served now: what belongs to it cannot be stored.";
    Fault::new(FaultKind::Unavailable, "idempotency_unavailable", message)
}

async fn record(answer: Answer, mut run: Run, closing: &CancellationToken) {
    let is_result = is_result(&answer);
    let fate = |whole: bool| if whole && is_result { Fate::Kept } else { Fate::Free };
    let Answer { status, headers, body } = answer;
    let mut stream = match body {
        AnswerBody::Whole(body) => {
            let head = Head { status, headers, length: Some(body.len() as u64) };
            return run.end(Some(head), body, fate(true)).await;
        }
        AnswerBody::Stream(stream) => stream,
    };
    // Events go at once and end in the stream's own last one. The last piece of any other body is held back until it
    // is known to be the last: whoever has read all of it is to get the same again.
    let at_once = is_events(&headers);
    let mut held_back = Bytes::new();
    run.begin(Head { status, headers, length: stream.length() });
    let mut closed = pin!(closing.cancelled());
    loop {
        let mut out = BytesMut::new();
        let flow = poll_fn(|cx| {
            let flow = stream.poll_next(cx, &mut out);
            if flow.is_pending() && closed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(stream.close(&mut out));
            }
            flow
        })
        .await;
        let (piece, over) = match flow {
            Flow::Wrote => (out.freeze(), false),
            Flow::Piece(piece) => (piece, false),
            Flow::End => (out.freeze(), true),
            Flow::Abort => return run.end(None, held_back, Fate::Broken).await,
        };
        if over && at_once {
            return run.end(None, piece, fate(stream.is_whole())).await;
        }
        let piece = if at_once || piece.is_empty() { piece } else { std::mem::replace(&mut held_back, piece) };
        if let Err(error) = run.push(piece).await {
            // Delivered and billed in part: the key stays in doubt.
            tracing::error!(%error, "an answer is cut");
            return;
        }
        if over {
            return run.end(None, held_back, fate(stream.is_whole())).await;
        }
    }
}

/// Whether this is what the request is to get from now on: an answer, or the vendor's word that the request is wrong.
/// What the gateway refused by itself, or a vendor could not do now, may go well the next time.
fn is_result(answer: &Answer) -> bool {
    let asked = answer.headers.get(&ATTEMPTS).is_some_and(|attempts| attempts != "0");
    answer.status.is_success() || (asked && matches!(answer.status.as_u16(), 400 | 404 | 413 | 422))
}
