//! What a create asks for, checked as the vendor documents it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    error::{by_code, invalid},
    models::{Family, family},
};
use crate::videos::{
    Call, Failure,
    image::{Image, image},
    life::Wish,
    media::RATE,
    shape::{Lines, Shape},
    ticket::Kind,
};

/// A request that can be taken.
pub(super) struct Ask {
    pub model: String,
    pub prompt: String,
    pub wish: Wish,
    pub external: Option<String>,
    pub callback: bool,
}

const PROMPT: usize = 2_500;
const IMAGE: usize = 10 << 20;
/// The model when none is named.
const USUAL: &str = "kling-v1";
const CAMERA: &[&str] = &["simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"];
const AXES: &[&str] = &["horizontal", "vertical", "pan", "tilt", "roll", "zoom"];

struct Reader {
    fields: Map<String, Value>,
    kind: Kind,
    model: String,
    family: Family,
}

pub(super) fn read(call: &Call<'_>, kind: Kind) -> Result<Ask, Failure> {
    let fields = call.object().ok_or_else(|| by_code(call, 1200, None))?;
    let read = || {
        // The field `model` of other vendors is not read here.
        let mut reader = Reader { fields, kind, model: String::new(), family: family("") };
        reader.model = reader.word("model_name")?.unwrap_or_else(|| USUAL.to_owned());
        reader.family = family(&reader.model);
        reader.read()
    };
    read().map_err(|why: String| invalid(call, &why))
}

impl Reader {
    fn read(&self) -> Result<Ask, String> {
        if self.kind == Kind::KlingText && !self.family.text {
            return Err(format!("model_name {} is not supported by text2video", self.model));
        }
        let (prompt, multi) = self.prompts()?;
        let seconds = self.seconds()?;
        if multi.is_some_and(|sum| sum != u32::from(seconds)) {
            return Err("the durations of multi_prompt must sum up to duration".to_owned());
        }
        let mode = self.one_of("mode", self.family.modes)?.unwrap_or("std");
        self.cfg()?;
        let sound = self.one_of("sound", &["on", "off"])? == Some("on");
        if sound && !self.family.sound.contains(&mode) {
            return Err(format!("sound is not supported by model/mode({}/{mode})", self.model));
        }
        self.voices(sound)?;
        let picture = if self.kind == Kind::KlingImage { self.images()? } else { None };
        self.camera(mode, seconds)?;
        let ratio = match self.kind {
            Kind::KlingImage => picture.map_or("16:9", nearest),
            _ => self.one_of("aspect_ratio", &["16:9", "9:16", "1:1"])?.unwrap_or("16:9"),
        };
        let lines = match mode {
            "4k" => Lines::P2160,
            "pro" => Lines::P1080,
            _ => Lines::P720,
        };
        let shape = Shape::of(lines, ratio).ok_or_else(|| "Invalid parameters: aspect_ratio".to_owned())?;
        let watermark = match self.given("watermark_info").map(|info| info.get("enabled")) {
            None => false,
            Some(Some(Value::Bool(enabled))) => *enabled,
            Some(_) => return Err("Invalid parameters: watermark_info".to_owned()),
        };
        let callback = match self.word("callback_url")? {
            None => false,
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => true,
            Some(_) => return Err("Invalid parameters: callback_url".to_owned()),
        };
        // The vendor's clips have one frame more than their seconds.
        let mut wish = Wish::new(self.kind, shape, seconds * u16::try_from(RATE).unwrap_or(24) + 1);
        wish.audio = sound;
        wish.special = watermark;
        let external = self.word("external_task_id")?.filter(|id| !id.is_empty());
        if external.as_ref().is_some_and(|id| id.len() > 512) {
            return Err("external_task_id is too long".to_owned());
        }
        Ok(Ask { model: self.model.clone(), prompt, wish, external, callback })
    }

