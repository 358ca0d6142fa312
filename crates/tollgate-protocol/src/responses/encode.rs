//! A streamed answer for a caller.
//!
//! Each event has its number; each item its place, in the order in which items begin. Items are told in pieces, whole
//! at their end, and all of them again in the last event. Words that stand together are one message, so a message is
//! only known to be over when something else begins.

mod end;

use super::answer::ending;
use super::error::{self, Begun};
use super::whole::{self, Whole};
use super::write_answer::{self, Call};
use super::{ids, write_tools};
use crate::canonical::{
    Block, Citation, Delta, Event, Finish, Losses, Media, Part, Reasoning, Request, Seal, TokenLogprob, Tool, ToolKind,
    callers_name,
};
use crate::codec::{AnswerHead, Encoder, Protocol};
use crate::fault::Fault;
use crate::openai;
use crate::usage::Usage;
use crate::write::{self, Object};
use bytes::BytesMut;
use std::collections::HashMap;

/// Writes events.
pub(super) struct ResponsesEncoder {
    /// The answer's id without its prefix.
    answer: String,
    begun: Begun,
    echo: String,
    /// The caller's tools, for their names.
    tools: Vec<Tool>,
    sequence: u64,
    /// Place of the next item.
    next: usize,
    /// Items that are over, by their place.
    done: Vec<(usize, BytesMut)>,
    blocks: HashMap<u32, Open>,
    message: Option<Message>,
    finish: Finish,
    refused: bool,
    losses: Losses,
}

/// The message that is being told.
struct Message {
    id: String,
    place: usize,
    /// Parts that are over.
    parts: Vec<Part>,
    /// Log-probabilities of its first part with any.
    logprobs: Vec<TokenLogprob>,
}

/// A block that is being told.
enum Open {
    Said(Said),
    Thought {
        id: String,
        place: usize,
        text: String,
        redacted: bool,
        seal: Option<Seal>,
    },
    Call {
        id: String,
        call_id: String,
        place: usize,
        name: String,
        text: String,
        how: How,
        seal: Option<Seal>,
    },
    /// Nothing more of it can be told.
    Unsaid,
}

/// Words that are being told.
#[derive(Default)]
struct Said {
    text: String,
    /// Its characters.
    length: usize,
    refusal: bool,
    citations: Vec<Citation>,
    logprobs: Vec<TokenLogprob>,
    seal: Option<Seal>,
}

/// How a call's argument comes and goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Arguments,
    Input,
    /// As arguments of a function, told as free text when it is whole.
    Wrapped,
}

/// Writes one event.
fn emit(sequence: &mut u64, out: &mut BytesMut, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
    error::event(out, name, |data| {
        data.text("type", name).whole("sequence_number", *sequence);
        fill(data);
    });
    *sequence += 1;
}

