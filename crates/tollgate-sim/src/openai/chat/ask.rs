//! A chat request as it is understood: checked, its prompt counted, what it wants of the answer.
//!
//! Refuses what `OpenAI` refuses where that catches a translator's mistakes (roles, tool results without calls, caps);
//! it does not know which model takes which parameter.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{
    check::{Fields, decimal, flag, given, integer, list, too_long},
    error::{Failure, missing, not_supported, wrong_type},
    model_name, strict,
};
use super::{deepseek, prompt};
use crate::steer::{Dialect, Steer};
use crate::turn::{Format, Insists, Tool, Wish};

#[derive(Debug)]
pub(super) struct Ask {
    pub model: String,
    pub stream: bool,
    pub include_usage: bool,
    pub choices: u64,
    pub wish: Wish,
    pub audio_tokens: u64,
    pub dialect: Dialect,
}

const MOST: i64 = 10_000_000;
const ROLES: &[&str] = &["system", "assistant", "user", "function", "tool", "developer"];

impl Ask {
    pub(super) fn read(fields: &Fields, steer: &Steer) -> Result<Self, Failure> {
        let model = model_name(fields)?;
        let messages = list(fields, "messages", "objects")?;
        let dialect = deepseek::dialect(fields, steer);
        let reasons = dialect == Dialect::DeepSeek && deepseek::thinks(fields, steer)?;
        if dialect == Dialect::DeepSeek {
            deepseek::check(messages, reasons)?;
        }
        check_messages(messages)?;
        let stream = flag(fields, "stream")?;
        let options = given(fields, "stream_options");
        if options.is_some() && !stream {
            let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            return Err(Failure { param: Some("stream_options".to_owned()), ..Failure::plain(message) });
        }
        decimal(fields, "temperature", 0.0, 2.0)?;
        decimal(fields, "top_p", 0.0, 1.0)?;
        decimal(fields, "presence_penalty", -2.0, 2.0)?;
        decimal(fields, "frequency_penalty", -2.0, 2.0)?;
        let tools = tools(fields)?;
        let last = messages.iter().rev().find(|message| role(message) == "user");
        let counted = prompt::count(messages, given(fields, "tools"));
        Ok(Self {
            model,
            stream,
            include_usage: options.and_then(|options| options.get("include_usage")) == Some(&Value::Bool(true)),
            // The one takes `n`, the other does not look at it.
            choices: integer(fields, "n", 1, 128)?.filter(|_| dialect == Dialect::OpenAi).unwrap_or(1),
            wish: Wish {
                topic: last.map(prompt::said).unwrap_or_default(),
                prompt_tokens: counted.tokens,
                cap: cap(fields)?,
                stop: stop(fields, if dialect == Dialect::DeepSeek { 16 } else { 4 })?,
                format: format(fields)?,
                insists: insists(fields, &tools)?,
                tools,
                rounds: rounds(messages),
                reasons,
            },
            audio_tokens: counted.audio,
            dialect,
        })
    }
}

/// Rounds of tool results at the end of the conversation, since the user last spoke.
fn rounds(messages: &[Value]) -> u64 {
    let is_result = |message: &&Value| ["tool", "function"].contains(&role(message));
    if !messages.last().as_ref().is_some_and(is_result) {
        return 0;
    }
    let loops = messages.rsplit(|message| role(message) == "user").next().unwrap_or_default();
    let starts =
        loops.windows(2).filter(|pair| matches!(pair, [before, after] if !is_result(&before) && is_result(&after)));
    starts.count().max(1) as u64
}

fn role(message: &Value) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or_default()
}

