//! Whether an answer is complete and right.

use super::plan::{Depth, Kind, Plan, Protocol};
use super::tally::Tally;
use crate::sample::{self, stamp};
use std::cell::Cell;

/// So much of a refused answer is kept for the report.
const EXCERPT: usize = 300;
/// Every so many chat answers one is parsed as JSON; the others are searched for what they must hold.
const PARSED: u64 = 64;

/// The check of one answer.
pub(crate) enum Check {
    /// Keeps a bit of the body: the answer is refused already, or is not looked into.
    Excerpt(Vec<u8>),
    /// Plain chat, kept whole.
    Chat(Vec<u8>),
    /// A stream.
    Stream(Stream),
    /// Embeddings: bytes so far, whether all of them were right, and what follows the exact part.
    Embeddings { at: usize, same: bool, rest: Vec<u8> },
}

impl Check {
    /// The check for an answer with this status.
    pub(crate) fn new(plan: &Plan, status: u16) -> Self {
        match plan.kind {
            _ if status != 200 => Self::Excerpt(Vec::new()),
            Kind::Stream | Kind::Hold => Self::Stream(Stream::default()),
            _ if plan.depth == Depth::Status => Self::Excerpt(Vec::new()),
            Kind::Chat => Self::Chat(Vec::with_capacity(1024)),
            Kind::Embeddings => Self::Embeddings { at: 0, same: true, rest: Vec::new() },
        }
    }

    /// Looks at a piece of the body that came at `now`.
    pub(crate) fn see(&mut self, plan: &Plan, piece: &[u8], now: u64, tally: &Tally) {
        match self {
            Self::Excerpt(kept) => {
                let room = EXCERPT.saturating_sub(kept.len()).min(piece.len());
                kept.extend_from_slice(&piece[..room]);
            }
            Self::Chat(kept) => kept.extend_from_slice(piece),
            Self::Stream(stream) => stream.see(plan.shape.chunks, piece, now, tally),
            Self::Embeddings { at, same, rest } => {
                let expected = plan.embeddings.as_deref().unwrap_or_default();
                let exact = expected.get(*at..).unwrap_or_default();
                let n = exact.len().min(piece.len());
                *same &= exact[..n] == piece[..n];
                *at += n;
                rest.extend_from_slice(&piece[n..]);
            }
        }
    }

    /// Chunks seen so far.
    pub(crate) fn chunks(&self) -> u32 {
        match self {
            Self::Stream(stream) => stream.next,
            _ => 0,
        }
    }

    /// The verdict on the whole answer.
    pub(crate) fn finish(self, plan: &Plan, status: u16) -> Result<(), String> {
        if status != 200 {
            let text = match &self {
                Self::Excerpt(kept) => String::from_utf8_lossy(kept),
                _ => "".into(),
            };
            return Err(format!("status {status}: {text}"));
        }
        match self {
            Self::Excerpt(_) => Ok(()),
            Self::Chat(body) => chat(&body, plan.protocol),
            Self::Stream(_) if plan.depth == Depth::Status => Ok(()),
            Self::Stream(stream) => stream.finish(plan.shape.chunks, plan.protocol),
            Self::Embeddings { at, same, rest } => {
                if !same || Some(at) != plan.embeddings.as_ref().map(Vec::len) {
                    return Err(format!("embeddings differ (compared {at} bytes)"));
                }
                if rest.ends_with(b"}") && has(&rest, "\"total_tokens\"") {
                    Ok(())
                } else {
                    Err("embeddings end without usage".to_owned())
                }
            }
        }
    }
}

fn has(body: &[u8], text: &str) -> bool {
    memchr::memmem::find(body, text.as_bytes()).is_some()
}

/// Usage, the place of the text, the reason of a stream's end and its end mark.
fn marks(protocol: Protocol) -> (&'static str, &'static str, &'static str, &'static [u8]) {
    match protocol {
        Protocol::Chat => {
            (sample::CHAT_USAGE, "/choices/0/message/content", "\"finish_reason\":\"stop\"", b"data: [DONE]\n\n")
        }
        Protocol::Messages => (
            sample::MESSAGES_USAGE,
            "/content/0/text",
            "\"stop_reason\":\"end_turn\"",
            b"data: {\"type\":\"message_stop\"}\n\n",
        ),
    }
}

