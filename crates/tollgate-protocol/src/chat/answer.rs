//! Whole chat answers, read and written.

use super::usage;
use crate::canonical::{
    Answer, Candidate, Citation, Content, Finish, Losses, Part, Reasoning, Request, ToolCall, callers_name, free_text,
};
use crate::codec::AnswerHead;
use crate::fault::Fault;
use crate::fields::{Fields, items, wrong};
use crate::json;
use crate::openai;
use crate::write::{self, Object};
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;

/// What an id of an answer begins with.
pub(super) const ID: &str = "chatcmpl-";
/// What an answer carries that says nothing a caller of another protocol could miss.
const ASIDE: [&str; 7] = ["object", "created", "system_fingerprint", "service_tier", "usage", "x_groq", "provider"];

/// Reads an answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| wrong("", "valid UTF-8"))?;
    let fields = Fields::read(text, "")?;
    let mut answer = Answer {
        id: fields.text("id").ok().flatten().map(Cow::into_owned),
        model: fields.text("model").ok().flatten().map(Cow::into_owned),
        usage: fields.peek("usage").and_then(|used| usage(used.as_bytes())),
        ..Answer::default()
    };
    for name in ASIDE {
        fields.raw(name);
    }
    for item in fields.list("choices")?.unwrap_or_default() {
        let choice = item.fields()?;
        answer.candidates.push(candidate(&choice, &mut answer.losses)?);
        choice.rest(&mut answer.losses);
    }
    fields.rest(&mut answer.losses);
    Ok(answer)
}

fn candidate(choice: &Fields<'_>, losses: &mut Losses) -> Result<Candidate, Fault> {
    choice.raw("index");
    let mut candidate = Candidate::default();
    if let Some(message) = choice.object("message")? {
        candidate.parts = parts(&message, losses)?;
        message.rest(losses);
    }
    if let Some(logprobs) = choice.object("logprobs")? {
        candidate.logprobs = logprobs.raw("content").and_then(|raw| openai::read_logprobs(raw).ok());
        logprobs.raw("refusal");
        logprobs.rest(losses);
    }
    candidate.finish = finish(choice.text("finish_reason")?.as_deref(), &candidate.parts);
    Ok(candidate)
}

fn parts(message: &Fields<'_>, losses: &mut Losses) -> Result<Vec<Part>, Fault> {
    message.raw("role");
    let mut parts = Vec::new();
    let thought = [message.text("reasoning_content").ok().flatten(), message.text("reasoning").ok().flatten()];
    // Some servers send the same thought under both names.
    if let Some(text) = thought.into_iter().flatten().find(|text| !text.is_empty()) {
        parts.push(Part::new(Content::Reasoning(Reasoning { text: text.into_owned(), ..Reasoning::default() })));
    }
    let mut citations = Vec::new();
    for note in message.list("annotations")?.unwrap_or_default() {
        citations.extend(citation(note.raw));
    }
    match message.raw("content") {
        None => {}
        Some(raw) if raw.starts_with('[') => {
            for item in items(raw, "content")? {
                parts.extend(piece(&item.fields()?)?);
            }
        }
        Some(raw) => {
            let text = json::string(raw.as_bytes()).ok_or_else(|| wrong("content", "a string"))?;
            if !text.is_empty() {
                parts.push(Part::text(text));
            }
        }
    }
    if let Some(Content::Text { citations: kept, .. }) =
        parts.iter_mut().rev().map(|part| &mut part.content).find(|content| matches!(content, Content::Text { .. }))
    {
        kept.append(&mut citations);
    }
    if let Some(text) = message.text("refusal")?.filter(|text| !text.is_empty()) {
        parts.push(Part::new(Content::Refusal(text.into_owned())));
    }
    for item in message.list("tool_calls")?.unwrap_or_default() {
        let call = item.fields()?;
        parts.push(Part::new(Content::ToolCall(tool_call(&call)?)));
    }
    if let Some(function) = message.object("function_call")? {
        parts.push(Part::new(Content::ToolCall(ToolCall {
            id: "call_1".to_owned(),
            name: function.text("name")?.unwrap_or_default().into_owned(),
            arguments: function.text("arguments")?.unwrap_or_default().into_owned(),
            custom: false,
        })));
    }
    if message.has("audio") {
        losses.dropped("choices[].message.audio");
        message.raw("audio");
    }
    Ok(parts)
}

/// A part of content where it is a list, as Mistral writes it.
fn piece(part: &Fields<'_>) -> Result<Option<Part>, Fault> {
    Ok(match part.text("type")?.as_deref() {
        Some("text") => part.text("text")?.filter(|text| !text.is_empty()).map(Part::text),
        Some("thinking") => {
            let mut text = String::new();
            for item in part.list("thinking")?.unwrap_or_default() {
                text.push_str(&item.fields()?.text("text")?.unwrap_or_default());
            }
            Some(Part::new(Content::Reasoning(Reasoning { text, ..Reasoning::default() })))
        }
        _ => None,
    })
}

fn tool_call(call: &Fields<'_>) -> Result<ToolCall, Fault> {
    let custom = call.object("custom")?;
    let (inner, name, is_custom) = match (custom, call.object("function")?) {
        (Some(custom), _) => (custom, "input", true),
        (None, Some(function)) => (function, "arguments", false),
        (None, None) => return Err(crate::fields::missing(&call.at("function"))),
    };
    let arguments = match inner.raw(name) {
        None | Some("null") => String::new(),
        // Some servers write the object itself.
        Some(raw) => json::string(raw.as_bytes()).map_or_else(|| raw.to_owned(), Cow::into_owned),
    };
    Ok(ToolCall {
        id: call.text("id")?.unwrap_or_default().into_owned(),
        name: inner.text("name")?.unwrap_or_default().into_owned(),
        arguments,
        custom: is_custom,
    })
}

