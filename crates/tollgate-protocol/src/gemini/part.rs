//! One part of a content, read: in a request and in an answer they are alike.

use super::fields;
use super::seal;
use crate::canonical::{
    Content, Json, Losses, Media, MediaKind, Opaque, Part, Reasoning, Source, ToolCall, ToolResult,
};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::fields::{Fields, missing};
use crate::json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Kinds of parts that only this protocol has.
const OWN: [&str; 4] = ["executableCode", "codeExecutionResult", "toolCall", "toolResponse"];

/// Reads a part. `None` for one that says nothing. Calls and results of tools keep the ids they have, which may be none.
pub(super) fn part(raw: &str, path: &str, losses: &mut Losses) -> Result<Option<Part>, Fault> {
    let part = fields::read(raw, path)?;
    let thought = part.flag("thought")?.unwrap_or(false);
    let seal = part.text("thoughtSignature")?.and_then(|text| seal::read(&text));
    let content = if let Some(kind) = OWN.into_iter().find(|kind| part.has(kind)) {
        // All of it, whatever else it holds.
        part.others();
        Content::Opaque(Opaque { owner: Protocol::GenerateContent, kind: kind.to_owned(), raw: Json(raw.to_owned()) })
    } else if let Some(call) = fields::object(&part, "functionCall")? {
        let content = Content::ToolCall(tool_call(&call)?);
        call.rest(losses);
        content
    } else if let Some(result) = fields::object(&part, "functionResponse")? {
        let content = Content::ToolResult(tool_result(&result, losses)?);
        result.rest(losses);
        content
    } else if let Some(media) = media(&part, losses)? {
        Content::Media(media)
    } else {
        let text = part.text("text")?;
        if text.is_none() && seal.is_none() {
            let others = part.others();
            return match others.first() {
                // Nothing at all, and nothing is lost without it.
                None => Ok(None),
                Some((name, _)) => {
                    let name = part.at(name);
                    Err(Fault::unsupported(name.clone(), format!("'{name}' cannot be translated.")))
                }
            };
        }
        let text = text.unwrap_or_default().into_owned();
        if thought {
            Content::Reasoning(Reasoning { text, ..Reasoning::default() })
        } else {
            Content::Text { text, citations: Vec::new() }
        }
    };
    part.rest(losses);
    Ok(Some(Part::new(content).sealed(seal)))
}

/// A call; without arguments it has an empty object.
pub(super) fn tool_call(call: &Fields<'_>) -> Result<ToolCall, Fault> {
    let arguments = match call.peek("args") {
        None => "{}".to_owned(),
        Some(raw) => {
            call.object("args")?;
            raw.to_owned()
        }
    };
    Ok(ToolCall {
        id: call.text("id")?.unwrap_or_default().into_owned(),
        name: call.needed_text("name")?.into_owned(),
        arguments,
        custom: false,
    })
}

fn tool_result(result: &Fields<'_>, losses: &mut Losses) -> Result<ToolResult, Fault> {
    let (text, is_error) = match result.peek("response") {
        None => (String::new(), false),
        Some(raw) => {
            result.object("response")?;
            said(raw)
        }
    };
    let mut content = Vec::new();
    if !text.is_empty() {
        content.push(Part::text(text));
    }
    for (_, shown) in fields::objects(result, "parts")? {
        if let Some(media) = media(&shown, losses)? {
            content.push(Part::new(Content::Media(media)));
        }
        shown.rest(losses);
    }
    Ok(ToolResult {
        call: result.text("id")?.unwrap_or_default().into_owned(),
        name: Some(result.needed_text("name")?.into_owned()),
        content,
        is_error,
        custom: false,
    })
}

/// The text of a result's object, and whether it says that the call failed. By the vendor's convention `output` and
/// `error` alone in it wrap what the function gave; any other object is itself what it gave.
fn said(raw: &str) -> (String, bool) {
    let mut members = Vec::new();
    let read = json::members(raw.as_bytes(), |member| {
        if members.len() < 2 {
            members.push(member);
        }
    });
    if let (Ok(_), [only]) = (read, &*members) {
        let is_error = only.key().as_ref() == b"error";
        if is_error || only.key().as_ref() == b"output" {
            let text = json::string(only.value).map(std::borrow::Cow::into_owned);
            let raw = || String::from_utf8_lossy(only.value).into_owned();
            return (text.unwrap_or_else(raw), is_error);
        }
    }
    (raw.to_owned(), false)
}

