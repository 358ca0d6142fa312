//! A request into the canonical form.

use super::fields;
use super::part::detail;
use super::path::bare;
use super::read_turns;
use super::schema::json_schema;
use crate::canonical::{
    Content, Effort, Json, Losses, OutputFormat, ReasoningAsk, Request, Sampling, ThinkingMode, Tool, ToolChoice,
    ToolKind, Turn, WebSearch,
};
use crate::codec::{InPath, Protocol};
use crate::fault::Fault;
use crate::fields::{Fields, missing, wrong};

/// Reads a whole request.
pub(super) fn request(body: &[u8], path: &InPath<'_>, losses: &mut Losses) -> Result<Request, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| wrong("", "valid UTF-8"))?;
    content(&fields::read(text, "")?, path, losses)
}

/// Reads a request out of its members, of which all are taken.
pub(super) fn content(body: &Fields<'_>, path: &InPath<'_>, losses: &mut Losses) -> Result<Request, Fault> {
    let contents = fields::list(body, "contents")?.ok_or_else(|| missing(&body.at("contents")))?;
    let named = body.text("model")?.unwrap_or_default();
    let mut request = Request {
        model: path.model.as_deref().map_or_else(|| bare(&named).to_owned(), str::to_owned),
        stream: path.stream,
        stream_usage: true,
        instructions: read_turns::instructions(body, losses)?,
        turns: read_turns::turns(&contents, losses)?,
        service_tier: tier(body)?,
        metadata: labels(body)?,
        ..Request::default()
    };
    tools(body, &mut request, losses)?;
    choice(body, &mut request, losses)?;
    if let Some(config) = fields::object(body, "generationConfig")? {
        configure(&config, &mut request, losses)?;
        config.rest(losses);
    }
    if fields::owned(body, "cachedContent")?.is_some() {
        let name = body.at("cachedContent");
        let message = format!("'{name}' is kept by another vendor than the one that serves this model.");
        return Err(Fault::unsupported(name, message));
    }
    if fields::list(body, "safetySettings")?.is_some_and(|list| !list.is_empty()) {
        losses.dropped(body.at("safetySettings"));
    }
    for (name, _) in body.others() {
        losses.dropped(crate::fields::generic(&body.at(name)));
    }
    Ok(request)
}

fn tier(body: &Fields<'_>) -> Result<Option<String>, Fault> {
    let tier = body.text("serviceTier")?.map(|tier| tier.to_ascii_lowercase());
    Ok(match tier.as_deref() {
        None | Some("unspecified" | "") => None,
        Some("standard") => Some("default".to_owned()),
        Some(other) => Some(other.to_owned()),
    })
}

fn labels(body: &Fields<'_>) -> Result<Option<Json>, Fault> {
    let Some(raw) = body.peek("labels") else { return Ok(None) };
    body.object("labels")?;
    Ok(Some(Json(raw.to_owned())).filter(|labels| labels.0.trim_ascii() != "{}"))
}

fn configure(config: &Fields<'_>, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    request.sampling = Sampling {
        temperature: fields::number(config, "temperature")?,
        top_p: fields::number(config, "topP")?,
        top_k: fields::count(config, "topK")?,
        seed: fields::whole(config, "seed")?,
        presence_penalty: fields::number(config, "presencePenalty")?,
        frequency_penalty: fields::number(config, "frequencyPenalty")?,
        logit_bias: None,
        stop: fields::texts(config, "stopSequences")?,
        candidates: fields::count(config, "candidateCount")?,
        logprobs: config.flag("responseLogprobs")?,
        top_logprobs: fields::count(config, "logprobs")?,
    };
    request.max_output_tokens = fields::count(config, "maxOutputTokens")?;
    request.reasoning = reasoning(config, losses)?;
    request.output = output(config, losses)?;
    request.modalities = fields::texts(config, "responseModalities")?;
    for kind in &mut request.modalities {
        kind.make_ascii_lowercase();
    }
    request.modalities.retain(|kind| kind != "text" && kind != "modality_unspecified");
    if let Some(level) = fields::name(config, "mediaResolution")? {
        look(&level, &mut request.turns, losses);
    }
    Ok(())
}

/// How closely to look at all media that say nothing of their own.
fn look(level: &str, turns: &mut [Turn], losses: &mut Losses) {
    const PATH: &str = "generationConfig.mediaResolution";
    let detail = detail(level, PATH, losses);
    let mut seen = false;
    for part in turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let Content::Media(media) = &mut part.content {
            seen = true;
            media.detail = media.detail.take().or_else(|| detail.clone());
        }
    }
    if !seen {
        losses.dropped(PATH);
    }
}

fn reasoning(config: &Fields<'_>, losses: &mut Losses) -> Result<ReasoningAsk, Fault> {
    let Some(thinking) = fields::object(config, "thinkingConfig")? else { return Ok(ReasoningAsk::default()) };
    let mut ask = ReasoningAsk { show: thinking.flag("includeThoughts")?, ..ReasoningAsk::default() };
    let budget = fields::whole(&thinking, "thinkingBudget")?;
    if let Some(level) = fields::name(&thinking, "thinkingLevel")? {
        let path = thinking.at("thinkingLevel");
        if budget.is_some() {
            return Err(Fault::invalid(path, "'thinkingLevel' and 'thinkingBudget' cannot come together."));
        }
        let known = Effort::from_name(&level).filter(|effort| *effort != Effort::None);
        ask.effort = Some(known.ok_or_else(|| wrong(&path, "'MINIMAL', 'LOW', 'MEDIUM' or 'HIGH'"))?);
    }
    match budget {
        None => {}
        Some(0) => ask.mode = Some(ThinkingMode::Off),
        Some(..0) => ask.mode = Some(ThinkingMode::Adaptive),
        Some(tokens) => {
            ask.mode = Some(ThinkingMode::On);
            ask.budget = u64::try_from(tokens).ok();
        }
    }
    thinking.rest(losses);
    Ok(ask)
}

