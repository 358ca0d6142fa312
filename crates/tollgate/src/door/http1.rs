//! One HTTP/1.1 connection: a request, its answer, the next request, all in one task.
//!
//! While an answer streams, the caller's side is watched: a caller that leaves drops the answer, and with it the
//! vendor's connection. A caller that half-closes counts as gone.

use super::{Door, Handler, PROGRESS, http2};
use crate::http1::{
    BodyDecoder, CHUNK_HEAD, HeadError, Io, LAST_CHUNK, Limits, RequestHead, Watchdog, chunk_head, fill, head_end,
    request,
};
use crate::message::{Answer, AnswerBody, AnswerStream, BodyError, CallerBody, Flow, Inbound};
use bytes::{Buf, Bytes, BytesMut};
use http::{Method, Version};
use std::future::{Future, poll_fn};
use std::io::IoSlice;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes that a caller may send ahead of the answer to its last request.
const MAX_AHEAD: usize = 64 * 1024;
/// Bodies up to this size are written together with the head.
const TOGETHER: usize = 16 * 1024;
/// After a refused body: how much and how long to read on, so that the caller sees the answer and not a reset.
const LINGER_BYTES: usize = 64 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(5);

struct Connection {
    io: Io,
    /// Read and not yet used.
    read: BytesMut,
    /// To be written.
    write: BytesMut,
    watchdog: Watchdog,
    /// Longest that an answer may be left unread.
    stall: Duration,
    /// Ready when open streams are to end.
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Serves a connection until it ends.
pub(super) async fn serve<H: Handler>(io: Io, peer: SocketAddr, door: &Arc<Door<H>>) {
    let mut connection = Connection {
        io,
        read: BytesMut::new(),
        write: BytesMut::new(),
        watchdog: Watchdog::new(),
        stall: door.times.send,
        closing: Box::pin(door.closing.clone().cancelled_owned()),
    };
    let mut draining = Box::pin(door.drain.clone().cancelled_owned());
    let mut session = H::Session::default();
    let mut wait = door.times.head;
    loop {
        let head = match connection.head(wait, door.times.head, &mut draining).await {
            Ok(Next::Request(head)) => head,
            Ok(Next::Http2) => return Box::pin(http2::serve(connection.io, connection.read, peer, door)).await,
            Ok(Next::End) => return connection.close().await,
            Err(error) => {
                let shape = Shape { keep: false, bodyless: false, version: Version::HTTP_11 };
                let _ = connection.answer(door.handler.refuse(error), &shape).await;
                connection.linger().await;
                return;
            }
        };
        let bodyless = head.method == Method::HEAD;
        let mut body = RequestBody {
            decoder: BodyDecoder::new(head.framing),
            owes_continue: head.expects_continue,
            limit: door.times.body,
            progress: 0,
            connection: &mut connection,
        };
        let version = head.version;
        let inbound = Inbound {
            method: head.method,
            path: head.path,
            query: head.query,
            headers: head.headers,
            peer: peer.ip(),
            started: std::time::Instant::now(),
        };
        // In a box of its own: what a request needs until its answer begins is given back before the answer streams.
        let handled = Box::pin(door.handler.handle(inbound, &mut body, &mut session));
        let answer = handled.await;
        let read = body.decoder.is_done();
        connection.watchdog.set(None);
        let keep = head.keep_alive && read && !door.drain.is_cancelled();
        let shape = Shape { keep, bodyless, version };
        match connection.answer(answer, &shape).await {
            Written::Kept => {}
            Written::Last if read => return connection.close().await,
            Written::Last => return connection.linger().await,
            Written::Broken => return,
        }
        wait = door.times.keep_alive;
    }
}

enum Next {
    Request(RequestHead),
    Http2,
    End,
}

/// How an answer is to be written.
struct Shape {
    /// The connection lives on.
    keep: bool,
    /// It answers a HEAD.
    bodyless: bool,
    /// The caller's; chunks are for HTTP/1.1.
    version: Version,
}

/// What came of writing an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// All of it, and the connection lives on.
    Kept,
    /// All of it, and the connection ends.
    Last,
    /// Not all of it: the caller left, or the answer could not be completed.
    Broken,
}

