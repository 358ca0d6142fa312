//! Errors in Anthropic's shape and, where they are known, in its words.

use serde_json::{Value, json};

use super::Anthropic;
use crate::{
    call::{House, Stamp},
    script::Answer,
    steer::Refusal,
};

pub(super) const ORGANIZATION: &str = "00000000-0000-4000-8000-000000000000";

/// One error answer before it is written.
#[derive(Debug)]
pub(super) struct Failure {
    pub status: u16,
    pub kind: &'static str,
    pub message: String,
    pub headers: Vec<(&'static str, &'static str)>,
}

impl Failure {
    /// A 400.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::of(400, "invalid_request_error", message)
    }

    /// A 400 about the field at `path`.
    pub(super) fn at(path: &str, message: &str) -> Self {
        Self::invalid(format!("{path}: {message}"))
    }

    fn of(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), headers: Vec::new() }
    }

    fn with(mut self, headers: &[(&'static str, &'static str)]) -> Self {
        self.headers.extend_from_slice(headers);
        self
    }

    /// `{"type":"error",…}`
    pub(super) fn body(&self, request_id: &str) -> Value {
        json!({"type": "error", "error": {"type": self.kind, "message": self.message}, "request_id": request_id})
    }

    /// As an event of a stream, where there is no request id.
    pub(super) fn event(&self) -> String {
        let data = json!({"type": "error", "error": {"type": self.kind, "message": self.message}});
        format!("event: error\ndata: {data}\n\n")
    }

    pub(super) fn answer(&self, stamp: &mut Stamp) -> Answer {
        let headers = Anthropic.headers(stamp, "application/json");
        let id = headers.iter().find(|(name, _)| *name == "request-id").map(|(_, id)| id.clone()).unwrap_or_default();
        let mut answer = Answer::whole(self.status, headers, self.body(&id).to_string());
        let again = matches!(self.status, 408 | 409 | 429 | 500..);
        answer.header("x-should-retry", again.to_string());
        for (name, value) in &self.headers {
            answer.header(name, *value);
        }
        answer
    }
}

/// What an error in the middle of an answer says, `error-after`.
pub(super) fn in_the_middle() -> Failure {
    Failure::of(529, "overloaded_error", "Overloaded")
}

pub(super) fn refused(refusal: Refusal, model: &str) -> Failure {
    match refusal {
        Refusal::InsufficientQuota => Failure::invalid(
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or \
             purchase credits.",
        ),
        Refusal::InvalidApiKey => Failure::of(401, "authentication_error", "invalid x-api-key"),
        Refusal::RateLimit => Failure::of(
            429,
            "rate_limit_error",
            format!(
                "This request would exceed your organization's rate limit of 1,000,000 input tokens per minute (org: \
                 {ORGANIZATION}, model: {model}). For details, refer to: https://docs.claude.com/en/api/rate-limits."
            ),
        )
        .with(&[("retry-after", "1"), ("anthropic-ratelimit-input-tokens-remaining", "0")]),
        Refusal::Overloaded => in_the_middle(),
        Refusal::ContextLength => Failure::invalid("prompt is too long: 208310 tokens > 200000 maximum"),
        Refusal::ModelNotFound => Failure::of(404, "not_found_error", format!("model: {model}")),
    }
}

/// The usual error behind a status.
pub(super) fn of_status(status: u16, model: &str) -> Failure {
    let failure = match status {
        401 => refused(Refusal::InvalidApiKey, model),
        402 => Failure::of(402, "billing_error", "Your account has an unpaid invoice."),
        403 => {
            Failure::of(403, "permission_error", "Your API key does not have permission to use the specified resource.")
        }
        404 => refused(Refusal::ModelNotFound, model),
        409 => Failure::of(409, "conflict_error", "The request conflicts with another one."),
        413 => too_large(),
        // Without headers of its own: whoever steers by status says whether there is a retry-after.
        429 => Failure { headers: Vec::new(), ..refused(Refusal::RateLimit, model) },
        504 => Failure::of(504, "timeout_error", "Request timed out"),
        503 | 529 => in_the_middle(),
        500.. => Failure::of(500, "api_error", "Internal server error"),
        _ => Failure::invalid(format!("The simulator was asked for status {status}.")),
    };
    Failure { status, ..failure }
}

pub(super) fn no_key() -> Failure {
    Failure::of(401, "authentication_error", "x-api-key header is required")
}

pub(super) fn not_found(what: &str) -> Failure {
    Failure::of(404, "not_found_error", what)
}

pub(super) fn too_large() -> Failure {
    Failure::of(413, "request_too_large", "Request exceeds the maximum size")
}

pub(super) fn wrong_method() -> Failure {
    Failure::of(405, "invalid_request_error", "Method Not Allowed")
}
