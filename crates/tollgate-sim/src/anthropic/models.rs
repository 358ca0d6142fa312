//! `GET /models` and `GET /models/{id}`: a handful of names, and whatever name is asked for.

use serde_json::{Value, json};

use super::error::{Failure, not_found};
use crate::{call::Call, content::decoded, script::Answer};

/// What the list shows. Any other name works as well.
const NAMES: &[(&str, &str)] = &[
    ("claude-opus-5", "Claude Opus 5"),
    ("claude-sonnet-5", "Claude Sonnet 5"),
    ("claude-haiku-4-5", "Claude Haiku 4.5"),
    ("claude-sonnet-4-5", "Claude Sonnet 4.5"),
];

pub(super) fn answer(call: &mut Call<'_>, tail: &str) -> Result<Answer, Failure> {
    let body = match tail.split_once("/models/") {
        None if tail.ends_with("/models") => page(call)?,
        Some((_, name)) => {
            let name = decoded(name);
            let shown = NAMES.iter().find(|(known, _)| *known == name).map(|(_, shown)| *shown);
            model(&name, shown.unwrap_or(&name))
        }
        None => return Err(not_found("Not found")),
    };
    Ok(call.plain(200, "application/json", body.to_string().into_bytes(), 0, 0))
}

/// The part of the list that `limit`, `after_id` and `before_id` ask for.
fn page(call: &Call<'_>) -> Result<Value, Failure> {
    let query = |name: &str| call.request.parameter(name);
    let limit = match query("limit").map(|limit| limit.parse::<usize>()) {
        None => 20,
        Some(Ok(limit @ 1..=1000)) => limit,
        Some(_) => return Err(Failure::at("limit", "Input should be from 1 to 1000")),
    };
    let place = |name: &str| query(name).and_then(|id| NAMES.iter().position(|(known, _)| *known == id));
    let names = match (place("after_id"), place("before_id")) {
        (Some(after), _) => NAMES.get(after + 1..).unwrap_or_default(),
        (None, Some(before)) => NAMES.get(..before).unwrap_or_default(),
        (None, None) => NAMES,
    };
    let data: Vec<Value> = names.iter().take(limit).map(|(name, shown)| model(name, shown)).collect();
    let id = |model: Option<&Value>| model.and_then(|model| model.get("id").cloned());
    Ok(json!({"first_id": id(data.first()), "last_id": id(data.last()), "has_more": names.len() > limit, "data": data}))
}

fn model(name: &str, shown: &str) -> Value {
    let yes = json!({"supported": true});
    json!({
        "type": "model", "id": name, "display_name": shown, "created_at": "2026-02-01T00:00:00Z",
        "max_input_tokens": 200_000, "max_tokens": 64_000,
        "capabilities": {
            "batch": yes, "citations": yes, "code_execution": yes, "image_input": yes, "pdf_input": yes,
            "structured_outputs": yes,
            "context_management": {"supported": true, "clear_thinking_20251015": yes, "clear_tool_uses_20250919": yes,
                "compact_20260112": yes},
            "effort": {"supported": true, "low": yes, "medium": yes, "high": yes, "xhigh": yes, "max": yes},
            "thinking": {"supported": true, "types": {"adaptive": yes, "enabled": yes}},
        },
    })
}
