//! Requests off a socket: head, both kinds of body, `Expect: 100-continue`.
//!
//! Strict about framing, since a gateway must never send it two lengths; indifferent to everything else.

use bytes::{Buf, Bytes, BytesMut};
use httparse::{EMPTY_HEADER, Status};

use super::wire::{Gone, Wire};

const HEAD_LIMIT: usize = 64 << 10;
const BODY_LIMIT: usize = 64 << 20;
const HEADERS: usize = 200;

/// A request as it came.
#[derive(Debug)]
pub(super) struct Received {
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    /// Names as the client wrote them; values that are no UTF-8 with replacement characters.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// The client wants the connection closed after the answer.
    pub close: bool,
    /// HTTP/1.0: no chunks.
    pub old: bool,
}

/// Why a request is not answered as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Gone,
    Malformed(&'static str),
    HeadTooLarge,
    BodyTooLarge,
    Unsupported(&'static str),
}

impl From<Gone> for Refused {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// How long a body is.
enum Length {
    Known(usize),
    Chunked,
}

/// The next request; none when the client closed between two.
pub(super) async fn request(wire: &mut Wire) -> Result<Option<Received>, Refused> {
    let mut received = loop {
        if let Some(received) = head(&mut wire.inbox)? {
            break received;
        }
        if wire.inbox.len() > HEAD_LIMIT {
            return Err(Refused::HeadTooLarge);
        }
        if wire.receive().await.is_err() {
            return if wire.inbox.is_empty() { Ok(None) } else { Err(Refused::Gone) };
        }
    };
    let length = length(&received)?;
    if matches!(length, Length::Known(size) if size > BODY_LIMIT) {
        return Err(Refused::BodyTooLarge);
    }
    let waits = received
        .headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("expect") && value.eq_ignore_ascii_case("100-continue"));
    if waits && wire.inbox.is_empty() && !matches!(length, Length::Known(0)) {
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    received.body = match length {
        Length::Known(size) => {
            wire.inbox.reserve(size.saturating_sub(wire.inbox.len()));
            while wire.inbox.len() < size {
                wire.receive().await?;
            }
            wire.inbox.split_to(size).freeze()
        }
        Length::Chunked => chunked(wire).await?,
    };
    Ok(Some(received))
}

/// The head at the front of the inbox, taken out of it; none while it is not complete.
fn head(inbox: &mut BytesMut) -> Result<Option<Received>, Refused> {
    if inbox.is_empty() {
        return Ok(None);
    }
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let size = match parsed.parse(inbox) {
        Ok(Status::Complete(size)) if size <= HEAD_LIMIT => size,
        Ok(Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Refused::HeadTooLarge);
        }
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(Refused::Malformed("the head of the request is not HTTP/1")),
    };
    let target = parsed.path.unwrap_or("/");
    // The absolute form that clients use towards proxies.
    let target = target
        .split_once("://")
        .map_or(target, |(_, rest)| rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"));
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let old = parsed.version == Some(0);
    let connection = |word: &str| {
        let lines = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
        lines.flat_map(|(_, value)| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let received = Received {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query,
        close: connection("close") || (old && !connection("keep-alive")),
        headers,
        body: Bytes::new(),
        old,
    };
    inbox.advance(size);
    Ok(Some(received))
}

fn length(received: &Received) -> Result<Length, Refused> {
    let named = |wanted: &'static str| {
        let named = received.headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.trim())
    };
    let codings: Vec<&str> = named("transfer-encoding").collect();
    let lengths: Vec<&str> = named("content-length").collect();
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Ok(Length::Known(0)),
        ([], [length]) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            length.parse().map(Length::Known).map_err(|_| Refused::Malformed("content-length is not a number"))
        }
        ([], _) => Err(Refused::Malformed("content-length is not one number")),
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Length::Chunked),
        (_, []) => Err(Refused::Unsupported("only the transfer coding chunked is known here")),
        (_, [_, ..]) => Err(Refused::Malformed("both content-length and transfer-encoding")),
    }
}

async fn chunked(wire: &mut Wire) -> Result<Bytes, Refused> {
    let mut body = BytesMut::new();
    loop {
        let size = loop {
            match httparse::parse_chunk_size(&wire.inbox) {
                Ok(Status::Complete((line, size))) => {
                    wire.inbox.advance(line);
                    break usize::try_from(size).map_err(|_| Refused::BodyTooLarge)?;
                }
                Ok(Status::Partial) if wire.inbox.len() < HEAD_LIMIT => wire.receive().await?,
                _ => return Err(Refused::Malformed("a chunk's size is malformed")),
            }
        };
        if size > BODY_LIMIT.saturating_sub(body.len()) {
            return Err(Refused::BodyTooLarge);
        }
        if size == 0 {
            trailers(wire).await?;
            return Ok(body.freeze());
        }
        while wire.inbox.len() < size + 2 {
            wire.receive().await?;
        }
        body.extend_from_slice(&wire.inbox.split_to(size));
        if !wire.inbox.starts_with(b"\r\n") {
            return Err(Refused::Malformed("a chunk is longer than its size"));
        }
        wire.inbox.advance(2);
    }
}

/// Reads past the trailers up to the empty line; what they say is of no interest.
async fn trailers(wire: &mut Wire) -> Result<(), Refused> {
    let mut passed = 0;
    loop {
        match memchr::memmem::find(&wire.inbox, b"\r\n") {
            Some(at) => {
                wire.inbox.advance(at + 2);
                if at == 0 {
                    return Ok(());
                }
                passed += at;
            }
            None => wire.receive().await?,
        }
        if passed + wire.inbox.len() > HEAD_LIMIT + BODY_LIMIT.min(HEAD_LIMIT) {
            return Err(Refused::HeadTooLarge);
        }
    }
}
