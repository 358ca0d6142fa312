//! A request for a video, checked before it costs anything.

use crate::fault::Fault;
use crate::json;
use crate::usage::ServiceTier;
use crate::video::Facts;
use crate::video::edit::Edit;
use crate::video::fields::{Object, exclude, is_url};
use crate::video::kind::{Resolution, Sound, VideoKind, VideoMode};
use crate::video::model::{Feature, Input, Model, cannot, facts, one_of};

/// Most parts of `content`: 2.5 takes 30 pictures, 10 videos and 10 sounds.
const MAX_PARTS: usize = 100;
/// Longest text, in characters.
const MAX_TEXT: usize = 32_000;
/// Milliseconds that a video to be read may have at the most: 15 s.
const READ: u64 = 15_000;
const RATIOS: [&str; 7] = ["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"];

/// What a request says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Create {
    /// The model as the caller named it.
    pub model: String,
    /// Where the caller wants to be told of changes.
    pub callback_url: Option<String>,
    /// The gateway's id of a draft that is to be made in full.
    pub draft_task: Option<String>,
    resolution: Option<Resolution>,
    ratio: Option<String>,
    /// Seconds; -1 leaves it to the model.
    duration: Option<i64>,
    frames: Option<i64>,
    flags: Flags,
    audio: Option<bool>,
    draft: bool,
    flex: bool,
    inputs: Vec<Input>,
    videos: u64,
    camera_fixed: bool,
    tools: bool,
}

/// Settings at the end of the text, which older models read; they may contradict the body's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Flags {
    seconds: Option<u64>,
    resolution: Option<Resolution>,
}

/// Reads and checks a request, as far as that needs no model.
pub fn read(body: &[u8]) -> Result<Create, Fault> {
    let body = Object::body(body)?;
    let mut create = Create { model: body.needed("model")?.into_owned(), ..Create::default() };
    let parts = body.objects("content", MAX_PARTS)?.unwrap_or_default();
    if parts.is_empty() {
        return Err(Fault::invalid("content", "You must give 'content' with at least one element."));
    }
    content(&mut create, &parts)?;
    create.resolution = match body.text("resolution")? {
        Some(word) => Some(Resolution::read(&word).ok_or_else(|| body.wrong("resolution", "is not a resolution"))?),
        None => None,
    };
    create.ratio = body.word("ratio", &RATIOS)?.map(std::borrow::Cow::into_owned);
    create.duration = body.whole("duration", -1, 3600)?;
    if create.duration == Some(0) {
        return Err(body.wrong("duration", "must be a number of seconds, or -1"));
    }
    create.frames = body.whole("frames", 29, 289)?;
    if create.frames.is_some_and(|frames| (frames - 25) % 4 != 0) {
        return Err(body.wrong("frames", "must be 25 + 4 × n"));
    }
    body.whole("seed", -1, i64::from(u32::MAX))?;
    for flag in ["watermark", "return_last_frame"] {
        body.flag(flag)?;
    }
    create.camera_fixed = body.flag("camera_fixed")?.unwrap_or(false);
    create.audio = body.flag("generate_audio")?;
    create.draft = body.flag("draft")?.unwrap_or(false);
    create.flex = body.word("service_tier", &["default", "flex"])?.is_some_and(|tier| tier == "flex");
    body.whole("execution_expires_after", 3_600, 259_200)?;
    body.whole("priority", 0, 9)?;
    body.word("output_format", &["mp4", "mov"])?;
    body.short("safety_identifier", 256)?;
    body.short("omni_reference_task_type", 64)?;
    for tool in body.objects("tools", 8)?.unwrap_or_default() {
        create.tools |= tool.needed("type")? == "web_search";
    }
    if let Some(url) = body.short("callback_url", 2_048)? {
        if !is_url(&url) {
            return Err(body.wrong("callback_url", "must be an https URL"));
        }
        create.callback_url = Some(url.into_owned());
    }
    Ok(create)
}

