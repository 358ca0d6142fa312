//! Requests and answers as the rooms hand them to each other, whatever HTTP they came over.

use crate::lines::Lines;
use bytes::{Bytes, BytesMut};
use http::{HeaderName, Method, StatusCode};
use std::future::poll_fn;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Instant;

/// A caller's request without its body. Its head has been checked by the door.
#[derive(Debug)]
pub struct Inbound {
    /// Method.
    pub method: Method,
    /// Canonical path, percent escapes as sent.
    pub path: String,
    /// Query without its question mark.
    pub query: Option<String>,
    /// Header lines.
    pub headers: Lines,
    /// The caller's address.
    pub peer: IpAddr,
    /// When the head was complete.
    pub started: Instant,
}

impl Inbound {
    /// A header's value, if it is there and readable as text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.text(name)
    }
}

/// A data-plane request that is to be explained instead of being served.
pub struct Question {
    /// The public id of the key to ask with; without one the request's own key counts, or a live key without limits.
    pub key: Option<String>,
    /// Path and query.
    pub path: String,
    /// Header lines.
    pub headers: Lines,
    /// The caller's address; without one it is one that the key may be used from.
    pub peer: Option<IpAddr>,
    /// Body.
    pub body: Bytes,
}

/// Why a request cannot be explained at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotExplained {
    /// What of the question is at fault.
    pub field: &'static str,
    /// Why.
    pub why: &'static str,
}

/// Why a caller's body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The caller has closed or reset its connection.
    #[error("the caller left before its request was complete")]
    Gone,
    /// The caller sent too little for too long.
    #[error("the caller was too slow to send its request")]
    TooSlow,
    /// The body's framing is broken.
    #[error("the request body is not framed right")]
    Malformed,
}

/// A caller's body, read as it comes.
pub trait CallerBody: Send {
    /// Appends what has arrived; `false` once the body is complete (then nothing was appended).
    fn poll_read(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<Result<bool, BodyError>>;

    /// Ready once the caller has left. To be polled only after the body is complete.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Bytes still to come, where the caller announced them.
    fn left(&self) -> Option<u64>;
}

/// Reads the next piece of a caller's body into `out`; `false` once it is complete.
pub async fn read(body: &mut dyn CallerBody, out: &mut BytesMut) -> Result<bool, BodyError> {
    poll_fn(|cx| body.poll_read(cx, out)).await
}

/// Ready once the caller has left.
pub async fn gone(body: &mut dyn CallerBody) {
    poll_fn(|cx| body.poll_gone(cx)).await;
}

/// An answer to a caller.
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Header lines; framing is the door's.
    pub headers: Lines,
    /// Body.
    pub body: AnswerBody,
}

impl Answer {
    /// A whole answer of one content type.
    pub fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = Lines::with_capacity(8);
        headers.push(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
        Self { status, headers, body: AnswerBody::Whole(body.into()) }
    }
}

/// The body of an answer.
pub enum AnswerBody {
    /// All of it.
    Whole(Bytes),
    /// As it comes.
    Stream(Box<dyn AnswerStream>),
}

/// A body that comes in pieces. Dropping it is how the door says that the caller has left.
pub trait AnswerStream: Send {
    /// Gives the next piece, appended to `out` or as bytes of its own.
    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<Flow>;

    /// The gateway stops: ends the body at once, in its protocol's words where it has some.
    fn close(&mut self, out: &mut BytesMut) -> Flow;

    /// Whether what was given is a whole answer; to be asked after its end. A stream may have ended in an error event.
    fn is_whole(&self) -> bool {
        true
    }

    /// Length in bytes, where it is known before the first piece.
    fn length(&self) -> Option<u64> {
        None
    }
}

/// What came of asking for the next piece.
#[derive(Debug)]
pub enum Flow {
    /// Something was appended to `out`.
    Wrote,
    /// A piece of its own, not appended.
    Piece(Bytes),
    /// All has been given; what was appended with this is the last.
    End,
    /// The body cannot be completed: the connection must end without a clean end of the message.
    Abort,
}
