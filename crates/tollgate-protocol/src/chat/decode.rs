//! The content of a streamed chat answer.
//!
//! Pieces carry no boundaries of blocks: what a piece holds says in which block it belongs. Calls of tools come by
//! their index, one after the other as a rule, mixed at worst; a call whose arguments are a complete object is closed
//! when something else begins.

use super::answer::{citation, finish};
use crate::canonical::{Block, Content, Delta, Event, Part, Sink, ToolCall};
use crate::codec::Decoder;
use crate::fault::Fault;
use crate::json;
use crate::openai;
use crate::sse;
use std::borrow::Cow;

/// Most calls of tools in one answer; what follows is left out.
const MAX_CALLS: usize = 1024;

/// Reads chunks. Of several alternatives only the first is read: they are not asked for when an answer crosses.
#[derive(Debug, Default)]
pub(super) struct ChatDecoder {
    started: bool,
    next: u32,
    /// The open block that is no call.
    open: Option<(Kind, u32)>,
    calls: Vec<Call>,
    reason: Option<String>,
    refused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Reasoning,
}

#[derive(Debug)]
struct Call {
    index: u64,
    block: u32,
    open: bool,
    arguments: Completeness,
}

impl ChatDecoder {
    /// The block of that kind, opened if need be.
    fn enter(&mut self, kind: Kind, sink: &mut dyn Sink) -> u32 {
        if let Some((open, block)) = self.open
            && open == kind
        {
            return block;
        }
        self.leave(sink);
        self.close_calls(false, sink);
        let block = self.number();
        let opened = match kind {
            Kind::Text => Block::Text,
            Kind::Refusal => Block::Refusal,
            Kind::Reasoning => Block::Reasoning { id: None, redacted: false },
        };
        self.refused |= kind == Kind::Refusal;
        sink.event(Event::Open { block, kind: opened });
        self.open = Some((kind, block));
        block
    }

    fn number(&mut self) -> u32 {
        let block = self.next;
        self.next += 1;
        block
    }

    fn leave(&mut self, sink: &mut dyn Sink) {
        if let Some((_, block)) = self.open.take() {
            sink.event(Event::Close { block });
        }
    }

    /// Closes the calls that are open; `complete`: only those whose arguments are whole.
    fn close_calls(&mut self, complete: bool, sink: &mut dyn Sink) {
        for call in self.calls.iter_mut().filter(|call| call.open) {
            if !complete || call.arguments.is_complete() {
                call.open = false;
                sink.event(Event::Close { block: call.block });
            }
        }
    }

    fn say(&mut self, kind: Kind, text: Cow<'_, str>, sink: &mut dyn Sink) {
        if !text.is_empty() {
            let block = self.enter(kind, sink);
            sink.event(Event::Delta { block, delta: Delta::Text(text) });
        }
    }

    fn delta(&mut self, delta: &[u8], sink: &mut dyn Sink) {
        let (mut thought, mut content, mut refusal): (&[u8], &[u8], &[u8]) = (b"", b"", b"");
        let (mut calls, mut function, mut notes) = (None, None, None);
        // What is no object holds nothing; the watch has judged it.
        let _ = json::members(delta, |member| match member.key().as_ref() {
            b"content" => content = member.value,
            b"refusal" => refusal = member.value,
            b"reasoning_content" | b"reasoning" if member.value.len() > thought.len() && !member.is_null() => {
                thought = member.value;
            }
            b"tool_calls" => calls = Some(member.value),
            b"function_call" if !member.is_null() => function = Some(member.value),
            b"annotations" => notes = Some(member.value),
            _ => {}
        });
        if let Some(text) = json::string(thought) {
            self.say(Kind::Reasoning, text, sink);
        }
        if content.starts_with(b"[") {
            self.pieces(content, sink);
        } else if let Some(text) = json::string(content) {
            self.say(Kind::Text, text, sink);
        }
        if let Some(text) = json::string(refusal) {
            self.say(Kind::Refusal, text, sink);
        }
        // `null` where there are none.
        let mut place = 0;
        let _ = json::elements(calls.unwrap_or(b"[]"), |call| {
            self.call(call, place, sink);
            place += 1;
        });
        if let Some(function) = function {
            self.part_of_call(0, Some(Cow::Borrowed("call_1")), function, false, sink);
        }
        let _ = json::elements(notes.unwrap_or(b"[]"), |note| {
            if let Some(citation) = std::str::from_utf8(note).ok().and_then(citation) {
                let block = self.enter(Kind::Text, sink);
                sink.event(Event::Delta { block, delta: Delta::Citation(citation) });
            }
        });
    }

    /// Content that is a list, as Mistral streams it.
    fn pieces(&mut self, content: &[u8], sink: &mut dyn Sink) {
        let _ = json::elements(content, |piece| {
            let (mut text, mut thought) = (None, None);
            let _ = json::members(piece, |member| match member.key().as_ref() {
                b"text" => text = json::string(member.value),
                b"thinking" => thought = Some(member.value),
                _ => {}
            });
            let _ = json::elements(thought.unwrap_or(b"[]"), |inner| {
                let _ = json::members(inner, |member| {
                    if let (b"text", Some(text)) = (member.key().as_ref(), json::string(member.value)) {
                        self.say(Kind::Reasoning, text, sink);
                    }
                });
            });
            if let Some(text) = text {
                self.say(Kind::Text, text, sink);
            }
        });
    }

