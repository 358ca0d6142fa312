//! Tools, the choice among them, and the form of the answer: all flat here, where the chat protocol nests them.

use serde_json::{Value, json};

use super::{
    super::super::{
        check::{Fields, given, too_long},
        error::{Failure, missing, not_supported, wrong_type},
        strict,
    },
    unknown,
};
use crate::turn::{Format, Insists, Tool};

const KINDS: &[&str] = &[
    "function",
    "custom",
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
    "file_search",
    "computer",
    "computer_use_preview",
    "mcp",
    "code_interpreter",
    "image_generation",
    "local_shell",
    "shell",
    "apply_patch",
    "namespace",
    "tool_search",
    "programmatic_tool_calling",
];
const FUNCTION: &[&str] =
    &["type", "name", "description", "parameters", "strict", "output_schema", "defer_loading", "allowed_callers"];
const MOST: usize = 128;

pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// The caller's own tools. The vendor's are taken and never called.
pub(super) fn tools(fields: &Fields) -> Result<Vec<Tool>, Failure> {
    let list = match given(fields, "tools") {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() > MOST => return Err(too_long("tools", MOST, list.len())),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong_type("tools", "an array of objects", other)),
    };
    let mut tools = Vec::new();
    for (at, tool) in list.iter().enumerate() {
        let path = format!("tools[{at}]");
        let kind = match tool.get("type") {
            None => return Err(missing(&format!("{path}.type"))),
            Some(Value::String(kind)) if KINDS.contains(&kind.as_str()) => kind.as_str(),
            Some(other) => {
                return Err(not_supported(&format!("{path}.type"), other.as_str().unwrap_or("null"), KINDS));
            }
        };
        if let ("function" | "custom", Some(fields)) = (kind, tool.as_object()) {
            tools.push(own(fields, kind, &path)?);
        }
    }
    Ok(tools)
}

fn own(fields: &Fields, kind: &str, path: &str) -> Result<Tool, Failure> {
    let name = match given(fields, "name") {
        // What becomes of a tool of the chat protocol.
        None => return Err(missing(&format!("{path}.name"))),
        Some(Value::String(name)) if is_name(name) => name,
        Some(Value::String(_)) => {
            let message = format!(
                "Invalid '{path}.name': string does not match pattern. Expected a string that matches the pattern \
                 '^[a-zA-Z0-9_-]+$'."
            );
            return Err(Failure::invalid(message, format!("{path}.name"), "invalid_value"));
        }
        Some(other) => return Err(wrong_type(&format!("{path}.name"), "a string", other)),
    };
    if kind == "custom" {
        return Ok(Tool { name: name.clone(), parameters: None });
    }
    if let Some(strange) = fields.keys().find(|name| !FUNCTION.contains(&name.as_str())) {
        return Err(unknown(&format!("{path}.{strange}")));
    }
    let schema = match given(fields, "parameters") {
        None => json!({"type": "object"}),
        Some(schema @ Value::Object(_)) => schema.clone(),
        Some(other) => return Err(wrong_type(&format!("{path}.parameters"), "an object", other)),
    };
    if fields.get("strict") == Some(&Value::Bool(true))
        && let Some(fault) = strict::fault(&schema)
    {
        let message = format!("Invalid schema for function '{name}': {fault}");
        return Err(Failure::invalid(message, format!("{path}.parameters"), "invalid_function_parameters"));
    }
    Ok(Tool { name: name.clone(), parameters: Some(schema) })
}

pub(super) fn choice(fields: &Fields, tools: &[Tool]) -> Result<Insists, Failure> {
    let Some(choice) = given(fields, "tool_choice") else {
        return Ok(Insists::No);
    };
    let none = given(fields, "tools").and_then(Value::as_array).is_none_or(Vec::is_empty);
    let kind = choice.get("type").and_then(Value::as_str);
    match (choice.as_str(), kind) {
        (Some("none" | "auto"), _) => Ok(Insists::No),
        (Some("required"), _) if none => {
            let message = "Tool choice 'required' must be specified with 'tools' parameter.";
            Err(Failure { param: Some("tool_choice".to_owned()), ..Failure::plain(message) })
        }
        (Some("required"), _) => Ok(Insists::Any),
        (Some(other), _) => Err(not_supported("tool_choice", other, &["none", "auto", "required"])),
        (None, Some("function" | "custom")) => {
            let Some(name) = choice.get("name").and_then(Value::as_str) else {
                return Err(missing("tool_choice.name"));
            };
            if tools.iter().any(|tool| tool.name == name) {
                return Ok(Insists::On(name.to_owned()));
            }
            let message = "Tool choice 'function' not found in 'tools' parameter.";
            Err(Failure { param: Some("tool_choice".to_owned()), ..Failure::plain(message) })
        }
        (None, Some("allowed_tools")) if choice.get("mode").is_some_and(|mode| mode == "required") => Ok(Insists::Any),
        (None, Some(_)) => Ok(Insists::No),
        (None, None) => Err(missing("tool_choice.type")),
    }
}

/// `text.format`
pub(super) fn format(fields: &Fields) -> Result<Format, Failure> {
    let text = match given(fields, "text") {
        None => return Ok(Format::Text),
        Some(Value::Object(text)) => text,
        Some(other) => return Err(wrong_type("text", "an object", other)),
    };
    if let Some(strange) = text.keys().find(|name| !["format", "verbosity"].contains(&name.as_str())) {
        return Err(unknown(&format!("text.{strange}")));
    }
    let Some(format) = given(text, "format").and_then(Value::as_object) else {
        return Ok(Format::Text);
    };
    let allowed = ["type", "name", "schema", "strict", "description"];
    if let Some(strange) = format.keys().find(|name| !allowed.contains(&name.as_str())) {
        return Err(unknown(&format!("text.format.{strange}")));
    }
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::JsonObject),
        Some("json_schema") => {
            let name = format.get("name").and_then(Value::as_str).ok_or_else(|| missing("text.format.name"))?;
            let schema = given(format, "schema").ok_or_else(|| missing("text.format.schema"))?;
            if format.get("strict") == Some(&Value::Bool(true))
                && let Some(fault) = strict::fault(schema)
            {
                let message = format!("Invalid schema for response_format '{name}': {fault}");
                return Err(Failure::invalid(message, "text.format.schema", "invalid_json_schema"));
            }
            Ok(Format::JsonSchema(schema.clone()))
        }
        Some(other) => Err(not_supported("text.format.type", other, &["json_object", "json_schema", "text"])),
        None => Err(missing("text.format.type")),
    }
}

/// A tool as an answer repeats it.
pub(super) fn tidy(tool: &Value) -> Value {
    let mut tool = tool.clone();
    if let (true, Value::Object(fields)) = (tool.get("type").is_some_and(|kind| kind == "function"), &mut tool) {
        for (name, usual) in [("description", Value::Null), ("parameters", Value::Null), ("strict", json!(true))] {
            fields.entry(name).or_insert(usual);
        }
    }
    tool
}
