//! Keys and projects as people see them: in the admin API, in the audit log and from the command line.
//!
//! Never shows a secret or a digest: a key is recognised by its hint.

use serde_json::{Map, Value, json};

use super::{Budget, KeySpec, Limits, ProjectSpec};
use crate::store::StoreError;
use crate::store::keys::KeyRow;
use crate::store::projects::ProjectRow;
use crate::{clock, money};

/// A key; `status` is `active`, `expired` or `revoked` at `now_ms`.
pub fn key(row: &KeyRow, now_ms: i64) -> Result<Map<String, Value>, StoreError> {
    let spec = KeySpec::from_row(row)?;
    let mut object = Map::new();
    object.insert("id".into(), row.id.as_str().into());
    object.insert("hint".into(), format!("sk-tg-{}-…{}", spec.mode.as_str(), row.hint).into());
    object.insert("name".into(), spec.name.into());
    object.insert("mode".into(), spec.mode.as_str().into());
    object.insert("status".into(), status(row, now_ms).into());
    object.insert("project".into(), spec.project.into());
    object.insert("allowed_models".into(), spec.allowed_models.into());
    object.insert("allowed_ips".into(), spec.allowed_ips.into());
    object.insert("expires_at".into(), time(spec.expires_at));
    object.insert("budget".into(), budget(spec.budget));
    object.insert("limits".into(), limits(spec.limits));
    object.insert("metadata".into(), json!(spec.metadata));
    object.insert("created_at".into(), clock::print(row.created_at).into());
    object.insert("updated_at".into(), clock::print(row.updated_at).into());
    object.insert("revoked_at".into(), time(row.revoked_at));
    Ok(object)
}

/// A project.
pub fn project(row: &ProjectRow) -> Result<Map<String, Value>, StoreError> {
    let spec = ProjectSpec::from_row(row)?;
    let mut object = Map::new();
    object.insert("id".into(), row.id.as_str().into());
    object.insert("name".into(), spec.name.into());
    object.insert("budget".into(), budget(spec.budget));
    object.insert("limits".into(), limits(spec.limits));
    object.insert("metadata".into(), json!(spec.metadata));
    object.insert("created_at".into(), clock::print(row.created_at).into());
    object.insert("updated_at".into(), clock::print(row.updated_at).into());
    Ok(object)
}

fn status(row: &KeyRow, now_ms: i64) -> &'static str {
    if row.revoked_at.is_some() {
        "revoked"
    } else if row.expires_at.is_some_and(|at| now_ms >= at) {
        "expired"
    } else {
        "active"
    }
}

fn time(ms: Option<i64>) -> Value {
    ms.map_or(Value::Null, |ms| clock::print(ms).into())
}

fn budget(budget: Option<Budget>) -> Value {
    budget.map_or(Value::Null, |b| {
        json!({ "limit_usd": money::print(b.limit_nano_usd), "window": b.window.as_str(), "mode": b.mode.as_str() })
    })
}

fn limits(limits: Limits) -> Value {
    json!({
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "concurrency": limits.concurrency,
    })
}
