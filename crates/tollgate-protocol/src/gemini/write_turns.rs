//! Turns into the contents of a request.
//!
//! The vendor wants turns that alternate, begin with the user's, and answer every call directly after it, in one
//! content, all results before anything else.

use super::seal::NEVER_HAD;
use super::{part, write_media};
use crate::canonical::{
    Content, Field, Media, Part, Role, Source, TOOL_PREFIX, ToolCall, ToolResult, Turn, fitting, free_text_arguments,
    paired,
};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::json;
use crate::write::{List, Object};
use crate::writing::Writing;
use std::borrow::Cow;

/// Longest name of a function that all models take, in bytes.
const MAX_NAME: usize = 64;

/// Writes `systemInstruction` and `contents`. `form` are words that ask for the form of the answer.
pub(super) fn contents(
    body: &mut Object<'_>,
    instructions: &[Part],
    form: Option<String>,
    turns: &[Turn],
    writing: &mut Writing<'_>,
) -> Result<(), Fault> {
    let mut instructions = Cow::Borrowed(instructions);
    if let Some(words) = form {
        instructions.to_mut().push(Part::text(words));
    }
    let paired = paired(turns);
    if paired.invented || paired.orphaned {
        writing.approximated(Field::ToolCalls);
    }
    let mut turns = alternating(paired.turns, writing)?;
    if turns.is_empty() {
        if instructions.is_empty() {
            return Err(Fault::invalid(writing.names.name(Field::SystemTurn), "The conversation is empty."));
        }
        // A conversation must have a turn of the user.
        writing.approximated(Field::Instructions);
        turns.push(Turn::new(Role::User, std::mem::take(&mut instructions).into_owned()));
    }
    if !instructions.is_empty() {
        let mut system = body.object("systemInstruction");
        let mut parts = system.list("parts");
        for part in instructions.iter() {
            let Some(words) = part.as_text() else {
                return Err(writing.refuse(Field::Instructions, "instructions that are not text"));
            };
            marks(part, writing);
            parts.object().text("text", words);
        }
    }
    if turns.last().is_some_and(|turn| turn.role == Role::Assistant) && !writing.target.accepts.prefill {
        writing.approximated(Field::Prefill);
        turns.push(Turn::new(Role::User, vec![Part::text("Continue.")]));
    }
    let mut list = body.list("contents");
    if turns.first().is_some_and(|turn| turn.role == Role::Assistant) {
        list.object().text("role", "user").list("parts").object().text("text", ".");
    }
    for turn in &turns {
        let mut content = list.object();
        let model = turn.role == Role::Assistant;
        content.text("role", if model { "model" } else { "user" });
        let mut parts = content.list("parts");
        if model {
            assistant(&mut parts, &turn.parts, writing);
        } else {
            user(&mut parts, &turn.parts, writing)?;
        }
    }
    Ok(())
}

/// Turns of two roles, one after the other; instructions in the midst become words of the user that say what they are.
fn alternating(turns: Vec<Turn>, writing: &mut Writing<'_>) -> Result<Vec<Turn>, Fault> {
    let mut out: Vec<Turn> = Vec::with_capacity(turns.len());
    for mut turn in turns {
        if turn.role == Role::Assistant {
            turn.parts.retain(|part| can_be_said(part, writing));
            if turn.parts.is_empty() {
                continue;
            }
        }
        if turn.role == Role::System {
            writing.approximated(Field::SystemTurn);
            turn =
                Turn::new(Role::User, turn.parts.iter().map(|part| marked(part, writing)).collect::<Result<_, _>>()?);
        }
        match out.last_mut() {
            Some(last) if last.role == turn.role => {
                // Results stand first.
                let is_result = |part: &Part| matches!(part.content, Content::ToolResult(_));
                let (results, rest): (Vec<Part>, Vec<Part>) = turn.parts.into_iter().partition(is_result);
                if !results.is_empty() {
                    let at = last.parts.iter().take_while(|part| is_result(part)).count();
                    last.parts.splice(at..at, results);
                }
                last.parts.extend(rest);
            }
            _ => out.push(turn),
        }
    }
    Ok(out)
}

/// Whether a part of the model's turn has a place here. What other vendors' tools did by themselves has none, nor has a
/// foreign proof alone.
fn can_be_said(part: &Part, writing: &mut Writing<'_>) -> bool {
    match &part.content {
        Content::Opaque(opaque) if opaque.owner != Protocol::GenerateContent => {
            writing.dropped(Field::Opaque);
            false
        }
        Content::Reasoning(reasoning) => {
            !reasoning.text.is_empty() || part.seal_of(Protocol::GenerateContent).is_some()
        }
        Content::Media(media) => {
            let told = write_media::is_taken(media, writing.target.accepts);
            if !told {
                writing.dropped(Field::Image);
            }
            told
        }
        _ => true,
    }
}

fn marked(part: &Part, writing: &mut Writing<'_>) -> Result<Part, Fault> {
    let Some(words) = part.as_text() else {
        return Err(writing.refuse(Field::SystemTurn, "instructions that are not text"));
    };
    marks(part, writing);
    Ok(Part::text(format!("<system>\n{words}\n</system>")))
}

/// Caches of this vendor work by themselves.
fn marks(part: &Part, writing: &mut Writing<'_>) {
    if part.cache.is_some() {
        writing.dropped(Field::CacheMark);
    }
}

