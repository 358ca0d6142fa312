//! One exchange on an HTTP/1.1 connection to a vendor.

use super::{Abandoned, Call, CallBody, CallError, Origin, Piece, ReadError, Reply, Source, pool};
use crate::http1::{BodyDecoder, Framing, Io, LAST_CHUNK, Limits, chunk_head, fill, head_end, response};
use bytes::{Buf, Bytes, BytesMut};
use http::{StatusCode, header};
use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio_util::io::poll_read_buf;

/// Bodies up to this size are written together with the head.
const TOGETHER: usize = 16 * 1024;
/// A rest of at least this size is read into buffers of its own instead of being copied.
const LARGE: u64 = 128 * 1024;
/// Size of those buffers.
const LARGE_READ: u64 = 256 * 1024;

/// A connection between exchanges.
pub(super) struct Connection {
    io: Io,
    read: BytesMut,
}

impl Connection {
    pub(super) fn new(io: Io) -> Self {
        Self { io, read: BytesMut::new() }
    }

    /// Whether the vendor has neither closed it nor sent something that nobody asked for.
    pub(super) fn is_usable(&mut self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        self.read.is_empty() && fill(&mut self.io, &mut cx, |_| ()).is_pending()
    }
}

/// What is still to be written of a request.
struct Outgoing {
    write: BytesMut,
    body: Bytes,
    pieces: Option<mpsc::Receiver<Result<Bytes, Abandoned>>>,
    chunked: bool,
}

/// Sends a request and reads the head of its answer.
pub(super) async fn exchange(
    connection: Connection,
    origin: &Origin,
    call: Call,
    reused: bool,
) -> Result<Reply, CallError> {
    let Connection { mut io, mut read } = connection;
    let mut out = prepare(origin, call);
    let mut scanned = 0;
    let mut broken: Option<std::io::Error> = None;
    let head = poll_fn(|cx| {
        if broken.is_none() {
            match out.poll_write(&mut io, cx) {
                Poll::Ready(Err(Stop::Abandoned)) => return Poll::Ready(Err(CallError::Abandoned)),
                // The answer may be there all the same, and says more than the broken pipe.
                Poll::Ready(Err(Stop::Io(error))) => broken = Some(error),
                _ => {}
            }
        }
        loop {
            if let Some(end) = head_end(&read, scanned) {
                let head = response(&read.split_to(end).freeze(), Limits::UPSTREAM);
                if read.is_empty() {
                    read = BytesMut::new();
                }
                scanned = 0;
                match head {
                    Ok(head) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                        return Poll::Ready(Err(CallError::NotHttp("it switches protocols".into())));
                    }
                    Ok(head) if head.status.is_informational() => continue,
                    Ok(head) => return Poll::Ready(Ok(head)),
                    Err(error) => return Poll::Ready(Err(CallError::NotHttp(error.to_string()))),
                }
            }
            scanned = read.len();
            if scanned > Limits::UPSTREAM.head {
                return Poll::Ready(Err(CallError::NotHttp("its head is too large".into())));
            }
            match ready!(fill(&mut io, cx, |bytes| {
                read.extend_from_slice(bytes);
                bytes.len()
            })) {
                Ok(0) => {
                    let how = if reused { "closed on reuse" } else { "closed" };
                    return Poll::Ready(Err(CallError::Broken(
                        broken.take().map_or_else(|| how.into(), |e| e.to_string()),
                    )));
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(CallError::Broken(error.to_string()))),
            }
        }
    })
    .await?;
    let reusable = head.keep_alive && broken.is_none() && out.is_done();
    let mut body = Body {
        length: if let Framing::Length(length) = head.framing { Some(length) } else { None },
        until_close: head.framing == Framing::UntilClose,
        decoder: BodyDecoder::new(head.framing),
        connection: Some(Connection { io, read }),
        origin: reusable.then(|| Arc::clone(&origin.name)),
    };
    if body.decoder.is_done() {
        body.length = Some(0);
        body.give_back();
    }
    Ok(Reply { status: head.status, headers: head.headers, body: Source::Http1(body) })
}

fn prepare(origin: &Origin, call: Call) -> Outgoing {
    let mut write = BytesMut::with_capacity(
        512 + if let CallBody::Whole(body) = &call.body { body.len().min(TOGETHER) } else { 0 },
    );
    write.extend_from_slice(call.method.as_str().as_bytes());
    write.extend_from_slice(b" ");
    write.extend_from_slice(call.path.as_bytes());
    write.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    write.extend_from_slice(origin.base.authority.as_bytes());
    write.extend_from_slice(b"\r\n");
    call.headers.write(&mut write);
    let length = |write: &mut BytesMut, length: u64| {
        write.extend_from_slice(header::CONTENT_LENGTH.as_str().as_bytes());
        write.extend_from_slice(b": ");
        write.extend_from_slice(length.to_string().as_bytes());
        write.extend_from_slice(b"\r\n");
    };
    let mut out = Outgoing { write, body: Bytes::new(), pieces: None, chunked: false };
    match call.body {
        CallBody::Whole(body) => {
            if !(body.is_empty() && call.method == http::Method::GET) {
                length(&mut out.write, body.len() as u64);
            }
            out.write.extend_from_slice(b"\r\n");
            if body.len() <= TOGETHER {
                out.write.extend_from_slice(&body);
            } else {
                out.body = body;
            }
        }
        CallBody::Pieces { length: known, pieces } => {
            if let Some(known) = known {
                length(&mut out.write, known);
            } else {
                out.chunked = true;
                out.write.extend_from_slice(b"transfer-encoding: chunked\r\n");
            }
            out.write.extend_from_slice(b"\r\n");
            out.pieces = Some(pieces);
        }
    }
    out
}

