//! The steering header `x-tollgate-sim`: names and values in, one `Steer` out.
//!
//! Says what each part means by its field; does none of it. A part it does not know is an error that names the part,
//! never ignored: a test that misspells a fault would otherwise pass for the wrong reason.

use std::{fmt, str::FromStr, time::Duration};

use crate::output::Style;

/// Where a connection fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    BeforeHead,
    AfterHead,
}

/// A vendor's own way to say no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    InsufficientQuota,
    InvalidApiKey,
    RateLimit,
    Overloaded,
    ContextLength,
    ModelNotFound,
}

/// What becomes of the usage numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Usage {
    /// As the vendor documents it.
    #[default]
    True,
    None,
    Negative,
    Absurd,
    /// Strings where numbers belong.
    Text,
    /// In the finish chunk of a stream, asked for or not, as some compatible servers do.
    InFinish,
}

impl Usage {
    /// What stands where a number of tokens belongs; none where there is to be no usage.
    pub(crate) fn number(self, tokens: u64) -> Option<serde_json::Value> {
        match self {
            Self::None => None,
            Self::True | Self::InFinish => Some(tokens.into()),
            Self::Negative => Some((-100).into()),
            Self::Absurd => Some(u64::MAX.into()),
            Self::Text => Some("many".into()),
        }
    }
}

/// A vendor's way of speaking the chat protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    #[default]
    OpenAi,
    DeepSeek,
}

/// What the vendor's filter did not like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// The answer, which ends early as far as its reason says.
    Answer,
    /// The question: nothing is answered.
    Prompt,
}

/// What garbage is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Garbage {
    /// A proxy's HTML page and a broken `data:` line.
    #[default]
    Html,
    /// A `data:` line whose JSON breaks off.
    Json,
    /// Bytes that are no UTF-8.
    Binary,
    /// Bytes outside any HTTP framing.
    Wire,
}

/// How a pretended video task goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Video {
    Failed,
    Filtered,
    Slow,
    Expired,
}

/// Everything a caller asked for. The default asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Steer {
    pub status: Option<u16>,
    pub error: Option<Refusal>,
    pub retry_after: Option<u64>,
    pub ttft: Duration,
    pub early_head: bool,
    pub chunk_gap: Duration,
    pub chunks: Option<u64>,
    pub output_tokens: Option<u64>,
    pub reasoning_tokens: Option<u64>,
    pub cached_tokens: u64,
    pub usage: Usage,
    pub cache_write_tokens: u64,
    pub tool_call: Option<String>,
    /// That many calls in one answer.
    pub tool_calls: Option<u64>,
    /// Calls again until the conversation holds so many rounds of results.
    pub tool_rounds: Option<u64>,
    /// Whose way of speaking the chat protocol; told by the request otherwise.
    pub dialect: Option<Dialect>,
    /// Reasoning comes without its words.
    pub redacted: bool,
    /// Reasoning state is wanted back, whatever the request asked for.
    pub strict_state: bool,
    /// The answer ends as one that was filtered.
    pub filtered: Option<Filter>,
    pub style: Style,
    pub cut_after: Option<u64>,
    pub cut_chunk: bool,
    pub stall_after: Option<u64>,
    pub garbage_after: Option<u64>,
    pub garbage: Garbage,
    pub error_after: Option<u64>,
    pub no_done: bool,
    pub refuse: bool,
    pub reset: Option<At>,
    pub hang: Option<At>,
    pub html: bool,
    pub giant_line: Option<u64>,
    pub split: Option<usize>,
    /// How many; [`FOREVER`] for keep-alives and nothing else.
    pub keep_alives: Option<u64>,
    pub keep_alive_gap: Option<Duration>,
    pub blank_lines: u64,
    pub crlf: bool,
    pub video: Option<Video>,
    pub video_time: Option<Duration>,
    /// The task is made and its maker never told.
    pub video_lost: bool,
    /// One sample fewer than asked.
    pub video_partial: bool,
    pub video_link_expired: bool,
    /// How many of the first polls are answered 429, and then 500.
    pub video_poll_429: u64,
    pub video_poll_500: u64,
    /// Unfinished tasks of one account that the vendor allows.
    pub video_parallel: Option<u64>,
    /// The least size of a clip.
    pub video_bytes: u64,
    /// A video vendor's own error code.
    pub code: Option<String>,
}

/// The part of a steering header that could not be understood, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadSteer {
    part: String,
    why: String,
}

impl fmt::Display for BadSteer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x-tollgate-sim: `{}`: {}", self.part, self.why)
    }
}

/// Keep-alives without a number.
pub(crate) const FOREVER: u64 = u64::MAX;

