//! What a request used, in counters that never overlap.
//!
//! Vendors count differently: `OpenAI` includes cached tokens in the input and reasoning in the output, Anthropic
//! reports them beside. Each protocol's reader brings its own convention into this form, once; nothing later asks
//! which convention a number came from.

use crate::json;
use crate::video::kind::VideoKind;

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

    /// Reads the speed that an answer says it was served at, a JSON string; `None` where it says nothing, or only
    /// what was asked for (`auto`). Capacity paid for beforehand counts as the usual speed.
    pub fn read(value: &[u8]) -> Option<Self> {
        match value.strip_prefix(b"\"")?.strip_suffix(b"\"")? {
            b"default" | b"standard" | b"on_demand" | b"scale" | b"ON_DEMAND" | b"PROVISIONED_THROUGHPUT" => {
                Some(Self::Standard)
            }
            b"flex" | b"ON_DEMAND_FLEX" => Some(Self::Flex),
            b"priority" | b"fast" | b"ultrafast" | b"ON_DEMAND_PRIORITY" => Some(Self::Priority),
            b"batch" => Some(Self::Batch),
            _ => None,
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
    /// What the video made is sold by.
    pub video: VideoKind,
    /// A vendor's number could not be true and was clamped.
    pub suspect: bool,
}

/// Names of the counters.
const NAMES: [&str; 14] = [
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "image_input_tokens",
    "image_output_tokens",
    "audio_milliseconds",
    "video_milliseconds",
    "images",
    "tool_calls",
];

impl Usage {
    /// All counters by the names that they have outside.
    pub fn counters(&self) -> [(&'static str, u64); 14] {
        let mut all = [("", 0); 14];
        for ((slot, name), count) in all.iter_mut().zip(NAMES).zip(self.counts()) {
            *slot = (name, count);
        }
        all
    }

    /// All counters in the order in which [`Usage::counters`] names them.
    pub fn counts(&self) -> [u64; 14] {
        [
            self.input_tokens,
            self.cache_read_tokens,
            self.cache_write_5m_tokens,
            self.cache_write_1h_tokens,
            self.output_tokens,
            self.reasoning_tokens,
            self.audio_input_tokens,
            self.audio_output_tokens,
            self.image_input_tokens,
            self.image_output_tokens,
            self.audio_milliseconds,
            self.video_milliseconds,
            self.images,
            self.tool_calls,
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

/// A limit with the tenth that vendors' counts may go beyond it.
fn tolerant(limit: u64) -> u64 {
    limit.saturating_add(limit / 10)
}

/// Takes `excess` from counters in their order, as far as they go.
fn take(mut excess: u64, counters: &mut [&mut u64]) {
    for counter in counters {
        let part = excess.min(**counter);
        **counter -= part;
        excess -= part;
    }
}

impl Usage {
    /// Holds the counts against what the model can do at most: input and output tokens of one call, `None` where
    /// that is not known. What is more than a tenth beyond is taken away, the cheapest kinds last, and marked.
    /// A vendor that runs tools itself reads the input again after each call, so each call allows it once more.
    /// For several choices the caller multiplies `max_output`.
    pub fn clamp(&mut self, max_input: Option<u64>, max_output: Option<u64>) {
        if let Some(most) = max_input.map(|limit| tolerant(limit).saturating_mul(self.tool_calls.saturating_add(1)))
            && let Some(excess) = self.total_input().checked_sub(most).filter(|excess| *excess > 0)
        {
            self.suspect = true;
            take(
                excess,
                &mut [
                    &mut self.audio_input_tokens,
                    &mut self.image_input_tokens,
                    &mut self.cache_write_1h_tokens,
                    &mut self.cache_write_5m_tokens,
                    &mut self.input_tokens,
                    &mut self.cache_read_tokens,
                ],
            );
        }
        if let Some(most) = max_output.map(tolerant)
            && let Some(excess) = self.total_output().checked_sub(most).filter(|excess| *excess > 0)
        {
            self.suspect = true;
            take(
                excess,
                &mut [
                    &mut self.audio_output_tokens,
                    &mut self.image_output_tokens,
                    &mut self.reasoning_tokens,
                    &mut self.output_tokens,
                ],
            );
        }
    }
}

/// Reads numbers that a vendor sent, and remembers whether one of them could not be true.
#[derive(Debug, Clone, Copy, Default)]
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

    /// Keeps the last value of a cumulative count in `slot`. What is absent, `null`, zero or no count never replaces
    /// a number that is known, so that a stream can be cut anywhere.
    pub(crate) fn keep(&mut self, slot: &mut u64, value: &[u8]) {
        let count = self.count(value);
        if count > 0 {
            *slot = count;
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

    pub(crate) fn suspect(self) -> bool {
        self.suspect
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_model_cannot_do_is_taken_away_and_marked() {
        let told = Usage { input_tokens: 90, cache_read_tokens: 20, output_tokens: 50, ..Usage::default() };
        let held = |max_input, max_output| {
            let mut usage = told;
            usage.clamp(max_input, max_output);
            (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.suspect)
        };
        assert_eq!(held(None, None), (90, 20, 50, false));
        assert_eq!(held(Some(100), Some(46)), (90, 20, 50, false));
        assert_eq!(held(Some(90), Some(10)), (79, 20, 11, true));
        assert_eq!(held(Some(0), None), (0, 0, 50, true));
        let mut searched = Usage { tool_calls: 1, ..told };
        searched.clamp(Some(50), None);
        assert_eq!(searched.total_input(), 110);
    }

    #[test]
    fn speeds_by_the_names_of_vendors() {
        for (name, tier) in [
            ("default", Some(ServiceTier::Standard)),
            ("priority", Some(ServiceTier::Priority)),
            ("ON_DEMAND_FLEX", Some(ServiceTier::Flex)),
            ("batch", Some(ServiceTier::Batch)),
            ("auto", None),
            ("warp", None),
        ] {
            assert_eq!(ServiceTier::read(format!("\"{name}\"").as_bytes()), tier, "{name}");
        }
        assert_eq!(ServiceTier::read(b"null"), None);
    }

    proptest! {
        #[test]
        fn clamped_counts_are_within_the_limits(counts in prop::array::uniform10(0u64..=MAX_COUNT), most in 0u64..2_000_000) {
            let mut usage = Usage {
                input_tokens: counts[0], cache_read_tokens: counts[1], cache_write_5m_tokens: counts[2],
                cache_write_1h_tokens: counts[3], audio_input_tokens: counts[4], image_input_tokens: counts[5],
                output_tokens: counts[6], reasoning_tokens: counts[7], audio_output_tokens: counts[8],
                image_output_tokens: counts[9], ..Usage::default()
            };
            let before = usage;
            usage.clamp(Some(most), Some(most));
            prop_assert!(usage.total_input() <= most + most / 10 && usage.total_output() <= most + most / 10);
            prop_assert_eq!(usage.suspect, usage != before);
        }

        #[test]
        fn a_known_count_is_never_lost(first in 1u64..MAX_COUNT, later in ".{0,12}") {
            let (mut reader, mut slot) = (Reader::default(), 0);
            reader.keep(&mut slot, first.to_string().as_bytes());
            reader.keep(&mut slot, later.as_bytes());
            prop_assert!(slot > 0);
        }
    }
}
