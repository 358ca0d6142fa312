//! The content blocks of messages: which there are, who may say them, what they must hold.

use serde_json::Value;

use super::super::{
    check::{Fields, is_name, join, missing, needed, object, only, text},
    error::Failure,
};

/// A kind of block.
struct Kind {
    name: &'static str,
    /// Who may say it.
    roles: &'static [&'static str],
    /// Its fields beside `type` and `cache_control`; empty where they are not checked.
    fields: &'static [&'static str],
}

const fn kind(name: &'static str, roles: &'static [&'static str], fields: &'static [&'static str]) -> Kind {
    Kind { name, roles, fields }
}

const ANYONE: &[&str] = &["user", "assistant", "system"];
const USER: &[&str] = &["user"];
const ASSISTANT: &[&str] = &["assistant"];
const SYSTEM: &[&str] = &["system"];

/// What vendor's own tools put into a conversation is known by name only.
const KINDS: &[Kind] = &[
    kind("text", ANYONE, &["text", "citations"]),
    kind("image", USER, &["source"]),
    kind("document", USER, &["source", "title", "context", "citations"]),
    kind("search_result", USER, &["content", "source", "title", "citations"]),
    kind("tool_use", ASSISTANT, &["id", "name", "input", "caller"]),
    kind("tool_result", USER, &["tool_use_id", "content", "is_error"]),
    kind("thinking", ASSISTANT, &["thinking", "signature"]),
    kind("redacted_thinking", ASSISTANT, &["data"]),
    kind("server_tool_use", ASSISTANT, &[]),
    kind("web_search_tool_result", ASSISTANT, &[]),
    kind("web_fetch_tool_result", ASSISTANT, &[]),
    kind("code_execution_tool_result", ASSISTANT, &[]),
    kind("bash_code_execution_tool_result", ASSISTANT, &[]),
    kind("text_editor_code_execution_tool_result", ASSISTANT, &[]),
    kind("tool_search_tool_result", ASSISTANT, &[]),
    kind("advisor_tool_result", ASSISTANT, &[]),
    kind("mcp_tool_use", ASSISTANT, &[]),
    kind("mcp_tool_result", ASSISTANT, &[]),
    kind("compaction", ASSISTANT, &[]),
    kind("fallback", ASSISTANT, &[]),
    kind("container_upload", USER, &[]),
    kind("tool_addition", SYSTEM, &[]),
    kind("tool_removal", SYSTEM, &[]),
];

/// Checks one block of a message and says what kind it is.
pub(super) fn check<'a>(block: &'a Value, role: &str, path: &str) -> Result<&'a str, Failure> {
    let fields = object(block, path)?;
    let name = needed(fields, path, "type")?;
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let names: Vec<String> = KINDS.iter().map(|kind| format!("'{}'", kind.name)).collect();
        return Err(Failure::at(
            path,
            &format!(
                "Input tag '{name}' found using 'type' does not match any of the expected tags: {}",
                names.join(", ")
            ),
        ));
    };
    let inside = join(path, name);
    if !kind.fields.is_empty() {
        let mut known = vec!["type"];
        known.extend_from_slice(kind.fields);
        // Thinking is the one thing that takes no breakpoint.
        if !name.ends_with("thinking") {
            known.push("cache_control");
        }
        only(fields, &inside, &known)?;
    }
    if !kind.roles.contains(&role) {
        return Err(Failure::invalid(format!("{path}: `{name}` blocks can not be in `{role}` messages")));
    }
    match name {
        "text" => words(fields, &inside)?,
        "image" | "document" => source(fields, &inside)?,
        "tool_use" => tool_use(fields, &inside)?,
        "tool_result" => tool_result(fields, &inside)?,
        "thinking" => {
            needed(fields, &inside, "thinking")?;
            needed(fields, &inside, "signature")?;
        }
        "redacted_thinking" => {
            needed(fields, &inside, "data")?;
        }
        _ => {}
    }
    Ok(kind.name)
}

fn words(fields: &Fields, path: &str) -> Result<(), Failure> {
    if needed(fields, path, "text")?.is_empty() {
        return Err(Failure::invalid("messages: text content blocks must be non-empty"));
    }
    Ok(())
}

fn source(fields: &Fields, path: &str) -> Result<(), Failure> {
    let path = join(path, "source");
    let source = object(fields.get("source").ok_or_else(|| missing(&path))?, &path)?;
    let kind = needed(source, &path, "type")?;
    let inside = join(&path, kind);
    let wanted: &[&str] = match kind {
        "base64" => &["media_type", "data"],
        "text" => &["media_type", "data"],
        "url" => &["url"],
        "file" => &["file_id"],
        "content" => return Ok(()),
        _ => {
            let message = format!("Input tag '{kind}' found using 'type' does not match any of the expected tags");
            return Err(Failure::at(&path, &message));
        }
    };
    wanted.iter().try_for_each(|name| needed(source, &inside, name).map(|_| ()))?;
    let media = text(source, &inside, "media_type")?.unwrap_or_default();
    let is_image = path.ends_with("image.source") && kind == "base64";
    if is_image && !["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&media) {
        let message = "Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'";
        return Err(Failure::at(&join(&inside, "media_type"), message));
    }
    Ok(())
}

fn tool_use(fields: &Fields, path: &str) -> Result<(), Failure> {
    let id = needed(fields, path, "id")?;
    if !is_name(id, usize::MAX) {
        return Err(Failure::at(&join(path, "id"), "String should match pattern '^[a-zA-Z0-9_-]+$'"));
    }
    match needed(fields, path, "name")?.len() {
        0 => Err(Failure::at(&join(path, "name"), "String should have at least 1 character")),
        201.. => Err(Failure::at(&join(path, "name"), "String should have at most 200 characters")),
        _ => match fields.get("input") {
            None => Err(missing(&join(path, "input"))),
            Some(input) => object(input, &join(path, "input")).map(|_| ()),
        },
    }
}

fn tool_result(fields: &Fields, path: &str) -> Result<(), Failure> {
    let id = needed(fields, path, "tool_use_id")?;
    if !is_name(id, usize::MAX) {
        return Err(Failure::at(&join(path, "tool_use_id"), "String should match pattern '^[a-zA-Z0-9_-]+$'"));
    }
    let path = join(path, "content");
    match fields.get("content") {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => parts.iter().enumerate().try_for_each(|(at, part)| {
            let path = join(&path, at);
            let inner = object(part, &path)?;
            match needed(inner, &path, "type")? {
                "tool_reference" => Ok(()),
                "text" | "image" | "document" | "search_result" => check(part, "user", &path).map(|_| ()),
                other => Err(Failure::at(
                    &path,
                    &format!(
                        "Input tag '{other}' found using 'type' does not match any of the expected tags: \
                        'document', 'image', 'search_result', 'text', 'tool_reference'"
                    ),
                )),
            }
        }),
        Some(_) => Err(Failure::at(&path, "Input should be a valid string")),
    }
}
