//! The content of a streamed answer.

use super::answer::Ending;
use super::blocks;
use crate::canonical::{Block, Delta, Event, Json, Opaque, Seal, Sink};
use crate::chat::details;
use crate::codec::{Decoder, Protocol};
use crate::fault::Fault;
use crate::fields::Fields;
use crate::json;
use crate::sse::{self, MAX_EVENT};
use crate::write;
use bytes::BytesMut;
use std::borrow::Cow;

/// Reads events.
#[derive(Debug, Default)]
pub(super) struct MessagesDecoder {
    started: bool,
    next: u32,
    open: Option<Open>,
    /// A tool of the caller was called.
    called: bool,
    ending: Ending,
}

#[derive(Debug)]
struct Open {
    block: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    Reasoning(Option<String>),
    /// Arguments as the block began with them, until pieces of them come.
    Call(Option<String>),
    Opaque(Gathered),
}

/// A block that only this protocol has, put together before it is told.
#[derive(Debug, Default)]
struct Gathered {
    kind: String,
    /// As it began.
    raw: String,
    input: String,
    /// Members that pieces added to or replaced: name and JSON text of a string.
    more: Vec<(String, String)>,
}

impl MessagesDecoder {
    fn begin(&mut self, message: &[u8], sink: &mut dyn Sink) -> Result<(), Fault> {
        if self.started {
            // Said twice before anything else it means nothing; later it takes back what the caller has read.
            return if self.next == 0 && self.open.is_none() { Ok(()) } else { Err(began_anew()) };
        }
        self.started = true;
        let (mut id, mut model) = (None, None);
        details(message, |key, value| match key {
            b"id" => id = json::string(value),
            b"model" => model = json::string(value),
            _ => {}
        });
        sink.event(Event::Start { id, model });
        Ok(())
    }

    fn open(&mut self, block: &[u8], sink: &mut dyn Sink) {
        self.close(sink);
        let number = self.next;
        let (mut kind, mut text, mut signature, mut data) = (None, None, None, None);
        let (mut id, mut name, mut input) = (None, None, None);
        details(block, |key, value| match key {
            b"type" => kind = json::string(value),
            b"text" | b"thinking" => text = json::string(value),
            b"signature" => signature = json::string(value),
            b"data" => data = json::string(value),
            b"id" => id = json::string(value),
            b"name" => name = json::string(value),
            b"input" => input = std::str::from_utf8(value).ok(),
            _ => {}
        });
        let kind = match kind.as_deref().unwrap_or_default() {
            "text" => {
                sink.event(Event::Open { block: number, kind: Block::Text });
                Kind::Text
            }
            "thinking" => {
                sink.event(Event::Open { block: number, kind: Block::Reasoning { id: None, redacted: false } });
                Kind::Reasoning(signature.filter(|text| !text.is_empty()).map(Cow::into_owned))
            }
            "redacted_thinking" => {
                sink.event(Event::Open { block: number, kind: Block::Reasoning { id: None, redacted: true } });
                Kind::Reasoning(data.map(Cow::into_owned))
            }
            "tool_use" => {
                self.called = true;
                let call =
                    Block::ToolCall { id: id.unwrap_or_default(), name: name.unwrap_or_default(), custom: false };
                sink.event(Event::Open { block: number, kind: call });
                Kind::Call(Some(input.unwrap_or("{}").to_owned()))
            }
            other => {
                let raw = String::from_utf8_lossy(block).into_owned();
                let gathered = Gathered { kind: other.to_owned(), raw, ..Gathered::default() };
                self.open = Some(Open { block: number, kind: Kind::Opaque(gathered) });
                return;
            }
        };
        self.next += 1;
        self.open = Some(Open { block: number, kind });
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            sink.event(Event::Delta { block: number, delta: Delta::Text(text) });
        }
        self.cite(block, sink);
    }

    /// Sources that a block of text begins with.
    fn cite(&mut self, block: &[u8], sink: &mut dyn Sink) {
        let Some(Open { block: number, kind: Kind::Text }) = &self.open else { return };
        details(block, |key, value| {
            if key == b"citations" {
                // `null` or none, as a rule.
                let _ = json::elements(value, |source| source_of(*number, source, sink));
            }
        });
    }

    fn delta(&mut self, delta: &[u8], sink: &mut dyn Sink) -> Result<(), Fault> {
        let Some(Open { block, kind }) = &mut self.open else { return Ok(()) };
        let block = *block;
        if let Kind::Opaque(gathered) = kind {
            return gathered.take(delta);
        }
        details(delta, |key, value| match (key, &mut *kind) {
            (b"text", Kind::Text) | (b"thinking", Kind::Reasoning(_)) => say(block, value, sink),
            (b"partial_json", Kind::Call(begun)) if value.len() > 2 => {
                *begun = None;
                say(block, value, sink);
            }
            (b"signature", Kind::Reasoning(seal)) => *seal = json::string(value).map(Cow::into_owned),
            (b"citation", Kind::Text) => source_of(block, value, sink),
            _ => {}
        });
        Ok(())
    }

    fn close(&mut self, sink: &mut dyn Sink) {
        let Some(Open { block, kind }) = self.open.take() else { return };
        match kind {
            Kind::Text => {}
            Kind::Reasoning(seal) => {
                if let Some(data) = seal {
                    let seal = Seal { owner: Protocol::Messages, data };
                    sink.event(Event::Delta { block, delta: Delta::Seal(seal) });
                }
            }
            Kind::Call(begun) => {
                if let Some(arguments) = begun {
                    sink.event(Event::Delta { block, delta: Delta::Text(arguments.into()) });
                }
            }
            Kind::Opaque(gathered) => {
                self.next += 1;
                sink.event(Event::Open { block, kind: Block::Opaque(gathered.whole()) });
            }
        }
        sink.event(Event::Close { block });
    }

    fn ending(&mut self, delta: &[u8]) {
        let text = |value| json::string(value).map(Cow::into_owned);
        details(delta, |key, value| match key {
            b"stop_reason" => self.ending.reason = text(value).or(self.ending.reason.take()),
            b"stop_sequence" => self.ending.sequence = text(value).or(self.ending.sequence.take()),
            b"stop_details" => details(value, |key, value| {
                if key == b"explanation" {
                    self.ending.explanation = text(value);
                }
            }),
            _ => {}
        });
    }
}

