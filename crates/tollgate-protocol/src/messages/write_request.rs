//! The canonical form into a request.

use super::read_request::is_name;
use super::think::{self, Facts, Plan};
use super::{schema, write_tools, write_turns};
use crate::canonical::{CacheTtl, Field, Json, Losses, OutputFormat, Request, Sampling, SchemaSupport, ToolChoice};
use crate::codec::{Codec, Target};
use crate::fault::Fault;
use crate::json;
use crate::write::{self, Object};
use bytes::{Bytes, BytesMut};

/// Most marks of a cache in one request.
const MAX_MARKS: usize = 4;
/// Longest name of the caller's own user, in bytes.
const MAX_USER: usize = 512;
/// Least `top_p` that is taken while the model thinks.
const THINKING_TOP_P: f64 = 0.95;

/// Who is written to, whose names are used, and what was lost so far.
pub(super) struct Writing<'a> {
    pub(super) target: &'a Target<'a>,
    pub(super) names: &'a dyn Codec,
    pub(super) losses: &'a mut Losses,
    /// Cache marks that are too many, of which those that come first are left out.
    pub(super) marks_over: usize,
}

impl Writing<'_> {
    pub(super) fn dropped(&mut self, field: Field) {
        self.losses.dropped(self.names.name(field));
    }

    pub(super) fn approximated(&mut self, field: Field) {
        self.losses.approximated(self.names.name(field));
    }

    /// What cannot be left out without asking for something else.
    pub(super) fn refuse(&self, field: Field, what: &str) -> Fault {
        Fault::unsupported(self.names.name(field), format!("This model does not take {what}."))
    }

    /// Writes a cache mark.
    pub(super) fn mark(&mut self, object: &mut Object<'_>, cache: Option<CacheTtl>) {
        let Some(ttl) = cache else { return };
        if self.marks_over > 0 {
            self.marks_over -= 1;
            self.approximated(Field::CacheMark);
            return;
        }
        let mut mark = object.object("cache_control");
        mark.text("type", "ephemeral");
        if ttl == CacheTtl::Long {
            mark.text("ttl", "1h");
        }
    }
}

