//! The Gemini wire format, on the Gemini API's paths and on Vertex's: which call a request is, and what all answers of
//! this vendor have in common.
//!
//! Routes on what follows the last `/models/`, so that any base path works. Never looks into a body.

mod ask;
mod check;
mod count;
mod embed;
pub(crate) mod error;
mod generate;
mod models;

use serde_json::Value;

use crate::{
    Request, Simulator,
    call::{Call, House, Stamp},
    content::decoded,
    script::Answer,
    steer::{BadSteer, Steer},
};
use check::Fields;
use error::{About, Failure};

/// Google as the maker of answers.
pub(crate) struct Gemini;

impl House for Gemini {
    fn headers(&self, stamp: &mut Stamp, content_type: &str) -> Vec<(&'static str, String)> {
        vec![
            ("content-type", content_type.to_owned()),
            ("server-timing", format!("gfet4t7; dur={}", 40 + stamp.rng.below(900))),
            ("vary", "Origin, X-Origin, Referer".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            ("x-frame-options", "SAMEORIGIN".to_owned()),
            ("x-xss-protection", "0".to_owned()),
        ]
    }

    fn broken(&self, _: &mut Stamp) -> String {
        format!("{:#}\n", error::in_the_middle().body())
    }
}

/// What the path of a request names.
#[derive(Debug, Clone)]
struct Target {
    /// Without `models/`.
    model: String,
    verb: String,
    /// On one of Vertex's paths.
    vertex: bool,
}

impl Target {
    /// Of a path that ends in `…/models/NAME:verb`.
    fn of(path: &str) -> Option<Self> {
        let (before, last) = path.trim_end_matches('/').rsplit_once("models/")?;
        let (model, verb) = last.rsplit_once(':')?;
        let (model, verb) = (decoded(model), decoded(verb));
        (!model.is_empty()).then(|| Self { model, verb, vertex: before.contains("/publishers/") })
    }
}

/// What answers one kind of call.
type Act = fn(&mut Call<'_>, &Target) -> Result<Answer, Failure>;

const CALLS: &[(&str, Act)] = &[
    ("generateContent", generate::answer),
    ("streamGenerateContent", generate::answer),
    ("countTokens", count::answer),
    ("embedContent", embed::one),
    ("batchEmbedContents", embed::many),
];

/// Whether the caller speaks to Google: by the verb, by the version in the path, or by the key.
pub(crate) fn is_for(request: &Request<'_>) -> bool {
    if Target::of(request.path).is_some_and(|target| CALLS.iter().any(|(verb, _)| *verb == target.verb)) {
        return true;
    }
    let path = request.path;
    let versioned = path.contains("/v1beta/") || path.contains("/publishers/google/");
    let lists = path.trim_end_matches('/').ends_with("/models") || path.contains("/models/");
    let keyed = request.header("x-goog-api-key").is_some() || request.parameter("key").is_some();
    !path.contains("/openai/") && lists && (versioned || keyed)
}

pub(crate) fn answer(simulator: &Simulator, request: &Request<'_>, steer: &Steer) -> Answer {
    let mut call = Call::new(simulator, request, steer, &Gemini);
    let target = Target::of(request.path);
    let answer = refusal(&call, target.as_ref()).map_or_else(|| route(&mut call, target.as_ref()), Err);
    match answer {
        Ok(answer) => Answer { status: steer.status.unwrap_or(answer.status), ..answer },
        Err(failure) => failure.answer(wants_array(request, target.as_ref()), &mut call.stamp),
    }
}

/// A steering header that cannot be understood is the caller's mistake, told as the vendor would.
pub(crate) fn bad_steer(simulator: &Simulator, request: &Request<'_>, bad: &BadSteer) -> Answer {
    let in_array = wants_array(request, Target::of(request.path).as_ref());
    Failure::invalid(bad.to_string()).answer(in_array, &mut Stamp::new(simulator, request))
}

/// A stream that is to be a JSON array and not events.
fn wants_array(request: &Request<'_>, target: Option<&Target>) -> bool {
    let streams = target.is_some_and(|target| target.verb == "streamGenerateContent");
    streams && request.parameter("alt").is_none_or(|alt| alt != "sse")
}

fn refusal(call: &Call<'_>, target: Option<&Target>) -> Option<Failure> {
    let key = call.request.credential();
    if call.simulator.wants_key && key.is_empty() {
        return Some(error::no_key(target.is_some_and(|target| target.vertex)));
    }
    let about = About {
        model: target.map_or("this-model", |target| &target.model),
        verb: target.map_or("generateContent", |target| &target.verb),
        key: &key,
    };
    // A status below 300 is a success; it is set on the answer.
    match (call.steer.error, call.steer.status) {
        (Some(refusal), status) => {
            let failure = error::refused(refusal, about);
            Some(Failure { status: status.unwrap_or(failure.status), ..failure })
        }
        (None, Some(status)) if status >= 300 => Some(error::of_status(status, about)),
        _ => None,
    }
}

fn route(call: &mut Call<'_>, target: Option<&Target>) -> Result<Answer, Failure> {
    let request = call.request;
    let act = target.and_then(|target| Some((CALLS.iter().find(|(verb, _)| *verb == target.verb)?.1, target)));
    match (act, request.method) {
        (Some((act, target)), "POST") => act(call, target),
        (None, "GET") => models::answer(call),
        _ => Err(error::no_such_url(request.path)),
    }
}

/// A JSON body as an object.
fn body(call: &Call<'_>) -> Result<Fields, Failure> {
    match serde_json::from_slice(call.request.body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Failure::payload("", "Invalid value (Object), Root element must be a message.".to_owned())),
        Err(error) => Err(Failure::invalid(format!("Invalid JSON payload received. {error}"))),
    }
}

/// An answer that is not a stream, written as the vendor writes it: over several lines.
fn plain(call: &mut Call<'_>, body: &Value, prompt: u64, completion: u64) -> Answer {
    let body = format!("{body:#}\n").into_bytes();
    call.plain(200, "application/json; charset=UTF-8", body, prompt, completion)
}
