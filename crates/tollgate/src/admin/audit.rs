//! `/admin/v1/audit`: every write, newest first. Read only; nothing here can be changed or deleted.

use axum::Json;
use axum::extract::{Request, State};
use serde_json::{Map, Value};

use super::AdminState;
use super::error::AdminError;
use super::page::Page;
use crate::store::audit::AuditRow;
use crate::{clock, store};

pub(super) async fn list(State(state): State<AdminState>, request: Request) -> Result<Json<Value>, AdminError> {
    let page = Page::read(request.uri().query(), &[])?;
    let before = match &page.after {
        None => i64::MAX,
        Some(id) => id
            .strip_prefix("audit_")
            .and_then(|seq| seq.parse().ok())
            .ok_or_else(|| AdminError::field("after", "is not an audit id"))?,
    };
    let rows = store::audit::page(&state.store, before, page.fetch()).await?;
    page.answer(&rows, id, shown)
}

fn id(row: &AuditRow) -> String {
    format!("audit_{}", row.seq)
}

fn shown(row: &AuditRow) -> Result<Map<String, Value>, AdminError> {
    let mut object = Map::new();
    object.insert("id".into(), id(row).into());
    object.insert("at".into(), clock::print(row.at).into());
    object.insert("actor".into(), row.actor.as_str().into());
    object.insert("peer".into(), row.peer.clone().into());
    object.insert("action".into(), row.action.as_str().into());
    object.insert("object".into(), row.object.as_str().into());
    object.insert("before".into(), inner(row.before.as_deref())?);
    object.insert("after".into(), inner(row.after.as_deref())?);
    Ok(object)
}

fn inner(text: Option<&str>) -> Result<Value, AdminError> {
    let Some(text) = text else {
        return Ok(Value::Null);
    };
    let unreadable = |_| AdminError::from(store::StoreError::Unreadable("audit"));
    serde_json::from_str(text).map_err(unreadable)
}
