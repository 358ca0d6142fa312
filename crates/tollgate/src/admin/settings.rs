//! `/admin/v1/settings`: what is in force, without secrets.

use super::AdminState;
use crate::catalogue::video;
use crate::clock;
use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

pub(super) async fn show(State(state): State<AdminState>) -> Json<Value> {
    let running = &state.running;
    let mut shown = Map::new();
    shown.insert("version".into(), env!("CARGO_PKG_VERSION").into());
    shown.insert("started_at".into(), clock::print(running.started_at).into());
    shown.insert("file".into(), json!(running.file));
    shown.insert("routes".into(), json!(running.routes));
    shown.insert("video_models".into(), video::names().into_iter().collect::<Vec<_>>().into());
    shown.insert("api_base".into(), running.api_base.clone().into());
    shown.extend((running.fleet)().config.shown());
    Json(shown.into())
}
