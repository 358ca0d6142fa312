//! Answers that pass while they come: streams of events, and bodies too large to hold.

use super::drain;
use super::meter::Meter;
use super::open::{Large, Passing, Primed};
use super::read::finish;
use super::recall::Keeper;
use super::state::Filing;
use super::timer::{Late, Timer};
use crate::message::{AnswerStream, Flow};
use crate::outcome::Outcome;
use crate::upstream::{Piece, Source};
use bytes::{Bytes, BytesMut};
use std::task::{Context, Poll};
use tollgate_protocol::audio::{self, TranscriptWatch};
use tollgate_protocol::embeddings;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::gemini;
use tollgate_protocol::relay::{Pushed, Relay};

/// A relayed stream. However the vendor breaks, it ends for the caller in the protocol's own error event and never
/// in a success; a caller that leaves drops it.
pub(super) struct Streamed {
    relay: Relay,
    source: Option<Source>,
    held: BytesMut,
    /// The account's, which an error must not tell.
    secret: Option<Box<str>>,
    /// Whether it is read on when the caller leaves.
    drains: bool,
    /// Where reasoning goes that must come back.
    keeper: Option<Keeper>,
    /// Where the answer is kept.
    filing: Option<Box<Filing>>,
    /// It ends, or has ended, in an error event.
    broken: bool,
    timer: Timer,
    meter: Meter,
}

impl Streamed {
    pub(super) fn new(primed: Primed, mut meter: Meter) -> Self {
        let Primed { mut relay, source, mut held, complete, fault, secret, drains, keeper, mut filing, timer } = primed;
        if let Some(filing) = &mut filing {
            filing.begun();
        }
        note(&relay, &mut meter);
        if let Some(mut fault) = fault {
            if let Some(secret) = &secret {
                fault.conceal(secret);
            }
            relay.fault(&fault, &mut held);
            meter.note(|record| record.error = Some(fault.code.to_string()));
        }
        let source = match source {
            Some(source) if complete => {
                finish(source);
                None
            }
            source => source,
        };
        if complete {
            keep(keeper.as_ref(), filing.as_deref_mut(), &relay);
            meter.settle(Outcome::Completed);
        } else if source.is_none() {
            meter.settle(Outcome::StreamBroken);
        }
        let broken = !complete && source.is_none();
        Self { relay, source, held, secret, drains, keeper, filing, broken, timer, meter }
    }

    /// The stream has ended: well, or with an error event.
    fn end(&mut self, fault: Option<Fault>, out: &mut BytesMut) -> Flow {
        note(&self.relay, &mut self.meter);
        match fault {
            None => {
                keep(self.keeper.as_ref(), self.filing.as_deref_mut(), &self.relay);
                self.meter.settle(Outcome::Completed);
                if let Some(source) = self.source.take() {
                    finish(source);
                }
            }
            Some(mut fault) => {
                if let Some(secret) = &self.secret {
                    fault.conceal(secret);
                }
                self.relay.fault(&fault, out);
                self.source = None;
                self.broken = true;
                self.meter.note(|record| record.error = Some(fault.code.to_string()));
                self.meter.settle(Outcome::StreamBroken);
            }
        }
        Flow::End
    }
}

fn note(relay: &Relay, meter: &mut Meter) {
    meter.note(|record| {
        record.usage = relay.usage();
        record.content_bytes = relay.content_bytes();
        if let Some(losses) = relay.losses().filter(|losses| !losses.is_empty()) {
            let request = record.translation.as_deref().unwrap_or("exact");
            let request = request.split(";answer:").next().unwrap_or_default();
            record.translation = Some(format!("{request};answer:{losses}"));
        }
    });
}

/// Remembers what of a complete answer must come back with the results of its calls, and the answer where it is kept.
fn keep(keeper: Option<&Keeper>, filing: Option<&mut Filing>, relay: &Relay) {
    if let Some(filing) = filing {
        filing.file();
    }
    if let (Some(keeper), Some(fold)) = (keeper, relay.fold()) {
        keeper.keep(fold.parts());
    }
}

fn late(late: Late) -> Fault {
    let message = match late {
        Late::FirstByte | Late::Idle => "The provider stopped sending before the answer was complete.",
        Late::Total => "The answer took longer than allowed.",
    };
    Fault::new(FaultKind::UpstreamTimeout, "upstream_timeout", message)
}

impl AnswerStream for Streamed {
    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<Flow> {
        if !self.held.is_empty() {
            out.extend_from_slice(&std::mem::take(&mut self.held));
            return Poll::Ready(if self.source.is_none() { Flow::End } else { Flow::Wrote });
        }
        let before = out.len();
        loop {
            let Some(source) = &mut self.source else { return Poll::Ready(Flow::End) };
            let relay = &mut self.relay;
            let mut pushed = Pushed::default();
            let read = source.poll_read(cx, &mut |piece: Piece<'_>| {
                if !pushed.over() {
                    let more = relay.push(piece.as_slice(), out);
                    pushed.alive |= more.alive;
                    pushed.terminal = more.terminal;
                    pushed.fault = more.fault;
                }
            });
            if pushed.over() {
                return Poll::Ready(self.end(pushed.fault, out));
            }
            if pushed.alive {
                self.timer.alive();
            }
            match read {
                Poll::Ready(Ok(true)) if out.len() > before => {
                    // The meter must know what passed even if the caller leaves now.
                    note(&self.relay, &mut self.meter);
                    if !self.meter.progress(self.relay.tokens_seen()) {
                        return Poll::Ready(self.end(Some(used_up()), out));
                    }
                    self.timer.pause();
                    return Poll::Ready(Flow::Wrote);
                }
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => {
                    let pushed = self.relay.end(out);
                    self.source = None;
                    return Poll::Ready(self.end(pushed.fault, out));
                }
                Poll::Ready(Err(error)) => {
                    tracing::info!(%error, "a provider's stream broke");
                    let fault = Fault::broken(
                        "upstream_truncated",
                        "The provider's stream broke off before the answer was complete.",
                    );
                    return Poll::Ready(self.end(Some(fault), out));
                }
                Poll::Pending => {
                    return match self.timer.poll(cx) {
                        Poll::Ready(limit) => Poll::Ready(self.end(Some(late(limit)), out)),
                        Poll::Pending => Poll::Pending,
                    };
                }
            }
        }
    }

    fn close(&mut self, out: &mut BytesMut) -> Flow {
        if self.source.is_none() { Flow::End } else { self.end(Some(stopping()), out) }
    }

    fn is_whole(&self) -> bool {
        !self.broken
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        if self.drains
            && let Some(source) = self.source.take()
        {
            let relay = std::mem::replace(&mut self.relay, Relay::new(Box::new(TranscriptWatch::default())));
            drain::begin(relay, source, self.meter.take());
        }
    }
}

