//! A request for a video, checked before it costs anything.

use super::Family;
use crate::fault::Fault;
use crate::video::Facts;
use crate::video::edit::Edit;
use crate::video::fields::{Object, exclude, is_url};
use crate::video::image;
use crate::video::kind::{Sound, VideoKind, VideoMode};
use crate::video::model::{Feature, Input, Model, SoundRule, cannot, facts, one_of};
use crate::video::openai::of_mode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest prompt, in characters.
const MAX_PROMPT: usize = 2_500;
/// Longest picture in base64: 10 MB.
const MAX_IMAGE: usize = 14_000_000;
const TURNS: [&str; 6] = ["horizontal", "vertical", "pan", "tilt", "roll", "zoom"];

/// What a request says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Create {
    /// The model as the caller named it; empty if it did not.
    pub model: String,
    /// Where the caller wants to be told of changes.
    pub callback_url: Option<String>,
    /// The caller's own name for the task.
    pub external_id: Option<String>,
    mode: Option<VideoMode>,
    seconds: Option<u32>,
    sound: Option<bool>,
    cfg_scale: bool,
    multi_shot: bool,
    elements: bool,
    voices: bool,
    camera: bool,
    /// The mask that is given, by its field.
    mask: Option<&'static str>,
    inputs: Vec<Input>,
    ratio: Option<String>,
}

/// Reads and checks a request, as far as that needs no model.
pub fn read(family: Family, body: &[u8]) -> Result<Create, Fault> {
    let body = Object::body(body)?;
    let mut create = Create::default();
    // The vendor reads only `model_name`; the older `model` would silently become its default.
    let model = match body.text("model_name")? {
        Some(model) => Some(model),
        None => body.text("model")?,
    };
    create.model = model.unwrap_or_default().into_owned();
    create.multi_shot = body.flag("multi_shot")?.unwrap_or(false);
    let shots = shots(&body, create.multi_shot)?;
    let prompt = body.short("prompt", MAX_PROMPT)?.filter(|prompt| !prompt.is_empty());
    if family == Family::Text && prompt.is_none() && shots.is_none() {
        return Err(Fault::invalid("prompt", "You must give 'prompt'."));
    }
    body.short("negative_prompt", MAX_PROMPT)?;
    create.mode = body.word("mode", &["std", "pro", "4k"])?.and_then(|word| VideoMode::read(&word));
    create.seconds = duration(&body)?;
    if let (Some(total), Some(shots)) = (create.seconds, shots)
        && u64::from(total) != shots
    {
        return Err(body.wrong("multi_prompt", "must have durations that add up to 'duration'"));
    }
    create.ratio = body.word("aspect_ratio", &["16:9", "9:16", "1:1"])?.map(std::borrow::Cow::into_owned);
    create.cfg_scale = body.number("cfg_scale", 0.0, 1.0)?.is_some();
    create.sound = body.word("sound", &["on", "off"])?.map(|word| word == "on");
    create.camera = camera(&body)?;
    create.voices = lists(&mut create, &body)?;
    if let Some(mark) = body.object("watermark_info")? {
        mark.flag("enabled")?;
    }
    pictures(&mut create, family, &body)?;
    create.external_id = body.short("external_task_id", 64)?.filter(|id| !id.is_empty()).map(String::from);
    if let Some(url) = body.short("callback_url", 2_048)?.filter(|url| !url.is_empty()) {
        if !is_url(&url) {
            return Err(body.wrong("callback_url", "must be an https URL"));
        }
        create.callback_url = Some(url.into_owned());
    }
    Ok(create)
}

/// A text of digits; a number will do.
fn duration(body: &Object<'_>) -> Result<Option<u32>, Fault> {
    let Some(value) = body.raw("duration") else { return Ok(None) };
    let text = crate::json::string(value).unwrap_or_else(|| String::from_utf8_lossy(value));
    let seconds = text.parse().ok().filter(|seconds| (1..=60).contains(seconds));
    seconds.map(Some).ok_or_else(|| body.wrong("duration", "must be a number of seconds, such as \"5\""))
}

