//! An answer in chunks, each a whole response with what is new and the usage so far: as events, or as the members of one
//! JSON array. Thoughts, then text or whole calls, candidates in turns; last, for each, an empty text and the reason.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::{super::error, Frame, Voice, ending, whole};
use crate::{
    content::{count_tokens, escape},
    output::Output,
    sse::{Frames, Kind},
};

/// Where the stream stands; numbers are candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Giant,
    Content(usize),
    Finish(usize),
    Over,
}

pub(super) struct Chunks {
    frame: Frame,
    lines: Vec<Voice>,
    at: At,
    in_array: bool,
    begun: bool,
    giant: Option<u64>,
    /// Tokens so far, hidden thoughts included.
    said: u64,
    thoughts: u64,
    text: String,
}

impl Chunks {
    pub(super) fn new(frame: Frame, lines: Vec<Voice>, in_array: bool, giant: Option<u64>) -> Self {
        let hidden: u64 = lines.iter().map(|line| line.hidden).sum();
        let mut chunks = Self {
            frame,
            lines,
            at: At::Giant,
            in_array,
            begun: false,
            giant,
            said: hidden,
            thoughts: hidden,
            text: String::new(),
        };
        if giant.is_none() {
            chunks.at = chunks.after(0);
        }
        chunks
    }

    /// The next candidate after `from` that has something to say, in turns.
    fn after(&self, from: usize) -> At {
        let count = self.lines.len();
        let mut turns = (0..count).map(|step| (from + step).checked_rem(count).unwrap_or(0));
        let open = turns.find(|at| self.lines.get(*at).is_some_and(|line| !line.is_over()));
        if self.frame.blocked { At::Finish(0) } else { open.map_or(At::Finish(0), At::Content) }
    }

    fn put(&self, parts: &[&str], out: &mut BytesMut) {
        let before = match (self.in_array, self.begun) {
            (false, _) => "data: ",
            (true, false) => "[",
            (true, true) => ",\n",
        };
        let after = if self.in_array { "\n" } else { "\n\n" };
        for part in std::iter::once(&before).chain(parts).chain(std::iter::once(&after)) {
            out.extend_from_slice(part.as_bytes());
        }
    }

    /// A chunk with one part and no reason.
    fn chunk(&mut self, index: usize, part: &[&str], out: &mut BytesMut) {
        let tail = self.tail();
        let rest = format!("],\"role\":\"model\"}},\"index\":{index}}}]{tail}");
        let mut parts = vec!["{\"candidates\":[{\"content\":{\"parts\":["];
        parts.extend_from_slice(part);
        parts.push(&rest);
        self.put(&parts, out);
        self.begun = true;
    }

    /// What stands after the candidates of every chunk.
    fn tail(&self) -> String {
        let usage = self.frame.usage.value(self.said, self.thoughts);
        let usage = usage.map(|usage| format!(",\"usageMetadata\":{usage}")).unwrap_or_default();
        let (model, id) = (Value::from(self.frame.model.as_str()), Value::from(self.frame.id.as_str()));
        format!("{usage},\"modelVersion\":{model},\"responseId\":{id}}}")
    }

    fn content(&mut self, index: usize, out: &mut BytesMut) {
        self.text.clear();
        let Some(line) = self.lines.get_mut(index) else {
            return;
        };
        let open = |output: &&mut Output| !output.is_over();
        if let Some(thoughts) = line.thoughts.as_mut().filter(open) {
            let tokens = thoughts.next(&mut self.text).unwrap_or(0);
            self.said += tokens;
            self.thoughts += tokens;
            let text = self.escaped();
            self.chunk(index, &["{\"text\":\"", &text, "\",\"thought\":true}"], out);
        } else if let Some(output) = line.text.as_mut().filter(open) {
            self.said += output.next(&mut self.text).unwrap_or(0);
            let text = self.escaped();
            self.chunk(index, &["{\"text\":\"", &text, "\"}"], out);
        } else if !line.calls.is_empty() {
            let (part, tokens) = line.calls.remove(0);
            self.said += tokens;
            self.chunk(index, &[&part.to_string()], out);
        }
    }

