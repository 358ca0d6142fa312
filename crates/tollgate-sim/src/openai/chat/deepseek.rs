//! The chat protocol as `DeepSeek` speaks it: how it is told apart, what it checks, its errors and headers.
//!
//! Facts: recorded answers, api-docs.deepseek.com and users' reports up to 2026-08. How its answers look is in `mod.rs`,
//! `stream.rs` and `usage.rs`, beside `OpenAI`'s.

use serde_json::Value;

use super::super::{
    check::{Fields, given},
    error::Failure,
};
use crate::{
    Request,
    call::{House, Stamp},
    steer::{Dialect, Refusal, Steer},
};

/// `DeepSeek` as the maker of answers.
pub(in crate::openai) struct DeepSeek;

impl House for DeepSeek {
    fn headers(&self, stamp: &mut Stamp, content_type: &str) -> Vec<(&'static str, String)> {
        vec![
            ("content-type", content_type.to_owned()),
            ("vary", "origin, access-control-request-method, access-control-request-headers".to_owned()),
            ("access-control-allow-credentials", "true".to_owned()),
            ("x-ds-trace-id", stamp.hex("", 32)),
        ]
    }

    fn broken(&self, _: &mut Stamp) -> String {
        in_the_middle().body().to_string()
    }
}

/// Whose way a chat request is in. Steering decides; then the field `thinking`, which is `DeepSeek`'s own; then whether
/// reasoning is steered that `OpenAI` was not asked for and would not show.
pub(in crate::openai) fn dialect(fields: &Fields, steer: &Steer) -> Dialect {
    let thinks = given(fields, "thinking").is_some();
    let shown = steer.reasoning_tokens.is_some() && given(fields, "reasoning_effort").is_none();
    steer.dialect.unwrap_or(if thinks || shown { Dialect::DeepSeek } else { Dialect::OpenAi })
}

/// The dialect of a request that is not looked into otherwise. Other calls than chat are in nobody's.
pub(in crate::openai) fn dialect_of(request: &Request<'_>, steer: &Steer) -> Dialect {
    if !request.path.trim_end_matches('/').ends_with("/chat/completions") {
        return Dialect::OpenAi;
    }
    match serde_json::from_slice(request.body) {
        Ok(Value::Object(fields)) => dialect(&fields, steer),
        _ => steer.dialect.unwrap_or_default(),
    }
}

fn of(status: u16, kind: &'static str, code: &'static str, message: impl Into<String>) -> Failure {
    Failure { status, kind, code: Some(code), ..Failure::plain(message) }
}

fn invalid(message: impl Into<String>) -> Failure {
    of(400, "invalid_request_error", "invalid_request_error", message)
}

/// Whether the request asks for thinking; without a word about it there is none here, though the vendor's newest models
/// think unless told not to.
pub(super) fn thinks(fields: &Fields, steer: &Steer) -> Result<bool, Failure> {
    let Some(thinking) = given(fields, "thinking") else {
        return Ok(steer.reasoning_tokens.is_some() || steer.strict_state);
    };
    match thinking.get("type").and_then(Value::as_str) {
        Some("enabled" | "adaptive") => Ok(true),
        Some("disabled") => Ok(false),
        Some(other) => Err(invalid(format!(
            "Failed to deserialize the JSON body into the target type: thinking.type: unknown variant `{other}`, expected \
             one of `enabled`, `disabled`, `adaptive` at line 1 column 1"
        ))),
        None => Err(of(
            422,
            "invalid_request_error",
            "invalid_request_error",
            "Failed to deserialize the JSON body into the target type: thinking: missing field `type`",
        )),
    }
}

const ROLES: &[&str] = &["system", "user", "assistant", "tool", "latest_reminder"];

/// What this vendor checks beside the protocol.
pub(super) fn check(messages: &[Value], thinks: bool) -> Result<(), Failure> {
    for (at, message) in messages.iter().enumerate() {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if !ROLES.contains(&role) {
            let names: Vec<String> = ROLES.iter().map(|role| format!("`{role}`")).collect();
            return Err(invalid(format!(
                "Failed to deserialize the JSON body into the target type: messages[{at}].role: unknown variant `{role}`, \
                 expected one of {} at line 1 column 1",
                names.join(", ")
            )));
        }
        if role == "tool" && message.get("content").is_some_and(Value::is_array) {
            return Err(invalid(format!(
                "Failed to deserialize the JSON body into the target type: messages[{at}]: invalid type: sequence, \
                 expected a string at line 1 column 1"
            )));
        }
        let parts = message.get("content").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let kinds = parts.iter().filter_map(|part| part.get("type")?.as_str());
        if let Some(other) = kinds.into_iter().find(|kind| *kind == "input_audio" || *kind == "file") {
            return Err(invalid(format!(
                "Failed to deserialize the JSON body into the target type: messages[{at}]: unknown variant `{other}`, \
                 expected `text` at line 1 column 1"
            )));
        }
        let calls = message.get("tool_calls").and_then(Value::as_array).is_some_and(|calls| !calls.is_empty());
        if thinks && calls && !message.get("reasoning_content").is_some_and(Value::is_string) {
            return Err(invalid("The `reasoning_content` in the thinking mode must be passed back to the API."));
        }
    }
    Ok(())
}

/// What an error in the middle of an answer says, `error-after`.
pub(in crate::openai) fn in_the_middle() -> Failure {
    of(500, "server_error", "internal_error", "Internal Server Error")
}

pub(in crate::openai) fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::InsufficientQuota => of(402, "unknown_error", "invalid_request_error", "Insufficient Balance"),
        Refusal::InvalidApiKey => of(
            401,
            "authentication_error",
            "invalid_request_error",
            "Authentication Fails, Your api key: ****sim0 is invalid",
        ),
        Refusal::RateLimit => of(429, "rate_limit_error", "rate_limit_error", "Rate limit reached"),
        Refusal::Overloaded => of(
            503,
            "service_unavailable_error",
            "service_unavailable_error",
            "Service is too busy. We advise users to temporarily switch to alternative LLM API service providers.",
        ),
        Refusal::ContextLength => invalid(
            "This model's maximum context length is 1048565 tokens. However, you requested 1250025 tokens (1250025 in the \
             messages, 0 in the completion). Please reduce the length of the messages or completion.",
        ),
        Refusal::ModelNotFound => invalid("Model Not Exist"),
    }
}

/// The usual error behind a status.
pub(in crate::openai) fn of_status(status: u16) -> Failure {
    let failure = match status {
        401 => refused(Refusal::InvalidApiKey),
        402 => refused(Refusal::InsufficientQuota),
        422 => invalid(
            "Failed to deserialize the JSON body into the target type: temperature: invalid type: string, expected f32",
        ),
        429 => refused(Refusal::RateLimit),
        503 => refused(Refusal::Overloaded),
        500.. => in_the_middle(),
        _ => invalid(format!("The simulator was asked for status {status}.")),
    };
    Failure { status, ..failure }
}
