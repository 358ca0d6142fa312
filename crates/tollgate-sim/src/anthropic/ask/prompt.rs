//! How many tokens a prompt has, by a rule simple enough to work out by hand in a test.
//!
//! 3 for the answer to come; for each message 3 and the tokens of its texts, thinking, calls (name and input as compact
//! JSON) and results; those of the system prompt and of the `tools` array as compact JSON; 85 for an image, one for each
//! started 1,000 characters of a document's data, 85 for one that is elsewhere.

use serde_json::Value;

use super::{
    super::check::{Fields, given},
    turns::{Content, Turn},
};
use crate::content::count_tokens;

const ELSEWHERE: u64 = 85;

pub(super) fn count(fields: &Fields, turns: &[Turn<'_>]) -> u64 {
    let said = turns.iter().map(|turn| {
        3 + match &turn.content {
            Content::Text(text) => count_tokens(text),
            Content::Blocks(blocks) => blocks.iter().map(|block| of(block.value)).sum(),
        }
    });
    let tools = given(fields, "tools").map_or(0, |tools| count_tokens(&tools.to_string()));
    3 + given(fields, "system").map_or(0, content) + said.sum::<u64>() + tools
}

/// A text, or blocks.
fn content(value: &Value) -> u64 {
    match value {
        Value::String(text) => count_tokens(text),
        Value::Array(blocks) => blocks.iter().map(of).sum(),
        _ => 0,
    }
}

fn of(block: &Value) -> u64 {
    let text = |path: &str| block.pointer(path).and_then(Value::as_str);
    match text("/type") {
        Some("text") => text("/text").map_or(0, count_tokens),
        Some("thinking") => text("/thinking").map_or(0, count_tokens),
        Some("tool_use") => {
            let input = block.get("input").map_or(0, |input| count_tokens(&input.to_string()));
            text("/name").map_or(0, count_tokens) + input
        }
        Some("tool_result") => block.get("content").map_or(0, content),
        Some("image") => ELSEWHERE,
        Some("document") => match (text("/source/type"), text("/source/data")) {
            (Some("text"), Some(data)) => count_tokens(data),
            (_, Some(data)) => data.len().div_ceil(1_000) as u64,
            _ => block.pointer("/source/content").map_or(ELSEWHERE, content),
        },
        Some("redacted_thinking") | None => 0,
        // What the vendor's own tools left behind.
        Some(_) => count_tokens(&block.to_string()),
    }
}
