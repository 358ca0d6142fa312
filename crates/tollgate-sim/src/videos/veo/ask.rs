//! What a create asks for, checked as the vendor documents it for each of its two doors.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::error::invalid;
use crate::videos::{
    Call, Failure,
    image::image,
    life::Wish,
    media::RATE,
    shape::{Lines, Shape},
    ticket::Kind,
};

/// A request that can be taken.
pub(super) struct Ask {
    pub prompt: String,
    pub wish: Wish,
    pub seed: Option<i64>,
    pub storage: Option<String>,
}

/// What a family of models takes; by part of its name, the first that fits counts.
struct Family {
    mark: &'static str,
    seconds: &'static [i64],
    lines: &'static [Lines],
    /// Makes sound unless told not to.
    audio: bool,
}

use Lines::{P720, P1080, P2160};

/// From the vendor's model cards, 2026-11.
const FAMILIES: &[Family] = &[
    Family { mark: "veo-2", seconds: &[5, 6, 7, 8], lines: &[P720], audio: false },
    Family { mark: "veo-3.1-lite", seconds: &[4, 6, 8], lines: &[P720, P1080], audio: true },
    Family { mark: "veo-3.1", seconds: &[4, 6, 8], lines: &[P720, P1080, P2160], audio: true },
    Family { mark: "veo-3", seconds: &[4, 6, 8], lines: &[P720, P1080], audio: true },
    Family { mark: "", seconds: &[4, 5, 6, 7, 8], lines: &[P720, P1080, P2160], audio: true },
];

/// Not taken by the Gemini API.
const VERTEX_ONLY: &[&str] = &["storageUri", "fps", "generateAudio", "pubsubTopic", "compressionQuality", "seed"];

struct Reader<'a> {
    parameters: Map<String, Value>,
    instance: Map<String, Value>,
    vertex: bool,
    family: &'a Family,
}

pub(super) fn read(call: &Call<'_>, kind: Kind, model: &str) -> Result<Ask, Failure> {
    let read = || {
        let fields = call.object().ok_or("Invalid JSON payload received.")?;
        let object = |value: Option<&Value>| value.and_then(Value::as_object).cloned();
        let instances = fields.get("instances").and_then(Value::as_array).ok_or("`instances` is required.")?;
        let [instance] = instances.as_slice() else {
            return Err("Exactly one instance is supported.".to_owned());
        };
        let parameters = match fields.get("parameters") {
            None | Some(Value::Null) => Map::new(),
            other => object(other).ok_or("`parameters` needs to be an object.")?,
        };
        let family = FAMILIES.iter().find(|family| model.contains(family.mark)).ok_or("The model is not known.")?;
        let instance = object(Some(instance)).ok_or("An instance needs to be an object.")?;
        Reader { parameters, instance, vertex: kind == Kind::VeoVertex, family }.read(kind)
    };
    read().map_err(|why| invalid(&why))
}