    /// The prompt, and the seconds that the shots of a prompt in parts come to.
    fn prompts(&self) -> Result<(String, Option<u32>), String> {
        let text = |name: &str| match self.word(name)? {
            Some(text) if text.chars().count() > PROMPT => Err(format!("{name} is longer than {PROMPT} characters")),
            text => Ok(text.unwrap_or_default()),
        };
        let prompt = text("prompt")?;
        text("negative_prompt")?;
        let multi = match self.given("multi_shot") {
            None => false,
            Some(Value::Bool(multi)) => *multi,
            Some(_) => return Err("Invalid parameters: multi_shot".to_owned()),
        };
        let customized = multi && self.one_of("shot_type", &["customize", "intelligence"])? == Some("customize");
        if multi && !self.family.shots {
            return Err(format!("multi_shot is not supported by model {}", self.model));
        }
        if customized {
            let shots =
                self.given("multi_prompt").and_then(Value::as_array).filter(|shots| (1..=6).contains(&shots.len()));
            let shots = shots.ok_or_else(|| "multi_prompt must have one to six shots".to_owned())?;
            let shot = |shot: &Value| {
                let prompt = shot.get("prompt").and_then(Value::as_str).filter(|text| text.chars().count() <= 512)?;
                let seconds: u32 = shot.get("duration").and_then(Value::as_str)?.parse().ok()?;
                shot.get("index").filter(|index| index.is_u64() && !prompt.is_empty())?;
                Some((prompt.to_owned(), seconds))
            };
            let shots: Option<Vec<(String, u32)>> = shots.iter().map(shot).collect();
            let shots = shots.ok_or_else(|| "Invalid parameters: multi_prompt".to_owned())?;
            let all: Vec<&str> = shots.iter().map(|(prompt, _)| prompt.as_str()).collect();
            return Ok((all.join("\n"), Some(shots.iter().map(|(_, seconds)| seconds).sum())));
        }
        if self.kind == Kind::KlingText && prompt.trim().is_empty() {
            return Err("prompt is required".to_owned());
        }
        Ok((prompt, None))
    }

    fn seconds(&self) -> Result<u16, String> {
        let text = self.word("duration")?.unwrap_or_else(|| "5".to_owned());
        let seconds = text.parse::<u16>().ok().filter(|seconds| seconds.to_string() == text);
        seconds
            .filter(|seconds| self.family.seconds.contains(seconds))
            .ok_or_else(|| "Invalid parameters: duration".to_owned())
    }

    fn cfg(&self) -> Result<(), String> {
        let fits = |value: &Value| value.as_f64().is_some_and(|scale| (0.0..=1.0).contains(&scale));
        if self.given("cfg_scale").is_none_or(fits) { Ok(()) } else { Err("Invalid parameters: cfg_scale".to_owned()) }
    }

    fn voices(&self, sound: bool) -> Result<(), String> {
        let ids = |list: &str, name: &str, most: usize| match self.given(list) {
            None => Ok(0),
            Some(Value::Array(items)) if items.len() <= most && items.iter().all(|item| item.get(name).is_some()) => {
                Ok(items.len())
            }
            Some(_) => Err(format!("Invalid parameters: {list}")),
        };
        let (voices, elements) = (ids("voice_list", "voice_id", 2)?, ids("element_list", "element_id", 3)?);
        match (voices, elements) {
            (1.., _) if !sound => Err("voice_list needs sound on".to_owned()),
            (1.., 1..) => Err("voice_list and element_list exclude each other".to_owned()),
            (_, 1..) if !self.family.shots => Err(format!("element_list is not supported by model {}", self.model)),
            _ => Ok(()),
        }
    }

    /// The first picture that came with the request itself.
    fn images(&self) -> Result<Option<Image>, String> {
        let (first, last) = (self.image("image")?, self.image("image_tail")?);
        if first.is_none() && last.is_none() {
            return Err("image and image_tail cannot be empty at the same time".to_owned());
        }
        let masks = self.masks()? || self.image("static_mask")?.is_some();
        let others = [last.is_some(), masks, self.given("camera_control").is_some()];
        if others.iter().filter(|there| **there).count() > 1 {
            return Err("image_tail, masks and camera_control exclude each other".to_owned());
        }
        Ok(first.flatten().or(last.flatten()))
    }

