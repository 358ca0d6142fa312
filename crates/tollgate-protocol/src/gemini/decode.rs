//! The content of an answer, streamed or whole: a whole one is read as a stream of one chunk, so that both always say
//! the same.
//!
//! Pieces carry no boundaries of blocks: what a part holds says in which block it belongs. A call of a function comes
//! whole in one part, unless its arguments were asked for in pieces.

use super::partial::Partial;
use super::{finish, logprobs, part, seal, sources};
use crate::canonical::{Block, Citation, Content, Delta, Event, Losses, Seal, Sink, TokenLogprob, fitting};
use crate::codec::Decoder;
use crate::fault::Fault;
use crate::json;
use crate::sse;
use std::borrow::Cow;

/// Most blocks of one answer; what follows is left out.
const MAX_BLOCKS: u32 = 100_000;
/// Most sources that are remembered, so that none is told twice.
const MAX_SOURCES: usize = 1024;

/// Reads chunks. Of several alternatives only the first is read: they are not asked for when a stream crosses.
#[derive(Debug, Default)]
pub(super) struct GeminiDecoder {
    started: bool,
    blocked: bool,
    first: CandidateReader,
}

impl Decoder for GeminiDecoder {
    fn event(&mut self, event: &sse::Event<'_>, sink: &mut dyn Sink) -> Result<(), Fault> {
        let Some(data) = &event.data else { return Ok(()) };
        let (mut id, mut model, mut candidates) = (None, None, None);
        // The watch has seen that it is an object.
        let _ = json::members(data, |member| match member.key().as_ref() {
            b"responseId" => id = json::string(member.value),
            b"modelVersion" => model = json::string(member.value),
            b"candidates" => candidates = Some(member.value),
            b"promptFeedback" => self.blocked |= is_blocked(member.value),
            _ => {}
        });
        if !self.started {
            self.started = true;
            self.first = CandidateReader::of(id.as_deref().unwrap_or_default());
            sink.event(Event::Start { id, model });
        }
        let mut first = None;
        let _ = json::elements(candidates.unwrap_or(b"[]"), |candidate| {
            if index_of(candidate) == 0 {
                first.get_or_insert(candidate);
            }
        });
        first.map_or(Ok(()), |candidate| self.first.take(candidate, sink))
    }

    fn end(&mut self, sink: &mut dyn Sink) {
        if !self.started {
            self.started = true;
            sink.event(Event::Start { id: None, model: None });
        }
        let finish = self.first.close(sink);
        let blocked = self.blocked && self.first.next == 0;
        sink.event(Event::Finish(if blocked { crate::canonical::Finish::Filtered } else { finish }));
    }
}

/// Whether a prompt was refused.
pub(super) fn is_blocked(feedback: &[u8]) -> bool {
    let mut blocked = false;
    // `null`: it was not.
    let _ = json::members(feedback, |member| {
        blocked |= member.key().as_ref() == b"blockReason" && super::watch::says_something(member.value);
    });
    blocked
}

/// The place of a candidate among the alternatives.
pub(super) fn index_of(candidate: &[u8]) -> u64 {
    let mut index = 0;
    let _ = json::members(candidate, |member| {
        if member.key().as_ref() == b"index" {
            index = json::whole(member.value).unwrap_or(0);
        }
    });
    index
}

/// Reads the pieces of one candidate.
#[derive(Debug, Default)]
pub(super) struct CandidateReader {
    /// The answer's id, out of which calls without one get theirs.
    answer: String,
    next: u32,
    open: Option<Open>,
    calls: u32,
    partial: Option<Partial>,
    reason: Option<String>,
    told: Vec<Citation>,
}

/// The open block.
#[derive(Debug, Clone, Copy)]
struct Open {
    thought: bool,
    block: u32,
    /// Its seal came: it takes no more text.
    sealed: bool,
}

/// What a candidate holds beside its parts, that belongs to the words among them.
#[derive(Default)]
struct Beside {
    citations: Vec<Citation>,
    logprobs: Vec<TokenLogprob>,
}

impl CandidateReader {
    /// A reader of a candidate of the answer with that id.
    pub(super) fn of(answer: &str) -> Self {
        Self { answer: answer.to_owned(), ..Self::default() }
    }

