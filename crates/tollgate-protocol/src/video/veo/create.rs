//! A request for videos, checked before it costs anything.

use crate::fault::Fault;
use crate::video::Facts;
use crate::video::fields::Object;
use crate::video::kind::{Resolution, VideoKind};
use crate::video::model::{Feature, Input, Model, SoundRule, cannot, facts, one_of};

/// Longest prompt, in characters; the vendor counts tokens, 1,024 of them.
const MAX_PROMPT: usize = 32_000;
/// Milliseconds of a video to be extended that may be billed, at the most: 30 s.
const READ: u64 = 30_000;
/// Fields that name a place in the caller's own cloud, where the operator's account would write.
const PLACES: [&str; 2] = ["storageUri", "pubsubTopic"];

/// What a request says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Create {
    seconds: Option<u32>,
    samples: Option<u32>,
    resolution: Option<Resolution>,
    ratio: Option<String>,
    audio: Option<bool>,
    /// Fields that only some models take, where they are given.
    special: Vec<(&'static str, Feature)>,
    inputs: Vec<Input>,
}

/// Reads and checks a request, as far as that needs no model.
pub fn read(body: &[u8]) -> Result<Create, Fault> {
    let body = Object::body(body)?;
    let mut create = Create::default();
    let instances = body.objects("instances", 1)?.unwrap_or_default();
    let Some(instance) = instances.first() else {
        return Err(Fault::invalid("instances", "You must give 'instances' with one element."));
    };
    inputs(&mut create, instance)?;
    let Some(parameters) = body.object("parameters")? else { return Ok(create) };
    for place in PLACES {
        if parameters.has(place) {
            let what = "is not taken by this gateway, which keeps results itself";
            return Err(parameters.wrong(place, what));
        }
    }
    let count = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    create.samples = count(parameters.whole("sampleCount", 1, 4)?);
    create.seconds = count(parameters.whole("durationSeconds", 1, 60)?);
    create.ratio = parameters.word("aspectRatio", &["16:9", "9:16"])?.map(std::borrow::Cow::into_owned);
    create.resolution = match parameters.text("resolution")? {
        Some(word) => {
            Some(Resolution::read(&word).ok_or_else(|| parameters.wrong("resolution", "is not a resolution"))?)
        }
        None => None,
    };
    create.audio = parameters.flag("generateAudio")?;
    parameters.whole("seed", 0, i64::from(u32::MAX))?;
    parameters.short("negativePrompt", MAX_PROMPT)?;
    let people = ["allow_adult", "dont_allow", "disallow", "allow_all"];
    parameters.word("personGeneration", &people)?;
    parameters.flag("enhancePrompt")?;
    if parameters.whole("fps", 1, 120)?.is_some() {
        create.special.push(("parameters.fps", Feature::Encoding));
    }
    if parameters.word("compressionQuality", &["optimized", "lossless"])?.is_some() {
        create.special.push(("parameters.compressionQuality", Feature::Encoding));
    }
    parameters.word("resizeMode", &["pad", "crop"])?;
    Ok(create)
}

fn inputs(create: &mut Create, instance: &Object<'_>) -> Result<(), Fault> {
    let prompt = instance.short("prompt", MAX_PROMPT)?.filter(|prompt| !prompt.is_empty());
    for (name, input) in [("image", Input::First), ("lastFrame", Input::Last), ("video", Input::Video)] {
        if let Some(media) = instance.object(name)? {
            bytes(&media)?;
            create.inputs.push(input);
        }
    }
    if create.inputs.contains(&Input::Last) && !create.inputs.contains(&Input::First) {
        return Err(instance.wrong("lastFrame", "needs 'image'"));
    }
    let references = instance.objects("referenceImages", 3)?.unwrap_or_default();
    for reference in &references {
        reference.word("referenceType", &["asset", "style", "ASSET", "STYLE"])?;
        let image = reference.object("image")?.ok_or_else(|| reference.wrong("image", "must be an object"))?;
        bytes(&image)?;
    }
    if !references.is_empty() {
        if !create.inputs.is_empty() {
            return Err(instance.wrong("referenceImages", "and other pictures or videos exclude each other"));
        }
        create.inputs.push(Input::Reference);
    }
    if let Some(mask) = instance.object("mask")? {
        bytes(&mask)?;
        if !create.inputs.contains(&Input::Video) {
            return Err(instance.wrong("mask", "needs 'video'"));
        }
        create.special.push(("instances[0].mask", Feature::Masks));
    }
    match prompt {
        None if create.inputs.is_empty() => Err(Fault::invalid("instances[0].prompt", "You must give 'prompt'.")),
        _ => {
            if create.inputs.is_empty() {
                create.inputs.push(Input::Text);
            }
            Ok(())
        }
    }
}

/// Media must come with the request: what lies in a cloud would be read with the operator's rights, not the caller's.
fn bytes(media: &Object<'_>) -> Result<(), Fault> {
    for place in ["gcsUri", "uri"] {
        if media.has(place) {
            return Err(media.wrong(place, "is not taken by this gateway; send 'bytesBase64Encoded'"));
        }
    }
    if media.raw("bytesBase64Encoded").is_none_or(|value| value.first() != Some(&b'"') || value.len() < 10) {
        return Err(media.wrong("bytesBase64Encoded", "must hold the file in base64"));
    }
    media.short("mimeType", 64)?;
    Ok(())
}

