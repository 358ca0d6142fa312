//! What `OpenAI`'s routes share: the error envelope, the meaning of an error, and the model list.
//!
//! Source of the vendor facts: `OpenAI`'s published API description and official libraries, as of 2026-08 to 2026-11.

use crate::codec::Refusal;
use crate::fault::{Fault, FaultKind, Meaning};
use crate::scrub;
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
