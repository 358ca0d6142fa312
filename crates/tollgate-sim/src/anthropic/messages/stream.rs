//! An answer as events: one block after the other, each started, told in deltas and stopped, as the vendor orders them.
//!
//! The unchanging parts of a delta are written once for each block; ids and reasons come from `mod.rs`.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::{super::error, Block, Message};
use crate::{
    content::{count_tokens, escape},
    output::Output,
    sse::{Frames, Kind},
};

/// Where the stream stands; numbers are blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    Open(usize),
    Ping,
    Giant,
    Content(usize),
    Signature(usize),
    Stop(usize),
    Delta,
    End,
    Over,
}

/// A block as it is streamed.
struct Part {
    /// `content_block` of the first event.
    opening: Value,
    output: Option<Output>,
    /// Around the text of a delta.
    before: String,
    after: &'static str,
    signature: Option<String>,
    /// Tokens that nothing is shown of.
    hidden: u64,
}

pub(super) struct Events {
    message: Message,
    parts: Vec<Part>,
    at: At,
    giant: Option<u64>,
    said: u64,
    text: String,
}

impl Events {
    pub(super) fn new(message: Message, blocks: Vec<Block>, giant: Option<u64>) -> Self {
        let mut parts: Vec<Part> =
            blocks.into_iter().enumerate().map(|(index, block)| Part::new(index, block)).collect();
        if giant.is_some() && !parts.iter().any(|part| part.opening.get("type").is_some_and(|kind| kind == "text")) {
            let text = Block::Text(Output::fixed("", &crate::output::Limits::default()));
            parts.push(Part::new(parts.len(), text));
        }
        Self { message, parts, at: At::Start, giant, said: 0, text: String::new() }
    }

    /// Where a block goes on after its beginning or a piece of it.
    fn inside(&self, index: usize) -> At {
        let Some(part) = self.parts.get(index) else {
            return At::Delta;
        };
        let is_text = part.opening.get("type").is_some_and(|kind| kind == "text");
        match &part.output {
            _ if is_text && self.giant.is_some() => At::Giant,
            Some(output) if !output.is_over() => At::Content(index),
            _ if part.signature.is_some() => At::Signature(index),
            _ => At::Stop(index),
        }
    }

    fn block_to_open(&self, index: usize) -> At {
        if index < self.parts.len() { At::Open(index) } else { At::Delta }
    }

    /// The block of text, which is the last one.
    fn text_block(&self) -> usize {
        self.parts.len().saturating_sub(1)
    }

    /// One valid text delta whose line is `size` bytes long, or as short as a delta can be.
    fn giant(&mut self, size: u64, out: &mut BytesMut) {
        let index = self.text_block();
        let Some(part) = self.parts.get(index) else {
            return;
        };
        // The line begins after `event: content_block_delta` and ends before the two line ends.
        let line = part.before.len() - EVENT_LINE.len() + part.after.len() - 2;
        let text = "a".repeat(usize::try_from(size).unwrap_or(usize::MAX).saturating_sub(line));
        put(out, &[&part.before, &text, part.after]);
        let tokens = count_tokens(&text);
        self.said += tokens;
        self.message.usage.output += tokens;
    }

    fn content(&mut self, index: usize, out: &mut BytesMut) {
        self.text.clear();
        let Some(part) = self.parts.get_mut(index) else {
            return;
        };
        self.said += part.output.as_mut().and_then(|output| output.next(&mut self.text)).unwrap_or(0);
        put(out, &[&part.before]);
        escape(&self.text, out);
        put(out, &[part.after]);
    }

    fn open(&mut self, index: usize, out: &mut BytesMut) {
        let Some(part) = self.parts.get(index) else {
            return;
        };
        event(out, "content_block_start", &json!({"index": index, "content_block": part.opening}));
        self.said += part.hidden;
        if part.opening.get("type").is_some_and(|kind| kind == "tool_use") {
            put(out, &[&part.before, part.after]);
        }
    }

    fn start(&self, out: &mut BytesMut) {
        let message = &self.message;
        let mut start = json!({"model": message.model, "id": message.id, "type": "message", "role": "assistant",
            "content": [], "stop_reason": null, "stop_sequence": null, "stop_details": null});
        if let (Some(usage), Value::Object(fields)) = (message.usage.first(), &mut start) {
            fields.insert("usage".to_owned(), usage);
        }
        event(out, "message_start", &json!({"message": start}));
    }

