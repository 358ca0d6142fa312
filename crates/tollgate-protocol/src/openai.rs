//! What `OpenAI`'s routes share: the error envelope, the meaning of an error, and the model list.
//!
//! Source of the vendor facts: `OpenAI`'s published API description and official libraries, as of 2026-08 to 2026-11.

use crate::canonical::TokenLogprob;
use crate::codec::Refusal;
use crate::fault::{Fault, FaultKind, Meaning};
use crate::fields::{Fields, items};
use crate::scrub;
use crate::write::{List, Object};
use bytes::BytesMut;
use std::borrow::Cow;
use std::time::Duration;

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

/// The `type` of an error.
pub(crate) fn error_type(kind: FaultKind) -> &'static str {
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
        FaultKind::UpstreamBroken
        | FaultKind::UpstreamUnavailable
        | FaultKind::UpstreamOverloaded
        | FaultKind::UpstreamTimeout => "upstream_error",
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
        // xAI has its code beside.
        let code = value.get("code").and_then(serde_json::Value::as_str).map(scrub::text);
        return Some(VendorError { message: Some(scrub::text(text)), code, ..VendorError::default() });
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

/// A vendor's error answer: what it means, and the fault that the caller sees. `wait` is what its headers say.
pub fn refusal(status: u16, body: &[u8], wait: Option<Duration>) -> Refusal {
    let error = read_error(body);
    let is_error = error.is_some();
    let meaning = if (300..400).contains(&status) { Meaning::Broken } else { meaning(status, error.as_ref()) };
    let mut fault = fault(meaning, status, error, wait);
    if meaning == Meaning::Caller && is_error {
        fault.raw = Some(scrub::body(body));
    }
    Refusal { meaning, fault }
}

/// Codes of a failed response that are about what the caller sent.
const REJECTED: [&str; 14] = [
    "bio_policy",
    "invalid_image",
    "invalid_image_format",
    "invalid_base64_image",
    "invalid_image_url",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_content_policy_violation",
    "invalid_image_mode",
    "image_file_too_large",
    "unsupported_image_media_type",
    "empty_image_file",
    "image_file_not_found",
];

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
    } else if any(&["invalid_request_error", "invalid_prompt", "context_length_exceeded", "content_filter", "400"])
        || any(&REJECTED)
    {
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
        Meaning::Broken => Fault::failed(status, message.unwrap_or("The provider failed.".into())),
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

/// Reads a list of tokens with their log-probabilities.
pub(crate) fn read_logprobs(raw: &str) -> Result<Vec<TokenLogprob>, Fault> {
    let one = |fields: &Fields<'_>, top: Vec<TokenLogprob>| -> Result<TokenLogprob, Fault> {
        Ok(TokenLogprob {
            token: fields.text("token")?.unwrap_or_default().into_owned(),
            logprob: fields.number("logprob")?.unwrap_or_default(),
            top,
        })
    };
    let mut tokens = Vec::new();
    for item in items(raw, "logprobs")? {
        let fields = item.fields()?;
        let mut top = Vec::new();
        for other in fields.list("top_logprobs")?.unwrap_or_default() {
            top.push(one(&other.fields()?, Vec::new())?);
        }
        tokens.push(one(&fields, top)?);
    }
    Ok(tokens)
}

/// Writes them.
pub(crate) fn write_logprobs(list: &mut List<'_>, tokens: &[TokenLogprob]) {
    let one = |object: &mut Object<'_>, token: &TokenLogprob| {
        object.text("token", &token.token).number("logprob", token.logprob);
        let mut bytes = object.list("bytes");
        for byte in token.token.bytes() {
            bytes.raw(&byte.to_string());
        }
    };
    for token in tokens {
        let mut object = list.object();
        one(&mut object, token);
        let mut top = object.list("top_logprobs");
        for other in &token.top {
            one(&mut top.object(), other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let xai = read_error(br#"{"code":"invalid-argument","error":"Model not found: x"}"#).unwrap();
        assert_eq!(xai.code.as_deref(), Some("invalid-argument"));
        let fault = fault(Meaning::Account, 401, quota, None);
        assert_eq!(fault.status(), 502);
        let refused = refusal(400, br#"{"error":{"message":"bad org-ABCDEFGH12","param":"input"}}"#, None);
        assert_eq!((refused.meaning, refused.fault.param.as_deref()), (Meaning::Caller, Some("input")));
        assert_eq!(refused.fault.raw.unwrap(), br#"{"error":{"message":"bad ***","param":"input"}}"#);
        assert_eq!(refusal(302, b"", None).meaning, Meaning::Broken);
    }
}
