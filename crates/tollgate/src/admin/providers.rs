//! `/admin/v1/providers` and `/models`: where requests may go, and how the ways there are.

use super::error::AdminError;
use super::{AdminState, Id, probe};
use crate::clock::now_ms;
use crate::config::{Found, Target};
use crate::routing::{Account, Deployment, Fleet, resolve};
use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) async fn list(State(state): State<AdminState>) -> Json<Value> {
    let fleet = (state.running.fleet)();
    let mut served: BTreeMap<&str, u64> = BTreeMap::new();
    let names = resolve::visible(&fleet.config);
    for visible in &names {
        *served.entry(&visible.provider.name).or_default() += 1;
    }
    let shown = fleet.deployments().map(|one| {
        let mut shown = deployment(one);
        shown.insert("models".into(), served.get(&*one.provider.name).copied().unwrap_or(0).into());
        Value::Object(shown)
    });
    Json(json!({ "data": shown.collect::<Vec<_>>(), "next": null }))
}

fn deployment(one: &Deployment) -> Map<String, Value> {
    let provider = &one.provider;
    let timeouts = provider.timeouts;
    let mut shown = Map::new();
    shown.insert("name".into(), (*provider.name).into());
    shown.insert("kind".into(), provider.kind.name().into());
    shown.insert("base_url".into(), provider.base.to_string().into());
    shown.insert("protocols".into(), provider.protocols.iter().map(|one| one.name()).collect());
    let found = if provider.found == Found::Table { "table" } else { "environment" };
    shown.insert("found".into(), found.into());
    let now = now_ms();
    shown.insert("accounts".into(), one.accounts.iter().map(|one| Value::Object(account(one, now))).collect());
    shown.insert(
        "timeouts_ms".into(),
        json!({
            "connect": timeouts.connect.as_millis(),
            "first_byte": timeouts.first_byte.as_millis(),
            "idle": timeouts.idle.as_millis(),
            "total": timeouts.total.as_millis(),
        }),
    );
    shown
}

fn account(account: &Account, now: i64) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("state".into(), state_of(account, now).into());
    shown.insert("weight".into(), account.weight().into());
    if let Some(rest) = account.resting(now) {
        shown.insert("rests_for_ms".into(), u64::try_from(rest.as_millis()).unwrap_or(u64::MAX).into());
        shown.insert("rate_limited".into(), account.rests_for_rate().into());
    }
    let left: Map<String, Value> = account.rates().map(|(name, left)| (name.to_owned(), left.into())).collect();
    shown.insert("left".into(), left.into());
    shown
}

fn state_of(account: &Account, now: i64) -> &'static str {
    if account.resting(now).is_some() {
        "resting"
    } else if account.doubted(now) {
        "doubted"
    } else {
        "ready"
    }
}

/// The best state of any of a provider's accounts.
fn best(deployment: Option<&Deployment>, now: i64) -> &'static str {
    let accounts = deployment.map_or(&[][..], |one| one.accounts.as_slice());
    let states: Vec<&str> = accounts.iter().map(|account| state_of(account, now)).collect();
    ["ready", "doubted"].into_iter().find(|state| states.contains(state)).unwrap_or("resting")
}

/// `POST /providers/{name}/test`.
pub(super) async fn test(State(state): State<AdminState>, Id(name): Id) -> Result<Json<Value>, AdminError> {
    let fleet = (state.running.fleet)();
    let found = fleet.deployments().find(|one| *one.provider.name == *name);
    let deployment = found.ok_or_else(|| AdminError::not_found("provider"))?;
    Ok(Json(probe::all(&state.running.network, &state.running.proofs, deployment).await))
}

pub(super) async fn models(State(state): State<AdminState>) -> Json<Value> {
    let fleet = (state.running.fleet)();
    let prices = (state.books.prices)();
    let now = now_ms();
    let data: Vec<Value> = resolve::visible(&fleet.config)
        .into_iter()
        .map(|visible| {
            let targets = resolve::resolve(&fleet.config, visible.name);
            let target = |target: &Target| {
                json!({
                    "provider": &*target.provider.name,
                    "kind": target.provider.kind.name(),
                    "model": &*target.model,
                    "priority": target.priority,
                    "weight": target.weight,
                    "state": best(by_name(&fleet, &target.provider.name), now),
                    "priced": prices.find(target.provider.kind, &target.model).is_some(),
                })
            };
            json!({
                "name": visible.name,
                "targets": targets.iter().flat_map(|all| all.iter()).map(target).collect::<Vec<_>>(),
                "configured": fleet.config.models.contains_key(visible.name),
                "modes": visible.entry.map(|entry| entry.modes.iter().map(|mode| mode.name()).collect::<Vec<_>>()),
                "context_window": visible.entry.and_then(|entry| entry.context_window),
                "max_output_tokens": visible.entry.and_then(|entry| entry.max_output_tokens),
                "retires": visible.entry.and_then(|entry| entry.retires),
            })
        })
        .collect();
    Json(json!({ "data": data, "next": null }))
}

fn by_name<'a>(fleet: &'a Fleet, name: &str) -> Option<&'a Deployment> {
    fleet.deployments().find(|one| *one.provider.name == *name).map(|one| &**one)
}
