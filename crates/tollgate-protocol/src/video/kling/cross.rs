//! The unified request in Kling's form.

use super::Family;
use crate::fault::Fault;
use crate::video::Send;
use crate::video::kind::Sound;
use crate::video::model::{Model, SoundRule};
use crate::video::openai::{Ask, Picture, Plan};
use serde_json::{Map, Value};

/// Longest prompt, in characters.
const MAX_PROMPT: usize = 2_500;

/// The family that a request belongs to.
pub fn family(ask: &Ask) -> Family {
    if ask.picture.is_some() { Family::Image } else { Family::Text }
}

/// What cannot be said in this form.
pub fn check_crossing(ask: &Ask) -> Result<(), Fault> {
    if ask.prompt.chars().count() > MAX_PROMPT {
        return Err(Fault::invalid(
            "prompt",
            format!("'prompt' may have at most {MAX_PROMPT} characters for this model."),
        ));
    }
    match &ask.picture {
        Some(Picture::Data { mime, .. }) if !matches!(*mime, "image/png" | "image/jpeg") => {
            Err(Fault::invalid("input_reference", "This model takes a png or jpeg."))
        }
        _ => Ok(()),
    }
}

/// Builds the request. Everything that decides the price is said in it; `external` is the task's name at the vendor.
pub fn cross(ask: &Ask, plan: &Plan<'_>, model: &Model, upstream: &str, external: &str) -> Send {
    let mut body = Map::new();
    body.insert("model_name".into(), upstream.into());
    body.insert("prompt".into(), ask.prompt.as_str().into());
    body.insert("duration".into(), plan.seconds.to_string().into());
    body.insert("mode".into(), plan.mode.name().into());
    if matches!(model.sound, SoundRule::Optional { .. }) {
        body.insert("sound".into(), if plan.sound == Sound::On { "on" } else { "off" }.into());
    }
    match &ask.picture {
        None => {
            body.insert("aspect_ratio".into(), plan.ratio.into());
        }
        Some(picture) => {
            let image = match picture {
                Picture::Url(url) => url.as_str(),
                Picture::Data { base64, .. } => base64.as_str(),
            };
            body.insert("image".into(), image.into());
        }
    }
    body.insert("external_task_id".into(), external.into());
    Send::post(family(ask).path(), Value::Object(body).to_string())
}
