//! The items of a request one by one: which there are, what they must hold, what their ids look like.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    super::super::{
        check::{Fields, given},
        error::{Failure, missing, not_supported, wrong_type},
    },
    unknown,
};
use crate::{
    call::Call,
    content::{HEX, Rng, fnv1a},
};

/// A kind of item.
struct Kind {
    name: &'static str,
    /// What its ids begin with; empty where they are not checked.
    prefix: &'static str,
    needs: &'static [&'static str],
}

const fn kind(name: &'static str, prefix: &'static str, needs: &'static [&'static str]) -> Kind {
    Kind { name, prefix, needs }
}

/// What the vendor's own tools put into a conversation is known by name only.
const KINDS: &[Kind] = &[
    kind("message", "msg", &["role", "content"]),
    kind("function_call", "fc", &["call_id", "name", "arguments"]),
    kind("function_call_output", "fc", &["call_id", "output"]),
    kind("custom_tool_call", "ctc", &["call_id", "name", "input"]),
    kind("custom_tool_call_output", "ctc", &["call_id", "output"]),
    kind("reasoning", "rs", &["summary"]),
    kind("item_reference", "", &["id"]),
    kind("file_search_call", "fs", &[]),
    kind("web_search_call", "ws", &[]),
    kind("code_interpreter_call", "ci", &[]),
    kind("image_generation_call", "ig", &[]),
    kind("computer_call", "cu", &["call_id"]),
    kind("computer_call_output", "", &["call_id", "output"]),
    kind("local_shell_call", "", &["call_id"]),
    kind("local_shell_call_output", "", &[]),
    kind("shell_call", "", &["call_id"]),
    kind("shell_call_output", "", &["call_id"]),
    kind("apply_patch_call", "", &["call_id"]),
    kind("apply_patch_call_output", "", &["call_id"]),
    kind("tool_search_call", "", &[]),
    kind("tool_search_output", "", &[]),
    kind("additional_tools", "", &[]),
    kind("mcp_list_tools", "mcpl", &[]),
    kind("mcp_call", "mcp", &[]),
    kind("mcp_approval_request", "mcpr", &[]),
    kind("mcp_approval_response", "", &["approval_request_id"]),
    kind("compaction", "", &["encrypted_content"]),
    kind("compaction_trigger", "", &[]),
    kind("program", "", &[]),
    kind("program_output", "", &[]),
];
const ROLES: &[&str] = &["assistant", "system", "developer", "user"];
const LONGEST_ID: usize = 64;

/// An item of the request, with a type and an id.
#[derive(Debug)]
pub(super) struct Given {
    pub value: Arc<Value>,
    /// The caller gave it its id.
    pub named: bool,
}

/// The request's items; references stand for what they refer to.
pub(super) fn read(fields: &Fields, call: &Call<'_>) -> Result<Vec<Given>, Failure> {
    let list = match given(fields, "input") {
        Some(Value::String(text)) => {
            let message = json!({"role": "user", "content": text});
            let value = Arc::new(tidy(&message, 0, call.stamp.world));
            return Ok(vec![Given { value, named: false }]);
        }
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong_type("input", "one of a string or array of objects", other)),
        None if ["previous_response_id", "conversation", "prompt"].iter().any(|name| given(fields, name).is_some()) => {
            return Ok(Vec::new());
        }
        None => {
            let message =
                "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.";
            return Err(Failure::invalid(message, "input", "missing_required_parameter"));
        }
    };
    list.iter().enumerate().map(|(at, item)| item_at(item, at, call)).collect()
}

fn item_at(item: &Value, at: usize, call: &Call<'_>) -> Result<Given, Failure> {
    let path = format!("input[{at}]");
    let Some(fields) = item.as_object() else {
        return Err(wrong_type(&path, "an object", item));
    };
    let name = match given(fields, "type") {
        None if fields.contains_key("role") => "message",
        None => return Err(missing(&format!("{path}.type"))),
        Some(Value::String(name)) => name.as_str(),
        Some(other) => return Err(wrong_type(&format!("{path}.type"), "a string", other)),
    };
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        return Err(not_supported(&path, name, &names));
    };
    if let Some(lacks) = kind.needs.iter().find(|need| !fields.contains_key(**need)) {
        return Err(missing(&format!("{path}.{lacks}")));
    }
    ids(fields, kind, &path)?;
    for name in ["name", "arguments", "input"] {
        if let Some(other) = fields.get(name).filter(|value| kind.needs.contains(&name) && !value.is_string()) {
            return Err(wrong_type(&format!("{path}.{name}"), "a string", other));
        }
    }
    match name {
        "message" => message(fields, &path)?,
        "function_call" => call_name(fields, &path)?,
        "function_call_output" => output(fields, &path)?,
        "item_reference" => {
            let id = fields.get("id").and_then(Value::as_str).unwrap_or_default();
            let kept = call.simulator.memory.item(id, &call.request.credential());
            return kept.map(|value| Given { value, named: true }).ok_or_else(|| not_found(id));
        }
        _ => {}
    }
    let named = given(fields, "id").is_some();
    Ok(Given { value: Arc::new(tidy(item, at, call.stamp.world)), named })
}

/// An item that is referred to and was not stored.
pub(super) fn not_found(id: &str) -> Failure {
    let message = format!(
        "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try again with `store` set \
         to true, or remove this item from your input."
    );
    Failure { status: 404, param: Some("input".to_owned()), ..Failure::plain(message) }
}

