//! `OpenAI`'s Videos: made, read, listed, fetched, remixed, deleted.
//!
//! Wire facts: `openai/openai-openapi` and the vendor's guide as of 2026-11, when the service itself was no more; hosts
//! that speak its protocol still are.

mod ask;

use serde_json::{Value, json};

use super::{
    Call, Failure, Trouble,
    life::{Phase, Wish},
    results::{self, What},
    table::{Notes, PollFault, Refused, Task},
    text,
    ticket::{self, Kind, Outcome},
};
use crate::{content::decoded, openai::error as words, script::Answer};

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    All,
    One(String),
    Content(String),
    Remix(String),
}

const LIFETIME: u64 = 3_600;

/// What a path is about, if it is a call of this vendor.
pub(super) fn asked(path: &str) -> Option<Asked> {
    let (before, rest) = path.rsplit_once("/videos")?;
    if before.contains("/models/") {
        return None;
    }
    let mut parts = rest.split('/').skip(1).map(decoded);
    Some(match (parts.next(), parts.next().as_deref(), parts.next()) {
        (None, ..) if rest.is_empty() => Asked::All,
        (Some(id), None, _) => Asked::One(id),
        (Some(id), Some("content"), None) => Asked::Content(id),
        (Some(id), Some("remix"), None) => Asked::Remix(id),
        _ => return None,
    })
}

pub(super) fn answer(call: &Call<'_>, asked: &Asked) -> Result<Answer, Failure> {
    match (call.request.method, asked) {
        ("POST", Asked::All) => {
            let asked = ask::read(call).map_err(failure)?;
            create(call, &asked, None)
        }
        ("GET", Asked::All) => list(call),
        ("GET", Asked::One(id)) => {
            let task = there(call, id, true)?;
            Ok(call.json(&shown(call, &task)))
        }
        ("DELETE", Asked::One(id)) => delete(call, id),
        ("GET", Asked::Content(id)) => content(call, id),
        ("POST", Asked::Remix(id)) => remix(call, id),
        _ => Err(call.trouble(&Trouble::WrongMethod)),
    }
}

/// `video_` and hexadecimal digits: what the id stands for, and the name of the model.
pub(super) fn name(task: &Task, seed: u64) -> String {
    let (ticket, model) = (&task.ticket, &task.notes.model);
    format!("video_{:032x}{}", ticket.seal(seed, model), ticket::hex_of_text(model))
}

fn create(call: &Call<'_>, asked: &ask::Ask, origin: Option<String>) -> Result<Answer, Failure> {
    call.needs_two_samples(1)?;
    let notes = Notes { origin, ..call.notes(&asked.model, &asked.prompt) };
    let ticket = call.create(&asked.wish, notes.clone()).map_err(|refused| match refused {
        Refused::Parallel | Refused::Taken => call.trouble(&Trouble::Parallel),
    })?;
    let body = shown(call, &Task::new(ticket, notes, false));
    Ok(call.created(&body))
}

fn remix(call: &Call<'_>, id: &str) -> Result<Answer, Failure> {
    let prompt = ask::remixed(call).map_err(failure)?;
    let source = there(call, id, false)?;
    if !is_complete(call, &source) {
        let why = format!("Video with id '{id}' is not completed and cannot be remixed.");
        return Err(failure(words::Failure::plain(why)));
    }
    let (ticket, model) = (&source.ticket, source.notes.model.clone());
    let wish = Wish { audio: ticket.audio, ..Wish::new(Kind::OpenAi, ticket.shape, ticket.frames) };
    create(call, &ask::Ask { model, prompt, wish }, Some(id.to_owned()))
}

/// The task of an id that is not deleted; a poll counts.
fn there(call: &Call<'_>, id: &str, poll: bool) -> Result<Task, Failure> {
    let opened = || {
        let rest = id.strip_prefix("video_")?;
        let (number, model) = rest.split_at_checked(32)?;
        let model = ticket::text_of_hex(model)?;
        Some((call.opened(ticket::of_hex(number)?, &model, &[Kind::OpenAi])?, model))
    };
    let gone = || failure(words::not_found(format!("Video with id '{id}' not found.")));
    let (ticket, model) = opened().ok_or_else(gone)?;
    let fresh = || Notes { model, ..Notes::default() };
    let task = if poll { call.polled(&ticket, fresh)? } else { call.simulator.tasks.get(&ticket, fresh) };
    if task.deleted { Err(gone()) } else { Ok(task) }
}

fn is_complete(call: &Call<'_>, task: &Task) -> bool {
    matches!(task.phase(call.now), Phase::Over(Outcome::Done | Outcome::Partial))
}

fn content(call: &Call<'_>, id: &str) -> Result<Answer, Failure> {
    let variant = text::query(call.request.query, "variant").next();
    let what = match variant.as_deref() {
        None | Some("video") => What::Clip(0),
        Some("thumbnail") => What::Thumbnail,
        Some("spritesheet") => What::Sheet,
        Some(other) => {
            return Err(failure(words::not_supported("variant", other, &["video", "thumbnail", "spritesheet"])));
        }
    };
    let task = there(call, id, false)?;
    if !is_complete(call, &task) {
        let why = "Video is not ready yet, use GET /v1/videos/{video_id} to check status.";
        return Err(failure(words::not_found(why)));
    }
    if !results::is_there(call, &task, what) {
        return Err(failure(words::not_found(format!("The content of video '{id}' has expired."))));
    }
    Ok(results::file(call, &task, what))
}

