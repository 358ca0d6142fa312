//! What `OpenAI`'s routes share: the head of a JSON request, the error envelope, the meaning of an error, and the
//! model list.
//!
//! Source of the vendor facts: `OpenAI`'s published API description and official libraries, as of 2026-08 to 2026-11.

use crate::fault::{Fault, FaultKind};
use crate::json::{self, JsonError, JsonErrorKind};
use crate::scrub;
use crate::splice::Splice;
use bytes::BytesMut;
use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

/// What the gateway must know of a JSON request; everything else stays bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The model asked for.
    pub model: String,
    /// Where its value stands.
    pub model_range: Range<usize>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the caller asked for the usage chunk itself.
    pub include_usage: bool,
    /// The caller's cap on output tokens, if any.
    pub output_cap: Option<u64>,
    /// How many alternatives were asked for.
    pub choices: u64,
    /// Where `stream_options` stands and what it holds, if it is there.
    stream_options: Option<StreamOptions>,
    /// Offset of the request's closing brace.
    close: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct StreamOptions {
    range: Range<usize>,
    /// Where the value of `include_usage` stands.
    include_usage: Option<Range<usize>>,
    /// Its closing brace and whether it has members; `None` for `null`.
    object: Option<(usize, bool)>,
}

/// The fields whose double presence would let two parsers read two requests.
const POLICY: [&str; 6] = ["model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n"];

/// Reads the head of a JSON request in one pass. `needs` names the field that must be there besides `model`
/// (`messages`, `input`).
pub fn head(body: &[u8], needs: &'static str) -> Result<Head, Fault> {
    let mut head = Head { choices: 1, ..Head::default() };
    let mut seen = [false; POLICY.len()];
    let mut has_model = false;
    let mut needed: Option<bool> = None;
    let mut fault: Option<Fault> = None;
    let mut caps = [None; 2];
    let close = json::object(body, |member| {
        if fault.is_some() {
            return;
        }
        let key = member.key();
        if key.as_ref() == needs.as_bytes() {
            if needed.is_some() {
                fault = Some(twice(needs));
            }
            needed = Some(!member.is_null());
            return;
        }
        let Some(which) = POLICY.iter().position(|name| name.as_bytes() == key.as_ref()) else { return };
        let Some(name) = POLICY.get(which).copied() else { return };
        if let Some(before) = seen.get_mut(which) {
            if *before {
                fault = Some(twice(name));
                return;
            }
            *before = true;
        }
        match name {
            "model" => match json::string(member.value) {
                Some(model) if !model.is_empty() => {
                    has_model = true;
                    head.model = model.into_owned();
                    head.model_range = member.range();
                }
                _ => fault = Some(Fault::invalid("model", "'model' must be a non-empty string.")),
            },
            "stream" => match json::boolean(member.value) {
                Some(stream) => head.stream = stream,
                None if member.is_null() => {}
                None => fault = Some(Fault::invalid("stream", "'stream' must be true or false.")),
            },
            "stream_options" => match stream_options(member.value, member.start) {
                Ok((options, include)) => {
                    head.stream_options = Some(StreamOptions { range: member.range(), ..options });
                    head.include_usage = include;
                }
                Err(f) => fault = Some(f),
            },
            "n" => match json::whole(member.value) {
                Some(n) => head.choices = n,
                None if member.is_null() => {}
                None => fault = Some(Fault::invalid("n", "'n' must be a whole number.")),
            },
            cap => match json::whole(member.value) {
                Some(n) => caps[usize::from(cap == "max_completion_tokens")] = Some(n),
                None if member.is_null() => {}
                None => fault = Some(Fault::invalid(cap, format!("'{cap}' must be a whole number."))),
            },
        }
    })
    .map_err(|e| malformed(&e))?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    if !has_model {
        return Err(Fault::invalid("model", "You must give a 'model'."));
    }
    if needed != Some(true) {
        return Err(Fault::invalid(needs, format!("You must give '{needs}'.")));
    }
    head.output_cap = caps[1].or(caps[0]);
    head.close = close;
    Ok(head)
}

impl Head {
    /// The changes that make the caller's request the vendor's: its own model name, and asking for usage in a
    /// stream. In order of their place.
    pub fn edits(&self, model: &str, ask_usage: bool) -> Vec<Splice> {
        let mut edits = Vec::new();
        if model != self.model {
            edits.push(Splice { range: self.model_range.clone(), text: json::quote(model) });
        }
        if ask_usage && self.stream && !self.include_usage {
            edits.push(self.usage_splice());
        }
        edits.sort_by_key(|splice| splice.range.start);
        edits
    }

