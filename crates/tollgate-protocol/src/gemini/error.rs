//! Google's error envelope: what a vendor's error means, and a fault written as one.
//!
//! The machine-readable parts decide before the HTTP status: a bad key is a 400. `details` hold the key in clear, the
//! project's number and internal traces; of them a caller sees only what is about the request. Facts: recorded
//! errors of both APIs and Google's list of status names, 2026-11.

use crate::codec::Refusal;
use crate::fault::{Fault, FaultKind, Meaning};
use crate::scrub;
use crate::write;
use bytes::BytesMut;
use serde_json::Value;
use std::time::Duration;

/// An error as the vendor wrote it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct VendorError {
    /// `error.code`, an HTTP status.
    code: Option<u16>,
    /// `error.status`, a name.
    status: Option<String>,
    /// For a person, account data taken out.
    message: Option<String>,
    /// `reason` of the first `ErrorInfo`.
    reason: Option<String>,
    /// What `RetryInfo` says.
    retry: Option<Duration>,
    /// The quota is one for a day, or there is none at all: asking again soon is of no use.
    lasting: bool,
    /// It says something of the account's place or bill, anywhere in it.
    of_account: bool,
    /// The same error without what is not the caller's business.
    clean: Vec<u8>,
}

/// Details that are about the request.
const TOLD: [&str; 2] = ["google.rpc.BadRequest", "google.rpc.LocalizedMessage"];

/// Reads `{"error":{…}}`, alone or as the first element of a list; `None` where there is no such thing.
pub(super) fn read(body: &[u8]) -> Option<VendorError> {
    let value: Value = serde_json::from_slice(body.trim_ascii()).ok()?;
    let value = value.as_array().and_then(|list| list.first()).unwrap_or(&value);
    let error = value.get("error")?;
    if let Some(text) = error.as_str() {
        return Some(VendorError { message: Some(scrub::text(text)), ..VendorError::default() });
    }
    let members = error.as_object()?;
    let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut found = VendorError {
        code: members.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok()),
        status: text("status").map(str::to_owned),
        message: text("message").map(scrub::text),
        ..VendorError::default()
    };
    let mut told = Vec::new();
    for detail in members.get("details").and_then(Value::as_array).into_iter().flatten() {
        found.take(detail);
        let kind = detail.get("@type").and_then(Value::as_str).unwrap_or_default();
        if TOLD.iter().any(|name| kind.ends_with(name)) {
            told.push(detail.clone());
        }
    }
    let whole = String::from_utf8_lossy(body).to_ascii_lowercase();
    found.of_account = whole.contains("user location") || whole.contains("billing");
    let mut kept = members.clone();
    kept.remove("details");
    if !told.is_empty() {
        kept.insert("details".to_owned(), Value::Array(told));
    }
    found.clean = scrub::body(serde_json::json!({ "error": kept }).to_string().as_bytes());
    Some(found)
}

