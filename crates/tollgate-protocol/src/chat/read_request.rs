//! A chat request into the canonical form.

use super::read_turns;
use crate::canonical::{
    CacheTtl, Effort, Json, Losses, OutputFormat, ReasoningAsk, Request, Sampling, ThinkingMode, Tool, ToolChoice,
    ToolKind, WebSearch,
};
use crate::fault::Fault;
use crate::fields::{Fields, Item, items, wrong};
use crate::json;

/// Reads a whole request.
pub(super) fn request(body: &[u8], losses: &mut Losses) -> Result<Request, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| wrong("", "valid UTF-8"))?;
    let fields = Fields::read(text, "")?;
    let messages = fields.list("messages")?.ok_or_else(|| crate::fields::missing("messages"))?;
    let (instructions, turns) = read_turns::turns(&messages, losses)?;
    let mut request = Request {
        model: fields.text("model")?.unwrap_or_default().into_owned(),
        stream: fields.flag("stream")?.unwrap_or(false),
        instructions,
        turns,
        sampling: sampling(&fields)?,
        max_output_tokens: fields.whole("max_tokens")?,
        reasoning: reasoning(&fields, losses)?,
        output: output(&fields, losses)?,
        verbosity: owned(&fields, "verbosity")?,
        service_tier: owned(&fields, "service_tier")?,
        user: owned(&fields, "user")?,
        metadata: object_text(&fields, "metadata")?,
        store: fields.flag("store")?,
        cache_key: owned(&fields, "prompt_cache_key")?,
        parallel_tools: fields.flag("parallel_tool_calls")?,
        modalities: fields.texts("modalities")?.unwrap_or_default(),
        ..Request::default()
    };
    request.modalities.retain(|kind| kind != "text");
    if let Some(cap) = fields.whole("max_completion_tokens")? {
        request.max_output_tokens = Some(cap);
    }
    // The newer name of the same thing, and DeepSeek's.
    for name in ["safety_identifier", "user_id"] {
        request.user = owned(&fields, name)?.or(request.user);
    }
    if let Some(options) = fields.object("stream_options")? {
        request.stream_usage = options.flag("include_usage")?.unwrap_or(false);
        options.rest(losses);
    }
    tools(&fields, &mut request, losses)?;
    fields.rest(losses);
    Ok(request)
}

fn owned(fields: &Fields<'_>, name: &str) -> Result<Option<String>, Fault> {
    Ok(fields.text(name)?.map(std::borrow::Cow::into_owned))
}

/// An object that is kept as text.
fn object_text(fields: &Fields<'_>, name: &str) -> Result<Option<Json>, Fault> {
    let Some(raw) = fields.peek(name) else { return Ok(None) };
    fields.object(name)?;
    Ok(Some(Json(raw.to_owned())))
}

fn sampling(fields: &Fields<'_>) -> Result<Sampling, Fault> {
    let stop = match fields.raw("stop") {
        None => Vec::new(),
        Some(one) if one.starts_with('"') => {
            json::string(one.as_bytes()).map(std::borrow::Cow::into_owned).into_iter().collect()
        }
        Some(many) => items(many, "stop")?
            .iter()
            .map(|item| item.text().map(std::borrow::Cow::into_owned))
            .collect::<Result<_, _>>()?,
    };
    Ok(Sampling {
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        top_k: fields.whole("top_k")?,
        seed: fields.integer("seed")?,
        presence_penalty: fields.number("presence_penalty")?,
        frequency_penalty: fields.number("frequency_penalty")?,
        logit_bias: object_text(fields, "logit_bias")?.filter(|bias| bias.0.trim_ascii() != "{}"),
        stop,
        candidates: fields.whole("n")?,
        logprobs: fields.flag("logprobs")?,
        top_logprobs: fields.whole("top_logprobs")?,
    })
}

/// `reasoning_effort`; also `thinking`, as `DeepSeek` and others spell it, and `reasoning`, as `OpenRouter` does.
fn reasoning(fields: &Fields<'_>, losses: &mut Losses) -> Result<ReasoningAsk, Fault> {
    let mut ask = ReasoningAsk::default();
    if let Some(name) = fields.text("reasoning_effort")? {
        ask.effort = Some(effort(&name, "reasoning_effort")?);
    }
    if let Some(thinking) = fields.object("thinking")? {
        ask.mode = match thinking.text("type")?.as_deref() {
            None => None,
            Some("disabled") => Some(ThinkingMode::Off),
            Some("enabled") => Some(ThinkingMode::On),
            Some("adaptive" | "auto") => Some(ThinkingMode::Adaptive),
            Some(_) => return Err(wrong("thinking.type", "'enabled', 'disabled' or 'adaptive'")),
        };
        ask.budget = thinking.whole("budget_tokens")?;
        thinking.rest(losses);
    }
    if let Some(reasoning) = fields.object("reasoning")? {
        if let Some(name) = reasoning.text("effort")? {
            ask.effort = Some(effort(&name, "reasoning.effort")?);
        }
        ask.budget = reasoning.whole("max_tokens")?.or(ask.budget);
        ask.show = reasoning.flag("exclude")?.map(|exclude| !exclude);
        match reasoning.flag("enabled")? {
            Some(false) => ask.mode = Some(ThinkingMode::Off),
            Some(true) => ask.mode = ask.mode.or(Some(ThinkingMode::Adaptive)),
            None => {}
        }
        reasoning.rest(losses);
    }
    Ok(ask)
}

fn effort(name: &str, path: &'static str) -> Result<Effort, Fault> {
    Effort::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Effort::ALL.iter().map(|effort| effort.name()).collect();
        Fault::invalid(path, format!("'{path}' must be one of {}.", names.join(", ")))
    })
}

