//! Whole answers, read and written.

use super::{blocks, not_an_answer, usage};
use crate::canonical::UNSEALED;
use crate::canonical::{
    Answer, Candidate, Citation, Content, Finish, Losses, Part, Reasoning, Request, Seal, ToolCall, callers_name,
    fitting, free_text_arguments, is_word,
};
use crate::codec::{AnswerHead, Protocol};
use crate::fault::Fault;
use crate::fields::Fields;
use crate::json;
use crate::write::{self, List, Object};
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;

/// What an id of an answer begins with.
pub(super) const ID: &str = "msg_";
/// What an id of a call begins with where the gateway makes one.
pub(super) const CALL_ID: &str = "toolu_";
/// Longest id of a call, in bytes. The vendor names no limit; ids come back with every turn.
pub(super) const MAX_ID: usize = 256;

/// Reads an answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| not_an_answer())?;
    answer(text).map_err(|_| not_an_answer())
}

fn answer(text: &str) -> Result<Answer, Fault> {
    let fields = Fields::read(text, "")?;
    let mut answer = Answer {
        id: fields.text("id")?.map(Cow::into_owned),
        model: fields.text("model")?.map(Cow::into_owned),
        usage: fields.raw("usage").and_then(|used| usage::usage(used.as_bytes())),
        ..Answer::default()
    };
    for name in ["type", "role"] {
        fields.raw(name);
    }
    let parts = fields.raw("content").map(|raw| blocks::content(raw, "content", &mut answer.losses));
    let parts = parts.transpose()?.unwrap_or_default();
    let mut end = Ending {
        reason: fields.text("stop_reason")?.map(Cow::into_owned),
        sequence: fields.text("stop_sequence")?.map(Cow::into_owned),
        explanation: None,
    };
    if let Some(details) = fields.object("stop_details")? {
        end.explanation = details.text("explanation")?.map(Cow::into_owned);
    }
    let called = parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
    answer.candidates.push(Candidate { finish: end.finish(called), parts, logprobs: None });
    fields.rest(&mut answer.losses);
    Ok(answer)
}

/// Why an answer ended, in the vendor's words.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub(super) reason: Option<String>,
    pub(super) sequence: Option<String>,
    pub(super) explanation: Option<String>,
}

impl Ending {
    /// The same in ours. `called`: a tool of the caller was.
    pub(super) fn finish(self, called: bool) -> Finish {
        match self.reason.as_deref() {
            Some("max_tokens" | "model_context_window_exceeded") => Finish::Length,
            Some("stop_sequence") => Finish::StopText(self.sequence),
            // The second where the vendor was asked to condense the conversation and then stop.
            Some("pause_turn" | "compaction") => Finish::Paused,
            Some("refusal") => Finish::Refused(self.explanation),
            _ if called => Finish::ToolCalls,
            _ => Finish::Stop,
        }
    }
}

/// The word for it, and the text that stopped the answer. `called`: a tool was.
pub(super) fn reason(finish: &Finish, called: bool) -> (&'static str, Option<&str>) {
    match finish {
        Finish::Stop | Finish::ToolCalls if called => ("tool_use", None),
        Finish::Stop | Finish::ToolCalls => ("end_turn", None),
        Finish::StopText(text) => ("stop_sequence", text.as_deref()),
        Finish::Length => ("max_tokens", None),
        Finish::Filtered | Finish::Refused(_) => ("refusal", None),
        Finish::Paused => ("pause_turn", None),
    }
}

/// Writes why an answer ended, as it stands in a whole answer and in the last event but one.
pub(super) fn write_ending(object: &mut Object<'_>, finish: &Finish, called: bool) {
    let (reason, sequence) = reason(finish, called);
    object.text("stop_reason", reason).text_or_null("stop_sequence", sequence);
    let why = match finish {
        Finish::Refused(why) => why.as_deref(),
        Finish::Filtered => None,
        _ => {
            object.null("stop_details");
            return;
        }
    };
    let mut details = object.object("stop_details");
    details.text("type", "refusal").null("category").text_or_null("explanation", why);
}

/// Writes an answer.
pub(super) fn write(answer: &Answer, head: &AnswerHead, request: &Request, losses: &mut Losses) -> Bytes {
    let Answer { id: _, model: _, candidates, usage, losses: before } = answer;
    losses.add(before);
    if candidates.len() > 1 {
        losses.dropped("candidates");
    }
    let nothing = Candidate::default();
    let Candidate { parts, finish, logprobs } = candidates.first().unwrap_or(&nothing);
    if logprobs.is_some() {
        losses.dropped("logprobs");
    }
    let mut out = BytesMut::with_capacity(1024);
    let mut body = write::object(&mut out);
    body.text("id", &format!("{ID}{}", head.id)).text("type", "message").text("role", "assistant");
    body.text("model", &head.model);
    let mut list = body.list("content");
    let mut calls = 0;
    for part in parts {
        write_part(&mut list, part, head, request, &mut calls, losses);
    }
    drop(list);
    write_ending(&mut body, finish, calls > 0);
    body.null("container");
    usage::write(&mut body.object("usage"), &usage.unwrap_or_default());
    drop(body);
    out.freeze()
}

