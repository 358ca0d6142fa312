//! The messages of a chat request into turns.

use super::read_request::cache;
use crate::canonical::{
    CacheTtl, Content, Losses, Media, MediaKind, Part, Reasoning, Role, Seal, Source, ToolCall, ToolResult, Turn,
};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::fields::{Fields, Item, items, missing, wrong};
use crate::json;

/// What the model is told before the conversation, and the conversation.
pub(super) fn turns(messages: &[Item<'_>], losses: &mut Losses) -> Result<(Vec<Part>, Vec<Turn>), Fault> {
    let (mut instructions, mut turns) = (Vec::new(), Vec::<Turn>::new());
    // Calls as they were made before calls had ids: the last of each name.
    let mut unnamed = 0_u32;
    for item in messages {
        let fields = item.fields()?;
        let role = fields.needed_text("role")?;
        match &*role {
            "system" | "developer" => {
                let parts = content(&fields, losses)?;
                if turns.is_empty() {
                    instructions.extend(parts);
                } else {
                    turns.push(Turn::new(Role::System, parts));
                }
            }
            "user" => turns.push(Turn::new(Role::User, content(&fields, losses)?)),
            "assistant" => turns.push(Turn::new(Role::Assistant, assistant(&fields, &mut unnamed, losses)?)),
            "tool" => {
                let call = fields.needed_text("tool_call_id")?.into_owned();
                turns.push(Turn::new(Role::User, vec![result(call, &fields, losses)?]));
            }
            "function" => {
                let call = made_up(unnamed);
                turns.push(Turn::new(Role::User, vec![result(call, &fields, losses)?]));
            }
            _ => return Err(wrong(&fields.at("role"), "'system', 'developer', 'user', 'assistant' or 'tool'")),
        }
        fields.rest(losses);
    }
    Ok((instructions, turns))
}

/// The id of a call that has none.
fn made_up(count: u32) -> String {
    format!("call_{count}")
}

fn result(call: String, fields: &Fields<'_>, losses: &mut Losses) -> Result<Part, Fault> {
    let name = if fields.peek("role") == Some("\"function\"") { fields.text("name")? } else { None };
    let cached = cache(fields)?;
    Ok(Part::new(Content::ToolResult(ToolResult {
        call,
        name: name.map(std::borrow::Cow::into_owned),
        content: content(fields, losses)?,
        is_error: false,
        custom: false,
    }))
    .cached(cached))
}

fn assistant(fields: &Fields<'_>, unnamed: &mut u32, losses: &mut Losses) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    // Some servers call it the one, some the other; DeepSeek wants it back.
    let thought = fields.text("reasoning_content")?;
    let thought = match fields.peek("reasoning") {
        Some(raw) if raw.starts_with('"') => thought.or(fields.text("reasoning")?),
        _ => thought,
    };
    if let Some(text) = thought.filter(|text| !text.is_empty()) {
        parts.push(Part::new(Content::Reasoning(Reasoning { text: text.into_owned(), ..Reasoning::default() })));
    }
    parts.extend(content(fields, losses)?);
    if let Some(refusal) = fields.text("refusal")? {
        parts.push(Part::new(Content::Refusal(refusal.into_owned())));
    }
    for item in fields.list("tool_calls")?.unwrap_or_default() {
        parts.push(call(&item, losses)?);
    }
    if let Some(function) = fields.object("function_call")? {
        *unnamed += 1;
        parts.push(Part::new(Content::ToolCall(ToolCall {
            id: made_up(*unnamed),
            name: function.needed_text("name")?.into_owned(),
            arguments: function.text("arguments")?.unwrap_or_default().into_owned(),
            custom: false,
        })));
        function.rest(losses);
    }
    // What answers carry and requests need not repeat.
    fields.raw("annotations");
    Ok(parts)
}

fn call(item: &Item<'_>, losses: &mut Losses) -> Result<Part, Fault> {
    let fields = item.fields()?;
    let custom = fields.text("type")?.as_deref() == Some("custom");
    let inner = if custom { "custom" } else { "function" };
    let function = fields.object(inner)?.ok_or_else(|| missing(&fields.at(inner)))?;
    let arguments = function.text(if custom { "input" } else { "arguments" })?.unwrap_or_default().into_owned();
    let call = ToolCall {
        id: fields.text("id")?.unwrap_or_default().into_owned(),
        name: function.needed_text("name")?.into_owned(),
        arguments,
        custom,
    };
    function.rest(losses);
    fields.raw("index");
    // Where Google's own chat surface puts its proof, and clients of it hand it back.
    let mut seal = None;
    if let Some(extra) = fields.object("extra_content")? {
        if let Some(google) = extra.object("google")? {
            let data = google.text("thought_signature")?;
            seal = data.map(|data| Seal { owner: Protocol::GenerateContent, data: data.into_owned() });
            google.rest(losses);
        }
        extra.rest(losses);
    }
    fields.rest(losses);
    Ok(Part::new(Content::ToolCall(call)).sealed(seal))
}

/// The content of a message: a string, a list of parts, or nothing.
fn content(fields: &Fields<'_>, losses: &mut Losses) -> Result<Vec<Part>, Fault> {
    let Some(raw) = fields.raw("content") else { return Ok(Vec::new()) };
    if let Some(text) = json::string(raw.as_bytes()) {
        return Ok(if text.is_empty() { Vec::new() } else { vec![Part::text(text)] });
    }
    let mut parts = Vec::new();
    for item in items(raw, &fields.at("content"))? {
        let part = item.fields()?;
        let cached: Option<CacheTtl> = cache(&part)?;
        if let Some(read) = piece(&part, losses)? {
            parts.push(read.cached(cached));
        }
        part.rest(losses);
    }
    Ok(parts)
}

/// One part of a message's content.
fn piece(part: &Fields<'_>, losses: &mut Losses) -> Result<Option<Part>, Fault> {
    let kind = part.needed_text("type")?;
    Ok(Some(match &*kind {
        "text" => Part::text(part.needed_text("text")?),
        "refusal" => Part::new(Content::Refusal(part.needed_text("refusal")?.into_owned())),
        // As Mistral writes its thoughts.
        "thinking" => {
            let text = match part.raw("thinking") {
                Some(raw) if raw.starts_with('[') => {
                    let mut whole = String::new();
                    for item in items(raw, &part.at("thinking"))? {
                        whole.push_str(&item.fields()?.text("text")?.unwrap_or_default());
                    }
                    whole
                }
                Some(raw) => json::string(raw.as_bytes()).unwrap_or_default().into_owned(),
                None => String::new(),
            };
            part.raw("closed");
            Part::new(Content::Reasoning(Reasoning { text, ..Reasoning::default() }))
        }
        "image_url" => {
            let inner = part.object("image_url")?.ok_or_else(|| missing(&part.at("image_url")))?;
            let mut media = Media::located(&inner.needed_text("url")?, MediaKind::Image);
            media.detail = inner.text("detail")?.map(std::borrow::Cow::into_owned);
            inner.rest(losses);
            Part::new(Content::Media(media))
        }
        "input_audio" => {
            let inner = part.object("input_audio")?.ok_or_else(|| missing(&part.at("input_audio")))?;
            let format = inner.text("format")?.unwrap_or("wav".into());
            let media = Media {
                kind: MediaKind::Audio,
                source: Source::Base64(inner.needed_text("data")?.into_owned()),
                media_type: Some(format!("audio/{format}")),
                name: None,
                detail: None,
            };
            inner.rest(losses);
            Part::new(Content::Media(media))
        }
        "video_url" => {
            let inner = part.object("video_url")?.ok_or_else(|| missing(&part.at("video_url")))?;
            Part::new(Content::Media(Media::located(&inner.needed_text("url")?, MediaKind::Video)))
        }
        "file" => Part::new(Content::Media(file(part, losses)?)),
        _ => {
            return Err(Fault::invalid(
                part.at("type"),
                format!("'{}' is no kind of content that this gateway knows.", part.at("type")),
            ));
        }
    }))
}

fn file(part: &Fields<'_>, losses: &mut Losses) -> Result<Media, Fault> {
    let inner = part.object("file")?.ok_or_else(|| missing(&part.at("file")))?;
    let name = inner.text("filename")?.map(std::borrow::Cow::into_owned);
    let id = match inner.text("file_id")? {
        Some(id) => Some(id),
        None => part.text("file_id")?,
    };
    let mut media = match (id, inner.text("file_data")?) {
        (Some(id), _) => Media {
            kind: MediaKind::Document,
            source: Source::File { owner: Protocol::Chat, id: id.into_owned() },
            media_type: None,
            name: None,
            detail: None,
        },
        (None, Some(data)) => {
            let mut media = Media::located(&data, MediaKind::Document);
            if let Source::Url(data) = media.source {
                // Not an address: base64 without its head.
                media = Media { source: Source::Base64(data), media_type: None, ..media };
            }
            media
        }
        (None, None) => return Err(missing(&inner.at("file_data"))),
    };
    media.name = name;
    inner.rest(losses);
    Ok(media)
}
