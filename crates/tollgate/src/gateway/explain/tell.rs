//! A plan as JSON.

use super::{Candidate, Plan, Rejected, Stage, Why};
use crate::accounts::RateState;
use crate::clock::now_ms;
use crate::gateway::attempt::MAX_CALLS;
use crate::gateway::respond::{Voice, fault_answer};
use crate::keys::Mode;
use crate::message::AnswerBody;
use crate::money;
use bytes::{Bytes, BytesMut};
use http::header;
use tollgate_protocol::fault::Fault;
use tollgate_protocol::write::{self, List, Object};

/// Bytes of upstream bodies that are told in all; of further ones only the length is.
const MAX_BODIES: usize = 8 << 20;

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Request => "request",
            Self::Model => "model",
            Self::Conversation => "conversation",
            Self::Admission => "admission",
            Self::Routing => "routing",
            Self::Translation => "translation",
        }
    }
}

/// The whole plan.
pub(super) fn written(plan: &Plan) -> Bytes {
    let mut out = BytesMut::with_capacity(4096);
    let mut object = write::object(&mut out);
    let outcome = match (&plan.refusal, &plan.answer) {
        (Some(_), _) => "refused",
        (None, Some(_)) => "answered",
        (None, None) => "sent",
    };
    object
        .text("outcome", outcome)
        .text("request_id", &plan.id)
        .text("route", plan.route.name())
        .text("protocol", plan.route.protocol().name());
    object.text_or_null("model", plan.model.as_deref()).flag("stream", plan.stream);
    let known = |id: &'_ str| (!id.is_empty()).then(|| id.to_owned());
    object.text_or_null("key", known(&plan.key.id).as_deref());
    object.text_or_null("project", known(&plan.key.project_id).as_deref());
    object.text("mode", if plan.key.mode == Mode::Test { "test" } else { "live" });
    match &plan.refusal {
        Some((stage, fault)) => refusal(object.object("refusal"), plan, *stage, fault),
        None => {
            object.null("refusal");
        }
    }
    match &plan.answer {
        Some((body, name)) => {
            let mut answer = object.object("answer");
            answer.text("translation", &format!("approximated={name}"));
            raw(&mut answer, "body", body);
        }
        None => {
            object.null("answer");
        }
    }
    let mut room = MAX_BODIES;
    let mut candidates = object.list("candidates");
    for one in &plan.candidates {
        candidate(&mut candidates, one, &mut room);
    }
    drop(candidates);
    object.flag("by_chance", plan.by_chance).whole("most_calls", MAX_CALLS);
    let mut rejected = object.list("rejected");
    for one in &plan.rejected {
        reject(&mut rejected, one);
    }
    drop(rejected);
    price(&mut object, plan);
    limits(&mut object, plan);
    drop(object);
    out.freeze()
}

/// What the caller would be told.
fn refusal(mut object: Object<'_>, plan: &Plan, stage: Stage, fault: &Fault) {
    let answer = fault_answer(Voice::Protocol(plan.route.protocol()), fault, &plan.id);
    object.text("stage", stage.name()).whole("status", answer.status.as_u16()).text("code", &fault.code);
    object.text("message", &fault.message).text_if("retry_after_s", answer.headers.text(&header::RETRY_AFTER));
    if let AnswerBody::Whole(body) = &answer.body {
        raw(&mut object, "body", body);
    }
}

fn candidate(list: &mut List<'_>, one: &Candidate, room: &mut usize) {
    let mut object = list.object();
    let composed = &one.composed;
    let provider = one.attempt.as_ref().map(|attempt| &attempt.choice.deployment.provider);
    object.text("provider", provider.map_or("sandbox", |provider| &provider.name));
    object.text_or_null("kind", provider.map(|provider| provider.kind.name()));
    object.text("model", &one.model);
    if let Some(attempt) = &one.attempt {
        object.whole("account", attempt.index() as u64);
        object.whole("priority", attempt.choice.priority).whole("weight", attempt.choice.weight);
        if let Some(account) = attempt.account() {
            object.whole("account_weight", account.weight()).flag("doubted", account.doubted(now_ms()));
        }
    }
    object.text("protocol", one.wire().name());
    object.text_or_null("translation", composed.exchange.back.as_ref().map(|back| &*back.lost));
    let origin = provider.map(|provider| {
        let base = provider.base.to_string();
        base.strip_suffix(provider.base.path.as_str()).unwrap_or(&base).to_owned()
    });
    object.text("method", "POST").text("url", &format!("{}{}", origin.unwrap_or_default(), composed.path));
    let mut headers = object.object("headers");
    for (name, value) in composed.headers.iter().filter(|(_, value)| !value.is_sensitive()) {
        let secret = matches!(name.as_str(), "authorization" | "x-api-key" | "x-goog-api-key" | "cookie");
        headers.text(name.as_str(), if secret { "***" } else { value.to_str().unwrap_or_default() });
    }
    drop(headers);
    let body = composed.body.as_deref().unwrap_or_default();
    object.whole("body_bytes", body.len() as u64);
    match room.checked_sub(body.len()) {
        Some(left) => {
            *room = left;
            raw(&mut object, "body", body);
        }
        None => {
            object.null("body");
        }
    }
    match &one.range {
        Some(range) => {
            let mut price = object.object("price");
            price.whole("input_tokens", range.input).whole("most_output_tokens", range.output);
            price.text("least_usd", &money::print(range.least)).text("most_usd", &money::print(range.most));
        }
        None => {
            object.null("price");
        }
    }
}

