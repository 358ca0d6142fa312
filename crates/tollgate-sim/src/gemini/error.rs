//! Errors in Google's envelope and, where they are known, in its words.

use serde_json::{Value, json};

use super::Gemini;
use crate::{
    call::{House, Stamp},
    script::Answer,
    steer::Refusal,
};

/// One error answer before it is written.
#[derive(Debug)]
pub(crate) struct Failure {
    pub status: u16,
    pub name: &'static str,
    pub message: String,
    pub details: Vec<Value>,
}

impl Failure {
    /// A 400.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::of(400, "INVALID_ARGUMENT", message)
    }

    /// A 400 about a field of the JSON itself.
    pub(crate) fn payload(path: &str, description: String) -> Self {
        let mut violation = json!({"description": description});
        if let (false, Value::Object(fields)) = (path.is_empty(), &mut violation) {
            fields.insert("field".to_owned(), path.into());
        }
        let details = json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]});
        Self { details: vec![details], ..Self::invalid(description) }
    }

    /// A 400 about what a field means.
    pub(crate) fn field(path: &str, what: &str) -> Self {
        Self::invalid(format!("* GenerateContentRequest.{path}: {what}\n"))
    }

    fn of(status: u16, name: &'static str, message: impl Into<String>) -> Self {
        Self { status, name, message: message.into(), details: Vec::new() }
    }

    fn with(mut self, details: Value) -> Self {
        if let Value::Array(details) = details {
            self.details = details;
        }
        self
    }

    /// `{"error":{…}}`
    pub(crate) fn body(&self) -> Value {
        let mut error = json!({"code": self.status, "message": self.message, "status": self.name});
        if let (false, Value::Object(fields)) = (self.details.is_empty(), &mut error) {
            fields.insert("details".to_owned(), Value::Array(self.details.clone()));
        }
        json!({"error": error})
    }

    /// The answer; where a JSON array was asked for, in an array.
    pub(crate) fn answer(&self, in_array: bool, stamp: &mut Stamp) -> Answer {
        let body = if in_array { json!([self.body()]) } else { self.body() };
        let headers = Gemini.headers(stamp, "application/json; charset=UTF-8");
        Answer::whole(self.status, headers, format!("{body:#}\n"))
    }
}

/// What an error in the middle of an answer says, `error-after`.
pub(crate) fn in_the_middle() -> Failure {
    Failure::of(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
}

/// Which words an error needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub model: &'a str,
    pub verb: &'a str,
    /// The caller's own, which the vendor repeats to it.
    pub key: &'a str,
}

pub(crate) fn refused(refusal: Refusal, about: About<'_>) -> Failure {
    let model = about.model;
    match refusal {
        Refusal::InsufficientQuota => quota(model, "GenerateRequestsPerDayPerProjectPerModel", None),
        Refusal::RateLimit => quota(model, "GenerateRequestsPerMinutePerProjectPerModel", Some("1s")),
        Refusal::InvalidApiKey => {
            let message = "API key not valid. Please pass a valid API key.";
            Failure::invalid(message).with(json!([
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}},
                {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": message},
                {"@type": "type.googleapis.com/google.rpc.DebugInfo",
                    "detail": format!("Invalid API key: {}", about.key)},
            ]))
        }
        Refusal::Overloaded => in_the_middle(),
        Refusal::ContextLength => {
            Failure::invalid("The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).")
        }
        Refusal::ModelNotFound => Failure::of(
            404,
            "NOT_FOUND",
            format!(
                "models/{model} is not found for API version v1beta, or is not supported for {}. Call \
                 ModelService.ListModels to see the list of available models and their supported methods.",
                about.verb
            ),
        ),
    }
}

fn quota(model: &str, id: &str, retry: Option<&str>) -> Failure {
    let mut details = vec![
        json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests", "quotaId": id,
            "quotaDimensions": {"location": "global", "model": model}, "quotaValue": "10"}]}),
        json!({"@type": "type.googleapis.com/google.rpc.Help", "links": [{
            "description": "Learn more about Gemini API quotas", "url": "https://ai.google.dev/gemini-api/docs/rate-limits"}]}),
    ];
    let mut message = "You exceeded your current quota, please check your plan and billing details.".to_owned();
    if let Some(retry) = retry {
        details.push(json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": retry}));
        message.push_str("\nPlease retry in 1s.");
    }
    Failure { details, ..Failure::of(429, "RESOURCE_EXHAUSTED", message) }
}

/// The usual error behind a status.
pub(crate) fn of_status(status: u16, about: About<'_>) -> Failure {
    let failure = match status {
        401 => Failure::of(
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other \
             valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        ),
        403 => Failure::of(403, "PERMISSION_DENIED", "Your project has been denied access. Please contact support."),
        404 => refused(Refusal::ModelNotFound, about),
        // Without a time to wait: whoever steers by status says whether there is one.
        429 => Failure { details: Vec::new(), ..refused(Refusal::RateLimit, about) },
        499 => Failure::of(499, "CANCELLED", "The operation was cancelled."),
        503 | 529 => in_the_middle(),
        504 => Failure::of(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
        500.. => Failure::of(
            500,
            "INTERNAL",
            "An internal error has occurred. Please retry or report in \
             https://developers.generativeai.google/guide/troubleshooting",
        ),
        _ => Failure::invalid(format!("The simulator was asked for status {status}.")),
    };
    Failure { status, ..failure }
}

pub(crate) fn no_key(vertex: bool) -> Failure {
    if vertex {
        return Failure::of(
            401,
            "UNAUTHENTICATED",
            "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or \
             other valid authentication credential. See \
             https://developers.google.com/identity/sign-in/web/devconsole-project.",
        );
    }
    Failure::of(
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other \
         form of API consumer identity to call this API.",
    )
}

pub(crate) fn no_such_url(path: &str) -> Failure {
    Failure::of(404, "NOT_FOUND", format!("The requested URL {path} was not found on this server."))
}
