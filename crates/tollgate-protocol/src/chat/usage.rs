//! Usage as Chat Completions reports it: everything cached, spoken or shown is inside the prompt, reasoning inside
//! the completion. Embeddings and some transcripts count the same way.

use crate::json;
use crate::usage::{Reader, ServiceTier, Usage};
use crate::write::Object;

/// The last cumulative value of each field of `usage`, over the chunks of a stream or one answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChatUsage {
    reader: Reader,
    /// A field that counts was there, if only with a zero.
    told: bool,
    prompt: u64,
    completion: u64,
    total: u64,
    cached: u64,
    written: u64,
    audio_in: u64,
    image_in: u64,
    reasoning: u64,
    audio_out: u64,
    image_out: u64,
    searches: u64,
    tier: Option<ServiceTier>,
}

impl ChatUsage {
    /// Takes a `usage` object; whether it was one that counts something.
    pub fn take(&mut self, value: &[u8]) -> bool {
        let Self { reader, .. } = self;
        let mut told = false;
        let read = json::members(value, |member| match member.key().as_ref() {
            b"prompt_tokens" => {
                told = true;
                reader.keep(&mut self.prompt, member.value);
            }
            b"completion_tokens" => {
                told = true;
                reader.keep(&mut self.completion, member.value);
            }
            b"total_tokens" => {
                told = true;
                reader.keep(&mut self.total, member.value);
            }
            // DeepSeek and Moonshot name their cache hits beside; they are part of the prompt there too.
            b"prompt_cache_hit_tokens" | b"cached_tokens" => {
                self.cached = self.cached.max(reader.count(member.value));
            }
            b"prompt_tokens_details" => details(member.value, |key, value| match key {
                b"cached_tokens" => self.cached = self.cached.max(reader.count(value)),
                b"cache_write_tokens" => reader.keep(&mut self.written, value),
                b"audio_tokens" => reader.keep(&mut self.audio_in, value),
                b"image_tokens" => reader.keep(&mut self.image_in, value),
                _ => {}
            }),
            b"completion_tokens_details" => details(member.value, |key, value| match key {
                b"reasoning_tokens" => reader.keep(&mut self.reasoning, value),
                b"audio_tokens" => reader.keep(&mut self.audio_out, value),
                b"image_tokens" => reader.keep(&mut self.image_out, value),
                _ => {}
            }),
            b"server_tool_use_details" => details(member.value, |key, value| {
                if key == b"web_search_requests" {
                    reader.keep(&mut self.searches, value);
                }
            }),
            b"service_tier" => self.tier = ServiceTier::read(member.value).or(self.tier),
            _ => {}
        });
        self.told |= told && read.is_ok();
        told && read.is_ok()
    }

    /// Takes the `service_tier` that an answer or a chunk has beside its usage.
    pub fn take_tier(&mut self, value: &[u8]) {
        self.tier = ServiceTier::read(value).or(self.tier);
    }

    /// What was used, as far as it was told.
    pub fn usage(&self) -> Option<Usage> {
        if !self.told {
            return None;
        }
        let mut reader = self.reader;
        let Self { prompt, completion, total, cached, written, audio_in, image_in, reasoning, .. } = *self;
        // Some servers report reasoning, or the prompt's audio, beside the whole instead of inside it; total_tokens
        // tells which.
        let inside = total == prompt + completion;
        let prompt = if !inside && total == prompt + completion + audio_in { prompt + audio_in } else { prompt };
        let beside = !inside && total == prompt + completion + reasoning;
        let visible = if beside { completion } else { reader.without(completion, reasoning) };
        // What came from the cache may have been sound or image; it is counted once, as cached.
        let fresh = reader.without(prompt, cached + written);
        reader.within(prompt, audio_in + image_in);
        let audio_in = audio_in.min(fresh);
        let image_in = image_in.min(fresh - audio_in);
        reader.within(visible, self.audio_out + self.image_out);
        let audio_out = self.audio_out.min(visible);
        let image_out = self.image_out.min(visible - audio_out);
        Some(Usage {
            input_tokens: fresh - audio_in - image_in,
            cache_read_tokens: cached.min(prompt),
            cache_write_5m_tokens: written.min(prompt - cached.min(prompt)),
            output_tokens: visible - audio_out - image_out,
            reasoning_tokens: if beside { reasoning } else { reasoning.min(completion) },
            audio_input_tokens: audio_in,
            audio_output_tokens: audio_out,
            image_input_tokens: image_in,
            image_output_tokens: image_out,
            tool_calls: self.searches,
            tier: self.tier.unwrap_or_default(),
            suspect: reader.suspect(),
            ..Usage::default()
        })
    }
}

/// Reads `usage` of an answer or a chunk; `None` where it is no object or counts nothing.
pub fn usage(value: &[u8]) -> Option<Usage> {
    let mut used = ChatUsage::default();
    used.take(value);
    used.usage()
}

/// The members of a group of details, which may be missing or `null`.
pub(crate) fn details<'a>(value: &'a [u8], mut each: impl FnMut(&[u8], &'a [u8])) {
    // What is no object has no details.
    let _ = json::members(value, |member| each(member.key().as_ref(), member.value));
}

/// Writes usage as this protocol counts: what was cached, heard or seen inside the prompt, reasoning inside the
/// completion.
pub(super) fn write(object: &mut Object<'_>, usage: &Usage) {
    let (input, output) = (usage.total_input(), usage.total_output());
    let written = usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens);
    object.whole("prompt_tokens", input).whole("completion_tokens", output);
    object.whole("total_tokens", input.saturating_add(output));
    let mut details = object.object("prompt_tokens_details");
    details.whole("cached_tokens", usage.cache_read_tokens).whole("cache_write_tokens", written);
    details.whole("audio_tokens", usage.audio_input_tokens);
    drop(details);
    let mut details = object.object("completion_tokens_details");
    details.whole("reasoning_tokens", usage.reasoning_tokens).whole("audio_tokens", usage.audio_output_tokens);
    details.whole("accepted_prediction_tokens", 0).whole("rejected_prediction_tokens", 0);
}
