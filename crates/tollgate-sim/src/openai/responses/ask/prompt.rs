//! How many tokens a prompt has, by a rule simple enough to work out by hand in a test.
//!
//! 3 for the answer to come; for each item 3 and the tokens of its texts, of its name and arguments or input, of its
//! output; 85 for an image, one for each started 1,000 characters of a file; the tokens of the instructions and of the
//! `tools` array written as compact JSON. Reasoning counts its summary.

use serde_json::Value;

use super::super::super::check::{Fields, given};
use crate::content::count_tokens;

const IMAGE: u64 = 85;

pub(super) fn count(fields: &Fields, items: &[&Value]) -> u64 {
    let instructions = given(fields, "instructions").and_then(Value::as_str).map_or(0, count_tokens);
    let tools = given(fields, "tools").map_or(0, |tools| count_tokens(&tools.to_string()));
    3 + instructions + tools + items.iter().map(|item| 3 + of(item)).sum::<u64>()
}

fn of(item: &Value) -> u64 {
    let texts = ["name", "arguments", "input"].iter().filter_map(|name| item.get(name)?.as_str());
    let parts = ["content", "output", "summary"].iter().filter_map(|name| item.get(name));
    texts.map(count_tokens).sum::<u64>() + parts.map(content).sum::<u64>()
}

/// A text, or parts.
fn content(value: &Value) -> u64 {
    match value {
        Value::String(text) => count_tokens(text),
        Value::Array(parts) => parts.iter().map(part).sum(),
        _ => 0,
    }
}

fn part(part: &Value) -> u64 {
    let text = |name: &str| part.get(name).and_then(Value::as_str);
    match text("type") {
        Some("input_image") => IMAGE,
        Some("input_file") => text("file_data").map_or(IMAGE, |data| data.len().div_ceil(1_000) as u64),
        _ => text("text").or_else(|| text("refusal")).map_or(0, count_tokens),
    }
}
