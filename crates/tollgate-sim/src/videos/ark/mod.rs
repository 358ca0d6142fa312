//! Volcengine Ark: Seedance's generation tasks, made, read, listed, cancelled, deleted.
//!
//! Wire facts: volcengine.com/docs/82379 (1520757, 1521309, 1521675, 1521720) as of 2026-11, and the vendor's Go SDK.

mod ask;
mod error;
mod models;

use serde_json::{Value, json};

use super::{
    Call, Failure, Trouble, Which,
    life::Phase,
    results::{self, What},
    table::{Notes, Refused, Task},
    text,
    ticket::{self, Kind, Outcome, Ticket},
};
use crate::{content::Rng, script::Answer};

pub(super) use error::trouble;

const TASKS: &str = "/contents/generations/tasks";
/// Seconds after which a task that was not done is given up, unless the request says otherwise.
const PATIENCE: u64 = 172_800;
const WEEK: u64 = 7 * 86_400_000;

/// Which tasks a path is about, if it is a call of this vendor.
pub(super) fn asked(path: &str) -> Option<Which> {
    super::under(path, TASKS)
}

pub(super) fn answer(call: &Call<'_>, which: &Which) -> Result<Answer, Failure> {
    match (call.request.method, which) {
        ("POST", Which::All) => create(call),
        ("GET", Which::All) => list(call),
        ("GET", Which::One(id)) => {
            let (ticket, model) = find(call, id)?;
            let task = call.polled(&ticket, || forgotten(model))?;
            let body = shown(call, id, &there(call, task)?, "error");
            Ok(call.json(&body))
        }
        ("DELETE", Which::One(id)) => delete(call, id),
        _ => Err(call.trouble(&Trouble::WrongMethod)),
    }
}

/// How often a clip may be fetched.
pub(super) fn downloads(model: &str) -> Option<u64> {
    models::family(model).downloads
}

/// `cgt-20260101101012-…`: the day in Beijing, and what the id stands for.
pub(super) fn name(task: &Task, seed: u64) -> String {
    named(&task.ticket, &task.notes.model, seed)
}

fn named(ticket: &Ticket, model: &str, seed: u64) -> String {
    let day = text::compact(ticket.created / 1000, 8);
    format!("cgt-{day}-{}{}", ticket::letters(ticket.seal(seed, model)), ticket::hex_of_text(model))
}

fn create(call: &Call<'_>) -> Result<Answer, Failure> {
    let asked = ask::read(call)?;
    call.needs_two_samples(1)?;
    let mut notes = call.notes(&asked.model, &asked.prompt);
    notes.seed = asked.seed;
    notes.expires_after = asked.expires_after;
    notes.draft = asked.draft;
    notes.callback = asked.callback;
    let ticket = call.create(&asked.wish, notes).map_err(|refused| match refused {
        Refused::Parallel | Refused::Taken => call.trouble(&Trouble::Parallel),
    })?;
    Ok(call.created(&json!({"id": named(&ticket, &asked.model, call.simulator.seed)})))
}

/// The ticket behind an id, and the model's name that is part of it.
fn find(call: &Call<'_>, id: &str) -> Result<(Ticket, String), Failure> {
    let opened = || {
        let (_, rest) = id.strip_prefix("cgt-")?.split_once('-')?;
        let (letters, hex) = rest.split_at_checked(26)?;
        let model = ticket::text_of_hex(hex)?;
        let ticket = call.opened(ticket::of_letters(letters)?, &model, &[Kind::Ark])?;
        (named(&ticket, &model, call.simulator.seed) == id).then_some((ticket, model))
    };
    opened().ok_or_else(|| error::no_such_task(call, id))
}

fn forgotten(model: String) -> Notes {
    Notes { model, ..Notes::default() }
}

/// The task, unless its record is gone.
fn there(call: &Call<'_>, task: Task) -> Result<Task, Failure> {
    if task.deleted || call.now > task.ticket.created.saturating_add(WEEK) {
        let id = name(&task, call.simulator.seed);
        return Err(error::no_such_task(call, &id));
    }
    Ok(task)
}

fn delete(call: &Call<'_>, id: &str) -> Result<Answer, Failure> {
    let (ticket, model) = find(call, id)?;
    let task = call.simulator.tasks.get(&ticket, || forgotten(model));
    let task = there(call, task)?;
    match task.phase(call.now) {
        Phase::Queued => call.simulator.tasks.cancel(&ticket, call.now),
        Phase::Over(_) => call.simulator.tasks.delete(&ticket),
        Phase::Running(_) | Phase::Cancelled => return Err(error::not_now(call, status(&task, call.now))),
    }
    Ok(call.json(&json!({})))
}

