//! The canonical form into a chat request.

use super::write_turns;
use crate::canonical::{
    Effort, Field, OutputCap, OutputFormat, ReasoningAsk, Request, Sampling, SchemaSupport, TOOL_PREFIX, ThinkingMode,
    Tool, ToolChoice, ToolKind, WebSearch, fitting, free_text_names, is_word,
};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::write::{self, Object};
use crate::writing::Writing;
use bytes::{Bytes, BytesMut};
use std::collections::HashSet;

/// Longest name of a tool that every server takes, in bytes.
const MAX_NAME: usize = 64;

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
    write_turns::messages(&mut body, instructions, schema.as_deref(), turns, writing)?;
    if *stream {
        body.flag("stream", true).object("stream_options").flag("include_usage", true);
    }
    if let Some(cap) = max_output_tokens {
        let most = accepts.max_output_tokens.unwrap_or(u64::MAX);
        if *cap > most {
            writing.approximated(Field::MaxOutputTokens);
        }
        let name = match accepts.output_cap {
            OutputCap::MaxTokens => "max_tokens",
            OutputCap::MaxCompletionTokens => "max_completion_tokens",
        };
        body.whole(name, (*cap).min(most));
    }
    sample(&mut body, sampling, *stream, writing)?;
    think(&mut body, reasoning, !tools.is_empty(), writing);
    form(&mut body, output, writing);
    let own = accepts.vendor_fields;
    let mut vendor = |value: Option<&str>, name: &str, field: Field, writing: &mut Writing<'_>| match value {
        Some(value) if own => {
            body.text(name, value);
        }
        Some(_) => writing.dropped(field),
        None => {}
    };
    vendor(verbosity.as_deref(), "verbosity", Field::Verbosity, writing);
    vendor(service_tier.as_deref(), "service_tier", Field::ServiceTier, writing);
    vendor(cache_key.as_deref(), "prompt_cache_key", Field::CacheKey, writing);
    body.text_if("user", user.as_deref());
    match metadata {
        Some(labels) if own => {
            body.raw("metadata", &labels.0);
        }
        Some(_) => writing.dropped(Field::Metadata),
        None => {}
    }
    match store {
        Some(keep) if own => {
            body.flag("store", *keep);
        }
        // What callers of Responses have kept, the gateway keeps, and does not tell the vendor.
        Some(true) => writing.dropped(Field::Store),
        Some(false) | None => {}
    }
    write_tools(&mut body, tools, tool_choice.as_ref(), *parallel_tools, writing)?;
    drop(body);
    Ok(out.freeze())
}

fn sample(body: &mut Object<'_>, sampling: &Sampling, stream: bool, writing: &mut Writing<'_>) -> Result<(), Fault> {
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
    writing.warmth(body, *temperature, *top_p);
    if top_k.is_some() {
        writing.dropped(Field::TopK);
    }
    if let Some(seed) = seed {
        if accepts.seed {
            body.whole("seed", *seed);
        } else {
            writing.dropped(Field::Seed);
        }
    }
    for (value, name, field) in [
        (presence_penalty, "presence_penalty", Field::PresencePenalty),
        (frequency_penalty, "frequency_penalty", Field::FrequencyPenalty),
    ] {
        match value {
            Some(value) if accepts.penalties => {
                body.number(name, *value);
            }
            Some(_) => writing.dropped(field),
            None => {}
        }
    }
    if logit_bias.is_some() {
        // Tokens of another vendor's vocabulary, in all likelihood.
        writing.dropped(Field::LogitBias);
    }
    if !stop.is_empty() {
        if accepts.max_stop == 0 {
            writing.dropped(Field::Stop);
        } else {
            if stop.len() > accepts.max_stop {
                writing.approximated(Field::Stop);
            }
            body.texts("stop", stop.iter().take(accepts.max_stop).map(String::as_str));
        }
    }
    if let Some(count) = candidates.filter(|count| *count != 1) {
        if stream || count > accepts.max_candidates {
            return Err(writing.refuse(Field::Candidates, "several alternatives, at least not translated and streamed"));
        }
        body.whole("n", count);
    }
    if *logprobs == Some(true) || top_logprobs.is_some() {
        if accepts.logprobs {
            body.flag("logprobs", true);
            if let Some(count) = top_logprobs {
                body.whole("top_logprobs", *count);
            }
        } else {
            writing.dropped(if logprobs.is_some() { Field::Logprobs } else { Field::TopLogprobs });
        }
    }
    Ok(())
}