/// Writes a whole request. `counting`: only how many tokens it has is asked.
pub(super) fn request(request: &Request, counting: bool, writing: &mut Writing<'_>) -> Result<Bytes, Fault> {
    let Request {
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
    if !modalities.is_empty() {
        return Err(writing.refuse(Field::Modalities, "other output than text"));
    }
    if *store == Some(true) {
        // What callers of Responses have kept, the gateway keeps, and does not tell the vendor.
        writing.dropped(Field::Store);
    }
    if previous.is_some() {
        return Err(writing.refuse(Field::Previous, "an earlier answer by its id"));
    }
    for (given, field) in [
        (verbosity.is_some(), Field::Verbosity),
        (metadata.is_some(), Field::Metadata),
        (cache_key.is_some(), Field::CacheKey),
    ] {
        if given {
            writing.dropped(field);
        }
    }
    let talk = write_turns::arrange(instructions, turns, writing);
    writing.marks_over = (talk.marks() + tools.iter().filter(|tool| tool.cache.is_some()).count())
        .saturating_add(usize::from(cache.is_some()))
        .saturating_sub(MAX_MARKS);
    let most = writing.target.accepts.max_output_tokens.unwrap_or(u64::MAX);
    let cap = max_output_tokens.map(|cap| cap.min(most));
    if cap != *max_output_tokens {
        writing.approximated(Field::MaxOutputTokens);
    }
    let forced = match tool_choice {
        Some(ToolChoice::Required | ToolChoice::Named(_)) => true,
        Some(ToolChoice::Allowed { required, names: _ }) => *required,
        Some(ToolChoice::Auto | ToolChoice::None) | None => false,
    };
    let facts = Facts { cap, forced, prefill: talk.is_prefilled(), unproven: talk.is_unproven() };
    let plan = think::plan(reasoning, facts, writing);
    let words = by_words(output, !tools.is_empty(), writing);

    let mut out = BytesMut::with_capacity(1024);
    let mut body = write::object(&mut out);
    body.text("model", writing.target.model);
    if !counting {
        let usual = writing.target.accepts.usual_output_tokens.saturating_add(plan.budget()).min(most);
        body.whole("max_tokens", cap.unwrap_or(usual));
    }
    talk.write(&mut body, words.as_deref(), writing)?;
    if *stream && !counting {
        body.flag("stream", true);
    }
    sample(&mut body, sampling, &plan, counting, writing)?;
    plan.write(&mut body);
    form(&mut body, output, &plan, words.is_some(), writing);
    write_tools::tools(&mut body, tools, tool_choice.as_ref(), *parallel_tools, writing)?;
    writing.mark(&mut body, *cache);
    if !counting {
        match user {
            Some(user) if user.len() > MAX_USER || is_personal(user) => writing.dropped(Field::User),
            Some(user) => {
                body.object("metadata").text("user_id", user);
            }
            None => {}
        }
        match service_tier.as_deref() {
            Some("auto") => {
                body.text("service_tier", "auto");
            }
            Some("default" | "standard") => {
                body.text("service_tier", "standard_only");
            }
            Some(_) => writing.dropped(Field::ServiceTier),
            None => {}
        }
    }
    drop(body);
    Ok(out.freeze())
}

/// Whether the vendor would take a name for an address of mail or the number of a telephone, which it refuses (issue
/// threads, 2025-06).
fn is_personal(user: &str) -> bool {
    let mail = user.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    let digits = user.bytes().filter(u8::is_ascii_digit).count();
    let number = user.bytes().all(|b| b.is_ascii_digit() || b"+-() ".contains(&b));
    mail || (number && digits >= 7)
}

fn sample(
    body: &mut Object<'_>,
    sampling: &Sampling,
    plan: &Plan,
    counting: bool,
    writing: &mut Writing<'_>,
) -> Result<(), Fault> {
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
    for (given, field) in [
        (seed.is_some(), Field::Seed),
        (presence_penalty.is_some(), Field::PresencePenalty),
        (frequency_penalty.is_some(), Field::FrequencyPenalty),
        (logit_bias.is_some(), Field::LogitBias),
        (*logprobs == Some(true), Field::Logprobs),
        (top_logprobs.is_some(), Field::TopLogprobs),
    ] {
        if given {
            writing.dropped(field);
        }
    }
    if candidates.is_some_and(|count| count != 1) {
        return Err(writing.refuse(Field::Candidates, "several alternatives"));
    }
    if counting {
        return Ok(());
    }
    let free = accepts.sampling && !plan.thinks();
    if let Some(warmth) = temperature {
        // The protocol ends at 1, which is also what is taken where nothing else is.
        let most = accepts.max_temperature.min(1.0);
        let near = warmth.clamp(0.0, most);
        if free || near >= 1.0 {
            body.number("temperature", near);
            if near.to_bits() != warmth.to_bits() {
                writing.approximated(Field::Temperature);
            }
        } else {
            writing.dropped(Field::Temperature);
        }
    }
    if let Some(share) = top_p {
        let alone = temperature.is_none() || accepts.temperature_with_top_p;
        if alone && (free || (accepts.sampling && *share >= THINKING_TOP_P) || *share >= 0.99) {
            body.number("top_p", *share);
        } else {
            writing.dropped(Field::TopP);
        }
    }
    match top_k {
        Some(few) if free => {
            body.whole("top_k", *few);
        }
        Some(_) => writing.dropped(Field::TopK),
        None => {}
    }
    // Texts of nothing but blanks are refused.
    let taken: Vec<&str> = stop.iter().map(String::as_str).filter(|text| !text.trim().is_empty()).collect();
    let most = accepts.max_stop;
    if taken.len().min(most) < stop.len() {
        if taken.is_empty() || most == 0 {
            writing.dropped(Field::Stop);
        } else {
            writing.approximated(Field::Stop);
        }
    }
    if !taken.is_empty() && most > 0 {
        body.texts("stop_sequences", taken.into_iter().take(most));
    }
    Ok(())
}

/// The words that ask for a form which the model has no field for.
fn by_words(output: &OutputFormat, tools: bool, writing: &mut Writing<'_>) -> Option<String> {
    let accepts = writing.target.accepts;
    let native = accepts.schema == SchemaSupport::Native && (accepts.schema_with_tools || !tools);
    let words = match output {
        OutputFormat::Text => return None,
        OutputFormat::Schema { .. } if native => return None,
        OutputFormat::JsonObject => "Answer with a JSON object and nothing else.".to_owned(),
        OutputFormat::Schema { schema, .. } => {
            format!("Answer with JSON and nothing else. It must be valid by this JSON Schema:\n{}", schema.0)
        }
    };
    writing.approximated(Field::OutputFormat);
    Some(words)
}

/// Writes `output_config`: effort and form.
fn form(body: &mut Object<'_>, output: &OutputFormat, plan: &Plan, said: bool, writing: &mut Writing<'_>) {
    let schema = match output {
        // A grammar is always kept to the letter; who asks for less gets more.
        OutputFormat::Schema { name, description, schema, strict: _ } if !said => {
            let titled = with_words(schema, name.as_deref(), description.as_deref(), writing);
            let (closed, widened) = schema::closed(&titled);
            if widened {
                writing.approximated(Field::OutputFormat);
            }
            Some(closed)
        }
        OutputFormat::Schema { .. } | OutputFormat::JsonObject | OutputFormat::Text => None,
    };
    if plan.effort().is_none() && schema.is_none() {
        return;
    }
    let mut config = body.object("output_config");
    config.text_if("effort", plan.effort().map(crate::canonical::Effort::name));
    if let Some(schema) = schema {
        config.object("format").text("type", "json_schema").raw("schema", &schema.0);
    }
}

/// The schema with its name and description in it, which have no other place here.
fn with_words(schema: &Json, name: Option<&str>, description: Option<&str>, writing: &mut Writing<'_>) -> Json {
    let mut out = BytesMut::with_capacity(schema.0.len() + 64);
    let mut object = write::object(&mut out);
    for (key, word, field) in
        [("title", name, Field::SchemaName), ("description", description, Field::SchemaDescription)]
    {
        let Some(word) = word else { continue };
        let inside = member(&schema.0, key);
        if inside.is_none() && (key != "title" || is_name(word)) {
            object.text(key, word);
        } else if inside.and_then(|raw| json::string(raw.as_bytes())).as_deref() != Some(word) {
            writing.dropped(field);
        }
    }
    let read = json::members(schema.0.as_bytes(), |member| {
        if let (Ok(key), Some(value)) = (std::str::from_utf8(&member.key()), schema.0.get(member.range())) {
            object.raw(key, value);
        }
    });
    drop(object);
    match String::from_utf8(out.to_vec()) {
        Ok(text) if read.is_ok() && text.len() > schema.0.len() => Json(text),
        _ => schema.clone(),
    }
}

/// A member of an object in JSON text.
pub(super) fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    let read = json::members(object.as_bytes(), |member| {
        if member.key().as_ref() == name.as_bytes() && !member.is_null() {
            found = object.get(member.range());
        }
    });
    found.filter(|_| read.is_ok())
}
