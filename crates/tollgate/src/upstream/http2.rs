//! Exchanges on HTTP/2 connections to vendors, spoken by hyper.

use super::{Call, CallBody, CallError, Origin, Piece, ReadError, Reply, Source};
use crate::http1::Io;
use bytes::Bytes;
use http::{Request, Uri};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Streams on one connection where the vendor names no number.
const DEFAULT_STREAMS: usize = 100;
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
const PING: Duration = Duration::from_secs(20);

/// A connection that can carry many exchanges.
#[derive(Clone)]
pub(super) struct Handle {
    sender: SendRequest<Outgoing>,
    open: Arc<AtomicUsize>,
    /// Streams that the vendor allows at the same time, as it said last.
    most: Arc<AtomicUsize>,
}

impl Handle {
    /// Whether another stream may be opened now.
    pub(super) fn has_room(&self) -> bool {
        let most = self.most.load(Ordering::Relaxed).clamp(1, DEFAULT_STREAMS);
        !self.sender.is_closed() && self.open.load(Ordering::Relaxed) < most
    }

    /// Whether the connection is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether no exchange uses it.
    pub(super) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }
}

/// Begins HTTP/2 on a fresh connection.
pub(super) async fn handshake(io: Io) -> Result<Handle, CallError> {
    let (sender, mut connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .handshake(TokioIo::new(io))
        .await
        .map_err(|e| CallError::Connect(e.to_string()))?;
    let most = Arc::new(AtomicUsize::new(DEFAULT_STREAMS));
    let said = Arc::clone(&most);
    tokio::spawn(async move {
        let ended = std::future::poll_fn(|cx| {
            let polled = Pin::new(&mut connection).poll(cx);
            said.store(connection.current_max_send_streams(), Ordering::Relaxed);
            polled
        });
        if let Err(error) = ended.await {
            tracing::debug!(%error, "an HTTP/2 connection to a provider ended");
        }
    });
    Ok(Handle { sender, open: Arc::new(AtomicUsize::new(0)), most })
}

/// One stream's place on its connection.
struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sends a request and waits for the head of its answer.
pub(super) async fn exchange(mut handle: Handle, origin: &Origin, call: Call) -> Result<Reply, CallError> {
    handle.open.fetch_add(1, Ordering::Relaxed);
    let slot = Slot(Arc::clone(&handle.open));
    let scheme = if origin.base.tls { "https" } else { "http" };
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(origin.base.authority.as_bytes())
        .path_and_query(call.path)
        .build()
        .map_err(|e| CallError::Connect(e.to_string()))?;
    let mut request = Request::new(match call.body {
        CallBody::Whole(body) => Outgoing::Whole(body),
        CallBody::Pieces { length, pieces } => Outgoing::Pieces { length, pieces },
    });
    *request.method_mut() = call.method;
    *request.uri_mut() = uri;
    *request.headers_mut() = call.headers.into();
    handle.sender.ready().await.map_err(|e| CallError::Connect(e.to_string()))?;
    let response = handle.sender.send_request(request).await.map_err(|e| CallError::Broken(e.to_string()))?;
    let (head, body) = response.into_parts();
    Ok(Reply { status: head.status, headers: head.headers.into(), body: Source::Http2(Body { body, _slot: slot }) })
}

/// The body of an answer. Dropping it resets the stream.
pub struct Body {
    body: Incoming,
    _slot: Slot,
}

impl Body {
    pub(super) fn length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut dyn FnMut(Piece<'_>),
    ) -> Poll<Result<bool, ReadError>> {
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(Ok(false)),
                Some(Err(error)) => return Poll::Ready(Err(ReadError::Cut(error.to_string()))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        sink(Piece::Owned(data));
                        return Poll::Ready(Ok(true));
                    }
                }
            }
        }
    }
}

/// A request's body in hyper's form.
pub(super) enum Outgoing {
    Whole(Bytes),
    Pieces { length: Option<u64>, pieces: tokio::sync::mpsc::Receiver<Result<Bytes, super::Abandoned>> },
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Pieces { pieces, .. } => Poll::Ready(match ready!(pieces.poll_recv(cx)) {
                Some(Ok(piece)) => Some(Ok(Frame::data(piece))),
                Some(Err(_)) => Some(Err(io::Error::other("abandoned"))),
                None => None,
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces { length, .. } => length.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
