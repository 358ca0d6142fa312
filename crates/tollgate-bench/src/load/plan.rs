//! What a load is to do.

use crate::args::{Args, Failure};
use crate::sample::{self, Shape};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// The kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Plain chat.
    Chat,
    /// Streamed chat.
    Stream,
    /// Embeddings, 0.8 MB up and 11 MB down.
    Embeddings,
    /// Streams that are opened and left alone.
    Hold,
}

impl Kind {
    /// The name used on the command line and in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Stream => "stream",
            Self::Embeddings => "embeddings",
            Self::Hold => "hold",
        }
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Chat, Self::Stream, Self::Embeddings, Self::Hold].into_iter().find(|kind| kind.name() == text).ok_or(())
    }
}

/// The protocol of chats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The upstream's own.
    #[default]
    Chat,
    /// Another vendor's, which only a gateway that translates understands.
    Messages,
}

impl FromStr for Protocol {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "chat" => Ok(Self::Chat),
            "messages" => Ok(Self::Messages),
            _ => Err(()),
        }
    }
}

/// How far answers are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Status, text, usage, every chunk in order, the end mark, every byte of the embeddings.
    Full,
    /// Only the status, and that the body ends as announced.
    Status,
}

impl FromStr for Depth {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "full" => Ok(Self::Full),
            "status" => Ok(Self::Status),
            _ => Err(()),
        }
    }
}

/// One load.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where requests go.
    pub(crate) addr: SocketAddr,
    /// What is asked.
    pub(crate) kind: Kind,
    /// In which words, if it is a chat.
    pub(crate) protocol: Protocol,
    /// Connections.
    pub(crate) connections: usize,
    /// Requests a second in open loop; none is closed loop.
    pub(crate) rate: Option<f64>,
    /// Length of the window in seconds.
    pub(crate) secs: f64,
    /// Time before the window in seconds.
    pub(crate) warm: f64,
    /// Most requests to send.
    pub(crate) most: u64,
    /// What streams look like.
    pub(crate) shape: Shape,
    /// How answers are checked.
    pub(crate) depth: Depth,
    /// The request, head and body.
    pub(crate) request: Vec<u8>,
    /// The embeddings answer that must come back, as far as it must be exact.
    pub(crate) embeddings: Option<Vec<u8>>,
}

/// A request that takes longer than this has failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// A load never runs longer than this.
const LONGEST_SECS: f64 = 24.0 * 60.0 * 60.0;
/// The wait between chunks of a held stream: longer than any bench.
const HELD_DELAY_US: u64 = 3_600_000_000;

impl Plan {
    /// Takes its options from the command line.
    pub(crate) fn take(args: &mut Args) -> Result<Self, Failure> {
        let addr: SocketAddr = args.need("addr")?;
        let kind: Kind = args.need("kind")?;
        let mut shape =
            Shape { chunks: args.take("chunks")?.unwrap_or(200), delay_us: args.take("delay-us")?.unwrap_or(0) };
        if kind == Kind::Hold {
            shape = Shape { chunks: 3, delay_us: HELD_DELAY_US };
        }
        let default_model = match kind {
            Kind::Embeddings => "bench-embed",
            _ => "bench-chat",
        };
        let model: String = args.take("model")?.unwrap_or_else(|| default_model.to_owned());
        let key: String = args.take("key")?.unwrap_or_else(|| sample::CONTROL_KEY.to_owned());
        let protocol = args.take("protocol")?.unwrap_or_default();
        let streamed = (kind != Kind::Chat).then_some(shape);
        let (path, body) = match (kind, protocol) {
            (Kind::Embeddings, _) => (sample::EMBEDDINGS_PATH, sample::embeddings_request(&model)),
            (_, Protocol::Chat) => (sample::CHAT_PATH, sample::chat_request(&model, streamed)),
            (_, Protocol::Messages) => (sample::MESSAGES_PATH, sample::messages_request(&model, streamed)),
        };
        let depth = args.take("check")?.unwrap_or(Depth::Full);
        let embeddings = (kind == Kind::Embeddings && depth == Depth::Full).then(|| {
            let mut answer = sample::embeddings_answer();
            answer.truncate(sample::embeddings_exact(&answer));
            answer.into_bytes()
        });
        let plan = Self {
            addr,
            kind,
            protocol,
            connections: args.take("connections")?.unwrap_or(1),
            rate: args.take("rate")?,
            secs: args.take("secs")?.unwrap_or(5.0),
            warm: args.take("warm")?.unwrap_or(1.0),
            most: args.take("requests")?.unwrap_or(u64::MAX),
            shape,
            depth,
            request: request(addr, path, &key, &body),
            embeddings,
        };
        let times = 0.0..=LONGEST_SECS;
        if !times.contains(&plan.secs) || !times.contains(&plan.warm) || plan.connections == 0 {
            return Err(Failure::usage("times or connections out of range"));
        }
        if plan.rate.is_some_and(|rate| !(0.01..=1e6).contains(&rate)) {
            return Err(Failure::usage("--rate out of range"));
        }
        Ok(plan)
    }
}

fn request(addr: SocketAddr, path: &str, key: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\nuser-agent: tollgate-bench\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
