//! What a create asks for, checked as the vendor documents it.

use serde_json::{Map, Value};

use super::{
    error::{invalid, missing, unsupported},
    models::{Family, family},
};
use crate::videos::{
    Call, Failure,
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
    pub seed: Option<i64>,
    pub expires_after: Option<u64>,
    pub draft: bool,
    pub callback: bool,
}

/// Seconds that a model chooses when it may.
const CHOSEN: i64 = 5;
const RATIOS: &[&str] = &["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"];

struct Reader<'a, 'b> {
    call: &'a Call<'b>,
    fields: Map<String, Value>,
    model: String,
    family: Family,
}

pub(super) fn read(call: &Call<'_>) -> Result<Ask, Failure> {
    let Some(fields) = call.object() else {
        return Err(invalid(call, "body", "expected a JSON object"));
    };
    let model = match fields.get("model") {
        Some(Value::String(model)) if !model.is_empty() && model.len() <= 200 => model.clone(),
        None | Some(Value::Null) => return Err(missing(call, "model")),
        Some(_) => return Err(invalid(call, "model", "expected the name of a model")),
    };
    let family = family(&model);
    Reader { call, fields, model, family }.read()
}

impl Reader<'_, '_> {
    fn read(mut self) -> Result<Ask, Failure> {
        let content = Content::read(&mut self)?;
        if self.family.flags {
            self.flags(&content.prompt);
        }
        let lines = match self.word("resolution")? {
            None => Lines::P720,
            Some(name) => match Lines::named(&name) {
                Some(lines) if self.family.lines.contains(&lines) => lines,
                _ => return Err(self.bad("resolution", "not a resolution of this model")),
            },
        };
        let ratio = self.word("ratio")?.unwrap_or_else(|| "16:9".to_owned());
        if !RATIOS.contains(&ratio.as_str()) {
            return Err(self.bad("ratio", "expected one of 16:9, 4:3, 1:1, 3:4, 9:16, 21:9, adaptive"));
        }
        // The real one looks at the picture; this one does not open it.
        let ratio = if ratio == "adaptive" { "16:9" } else { &ratio };
        let shape = Shape::of(lines, ratio).ok_or_else(|| self.bad("ratio", "not for this resolution"))?;
        let (frames, by_frames) = self.length()?;
        let tier = self.word("service_tier")?;
        match tier.as_deref() {
            None | Some("default") => {}
            Some("flex") if self.family.flex => {}
            Some("flex") => return Err(unsupported(self.call, "service_tier", &self.model)),
            Some(_) => return Err(self.bad("service_tier", "expected default or flex")),
        }
        let audio = self.flag("generate_audio")?;
        if audio == Some(true) && !self.family.audio {
            return Err(unsupported(self.call, "generate_audio", &self.model));
        }
        let draft = self.flag("draft")?.unwrap_or(false);
        if draft && !self.family.draft {
            return Err(unsupported(self.call, "draft", &self.model));
        }
        let last_frame = self.flag("return_last_frame")?.unwrap_or(false);
        let seed = self.integer("seed", -1, 4_294_967_295)?.filter(|seed| *seed >= 0);
        let expires_after = self.integer("execution_expires_after", 3_600, 259_200)?;
        let callback = self.rest()?;
        let mut wish = Wish::new(Kind::Ark, shape, frames);
        wish.audio = audio.unwrap_or(self.family.audio);
        wish.last_frame = last_frame;
        wish.flex = tier.as_deref() == Some("flex");
        wish.special = by_frames;
        Ok(Ask {
            model: self.model,
            prompt: content.prompt,
            wish,
            seed,
            expires_after: expires_after.and_then(|seconds| u64::try_from(seconds).ok()),
            draft,
            callback,
        })
    }

