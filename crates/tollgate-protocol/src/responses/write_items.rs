//! Turns into the items of a request.
//!
//! Nothing gets an id: an id must be the vendor's own, and what it names must be kept there. Only thoughts take the
//! one that came with their seal.

use super::read_items::USUAL_DETAIL;
use super::write_tools;
use crate::canonical::{
    Content, Field, Media, MediaKind, Part, Reasoning, Role, Source, SystemRole, ToolCall, ToolResult, Turn, fitting,
    free_text_arguments, is_word, paired,
};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::write::{List, Object};
use crate::writing::Writing;
use std::collections::HashSet;

/// Longest id of a call that the vendor takes, in bytes (issue threads, 2026-11).
const MAX_CALL_ID: usize = 64;

/// Writes `instructions` and `input`. `form` are words that ask for the form of the answer.
pub(super) fn input(
    body: &mut Object<'_>,
    instructions: &[Part],
    form: Option<&str>,
    turns: &[Turn],
    writing: &mut Writing<'_>,
) -> Result<(), Fault> {
    let mut texts = Vec::with_capacity(instructions.len());
    for part in instructions {
        texts.push(words(part, Field::Instructions, writing)?);
    }
    // The vendor pairs calls and results as the strict protocols do ("No tool output found for function call").
    let paired = paired(turns);
    if paired.invented || paired.orphaned {
        writing.approximated(Field::ToolCalls);
    }
    let told: String = match (texts.first(), form) {
        (Some(first), Some(form)) => format!("{first}\n{form}"),
        (Some(first), None) => (*first).to_owned(),
        (None, form) => form.unwrap_or_default().to_owned(),
    };
    // Instructions alone are no input.
    let alone = paired.turns.is_empty();
    if !told.is_empty() && !alone {
        body.text("instructions", &told);
    }
    let mut items = Items { list: body.list("input"), custom: HashSet::new() };
    if alone && !told.is_empty() {
        items.system(&told, writing);
    }
    for text in texts.iter().skip(1) {
        items.system(text, writing);
    }
    for turn in &paired.turns {
        match turn.role {
            Role::System => {
                for part in &turn.parts {
                    let text = words(part, Field::SystemTurn, writing)?;
                    items.system(text, writing);
                }
            }
            Role::User => items.user(&turn.parts, writing)?,
            Role::Assistant => items.assistant(&turn.parts, writing),
        }
    }
    if items.list.is_empty() {
        return Err(Fault::invalid(writing.names.name(Field::SystemTurn), "The conversation is empty."));
    }
    Ok(())
}

/// The words of what the model is told.
fn words<'p>(part: &'p Part, field: Field, writing: &mut Writing<'_>) -> Result<&'p str, Fault> {
    marks(part, writing);
    part.as_text().ok_or_else(|| writing.refuse(field, "instructions that are not text"))
}

/// Only the newest models take marks, and nothing tells which; the vendor's cache works by itself.
fn marks(part: &Part, writing: &mut Writing<'_>) {
    if part.cache.is_some() {
        writing.dropped(Field::CacheMark);
    }
}

struct Items<'o> {
    list: List<'o>,
    /// Calls of tools that take free text, as written.
    custom: HashSet<String>,
}

