//! One HTTP/2 connection, spoken by hyper.

use super::outgoing::Outgoing;
use super::{Door, Handler, PROGRESS};
use crate::http1::{HeadError, Io, Limits, authority, canonical_path, canonical_query};
use crate::message::{Answer, BodyError, CallerBody, Inbound};
use bytes::{Buf, BytesMut};
use http::request::Parts;
use http::{Method, Request, Response, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

const MAX_STREAMS: u32 = 256;
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
const MAX_HEADERS: u32 = 32 * 1024;
/// A peer that does not answer a ping for this long is gone.
const PING: Duration = Duration::from_secs(30);
/// How long a peer has, once nothing is open any more, to take what was sent last and to close.
const CLOSING: Duration = Duration::from_secs(5);

/// Serves a connection until it ends. `read` holds what was read from it already.
pub(super) async fn serve<H: Handler>(io: Io, read: BytesMut, peer: SocketAddr, door: &Arc<Door<H>>) {
    let exchanges = Exchanges::new();
    let service = {
        let exchanges = exchanges.clone();
        hyper::service::service_fn(move |request: Request<Incoming>| {
            let (door, open) = (Arc::clone(door), exchanges.begin());
            async move { Ok::<_, Infallible>(exchange(request, peer, &door, open).await) }
        })
    };
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADERS)
        .max_send_buf_size(64 * 1024)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .serve_connection(TokioIo::new(Rewound { read, io }), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = door.drain.cancelled() => {}
        () = exchanges.idle(door.times.head, door.times.keep_alive) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        // An error here is the peer's or the drain's, and either way the end.
        _ = connection => {}
        () = exchanges.idle(CLOSING, CLOSING) => {}
    }
}

/// The exchanges of one connection, so that one without any is not kept for ever: pings alone would keep it.
#[derive(Clone)]
struct Exchanges(Arc<Count>);

struct Count {
    open: AtomicUsize,
    /// When the number fell to 0, or the connection began.
    idle_since: Mutex<(bool, Instant)>,
}

impl Exchanges {
    fn new() -> Self {
        Self(Arc::new(Count { open: AtomicUsize::new(0), idle_since: Mutex::new((false, Instant::now())) }))
    }

    fn begin(&self) -> Open {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.0))
    }

    /// Ready once nothing has been open for so long: `first` before any exchange, `later` after one.
    async fn idle(&self, first: Duration, later: Duration) {
        loop {
            let (used, since) = *self.0.idle_since.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = self.0.open.load(Ordering::Relaxed) == 0;
            let limit = if used { later } else { first };
            let due = if idle { since + limit } else { Instant::now() + limit };
            if idle && due <= Instant::now() {
                return;
            }
            sleep_until(due).await;
        }
    }
}

/// One exchange, until the last of its answer has been handed over.
struct Open(Arc<Count>);

impl Drop for Open {
    fn drop(&mut self) {
        *self.0.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = (true, Instant::now());
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn exchange<H: Handler>(
    request: Request<Incoming>,
    peer: SocketAddr,
    door: &Arc<Door<H>>,
    open: Open,
) -> Response<Outgoing<Open>> {
    let (head, body) = request.into_parts();
    let answer = match check(&head) {
        Err(error) => door.handler.refuse(error),
        Ok(()) => {
            let mut headers = head.headers;
            // The name by which the caller found this server stands in the same place for both versions.
            if let Some(authority) = head.uri.authority()
                && let Ok(name) = http::HeaderValue::from_str(authority.as_str())
            {
                headers.insert(header::HOST, name);
            }
            let inbound = Inbound {
                method: head.method,
                path: head.uri.path().to_owned(),
                query: head.uri.query().map(str::to_owned),
                headers: headers.into(),
                peer: peer.ip(),
                started: std::time::Instant::now(),
            };
            let mut body = StreamBody { body, limit: door.times.body, progress: 0, timer: None };
            let mut session = H::Session::default();
            door.handler.handle(inbound, &mut body, &mut session).await
        }
    };
    let Answer { status, headers, body } = answer;
    let mut response = Response::new(Outgoing::new(body, door.times.send, door.closing.clone(), open));
    *response.status_mut() = status;
    *response.headers_mut() = headers.into();
    response
}

/// The rules of HTTP/1.1 heads, as far as HTTP/2 does not have them itself.
fn check(head: &Parts) -> Result<(), HeadError> {
    if head.method == Method::CONNECT {
        return Err(HeadError::Connect);
    }
    if head.uri.path_and_query().is_some_and(|target| target.as_str().len() > Limits::DOOR.target) {
        return Err(HeadError::TargetTooLong);
    }
    if head.headers.len() > Limits::DOOR.headers {
        return Err(HeadError::TooLarge);
    }
    canonical_path(head.uri.path())?;
    canonical_query(head.uri.query())?;
    let mut names = head.uri.authority().map(|a| a.as_str().as_bytes()).into_iter();
    let mut hosts = head.headers.get_all(header::HOST).iter().map(http::HeaderValue::as_bytes);
    let name = names.next().or_else(|| hosts.next()).unwrap_or_default();
    if hosts.any(|host| host != name) {
        return Err(HeadError::Malformed("more than one Host"));
    }
    authority(name)
}

struct StreamBody {
    body: Incoming,
    limit: Duration,
    progress: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

impl CallerBody for StreamBody {
    fn poll_read(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<Result<bool, BodyError>> {
        loop {
            if self.body.is_end_stream() {
                return Poll::Ready(Ok(false));
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(None) => return Poll::Ready(Ok(false)),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(BodyError::Gone)),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.progress += data.len();
                        if self.progress >= PROGRESS {
                            self.progress = 0;
                            self.timer = None;
                        }
                        if !data.is_empty() {
                            out.extend_from_slice(&data);
                            return Poll::Ready(Ok(true));
                        }
                    }
                }
                Poll::Pending => {
                    let limit = self.limit;
                    let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
                    ready!(timer.as_mut().poll(cx));
                    self.timer = None;
                    return Poll::Ready(Err(BodyError::TooSlow));
                }
            }
        }
    }

    fn poll_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
        // hyper drops the exchange itself when the caller resets its stream.
        Poll::Pending
    }

    fn left(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }
}

/// A byte stream with some bytes put back in front.
struct Rewound {
    read: BytesMut,
    io: Io,
}

impl AsyncRead for Rewound {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let count = self.read.len().min(buf.remaining());
        buf.put_slice(self.read.get(..count).unwrap_or_default());
        self.read.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
