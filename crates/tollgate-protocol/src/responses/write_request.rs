//! The canonical form into a request.

use super::{write_items, write_tools};
use crate::canonical::{
    Effort, Field, OutputFormat, ReasoningAsk, Request, Sampling, SchemaSupport, ThinkingMode, Tool, ToolChoice,
    ToolKind, fitting, is_word,
};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::write::{self, Object};
use crate::writing::Writing;
use bytes::{Bytes, BytesMut};

/// Longest name of a schema, in bytes.
const MAX_SCHEMA_NAME: usize = 64;
/// Least output tokens that may be asked for.
const LEAST_OUTPUT: u64 = 16;

/// The speeds that the protocol has names for.
const TIERS: [&str; 7] = ["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"];

/// Writes a whole request.
pub(super) fn request(request: &Request, writing: &mut Writing<'_>) -> Result<Bytes, Fault> {
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
    let accepts = writing.target.accepts;
    if !modalities.is_empty() {
        return Err(writing.refuse(Field::Modalities, "other output than text"));
    }
    if previous.is_some() {
        return Err(writing.refuse(Field::Previous, "an earlier answer by its id"));
    }
    if cache.is_some() {
        writing.dropped(Field::CacheMark);
    }
    let mut out = BytesMut::with_capacity(1024);
    let mut body = write::object(&mut out);
    body.text("model", writing.target.model);
    let schema = writing.by_words(output);
    write_items::input(&mut body, instructions, schema.as_deref(), turns, writing)?;
    if *stream {
        body.flag("stream", true);
    }
    if let Some(cap) = max_output_tokens {
        let most = accepts.max_output_tokens.unwrap_or(u64::MAX).max(LEAST_OUTPUT);
        let asked = (*cap).clamp(LEAST_OUTPUT, most);
        if asked != *cap {
            writing.approximated(Field::MaxOutputTokens);
        }
        body.whole("max_output_tokens", asked);
    }
    let logprobs = sample(&mut body, sampling, writing)?;
    let thinks = think(&mut body, reasoning, writing);
    let own = accepts.vendor_fields;
    write_form(&mut body, output, verbosity.as_deref(), writing);
    let mut vendor = |value: Option<&str>, name: &str, field: Field, writing: &mut Writing<'_>| match value {
        Some(value) if own => {
            body.text(name, value);
        }
        Some(_) => writing.dropped(field),
        None => {}
    };
    let tier = service_tier.as_deref().filter(|tier| {
        let known = TIERS.contains(tier);
        if !known {
            writing.dropped(Field::ServiceTier);
        }
        known
    });
    vendor(tier, "service_tier", Field::ServiceTier, writing);
    vendor(cache_key.as_deref(), "prompt_cache_key", Field::CacheKey, writing);
    body.text_if("user", user.as_deref());
    match metadata {
        Some(labels) if own => {
            body.raw("metadata", &labels.0);
        }
        Some(_) => writing.dropped(Field::Metadata),
        None => {}
    }
    // The gateway keeps what its callers want kept; a vendor keeps nothing unless told to, where it can be told.
    let keep = store.unwrap_or(false);
    if own {
        body.flag("store", keep);
    }
    let mut include = Vec::new();
    if logprobs {
        include.push("message.output_text.logprobs");
    }
    if thinks && own && !keep {
        // Refused for models that do not think ("not supported with this model", 2026-11).
        include.push("reasoning.encrypted_content");
    }
    if !include.is_empty() {
        body.texts("include", include);
    }
    list_tools(&mut body, tools, tool_choice.as_ref(), *parallel_tools, writing)?;
    drop(body);
    Ok(out.freeze())
}

/// Writes how words are chosen; whether log-probabilities are to be included.
fn sample(body: &mut Object<'_>, sampling: &Sampling, writing: &mut Writing<'_>) -> Result<bool, Fault> {
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
    if candidates.is_some_and(|count| count > 1) {
        return Err(writing.refuse(Field::Candidates, "several alternatives"));
    }
    writing.warmth(body, *temperature, *top_p);
    for (given, field) in [
        (top_k.is_some(), Field::TopK),
        (seed.is_some(), Field::Seed),
        (presence_penalty.is_some(), Field::PresencePenalty),
        (frequency_penalty.is_some(), Field::FrequencyPenalty),
        (logit_bias.is_some(), Field::LogitBias),
        (!stop.is_empty(), Field::Stop),
    ] {
        if given {
            writing.dropped(field);
        }
    }
    if *logprobs != Some(true) && top_logprobs.is_none() {
        return Ok(false);
    }
    if !accepts.logprobs {
        writing.dropped(if logprobs.is_some() { Field::Logprobs } else { Field::TopLogprobs });
        return Ok(false);
    }
    if let Some(count) = top_logprobs {
        body.whole("top_logprobs", *count);
    }
    Ok(*logprobs == Some(true))
}