    fn usage_splice(&self) -> Splice {
        const ASK: &str = "\"include_usage\":true";
        match &self.stream_options {
            None => Splice { range: self.close..self.close, text: format!(",\"stream_options\":{{{ASK}}}") },
            Some(StreamOptions { include_usage: Some(range), .. }) => {
                Splice { range: range.clone(), text: "true".into() }
            }
            Some(StreamOptions { object: Some((close, filled)), .. }) => {
                Splice { range: *close..*close, text: if *filled { format!(",{ASK}") } else { ASK.into() } }
            }
            Some(StreamOptions { range, .. }) => Splice { range: range.clone(), text: format!("{{{ASK}}}") },
        }
    }
}

fn stream_options(value: &[u8], start: usize) -> Result<(StreamOptions, bool), Fault> {
    let mut options = StreamOptions { range: 0..0, include_usage: None, object: None };
    if value == b"null" {
        return Ok((options, false));
    }
    let (mut include, mut filled, mut bad) = (false, false, false);
    let close = json::members(value, |member| {
        filled = true;
        if member.key().as_ref() == b"include_usage" {
            bad |= options.include_usage.is_some();
            options.include_usage = Some(start + member.start..start + member.end);
            match json::boolean(member.value) {
                Some(b) => include = b,
                None => bad |= !member.is_null(),
            }
        }
    })
    .map_err(|_| Fault::invalid("stream_options", "'stream_options' must be an object."))?;
    if bad {
        return Err(Fault::invalid("stream_options.include_usage", "'include_usage' must be true or false, once."));
    }
    options.object = Some((start + close, filled));
    Ok((options, include))
}

fn twice(name: &'static str) -> Fault {
    Fault::invalid(name, format!("'{name}' is given twice."))
}

/// The fault for a body that is not acceptable JSON.
pub fn malformed(error: &JsonError) -> Fault {
    let message = match error.kind {
        JsonErrorKind::NotObject => "The request body must be a JSON object.".into(),
        _ => format!("The request body is not valid JSON: {error}."),
    };
    Fault::new(FaultKind::InvalidRequest, "invalid_json", message).about("body")
}

/// Writes a fault as `OpenAI`'s error body.
pub fn write_error(fault: &Fault) -> Vec<u8> {
    #[derive(serde::Serialize)]
    struct Envelope<'a> {
        error: Body<'a>,
    }
    #[derive(serde::Serialize)]
    struct Body<'a> {
        message: &'a str,
        r#type: &'a str,
        param: Option<&'a str>,
        code: &'a str,
    }
    let envelope = Envelope {
        error: Body {
            message: &fault.message,
            r#type: error_type(fault.kind),
            param: fault.param.as_deref(),
            code: &fault.code,
        },
    };
    serde_json::to_vec(&envelope).unwrap_or_default()
}

/// Writes a fault as an event of one of `OpenAI`'s data-only streams. Its libraries raise on any `error` member.
pub fn write_error_event(fault: &Fault, out: &mut BytesMut) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(&write_error(fault));
    out.extend_from_slice(b"\n\n");
}

fn error_type(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::InvalidRequest
        | FaultKind::Unauthenticated
        | FaultKind::NotFound
        | FaultKind::MethodNotAllowed
        | FaultKind::Conflict
        | FaultKind::Contradiction
        | FaultKind::TooLarge
        | FaultKind::RequestTimeout
        | FaultKind::Rejected(_) => "invalid_request_error",
        FaultKind::BudgetExceeded => "insufficient_quota",
        FaultKind::Forbidden => "permission_error",
        FaultKind::RateLimited => "rate_limit_error",
        FaultKind::UpstreamBroken | FaultKind::UpstreamUnavailable | FaultKind::UpstreamTimeout => "upstream_error",
        FaultKind::Unavailable => "service_unavailable_error",
        FaultKind::Internal => "server_error",
    }
}

/// An error as a vendor of this family wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VendorError {
    /// For a person, account data taken out.
    pub message: Option<String>,
    /// `error.type`.
    pub kind: Option<String>,
    /// `error.code`, also where it is a number.
    pub code: Option<String>,
    /// `error.param`.
    pub param: Option<String>,
}