impl Items<'_> {
    fn system(&mut self, text: &str, writing: &Writing<'_>) {
        let role = match writing.target.accepts.system_role {
            SystemRole::System => "system",
            SystemRole::Developer => "developer",
        };
        self.list.object().text("type", "message").text("role", role).text("content", text);
    }

    fn user(&mut self, parts: &[Part], writing: &mut Writing<'_>) -> Result<(), Fault> {
        let mut rest: Vec<&Part> = Vec::new();
        for part in parts {
            match &part.content {
                Content::ToolResult(result) => {
                    marks(part, writing);
                    self.result(result, writing)?;
                }
                Content::Opaque(opaque) if opaque.owner == Protocol::Responses => {
                    self.list.raw(&opaque.raw.0);
                }
                _ => rest.push(part),
            }
        }
        if rest.is_empty() {
            return Ok(());
        }
        let mut message = self.list.object();
        message.text("type", "message").text("role", "user");
        if let [only] = &*rest
            && let Some(text) = only.as_text()
        {
            marks(only, writing);
            message.text("content", text);
            return Ok(());
        }
        let mut content = message.list("content");
        for part in rest {
            piece(&mut content, part, writing)?;
        }
        Ok(())
    }

    fn result(&mut self, result: &ToolResult, writing: &mut Writing<'_>) -> Result<(), Fault> {
        let ToolResult { call, name: _, content, is_error, custom: _ } = result;
        let call = fitting(call, MAX_CALL_ID, is_word, "call_");
        if *is_error {
            writing.approximated(Field::ToolResultError);
        }
        let kind = if self.custom.contains(&call) { "custom_tool_call_output" } else { "function_call_output" };
        let mut object = self.list.object();
        object.text("type", kind).text("call_id", &call);
        let error = if *is_error { "Error: " } else { "" };
        match &**content {
            [] => {
                object.text("output", error.trim_end());
            }
            [only] if only.as_text().is_some() => {
                marks(only, writing);
                object.text("output", &format!("{error}{}", only.as_text().unwrap_or_default()));
            }
            parts => {
                let mut output = object.list("output");
                if *is_error {
                    output.object().text("type", "input_text").text("text", error.trim_end());
                }
                for part in parts {
                    piece(&mut output, part, writing)?;
                }
            }
        }
        Ok(())
    }

    fn assistant(&mut self, parts: &[Part], writing: &mut Writing<'_>) {
        let mut at = 0;
        while let Some(part) = parts.get(at) {
            let said = parts.get(at..).unwrap_or_default().iter().take_while(|part| is_said(part)).count();
            if said > 0 {
                self.said(parts.get(at..at + said).unwrap_or_default(), writing);
                at += said;
                continue;
            }
            at += 1;
            marks(part, writing);
            match &part.content {
                Content::ToolCall(call) => self.call(call, writing),
                Content::Reasoning(reasoning) => {
                    // Thoughts must be followed by what came of them.
                    let followed = parts.get(at..).unwrap_or_default().iter().any(is_item);
                    self.thought(reasoning, part.seal_of(Protocol::Responses), followed, writing);
                }
                Content::Opaque(opaque) if opaque.owner == Protocol::Responses => {
                    self.list.raw(&opaque.raw.0);
                }
                Content::Opaque(_) => writing.dropped(Field::Opaque),
                Content::Media(media) => writing.dropped(field_of(media.kind)),
                Content::Text { .. } | Content::Refusal(_) | Content::ToolResult(_) => {}
            }
        }
    }

    /// Words that stand together are one message.
    fn said(&mut self, parts: &[Part], writing: &mut Writing<'_>) {
        if parts.iter().any(|part| matches!(&part.content, Content::Text { citations, .. } if !citations.is_empty())) {
            // What an answer rested on is no part of what a vendor is asked.
            writing.dropped(Field::Citations);
        }
        let mut message = self.list.object();
        message.text("type", "message").text("role", "assistant");
        if let [only] = parts
            && let Some(text) = only.as_text()
        {
            marks(only, writing);
            message.text("content", text);
            return;
        }
        let mut content = message.list("content");
        for part in parts {
            marks(part, writing);
            match &part.content {
                Content::Refusal(text) => content.object().text("type", "refusal").text("refusal", text),
                _ => content.object().text("type", "output_text").text("text", part.as_text().unwrap_or_default()),
            };
        }
    }

    fn call(&mut self, call: &ToolCall, writing: &Writing<'_>) {
        let ToolCall { id, name, arguments, custom } = call;
        let id = fitting(id, MAX_CALL_ID, is_word, "call_");
        let name = &write_tools::tool_name(name);
        let mut object = self.list.object();
        if *custom && writing.target.accepts.custom_tools {
            object.text("type", "custom_tool_call").text("call_id", &id).text("name", name).text("input", arguments);
            self.custom.insert(id);
            return;
        }
        object.text("type", "function_call").text("call_id", &id).text("name", name);
        if *custom {
            object.text("arguments", &free_text_arguments(arguments));
        } else {
            object.text("arguments", if arguments.is_empty() { "{}" } else { arguments });
        }
    }

    fn thought(&mut self, reasoning: &Reasoning, state: Option<&str>, followed: bool, writing: &mut Writing<'_>) {
        let Reasoning { text, id, redacted: _ } = reasoning;
        let words = writing.target.accepts.replays_reasoning;
        if !followed || (state.is_none() && !words) {
            if !text.is_empty() {
                // Another model's thoughts as words of its own would mislead a model.
                writing.dropped(Field::ReasoningText);
            }
            return;
        }
        let mut object = self.list.object();
        object.text("type", "reasoning");
        match id {
            Some(id) if state.is_some() || words => {
                object.text("id", id);
            }
            // Servers that take thoughts in words want a name for them.
            None if words => {
                object.text("id", &fitting(text, 0, is_word, "rs_"));
            }
            Some(_) | None => {}
        }
        let mut summary = object.list("summary");
        if !words && !text.is_empty() {
            summary.object().text("type", "summary_text").text("text", text);
        }
        drop(summary);
        if words {
            object.list("content").object().text("type", "reasoning_text").text("text", text);
        }
        object.text_if("encrypted_content", state);
    }
}

