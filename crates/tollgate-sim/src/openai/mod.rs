//! The `OpenAI` wire formats: which call a request is, and what all answers of this vendor have in common.
//!
//! Routes on the tail of the path, so that any base path works. Never looks into a body.

mod audio;
mod chat;
pub(crate) mod check;
mod embeddings;
pub(crate) mod error;
mod models;
mod responses;
mod strict;

use serde_json::Value;

use crate::{
    Request, Simulator,
    call::{Call, House, Stamp},
    script::Answer,
    steer::{BadSteer, Dialect, Steer},
};
use error::Failure;
pub(crate) use responses::Memory;

/// `OpenAI` as the maker of answers.
pub(crate) struct OpenAi;

impl House for OpenAi {
    fn headers(&self, stamp: &mut Stamp, content_type: &str) -> Vec<(&'static str, String)> {
        vec![
            ("content-type", content_type.to_owned()),
            ("openai-organization", error::ORGANIZATION.to_owned()),
            ("openai-processing-ms", (20 + stamp.rng.below(900)).to_string()),
            ("openai-version", "2020-10-01".to_owned()),
            ("x-ratelimit-limit-requests", "10000".to_owned()),
            ("x-ratelimit-limit-tokens", "2000000".to_owned()),
            ("x-ratelimit-remaining-requests", "9999".to_owned()),
            ("x-ratelimit-remaining-tokens", (1_900_000 + stamp.rng.below(99_000)).to_string()),
            ("x-ratelimit-reset-requests", "6ms".to_owned()),
            ("x-ratelimit-reset-tokens", "0s".to_owned()),
            ("x-request-id", stamp.hex("req_", 32)),
        ]
    }

    fn broken(&self, _: &mut Stamp) -> String {
        error::in_the_middle().body().to_string()
    }
}

/// What answers one kind of call.
type Act = fn(&mut Call<'_>) -> Result<Answer, Failure>;

/// The calls that are a POST, by the end of their path.
const CALLS: &[(&str, Act)] = &[
    ("/chat/completions", chat::answer),
    ("/embeddings", embeddings::answer),
    ("/audio/transcriptions", audio::transcribe),
    ("/audio/translations", audio::translate),
];

pub(crate) fn answer(simulator: &Simulator, request: &Request<'_>, steer: &Steer) -> Answer {
    let house: &'static dyn House = match chat::deepseek::dialect_of(request, steer) {
        Dialect::OpenAi => &OpenAi,
        Dialect::DeepSeek => &chat::deepseek::DeepSeek,
    };
    let mut call = Call::new(simulator, request, steer, house);
    let answer = refusal(&call).map_or_else(|| route(&mut call), Err);
    match answer {
        Ok(answer) => Answer { status: steer.status.unwrap_or(answer.status), ..answer },
        Err(failure) => failure.answer(call.house, &mut call.stamp),
    }
}

/// A steering header that cannot be understood is the caller's mistake, told as the vendor would.
pub(crate) fn bad_steer(simulator: &Simulator, request: &Request<'_>, bad: &BadSteer) -> Answer {
    Failure::steered(bad.to_string()).answer(&OpenAi, &mut Stamp::new(simulator, request))
}

fn refusal(call: &Call<'_>) -> Option<Failure> {
    if call.simulator.wants_key && ["authorization", "api-key"].iter().all(|name| call.request.header(name).is_none()) {
        return Some(error::no_key());
    }
    let model = || {
        let body: Option<Value> = serde_json::from_slice(call.request.body).ok();
        body.and_then(|body| Some(body.get("model")?.as_str()?.to_owned())).unwrap_or_else(|| "this model".to_owned())
    };
    let deepseek = chat::deepseek::dialect_of(call.request, call.steer) == Dialect::DeepSeek;
    // A status below 300 is a success; it is set on the answer.
    match (call.steer.error, call.steer.status) {
        (Some(refusal), status) => {
            let failure = match responses::asked(call.request.path.trim_end_matches('/')) {
                None if deepseek => chat::deepseek::refused(refusal),
                Some(_) => error::refused_in_responses(refusal, &model()),
                None => error::refused(refusal, &model()),
            };
            Some(Failure { status: status.unwrap_or(failure.status), ..failure })
        }
        (None, Some(status)) if status >= 300 && deepseek => Some(chat::deepseek::of_status(status)),
        (None, Some(status)) if status >= 300 => Some(error::of_status(status, &model())),
        _ => None,
    }
}

fn route(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let (method, path) = (call.request.method, call.request.path);
    let tail = path.trim_end_matches('/');
    if let Some((_, act)) = CALLS.iter().find(|(end, _)| tail.ends_with(end)) {
        return if method == "POST" { act(call) } else { Err(error::wrong_method(method, path, "POST")) };
    }
    if let Some(asked) = responses::asked(tail) {
        return responses::answer(call, asked);
    }
    match models::asked(tail) {
        Some(asked) if method == "GET" => Ok(models::answer(call, asked)),
        Some(_) => Err(error::wrong_method(method, path, "GET")),
        None => Err(error::no_such_url(method, path)),
    }
}

/// A JSON body as an object.
pub(crate) fn object(body: &[u8]) -> Result<serde_json::Map<String, Value>, Failure> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(error::not_json()),
    }
}

/// The name of a model; every call but listing needs one.
fn model_name(fields: &serde_json::Map<String, Value>) -> Result<String, Failure> {
    match fields.get("model") {
        Some(Value::String(model)) if !model.is_empty() => Ok(model.clone()),
        None | Some(Value::Null | Value::String(_)) => Err(Failure::plain("you must provide a model parameter")),
        Some(other) => Err(error::wrong_type("model", "a string", other)),
    }
}

#[cfg(test)]
mod tests;
