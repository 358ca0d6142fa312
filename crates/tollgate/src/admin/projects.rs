//! `/admin/v1/projects`.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value};

use super::body::{self, Fields};
use super::error::AdminError;
use super::page::Page;
use super::{AdminState, Id, actor, to_the_end};
use crate::keys::{Invalid, ProjectSpec, manage, view};
use crate::store;
use crate::store::projects::ProjectRow;

pub(super) async fn list(State(state): State<AdminState>, request: Request) -> Result<Json<Value>, AdminError> {
    let page = Page::read(request.uri().query(), &[])?;
    let rows = store::projects::page(&state.store, page.after.as_deref(), page.fetch()).await?;
    page.answer(&rows, |row| row.id.clone(), shown)
}

pub(super) async fn get(State(state): State<AdminState>, Id(id): Id) -> Result<Json<Value>, AdminError> {
    let row = store::projects::get(&state.store, &id).await?.ok_or_else(|| AdminError::not_found("project"))?;
    Ok(Json(Value::Object(shown(&row)?)))
}

pub(super) async fn create(State(state): State<AdminState>, request: Request) -> Result<Response, AdminError> {
    let actor = actor(&request)?;
    let mut fields = body::read(request.into_body()).await?;
    let mut spec = ProjectSpec::new(fields.required("name")?);
    change(&mut spec, fields)?;
    to_the_end(async move {
        let row = manage::create_project(&state.store, None, &spec, &actor).await?;
        state.keys.refresh(&state.store).await?;
        Ok((StatusCode::CREATED, Json(Value::Object(shown(&row)?))).into_response())
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
        let row = manage::update_project(&state.store, &id, &actor, |spec| change(spec, fields)).await?;
        state.keys.refresh(&state.store).await?;
        Ok(Json(Value::Object(shown(&row)?)))
    })
    .await
}

fn shown(row: &ProjectRow) -> Result<Map<String, Value>, AdminError> {
    Ok(view::project(row)?)
}

fn change(spec: &mut ProjectSpec, mut fields: Fields) -> Result<(), Invalid> {
    if let Some(name) = fields.text("name")? {
        spec.name = name;
    }
    fields.budget(&mut spec.budget)?;
    fields.limits(&mut spec.limits)?;
    fields.metadata(&mut spec.metadata)?;
    fields.done()
}