const HOUR_MS: u64 = 3_600_000;
const MANY: u64 = 10_000_000;
const GIANT: u64 = 64 << 20;
const CLIP: u64 = 1 << 30;

impl Steer {
    /// Reads a header value. Parts are separated by `;`, empty ones are skipped, a name may come once.
    pub(crate) fn parse(text: &str) -> Result<Self, BadSteer> {
        let mut steer = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (part, None),
            };
            let bad = |why: String| BadSteer { part: part.chars().take(100).collect(), why };
            if seen.contains(&name) {
                return Err(bad("given twice".to_owned()));
            }
            seen.push(name);
            steer.set(name, Value(value)).map_err(bad)?;
        }
        Ok(steer)
    }

    /// The time between two keep-alives that never end; a second unless said otherwise, at least a millisecond.
    pub(crate) fn beat(&self) -> Duration {
        self.keep_alive_gap.unwrap_or(Duration::from_secs(1)).max(Duration::from_millis(1))
    }

    fn set(&mut self, name: &str, value: Value<'_>) -> Result<(), String> {
        match name {
            "status" => self.status = Some(value.number(200, 599)?),
            "error" => self.error = Some(value.word(REFUSALS)?),
            "retry-after" => self.retry_after = Some(value.number(0, 86_400)?),
            "ttft-ms" => self.ttft = value.millis()?,
            "early-head" => self.early_head = value.flag()?,
            "chunk-ms" => self.chunk_gap = value.millis()?,
            "chunks" => self.chunks = Some(value.number(1, MANY)?),
            "output-tokens" => self.output_tokens = Some(value.number(0, MANY)?),
            "reasoning-tokens" => self.reasoning_tokens = Some(value.number(0, MANY)?),
            "cached-tokens" => self.cached_tokens = value.number(0, MANY)?,
            "cache-write-tokens" => self.cache_write_tokens = value.number(0, MANY)?,
            "usage" => self.usage = value.word(USAGES)?,
            "tool-call" => self.tool_call = Some(value.text()?.to_owned()),
            "tool-calls" => self.tool_calls = Some(value.number(1, 100)?),
            "tool-rounds" => self.tool_rounds = Some(value.number(1, 10_000)?),
            "dialect" => self.dialect = Some(value.word(DIALECTS)?),
            "redacted" => self.redacted = value.flag()?,
            "filtered" => {
                let found = if value.0.is_some() { value.word(FILTERS)? } else { Filter::Answer };
                self.filtered = Some(found);
            }
            "strict-state" => self.strict_state = value.flag()?,
            "text" => {
                self.style = value.word(&[("plain", Style::Plain), ("emoji", Style::Emoji)])?;
            }
            "cut-after" => self.cut_after = Some(value.number(0, MANY)?),
            "cut-chunk" => self.cut_chunk = value.flag()?,
            "stall-after" => self.stall_after = Some(value.number(0, MANY)?),
            "garbage-after" => self.garbage_after = Some(value.number(0, MANY)?),
            "garbage" => self.garbage = value.word(GARBAGES)?,
            "error-after" => self.error_after = Some(value.number(0, MANY)?),
            "no-done" => self.no_done = value.flag()?,
            "refuse" => self.refuse = value.flag()?,
            "reset" => self.reset = Some(value.word(PLACES)?),
            "hang" => self.hang = Some(value.word(PLACES)?),
            "html" => self.html = value.flag()?,
            "giant-line" => self.giant_line = Some(value.number(1, GIANT)?),
            "split" => self.split = Some(value.number(1, 1 << 20)?),
            "keep-alives" => {
                self.keep_alives = Some(if value.0.is_some() { value.number(1, MANY)? } else { FOREVER });
            }
            "keepalive-ms" => self.keep_alive_gap = Some(value.millis()?),
            "blank-lines" => self.blank_lines = value.number(0, 100_000)?,
            "crlf" => self.crlf = value.flag()?,
            "video" => self.video = Some(value.word(VIDEOS)?),
            "video-seconds" => {
                self.video_time = Some(Duration::from_secs(value.number(0, 86_400)?));
            }
            "video-lost" => self.video_lost = value.flag()?,
            "video-partial" => self.video_partial = value.flag()?,
            "video-link-expired" => self.video_link_expired = value.flag()?,
            "video-poll-429" => self.video_poll_429 = value.count()?,
            "video-poll-500" => self.video_poll_500 = value.count()?,
            "video-parallel" => self.video_parallel = Some(value.number(0, MANY)?),
            "video-bytes" => self.video_bytes = value.number(0, CLIP)?,
            "code" => self.code = Some(value.text()?.to_owned()),
            _ => return Err("unknown name".to_owned()),
        }
        Ok(())
    }
}