fn content(create: &mut Create, parts: &[Object<'_>]) -> Result<(), Fault> {
    let (mut first, mut last, mut references, mut written) = (0, 0, 0, false);
    for part in parts {
        let kind = part.needed("type")?;
        match kind.as_ref() {
            "text" => {
                let text = part.needed("text")?;
                if text.chars().count() > MAX_TEXT {
                    return Err(part.wrong("text", &format!("may have at most {MAX_TEXT} characters")));
                }
                create.flags.read(&text);
                written = true;
            }
            "image_url" => {
                link(part, "image_url", "image")?;
                let role = part.word("role", &["first_frame", "last_frame", "reference_image"])?;
                match role.as_deref() {
                    Some("last_frame") => last += 1,
                    Some("reference_image") => references += 1,
                    _ => first += 1,
                }
            }
            "video_url" => {
                link(part, "video_url", "video")?;
                part.word("role", &["reference_video"])?;
                create.inputs.push(Input::Video);
                create.videos += 1;
            }
            "audio_url" => {
                link(part, "audio_url", "audio")?;
                part.word("role", &["reference_audio"])?;
                create.inputs.push(Input::Audio);
            }
            "draft_task" => {
                let draft = part.object("draft_task")?;
                let draft = draft.ok_or_else(|| part.wrong("draft_task", "must be an object with 'id'"))?;
                create.draft_task = Some(draft.needed("id")?.into_owned());
            }
            // A kind that this gateway has not heard of is the vendor's to judge.
            _ => {}
        }
    }
    let field = "content".to_owned();
    if first > 1 || last > 1 {
        return Err(Fault::invalid(field, "'content' may have one first_frame and one last_frame."));
    }
    if last > 0 && first == 0 {
        return Err(Fault::invalid(field, "A last_frame in 'content' needs a first_frame."));
    }
    let referring = references > 0 || create.videos > 0 || create.inputs.contains(&Input::Audio);
    if first + last > 0 && referring {
        return Err(Fault::invalid(field, "Frames and references in 'content' exclude each other."));
    }
    for (count, input) in [(first, Input::First), (last, Input::Last), (references, Input::Reference)] {
        if count > 0 {
            create.inputs.push(input);
        }
    }
    if written && create.inputs.is_empty() && create.draft_task.is_none() {
        create.inputs.push(Input::Text);
    }
    Ok(())
}

/// A part's link: a URL, the data itself, or an asset at the vendor.
fn link(part: &Object<'_>, name: &str, kind: &str) -> Result<(), Fault> {
    let object = part.object(name)?.ok_or_else(|| part.wrong(name, "must be an object with 'url'"))?;
    // Not copied: it may be tens of megabytes of data.
    let url = object.needed("url")?;
    if is_url(&url) || url.starts_with("asset://") || url.starts_with(&format!("data:{kind}/")) {
        return Ok(());
    }
    Err(object.wrong("url", &format!("must be an http(s) URL, 'data:{kind}/…;base64,…' or 'asset://…'")))
}

impl Flags {
    /// `--dur 5`, `--rs 720p` and their long forms; others do not change the price.
    fn read(&mut self, text: &str) {
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "--dur" | "--duration" => {
                    self.seconds = words.next().and_then(|n| n.parse().ok()).or(self.seconds);
                }
                "--frames" => {
                    let frames = words.next().and_then(|n| n.parse::<u64>().ok());
                    self.seconds = frames.map(|frames| frames.div_ceil(24)).max(self.seconds);
                }
                "--rs" | "--resolution" => {
                    self.resolution = words.next().and_then(Resolution::read).or(self.resolution);
                }
                _ => {}
            }
        }
    }
}