/// Roles, contents, and that tool calls and their results belong together.
fn check_messages(messages: &[Value]) -> Result<(), Failure> {
    let mut open: BTreeSet<&str> = BTreeSet::new();
    let mut calls_seen = false;
    for (at, message) in messages.iter().enumerate() {
        let role = match message.get("role") {
            Some(Value::String(role)) if ROLES.contains(&role.as_str()) => role.as_str(),
            Some(Value::String(role)) => {
                return Err(not_supported(&format!("messages[{at}].role"), role, ROLES));
            }
            Some(other) => {
                return Err(wrong_type(&format!("messages[{at}].role"), "a string", other));
            }
            None => return Err(missing(&format!("messages[{at}].role"))),
        };
        if role == "tool" {
            let id = message.get("tool_call_id").and_then(Value::as_str);
            let Some(id) = id else {
                return Err(missing(&format!("messages[{at}].tool_call_id")));
            };
            if !calls_seen {
                let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                let param = Some(format!("messages.[{at}].role"));
                return Err(Failure { param, ..Failure::plain(message) });
            }
            open.remove(id);
        } else if !open.is_empty() {
            return Err(unanswered(at, &open));
        }
        let calls = message.get("tool_calls").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if role == "assistant" && !calls.is_empty() {
            calls_seen = true;
            open = calls.iter().filter_map(|call| call.get("id")?.as_str()).collect();
        } else if role != "tool" {
            calls_seen = false;
        }
        check_content(at, role, message, calls.is_empty())?;
    }
    if open.is_empty() { Ok(()) } else { Err(unanswered(messages.len(), &open)) }
}

fn unanswered(at: usize, open: &BTreeSet<&str>) -> Failure {
    let open: Vec<&str> = open.iter().copied().collect();
    let message = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
         The following tool_call_ids did not have response messages: {}",
        open.join(", ")
    );
    Failure { param: Some(format!("messages.[{at}].role")), ..Failure::plain(message) }
}

fn check_content(at: usize, role: &str, message: &Value, no_calls: bool) -> Result<(), Failure> {
    let param = format!("messages[{at}].content");
    let others =
        ["refusal", "audio", "function_call"].iter().any(|name| message.get(*name).is_some_and(|v| !v.is_null()));
    match message.get("content") {
        Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => parts.iter().enumerate().try_for_each(|(part_at, part)| {
            let known: &[&str] = match role {
                "user" => &["text", "image_url", "input_audio", "file"],
                "assistant" => &["text", "refusal"],
                _ => &["text"],
            };
            let param = format!("{param}[{part_at}].type");
            match part.get("type").and_then(Value::as_str) {
                Some(kind) if known.contains(&kind) => Ok(()),
                Some(kind) => Err(not_supported(&param, kind, known)),
                None => Err(missing(&param)),
            }
        }),
        None | Some(Value::Null) if role == "assistant" && (!no_calls || others) => Ok(()),
        None | Some(Value::Null) => {
            let message = format!("Invalid value for 'content': expected a string, got null. ({param})");
            Err(Failure { param: Some(param), ..Failure::plain(message) })
        }
        Some(other) => Err(wrong_type(&param, "one of a string or array of objects", other)),
    }
}

fn cap(fields: &Fields) -> Result<Option<u64>, Failure> {
    let old = integer(fields, "max_tokens", 1, MOST)?;
    let new = integer(fields, "max_completion_tokens", 1, MOST)?;
    if old.is_some() && new.is_some() {
        let message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(Failure::invalid(message, "max_tokens", "invalid_parameter_combination"));
    }
    Ok(new.or(old))
}

fn stop(fields: &Fields, most: usize) -> Result<Vec<String>, Failure> {
    let wrong = |value| Err(wrong_type("stop", "one of a string or array of strings", value));
    match given(fields, "stop") {
        None => Ok(Vec::new()),
        Some(Value::String(stop)) => Ok(vec![stop.clone()]),
        Some(Value::Array(stops)) if stops.len() > most => Err(too_long("stop", most, stops.len())),
        Some(value @ Value::Array(stops)) => {
            let texts: Vec<String> = stops.iter().filter_map(|stop| stop.as_str().map(str::to_owned)).collect();
            if texts.len() == stops.len() { Ok(texts) } else { wrong(value) }
        }
        Some(other) => wrong(other),
    }
}

