//! Veo behind its two doors: the Gemini API, whose operations are read by GET and whose clips are files that want the
//! key; and Vertex, whose operations are fetched by POST and whose clips come in base64 or lie in a store.
//!
//! Wire facts: Google's pages on Veo and `googleapis/python-genai`, 2026-11.

mod ask;
mod error;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Call, Failure, Trouble, Vendor,
    blob::{self, Segment},
    life::Phase,
    results::{self, What},
    table::{Notes, Refused, Task},
    ticket::{self, Kind, Outcome, Ticket},
};
use crate::{content::decoded, script::Answer};

pub(super) use error::trouble;

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// `predictLongRunning` on a model.
    Create(Place),
    /// `fetchPredictOperation` on a model.
    Fetch(Place),
    /// An operation by its name: under a model, by its id.
    Get(Place, String),
    /// A file of the Gemini API; of the second address when it is the one that is redirected to.
    File { id: String, prefix: String, redirected: bool },
    /// An object of the store.
    Object { bucket: String, object: String },
}

/// A model's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// What comes before it in the path: `/v1beta`.
    prefix: String,
    /// `models/NAME`, or `projects/…/models/NAME`.
    name: String,
}

impl Asked {
    /// The name of the model that a call is about.
    fn model(&self) -> Option<String> {
        match self {
            Self::Create(place) | Self::Fetch(place) | Self::Get(place, _) => Some(place.model().to_owned()),
            Self::File { .. } | Self::Object { .. } => None,
        }
    }
}

impl Place {
    fn of(path: &str) -> Option<(bool, Self)> {
        let (before, model) = path.rsplit_once("/models/")?;
        if model.is_empty() || model.contains('/') {
            return None;
        }
        let model = decoded(model);
        if let Some(at) = before.find("/projects/").or_else(|| before.find("/publishers/")) {
            let (prefix, rest) = before.split_at(at);
            let rest = rest.strip_prefix('/')?;
            return Some((true, Self { prefix: prefix.to_owned(), name: format!("{rest}/models/{model}") }));
        }
        Some((false, Self { prefix: before.to_owned(), name: format!("models/{model}") }))
    }

    fn model(&self) -> &str {
        model_of(&self.name)
    }
}

fn model_of(name: &str) -> &str {
    name.rsplit_once("models/").map_or(name, |(_, model)| model)
}

/// What a path is about, and whether it is Vertex's, if it is a call of this vendor.
pub(super) fn asked(path: &str) -> Option<(bool, Asked)> {
    if let Some((before, object)) =
        path.split_once("/storage/v1/b/").or_else(|| path.split_once("/download/storage/v1/b/"))
    {
        let (bucket, object) = object.split_once("/o/")?;
        let object = Asked::Object { bucket: decoded(bucket), object: decoded(object) };
        return (!before.contains("/models/")).then_some((true, object));
    }
    if let Some(file) = path.strip_suffix(":download") {
        let (prefix, id) = file.rsplit_once("/files/")?;
        let (redirected, prefix) = match prefix.strip_prefix("/download") {
            Some(prefix) => (true, prefix),
            None => (false, prefix),
        };
        return Some((false, Asked::File { id: decoded(id), prefix: prefix.to_owned(), redirected }));
    }
    if let Some((model, id)) = path.rsplit_once("/operations/") {
        let (vertex, place) = Place::of(model)?;
        return (!id.contains('/')).then(|| (vertex, Asked::Get(place, decoded(id))));
    }
    let (model, verb) = path.rsplit_once(':')?;
    let (vertex, place) = Place::of(model)?;
    match verb {
        "predictLongRunning" => Some((vertex, Asked::Create(place))),
        "fetchPredictOperation" => Some((vertex, Asked::Fetch(place))),
        _ => None,
    }
}

pub(super) fn answer(call: &Call<'_>, asked: &Asked) -> Result<Answer, Failure> {
    let vertex = call.vendor == Vendor::Vertex;
    match (call.request.method, asked) {
        ("POST", Asked::Create(place)) => create(call, place),
        ("POST", Asked::Fetch(place)) if vertex => fetch(call, place),
        // On Vertex an operation of a model cannot be read by its name.
        ("GET", Asked::Get(place, id)) if !vertex => operation(call, place, id),
        ("GET", Asked::File { id, prefix, redirected }) => file(call, id, prefix, *redirected),
        ("GET", Asked::Object { bucket, object }) => stored(call, bucket, object),
        _ => Err(call.trouble(&Trouble::WrongMethod)),
    }
}