impl VendorError {
    fn take(&mut self, detail: &Value) {
        let text = |name: &str| detail.get(name).and_then(Value::as_str);
        if let Some(reason) = text("reason") {
            self.reason.get_or_insert_with(|| reason.to_owned());
        }
        if let Some(seconds) = text("retryDelay").and_then(|delay| delay.strip_suffix('s')) {
            let seconds = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            self.retry = seconds.or(self.retry);
        }
        let limit = detail.pointer("/metadata/quota_limit_value").and_then(Value::as_str);
        self.lasting |= limit == Some("0");
        for violation in detail.get("violations").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| violation.get(name).and_then(Value::as_str).unwrap_or_default();
            self.lasting |= text("quotaId").contains("PerDay") || text("quotaValue") == "0";
        }
    }

    /// What it means. `http` is the answer's own status, not known inside a stream.
    pub(super) fn meaning(&self, http: Option<u16>) -> Meaning {
        let reason = self.reason.as_deref().unwrap_or_default();
        if reason.starts_with("API_KEY_") || ACCOUNT.contains(&reason) {
            return Meaning::Account;
        }
        match self.status.as_deref().unwrap_or_default() {
            "UNAUTHENTICATED" | "PERMISSION_DENIED" => return Meaning::Account,
            "FAILED_PRECONDITION" if self.of_account => return Meaning::Account,
            "RESOURCE_EXHAUSTED" => return Meaning::RateLimited,
            "UNAVAILABLE" => return Meaning::Unavailable,
            "INTERNAL" | "UNKNOWN" | "DATA_LOSS" | "CANCELLED" | "DEADLINE_EXCEEDED" => return Meaning::Broken,
            "INVALID_ARGUMENT"
            | "FAILED_PRECONDITION"
            | "OUT_OF_RANGE"
            | "NOT_FOUND"
            | "ALREADY_EXISTS"
            | "ABORTED"
            | "UNIMPLEMENTED" => return Meaning::Caller,
            _ => {}
        }
        of_status(http.or(self.code).unwrap_or(500))
    }

    /// The fault that the caller sees. `status` is the vendor's; `wait` is what its headers say.
    pub(super) fn fault(self, meaning: Meaning, status: u16, wait: Option<Duration>) -> Fault {
        let Self { status: name, message, retry, lasting, clean, .. } = self;
        let wait = wait.or(retry);
        match meaning {
            Meaning::Caller => {
                let status = if (400..500).contains(&status) { status } else { 400 };
                let message = message.unwrap_or_else(|| "The provider refused the request.".to_owned());
                let code = if too_long(&message) {
                    "context_length_exceeded".to_owned()
                } else {
                    name.map_or_else(|| "upstream_rejected".to_owned(), |name| name.to_ascii_lowercase())
                };
                let mut fault = Fault::new(FaultKind::Rejected(status), code, message);
                fault.raw = Some(clean).filter(|clean| !clean.is_empty());
                fault
            }
            Meaning::Account => Fault::broken("upstream_account_error", "The provider refused this gateway's account."),
            Meaning::RateLimited => {
                let message = message.unwrap_or_else(|| "The provider's rate limit is reached.".to_owned());
                let mut fault = Fault::new(FaultKind::RateLimited, "upstream_rate_limited", message).after(wait);
                if lasting {
                    fault = fault.retry(false);
                }
                fault
            }
            Meaning::Unavailable => {
                let message = message.unwrap_or_else(|| "The provider is overloaded.".to_owned());
                Fault::new(FaultKind::UpstreamUnavailable, "upstream_unavailable", message).after(wait)
            }
            Meaning::Broken => Fault::failed(status, message.unwrap_or_else(|| "The provider failed.".to_owned())),
        }
    }
}

/// Reasons that mean the operator's account, whatever the status.
const ACCOUNT: [&str; 9] = [
    "SERVICE_DISABLED",
    "IAM_PERMISSION_DENIED",
    "BILLING_DISABLED",
    "CONSUMER_INVALID",
    "CONSUMER_SUSPENDED",
    "ACCOUNT_STATE_INVALID",
    "ACCESS_TOKEN_EXPIRED",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "CREDENTIALS_MISSING",
];

fn of_status(status: u16) -> Meaning {
    match status {
        401..=403 => Meaning::Account,
        429 => Meaning::RateLimited,
        400..=498 => Meaning::Caller,
        503 => Meaning::Unavailable,
        _ => Meaning::Broken,
    }
}

/// The input is more than the model takes.
fn too_long(message: &str) -> bool {
    message.contains("input token count") && message.contains("exceeds the maximum number of tokens")
}

/// Reads an error answer. `wait` is what its headers say about when to come back.
pub fn refusal(status: u16, body: &[u8], wait: Option<Duration>) -> Refusal {
    let error = read(body);
    let meaning = match &error {
        _ if (300..400).contains(&status) => Meaning::Broken,
        Some(error) => error.meaning(Some(status)),
        None => of_status(status),
    };
    Refusal { meaning, fault: error.unwrap_or_default().fault(meaning, status, wait) }
}

