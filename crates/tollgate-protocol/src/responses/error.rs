//! Errors of the vendor, and faults in the protocol's own words.
//!
//! A stream that fails says so twice, as the vendor's does: an `error` event and `response.failed`. Recorded `error`
//! events hold an object `error`, the API description wants its members beside `type`; ours have both, so that typed
//! readers take the event and the official libraries raise.

use super::whole::{self, Whole};
use crate::fault::{Fault, FaultKind};
use crate::openai::{self, VendorError};
use crate::write;
use bytes::BytesMut;

/// The fault for an error that came with a 200 or inside a stream: `{"error":{…}}`, the same members bare, or a
/// response's `error` alone.
pub(super) fn in_band(body: &[u8]) -> Fault {
    of(openai::read_error(body).unwrap_or_default())
}

/// The fault for an error that stands in a whole response.
pub(super) fn failed(error: Option<&[u8]>) -> Fault {
    of(error.and_then(openai::read_error).unwrap_or_default())
}

fn of(error: VendorError) -> Fault {
    let meaning = openai::meaning_in_band(&error);
    openai::fault(meaning, 400, Some(error), None)
}

/// What the stream said of its response, as far as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Begun {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) created: i64,
}

/// Writes the end of a stream that failed. Events are numbered from `sequence`; nothing is said of a response that
/// has not begun.
pub(super) fn write_failure(fault: &Fault, begun: Option<&Begun>, sequence: u64, out: &mut BytesMut) {
    event(out, "error", |data| {
        let param = fault.param.as_deref();
        data.text("type", "error").whole("sequence_number", sequence);
        data.text("code", &fault.code).text("message", &fault.message).text_or_null("param", param);
        let mut inner = data.object("error");
        inner.text("type", openai::error_type(fault.kind)).text("code", &fault.code);
        inner.text("message", &fault.message).text_or_null("param", param);
    });
    let Some(begun) = begun else { return };
    event(out, "response.failed", |data| {
        data.text("type", "response.failed").whole("sequence_number", sequence.saturating_add(1));
        let mut response = data.object("response");
        let error = (code(fault.kind), &*fault.message);
        let whole =
            Whole { status: "failed", error: Some(error), ..Whole::new(&begun.id, &begun.model, begun.created) };
        whole::write(&mut response, &whole, |_| {});
    });
}

/// The codes that a failed response may have.
fn code(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::RateLimited => "rate_limit_exceeded",
        FaultKind::InvalidRequest | FaultKind::Rejected(_) | FaultKind::TooLarge => "invalid_prompt",
        FaultKind::Unauthenticated
        | FaultKind::BudgetExceeded
        | FaultKind::Forbidden
        | FaultKind::NotFound
        | FaultKind::MethodNotAllowed
        | FaultKind::Conflict
        | FaultKind::Contradiction
        | FaultKind::RequestTimeout
        | FaultKind::UpstreamBroken
        | FaultKind::UpstreamUnavailable
        | FaultKind::UpstreamOverloaded
        | FaultKind::UpstreamTimeout
        | FaultKind::Unavailable
        | FaultKind::Internal => "server_error",
    }
}

/// Writes one event: its name, and an object as its data.
pub(super) fn event(out: &mut BytesMut, name: &str, fill: impl FnOnce(&mut write::Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    fill(&mut write::object(out));
    out.extend_from_slice(b"\n\n");
}
