//! The unified request in Ark's form.

use crate::video::Send;
use crate::video::kind::Sound;
use crate::video::model::{Model, SoundRule};
use crate::video::openai::{Ask, Picture, Plan};
use serde_json::{Map, Value, json};

/// Builds the request. Everything that decides the price is said in it.
pub fn cross(ask: &Ask, plan: &Plan<'_>, model: &Model, upstream: &str) -> Send {
    let mut content = vec![json!({ "type": "text", "text": ask.prompt })];
    if let Some(picture) = &ask.picture {
        let url = match picture {
            Picture::Url(url) => url.clone(),
            Picture::Data { mime, base64 } => format!("data:{mime};base64,{base64}"),
        };
        content.push(json!({ "type": "image_url", "image_url": { "url": url }, "role": "first_frame" }));
    }
    let mut body = Map::new();
    body.insert("model".into(), upstream.into());
    body.insert("content".into(), Value::Array(content));
    if !model.resolutions.is_empty() {
        body.insert("resolution".into(), plan.resolution.name().into());
    }
    if !plan.ratio.is_empty() {
        body.insert("ratio".into(), plan.ratio.into());
    }
    body.insert("duration".into(), plan.seconds.into());
    body.insert("watermark".into(), false.into());
    if matches!(model.sound, SoundRule::Optional { .. }) {
        body.insert("generate_audio".into(), (plan.sound == Sound::On).into());
    }
    Send::post(super::TASKS, Value::Object(body).to_string())
}
