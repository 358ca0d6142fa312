//! An answer onto a socket: the head with the first chunk, one write per chunk, and every way to break it.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use super::wire::{Gone, Wire};
use crate::{Answer, Step};

/// How an answer ended, as far as the connection is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Properly; the next request may come.
    Open,
    /// To be closed.
    Closed,
    /// To be reset.
    Reset,
    /// The client left before the end.
    ClientLeft,
}

/// What the request says about the form of its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub close: bool,
    /// The request was a HEAD.
    pub headless: bool,
    /// HTTP/1.0.
    pub old: bool,
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length,
    Chunks,
    /// By closing, for clients that know no chunks.
    UntilClose,
}

/// Plays an answer. `produced` hears the output tokens handed out so far whenever something was sent or it ends.
pub(super) async fn play(
    wire: &mut Wire,
    answer: Answer,
    form: &Form,
    written: &AtomicU64,
    produced: impl Fn(u64),
) -> Ended {
    let mut player = Player { wire, out: Vec::with_capacity(1024), written };
    player.play(answer, form, produced).await.unwrap_or(Ended::ClientLeft)
}

struct Player<'a> {
    wire: &'a mut Wire,
    /// Written by the next flush; used again and again.
    out: Vec<u8>,
    written: &'a AtomicU64,
}

impl Player<'_> {
    async fn play(&mut self, mut answer: Answer, form: &Form, produced: impl Fn(u64)) -> Result<Ended, Gone> {
        for step in std::mem::take(&mut answer.before) {
            if let Some(ended) = self.step(step, Framing::UntilClose).await? {
                return Ok(ended);
            }
        }
        let framing = match (answer.length, form.old) {
            (Some(_), _) => Framing::Length,
            (None, false) => Framing::Chunks,
            (None, true) => Framing::UntilClose,
        };
        let close = form.close || framing == Framing::UntilClose;
        self.out.extend_from_slice(head(&answer, framing, close).as_bytes());
        let mut next = if form.headless { None } else { answer.steps.next() };
        let mut said = 0;
        while let Some(step) = next {
            let ended = self.step(step, framing).await;
            let tokens = answer.steps.completion_tokens();
            if tokens != said {
                said = tokens;
                produced(said);
            }
            if let Some(ended) = ended? {
                return Ok(ended);
            }
            next = answer.steps.next();
            if next.is_some() {
                self.flush().await?;
            }
        }
        if framing == Framing::Chunks && !form.headless {
            self.out.extend_from_slice(b"0\r\n\r\n");
        }
        self.flush().await?;
        Ok(if close { Ended::Closed } else { Ended::Open })
    }

    /// Does one step; bytes stay in the buffer until the next flush.
    async fn step(&mut self, step: Step, framing: Framing) -> Result<Option<Ended>, Gone> {
        match step {
            Step::Bytes(bytes) => self.frame(&bytes, bytes.len(), framing),
            Step::Wait(time) => {
                self.flush().await?;
                self.wire.pause(time).await?;
            }
            Step::Raw(bytes) => {
                self.out.extend_from_slice(&bytes);
                self.flush().await?;
                return Ok(Some(Ended::Closed));
            }
            Step::Cut(bytes) => {
                if !bytes.is_empty() {
                    self.frame(&bytes, bytes.len() * 2 + 16, framing);
                }
                self.flush().await?;
                return Ok(Some(Ended::Closed));
            }
            Step::Reset => {
                self.flush().await?;
                return Ok(Some(Ended::Reset));
            }
            Step::Stall => {
                self.flush().await?;
                return Err(self.wire.gone().await);
            }
        }
        Ok(None)
    }

    /// Appends a chunk that is announced as `announced` bytes long.
    fn frame(&mut self, bytes: &[u8], announced: usize, framing: Framing) {
        // An empty chunk would end the message.
        if bytes.is_empty() {
            return;
        }
        if framing == Framing::Chunks {
            let mut size = String::with_capacity(18);
            let _ = write!(size, "{announced:x}\r\n");
            self.out.extend_from_slice(size.as_bytes());
        }
        self.out.extend_from_slice(bytes);
        if framing == Framing::Chunks && announced == bytes.len() {
            self.out.extend_from_slice(b"\r\n");
        }
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        if self.out.is_empty() {
            return Ok(());
        }
        let sent = self.wire.send(&self.out).await;
        self.written.fetch_add(self.out.len() as u64, Relaxed);
        self.out.clear();
        sent
    }
}

fn head(answer: &Answer, framing: Framing, close: bool) -> String {
    let mut head = String::with_capacity(640);
    let _ = write!(head, "HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    match (framing, answer.length) {
        (Framing::Length, Some(length)) => {
            let _ = write!(head, "content-length: {length}\r\n");
        }
        (Framing::Chunks, _) => head.push_str("transfer-encoding: chunked\r\n"),
        _ => {}
    }
    if close {
        head.push_str("connection: close\r\n");
    }
    head.push_str("\r\n");
    head
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Simulated",
    }
}
