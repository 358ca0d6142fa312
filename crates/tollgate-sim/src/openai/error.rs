//! Errors in `OpenAI`'s shape and, where they are known, in its words.
//!
//! The organisation and the masked key in some of them are made up; real ones carry the operator's, which is why the
//! gateway must not hand such texts on.

use bytes::BytesMut;
use serde_json::{Value, json};

use crate::{
    call::{House, Stamp},
    script::Answer,
    steer::Refusal,
};

pub(crate) const ORGANIZATION: &str = "org-SimulatedOrganization0000";
const MASKED_KEY: &str = "sk-proj-********************************************************sim0";

/// One error answer before it is written.
#[derive(Debug)]
pub(crate) struct Failure {
    pub status: u16,
    pub message: String,
    pub kind: &'static str,
    pub param: Option<String>,
    pub code: Option<&'static str>,
    pub headers: Vec<(&'static str, &'static str)>,
}

impl Failure {
    /// A 400 without a parameter or a code.
    pub(crate) fn plain(message: impl Into<String>) -> Self {
        Self::of(400, "invalid_request_error", None, message)
    }

    /// A 400 about one parameter.
    pub(crate) fn invalid(message: impl Into<String>, param: impl Into<String>, code: &'static str) -> Self {
        Self { param: Some(param.into()), ..Self::of(400, "invalid_request_error", Some(code), message) }
    }

    /// The caller's steering asks for something that cannot be.
    pub(crate) fn steered(message: impl Into<String>) -> Self {
        Self::invalid(message, "x-tollgate-sim", "invalid_value")
    }

    fn of(status: u16, kind: &'static str, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), kind, param: None, code, headers: Vec::new() }
    }

    fn with(mut self, headers: &[(&'static str, &'static str)]) -> Self {
        self.headers.extend_from_slice(headers);
        self
    }

    /// `{"error":{…}}`
    pub(crate) fn body(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}})
    }

    pub(crate) fn answer(&self, house: &dyn House, stamp: &mut Stamp) -> Answer {
        let body = format!("{:#}\n", self.body());
        let mut answer = Answer::whole(self.status, house.headers(stamp, "application/json; charset=utf-8"), body);
        for (name, value) in &self.headers {
            answer.header(name, *value);
        }
        answer
    }
}

/// What an error in the middle of an answer says, `error-after`.
pub(crate) fn in_the_middle() -> Failure {
    Failure::of(500, "server_error", None, "The server had an error while processing your request. Sorry about that!")
}

impl Failure {
    /// As an event of a stream that has only `data:` lines.
    pub(crate) fn event(&self, out: &mut BytesMut) {
        out.extend_from_slice(format!("data: {}\n\n", self.body()).as_bytes());
    }
}