/// The shots of a video of several; gives the sum of their seconds, if they are given.
fn shots(body: &Object<'_>, multi: bool) -> Result<Option<u64>, Fault> {
    let kind = body.word("shot_type", &["customize", "intelligence"])?;
    let Some(shots) = body.objects("multi_prompt", 6)? else {
        if multi && kind.as_deref() == Some("customize") {
            return Err(body.wrong("multi_prompt", "is needed where 'shot_type' is customize"));
        }
        return Ok(None);
    };
    if !multi {
        return Err(body.wrong("multi_prompt", "needs 'multi_shot'"));
    }
    let mut sum = 0;
    for shot in &shots {
        shot.short("prompt", 512)?;
        let seconds = duration(shot)?.ok_or_else(|| shot.wrong("duration", "is needed for each shot"))?;
        sum += u64::from(seconds);
    }
    Ok(Some(sum))
}

/// Gives whether the camera is to move in a way of its own.
fn camera(body: &Object<'_>) -> Result<bool, Fault> {
    let Some(control) = body.object("camera_control")? else { return Ok(false) };
    let kinds = ["simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"];
    let kind = control.word("type", &kinds)?;
    let config = control.object("config")?;
    match (kind.as_deref(), config) {
        (Some("simple"), None) => Err(control.wrong("config", "is needed where 'type' is simple")),
        (Some("simple"), Some(config)) => {
            let mut moving = 0;
            for turn in TURNS {
                moving += i32::from(config.number(turn, -10.0, 10.0)?.is_some_and(|by| by != 0.0));
            }
            if moving == 1 {
                return Ok(true);
            }
            Err(control.wrong("config", "must have exactly one value that is not 0"))
        }
        (_, Some(_)) => Err(control.wrong("config", "is only for 'type' simple")),
        (_, None) => Ok(true),
    }
}

/// Voices and elements; gives whether there are voices.
fn lists(create: &mut Create, body: &Object<'_>) -> Result<bool, Fault> {
    let voices = body.objects("voice_list", 2)?.unwrap_or_default();
    for voice in &voices {
        voice.needed("voice_id")?;
    }
    let elements = body.objects("element_list", 3)?.unwrap_or_default();
    create.elements = !elements.is_empty();
    if !voices.is_empty() && create.sound != Some(true) {
        return Err(body.wrong("voice_list", "needs 'sound' on"));
    }
    if !voices.is_empty() && create.elements {
        return Err(exclude("voice_list", "element_list"));
    }
    Ok(!voices.is_empty())
}

fn pictures(create: &mut Create, family: Family, body: &Object<'_>) -> Result<(), Fault> {
    if family == Family::Text {
        create.inputs.push(Input::Text);
        return Ok(());
    }
    for (name, input) in [("image", Input::First), ("image_tail", Input::Last)] {
        if picture(body, name)? {
            create.inputs.push(input);
        }
    }
    if create.inputs.is_empty() {
        return Err(Fault::invalid("image", "You must give 'image' or 'image_tail'."));
    }
    let fixed = picture(body, "static_mask")?;
    let masks = body.objects("dynamic_masks", 6)?.unwrap_or_default();
    for mask in &masks {
        picture(mask, "mask")?;
        let points = mask.objects("trajectories", 77)?.unwrap_or_default();
        if points.len() < 2 {
            return Err(mask.wrong("trajectories", "must have 2 to 77 points"));
        }
        for point in &points {
            for axis in ["x", "y"] {
                point.whole(axis, -100_000, 100_000)?;
            }
        }
    }
    let mask = if fixed { "static_mask" } else { "dynamic_masks" };
    create.mask = (fixed || !masks.is_empty()).then_some(mask);
    let parts = [
        ("image_tail", create.inputs.contains(&Input::Last)),
        (mask, create.mask.is_some()),
        ("camera_control", create.camera),
    ];
    let mut there = parts.iter().filter(|(_, there)| *there).map(|(name, _)| *name);
    match (there.next(), there.next()) {
        (Some(a), Some(b)) => Err(exclude(a, b)),
        _ => Ok(()),
    }
}