fn delete(call: &Call<'_>, id: &str) -> Result<Answer, Failure> {
    let task = there(call, id, false)?;
    if !task.phase(call.now).is_over() {
        let why = format!("Video with id '{id}' is not completed or failed and cannot be deleted.");
        return Err(failure(words::Failure::plain(why)));
    }
    call.simulator.tasks.delete(&task.ticket);
    Ok(call.json(&json!({"id": id, "object": "video.deleted", "deleted": true})))
}

fn shown(call: &Call<'_>, task: &Task) -> Value {
    let (ticket, notes) = (&task.ticket, &task.notes);
    let error = |code: &str, message: &str| json!({"code": code, "message": message});
    let (status, progress, failed) = match task.phase(call.now) {
        Phase::Queued => ("queued", 0, Value::Null),
        Phase::Running(percent) => ("in_progress", percent, Value::Null),
        Phase::Over(Outcome::Done | Outcome::Partial) => ("completed", 100, Value::Null),
        Phase::Over(Outcome::Filtered) => {
            ("failed", 0, error("moderation_blocked", "Your request was blocked by our moderation system."))
        }
        Phase::Over(Outcome::Expired) => {
            ("failed", 0, error("generation_timeout", "The video was not generated in time."))
        }
        Phase::Over(Outcome::Failed) | Phase::Cancelled => {
            ("failed", 0, error("server_error", "The video could not be generated."))
        }
    };
    let ended = (status == "completed").then(|| ticket.ends() / 1000);
    let expires = ended.map(|ended| if ticket.link_expired { ended } else { ended + LIFETIME });
    json!({
        "id": name(task, call.simulator.seed),
        "object": "video",
        "created_at": ticket.created / 1000,
        "model": notes.model,
        "seconds": ticket.seconds().to_string(),
        "size": ticket.shape.size(),
        "completed_at": ended,
        "error": failed,
        "expires_at": expires,
        "prompt": if notes.prompt.is_empty() { Value::Null } else { json!(notes.prompt) },
        "remixed_from_video_id": notes.origin,
        "status": status,
        "progress": progress,
    })
}

/// The account's videos, newest first unless said otherwise, after one of them.
fn list(call: &Call<'_>) -> Result<Answer, Failure> {
    let query = |name: &'static str| text::query(call.request.query, name).next();
    let limit = match query("limit") {
        None => 20,
        Some(limit) => limit.parse().ok().filter(|limit| *limit <= 100).ok_or_else(|| {
            let why = format!("Invalid 'limit': expected a whole number from 0 to 100, but got '{limit}' instead.");
            failure(words::Failure::invalid(why, "limit", "invalid_value"))
        })?,
    };
    let mut tasks = call.simulator.tasks.list(call.account, Kind::OpenAi);
    match query("order").as_deref() {
        None | Some("desc") => {}
        Some("asc") => tasks.reverse(),
        Some(other) => return Err(failure(words::not_supported("order", other, &["asc", "desc"]))),
    }
    if let Some(after) = query("after") {
        let place = tasks.iter().position(|task| name(task, call.simulator.seed) == after);
        let place = place.ok_or_else(|| failure(words::not_found(format!("Video with id '{after}' not found."))))?;
        tasks.drain(..=place);
    }
    let has_more = tasks.len() > limit;
    tasks.truncate(limit);
    let data: Vec<Value> = tasks.iter().map(|task| shown(call, task)).collect();
    let id = |task: Option<&Value>| task.and_then(|task| task.get("id")).cloned();
    Ok(call.json(&json!({
        "object": "list", "first_id": id(data.first()), "last_id": id(data.last()), "has_more": has_more, "data": data,
    })))
}

/// The text protocols' error as one of ours.
fn failure(failure: words::Failure) -> Failure {
    let body = format!("{:#}\n", failure.body());
    Failure { status: failure.status, headers: failure.headers, content_type: "application/json; charset=utf-8", body }
}

pub(super) fn trouble(call: &Call<'_>, trouble: &Trouble<'_>) -> Failure {
    let model = ask::model(call);
    failure(match trouble {
        Trouble::NoKey => words::no_key(),
        Trouble::Steer(why) => words::Failure::steered(why.as_str()),
        Trouble::Code(code) => {
            words::Failure::steered(format!("x-tollgate-sim: `code={code}`: this vendor is steered by error="))
        }
        Trouble::Refused(refusal) => words::refused(*refusal, &model),
        Trouble::Status(status) => words::of_status(*status, &model),
        Trouble::Parallel | Trouble::Poll(PollFault::TooMany) => words::of_status(429, &model),
        Trouble::Poll(PollFault::Broken) | Trouble::Middle => words::in_the_middle(),
        Trouble::WrongMethod => {
            let right = if call.request.method == "GET" { "POST" } else { "GET" };
            words::wrong_method(call.request.method, call.request.path, right)
        }
    })
}
