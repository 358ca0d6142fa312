//! `generationConfig`: caps, stop sequences, thinking and the form of the answer.

use serde_json::{Value, json};

use super::{
    super::{
        Target,
        check::{Fields, flag, given, inner, integer, list, number, only, open, text, word},
        error::Failure,
    },
    schema,
};
use crate::turn::Format;

#[derive(Debug, Default)]
pub(super) struct Config {
    pub candidates: u64,
    pub cap: Option<u64>,
    pub stop: Vec<String>,
    pub format: Format,
    /// The request asks for thinking.
    pub thinks: bool,
    /// Thoughts are shown.
    pub shows: bool,
}

const KNOWN: &[&str] = &[
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseFormat",
    "responseModalities",
    "candidateCount",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "enableEnhancedCivicAnswers",
    "speechConfig",
    "thinkingConfig",
    "imageConfig",
    "mediaResolution",
    "enableAffectiveDialog",
    "translationConfig",
    "audioTranscriptionConfig",
];
const VERTEX: &[&str] = &["audioTimestamp", "routingConfig", "modelConfig"];
const PATH: &str = "generation_config";
const LEVELS: &[&str] = &["THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH"];
const MODALITIES: &[&str] = &["MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO", "VIDEO"];

impl Config {
    pub(super) fn read(fields: &Fields, target: &Target) -> Result<Self, Failure> {
        let Some(config) = inner(fields, "", "generationConfig")? else {
            return Ok(Self { candidates: 1, ..Self::default() });
        };
        let known = if target.vertex { [KNOWN, VERTEX].concat() } else { KNOWN.to_vec() };
        only(config, PATH, &known)?;
        ranges(config, target)?;
        let cap = integer(config, PATH, "maxOutputTokens")?;
        if cap.is_some_and(|cap| cap < 1) {
            return Err(Failure::field(&format!("{PATH}.max_output_tokens"), "max_output_tokens must be positive."));
        }
        let candidates = integer(config, PATH, "candidateCount")?.unwrap_or(1);
        if !(1..=8).contains(&candidates) {
            return Err(Failure::field(
                &format!("{PATH}.candidate_count"),
                "candidate_count must be in the range [1, 8]",
            ));
        }
        let stop: Vec<String> =
            list(config, "stopSequences").iter().filter_map(|stop| Some(stop.as_str()?.to_owned())).collect();
        if stop.len() > 5 {
            return Err(Failure::field(&format!("{PATH}.stop_sequences"), "at most 5 stop sequences are allowed"));
        }
        let (thinks, shows) = thinking(config)?;
        Ok(Self {
            candidates: candidates.unsigned_abs(),
            cap: cap.map(i64::unsigned_abs),
            stop,
            format: format(config, target)?,
            thinks,
            shows,
        })
    }
}

fn ranges(config: &Fields, target: &Target) -> Result<(), Failure> {
    for (name, most) in [("temperature", 2.0), ("topP", 1.0)] {
        let Some(number) = number(config, PATH, name)? else {
            continue;
        };
        if (0.0..=most).contains(&number) {
            continue;
        }
        let name = super::super::check::snake(name);
        return Err(if target.vertex {
            Failure::invalid(format!(
                "Unable to submit request because it has a {name} value of {number} but the supported range is from 0 \
                 (inclusive) to {most}.0001 (exclusive). Update the value and try again."
            ))
        } else {
            Failure::field(&format!("{PATH}.{name}"), &format!("{name} must be in the range [0.0, {most:.1}]"))
        });
    }
    for name in ["presencePenalty", "frequencyPenalty"] {
        number(config, PATH, name)?;
    }
    for name in ["topK", "seed", "logprobs"] {
        integer(config, PATH, name)?;
    }
    flag(config, PATH, "responseLogprobs")?;
    let modalities = list(config, "responseModalities").iter().filter_map(Value::as_str);
    for modality in modalities {
        if !MODALITIES.contains(&modality.to_ascii_uppercase().as_str()) {
            let path = format!("{PATH}.response_modalities");
            return Err(Failure::payload(&path, format!("Invalid value at '{path}' (TYPE_ENUM), \"{modality}\"")));
        }
    }
    Ok(())
}

/// Whether there is thinking, and whether it is shown.
fn thinking(config: &Fields) -> Result<(bool, bool), Failure> {
    let path = format!("{PATH}.thinking_config");
    let Some(thinking) = inner(config, PATH, "thinkingConfig")? else {
        return Ok((false, false));
    };
    only(thinking, &path, &["includeThoughts", "thinkingBudget", "thinkingLevel"])?;
    let shows = flag(thinking, &path, "includeThoughts")?;
    let budget = integer(thinking, &path, "thinkingBudget")?;
    let level = word(thinking, &path, "thinkingLevel", LEVELS)?;
    if budget.is_some() && level.is_some() {
        return Err(Failure::invalid("You can only set only one of thinking budget and thinking level."));
    }
    if budget.is_some_and(|budget| budget < -1) {
        return Err(Failure::invalid(format!(
            "The thinking budget {} is invalid. Please choose a value of -1 or above.",
            budget.unwrap_or_default()
        )));
    }
    let thinks = match (budget, level) {
        (Some(budget), _) => budget != 0,
        (None, level) => level.is_some() || shows,
    };
    Ok((thinks, shows))
}

fn format(config: &Fields, target: &Target) -> Result<Format, Failure> {
    let mime = text(config, PATH, "responseMimeType")?.unwrap_or("text/plain");
    let own = open(config, PATH, "responseSchema")?;
    let plain = open(config, PATH, "responseJsonSchema")?;
    if own.is_some() && plain.is_some() {
        return Err(Failure::field(
            &format!("{PATH}.response_json_schema"),
            "response_schema and response_json_schema must not both be set",
        ));
    }
    if let Some(schema) = own {
        schema::check(schema, &format!("{PATH}.response_schema"), target)?;
    }
    let schema = own.map(schema::plain).or_else(|| plain.cloned());
    match (mime, schema) {
        ("application/json", Some(schema)) => Ok(Format::JsonSchema(schema)),
        ("application/json", None) => Ok(Format::JsonObject),
        ("text/x.enum", Some(schema)) => {
            let words = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
            Ok(Format::OneOf(words.filter_map(|word| Some(word.as_str()?.to_owned())).collect()))
        }
        ("text/plain", None) => Ok(from_format(config)),
        (mime @ ("text/plain" | "text/x.enum"), _) => Err(Failure::field(
            &format!("{PATH}.response_mime_type"),
            &format!("response_mime_type {mime} does not go with a response schema or its absence"),
        )),
        _ => Err(Failure::field(
            &format!("{PATH}.response_mime_type"),
            "allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` and \
             `text/x.enum`.",
        )),
    }
}

/// The newer `responseFormat`, of which only the schema of a text is understood.
fn from_format(config: &Fields) -> Format {
    let schema = given(config, "responseFormat").and_then(|format| {
        ["/text/schema", "/jsonSchema/schema", "/schema"].iter().find_map(|path| format.pointer(path))
    });
    match schema {
        Some(schema) if schema != &json!(null) => Format::JsonSchema(schema.clone()),
        _ => Format::Text,
    }
}
