//! Turns of a chat request in which tools were called and whose thoughts are missing.
//!
//! `DeepSeek` refuses a turn with calls that comes back without its `reasoning_content` (its documentation, 2026-11), and
//! most chat clients do not know that field.

use crate::json;
use crate::splice::Splice;
use std::borrow::Cow;
use std::ops::Range;

/// Such a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BareTurn {
    /// The id of its first call.
    pub call: String,
    /// Where the thoughts go in the body: a `null` that stands for them, or nothing before the message's first member.
    range: Range<usize>,
}

impl BareTurn {
    /// The change that gives the turn its thoughts.
    pub fn with(&self, thoughts: &str) -> Splice {
        let mut text = json::quote(thoughts);
        if self.range.is_empty() {
            text = format!("\"reasoning_content\":{text},");
        }
        Splice { range: self.range.clone(), text }
    }
}

/// Finds them, in the order of the body, which is sound JSON.
pub fn bare_turns(body: &[u8]) -> Vec<BareTurn> {
    let base = body.as_ptr() as usize;
    let mut found = Vec::new();
    let mut messages = None;
    // What is no object has no turns; it was judged before.
    let _ = json::members(body, |member| {
        if member.key().as_ref() == b"messages" {
            messages = Some(member.value);
        }
    });
    let _ = json::elements(messages.unwrap_or(b"[]"), |message| {
        // The elements are parts of the body; their first byte is the brace.
        let start = message.as_ptr() as usize - base;
        let (mut call, mut gap) = (None, Some(start + 1..start + 1));
        let read = json::members(message, |member| match member.key().as_ref() {
            // As the vendor's chunks say it once the thoughts are over; some libraries keep the last that was said.
            b"reasoning_content" if member.value == b"null" => {
                gap = Some(start + member.range().start..start + member.range().end);
            }
            b"reasoning_content" => gap = None,
            b"tool_calls" => call = first_call(member.value),
            _ => {}
        });
        if let (Ok(_), Some(call), Some(range)) = (read, call, gap) {
            found.push(BareTurn { call, range });
        }
    });
    found
}

fn first_call(calls: &[u8]) -> Option<String> {
    let mut first = None;
    let read = json::elements(calls, |call| {
        let mut id = None;
        let _ = json::members(call, |member| {
            if member.key().as_ref() == b"id" {
                id = json::string(member.value).map(Cow::into_owned);
            }
        });
        first.get_or_insert(id.unwrap_or_default());
    });
    read.ok()?;
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice;
    use bytes::Bytes;

    #[test]
    fn thoughts_are_put_where_they_are_missing() {
        let body = r#"{"messages": [ {"role":"user","content":"q"}, { "role":"assistant","tool_calls":[{"id":"a"},{"id":"b"}]},{"reasoning_content":"","tool_calls":[{"id":"c"}]},{"tool_calls":[{"id":"d"}],"reasoning_content": null },{"tool_calls":[]}],"x":1}"#;
        let bare = bare_turns(body.as_bytes());
        assert_eq!(bare.iter().map(|turn| &*turn.call).collect::<Vec<_>>(), ["a", "d"]);
        let edits: Vec<Splice> = bare.iter().map(|turn| turn.with("h\"m")).collect();
        let out = splice::apply(&Bytes::from_static(body.as_bytes()), &edits);
        let wanted = body.replace(r#"{ "role""#, r#"{"reasoning_content":"h\"m", "role""#);
        let wanted = wanted.replace("null", r#""h\"m""#);
        assert_eq!(out, wanted.as_bytes());
        assert!(bare_turns(b"{}").is_empty() && bare_turns(b"{\"messages\":7}").is_empty());
    }
}
