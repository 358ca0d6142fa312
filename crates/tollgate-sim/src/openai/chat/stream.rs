//! A chat answer as chunks: opening chunks, content in turns of the choices, finish chunks, usage, `[DONE]`.
//!
//! The unchanging parts of a chunk are written once; a content chunk is four copies and an escape. Ids, names and
//! finish reasons come from `mod.rs`.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::{Frame, Usage, Voice, deepseek, put};
use crate::{
    content::{count_tokens, escape},
    openai::error,
    output::Output,
    sse::{Frames, Kind},
    steer::{self, Dialect},
    turn::{Said, ToolCall},
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
    /// The usage stands in the last finish chunk.
    in_finish: bool,
    giant: Option<u64>,
    said: u64,
    text: String,
}

/// One choice: its parts one after the other.
struct Line {
    parts: Vec<Part>,
    at: usize,
    opening: Value,
    finish: &'static str,
    /// The delta beside the reason.
    last: Value,
}

/// A text, or the arguments of a call.
struct Part {
    output: Output,
    /// What has to be said before the part, unless the choice's first chunk says it.
    opening: Option<Value>,
    /// Around the text of a content chunk.
    before: String,
    after: &'static str,
}

impl Chunks {
    pub(super) fn new(frame: &Frame, voices: Vec<Voice>, include: bool, usage: Usage, giant: Option<u64>) -> Self {
        let deepseek = frame.dialect == Dialect::DeepSeek;
        let mut head = json!({"id": frame.id, "object": "chat.completion.chunk", "created": frame.created,
            "model": frame.model, "system_fingerprint": frame.fingerprint});
        if let (false, Value::Object(fields)) = (deepseek, &mut head) {
            fields.insert("service_tier".to_owned(), "default".into());
        }
        let head = head.to_string();
        let head = format!("data: {},\"choices\":[", head.strip_suffix('}').unwrap_or(&head));
        // The other dialect tells its usage with the reason, asked for or not.
        let usage_chunk = include && !deepseek && !matches!(usage.form, steer::Usage::None | steer::Usage::InFinish);
        let in_finish = deepseek || usage.form == steer::Usage::InFinish;
        let tail = if usage_chunk || deepseek { "],\"usage\":null}\n\n" } else { "]}\n\n" };
        let lines =
            voices.into_iter().enumerate().map(|(index, voice)| Line::new(index, voice, frame.dialect)).collect();
        Self { head, tail, lines, at: At::Open(0), usage, usage_chunk, in_finish, giant, said: 0, text: String::new() }
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
        let mut open = turns.filter(|at| self.lines.get(*at).is_some_and(|line| line.part().is_some()));
        open.next().map_or(At::Finish(0), At::Content)
    }

    fn content(&mut self, index: usize, out: &mut BytesMut) {
        let Some(part) = self.lines.get_mut(index).and_then(Line::part_mut) else {
            return;
        };
        if let Some(opening) = part.opening.take() {
            self.choice(index, &opening, None, out);
            put(out, &[self.tail]);
            return;
        }
        self.text.clear();
        self.said += part.output.next(&mut self.text).unwrap_or(0);
        put(out, &[&self.head, &part.before]);
        escape(&self.text, out);
        put(out, &[part.after, self.tail]);
    }
}

/// Whatever follows the text in a choice that is a text.
const TEXT_END: &str = "\"},\"logprobs\":null,\"finish_reason\":null}";
const THOUGHT_END: &str = "\",\"reasoning_content\":null},\"logprobs\":null,\"finish_reason\":null}";
const CALL_END: &str = "\"}}]},\"logprobs\":null,\"finish_reason\":null}";

impl Line {
    fn new(index: usize, voice: Voice, dialect: Dialect) -> Self {
        let finish = voice.finish();
        if dialect == Dialect::DeepSeek {
            return Self::deepseek(index, voice, finish);
        }
        let (opening, parts) = match voice.turn.said {
            Said::Text(output) => {
                let opening = json!({"role": "assistant", "content": "", "refusal": null});
                (opening, vec![Part::text(index, output, TEXT_END)])
            }
            Said::Calls(calls) => {
                let calls = calls.into_iter().zip(&voice.ids).enumerate();
                let mut parts: Vec<Part> = calls.map(|(at, (call, id))| Part::call(index, at, call, id)).collect();
                // The first call is named in the choice's first chunk.
                let named = parts.first_mut().and_then(|part| part.opening.take());
                let named = named.and_then(|named| named.get("tool_calls").cloned());
                let opening = json!({"role": "assistant", "content": null, "tool_calls": named, "refusal": null});
                (opening, parts)
            }
        };
        Self { parts, at: 0, opening, finish, last: json!({}) }
    }