    /// Takes one piece.
    pub(super) fn take(&mut self, candidate: &[u8], sink: &mut dyn Sink) -> Result<(), Fault> {
        let (mut content, mut reason, mut message) = (None, None, None);
        let mut beside = Beside::default();
        let _ = json::members(candidate, |member| match member.key().as_ref() {
            b"content" => content = Some(member.value),
            b"finishReason" if super::watch::says_something(member.value) => reason = Some(name_of(member.value)),
            b"finishMessage" => message = json::string(member.value),
            b"groundingMetadata" => beside.citations.extend(self.untold(sources::grounding(text(member.value)))),
            b"citationMetadata" => beside.citations.extend(self.untold(sources::citations(text(member.value)))),
            b"logprobsResult" => beside.logprobs = logprobs::read(text(member.value)).unwrap_or_default(),
            _ => {}
        });
        let mut parts = Vec::new();
        let _ = json::members(content.unwrap_or(b"{}"), |member| {
            if member.key().as_ref() == b"parts" {
                // `null` where there are none.
                let _ = json::elements(member.value, |part| parts.push(Piece::read(part)));
            }
        });
        let last_words = parts.iter().rposition(|piece| piece.is_words() && !piece.text_or_empty().is_empty());
        for (place, piece) in parts.iter().enumerate() {
            self.piece(piece, sink);
            if Some(place) == last_words {
                self.tell(std::mem::take(&mut beside), sink);
            }
        }
        self.tell(beside, sink);
        let Some(reason) = reason else { return Ok(()) };
        if let Some(fault) = finish::broken(&reason, message.as_deref(), self.calls > 0) {
            return Err(fault);
        }
        self.reason = Some(reason.into_owned());
        Ok(())
    }

    /// Closes what is open; says why it ended.
    pub(super) fn close(&mut self, sink: &mut dyn Sink) -> crate::canonical::Finish {
        self.leave(sink);
        self.complete_call(sink);
        finish::read(self.reason.as_deref().unwrap_or_default(), self.calls > 0)
    }

    /// Sources that were not told before: every chunk may repeat those of the one before.
    fn untold(&mut self, sources: Vec<Citation>) -> Vec<Citation> {
        let mut fresh = Vec::new();
        for source in sources {
            if self.told.len() < MAX_SOURCES && !self.told.contains(&source) {
                self.told.push(source.clone());
                fresh.push(source);
            }
        }
        fresh
    }

    fn tell(&mut self, beside: Beside, sink: &mut dyn Sink) {
        let Beside { citations, logprobs } = beside;
        if citations.is_empty() && logprobs.is_empty() {
            return;
        }
        let Some(open) = self.enter(false, true, sink) else { return };
        for citation in citations {
            sink.event(Event::Delta { block: open.block, delta: Delta::Citation(citation) });
        }
        if !logprobs.is_empty() {
            sink.event(Event::Delta { block: open.block, delta: Delta::Logprobs(logprobs) });
        }
    }

    fn piece(&mut self, piece: &Piece<'_>, sink: &mut dyn Sink) {
        if let Some(call) = piece.call {
            self.call(call, piece.seal(), sink);
            return;
        }
        if piece.is_words() || piece.thought {
            self.say(piece, sink);
            return;
        }
        let Ok(raw) = std::str::from_utf8(piece.raw) else { return };
        // Parts that cannot be understood say nothing that could be passed on.
        let Ok(Some(part)) = part::part(raw, "parts[]", &mut Losses::default()) else { return };
        let kind = match part.content {
            Content::Media(media) => Block::Media(media),
            Content::Opaque(opaque) => Block::Opaque(opaque),
            _ => return,
        };
        self.leave(sink);
        self.complete_call(sink);
        if let Some(block) = self.number() {
            sink.event(Event::Open { block, kind });
            if let Some(seal) = piece.seal() {
                sink.event(Event::Delta { block, delta: Delta::Seal(seal) });
            }
            sink.event(Event::Close { block });
        }
    }

    fn say(&mut self, piece: &Piece<'_>, sink: &mut dyn Sink) {
        let text = piece.text_or_empty();
        let seal = piece.seal();
        if text.is_empty()
            && (seal.is_none() || !piece.thought && self.open.is_none_or(|open| open.thought || open.sealed))
        {
            // Nothing, or a proof of nothing.
            return;
        }
        let Some(open) = self.enter(piece.thought, text.is_empty(), sink) else { return };
        if !text.is_empty() {
            sink.event(Event::Delta { block: open.block, delta: Delta::Text(text) });
        }
        if let Some(seal) = seal {
            sink.event(Event::Delta { block: open.block, delta: Delta::Seal(seal) });
            self.open = Some(Open { sealed: true, ..open });
        }
    }