/// Reads `{"error":{…}}`, the same inside an array of one, `{"error":"text"}`, and a bare `{"message":…}`;
/// `None` where there is no such thing (an HTML page, nothing at all).
pub fn read_error(body: &[u8]) -> Option<VendorError> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let value = value.as_array().and_then(|a| a.first()).unwrap_or(&value);
    let error = match value.get("error") {
        Some(serde_json::Value::Null) | None => value,
        Some(error) => error,
    };
    if let Some(text) = error.as_str() {
        return Some(VendorError { message: Some(scrub::text(text)), ..VendorError::default() });
    }
    error.as_object()?;
    let text = |name: &str| match error.get(name) {
        Some(serde_json::Value::String(s)) if !s.is_empty() => Some(scrub::text(s)),
        Some(serde_json::Value::Number(n)) => Some(n.to_string()),
        _ => None,
    };
    let found = VendorError {
        message: text("message").or_else(|| text("detail")),
        kind: text("type"),
        code: text("code"),
        param: text("param"),
    };
    (found != VendorError::default()).then_some(found)
}

/// Whose concern a vendor's error is, and so what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The caller's request is wrong: tell the caller, ask nobody else.
    Caller,
    /// The operator's account is refused, locked or out of money: ask the next, and this one last for a while.
    Account,
    /// The account is over its rate: rest the credential for the time the vendor named, ask the next.
    RateLimited,
    /// The vendor has no room or is down for the moment: ask the next.
    Unavailable,
    /// The vendor failed: ask the next.
    Broken,
}

/// Codes and types that mean the operator's money or account, whatever the status.
const ACCOUNT: [&str; 12] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "project_usage_limit_exceeded",
    "billing_hard_limit_reached",
    "billing_not_active",
    "invalid_api_key",
    "account_deactivated",
    "insufficient_balance",
    "access_terminated",
];

/// What an error answer means. The machine-readable key decides before the status: a used-up account answers 429
/// like a rate limit does.
pub fn meaning(status: u16, error: Option<&VendorError>) -> Meaning {
    let names = error.map(|e| [e.code.as_deref(), e.kind.as_deref()]).unwrap_or_default();
    let any = |list: &[&str]| names.iter().flatten().any(|name| list.contains(name));
    if any(&ACCOUNT) {
        return Meaning::Account;
    }
    if any(&["server_is_overloaded", "overloaded_error", "slow_down"]) && status != 429 {
        return Meaning::Unavailable;
    }
    match status {
        401..=403 => Meaning::Account,
        429 => Meaning::RateLimited,
        400 | 404 | 405 | 406 | 409..=424 | 426 | 431 | 451 => Meaning::Caller,
        503 | 529 => Meaning::Unavailable,
        _ => Meaning::Broken,
    }
}

/// What an error object inside a stream or inside a 200 means: there the status is not to be had.
pub fn meaning_in_band(error: &VendorError) -> Meaning {
    let names = [error.code.as_deref(), error.kind.as_deref()];
    let any = |list: &[&str]| names.iter().flatten().any(|name| list.contains(name));
    if any(&ACCOUNT) {
        Meaning::Account
    } else if any(&["rate_limit_exceeded", "rate_limit_error", "429"]) {
        Meaning::RateLimited
    } else if any(&["server_is_overloaded", "overloaded_error", "service_unavailable_error", "503", "529"]) {
        Meaning::Unavailable
    } else if any(&["invalid_request_error", "invalid_prompt", "context_length_exceeded", "content_filter", "400"]) {
        Meaning::Caller
    } else {
        Meaning::Broken
    }
}

/// The fault that the caller sees for a vendor's error. `status` is the vendor's.
pub fn fault(meaning: Meaning, status: u16, error: Option<VendorError>, wait: Option<Duration>) -> Fault {
    let error = error.unwrap_or_default();
    let message = error.message.map(Cow::Owned);
    let code = error.code.or(error.kind).map(Cow::Owned);
    match meaning {
        Meaning::Caller => {
            let status = if (400..500).contains(&status) { status } else { 400 };
            let mut fault = Fault::new(
                FaultKind::Rejected(status),
                code.unwrap_or("upstream_rejected".into()),
                message.unwrap_or("The provider refused the request.".into()),
            );
            fault.param = error.param.map(Cow::Owned);
            fault
        }
        Meaning::Account => Fault::broken("upstream_account_error", "The provider refused this gateway's account."),
        Meaning::RateLimited => Fault::new(
            FaultKind::RateLimited,
            "upstream_rate_limited",
            message.unwrap_or("The provider's rate limit is reached.".into()),
        )
        .after(wait),
        Meaning::Unavailable => Fault::new(
            FaultKind::UpstreamUnavailable,
            "upstream_unavailable",
            message.unwrap_or("The provider is overloaded.".into()),
        )
        .after(wait),
        Meaning::Broken => Fault::broken("upstream_error", message.unwrap_or("The provider failed.".into())),
    }
}