pub(crate) fn refused(refusal: Refusal, model: &str) -> Failure {
    match refusal {
        Refusal::InsufficientQuota => Failure::of(
            429,
            "insufficient_quota",
            Some("insufficient_quota"),
            "You exceeded your current quota, please check your plan and billing details. For more information on \
             this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        )
        .with(&[("x-should-retry", "false")]),
        Refusal::InvalidApiKey => Failure::of(
            401,
            "invalid_request_error",
            Some("invalid_api_key"),
            format!(
                "Incorrect API key provided: {MASKED_KEY}. You can find your API key at \
                 https://platform.openai.com/account/api-keys."
            ),
        ),
        Refusal::RateLimit => Failure::of(
            429,
            "tokens",
            Some("rate_limit_exceeded"),
            format!(
                "Rate limit reached for {model} in organization {ORGANIZATION} on tokens per min (TPM): Limit 200000, \
                 Used 199500, Requested 1200. Please try again in 1s. Visit \
                 https://platform.openai.com/account/rate-limits to learn more."
            ),
        )
        .with(&[
            ("retry-after", "1"),
            ("retry-after-ms", "1000"),
            ("x-ratelimit-remaining-tokens", "500"),
            ("x-ratelimit-reset-tokens", "1s"),
        ]),
        Refusal::Overloaded => Failure::of(
            503,
            "service_unavailable_error",
            Some("server_is_overloaded"),
            "The engine is currently overloaded, please try again later",
        )
        .with(&[("retry-after", "5")]),
        Refusal::ContextLength => Failure::invalid(
            format!(
                "This model's maximum context length is 128000 tokens. However, your messages to {model} resulted in \
                 131072 tokens. Please reduce the length of the messages."
            ),
            "messages",
            "context_length_exceeded",
        ),
        Refusal::ModelNotFound => Failure::of(
            404,
            "invalid_request_error",
            Some("model_not_found"),
            format!("The model `{model}` does not exist or you do not have access to it."),
        ),
    }
}

/// The same where the Responses protocol has other words, as recorded.
pub(crate) fn refused_in_responses(refusal: Refusal, model: &str) -> Failure {
    match refusal {
        Refusal::ModelNotFound => {
            Failure::invalid(format!("The requested model '{model}' does not exist."), "model", "model_not_found")
        }
        Refusal::ContextLength => Failure::invalid(
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            "input",
            "context_length_exceeded",
        ),
        other => refused(other, model),
    }
}

/// The usual error behind a status.
pub(crate) fn of_status(status: u16, model: &str) -> Failure {
    let failure = match status {
        401 => refused(Refusal::InvalidApiKey, model),
        404 => refused(Refusal::ModelNotFound, model),
        // Without headers of its own: whoever steers by status says whether there is a retry-after.
        429 => Failure { headers: Vec::new(), ..refused(Refusal::RateLimit, model) },
        503 | 529 => Failure { headers: Vec::new(), ..refused(Refusal::Overloaded, model) },
        402 => {
            Failure::of(402, "insufficient_quota", Some("credit_balance_exhausted"), "Your credit balance is used up.")
        }
        403 => Failure::of(
            403,
            "invalid_request_error",
            Some("model_not_allowed"),
            format!("Project `proj_simulated` of organization {ORGANIZATION} does not have access to model `{model}`."),
        ),
        500.. => in_the_middle(),
        _ => Failure::plain(format!("The simulator was asked for status {status}.")),
    };
    Failure { status, ..failure }
}

pub(crate) fn no_key() -> Failure {
    Failure::of(
        401,
        "invalid_request_error",
        None,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth \
         (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from \
         https://platform.openai.com/account/api-keys.",
    )
}

pub(crate) fn not_json() -> Failure {
    Failure::plain(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP \
         library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
    )
}

pub(crate) fn no_such_url(method: &str, path: &str) -> Failure {
    Failure::of(404, "invalid_request_error", None, format!("Invalid URL ({method} {path})"))
}

pub(crate) fn wrong_method(method: &str, path: &str, right: &str) -> Failure {
    let message = format!("Not allowed to {method} on {path}. (HINT: Perhaps you meant to use {right} instead?)");
    Failure::of(405, "invalid_request_error", Some("method_not_allowed"), message)
}

/// An object that is not there, or not the caller's.
pub(crate) fn not_found(message: impl Into<String>) -> Failure {
    Failure::of(404, "invalid_request_error", None, message)
}

pub(crate) fn missing(param: &str) -> Failure {
    Failure::invalid(format!("Missing required parameter: '{param}'."), param, "missing_required_parameter")
}

pub(crate) fn wrong_type(param: &str, wanted: &str, got: &Value) -> Failure {
    let got = match got {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    Failure::invalid(
        format!("Invalid type for '{param}': expected {wanted}, but got {got} instead."),
        param,
        "invalid_type",
    )
}

pub(crate) fn not_supported(param: &str, got: &str, supported: &[&str]) -> Failure {
    let names: Vec<String> = supported.iter().map(|name| format!("'{name}'")).collect();
    let names = match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        [first @ .., last] => format!("{}, and {last}", first.join(", ")),
    };
    let message = format!("Invalid value: '{got}'. Supported values are: {names}.");
    Failure::invalid(message, param, "invalid_value")
}
