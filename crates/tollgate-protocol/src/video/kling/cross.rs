//! The unified request in Kling's form.

use super::Family;
use crate::fault::Fault;
use crate::video::kind::{Sound, VideoKind};
use crate::video::model::{Model, SoundRule, facts};
use crate::video::openai::{Ask, Picture, Plan};
use crate::video::{Facts, Send};
use serde_json::{Map, Value};

/// Longest prompt, in characters.
const MAX_PROMPT: usize = 2_500;

/// Builds the request. Everything that decides the price is said in it; `external` is the task's name at the vendor.
pub fn cross(
    ask: &Ask,
    plan: &Plan<'_>,
    model: &Model,
    upstream: &str,
    external: &str,
) -> Result<(Family, Send, Facts), Fault> {
    if ask.prompt.chars().count() > MAX_PROMPT {
        return Err(Fault::invalid(
            "prompt",
            format!("'prompt' may have at most {MAX_PROMPT} characters for this model."),
        ));
    }
    let mut body = Map::new();
    body.insert("model_name".into(), upstream.into());
    body.insert("prompt".into(), ask.prompt.as_str().into());
    body.insert("duration".into(), plan.seconds.to_string().into());
    body.insert("mode".into(), plan.mode.name().into());
    if matches!(model.sound, SoundRule::Optional { .. }) {
        body.insert("sound".into(), if plan.sound == Sound::On { "on" } else { "off" }.into());
    }
    let family = match &ask.picture {
        None => {
            body.insert("aspect_ratio".into(), plan.ratio.into());
            Family::Text
        }
        Some(picture) => {
            let image = match picture {
                Picture::Url(url) => url.as_str(),
                Picture::Data { mime: "image/png" | "image/jpeg", base64 } => base64.as_str(),
                Picture::Data { .. } => {
                    return Err(Fault::invalid("input_reference", "This model takes a png or jpeg."));
                }
            };
            body.insert("image".into(), image.into());
            Family::Image
        }
    };
    body.insert("external_task_id".into(), external.into());
    let kind = VideoKind { resolution: plan.resolution, mode: plan.mode, sound: plan.sound, from_video: false };
    Ok((family, Send::post(family.path(), Value::Object(body).to_string()), facts(plan.seconds, kind, 1)))
}
