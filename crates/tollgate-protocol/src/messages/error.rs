//! What an error means, and writing one.

use crate::codec::Refusal;
use crate::fault::{Fault, FaultKind, Meaning};
use crate::json;
use crate::openai::{self, VendorError};
use crate::scrub;
use crate::write::{self, Object};
use bytes::BytesMut;
use std::time::Duration;

/// The status of a fault for a caller of this protocol, which has one of its own for overload.
pub fn status(fault: &Fault) -> u16 {
    match fault.kind {
        FaultKind::UpstreamOverloaded => 529,
        kind => kind.status(),
    }
}

/// The type of an error by its status.
fn error_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// Writes a fault as the body of an answer. The vendor's own body keeps everything but the vendor's id of the request.
pub fn write_fault(fault: &Fault, request_id: &str) -> Vec<u8> {
    let mut out = BytesMut::new();
    let passed = fault.raw.as_deref().is_some_and(|raw| with_id(raw, request_id, &mut out));
    if !passed {
        out.clear();
        envelope(fault, Some(request_id).filter(|id| !id.is_empty()), &mut out);
    }
    out.to_vec()
}

/// Writes a fault as the event that ends a stream.
pub fn write_fault_event(fault: &Fault, out: &mut BytesMut) {
    out.extend_from_slice(b"event: error\ndata: ");
    envelope(fault, None, out);
    out.extend_from_slice(b"\n\n");
}

fn envelope(fault: &Fault, request_id: Option<&str>, out: &mut BytesMut) {
    let mut body = write::object(out);
    body.text("type", "error");
    {
        let mut error = body.object("error");
        error.text("type", error_type(status(fault))).text("message", &fault.message);
        // Beside what the vendor says: for a machine, as on every other route of the gateway.
        error.text("code", &fault.code).text_if("param", fault.param.as_deref());
    }
    body.text_if("request_id", request_id);
}

/// Writes a vendor's error with another id of the request; whether it is one.
fn with_id(raw: &[u8], request_id: &str, out: &mut BytesMut) -> bool {
    let Ok(text) = std::str::from_utf8(raw) else { return false };
    let mut error = false;
    let mut copy = write::object(out);
    let mut keep = |copy: &mut Object<'_>, key: &str, value: &str| {
        error |= key == "error";
        if key != "request_id" {
            copy.raw(key, value);
        }
    };
    let read = json::object(raw, |member| {
        if let (Ok(key), Some(value)) = (std::str::from_utf8(&member.key()), text.get(member.range())) {
            keep(&mut copy, key, value);
        }
    });
    if !request_id.is_empty() {
        copy.text("request_id", request_id);
    }
    error && read.is_ok()
}

/// Reads a vendor's error answer: whose concern it is, and the fault as the caller is to see it.
pub fn refusal(status: u16, body: &[u8], wait: Option<Duration>) -> Refusal {
    let error = openai::read_error(body);
    let meaning = if (300..400).contains(&status) {
        Meaning::Broken
    } else {
        meaning(Some(status), error.as_ref(), wait.is_some())
    };
    let known = error.is_some();
    let mut fault = fault(meaning, status, error, wait);
    if meaning == Meaning::Caller && known {
        fault.raw = Some(scrub::body(body));
    }
    Refusal { meaning, fault }
}

/// The fault for an error object that came with a 200 or inside a stream.
pub(super) fn in_band(error: &[u8]) -> Fault {
    let error = openai::read_error(error).unwrap_or_default();
    let status = if error.kind.as_deref() == Some("timeout_error") { 504 } else { 400 };
    fault(meaning(None, Some(&error), false), status, Some(error), None)
}

/// What an error means. Its type decides before the status; of money the vendor speaks only in words.
fn meaning(status: Option<u16>, error: Option<&VendorError>, waits: bool) -> Meaning {
    let kind = error.and_then(|error| error.kind.as_deref()).unwrap_or_default();
    let says = |words: &str| error.and_then(|error| error.message.as_deref()).is_some_and(|text| text.contains(words));
    match kind {
        "authentication_error" | "permission_error" | "billing_error" => Meaning::Account,
        "invalid_request_error" if says("credit balance is too low") || says("usage limits. You will regain") => {
            Meaning::Account
        }
        // A monthly cap names no time to come back.
        "rate_limit_error" if !waits && (says("monthly") || says("spend limit")) => Meaning::Account,
        "rate_limit_error" => Meaning::RateLimited,
        "overloaded_error" => Meaning::Unavailable,
        "api_error" | "timeout_error" => Meaning::Broken,
        // A server that speaks this protocol may say so of anything; the vendor says so of requests only.
        "invalid_request_error" | "not_found_error" | "request_too_large" | "conflict_error"
            if !status.is_some_and(|status| matches!(status, 401..=403 | 429 | 500..)) =>
        {
            Meaning::Caller
        }
        _ => status.map_or(Meaning::Broken, |status| openai::meaning(status, None)),
    }
}