/// Writes how to think; whether the model will, as far as that is known.
fn think(body: &mut Object<'_>, ask: &ReasoningAsk, writing: &mut Writing<'_>) -> bool {
    let ReasoningAsk { mode, effort, budget, show, summary } = ask;
    let thinking = writing.target.accepts.thinking;
    if *mode == Some(ThinkingMode::Off) || *effort == Some(Effort::None) || *budget == Some(0) {
        let field = match (mode, effort) {
            (Some(_), _) => Field::ReasoningMode,
            (None, Some(_)) => Field::ReasoningEffort,
            (None, None) => Field::ReasoningBudget,
        };
        if thinking.efforts.has(Effort::None) {
            body.object("reasoning").text("effort", Effort::None.name());
            return false;
        }
        if !thinking.by_default && thinking.efforts.is_empty() {
            // It never thinks.
            return false;
        }
        match thinking.efforts.nearest(Effort::Minimal) {
            Some(least) => {
                body.object("reasoning").text("effort", least.name());
                writing.approximated(field);
            }
            None => writing.dropped(field),
        }
        return true;
    }
    let wanted = effort.or(budget.map(Effort::of_budget));
    let near = wanted.and_then(|wanted| thinking.efforts.nearest(wanted));
    match (wanted, near) {
        (Some(wanted), near) if effort.is_some() && near != Some(wanted) => match near {
            Some(_) => writing.approximated(Field::ReasoningEffort),
            None => writing.dropped(Field::ReasoningEffort),
        },
        _ => {}
    }
    if budget.is_some() {
        // A number of tokens has no place here; the effort that it stands for has.
        match near {
            Some(_) => writing.approximated(Field::ReasoningBudget),
            None => writing.dropped(Field::ReasoningBudget),
        }
    }
    // Shown thoughts are a summary here, which must be asked for. Whoever asks for thoughts by a mode expects to see them.
    let thinks = matches!(mode, Some(ThinkingMode::On | ThinkingMode::Adaptive));
    let expected = show.unwrap_or(thinks).then_some("auto");
    let summary = summary.as_deref().or(expected);
    let can = thinking.by_default || !thinking.efforts.is_empty();
    let told = summary.filter(|_| can);
    if told.is_none() && (ask.summary.is_some() || *show == Some(true)) {
        writing.dropped(if ask.summary.is_some() { Field::ReasoningSummary } else { Field::ReasoningShow });
    }
    if near.is_some() || told.is_some() {
        let mut object = body.object("reasoning");
        object.text_if("effort", near.map(Effort::name)).text_if("summary", told);
    }
    near.is_some() || told.is_some() || thinking.by_default
}

fn write_form(body: &mut Object<'_>, output: &OutputFormat, verbosity: Option<&str>, writing: &mut Writing<'_>) {
    let verbosity = verbosity.filter(|_| {
        if !writing.target.accepts.vendor_fields {
            writing.dropped(Field::Verbosity);
        }
        writing.target.accepts.vendor_fields
    });
    let output = match (output, writing.target.accepts.schema) {
        (_, SchemaSupport::None) => &OutputFormat::Text,
        (OutputFormat::Schema { .. }, SchemaSupport::JsonOnly) => &OutputFormat::JsonObject,
        (output, _) => output,
    };
    if *output == OutputFormat::Text && verbosity.is_none() {
        return;
    }
    let mut text = body.object("text");
    if *output != OutputFormat::Text {
        format(&mut text, output);
    }
    text.text_if("verbosity", verbosity);
}

/// Writes the form of the text.
pub(super) fn format(text: &mut Object<'_>, output: &OutputFormat) {
    let mut format = text.object("format");
    match output {
        OutputFormat::Text => {
            format.text("type", "text");
        }
        OutputFormat::JsonObject => {
            format.text("type", "json_object");
        }
        OutputFormat::Schema { name, description, schema, strict } => {
            let name = fitting(name.as_deref().unwrap_or("answer"), MAX_SCHEMA_NAME, is_word, "schema_");
            format.text("type", "json_schema").text("name", &name);
            format.text_if("description", description.as_deref()).raw("schema", &schema.0);
            if let Some(strict) = strict {
                format.flag("strict", *strict);
            }
        }
    }
}

fn list_tools(
    body: &mut Object<'_>,
    tools: &[Tool],
    choice: Option<&ToolChoice>,
    parallel: Option<bool>,
    writing: &mut Writing<'_>,
) -> Result<(), Fault> {
    let accepts = writing.target.accepts;
    // The limit is one on all tools that the vendor runs.
    let others = tools.iter().any(|tool| matches!(tool.kind, ToolKind::Opaque { .. }));
    let mut limit = None;
    for tool in tools {
        match &tool.kind {
            ToolKind::WebSearch(_) if !accepts.web_search => {
                return Err(writing.refuse(Field::WebSearch, "a web search"));
            }
            ToolKind::WebSearch(search) => {
                match search.max_uses {
                    Some(most) if !others && limit.is_none_or(|limit| limit == most) => limit = Some(most),
                    Some(_) => writing.dropped(Field::WebSearchLimit),
                    None => {}
                }
                if !search.blocked_domains.is_empty() {
                    writing.dropped(Field::WebSearchDomains);
                }
            }
            ToolKind::Opaque { owner: Protocol::Responses, .. } => {}
            ToolKind::Opaque { kind, .. } => {
                return Err(writing.refuse(Field::Tools, &format!("a tool of type '{kind}'")));
            }
            ToolKind::Function { .. } | ToolKind::Custom { .. } if !accepts.tools => {
                return Err(writing.refuse(Field::Tools, "tools"));
            }
            ToolKind::Custom { format: Some(_), .. } if !accepts.custom_tools => writing.dropped(Field::ToolFormat),
            ToolKind::Function { .. } | ToolKind::Custom { .. } => {}
        }
        if tool.cache.is_some() {
            writing.dropped(Field::CacheMark);
        }
    }
    let reader = write_tools::For::Vendor { custom: accepts.custom_tools };
    if !tools.is_empty() {
        let mut list = body.list("tools");
        for tool in tools {
            write_tools::tool(&mut list, tool, reader);
        }
    }
    match choice {
        None => {}
        // Refused by the vendor where there is nothing to choose from.
        Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { .. }) if tools.is_empty() => {
            writing.dropped(Field::ToolChoice);
        }
        Some(choice) => write_tools::choice(body, choice, tools, reader),
    }
    if let Some(parallel) = parallel {
        body.flag("parallel_tool_calls", parallel);
    }
    if let Some(limit) = limit {
        body.whole("max_tool_calls", limit);
    }
    Ok(())
}
