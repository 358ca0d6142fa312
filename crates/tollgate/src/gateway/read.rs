//! Reading a vendor's answer: whole, its beginning, its error, its end.

use super::failure::{Failure, Next, Stopped, late_failure};
use super::timer::Timer;
use super::wait::{Stop, Watch, raced};
use crate::upstream::{Piece, ReadError, Source};
use bytes::{Bytes, BytesMut};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tollgate_protocol::fault::Fault;

/// Answers up to this size are checked whole before the caller sees a byte; larger ones pass as they come.
pub(super) const MAX_CHECKED: usize = 1024 * 1024;
/// Answers up to this size are translated; larger ones are refused, for they must be held whole.
pub(super) const MAX_CROSSED: usize = 64 * 1024 * 1024;
/// Bytes of a stream that are held back while nothing meaningful has come.
pub(super) const MAX_HELD: usize = 1024 * 1024;

pub(super) enum Failed {
    Failure(Failure),
    Stopped(Stopped),
}

impl From<Stop> for Failed {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Late(late) => Self::Failure(late_failure(late)),
            Stop::Caller(stopped) => Self::Stopped(stopped),
        }
    }
}

/// The answer began and makes no sense or broke: it may have been billed, so nobody else is asked.
pub(super) fn broken(fault: Fault) -> Failure {
    Failure { fault, next: Next::Stop, outcome: "broken", unasked: false }
}

pub(super) fn cut(error: &ReadError) -> Failure {
    broken(match error {
        ReadError::Cut(_) => Fault::broken("upstream_truncated", "The provider's answer broke off."),
        ReadError::Framing => Fault::broken("upstream_invalid_answer", "The provider's answer is not proper HTTP."),
    })
}

pub(super) enum Whole {
    All(Bytes),
    Part { start: BytesMut, source: Source },
}

/// Reads until it can be told what the body begins with, into `start`.
pub(super) async fn peek(
    source: &mut Source,
    start: &mut BytesMut,
    timer: &mut Timer,
    caller: &mut Watch<'_>,
) -> Result<(), Failed> {
    const ENOUGH: usize = b"event:".len();
    while start.trim_ascii_start().len() < ENOUGH && start.len() < MAX_HELD {
        let read =
            poll_fn(|cx| source.poll_read(cx, &mut |piece: Piece<'_>| start.extend_from_slice(piece.as_slice())));
        if !raced(timer, caller, read).await?.map_err(|error| Failed::Failure(cut(&error)))? {
            break;
        }
    }
    Ok(())
}

/// Reads a body of up to `limit` bytes, or the beginning of a larger one.
pub(super) async fn whole(
    start: BytesMut,
    mut source: Source,
    limit: usize,
    timer: &mut Timer,
    caller: &mut Watch<'_>,
) -> Result<Whole, Failed> {
    let expected = source.length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut only: Option<Bytes> = None;
    let mut all = start;
    loop {
        let mut alive = false;
        let read = poll_fn(|cx| {
            source.poll_read(cx, &mut |piece: Piece<'_>| {
                alive |= piece.as_slice().iter().any(|b| !b.is_ascii_whitespace());
                match piece {
                    Piece::Owned(bytes) if all.is_empty() && only.is_none() => only = Some(bytes),
                    piece => {
                        if let Some(first) = only.take() {
                            all.extend_from_slice(&first);
                        }
                        if all.is_empty() {
                            all.reserve(expected.min(MAX_CHECKED));
                        }
                        all.extend_from_slice(piece.as_slice());
                    }
                }
            })
        });
        let more = raced(timer, caller, read).await?.map_err(|error| Failed::Failure(cut(&error)))?;
        if alive {
            timer.alive();
        }
        if !more {
            return Ok(Whole::All(only.unwrap_or_else(|| all.freeze())));
        }
        let length = only.as_ref().map_or(all.len(), Bytes::len);
        if length == expected && expected > 0 && expected <= limit {
            continue;
        }
        if length > limit || expected > limit {
            if let Some(first) = only.take() {
                all.extend_from_slice(&first);
            }
            return Ok(Whole::Part { start: all, source });
        }
    }
}

/// The body of an error answer, as far as it fits.
pub(super) async fn error_body(
    mut source: Source,
    limit: usize,
    timer: &mut Timer,
    caller: &mut Watch<'_>,
) -> Result<Bytes, Stop> {
    let mut all = BytesMut::new();
    loop {
        let read = poll_fn(|cx| {
            source.poll_read(cx, &mut |piece: Piece<'_>| {
                let room = limit.saturating_sub(all.len());
                let slice = piece.as_slice();
                all.extend_from_slice(slice.get(..slice.len().min(room)).unwrap_or_default());
            })
        });
        match raced(timer, caller, read).await? {
            Ok(true) if all.len() < limit => timer.alive(),
            _ => return Ok(all.freeze()),
        }
    }
}

/// Reads on after a stream's terminal event, so that its connection can serve the next request.
pub(super) fn finish(mut source: Source) {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match source.poll_read(&mut cx, &mut |_| {}) {
        Poll::Ready(Ok(false) | Err(_)) => return,
        Poll::Ready(Ok(true)) | Poll::Pending => {}
    }
    tokio::spawn(async move {
        let rest = async {
            // The end of the message and nothing else should be due.
            for _ in 0..8 {
                match poll_fn(|cx| source.poll_read(cx, &mut |_| {})).await {
                    Ok(true) => {}
                    Ok(false) | Err(_) => return,
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), rest).await;
    });
}