/// The fault for an error that came with a 200 or inside a stream; `None` where `text` is no error.
pub(super) fn in_band(text: &[u8]) -> Option<Fault> {
    let error = read(text)?;
    let meaning = error.meaning(None);
    let status = error.code.unwrap_or(400);
    Some(error.fault(meaning, status, None))
}

/// The name that Google has for a fault.
fn status_name(fault: &Fault) -> &'static str {
    match fault.kind {
        FaultKind::InvalidRequest | FaultKind::TooLarge | FaultKind::Contradiction => "INVALID_ARGUMENT",
        FaultKind::Unauthenticated => "UNAUTHENTICATED",
        FaultKind::Forbidden => "PERMISSION_DENIED",
        FaultKind::NotFound => "NOT_FOUND",
        FaultKind::MethodNotAllowed => "UNIMPLEMENTED",
        FaultKind::Conflict => "ABORTED",
        FaultKind::BudgetExceeded | FaultKind::RateLimited => "RESOURCE_EXHAUSTED",
        FaultKind::RequestTimeout | FaultKind::UpstreamTimeout => "DEADLINE_EXCEEDED",
        FaultKind::Rejected(404) => "NOT_FOUND",
        FaultKind::Rejected(403) => "PERMISSION_DENIED",
        FaultKind::Rejected(409) => "ABORTED",
        FaultKind::Rejected(_) => "INVALID_ARGUMENT",
        FaultKind::UpstreamBroken
        | FaultKind::UpstreamUnavailable
        | FaultKind::UpstreamOverloaded
        | FaultKind::Unavailable => "UNAVAILABLE",
        FaultKind::Internal => "INTERNAL",
    }
}

/// Writes a fault as Google's error body. What its envelope has no member for stands in `details`: the code, the field,
/// the time to wait. Its libraries tell an error by `error` being the first member.
pub fn write_error(fault: &Fault, request_id: &str) -> Vec<u8> {
    let mut out = BytesMut::with_capacity(512);
    {
        let mut body = write::object(&mut out);
        let mut error = body.object("error");
        error.whole("code", fault.status()).text("message", &fault.message).text("status", status_name(fault));
        let mut details = error.list("details");
        let info = |details: &mut write::List<'_>, kind: &str, fill: &dyn Fn(&mut write::Object<'_>)| {
            let mut detail = details.object();
            detail.text("@type", &format!("type.googleapis.com/google.rpc.{kind}"));
            fill(&mut detail);
        };
        info(&mut details, "ErrorInfo", &|detail| {
            detail.text("reason", &fault.code).text("domain", "tollgate");
        });
        if let Some(param) = &fault.param {
            info(&mut details, "BadRequest", &|detail| {
                let mut list = detail.list("fieldViolations");
                list.object().text("field", param).text("description", &fault.message);
            });
        }
        if let Some(wait) = fault.retry_after {
            info(&mut details, "RetryInfo", &|detail| {
                detail.text("retryDelay", &format!("{}s", wait.as_secs_f64()));
            });
        }
        if !request_id.is_empty() {
            info(&mut details, "RequestInfo", &|detail| {
                detail.text("requestId", request_id);
            });
        }
    }
    out.to_vec()
}

