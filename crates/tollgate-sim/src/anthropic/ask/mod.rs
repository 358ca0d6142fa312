//! A Messages request as it is understood: checked, its prompt counted, what it wants of the answer.
//!
//! Refuses what the vendor refuses of every model (platform.claude.com, recorded answers and users' reports up to
//! 2026-08); what only some models refuse it takes. Messages are checked in `blocks.rs` and `turns.rs`, thinking in
//! `thinking.rs`, tools in `tools.rs`, schemas in `grammar.rs`.

mod blocks;
mod grammar;
mod prompt;
mod thinking;
mod tools;
mod turns;

use serde_json::Value;

use super::{
    check::{Fields, flag, given, integer, list, missing, needed, object, only, share},
    error::Failure,
};
use crate::{
    call::Call,
    turn::{Format, Wish},
};
pub(super) use thinking::Thinking;

/// What a body is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Answering,
    Counting,
}

#[derive(Debug)]
pub(super) struct Ask {
    pub model: String,
    pub stream: bool,
    pub thinking: Thinking,
    /// Some of the prompt is to be kept for an hour.
    pub hour: bool,
    pub wish: Wish,
}

/// What both calls take.
const BOTH: &[&str] =
    &["model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"];
/// What is for answers only.
const ANSWERS: &[&str] = &[
    "max_tokens",
    "metadata",
    "stop_sequences",
    "stream",
    "temperature",
    "top_k",
    "top_p",
    "service_tier",
    "container",
    "inference_geo",
];
/// What needs some beta header.
const BETAS: &[&str] =
    &["context_management", "mcp_servers", "output_format", "speed", "user_profile_id", "fallbacks", "diagnostics"];
const MOST_MESSAGES: usize = 100_000;
const MOST_BREAKPOINTS: usize = 4;

impl Ask {
    pub(super) fn read(call: &Call<'_>, purpose: Purpose) -> Result<Self, Failure> {
        let fields: Fields = match serde_json::from_slice(call.request.body) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return Err(Failure::invalid("Input should be a valid dictionary")),
            Err(error) => return Err(Failure::invalid(format!("The request body is not valid JSON: {error}"))),
        };
        let answering = purpose == Purpose::Answering;
        known_fields(&fields, answering, call)?;
        let model = needed(&fields, "", "model")?;
        if model.is_empty() {
            return Err(Failure::at("model", "String should have at least 1 character"));
        }
        let cap = integer(&fields, "", "max_tokens", 0)?;
        if answering && cap.is_none() {
            return Err(missing("max_tokens"));
        }
        let messages = list(&fields, "", "messages")?.ok_or_else(|| missing("messages"))?;
        if messages.len() > MOST_MESSAGES {
            return Err(Failure::at("messages", "List should have at most 100000 items after validation"));
        }
        system(&fields)?;
        let tools = tools::tools(&fields)?;
        let thinking = Thinking::read(&fields, cap, call.request)?;
        let insists = tools::choice(&fields, &tools)?;
        thinking.goes_with(&fields, &insists)?;
        let turns = turns::read(messages)?;
        thinking.state(&turns, call)?;
        let stop = stop_sequences(&fields)?;
        let format = format(&fields)?;
        let breakpoints = breakpoints_of(&fields);
        if breakpoints.len() > MOST_BREAKPOINTS {
            let count = breakpoints.len();
            return Err(Failure::invalid(format!(
                "A maximum of 4 blocks with cache_control may be provided. Found {count}."
            )));
        }
        let rounds = turns::rounds(&turns);
        Ok(Self {
            model: model.to_owned(),
            stream: flag(&fields, "stream")?,
            hour: breakpoints.iter().any(|ttl| ttl == "1h"),
            wish: Wish {
                topic: turns::topic(&turns),
                prompt_tokens: prompt::count(&fields, &turns),
                cap,
                stop,
                format,
                tools,
                rounds,
                reasons: thinking.shows(rounds, &insists, call),
                insists,
            },
            thinking,
        })
    }
}