fn chat(body: &[u8], protocol: Protocol) -> Result<(), String> {
    let (usage, place, ..) = marks(protocol);
    thread_local! {
        static SEEN: Cell<u64> = const { Cell::new(0) };
    }
    let seen = SEEN.replace(SEEN.get() + 1);
    if !has(body, sample::CHAT_TEXT) || !has(body, usage) || !body.ends_with(b"}") {
        let excerpt = String::from_utf8_lossy(&body[..body.len().min(EXCERPT)]);
        return Err(format!("not the answer: {excerpt}"));
    }
    if seen.is_multiple_of(PARSED) {
        let parsed: serde_json::Value = serde_json::from_slice(body).map_err(|e| format!("not JSON: {e}"))?;
        if parsed.pointer(place).is_none_or(|text| text != sample::CHAT_TEXT) {
            return Err("the text is not where it belongs".to_owned());
        }
    }
    Ok(())
}

/// The check of a stream, which may be cut anywhere.
#[derive(Default)]
pub(crate) struct Stream {
    next: u32,
    wrong: Option<String>,
    /// The start of a mark whose end has not come yet.
    half: Vec<u8>,
    /// All that follows the last mark.
    end: Vec<u8>,
}

impl Stream {
    fn see(&mut self, wanted: u32, piece: &[u8], now: u64, tally: &Tally) {
        let joined;
        let mut rest = piece;
        if !self.half.is_empty() {
            self.half.extend_from_slice(piece);
            joined = std::mem::take(&mut self.half);
            rest = &joined;
        }
        while self.next < wanted {
            let Some(at) = memchr::memchr(stamp::EDGE, rest) else {
                return;
            };
            rest = &rest[at..];
            if rest.len() < stamp::LEN {
                self.half.extend_from_slice(rest);
                return;
            }
            match stamp::read(rest) {
                Some((sent, index)) if index == self.next => {
                    tally.chunk(now.saturating_sub(sent));
                }
                Some((_, index)) => self.note(|next| format!("chunk {index} instead of {next}")),
                None => self.note(|next| format!("no mark in chunk {next}")),
            }
            self.next += 1;
            rest = &rest[stamp::LEN..];
        }
        self.end.extend_from_slice(rest);
    }

    fn note(&mut self, text: impl FnOnce(u32) -> String) {
        if self.wrong.is_none() {
            self.wrong = Some(text(self.next));
        }
    }

    fn finish(self, wanted: u32, protocol: Protocol) -> Result<(), String> {
        let (usage, _, reason, end) = marks(protocol);
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        if self.next != wanted {
            return Err(format!("{} chunks instead of {wanted}", self.next));
        }
        if !has(&self.end, reason) {
            return Err("stream without a finish reason".to_owned());
        }
        if !has(&self.end, usage) {
            return Err("stream without usage".to_owned());
        }
        if self.end.ends_with(end) { Ok(()) } else { Err("stream without its end mark".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Stream, chat};
    use crate::load::plan::Protocol;
    use crate::load::tally::Tally;
    use crate::sample;

    fn stream(chunks: &[u32], end: bool) -> String {
        let mut text = String::new();
        sample::stream_start(&mut text);
        for index in chunks {
            sample::stream_chunk(&mut text, *index, 1000);
        }
        if end {
            sample::stream_end(&mut text);
        }
        text
    }

    fn verdict(text: &str, piece: usize) -> Result<(), String> {
        let (mut check, tally) = (Stream::default(), Tally::new());
        tally.open(true);
        for part in text.as_bytes().chunks(piece) {
            check.see(4, part, 3000, &tally);
        }
        check.finish(4, Protocol::Chat)
    }

    #[test]
    fn a_whole_stream_passes_whatever_the_cuts() {
        let text = stream(&[0, 1, 2, 3], true);
        for piece in 1..400 {
            assert_eq!(verdict(&text, piece), Ok(()), "pieces of {piece}");
        }
    }

    #[test]
    fn a_stream_with_a_flaw_does_not() {
        assert!(verdict(&stream(&[0, 1, 3, 2], true), 97).is_err());
        assert!(verdict(&stream(&[0, 1, 2], true), 97).is_err());
        assert!(verdict(&stream(&[0, 1, 2, 3], false), 97).is_err());
        let cut = stream(&[0, 1, 2, 3], true).replace("data: [DONE]\n\n", "");
        assert!(verdict(&cut, 97).is_err());
    }

    #[test]
    fn chat_is_checked() {
        let answer = sample::chat_answer();
        assert_eq!(chat(answer.as_bytes(), Protocol::Chat), Ok(()));
        assert!(chat(answer.as_bytes(), Protocol::Messages).is_err());
        assert!(chat(&answer.as_bytes()[..answer.len() - 1], Protocol::Chat).is_err());
        assert!(chat(b"{}", Protocol::Chat).is_err());
    }
}
