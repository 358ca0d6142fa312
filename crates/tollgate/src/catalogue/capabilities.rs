//! What a model accepts: reads `capabilities.tsv`.
//!
//! Owns the words of that table. A word that is not known is left out rather than stopping the gateway; a test sees
//! to it that there is none.

use super::find;
use crate::config::Kind;
use crate::glob;
use std::sync::LazyLock;
use tollgate_protocol::canonical::{Capabilities, Effort, EffortSet, OutputCap, SchemaSupport, SystemRole, Thinking};

const TEXT: &str = include_str!("capabilities.tsv");

/// One line: whom it is about, and its words.
struct Rule {
    kind: Kind,
    models: &'static str,
    words: &'static str,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| lines().filter_map(rule).collect());

fn lines() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn rule(line: &'static str) -> Option<Rule> {
    let mut cells = line.split('\t');
    let rule = Rule { kind: Kind::from_name(cells.next()?)?, models: cells.next()?, words: cells.next()? };
    cells.next().is_none().then_some(rule)
}

/// What a model at a kind of provider accepts. A model that no line describes takes everything, as far as is known.
pub fn accepts(kind: Kind, model: &str) -> Capabilities {
    let mut accepts = Capabilities::default();
    for rule in RULES.iter().filter(|rule| rule.kind == kind && glob::matches(rule.models, model)) {
        for word in rule.words.split_ascii_whitespace() {
            apply(&mut accepts, word);
        }
    }
    let entry = find(model).iter().find(|entry| entry.kind == kind);
    accepts.max_output_tokens = entry.and_then(|entry| entry.max_output_tokens).map(u64::from);
    if let Some(most) = accepts.max_output_tokens {
        accepts.usual_output_tokens = accepts.usual_output_tokens.min(most);
    }
    accepts
}

/// Carries out one word; `None` if it is not known.
fn apply(accepts: &mut Capabilities, word: &str) -> Option<()> {
    if let Some(name) = word.strip_prefix('+') {
        *flag(accepts, name)? = true;
    } else if let Some(name) = word.strip_prefix('-') {
        *flag(accepts, name)? = false;
    } else {
        let (name, value) = word.split_once('=')?;
        match name {
            "cap" => {
                accepts.output_cap = match value {
                    "max_tokens" => OutputCap::MaxTokens,
                    "max_completion_tokens" => OutputCap::MaxCompletionTokens,
                    _ => return None,
                }
            }
            "role" => {
                accepts.system_role = match value {
                    "system" => SystemRole::System,
                    "developer" => SystemRole::Developer,
                    _ => return None,
                }
            }
            "schema" => {
                accepts.schema = match value {
                    "native" => SchemaSupport::Native,
                    "json" => SchemaSupport::JsonOnly,
                    "none" => SchemaSupport::None,
                    _ => return None,
                }
            }
            "usual" => accepts.usual_output_tokens = value.parse().ok()?,
            "stop" => accepts.max_stop = value.parse().ok()?,
            "candidates" => accepts.max_candidates = value.parse().ok()?,
            "warmth" => accepts.max_temperature = value.parse().ok()?,
            "efforts" => accepts.thinking.efforts = efforts(value)?,
            "thinking" => accepts.thinking = thinking(value, accepts.thinking.efforts)?,
            _ => return None,
        }
    }
    Some(())
}

fn efforts(value: &str) -> Option<EffortSet> {
    if value == "-" {
        return Some(EffortSet::default());
    }
    value.split(',').try_fold(EffortSet::default(), |set, name| Some(set.with(Effort::from_name(name)?)))
}

fn thinking(value: &str, efforts: EffortSet) -> Option<Thinking> {
    let mut thinking = Thinking { off: false, budget: false, adaptive: false, efforts, by_default: false };
    for name in value.split(',').filter(|name| *name != "-") {
        match name {
            "off" => thinking.off = true,
            "budget" => thinking.budget = true,
            "adaptive" => thinking.adaptive = true,
            "default" => thinking.by_default = true,
            _ => return None,
        }
    }
    Some(thinking)
}

fn flag<'a>(accepts: &'a mut Capabilities, name: &str) -> Option<&'a mut bool> {
    Some(match name {
        "system-turns" => &mut accepts.system_turns,
        "sampling" => &mut accepts.sampling,
        "both" => &mut accepts.temperature_with_top_p,
        "penalties" => &mut accepts.penalties,
        "seed" => &mut accepts.seed,
        "logprobs" => &mut accepts.logprobs,
        "prefill" => &mut accepts.prefill,
        "thinking-field" => &mut accepts.thinking_field,
        "replays-reasoning" => &mut accepts.replays_reasoning,
        "vendor-fields" => &mut accepts.vendor_fields,
        "tools" => &mut accepts.tools,
        "custom-tools" => &mut accepts.custom_tools,
        "web-search" => &mut accepts.web_search,
        "tools-by-responses" => &mut accepts.tools_by_responses,
        "schema-with-tools" => &mut accepts.schema_with_tools,
        "images" => &mut accepts.image_input,
        "audio" => &mut accepts.audio_input,
        "documents" => &mut accepts.document_input,
        "video" => &mut accepts.video_input,
        "urls" => &mut accepts.fetches_urls,
        "media-in-results" => &mut accepts.media_in_results,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_known_and_every_line_describes_somebody() {
        for line in lines() {
            let rule = rule(line).unwrap_or_else(|| panic!("{line}"));
            for word in rule.words.split_ascii_whitespace() {
                assert!(apply(&mut Capabilities::default(), word).is_some(), "{word} in {line}");
            }
            let listed = crate::catalogue::all()
                .iter()
                .any(|entry| entry.kind == rule.kind && glob::matches(rule.models, entry.model));
            assert!(listed || rule.kind == Kind::OpenAiCompatible, "{line}");
        }
    }

    #[test]
    fn what_the_vendors_say() {
        let opus = accepts(Kind::Anthropic, "claude-opus-5");
        assert!(!opus.sampling && !opus.prefill && opus.thinking.adaptive && !opus.thinking.budget);
        let haiku = accepts(Kind::Anthropic, "claude-haiku-4-5");
        assert!(haiku.sampling && haiku.prefill && haiku.thinking.budget && !haiku.temperature_with_top_p);
        assert!(accepts(Kind::OpenAi, "gpt-5.6-sol").tools_by_responses);
        assert!(!accepts(Kind::OpenAi, "gpt-5.6-sol").sampling && accepts(Kind::OpenAi, "gpt-4o").sampling);
        assert!(accepts(Kind::OpenAi, "gpt-5").thinking.efforts.has(Effort::Minimal));
        assert!(accepts(Kind::DeepSeek, "deepseek-flash").replays_reasoning);
        assert_eq!(accepts(Kind::Gemini, "gemini-2.5-flash").max_stop, 5);
        assert_eq!(accepts(Kind::OpenAiCompatible, "whatever").system_role, SystemRole::System);
    }
}
