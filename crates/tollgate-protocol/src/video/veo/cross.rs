//! The unified request in Google's form.

use crate::fault::Fault;
use crate::video::Send;
use crate::video::kind::Sound;
use crate::video::model::{Model, SoundRule};
use crate::video::openai::{Ask, Picture, Plan};
use serde_json::{Map, Value, json};

/// What cannot be said in this form.
pub fn check_crossing(ask: &Ask) -> Result<(), Fault> {
    if matches!(ask.picture, Some(Picture::Url(_))) {
        let message = "This model takes no links. Send the picture itself: a file, or 'data:image/…;base64,…'.";
        return Err(Fault::invalid("input_reference", message));
    }
    Ok(())
}

/// Builds the request; `place` is project and location where the form has them. Everything that decides the price is
/// said in it, but for what the Gemini API does not take.
pub fn cross(ask: &Ask, plan: &Plan<'_>, model: &Model, upstream: &str, place: Option<(&str, &str)>) -> Send {
    let mut instance = Map::new();
    instance.insert("prompt".into(), ask.prompt.as_str().into());
    if let Some(Picture::Data { mime, base64 }) = &ask.picture {
        instance.insert("image".into(), json!({ "bytesBase64Encoded": base64, "mimeType": mime }));
    }
    let mut parameters = Map::new();
    parameters.insert("durationSeconds".into(), plan.seconds.into());
    parameters.insert("aspectRatio".into(), plan.ratio.into());
    parameters.insert("resolution".into(), plan.resolution.name().into());
    parameters.insert("sampleCount".into(), 1.into());
    if place.is_some() && matches!(model.sound, SoundRule::Optional { .. }) {
        parameters.insert("generateAudio".into(), (plan.sound == Sound::On).into());
    }
    let body = json!({ "instances": [instance], "parameters": parameters });
    Send::post(super::create_path(upstream, place), Value::to_string(&body))
}