fn status(task: &Task, now: u64) -> &'static str {
    match task.phase(now) {
        Phase::Queued => "queued",
        Phase::Running(_) => "running",
        Phase::Cancelled => "cancelled",
        Phase::Over(Outcome::Done | Outcome::Partial) => "succeeded",
        Phase::Over(Outcome::Failed | Outcome::Filtered) => "failed",
        Phase::Over(Outcome::Expired) => "expired",
    }
}

/// A task as the vendor writes it. `failure` is where it writes why: another place in lists.
fn shown(call: &Call<'_>, id: &str, task: &Task, failure: &str) -> Value {
    let (ticket, notes) = (&task.ticket, &task.notes);
    let status = status(task, call.now);
    let updated = match task.phase(call.now) {
        Phase::Queued => ticket.created,
        Phase::Running(_) => ticket.starts(),
        Phase::Cancelled => task.cancelled.unwrap_or(ticket.created),
        Phase::Over(_) => ticket.ends(),
    };
    let mut shown = json!({
        "id": id,
        "model": notes.model,
        "created_at": ticket.created / 1000,
        "updated_at": updated / 1000,
        "service_tier": if ticket.flex { "flex" } else { "default" },
        "execution_expires_after": notes.expires_after.unwrap_or(PATIENCE),
        "status": status,
    });
    match task.phase(call.now) {
        Phase::Over(Outcome::Failed) => shown[failure] = error::inside("InternalServiceError"),
        Phase::Over(Outcome::Filtered) => shown[failure] = error::inside("OutputVideoSensitiveContentDetected"),
        Phase::Over(Outcome::Done | Outcome::Partial) => {
            let link = |what| results::signed(call, &results::link(call, ticket, what), ticket);
            shown["content"] = json!({"video_url": link(What::Clip(0))});
            if ticket.last_frame {
                shown["content"]["last_frame_url"] = json!(link(What::LastFrame));
            }
            shown["usage"] = json!({"completion_tokens": ticket.tokens(), "total_tokens": ticket.tokens()});
            shown["seed"] = json!(notes.seed.unwrap_or_else(|| made_up_seed(ticket)));
            shown["resolution"] = json!(ticket.shape.lines.name());
            shown["ratio"] = json!(ticket.shape.ratio);
            if ticket.special {
                shown["frames"] = json!(ticket.frames);
            } else {
                shown["duration"] = json!(ticket.seconds());
            }
            shown["framespersecond"] = json!(super::media::RATE);
            if models::family(&notes.model).audio {
                shown["generate_audio"] = json!(ticket.audio);
            }
            if models::family(&notes.model).draft {
                shown["draft"] = json!(notes.draft);
            }
        }
        _ => {}
    }
    shown
}

/// What the vendor chose where the caller left it open.
fn made_up_seed(ticket: &Ticket) -> i64 {
    i64::try_from(Rng::new(u64::from(ticket.digest)).below(100_000)).unwrap_or(0)
}

/// The tasks of the last seven days, newest first, a page of them.
fn list(call: &Call<'_>) -> Result<Answer, Failure> {
    let number = |call: &Call<'_>, name: &str, usual: usize| match text::query(call.request.query, name).next() {
        None => Ok(usual),
        Some(value) => value
            .parse()
            .ok()
            .filter(|number| (1..=500).contains(number))
            .ok_or_else(|| error::invalid(call, name, "expected a whole number from 1 to 500")),
    };
    let page = number(call, "page_num", 1)?;
    let size = number(call, "page_size", 20)?;
    let filter = |name: &'static str| -> Vec<String> { text::query(call.request.query, name).collect() };
    let (states, ids) = (filter("filter.status"), filter("filter.task_ids"));
    let (models, tiers) = (filter("filter.model"), filter("filter.service_tier"));
    let fits = |wanted: &[String], value: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == value);
    let mut items = Vec::new();
    let mut total = 0;
    for task in call.simulator.tasks.list(call.account, Kind::Ark) {
        let id = name(&task, call.simulator.seed);
        let tier = if task.ticket.flex { "flex" } else { "default" };
        let kept = call.now <= task.ticket.created.saturating_add(WEEK)
            && fits(&states, status(&task, call.now))
            && fits(&ids, &id)
            && fits(&models, &task.notes.model)
            && fits(&tiers, tier);
        if kept {
            if total >= (page - 1) * size && items.len() < size {
                items.push(shown(call, &id, &task, "failure_reason"));
            }
            total += 1;
        }
    }
    Ok(call.json(&json!({"items": items, "total": total})))
}