fn think(body: &mut Object<'_>, ask: &ReasoningAsk, tools: bool, writing: &mut Writing<'_>) {
    let ReasoningAsk { mode, effort, budget, show, summary } = ask;
    let accepts = writing.target.accepts;
    let thinking = accepts.thinking;
    // By this protocol a model that calls no tools while it thinks is asked not to think, if it is asked at all.
    let forced_off = tools && accepts.tools_by_responses;
    let asked_off = *mode == Some(ThinkingMode::Off) || *effort == Some(Effort::None) || *budget == Some(0);
    let off = asked_off || forced_off;
    if forced_off && !asked_off && (mode.is_some() || effort.is_some() || budget.is_some()) {
        writing.approximated(if effort.is_some() { Field::ReasoningEffort } else { Field::ReasoningMode });
    }
    if off {
        if accepts.thinking_field && thinking.off {
            body.object("thinking").text("type", "disabled");
        } else if thinking.efforts.has(Effort::None) {
            body.text("reasoning_effort", Effort::None.name());
        } else if thinking.by_default || !thinking.efforts.is_empty() {
            match thinking.efforts.nearest(Effort::Minimal) {
                Some(least) => {
                    body.text("reasoning_effort", least.name());
                    writing.approximated(Field::ReasoningMode);
                }
                None => writing.dropped(Field::ReasoningMode),
            }
        }
        return;
    }
    if mode.is_some() && accepts.thinking_field {
        let kind = if *mode == Some(ThinkingMode::Adaptive) && thinking.adaptive { "adaptive" } else { "enabled" };
        body.object("thinking").text("type", kind);
    }
    let wanted = effort.or(budget.map(Effort::of_budget));
    // "On" without a measure is what a thinking model does anyway.
    if let Some(wanted) = wanted {
        match thinking.efforts.nearest(wanted) {
            Some(near) => {
                body.text("reasoning_effort", near.name());
                if near != wanted {
                    writing.approximated(if effort.is_some() {
                        Field::ReasoningEffort
                    } else {
                        Field::ReasoningBudget
                    });
                }
            }
            None if effort.is_some() => writing.dropped(Field::ReasoningEffort),
            None => writing.dropped(Field::ReasoningBudget),
        }
    }
    if budget.is_some() && !thinking.efforts.is_empty() {
        writing.approximated(Field::ReasoningBudget);
    }
    if show.is_some() {
        writing.dropped(Field::ReasoningShow);
    }
    if summary.is_some() {
        writing.dropped(Field::ReasoningSummary);
    }
}

fn form(body: &mut Object<'_>, output: &OutputFormat, writing: &mut Writing<'_>) {
    match (output, writing.target.accepts.schema) {
        (OutputFormat::Text, _) | (_, SchemaSupport::None) => {}
        (OutputFormat::JsonObject, _) | (OutputFormat::Schema { .. }, SchemaSupport::JsonOnly) => {
            body.object("response_format").text("type", "json_object");
        }
        (OutputFormat::Schema { name, description, schema, strict }, SchemaSupport::Native) => {
            let mut format = body.object("response_format");
            format.text("type", "json_schema");
            let mut inner = format.object("json_schema");
            inner.text("name", name.as_deref().unwrap_or("answer")).text_if("description", description.as_deref());
            inner.raw("schema", &schema.0);
            if let Some(strict) = strict {
                inner.flag("strict", *strict);
            }
        }
    }
}

