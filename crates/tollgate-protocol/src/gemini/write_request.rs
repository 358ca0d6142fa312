//! The canonical form into a request.

use super::{think, write_media, write_tools, write_turns};
use crate::canonical::{Field, OutputFormat, Request, Sampling, SchemaSupport};
use crate::fault::Fault;
use crate::json;
use crate::write::{self, Object};
use crate::writing::Writing;
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;

/// Most texts that end an answer (Google's API description, 2026-08).
const MAX_STOP: usize = 5;
/// Most alternatives (the same).
const MAX_CANDIDATES: u64 = 8;

/// Writes a whole request.
pub(super) fn request(request: &Request, writing: &mut Writing<'_>) -> Result<Bytes, Fault> {
    let mut out = BytesMut::with_capacity(1024);
    content(&mut write::object(&mut out), request, writing)?;
    Ok(out.freeze())
}

/// Writes the members of a request.
pub(super) fn content(body: &mut Object<'_>, request: &Request, writing: &mut Writing<'_>) -> Result<(), Fault> {
    let Request {
        // Both stand in the path.
        model: _,
        stream,
        stream_usage: _,
        instructions,
        turns,
        tools,
        tool_choice,
        parallel_tools,
        sampling,
        max_output_tokens,
        reasoning,
        output,
        verbosity,
        service_tier,
        user,
        metadata,
        store,
        cache_key,
        cache,
        modalities,
        previous,
    } = request;
    if *store == Some(true) {
        // What callers of Responses have kept, the gateway keeps, and does not tell the vendor.
        writing.dropped(Field::Store);
    }
    if previous.is_some() {
        return Err(writing.refuse(Field::Previous, "an earlier answer by its id"));
    }
    let accepts = writing.target.accepts;
    let beside = !accepts.schema_with_tools && tools.iter().any(|tool| tool.name().is_some());
    let words = if beside { words_beside_tools(output, writing) } else { writing.by_words(output) };
    write_turns::contents(body, instructions, words, turns, writing)?;
    write_tools::write(body, tools, tool_choice.as_ref(), writing)?;
    if *parallel_tools == Some(false) {
        writing.dropped(Field::ParallelTools);
    }
    let mut configured = BytesMut::new();
    {
        let mut config = write::object(&mut configured);
        sample(&mut config, sampling, *stream, writing)?;
        if let Some(cap) = max_output_tokens {
            let most = accepts.max_output_tokens.unwrap_or(u64::MAX);
            if *cap > most {
                writing.approximated(Field::MaxOutputTokens);
            }
            config.whole("maxOutputTokens", (*cap).min(most));
        }
        think::write(&mut config, reasoning, *max_output_tokens, writing);
        if !beside && accepts.schema != SchemaSupport::None {
            form(&mut config, output, writing);
        }
        made_of(&mut config, modalities, writing)?;
        config.text_if("mediaResolution", write_media::resolution(turns, writing));
    }
    if let Some(config) = std::str::from_utf8(&configured).ok().filter(|config| *config != "{}") {
        body.raw("generationConfig", config);
    }
    tier(body, service_tier.as_deref(), writing);
    for (given, field) in [
        (verbosity.is_some(), Field::Verbosity),
        (user.is_some(), Field::User),
        (metadata.is_some(), Field::Metadata),
        (cache_key.is_some(), Field::CacheKey),
        (cache.is_some(), Field::CacheMark),
    ] {
        if given {
            writing.dropped(field);
        }
    }
    Ok(())
}

/// Models that take no schema beside functions get it in words.
fn words_beside_tools(output: &OutputFormat, writing: &mut Writing<'_>) -> Option<String> {
    let words = match output {
        OutputFormat::Text => return None,
        OutputFormat::JsonObject => "When you answer in words, answer with a JSON object and nothing else.".to_owned(),
        OutputFormat::Schema { schema, .. } => format!(
            "When you answer in words, answer with JSON and nothing else. It must be valid by this JSON Schema:\n{}",
            schema.0
        ),
    };
    writing.approximated(Field::OutputFormat);
    Some(words)
}