fn fault(meaning: Meaning, status: u16, error: Option<VendorError>, wait: Option<Duration>) -> Fault {
    let overloaded = status == 529 || error.as_ref().is_some_and(|e| e.kind.as_deref() == Some("overloaded_error"));
    let mut fault = openai::fault(meaning, status, error, wait);
    match meaning {
        Meaning::Unavailable if overloaded => fault.kind = FaultKind::UpstreamOverloaded,
        Meaning::Caller if is_context(&fault.message) => fault.code = "context_length_exceeded".into(),
        _ => {}
    }
    fault
}

/// The vendor has no type of its own for a conversation that is too long.
fn is_context(message: &str) -> bool {
    message.starts_with("prompt is too long") || message.contains("exceed context limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, kind: &str, message: &str, wait: Option<u64>) -> (Meaning, Fault) {
        let body = format!(
            r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_theirs"}}"#
        );
        let Refusal { meaning, fault } = refusal(status, body.as_bytes(), wait.map(Duration::from_secs));
        (meaning, fault)
    }

    #[test]
    fn the_type_decides_and_then_the_words() {
        for (status, kind, message, wait, meaning, seen) in [
            (400, "invalid_request_error", "max_tokens: Field required", None, Meaning::Caller, 400),
            (400, "invalid_request_error", "Your credit balance is too low to access", None, Meaning::Account, 502),
            (
                400,
                "invalid_request_error",
                "reached your API usage limits. You will regain",
                None,
                Meaning::Account,
                502,
            ),
            (401, "authentication_error", "invalid x-api-key", None, Meaning::Account, 502),
            (403, "permission_error", "no", None, Meaning::Account, 502),
            (401, "invalid_request_error", "bad key", None, Meaning::Account, 502),
            (429, "invalid_request_error", "slow down", Some(1), Meaning::RateLimited, 429),
            (404, "not_found_error", "model: x", None, Meaning::Caller, 404),
            (413, "request_too_large", "too large", None, Meaning::Caller, 413),
            (429, "rate_limit_error", "per-minute", Some(30), Meaning::RateLimited, 429),
            (429, "rate_limit_error", "monthly limit", None, Meaning::Account, 502),
            (500, "api_error", "Internal", None, Meaning::Broken, 502),
            (504, "timeout_error", "Request timed out", None, Meaning::Broken, 504),
            (529, "overloaded_error", "Overloaded", Some(3), Meaning::Unavailable, 529),
        ] {
            let (found, fault) = read(status, kind, message, wait);
            assert_eq!((found, super::status(&fault)), (meaning, seen), "{status} {kind}");
            assert_eq!(fault.retry_after, wait.map(Duration::from_secs));
        }
        let (_, long) = read(400, "invalid_request_error", "prompt is too long: 3 tokens > 2 maximum", None);
        assert_eq!(long.code, "context_length_exceeded");
        // The edge's pages are no JSON.
        assert_eq!(refusal(413, b"<html>", None).fault.status(), 413);
        assert_eq!(refusal(529, b"", None).fault.kind, FaultKind::UpstreamOverloaded);
    }

    #[test]
    fn written_with_the_gateways_id() {
        let text = |fault: &Fault| String::from_utf8(write_fault(fault, "req_ours")).unwrap();
        let (_, fault) = read(404, "not_found_error", "model: x of org-ABCDEFGH12", None);
        assert_eq!(
            text(&fault),
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: x of ***"},"request_id":"req_ours"}"#
        );
        let own = Fault::invalid("max_tokens", "no");
        assert_eq!(
            text(&own),
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"no","code":"invalid_request","param":"max_tokens"},"request_id":"req_ours"}"#
        );
        let broken = Fault { raw: Some(b"<html>".to_vec()), ..own.clone() };
        assert_eq!(text(&broken), text(&own));
    }
}