/// The name of an operation.
pub(super) fn name(task: &Task, seed: u64) -> String {
    named(&task.ticket, task.notes.origin.as_deref().unwrap_or_default(), seed)
}

fn named(ticket: &Ticket, place: &str, seed: u64) -> String {
    let number = ticket.seal(seed, place);
    let id = if ticket.kind == Kind::VeoVertex { ticket::uuid(number) } else { ticket::letters(number) };
    format!("{place}/operations/{id}")
}

fn create(call: &Call<'_>, place: &Place) -> Result<Answer, Failure> {
    let kind = if call.vendor == Vendor::Vertex { Kind::VeoVertex } else { Kind::VeoGemini };
    let asked = ask::read(call, kind, place.model())?;
    call.needs_two_samples(asked.wish.samples)?;
    let mut notes = call.notes(place.model(), &asked.prompt);
    notes.origin = Some(place.name.clone());
    notes.seed = asked.seed;
    notes.storage = asked.storage;
    let ticket = call.create(&asked.wish, notes).map_err(|refused| match refused {
        Refused::Parallel | Refused::Taken => call.trouble(&Trouble::Parallel),
    })?;
    Ok(call.created(&json!({"name": named(&ticket, &place.name, call.simulator.seed)})))
}

/// The task of an operation, looked at once more.
fn polled(call: &Call<'_>, place: &Place, id: &str) -> Result<Task, Failure> {
    let (kind, number) = if call.vendor == Vendor::Vertex {
        (Kind::VeoVertex, ticket::of_uuid(id))
    } else {
        (Kind::VeoGemini, ticket::of_letters(id))
    };
    let ticket = number.and_then(|number| call.opened(number, &place.name, &[kind]));
    let gone = || error::no_such_operation(&format!("{}/operations/{id}", place.name));
    let ticket = ticket.ok_or_else(gone)?;
    if call.now > ticket.ends().saturating_add(results::lifetime(kind)) {
        return Err(gone());
    }
    call.polled(&ticket, || Notes {
        model: place.model().to_owned(),
        origin: Some(place.name.clone()),
        ..Notes::default()
    })
}

/// What of an operation is the same behind both doors: its name, that it is done, what went wrong. The samples that are
/// there, and how many were held back.
fn state(call: &Call<'_>, task: &Task) -> (Value, Option<(u8, u8)>) {
    let name = name(task, call.simulator.seed);
    let failed = |code: i32, message: &str| {
        (json!({"name": name, "done": true, "error": {"code": code, "message": message}}), None)
    };
    match task.phase(call.now) {
        Phase::Queued | Phase::Running(_) | Phase::Cancelled => (json!({"name": name}), None),
        Phase::Over(Outcome::Failed) => {
            failed(13, "Video generation failed due to an internal server issue. Please try again later.")
        }
        Phase::Over(Outcome::Expired) => failed(4, "The video was not generated in time."),
        Phase::Over(Outcome::Done | Outcome::Partial | Outcome::Filtered) => {
            let delivered = task.ticket.delivered();
            (json!({"name": name, "done": true}), Some((delivered, task.ticket.samples - delivered)))
        }
    }
}

const FILTERED: &str = "Sorry, we can't create videos with this content. Please try again with a different prompt.";

fn operation(call: &Call<'_>, place: &Place, id: &str) -> Result<Answer, Failure> {
    let task = polled(call, place, id)?;
    let (mut body, samples) = state(call, &task);
    if let Some((delivered, filtered)) = samples {
        let mut response = json!({});
        if delivered > 0 {
            let file = ticket::letters(task.ticket.seal(call.simulator.seed, FILE));
            let uri = |at| format!("{}{}/files/{file}{at}:download?alt=media", call.base(), place.prefix);
            let samples: Vec<Value> = (0..delivered).map(|at| json!({"video": {"uri": uri(at)}})).collect();
            response["generatedSamples"] = json!(samples);
        }
        if filtered > 0 {
            response["raiMediaFilteredCount"] = json!(filtered);
            response["raiMediaFilteredReasons"] = json!([FILTERED]);
        }
        body["response"] = json!({
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse",
            "generateVideoResponse": response,
        });
    }
    Ok(call.json(&body))
}

const FILE: &str = "file";
const OBJECT: &str = "object";

