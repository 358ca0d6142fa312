//! One connection and the requests that go over it.

use super::check::Check;
use super::plan::{Kind, PATIENCE, Plan};
use super::tally::Tally;
use crate::clock;
use crate::wire::{self, Framing};
use bytes::BytesMut;
use std::io;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// A connection that is opened when it is needed, and again after a failure.
pub(crate) struct Connection<'p> {
    plan: &'p Plan,
    tally: &'p Tally,
    stream: Option<TcpStream>,
    inbox: BytesMut,
    /// How much is read at once.
    room: usize,
}

/// How far an exchange goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    End,
    FirstChunk,
}

impl<'p> Connection<'p> {
    /// A connection that is not open yet.
    pub(crate) fn new(plan: &'p Plan, tally: &'p Tally) -> Self {
        let room = match plan.kind {
            Kind::Chat | Kind::Hold => 4 * 1024,
            Kind::Stream => 16 * 1024,
            Kind::Embeddings => 256 * 1024,
        };
        Self { plan, tally, stream: None, inbox: BytesMut::new(), room }
    }

    /// Opens the connection now rather than with the first request.
    pub(crate) async fn open(&mut self) -> io::Result<&mut TcpStream> {
        let stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            self.inbox.clear();
            let stream = TcpStream::connect(self.plan.addr).await?;
            stream.set_nodelay(true)?;
            stream
        };
        Ok(self.stream.insert(stream))
    }

    /// Sends a request and reads its answer; the time counts from `begin`.
    pub(crate) async fn request(&mut self, begin: u64) -> Result<(), String> {
        self.bounded(begin, Until::End).await
    }

    /// Sends a request and reads its answer up to the first chunk.
    pub(crate) async fn start_stream(&mut self) -> Result<(), String> {
        self.bounded(clock::now(), Until::FirstChunk).await
    }

    /// Waits until the other end says something or closes; both mean that the stream is over.
    pub(crate) async fn over(&mut self) {
        if let Some(stream) = &mut self.stream {
            let _ = wire::fill(stream, &mut self.inbox, 512).await;
        }
    }

    async fn bounded(&mut self, begin: u64, until: Until) -> Result<(), String> {
        let outcome = match tokio::time::timeout(PATIENCE, self.exchange(begin, until)).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        if outcome.is_err() {
            self.stream = None;
        }
        outcome
    }

    async fn exchange(&mut self, begin: u64, until: Until) -> io::Result<Result<(), String>> {
        let (plan, tally, room) = (self.plan, self.tally, self.room);
        self.open().await?.write_all(&plan.request).await?;
        let Some(stream) = self.stream.as_mut() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let inbox = &mut self.inbox;
        let end = loop {
            match wire::head_end(inbox) {
                Some(end) => break end,
                None => wire::fill(stream, inbox, room).await?,
            }
        };
        let head = inbox.split_to(end);
        let mut lines = [httparse::EMPTY_HEADER; wire::MAX_HEADERS];
        let mut answer = httparse::Response::new(&mut lines);
        answer.parse(&head).map_err(|_| wire::broken("answer head"))?;
        let status = answer.code.unwrap_or_default();
        let last = wire::closes(answer.headers);
        let mut framing = Framing::of(answer.headers)?;
        let mut check = Check::new(plan, status);
        let mut begun = false;
        loop {
            let now = clock::now();
            let done = framing.take(inbox, |piece| {
                if !begun {
                    begun = true;
                    tally.first_byte(now.saturating_sub(begin));
                }
                tally.bytes(piece.len());
                check.see(plan, piece, now, tally);
            })?;
            if done {
                break;
            }
            if until == Until::FirstChunk && check.chunks() > 0 {
                return Ok(Ok(()));
            }
            wire::fill(stream, inbox, room).await?;
        }
        let verdict = check.finish(plan, status);
        if verdict.is_ok() {
            tally.answer(clock::now().saturating_sub(begin));
        }
        if last {
            self.stream = None;
        }
        if until == Until::FirstChunk && verdict.is_ok() {
            return Ok(Err("the stream ended before it could be held".to_owned()));
        }
        Ok(verdict)
    }
}