    /// Fields that change nothing here but may be wrong. Says whether there is a callback.
    fn rest(&mut self) -> Result<bool, Failure> {
        for name in ["watermark", "camera_fixed"] {
            self.flag(name)?;
        }
        self.integer("priority", 0, 9)?;
        if self.word("output_format")?.is_some_and(|format| !matches!(format.as_str(), "mp4" | "mov")) {
            return Err(self.bad("output_format", "expected mp4 or mov"));
        }
        self.word("safety_identifier")?;
        if let Some(tools) = self.given("tools") {
            let known = |tool: &Value| tool.get("type").and_then(Value::as_str) == Some("web_search");
            if !tools.as_array().is_some_and(|tools| tools.iter().all(known)) {
                return Err(self.bad("tools", "expected an array of web_search tools"));
            }
        }
        match self.word("callback_url")? {
            None => Ok(false),
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => Ok(true),
            Some(_) => Err(self.bad("callback_url", "expected an http or https address")),
        }
    }

    /// Frames of the clip, and whether the request counted in them.
    fn length(&mut self) -> Result<(u16, bool), Failure> {
        let rate = u16::try_from(RATE).unwrap_or(24);
        if self.given("frames").is_some() {
            if !self.family.frames {
                return Err(unsupported(self.call, "frames", &self.model));
            }
            let frames = self.integer("frames", 29, 289)?.unwrap_or(29);
            if (frames - 25) % 4 != 0 {
                return Err(self.bad("frames", "expected 25 and a multiple of 4"));
            }
            return Ok((u16::try_from(frames).unwrap_or(29), true));
        }
        let (least, most) = (i64::from(self.family.least), i64::from(self.family.most));
        let chosen = self.family.auto && self.given("duration").is_some_and(|value| value == &Value::from(-1));
        let seconds = if chosen { CHOSEN } else { self.integer("duration", least, most)?.unwrap_or(CHOSEN) };
        // The vendor's clips have one frame more than their seconds.
        Ok((u16::try_from(seconds).unwrap_or(5) * rate + 1, false))
    }

    /// The flags at the end of a prompt, `--rs 720p --dur 5`, as fields where the request has none of that name. Bad ones
    /// are passed over, as the vendor does with this old way.
    fn flags(&mut self, prompt: &str) {
        let mut words = prompt.split_whitespace();
        while let Some(word) = words.next() {
            let name = match word {
                "--rs" | "--resolution" => "resolution",
                "--rt" | "--ratio" => "ratio",
                "--dur" | "--duration" => "duration",
                "--seed" => "seed",
                _ => continue,
            };
            let Some(value) = words.next() else {
                return;
            };
            let value = match name {
                "resolution" => {
                    Lines::named(value).filter(|lines| self.family.lines.contains(lines)).map(|_| value.into())
                }
                "ratio" => RATIOS.contains(&value).then(|| value.into()),
                "duration" => value
                    .parse::<u16>()
                    .ok()
                    .filter(|seconds| (self.family.least..=self.family.most).contains(seconds))
                    .map(Value::from),
                _ => value.parse::<u32>().ok().map(Value::from),
            };
            if let Some(value) = value {
                self.fields.entry(name).or_insert(value);
            }
        }
    }

    /// A field that is there and not null.
    fn given(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn word(&mut self, name: &str) -> Result<Option<String>, Failure> {
        match self.given(name).cloned() {
            None => Ok(None),
            Some(Value::String(word)) => Ok(Some(word)),
            Some(_) => Err(self.bad(name, "expected a string")),
        }
    }

    fn flag(&mut self, name: &str) -> Result<Option<bool>, Failure> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.bad(name, "expected a boolean")),
        }
    }

    fn integer(&mut self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Failure> {
        let Some(value) = self.given(name) else {
            return Ok(None);
        };
        let why = match value.as_i64() {
            None => format!("expected an integer, but got {value} instead"),
            Some(number) if number < least => {
                format!("integer below minimum value, expected a value >= {least}, but got {number} instead")
            }
            Some(number) if number > most => {
                format!("integer above maximum value, expected a value <= {most}, but got {number} instead")
            }
            Some(number) => return Ok(Some(number)),
        };
        Err(self.bad(name, &why))
    }

    fn bad(&mut self, name: &str, why: &str) -> Failure {
        invalid(self.call, name, why)
    }
}

