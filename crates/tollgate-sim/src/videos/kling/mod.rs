//! Kling: clips from text and from pictures, in the form where the model is named in the body.
//!
//! Wire facts: the vendor's documents and its own client (`ComfyUI-KLingAI-API`), 2026-11. A task is only found under
//! the kind that made it, by its own id or by the caller's.

mod ask;
mod auth;
mod error;
mod models;

use serde_json::{Value, json};

use super::{
    Call, Failure, Trouble, Which,
    life::Phase,
    media::RATE,
    results::{self, What},
    table::{Notes, Refused, Task},
    text,
    ticket::{self, Kind, Outcome, Ticket},
};
use crate::script::Answer;

pub(super) use auth::account;
pub(super) use error::trouble;

/// What a path is about, if it is a call of this vendor.
pub(super) fn asked(path: &str) -> Option<(Kind, Which)> {
    let found = |name: &str, kind| super::under(path, name).map(|which| (kind, which));
    found("/videos/text2video", Kind::KlingText).or_else(|| found("/videos/image2video", Kind::KlingImage))
}

pub(super) fn answer(call: &Call<'_>, kind: Kind, which: &Which) -> Result<Answer, Failure> {
    match (call.request.method, which) {
        ("POST", Which::All) => create(call, kind),
        ("GET", Which::All) => list(call, kind),
        ("GET", Which::One(id)) => {
            let ticket = find(call, kind, id).ok_or_else(|| error::by_code(call, 1203, None))?;
            let task = call.polled(&ticket, Notes::default)?;
            Ok(call.json(&error::success(call, &shown(call, &task))))
        }
        _ => Err(call.trouble(&Trouble::WrongMethod)),
    }
}

/// A decimal number, longer than any that JavaScript can count with.
pub(super) fn name(task: &Task, seed: u64) -> String {
    named(&task.ticket, seed)
}

fn named(ticket: &Ticket, seed: u64) -> String {
    ticket.seal(seed, "").to_string()
}

fn create(call: &Call<'_>, kind: Kind) -> Result<Answer, Failure> {
    let asked = ask::read(call, kind)?;
    call.needs_two_samples(1)?;
    let mut notes = call.notes(&asked.model, &asked.prompt);
    notes.external.clone_from(&asked.external);
    notes.callback = asked.callback;
    let ticket = call.create(&asked.wish, notes).map_err(|refused| match refused {
        Refused::Parallel => call.trouble(&Trouble::Parallel),
        Refused::Taken => error::invalid(call, "external_task_id already exists"),
    })?;
    let data = json!({
        "task_id": named(&ticket, call.simulator.seed),
        "task_info": {"external_task_id": asked.external},
        "created_at": ticket.created,
        "task_status": "submitted",
        "updated_at": ticket.created,
    });
    Ok(call.created(&error::success(call, &data)))
}

/// By the vendor's id or by the caller's own.
fn find(call: &Call<'_>, kind: Kind, id: &str) -> Option<Ticket> {
    let own = ticket::of_digits(id).and_then(|number| call.opened(number, "", &[kind]));
    own.or_else(|| call.simulator.tasks.external(call.account, kind, id))
}

fn shown(call: &Call<'_>, task: &Task) -> Value {
    let (ticket, phase) = (&task.ticket, task.phase(call.now));
    let (status, words) = match phase {
        Phase::Queued => ("submitted", ""),
        Phase::Running(_) => ("processing", ""),
        Phase::Over(Outcome::Done | Outcome::Partial) => ("succeed", ""),
        Phase::Over(Outcome::Filtered) => ("failed", "Failure to pass the risk control system"),
        Phase::Over(Outcome::Expired) => ("failed", "The task was not finished in time"),
        Phase::Over(Outcome::Failed) | Phase::Cancelled => ("failed", "Internal service error"),
    };
    let updated = match phase {
        Phase::Queued => ticket.created,
        Phase::Running(_) => ticket.starts(),
        Phase::Over(_) | Phase::Cancelled => ticket.ends(),
    };
    let mut shown = json!({
        "task_id": named(ticket, call.simulator.seed),
        "task_info": {"external_task_id": task.notes.external},
        "created_at": ticket.created,
        "task_status": status,
        "task_status_msg": words,
    });
    if status == "succeed" {
        shown["final_unit_deduction"] = json!(ticket.units());
        shown["watermark_info"] = json!({"enabled": ticket.special});
        let url = results::link(call, ticket, What::Clip(0));
        let millis = u64::from(ticket.frames) * 1000 / u64::from(RATE);
        let mut video = json!({
            "id": ticket.seal(call.simulator.seed, "video").to_string(),
            "url": url,
            "duration": format!("{}.{:03}", millis / 1000, millis % 1000),
        });
        if ticket.special {
            video["watermark_url"] = json!(format!("{url}?watermark=1"));
        }
        shown["task_result"] = json!({"videos": [video]});
    }
    shown["updated_at"] = json!(updated);
    shown
}

/// The tasks of a kind, newest first, a page of them.
fn list(call: &Call<'_>, kind: Kind) -> Result<Answer, Failure> {
    let number = |name: &str, usual: usize, most: usize| match text::query(call.request.query, name).next() {
        None => Ok(usual),
        Some(value) => value
            .parse()
            .ok()
            .filter(|number| (1..=most).contains(number))
            .ok_or_else(|| error::invalid(call, &format!("Invalid parameters: {name}"))),
    };
    let (page, size) = (number("pageNum", 1, 1_000)?, number("pageSize", 30, 500)?);
    let tasks = call.simulator.tasks.list(call.account, kind);
    let data: Vec<Value> = tasks.iter().skip((page - 1) * size).take(size).map(|task| shown(call, task)).collect();
    Ok(call.json(&error::success(call, &json!(data))))
}
