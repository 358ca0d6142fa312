//! What a request used, in counters that never overlap.
//!
//! Vendors count differently: `OpenAI` includes cached tokens in the input and reasoning in the output, Anthropic
//! reports them beside. Each protocol's reader brings its own convention into this form, once; nothing later asks
//! which convention a number came from.

use crate::json;

/// Largest count of one kind that is believed; more is clamped and marked.
pub const MAX_COUNT: u64 = 1_000_000_000;

/// The speeds at which vendors sell the same model, each at its own rates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServiceTier {
    /// The usual one; also where a vendor says nothing.
    #[default]
    Standard,
    /// Within a day.
    Batch,
    /// Slower and cheaper.
    Flex,
    /// Faster and dearer.
    Priority,
}

impl ServiceTier {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Standard, Self::Batch, Self::Flex, Self::Priority];

    /// As it is called outside.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
        }
    }
}

/// Disjoint counters. Tokens are tokens, seconds are thousandths of a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Text read, not from a cache.
    pub input_tokens: u64,
    /// Text read from a cache.
    pub cache_read_tokens: u64,
    /// Text written to a short cache.
    pub cache_write_5m_tokens: u64,
    /// Text written to a long cache.
    pub cache_write_1h_tokens: u64,
    /// Visible text made.
    pub output_tokens: u64,
    /// Reasoning made.
    pub reasoning_tokens: u64,
    /// Audio read.
    pub audio_input_tokens: u64,
    /// Audio made.
    pub audio_output_tokens: u64,
    /// Images read.
    pub image_input_tokens: u64,
    /// Images made.
    pub image_output_tokens: u64,
    /// Length of audio, in milliseconds.
    pub audio_milliseconds: u64,
    /// Length of video made, in milliseconds.
    pub video_milliseconds: u64,
    /// Pictures made, where a vendor counts them and not their tokens.
    pub images: u64,
    /// Calls of tools that the vendor runs itself and bills by the call (web search).
    pub tool_calls: u64,
    /// At which of its speeds the vendor says that it served the request.
    pub tier: ServiceTier,
    /// A vendor's number could not be true and was clamped.
    pub suspect: bool,
}

impl Usage {
    /// All counters by the names that they have outside.
    pub fn counters(&self) -> [(&'static str, u64); 14] {
        [
            ("input_tokens", self.input_tokens),
            ("cache_read_tokens", self.cache_read_tokens),
            ("cache_write_5m_tokens", self.cache_write_5m_tokens),
            ("cache_write_1h_tokens", self.cache_write_1h_tokens),
            ("output_tokens", self.output_tokens),
            ("reasoning_tokens", self.reasoning_tokens),
            ("audio_input_tokens", self.audio_input_tokens),
            ("audio_output_tokens", self.audio_output_tokens),
            ("image_input_tokens", self.image_input_tokens),
            ("image_output_tokens", self.image_output_tokens),
            ("audio_milliseconds", self.audio_milliseconds),
            ("video_milliseconds", self.video_milliseconds),
            ("images", self.images),
            ("tool_calls", self.tool_calls),
        ]
    }

    /// All kinds of input tokens.
    pub fn total_input(&self) -> u64 {
        total([
            self.input_tokens,
            self.cache_read_tokens,
            self.cache_write_5m_tokens,
            self.cache_write_1h_tokens,
            self.audio_input_tokens,
            self.image_input_tokens,
        ])
    }

    /// All kinds of output tokens.
    pub fn total_output(&self) -> u64 {
        total([self.output_tokens, self.reasoning_tokens, self.audio_output_tokens, self.image_output_tokens])
    }
}

/// Counts are clamped where they are read, but a sum must not fail on any.
fn total<const N: usize>(counts: [u64; N]) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

/// Reads numbers that a vendor sent, and remembers whether one of them could not be true.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    suspect: bool,
}

impl Reader {
    /// A count as it stands in the JSON: absent and `null` are 0; negative, fractional and absurd ones are clamped
    /// and marked.
    pub(crate) fn count(&mut self, value: &[u8]) -> u64 {
        if value.is_empty() || value == b"null" {
            return 0;
        }
        match json::whole(value) {
            Some(n) if n <= MAX_COUNT => n,
            Some(_) => {
                self.suspect = true;
                MAX_COUNT
            }
            // Some servers write whole numbers as 12.0.
            None => match std::str::from_utf8(value).ok().and_then(|text| text.parse::<f64>().ok()) {
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
