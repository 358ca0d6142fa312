//! Rates of one row of a price, and what stands in for those that a vendor does not name.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tollgate_protocol::usage::ServiceTier;

/// Rates by their names in the API and in the configuration, in nano-dollars.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// A million tokens of text, neither from nor to a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// A million tokens from a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// A million tokens to a short cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<u64>,
    /// A million tokens to a long cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// A million tokens made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// A million tokens thought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// A million tokens of audio read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<u64>,
    /// A million tokens of audio made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<u64>,
    /// A million tokens of images read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_input: Option<u64>,
    /// A million tokens of images made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_output: Option<u64>,
    /// A minute of audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_minute: Option<u64>,
    /// An image made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<u64>,
    /// A thousand calls of the vendor's own tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_thousand: Option<u64>,
    /// A second of video by what it is; `default` for what is not listed. The names are told in `video.rs`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub video_second: BTreeMap<String, u64>,
}

/// The rates but for video: their names in the table, and in the API and the configuration.
pub const RATE_NAMES: [(&str, &str); 13] = [
    ("input", "input_per_million"),
    ("cache_read", "cache_read_per_million"),
    ("cache_write_5m", "cache_write_5m_per_million"),
    ("cache_write_1h", "cache_write_1h_per_million"),
    ("output", "output_per_million"),
    ("reasoning", "reasoning_per_million"),
    ("audio_input", "audio_input_per_million"),
    ("audio_output", "audio_output_per_million"),
    ("image_input", "image_input_per_million"),
    ("image_output", "image_output_per_million"),
    ("audio_minute", "audio_per_minute"),
    ("image", "per_image"),
    ("tool_call_thousand", "tool_calls_per_thousand"),
];

/// Rates and when they count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// At which of the vendor's speeds.
    #[serde(with = "tier")]
    pub tier: ServiceTier,
    /// For requests with more input tokens of all kinds than this; the whole request is then billed at this row.
    pub above: u64,
    /// Only within these hours; empty for always.
    pub hours: Vec<Hours>,
    /// What it costs.
    pub rates: Rates,
}

/// A span of UTC hours on some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Bit 0 is Monday.
    pub days: u8,
    /// Minute of the day at which it begins.
    pub from: u16,
    /// Minute of the day before which it ends; 0 is midnight.
    pub to: u16,
}

impl Row {
    /// Whether it is the one on which all others rest: standard, at any hour, however long the input.
    pub(super) fn is_base(&self) -> bool {
        self.tier == ServiceTier::Standard && self.hours.is_empty() && self.above == 0
    }
}

impl Hours {
    /// Whether a moment (unix milliseconds) lies in it.
    pub fn contains(self, ms: i64) -> bool {
        let minute = ms.div_euclid(60_000);
        // Day 0 was a Thursday.
        let day = (minute.div_euclid(1440) + 3).rem_euclid(7);
        let minute = minute.rem_euclid(1440);
        let to = if self.to == 0 { 1440 } else { i64::from(self.to) };
        self.days >> day & 1 == 1 && minute >= i64::from(self.from) && minute < to
    }
}

impl Rates {
    /// The rate's place by its name in the table.
    pub fn slot(&mut self, name: &str) -> Option<&mut Option<u64>> {
        Some(match name {
            "input" => &mut self.input,
            "cache_read" => &mut self.cache_read,
            "cache_write_5m" => &mut self.cache_write_5m,
            "cache_write_1h" => &mut self.cache_write_1h,
            "output" => &mut self.output,
            "reasoning" => &mut self.reasoning,
            "audio_input" => &mut self.audio_input,
            "audio_output" => &mut self.audio_output,
            "image_input" => &mut self.image_input,
            "image_output" => &mut self.image_output,
            "audio_minute" => &mut self.audio_minute,
            "image" => &mut self.image,
            "tool_call_thousand" => &mut self.tool_call_thousand,
            _ => return None,
        })
    }

    /// The rate by its name in the table.
    pub fn get(&self, name: &str) -> Option<u64> {
        match name {
            "input" => self.input,
            "cache_read" => self.cache_read,
            "cache_write_5m" => self.cache_write_5m,
            "cache_write_1h" => self.cache_write_1h,
            "output" => self.output,
            "reasoning" => self.reasoning,
            "audio_input" => self.audio_input,
            "audio_output" => self.audio_output,
            "image_input" => self.image_input,
            "image_output" => self.image_output,
            "audio_minute" => self.audio_minute,
            "image" => self.image,
            "tool_call_thousand" => self.tool_call_thousand,
            _ => None,
        }
    }

    /// The rate that counts: its own, or that of what stands in for it.
    pub(super) fn meant(&self, name: &str) -> Option<u64> {
        self.get(name).or_else(|| self.meant(stand_in(name)?))
    }

    /// The dearest that a token of text read can be: it may be written to a cache.
    pub(super) fn dearest_input(&self) -> u64 {
        [self.input, self.cache_write_5m, self.cache_write_1h].into_iter().flatten().max().unwrap_or(0)
    }

    /// The dearest that a token made can be.
    pub(super) fn dearest_output(&self) -> u64 {
        [self.output, self.reasoning, self.audio_output, self.image_output].into_iter().flatten().max().unwrap_or(0)
    }
}

/// What a rate that nobody names is billed at, so that nothing is silently free.
fn stand_in(name: &str) -> Option<&'static str> {
    Some(match name {
        "cache_read" | "cache_write_5m" | "audio_input" | "image_input" => "input",
        "cache_write_1h" => "cache_write_5m",
        "reasoning" | "audio_output" | "image_output" => "output",
        _ => return None,
    })
}

mod tier {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use tollgate_protocol::usage::ServiceTier;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this form")]
    pub(super) fn serialize<S: Serializer>(tier: &ServiceTier, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(tier.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ServiceTier, D::Error> {
        let name = String::deserialize(from)?;
        let tier = ServiceTier::ALL.into_iter().find(|tier| tier.name() == name);
        tier.ok_or_else(|| D::Error::custom("not a service tier"))
    }
}
