//! Answers of the gateway's own, and the headers that all its answers carry.

use crate::accounts::Rates;
use crate::clock::now_ms;
use crate::lines::Lines;
use crate::message::Answer;
use crate::money;
use crate::telemetry::Record;
use http::{HeaderName, HeaderValue, StatusCode, header};
use std::time::Duration;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::openai;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROVIDER: HeaderName = HeaderName::from_static("x-tollgate-provider");
const MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-tollgate-attempts");
const COST: HeaderName = HeaderName::from_static("x-tollgate-cost-usd");
static REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
static TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A new request id.
pub fn request_id() -> String {
    crate::ids::request(now_ms())
}

/// The answer for a fault, in `OpenAI`'s envelope.
pub fn fault_answer(fault: &Fault, request_id: &str) -> Answer {
    let status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::BAD_GATEWAY);
    let body = fault.raw.clone().unwrap_or_else(|| openai::write_error(fault));
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
    if !request_id.is_empty()
        && let Ok(id) = HeaderValue::from_str(request_id)
    {
        answer.headers.push(REQUEST_ID, id);
    }
    answer
}

/// Adds what the request costs, in nano-dollars.
pub(super) fn cost(headers: &mut Lines, amount: i64) {
    if let Ok(value) = HeaderValue::from_str(&money::print(amount)) {
        headers.push(COST, value);
    }
}

/// Adds what is left of the key's rates, as `OpenAI` tells it.
pub(super) fn rate_headers(headers: &mut Lines, rates: Rates) {
    for (state, names) in [(rates.requests, &REQUESTS), (rates.tokens, &TOKENS)] {
        let Some(state) = state else { continue };
        let [limit, remaining, reset] = names;
        headers.push(limit.clone(), HeaderValue::from(state.limit));
        headers.push(remaining.clone(), HeaderValue::from(state.remaining));
        if let Ok(value) = HeaderValue::from_str(&format!("{}ms", state.reset.as_millis())) {
            headers.push(reset.clone(), value);
        }
    }
}

/// Adds what every data-plane answer says about itself.
pub(super) fn mark(headers: &mut Lines, record: &Record) {
    let mut put = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.push(name, value);
        }
    };
    put(REQUEST_ID, &record.id);
    if !record.provider.is_empty() {
        put(PROVIDER, &record.provider);
        put(MODEL, &record.upstream_model);
    }
    headers.push(ATTEMPTS, HeaderValue::from(record.attempts));
}