    /// A picture by its address (none of its size is known) or in base64.
    #[expect(clippy::option_option, reason = "not there, there, there and known")]
    fn image(&self, name: &str) -> Result<Option<Option<Image>>, String> {
        let Some(text) = self.word(name)?.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        if text.starts_with("http://") || text.starts_with("https://") {
            return Ok(Some(None));
        }
        let bytes = STANDARD.decode(text.trim()).map_err(|_| format!("{name} is not a valid base64 image or URL"))?;
        let found = image(&bytes).filter(|found| found.kind != "image/webp");
        match found {
            _ if bytes.len() > IMAGE => Err(format!("{name} is larger than 10 MB")),
            None => Err(format!("{name} is not a jpg or png")),
            Some(found) if found.width.min(found.height) < 300 => Err(format!("{name} is smaller than 300px")),
            Some(found) if found.width * 2 > found.height * 5 || found.height * 2 > found.width * 5 => {
                Err(format!("the aspect ratio of {name} is not between 1:2.5 and 2.5:1"))
            }
            Some(found) => Ok(Some(Some(found))),
        }
    }

    fn masks(&self) -> Result<bool, String> {
        let point = |point: &Value| {
            point.get("x").is_some_and(Value::is_number) && point.get("y").is_some_and(Value::is_number)
        };
        let mask = |mask: &Value| {
            let path = mask.get("trajectories").and_then(Value::as_array);
            mask.get("mask").is_some_and(Value::is_string)
                && path.is_some_and(|path| (2..=77).contains(&path.len()) && path.iter().all(point))
        };
        match self.given("dynamic_masks") {
            None => Ok(false),
            Some(Value::Array(masks)) if masks.len() <= 6 && masks.iter().all(mask) => Ok(!masks.is_empty()),
            Some(_) => Err("Invalid parameters: dynamic_masks".to_owned()),
        }
    }

    fn camera(&self, mode: &str, seconds: u16) -> Result<(), String> {
        let bad = || Err("Invalid parameters: camera_control".to_owned());
        let Some(control) = self.given("camera_control") else {
            return Ok(());
        };
        if !self.family.camera || mode != "std" || seconds != 5 {
            return Err("camera_control is only supported in std mode with 5s duration and kling-v1".to_owned());
        }
        let kind = control.get("type").and_then(Value::as_str);
        if !kind.is_some_and(|kind| CAMERA.contains(&kind)) {
            return bad();
        }
        let config = control.get("config").filter(|config| !config.is_null());
        match (kind, config) {
            (Some("simple"), Some(Value::Object(config))) => {
                let value = |axis: &&str| config.get(*axis).map_or(Some(0.0), Value::as_f64);
                let values: Option<Vec<f64>> = AXES.iter().map(value).collect();
                let fits = values.is_some_and(|values| {
                    values.iter().all(|value| value.abs() <= 10.0)
                        && values.iter().filter(|value| value.abs() > 0.0).count() == 1
                });
                if fits { Ok(()) } else { bad() }
            }
            (Some("simple"), _) | (_, Some(_)) => bad(),
            _ => Ok(()),
        }
    }

    /// A field that is there and not null.
    fn given(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn word(&self, name: &str) -> Result<Option<String>, String> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::String(word)) => Ok(Some(word.clone())),
            Some(_) => Err(format!("Invalid parameters: {name}")),
        }
    }

    fn one_of<'a>(&self, name: &str, words: &[&'a str]) -> Result<Option<&'a str>, String> {
        let Some(word) = self.word(name)? else {
            return Ok(None);
        };
        let known = words.iter().find(|known| **known == word).copied();
        known.map(Some).ok_or_else(|| format!("Invalid parameters: {name}"))
    }
}

/// The ratio of a clip that follows a picture.
fn nearest(image: Image) -> &'static str {
    if image.width * 4 >= image.height * 5 {
        "16:9"
    } else if image.height * 4 >= image.width * 5 {
        "9:16"
    } else {
        "1:1"
    }
}