fn format(fields: &Fields) -> Result<Format, Failure> {
    let Some(format) = given(fields, "response_format") else {
        return Ok(Format::Text);
    };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::JsonObject),
        Some("json_schema") => {
            let schema = format.pointer("/json_schema/schema");
            let Some(name) = format.pointer("/json_schema/name").and_then(Value::as_str) else {
                return Err(missing("response_format.json_schema.name"));
            };
            let strict = format.pointer("/json_schema/strict") == Some(&Value::Bool(true));
            if let Some(fault) = schema.filter(|_| strict).and_then(strict::fault) {
                let message = format!("Invalid schema for response_format '{name}': {fault}");
                return Err(Failure { param: Some("response_format".to_owned()), ..Failure::plain(message) });
            }
            Ok(Format::JsonSchema(schema.cloned().unwrap_or_else(|| serde_json::json!({"type": "object"}))))
        }
        Some(other) => Err(not_supported("response_format.type", other, &["json_object", "json_schema", "text"])),
        None => Err(missing("response_format.type")),
    }
}

fn tools(fields: &Fields) -> Result<Vec<Tool>, Failure> {
    if given(fields, "tools").is_none() {
        return Ok(Vec::new());
    }
    let tools = list(fields, "tools", "objects")?;
    if tools.len() > 128 {
        return Err(too_long("tools", 128, tools.len()));
    }
    tools.iter().enumerate().map(|(at, tool)| {
        let (kind, custom) = match tool.get("type").and_then(Value::as_str) {
            Some("function") => ("function", false),
            Some("custom") => ("custom", true),
            Some(other) => return Err(not_supported(&format!("tools[{at}].type"), other, &["function", "custom"])),
            None => return Err(missing(&format!("tools[{at}].type"))),
        };
        let param = format!("tools[{at}].{kind}.name");
        let Some(name) = tool.pointer(&format!("/{kind}/name")).and_then(Value::as_str) else { return Err(missing(&param)) };
        if name.is_empty() || name.len() > 64 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)) {
            let message = format!("Invalid '{param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.");
            return Err(Failure::invalid(message, param, "invalid_value"));
        }
        let schema = tool.pointer("/function/parameters").filter(|schema| schema.is_object()).cloned();
        let strict = tool.pointer("/function/strict") == Some(&Value::Bool(true));
        if let Some(fault) = schema.as_ref().filter(|_| strict).and_then(strict::fault) {
            let message = format!("Invalid schema for function '{name}': {fault}");
            let param = format!("tools[{at}].function.parameters");
            return Err(Failure::invalid(message, param, "invalid_function_parameters"));
        }
        let parameters = (!custom).then(|| schema.unwrap_or_else(|| serde_json::json!({"type": "object"})));
        Ok(Tool { name: name.to_owned(), parameters })
    }).collect()
}

fn insists(fields: &Fields, tools: &[Tool]) -> Result<Insists, Failure> {
    let Some(choice) = given(fields, "tool_choice") else {
        return Ok(Insists::No);
    };
    if tools.is_empty() {
        let message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.";
        return Err(Failure { param: Some("tool_choice".to_owned()), ..Failure::plain(message) });
    }
    let name = choice.pointer("/function/name").or_else(|| choice.pointer("/custom/name")).and_then(Value::as_str);
    match (choice.as_str(), name) {
        (Some("none" | "auto"), _) => Ok(Insists::No),
        (Some("required"), _) => Ok(Insists::Any),
        (Some(other), _) => Err(not_supported("tool_choice", other, &["none", "auto", "required"])),
        (None, Some(name)) if tools.iter().any(|tool| tool.name == name) => Ok(Insists::On(name.to_owned())),
        (None, Some(name)) => {
            let message = format!("Tool choice 'function' not found in 'tools' parameter: {name}");
            Err(Failure { param: Some("tool_choice".to_owned()), ..Failure::plain(message) })
        }
        (None, None) if choice.pointer("/allowed_tools/mode") == Some(&Value::from("required")) => Ok(Insists::Any),
        (None, None) => Ok(Insists::No),
    }
}
