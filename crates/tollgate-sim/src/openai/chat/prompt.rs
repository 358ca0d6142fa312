//! How many tokens a prompt has, by a rule simple enough to work out by hand in a test.
//!
//! 3 for the answer to come; for each message 3, the tokens of its texts, of its name, and of its tool calls' names and
//! arguments; 85 for an image; one for each started 1,000 characters of a file or of audio; the tokens of the `tools`
//! array written as compact JSON.

use serde_json::Value;

use crate::content::count_tokens;

const IMAGE: u64 = 85;

#[derive(Debug, Default)]
pub(super) struct Counted {
    /// In all.
    pub tokens: u64,
    /// Those of them that are audio.
    pub audio: u64,
}

pub(super) fn count(messages: &[Value], tools: Option<&Value>) -> Counted {
    let mut counted = Counted { tokens: 3, audio: 0 };
    for message in messages {
        counted.tokens += 3 + text(message, "/name") + text(message, "/refusal");
        match message.get("content") {
            Some(Value::String(content)) => counted.tokens += count_tokens(content),
            Some(Value::Array(parts)) => {
                for part in parts {
                    count_part(part, &mut counted);
                }
            }
            _ => {}
        }
        for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            let texts = ["/function/name", "/function/arguments", "/custom/name", "/custom/input"];
            counted.tokens += texts.iter().map(|path| text(call, path)).sum::<u64>();
        }
    }
    counted.tokens += tools.map_or(0, |tools| count_tokens(&tools.to_string()));
    counted
}

fn text(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_str).map_or(0, count_tokens)
}

fn count_part(part: &Value, counted: &mut Counted) {
    let data =
        |path: &str| part.pointer(path).and_then(Value::as_str).map_or(0, |data| data.len().div_ceil(1_000) as u64);
    match part.get("type").and_then(Value::as_str) {
        Some("text") => counted.tokens += text(part, "/text"),
        Some("refusal") => counted.tokens += text(part, "/refusal"),
        Some("image_url") => counted.tokens += IMAGE,
        Some("file") => counted.tokens += data("/file/file_data"),
        Some("input_audio") => {
            counted.audio += data("/input_audio/data");
            counted.tokens += data("/input_audio/data");
        }
        _ => {}
    }
}

/// The texts of a message, one after the other.
pub(super) fn said(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(content)) => content.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            texts.join(" ")
        }
        _ => String::new(),
    }
}