impl Decoder for MessagesDecoder {
    fn event(&mut self, event: &sse::Event<'_>, sink: &mut dyn Sink) -> Result<(), Fault> {
        let Some(data) = &event.data else { return Ok(()) };
        let (mut kind, mut inner): (&[u8], &[u8]) = (b"", b"");
        // What is no object says nothing; the watch has judged it.
        let _ = json::members(data, |member| match member.key().as_ref() {
            b"type" => kind = member.value,
            b"message" | b"content_block" | b"delta" => inner = member.value,
            _ => {}
        });
        match kind {
            b"\"message_start\"" => self.begin(inner, sink)?,
            // What is not known yet, and what comes before the answer has begun.
            _ if !self.started => {}
            b"\"content_block_start\"" => self.open(inner, sink),
            b"\"content_block_delta\"" => self.delta(inner, sink)?,
            b"\"content_block_stop\"" => self.close(sink),
            b"\"message_delta\"" => self.ending(inner),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, sink: &mut dyn Sink) {
        if !self.started {
            self.started = true;
            sink.event(Event::Start { id: None, model: None });
        }
        self.close(sink);
        sink.event(Event::Finish(std::mem::take(&mut self.ending).finish(self.called)));
    }
}

fn say(block: u32, text: &[u8], sink: &mut dyn Sink) {
    if let Some(text) = json::string(text).filter(|text| !text.is_empty()) {
        sink.event(Event::Delta { block, delta: Delta::Text(text) });
    }
}

fn source_of(block: u32, source: &[u8], sink: &mut dyn Sink) {
    let read = std::str::from_utf8(source).ok().and_then(|text| Fields::read(text, "").ok());
    if let Some(citation) = read.and_then(|fields| blocks::citation(&fields).ok()) {
        sink.event(Event::Delta { block, delta: Delta::Citation(citation) });
    }
}

impl Gathered {
    /// Takes a piece: of the input, or of whatever other member it names.
    fn take(&mut self, delta: &[u8]) -> Result<(), Fault> {
        details(delta, |key, value| match (key, std::str::from_utf8(key)) {
            (b"type", _) => {}
            (b"partial_json", _) => self.input.push_str(&json::string(value).unwrap_or_default()),
            (_, Ok(name)) => {
                let Ok(value) = std::str::from_utf8(value) else { return };
                match self.more.iter_mut().find(|(other, _)| other == name) {
                    // Two strings become one.
                    Some((_, so_far)) if so_far.ends_with('"') && value.starts_with('"') => {
                        so_far.pop();
                        so_far.push_str(value.get(1..).unwrap_or_default());
                    }
                    Some((_, so_far)) => value.clone_into(so_far),
                    None => self.more.push((name.to_owned(), value.to_owned())),
                }
            }
            (_, Err(_)) => {}
        });
        let size = self.raw.len() + self.input.len() + self.more.iter().map(|(_, text)| text.len()).sum::<usize>();
        if size > MAX_EVENT || self.more.len() > 64 {
            return Err(Fault::broken("upstream_event_too_large", "The provider sent a block that is too large."));
        }
        Ok(())
    }

    fn whole(self) -> Opaque {
        let Self { kind, raw, input, mut more } = self;
        let is_whole = json::object(input.as_bytes(), |_| {}).is_ok();
        let mut out = BytesMut::with_capacity(raw.len() + input.len());
        let mut object = write::object(&mut out);
        let _ = json::members(raw.as_bytes(), |member| {
            let name = member.key();
            let (Ok(key), Some(value)) = (std::str::from_utf8(&name), raw.get(member.range())) else { return };
            let changed = more.iter().position(|(name, _)| name == key).map(|at| more.swap_remove(at).1);
            match changed {
                _ if key == "input" && is_whole => object.raw(key, &input),
                Some(text) => object.raw(key, &text),
                None => object.raw(key, value),
            };
        });
        for (name, text) in more {
            object.raw(&name, &text);
        }
        drop(object);
        let raw = String::from_utf8(out.to_vec()).unwrap_or_default();
        Opaque { owner: Protocol::Messages, kind, raw: Json(raw) }
    }
}

fn began_anew() -> Fault {
    Fault::broken("upstream_invalid_stream", "The provider began its answer anew in the midst of it.")
}
