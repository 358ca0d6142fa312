//! Turns into the messages of a chat request.

use super::write_request::tool_name;
use crate::canonical::{
    Content, Field, Media, MediaKind, Part, Role, Source, SystemRole, ToolCall, ToolResult, Turn, fitting,
    free_text_arguments, is_word, paired,
};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::write::{List, Object};
use crate::writing::Writing;

/// Longest id of a call that every route of the vendor takes, in bytes (issue threads, 2026-11).
const MAX_ID: usize = 40;

/// Writes `messages`. `form` are words that ask for the form of the answer.
pub(super) fn messages(
    body: &mut Object<'_>,
    instructions: &[Part],
    form: Option<&str>,
    turns: &[Turn],
    writing: &mut Writing<'_>,
) -> Result<(), Fault> {
    let mut list = body.list("messages");
    if !instructions.is_empty() || form.is_some() {
        system(&mut list, instructions, form, writing)?;
    }
    let paired = paired(turns);
    if paired.invented || paired.orphaned {
        writing.approximated(Field::ToolCalls);
    }
    for turn in &paired.turns {
        match turn.role {
            Role::System => system(&mut list, &turn.parts, None, writing)?,
            Role::User => user(&mut list, &turn.parts, writing)?,
            Role::Assistant => assistant(&mut list, &turn.parts, writing),
        }
    }
    if list.is_empty() {
        return Err(Fault::invalid("messages", "The conversation is empty."));
    }
    Ok(())
}

fn system(list: &mut List<'_>, parts: &[Part], form: Option<&str>, writing: &mut Writing<'_>) -> Result<(), Fault> {
    let mut text = String::new();
    for part in parts {
        let Some(words) = part.as_text() else {
            return Err(writing.refuse(Field::Instructions, "instructions that are not text"));
        };
        marks(part, writing);
        join(&mut text, words);
    }
    if let Some(words) = form {
        join(&mut text, words);
    }
    let role = match writing.target.accepts.system_role {
        SystemRole::System => "system",
        SystemRole::Developer => "developer",
    };
    list.object().text("role", role).text("content", &text);
    Ok(())
}

fn join(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}

/// Cache marks have no place that all compatible servers know; their caches work by themselves.
fn marks(part: &Part, writing: &mut Writing<'_>) {
    if part.cache.is_some() {
        writing.dropped(Field::CacheMark);
    }
}

fn user(list: &mut List<'_>, parts: &[Part], writing: &mut Writing<'_>) -> Result<(), Fault> {
    // Media that a tool gave come after all results, which must stand together.
    let mut shown: Vec<&Part> = Vec::new();
    let mut rest: Vec<&Part> = Vec::new();
    for part in parts {
        match &part.content {
            Content::ToolResult(result) => {
                marks(part, writing);
                shown.extend(tool_result(list, result, writing));
            }
            _ => rest.push(part),
        }
    }
    if !shown.is_empty() {
        writing.approximated(Field::ToolResultMedia);
    }
    shown.extend(rest);
    if shown.is_empty() {
        return Ok(());
    }
    let mut message = list.object();
    message.text("role", "user");
    if let [only] = &*shown
        && let Some(text) = only.as_text()
    {
        marks(only, writing);
        message.text("content", text);
        return Ok(());
    }
    let mut content = message.list("content");
    for part in shown {
        piece(&mut content, part, writing)?;
    }
    Ok(())
}

/// Writes one result; gives the media in it, which a tool's message cannot hold.
fn tool_result<'p>(list: &mut List<'_>, result: &'p ToolResult, writing: &mut Writing<'_>) -> Vec<&'p Part> {
    let ToolResult { call, name: _, content, is_error, custom: _ } = result;
    let (mut text, mut media) = (String::new(), Vec::new());
    if *is_error {
        text.push_str("Error: ");
        writing.approximated(Field::ToolResultError);
    }
    let start = text.len();
    for part in content {
        marks(part, writing);
        match part.as_text() {
            Some(words) if text.len() > start => join(&mut text, words),
            Some(words) => text.push_str(words),
            None => media.push(part),
        }
    }
    if !media.is_empty() && text.len() == start {
        text.push_str("The result is shown in the next message.");
    }
    list.object()
        .text("role", "tool")
        .text("tool_call_id", &fitting(call, MAX_ID, is_word, "call_"))
        .text("content", &text);
    media
}

