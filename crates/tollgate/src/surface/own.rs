//! `GET /v1/key` and `GET /v1/receipts/{id}`: what a key may know about itself.

use crate::accounts::{Spending, Starts};
use crate::clock;
use crate::gateway::{Gateway, Session, fault_answer, identify, request_id};
use crate::keys::{Budget, Key, Limits, Mode};
use crate::ledger::{Book, RequestId, find, view};
use crate::message::{Answer, Inbound};
use crate::money;
use crate::store::Store;
use http::StatusCode;
use serde_json::{Value, json};
use tollgate_protocol::codec::Protocol;
use tollgate_protocol::fault::{Fault, FaultKind};

/// The calling key: limits, budgets, spend.
pub(super) fn key(gateway: &Gateway, inbound: &Inbound, session: &mut Session) -> Answer {
    let key = match identify(gateway, inbound, session) {
        Ok(key) => key,
        Err(fault) => return fault_answer(Protocol::Chat, &fault, &request_id()),
    };
    let now = clock::now_ms();
    let account = session.account(&gateway.accounts, &key);
    let [own, project] = account.view(now);
    let rates = account.rates(&key, now);
    let rate = |state: Option<crate::accounts::RateState>| {
        state.map(|state| {
            let reset = u64::try_from(state.reset.as_millis()).unwrap_or(u64::MAX);
            json!({ "limit": state.limit, "remaining": state.remaining, "reset_ms": reset })
        })
    };
    json_answer(&json!({
        "id": &*key.id,
        "name": key.name,
        "mode": key.mode.as_str(),
        "expires_at": key.expires_at.map(clock::print),
        "allowed_models": key.allowed_models,
        "budget": key.budget.map(|of| budget(of, own, now)),
        "limits": limits(key.limits),
        "spend": spend(own),
        "in_flight": own.in_flight,
        "rates": { "requests": rate(rates.requests), "tokens": rate(rates.tokens) },
        "project": {
            "id": &*key.project_id,
            "budget": key.project.budget.map(|of| budget(of, project, now)),
            "limits": limits(key.project.limits),
            "spend": spend(project),
        },
    }))
}

fn budget(budget: Budget, spending: Spending, now: i64) -> Value {
    let at = crate::accounts::place(budget.window);
    let (posted, held) = (spending.posted[at], spending.held[at]);
    json!({
        "limit_usd": money::print(budget.limit_nano_usd),
        "window": budget.window.as_str(),
        "mode": budget.mode.as_str(),
        "spent_usd": money::print(posted),
        "held_usd": money::print(held),
        "left_usd": money::print(budget.limit_nano_usd.saturating_sub(posted).saturating_sub(held).max(0)),
        "resets_at": Starts::at(now).end_ms(budget.window).map(clock::print),
    })
}

fn limits(limits: Limits) -> Value {
    json!({
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "concurrency": limits.concurrency,
    })
}

fn spend(spending: Spending) -> Value {
    let [total, day, week, month] = spending.posted.map(money::print);
    json!({ "total_usd": total, "day_usd": day, "week_usd": week, "month_usd": month })
}

/// What one request of the key's project cost and why.
pub(super) async fn receipt(
    gateway: &Gateway,
    store: &Store,
    inbound: &Inbound,
    session: &mut Session,
    id: &str,
) -> Answer {
    let key = match identify(gateway, inbound, session) {
        Ok(key) => key,
        Err(fault) => return fault_answer(Protocol::Chat, &fault, &request_id()),
    };
    gateway.ledger.catch_up().await;
    match receipt_of(store, &key, id).await {
        Ok(Some(receipt)) => json_answer(&receipt),
        Ok(None) => {
            let fault = Fault::new(FaultKind::NotFound, "receipt_not_found", "There is no receipt by this id.");
            fault_answer(Protocol::Chat, &fault, &request_id())
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a receipt could not be read");
            fault_answer(
                Protocol::Chat,
                &Fault::new(FaultKind::Internal, "internal", "The gateway failed."),
                &request_id(),
            )
        }
    }
}

async fn receipt_of(store: &Store, key: &Key, id: &str) -> Result<Option<Value>, crate::store::StoreError> {
    let Some(id) = RequestId::parse(id) else { return Ok(None) };
    let Some((entry, _)) = find::get(store, id).await? else { return Ok(None) };
    let book = if key.mode == Mode::Live { Book::Live } else { Book::Test };
    if *entry.series.project_id != *key.project_id || entry.series.book != book {
        return Ok(None);
    }
    Ok(Some(view::receipt(store, &entry).await?.into()))
}

fn json_answer(value: &Value) -> Answer {
    let mut answer = Answer::whole(StatusCode::OK, "application/json", value.to_string());
    if let Ok(id) = http::HeaderValue::from_str(&request_id()) {
        answer.headers.push(http::HeaderName::from_static("x-request-id"), id);
    }
    answer
}