    fn delta(&self, out: &mut BytesMut) {
        let message = &self.message;
        let mut delta = json!({"delta": {"stop_reason": message.stop_reason, "stop_sequence": message.stop_sequence,
            "stop_details": message.stop_details()}});
        if let (Some(usage), Value::Object(fields)) = (message.usage.last(), &mut delta) {
            fields.insert("usage".to_owned(), usage);
        }
        event(out, "message_delta", &delta);
    }
}

const EVENT_LINE: &str = "event: content_block_delta\n";
const TEXT_END: &str = "\"}}\n\n";

impl Part {
    fn new(index: usize, block: Block) -> Self {
        let delta = |kind: &str, field: &str| {
            format!(
                "{EVENT_LINE}data: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"{kind}\",\
                 \"{field}\":\""
            )
        };
        let mut hidden = 0;
        let (opening, output, before, signature) = match block {
            Block::Thinking { output, signature } => (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                Some(output),
                delta("thinking_delta", "thinking"),
                Some(signature),
            ),
            Block::Omitted { tokens, signature } => {
                hidden = tokens;
                (json!({"type": "thinking", "thinking": "", "signature": ""}), None, String::new(), Some(signature))
            }
            Block::Redacted { tokens, data } => {
                hidden = tokens;
                (json!({"type": "redacted_thinking", "data": data}), None, String::new(), None)
            }
            Block::Text(output) => {
                (json!({"type": "text", "text": ""}), Some(output), delta("text_delta", "text"), None)
            }
            Block::ToolUse { id, name, output } => (
                json!({"type": "tool_use", "id": id, "name": name, "input": {}, "caller": {"type": "direct"}}),
                Some(output),
                delta("input_json_delta", "partial_json"),
                None,
            ),
        };
        Self { opening, output, before, after: TEXT_END, signature, hidden }
    }
}

impl Frames for Events {
    fn peek(&self) -> Option<Kind> {
        match self.at {
            At::Start | At::Open(_) | At::Ping | At::Signature(_) => Some(Kind::Between),
            At::Content(_) | At::Giant => Some(Kind::Content),
            // The end of the last block is after all content.
            At::Stop(index) if index + 1 < self.parts.len() => Some(Kind::Between),
            At::Stop(_) | At::Delta => Some(Kind::Closing),
            At::End => Some(Kind::Done),
            At::Over => None,
        }
    }

    fn frame(&mut self, out: &mut BytesMut) -> Option<Kind> {
        let kind = self.peek()?;
        self.at = match self.at {
            At::Start => {
                self.start(out);
                self.block_to_open(0)
            }
            At::Open(index) => {
                self.open(index, out);
                if index == 0 { At::Ping } else { self.inside(index) }
            }
            At::Ping => {
                put(out, &[PING]);
                self.inside(0)
            }
            At::Giant => {
                if let Some(size) = self.giant.take() {
                    self.giant(size, out);
                }
                self.inside(self.text_block())
            }
            At::Content(index) => {
                self.content(index, out);
                self.inside(index)
            }
            At::Signature(index) => {
                let signature = self.parts.get_mut(index).and_then(|part| part.signature.take());
                let delta = json!({"type": "signature_delta", "signature": signature});
                event(out, "content_block_delta", &json!({"index": index, "delta": delta}));
                At::Stop(index)
            }
            At::Stop(index) => {
                event(out, "content_block_stop", &json!({"index": index}));
                self.block_to_open(index + 1)
            }
            At::Delta => {
                self.delta(out);
                At::End
            }
            At::End => {
                event(out, "message_stop", &json!({}));
                At::Over
            }
            At::Over => return None,
        };
        Some(kind)
    }

    fn tokens(&self) -> u64 {
        self.said
    }

    fn error(&mut self, out: &mut BytesMut) {
        put(out, &[&error::in_the_middle().event()]);
    }

    fn lead(&self) -> &'static str {
        "event: content_block_delta\ndata: "
    }

    fn beat(&self) -> &'static str {
        PING
    }
}

const PING: &str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";

/// An event whose data begins with its own name.
fn event(out: &mut BytesMut, name: &str, data: &Value) {
    let data = data.to_string();
    let rest = data.strip_prefix('{').unwrap_or_default();
    let comma = if rest == "}" { "" } else { "," };
    put(out, &["event: ", name, "\ndata: {\"type\":\"", name, "\"", comma, rest, "\n\n"]);
}

fn put(out: &mut BytesMut, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}
