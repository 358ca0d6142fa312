//! The content of a streamed answer.
//!
//! Pieces name their item by its place in the output, which some relays keep while they change ids. An item is told
//! three times: in pieces, whole at its end, and whole in the last event; what did not come in pieces is taken from
//! its end, and what was not told at all from the last event.

mod item;

use self::item::{Kind, Open, Thought};
use super::answer::read_finish;
use super::read_items;
use crate::canonical::{Block, Content, Delta, Event, Finish, Losses, Part, Sink};
use crate::codec::Decoder;
use crate::fault::Fault;
use crate::fields::{Fields, Item, items};
use crate::json;
use crate::openai;
use crate::sse;
use std::borrow::Cow;

/// Most items that may be open at a time; what follows is told at its end.
const MAX_OPEN: usize = 256;

/// Reads events.
#[derive(Debug, Default)]
pub(super) struct ResponsesDecoder {
    started: bool,
    next: u32,
    items: Vec<Open>,
    /// An item was told.
    any: bool,
    calls: bool,
    refused: bool,
    finish: Option<Finish>,
}

/// The members of an event that matter.
#[derive(Default)]
struct Parts<'a> {
    kind: Cow<'a, str>,
    index: u64,
    part: u64,
    delta: Option<&'a [u8]>,
    /// The whole text of a piece that is done.
    whole: Option<&'a [u8]>,
    logprobs: Option<&'a [u8]>,
    annotation: Option<&'a [u8]>,
    content: Option<&'a [u8]>,
    item: Option<&'a [u8]>,
    response: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn read(data: &'a [u8]) -> Self {
        let mut parts = Self::default();
        // The watch has seen that it is an object.
        let _ = json::members(data, |member| match member.key().as_ref() {
            b"type" => parts.kind = json::string(member.value).unwrap_or_default(),
            b"output_index" => parts.index = json::whole(member.value).unwrap_or_default(),
            b"content_index" | b"summary_index" => parts.part = json::whole(member.value).unwrap_or_default(),
            b"delta" => parts.delta = Some(member.value),
            b"text" | b"refusal" | b"arguments" | b"input" => parts.whole = Some(member.value),
            b"logprobs" => parts.logprobs = Some(member.value),
            b"annotation" => parts.annotation = Some(member.value),
            b"part" => parts.content = Some(member.value),
            b"item" => parts.item = Some(member.value),
            b"response" => parts.response = Some(member.value),
            _ => {}
        });
        parts
    }
}

fn text(value: Option<&[u8]>) -> Cow<'_, str> {
    value.and_then(json::string).unwrap_or_default()
}

/// The members of an item, part or response; none where it is no object.
fn fields(value: &[u8]) -> Option<Fields<'_>> {
    Fields::read(std::str::from_utf8(value).ok()?, "").ok()
}