fn known_fields(fields: &Fields, answering: bool, call: &Call<'_>) -> Result<(), Failure> {
    let beta = super::check::betas(call.request).next().is_some() || call.request.parameter("beta").is_some();
    let mut known = BOTH.to_vec();
    if answering {
        known.extend_from_slice(ANSWERS);
    }
    if beta {
        known.extend_from_slice(BETAS);
    }
    only(fields, "", &known)?;
    share(fields, "temperature")?;
    share(fields, "top_p")?;
    integer(fields, "", "top_k", 0)?;
    match given(fields, "service_tier").map(Value::as_str) {
        None | Some(Some("auto" | "standard_only")) => {}
        Some(_) => return Err(Failure::at("service_tier", "Input should be 'auto' or 'standard_only'")),
    }
    match given(fields, "metadata") {
        Some(metadata) => only(object(metadata, "metadata")?, "metadata", &["user_id"]),
        None => Ok(()),
    }
}

fn system(fields: &Fields) -> Result<(), Failure> {
    match given(fields, "system") {
        None | Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => parts.iter().enumerate().try_for_each(|(at, part)| {
            let path = format!("system.{at}");
            let part = object(part, &path)?;
            only(part, &path, &["type", "text", "cache_control", "citations"])?;
            match needed(part, &path, "text")? {
                "" => Err(Failure::invalid("system: text content blocks must be non-empty")),
                _ if part.get("type").is_none_or(|kind| kind != "text") => {
                    Err(Failure::at(&format!("{path}.type"), "Input should be 'text'"))
                }
                _ => Ok(()),
            }
        }),
        Some(_) => Err(Failure::at("system", "Input should be a valid string")),
    }
}

fn stop_sequences(fields: &Fields) -> Result<Vec<String>, Failure> {
    let stops = list(fields, "", "stop_sequences")?.unwrap_or_default();
    stops
        .iter()
        .enumerate()
        .map(|(at, stop)| match stop.as_str() {
            None => Err(Failure::at(&format!("stop_sequences.{at}"), "Input should be a valid string")),
            Some(stop) if stop.trim().is_empty() => {
                Err(Failure::at("stop_sequences", "each stop sequence must contain non-whitespace"))
            }
            Some(stop) => Ok(stop.to_owned()),
        })
        .collect()
}

/// `output_config`, and the older `output_format`.
fn format(fields: &Fields) -> Result<Format, Failure> {
    let config = given(fields, "output_config").map(|config| object(config, "output_config")).transpose()?;
    if let Some(config) = config {
        only(config, "output_config", &["effort", "format", "task_budget"])?;
        if given(config, "effort").is_some_and(|effort| !EFFORTS.iter().any(|known| effort == known)) {
            let message = "Input should be 'low', 'medium', 'high', 'xhigh' or 'max'";
            return Err(Failure::at("output_config.effort", message));
        }
    }
    let new = config.and_then(|config| given(config, "format")).map(|format| (format, "output_config.format"));
    let Some((format, path)) = new.or_else(|| Some((given(fields, "output_format")?, "output_format"))) else {
        return Ok(Format::Text);
    };
    let format = object(format, path)?;
    if format.get("type").is_none_or(|kind| kind != "json_schema") {
        return Err(Failure::at(&format!("{path}.type"), "Input should be 'json_schema'"));
    }
    let path = format!("{path}.schema");
    let schema = format.get("schema").ok_or_else(|| missing(&path))?;
    object(schema, &path)?;
    grammar::check(schema, &path)?;
    Ok(Format::JsonSchema(schema.clone()))
}

const EFFORTS: &[&str] = &["low", "medium", "high", "xhigh", "max"];

/// The lifetimes of all cache breakpoints, outside of what is the caller's own data.
fn breakpoints(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().flat_map(breakpoints).collect(),
        Value::Object(fields) => breakpoints_of(fields),
        _ => Vec::new(),
    }
}

fn breakpoints_of(fields: &Fields) -> Vec<String> {
    let found = fields.iter().flat_map(|(name, value)| match (name.as_str(), value) {
        ("cache_control", Value::Object(control)) => {
            let ttl = control.get("ttl").and_then(Value::as_str).unwrap_or("5m");
            vec![ttl.to_owned()]
        }
        ("input" | "input_schema" | "schema" | "input_examples", _) => Vec::new(),
        _ => breakpoints(value),
    });
    found.collect()
}
