//! A request into the canonical form.

use super::blocks::{cache, content};
use crate::canonical::{
    Content, Effort, Json, Losses, OutputFormat, Part, ReasoningAsk, Request, Role, Sampling, ThinkingMode, Tool,
    ToolChoice, ToolKind, Turn, WebSearch, is_word,
};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::fields::{Fields, Item, missing, wrong};
use crate::json;
use crate::write;
use bytes::BytesMut;
use std::borrow::Cow;

/// Reads a whole request. `counting`: it only asks how many tokens it has.
pub(super) fn request(body: &[u8], counting: bool, losses: &mut Losses) -> Result<Request, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| wrong("", "valid UTF-8"))?;
    let fields = Fields::read(text, "")?;
    refusals(&fields)?;
    let mut request = Request {
        model: fields.text("model")?.unwrap_or_default().into_owned(),
        stream: fields.flag("stream")?.unwrap_or(false),
        stream_usage: true,
        instructions: system(&fields, losses)?,
        turns: turns(&fields, losses)?,
        sampling: Sampling {
            temperature: fields.number("temperature")?,
            top_p: fields.number("top_p")?,
            top_k: fields.whole("top_k")?,
            stop: fields.texts("stop_sequences")?.unwrap_or_default(),
            ..Sampling::default()
        },
        max_output_tokens: fields.whole("max_tokens")?,
        reasoning: thinking(&fields, losses)?,
        cache: cache(&fields, "cache_control")?,
        service_tier: fields.text("service_tier")?.map(|tier| match &*tier {
            "standard_only" => "default".to_owned(),
            _ => tier.into_owned(),
        }),
        ..Request::default()
    };
    if request.max_output_tokens.is_none() && !counting {
        return Err(missing("max_tokens"));
    }
    if let Some(labels) = fields.object("metadata")? {
        request.user = labels.text("user_id")?.map(Cow::into_owned);
        labels.rest(losses);
    }
    output(&fields, &mut request, losses)?;
    for item in fields.list("tools")?.unwrap_or_default() {
        request.tools.extend(tool(&item, losses)?);
    }
    choice(&fields, &mut request, losses)?;
    fields.rest(losses);
    Ok(request)
}

/// Refuses what no other vendor has and what would be another request without it.
fn refusals(fields: &Fields<'_>) -> Result<(), Fault> {
    for (name, nothing, what) in [
        ("container", "", "a container of the vendor"),
        ("mcp_servers", "[]", "servers of tools that the vendor calls"),
        ("inference_geo", "\"global\"", "a place where the model runs"),
    ] {
        if fields.raw(name).is_some_and(|raw| raw != nothing) {
            return Err(Fault::unsupported(name, format!("This model does not take {what}.")));
        }
    }
    // The vendor's own clouds name their protocol in the body; the usual speed is what everybody gets.
    fields.raw("anthropic_version");
    if fields.peek("speed") == Some("\"standard\"") {
        fields.raw("speed");
    }
    Ok(())
}

fn system(fields: &Fields<'_>, losses: &mut Losses) -> Result<Vec<Part>, Fault> {
    fields.raw("system").map_or(Ok(Vec::new()), |raw| content(raw, "system", losses))
}

fn turns(fields: &Fields<'_>, losses: &mut Losses) -> Result<Vec<Turn>, Fault> {
    let messages = fields.list("messages")?.ok_or_else(|| missing("messages"))?;
    let mut turns = Vec::with_capacity(messages.len());
    for item in messages {
        let message = item.fields()?;
        let role = match &*message.needed_text("role")? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            _ => return Err(wrong(&message.at("role"), "'user', 'assistant' or 'system'")),
        };
        let raw = message.raw("content").ok_or_else(|| missing(&message.at("content")))?;
        let mut parts = content(raw, &message.at("content"), losses)?;
        if role == Role::System {
            // Also changes of the tools in the midst of a conversation; here all of them are there from the start.
            parts.retain(|part| {
                let words = part.as_text().is_some();
                if !words {
                    losses.dropped("messages[].content[].tool");
                }
                words
            });
        }
        if parts.iter().any(|part| !belongs(&part.content, role)) {
            return Err(wrong(&message.at("content"), "what can be said in this role"));
        }
        message.rest(losses);
        turns.push(Turn::new(role, parts));
    }
    Ok(turns)
}

/// Whether whoever speaks can say that.
fn belongs(content: &Content, role: Role) -> bool {
    match content {
        Content::ToolCall(_) | Content::Reasoning(_) => role == Role::Assistant,
        Content::ToolResult(_) | Content::Media(_) => role == Role::User,
        Content::Text { .. } | Content::Refusal(_) | Content::Opaque(_) => true,
    }
}

