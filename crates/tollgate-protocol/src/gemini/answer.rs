//! Whole answers, read and written.

use super::decode::{CandidateReader, index_of, is_blocked};
use super::{fields, finish, logprobs, seal, sources, usage};
use crate::canonical::{
    Answer, Candidate, Citation, Content, Finish, Fold, Losses, Media, Part, Request, Seal, Source, TokenLogprob, Tool,
    ToolCall, callers_name,
};
use crate::codec::{AnswerHead, Protocol};
use crate::fault::Fault;
use crate::fields::{generic, wrong};
use crate::json;
use crate::write::{self, List, Object};
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;

/// What an answer and its candidates carry that says nothing a caller of another protocol could miss.
const ASIDE: [&str; 4] = ["createTime", "modelStatus", "usageMetadata", "promptFeedback"];
const ASIDE_OF_CANDIDATE: [&str; 9] = [
    "content",
    "finishReason",
    "finishMessage",
    "index",
    "tokenCount",
    "avgLogprobs",
    "logprobsResult",
    "groundingMetadata",
    "citationMetadata",
];

/// Reads an answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| wrong("", "valid UTF-8"))?;
    let all = fields::read(text, "")?;
    let mut answer = Answer {
        id: fields::owned(&all, "responseId").ok().flatten(),
        model: fields::owned(&all, "modelVersion").ok().flatten(),
        usage: all.peek("usageMetadata").and_then(|used| super::usage(used.as_bytes())),
        ..Answer::default()
    };
    let blocked = all.peek("promptFeedback").is_some_and(|feedback| is_blocked(feedback.as_bytes()));
    for name in ASIDE {
        all.raw(name);
    }
    let mut items = all.list("candidates")?.unwrap_or_default();
    items.sort_by_key(|item| index_of(item.raw.as_bytes()));
    for item in &items {
        let mut reader = CandidateReader::of(answer.id.as_deref().unwrap_or_default());
        let mut fold = Fold::default();
        reader.take(item.raw.as_bytes(), &mut fold)?;
        let finish = reader.close(&mut fold);
        let read = fold.answer().candidates.pop().unwrap_or_default();
        answer.candidates.push(Candidate { finish, ..read });
        let candidate = fields::read(item.raw, "candidates[]")?;
        for name in ASIDE_OF_CANDIDATE {
            candidate.raw(name);
        }
        candidate.rest(&mut answer.losses);
    }
    if answer.candidates.is_empty() {
        if !blocked {
            return Err(crate::chat::not_an_answer());
        }
        answer.candidates.push(Candidate { finish: Finish::Filtered, ..Candidate::default() });
    }
    for (name, _) in all.others() {
        answer.losses.dropped(generic(name));
    }
    Ok(answer)
}

/// Writes an answer.
pub(super) fn write(answer: &Answer, head: &AnswerHead, request: &Request, losses: &mut Losses) -> Bytes {
    let Answer { id: _, model: _, candidates, usage, losses: before } = answer;
    losses.add(before);
    let mut out = BytesMut::with_capacity(1024);
    let mut body = write::object(&mut out);
    let mut list = body.list("candidates");
    for (index, candidate) in candidates.iter().enumerate() {
        let Candidate { parts, finish, logprobs } = candidate;
        let mut object = list.object();
        let mut cited: Vec<(usize, &Citation)> = Vec::new();
        {
            let mut content = object.object("content");
            let mut written =
                Parts { list: content.list("parts"), count: 0, show: shows(request), tools: &request.tools };
            for part in parts {
                let place = written.count;
                written.part(part, losses);
                if let Content::Text { citations, .. } = &part.content {
                    cited.extend(citations.iter().map(|citation| (place, citation)));
                }
            }
            drop(written);
            content.text("role", "model");
        }
        ended(&mut object, finish, losses);
        object.whole("index", i64::try_from(index).unwrap_or_default());
        if !cited.is_empty() {
            sources::write(&mut object.object("groundingMetadata"), &cited);
        }
        if let Some(tokens) = logprobs {
            write_logprobs(&mut object, tokens);
        }
    }
    drop(list);
    if let Some(used) = usage {
        usage::write(&mut body.object("usageMetadata"), used);
    }
    body.text("modelVersion", &head.model).text("responseId", &head.id);
    drop(body);
    out.freeze()
}

/// Whether thoughts are shown: unless the caller said that they are not to be.
pub(super) fn shows(request: &Request) -> bool {
    request.reasoning.show != Some(false)
}