fn write_tools(
    body: &mut Object<'_>,
    tools: &[Tool],
    choice: Option<&ToolChoice>,
    parallel: Option<bool>,
    writing: &mut Writing<'_>,
) -> Result<(), Fault> {
    let accepts = writing.target.accepts;
    let mut callable = 0_usize;
    let mut search = None;
    for tool in tools {
        match &tool.kind {
            ToolKind::WebSearch(options) if accepts.web_search => search = Some(options),
            ToolKind::WebSearch(_) => return Err(writing.refuse(Field::WebSearch, "a web search")),
            ToolKind::Opaque { owner: Protocol::Chat, .. } => callable += 1,
            ToolKind::Opaque { kind, .. } => {
                return Err(writing.refuse(Field::Tools, &format!("a tool of type '{kind}'")));
            }
            ToolKind::Function { .. } | ToolKind::Custom { .. } if !accepts.tools => {
                return Err(writing.refuse(Field::Tools, "tools"));
            }
            ToolKind::Function { .. } | ToolKind::Custom { .. } => callable += 1,
        }
        if tool.cache.is_some() {
            writing.dropped(Field::CacheMark);
        }
    }
    if callable > 0 {
        let mut list = body.list("tools");
        for tool in tools {
            write_tool(&mut list, tool, writing);
        }
    }
    if let Some(options) = search {
        web_search(body, options, writing);
    }
    if callable == 0 {
        // Refused by the vendor where there is nothing to choose from.
        if choice.is_some() {
            writing.dropped(Field::ToolChoice);
        }
        if parallel.is_some() {
            writing.dropped(Field::ParallelTools);
        }
        return Ok(());
    }
    let free_text = if accepts.custom_tools { free_text_names(tools) } else { HashSet::new() };
    match choice {
        None => {}
        Some(ToolChoice::Auto) => {
            body.text("tool_choice", "auto");
        }
        Some(ToolChoice::None) => {
            body.text("tool_choice", "none");
        }
        Some(ToolChoice::Required) => {
            body.text("tool_choice", "required");
        }
        Some(ToolChoice::Named(name)) => named(&mut body.object("tool_choice"), name, &free_text),
        Some(ToolChoice::Allowed { required, names }) if accepts.vendor_fields => {
            let mut object = body.object("tool_choice");
            object.text("type", "allowed_tools");
            let mut inner = object.object("allowed_tools");
            inner.text("mode", if *required { "required" } else { "auto" });
            let mut list = inner.list("tools");
            for name in names {
                named(&mut list.object(), name, &free_text);
            }
        }
        Some(ToolChoice::Allowed { required, .. }) => {
            body.text("tool_choice", if *required { "required" } else { "auto" });
            writing.approximated(Field::ToolChoice);
        }
    }
    if let Some(parallel) = parallel {
        body.flag("parallel_tool_calls", parallel);
    }
    Ok(())
}

fn named(object: &mut Object<'_>, name: &str, free_text: &HashSet<&str>) {
    let kind = if free_text.contains(name) { "custom" } else { "function" };
    object.text("type", kind).object(kind).text("name", &tool_name(name));
}

/// A tool's name as the vendor takes it.
pub(super) fn tool_name(name: &str) -> String {
    fitting(name, MAX_NAME, is_word, TOOL_PREFIX)
}

fn write_tool(list: &mut write::List<'_>, tool: &Tool, writing: &mut Writing<'_>) {
    match &tool.kind {
        ToolKind::Function { name, description, parameters, strict } => {
            let mut object = list.object();
            object.text("type", "function");
            let mut function = object.object("function");
            function.text("name", &tool_name(name)).text_if("description", description.as_deref());
            if let Some(schema) = parameters {
                function.raw("parameters", &schema.0);
            }
            if let Some(strict) = strict {
                function.flag("strict", *strict);
            }
        }
        ToolKind::Custom { name, description, format } if writing.target.accepts.custom_tools => {
            let mut object = list.object();
            object.text("type", "custom");
            let mut custom = object.object("custom");
            custom.text("name", &tool_name(name)).text_if("description", description.as_deref());
            if let Some(format) = format {
                custom.raw("format", &format.0);
            }
        }
        ToolKind::Custom { name, description, format } => {
            if format.is_some() {
                writing.dropped(Field::ToolFormat);
            }
            let mut object = list.object();
            object.text("type", "function");
            let mut function = object.object("function");
            function.text("name", &tool_name(name)).text_if("description", description.as_deref());
            function.raw("parameters", crate::canonical::FREE_TEXT_SCHEMA);
        }
        ToolKind::Opaque { owner: Protocol::Chat, raw, .. } => {
            list.raw(&raw.0);
        }
        ToolKind::Opaque { .. } | ToolKind::WebSearch(_) => {}
    }
}

fn web_search(body: &mut Object<'_>, options: &WebSearch, writing: &mut Writing<'_>) {
    let WebSearch { max_uses, allowed_domains, blocked_domains, context_size, location } = options;
    let mut object = body.object("web_search_options");
    object.text_if("search_context_size", context_size.as_deref());
    if let Some(place) = location {
        object.object("user_location").text("type", "approximate").raw("approximate", &place.0);
    }
    if max_uses.is_some() {
        writing.dropped(Field::WebSearchLimit);
    }
    if !allowed_domains.is_empty() || !blocked_domains.is_empty() {
        writing.dropped(Field::WebSearchDomains);
    }
}