    /// The block of words or of thoughts, opened if need be; `even_sealed`: no more text comes into it.
    fn enter(&mut self, thought: bool, even_sealed: bool, sink: &mut dyn Sink) -> Option<Open> {
        if let Some(open) = self.open
            && open.thought == thought
            && (even_sealed || !open.sealed)
        {
            return Some(open);
        }
        self.leave(sink);
        self.complete_call(sink);
        let open = Open { thought, block: self.number()?, sealed: false };
        let kind = if thought { Block::Reasoning { id: None, redacted: false } } else { Block::Text };
        sink.event(Event::Open { block: open.block, kind });
        self.open = Some(open);
        self.open
    }

    fn leave(&mut self, sink: &mut dyn Sink) {
        if let Some(open) = self.open.take() {
            sink.event(Event::Close { block: open.block });
        }
    }

    fn number(&mut self) -> Option<u32> {
        let block = self.next;
        (block < MAX_BLOCKS).then(|| {
            self.next += 1;
            block
        })
    }

    fn call(&mut self, call: &[u8], seal: Option<Seal>, sink: &mut dyn Sink) {
        let (mut id, mut name, mut args, mut pieces, mut goes_on) = (None, None, None, None, false);
        let _ = json::members(call, |member| match member.key().as_ref() {
            b"id" => id = json::string(member.value).filter(|id| !id.is_empty()),
            b"name" => name = json::string(member.value),
            b"args" if !member.is_null() => args = Some(text(member.value)),
            b"partialArgs" => pieces = Some(member.value),
            b"willContinue" => goes_on = member.value == b"true",
            _ => {}
        });
        if let Some(name) = name {
            self.leave(sink);
            self.complete_call(sink);
            self.calls += 1;
            let Some(block) = self.number() else { return };
            let id = id.unwrap_or_else(|| Cow::Owned(self.made_id(&name, args)));
            sink.event(Event::Open { block, kind: Block::ToolCall { id, name, custom: false } });
            if let Some(seal) = seal {
                sink.event(Event::Delta { block, delta: Delta::Seal(seal) });
            }
            if goes_on || pieces.is_some() {
                self.partial = Some(Partial::new(block));
            } else {
                sink.event(Event::Delta { block, delta: Delta::Text(args.unwrap_or("{}").into()) });
                sink.event(Event::Close { block });
            }
        }
        if let (Some(partial), Some(pieces)) = (&mut self.partial, pieces) {
            partial.take(pieces);
        }
        if !goes_on {
            self.complete_call(sink);
        }
    }

    /// A call whose arguments came in pieces has them all.
    fn complete_call(&mut self, sink: &mut dyn Sink) {
        if let Some(partial) = self.partial.take() {
            let block = partial.block;
            sink.event(Event::Delta { block, delta: Delta::Text(partial.text().into()) });
            sink.event(Event::Close { block });
        }
    }

    /// An id for a call that has none: no other answer has one like it.
    fn made_id(&self, name: &str, args: Option<&str>) -> String {
        let unlike = if self.answer.is_empty() { args.unwrap_or_default() } else { &self.answer };
        fitting(&format!("{unlike}/{name}/{}", self.calls), 0, |_| false, "call_")
    }
}

/// One part, as far as it must be known at once.
struct Piece<'a> {
    raw: &'a [u8],
    text: Option<&'a [u8]>,
    thought: bool,
    signature: Option<&'a [u8]>,
    call: Option<&'a [u8]>,
    /// It holds something else.
    other: bool,
}

impl<'a> Piece<'a> {
    fn read(raw: &'a [u8]) -> Self {
        let mut piece = Self { raw, text: None, thought: false, signature: None, call: None, other: false };
        let _ = json::members(raw, |member| match member.key().as_ref() {
            b"text" => piece.text = Some(member.value),
            b"thought" => piece.thought = member.value == b"true",
            b"thoughtSignature" => piece.signature = Some(member.value),
            b"functionCall" if !member.is_null() => piece.call = Some(member.value),
            _ => piece.other |= !member.is_null(),
        });
        piece
    }

    /// It is words, or a proof of words.
    fn is_words(&self) -> bool {
        !self.thought && self.call.is_none() && !self.other
    }

    fn text_or_empty(&self) -> Cow<'a, str> {
        self.text.and_then(json::string).unwrap_or_default()
    }

    fn seal(&self) -> Option<Seal> {
        self.signature.and_then(json::string).and_then(|text| seal::read(&text))
    }
}

/// A reason by its name, or by its number.
fn name_of(value: &[u8]) -> Cow<'_, str> {
    json::string(value).unwrap_or_else(|| Cow::Borrowed(text(value)))
}

/// The bytes of a whole event are UTF-8.
fn text(value: &[u8]) -> &str {
    std::str::from_utf8(value).unwrap_or_default()
}