fn assistant(list: &mut List<'_>, parts: &[Part], writing: &mut Writing<'_>) {
    let (mut text, mut refusal, mut thought) = (String::new(), String::new(), String::new());
    let mut calls: Vec<&ToolCall> = Vec::new();
    for part in parts {
        match &part.content {
            Content::Text { text: words, citations } => {
                text.push_str(words);
                if !citations.is_empty() {
                    writing.dropped(Field::Citations);
                }
            }
            Content::Refusal(words) => refusal.push_str(words),
            // Its seal, if any, is another protocol's; only words can be said here.
            Content::Reasoning(reasoning) => join(&mut thought, &reasoning.text),
            Content::ToolCall(call) => calls.push(call),
            Content::Media(_) => writing.dropped(Field::Image),
            Content::Opaque(opaque) if opaque.owner == Protocol::Chat => {}
            Content::Opaque(_) => writing.dropped(Field::Opaque),
            Content::ToolResult(_) => {}
        }
        marks(part, writing);
    }
    let mut message = list.object();
    message.text("role", "assistant");
    if text.is_empty() && (!calls.is_empty() || !refusal.is_empty()) {
        message.null("content");
    } else {
        message.text("content", &text);
    }
    if !refusal.is_empty() {
        if writing.target.accepts.vendor_fields {
            message.text("refusal", &refusal);
        } else {
            writing.dropped(Field::Refusal);
        }
    }
    if writing.target.accepts.replays_reasoning {
        if !thought.is_empty() || !calls.is_empty() {
            message.text("reasoning_content", &thought);
        }
    } else if !thought.is_empty() {
        // The caller hands back what the gateway once told it. Other models' thoughts as words of their own would
        // mislead a model; the vendor's protocol has no other place for them.
        writing.dropped(Field::ReasoningText);
    }
    if calls.is_empty() {
        return;
    }
    let mut written = message.list("tool_calls");
    for call in calls {
        let mut object = written.object();
        object.text("id", &fitting(&call.id, MAX_ID, is_word, "call_"));
        if call.custom && writing.target.accepts.custom_tools {
            object
                .text("type", "custom")
                .object("custom")
                .text("name", &tool_name(&call.name))
                .text("input", &call.arguments);
        } else {
            let wrapped;
            let arguments = if call.custom {
                wrapped = free_text_arguments(&call.arguments);
                &wrapped
            } else if call.arguments.is_empty() {
                "{}"
            } else {
                &call.arguments
            };
            object
                .text("type", "function")
                .object("function")
                .text("name", &tool_name(&call.name))
                .text("arguments", arguments);
        }
    }
}

/// One part of the content of a user's message.
fn piece(content: &mut List<'_>, part: &Part, writing: &mut Writing<'_>) -> Result<(), Fault> {
    marks(part, writing);
    match &part.content {
        Content::Text { text, .. } => {
            content.object().text("type", "text").text("text", text);
        }
        Content::Media(media) => return show(content, media, writing),
        Content::Refusal(_) | Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => {}
        Content::Opaque(opaque) if opaque.owner == Protocol::Chat => {
            content.raw(&opaque.raw.0);
        }
        Content::Opaque(opaque) => {
            return Err(writing.refuse(Field::Opaque, &format!("content of type '{}'", opaque.kind)));
        }
    }
    Ok(())
}

fn show(content: &mut List<'_>, media: &Media, writing: &mut Writing<'_>) -> Result<(), Fault> {
    let Media { kind, source, media_type: _, name, detail } = media;
    let accepts = writing.target.accepts;
    let (taken, field, what) = match kind {
        MediaKind::Image => (accepts.image_input, Field::Image, "pictures"),
        MediaKind::Audio => (accepts.audio_input, Field::Audio, "sounds"),
        MediaKind::Document => (accepts.document_input, Field::Document, "documents"),
        MediaKind::Video => (false, Field::Video, "films"),
    };
    // Words in a document are words.
    let words = matches!((kind, source), (MediaKind::Document, Source::Text(_)));
    if !taken && !words {
        return Err(writing.refuse(field, what));
    }
    match (kind, source) {
        (_, Source::Text(text)) => {
            if name.is_some() {
                writing.approximated(Field::DocumentName);
            }
            let titled = name.as_ref().map(|name| format!("{name}\n{text}"));
            content.object().text("type", "text").text("text", titled.as_deref().unwrap_or(text));
        }
        (_, Source::File { owner: Protocol::Chat | Protocol::Responses, id }) if accepts.vendor_fields => {
            content.object().text("type", "file").object("file").text("file_id", id);
        }
        (_, Source::File { .. }) => return Err(writing.refuse(field, "files that another vendor keeps")),
        (MediaKind::Image, Source::Url(url)) => image(content, url, detail.as_deref()),
        (MediaKind::Image, Source::Base64(data)) => {
            image(content, &format!("data:{};base64,{data}", media.media_type_or_usual()), detail.as_deref());
        }
        (MediaKind::Audio, Source::Base64(data)) => {
            let format = match media.media_type_or_usual() {
                "audio/mp3" | "audio/mpeg" => "mp3",
                "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
                other => return Err(writing.refuse(field, &format!("sounds of type '{other}'"))),
            };
            content
                .object()
                .text("type", "input_audio")
                .object("input_audio")
                .text("data", data)
                .text("format", format);
        }
        (MediaKind::Document, Source::Base64(data)) => {
            let kind = media.media_type_or_usual();
            let mut object = content.object();
            object.text("type", "file");
            let mut file = object.object("file");
            file.text("filename", name.as_deref().unwrap_or("document"));
            file.text("file_data", &format!("data:{kind};base64,{data}"));
        }
        (MediaKind::Audio | MediaKind::Document, Source::Url(_)) => {
            return Err(writing.refuse(field, &format!("{what} by their address")));
        }
        (MediaKind::Video, _) => return Err(writing.refuse(field, what)),
    }
    Ok(())
}

fn image(content: &mut List<'_>, url: &str, detail: Option<&str>) {
    let mut object = content.object();
    object.text("type", "image_url");
    object.object("image_url").text("url", url).text_if("detail", detail);
}
