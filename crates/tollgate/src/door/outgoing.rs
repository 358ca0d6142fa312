//! An answer's body in hyper's form, and what happens to it when its caller stops reading.
//!
//! hyper asks for the next piece only while the caller has room for it. A caller that answers pings but reads nothing
//! would hold the vendor's stream for ever; so a watch beside the stream drops it when a piece has lain unread for too
//! long, and with it the vendor's connection.

use crate::clock::now_ms;
use crate::message::{AnswerBody, AnswerStream, Flow};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// An answer's body; `open` lives as long as it does.
pub(super) struct Outgoing<T> {
    body: Held,
    _open: T,
}

enum Held {
    Done,
    Whole(Bytes),
    Stream { watched: Arc<Watched>, closing: Pin<Box<WaitForCancellationFutureOwned>>, _watch: Watch },
}

/// A stream that its watch may take away.
struct Watched {
    stream: Mutex<Option<Box<dyn AnswerStream>>>,
    length: Option<u64>,
    /// Unix milliseconds when the last piece was handed over; 0 while the vendor is waited for.
    handed: AtomicI64,
}

/// The task beside a stream; ends with it.
struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Outgoing<T> {
    /// A body whose pieces may lie unread for at most `stall`, and which ends when `closing` is set.
    pub(super) fn new(body: AnswerBody, stall: Duration, closing: CancellationToken, open: T) -> Self {
        let body = match body {
            AnswerBody::Whole(bytes) => Held::Whole(bytes),
            AnswerBody::Stream(stream) => {
                let length = stream.length();
                let watched =
                    Arc::new(Watched { stream: Mutex::new(Some(stream)), length, handed: AtomicI64::new(now_ms()) });
                let closing = Box::pin(closing.cancelled_owned());
                let task = tokio::spawn(watch(Arc::downgrade(&watched), stall));
                Held::Stream { watched, closing, _watch: Watch(task.abort_handle()) }
            }
        };
        Self { body, _open: open }
    }
}

async fn watch(watched: Weak<Watched>, stall: Duration) {
    let limit = i64::try_from(stall.as_millis()).unwrap_or(i64::MAX);
    loop {
        tokio::time::sleep(stall / 4).await;
        let Some(watched) = watched.upgrade() else { return };
        let handed = watched.handed.load(Ordering::Relaxed);
        if handed != 0 && now_ms() - handed > limit {
            tracing::info!("a caller left its answer unread for too long");
            watched.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
            return;
        }
    }
}

impl Watched {
    fn poll_next(
        &self,
        closing: &mut Pin<Box<WaitForCancellationFutureOwned>>,
        cx: &mut Context<'_>,
    ) -> Poll<(Flow, BytesMut)> {
        let mut out = BytesMut::new();
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stream) = stream.as_mut() else { return Poll::Ready((Flow::Abort, out)) };
        let mut flow = stream.poll_next(cx, &mut out);
        if flow.is_pending() && closing.as_mut().poll(cx).is_ready() {
            flow = Poll::Ready(stream.close(&mut out));
        }
        self.handed.store(if flow.is_pending() { 0 } else { now_ms() }, Ordering::Relaxed);
        Poll::Ready((ready!(flow), out))
    }
}

impl<T: Unpin> Body for Outgoing<T> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let (flow, out) = match &mut self.body {
            Held::Done => return Poll::Ready(None),
            Held::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.body = Held::Done;
                return Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))));
            }
            Held::Stream { watched, closing, .. } => ready!(watched.poll_next(closing, cx)),
        };
        match flow {
            Flow::Wrote => Poll::Ready(Some(Ok(Frame::data(out.freeze())))),
            Flow::Piece(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            Flow::End => {
                self.body = Held::Done;
                Poll::Ready((!out.is_empty()).then(|| Ok(Frame::data(out.freeze()))))
            }
            Flow::Abort => {
                self.body = Held::Done;
                Poll::Ready(Some(Err(io::Error::other("the answer cannot be completed"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Held::Done => true,
            Held::Whole(bytes) => bytes.is_empty(),
            Held::Stream { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Held::Done => SizeHint::with_exact(0),
            Held::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Held::Stream { watched, .. } => watched.length.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