enum Stop {
    Abandoned,
    Io(std::io::Error),
}

impl Outgoing {
    fn is_done(&self) -> bool {
        self.write.is_empty() && self.body.is_empty() && self.pieces.is_none()
    }

    fn poll_write(&mut self, io: &mut Io, cx: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        loop {
            while !(self.write.is_empty() && self.body.is_empty()) {
                let used = if self.body.is_empty() {
                    Pin::new(&mut *io).poll_write(cx, &self.write)
                } else {
                    Pin::new(&mut *io).poll_write_vectored(cx, &[IoSlice::new(&self.write), IoSlice::new(&self.body)])
                };
                let used = ready!(used).map_err(Stop::Io)?;
                if used == 0 {
                    return Poll::Ready(Err(Stop::Io(std::io::ErrorKind::WriteZero.into())));
                }
                let first = used.min(self.write.len());
                self.write.advance(first);
                self.body.advance(used - first);
            }
            let Some(pieces) = &mut self.pieces else { break };
            match ready!(pieces.poll_recv(cx)) {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) if self.chunked => {
                    self.write.extend_from_slice(&chunk_head(piece.len()));
                    self.write.extend_from_slice(&piece);
                    self.write.extend_from_slice(b"\r\n");
                }
                Some(Ok(piece)) => self.body = piece,
                Some(Err(Abandoned)) => return Poll::Ready(Err(Stop::Abandoned)),
                None => {
                    self.pieces = None;
                    if self.chunked {
                        self.write.extend_from_slice(LAST_CHUNK);
                    }
                }
            }
        }
        if matches!(io, Io::Tcp(_)) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(io).poll_flush(cx).map_err(Stop::Io)
    }
}

/// The body of an answer; gives its connection back to the pool at its end.
pub struct Body {
    connection: Option<Connection>,
    decoder: BodyDecoder,
    length: Option<u64>,
    until_close: bool,
    /// Whose pool the connection goes back to; `None` if it cannot be used again.
    origin: Option<Arc<str>>,
}

impl Body {
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    fn give_back(&mut self) {
        if let (Some(connection), Some(origin)) = (self.connection.take(), self.origin.take())
            && connection.read.is_empty()
        {
            pool::give_back(origin, connection);
        }
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut dyn FnMut(Piece<'_>),
    ) -> Poll<Result<bool, ReadError>> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(Ok(false)) };
        let mut given = false;
        if !connection.read.is_empty() {
            let used = self.decoder.decode(&connection.read, |bytes| {
                given |= !bytes.is_empty();
                sink(Piece::Slice(bytes));
            });
            connection.read.advance(used.map_err(|_| ReadError::Framing)?);
            if connection.read.is_empty() {
                connection.read = BytesMut::new();
            }
        }
        while !given && !self.decoder.is_done() {
            let left = self.decoder.left().unwrap_or(0);
            if left >= LARGE {
                let mut buffer = BytesMut::with_capacity(usize::try_from(left.min(LARGE_READ)).unwrap_or(0));
                match ready!(poll_read_buf(Pin::new(&mut connection.io), cx, &mut buffer)) {
                    Ok(0) => return Poll::Ready(Err(ReadError::Cut("closed".into()))),
                    Ok(count) => {
                        self.decoder.skip(count as u64);
                        sink(Piece::Owned(buffer.freeze()));
                        given = true;
                    }
                    Err(error) => return Poll::Ready(Err(ReadError::Cut(error.to_string()))),
                }
                continue;
            }
            let (decoder, read) = (&mut self.decoder, &mut connection.read);
            let filled = ready!(fill(&mut connection.io, cx, |bytes| {
                let used = decoder.decode(bytes, |bytes| {
                    given |= !bytes.is_empty();
                    sink(Piece::Slice(bytes));
                })?;
                read.extend_from_slice(bytes.get(used..).unwrap_or_default());
                Ok::<usize, crate::http1::DecodeError>(bytes.len())
            }));
            match filled {
                Ok(Ok(0)) if self.until_close => {
                    self.connection = None;
                    return Poll::Ready(Ok(false));
                }
                Ok(Ok(0)) => return Poll::Ready(Err(ReadError::Cut("closed".into()))),
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return Poll::Ready(Err(ReadError::Framing)),
                Err(error) => return Poll::Ready(Err(ReadError::Cut(error.to_string()))),
            }
        }
        if self.decoder.is_done() {
            self.give_back();
        }
        Poll::Ready(Ok(given))
    }
}
