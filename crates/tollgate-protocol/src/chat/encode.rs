//! A streamed answer for a chat caller.

use super::answer::{ID, reason, write_citation};
use super::usage;
use crate::canonical::{
    Block, Delta, Event, Finish, Losses, Request, TokenLogprob, Tool, ToolKind, callers_name, free_text,
};
use crate::codec::{AnswerHead, Encoder};
use crate::fault::Fault;
use crate::openai;
use crate::usage::Usage;
use crate::write::{self, Object};
use bytes::BytesMut;
use std::collections::HashMap;

/// Writes chunks.
pub(super) struct ChatEncoder {
    /// `data: {"id":…,"model":…,` of every chunk.
    opening: Vec<u8>,
    usage_asked: bool,
    /// The caller's, as far as a model calls them by name.
    tools: Vec<Tool>,
    blocks: HashMap<u32, Open>,
    calls: u32,
    finish: Finish,
    refused: bool,
    /// Characters of text so far, for sources.
    length: usize,
    losses: Losses,
}

enum Open {
    Text,
    Refusal,
    Reasoning,
    /// A call by its index.
    Call {
        index: u32,
        custom: bool,
    },
    /// A call of a free-text tool that comes as the arguments of a function: told when it is whole.
    Wrapped {
        index: u32,
        arguments: String,
    },
    /// Nothing of it can be told.
    Unsaid,
}

impl ChatEncoder {
    pub(super) fn new(head: &AnswerHead, request: &Request) -> Self {
        let mut opening = BytesMut::from(&b"data: "[..]);
        let mut object = write::object(&mut opening);
        object.text("id", &format!("{ID}{}", head.id)).text("object", "chat.completion.chunk");
        object.whole("created", head.created).text("model", &head.model);
        drop(object);
        opening.truncate(opening.len() - 1);
        Self {
            opening: opening.to_vec(),
            usage_asked: request.stream_usage,
            tools: request.tools.iter().filter(|tool| tool.name().is_some()).cloned().collect(),
            blocks: HashMap::new(),
            calls: 0,
            finish: Finish::Stop,
            refused: false,
            length: 0,
            losses: Losses::default(),
        }
    }

    /// One chunk with one choice.
    fn chunk(
        &self,
        out: &mut BytesMut,
        logprobs: Option<&[TokenLogprob]>,
        finish: Option<&str>,
        delta: impl FnOnce(&mut Object<'_>),
    ) {
        out.extend_from_slice(&self.opening);
        out.extend_from_slice(b",\"choices\":[");
        let mut choice = write::object(out);
        choice.whole("index", 0);
        delta(&mut choice.object("delta"));
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
        choice.text_or_null("finish_reason", finish);
        drop(choice);
        out.extend_from_slice(b"]");
        if self.usage_asked {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    fn delta(&self, out: &mut BytesMut, delta: impl FnOnce(&mut Object<'_>)) {
        self.chunk(out, None, None, delta);
    }

    fn open(&mut self, block: u32, kind: &Block<'_>, out: &mut BytesMut) {
        let open = match kind {
            Block::Text => Open::Text,
            Block::Refusal => {
                self.refused = true;
                Open::Refusal
            }
            Block::Reasoning { .. } => Open::Reasoning,
            Block::ToolCall { id, name, custom } => {
                let index = self.calls;
                self.calls += 1;
                let name = callers_name(&self.tools, name);
                let takes = |tool: &Tool| matches!(tool.kind, ToolKind::Custom { .. }) && tool.name() == Some(name);
                let is_custom = self.tools.iter().any(takes);
                let (kind, argument) =
                    if is_custom || *custom { ("custom", "input") } else { ("function", "arguments") };
                self.delta(out, |delta| {
                    let mut list = delta.list("tool_calls");
                    let mut call = list.object();
                    call.whole("index", index).text("id", id).text("type", kind);
                    call.object(kind).text("name", name).text(argument, "");
                });
                if is_custom && !custom {
                    Open::Wrapped { index, arguments: String::new() }
                } else {
                    Open::Call { index, custom: *custom }
                }
            }
            Block::Media(_) => {
                self.losses.dropped("media");
                Open::Unsaid
            }
            Block::Opaque(opaque) => {
                self.losses.dropped(opaque.kind.clone());
                Open::Unsaid
            }
        };
        self.blocks.insert(block, open);
    }

    fn say(&mut self, block: u32, text: &str, out: &mut BytesMut) {
        match self.blocks.get_mut(&block) {
            Some(Open::Text) => {
                self.length += text.chars().count();
                self.delta(out, |delta| {
                    delta.text("content", text);
                });
            }
            Some(Open::Refusal) => self.delta(out, |delta| {
                delta.text("refusal", text);
            }),
            Some(Open::Reasoning) => self.delta(out, |delta| {
                delta.text("reasoning_content", text);
            }),
            Some(Open::Call { index, custom }) => {
                let (index, custom) = (*index, *custom);
                self.arguments(index, custom, text, out);
            }
            Some(Open::Wrapped { arguments, .. }) => arguments.push_str(text),
            Some(Open::Unsaid) | None => {}
        }
    }

    fn arguments(&self, index: u32, custom: bool, text: &str, out: &mut BytesMut) {
        self.delta(out, |delta| {
            let mut list = delta.list("tool_calls");
            let mut call = list.object();
            call.whole("index", index);
            let (kind, argument) = if custom { ("custom", "input") } else { ("function", "arguments") };
            call.object(kind).text(argument, text);
        });
    }
}

impl Encoder for ChatEncoder {
    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) {
        match event {
            Event::Start { .. } => self.delta(out, |delta| {
                delta.text("role", "assistant").text("content", "").null("refusal");
            }),
            Event::Open { block, kind } => self.open(*block, kind, out),
            Event::Delta { block, delta } => match delta {
                Delta::Text(text) => self.say(*block, text, out),
                Delta::Citation(source) => {
                    let length = self.length;
                    self.delta(out, |delta| {
                        write_citation(&mut delta.list("annotations").object(), source, length);
                    });
                }
                Delta::Logprobs(tokens) => self.chunk(out, Some(tokens), None, |_| {}),
                // No place for it here: the gateway keeps it.
                Delta::Seal(_) => {}
            },
            Event::Close { block } => {
                if let Some(Open::Wrapped { index, arguments }) = self.blocks.remove(block) {
                    self.arguments(index, true, &free_text(&arguments), out);
                }
            }
            Event::Finish(finish) => self.finish = finish.clone(),
        }
    }

    fn finish(&mut self, usage: Option<&Usage>, out: &mut BytesMut) {
        let reason =
            if self.refused && matches!(self.finish, Finish::Refused(_)) { "stop" } else { reason(&self.finish) };
        if let (Finish::Refused(Some(why)), false) = (&self.finish, self.refused) {
            self.delta(out, |delta| {
                delta.text("refusal", why);
            });
        }
        self.chunk(out, None, Some(reason), |_| {});
        if let (true, Some(usage)) = (self.usage_asked, usage) {
            out.extend_from_slice(&self.opening);
            out.extend_from_slice(b",\"choices\":[],\"usage\":");
            usage::write(&mut write::object(out), usage);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn fault(&mut self, fault: &Fault, out: &mut BytesMut) {
        openai::write_error_event(fault, out);
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