/// Reads one annotation that is a source on the web.
pub(super) fn citation(note: &str) -> Option<Citation> {
    let fields = Fields::read(note, "").ok()?;
    let inner = fields.object("url_citation").ok()??;
    Some(Citation {
        url: inner.text("url").ok()?.map(Cow::into_owned),
        title: inner.text("title").ok()?.map(Cow::into_owned),
        quote: None,
    })
}

/// Why an answer ended. Several servers say `stop` where tools are called.
pub(super) fn finish(reason: Option<&str>, parts: &[Part]) -> Finish {
    let has = |wanted: fn(&Content) -> bool| parts.iter().any(|part| wanted(&part.content));
    let calls = has(|content| matches!(content, Content::ToolCall(_)));
    match reason {
        Some("length" | "max_tokens" | "model_length") => Finish::Length,
        Some("content_filter") => Finish::Filtered,
        Some("tool_calls" | "function_call") => Finish::ToolCalls,
        _ if calls => Finish::ToolCalls,
        _ if has(|content| matches!(content, Content::Refusal(_))) => Finish::Refused(None),
        _ => Finish::Stop,
    }
}

/// The word for it.
pub(super) fn reason(finish: &Finish) -> &'static str {
    match finish {
        // A refusal stands in the message itself.
        Finish::Stop | Finish::StopText(_) | Finish::Paused => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Filtered | Finish::Refused(_) => "content_filter",
    }
}

/// Writes an answer.
pub(super) fn write(answer: &Answer, head: &AnswerHead, request: &Request, losses: &mut Losses) -> Bytes {
    let Answer { id: _, model: _, candidates, usage, losses: before } = answer;
    losses.add(before);
    let mut out = BytesMut::with_capacity(1024);
    let mut body = write::object(&mut out);
    body.text("id", &format!("{ID}{}", head.id));
    body.text("object", "chat.completion").whole("created", head.created).text("model", &head.model);
    let mut choices = body.list("choices");
    for (index, candidate) in candidates.iter().enumerate() {
        let Candidate { parts, finish, logprobs } = candidate;
        let mut choice = choices.object();
        choice.whole("index", i64::try_from(index).unwrap_or_default());
        write_message(&mut choice.object("message"), parts, finish, request, losses);
        match logprobs {
            Some(tokens) => {
                let mut object = choice.object("logprobs");
                openai::write_logprobs(&mut object.list("content"), tokens);
                object.null("refusal");
            }
            None => {
                choice.null("logprobs");
            }
        }
        let refused = parts.iter().any(|part| matches!(part.content, Content::Refusal(_)));
        let said = if refused && matches!(finish, Finish::Refused(_)) { "stop" } else { reason(finish) };
        choice.text("finish_reason", said);
    }
    drop(choices);
    if let Some(used) = usage {
        usage::write(&mut body.object("usage"), used);
    }
    drop(body);
    out.freeze()
}

fn write_message(message: &mut Object<'_>, parts: &[Part], finish: &Finish, request: &Request, losses: &mut Losses) {
    let (mut text, mut refusal, mut thought) = (String::new(), String::new(), String::new());
    let (mut calls, mut citations) = (Vec::new(), Vec::new());
    for part in parts {
        match &part.content {
            Content::Text { text: words, citations: sources } => {
                text.push_str(words);
                citations.extend(sources);
            }
            Content::Refusal(words) => refusal.push_str(words),
            Content::Reasoning(reasoning) => thought.push_str(&reasoning.text),
            Content::ToolCall(call) => calls.push(call),
            Content::Media(_) => losses.dropped("media"),
            Content::Opaque(opaque) => losses.dropped(opaque.kind.clone()),
            Content::ToolResult(_) => {}
        }
    }
    if let (Finish::Refused(Some(why)), true) = (finish, refusal.is_empty()) {
        refusal.push_str(why);
    }
    message.text("role", "assistant");
    if text.is_empty() && (!calls.is_empty() || !refusal.is_empty()) {
        message.null("content");
    } else {
        message.text("content", &text);
    }
    message.text_or_null("refusal", Some(&*refusal).filter(|words| !words.is_empty()));
    if !thought.is_empty() {
        message.text("reasoning_content", &thought);
    }
    let mut notes = message.list("annotations");
    for source in citations {
        write_citation(&mut notes.object(), source, text.chars().count());
    }
    drop(notes);
    if !calls.is_empty() {
        let mut list = message.list("tool_calls");
        for call in calls {
            write_call(&mut list.object(), call, request);
        }
    }
}

/// Writes one source. Which words rest on it is told by no two protocols alike: it is said of all of them.
pub(super) fn write_citation(note: &mut Object<'_>, source: &Citation, length: usize) {
    let Citation { url, title, quote: _ } = source;
    note.text("type", "url_citation");
    let mut inner = note.object("url_citation");
    inner.text("url", url.as_deref().unwrap_or_default()).text("title", title.as_deref().unwrap_or_default());
    inner.whole("start_index", 0).whole("end_index", i64::try_from(length).unwrap_or(i64::MAX));
}

fn write_call(object: &mut Object<'_>, call: &ToolCall, request: &Request) {
    object.text("id", &call.id);
    let name = callers_name(&request.tools, &call.name);
    if call.custom || request.takes_free_text(name) {
        let input = if call.custom { Cow::Borrowed(&*call.arguments) } else { free_text(&call.arguments).into() };
        object.text("type", "custom").object("custom").text("name", name).text("input", &input);
    } else {
        let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
        object.text("type", "function").object("function").text("name", name).text("arguments", arguments);
    }
}
