//! `/admin/v1/webhooks`: who is told of video tasks, and what was told.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value};

use super::body;
use super::error::AdminError;
use super::page::Page;
use super::{AdminState, Id, actor, to_the_end};
use crate::store::webhooks::WebhookRow;
use crate::tasks::EVENTS;
use crate::{store, webhooks};

pub(super) async fn list(State(state): State<AdminState>, request: Request) -> Result<Json<Value>, AdminError> {
    let page = Page::read(request.uri().query(), &[])?;
    let rows = store::webhooks::page(&state.store, page.after.as_deref(), page.fetch()).await?;
    page.answer(&rows, |row| row.id.clone(), |row| Ok(webhooks::shown(row)?))
}

pub(super) async fn get(State(state): State<AdminState>, Id(id): Id) -> Result<Json<Value>, AdminError> {
    let row = store::webhooks::get(&state.store, &id).await?.ok_or_else(|| AdminError::not_found("webhook"))?;
    Ok(Json(Value::Object(webhooks::shown(&row)?)))
}

pub(super) async fn create(State(state): State<AdminState>, request: Request) -> Result<Response, AdminError> {
    let actor = actor(&request)?;
    let mut fields = body::read(request.into_body()).await?;
    let url = fields.required("url")?;
    let mut events = Vec::new();
    fields.texts("events", &mut events)?;
    let project = fields.text("project")?;
    fields.done()?;
    to_the_end(async move {
        let inside = (state.inside)();
        let wanted = (events, &EVENTS[..]);
        let made = webhooks::create(&state.store, &state.secrets, &inside, &url, wanted, project, &actor).await?;
        Ok((StatusCode::CREATED, Json(with_secret(made)?)).into_response())
    })
    .await
}

pub(super) async fn update(
    State(state): State<AdminState>,
    Id(id): Id,
    request: Request,
) -> Result<Json<Value>, AdminError> {
    let actor = actor(&request)?;
    let mut fields = body::read(request.into_body()).await?;
    let disabled = fields.flag("disabled")?.ok_or_else(|| AdminError::field("disabled", "is required"))?;
    fields.done()?;
    to_the_end(async move {
        let row = webhooks::set_disabled(&state.store, &id, disabled, &actor).await?;
        Ok(Json(Value::Object(webhooks::shown(&row)?)))
    })
    .await
}

pub(super) async fn delete(
    State(state): State<AdminState>,
    Id(id): Id,
    request: Request,
) -> Result<Json<Value>, AdminError> {
    let actor = actor(&request)?;
    to_the_end(async move {
        let row = webhooks::delete(&state.store, &id, &actor).await?;
        Ok(Json(Value::Object(webhooks::shown(&row)?)))
    })
    .await
}

pub(super) async fn rotate(
    State(state): State<AdminState>,
    Id(id): Id,
    request: Request,
) -> Result<Json<Value>, AdminError> {
    let actor = actor(&request)?;
    to_the_end(
        async move { Ok(Json(with_secret(webhooks::rotate(&state.store, &state.secrets, &id, &actor).await?)?)) },
    )
    .await
}

pub(super) async fn messages(
    State(state): State<AdminState>,
    Id(id): Id,
    request: Request,
) -> Result<Json<Value>, AdminError> {
    let page = Page::read(request.uri().query(), &[])?;
    let rows = webhooks::messages_of(&state.store, &id, page.after.as_deref(), page.fetch()).await?;
    page.answer(&rows, |row| row.id.clone(), |row| Ok(webhooks::shown_message(row)))
}

pub(super) async fn replay(
    State(state): State<AdminState>,
    path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
    request: Request,
) -> Result<Json<Value>, AdminError> {
    let Path((webhook, message)) = path.map_err(|_| AdminError::not_found("object"))?;
    let actor = actor(&request)?;
    to_the_end(async move {
        let row = webhooks::replay(&state.store, &webhook, &message, &actor).await?;
        state.running.news.notify_one();
        Ok(Json(Value::Object(webhooks::shown_message(&row))))
    })
    .await
}

fn with_secret((row, secret): (WebhookRow, String)) -> Result<Value, AdminError> {
    let mut object: Map<String, Value> = webhooks::shown(&row)?;
    object.insert("secret".into(), secret.into());
    Ok(Value::Object(object))
}