/// Whether an object given as the result of a function would be taken for a wrapping.
pub(super) fn wraps(raw: &str) -> bool {
    let (text, _) = said(raw);
    text != raw
}

/// A picture, a sound, a document or a film.
fn media(part: &Fields<'_>, losses: &mut Losses) -> Result<Option<Media>, Fault> {
    let mut media = if let Some(blob) = fields::object(part, "inlineData")? {
        let kind = blob.text("mimeType")?.map(|kind| media_type(&kind)).filter(|kind| !kind.is_empty());
        let data = blob.text("data")?.ok_or_else(|| missing(&blob.at("data")))?;
        let source = match decoded_text(kind.as_deref(), &data) {
            Some(text) => Source::Text(text),
            None => Source::Base64(data.into_owned()),
        };
        let media = Media {
            kind: MediaKind::of_type(kind.as_deref().unwrap_or_default()),
            source,
            media_type: kind,
            name: fields::owned(&blob, "displayName")?,
            detail: None,
        };
        blob.rest(losses);
        media
    } else if let Some(file) = fields::object(part, "fileData")? {
        let uri = file.needed_text("fileUri")?.into_owned();
        let media_type = file.text("mimeType")?.map(|kind| media_type(&kind)).filter(|kind| !kind.is_empty());
        let media = Media {
            kind: media_type.as_deref().map_or_else(|| kind_of_address(&uri), MediaKind::of_type),
            source: source(uri),
            media_type,
            name: fields::owned(&file, "displayName")?,
            detail: None,
        };
        file.rest(losses);
        media
    } else {
        return Ok(None);
    };
    if let Some(resolution) = fields::object(part, "mediaResolution")? {
        if let Some(level) = fields::name(&resolution, "level")? {
            media.detail = detail(&level, "contents[].parts[].mediaResolution", losses);
        }
        resolution.rest(losses);
    }
    Ok(Some(media))
}

/// How closely to look, by the vendor's name of it.
pub(super) fn detail(level: &str, path: &'static str, losses: &mut Losses) -> Option<String> {
    let (detail, exact) = match level.rsplit('_').next().unwrap_or_default() {
        "LOW" => ("low", true),
        "HIGH" if level.ends_with("ULTRA_HIGH") => ("high", false),
        "HIGH" => ("high", true),
        "MEDIUM" => ("auto", false),
        _ => {
            losses.dropped(path);
            return None;
        }
    };
    if !exact {
        losses.approximated(path);
    }
    Some(detail.to_owned())
}

/// A media type without parameters, in the spelling that vendors take.
fn media_type(said: &str) -> String {
    let kind = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "image/jpg" { "image/jpeg".to_owned() } else { kind }
}

/// Plain text that stands in base64.
fn decoded_text(kind: Option<&str>, data: &str) -> Option<String> {
    let bytes = (kind == Some("text/plain")).then(|| STANDARD.decode(data).ok())??;
    String::from_utf8(bytes).ok()
}

/// Where a file is: at the vendor, or anywhere.
fn source(uri: String) -> Source {
    let at_google = uri.starts_with("gs://") || uri.contains("generativelanguage.googleapis.com") || !uri.contains(':');
    if at_google { Source::File { owner: Protocol::GenerateContent, id: uri } } else { Source::Url(uri) }
}

/// What is likely to be at an address that no media type is told of.
fn kind_of_address(uri: &str) -> MediaKind {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let host = uri.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if matches!(host, "youtu.be" | "youtube.com" | "www.youtube.com") {
        return MediaKind::Video;
    }
    match path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "heic" | "heif" | "bmp" => MediaKind::Image,
        "mp3" | "wav" | "ogg" | "flac" | "aac" | "aiff" | "m4a" => MediaKind::Audio,
        "mp4" | "mov" | "mpeg" | "mpg" | "webm" | "avi" | "wmv" | "3gp" => MediaKind::Video,
        _ => MediaKind::Document,
    }
}
