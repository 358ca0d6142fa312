//! Answers of the gateway's own, and the headers that all its answers carry.

use crate::accounts::Rates;
use crate::clock::now_ms;
use crate::lines::Lines;
use crate::message::Answer;
use crate::money;
use crate::telemetry::Record;
use http::{HeaderName, HeaderValue, StatusCode, header};
use std::time::Duration;
use tollgate_protocol::codec::Protocol;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::video::{ark, kling};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// As Anthropic's libraries read it.
const MESSAGES_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const PROVIDER: HeaderName = HeaderName::from_static("x-tollgate-provider");
const MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-tollgate-attempts");
const COST: HeaderName = HeaderName::from_static("x-tollgate-cost-usd");
/// Rates of requests and of tokens: limit, remaining, reset.
static RATES: [[HeaderName; 3]; 2] = [
    [
        HeaderName::from_static("x-ratelimit-limit-requests"),
        HeaderName::from_static("x-ratelimit-remaining-requests"),
        HeaderName::from_static("x-ratelimit-reset-requests"),
    ],
    [
        HeaderName::from_static("x-ratelimit-limit-tokens"),
        HeaderName::from_static("x-ratelimit-remaining-tokens"),
        HeaderName::from_static("x-ratelimit-reset-tokens"),
    ],
];
/// The same by Anthropic's names.
static MESSAGES_RATES: [[HeaderName; 3]; 2] = [
    [
        HeaderName::from_static("anthropic-ratelimit-requests-limit"),
        HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
        HeaderName::from_static("anthropic-ratelimit-requests-reset"),
    ],
    [
        HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
        HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
        HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
    ],
];
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A new request id.
pub fn request_id() -> String {
    crate::ids::request(now_ms())
}

/// In whose form a caller is told of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// A protocol of conversations, or one that shares its envelope.
    Protocol(Protocol),
    /// Volcengine Ark.
    Ark,
    /// Kling.
    Kling,
}

impl From<Protocol> for Voice {
    fn from(protocol: Protocol) -> Self {
        Self::Protocol(protocol)
    }
}

impl Voice {
    /// The protocol whose headers are used.
    pub(super) fn protocol(self) -> Protocol {
        match self {
            Self::Protocol(protocol) => protocol,
            Self::Ark | Self::Kling => Protocol::Chat,
        }
    }

    fn write(self, fault: &Fault, request_id: &str) -> (u16, Vec<u8>) {
        match self {
            Self::Protocol(protocol) => {
                let codec = protocol.codec();
                (codec.status(fault), codec.write_fault(fault, request_id))
            }
            Self::Ark => (fault.status(), ark::write_error(fault)),
            Self::Kling => (fault.status(), kling::write_error(fault, request_id)),
        }
    }
}

/// The answer for a fault, in the envelope of the caller's protocol.
pub fn fault_answer(voice: impl Into<Voice>, fault: &Fault, request_id: &str) -> Answer {
    let voice = voice.into();
    let (status, body) = voice.write(fault, request_id);
    let protocol = voice.protocol();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let body = fault.raw.clone().unwrap_or(body);
    let mut answer = Answer::whole(status, "application/json", body);
    // A rate limit always comes with a time to wait, also where the vendor named none.
    let wait = fault.retry_after.or((fault.kind == FaultKind::RateLimited).then_some(Duration::from_secs(1)));
    if let Some(wait) = wait {
        // Whole seconds, rounded up: a caller that comes back too early only loses another round.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        answer.headers.push(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    if let Some(should) = fault.should_retry {
        answer.headers.push(SHOULD_RETRY, HeaderValue::from_static(if should { "true" } else { "false" }));
    }
    if fault.kind == FaultKind::Unauthenticated {
        answer.headers.push(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    name(&mut answer.headers, protocol, request_id);
    answer
}

/// Adds the request's id by the names that the caller's protocol has for it.
pub(super) fn name(headers: &mut Lines, protocol: Protocol, request_id: &str) {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        if protocol == Protocol::Messages {
            headers.push(MESSAGES_REQUEST_ID, id.clone());
        }
        headers.push(REQUEST_ID, id);
    }
}

/// Adds what the request costs, in nano-dollars.
pub(super) fn cost(headers: &mut Lines, amount: i64) {
    if let Ok(value) = HeaderValue::from_str(&money::print(amount)) {
        headers.push(COST, value);
    }
}

/// Adds what is left of the key's rates, as the caller's protocol tells it: Anthropic names a time, the others a
/// duration. Gemini has no such headers; `OpenAI`'s do no harm there.
pub(super) fn rate_headers(headers: &mut Lines, protocol: Protocol, rates: Rates) {
    let messages = protocol == Protocol::Messages;
    let names = if messages { &MESSAGES_RATES } else { &RATES };
    for (state, names) in [rates.requests, rates.tokens].into_iter().zip(names) {
        let Some(state) = state else { continue };
        let [limit, remaining, reset] = names;
        headers.push(limit.clone(), HeaderValue::from(state.limit));
        headers.push(remaining.clone(), HeaderValue::from(state.remaining));
        let text = if messages {
            let millis = i64::try_from(state.reset.as_millis()).unwrap_or_default();
            crate::clock::print(now_ms() + millis)
        } else {
            format!("{}ms", state.reset.as_millis())
        };
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.push(reset.clone(), value);
        }
    }
}

/// Adds what every data-plane answer says about itself, but for its id.
pub(super) fn mark(headers: &mut Lines, record: &Record) {
    let mut put = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.push(name, value);
        }
    };
    if !record.provider.is_empty() {
        put(PROVIDER, &record.provider);
        put(MODEL, &record.upstream_model);
    }
    headers.push(ATTEMPTS, HeaderValue::from(record.attempts));
}