/// Writes a fault as an event of a stream.
pub(super) fn write_error_event(fault: &Fault, out: &mut BytesMut) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(&write_error(fault, ""));
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> (Meaning, u16, String) {
        let refusal = refusal(status, body.as_bytes(), None);
        (refusal.meaning, refusal.fault.status(), refusal.fault.message.into_owned())
    }

    #[test]
    fn the_machine_readable_part_decides() {
        let bad_key = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"},{"@type":"type.googleapis.com/google.rpc.DebugInfo","detail":"key AIzaSyABCDEFGH123"}]}}"#;
        assert_eq!(told(400, bad_key), (Meaning::Account, 502, "The provider refused this gateway's account.".into()));
        let place = r#"[{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}]"#;
        assert_eq!(told(400, place).0, Meaning::Account);
        let file = r#"{"error":{"code":400,"message":"The File abc is not in an ACTIVE state.","status":"FAILED_PRECONDITION"}}"#;
        assert_eq!(told(400, file).0, Meaning::Caller);
        for (status, name, meaning, seen) in [
            (400, "INVALID_ARGUMENT", Meaning::Caller, 400),
            (401, "UNAUTHENTICATED", Meaning::Account, 502),
            (403, "PERMISSION_DENIED", Meaning::Account, 502),
            (404, "NOT_FOUND", Meaning::Caller, 404),
            (429, "RESOURCE_EXHAUSTED", Meaning::RateLimited, 429),
            (499, "CANCELLED", Meaning::Broken, 502),
            (500, "INTERNAL", Meaning::Broken, 502),
            (503, "UNAVAILABLE", Meaning::Unavailable, 503),
            (504, "DEADLINE_EXCEEDED", Meaning::Broken, 504),
        ] {
            let body = format!(r#"{{"error":{{"code":{status},"message":"m","status":"{name}"}}}}"#);
            assert_eq!(
                told(status, &body),
                (
                    meaning,
                    seen,
                    if seen == 502 && meaning == Meaning::Account {
                        "The provider refused this gateway's account.".into()
                    } else {
                        "m".to_owned()
                    }
                ),
                "{name}"
            );
            let fault = in_band(body.as_bytes()).unwrap();
            assert_eq!(fault.status(), seen, "{name}");
        }
        assert_eq!(
            (told(402, "<html>").0, told(503, "").0, told(302, bad_key).0),
            (Meaning::Account, Meaning::Unavailable, Meaning::Broken)
        );
    }

    #[test]
    fn waits_and_quotas_that_last() {
        let minute = r#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier","quotaValue":"10"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.4s"}]}}"#;
        let fault = refusal(429, minute.as_bytes(), None).fault;
        assert_eq!((fault.retry_after, fault.should_retry), (Some(Duration::from_millis(34_400)), None));
        let day = minute.replace("PerMinute", "PerDay").replace("34.4s", "-1s");
        let fault = refusal(429, day.as_bytes(), None).fault;
        assert_eq!((fault.retry_after, fault.should_retry), (None, Some(false)));
    }

    #[test]
    fn a_caller_sees_its_own_business_only() {
        let body = r#"{"error":{"code":400,"message":"bad field for projects/104512345678","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.DebugInfo","detail":"trace"},{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"contents"}]}]}}"#;
        let fault = refusal(400, body.as_bytes(), None).fault;
        let raw = String::from_utf8(fault.raw.unwrap()).unwrap();
        assert_eq!(
            raw,
            r#"{"error":{"code":400,"message":"bad field for projects/***","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"contents"}]}]}}"#
        );
        let long = r#"{"error":{"code":400,"message":"The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#;
        assert_eq!(refusal(400, long.as_bytes(), None).fault.code, "context_length_exceeded");
    }

    #[test]
    fn a_fault_as_google_writes_it() {
        let fault = Fault::invalid("contents", "'contents' is missing.").after(Some(Duration::from_secs(2)));
        let value: Value = serde_json::from_slice(&write_error(&fault, "r1")).unwrap();
        assert_eq!((&value["error"]["code"], &value["error"]["status"]), (&400.into(), &"INVALID_ARGUMENT".into()));
        assert_eq!(value["error"]["details"][0]["reason"], "invalid_request");
        assert_eq!(value["error"]["details"][1]["fieldViolations"][0]["field"], "contents");
        assert_eq!(value["error"]["details"][2]["retryDelay"], "2s");
        assert_eq!(value["error"]["details"][3]["requestId"], "r1");
        let mut out = BytesMut::new();
        write_error_event(&Fault::broken("upstream_error", "y"), &mut out);
        assert!(out.starts_with(b"data: {\"error\":{\"code\":502,") && out.ends_with(b"}}\n\n"));
    }
}