fn thinking(fields: &Fields<'_>, losses: &mut Losses) -> Result<ReasoningAsk, Fault> {
    let mut ask = ReasoningAsk::default();
    let Some(thinking) = fields.object("thinking")? else { return Ok(ask) };
    ask.mode = Some(match &*thinking.needed_text("type")? {
        "enabled" => ThinkingMode::On,
        "adaptive" => ThinkingMode::Adaptive,
        "disabled" => ThinkingMode::Off,
        _ => return Err(wrong(&thinking.at("type"), "'enabled', 'adaptive' or 'disabled'")),
    });
    ask.budget = thinking.whole("budget_tokens")?;
    if ask.mode == Some(ThinkingMode::On) && ask.budget.is_none() {
        return Err(missing(&thinking.at("budget_tokens")));
    }
    ask.show = match thinking.text("display")?.as_deref() {
        None => None,
        Some("summarized") => Some(true),
        Some("omitted") => Some(false),
        Some(_) => return Err(wrong(&thinking.at("display"), "'summarized' or 'omitted'")),
    };
    thinking.rest(losses);
    Ok(ask)
}

/// `output_config`; also `output_format`, as it was called while it was new.
fn output(fields: &Fields<'_>, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    if let Some(format) = fields.object("output_format")? {
        request.output = form(&format)?;
        format.rest(losses);
    }
    let Some(config) = fields.object("output_config")? else { return Ok(()) };
    if let Some(name) = config.text("effort")? {
        let effort = Effort::from_name(&name).filter(|effort| *effort >= Effort::Low);
        let wanted = || wrong(&config.at("effort"), "'low', 'medium', 'high', 'xhigh' or 'max'");
        request.reasoning.effort = Some(effort.ok_or_else(wanted)?);
    }
    if let Some(format) = config.object("format")? {
        request.output = form(&format)?;
        format.rest(losses);
    }
    config.rest(losses);
    Ok(())
}

fn form(format: &Fields<'_>) -> Result<OutputFormat, Fault> {
    if format.needed_text("type")? != "json_schema" {
        return Err(wrong(&format.at("type"), "'json_schema'"));
    }
    let schema = format.object("schema")?.ok_or_else(|| missing(&format.at("schema")))?;
    // This protocol has no place for a name and a description but the schema itself.
    let word = |name: &str| schema.peek(name).and_then(|raw| json::string(raw.as_bytes())).map(Cow::into_owned);
    Ok(OutputFormat::Schema {
        name: word("title").filter(|name| is_name(name)),
        description: word("description"),
        schema: Json(format.peek("schema").unwrap_or("{}").to_owned()),
        strict: None,
    })
}

/// Whether every protocol that wants a name takes this one.
pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(is_word)
}

/// Reads a tool; `None` for one that only helps to find the others, which are all given at once elsewhere.
fn tool(item: &Item<'_>, losses: &mut Losses) -> Result<Option<Tool>, Fault> {
    let fields = item.fields()?;
    let type_name = fields.text("type")?.unwrap_or("custom".into());
    let mark = cache(&fields, "cache_control")?;
    let kind = match &*type_name {
        "custom" => {
            let name = fields.needed_text("name")?.into_owned();
            let schema = fields.peek("input_schema").map(|raw| Json(raw.to_owned()));
            fields.object("input_schema")?.ok_or_else(|| missing(&fields.at("input_schema")))?;
            let description = fields.text("description")?.map(Cow::into_owned);
            ToolKind::Function { name, description, parameters: schema, strict: fields.flag("strict")? }
        }
        kind if kind.starts_with("web_search_") => {
            fields.raw("name");
            ToolKind::WebSearch(WebSearch {
                max_uses: fields.whole("max_uses")?,
                allowed_domains: fields.texts("allowed_domains")?.unwrap_or_default(),
                blocked_domains: fields.texts("blocked_domains")?.unwrap_or_default(),
                context_size: None,
                location: location(&fields)?,
            })
        }
        kind if kind.starts_with("tool_search_tool") => {
            losses.approximated("tools");
            return Ok(None);
        }
        kind => {
            fields.others();
            let raw = Json(item.raw.to_owned());
            return Ok(Some(Tool::new(ToolKind::Opaque { owner: Protocol::Messages, kind: kind.to_owned(), raw })));
        }
    };
    fields.rest(losses);
    Ok(Some(Tool { kind, cache: mark }))
}

/// Where the user is, without the type that there is only one of.
fn location(fields: &Fields<'_>) -> Result<Option<Json>, Fault> {
    let Some(place) = fields.object("user_location")? else { return Ok(None) };
    place.raw("type");
    let mut out = BytesMut::new();
    let mut object = write::object(&mut out);
    for (name, value) in place.others() {
        object.raw(name, value);
    }
    drop(object);
    Ok(String::from_utf8(out.to_vec()).ok().map(Json))
}

fn choice(fields: &Fields<'_>, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let Some(choice) = fields.object("tool_choice")? else { return Ok(()) };
    request.tool_choice = Some(match &*choice.needed_text("type")? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.needed_text("name")?.into_owned()),
        _ => return Err(wrong(&choice.at("type"), "'auto', 'any', 'tool' or 'none'")),
    });
    request.parallel_tools = choice.flag("disable_parallel_tool_use")?.map(|alone| !alone);
    choice.rest(losses);
    Ok(())
}