fn output(fields: &Fields<'_>, losses: &mut Losses) -> Result<OutputFormat, Fault> {
    let Some(format) = fields.object("response_format")? else { return Ok(OutputFormat::Text) };
    let form = match &*format.needed_text("type")? {
        "text" => OutputFormat::Text,
        "json_object" => OutputFormat::JsonObject,
        "json_schema" => {
            let schema =
                format.object("json_schema")?.ok_or_else(|| crate::fields::missing("response_format.json_schema"))?;
            let form = OutputFormat::Schema {
                name: owned(&schema, "name")?,
                description: owned(&schema, "description")?,
                schema: object_text(&schema, "schema")?.unwrap_or_else(|| Json("{}".to_owned())),
                strict: schema.flag("strict")?,
            };
            schema.rest(losses);
            form
        }
        _ => return Err(wrong("response_format.type", "'text', 'json_object' or 'json_schema'")),
    };
    format.rest(losses);
    Ok(form)
}

fn tools(fields: &Fields<'_>, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    for item in fields.list("tools")?.unwrap_or_default() {
        request.tools.push(tool(&item, losses)?);
    }
    // As functions were called before there were tools.
    for item in fields.list("functions")?.unwrap_or_default() {
        request.tools.push(Tool::new(function(&item.fields()?, losses)?));
    }
    if let Some(options) = fields.object("web_search_options")? {
        let mut search = WebSearch { context_size: owned(&options, "search_context_size")?, ..WebSearch::default() };
        if let Some(place) = options.object("user_location")? {
            place.raw("type");
            search.location = object_text(&place, "approximate")?;
            place.rest(losses);
        }
        options.rest(losses);
        request.tools.push(Tool::new(ToolKind::WebSearch(search)));
    }
    for name in ["tool_choice", "function_call"] {
        if let Some(raw) = fields.raw(name) {
            request.tool_choice = Some(choice(raw, name, losses)?);
        }
    }
    Ok(())
}

fn tool(item: &Item<'_>, losses: &mut Losses) -> Result<Tool, Fault> {
    let fields = item.fields()?;
    let kind = fields.needed_text("type")?;
    let kind = match &*kind {
        "function" => {
            let inner = fields.object("function")?.ok_or_else(|| crate::fields::missing(&fields.at("function")))?;
            function(&inner, losses)?
        }
        "custom" => {
            let inner = fields.object("custom")?.ok_or_else(|| crate::fields::missing(&fields.at("custom")))?;
            let kind = ToolKind::Custom {
                name: inner.needed_text("name")?.into_owned(),
                description: owned(&inner, "description")?,
                format: object_text(&inner, "format")?,
            };
            inner.rest(losses);
            kind
        }
        _ => {
            fields.others();
            ToolKind::Opaque {
                owner: crate::codec::Protocol::Chat,
                kind: kind.into_owned(),
                raw: Json(item.raw.to_owned()),
            }
        }
    };
    let cache = cache(&fields)?;
    fields.rest(losses);
    Ok(Tool { kind, cache })
}

fn function(inner: &Fields<'_>, losses: &mut Losses) -> Result<ToolKind, Fault> {
    let kind = ToolKind::Function {
        name: inner.needed_text("name")?.into_owned(),
        description: owned(inner, "description")?,
        parameters: object_text(inner, "parameters")?,
        strict: inner.flag("strict")?,
    };
    for (name, _) in inner.others() {
        losses.dropped(crate::fields::generic(&inner.at(name)));
    }
    Ok(kind)
}

fn choice(raw: &str, path: &str, losses: &mut Losses) -> Result<ToolChoice, Fault> {
    if let Some(word) = json::string(raw.as_bytes()) {
        return match &*word {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" | "any" => Ok(ToolChoice::Required),
            _ => Err(wrong(path, "'auto', 'none', 'required' or an object")),
        };
    }
    let fields = Fields::read(raw, path)?;
    let choice = match fields.text("type")?.as_deref() {
        Some(kind @ ("function" | "custom")) => {
            let inner = fields.object(kind)?.ok_or_else(|| crate::fields::missing(&fields.at(kind)))?;
            ToolChoice::Named(inner.needed_text("name")?.into_owned())
        }
        Some("allowed_tools") => {
            let inner =
                fields.object("allowed_tools")?.ok_or_else(|| crate::fields::missing(&fields.at("allowed_tools")))?;
            let required = inner.text("mode")?.as_deref() == Some("required");
            let mut names = Vec::new();
            for item in inner.list("tools")?.unwrap_or_default() {
                let tool = item.fields()?;
                let named = tool.object("function")?.or(tool.object("custom")?);
                names.push(named.ok_or_else(|| crate::fields::missing(&item.path))?.needed_text("name")?.into_owned());
            }
            ToolChoice::Allowed { required, names }
        }
        // As functions were chosen before there were tools.
        None => ToolChoice::Named(fields.needed_text("name")?.into_owned()),
        Some(_) => return Err(wrong(&fields.at("type"), "'function', 'custom' or 'allowed_tools'")),
    };
    fields.rest(losses);
    Ok(choice)
}

/// A cache mark: `OpenAI`'s own, or Anthropic's as clients of gateways write it into chat.
pub(super) fn cache(fields: &Fields<'_>) -> Result<Option<CacheTtl>, Fault> {
    if let Some(mark) = fields.object("cache_control")? {
        let long = mark.text("ttl")?.as_deref() == Some("1h");
        return Ok(Some(if long { CacheTtl::Long } else { CacheTtl::Short }));
    }
    Ok(fields.raw("prompt_cache_breakpoint").filter(|raw| *raw != "false").map(|_| CacheTtl::Short))
}
