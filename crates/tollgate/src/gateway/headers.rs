//! Which headers cross the gateway. Both directions are allow-lists.

use super::Route;
use crate::config::Provider;
use crate::message::Inbound;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What a caller may tell a vendor (contract §6); content headers are set apart.
const TO_VENDOR: [&str; 4] = ["anthropic-version", "anthropic-beta", "openai-beta", "idempotency-key"];

/// What a vendor may tell a caller. Rate limits, organisation and request ids are the operator's own.
const TO_CALLER: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
    HeaderName::from_static("openai-model"),
];

const AGENT: HeaderValue = HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const ANY: HeaderValue = HeaderValue::from_static("*/*");
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
const SIM: HeaderName = HeaderName::from_static("x-tollgate-sim");

/// Header lines for a vendor, but for the proof of the account.
pub(super) fn to_vendor(inbound: &Inbound, route: Route, stream: bool, provider: Option<&Provider>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    let content_type = if route.is_form() { inbound.headers.get(header::CONTENT_TYPE).cloned() } else { None };
    headers.insert(header::CONTENT_TYPE, content_type.unwrap_or(JSON));
    headers.insert(
        header::ACCEPT,
        match (route.is_form(), stream) {
            (true, _) => ANY,
            (false, true) => EVENTS,
            (false, false) => JSON,
        },
    );
    // A compressed stream could not be read beside its passing.
    headers.insert(header::ACCEPT_ENCODING, IDENTITY);
    headers.insert(header::USER_AGENT, AGENT);
    for name in TO_VENDOR {
        if let Some(value) = inbound.headers.get(name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    let more: &[HeaderName] = match provider {
        Some(provider) => &provider.forward_headers,
        None => &[SIM],
    };
    for name in more {
        for value in inbound.headers.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

/// The header lines of a vendor's answer that a caller may see.
pub(super) fn to_caller(vendor: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    for name in TO_CALLER {
        if let Some(value) = vendor.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers
}