fn reject(list: &mut List<'_>, one: &Rejected) {
    let mut object = list.object();
    let attempt = &one.attempt;
    let provider = &attempt.choice.deployment.provider;
    object.text("provider", &provider.name).text("kind", provider.kind.name()).text("model", &attempt.choice.model);
    object.whole("account", attempt.index() as u64);
    let (reason, message) = match &one.why {
        Why::Unpriced => ("unpriced", "The key has a budget, and this model has no price to count against it."),
        Why::Route => ("route", "The provider has nothing like this route."),
        Why::Elsewhere => ("elsewhere", "Another account keeps this conversation."),
        Why::Resting(_) => ("resting", "The vendor asked for a pause."),
        Why::Untranslatable(fault) => ("untranslatable", &*fault.message),
    };
    object.text("reason", reason).text("message", message);
    match &one.why {
        Why::Resting(rest) => {
            object.whole("rests_for_ms", u64::try_from(rest.as_millis()).unwrap_or(u64::MAX));
        }
        Why::Untranslatable(fault) => {
            object.text("code", &fault.code).text_if("param", fault.param.as_deref());
        }
        Why::Unpriced | Why::Route | Why::Elsewhere => {}
    }
}

/// Over all candidates; `null` where none has a price.
fn price(object: &mut Object<'_>, plan: &Plan) {
    let ranges = || plan.candidates.iter().filter_map(|candidate| candidate.range.as_ref());
    let (least, most) = (ranges().map(|range| range.least).min(), ranges().map(|range| range.most).max());
    match (least, most) {
        (Some(least), Some(most)) => {
            let mut price = object.object("price");
            price.text("least_usd", &money::print(least)).text("most_usd", &money::print(most));
        }
        _ => {
            object.null("price");
        }
    }
}

/// What admission would take, and what is left now.
fn limits(object: &mut Object<'_>, plan: &Plan) {
    match &plan.taken {
        Some(taken) => {
            let mut admission = object.object("admission");
            admission.text("hold_usd", &money::print(taken.hold)).flag("hold_grows", taken.grows);
            admission.whole("tokens", taken.tokens);
        }
        None => {
            object.null("admission");
        }
    }
    let Some(account) = &plan.account else {
        object.null("limits");
        return;
    };
    let (key, now) = (&plan.key, now_ms());
    let (rates, views) = (account.rates(key, now), account.view(now));
    let mut limits = object.object("limits");
    rate(&mut limits, "requests_per_minute", rates.requests);
    rate(&mut limits, "tokens_per_minute", rates.tokens);
    let owners = [("key", key.limits, key.budget), ("project", key.project.limits, key.project.budget)];
    for ((name, own, budget), view) in owners.into_iter().zip(views) {
        let mut owner = limits.object(name);
        owner.whole("open_requests", view.in_flight);
        if let Some(limit) = own.concurrency {
            owner.whole("concurrency", limit);
        }
        if let Some(budget) = budget {
            let at = crate::accounts::place(budget.window);
            let mut told = owner.object("budget");
            told.text("limit_usd", &money::print(budget.limit_nano_usd)).text("window", budget.window.as_str());
            told.text("mode", budget.mode.as_str()).text("spent_usd", &money::print(view.posted[at]));
            told.text("held_usd", &money::print(view.held[at]));
        }
    }
}

fn rate(object: &mut Object<'_>, name: &str, state: Option<RateState>) {
    if let Some(RateState { limit, remaining, .. }) = state {
        object.object(name).whole("limit", limit).whole("remaining", remaining);
    }
}

/// JSON text as it is.
fn raw(object: &mut Object<'_>, name: &str, json: &[u8]) {
    match std::str::from_utf8(json) {
        Ok(json) if !json.is_empty() => {
            object.raw(name, json);
        }
        _ => {
            object.null(name);
        }
    }
}
