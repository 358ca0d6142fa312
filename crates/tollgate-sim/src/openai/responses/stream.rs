//! A response as events, in the vendor's order, numbered from 0: the response, each item announced, told and done, the
//! response again.
//!
//! The unchanging parts of a delta are written once for each item.

use std::sync::Arc;

use bytes::BytesMut;
use serde_json::{Map, Value, json};

use super::{
    super::error,
    memory::Phase,
    reply::{Item, Reply, Short, text_part},
};
use crate::{
    content::{BASE62, Rng, count_tokens, escape},
    output::Output,
    sse::{Frames, Kind},
};

/// Where the stream stands; numbers are items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Created,
    InProgress,
    Added(usize),
    PartAdded(usize),
    Giant(usize),
    Delta(usize),
    TextDone(usize),
    PartDone(usize),
    ItemDone(usize),
    Last,
    Over,
}

/// What is streamed of an item.
struct Line {
    output: Option<Output>,
    /// Around the text of a delta, up to the item's id and from there on.
    before: String,
    after: String,
}

pub(super) struct Events {
    reply: Arc<Reply>,
    lines: Vec<Line>,
    at: At,
    number: u64,
    said: u64,
    padding: Rng,
    text: String,
}

impl Events {
    /// `from` is the number of the first event that is shown.
    pub(super) fn new(reply: Arc<Reply>, from: u64) -> Self {
        let lines = reply.items.iter().enumerate().map(|(index, item)| Line::new(index, item)).collect();
        let padding = Rng::new(from ^ reply.usage.output);
        let mut events = Self { reply, lines, at: At::Created, number: 0, said: 0, padding, text: String::new() };
        let mut skipped = BytesMut::new();
        while events.number < from && events.peek().is_some() {
            skipped.clear();
            events.write(&mut skipped);
        }
        events
    }

    fn item(&self, index: usize) -> Option<&Item> {
        self.reply.items.get(index)
    }

    /// Parts are announced for what is shown in them.
    fn has_part(&self, index: usize) -> bool {
        matches!(self.item(index), Some(Item::Message { .. } | Item::Reasoning { summary: Some(_), .. }))
    }

    /// Where an item goes on after its announcement or a delta.
    fn inside(&self, index: usize) -> At {
        let open = self.lines.get(index).and_then(|line| line.output.as_ref()).is_some_and(|output| !output.is_over());
        match self.item(index) {
            Some(Item::Reasoning { summary: None, .. }) => At::ItemDone(index),
            _ if open => At::Delta(index),
            _ => At::TextDone(index),
        }
    }

    fn next_item(&self, index: usize) -> At {
        if index < self.reply.items.len() { At::Added(index) } else { At::Last }
    }

    /// An event whose data is `fields`, between its type and its number.
    fn event(&mut self, name: &str, fields: Value, out: &mut BytesMut) {
        let mut data = Map::new();
        data.insert("type".to_owned(), name.into());
        if let Value::Object(fields) = fields {
            data.extend(fields);
        }
        data.insert("sequence_number".to_owned(), self.number.into());
        self.number += 1;
        put(out, &["event: ", name, "\ndata: ", &Value::Object(data).to_string(), "\n\n"]);
    }

    fn response(&mut self, name: &str, phase: Phase, out: &mut BytesMut) {
        let response = self.reply.value(phase);
        self.event(name, json!({"response": response}), out);
    }

    fn item_event(&mut self, index: usize, over: bool, out: &mut BytesMut) {
        let name = if over { "response.output_item.done" } else { "response.output_item.added" };
        let item = self.item(index).map(|item| item.value(over));
        let hidden = match self.item(index) {
            Some(Item::Reasoning { hidden, .. }) if !over => *hidden,
            _ => 0,
        };
        self.said += hidden;
        self.event(name, json!({"item": item, "output_index": index}), out);
    }

    fn part_event(&mut self, index: usize, over: bool, out: &mut BytesMut) {
        let Some(item) = self.item(index) else {
            return;
        };
        let text = if over { item.text() } else { String::new() };
        let end = if over { "done" } else { "added" };
        let id = item.id().to_owned();
        if matches!(item, Item::Reasoning { .. }) {
            let part = json!({"type": "summary_text", "text": text});
            let fields = json!({"item_id": id, "output_index": index, "part": part, "summary_index": 0});
            self.event(&format!("response.reasoning_summary_part.{end}"), fields, out);
        } else {
            let fields = json!({"content_index": 0, "item_id": id, "output_index": index, "part": text_part(&text)});
            self.event(&format!("response.content_part.{end}"), fields, out);
        }
    }

    fn text_done(&mut self, index: usize, out: &mut BytesMut) {
        let Some(item) = self.item(index) else {
            return;
        };
        let (id, text) = (item.id().to_owned(), item.text());
        let (name, fields) = match item {
            Item::Reasoning { .. } => (
                "response.reasoning_summary_text.done",
                json!({"item_id": id, "output_index": index, "summary_index": 0, "text": text}),
            ),
            Item::Message { .. } => (
                "response.output_text.done",
                json!({"content_index": 0, "item_id": id, "logprobs": [], "output_index": index, "text": text}),
            ),
            Item::Call { custom: true, .. } => {
                ("response.custom_tool_call_input.done", json!({"input": text, "item_id": id, "output_index": index}))
            }
            Item::Call { name, .. } => (
                "response.function_call_arguments.done",
                json!({"arguments": text, "item_id": id, "name": name, "output_index": index}),
            ),
        };
        self.event(name, fields, out);
    }

