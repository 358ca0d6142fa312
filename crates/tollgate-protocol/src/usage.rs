//! What a request used, in counters that never overlap.
//!
//! Vendors count differently: `OpenAI` includes cached tokens in the input and reasoning in the output, Anthropic
//! reports them beside. Each protocol's reader brings its own convention into this form, once; nothing later asks
//! which convention a number came from.

use serde::Serialize;

/// Largest count of one kind that is believed; more is clamped and marked.
pub const MAX_COUNT: u64 = 1_000_000_000;

/// Disjoint counters. Tokens are tokens, seconds are thousandths of a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Usage {
    /// Text read, not from a cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub input_tokens: u64,
    /// Text read from a cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_read_tokens: u64,
    /// Text written to a short cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_5m_tokens: u64,
    /// Text written to a long cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_1h_tokens: u64,
    /// Visible text made.
    #[serde(skip_serializing_if = "is_zero")]
    pub output_tokens: u64,
    /// Reasoning made.
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning_tokens: u64,
    /// Audio read.
    #[serde(skip_serializing_if = "is_zero")]
    pub audio_input_tokens: u64,
    /// Audio made.
    #[serde(skip_serializing_if = "is_zero")]
    pub audio_output_tokens: u64,
    /// Images read.
    #[serde(skip_serializing_if = "is_zero")]
    pub image_input_tokens: u64,
    /// Images made.
    #[serde(skip_serializing_if = "is_zero")]
    pub image_output_tokens: u64,
    /// Length of audio, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub audio_milliseconds: u64,
    /// A vendor's number could not be true and was clamped.
    #[serde(skip_serializing_if = "is_false")]
    pub suspect: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_false(b: &bool) -> bool {
    !*b
}

impl Usage {
    /// All kinds of input tokens.
    pub fn total_input(&self) -> u64 {
        self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_5m_tokens
            + self.cache_write_1h_tokens
            + self.audio_input_tokens
            + self.image_input_tokens
    }

    /// All kinds of output tokens.
    pub fn total_output(&self) -> u64 {
        self.output_tokens + self.reasoning_tokens + self.audio_output_tokens + self.image_output_tokens
    }
}

/// Reads numbers that a vendor sent, and remembers whether one of them could not be true.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    suspect: bool,
}

impl Reader {
    /// A count: absent and `null` are 0; negative, fractional and absurd ones are clamped and marked.
    pub(crate) fn count(&mut self, value: Option<&serde_json::Value>) -> u64 {
        match value {
            None | Some(serde_json::Value::Null) => 0,
            Some(value) => match value.as_u64() {
                Some(n) if n <= MAX_COUNT => n,
                Some(_) => {
                    self.suspect = true;
                    MAX_COUNT
                }
                // Some servers write whole numbers as 12.0.
                None => match value.as_f64() {
                    Some(f) if f.fract() == 0.0 && (0.0..=1e9).contains(&f) => {
                        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
                        let n = f as u64;
                        n
                    }
                    _ => {
                        self.suspect = true;
                        0
                    }
                },
            },
        }
    }

    /// `whole` without `part`; a part larger than its whole is marked.
    pub(crate) fn without(&mut self, whole: u64, part: u64) -> u64 {
        whole.checked_sub(part).unwrap_or_else(|| {
            self.suspect = true;
            0
        })
    }

    /// A part larger than its whole is marked.
    pub(crate) fn within(&mut self, whole: u64, part: u64) {
        self.suspect |= part > whole;
    }

    pub(crate) fn suspect(&self) -> bool {
        self.suspect
    }
}
