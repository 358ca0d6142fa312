//! `POST /responses` and what is done with the responses it stores.

mod ask;
mod memory;
mod reply;
mod stream;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    check::too_long,
    error::{Failure, no_such_url, wrong_method},
};
use crate::{
    call::{Call, EVENTS},
    content::decoded,
    output::{Limits, Output},
    script::Answer,
    turn::{Said, Turn, tool_to_call},
};
use ask::{Ask, Purpose, made};
pub(crate) use memory::Memory;
use memory::{Phase, Stored};
use reply::{Item, Reply, Short};

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Create,
    Count,
    One(String),
    Cancel(String),
    Inputs(String),
}

/// What a path without its trailing slashes asks for; none where it is not about responses.
pub(super) fn asked(path: &str) -> Option<Asked> {
    if path.ends_with("/responses") {
        return Some(Asked::Create);
    }
    let (_, rest) = path.rsplit_once("/responses/")?;
    let mut parts = rest.split('/').map(decoded);
    match (parts.next()?, parts.next().as_deref(), parts.next()) {
        (first, None, _) if first == "input_tokens" => Some(Asked::Count),
        (id, None, _) => Some(Asked::One(id)),
        (id, Some("cancel"), None) => Some(Asked::Cancel(id)),
        (id, Some("input_items"), None) => Some(Asked::Inputs(id)),
        _ => None,
    }
}

pub(super) fn answer(call: &mut Call<'_>, asked: Asked) -> Result<Answer, Failure> {
    let (method, path) = (call.request.method, call.request.path);
    match (asked, method) {
        (Asked::Create, "POST") => create(call),
        (Asked::Count, "POST") => count(call),
        (Asked::One(id), "GET") => one(call, &id),
        (Asked::One(id), "DELETE") => delete(call, &id),
        (Asked::Cancel(id), "POST") => cancel(call, &id),
        (Asked::Inputs(id), "GET") => inputs(call, &id),
        (Asked::Create | Asked::Count | Asked::Cancel(_), _) => Err(wrong_method(method, path, "POST")),
        (Asked::Inputs(_), _) => Err(wrong_method(method, path, "GET")),
        (Asked::One(_), _) => Err(no_such_url(method, path)),
    }
}

fn create(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let ask = Ask::read(call, Purpose::Answering)?;
    let tool = tool_to_call(&ask.wish, call.steer).map_err(|none| Failure::steered(none.to_string()))?;
    let turn = Turn::new(&ask.wish, call.steer, tool.as_ref(), ask.wish.seed(call.stamp.world));
    // A response that is kept needs an id of its own, however often the same is asked.
    let mut id = call.stamp.hex("resp_", 50);
    while ask.store && call.simulator.memory.holds(&id) {
        id = call.stamp.hex("resp_", 50);
    }
    let items = items(&ask, &turn, call);
    let reply = Arc::new(Reply::new(&ask, &turn, items, call.steer, id, call.stamp.created));
    if ask.store {
        keep(&ask, &reply, call);
    }
    let (prompt, completion) = (reply.usage.input, reply.usage.output);
    if ask.stream {
        return Ok(call.stream(EVENTS, stream::Events::new(reply, 0), prompt));
    }
    if ask.background {
        return Ok(call.plain(200, "application/json", pretty(&reply.value(Phase::Queued)), prompt, 0));
    }
    Ok(call.plain(200, "application/json", pretty(&reply.value(Phase::Done)), prompt, completion))
}

fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}").into_bytes()
}

fn items(ask: &Ask, turn: &Turn, call: &mut Call<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    if let Some(output) = &turn.reasoning {
        let id = call.stamp.hex("rs_", 50);
        let account = call.request.credential();
        items.push(Item::Reasoning {
            encrypted: ask.reasoning.encrypted.then(|| made(call.stamp.world, &account, &id)),
            id,
            summary: ask.reasoning.summary.then(|| output.clone()),
            hidden: if ask.reasoning.summary { 0 } else { output.tokens },
        });
    }
    match &turn.said {
        // Reasoning that took all there was leaves no message.
        Said::Text(output) if output.tokens == 0 && turn.capped => {}
        Said::Text(output) => {
            let giant = call.steer.giant_line.filter(|_| ask.stream).map_or(0, |size| {
                // What surrounds the text: two ids, two numbers, names.
                usize::try_from(size).unwrap_or(usize::MAX).saturating_sub(220)
            });
            items.push(Item::Message { id: call.stamp.hex("msg_", 50), output: output.clone(), giant });
        }
        Said::Calls(calls) => items.extend(calls.iter().map(|said| Item::Call {
            id: call.stamp.hex(if said.custom { "ctc_" } else { "fc_" }, 50),
            call_id: call.stamp.id("call_", 24),
            name: said.name.clone(),
            custom: said.custom,
            output: said.output.clone(),
        })),
    }
    if items.is_empty() {
        let output = Output::fixed("", &Limits::default());
        items.push(Item::Message { id: call.stamp.hex("msg_", 50), output, giant: 0 });
    }
    items
}