impl Connection {
    /// Waits for the next request head. `wait` limits the time to its first byte, `limit` the time from there.
    async fn head(
        &mut self,
        wait: Duration,
        limit: Duration,
        draining: &mut Pin<Box<WaitForCancellationFutureOwned>>,
    ) -> Result<Next, HeadError> {
        let mut scanned = 0;
        self.watchdog.set(None);
        let mut waiting = false;
        let end = poll_fn(|cx| {
            loop {
                if !self.read.is_empty() {
                    let sniffed = self.read.len().min(PREFACE.len());
                    if self.read.get(..sniffed) == PREFACE.get(..sniffed) {
                        if sniffed == PREFACE.len() {
                            return Poll::Ready(Ok(None));
                        }
                    } else if let Some(end) = head_end(&self.read, scanned) {
                        return Poll::Ready(if end > Limits::DOOR.head {
                            Err(Stop::Head(HeadError::TooLarge))
                        } else {
                            Ok(Some(end))
                        });
                    }
                    scanned = self.read.len();
                    if scanned > Limits::DOOR.head {
                        return Poll::Ready(Err(Stop::Head(HeadError::TooLarge)));
                    }
                    if bare_line_feed(&self.read) {
                        return Poll::Ready(Err(Stop::Head(HeadError::Malformed("bare line end"))));
                    }
                }
                let before = self.read.len();
                match fill(&mut self.io, cx, |bytes| self.read.extend_from_slice(bytes)) {
                    Poll::Ready(Ok(())) if self.read.len() == before => return Poll::Ready(Err(Stop::End)),
                    Poll::Ready(Ok(())) => {
                        if before == 0 {
                            waiting = false;
                        }
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Stop::End)),
                    Poll::Pending => {
                        if !waiting {
                            waiting = true;
                            self.watchdog.set(Some(Instant::now() + if before == 0 { wait } else { limit }));
                        }
                        if self.watchdog.poll(cx).is_ready() {
                            return Poll::Ready(Err(Stop::End));
                        }
                        if self.read.is_empty() && draining.as_mut().poll(cx).is_ready() {
                            return Poll::Ready(Err(Stop::End));
                        }
                        return Poll::Pending;
                    }
                }
            }
        })
        .await;
        self.watchdog.set(None);
        match end {
            Ok(Some(end)) => {
                let bytes = self.read.split_to(end).freeze();
                if self.read.is_empty() {
                    self.read = BytesMut::new();
                }
                let head = request(&bytes, Limits::DOOR)?;
                Ok(Next::Request(head))
            }
            Ok(None) => Ok(Next::Http2),
            Err(Stop::End) => Ok(Next::End),
            Err(Stop::Head(error)) => Err(error),
        }
    }

    /// Writes an answer. Ends early when the caller leaves.
    async fn answer(&mut self, answer: Answer, shape: &Shape) -> Written {
        let old = shape.version == Version::HTTP_10;
        let length = match &answer.body {
            AnswerBody::Whole(body) => Some(body.len() as u64),
            AnswerBody::Stream(stream) => stream.length(),
        };
        let chunked = length.is_none() && !old;
        // A body without length and chunks ends with its connection.
        let keep = shape.keep && (length.is_some() || chunked);
        let out = &mut self.write;
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(answer.status.as_str().as_bytes());
        out.extend_from_slice(b" ");
        out.extend_from_slice(answer.status.canonical_reason().unwrap_or("Status").as_bytes());
        out.extend_from_slice(b"\r\n");
        answer.headers.write(out);
        crate::clock::write_date(out);
        match (keep, old) {
            (false, _) => out.extend_from_slice(b"connection: close\r\n"),
            (true, true) => out.extend_from_slice(b"connection: keep-alive\r\n"),
            (true, false) => {}
        }
        if let Some(length) = length {
            write_length(length, out);
        } else if chunked {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
        out.extend_from_slice(b"\r\n");
        let written = match answer.body {
            _ if shape.bodyless => self.flush(Bytes::new()).await,
            AnswerBody::Whole(body) if body.len() <= TOGETHER => {
                self.write.extend_from_slice(&body);
                self.flush(Bytes::new()).await
            }
            AnswerBody::Whole(body) => self.flush(body).await,
            AnswerBody::Stream(stream) => self.stream(stream, chunked).await,
        };
        match (written, keep) {
            (false, _) => Written::Broken,
            (true, true) => Written::Kept,
            (true, false) => Written::Last,
        }
    }

    /// Writes the pieces of a body as they come; whether the body was complete.
    async fn stream(&mut self, mut stream: Box<dyn AnswerStream>, chunked: bool) -> bool {
        loop {
            let Some(flow) = poll_fn(|cx| self.poll_piece(cx, stream.as_mut(), chunked)).await else { return false };
            let written = match flow {
                Flow::Wrote => self.flush(Bytes::new()).await,
                Flow::Piece(piece) => {
                    if chunked {
                        self.write.extend_from_slice(&chunk_head(piece.len()));
                    }
                    let written = self.flush(piece).await;
                    if chunked {
                        self.write.extend_from_slice(b"\r\n");
                    }
                    written
                }
                Flow::End => {
                    if chunked {
                        self.write.extend_from_slice(LAST_CHUNK);
                    }
                    return self.flush(Bytes::new()).await;
                }
                Flow::Abort => {
                    let _ = self.flush(Bytes::new()).await;
                    return false;
                }
            };
            if !written {
                return false;
            }
        }
    }

    /// The next piece, framed into the write buffer; `None` once the caller has left.
    fn poll_piece(&mut self, cx: &mut Context<'_>, stream: &mut dyn AnswerStream, chunked: bool) -> Poll<Option<Flow>> {
        let start = self.write.len();
        let room = if chunked { CHUNK_HEAD } else { 0 };
        self.write.extend_from_slice(&chunk_head(0)[..room]);
        let flow = stream.poll_next(cx, &mut self.write);
        let length = self.write.len().saturating_sub(start + room);
        if length == 0 {
            self.write.truncate(start);
        } else if chunked {
            if let Some(head) = self.write.get_mut(start..start + room) {
                head.copy_from_slice(&chunk_head(length));
            }
            self.write.extend_from_slice(b"\r\n");
        }
        match flow {
            Poll::Ready(flow) => Poll::Ready(Some(flow)),
            // Nothing to add yet: what is there (the head) must not wait for it.
            Poll::Pending if start > 0 => Poll::Ready(Some(Flow::Wrote)),
            Poll::Pending => {
                if self.closing.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Some(self.cut_short(stream, chunked)));
                }
                // A stream that waits holds no buffer.
                self.write = BytesMut::new();
                self.poll_gone(cx).map(|()| None)
            }
        }
    }

    /// The last piece of a stream that the gateway ends, framed into the write buffer.
    fn cut_short(&mut self, stream: &mut dyn AnswerStream, chunked: bool) -> Flow {
        let mut last = BytesMut::new();
        let flow = stream.close(&mut last);
        if chunked && !last.is_empty() {
            self.write.extend_from_slice(&chunk_head(last.len()));
            last.extend_from_slice(b"\r\n");
        }
        self.write.extend_from_slice(&last);
        flow
    }

    /// Writes the write buffer and then `extra`; whether all was written.
    async fn flush(&mut self, mut extra: Bytes) -> bool {
        let mut waiting = false;
        let written = poll_fn(|cx| {
            while !(self.write.is_empty() && extra.is_empty()) {
                let slices = [IoSlice::new(&self.write), IoSlice::new(&extra)];
                let used = if extra.is_empty() {
                    Pin::new(&mut self.io).poll_write(cx, &self.write)
                } else {
                    Pin::new(&mut self.io).poll_write_vectored(cx, &slices)
                };
                match used {
                    Poll::Ready(Ok(used)) if used > 0 => {
                        let first = used.min(self.write.len());
                        self.write.advance(first);
                        extra.advance(used - first);
                        waiting = false;
                    }
                    Poll::Ready(_) => return Poll::Ready(false),
                    Poll::Pending => {
                        if !waiting {
                            waiting = true;
                            self.watchdog.set(Some(Instant::now() + self.stall));
                        }
                        return self.watchdog.poll(cx).map(|()| false);
                    }
                }
            }
            match &self.io {
                // TLS may hold back what does not fill a record.
                Io::Tcp(_) => Poll::Ready(true),
                _ => Poll::Ready(ready!(Pin::new(&mut self.io).poll_flush(cx)).is_ok()),
            }
        })
        .await;
        self.watchdog.set(None);
        written
    }

    /// Ready once the caller has closed or reset its side. What it sends ahead is kept, within bounds.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.read.len() < MAX_AHEAD {
            let read = &mut self.read;
            match ready!(fill(&mut self.io, cx, |bytes| {
                read.extend_from_slice(bytes);
                bytes.len()
            })) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
        Poll::Pending
    }

    /// Ends the connection in order: TLS has to say that nothing was cut off.
    async fn close(&mut self) {
        if !matches!(self.io, Io::Tcp(_)) {
            let closing = poll_fn(|cx| Pin::new(&mut self.io).poll_shutdown(cx));
            let _ = tokio::time::timeout(LINGER, closing).await;
        }
    }

    /// Closes after an answer to a request whose body was not read: the caller may still be sending, and a reset
    /// would take the answer away from it.
    async fn linger(&mut self) {
        let mut seen = 0;
        let closing = poll_fn(|cx| {
            let _ = Pin::new(&mut self.io).poll_shutdown(cx);
            loop {
                match ready!(fill(&mut self.io, cx, <[u8]>::len)) {
                    Ok(0) | Err(_) => return Poll::Ready(()),
                    Ok(count) => seen += count,
                }
                if seen > LINGER_BYTES {
                    return Poll::Ready(());
                }
            }
        });
        let _ = tokio::time::timeout(LINGER, closing).await;
    }
}