impl Create {
    /// What decides the price for this model, or what it cannot do.
    pub fn facts(&self, model: &Model) -> Result<Facts, Fault> {
        for input in &self.inputs {
            if !model.takes(*input) {
                let field = match input {
                    Input::First => "image",
                    Input::Last => "lastFrame",
                    Input::Reference => "referenceImages",
                    Input::Video => "video",
                    Input::Text | Input::Audio => "prompt",
                };
                return Err(cannot(format!("instances[0].{field}")));
            }
        }
        if let Some((field, _)) = self.special.iter().find(|(_, feature)| !model.has(*feature)) {
            return Err(cannot((*field).to_owned()));
        }
        let seconds = self.seconds.unwrap_or(model.usual_seconds);
        if !model.seconds.contains(&seconds) {
            let field = "parameters.durationSeconds";
            return Err(Fault::invalid(field, format!("'{field}' must be {} for this model.", model.lengths())));
        }
        let resolution = self.resolution.or(model.resolutions.first().copied()).unwrap_or_default();
        one_of("parameters.resolution", resolution, &model.resolutions, Resolution::name)?;
        let samples = self.samples.unwrap_or(1);
        if samples > model.samples {
            let field = "parameters.sampleCount";
            return Err(Fault::invalid(field, format!("'{field}' may be {} for this model.", model.samples)));
        }
        if let Some(only) = model.only_length(resolution, self.inputs.contains(&Input::Reference))
            && seconds != only
        {
            let field = "parameters.durationSeconds";
            let message = format!("'{field}' must be {only} with this resolution and with reference images.");
            return Err(Fault::invalid(field, message));
        }
        // Where there is nothing to choose the vendor does not know the field.
        let wrong = match model.sound {
            SoundRule::Never => self.audio == Some(true),
            SoundRule::Always => self.audio.is_some(),
            SoundRule::Optional { .. } => false,
        };
        if wrong {
            return Err(cannot("parameters.generateAudio".to_owned()));
        }
        let from_video = self.inputs.contains(&Input::Video);
        let kind = VideoKind { resolution, sound: model.sound_of(self.audio), from_video, ..VideoKind::default() };
        let mut facts = facts(seconds, kind, samples);
        facts.reads = if from_video { READ } else { 0 };
        Ok(facts)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::video::kind::Sound;

    fn model() -> Model {
        Model::read(["4,6,8=8", "720p,1080p", "16:9,9:16", "-", "on", "text,first", "2", "full_length"]).unwrap()
    }

    fn asked(body: &str) -> Result<Facts, Fault> {
        read(body.as_bytes())?.facts(&model())
    }

    #[test]
    fn what_decides_the_price() {
        let facts = asked(r#"{"instances":[{"prompt":"a"}]}"#).unwrap();
        assert_eq!((facts.milliseconds, facts.samples), (8000, 1));
        assert_eq!((facts.kind.resolution, facts.kind.sound), (Resolution::P720, Sound::On));
        let body = r#"{"instances":[{"prompt":"a"}],"parameters":{"sampleCount":2,"resolution":"1080p","generateAudio":false}}"#;
        let facts = asked(body).unwrap();
        assert_eq!((facts.milliseconds, facts.samples), (8000, 2));
        assert_eq!((facts.kind.resolution, facts.kind.sound), (Resolution::P1080, Sound::Off));
    }

    #[test]
    fn every_documented_rule_names_its_field() {
        let param = |body: &str| asked(body).unwrap_err().param.unwrap().into_owned();
        assert_eq!(param("{}"), "instances");
        assert_eq!(param(r#"{"instances":[{},{}]}"#), "instances");
        for (instance, field) in [
            (r"{}", "instances[0].prompt"),
            (r#"{"prompt":"a","image":{"gcsUri":"gs://b/o"}}"#, "instances[0].image.gcsUri"),
            (r#"{"prompt":"a","image":{}}"#, "instances[0].image.bytesBase64Encoded"),
            (r#"{"prompt":"a","video":{"uri":"https://x"}}"#, "instances[0].video.uri"),
            (r#"{"prompt":"a","lastFrame":{"bytesBase64Encoded":"aaaaaaaaaaaa"}}"#, "instances[0].lastFrame"),
            (r#"{"prompt":"a","video":{"bytesBase64Encoded":"aaaaaaaaaaaa"}}"#, "instances[0].video"),
            (
                r#"{"prompt":"a","referenceImages":[{"referenceType":"thing"}]}"#,
                "instances[0].referenceImages[0].referenceType",
            ),
            (r#"{"prompt":"a","mask":{"bytesBase64Encoded":"aaaaaaaaaaaa"}}"#, "instances[0].mask"),
        ] {
            assert_eq!(param(&format!(r#"{{"instances":[{instance}]}}"#)), field, "{instance}");
        }
        for (parameter, field) in [
            (r#""storageUri":"gs://b""#, "storageUri"),
            (r#""pubsubTopic":"t""#, "pubsubTopic"),
            (r#""sampleCount":5"#, "sampleCount"),
            (r#""sampleCount":3"#, "sampleCount"),
            (r#""durationSeconds":5"#, "durationSeconds"),
            (r#""durationSeconds":"8""#, "durationSeconds"),
            (r#""aspectRatio":"1:1""#, "aspectRatio"),
            (r#""resolution":"4k""#, "resolution"),
            (r#""resolution":"big""#, "resolution"),
            (r#""generateAudio":1"#, "generateAudio"),
            (r#""seed":-1"#, "seed"),
            (r#""personGeneration":"some""#, "personGeneration"),
            (r#""fps":24"#, "fps"),
            (r#""compressionQuality":"lossless""#, "compressionQuality"),
            (r#""resolution":"1080p","durationSeconds":4"#, "durationSeconds"),
            (r#""compressionQuality":"best""#, "compressionQuality"),
        ] {
            let body = format!(r#"{{"instances":[{{"prompt":"a"}}],"parameters":{{{parameter}}}}}"#);
            assert_eq!(param(&body), format!("parameters.{field}"), "{parameter}");
        }
    }
}
