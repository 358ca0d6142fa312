//! The Anthropic wire format: which call a request is, and what all answers of this vendor have in common.
//!
//! Routes on the tail of the path, so that any base path works. Never looks into a body.

mod ask;
mod check;
mod error;
mod messages;
mod models;

use serde_json::{Value, json};

use crate::{
    Request, Simulator,
    call::{Call, House, Stamp},
    script::Answer,
    steer::{BadSteer, Steer},
};
use ask::Ask;
use error::Failure;

/// The largest body that the vendor reads, in bytes.
const MOST_BYTES: usize = 32 << 20;

/// Anthropic as the maker of answers.
struct Anthropic;

impl House for Anthropic {
    fn headers(&self, stamp: &mut Stamp, content_type: &str) -> Vec<(&'static str, String)> {
        let reset = || "2026-01-01T00:00:00Z".to_owned();
        let left = ((900 + stamp.rng.below(99)) * 1_000).to_string();
        vec![
            ("content-type", content_type.to_owned()),
            ("anthropic-organization-id", error::ORGANIZATION.to_owned()),
            ("anthropic-ratelimit-requests-limit", "4000".to_owned()),
            ("anthropic-ratelimit-requests-remaining", "3999".to_owned()),
            ("anthropic-ratelimit-requests-reset", reset()),
            ("anthropic-ratelimit-tokens-limit", "1200000".to_owned()),
            ("anthropic-ratelimit-tokens-remaining", left.clone()),
            ("anthropic-ratelimit-tokens-reset", reset()),
            ("anthropic-ratelimit-input-tokens-limit", "1000000".to_owned()),
            ("anthropic-ratelimit-input-tokens-remaining", left),
            ("anthropic-ratelimit-input-tokens-reset", reset()),
            ("anthropic-ratelimit-output-tokens-limit", "200000".to_owned()),
            ("anthropic-ratelimit-output-tokens-remaining", "199000".to_owned()),
            ("anthropic-ratelimit-output-tokens-reset", reset()),
            ("request-id", stamp.id("req_011C", 20)),
        ]
    }

    fn broken(&self, stamp: &mut Stamp) -> String {
        error::in_the_middle().body(&stamp.id("req_011C", 20)).to_string()
    }
}

/// Whether the caller speaks to Anthropic: by path, or by header where the path is everybody's.
pub(crate) fn is_for(request: &Request<'_>) -> bool {
    let tail = request.path.trim_end_matches('/');
    let lists = tail.ends_with("/models") || tail.contains("/models/");
    call_at(tail).is_some() || (lists && request.header("anthropic-version").is_some())
}

/// What answers one kind of call.
type Act = fn(&mut Call<'_>) -> Result<Answer, Failure>;

fn call_at(tail: &str) -> Option<Act> {
    if tail.ends_with("/messages") {
        Some(messages::answer)
    } else if tail.ends_with("/messages/count_tokens") {
        Some(count_tokens)
    } else {
        None
    }
}

pub(crate) fn answer(simulator: &Simulator, request: &Request<'_>, steer: &Steer) -> Answer {
    let mut call = Call::new(simulator, request, steer, &Anthropic);
    let answer = refusal(&call).map_or_else(|| route(&mut call), Err);
    match answer {
        Ok(answer) => Answer { status: steer.status.unwrap_or(answer.status), ..answer },
        Err(failure) => failure.answer(&mut call.stamp),
    }
}

/// A steering header that cannot be understood is the caller's mistake, told as the vendor would.
pub(crate) fn bad_steer(simulator: &Simulator, request: &Request<'_>, bad: &BadSteer) -> Answer {
    Failure::invalid(bad.to_string()).answer(&mut Stamp::new(simulator, request))
}

fn refusal(call: &Call<'_>) -> Option<Failure> {
    let request = call.request;
    if call.simulator.wants_key && ["x-api-key", "authorization"].iter().all(|name| request.header(name).is_none()) {
        return Some(error::no_key());
    }
    let model = || {
        let body: Option<Value> = serde_json::from_slice(request.body).ok();
        body.and_then(|body| Some(body.get("model")?.as_str()?.to_owned())).unwrap_or_else(|| "this-model".to_owned())
    };
    // A status below 300 is a success; it is set on the answer.
    match (call.steer.error, call.steer.status) {
        (Some(refusal), status) => {
            let failure = error::refused(refusal, &model());
            Some(Failure { status: status.unwrap_or(failure.status), ..failure })
        }
        (None, Some(status)) if status >= 300 => Some(error::of_status(status, &model())),
        _ => None,
    }
}

fn route(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let (request, method) = (call.request, call.request.method);
    let tail = request.path.trim_end_matches('/');
    check::version(request)?;
    if let Some(act) = call_at(tail) {
        if request.body.len() > MOST_BYTES {
            return Err(error::too_large());
        }
        return if method == "POST" { act(call) } else { Err(error::wrong_method()) };
    }
    if method == "GET" { models::answer(call, tail) } else { Err(error::wrong_method()) }
}

fn count_tokens(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let ask = Ask::read(call, ask::Purpose::Counting)?;
    let tokens = ask.wish.prompt_tokens;
    let body = json!({"input_tokens": tokens}).to_string();
    Ok(call.plain(200, "application/json", body.into_bytes(), tokens, 0))
}