/// Writes a model list; `created` is a Unix time in seconds.
pub fn write_models<'a>(models: impl Iterator<Item = (&'a str, &'a str)>, created: i64) -> Vec<u8> {
    let data: Vec<_> = models.map(|(id, owner)| model_object(id, owner, created)).collect();
    serde_json::json!({"object": "list", "data": data}).to_string().into_bytes()
}

/// Writes one model.
pub fn write_model(id: &str, owner: &str, created: i64) -> Vec<u8> {
    model_object(id, owner, created).to_string().into_bytes()
}

fn model_object(id: &str, owner: &str, created: i64) -> serde_json::Value {
    serde_json::json!({"id": id, "object": "model", "created": created, "owned_by": owner})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice;
    use bytes::Bytes;

    fn edited(body: &'static str, model: &str) -> String {
        let head = head(body.as_bytes(), "messages").unwrap();
        let out = splice::apply(&Bytes::from_static(body.as_bytes()), &head.edits(model, true));
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn edits_touch_nothing_else() {
        assert_eq!(
            edited(r#" {"big": 123456789012345678901234567890, "model" : "a", "messages":[1.0] } "#, "b"),
            r#" {"big": 123456789012345678901234567890, "model" : "b", "messages":[1.0] } "#
        );
        for (given, wanted) in [
            (
                r#"{"model":"a","stream":true,"messages":[]}"#,
                r#"{"model":"a","stream":true,"messages":[],"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options":{},"model":"a","stream":true,"messages":[]}"#,
                r#"{"stream_options":{"include_usage":true},"model":"a","stream":true,"messages":[]}"#,
            ),
            (
                r#"{"stream_options":{"x":1 },"model":"a","stream":true,"messages":[]}"#,
                r#"{"stream_options":{"x":1 ,"include_usage":true},"model":"a","stream":true,"messages":[]}"#,
            ),
            (
                r#"{"stream_options":{"include_usage":false},"model":"a","stream":true,"messages":[]}"#,
                r#"{"stream_options":{"include_usage":true},"model":"a","stream":true,"messages":[]}"#,
            ),
            (
                r#"{"stream_options":null,"model":"a","stream":true,"messages":[]}"#,
                r#"{"stream_options":{"include_usage":true},"model":"a","stream":true,"messages":[]}"#,
            ),
        ] {
            assert_eq!(edited(given, "a"), wanted);
        }
        let asked = r#"{"stream_options":{"include_usage":true},"model":"a","stream":true,"messages":[]}"#;
        assert_eq!(edited(asked, "a"), asked);
        let plain = r#"{"model":"a","messages":[]}"#;
        assert_eq!(edited(plain, "a"), plain);
    }

    #[test]
    fn refuses_what_two_parsers_could_read_differently() {
        for (body, param) in [
            (r#"{"model":"a","model":"b","messages":[]}"#, "model"),
            (r#"{"model":"a","mod\u0065l":"b","messages":[]}"#, "model"),
            (r#"{"model":"a","stream":true,"stream":false,"messages":[]}"#, "stream"),
            (r#"{"model":"a","max_tokens":1,"max_tokens":2,"messages":[]}"#, "max_tokens"),
            (r#"{"model":1,"messages":[]}"#, "model"),
            (r#"{"messages":[]}"#, "model"),
            (r#"{"model":"a"}"#, "messages"),
            (r#"{"model":"a","messages":null}"#, "messages"),
            (r#"{"model":"a","messages":[],"stream":"yes"}"#, "stream"),
            (r"[]", "body"),
            (r#"{"model":"a","messages":[]"#, "body"),
        ] {
            let fault = head(body.as_bytes(), "messages").unwrap_err();
            assert_eq!(fault.param.as_deref(), Some(param), "{body}");
            assert_eq!(fault.status(), 400);
        }
    }

    #[test]
    fn the_key_decides_before_the_status() {
        let quota =
            read_error(br#"{"error":{"message":"no","type":"insufficient_quota","code":"insufficient_quota"}}"#);
        assert_eq!(meaning(429, quota.as_ref()), Meaning::Account);
        assert_eq!(meaning(429, None), Meaning::RateLimited);
        assert_eq!(meaning(503, None), Meaning::Unavailable);
        assert_eq!(meaning(500, read_error(b"<html>").as_ref()), Meaning::Broken);
        let wrapped = read_error(br#"[{"error":{"code":400,"message":"bad"}}]"#).unwrap();
        assert_eq!(wrapped.code.as_deref(), Some("400"));
        let fault = fault(Meaning::Account, 401, quota, None);
        assert_eq!(fault.status(), 502);
    }
}
