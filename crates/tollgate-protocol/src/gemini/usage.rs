//! Gemini `generateContent`: its usage. Cached input stands inside the prompt, thoughts beside the candidates, and
//! what tools brought in beside the prompt.
//!
//! Facts: Google's API descriptions and recorded traffic of Gemini and Vertex, 2026-11.

use crate::chat::details;
use crate::json;
use crate::usage::{Reader, ServiceTier, Usage};
use crate::write::Object;

/// The last cumulative value of each field of `usageMetadata`, over the chunks of a stream or one answer. Fields that
/// are zero are left out by the vendor.
#[derive(Debug, Clone, Copy, Default)]
pub struct GeminiUsage {
    reader: Reader,
    /// A field that counts was there, if only with a zero.
    told: bool,
    prompt: u64,
    tools: u64,
    cached: u64,
    candidates: u64,
    thoughts: u64,
    prompt_kinds: Kinds,
    tools_kinds: Kinds,
    cached_kinds: Kinds,
    candidates_kinds: Kinds,
    tier: Option<ServiceTier>,
}

/// Tokens of one group by what they stand for; the rest is text. Frames of a video and pages of a document that the
/// vendor counts as such are no pictures: it sells them at the rate of text.
#[derive(Debug, Clone, Copy, Default)]
struct Kinds {
    audio: u64,
    image: u64,
}

impl Kinds {
    /// Takes a list of `{modality, tokenCount}`, which replaces the one before unless it says nothing.
    fn take(&mut self, reader: &mut Reader, list: &[u8]) {
        let mut kinds = Self::default();
        // `null` or missing: nothing is known.
        let _ = json::elements(list, |part| {
            let (mut count, mut kind): (u64, &[u8]) = (0, b"");
            details(part, |key, value| match key {
                b"modality" => kind = value,
                b"tokenCount" => count = reader.count(value),
                _ => {}
            });
            match kind {
                b"\"AUDIO\"" => kinds.audio = kinds.audio.saturating_add(count),
                b"\"IMAGE\"" => kinds.image = kinds.image.saturating_add(count),
                _ => {}
            }
        });
        if kinds.audio > 0 {
            self.audio = kinds.audio;
        }
        if kinds.image > 0 {
            self.image = kinds.image;
        }
    }
}

impl GeminiUsage {
    /// Takes a `usageMetadata` object.
    pub fn take(&mut self, value: &[u8]) {
        let Self { reader, .. } = self;
        let mut told = false;
        let read = json::members(value, |member| match member.key().as_ref() {
            b"promptTokenCount" => {
                told = true;
                reader.keep(&mut self.prompt, member.value);
            }
            b"candidatesTokenCount" => {
                told = true;
                reader.keep(&mut self.candidates, member.value);
            }
            b"toolUsePromptTokenCount" => reader.keep(&mut self.tools, member.value),
            b"cachedContentTokenCount" => reader.keep(&mut self.cached, member.value),
            b"thoughtsTokenCount" => reader.keep(&mut self.thoughts, member.value),
            b"promptTokensDetails" | b"promptTokenDetails" => self.prompt_kinds.take(reader, member.value),
            b"toolUsePromptTokensDetails" => self.tools_kinds.take(reader, member.value),
            b"cacheTokensDetails" => self.cached_kinds.take(reader, member.value),
            b"candidatesTokensDetails" => self.candidates_kinds.take(reader, member.value),
            b"serviceTier" | b"trafficType" => self.tier = ServiceTier::read(member.value).or(self.tier),
            _ => {}
        });
        self.told |= told && read.is_ok();
    }

    /// Takes the data of one event; every chunk has the same form as a whole answer.
    pub fn event(&mut self, data: &[u8]) {
        if memchr::memmem::find(data, b"\"usageMetadata\"").is_none() {
            return;
        }
        // What is no object says nothing about usage; that the stream is broken is not said here.
        let _ = json::object(data, |member| {
            if member.key().as_ref() == b"usageMetadata" {
                self.take(member.value);
            }
        });
    }

    /// What was used, as far as it was told.
    pub fn usage(&self) -> Option<Usage> {
        if !self.told {
            return None;
        }
        let mut reader = self.reader;
        let prompt = reader.without(self.prompt, self.cached);
        let fresh = prompt + self.tools;
        // What came from the cache may have been sound or image; it is counted once, as cached.
        let kind = |prompt: u64, cached: u64, tools: u64| prompt.saturating_sub(cached).saturating_add(tools);
        let audio = kind(self.prompt_kinds.audio, self.cached_kinds.audio, self.tools_kinds.audio);
        let image = kind(self.prompt_kinds.image, self.cached_kinds.image, self.tools_kinds.image);
        let audio = audio.min(fresh);
        let image = image.min(fresh - audio);
        let audio_out = self.candidates_kinds.audio.min(self.candidates);
        let image_out = self.candidates_kinds.image.min(self.candidates - audio_out);
        reader.within(self.prompt, self.prompt_kinds.audio.saturating_add(self.prompt_kinds.image));
        reader.within(self.candidates, self.candidates_kinds.audio.saturating_add(self.candidates_kinds.image));
        Some(Usage {
            input_tokens: fresh - audio - image,
            cache_read_tokens: self.cached.min(self.prompt),
            output_tokens: self.candidates - audio_out - image_out,
            reasoning_tokens: self.thoughts,
            audio_input_tokens: audio,
            audio_output_tokens: audio_out,
            image_input_tokens: image,
            image_output_tokens: image_out,
            tier: self.tier.unwrap_or_default(),
            suspect: reader.suspect(),
            ..Usage::default()
        })
    }
}