fn write_part(
    list: &mut List<'_>,
    part: &Part,
    head: &AnswerHead,
    request: &Request,
    calls: &mut usize,
    losses: &mut Losses,
) {
    match &part.content {
        Content::Text { text, citations } => {
            if !text.is_empty() || !citations.is_empty() {
                let mut object = list.object();
                object.text("type", "text").text("text", text);
                write_citations(&mut object, citations, losses);
            }
        }
        Content::Refusal(text) => {
            list.object().text("type", "text").text("text", text);
        }
        Content::Reasoning(thought) => {
            thinking(list, thought, part.seal.as_ref(), shows_thoughts(request));
            return;
        }
        Content::ToolCall(call) => {
            let ToolCall { id, name, arguments, custom } = call;
            let mut object = list.object();
            object.text("type", "tool_use").text("id", &call_id(id, &head.id, *calls));
            object.text("name", callers_name(&request.tools, name));
            if *custom {
                object.raw("input", &free_text_arguments(arguments));
            } else {
                let whole = input(arguments);
                if whole.is_none() {
                    losses.approximated("tool_use.input");
                }
                object.raw("input", whole.unwrap_or("{}"));
            }
            *calls += 1;
        }
        Content::Opaque(opaque) if opaque.owner == Protocol::Messages => {
            list.raw(&opaque.raw.0);
        }
        Content::Opaque(opaque) => losses.dropped(opaque.kind.clone()),
        Content::Media(_) => losses.dropped("media"),
        Content::ToolResult(_) => {}
    }
    if let Some(seal) = foreign(part.seal.as_ref()) {
        hidden(&mut list.object(), &seal.packed(Protocol::Messages));
    }
}

/// Whether the caller wants to read thoughts: not if it has asked for none. That a vendor seals them is told anyway,
/// because it wants the seal back.
pub(super) fn shows_thoughts(request: &Request) -> bool {
    use crate::canonical::ThinkingMode;
    request.reasoning.mode != Some(ThinkingMode::Off) && request.reasoning.show != Some(false)
}

/// A seal of another vendor.
pub(super) fn foreign(seal: Option<&Seal>) -> Option<&Seal> {
    seal.filter(|seal| seal.owner != Protocol::Messages)
}

/// The id of a call, made up where the vendor has none.
pub(super) fn call_id(id: &str, answer: &str, place: usize) -> String {
    if id.is_empty() { format!("{CALL_ID}{answer}{place:02}") } else { fitting(id, MAX_ID, is_word, CALL_ID) }
}

/// Arguments as the object that they must be; `None` for something else.
pub(super) fn input(arguments: &str) -> Option<&str> {
    let text = arguments.trim_ascii();
    // As some models write that there are none.
    if matches!(text, "" | "null") {
        return Some("{}");
    }
    json::object(text.as_bytes(), |_| {}).is_ok().then_some(text)
}

fn thinking(list: &mut List<'_>, thought: &Reasoning, seal: Option<&Seal>, shown: bool) {
    match seal {
        Some(seal) if thought.redacted && seal.owner == Protocol::Messages => hidden(&mut list.object(), &seal.data),
        None if !shown || thought.text.is_empty() => {}
        seal => {
            let text = if shown { &*thought.text } else { "" };
            let signature = seal.map_or_else(|| UNSEALED.to_owned(), |seal| seal.packed(Protocol::Messages));
            list.object().text("type", "thinking").text("thinking", text).text("signature", &signature);
        }
    }
}

/// A block that only the vendor can read.
pub(super) fn hidden(object: &mut Object<'_>, data: &str) {
    object.text("type", "redacted_thinking").text("data", data);
}

fn write_citations(object: &mut Object<'_>, citations: &[Citation], losses: &mut Losses) {
    // The vendor leaves it out where there are none, and some clients take nothing but a list.
    if citations.is_empty() {
        return;
    }
    let mut list = object.list("citations");
    for source in citations {
        match &source.url {
            Some(url) => write_citation(&mut list.object(), url, source),
            None => losses.dropped("citations"),
        }
    }
}

/// Writes a source at an address. Only the vendor has the key to its own index of sources.
pub(super) fn write_citation(object: &mut Object<'_>, url: &str, source: &Citation) {
    object.text("type", "web_search_result_location").text("url", url);
    object.text_or_null("title", source.title.as_deref());
    object.text("cited_text", source.quote.as_deref().unwrap_or_default()).text("encrypted_index", "");
}
