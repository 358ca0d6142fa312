//! As much of HTTP/1.1 as two well-behaved ends of a loopback connection need.

use bytes::{Buf as _, BytesMut};
use std::io;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// Most header lines in one message.
pub(crate) const MAX_HEADERS: usize = 96;

/// Reads what there is into `buf`, which gets `room` more bytes when it is nearly full. The end of the
/// connection is an error.
pub(crate) async fn fill(stream: &mut TcpStream, buf: &mut BytesMut, room: usize) -> io::Result<()> {
    if buf.capacity() - buf.len() < room / 4 {
        buf.reserve(room);
    }
    match stream.read_buf(buf).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Where a message head ends: just past its empty line.
pub(crate) fn head_end(buf: &[u8]) -> Option<usize> {
    memchr::memmem::find(buf, b"\r\n\r\n").map(|at| at + 4)
}

/// The value of a header, by its name in any case.
pub(crate) fn header<'h>(headers: &[httparse::Header<'h>], name: &str) -> Option<&'h [u8]> {
    headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value)
}

/// Whether this message is the last one on its connection.
pub(crate) fn closes(headers: &[httparse::Header<'_>]) -> bool {
    header(headers, "connection").is_some_and(|v| v.eq_ignore_ascii_case(b"close"))
}

/// How the rest of a message's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many more bytes.
    Length(u64),
    /// Chunked: the size line of the next chunk comes next.
    ChunkSize,
    /// Chunked: so many more bytes of this chunk, its closing line break included.
    ChunkData(u64),
    /// Chunked: the last chunk was seen, trailer lines come next.
    Trailers,
}

impl Framing {
    /// Reads the framing from a head. A message that says nothing has no body: neither end of this bench
    /// uses bodies that end with the connection.
    pub(crate) fn of(headers: &[httparse::Header<'_>]) -> io::Result<Self> {
        if header(headers, "transfer-encoding").is_some() {
            return Ok(Self::ChunkSize);
        }
        match header(headers, "content-length") {
            None => Ok(Self::Length(0)),
            Some(text) => std::str::from_utf8(text)
                .ok()
                .and_then(|t| t.trim().parse().ok())
                .map(Self::Length)
                .ok_or_else(|| broken("content-length is not a number")),
        }
    }

    /// Takes what `buf` holds of the body, gives its payload to `sink` and says whether the body is
    /// complete. What cannot be told yet (half a size line) stays in `buf`.
    pub(crate) fn take(&mut self, buf: &mut BytesMut, mut sink: impl FnMut(&[u8])) -> io::Result<bool> {
        loop {
            match *self {
                Self::Length(0) => return Ok(true),
                Self::Length(left) => {
                    let n = fits(left, buf.len());
                    if n == 0 {
                        return Ok(false);
                    }
                    sink(&buf[..n]);
                    buf.advance(n);
                    *self = Self::Length(left - n as u64);
                }
                Self::ChunkSize => match httparse::parse_chunk_size(buf) {
                    Ok(httparse::Status::Partial) => return Ok(false),
                    Ok(httparse::Status::Complete((line, size))) => {
                        buf.advance(line);
                        *self = match size {
                            0 => Self::Trailers,
                            size => Self::ChunkData(size + 2),
                        };
                    }
                    Err(_) => return Err(broken("chunk size is not a number")),
                },
                Self::ChunkData(left) => {
                    let n = fits(left, buf.len());
                    if n == 0 {
                        return Ok(false);
                    }
                    let payload = fits(left.saturating_sub(2), n);
                    if payload > 0 {
                        sink(&buf[..payload]);
                    }
                    buf.advance(n);
                    *self = match left - n as u64 {
                        0 => Self::ChunkSize,
                        left => Self::ChunkData(left),
                    };
                }
                Self::Trailers => {
                    let Some(line) = memchr::memchr(b'\n', buf) else {
                        return Ok(false);
                    };
                    buf.advance(line + 1);
                    if line <= 1 {
                        *self = Self::Length(0);
                    }
                }
            }
        }
    }
}

fn fits(wanted: u64, there: usize) -> usize {
    usize::try_from(wanted).map_or(there, |w| w.min(there))
}

/// The other end broke the protocol.
pub(crate) fn broken(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::Framing;
    use bytes::BytesMut;

    /// Feeds a message in pieces of every size and returns its payload and what was left over.
    fn read(framing: Framing, message: &[u8], piece: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut framing, mut buf, mut payload) = (framing, BytesMut::new(), Vec::new());
        let mut rest = message;
        loop {
            let (now, later) = rest.split_at(piece.min(rest.len()));
            buf.extend_from_slice(now);
            rest = later;
            if framing.take(&mut buf, |p| payload.extend_from_slice(p)).unwrap() {
                buf.extend_from_slice(rest);
                return (payload, buf.to_vec());
            }
            assert!(!rest.is_empty(), "message is incomplete");
        }
    }

    #[test]
    fn chunks_are_joined_whatever_the_cuts() {
        let message = b"5\r\nhello\r\n1;x=y\r\n \r\n6\r\nworld!\r\n0\r\nx-trailer: 1\r\n\r\nnext";
        for piece in 1..=message.len() {
            let (payload, rest) = read(Framing::ChunkSize, message, piece);
            assert_eq!(payload, b"hello world!");
            assert_eq!(rest, b"next", "pieces of {piece}");
        }
    }

    #[test]
    fn lengths_stop_at_their_end() {
        for piece in 1..=8 {
            let (payload, rest) = read(Framing::Length(5), b"hellonext", piece);
            assert_eq!((payload.as_slice(), rest.as_slice()), (&b"hello"[..], &b"next"[..]));
        }
    }

    #[test]
    fn a_broken_size_is_an_error() {
        let mut buf = BytesMut::from(&b"zz\r\n"[..]);
        assert!(Framing::ChunkSize.take(&mut buf, |_| ()).is_err());
    }
}