const REFUSALS: &[(&str, Refusal)] = &[
    ("insufficient_quota", Refusal::InsufficientQuota),
    ("invalid_api_key", Refusal::InvalidApiKey),
    ("rate_limit", Refusal::RateLimit),
    ("overloaded", Refusal::Overloaded),
    ("context_length", Refusal::ContextLength),
    ("model_not_found", Refusal::ModelNotFound),
];
const USAGES: &[(&str, Usage)] = &[
    ("none", Usage::None),
    ("negative", Usage::Negative),
    ("absurd", Usage::Absurd),
    ("text", Usage::Text),
    ("in-finish", Usage::InFinish),
];
const GARBAGES: &[(&str, Garbage)] =
    &[("html", Garbage::Html), ("json", Garbage::Json), ("binary", Garbage::Binary), ("wire", Garbage::Wire)];
const DIALECTS: &[(&str, Dialect)] = &[("openai", Dialect::OpenAi), ("deepseek", Dialect::DeepSeek)];
const FILTERS: &[(&str, Filter)] = &[("answer", Filter::Answer), ("prompt", Filter::Prompt)];
const PLACES: &[(&str, At)] = &[("before-head", At::BeforeHead), ("after-head", At::AfterHead)];
const VIDEOS: &[(&str, Video)] =
    &[("failed", Video::Failed), ("filtered", Video::Filtered), ("slow", Video::Slow), ("expired", Video::Expired)];

#[derive(Clone, Copy)]
struct Value<'a>(Option<&'a str>);

impl<'a> Value<'a> {
    fn text(self) -> Result<&'a str, String> {
        self.0.filter(|text| !text.is_empty()).ok_or_else(|| "needs a value".to_owned())
    }

    fn flag(self) -> Result<bool, String> {
        if self.0.is_none() { Ok(true) } else { Err("takes no value".to_owned()) }
    }

    fn number<N: FromStr + PartialOrd + fmt::Display + Copy>(self, least: N, most: N) -> Result<N, String> {
        let number = self.text()?.parse().ok().filter(|number| *number >= least && *number <= most);
        number.ok_or_else(|| format!("needs a whole number from {least} to {most}"))
    }

    /// Once, unless a number says how often.
    fn count(self) -> Result<u64, String> {
        if self.0.is_none() { Ok(1) } else { self.number(1, MANY) }
    }

    fn millis(self) -> Result<Duration, String> {
        self.number(0, HOUR_MS).map(Duration::from_millis)
    }

    fn word<T: Copy>(self, words: &[(&str, T)]) -> Result<T, String> {
        let text = self.text()?;
        let known = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        known.ok_or_else(|| {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("needs one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_contract_s_examples() {
        let steer = Steer::parse(
            "status=429; retry-after=2;ttft-ms=300;chunk-ms = 20;chunks=200;cut-after=5;stall-after=5;garbage-after=3;\
             error-after=4;usage=none;output-tokens=500;tool-call=get_weather;video=slow;video-seconds=3;",
        )
        .unwrap();
        assert_eq!(steer.status, Some(429));
        assert_eq!(steer.chunk_gap, Duration::from_millis(20));
        assert_eq!(steer.tool_call.as_deref(), Some("get_weather"));
        assert_eq!(steer.video, Some(Video::Slow));
        assert_eq!(Steer::parse(" ; ;").unwrap(), Steer::default());
    }

    #[test]
    fn names_the_part_it_does_not_understand() {
        for (text, part) in [
            ("chunks=2; wobble", "wobble"),
            ("status=99", "status=99"),
            ("chunks=-1", "chunks=-1"),
            ("crlf=yes", "crlf=yes"),
            ("hang=later", "hang=later"),
            ("chunks", "chunks"),
            ("split=1;split=2", "split=2"),
        ] {
            let error = Steer::parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("`{part}`")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,80}") {
            let _ = Steer::parse(&text);
        }

        #[test]
        fn numbers_come_back(chunks in 1..=MANY, gap in 0..=HOUR_MS, space in " {0,3}") {
            let steer = Steer::parse(&format!("{space}chunks{space}={space}{chunks};{space}chunk-ms={gap}{space};")).unwrap();
            prop_assert_eq!(steer.chunks, Some(chunks));
            prop_assert_eq!(steer.chunk_gap, Duration::from_millis(gap));
        }

        #[test]
        fn anything_unknown_is_refused(name in "[a-z]{1,6}-x[a-z]{1,6}") {
            prop_assert!(Steer::parse(&name).is_err());
        }
    }
}
