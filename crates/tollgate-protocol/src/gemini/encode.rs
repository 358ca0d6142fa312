//! A streamed answer for a caller of this protocol: each chunk an answer of its own, as server-sent events or as the
//! elements of one JSON list.

use super::answer::{ended, in_one_line, show, shows, words, write_call};
use super::{error, logprobs, sources, usage};
use crate::canonical::{Block, Citation, Delta, Event, Finish, Losses, Request, Seal, Tool, callers_name};
use crate::codec::{AnswerHead, Encoder, Protocol};
use crate::fault::Fault;
use crate::usage::Usage;
use crate::write::{self, List, Object};
use bytes::BytesMut;
use std::collections::HashMap;

/// Most sources of one answer that are told.
const MAX_SOURCES: usize = 1024;

/// Writes chunks.
pub(super) struct GeminiEncoder {
    /// `"modelVersion":…,"responseId":…}` of every chunk.
    closing: Vec<u8>,
    array: bool,
    /// Something was written: in a list, what follows needs a comma.
    begun: bool,
    show: bool,
    tools: Vec<Tool>,
    blocks: HashMap<u32, Open>,
    /// Told in the last chunk, where the vendor tells them and clients look.
    cited: Vec<Citation>,
    finish: Finish,
    losses: Losses,
}

enum Open {
    Words,
    Thoughts,
    /// A call, told when it is whole.
    Call {
        id: String,
        name: String,
        arguments: String,
        custom: bool,
        seal: Option<Seal>,
    },
    /// Nothing more of it is told.
    Done,
}

impl GeminiEncoder {
    pub(super) fn new(head: &AnswerHead, request: &Request) -> Self {
        let mut closing = BytesMut::new();
        write::object(&mut closing).text("modelVersion", &head.model).text("responseId", &head.id);
        Self {
            closing: closing.get(1..).unwrap_or_default().to_vec(),
            array: head.array,
            begun: false,
            show: shows(request),
            tools: request.tools.iter().filter(|tool| tool.name().is_some()).cloned().collect(),
            blocks: HashMap::new(),
            cited: Vec::new(),
            finish: Finish::Stop,
            losses: Losses::default(),
        }
    }

    /// What stands before a chunk.
    fn open_chunk(&mut self, out: &mut BytesMut) {
        let before: &[u8] = match (self.array, std::mem::replace(&mut self.begun, true)) {
            (false, _) => b"data: ",
            (true, false) => b"[",
            (true, true) => b",\n",
        };
        out.extend_from_slice(before);
    }

    /// What stands after a chunk.
    fn close_chunk(&self, out: &mut BytesMut) {
        if !self.array {
            out.extend_from_slice(b"\r\n\r\n");
        }
    }

