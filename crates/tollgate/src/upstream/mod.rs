//! The way to vendors: pooled HTTP/1.1 and HTTP/2 connections, TLS, the sandbox in their place for test keys.
//!
//! Owns sockets towards vendors and nothing of what is said over them: no protocol, no retry, no money. One call is
//! one request on the wire; it is never sent twice from here.

mod connect;
mod guarded;
mod http1;
mod http2;
mod pool;
mod sandbox;

use crate::config::{BaseUrl, HttpVersion};
use crate::lines::Lines;
use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

pub use connect::{Connector, TlsSetupError};
pub use guarded::{StrangersUrl, UrlError, is_public};
pub use sandbox::Sandbox;

/// Where a call goes.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Names the origin for the pool: scheme, host, port and HTTP version.
    pub name: Arc<str>,
    /// Host, port and scheme.
    pub base: BaseUrl,
    /// Which HTTP to speak.
    pub http: HttpVersion,
    /// For TCP and TLS together.
    pub connect_timeout: Duration,
}

impl Origin {
    /// The origin of a base URL.
    pub fn new(base: &BaseUrl, http: HttpVersion, connect_timeout: Duration) -> Self {
        let scheme = if base.tls { "https" } else { "http" };
        Self {
            name: format!("{scheme}://{}:{} {http:?}", base.host, base.port).into(),
            base: base.clone(),
            http,
            connect_timeout,
        }
    }
}

/// One request to a vendor.
pub struct Call {
    /// Method.
    pub method: Method,
    /// Path and query, base path included.
    pub path: String,
    /// Header lines without `host` and framing.
    pub headers: Lines,
    /// Body.
    pub body: CallBody,
}

/// The body of a call.
pub enum CallBody {
    /// All of it.
    Whole(Bytes),
    /// As it comes; an `Err` says that it will never be complete.
    Pieces {
        /// Its length, if known.
        length: Option<u64>,
        /// Its pieces.
        pieces: mpsc::Receiver<Result<Bytes, Abandoned>>,
    },
}

/// The rest of a body will not come.
#[derive(Debug, Clone, Copy)]
pub struct Abandoned;

/// A vendor's answer.
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Header lines.
    pub headers: Lines,
    /// Body.
    pub body: Source,
}

/// Why a call got no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection: nothing was sent.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The vendor's certificate or TLS is not acceptable: nothing was sent.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// No connection in time: nothing was sent.
    #[error("no connection in time")]
    ConnectTimeout,
    /// The connection broke after bytes of the request were sent: its fate is unknown.
    #[error("the connection broke before an answer: {0}")]
    Broken(String),
    /// The answer is not HTTP, or framed in a way that cannot be trusted.
    #[error("the answer is not proper HTTP: {0}")]
    NotHttp(String),
    /// The caller's own body did not arrive whole.
    #[error("the request body was abandoned")]
    Abandoned,
}

impl CallError {
    /// Whether it is certain that the vendor has not seen the request.
    pub fn unsent(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Tls(_) | Self::ConnectTimeout)
    }
}

/// Why an answer's body ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The connection closed or broke inside the body.
    #[error("the connection broke inside the answer: {0}")]
    Cut(String),
    /// The body's framing is broken.
    #[error("the answer's framing is broken")]
    Framing,
}

/// A piece of an answer's body.
pub enum Piece<'a> {
    /// Borrowed; gone after the call.
    Slice(&'a [u8]),
    /// Its own.
    Owned(Bytes),
}

impl Piece<'_> {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Slice(slice) => slice,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// An answer's body as it arrives. Dropping it before its end closes the vendor's connection (HTTP/1.1) or resets
/// the stream (HTTP/2).
pub enum Source {
    /// From an HTTP/1.1 connection.
    Http1(http1::Body),
    /// From an HTTP/2 stream.
    Http2(http2::Body),
    /// From the sandbox.
    Sandbox(sandbox::Body),
}

impl Source {
    /// Hands what has arrived to `sink`; `false` once the body is complete.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut dyn FnMut(Piece<'_>),
    ) -> Poll<Result<bool, ReadError>> {
        match self {
            Self::Http1(body) => body.poll_read(cx, sink),
            Self::Http2(body) => body.poll_read(cx, sink),
            Self::Sandbox(body) => body.poll_read(cx, sink),
        }
    }

    /// All of it; `None` if it is more than `limit` bytes. Has no time limit of its own.
    pub async fn whole(mut self, limit: usize) -> Result<Option<Bytes>, ReadError> {
        let mut all = BytesMut::new();
        loop {
            let read = |cx: &mut Context<'_>| {
                self.poll_read(cx, &mut |piece: Piece<'_>| all.extend_from_slice(piece.as_slice()))
            };
            let more = poll_fn(read).await?;
            if all.len() > limit {
                return Ok(None);
            }
            if !more {
                return Ok(Some(all.freeze()));
            }
        }
    }

    /// The body's length, where it is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Http1(body) => body.length(),
            Self::Http2(body) => body.length(),
            Self::Sandbox(body) => body.length(),
        }
    }
}

/// The network, seen from one process: connector and pools. Cheap to share.
#[derive(Clone)]
pub struct Network {
    connector: Arc<Connector>,
}

impl Network {
    /// With this connector.
    pub fn new(connector: Connector) -> Self {
        Self { connector: Arc::new(connector) }
    }

    /// Sends one request and waits for the head of its answer. Has no time limit of its own but for connecting.
    pub async fn call(&self, origin: &Origin, call: Call) -> Result<Reply, CallError> {
        match pool::take(origin) {
            Some(pool::Taken::Http1(connection)) => http1::exchange(connection, origin, call, true).await,
            Some(pool::Taken::Http2(handle)) => Box::pin(http2::exchange(handle, origin, call)).await,
            // Rare and large: in a box, so that a call on a pooled connection stays small.
            None => match Box::pin(self.connector.connect(origin)).await? {
                connect::Connected::Http1(io) => http1::exchange(http1::Connection::new(io), origin, call, false).await,
                connect::Connected::Http2(io) => {
                    let handle = Box::pin(http2::handshake(io)).await?;
                    pool::keep_http2(origin, &handle);
                    Box::pin(http2::exchange(handle, origin, call)).await
                }
            },
        }
    }
}

/// Closes connections of this thread that have been idle too long. To be called every few seconds on each worker.
pub fn sweep() {
    pool::sweep();
}