impl ResponsesDecoder {
    fn start(&mut self, response: Option<&[u8]>, sink: &mut dyn Sink) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let fields = response.and_then(fields);
        let member = |name: &str| fields.as_ref().and_then(|fields| fields.text(name).ok().flatten());
        sink.event(Event::Start { id: member("id"), model: member("model") });
    }

    /// Opens a block. One that is no call must stand alone: what is open is closed.
    fn open(&mut self, kind: Block<'_>, sink: &mut dyn Sink) -> u32 {
        self.start(None, sink);
        let call = matches!(kind, Block::ToolCall { .. });
        self.calls |= call;
        self.refused |= kind == Block::Refusal;
        for item in &mut self.items {
            if !(call && item.kind == Kind::Call) {
                item.close(sink);
            }
        }
        let block = self.next;
        self.next += 1;
        sink.event(Event::Open { block, kind });
        block
    }

    fn place(&self, index: u64) -> Option<usize> {
        self.items.iter().position(|item| item.index == index)
    }

    fn added(&mut self, index: u64, item: &[u8], sink: &mut dyn Sink) {
        self.any = true;
        if self.place(index).is_some() || self.items.len() >= MAX_OPEN {
            return;
        }
        let Some(item) = fields(item) else { return };
        let member = |name: &str| item.text(name).ok().flatten();
        let (kind, block) = match member("type").as_deref() {
            Some("message") => (Kind::Message, None),
            Some(kind @ ("function_call" | "custom_tool_call")) => {
                let id = member("call_id").unwrap_or_default();
                let name = member("name").unwrap_or_default();
                let custom = kind == "custom_tool_call";
                (Kind::Call, Some(self.open(Block::ToolCall { id, name, custom }, sink)))
            }
            Some("reasoning") => {
                let id = member("id").filter(|id| !id.is_empty());
                (Kind::Thought(None), Some(self.open(Block::Reasoning { id, redacted: false }, sink)))
            }
            _ => (Kind::Whole, None),
        };
        self.items.push(Open { index, kind, block, part: 0, told: 0, said: 0, sources: 0 });
    }

    /// The block of a message's part, opened if need be; `None` for a part that is over.
    fn enter(&mut self, index: u64, part: u64, refusal: bool, sink: &mut dyn Sink) -> Option<usize> {
        let at = match self.place(index) {
            Some(at) => at,
            None => {
                // A server that does not announce its items.
                self.added(index, br#"{"type":"message"}"#, sink);
                self.place(index)?
            }
        };
        let item = self.items.get_mut(at)?;
        if item.kind != Kind::Message || part < item.told {
            return None;
        }
        if item.block.is_some() && item.part == part {
            return Some(at);
        }
        item.close(sink);
        let block = self.open(if refusal { Block::Refusal } else { Block::Text }, sink);
        let item = self.items.get_mut(at)?;
        (item.block, item.part, item.told, item.said, item.sources) = (Some(block), part, part, 0, 0);
        Some(at)
    }

    fn piece(&mut self, parts: &Parts<'_>, refusal: bool, sink: &mut dyn Sink) {
        let Some(item) = self.enter(parts.index, parts.part, refusal, sink).and_then(|at| self.items.get_mut(at))
        else {
            return;
        };
        item.say(text(parts.delta), sink);
        let tokens = parts.logprobs.and_then(|raw| std::str::from_utf8(raw).ok());
        let tokens = tokens.and_then(|raw| openai::read_logprobs(raw).ok()).unwrap_or_default();
        if let (Some(block), false) = (item.block, tokens.is_empty()) {
            sink.event(Event::Delta { block, delta: Delta::Logprobs(tokens) });
        }
    }

    fn thought(&mut self, parts: &Parts<'_>, by: Thought, words: Cow<'_, str>, sink: &mut dyn Sink) {
        if words.is_empty() {
            return;
        }
        if self.place(parts.index).is_none() {
            self.added(parts.index, br#"{"type":"reasoning"}"#, sink);
        }
        let Some(item) = self.place(parts.index).and_then(|at| self.items.get_mut(at)) else { return };
        match item.kind {
            Kind::Thought(None) => item.kind = Kind::Thought(Some(by)),
            Kind::Thought(Some(told)) if told == by => {}
            _ => return,
        }
        // The parts are paragraphs.
        if parts.part > item.part && item.said > 0 {
            item.say("\n\n".into(), sink);
        }
        item.part = parts.part;
        item.say(words, sink);
    }

    /// The whole text of a piece: what of it did not come in pieces is said now.
    fn whole(&mut self, parts: &Parts<'_>, sink: &mut dyn Sink) {
        let whole = text(parts.whole);
        match &*parts.kind {
            "response.output_text.done" | "response.refusal.done" => {
                let refusal = parts.kind == "response.refusal.done";
                if let Some(item) =
                    self.enter(parts.index, parts.part, refusal, sink).and_then(|at| self.items.get_mut(at))
                {
                    item.rest(&whole, sink);
                }
            }
            "response.reasoning_text.done" | "response.reasoning_summary_text.done" => {
                let by = if parts.kind == "response.reasoning_text.done" { Thought::Content } else { Thought::Summary };
                let told = self.place(parts.index).and_then(|at| self.items.get(at));
                if told.is_none_or(|item| item.said == 0 || parts.part > item.part) {
                    self.thought(parts, by, whole, sink);
                }
            }
            _ => {
                let item = self.place(parts.index).and_then(|at| self.items.get_mut(at));
                if let Some(item) = item.filter(|item| item.kind == Kind::Call) {
                    item.rest(&whole, sink);
                }
            }
        }
    }

    fn source(&mut self, parts: &Parts<'_>, sink: &mut dyn Sink) {
        let note = parts.annotation.and_then(fields);
        let Some(citation) = note.and_then(|note| read_items::citation(&note).ok().flatten()) else { return };
        let at = self.enter(parts.index, parts.part, false, sink);
        let Some(item) = at.and_then(|at| self.items.get_mut(at)) else { return };
        if let Some(block) = item.block {
            item.sources += 1;
            sink.event(Event::Delta { block, delta: Delta::Citation(citation) });
        }
    }

    /// An item is complete.
    fn done(&mut self, index: u64, raw: &[u8], sink: &mut dyn Sink) {
        self.added(index, raw, sink);
        let Some(at) = self.place(index) else { return };
        let Ok(raw) = std::str::from_utf8(raw) else { return };
        let list = [Item { raw, path: String::new() }];
        // Losses are those of the whole answer, which nobody asks a stream for.
        let (parts, _) = read_items::output(&list, &mut Losses::default()).unwrap_or_default();
        let kind = self.items.get(at).map_or(Kind::Whole, |item| item.kind);
        match kind {
            Kind::Message => {
                for (part, place) in parts.iter().zip(0_u64..) {
                    self.rest_of_part(index, place, part, sink);
                }
            }
            Kind::Call | Kind::Thought(_) => {
                if let (Some(item), Some(part)) = (self.items.get_mut(at), parts.first()) {
                    item.rest_of(part, sink);
                }
            }
            Kind::Whole => {
                for part in parts {
                    let block = match part.content {
                        Content::Media(media) => Block::Media(media),
                        Content::Opaque(opaque) => Block::Opaque(opaque),
                        _ => continue,
                    };
                    let block = self.open(block, sink);
                    sink.event(Event::Close { block });
                }
            }
        }
        if let Some(at) = self.place(index) {
            self.items.remove(at).close(sink);
        }
    }

    fn rest_of_part(&mut self, index: u64, place: u64, part: &Part, sink: &mut dyn Sink) {
        let refusal = match &part.content {
            Content::Text { .. } => false,
            Content::Refusal(_) => true,
            _ => return,
        };
        let at = self.enter(index, place, refusal, sink);
        if let Some(item) = at.and_then(|at| self.items.get_mut(at)) {
            item.rest_of(part, sink);
            item.close(sink);
        }
    }

    /// The stream is over: why, and what of it was not told before.
    fn last(&mut self, response: &[u8], sink: &mut dyn Sink) {
        self.start(Some(response), sink);
        let Some(fields) = fields(response) else { return };
        if !self.any {
            let list = fields.peek("output").and_then(|raw| items(raw, "output").ok()).unwrap_or_default();
            for (item, index) in list.iter().zip(0_u64..) {
                self.done(index, item.raw.as_bytes(), sink);
            }
        }
        self.finish = Some(read_finish(&fields, self.calls, self.refused));
    }
}

impl Decoder for ResponsesDecoder {
    fn event(&mut self, event: &sse::Event<'_>, sink: &mut dyn Sink) -> Result<(), Fault> {
        let Some(data) = &event.data else { return Ok(()) };
        let parts = Parts::read(data.trim_ascii());
        match &*parts.kind {
            "response.created" | "response.in_progress" | "response.queued" => self.start(parts.response, sink),
            "response.output_item.added" => {
                if let Some(item) = parts.item {
                    self.added(parts.index, item, sink);
                }
            }
            "response.content_part.added" => {
                let kind = parts
                    .content
                    .and_then(fields)
                    .and_then(|part| part.text("type").ok().flatten().map(Cow::into_owned));
                match kind.as_deref() {
                    Some("output_text") => drop(self.enter(parts.index, parts.part, false, sink)),
                    Some("refusal") => drop(self.enter(parts.index, parts.part, true, sink)),
                    _ => {}
                }
            }
            "response.output_text.delta" => self.piece(&parts, false, sink),
            "response.refusal.delta" => self.piece(&parts, true, sink),
            "response.output_text.annotation.added" => self.source(&parts, sink),
            "response.reasoning_text.delta" => self.thought(&parts, Thought::Content, text(parts.delta), sink),
            "response.reasoning_summary_text.delta" => self.thought(&parts, Thought::Summary, text(parts.delta), sink),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                let item = self.place(parts.index).and_then(|at| self.items.get_mut(at));
                if let Some(item) = item.filter(|item| item.kind == Kind::Call) {
                    item.say(text(parts.delta), sink);
                }
            }
            "response.output_text.done"
            | "response.refusal.done"
            | "response.reasoning_text.done"
            | "response.reasoning_summary_text.done"
            | "response.function_call_arguments.done"
            | "response.custom_tool_call_input.done" => self.whole(&parts, sink),
            "response.output_item.done" => {
                if let Some(item) = parts.item {
                    self.done(parts.index, item, sink);
                }
            }
            "response.completed" | "response.incomplete" => {
                if let Some(response) = parts.response {
                    self.last(response, sink);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, sink: &mut dyn Sink) {
        self.start(None, sink);
        for item in &mut self.items {
            item.close(sink);
        }
        self.items.clear();
        sink.event(Event::Finish(self.finish.take().unwrap_or_default()));
    }
}
