//! A provider that answers from memory, much faster than any gateway in front of it.
//!
//! The only work per request is to find the end of it; the only work per streamed chunk is to write the
//! time into it. Each chunk goes out in a write of its own, as a provider sends them.

use crate::args::{Args, Failure};
use crate::clock;
use crate::net::Place;
use crate::sample::{self, Shape};
use crate::wire::{self, Framing};
use bytes::BytesMut;
use std::fmt::Write as _;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n";

/// Waits longer than this watch for the caller going away.
const LONG_WAIT_US: u64 = 50_000;

/// A request body is searched for the stream's shape up to here; longer ones are only counted.
const SEARCHED: usize = 64 * 1024;

/// The answers, head and body in one piece.
struct Answers {
    chat: Vec<u8>,
    embeddings: Vec<u8>,
    unknown: Vec<u8>,
}

impl Answers {
    fn new() -> Self {
        let unknown = r#"{"error":{"message":"no such path","type":"invalid_request_error"}}"#;
        Self {
            chat: whole("200 OK", &sample::chat_answer()),
            embeddings: whole("200 OK", &sample::embeddings_answer()),
            unknown: whole("404 Not Found", unknown),
        }
    }
}

fn whole(status: &str, body: &str) -> Vec<u8> {
    let mut text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-request-id: req_bench\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    text.push_str(body);
    text.into_bytes()
}

/// Runs the upstream.
pub(crate) fn run(mut args: Args) -> Result<(), Failure> {
    let place = Place::take(&mut args)?;
    args.finish()?;
    let answers = Rc::new(Answers::new());
    place.serve(move |stream| {
        let answers = Rc::clone(&answers);
        async move {
            // The caller went away or talks nonsense: either way this connection is over.
            let _ = converse(stream, &answers).await;
        }
    })
}

/// What a request asks for.
enum Ask {
    Chat,
    Stream(Shape),
    Embeddings,
    Unknown,
}

async fn converse(mut stream: TcpStream, answers: &Answers) -> io::Result<()> {
    let mut inbox = BytesMut::with_capacity(4096);
    let mut body = Vec::new();
    loop {
        let (ask, last) = receive(&mut stream, &mut inbox, &mut body).await?;
        match ask {
            Ask::Chat => stream.write_all(&answers.chat).await?,
            Ask::Embeddings => stream.write_all(&answers.embeddings).await?,
            Ask::Unknown => stream.write_all(&answers.unknown).await?,
            Ask::Stream(shape) => tell(&mut stream, shape).await?,
        }
        if last {
            return stream.shutdown().await;
        }
    }
}

/// Reads one whole request. The flag says that it is the connection's last.
async fn receive(stream: &mut TcpStream, inbox: &mut BytesMut, body: &mut Vec<u8>) -> io::Result<(Ask, bool)> {
    let end = loop {
        match wire::head_end(inbox) {
            Some(end) => break end,
            None => wire::fill(stream, inbox, 4096).await?,
        }
    };
    let head = inbox.split_to(end);
    let mut lines = [httparse::EMPTY_HEADER; wire::MAX_HEADERS];
    let mut request = httparse::Request::new(&mut lines);
    request.parse(&head).map_err(|_| wire::broken("request head"))?;
    let last = wire::closes(request.headers);
    let mut framing = Framing::of(request.headers)?;
    body.clear();
    loop {
        let done = framing.take(inbox, |piece| {
            if body.len() < SEARCHED {
                body.extend_from_slice(piece);
            }
        })?;
        if done {
            break;
        }
        wire::fill(stream, inbox, 256 * 1024).await?;
    }
    let ask = match request.path.unwrap_or_default() {
        sample::CHAT_PATH if streamed(body) => Ask::Stream(Shape::find(body)),
        sample::CHAT_PATH => Ask::Chat,
        sample::EMBEDDINGS_PATH => Ask::Embeddings,
        _ => Ask::Unknown,
    };
    Ok((ask, last))
}

/// Whether the body says `"stream": true`, however it is spaced.
fn streamed(body: &[u8]) -> bool {
    memchr::memmem::find_iter(body, b"\"stream\"").any(|at| {
        let mut rest = body[at + 8..].iter().skip_while(|b| b.is_ascii_whitespace());
        rest.next() == Some(&b':') && rest.find(|b| !b.is_ascii_whitespace()) == Some(&b't')
    })
}

/// Streams an answer of a given shape.
async fn tell(stream: &mut TcpStream, shape: Shape) -> io::Result<()> {
    let mut event = String::with_capacity(1024);
    let mut frame = String::with_capacity(1024);
    sample::stream_start(&mut event);
    frame.push_str(STREAM_HEAD);
    pack(&mut frame, &event);
    stream.write_all(frame.as_bytes()).await?;
    let start = Instant::now();
    for index in 0..shape.chunks {
        if shape.delay_us > 0 && index > 0 {
            let wait = Duration::from_micros(shape.delay_us.saturating_mul(u64::from(index)));
            pause(stream, start + wait, shape.delay_us).await?;
        }
        event.clear();
        frame.clear();
        sample::stream_chunk(&mut event, index, clock::now());
        pack(&mut frame, &event);
        stream.write_all(frame.as_bytes()).await?;
    }
    event.clear();
    frame.clear();
    sample::stream_end(&mut event);
    pack(&mut frame, &event);
    frame.push_str("0\r\n\r\n");
    stream.write_all(frame.as_bytes()).await
}

/// Appends one HTTP chunk.
fn pack(frame: &mut String, event: &str) {
    let _ = write!(frame, "{:x}\r\n{event}\r\n", event.len());
}

/// Waits; a caller that leaves during a long wait ends the stream.
async fn pause(stream: &mut TcpStream, until: Instant, delay_us: u64) -> io::Result<()> {
    if delay_us < LONG_WAIT_US {
        tokio::time::sleep_until(until).await;
        return Ok(());
    }
    let mut byte = [0; 1];
    tokio::select! {
        () = tokio::time::sleep_until(until) => Ok(()),
        _ = stream.read(&mut byte) => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::streamed;

    #[test]
    fn stream_is_read_however_it_is_spaced() {
        assert!(streamed(br#"{"model":"m","stream":true}"#));
        assert!(streamed(b"{\"stream_options\":{\"a\":1},\"stream\" : \n true}"));
        assert!(!streamed(br#"{"stream":false}"#));
        assert!(!streamed(br#"{"stream_options":{"include_usage":true}}"#));
    }
}