fn user(list: &mut List<'_>, parts: &[Part], writing: &mut Writing<'_>) -> Result<(), Fault> {
    // Media that a tool gave come after all results, which must stand together.
    let mut shown: Vec<&Part> = Vec::new();
    for part in parts {
        if let Content::ToolResult(result) = &part.content {
            marks(part, writing);
            shown.extend(tool_result(list, result, writing)?);
        }
    }
    if !shown.is_empty() {
        writing.approximated(Field::ToolResultMedia);
    }
    shown.extend(parts.iter().filter(|part| !matches!(part.content, Content::ToolResult(_))));
    for part in shown {
        marks(part, writing);
        match &part.content {
            Content::Text { text, citations: _ } => {
                list.object().text("text", text).text_if("thoughtSignature", part.seal_of(Protocol::GenerateContent));
            }
            Content::Media(media) => write_media::media(list, media, writing)?,
            Content::Opaque(opaque) if opaque.owner == Protocol::GenerateContent => {
                list.raw(&opaque.raw.0);
            }
            Content::Opaque(opaque) => {
                return Err(writing.refuse(Field::Opaque, &format!("content of type '{}'", opaque.kind)));
            }
            Content::Refusal(_) | Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => {}
        }
    }
    Ok(())
}

/// Writes one result; gives the media in it that older models take beside it only.
fn tool_result<'p>(
    list: &mut List<'_>,
    result: &'p ToolResult,
    writing: &mut Writing<'_>,
) -> Result<Vec<&'p Part>, Fault> {
    let ToolResult { call, name, content, is_error, custom: _ } = result;
    let (mut text, mut words, mut media) = (String::new(), 0, Vec::new());
    for part in content {
        marks(part, writing);
        let Some(more) = words_of(part, writing) else {
            media.push(part);
            continue;
        };
        if words > 0 {
            text.push('\n');
        }
        text.push_str(&more);
        words += 1;
    }
    let mut object = list.object();
    let mut response = object.object("functionResponse");
    response.text_if("id", Some(&**call).filter(|id| !id.is_empty()));
    response.text("name", &function_name(name.as_deref().unwrap_or_default()));
    if *is_error {
        response.object("response").text("error", &text);
    } else if words == 1 && json::object(text.as_bytes(), |_| {}).is_ok() && !part::wraps(&text) {
        response.raw("response", &text);
    } else {
        response.object("response").text("output", &text);
    }
    if !media.is_empty() && writing.target.accepts.media_in_results {
        let mut parts = response.list("parts");
        for part in media.drain(..) {
            match &part.content {
                Content::Media(media) => write_media::media(&mut parts, media, writing)?,
                _ => writing.dropped(Field::ToolResultMedia),
            }
        }
    }
    Ok(media)
}

/// What of a result is words: also a document of words.
fn words_of<'p>(part: &'p Part, writing: &mut Writing<'_>) -> Option<Cow<'p, str>> {
    match &part.content {
        Content::Text { text, .. } => Some(Cow::Borrowed(text)),
        Content::Media(Media { source: Source::Text(text), name, .. }) => {
            Some(write_media::titled(text, name.as_deref(), writing))
        }
        _ => None,
    }
}

fn assistant(list: &mut List<'_>, parts: &[Part], writing: &mut Writing<'_>) {
    let mut called = false;
    for part in parts {
        marks(part, writing);
        let own = part.seal_of(Protocol::GenerateContent);
        match &part.content {
            Content::Text { text, citations } => {
                if !citations.is_empty() {
                    writing.dropped(Field::Citations);
                }
                list.object().text("text", text).text_if("thoughtSignature", own);
            }
            Content::Refusal(words) => {
                writing.approximated(Field::Refusal);
                list.object().text("text", words);
            }
            // Thoughts of another vendor's model are thoughts all the same; its proof of them is nothing here.
            Content::Reasoning(reasoning) => {
                let mut object = list.object();
                object.text("text", &reasoning.text).flag("thought", true).text_if("thoughtSignature", own);
            }
            Content::ToolCall(call) => {
                let seal = own.or_else(|| (!called).then_some(NEVER_HAD));
                called = true;
                tool_call(list, call, seal, writing);
            }
            Content::Media(media) => _ = write_media::media(list, media, writing),
            Content::Opaque(opaque) => {
                list.raw(&opaque.raw.0);
            }
            Content::ToolResult(_) => {}
        }
    }
}

fn tool_call(list: &mut List<'_>, call: &ToolCall, seal: Option<&str>, writing: &mut Writing<'_>) {
    let ToolCall { id, name, arguments, custom } = call;
    let mut object = list.object();
    let mut function = object.object("functionCall");
    function.text_if("id", Some(&**id).filter(|id| !id.is_empty())).text("name", &function_name(name));
    if *custom {
        function.raw("args", &free_text_arguments(arguments));
    } else if json::object(arguments.as_bytes(), |_| {}).is_ok() {
        function.raw("args", arguments);
    } else {
        if !arguments.trim_ascii().is_empty() {
            writing.approximated(Field::ToolCalls);
        }
        function.raw("args", "{}");
    }
    drop(function);
    object.text_if("thoughtSignature", seal);
}

/// The name of a function as the vendor takes it.
pub(super) fn function_name(name: &str) -> String {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    fitting(name, if begins { MAX_NAME } else { 0 }, allowed, TOOL_PREFIX)
}
