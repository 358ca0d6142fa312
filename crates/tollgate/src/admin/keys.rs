//! `/admin/v1/keys`.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value};

use super::body::{self, Fields};
use super::error::AdminError;
use super::page::Page;
use super::{AdminState, Id, actor, to_the_end};
use crate::keys::{Invalid, KeySpec, Mode, manage, view};
use crate::store::keys::KeyRow;
use crate::{clock, store};

pub(super) async fn list(State(state): State<AdminState>, request: Request) -> Result<Json<Value>, AdminError> {
    let page = Page::read(request.uri().query(), &["project"])?;
    let rows = store::keys::page(&state.store, page.project.as_deref(), page.after.as_deref(), page.fetch()).await?;
    page.answer(&rows, |row| row.id.clone(), shown)
}

pub(super) async fn get(State(state): State<AdminState>, Id(id): Id) -> Result<Json<Value>, AdminError> {
    let row = store::keys::get(&state.store, &id).await?.ok_or_else(|| AdminError::not_found("key"))?;
    Ok(Json(Value::Object(shown(&row)?)))
}

pub(super) async fn create(State(state): State<AdminState>, request: Request) -> Result<Response, AdminError> {
    let actor = actor(&request)?;
    let mut fields = body::read(request.into_body()).await?;
    let name = fields.required("name")?;
    let mode = fields.required("mode")?;
    let mode = Mode::parse(&mode).ok_or_else(|| AdminError::field("mode", "must be \"live\" or \"test\""))?;
    let mut spec = KeySpec::new(name, mode);
    if let Some(project) = fields.text("project")? {
        spec.project = project;
    }
    edit(&mut spec, &mut fields)?;
    fields.done()?;
    to_the_end(async move {
        let (row, secret) = manage::create_key(&state.store, &state.pepper, &spec, &actor).await?;
        state.keys.refresh(&state.store).await?;
        let mut object = Map::new();
        object.insert("id".into(), row.id.as_str().into());
        object.insert("key".into(), secret.expose().into());
        object.extend(shown(&row)?);
        let mut response = (StatusCode::CREATED, Json(Value::Object(object))).into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    })
    .await
}

pub(super) async fn update(
    State(state): State<AdminState>,
    Id(id): Id,
    request: Request,
) -> Result<Json<Value>, AdminError> {
    let actor = actor(&request)?;
    let fields = body::read(request.into_body()).await?;
    to_the_end(async move {
        let row = manage::update_key(&state.store, &id, &actor, |spec| change(spec, fields)).await?;
        state.keys.refresh(&state.store).await?;
        Ok(Json(Value::Object(shown(&row)?)))
    })
    .await
}

pub(super) async fn revoke(
    State(state): State<AdminState>,
    Id(id): Id,
    request: Request,
) -> Result<Json<Value>, AdminError> {
    let actor = actor(&request)?;
    to_the_end(async move {
        let row = manage::revoke_key(&state.store, &id, &actor).await?;
        state.keys.refresh(&state.store).await?;
        Ok(Json(Value::Object(shown(&row)?)))
    })
    .await
}

fn shown(row: &KeyRow) -> Result<Map<String, Value>, AdminError> {
    Ok(view::key(row, clock::now_ms())?)
}

fn change(spec: &mut KeySpec, mut fields: Fields) -> Result<(), Invalid> {
    if let Some(name) = fields.text("name")? {
        spec.name = name;
    }
    edit(spec, &mut fields)?;
    fields.done()
}

/// The fields that creating and changing share.
fn edit(spec: &mut KeySpec, fields: &mut Fields) -> Result<(), Invalid> {
    fields.texts("allowed_models", &mut spec.allowed_models)?;
    fields.texts("allowed_ips", &mut spec.allowed_ips)?;
    fields.time("expires_at", &mut spec.expires_at)?;
    fields.budget(&mut spec.budget)?;
    fields.limits(&mut spec.limits)?;
    fields.metadata(&mut spec.metadata)
}
