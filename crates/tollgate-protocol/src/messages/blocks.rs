//! Blocks of content into parts: what requests and answers have alike.

use crate::canonical::UNSEALED;
use crate::canonical::{
    CacheTtl, Citation, Content, Json, Losses, Media, MediaKind, Opaque, Part, Reasoning, Seal, Source, ToolCall,
    ToolResult,
};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::fields::{Fields, Item, generic, items, missing, wrong};
use crate::json;
use std::borrow::Cow;

/// What is said: a string, or a list of blocks.
pub(super) fn content(raw: &str, path: &str, losses: &mut Losses) -> Result<Vec<Part>, Fault> {
    if raw.starts_with('"') {
        let text = json::string(raw.as_bytes()).ok_or_else(|| wrong(path, "a string or a list of blocks"))?;
        return Ok(if text.is_empty() { Vec::new() } else { vec![Part::text(text)] });
    }
    let mut parts = Vec::new();
    for item in items(raw, path)? {
        block(&item, &mut parts, losses)?;
    }
    Ok(parts)
}

/// Reads one block, which may become several parts, or belong to the part before it.
fn block(item: &Item<'_>, parts: &mut Vec<Part>, losses: &mut Losses) -> Result<(), Fault> {
    let fields = item.fields()?;
    let kind = fields.needed_text("type")?;
    let cache = cache(&fields, "cache_control")?;
    let content = match &*kind {
        "text" => {
            Content::Text { text: fields.needed_text("text")?.into_owned(), citations: citations(&fields, losses)? }
        }
        "image" => Content::Media(media(&fields, MediaKind::Image, losses)?),
        "document" => match document(&fields, losses)? {
            Ok(media) => Content::Media(media),
            Err(inner) => {
                parts.extend(inner);
                fields.rest(losses);
                return Ok(());
            }
        },
        "thinking" => {
            let thought = Reasoning { text: fields.needed_text("thinking")?.into_owned(), ..Reasoning::default() };
            let seal = fields.text("signature")?.filter(|text| !text.is_empty() && text != UNSEALED);
            let seal = seal.map(|text| Seal::unpacked(&text, Protocol::Messages));
            parts.push(Part::new(Content::Reasoning(thought)).sealed(seal).cached(cache));
            fields.rest(losses);
            return Ok(());
        }
        "redacted_thinking" => {
            let seal = Seal::unpacked(&fields.needed_text("data")?, Protocol::Messages);
            fields.rest(losses);
            redacted(seal, parts);
            return Ok(());
        }
        "tool_use" => Content::ToolCall(call(&fields, losses)?),
        "tool_result" => Content::ToolResult(result(&fields, losses)?),
        "search_result" => {
            losses.approximated(generic(&fields.at("source")));
            Content::Text { text: search_result(&fields, losses)?, citations: Vec::new() }
        }
        "tool_reference" => {
            losses.approximated(generic(&fields.at("tool_name")));
            Content::Text { text: fields.needed_text("tool_name")?.into_owned(), citations: Vec::new() }
        }
        _ => {
            fields.others();
            let raw = Json(item.raw.to_owned());
            Content::Opaque(Opaque { owner: Protocol::Messages, kind: kind.into_owned(), raw })
        }
    };
    fields.rest(losses);
    // An opaque block holds its own cache mark.
    let cache = if matches!(content, Content::Opaque(_)) { None } else { cache };
    parts.push(Part::new(content).cached(cache));
    Ok(())
}

/// A seal without words: the vendor's hidden thoughts, or another vendor's seal of the part before it.
fn redacted(seal: Seal, parts: &mut Vec<Part>) {
    if seal.owner != Protocol::Messages
        && let Some(last) = parts.last_mut()
        && last.seal.is_none()
        && !matches!(last.content, Content::Reasoning(_))
    {
        last.seal = Some(seal);
        return;
    }
    let hidden = Reasoning { redacted: true, ..Reasoning::default() };
    parts.push(Part::new(Content::Reasoning(hidden)).sealed(Some(seal)));
}

/// A cache mark.
pub(super) fn cache(fields: &Fields<'_>, name: &str) -> Result<Option<CacheTtl>, Fault> {
    let Some(mark) = fields.object(name)? else { return Ok(None) };
    match (mark.text("type")?.as_deref(), mark.text("ttl")?.as_deref()) {
        (Some("ephemeral"), None | Some("5m")) => Ok(Some(CacheTtl::Short)),
        (Some("ephemeral"), Some("1h")) => Ok(Some(CacheTtl::Long)),
        (Some("ephemeral"), Some(_)) => Err(wrong(&mark.at("ttl"), "'5m' or '1h'")),
        _ => Err(wrong(&mark.at("type"), "'ephemeral'")),
    }
}