impl Create {
    /// What decides the price for this model, or what it cannot do.
    pub fn facts(&self, model: &Model) -> Result<Facts, Fault> {
        for input in &self.inputs {
            if !model.takes(*input) {
                return Err(Fault::invalid("content", format!("This model takes no {}.", word(*input))));
            }
        }
        for (asked, feature, name) in [
            (self.draft, Feature::Draft, "draft"),
            (self.flex, Feature::Flex, "service_tier"),
            (self.frames.is_some(), Feature::Frames, "frames"),
            (self.camera_fixed, Feature::CameraFixed, "camera_fixed"),
            (self.tools, Feature::WebSearch, "tools"),
        ] {
            if asked && !model.has(feature) {
                return Err(cannot(name.to_owned()));
            }
        }
        if self.draft && self.flex {
            return Err(exclude("draft", "service_tier"));
        }
        if let Some(resolution) = self.resolution {
            one_of("resolution", resolution, &model.resolutions, Resolution::name)?;
        }
        if let Some(ratio) = &self.ratio
            && !model.ratios.is_empty()
            && !model.ratios.contains(&ratio.as_str())
        {
            let message = format!("'ratio' must be one of {} for this model.", model.ratios.join(", "));
            return Err(Fault::invalid("ratio", message));
        }
        let mut facts = facts(model.usual_seconds, VideoKind::default(), 1);
        match (self.frames, self.duration) {
            // Frames win over seconds; 24 of them make one.
            (Some(frames), _) => facts.milliseconds = (frames.unsigned_abs() * 1000).div_ceil(24),
            (None, Some(-1)) if model.open_length => facts.milliseconds = u64::from(model.longest()) * 1000,
            (None, Some(seconds)) => {
                let known = u32::try_from(seconds).ok().filter(|seconds| model.seconds.contains(seconds));
                let Some(seconds) = known else {
                    let or = if model.open_length { ", or -1" } else { "" };
                    let message = format!("'duration' must be {}{or} seconds for this model.", model.lengths());
                    return Err(Fault::invalid("duration", message));
                };
                facts.milliseconds = u64::from(seconds) * 1000;
            }
            (None, None) => {}
        }
        facts.milliseconds = facts.milliseconds.max(self.flags.seconds.unwrap_or(0).min(3600) * 1000);
        // Where the resolution is not said, the price of the dearest is held; the answer will say.
        let resolution = self.resolution.max(self.flags.resolution).unwrap_or_default();
        if self.audio == Some(true) && model.sound_of(Some(true)) == Sound::Off {
            return Err(cannot("generate_audio".to_owned()));
        }
        facts.kind = VideoKind {
            resolution,
            mode: if self.draft { VideoMode::Draft } else { VideoMode::Unknown },
            sound: model.sound_of(self.audio),
            from_video: self.videos > 0,
        };
        facts.reads = self.videos.min(3) * READ;
        facts.tier = if self.flex { ServiceTier::Flex } else { ServiceTier::Standard };
        Ok(facts)
    }

    /// The changes that make the caller's request the vendor's, besides that of `draft_task`.
    pub fn edits(&self, model: &str) -> Vec<Edit> {
        let mut edits = Vec::new();
        if self.callback_url.is_some() {
            edits.push(Edit::without("callback_url"));
        }
        if model != self.model {
            edits.push(Edit { name: "model", value: Some(json::quote(model)) });
        }
        edits
    }
}