/// Writes the members of `usageMetadata`. Fields that are zero are left out, as by the vendor, but for the three that
/// clients look at.
pub(super) fn write(object: &mut Object<'_>, usage: &Usage) {
    let (input, output) = (usage.total_input(), usage.total_output());
    let visible = output - usage.reasoning_tokens;
    object.whole("promptTokenCount", input).whole("candidatesTokenCount", visible);
    object.whole("totalTokenCount", i128::from(input) + i128::from(output));
    for (name, count) in
        [("cachedContentTokenCount", usage.cache_read_tokens), ("thoughtsTokenCount", usage.reasoning_tokens)]
    {
        if count > 0 {
            object.whole(name, count);
        }
    }
    let kinds = |object: &mut Object<'_>, name: &str, all: u64, audio: u64, image: u64| {
        if all == 0 {
            return;
        }
        let mut list = object.list(name);
        for (kind, count) in [("TEXT", all - audio - image), ("IMAGE", image), ("AUDIO", audio)] {
            if count > 0 {
                list.object().text("modality", kind).whole("tokenCount", count);
            }
        }
    };
    kinds(object, "promptTokensDetails", input, usage.audio_input_tokens, usage.image_input_tokens);
    kinds(object, "candidatesTokensDetails", visible, usage.audio_output_tokens, usage.image_output_tokens);
    if usage.tier != ServiceTier::Standard {
        object.text("serviceTier", usage.tier.name());
    }
}

/// Reads a `usageMetadata` object; `None` where it is none or counts nothing.
pub fn usage(value: &[u8]) -> Option<Usage> {
    let mut used = GeminiUsage::default();
    used.take(value);
    used.usage()
}

/// Reads the usage of a whole answer, or of a stream that came as one array of chunks.
pub fn answer(body: &[u8]) -> Option<Usage> {
    std::str::from_utf8(body).ok()?;
    let mut used = GeminiUsage::default();
    if body.trim_ascii_start().starts_with(b"[") {
        json::elements(body, |chunk| used.event(chunk)).ok()?;
    } else {
        used.event(body);
    }
    used.usage()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_and_tools_stand_beside_and_the_cache_inside() {
        let told = br#"{"promptTokenCount":1000,"cachedContentTokenCount":400,"candidatesTokenCount":15,"thoughtsTokenCount":73,"toolUsePromptTokenCount":30,"totalTokenCount":1118,"promptTokensDetails":[{"modality":"TEXT","tokenCount":500},{"modality":"AUDIO","tokenCount":300},{"modality":"IMAGE","tokenCount":200}],"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":100},{"modality":"TEXT","tokenCount":300}],"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":10}],"serviceTier":"flex"}"#;
        let usage = usage(told).unwrap();
        assert_eq!((usage.total_input(), usage.total_output(), usage.suspect), (1030, 88, false));
        assert_eq!((usage.cache_read_tokens, usage.audio_input_tokens, usage.image_input_tokens), (400, 200, 200));
        assert_eq!((usage.output_tokens, usage.image_output_tokens, usage.reasoning_tokens), (5, 10, 73));
        assert_eq!(usage.tier, ServiceTier::Flex);
    }

    #[test]
    fn the_last_of_each_field_wins() {
        let mut used = GeminiUsage::default();
        used.event(br#"{"candidates":[]}"#);
        assert_eq!(used.usage(), None);
        used.event(br#"{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3,"thoughtsTokenCount":80}}"#);
        used.event(br#"{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":12}}"#);
        let usage = used.usage().unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.reasoning_tokens), (9, 12, 80));
        let array = br#"[{"usageMetadata":{"promptTokenCount":9}},{"usageMetadata":{"candidatesTokenCount":4}}]"#;
        assert_eq!(answer(array).map(|usage| (usage.input_tokens, usage.output_tokens)), Some((9, 4)));
        assert_eq!((answer(b"{}"), answer(b"[{"), super::usage(b"7")), (None, None, None));
    }

    #[test]
    fn impossible_usage_is_marked() {
        for bad in [
            r#"{"promptTokenCount":"many"}"#,
            r#"{"promptTokenCount":1,"cachedContentTokenCount":2}"#,
            r#"{"promptTokenCount":1,"promptTokensDetails":[{"modality":"IMAGE","tokenCount":2}]}"#,
        ] {
            assert!(usage(bad.as_bytes()).unwrap().suspect, "{bad}");
        }
    }
}