fn sample(config: &mut Object<'_>, sampling: &Sampling, stream: bool, writing: &mut Writing<'_>) -> Result<(), Fault> {
    let Sampling {
        temperature,
        top_p,
        top_k,
        seed,
        presence_penalty,
        frequency_penalty,
        logit_bias,
        stop,
        candidates,
        logprobs,
        top_logprobs,
    } = sampling;
    let accepts = writing.target.accepts;
    if let Some(warmth) = temperature {
        if accepts.sampling {
            if *warmth > accepts.max_temperature {
                writing.approximated(Field::Temperature);
            }
            config.number("temperature", warmth.min(accepts.max_temperature));
        } else {
            writing.dropped(Field::Temperature);
        }
    }
    if let Some(share) = top_p {
        if !accepts.sampling || (temperature.is_some() && !accepts.temperature_with_top_p) {
            writing.dropped(Field::TopP);
        } else {
            config.number("topP", *share);
        }
    }
    match top_k {
        Some(count) if accepts.sampling => _ = config.whole("topK", *count),
        Some(_) => writing.dropped(Field::TopK),
        None => {}
    }
    match seed {
        Some(seed) if accepts.seed => {
            // The vendor's seeds have 32 bits. Equal ones stay equal.
            let small = i32::try_from(*seed).unwrap_or_else(|_| {
                writing.approximated(Field::Seed);
                i32::try_from(seed.unsigned_abs() % 0x7fff_ffff).unwrap_or_default()
            });
            config.whole("seed", small);
        }
        Some(_) => writing.dropped(Field::Seed),
        None => {}
    }
    for (value, name, field) in [
        (presence_penalty, "presencePenalty", Field::PresencePenalty),
        (frequency_penalty, "frequencyPenalty", Field::FrequencyPenalty),
    ] {
        match value {
            Some(value) if accepts.penalties => _ = config.number(name, *value),
            Some(_) => writing.dropped(field),
            None => {}
        }
    }
    if logit_bias.is_some() {
        // Tokens of another vendor's vocabulary.
        writing.dropped(Field::LogitBias);
    }
    let most = accepts.max_stop.min(MAX_STOP);
    if !stop.is_empty() && most == 0 {
        writing.dropped(Field::Stop);
    } else if !stop.is_empty() {
        if stop.len() > most {
            writing.approximated(Field::Stop);
        }
        config.texts("stopSequences", stop.iter().take(most).map(String::as_str));
    }
    if let Some(count) = candidates.filter(|count| *count != 1) {
        if stream || count > accepts.max_candidates.min(MAX_CANDIDATES) {
            return Err(writing.refuse(Field::Candidates, "so many alternatives, at least not translated and streamed"));
        }
        config.whole("candidateCount", count);
    }
    if *logprobs == Some(true) || top_logprobs.is_some_and(|count| count > 0) {
        if accepts.logprobs {
            config.flag("responseLogprobs", true);
            if let Some(count) = top_logprobs {
                config.whole("logprobs", *count);
            }
        } else {
            writing.dropped(if logprobs.is_some() { Field::Logprobs } else { Field::TopLogprobs });
        }
    }
    Ok(())
}

fn form(config: &mut Object<'_>, output: &OutputFormat, writing: &mut Writing<'_>) {
    let only_json = writing.target.accepts.schema == SchemaSupport::JsonOnly;
    match output {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => _ = config.text("responseMimeType", "application/json"),
        OutputFormat::Schema { .. } if only_json => _ = config.text("responseMimeType", "application/json"),
        // The vendor keeps every schema to the letter.
        OutputFormat::Schema { name, description, schema, strict: _ } => {
            config.text("responseMimeType", "application/json");
            let mut schema = Cow::Borrowed(&*schema.0);
            for (word, value, field) in
                [("description", description, Field::SchemaDescription), ("title", name, Field::SchemaName)]
            {
                let Some(value) = value else { continue };
                match with_word(&schema, word, value) {
                    Some(more) => schema = Cow::Owned(more),
                    None => writing.dropped(field),
                }
            }
            config.raw("responseJsonSchema", &schema);
        }
    }
}

/// A schema with a word about itself; `None` where it has another such word, or is no object.
fn with_word(schema: &str, word: &str, value: &str) -> Option<String> {
    let (mut said, mut filled) = (None, false);
    json::members(schema.as_bytes(), |member| {
        filled = true;
        if member.key().as_ref() == word.as_bytes() {
            said = Some(json::string(member.value).is_some_and(|text| text == value));
        }
    })
    .ok()?;
    match said {
        Some(true) => return Some(schema.to_owned()),
        Some(false) => return None,
        None => {}
    }
    let rest = schema.trim_ascii_start().strip_prefix('{')?;
    let comma = if filled { "," } else { "" };
    Some(format!("{{{}:{}{comma}{rest}", json::quote(word), json::quote(value)))
}

fn made_of(config: &mut Object<'_>, modalities: &[String], writing: &mut Writing<'_>) -> Result<(), Fault> {
    let has = |kind: &str| modalities.iter().any(|other| other == kind);
    match (has("image"), has("audio"), modalities.len()) {
        (_, _, 0) => {}
        (true, false, 1) => _ = config.texts("responseModalities", ["TEXT", "IMAGE"]),
        // The vendor's voices do not write beside what they say.
        (false, true, 1) => _ = config.texts("responseModalities", ["AUDIO"]),
        _ => return Err(writing.refuse(Field::Modalities, "such a mixture of output")),
    }
    Ok(())
}

fn tier(body: &mut Object<'_>, tier: Option<&str>, writing: &mut Writing<'_>) {
    match tier {
        None | Some("auto") => {}
        Some(_) if !writing.target.accepts.vendor_fields => writing.dropped(Field::ServiceTier),
        Some("default" | "standard_only") => _ = body.text("serviceTier", "standard"),
        Some(tier @ ("flex" | "priority")) => _ = body.text("serviceTier", tier),
        Some(_) => writing.dropped(Field::ServiceTier),
    }
}