/// A URL, or base64 without anything before it, of a jpeg or png.
fn picture(body: &Object<'_>, name: &str) -> Result<bool, Fault> {
    let Some(text) = body.text(name)?.filter(|text| !text.is_empty()) else { return Ok(false) };
    if is_url(&text) {
        return Ok(true);
    }
    if text.starts_with("data:") {
        return Err(body.wrong(name, "must be a URL, or base64 without 'data:' before it"));
    }
    if text.len() > MAX_IMAGE {
        return Err(body.wrong(name, "may have at most 10 MB"));
    }
    let start = text.get(..16).and_then(|start| STANDARD.decode(start).ok()).unwrap_or_default();
    match image::content_type(&start) {
        Some("image/png" | "image/jpeg") => Ok(true),
        _ => Err(body.wrong(name, "must be a URL, or a jpeg or png in base64")),
    }
}

impl Create {
    /// What decides the price for this model, or what it cannot do.
    pub fn facts(&self, model: &Model) -> Result<Facts, Fault> {
        for input in &self.inputs {
            if !model.takes(*input) {
                let (field, message) = match input {
                    Input::Text => ("model_name", "This model makes no video from text alone."),
                    Input::Last => ("image_tail", "This model takes no 'image_tail'."),
                    _ => ("image", "This model makes no video from pictures."),
                };
                return Err(Fault::invalid(field, message));
            }
        }
        for (asked, feature, field) in [
            (self.cfg_scale, Feature::CfgScale, "cfg_scale"),
            (self.multi_shot, Feature::MultiShot, "multi_shot"),
            (self.elements, Feature::Elements, "element_list"),
            (self.voices, Feature::Voices, "voice_list"),
            (self.camera, Feature::CameraControl, "camera_control"),
            (self.mask.is_some(), Feature::Masks, self.mask.unwrap_or_default()),
        ] {
            if asked && !model.has(feature) {
                return Err(cannot(field.to_owned()));
            }
        }
        let mode = self.mode.or(model.modes.first().copied()).unwrap_or_default();
        one_of("mode", mode, &model.modes, VideoMode::name)?;
        if let Some(ratio) = &self.ratio
            && !model.ratios.is_empty()
            && !model.ratios.contains(&ratio.as_str())
        {
            let message = format!("'aspect_ratio' must be one of {} for this model.", model.ratios.join(", "));
            return Err(Fault::invalid("aspect_ratio", message));
        }
        let seconds = self.seconds.unwrap_or(model.usual_seconds);
        if !model.seconds.contains(&seconds) {
            let message = format!("'duration' must be {} for this model.", model.lengths());
            return Err(Fault::invalid("duration", message));
        }
        if self.sound == Some(true) {
            if model.sound == SoundRule::Never {
                return Err(cannot("sound".to_owned()));
            }
            if !model.sounds_in(mode) {
                let modes: Vec<&str> = model.sound_modes.iter().map(|mode| mode.name()).collect();
                return Err(Fault::invalid(
                    "sound",
                    format!("'sound' needs 'mode' {} for this model.", modes.join(" or ")),
                ));
            }
        }
        let sound = if model.sounds_in(mode) { model.sound_of(self.sound) } else { Sound::Off };
        let kind = VideoKind { resolution: of_mode(mode), mode, sound, from_video: false };
        Ok(facts(seconds, kind, 1))
    }