    /// One chunk: its candidate's parts, and what its candidate and the chunk itself hold beside.
    fn chunk(
        &mut self,
        out: &mut BytesMut,
        parts: impl FnOnce(&mut List<'_>),
        beside: impl FnOnce(&mut Object<'_>),
        used: Option<&Usage>,
    ) {
        self.open_chunk(out);
        out.extend_from_slice(b"{\"candidates\":[");
        {
            let mut candidate = write::object(out);
            {
                let mut content = candidate.object("content");
                parts(&mut content.list("parts"));
                content.text("role", "model");
            }
            beside(&mut candidate);
            candidate.whole("index", 0);
        }
        out.extend_from_slice(b"],");
        if let Some(used) = used {
            out.extend_from_slice(b"\"usageMetadata\":");
            usage::write(&mut write::object(out), used);
            out.extend_from_slice(b",");
        }
        out.extend_from_slice(&self.closing);
        self.close_chunk(out);
    }

    fn parts(&mut self, out: &mut BytesMut, parts: impl FnOnce(&mut List<'_>)) {
        self.chunk(out, parts, |_| {}, None);
    }

    fn open(&mut self, block: u32, kind: &Block<'_>, out: &mut BytesMut) {
        let open = match kind {
            Block::Text | Block::Refusal => Open::Words,
            Block::Reasoning { .. } => Open::Thoughts,
            Block::ToolCall { id, name, custom } => Open::Call {
                id: id.clone().into_owned(),
                name: callers_name(&self.tools, name).to_owned(),
                arguments: String::new(),
                custom: *custom,
                seal: None,
            },
            Block::Media(media) => {
                let mut probe = BytesMut::new();
                if show(&mut write::list(&mut probe), media) {
                    self.parts(out, |list| _ = show(list, media));
                } else {
                    self.losses.dropped("media");
                }
                Open::Done
            }
            Block::Opaque(opaque) if opaque.owner == Protocol::GenerateContent => {
                self.parts(out, |list| _ = list.raw(&in_one_line(&opaque.raw.0)));
                Open::Done
            }
            Block::Opaque(opaque) => {
                self.losses.dropped(opaque.kind.clone());
                Open::Done
            }
        };
        self.blocks.insert(block, open);
    }

    fn say(&mut self, block: u32, text: &str, out: &mut BytesMut) {
        match self.blocks.get_mut(&block) {
            Some(Open::Words) => self.parts(out, |list| words(list, text, false, None)),
            Some(Open::Thoughts) if self.show => self.parts(out, |list| words(list, text, true, None)),
            Some(Open::Call { arguments, .. }) => arguments.push_str(text),
            Some(Open::Thoughts | Open::Done) | None => {}
        }
    }

    fn seal(&mut self, block: u32, seal: &Seal, out: &mut BytesMut) {
        match self.blocks.get_mut(&block) {
            Some(Open::Words) => self.parts(out, |list| words(list, "", false, Some(seal))),
            Some(Open::Thoughts) => self.parts(out, |list| words(list, "", true, Some(seal))),
            Some(Open::Call { seal: slot, .. }) => *slot = Some(seal.clone()),
            Some(Open::Done) | None => {}
        }
    }
}

impl Encoder for GeminiEncoder {
    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) {
        match event {
            Event::Start { .. } => {}
            Event::Open { block, kind } => self.open(*block, kind, out),
            Event::Delta { block, delta } => match delta {
                Delta::Text(text) => self.say(*block, text, out),
                Delta::Seal(seal) => self.seal(*block, seal, out),
                Delta::Citation(source) => {
                    if self.cited.len() < MAX_SOURCES {
                        self.cited.push(source.clone());
                    }
                }
                Delta::Logprobs(tokens) => self.chunk(
                    out,
                    |list| words(list, "", false, None),
                    |candidate| logprobs::write(&mut candidate.object("logprobsResult"), tokens),
                    None,
                ),
            },
            Event::Close { block } => {
                if let Some(Open::Call { id, name, arguments, custom, seal }) = self.blocks.remove(block) {
                    let mut broken = false;
                    self.parts(out, |list| {
                        broken = write_call(list, &id, &name, &arguments, custom, seal.as_ref());
                    });
                    if broken {
                        self.losses.approximated("tool_calls");
                    }
                }
            }
            Event::Finish(finish) => self.finish = finish.clone(),
        }
    }

    fn finish(&mut self, used: Option<&Usage>, out: &mut BytesMut) {
        let (finish, cited) = (std::mem::take(&mut self.finish), std::mem::take(&mut self.cited));
        let mut losses = std::mem::take(&mut self.losses);
        let beside = |candidate: &mut Object<'_>| {
            ended(candidate, &finish, &mut losses);
            if !cited.is_empty() {
                let all: Vec<_> = cited.iter().map(|source| (0, source)).collect();
                sources::write(&mut candidate.object("groundingMetadata"), &all);
            }
        };
        self.chunk(out, |list| words(list, "", false, None), beside, used);
        self.losses = losses;
        if self.array {
            out.extend_from_slice(b"\n]");
        }
    }

    fn fault(&mut self, fault: &Fault, out: &mut BytesMut) {
        self.open_chunk(out);
        out.extend_from_slice(&error::write_error(fault, ""));
        self.close_chunk(out);
        if self.array {
            out.extend_from_slice(b"\n]");
        }
    }

    /// A blank line, which is nothing in either form. The vendor's library for Python takes comments for errors.
    fn keep_alive(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(if self.array { b"\n" } else { b"\n\n" });
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