/// A clip of the Gemini API: the first address sends the caller to a second one.
fn file(call: &Call<'_>, id: &str, prefix: &str, redirected: bool) -> Result<Answer, Failure> {
    let opened = || {
        let (letters, place) = id.split_at_checked(26)?;
        let place: u8 = place.parse().ok()?;
        Some((call.opened(ticket::of_letters(letters)?, FILE, &[Kind::VeoGemini])?, place))
    };
    let (ticket, place) = opened().ok_or_else(|| error::no_such_file(id))?;
    let task = call.simulator.tasks.get(&ticket, Notes::default);
    if results::is_expired(call, &ticket) {
        return Err(error::expired_file(id));
    }
    if !results::is_there(call, &task, What::Clip(place)) {
        return Err(error::no_such_file(id));
    }
    if !redirected {
        let mut answer = Answer::whole(302, call.head("text/html; charset=UTF-8"), "");
        answer.header("location", format!("{}/download{prefix}/files/{id}:download?alt=media", call.base()));
        return Ok(answer);
    }
    Ok(results::file(call, &task, What::Clip(place)))
}

fn fetch(call: &Call<'_>, place: &Place) -> Result<Answer, Failure> {
    let fields = call.object().unwrap_or_default();
    let Some(name) = fields.get("operationName").and_then(Value::as_str) else {
        return Err(error::invalid("`operationName` is required."));
    };
    let id = name.strip_prefix(&place.name).and_then(|rest| rest.strip_prefix("/operations/"));
    let id = id.ok_or_else(|| error::invalid(&format!("The operation {name} is not one of {}.", place.name)))?;
    let task = polled(call, place, id)?;
    let (mut body, samples) = state(call, &task);
    let Some((delivered, filtered)) = samples else {
        return Ok(call.json(&body));
    };
    let mut response = json!({
        "@type": "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse",
        "raiMediaFilteredCount": filtered,
    });
    if filtered > 0 {
        response["raiMediaFilteredReasons"] = json!([FILTERED]);
    }
    match &task.notes.storage {
        _ if delivered == 0 => {}
        Some(storage) => {
            let number = task.ticket.seal(call.simulator.seed, OBJECT);
            let uri = |at| format!("{}/{number}/sample_{at}.mp4", storage.trim_end_matches('/'));
            let videos: Vec<Value> =
                (0..delivered).map(|at| json!({"gcsUri": uri(at), "mimeType": "video/mp4"})).collect();
            response["videos"] = json!(videos);
        }
        None => return Ok(inline(call, &task, delivered, body, response)),
    }
    body["response"] = response;
    Ok(call.json(&body))
}

/// The clips inside the answer, which is never whole in memory.
fn inline(call: &Call<'_>, task: &Task, delivered: u8, mut body: Value, response: Value) -> Answer {
    call.simulator.tasks.downloaded(&task.ticket, || task.notes.clone());
    body["response"] = response;
    // The clips are the last field of the last field.
    let text = body.to_string();
    let before = text.strip_suffix("}}").unwrap_or(&text);
    let mut segments = vec![Segment::Text(Bytes::from(format!("{before},\"videos\":[")))];
    for at in 0..delivered {
        let (kind, blob) = results::made(task, What::Clip(at));
        let comma = if at > 0 { "," } else { "" };
        segments.push(Segment::Text(Bytes::from(format!("{comma}{{\"bytesBase64Encoded\":\""))));
        segments.push(Segment::Base64(blob));
        segments.push(Segment::Text(Bytes::from(format!("\",\"mimeType\":\"{kind}\"}}"))));
    }
    segments.push(Segment::Text(Bytes::from_static(b"]}}")));
    blob::answer(call.steer, 200, call.head("application/json; charset=UTF-8"), segments)
}

/// A clip in the store, by its JSON API.
fn stored(call: &Call<'_>, bucket: &str, object: &str) -> Result<Answer, Failure> {
    let opened = || {
        let (before, file) = object.rsplit_once('/')?;
        let number = before.rsplit_once('/').map_or(before, |(_, number)| number);
        let place: u8 = file.strip_prefix("sample_")?.strip_suffix(".mp4")?.parse().ok()?;
        Some((call.opened(ticket::of_digits(number)?, OBJECT, &[Kind::VeoVertex])?, place))
    };
    let gone = || error::no_such_object(bucket, object);
    let (ticket, place) = opened().ok_or_else(gone)?;
    let task = call.simulator.tasks.get(&ticket, Notes::default);
    if !results::is_there(call, &task, What::Clip(place)) {
        return Err(gone());
    }
    Ok(results::file(call, &task, What::Clip(place)))
}
