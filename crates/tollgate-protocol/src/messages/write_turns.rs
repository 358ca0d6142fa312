//! Instructions and turns into `system` and `messages`.
//!
//! The vendor wants the user first, results directly after their calls and before anything else, and no empty words.

use super::answer::{CALL_ID, MAX_ID, hidden, input};
use super::write_request::Writing;
use super::write_tools::tool_name;
use crate::canonical::{
    Content, Field, Media, MediaKind, Part, Role, Source, ToolCall, ToolResult, Turn, fitting, free_text_arguments,
    is_word, paired,
};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::write::{self, List, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;

/// What the user says where a conversation does not begin with the user.
const OPENING: &str = "(The conversation begins.)";
/// What the user says where the last turn is the assistant's and the model does not continue its own words.
const GO_ON: &str = "Continue.";

/// A conversation in the order that the vendor wants.
#[derive(Debug, Default)]
pub(super) struct Talk {
    system: Vec<Part>,
    turns: Vec<Turn>,
}

/// Brings a conversation into order.
pub(super) fn arrange(instructions: &[Part], turns: &[Turn], writing: &mut Writing<'_>) -> Talk {
    let mut talk = Talk { system: instructions.to_vec(), turns: Vec::new() };
    let leading = turns.iter().take_while(|turn| turn.role == Role::System).count();
    let (leading, rest) = turns.split_at_checked(leading).unwrap_or((&[], turns));
    talk.system.extend(leading.iter().flat_map(|turn| turn.parts.iter().cloned()));
    let paired = paired(rest);
    if paired.invented || paired.orphaned {
        writing.approximated(Field::ToolCalls);
    }
    let as_turns = writing.target.accepts.system_turns;
    let mut held: Vec<Part> = Vec::new();
    for mut turn in paired.turns {
        // The vendor refuses words that are nothing but blanks; models of others write them beside calls of tools.
        turn.parts.retain(|part| !is_blank(part));
        if turn.parts.is_empty() {
            continue;
        }
        match turn.role {
            Role::System => held.extend(turn.parts),
            Role::Assistant => {
                talk.tell(&mut held, as_turns, writing);
                talk.turns.push(turn);
            }
            Role::User => {
                // What comes between a call and its result would part them.
                let is_result = |part: &Part| matches!(part.content, Content::ToolResult(_));
                let (mut results, words): (Vec<Part>, Vec<Part>) = turn.parts.into_iter().partition(is_result);
                let shown = if writing.target.accepts.media_in_results { Vec::new() } else { media_of(&mut results) };
                if !shown.is_empty() {
                    writing.approximated(Field::ToolResultMedia);
                }
                talk.push(Role::User, results);
                talk.push(Role::User, shown);
                talk.tell(&mut held, as_turns, writing);
                talk.push(Role::User, words);
            }
        }
    }
    talk.tell(&mut held, as_turns, writing);
    if talk.turns.iter().find(|turn| turn.role != Role::System).is_none_or(|turn| turn.role == Role::Assistant) {
        talk.turns.insert(0, Turn::new(Role::User, vec![Part::text(OPENING)]));
    }
    talk.prefill(writing);
    talk
}

/// Takes the media out of what tools gave.
fn media_of(results: &mut [Part]) -> Vec<Part> {
    let mut media = Vec::new();
    for part in results {
        let Content::ToolResult(result) = &mut part.content else { continue };
        let (shown, mut said): (Vec<Part>, Vec<Part>) =
            result.content.drain(..).partition(|part| matches!(part.content, Content::Media(_)));
        if said.is_empty() && !shown.is_empty() {
            said.push(Part::text("The result is shown after all results."));
        }
        result.content = said;
        media.extend(shown);
    }
    media
}

impl Talk {
    fn push(&mut self, role: Role, parts: Vec<Part>) {
        match self.turns.last_mut() {
            _ if parts.is_empty() => {}
            Some(last) if last.role == role => last.parts.extend(parts),
            _ => self.turns.push(Turn::new(role, parts)),
        }
    }

    /// Says instructions that come in the midst of a conversation.
    fn tell(&mut self, held: &mut Vec<Part>, as_turn: bool, writing: &mut Writing<'_>) {
        if held.is_empty() {
            return;
        }
        if as_turn {
            self.push(Role::System, std::mem::take(held));
            return;
        }
        writing.approximated(Field::SystemTurn);
        for part in held.drain(..) {
            let words =
                part.as_text().map(|text| Part::text(format!("<system>\n{text}\n</system>")).cached(part.cache));
            self.push(Role::User, vec![words.unwrap_or(part)]);
        }
    }

    /// A last turn of the assistant is to be continued, without blanks at its end, or comes to an end.
    fn prefill(&mut self, writing: &mut Writing<'_>) {
        let Some(last) = self.turns.last_mut().filter(|turn| turn.role == Role::Assistant) else { return };
        if !writing.target.accepts.prefill {
            writing.approximated(Field::Prefill);
            self.turns.push(Turn::new(Role::User, vec![Part::text(GO_ON)]));
            return;
        }
        if let Some(Content::Text { text, .. }) = last.parts.last_mut().map(|part| &mut part.content) {
            let length = text.trim_end().len();
            if length < text.len() {
                text.truncate(length);
                writing.approximated(Field::Prefill);
            }
        }
        last.parts.retain(|part| !is_blank(part));
        if last.parts.is_empty() {
            self.turns.pop();
        }
    }

    /// Whether the last turn is the assistant's.
    pub(super) fn is_prefilled(&self) -> bool {
        self.turns.last().is_some_and(|turn| turn.role == Role::Assistant)
    }

    /// Whether tools were called in the turn that goes on and the vendor's proof of the thoughts before it is missing.
    pub(super) fn is_unproven(&self) -> bool {
        let mut back = self.turns.iter().rev().filter(|turn| turn.role != Role::System);
        let answered = back.next().is_some_and(|turn| {
            turn.role == Role::User && turn.parts.iter().any(|part| matches!(part.content, Content::ToolResult(_)))
        });
        let proven = |turn: &Turn| {
            turn.parts.first().is_some_and(|part| {
                matches!(part.content, Content::Reasoning(_)) && part.seal_of(Protocol::Messages).is_some()
            })
        };
        answered && back.next().is_some_and(|turn| !proven(turn))
    }

    /// How many parts bear a cache mark.
    pub(super) fn marks(&self) -> usize {
        let parts = self.system.iter().chain(self.turns.iter().flat_map(|turn| &turn.parts));
        parts.filter(|part| part.cache.is_some()).count()
    }

    /// Writes `messages` and `system`. `form` are words that ask for the form of the answer.
    pub(super) fn write(
        &self,
        body: &mut Object<'_>,
        form: Option<&str>,
        writing: &mut Writing<'_>,
    ) -> Result<(), Fault> {
        let mut list = body.list("messages");
        for turn in &self.turns {
            let mut content = BytesMut::new();
            let mut blocks = write::list(&mut content);
            for part in &turn.parts {
                match turn.role {
                    Role::System => words(&mut blocks, part, writing)?,
                    Role::User => told(&mut blocks, part, writing)?,
                    Role::Assistant => said(&mut blocks, part, writing),
                }
            }
            let nothing = blocks.is_empty();
            drop(blocks);
            if nothing {
                continue;
            }
            let mut message = list.object();
            message.text("role", role(turn.role));
            message.raw("content", std::str::from_utf8(&content).unwrap_or("[]"));
        }
        drop(list);
        if self.system.iter().all(is_blank) && form.is_none() {
            return Ok(());
        }
        let mut list = body.list("system");
        for part in self.system.iter().filter(|part| !is_blank(part)) {
            words(&mut list, part, writing)?;
        }
        if let Some(form) = form {
            list.object().text("type", "text").text("text", form);
        }
        Ok(())
    }
}

/// Whether it says nothing: words that are only blanks.
fn is_blank(part: &Part) -> bool {
    part.as_text().is_some_and(|text| text.trim().is_empty())
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// Instructions.
fn words(list: &mut List<'_>, part: &Part, writing: &mut Writing<'_>) -> Result<(), Fault> {
    let Some(text) = part.as_text() else {
        return Err(writing.refuse(Field::Instructions, "instructions that are not text"));
    };
    let mut block = list.object();
    block.text("type", "text").text("text", text);
    writing.mark(&mut block, part.cache);
    Ok(())
}

/// What the user says or shows.
fn told(list: &mut List<'_>, part: &Part, writing: &mut Writing<'_>) -> Result<(), Fault> {
    let mut content = BytesMut::new();
    let mut block = write::object(&mut content);
    match &part.content {
        Content::Text { text, citations: _ } => {
            block.text("type", "text").text("text", text);
        }
        Content::Media(media) => show(&mut block, media, writing)?,
        Content::ToolResult(result) => {
            let ToolResult { call, name: _, content, is_error, custom: _ } = result;
            block.text("type", "tool_result").text("tool_use_id", &fitting(call, MAX_ID, is_word, CALL_ID));
            let mut inner = block.list("content");
            for part in content.iter().filter(|part| !is_blank(part)) {
                told(&mut inner, part, writing)?;
            }
            drop(inner);
            if *is_error {
                block.flag("is_error", true);
            }
        }
        Content::Opaque(opaque) if opaque.owner == Protocol::Messages => {
            list.raw(&opaque.raw.0);
            return Ok(());
        }
        Content::Opaque(opaque) => {
            return Err(writing.refuse(Field::Opaque, &format!("content of type '{}'", opaque.kind)));
        }
        // Nothing that a user says.
        Content::Refusal(_) | Content::Reasoning(_) | Content::ToolCall(_) => return Ok(()),
    }
    writing.mark(&mut block, part.cache);
    drop(block);
    list.raw(std::str::from_utf8(&content).unwrap_or("{}"));
    Ok(())
}

/// What the model has said.
fn said(list: &mut List<'_>, part: &Part, writing: &mut Writing<'_>) {
    match &part.content {
        Content::Text { text, citations } => {
            if !citations.is_empty() {
                // A source comes with a key to the vendor's own index, which is not there any more.
                writing.dropped(Field::Citations);
            }
            let mut block = list.object();
            block.text("type", "text").text("text", text);
            writing.mark(&mut block, part.cache);
        }
        Content::Refusal(text) => {
            writing.approximated(Field::Refusal);
            list.object().text("type", "text").text("text", text);
        }
        Content::Reasoning(thought) => {
            match part.seal_of(Protocol::Messages) {
                Some(data) if thought.redacted => hidden(&mut list.object(), data),
                Some(signature) => {
                    let mut block = list.object();
                    block.text("type", "thinking").text("thinking", &thought.text).text("signature", signature);
                }
                // Without the vendor's proof its own model would not take them.
                None if !thought.text.is_empty() => writing.dropped(Field::ReasoningText),
                None => {}
            }
            if part.cache.is_some() {
                writing.dropped(Field::CacheMark);
            }
        }
        Content::ToolCall(call) => {
            let ToolCall { id, name, arguments, custom } = call;
            let mut block = list.object();
            block.text("type", "tool_use").text("id", &fitting(id, MAX_ID, is_word, CALL_ID));
            block.text("name", &tool_name(name));
            if *custom {
                block.raw("input", &free_text_arguments(arguments));
            } else {
                let whole = input(arguments);
                if whole.is_none() {
                    writing.approximated(Field::ToolCalls);
                }
                block.raw("input", whole.unwrap_or("{}"));
            }
            writing.mark(&mut block, part.cache);
        }
        Content::Opaque(opaque) if opaque.owner == Protocol::Messages => {
            list.raw(&opaque.raw.0);
        }
        Content::Opaque(_) => writing.dropped(Field::Opaque),
        Content::Media(media) => writing.dropped(field(media.kind)),
        Content::ToolResult(_) => {}
    }
}

fn field(kind: MediaKind) -> Field {
    match kind {
        MediaKind::Image => Field::Image,
        MediaKind::Audio => Field::Audio,
        MediaKind::Document => Field::Document,
        MediaKind::Video => Field::Video,
    }
}

fn show(block: &mut Object<'_>, media: &Media, writing: &mut Writing<'_>) -> Result<(), Fault> {
    let Media { kind, source, media_type: _, name, detail } = media;
    let accepts = writing.target.accepts;
    let (field, type_name) = (field(*kind), if *kind == MediaKind::Image { "image" } else { "document" });
    match (kind, source) {
        (MediaKind::Image, _) if accepts.image_input => {}
        // Words in a document are words.
        (MediaKind::Document, Source::Text(_)) => {}
        (MediaKind::Document, _) if accepts.document_input => {}
        (MediaKind::Image, _) => return Err(writing.refuse(field, "pictures")),
        (MediaKind::Document, _) => return Err(writing.refuse(field, "documents")),
        (MediaKind::Audio, _) => return Err(writing.refuse(field, "sounds")),
        (MediaKind::Video, _) => return Err(writing.refuse(field, "films")),
    }
    if detail.as_deref().is_some_and(|detail| detail != "auto") {
        writing.dropped(Field::ImageDetail);
    }
    block.text("type", type_name);
    let mut inner = block.object("source");
    match source {
        Source::Url(_) if !accepts.fetches_urls => return Err(writing.refuse(field, "what stands at an address")),
        Source::Url(url) => {
            inner.text("type", "url").text("url", url);
        }
        Source::File { owner: Protocol::Messages, id } => {
            inner.text("type", "file").text("file_id", id);
        }
        Source::File { .. } => return Err(writing.refuse(field, "files that another vendor keeps")),
        Source::Text(text) => {
            inner.text("type", "text").text("media_type", "text/plain").text("data", text);
        }
        Source::Base64(data) => {
            let media_type = media.media_type_or_usual();
            if *kind == MediaKind::Document && is_words(media_type) {
                let text = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let text = text.ok_or_else(|| writing.refuse(field, "text that is not UTF-8 in base64"))?;
                inner.text("type", "text").text("media_type", "text/plain").text("data", &text);
            } else if *kind == MediaKind::Document && media_type != "application/pdf" {
                return Err(writing.refuse(field, &format!("documents of type '{media_type}'")));
            } else {
                inner.text("type", "base64").text("media_type", media_type).text("data", data);
            }
        }
    }
    drop(inner);
    match name {
        Some(title) if *kind == MediaKind::Document && !title.is_empty() => {
            block.text("title", title);
        }
        Some(_) => writing.dropped(Field::DocumentName),
        None => {}
    }
    Ok(())
}

/// Whether a document of that type is words and nothing else.
fn is_words(media_type: &str) -> bool {
    media_type.starts_with("text/") || matches!(media_type, "application/json" | "application/xml")
}
