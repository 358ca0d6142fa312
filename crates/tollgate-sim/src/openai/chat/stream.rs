//! A chat answer as chunks: opening chunks, content in turns of the choices, finish chunks, usage, `[DONE]`.
//!
//! The unchanging parts of a chunk are written once; a content chunk is four copies and an escape. Ids, names and
//! finish reasons come from `mod.rs`.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::{Frame, Usage, Voice};
use crate::{
    content::{count_tokens, escape},
    sse::{Frames, Kind},
    steer,
};

/// Where the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Open(usize),
    Giant,
    /// The choice whose turn it is.
    Content(usize),
    Finish(usize),
    Usage,
    Done,
    End,
}

pub(super) struct Chunks {
    /// From `data: ` to the index of the choice.
    head: String,
    /// From after the choice to the end of the frame.
    tail: &'static str,
    lines: Vec<Line>,
    at: At,
    usage: Usage,
    usage_chunk: bool,
    giant: Option<u64>,
    said: u64,
    text: String,
}

struct Line {
    voice: Voice,
    /// Around the text of a content chunk.
    before: String,
    after: &'static str,
    open: bool,
}

impl Chunks {
    pub(super) fn new(frame: &Frame, voices: Vec<Voice>, include: bool, usage: Usage, giant: Option<u64>) -> Self {
        let head = json!({"id": frame.id, "object": "chat.completion.chunk", "created": frame.created,
            "model": frame.model, "service_tier": "default", "system_fingerprint": frame.fingerprint})
        .to_string();
        let head = format!("data: {},\"choices\":[", head.strip_suffix('}').unwrap_or(&head));
        let usage_chunk = include && !matches!(usage.form, steer::Usage::None | steer::Usage::InFinish);
        let tail = if usage_chunk { "],\"usage\":null}\n\n" } else { "]}\n\n" };
        let lines = voices.into_iter().enumerate().map(|(index, voice)| Line::new(index, voice)).collect();
        Self { head, tail, lines, at: At::Open(0), usage, usage_chunk, giant, said: 0, text: String::new() }
    }

    fn choice(&self, index: usize, delta: &Value, finish: Option<&str>, out: &mut BytesMut) {
        let choice = json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": finish});
        put(out, &[&self.head, &choice.to_string()]);
    }

    /// One valid content chunk whose line is `size` bytes long, or as short as a chunk can be.
    fn giant(&mut self, size: u64, out: &mut BytesMut) {
        let before = "{\"index\":0,\"delta\":{\"content\":\"";
        let frame = self.head.len() + before.len() + TEXT_END.len() + self.tail.len() - 2;
        let letters = usize::try_from(size).unwrap_or(usize::MAX).saturating_sub(frame);
        let text = "a".repeat(letters);
        put(out, &[&self.head, before, &text, TEXT_END, self.tail]);
        let tokens = count_tokens(&text);
        self.said += tokens;
        self.usage.completion += tokens;
    }

    /// The next choice after `from` that has something to say, in turns.
    fn after(&self, from: usize) -> At {
        let count = self.lines.len();
        let turns = (0..count).map(|step| (from + step).checked_rem(count).unwrap_or(0));
        let mut open = turns.filter(|at| self.lines.get(*at).is_some_and(|line| line.open));
        open.next().map_or(At::Finish(0), At::Content)
    }

    fn content(&mut self, index: usize, out: &mut BytesMut) {
        self.text.clear();
        let Some(line) = self.lines.get_mut(index) else {
            return;
        };
        self.said += line.voice.output.next(&mut self.text).unwrap_or(0);
        line.open = !line.voice.output.is_over();
        let (before, after) = (&line.before, line.after);
        put(out, &[&self.head, before]);
        escape(&self.text, out);
        put(out, &[after, self.tail]);
    }
}

/// Whatever follows the text in a choice that is a text.
const TEXT_END: &str = "\"},\"logprobs\":null,\"finish_reason\":null}";

impl Line {
    fn new(index: usize, voice: Voice) -> Self {
        let (before, after) = match &voice.call {
            None => (",\"delta\":{\"content\":\"", TEXT_END),
            Some(call) if call.custom => (
                ",\"delta\":{\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"",
                "\"}}]},\"logprobs\":null,\"finish_reason\":null}",
            ),
            Some(_) => (
                ",\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"",
                "\"}}]},\"logprobs\":null,\"finish_reason\":null}",
            ),
        };
        Self { open: !voice.output.is_over(), voice, before: format!("{{\"index\":{index}{before}"), after }
    }

    /// The first delta: the role, and the name of a tool with no arguments yet.
    fn opening(&self) -> Value {
        match &self.voice.call {
            None => json!({"role": "assistant", "content": "", "refusal": null}),
            Some(call) => {
                let call = if call.custom {
                    json!({"index": 0, "id": call.id, "type": "custom", "custom": {"name": call.name, "input": ""}})
                } else {
                    json!({"index": 0, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}})
                };
                json!({"role": "assistant", "content": null, "tool_calls": [call], "refusal": null})
            }
        }
    }
}

impl Frames for Chunks {
    fn peek(&self) -> Option<Kind> {
        match self.at {
            At::Open(_) => Some(Kind::Opening),
            At::Giant | At::Content(_) => Some(Kind::Content),
            At::Finish(_) | At::Usage => Some(Kind::Closing),
            At::Done => Some(Kind::Done),
            At::End => None,
        }
    }

    fn frame(&mut self, out: &mut BytesMut) -> Option<Kind> {
        let kind = self.peek()?;
        self.at = match self.at {
            At::Open(index) => {
                let delta = self.lines.get(index).map(Line::opening).unwrap_or_default();
                self.choice(index, &delta, None, out);
                put(out, &[self.tail]);
                match index + 1 < self.lines.len() {
                    true => At::Open(index + 1),
                    false if self.giant.is_some() => At::Giant,
                    false => self.after(0),
                }
            }
            At::Giant => {
                self.giant(self.giant.unwrap_or(0), out);
                self.after(0)
            }
            At::Content(index) => {
                self.content(index, out);
                self.after(index + 1)
            }
            At::Finish(index) => {
                let finish = self.lines.get(index).map(|line| line.voice.finish());
                self.choice(index, &json!({}), finish, out);
                let last = index + 1 >= self.lines.len();
                match self.usage.value().filter(|_| last && self.usage.form == steer::Usage::InFinish) {
                    Some(usage) => put(out, &["],\"usage\":", &usage.to_string(), "}\n\n"]),
                    None => put(out, &[self.tail]),
                }
                match last {
                    false => At::Finish(index + 1),
                    true if self.usage_chunk => At::Usage,
                    true => At::Done,
                }
            }
            At::Usage => {
                let usage = self.usage.value().unwrap_or_default().to_string();
                put(out, &[&self.head, "],\"usage\":", &usage, "}\n\n"]);
                At::Done
            }
            At::Done => {
                put(out, &["data: [DONE]\n\n"]);
                At::End
            }
            At::End => return None,
        };
        Some(kind)
    }

    fn tokens(&self) -> u64 {
        self.said
    }
}

fn put(out: &mut BytesMut, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}
