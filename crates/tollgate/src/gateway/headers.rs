//! Which headers cross the gateway. Both directions are allow-lists.

use super::Route;
use crate::config::{Protocol, Provider};
use crate::lines::Lines;
use crate::message::Inbound;
use http::{HeaderName, HeaderValue, header};
use std::time::{Duration, SystemTime};

/// Longest hint when to come back that is passed on.
const MAX_WAIT: Duration = Duration::from_hours(24);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const ANY: HeaderValue = HeaderValue::from_static("*/*");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
/// Asked for by the vendor; the version that its plain HTTP examples name (2026-11).
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");
const SIM: HeaderName = HeaderName::from_static("x-tollgate-sim");

/// What a caller may tell a vendor (contract §6); content headers are set apart.
fn may_reach_vendor(name: &str) -> bool {
    matches!(name, "anthropic-version" | "anthropic-beta" | "openai-beta" | "idempotency-key")
}

/// What a vendor may tell a caller. Rate limits, organisation and request ids are the operator's own.
fn may_reach_caller(name: &str) -> bool {
    matches!(name, "content-type" | "openai-processing-ms" | "openai-version" | "openai-model")
}

/// What is said to a vendor, as far as headers depend on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spoken {
    pub(super) route: Route,
    pub(super) wire: Protocol,
    /// The caller speaks another protocol.
    pub(super) crosses: bool,
    pub(super) stream: bool,
}

/// Header lines for a vendor, but for the proof of the account.
pub(super) fn to_vendor(inbound: &Inbound, spoken: Spoken, provider: Option<&Provider>) -> Lines {
    let Spoken { route, wire, crosses, stream } = spoken;
    let mut lines = Lines::with_capacity(8);
    let content_type = if route.is_form() { inbound.headers.get(&header::CONTENT_TYPE).cloned() } else { None };
    lines.push(header::CONTENT_TYPE, content_type.unwrap_or(JSON));
    lines.push(
        header::ACCEPT,
        match (route.is_form(), stream) {
            (true, _) => ANY,
            (false, true) => EVENTS,
            (false, false) => JSON,
        },
    );
    // A compressed stream could not be read beside its passing.
    lines.push(header::ACCEPT_ENCODING, IDENTITY);
    lines.push(header::USER_AGENT, AGENT);
    let more: &[HeaderName] = match provider {
        Some(provider) => &provider.forward_headers,
        None => &[SIM],
    };
    for (name, value) in inbound.headers.iter() {
        // What a caller says to the vendor of its own protocol means nothing, or something else, to another.
        if (may_reach_vendor(name.as_str()) && !crosses) || more.contains(name) {
            lines.push(name.clone(), value.clone());
        }
    }
    if wire == Protocol::Messages && !lines.contains(&ANTHROPIC_VERSION) {
        lines.push(ANTHROPIC_VERSION, VERSION);
    }
    lines
}

/// The header lines of a vendor's answer that a caller may see.
pub(super) fn to_caller(vendor: &Lines) -> Lines {
    let mut lines = Lines::with_capacity(12);
    for (name, value) in vendor.iter() {
        if may_reach_caller(name.as_str()) && !lines.contains(name) {
            lines.push(name.clone(), value.clone());
        }
    }
    lines
}

/// The vendor's hint when to come back: milliseconds before seconds before a date.
pub(super) fn retry_after(headers: &Lines) -> Option<Duration> {
    let text = |name: &'static str| headers.text(&HeaderName::from_static(name)).map(str::trim);
    let number = |value: &str| value.parse::<f64>().ok();
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
    let milliseconds = text("retry-after-ms").and_then(number).and_then(|ms| seconds(ms / 1000.0));
    let wait = milliseconds.or_else(|| {
        let value = text("retry-after")?;
        if let Some(number) = number(value) {
            return seconds(number);
        }
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
        Some(SystemTime::from(date).duration_since(SystemTime::now()).unwrap_or_default())
    });
    wait.map(|wait| wait.min(MAX_WAIT))
}
