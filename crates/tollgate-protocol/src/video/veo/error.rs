//! Errors, both ways.

use crate::fault::{Fault, FaultKind};
use crate::scrub;
use crate::video::{Meaning, Refusal};
use serde_json::{Value, json};
use std::time::Duration;

/// What an error answer means. A bad key is a 400 there.
pub fn refusal(status: u16, body: &[u8]) -> Refusal {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let value = value.as_array().and_then(|list| list.first()).unwrap_or(&value);
    let error = value.get("error").unwrap_or(value);
    let code = error.get("status").and_then(Value::as_str).unwrap_or_default();
    let details = error.get("details").and_then(Value::as_array);
    let details = || details.into_iter().flatten();
    let text = |name: &'static str| details().find_map(move |detail| detail.get(name)?.as_str());
    let reason = text("reason").unwrap_or_default();
    let message = scrub::text(error.get("message").and_then(Value::as_str).unwrap_or_default());
    let wait = text("retryDelay").and_then(|delay| delay.strip_suffix('s')?.parse::<f64>().ok());
    let wait = wait.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let meaning = match (status, code) {
        (400, _) if reason.starts_with("API_KEY") => Meaning::Account,
        (400, "FAILED_PRECONDITION") => Meaning::Account,
        (401..=403, _) => Meaning::Account,
        (404, _) => Meaning::Missing,
        (429, _) => Meaning::RateLimited,
        (400, _) if is_policy(&message) => Meaning::Policy,
        (400..=499, _) => Meaning::Caller,
        _ => Meaning::Doubtful,
    };
    Refusal { meaning, code: code.to_owned(), message, wait }
}

/// Google has no code of its own for content that it will not make.
pub(super) fn is_policy(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    ["usage guidelines", "responsible ai", "safety", "sensitive", "prohibited", "violat"]
        .iter()
        .any(|word| lower.contains(word))
}

/// Writes a fault as Google does.
pub fn write_error(fault: &Fault) -> Vec<u8> {
    let status = match fault.kind {
        FaultKind::InvalidRequest
        | FaultKind::TooLarge
        | FaultKind::MethodNotAllowed
        | FaultKind::RequestTimeout
        | FaultKind::Contradiction => "INVALID_ARGUMENT",
        FaultKind::Unauthenticated => "UNAUTHENTICATED",
        FaultKind::BudgetExceeded | FaultKind::RateLimited => "RESOURCE_EXHAUSTED",
        FaultKind::Forbidden => "PERMISSION_DENIED",
        FaultKind::NotFound | FaultKind::Rejected(404) => "NOT_FOUND",
        FaultKind::Conflict => "ABORTED",
        FaultKind::Rejected(_) => "INVALID_ARGUMENT",
        FaultKind::UpstreamUnavailable | FaultKind::UpstreamOverloaded | FaultKind::Unavailable => "UNAVAILABLE",
        FaultKind::UpstreamTimeout => "DEADLINE_EXCEEDED",
        FaultKind::UpstreamBroken | FaultKind::Internal => "INTERNAL",
    };
    let mut details = vec![json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": fault.code, "domain": "tollgate",
    })];
    if let Some(param) = &fault.param {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{ "field": param, "description": fault.message }],
        }));
    }
    let error = json!({ "code": fault.status(), "message": fault.message, "status": status, "details": details });
    json!({ "error": error }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings() {
        let meaning = |status: u16, code: &str, reason: &str| {
            let body = json!([{ "error": { "code": status, "status": code, "message": "m", "details": [{ "reason": reason }] } }]);
            refusal(status, body.to_string().as_bytes()).meaning
        };
        assert_eq!(meaning(400, "INVALID_ARGUMENT", ""), Meaning::Caller);
        assert_eq!(meaning(400, "INVALID_ARGUMENT", "API_KEY_INVALID"), Meaning::Account);
        assert_eq!(meaning(403, "PERMISSION_DENIED", ""), Meaning::Account);
        assert_eq!(meaning(404, "NOT_FOUND", ""), Meaning::Missing);
        assert_eq!(meaning(503, "UNAVAILABLE", ""), Meaning::Doubtful);
        let limited = br#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"34.4s"}]}}"#;
        assert_eq!(refusal(429, limited).wait, Some(Duration::from_millis(34_400)));
    }
}