    /// The changes that make the caller's request the vendor's; `external` is the task's name at the vendor.
    pub fn edits(&self, model: &str, external: &str) -> Vec<Edit> {
        let mut edits = vec![Edit::text("external_task_id", external), Edit::text("model_name", model)];
        if self.callback_url.is_some() {
            edits.push(Edit::without("callback_url"));
        }
        edits
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::video::kind::Resolution;

    fn v26() -> Model {
        Model::read(["5,10=5", "-", "16:9,9:16,1:1", "std,pro", "off:pro", "text,first,last", "1", "voices"]).unwrap()
    }

    fn asked(family: Family, body: &str) -> Result<Facts, Fault> {
        read(family, body.as_bytes())?.facts(&v26())
    }

    #[test]
    fn what_decides_the_price() {
        let facts = asked(Family::Text, r#"{"prompt":"a","duration":"10","mode":"pro","sound":"on"}"#).unwrap();
        assert_eq!(
            (facts.milliseconds, facts.kind.mode, facts.kind.sound),
            (10_000, VideoMode::Professional, Sound::On)
        );
        assert_eq!(facts.kind.resolution, Resolution::P1080);
        let facts = asked(Family::Text, r#"{"prompt":"a"}"#).unwrap();
        assert_eq!((facts.milliseconds, facts.kind.mode, facts.kind.sound), (5_000, VideoMode::Standard, Sound::Off));
    }

    #[test]
    fn every_documented_rule_names_its_field() {
        let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB";
        let param = |family, body: &str| asked(family, body).unwrap_err().param.unwrap().into_owned();
        for (more, field) in [
            (r#""duration":"7""#, "duration"),
            (r#""duration":"long""#, "duration"),
            (r#""mode":"4k""#, "mode"),
            (r#""mode":"best""#, "mode"),
            (r#""sound":"on""#, "sound"),
            (r#""sound":true"#, "sound"),
            (r#""aspect_ratio":"4:3""#, "aspect_ratio"),
            (r#""cfg_scale":2"#, "cfg_scale"),
            (r#""cfg_scale":0.5"#, "cfg_scale"),
            (r#""multi_shot":true"#, "multi_shot"),
            (r#""multi_prompt":[]"#, "multi_prompt"),
            (r#""multi_shot":true,"shot_type":"customize""#, "multi_prompt"),
            (r#""multi_shot":true,"duration":"5","multi_prompt":[{"prompt":"a","duration":"2"}]"#, "multi_prompt"),
            (r#""voice_list":[{"voice_id":"v"}]"#, "voice_list"),
            (r#""element_list":[{"element_id":1}]"#, "element_list"),
            (r#""camera_control":{"type":"simple"}"#, "camera_control.config"),
            (r#""camera_control":{"type":"simple","config":{"pan":1,"zoom":2}}"#, "camera_control.config"),
            (r#""camera_control":{"type":"simple","config":{"pan":11}}"#, "camera_control.config.pan"),
            (r#""camera_control":{"type":"down_back","config":{"pan":1}}"#, "camera_control.config"),
            (r#""watermark_info":{"enabled":1}"#, "watermark_info.enabled"),
            (r#""callback_url":"x""#, "callback_url"),
            (r#""negative_prompt":5"#, "negative_prompt"),
        ] {
            assert_eq!(param(Family::Text, &format!(r#"{{"prompt":"a",{more}}}"#)), field, "{more}");
        }
        assert_eq!(param(Family::Text, "{}"), "prompt");
        assert_eq!(param(Family::Text, &format!(r#"{{"prompt":"{}"}}"#, "a".repeat(2501))), "prompt");
        for (more, field) in [
            (r#""prompt":"a""#.to_owned(), "image"),
            (format!(r#""image":"data:image/png;base64,{png}""#), "image"),
            (r#""image":"R0lGODlhAQABAAAAACw=""#.to_owned(), "image"),
            (
                format!(r#""image":"{png}","image_tail":"{png}","camera_control":{{"type":"down_back"}}"#),
                "camera_control",
            ),
            (
                format!(r#""image":"{png}","static_mask":"https://a/b","camera_control":{{"type":"down_back"}}"#),
                "camera_control",
            ),
            (
                format!(
                    r#""image":"{png}","dynamic_masks":[{{"mask":"https://a/b","trajectories":[{{"x":1,"y":1}}]}}]"#
                ),
                "dynamic_masks[0].trajectories",
            ),
        ] {
            assert_eq!(param(Family::Image, &format!("{{{more}}}")), field, "{more}");
        }
        assert!(asked(Family::Image, &format!(r#"{{"image":"{png}"}}"#)).is_ok());
    }

    #[test]
    fn names_and_callbacks_are_the_gateways() {
        let body = r#"{"model":"kling-x","prompt":"a","external_task_id":"mine","callback_url":"https://h.example"}"#;
        let create = read(Family::Text, body.as_bytes()).unwrap();
        assert_eq!((create.model.as_str(), create.external_id.as_deref()), ("kling-x", Some("mine")));
        let sent = crate::video::edit::members(&body.to_owned().into(), &create.edits("kling-y", "ours")).unwrap();
        let wanted = r#"{"model":"kling-x","prompt":"a","external_task_id":"ours","model_name":"kling-y"}"#;
        assert_eq!(std::str::from_utf8(&sent).unwrap(), wanted);
    }
}