/// Writes why a candidate ended.
pub(super) fn ended(object: &mut Object<'_>, finish: &Finish, losses: &mut Losses) {
    object.text("finishReason", finish::word(finish));
    match finish {
        Finish::Refused(Some(why)) => _ = object.text("finishMessage", why),
        // Which text it was has no place here, nor that the vendor wants to go on.
        Finish::StopText(Some(_)) => losses.dropped("stop_sequence"),
        Finish::Paused => losses.approximated("stop_reason"),
        Finish::Refused(None)
        | Finish::StopText(None)
        | Finish::Stop
        | Finish::Length
        | Finish::ToolCalls
        | Finish::Filtered => {}
    }
}

fn write_logprobs(object: &mut Object<'_>, tokens: &[TokenLogprob]) {
    if tokens.is_empty() {
        return;
    }
    logprobs::write(&mut object.object("logprobsResult"), tokens);
    #[expect(clippy::cast_precision_loss, reason = "a mean of few")]
    let mean = tokens.iter().map(|token| token.logprob).sum::<f64>() / tokens.len() as f64;
    object.number("avgLogprobs", mean);
}

/// The parts of a content being written.
struct Parts<'a> {
    list: List<'a>,
    count: usize,
    show: bool,
    tools: &'a [Tool],
}

impl Parts<'_> {
    fn part(&mut self, part: &Part, losses: &mut Losses) {
        let Part { content, cache: _, seal } = part;
        let seal = seal.as_ref();
        let before = self.count;
        self.count += 1;
        match content {
            Content::Text { text, citations: _ } => words(&mut self.list, text, false, seal),
            Content::Refusal(text) => words(&mut self.list, text, false, seal),
            Content::Reasoning(reasoning) => {
                let text = if self.show { &*reasoning.text } else { "" };
                if text.is_empty() && seal.is_none() {
                    self.count = before;
                } else {
                    words(&mut self.list, text, true, seal);
                }
            }
            Content::ToolCall(call) => self.call(call, seal, losses),
            Content::Media(media) => {
                if !show(&mut self.list, media) {
                    self.count = before;
                    losses.dropped("media");
                }
            }
            Content::Opaque(opaque) if opaque.owner == Protocol::GenerateContent => {
                self.list.raw(&opaque.raw.0);
            }
            Content::Opaque(opaque) => {
                self.count = before;
                losses.dropped(opaque.kind.clone());
            }
            Content::ToolResult(_) => self.count = before,
        }
    }

    fn call(&mut self, call: &ToolCall, seal: Option<&Seal>, losses: &mut Losses) {
        if write_call(
            &mut self.list,
            &call.id,
            callers_name(self.tools, &call.name),
            &call.arguments,
            call.custom,
            seal,
        ) {
            losses.approximated("tool_calls");
        }
    }
}

/// Writes words or thoughts.
pub(super) fn words(list: &mut List<'_>, text: &str, thought: bool, seal: Option<&Seal>) {
    let mut object = list.object();
    object.text("text", text);
    if thought {
        object.flag("thought", true);
    }
    object.text_if("thoughtSignature", seal.map(seal::write).as_deref());
}

/// Writes a call; whether its arguments were none that can be written.
pub(super) fn write_call(
    list: &mut List<'_>,
    id: &str,
    name: &str,
    arguments: &str,
    custom: bool,
    seal: Option<&Seal>,
) -> bool {
    let args: Cow<'_, str> = if custom {
        crate::canonical::free_text_arguments(arguments).into()
    } else if json::object(arguments.as_bytes(), |_| {}).is_ok() {
        arguments.into()
    } else {
        "{}".into()
    };
    let broken = args == "{}" && !matches!(arguments.trim_ascii(), "" | "{}");
    let args = in_one_line(&args);
    let mut object = list.object();
    object
        .object("functionCall")
        .text_if("id", Some(id).filter(|id| !id.is_empty()))
        .text("name", name)
        .raw("args", &args);
    object.text_if("thoughtSignature", seal.map(seal::write).as_deref());
    broken
}

/// JSON text without line ends, which would part an event of a stream. Inside of strings there are none.
pub(super) fn in_one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) { Cow::Owned(json.replace(['\n', '\r'], " ")) } else { Cow::Borrowed(json) }
}

/// Writes a picture or a sound, if it can be.
pub(super) fn show(list: &mut List<'_>, media: &Media) -> bool {
    match &media.source {
        Source::Base64(data) => {
            list.object().object("inlineData").text("mimeType", media.media_type_or_usual()).text("data", data);
        }
        Source::Url(url) => {
            list.object().object("fileData").text("mimeType", media.media_type_or_usual()).text("fileUri", url);
        }
        Source::Text(text) => {
            list.object().text("text", text);
        }
        Source::File { .. } => return false,
    }
    true
}