fn output(config: &Fields<'_>, losses: &mut Losses) -> Result<OutputFormat, Fault> {
    let path = config.at("responseMimeType");
    let mut kind = fields::owned(config, "responseMimeType")?;
    let mut schema = config.raw("responseSchema").map(json_schema);
    for name in ["responseJsonSchema", "_responseJsonSchema"] {
        schema = config.raw(name).map(|raw| Json(raw.to_owned())).or(schema);
    }
    // A newer place for the same.
    if let Some(format) = config.peek("responseFormat").filter(|raw| raw.starts_with('{')) {
        config.raw("responseFormat");
        let format = fields::read(format, config.at("responseFormat"))?;
        if let Some(text) = fields::object(&format, "text")? {
            kind = match fields::name(&text, "mimeType")?.as_deref() {
                Some("APPLICATION_JSON") => Some("application/json".to_owned()),
                Some("TEXT_PLAIN") => Some("text/plain".to_owned()),
                other => other.map(str::to_ascii_lowercase).or(kind),
            };
            schema = text.raw("schema").map(|raw| Json(raw.to_owned())).or(schema);
            text.rest(losses);
        }
        format.rest(losses);
    }
    match kind.as_deref() {
        None | Some("application/json" | "text/plain") => {}
        Some(_) => {
            let message = format!("'{path}' asks for a form that cannot be translated.");
            return Err(Fault::unsupported(path, message));
        }
    }
    Ok(match (schema, kind.as_deref()) {
        (Some(schema), _) => OutputFormat::Schema { name: None, description: None, schema, strict: None },
        (None, Some("application/json")) => OutputFormat::JsonObject,
        (None, _) => OutputFormat::Text,
    })
}

fn tools(body: &Fields<'_>, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    for (_, tool) in fields::objects(body, "tools")? {
        for (_, function) in fields::objects(&tool, "functionDeclarations")? {
            let own = function.raw("parametersJsonSchema").map(|raw| Json(raw.to_owned()));
            let theirs = function.raw("parameters").map(json_schema);
            request.tools.push(Tool::new(ToolKind::Function {
                name: function.needed_text("name")?.into_owned(),
                description: fields::owned(&function, "description")?,
                parameters: own.or(theirs),
                strict: None,
            }));
            function.rest(losses);
        }
        if let Some(search) = fields::object(&tool, "googleSearch")? {
            let blocked = fields::texts(&search, "excludeDomains")?;
            request
                .tools
                .push(Tool::new(ToolKind::WebSearch(WebSearch { blocked_domains: blocked, ..WebSearch::default() })));
            search.rest(losses);
        }
        // As it was called for older models.
        if let Some(search) = fields::object(&tool, "googleSearchRetrieval")? {
            request.tools.push(Tool::new(ToolKind::WebSearch(WebSearch::default())));
            search.rest(losses);
        }
        for (kind, raw) in tool.others() {
            request.tools.push(Tool::new(ToolKind::Opaque {
                owner: Protocol::GenerateContent,
                kind: kind.to_owned(),
                raw: Json(format!("{{{}:{raw}}}", crate::json::quote(kind))),
            }));
        }
    }
    Ok(())
}

fn choice(body: &Fields<'_>, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let Some(config) = fields::object(body, "toolConfig")? else { return Ok(()) };
    if let Some(calling) = fields::object(&config, "functionCallingConfig")? {
        let mut names = fields::texts(&calling, "allowedFunctionNames")?;
        let mode = fields::name(&calling, "mode")?;
        request.tool_choice = match mode.as_deref() {
            Some("NONE") => Some(ToolChoice::None),
            Some("ANY") if names.is_empty() => Some(ToolChoice::Required),
            Some("ANY") if names.len() == 1 => names.pop().map(ToolChoice::Named),
            Some("ANY") => Some(ToolChoice::Allowed { required: true, names }),
            None | Some("AUTO" | "VALIDATED") => {
                if mode.as_deref() == Some("VALIDATED") {
                    to_the_letter(&mut request.tools);
                }
                match (names.is_empty(), mode) {
                    (false, _) => Some(ToolChoice::Allowed { required: false, names }),
                    (true, Some(_)) => Some(ToolChoice::Auto),
                    (true, None) => None,
                }
            }
            Some(_) => return Err(wrong(&calling.at("mode"), "'AUTO', 'ANY', 'NONE' or 'VALIDATED'")),
        };
        calling.rest(losses);
    }
    config.rest(losses);
    Ok(())
}

/// The mode in which calls keep the schemas to the letter.
fn to_the_letter(tools: &mut [Tool]) {
    for tool in tools {
        if let ToolKind::Function { strict, .. } = &mut tool.kind {
            *strict = Some(true);
        }
    }
}