/// What the parts of `content` come to.
#[derive(Default)]
struct Content {
    prompt: String,
    first: usize,
    last: usize,
    references: usize,
    videos: usize,
    sounds: usize,
    drafts: usize,
}

impl Content {
    fn read(reader: &mut Reader<'_, '_>) -> Result<Self, Failure> {
        let parts = match reader.fields.get("content") {
            None | Some(Value::Null) => return Err(missing(reader.call, "content")),
            Some(Value::Array(parts)) if !parts.is_empty() => parts.clone(),
            Some(_) => return Err(reader.bad("content", "expected an array with at least one part")),
        };
        let mut content = Self::default();
        for (at, part) in parts.iter().enumerate() {
            content.add(part).map_err(|(inner, why)| reader.bad(&format!("content[{at}].{inner}"), why))?;
        }
        content.check(reader.family.references).map_err(|why| reader.bad("content", why))?;
        Ok(content)
    }

    fn add(&mut self, part: &Value) -> Result<(), (&'static str, &'static str)> {
        let word = |name: &str| part.get(name).and_then(Value::as_str);
        let role = word("role");
        let url = |name: &str| part.get(name).and_then(|inner| inner.get("url")).and_then(Value::as_str);
        match word("type") {
            Some("text") => match word("text") {
                Some(text) if !text.trim().is_empty() => {
                    if !self.prompt.is_empty() {
                        self.prompt.push('\n');
                    }
                    self.prompt.push_str(text);
                }
                _ => return Err(("text", "expected a text that is not empty")),
            },
            Some("image_url") => {
                if !url("image_url").is_some_and(is_source) {
                    return Err(("image_url.url", "expected an http, https, data or asset address"));
                }
                match role {
                    None | Some("first_frame") => self.first += 1,
                    Some("last_frame") => self.last += 1,
                    Some("reference_image") => self.references += 1,
                    Some(_) => return Err(("role", "expected first_frame, last_frame or reference_image")),
                }
            }
            Some("video_url") => {
                if !url("video_url").is_some_and(is_source) {
                    return Err(("video_url.url", "expected an http, https or asset address"));
                }
                if role.is_some_and(|role| role != "reference_video") {
                    return Err(("role", "expected reference_video"));
                }
                self.videos += 1;
            }
            Some("audio_url") => {
                if !url("audio_url").is_some_and(is_source) {
                    return Err(("audio_url.url", "expected an http, https, data or asset address"));
                }
                if role.is_some_and(|role| role != "reference_audio") {
                    return Err(("role", "expected reference_audio"));
                }
                self.sounds += 1;
            }
            Some("draft_task") => {
                if part.get("draft_task").and_then(|draft| draft.get("id")).and_then(Value::as_str).is_none() {
                    return Err(("draft_task.id", "expected the id of a draft"));
                }
                self.drafts += 1;
            }
            _ => return Err(("type", "expected text, image_url, video_url, audio_url or draft_task")),
        }
        Ok(())
    }

    fn check(&self, references: bool) -> Result<(), &'static str> {
        let others = self.references + self.videos + self.sounds;
        if self.first > 1 || self.last > 1 {
            return Err("more than one first or last frame");
        }
        if self.last > self.first {
            return Err("a last frame needs a first frame");
        }
        if self.first > 0 && others > 0 {
            return Err("first and last frames cannot be mixed with reference media");
        }
        if self.videos + self.sounds > 0 && !references {
            return Err("this model takes no videos and no sounds");
        }
        if self.prompt.is_empty() && self.first + self.references + self.videos + self.drafts == 0 {
            return Err("a text, an image or a video is needed");
        }
        Ok(())
    }
}

fn is_source(url: &str) -> bool {
    let carried = url.strip_prefix("data:").is_some_and(|rest| rest.contains(";base64,"));
    carried
        || ["http://", "https://", "asset://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme))
}
