//! What did not survive a crossing.
//!
//! A field either arrives or is named here: there is no third outcome.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Most fields that are named; a request with more made-up fields than that is still told that there were more.
const MAX_NAMED: usize = 64;
/// Longest name of a field that is told, in bytes.
const MAX_NAME: usize = 80;

/// What became of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It is gone.
    Dropped,
    /// Something near it took its place.
    Approximated,
}

/// Fields that did not survive as they were, by the caller's own names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    named: BTreeMap<Cow<'static, str>, Effect>,
    more: bool,
}

impl Losses {
    /// A field is gone.
    pub fn dropped(&mut self, field: impl Into<Cow<'static, str>>) {
        self.put(field.into(), Effect::Dropped);
    }

    /// Something near a field took its place.
    pub fn approximated(&mut self, field: impl Into<Cow<'static, str>>) {
        self.put(field.into(), Effect::Approximated);
    }

    fn put(&mut self, field: Cow<'static, str>, effect: Effect) {
        let clean = |c: char| c.is_ascii_alphanumeric() || "._[]-$@/ ".contains(c);
        let field = if field.len() > MAX_NAME || !field.chars().all(clean) {
            // Names that callers make up go into a header.
            Cow::Owned(field.chars().filter(|c| clean(*c)).take(MAX_NAME).collect())
        } else {
            field
        };
        if self.named.len() >= MAX_NAMED && !self.named.contains_key(&field) {
            self.more = true;
            return;
        }
        let known = self.named.entry(field).or_insert(effect);
        *known = (*known).min(effect);
    }

    /// Takes those of another list too.
    pub fn add(&mut self, other: &Self) {
        for (field, effect) in &other.named {
            self.put(field.clone(), *effect);
        }
        self.more |= other.more;
    }

    /// Whether everything survived.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && !self.more
    }

    /// The fields, with what became of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Effect)> {
        self.named.iter().map(|(field, effect)| (&**field, *effect))
    }

    /// Whether a field is named.
    pub fn names(&self, field: &str) -> bool {
        self.named.contains_key(field)
    }
}

/// As in the header `x-tollgate-translation`: `exact`, or `dropped=logprobs,seed;approximated=reasoning_effort`.
impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("exact");
        }
        let mut first = true;
        for (effect, word) in [(Effect::Dropped, "dropped="), (Effect::Approximated, "approximated=")] {
            let mut separator = word;
            for (field, of) in &self.named {
                if *of == effect {
                    if separator == word && !first {
                        f.write_str(";")?;
                    }
                    write!(f, "{separator}{field}")?;
                    separator = ",";
                    first = false;
                }
            }
        }
        if self.more {
            f.write_str(if first { "more" } else { ";more" })?;
        }
        Ok(())
    }
}

/// What a request may ask for, where one protocol or one model may have no word for it. Each protocol says what it
/// calls it (`Codec::name`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as in `Request`")]
pub enum Field {
    Instructions,
    SystemTurn,
    Temperature,
    TopP,
    TopK,
    Seed,
    PresencePenalty,
    FrequencyPenalty,
    LogitBias,
    Stop,
    Candidates,
    Logprobs,
    TopLogprobs,
    MaxOutputTokens,
    ReasoningMode,
    ReasoningEffort,
    ReasoningBudget,
    ReasoningShow,
    ReasoningSummary,
    ReasoningState,
    ReasoningText,
    OutputFormat,
    SchemaName,
    SchemaDescription,
    SchemaStrict,
    Verbosity,
    ServiceTier,
    User,
    Metadata,
    Store,
    CacheKey,
    CacheMark,
    Modalities,
    Previous,
    Tools,
    ToolStrict,
    ToolFormat,
    ToolChoice,
    ParallelTools,
    WebSearch,
    WebSearchLimit,
    WebSearchDomains,
    WebSearchContext,
    WebSearchLocation,
    ToolCalls,
    ToolResultMedia,
    ToolResultError,
    Refusal,
    Citations,
    Prefill,
    Image,
    ImageDetail,
    Audio,
    Document,
    DocumentName,
    Video,
    Opaque,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 57] = [
        Self::Instructions,
        Self::SystemTurn,
        Self::Temperature,
        Self::TopP,
        Self::TopK,
        Self::Seed,
        Self::PresencePenalty,
        Self::FrequencyPenalty,
        Self::LogitBias,
        Self::Stop,
        Self::Candidates,
        Self::Logprobs,
        Self::TopLogprobs,
        Self::MaxOutputTokens,
        Self::ReasoningMode,
        Self::ReasoningEffort,
        Self::ReasoningBudget,
        Self::ReasoningShow,
        Self::ReasoningSummary,
        Self::ReasoningState,
        Self::ReasoningText,
        Self::OutputFormat,
        Self::SchemaName,
        Self::SchemaDescription,
        Self::SchemaStrict,
        Self::Verbosity,
        Self::ServiceTier,
        Self::User,
        Self::Metadata,
        Self::Store,
        Self::CacheKey,
        Self::CacheMark,
        Self::Modalities,
        Self::Previous,
        Self::Tools,
        Self::ToolStrict,
        Self::ToolFormat,
        Self::ToolChoice,
        Self::ParallelTools,
        Self::WebSearch,
        Self::WebSearchLimit,
        Self::WebSearchDomains,
        Self::WebSearchContext,
        Self::WebSearchLocation,
        Self::ToolCalls,
        Self::ToolResultMedia,
        Self::ToolResultError,
        Self::Refusal,
        Self::Citations,
        Self::Prefill,
        Self::Image,
        Self::ImageDetail,
        Self::Audio,
        Self::Document,
        Self::DocumentName,
        Self::Video,
        Self::Opaque,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_in_one_line() {
        let mut losses = Losses::default();
        assert_eq!(losses.to_string(), "exact");
        losses.approximated("b");
        losses.dropped("c");
        losses.dropped("a");
        losses.approximated("a");
        assert_eq!(losses.to_string(), "dropped=a,c;approximated=b");
        losses.dropped("x\r\ny: z;\u{1F600}".to_owned());
        assert_eq!(losses.to_string(), "dropped=a,c,xy z;approximated=b");
        for n in 0..100 {
            losses.dropped(format!("f{n}"));
        }
        assert!(losses.to_string().ends_with(";more"));
        let mut near = Losses::default();
        near.approximated("n");
        assert_eq!(near.to_string(), "approximated=n");
    }
}