fn is_said(part: &Part) -> bool {
    matches!(part.content, Content::Text { .. } | Content::Refusal(_))
}

/// Whether it becomes an item that may follow thoughts.
fn is_item(part: &Part) -> bool {
    match &part.content {
        Content::Text { .. } | Content::Refusal(_) | Content::ToolCall(_) => true,
        Content::Opaque(opaque) => opaque.owner == Protocol::Responses,
        Content::Media(_) | Content::Reasoning(_) | Content::ToolResult(_) => false,
    }
}

fn field_of(kind: MediaKind) -> Field {
    match kind {
        MediaKind::Image => Field::Image,
        MediaKind::Audio => Field::Audio,
        MediaKind::Document => Field::Document,
        MediaKind::Video => Field::Video,
    }
}

/// One part of the content of a user's message or of a result.
fn piece(content: &mut List<'_>, part: &Part, writing: &mut Writing<'_>) -> Result<(), Fault> {
    marks(part, writing);
    match &part.content {
        Content::Text { text, .. } => {
            content.object().text("type", "input_text").text("text", text);
        }
        Content::Media(media) => return show(content, media, writing),
        Content::Refusal(_) | Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => {}
        Content::Opaque(opaque) => {
            return Err(writing.refuse(Field::Opaque, &format!("content of type '{}'", opaque.kind)));
        }
    }
    Ok(())
}

fn show(content: &mut List<'_>, media: &Media, writing: &mut Writing<'_>) -> Result<(), Fault> {
    let Media { kind, source, media_type: _, name, detail } = media;
    let (accepts, field) = (writing.target.accepts, field_of(*kind));
    let (taken, what) = match kind {
        MediaKind::Image => (accepts.image_input, "pictures"),
        MediaKind::Document => (accepts.document_input, "documents"),
        // No words for these here.
        MediaKind::Audio => (false, "sounds"),
        MediaKind::Video => (false, "films"),
    };
    // Words in a document are words.
    let written = matches!((kind, source), (MediaKind::Document, Source::Text(_)));
    if !taken && !written {
        return Err(writing.refuse(field, what));
    }
    let mut object = content.object();
    match (kind, source) {
        (_, Source::Text(text)) => {
            if name.is_some() {
                writing.approximated(Field::DocumentName);
            }
            let titled = name.as_ref().map(|name| format!("{name}\n{text}"));
            object.text("type", "input_text").text("text", titled.as_deref().unwrap_or(text));
        }
        (_, Source::File { owner: Protocol::Messages | Protocol::GenerateContent, .. }) => {
            return Err(writing.refuse(field, "files that another vendor keeps"));
        }
        (MediaKind::Image, source) => {
            object.text("type", "input_image").text("detail", detail.as_deref().unwrap_or(USUAL_DETAIL));
            match source {
                Source::Url(url) => object.text("image_url", url),
                Source::Base64(data) => {
                    object.text("image_url", &format!("data:{};base64,{data}", media.media_type_or_usual()))
                }
                Source::File { id, .. } | Source::Text(id) => object.text("file_id", id),
            };
        }
        (_, source) => {
            object.text("type", "input_file");
            match source {
                Source::Url(url) => object.text("file_url", url),
                Source::Base64(data) => {
                    let kind = media.media_type_or_usual();
                    let usual = if kind == "application/pdf" { "document.pdf" } else { "document" };
                    object.text("filename", name.as_deref().unwrap_or(usual));
                    object.text("file_data", &format!("data:{kind};base64,{data}"))
                }
                Source::File { id, .. } | Source::Text(id) => object.text("file_id", id),
            };
        }
    }
    Ok(())
}