    fn escaped(&self) -> String {
        let mut out = BytesMut::with_capacity(self.text.len() + 16);
        escape(&self.text, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// One valid chunk whose line is about `size` bytes long, or as short as a chunk can be.
    fn giant(&mut self, size: u64, out: &mut BytesMut) {
        let mut empty = BytesMut::new();
        let begun = self.begun;
        let letters = usize::try_from(size).unwrap_or(usize::MAX);
        // Twice: the usage says how many tokens the text has, and is part of the line.
        let mut text = "a".repeat(letters);
        let (said, of_text) = (self.said, count_tokens(&text));
        self.said = said + of_text;
        self.chunk(0, &["{\"text\":\"", "\"}"], &mut empty);
        let around = empty.iter().take_while(|byte| **byte != b'\n').count();
        text.truncate(letters.saturating_sub(around));
        let tokens = count_tokens(&text);
        self.said = said + tokens;
        self.frame.usage.said += tokens;
        self.begun = begun;
        self.chunk(0, &["{\"text\":\"", &text, "\"}"], out);
    }

    fn finish(&mut self, index: usize, out: &mut BytesMut) {
        let usage = self.frame.usage.value(self.said, self.thoughts);
        let Some(line) = self.lines.get(index) else {
            return;
        };
        let mut part = json!({"text": ""});
        if let (Some(signature), Value::Object(fields)) = (&line.signature, &mut part) {
            fields.insert("thoughtSignature".to_owned(), signature.clone().into());
        }
        let mut candidate = json!({"content": {"parts": [part], "role": "model"}, "finishReason": line.finish,
            "index": index});
        if let Value::Object(fields) = &mut candidate {
            ending(line, fields);
        }
        let last = whole(&self.frame, &json!([candidate]), usage).to_string();
        self.put(&[&last], out);
        self.begun = true;
    }
}

impl Voice {
    fn is_over(&self) -> bool {
        let over = |output: &Option<Output>| output.as_ref().is_none_or(Output::is_over);
        over(&self.thoughts) && over(&self.text) && self.calls.is_empty()
    }
}

impl Frames for Chunks {
    fn peek(&self) -> Option<Kind> {
        match self.at {
            At::Giant | At::Content(_) => Some(Kind::Content),
            // There is no other end mark than the reason of the last candidate.
            At::Finish(index) if index + 1 >= self.lines.len() => Some(Kind::Done),
            At::Finish(_) => Some(Kind::Closing),
            At::Over => None,
        }
    }

    fn frame(&mut self, out: &mut BytesMut) -> Option<Kind> {
        let kind = self.peek()?;
        self.at = match self.at {
            At::Giant => {
                self.giant(self.giant.unwrap_or(0), out);
                self.after(0)
            }
            At::Content(index) => {
                self.content(index, out);
                self.after(index + 1)
            }
            At::Finish(index) => {
                self.finish(index, out);
                if kind == Kind::Done {
                    if self.in_array {
                        out.extend_from_slice(b"]\n");
                    }
                    At::Over
                } else {
                    At::Finish(index + 1)
                }
            }
            At::Over => return None,
        };
        Some(kind)
    }

    fn tokens(&self) -> u64 {
        self.said
    }

    /// Events break off in the vendor's way: an error object over several lines, without `data:`.
    fn error(&mut self, out: &mut BytesMut) {
        let error = error::in_the_middle().body();
        let text = match (self.in_array, self.begun) {
            (false, _) => format!("{error:#}\n"),
            (true, false) => format!("[{error:#}\n]\n"),
            (true, true) => format!(",\n{error:#}\n]\n"),
        };
        out.extend_from_slice(text.as_bytes());
    }

    fn lead(&self) -> &'static str {
        match (self.in_array, self.begun) {
            (false, _) => "data: ",
            (true, false) => "[",
            (true, true) => ",\n",
        }
    }

    fn beat(&self) -> &'static str {
        if self.in_array { "\n" } else { ": keep-alive\n\n" }
    }

    fn crlf(&self) -> bool {
        !self.in_array
    }
}