fn citations(fields: &Fields<'_>, losses: &mut Losses) -> Result<Vec<Citation>, Fault> {
    let list = fields.list("citations")?.unwrap_or_default();
    if !list.is_empty() {
        // Where in the source the words stand is told by no two protocols alike.
        losses.approximated(generic(&fields.at("citations")));
    }
    list.iter().map(|item| citation(&item.fields()?)).collect()
}

/// Reads one source of words.
pub(super) fn citation(fields: &Fields<'_>) -> Result<Citation, Fault> {
    let text = |name| Ok::<_, Fault>(fields.text(name)?.map(Cow::into_owned));
    Ok(Citation {
        url: text("url")?,
        title: text("title")?.or(text("document_title")?).or(text("source")?),
        quote: text("cited_text")?,
    })
}

fn media(fields: &Fields<'_>, kind: MediaKind, losses: &mut Losses) -> Result<Media, Fault> {
    let source = fields.object("source")?.ok_or_else(|| missing(&fields.at("source")))?;
    let (place, media_type) = match &*source.needed_text("type")? {
        "base64" => {
            let media_type = source.text("media_type")?.map(Cow::into_owned);
            (Source::Base64(source.needed_text("data")?.into_owned()), media_type)
        }
        "url" => (Source::Url(source.needed_text("url")?.into_owned()), None),
        "file" => {
            let id = source.needed_text("file_id")?.into_owned();
            (Source::File { owner: Protocol::Messages, id }, None)
        }
        "text" if kind == MediaKind::Document => {
            (Source::Text(source.needed_text("data")?.into_owned()), source.text("media_type")?.map(Cow::into_owned))
        }
        _ => return Err(wrong(&source.at("type"), "a source that this gateway knows")),
    };
    source.rest(losses);
    Ok(Media { kind, source: place, media_type, name: None, detail: None })
}

/// A document, or the parts that it is made of.
fn document(fields: &Fields<'_>, losses: &mut Losses) -> Result<Result<Media, Vec<Part>>, Fault> {
    if let Some(ask) = fields.object("citations")? {
        // Words without sources are what is given anyway.
        if ask.flag("enabled")? == Some(true) {
            losses.dropped(generic(&fields.at("citations")));
        }
        ask.rest(losses);
    }
    let source = fields.peek("source").map(|raw| Fields::read(raw, fields.at("source"))).transpose()?;
    let of_parts = source.filter(|source| source.peek("type") == Some("\"content\""));
    let Some(source) = of_parts else {
        let mut media = media(fields, MediaKind::Document, losses)?;
        media.name = fields.text("title")?.map(Cow::into_owned);
        return Ok(Ok(media));
    };
    fields.raw("source");
    source.raw("type");
    let raw = source.raw("content").ok_or_else(|| missing(&source.at("content")))?;
    let parts = content(raw, &source.at("content"), losses)?;
    losses.approximated(generic(&fields.at("source")));
    source.rest(losses);
    Ok(Err(parts))
}

/// What was found, as words.
fn search_result(fields: &Fields<'_>, losses: &mut Losses) -> Result<String, Fault> {
    let mut text = String::new();
    for name in ["title", "source"] {
        if let Some(words) = fields.text(name)? {
            text.push_str(&words);
            text.push('\n');
        }
    }
    if let Some(ask) = fields.object("citations")?
        && ask.flag("enabled")? == Some(true)
    {
        losses.dropped(generic(&fields.at("citations")));
    }
    for item in fields.list("content")?.unwrap_or_default() {
        let piece = item.fields()?;
        piece.raw("type");
        text.push_str(&piece.needed_text("text")?);
        text.push('\n');
        piece.rest(losses);
    }
    text.pop();
    Ok(text)
}

fn call(fields: &Fields<'_>, losses: &mut Losses) -> Result<ToolCall, Fault> {
    if let Some(caller) = fields.object("caller")?
        && caller.text("type")?.as_deref() != Some("direct")
    {
        losses.dropped(generic(&fields.at("caller")));
    }
    let arguments = fields.raw("input").unwrap_or("{}");
    if !arguments.starts_with('{') {
        return Err(wrong(&fields.at("input"), "an object"));
    }
    Ok(ToolCall {
        id: fields.needed_text("id")?.into_owned(),
        name: fields.needed_text("name")?.into_owned(),
        arguments: arguments.to_owned(),
        custom: false,
    })
}

fn result(fields: &Fields<'_>, losses: &mut Losses) -> Result<ToolResult, Fault> {
    let path = fields.at("content");
    Ok(ToolResult {
        call: fields.needed_text("tool_use_id")?.into_owned(),
        name: None,
        content: fields.raw("content").map(|raw| content(raw, &path, losses)).transpose()?.unwrap_or_default(),
        is_error: fields.flag("is_error")?.unwrap_or(false),
        custom: false,
    })
}