fn keep(ask: &Ask, reply: &Arc<Reply>, call: &Call<'_>) {
    let answered = reply.items.iter().map(|item| Arc::new(item.value(true)));
    let answered: Vec<Arc<Value>> = if reply.short == Short::Failed { Vec::new() } else { answered.collect() };
    let said = usize::try_from(reply.usage.output).unwrap_or(usize::MAX).saturating_mul(8);
    call.simulator.memory.keep(Stored {
        account: call.request.credential(),
        reply: Arc::clone(reply),
        context: ask.before.iter().chain(&ask.inputs).cloned().chain(answered).collect(),
        inputs: ask.inputs.clone(),
        phase: if ask.background && !ask.stream { Phase::Queued } else { Phase::Done },
        size: call.request.body.len().saturating_mul(2).saturating_add(said).saturating_add(4_096),
    });
}

fn count(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let ask = Ask::read(call, Purpose::Counting)?;
    let tokens = ask.wish.prompt_tokens;
    let body = json!({"object": "response.input_tokens", "input_tokens": tokens});
    Ok(call.plain(200, "application/json", pretty(&body), tokens, 0))
}

fn not_found(id: &str) -> Failure {
    super::error::not_found(format!("Response with id '{id}' not found."))
}

fn stored(call: &Call<'_>, id: &str) -> Result<Stored, Failure> {
    call.simulator.memory.get(id, &call.request.credential()).ok_or_else(|| not_found(id))
}

fn one(call: &mut Call<'_>, id: &str) -> Result<Answer, Failure> {
    let kept = stored(call, id)?;
    if call.request.parameter("stream").is_some_and(|stream| stream == "true") {
        if kept.reply.value(Phase::Done).get("background") != Some(&Value::Bool(true)) {
            let message = "Only responses that were created in the background can be streamed again.";
            return Err(Failure::invalid(message, "stream", "invalid_value"));
        }
        let after = call.request.parameter("starting_after").and_then(|after| after.parse::<u64>().ok());
        call.simulator.memory.set_phase(id, Phase::Done);
        let events = stream::Events::new(kept.reply, after.map_or(0, |after| after.saturating_add(1)));
        return Ok(call.stream(EVENTS, events, 0));
    }
    let phase = match kept.phase {
        Phase::Queued => Phase::InProgress,
        Phase::InProgress => Phase::Done,
        other => other,
    };
    call.simulator.memory.set_phase(id, phase);
    Ok(call.plain(200, "application/json", pretty(&kept.reply.value(phase)), 0, 0))
}

fn delete(call: &mut Call<'_>, id: &str) -> Result<Answer, Failure> {
    if !call.simulator.memory.forget(id, &call.request.credential()) {
        return Err(not_found(id));
    }
    let body = json!({"id": id, "object": "response", "deleted": true});
    Ok(call.plain(200, "application/json", pretty(&body), 0, 0))
}

fn cancel(call: &mut Call<'_>, id: &str) -> Result<Answer, Failure> {
    let kept = stored(call, id)?;
    if kept.reply.value(Phase::Done).get("background") != Some(&Value::Bool(true)) {
        return Err(Failure::plain("Cannot cancel a synchronous response."));
    }
    if kept.phase == Phase::Done {
        return Err(Failure::plain("Cannot cancel a completed response."));
    }
    call.simulator.memory.set_phase(id, Phase::Cancelled);
    Ok(call.plain(200, "application/json", pretty(&kept.reply.value(Phase::Cancelled)), 0, 0))
}

/// The items of the request, newest first unless asked otherwise.
fn inputs(call: &mut Call<'_>, id: &str) -> Result<Answer, Failure> {
    let kept = stored(call, id)?;
    let query = |name: &str| call.request.parameter(name);
    let limit = match query("limit").map(|limit| limit.parse::<usize>()) {
        None => 20,
        Some(Ok(limit @ 1..=100)) => limit,
        Some(Ok(limit)) => return Err(too_long("limit", 100, limit)),
        Some(Err(_)) => return Err(Failure::invalid("Invalid 'limit': expected an integer.", "limit", "invalid_type")),
    };
    let mut items: Vec<&Value> = kept.inputs.iter().map(Arc::as_ref).collect();
    if query("order").is_none_or(|order| order != "asc") {
        items.reverse();
    }
    let is = |item: &&Value, id: &str| item.get("id").is_some_and(|other| other == id);
    let from = query("after").and_then(|after| items.iter().position(|item| is(item, &after))).map_or(0, |at| at + 1);
    let rest = items.get(from..).unwrap_or_default();
    let shown = rest.get(..limit.min(rest.len())).unwrap_or_default();
    let id = |item: Option<&&Value>| item.and_then(|item| item.get("id").cloned());
    let body = json!({"object": "list", "data": shown, "first_id": id(shown.first()), "last_id": id(shown.last()),
        "has_more": rest.len() > shown.len()});
    Ok(call.plain(200, "application/json", pretty(&body), 0, 0))
}