/// Writes one event about an item.
fn emit_of(
    sequence: &mut u64,
    out: &mut BytesMut,
    name: &str,
    (id, place): (&str, usize),
    fill: impl FnOnce(&mut Object<'_>),
) {
    emit(sequence, out, name, |data| {
        data.text("item_id", id).whole("output_index", number(place));
        fill(data);
    });
}

fn number(place: usize) -> i128 {
    i128::try_from(place).unwrap_or_default()
}

impl ResponsesEncoder {
    pub(super) fn new(head: &AnswerHead, request: &Request) -> Self {
        Self {
            answer: head.id.clone(),
            begun: Begun {
                id: format!("{}{}", ids::RESPONSE, head.id),
                model: head.model.clone(),
                created: head.created,
            },
            echo: write_tools::echo(request, head.previous.as_deref()),
            tools: request.tools.clone(),
            sequence: 0,
            next: 0,
            done: Vec::new(),
            blocks: HashMap::new(),
            message: None,
            finish: Finish::Stop,
            refused: false,
            losses: Losses::default(),
        }
    }

    /// An event with the whole response as it is now.
    fn whole(&mut self, name: &str, status: &str, incomplete: Option<&str>, usage: Option<&Usage>, out: &mut BytesMut) {
        let Self { begun, echo, done, sequence, .. } = self;
        let whole = Whole { status, incomplete, echo, usage, ..Whole::new(&begun.id, &begun.model, begun.created) };
        done.sort_by_key(|(place, _)| *place);
        emit(sequence, out, name, |data| {
            whole::write(&mut data.object("response"), &whole, |list| {
                for (_, item) in done {
                    list.raw(std::str::from_utf8(item).unwrap_or_default());
                }
            });
        });
    }

    /// The next item's id and place.
    fn item(&mut self, kind: &str) -> (String, usize) {
        let place = self.next;
        self.next += 1;
        (ids::item(kind, &self.answer, place), place)
    }

    fn added(&mut self, place: usize, out: &mut BytesMut, item: impl FnOnce(&mut Object<'_>)) {
        emit(&mut self.sequence, out, "response.output_item.added", |data| {
            data.whole("output_index", number(place));
            item(&mut data.object("item"));
        });
    }

    fn item_done(&mut self, place: usize, out: &mut BytesMut, item: impl FnOnce(&mut Object<'_>)) {
        let mut written = BytesMut::new();
        item(&mut write::object(&mut written));
        emit(&mut self.sequence, out, "response.output_item.done", |data| {
            data.whole("output_index", number(place)).raw("item", std::str::from_utf8(&written).unwrap_or_default());
        });
        self.done.push((place, written));
    }

    /// An item that comes all at once.
    fn at_once(&mut self, place: usize, out: &mut BytesMut, item: impl Fn(&mut Object<'_>)) {
        self.added(place, out, &item);
        self.item_done(place, out, &item);
    }

    fn open(&mut self, block: u32, kind: &Block<'_>, out: &mut BytesMut) {
        if !matches!(kind, Block::Text | Block::Refusal) {
            self.end_message(out);
        }
        let open = match kind {
            Block::Text => self.open_said(false, out),
            Block::Refusal => self.open_said(true, out),
            Block::Reasoning { id, redacted } => {
                let (made, place) = self.item("reasoning");
                let id = id.as_deref().map_or(made, str::to_owned);
                self.added(place, out, |item| write_answer::reasoning(item, &id, &Reasoning::default(), None));
                Open::Thought { id, place, text: String::new(), redacted: *redacted, seal: None }
            }
            Block::ToolCall { id, name, custom } => {
                let name = callers_name(&self.tools, name).to_owned();
                let wrapped =
                    |tool: &Tool| matches!(&tool.kind, ToolKind::Custom { name: other, .. } if *other == name);
                let how = match (custom, self.tools.iter().any(wrapped)) {
                    (true, _) => How::Input,
                    (false, true) => How::Wrapped,
                    (false, false) => How::Arguments,
                };
                let free = how != How::Arguments;
                let (item, place) = self.item(if free { "custom_tool_call" } else { "function_call" });
                let call_id = write_answer::call_id(id, &item);
                self.added(place, out, |object| {
                    let call = Call { id: &item, names: &call_id, name: &name, custom: free, status: "in_progress" };
                    write_answer::tool_call(object, &call, "");
                });
                Open::Call { id: item, call_id, place, name, text: String::new(), how, seal: None }
            }
            Block::Media(media) => {
                self.media(media, out);
                Open::Unsaid
            }
            Block::Opaque(opaque) if opaque.owner == Protocol::Responses => {
                let place = self.next;
                self.next += 1;
                for name in ["response.output_item.added", "response.output_item.done"] {
                    emit(&mut self.sequence, out, name, |data| {
                        data.whole("output_index", number(place)).raw("item", &opaque.raw.0);
                    });
                }
                self.done.push((place, BytesMut::from(opaque.raw.0.as_bytes())));
                Open::Unsaid
            }
            Block::Opaque(opaque) => {
                self.losses.dropped(opaque.kind.clone());
                Open::Unsaid
            }
        };
        self.blocks.insert(block, open);
    }

    fn open_said(&mut self, refusal: bool, out: &mut BytesMut) -> Open {
        self.refused |= refusal;
        if self.message.is_none() {
            let (id, place) = self.item("message");
            self.added(place, out, |item| write_answer::message(item, &id, "in_progress", &[], &[]));
            self.message = Some(Message { id, place, parts: Vec::new(), logprobs: Vec::new() });
        }
        self.of_part("response.content_part.added", out, |data| {
            let mut part = data.object("part");
            if refusal {
                part.text("type", "refusal").text("refusal", "");
            } else {
                write_answer::output_text(&mut part, "", &[], &[]);
            }
        });
        Open::Said(Said { refusal, ..Said::default() })
    }

    /// An event about the open part of the message.
    fn of_part(&mut self, name: &str, out: &mut BytesMut, fill: impl FnOnce(&mut Object<'_>)) {
        let Self { message: Some(message), sequence, .. } = self else { return };
        emit_of(sequence, out, name, (&message.id, message.place), |data| {
            data.whole("content_index", number(message.parts.len()));
            fill(data);
        });
    }

    fn end_message(&mut self, out: &mut BytesMut) {
        let Some(Message { id, place, parts, logprobs }) = self.message.take() else { return };
        self.item_done(place, out, |item| write_answer::message(item, &id, "completed", &parts, &logprobs));
    }

    fn media(&mut self, media: &Media, out: &mut BytesMut) {
        let Some(data) = write_answer::picture(media) else {
            self.losses.dropped("media");
            return;
        };
        let (id, place) = self.item("image_generation_call");
        self.at_once(place, out, |item| write_answer::image(item, &id, media, data));
    }

    /// The seal of a piece whose item has no place for one: an item of its own after it, or nowhere if something else
    /// has begun meanwhile.
    fn seal_before(&mut self, place: usize, seal: Option<&Seal>, out: &mut BytesMut) {
        if let (Some(seal), true) = (seal, self.next == place + 1) {
            let (id, place) = self.item("reasoning");
            self.at_once(place, out, |item| write_answer::seal_item(item, &id, seal));
        }
    }

    fn say(&mut self, block: u32, words: &str, out: &mut BytesMut) {
        let sequence = &mut self.sequence;
        match self.blocks.get_mut(&block) {
            Some(Open::Said(Said { text, length, refusal, .. })) => {
                text.push_str(words);
                *length += words.chars().count();
                let refusal = *refusal;
                let name = if refusal { "response.refusal.delta" } else { "response.output_text.delta" };
                self.of_part(name, out, |data| {
                    data.text("delta", words);
                    if !refusal {
                        data.list("logprobs");
                    }
                });
            }
            Some(Open::Thought { id, place, text, .. }) => {
                let of = (&**id, *place);
                if text.is_empty() {
                    emit_of(sequence, out, "response.reasoning_summary_part.added", of, |data| {
                        data.whole("summary_index", 0);
                        data.object("part").text("type", "summary_text").text("text", "");
                    });
                }
                emit_of(sequence, out, "response.reasoning_summary_text.delta", of, |data| {
                    data.whole("summary_index", 0).text("delta", words);
                });
                text.push_str(words);
            }
            Some(Open::Call { id, place, text, how, .. }) => {
                text.push_str(words);
                let name = match how {
                    How::Arguments => "response.function_call_arguments.delta",
                    How::Input => "response.custom_tool_call_input.delta",
                    How::Wrapped => return,
                };
                emit_of(sequence, out, name, (id, *place), |data| {
                    data.text("delta", words);
                });
            }
            Some(Open::Unsaid) | None => {}
        }
    }

    fn delta(&mut self, block: u32, delta: &Delta<'_>, out: &mut BytesMut) {
        match delta {
            Delta::Text(words) if words.is_empty() => {}
            Delta::Text(words) => self.say(block, words, out),
            Delta::Seal(new) => {
                if let Some(Open::Said(Said { seal, .. }) | Open::Thought { seal, .. } | Open::Call { seal, .. }) =
                    self.blocks.get_mut(&block)
                {
                    *seal = Some(new.clone());
                }
            }
            Delta::Citation(source) => {
                if let Some(Open::Said(Said { length, citations, .. })) = self.blocks.get_mut(&block) {
                    let (length, place) = (*length, citations.len());
                    citations.push(source.clone());
                    self.of_part("response.output_text.annotation.added", out, |data| {
                        data.whole("annotation_index", number(place));
                        write_answer::citation(&mut data.object("annotation"), source, length);
                    });
                }
            }
            Delta::Logprobs(tokens) => {
                if let Some(Open::Said(Said { logprobs, refusal: false, .. })) = self.blocks.get_mut(&block) {
                    logprobs.extend_from_slice(tokens);
                    self.of_part("response.output_text.delta", out, |data| {
                        data.text("delta", "");
                        openai::write_logprobs(&mut data.list("logprobs"), tokens);
                    });
                }
            }
        }
    }
}

impl Encoder for ResponsesEncoder {
    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) {
        match event {
            Event::Start { .. } => {
                self.whole("response.created", "in_progress", None, None, out);
                self.whole("response.in_progress", "in_progress", None, None, out);
            }
            Event::Open { block, kind } => self.open(*block, kind, out),
            Event::Delta { block, delta } => self.delta(*block, delta, out),
            Event::Close { block } => self.close(*block, out),
            Event::Finish(finish) => self.finish = finish.clone(),
        }
    }

    fn finish(&mut self, usage: Option<&Usage>, out: &mut BytesMut) {
        if let (Finish::Refused(Some(why)), false) = (&self.finish, self.refused) {
            let why = why.clone();
            let block = u32::MAX;
            let open = self.open_said(true, out);
            self.blocks.insert(block, open);
            self.say(block, &why, out);
            self.close(block, out);
        }
        self.end_message(out);
        let (status, incomplete) = ending(&self.finish, self.refused);
        let name = if incomplete.is_some() { "response.incomplete" } else { "response.completed" };
        self.whole(name, status, incomplete, usage, out);
    }

    fn fault(&mut self, fault: &Fault, out: &mut BytesMut) {
        error::write_failure(fault, Some(&self.begun), self.sequence, out);
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