enum Stop {
    End,
    Head(HeadError),
}

fn write_length(length: u64, out: &mut BytesMut) {
    out.extend_from_slice(b"content-length: ");
    out.extend_from_slice(length.to_string().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Whether a head that is still incomplete has a line that ends without CR: it would never become complete.
fn bare_line_feed(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head.get(at - 1) != Some(&b'\r'))
}

/// A request's body, read from its connection.
struct RequestBody<'c> {
    connection: &'c mut Connection,
    decoder: BodyDecoder,
    owes_continue: bool,
    limit: Duration,
    progress: usize,
}

impl CallerBody for RequestBody<'_> {
    fn poll_read(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<Result<bool, BodyError>> {
        let connection = &mut *self.connection;
        if self.decoder.is_done() {
            return Poll::Ready(Ok(false));
        }
        let before = out.len();
        if !connection.read.is_empty() {
            let used = self.decoder.decode(&connection.read, |bytes| out.extend_from_slice(bytes));
            connection.read.advance(used.map_err(|_| BodyError::Malformed)?);
            if connection.read.is_empty() {
                connection.read = BytesMut::new();
            }
        }
        while out.len() == before && !self.decoder.is_done() {
            if self.owes_continue {
                connection.write.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                self.owes_continue = false;
            }
            while !connection.write.is_empty() {
                match ready!(Pin::new(&mut connection.io).poll_write(cx, &connection.write)) {
                    Ok(used) if used > 0 => connection.write.advance(used),
                    _ => return Poll::Ready(Err(BodyError::Gone)),
                }
            }
            let (decoder, read) = (&mut self.decoder, &mut connection.read);
            let filled = fill(&mut connection.io, cx, |bytes| {
                let used = decoder.decode(bytes, |bytes| out.extend_from_slice(bytes))?;
                read.extend_from_slice(bytes.get(used..).unwrap_or_default());
                Ok::<usize, crate::http1::DecodeError>(bytes.len())
            });
            match filled {
                Poll::Ready(Ok(Ok(0)) | Err(_)) => return Poll::Ready(Err(BodyError::Gone)),
                Poll::Ready(Ok(Err(_))) => return Poll::Ready(Err(BodyError::Malformed)),
                Poll::Ready(Ok(Ok(count))) => {
                    self.progress += count;
                    if self.progress >= PROGRESS {
                        self.progress = 0;
                        connection.watchdog.set(None);
                    }
                }
                Poll::Pending => {
                    if !connection.watchdog.is_set() {
                        connection.watchdog.set(Some(Instant::now() + self.limit));
                    }
                    return connection.watchdog.poll(cx).map(|()| Err(BodyError::TooSlow));
                }
            }
        }
        if self.decoder.is_done() {
            connection.watchdog.set(None);
        }
        Poll::Ready(Ok(out.len() > before || !self.decoder.is_done()))
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.connection.poll_gone(cx)
    }

    fn left(&self) -> Option<u64> {
        self.decoder.left()
    }
}