    fn call(&mut self, call: &[u8], place: u64, sink: &mut dyn Sink) {
        let (mut index, mut id, mut inner, mut custom) = (None, None, None, false);
        let _ = json::members(call, |member| match member.key().as_ref() {
            b"index" => index = json::whole(member.value),
            b"id" => id = json::string(member.value).filter(|id| !id.is_empty()),
            b"function" if !member.is_null() => inner = Some(member.value),
            b"custom" if !member.is_null() => (inner, custom) = (Some(member.value), true),
            _ => {}
        });
        // Some servers leave the index out: then a new id is a new call.
        let index = index.unwrap_or_else(|| match (&id, self.calls.last()) {
            (None, Some(last)) => last.index,
            (Some(_), Some(last)) => last.index + 1,
            (_, None) => place,
        });
        self.part_of_call(index, id, inner.unwrap_or(b"{}"), custom, sink);
    }

    fn part_of_call(&mut self, index: u64, id: Option<Cow<'_, str>>, inner: &[u8], custom: bool, sink: &mut dyn Sink) {
        let (mut name, mut arguments): (Option<Cow<'_, str>>, Cow<'_, str>) = (None, Cow::Borrowed(""));
        let _ = json::members(inner, |member| match member.key().as_ref() {
            b"name" => name = json::string(member.value),
            b"arguments" | b"input" if !member.is_null() => {
                let object = || std::str::from_utf8(member.value).map(Cow::Borrowed).unwrap_or_default();
                // Some servers write the object itself.
                arguments = json::string(member.value).unwrap_or_else(object);
            }
            _ => {}
        });
        let known = self.calls.iter().position(|call| call.index == index);
        let at = if let Some(at) = known {
            at
        } else {
            if self.calls.len() >= MAX_CALLS {
                return;
            }
            self.leave(sink);
            self.close_calls(true, sink);
            let block = self.number();
            let kind = Block::ToolCall { id: id.unwrap_or_default(), name: name.unwrap_or_default(), custom };
            sink.event(Event::Open { block, kind });
            self.calls.push(Call { index, block, open: true, arguments: Completeness::default() });
            self.calls.len() - 1
        };
        let Some(call) = self.calls.get_mut(at).filter(|call| call.open && !arguments.is_empty()) else { return };
        call.arguments.take(&arguments);
        sink.event(Event::Delta { block: call.block, delta: Delta::Text(arguments) });
    }
}

impl Decoder for ChatDecoder {
    fn event(&mut self, event: &sse::Event<'_>, sink: &mut dyn Sink) -> Result<(), Fault> {
        let Some(data) = event.data.as_ref().filter(|data| data.trim_ascii().starts_with(b"{")) else { return Ok(()) };
        let (mut id, mut model, mut choices) = (None, None, None);
        // The watch has seen that it is an object, or the terminal event.
        let _ = json::members(data, |member| match member.key().as_ref() {
            b"id" => id = json::string(member.value),
            b"model" => model = json::string(member.value),
            b"choices" => choices = Some(member.value),
            _ => {}
        });
        if !self.started {
            self.started = true;
            sink.event(Event::Start { id, model });
        }
        let mut first = None;
        let _ = json::elements(choices.unwrap_or(b"[]"), |choice| {
            first.get_or_insert(choice);
        });
        let Some(choice) = first else { return Ok(()) };
        let (mut delta, mut whole, mut logprobs) = (None, None, None);
        let _ = json::members(choice, |member| match member.key().as_ref() {
            b"delta" => delta = Some(member.value),
            // Perplexity writes all that has been said so far beside what is new.
            b"message" => whole = Some(member.value),
            b"logprobs" if !member.is_null() => logprobs = Some(member.value),
            b"finish_reason" if !member.is_null() => {
                self.reason = json::string(member.value).filter(|reason| !reason.is_empty()).map(Cow::into_owned);
            }
            _ => {}
        });
        if let Some(delta) = delta.or(whole) {
            self.delta(delta, sink);
        }
        if let (Some(logprobs), Some((_, block))) = (logprobs, self.open) {
            let _ = json::members(logprobs, |member| {
                if let (b"content", Ok(raw)) = (member.key().as_ref(), std::str::from_utf8(member.value))
                    && let Ok(tokens) = openai::read_logprobs(raw)
                    && !tokens.is_empty()
                {
                    sink.event(Event::Delta { block, delta: Delta::Logprobs(tokens) });
                }
            });
        }
        Ok(())
    }

    fn end(&mut self, sink: &mut dyn Sink) {
        if !self.started {
            self.started = true;
            sink.event(Event::Start { id: None, model: None });
        }
        self.leave(sink);
        self.close_calls(false, sink);
        let mut seen = Vec::new();
        if !self.calls.is_empty() {
            seen.push(Part::new(Content::ToolCall(ToolCall::default())));
        }
        if self.refused {
            seen.push(Part::new(Content::Refusal(String::new())));
        }
        sink.event(Event::Finish(finish(self.reason.as_deref(), &seen)));
    }
}

/// Whether a JSON text that comes in pieces is a complete object yet.
#[derive(Debug, Default)]
struct Completeness {
    depth: u32,
    begun: bool,
    in_string: bool,
    escaped: bool,
}

impl Completeness {
    fn take(&mut self, piece: &str) {
        for byte in piece.bytes() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth = self.depth.saturating_add(1);
                    self.begun = true;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.begun && self.depth == 0 && !self.in_string
    }
}