/// What a caller is told when its budget has no room for the rest of the answer.
fn used_up() -> Fault {
    Fault::new(FaultKind::BudgetExceeded, "budget_exceeded", "The budget is used up; the answer ends here.")
}

/// What a caller is told when the gateway stops before its answer is complete.
pub(super) fn stopping() -> Fault {
    Fault::new(FaultKind::Unavailable, "gateway_stopping", "The gateway is stopping before the answer was complete.")
}

/// A large body that passes unread but for the windows in which usage stands. If it breaks, the message to the
/// caller is cut short as well: its length or its missing last chunk says so.
pub(super) struct Passed {
    start: BytesMut,
    piece: Option<Bytes>,
    source: Option<Source>,
    length: Option<u64>,
    timer: Timer,
    /// The first and the last bytes that passed.
    first: Vec<u8>,
    tail: Vec<u8>,
    kind: Passing,
    meter: Meter,
}

impl Passed {
    pub(super) fn new(large: Large, meter: Meter) -> Self {
        let Large { start, source, length, kind, timer } = large;
        let mut passed = Self {
            start: BytesMut::new(),
            piece: None,
            source: Some(source),
            length,
            timer,
            first: start.get(..start.len().min(embeddings::WINDOW)).unwrap_or_default().to_vec(),
            tail: Vec::with_capacity(embeddings::WINDOW),
            kind,
            meter,
        };
        keep_tail(&mut passed.tail, &start);
        passed.start = start;
        passed
    }

    fn end(&mut self, outcome: Outcome) {
        let find = match self.kind {
            Passing::Json => embeddings::usage_in_window,
            Passing::Vectors => gemini::usage_in_window,
            Passing::Transcript => audio::usage_in_window,
            Passing::Text => |_: &[u8]| None,
        };
        let usage = find(&self.tail).or_else(|| find(&self.first));
        self.meter.note(|record| record.usage = usage);
        self.meter.settle(outcome);
        self.source = None;
    }
}

fn keep_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    let start = bytes.len().saturating_sub(embeddings::WINDOW);
    let last = bytes.get(start..).unwrap_or_default();
    let keep = embeddings::WINDOW - last.len();
    let drop = tail.len().saturating_sub(keep);
    tail.drain(..drop);
    tail.extend_from_slice(last);
}

impl AnswerStream for Passed {
    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<Flow> {
        if !self.start.is_empty() {
            return Poll::Ready(Flow::Piece(std::mem::take(&mut self.start).freeze()));
        }
        if let Some(piece) = self.piece.take() {
            return Poll::Ready(Flow::Piece(piece));
        }
        let Some(source) = &mut self.source else { return Poll::Ready(Flow::End) };
        let before = out.len();
        let (tail, next) = (&mut self.tail, &mut self.piece);
        let read = source.poll_read(cx, &mut |piece: Piece<'_>| {
            keep_tail(tail, piece.as_slice());
            match piece {
                Piece::Owned(bytes) if next.is_none() => *next = Some(bytes),
                piece => {
                    if let Some(first) = next.take() {
                        out.extend_from_slice(&first);
                    }
                    out.extend_from_slice(piece.as_slice());
                }
            }
        });
        match read {
            Poll::Ready(Ok(true)) => {
                self.timer.alive();
                if out.len() > before {
                    return Poll::Ready(Flow::Wrote);
                }
                Poll::Ready(self.piece.take().map_or(Flow::Wrote, Flow::Piece))
            }
            // Where only the closing of the connection ends the body, its last byte tells whether it was all.
            Poll::Ready(Ok(false)) if self.kind != Passing::Text && !self.tail.trim_ascii_end().ends_with(b"}") => {
                self.end(Outcome::StreamBroken);
                Poll::Ready(Flow::Abort)
            }
            Poll::Ready(Ok(false)) => {
                self.end(Outcome::Completed);
                Poll::Ready(Flow::End)
            }
            Poll::Ready(Err(error)) => {
                tracing::info!(%error, "a provider's answer broke");
                self.end(Outcome::StreamBroken);
                Poll::Ready(Flow::Abort)
            }
            Poll::Pending => match self.timer.poll(cx) {
                Poll::Ready(_) => {
                    self.end(Outcome::StreamBroken);
                    Poll::Ready(Flow::Abort)
                }
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn close(&mut self, _: &mut BytesMut) -> Flow {
        self.end(Outcome::StreamBroken);
        Flow::Abort
    }

    fn length(&self) -> Option<u64> {
        self.length
    }
}