fn ids(fields: &Fields, kind: &Kind, path: &str) -> Result<(), Failure> {
    for name in ["id", "call_id"] {
        let path = format!("{path}.{name}");
        let id = match given(fields, name) {
            None => continue,
            Some(Value::String(id)) => id,
            Some(other) => return Err(wrong_type(&path, "a string", other)),
        };
        if id.len() > LONGEST_ID {
            let message = format!(
                "Invalid '{path}': string too long. Expected a string with maximum length {LONGEST_ID}, but got a string \
                 with length {} instead.",
                id.len()
            );
            return Err(Failure::invalid(message, path, "string_above_max_length"));
        }
        if name == "id" && (id.is_empty() || !id.starts_with(kind.prefix)) {
            let message = format!("Invalid '{path}': '{id}'. Expected an ID that begins with '{}'.", kind.prefix);
            return Err(Failure::invalid(message, path, "invalid_value"));
        }
        if name == "call_id" && id.is_empty() {
            let message = format!(
                "Invalid '{path}': empty string. Expected a string with minimum length 1, but got an empty string instead."
            );
            return Err(Failure::invalid(message, path, "empty_string"));
        }
    }
    Ok(())
}

fn message(fields: &Fields, path: &str) -> Result<(), Failure> {
    let allowed = ["type", "role", "content", "id", "status", "phase"];
    if let Some(strange) = fields.keys().find(|name| !allowed.contains(&name.as_str())) {
        return Err(unknown(&format!("{path}.{strange}")));
    }
    let role = match fields.get("role").and_then(Value::as_str) {
        Some(role) if ROLES.contains(&role) => role,
        other => return Err(not_supported(&format!("{path}.role"), other.unwrap_or("null"), ROLES)),
    };
    let path = format!("{path}.content");
    let kinds: &[&str] = if role == "assistant" {
        &["output_text", "refusal"]
    } else {
        &["input_text", "input_image", "input_file", "input_audio", "computer_screenshot"]
    };
    match fields.get("content") {
        Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => {
            parts.iter().enumerate().try_for_each(|(at, value)| part(value, &format!("{path}[{at}]"), kinds))
        }
        Some(other) => Err(wrong_type(&path, "one of an array of objects or string", other)),
        None => Err(missing(&path)),
    }
}

fn part(value: &Value, path: &str, kinds: &[&str]) -> Result<(), Failure> {
    let needs: &[&str] = match value.get("type").and_then(Value::as_str) {
        None => return Err(missing(&format!("{path}.type"))),
        Some(kind) if !kinds.contains(&kind) => return Err(not_supported(path, kind, kinds)),
        Some("input_text" | "output_text") => &["text"],
        Some("refusal") => &["refusal"],
        _ => &[],
    };
    match needs.iter().find(|need| value.get(**need).is_none()) {
        Some(lacks) => Err(missing(&format!("{path}.{lacks}"))),
        None => match value.get("image_url") {
            Some(url @ Value::Object(_)) => {
                Err(wrong_type(&format!("{path}.image_url"), "an image URL as a string", url))
            }
            _ => Ok(()),
        },
    }
}

fn call_name(fields: &Fields, path: &str) -> Result<(), Failure> {
    let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
    if super::tools::is_name(name) {
        return Ok(());
    }
    let path = format!("{path}.name");
    let message = format!(
        "Invalid '{path}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
    );
    Err(Failure::invalid(message, path, "invalid_value"))
}

fn output(fields: &Fields, path: &str) -> Result<(), Failure> {
    let path = format!("{path}.output");
    match fields.get("output") {
        Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => parts.iter().enumerate().try_for_each(|(at, value)| {
            part(value, &format!("{path}[{at}]"), &["input_text", "input_image", "input_file"])
        }),
        Some(other) => Err(wrong_type(&path, "one of a string or array of objects", other)),
        None => Err(missing(&path)),
    }
}

/// An item as it is kept and listed: with a type, an id and a status, its text in parts.
pub(in crate::openai::responses) fn tidy(item: &Value, at: usize, world: u64) -> Value {
    let Some(fields) = item.as_object() else {
        return item.clone();
    };
    let mut out = fields.clone();
    let name = fields.get("type").and_then(Value::as_str).unwrap_or("message").to_owned();
    let prefix = KINDS.iter().find(|kind| kind.name == name).map_or("item", |kind| kind.prefix);
    out.insert("type".to_owned(), name.as_str().into());
    if given(fields, "id").is_none() {
        let seed = fnv1a(item.to_string().as_bytes()) ^ (at as u64).rotate_left(40) ^ world;
        out.insert("id".to_owned(), format!("{prefix}_{}", Rng::new(seed).letters(HEX, 50)).into());
    }
    if name == "message" {
        let kind =
            if fields.get("role").is_some_and(|role| role == "assistant") { "output_text" } else { "input_text" };
        if let Some(Value::String(text)) = fields.get("content") {
            let mut part = json!({"type": kind, "text": text});
            if let ("output_text", Value::Object(part)) = (kind, &mut part) {
                part.insert("annotations".to_owned(), json!([]));
            }
            out.insert("content".to_owned(), json!([part]));
        }
        out.entry("status").or_insert_with(|| "completed".into());
    }
    Value::Object(out)
}

/// The last thing the user said.
pub(super) fn topic(items: &[&Value]) -> String {
    let said = items.iter().rev().filter(|item| item.get("role").is_some_and(|role| role == "user")).map(|item| {
        let parts = item.get("content").and_then(Value::as_array).into_iter().flatten();
        parts.filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join(" ")
    });
    said.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}
