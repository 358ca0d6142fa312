//! A Responses request as it is understood: checked, its prompt counted, what it wants of the answer, what it is
//! repeated as.
//!
//! Items are checked in `items.rs`, what they need of each other in `replay.rs`, tools and formats in `tools.rs`.

mod items;
mod prompt;
mod replay;
mod tools;

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{
    check::{Fields, decimal, flag, given, integer, too_long},
    error::{Failure, missing, not_supported, wrong_type},
    object,
};
use crate::{call::Call, turn::Wish};
pub(super) use replay::made;

/// What a body is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Answering,
    Counting,
}

/// How reasoning is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reasoning {
    /// With a summary in words.
    pub summary: bool,
    /// With its state, to be handed back.
    pub encrypted: bool,
}

#[derive(Debug)]
pub(super) struct Ask {
    pub model: String,
    pub stream: bool,
    pub obfuscates: bool,
    pub store: bool,
    pub background: bool,
    pub reasoning: Reasoning,
    /// The request's own items, with ids.
    pub inputs: Vec<Arc<Value>>,
    /// What came before them, by `previous_response_id`.
    pub before: Vec<Arc<Value>>,
    pub wish: Wish,
    /// What the answer repeats of the request.
    pub echo: Fields,
}

const ANSWERS: &[&str] = &[
    "model",
    "input",
    "instructions",
    "previous_response_id",
    "conversation",
    "store",
    "background",
    "include",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "moderation",
    "parallel_tool_calls",
    "prompt",
    "reasoning",
    "service_tier",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "top_logprobs",
    "text",
    "tools",
    "tool_choice",
    "truncation",
    "context_management",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "user",
];
const COUNTS: &[&str] = &[
    "model",
    "input",
    "instructions",
    "previous_response_id",
    "conversation",
    "reasoning",
    "text",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "truncation",
    "personality",
];
/// Parameters of the chat protocol and what they are called here.
const MOVED: &[(&str, &str)] = &[
    ("messages", "input"),
    ("max_tokens", "max_output_tokens"),
    ("max_completion_tokens", "max_output_tokens"),
    ("response_format", "text.format"),
    ("reasoning_effort", "reasoning.effort"),
    ("verbosity", "text.verbosity"),
];
const INCLUDES: &[&str] = &[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
];
const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const SUMMARIES: &[&str] = &["auto", "concise", "detailed"];
const MOST: i64 = 10_000_000;

impl Ask {
    pub(super) fn read(call: &mut Call<'_>, purpose: Purpose) -> Result<Self, Failure> {
        let fields = object(call.request.body)?;
        known(&fields, if purpose == Purpose::Answering { ANSWERS } else { COUNTS })?;
        let model = match fields.get("model") {
            Some(Value::String(model)) if !model.is_empty() => model.clone(),
            None | Some(Value::Null | Value::String(_)) => return Err(missing("model")),
            Some(other) => return Err(wrong_type("model", "a string", other)),
        };
        ranges(&fields)?;
        let stream = flag(&fields, "stream")?;
        let options = given(&fields, "stream_options");
        if options.is_some() && !stream {
            let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            return Err(Failure { param: Some("stream_options".to_owned()), ..Failure::plain(message) });
        }
        let store = given(&fields, "store").is_none() || flag(&fields, "store")?;
        let background = flag(&fields, "background")?;
        if background && !store {
            return Err(Failure::invalid(
                "Background mode requires 'store' to be true.",
                "background",
                "invalid_value",
            ));
        }
        let includes = includes(&fields)?;
        let (reasons, summary) = reasoning(&fields)?;
        let tools = tools::tools(&fields)?;
        let insists = tools::choice(&fields, &tools)?;
        let format = tools::format(&fields)?;
        let before = previous(&fields, call)?;
        let given = items::read(&fields, call)?;
        let inputs = given.iter().map(|given| &given.value);
        let conversation: Vec<&Value> = before.iter().chain(inputs.clone()).map(Arc::as_ref).collect();
        replay::check(&conversation, &given, call)?;
        let steered = call.steer.reasoning_tokens.is_some() || call.steer.strict_state;
        Ok(Self {
            model,
            stream,
            obfuscates: options.and_then(|options| options.get("include_obfuscation")) != Some(&Value::Bool(false)),
            store,
            background,
            reasoning: Reasoning { summary, encrypted: includes.contains(&"reasoning.encrypted_content") },
            wish: Wish {
                topic: items::topic(&conversation),
                prompt_tokens: prompt::count(&fields, &conversation),
                cap: integer(&fields, "max_output_tokens", 16, MOST)?,
                stop: Vec::new(),
                format,
                tools,
                insists,
                rounds: replay::rounds(&conversation),
                reasons: reasons || summary || steered,
            },
            echo: echo(&fields, store, background),
            inputs: inputs.cloned().collect(),
            before,
        })
    }
}

fn known(fields: &Fields, names: &[&str]) -> Result<(), Failure> {
    let Some(strange) = fields.keys().find(|name| !names.contains(&name.as_str())) else {
        return Ok(());
    };
    if let Some((_, now)) = MOVED.iter().find(|(old, _)| old == strange) {
        let message = format!(
            "Unsupported parameter: '{strange}'. In the Responses API, this parameter has moved to '{now}'. Try again \
             with the new parameter. See the API documentation for more information: \
             https://platform.openai.com/docs/api-reference/responses/create."
        );
        return Err(Failure::invalid(message, strange.as_str(), "unsupported_parameter"));
    }
    Err(unknown(strange))
}