    fn delta(&mut self, index: usize, out: &mut BytesMut) {
        self.text.clear();
        let Some(line) = self.lines.get_mut(index) else {
            return;
        };
        self.said += line.output.as_mut().and_then(|output| output.next(&mut self.text)).unwrap_or(0);
        put(out, &[&line.before]);
        escape(&self.text, out);
        self.end_delta(index, self.text.len(), out);
    }

    /// What follows the text of a delta, padded so that its length says nothing of the text's.
    fn end_delta(&mut self, index: usize, length: usize, out: &mut BytesMut) {
        let padding = if self.reply.obfuscates {
            let letters = self.padding.letters(BASE62, 16 - length % 16);
            format!("\"obfuscation\":\"{letters}\",")
        } else {
            String::new()
        };
        let number = self.number.to_string();
        let after = self.lines.get(index).map_or("", |line| line.after.as_str());
        put(out, &[after, &padding, "\"sequence_number\":", &number, "}\n\n"]);
        self.number += 1;
    }

    fn giant(&mut self, index: usize, out: &mut BytesMut) {
        let (Some(Item::Message { giant, .. }), Some(line)) = (self.item(index), self.lines.get(index)) else {
            return;
        };
        let (giant, before) = (*giant, line.before.clone());
        let text = "a".repeat(giant);
        put(out, &[&before, &text]);
        self.end_delta(index, giant, out);
        self.said += count_tokens(&text);
    }

    fn last(&mut self, out: &mut BytesMut) {
        match self.reply.short {
            Short::Failed => self.error(out),
            Short::No => self.response("response.completed", Phase::Done, out),
            Short::Capped | Short::Filtered => self.response("response.incomplete", Phase::Done, out),
        }
    }

    fn write(&mut self, out: &mut BytesMut) {
        self.at = match self.at {
            At::Created => {
                self.response("response.created", Phase::InProgress, out);
                At::InProgress
            }
            At::InProgress => {
                self.response("response.in_progress", Phase::InProgress, out);
                self.next_item(0)
            }
            At::Added(index) => {
                self.item_event(index, false, out);
                if self.has_part(index) { At::PartAdded(index) } else { self.inside(index) }
            }
            At::PartAdded(index) => {
                self.part_event(index, false, out);
                match self.item(index) {
                    Some(Item::Message { giant, .. }) if *giant > 0 => At::Giant(index),
                    _ => self.inside(index),
                }
            }
            At::Giant(index) => {
                self.giant(index, out);
                self.inside(index)
            }
            At::Delta(index) => {
                self.delta(index, out);
                self.inside(index)
            }
            At::TextDone(index) => {
                self.text_done(index, out);
                if self.has_part(index) { At::PartDone(index) } else { At::ItemDone(index) }
            }
            At::PartDone(index) => {
                self.part_event(index, true, out);
                At::ItemDone(index)
            }
            At::ItemDone(index) => {
                self.item_event(index, true, out);
                self.next_item(index + 1)
            }
            At::Last => {
                self.last(out);
                At::Over
            }
            At::Over => At::Over,
        };
    }
}

impl Line {
    fn new(index: usize, item: &Item) -> Self {
        let (name, first, last, output) = match item {
            Item::Reasoning { summary, .. } => ("reasoning_summary_text", "", ",\"summary_index\":0", summary.clone()),
            Item::Message { output, .. } => {
                ("output_text", "\"content_index\":0,", ",\"logprobs\":[]", Some(output.clone()))
            }
            Item::Call { custom: true, output, .. } => ("custom_tool_call_input", "", "", Some(output.clone())),
            Item::Call { output, .. } => ("function_call_arguments", "", "", Some(output.clone())),
        };
        let name = format!("response.{name}.delta");
        let before = format!("event: {name}\ndata: {{\"type\":\"{name}\",{first}\"delta\":\"");
        let after = format!("\",\"item_id\":\"{}\"{last},\"output_index\":{index},", item.id());
        Self { output, before, after }
    }
}

impl Frames for Events {
    fn peek(&self) -> Option<Kind> {
        let is_last = |index: usize| index + 1 >= self.reply.items.len();
        match self.at {
            At::Created | At::InProgress | At::Added(_) | At::PartAdded(_) => Some(Kind::Between),
            At::Giant(_) | At::Delta(_) => Some(Kind::Content),
            At::TextDone(index) | At::PartDone(index) | At::ItemDone(index) => {
                Some(if is_last(index) { Kind::Closing } else { Kind::Between })
            }
            // There is no other end mark than the response at the end.
            At::Last => Some(Kind::Done),
            At::Over => None,
        }
    }

    fn frame(&mut self, out: &mut BytesMut) -> Option<Kind> {
        let kind = self.peek()?;
        self.write(out);
        Some(kind)
    }

    fn tokens(&self) -> u64 {
        self.said
    }

    /// As recorded: an `error` event with its parts in `error`, then the response as one that failed.
    fn error(&mut self, out: &mut BytesMut) {
        let failure = error::in_the_middle();
        let error = json!({"type": failure.kind, "code": "server_error", "message": failure.message, "param": null});
        self.event("error", json!({"error": error}), out);
        self.response("response.failed", Phase::Done, out);
    }

    fn lead(&self) -> &'static str {
        "event: response.output_text.delta\ndata: "
    }
}

fn put(out: &mut BytesMut, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}
