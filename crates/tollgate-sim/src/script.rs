//! An answer as a script: what happens before the head, the head, and timed steps after it.
//!
//! Knows neither HTTP nor a vendor. Whoever plays it (the server here, the gateway in process) decides what a step
//! means on its wire. Steps are made one at a time, so that a stream of any length costs the memory of one chunk.

use std::{fmt, time::Duration};

use bytes::Bytes;

/// One thing that happens in an answer, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing, for this long.
    Wait(Duration),
    /// A part of the body; one chunk of a chunked message, one write.
    Bytes(Bytes),
    /// Bytes that are not HTTP, written as they are, without framing. Played in process: the connection broke.
    Raw(Bytes),
    /// The connection is closed without ending the message (a FIN, all earlier bytes arrive). The bytes, if any, are
    /// the beginning of an HTTP chunk that was announced longer. In process: the bytes, then "unexpected end".
    Cut(Bytes),
    /// The connection is reset (an RST). In process: "connection reset".
    Reset,
    /// Nothing ever again; the connection stays open until the client leaves. In process: pending for ever.
    Stall,
}

/// Makes steps on demand.
pub(crate) trait Script: Send {
    /// The next step; none ends the message properly.
    fn step(&mut self) -> Option<Step>;

    /// Output tokens in the steps handed out so far.
    fn tokens(&self) -> u64;
}

/// The steps of an answer after its head. The end of the iteration is the proper end of the message.
pub struct Steps {
    script: Box<dyn Script>,
    split: Option<usize>,
    rest: Bytes,
}

impl Steps {
    pub(crate) fn new(script: impl Script + 'static) -> Self {
        Self { script: Box::new(script), split: None, rest: Bytes::new() }
    }

    /// A body that is known whole.
    pub(crate) fn whole(body: Bytes, tokens: u64) -> Self {
        Self::listed(vec![Step::Bytes(body)], tokens)
    }

    pub(crate) fn listed(steps: Vec<Step>, tokens: u64) -> Self {
        Self::new(Listed { steps: steps.into_iter(), tokens, begun: false })
    }

    /// Hands bytes out at most `size` at a time.
    pub(crate) fn split(mut self, size: Option<usize>) -> Self {
        self.split = size;
        self
    }

    /// Output ("completion") tokens in the steps handed out so far, by the rule of [`crate::count_tokens`]. A body
    /// that is known whole counts from its first byte.
    #[must_use]
    pub fn completion_tokens(&self) -> u64 {
        self.script.tokens()
    }
}

impl Iterator for Steps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.rest.is_empty() {
            match (self.script.step()?, self.split) {
                (Step::Bytes(bytes), Some(_)) => self.rest = bytes,
                (step, _) => return Some(step),
            }
        }
        let size = self.split.unwrap_or(usize::MAX).min(self.rest.len());
        Some(Step::Bytes(self.rest.split_to(size)))
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steps").field("split", &self.split).finish_non_exhaustive()
    }
}

struct Listed {
    steps: std::vec::IntoIter<Step>,
    tokens: u64,
    begun: bool,
}

impl Script for Listed {
    fn step(&mut self) -> Option<Step> {
        let step = self.steps.next()?;
        self.begun |= matches!(step, Step::Bytes(_));
        Some(step)
    }

    fn tokens(&self) -> u64 {
        if self.begun { self.tokens } else { 0 }
    }
}

/// A simulated answer.
#[derive(Debug)]
pub struct Answer {
    /// What happens before the head is sent: only `Wait`, `Raw`, `Cut`, `Reset` and `Stall`. After any of the last
    /// four there is no head.
    pub before: Vec<Step>,
    /// HTTP status.
    pub status: u16,
    /// Headers in lower case, without content-length and transfer-encoding.
    pub headers: Vec<(&'static str, String)>,
    /// The length of the body in bytes where it is known; none for streams.
    pub length: Option<u64>,
    /// The body, with what goes wrong in it.
    pub steps: Steps,
    /// Input tokens as the answer's usage has them.
    pub prompt_tokens: u64,
}

impl Answer {
    /// An answer that is known whole and costs nothing.
    pub(crate) fn whole(status: u16, headers: Vec<(&'static str, String)>, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = Some(body.len() as u64);
        Self { before: Vec::new(), status, headers, length, steps: Steps::whole(body, 0), prompt_tokens: 0 }
    }

    pub(crate) fn header(&mut self, name: &'static str, value: impl Into<String>) {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
    }
}