impl Reader<'_> {
    fn read(&self, kind: Kind) -> Result<Ask, String> {
        let refused = VERTEX_ONLY.iter().find(|name| !self.vertex && self.parameters.contains_key(**name));
        if let Some(name) = refused {
            return Err(unsupported(name));
        }
        let references = self.instance()?;
        let prompt = self.prompt()?;
        let seconds = self.integer("durationSeconds", "durationSeconds")?.unwrap_or(8);
        if !self.family.seconds.contains(&seconds) {
            let (least, most) = (self.family.seconds.first().unwrap_or(&4), self.family.seconds.last().unwrap_or(&8));
            return Err(format!(
                "The number value for `durationSeconds` is out of bound. Please provide a value between {least} and {most}, \
                 inclusive."
            ));
        }
        let ratio = self.one_of("aspectRatio", &["16:9", "9:16"])?.unwrap_or("16:9");
        let lines = match self.one_of("resolution", &["720p", "1080p", "4k"])? {
            None => P720,
            Some(name) => Lines::named(name)
                .filter(|lines| self.family.lines.contains(lines))
                .ok_or_else(|| format!("`resolution` {name} isn't supported by this model."))?,
        };
        if (references > 0 || lines != P720) && seconds != 8 {
            return Err("`durationSeconds` needs to be 8 with reference images and above 720p.".to_owned());
        }
        let samples = self.bounded("sampleCount", 1, 4)?.unwrap_or(1);
        let seed = self.bounded("seed", 0, 4_294_967_295)?;
        self.one_of("personGeneration", &["allow_adult", "dont_allow", "disallow", "allow_all"])?;
        self.one_of("compressionQuality", &["optimized", "lossless"])?;
        self.one_of("resizeMode", &["pad", "crop"])?;
        self.word("negativePrompt")?;
        self.flag("enhancePrompt")?;
        let audio = self.flag("generateAudio")?.unwrap_or(self.family.audio);
        let storage = self.word("storageUri")?;
        if storage.as_ref().is_some_and(|uri| uri.strip_prefix("gs://").is_none_or(str::is_empty)) {
            return Err("`storageUri` needs to be a Cloud Storage URI.".to_owned());
        }
        let shape = Shape::of(lines, ratio).ok_or("`aspectRatio` isn't supported.")?;
        let frames = u16::try_from(seconds).unwrap_or(8) * u16::try_from(RATE).unwrap_or(24);
        let mut wish = Wish::new(kind, shape, frames);
        wish.samples = u8::try_from(samples).unwrap_or(1);
        wish.audio = audio;
        Ok(Ask { prompt, wish, seed, storage })
    }

    fn prompt(&self) -> Result<String, String> {
        let prompt = match self.instance.get("prompt") {
            None | Some(Value::Null) => "",
            Some(Value::String(prompt)) => prompt.as_str(),
            Some(_) => return Err("`prompt` needs to be a string.".to_owned()),
        };
        let shown = ["image", "video"].iter().any(|name| self.instance.contains_key(*name));
        if prompt.trim().is_empty() && !shown {
            return Err("`prompt` is required without `image` and `video`.".to_owned());
        }
        Ok(prompt.to_owned())
    }

    /// The media of the instance; how many reference images.
    fn instance(&self) -> Result<usize, String> {
        for name in ["image", "lastFrame"] {
            if let Some(value) = self.instance.get(name) {
                self.media(name, value)?;
            }
        }
        if let Some(video) = self.instance.get("video") {
            let by_name = if self.vertex { "gcsUri" } else { "uri" };
            let named = video.get(by_name).is_some_and(Value::is_string);
            let carried = self.vertex && video.get("bytesBase64Encoded").is_some_and(Value::is_string);
            if !named && !carried {
                return Err(format!("`video` needs `{by_name}`."));
            }
        }
        if self.instance.contains_key("mask") && !self.vertex {
            return Err(unsupported("mask"));
        }
        let references = match self.instance.get("referenceImages") {
            None | Some(Value::Null) => return Ok(0),
            Some(Value::Array(references)) if references.len() <= 3 => references,
            Some(_) => return Err("`referenceImages` needs to be an array of up to three.".to_owned()),
        };
        for reference in references {
            self.media("referenceImages.image", reference.get("image").unwrap_or(&Value::Null))?;
            let kind = reference.get("referenceType").and_then(Value::as_str);
            if !kind.is_some_and(|kind| matches!(kind.to_ascii_lowercase().as_str(), "asset" | "style")) {
                return Err("`referenceType` needs to be asset or style.".to_owned());
            }
        }
        Ok(references.len())
    }

    /// A picture: bytes, or on Vertex an object of the store.
    fn media(&self, name: &str, value: &Value) -> Result<(), String> {
        if self.vertex && value.get("gcsUri").and_then(Value::as_str).is_some_and(|uri| uri.starts_with("gs://")) {
            return Ok(());
        }
        let bytes = value.get("bytesBase64Encoded").and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.ok_or_else(|| format!("`{name}` needs `bytesBase64Encoded`."))?;
        let kind =
            value.get("mimeType").and_then(Value::as_str).ok_or_else(|| format!("`{name}` needs `mimeType`."))?;
        match image(&bytes) {
            Some(found) if found.kind == kind => Ok(()),
            _ => Err(format!("Unable to process `{name}`: it is not of type {kind}.")),
        }
    }

    fn given(&self, name: &str) -> Option<&Value> {
        self.parameters.get(name).filter(|value| !value.is_null())
    }

    fn word(&self, name: &str) -> Result<Option<String>, String> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::String(word)) => Ok(Some(word.clone())),
            Some(_) => Err(format!("The value type for `{name}` needs to be a string.")),
        }
    }

    fn one_of<'a>(&self, name: &str, words: &[&'a str]) -> Result<Option<&'a str>, String> {
        let Some(word) = self.word(name)? else {
            return Ok(None);
        };
        let known = words.iter().find(|known| **known == word).copied();
        known.map(Some).ok_or_else(|| format!("`{word}` is not a value of `{name}`: {}.", words.join(", ")))
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(format!("The value type for `{name}` needs to be a boolean.")),
        }
    }

    fn integer(&self, name: &str, shown: &str) -> Result<Option<i64>, String> {
        match self.given(name) {
            None => Ok(None),
            Some(value) => {
                value.as_i64().map(Some).ok_or_else(|| format!("The value type for `{shown}` needs to be a number."))
            }
        }
    }

    fn bounded(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, String> {
        let number = self.integer(name, name)?;
        if number.is_some_and(|number| number < least || number > most) {
            return Err(format!(
                "The number value for `{name}` is out of bound. Please provide a value between {least} and {most}, inclusive."
            ));
        }
        Ok(number)
    }
}

fn unsupported(name: &str) -> String {
    format!(
        "`{name}` isn't supported by this model. Please remove it or refer to the Gemini API documentation for supported \
         usage."
    )
}