fn word(input: Input) -> &'static str {
    match input {
        Input::Text => "text alone",
        Input::First => "first_frame",
        Input::Last => "last_frame",
        Input::Reference => "reference_image",
        Input::Video => "video_url",
        Input::Audio => "audio_url",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn model() -> Model {
        let cells =
            ["4-12,open=5", "720p,480p,1080p", "16:9,9:16,adaptive", "-", "on", "text,first,last", "1", "draft,flex"];
        Model::read(cells).unwrap()
    }

    fn body(more: &str) -> String {
        format!(r#"{{"model":"m","content":[{{"type":"text","text":"a cat"}}]{more}}}"#)
    }

    fn asked(body: &str) -> Result<Facts, Fault> {
        read(body.as_bytes())?.facts(&model())
    }

    #[test]
    fn what_decides_the_price() {
        let facts = asked(&body("")).unwrap();
        assert_eq!((facts.milliseconds, facts.samples, facts.kind.sound), (5000, 1, Sound::On));
        assert_eq!(facts.kind.resolution, Resolution::Unknown);
        let facts = asked(&body(r#","duration":-1,"resolution":"1080p","generate_audio":false,"service_tier":"flex""#));
        let facts = facts.unwrap();
        assert_eq!((facts.milliseconds, facts.tier), (12_000, ServiceTier::Flex));
        assert_eq!((facts.kind.resolution, facts.kind.sound), (Resolution::P1080, Sound::Off));
        // Settings in the text may contradict those of the body: the dearer of both is held.
        let text =
            r#"{"model":"m","content":[{"type":"text","text":"a cat --rs 1080p --dur 10"}],"resolution":"720p"}"#;
        let facts = asked(text).unwrap();
        assert_eq!((facts.milliseconds, facts.kind.resolution), (10_000, Resolution::P1080));
    }

    #[test]
    fn every_documented_rule_names_its_field() {
        let param = |body: &str| asked(body).unwrap_err().param.unwrap().into_owned();
        for (more, field) in [
            (r#","duration":3"#, "duration"),
            (r#","duration":0"#, "duration"),
            (r#","duration":"5""#, "duration"),
            (r#","resolution":"4k""#, "resolution"),
            (r#","resolution":"big""#, "resolution"),
            (r#","ratio":"4:3""#, "ratio"),
            (r#","ratio":"2:1""#, "ratio"),
            (r#","seed":-2"#, "seed"),
            (r#","watermark":"yes""#, "watermark"),
            (r#","frames":30"#, "frames"),
            (r#","frames":29"#, "frames"),
            (r#","service_tier":"fast""#, "service_tier"),
            (r#","draft":true,"service_tier":"flex""#, "service_tier"),
            (r#","execution_expires_after":10"#, "execution_expires_after"),
            (r#","priority":10"#, "priority"),
            (r#","output_format":"avi""#, "output_format"),
            (r#","camera_fixed":true"#, "camera_fixed"),
            (r#","callback_url":"ftp://x""#, "callback_url"),
            (r#","tools":[{"type":"web_search"}]"#, "tools"),
            (r#","model":"n""#, "model"),
        ] {
            assert_eq!(param(&body(more)), field, "{more}");
        }
        let part = |content: &str| param(&format!(r#"{{"model":"m","content":[{content}]}}"#));
        let image =
            |role: &str| format!(r#"{{"type":"image_url","image_url":{{"url":"https://a/b.png"}},"role":"{role}"}}"#);
        assert_eq!(part(""), "content");
        assert_eq!(part(&image("last_frame")), "content");
        assert_eq!(part(&[image("first_frame"), image("first_frame")].join(",")), "content");
        assert_eq!(part(&[image("first_frame"), image("reference_image")].join(",")), "content");
        assert_eq!(part(&image("reference_image")), "content");
        assert_eq!(part(&image("middle")), "content[0].role");
        assert_eq!(part(r#"{"type":"image_url","image_url":{"url":"b.png"}}"#), "content[0].image_url.url");
        assert_eq!(part(r#"{"type":"text"}"#), "content[0].text");
        assert_eq!(part(r#"{"type":"draft_task","draft_task":{}}"#), "content[0].draft_task.id");
        assert!(asked(&format!(r#"{{"model":"m","content":[{}]}}"#, image("first_frame"))).is_ok());
    }

    #[test]
    fn the_callback_stays_here() {
        let text = body(r#","callback_url":"https://x.example/hook","zzz":1.50"#);
        let create = read(text.as_bytes()).unwrap();
        assert_eq!(create.callback_url.as_deref(), Some("https://x.example/hook"));
        let sent = crate::video::edit::members(&text.clone().into(), &create.edits("vendor-model")).unwrap();
        let wanted = r#"{"model":"vendor-model","content":[{"type":"text","text":"a cat"}],"zzz":1.50}"#;
        assert_eq!(std::str::from_utf8(&sent).unwrap(), wanted);
    }
}