    /// Reasoning first; where there is some, each delta holds one of the two texts and null for the other.
    fn deepseek(index: usize, voice: Voice, finish: &'static str) -> Self {
        let thinks = voice.turn.reasoning.is_some();
        let mut parts = Vec::new();
        if let Some(output) = voice.turn.reasoning {
            let before = format!("{{\"index\":{index},\"delta\":{{\"content\":null,\"reasoning_content\":\"");
            parts.push(Part { output, opening: None, before, after: TEXT_END });
        }
        match voice.turn.said {
            Said::Text(output) => parts.push(Part::text(index, output, if thinks { THOUGHT_END } else { TEXT_END })),
            Said::Calls(calls) => {
                let calls = calls.into_iter().zip(&voice.ids).enumerate();
                parts.extend(calls.map(|(at, (call, id))| Part::call(index, at, call, id)));
            }
        }
        let (opening, last) = if thinks {
            let opening = json!({"role": "assistant", "content": null, "reasoning_content": ""});
            (opening, json!({"content": "", "reasoning_content": null}))
        } else {
            (json!({"role": "assistant", "content": ""}), json!({"content": ""}))
        };
        Self { parts, at: 0, opening, finish, last }
    }

    /// The part that is spoken now; none when all is said.
    fn part(&self) -> Option<&Part> {
        self.parts.get(self.at..)?.iter().find(|part| part.is_open())
    }

    fn part_mut(&mut self) -> Option<&mut Part> {
        while self.parts.get(self.at).is_some_and(|part| !part.is_open()) {
            self.at += 1;
        }
        self.parts.get_mut(self.at)
    }
}

impl Part {
    fn text(index: usize, output: Output, after: &'static str) -> Self {
        let before = format!("{{\"index\":{index},\"delta\":{{\"content\":\"");
        Self { output, opening: None, before, after }
    }

    fn call(index: usize, at: usize, call: ToolCall, id: &str) -> Self {
        let (field, text) = if call.custom { ("custom", "input") } else { ("function", "arguments") };
        let named = json!({"index": at, "id": id, "type": field, field: {"name": call.name, text: ""}});
        let before =
            format!("{{\"index\":{index},\"delta\":{{\"tool_calls\":[{{\"index\":{at},\"{field}\":{{\"{text}\":\"");
        Self { output: call.output, opening: Some(json!({"tool_calls": [named]})), before, after: CALL_END }
    }

    fn is_open(&self) -> bool {
        self.opening.is_some() || !self.output.is_over()
    }
}

impl Frames for Chunks {
    fn peek(&self) -> Option<Kind> {
        match self.at {
            At::Open(_) => Some(Kind::Between),
            At::Giant => Some(Kind::Content),
            At::Content(index) => {
                let part = self.lines.get(index).and_then(Line::part);
                Some(if part.is_some_and(|part| part.opening.is_some()) { Kind::Between } else { Kind::Content })
            }
            At::Finish(_) | At::Usage => Some(Kind::Closing),
            At::Done => Some(Kind::Done),
            At::End => None,
        }
    }

    fn frame(&mut self, out: &mut BytesMut) -> Option<Kind> {
        let kind = self.peek()?;
        self.at = match self.at {
            At::Open(index) => {
                let delta = self.lines.get(index).map(|line| line.opening.clone()).unwrap_or_default();
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
                let (finish, delta) = self.lines.get(index).map(|line| (line.finish, line.last.clone())).unzip();
                self.choice(index, &delta.unwrap_or_default(), finish, out);
                let last = index + 1 >= self.lines.len();
                match self.usage.value().filter(|_| last && self.in_finish) {
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

    fn error(&mut self, out: &mut BytesMut) {
        match self.usage.dialect {
            Dialect::OpenAi => error::in_the_middle().event(out),
            Dialect::DeepSeek => deepseek::in_the_middle().event(out),
        }
    }
}