/// A parameter that the vendor does not know.
fn unknown(param: &str) -> Failure {
    Failure::invalid(format!("Unknown parameter: '{param}'."), param, "unknown_parameter")
}

fn ranges(fields: &Fields) -> Result<(), Failure> {
    decimal(fields, "temperature", 0.0, 2.0)?;
    decimal(fields, "top_p", 0.0, 1.0)?;
    integer(fields, "top_logprobs", 0, 20)?;
    integer(fields, "max_tool_calls", 1, MOST)?;
    match given(fields, "metadata") {
        Some(Value::Object(pairs)) if pairs.len() > 16 => Err(too_long("metadata", 16, pairs.len())),
        Some(Value::Object(pairs)) => match pairs.iter().find(|(_, value)| !value.is_string()) {
            Some((name, value)) => Err(wrong_type(&format!("metadata.{name}"), "a string", value)),
            None => Ok(()),
        },
        Some(other) => Err(wrong_type("metadata", "an object", other)),
        None => Ok(()),
    }
}

fn includes(fields: &Fields) -> Result<Vec<&str>, Failure> {
    let list = match given(fields, "include") {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong_type("include", "an array of strings", other)),
    };
    let read = list.iter().enumerate().map(|(at, name)| match name.as_str() {
        Some(name) if INCLUDES.contains(&name) => Ok(name),
        other => Err(not_supported(&format!("include[{at}]"), other.unwrap_or("null"), INCLUDES)),
    });
    read.collect()
}

/// Whether there is to be reasoning, and whether with a summary.
fn reasoning(fields: &Fields) -> Result<(bool, bool), Failure> {
    let reasoning = match given(fields, "reasoning") {
        None => return Ok((false, false)),
        Some(Value::Object(reasoning)) => reasoning,
        Some(other) => return Err(wrong_type("reasoning", "an object", other)),
    };
    let allowed = ["effort", "summary", "generate_summary", "mode", "context"];
    if let Some(strange) = reasoning.keys().find(|name| !allowed.contains(&name.as_str())) {
        return Err(unknown(&format!("reasoning.{strange}")));
    }
    let word = |name: &str, words: &[&str]| match given(reasoning, name) {
        None => Ok(None),
        Some(Value::String(word)) if words.contains(&word.as_str()) => Ok(Some(word.as_str())),
        Some(other) => Err(not_supported(&format!("reasoning.{name}"), other.as_str().unwrap_or("null"), words)),
    };
    let effort = word("effort", EFFORTS)?;
    let summary = word("summary", SUMMARIES)?.or(word("generate_summary", SUMMARIES)?);
    Ok((effort.is_some_and(|effort| effort != "none"), summary.is_some() && effort != Some("none")))
}

/// The items that came before, kept under `previous_response_id`.
fn previous(fields: &Fields, call: &Call<'_>) -> Result<Vec<Arc<Value>>, Failure> {
    let id = match given(fields, "previous_response_id") {
        None => return Ok(Vec::new()),
        Some(Value::String(id)) => id,
        Some(other) => return Err(wrong_type("previous_response_id", "a string", other)),
    };
    if given(fields, "conversation").is_some() {
        let message = "Mutually exclusive parameters: 'previous_response_id' and 'conversation'.";
        return Err(Failure::invalid(message, "previous_response_id", "mutually_exclusive_parameters"));
    }
    call.simulator.memory.context(id, &call.request.credential()).ok_or_else(|| {
        let message = format!("Previous response with id '{id}' not found.");
        Failure::invalid(message, "previous_response_id", "previous_response_not_found")
    })
}

/// What an answer repeats, with the defaults of what was left out.
fn echo(fields: &Fields, store: bool, background: bool) -> Fields {
    let or = |name: &str, usual: Value| given(fields, name).cloned().unwrap_or(usual);
    let reasoning = |name: &str| given(fields, "reasoning").and_then(|all| all.get(name)).cloned();
    let text = |name: &str, usual: Value| given(fields, "text").and_then(|all| all.get(name)).cloned().unwrap_or(usual);
    let tools: Value =
        given(fields, "tools").and_then(Value::as_array).into_iter().flatten().map(tools::tidy).collect();
    let echo = json!({
        "background": background,
        "instructions": or("instructions", Value::Null),
        "max_output_tokens": or("max_output_tokens", Value::Null),
        "max_tool_calls": or("max_tool_calls", Value::Null),
        "metadata": or("metadata", json!({})),
        "parallel_tool_calls": or("parallel_tool_calls", json!(true)),
        "previous_response_id": or("previous_response_id", Value::Null),
        "prompt_cache_key": or("prompt_cache_key", Value::Null),
        "reasoning": {"effort": reasoning("effort"), "summary": reasoning("summary")},
        "safety_identifier": or("safety_identifier", Value::Null),
        "service_tier": "default",
        "store": store,
        "temperature": or("temperature", json!(1.0)),
        "text": {"format": text("format", json!({"type": "text"})), "verbosity": text("verbosity", json!("medium"))},
        "tool_choice": or("tool_choice", json!("auto")),
        "tools": tools,
        "top_logprobs": or("top_logprobs", json!(0)),
        "top_p": or("top_p", json!(1.0)),
        "truncation": or("truncation", json!("disabled")),
        "user": or("user", Value::Null),
    });
    if let Value::Object(echo) = echo { echo } else { Fields::new() }
}
