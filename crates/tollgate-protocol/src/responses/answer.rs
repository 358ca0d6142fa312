//! Whole answers, read and written.

use super::whole::{self, Whole};
use super::{ids, read_items, usage, write_answer, write_tools};
use crate::canonical::{Answer, Candidate, Content, Finish, Losses, Part, Request};
use crate::chat::not_an_answer;
use crate::codec::AnswerHead;
use crate::fault::Fault;
use crate::fields::{Fields, items};
use crate::write;
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;

/// What a response repeats of its request, or says of itself and no caller of another protocol could miss.
const ASIDE: [&str; 38] = [
    "object",
    "created_at",
    "completed_at",
    "background",
    "billing",
    "content_filters",
    "conversation",
    "error",
    "frequency_penalty",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "moderation",
    "output_text",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "status_details",
    "store",
    "system_fingerprint",
    "temperature",
    "text",
    "tool_choice",
    "tool_usage",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "usage",
    "user",
];

/// Reads an answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, Fault> {
    // What cannot be read is the vendor's fault, not the caller's.
    read_response(std::str::from_utf8(body).map_err(|_| not_an_answer())?).map_err(|_| not_an_answer())
}

fn read_response(text: &str) -> Result<Answer, Fault> {
    let fields = Fields::read(text, "")?;
    let mut answer = Answer {
        id: fields.text("id").ok().flatten().map(Cow::into_owned),
        model: fields.text("model").ok().flatten().map(Cow::into_owned),
        usage: usage::answer(text.as_bytes()),
        ..Answer::default()
    };
    for name in ASIDE {
        fields.raw(name);
    }
    let list = fields.raw("output").map(|raw| items(raw, "output")).transpose()?.unwrap_or_default();
    let (parts, logprobs) = read_items::output(&list, &mut answer.losses)?;
    let has = |wanted: fn(&Content) -> bool| parts.iter().any(|part| wanted(&part.content));
    let calls = has(|content| matches!(content, Content::ToolCall(_)));
    let finish = read_finish(&fields, calls, has(|content| matches!(content, Content::Refusal(_))));
    let logprobs = Some(logprobs).filter(|tokens| !tokens.is_empty());
    answer.candidates.push(Candidate { parts, finish, logprobs });
    fields.rest(&mut answer.losses);
    Ok(answer)
}

/// Why a response ended. `calls` and `refused`: what is in it.
pub(super) fn read_finish(response: &Fields<'_>, calls: bool, refused: bool) -> Finish {
    let status = response.text("status").ok().flatten();
    let details = response.object("incomplete_details").ok().flatten();
    let reason = details.and_then(|details| details.text("reason").ok().flatten());
    match (status.as_deref(), reason.as_deref()) {
        (_, Some("content_filter")) => Finish::Filtered,
        (Some("incomplete"), _) | (_, Some("max_output_tokens")) => Finish::Length,
        _ if calls => Finish::ToolCalls,
        _ if refused => Finish::Refused(None),
        _ => Finish::Stop,
    }
}

/// The status of an answer that ended so, and why it is incomplete. `refused`: the refusal stands in its words.
pub(super) fn ending(finish: &Finish, refused: bool) -> (&'static str, Option<&'static str>) {
    match finish {
        Finish::Length => ("incomplete", Some("max_output_tokens")),
        Finish::Filtered => ("incomplete", Some("content_filter")),
        Finish::Refused(_) if !refused => ("incomplete", Some("content_filter")),
        Finish::Stop | Finish::StopText(_) | Finish::ToolCalls | Finish::Refused(_) | Finish::Paused => {
            ("completed", None)
        }
    }
}

/// Writes an answer.
pub(super) fn write(answer: &Answer, head: &AnswerHead, request: &Request, losses: &mut Losses) -> Bytes {
    let Answer { id: _, model: _, candidates, usage, losses: before } = answer;
    losses.add(before);
    if candidates.len() > 1 {
        losses.dropped("candidates");
    }
    let none = Candidate::default();
    let Candidate { parts, finish, logprobs } = candidates.first().unwrap_or(&none);
    let refused = parts.iter().any(|part| matches!(part.content, Content::Refusal(_)));
    let why = match finish {
        Finish::Refused(Some(why)) if !refused => Some(Part::new(Content::Refusal(why.clone()))),
        _ => None,
    };
    let (status, incomplete) = ending(finish, refused || why.is_some());
    let id = format!("{}{}", ids::RESPONSE, head.id);
    let echo = write_tools::echo(request, head.previous.as_deref());
    let whole =
        Whole { status, incomplete, echo: &echo, usage: usage.as_ref(), ..Whole::new(&id, &head.model, head.created) };
    let mut out = BytesMut::with_capacity(2048);
    whole::write(&mut write::object(&mut out), &whole, |list| {
        let mut writer = write_answer::Writer { answer: &head.id, request, place: 0, losses };
        writer.parts(list, parts, logprobs.as_deref().unwrap_or_default());
        if let Some(why) = &why {
            writer.parts(list, std::slice::from_ref(why), &[]);
        }
    });
    out.freeze()
}
