//! A streamed answer for a caller.
//!
//! Blocks come strictly one after the other here, while others mix calls of tools: what belongs to a later call is
//! held until the earlier one is closed. Nothing else waits.

use super::answer::{ID, call_id, foreign, hidden, shows_thoughts, write_citation, write_ending};
use super::{error, usage};
use crate::canonical::UNSEALED;
use crate::canonical::{
    Block, Citation, Delta, Event, Finish, Losses, Request, Seal, Tool, callers_name, free_text_arguments,
};
use crate::codec::{AnswerHead, Encoder, Protocol};
use crate::fault::Fault;
use crate::usage::Usage;
use crate::write::{self, Object};
use bytes::BytesMut;
use std::collections::VecDeque;

/// Writes events.
pub(super) struct MessagesEncoder {
    head: AnswerHead,
    /// The caller's tools, for their names.
    tools: Vec<Tool>,
    shown: bool,
    /// Index of the next block.
    next: u64,
    calls: usize,
    open: Option<Open>,
    /// Calls that wait for the open one to end.
    held: VecDeque<Held>,
    finish: Finish,
    losses: Losses,
}

/// The block that is being written.
struct Open {
    block: u32,
    kind: Kind,
    /// Another vendor's seal of what is no thought: it follows in a block of its own.
    seal: Option<Seal>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Text,
    /// Thoughts that nothing proves yet.
    Thinking,
    /// Thoughts with their seal.
    Sealed,
    /// Thoughts that are not shown; told if there is a seal.
    Unshown,
    /// Hidden thoughts; told by their seal.
    Hidden,
    /// Arguments of which nothing has come yet.
    Awaited,
    Call,
    /// Arguments that are no object and so none.
    Odd,
    /// Free text, wrapped once it is whole.
    Wrapped(String),
    /// Nothing of it can be told.
    Unsaid,
}

/// A call that waits.
struct Held {
    block: u32,
    id: String,
    name: String,
    custom: bool,
    arguments: String,
    seal: Option<Seal>,
    closed: bool,
}

impl MessagesEncoder {
    pub(super) fn new(head: &AnswerHead, request: &Request) -> Self {
        Self {
            head: head.clone(),
            tools: request.tools.clone(),
            shown: shows_thoughts(request),
            next: 0,
            calls: 0,
            open: None,
            held: VecDeque::new(),
            finish: Finish::Stop,
            losses: Losses::default(),
        }
    }

    fn start(&self, out: &mut BytesMut) {
        event(out, "message_start", |object| {
            let mut message = object.object("message");
            message.text("id", &format!("{ID}{}", self.head.id)).text("type", "message").text("role", "assistant");
            message.text("model", &self.head.model);
            drop(message.list("content"));
            message.null("stop_reason").null("stop_sequence").null("stop_details").null("container");
            // How much was read is known at the end.
            usage::write(&mut message.object("usage"), &Usage::default());
        });
    }

    /// Writes the beginning of a block.
    fn begin(&self, out: &mut BytesMut, content: impl FnOnce(&mut Object<'_>)) {
        event(out, "content_block_start", |object| {
            object.whole("index", self.next);
            content(&mut object.object("content_block"));
        });
    }

    fn piece(&self, out: &mut BytesMut, kind: &str, content: impl FnOnce(&mut Object<'_>)) {
        event(out, "content_block_delta", |object| {
            object.whole("index", self.next);
            let mut delta = object.object("delta");
            delta.text("type", kind);
            content(&mut delta);
        });
    }

    fn stop(&mut self, out: &mut BytesMut) {
        event(out, "content_block_stop", |object| {
            object.whole("index", self.next);
        });
        self.next += 1;
    }

    /// A whole block that only a vendor can read.
    fn seal(&mut self, data: &str, out: &mut BytesMut) {
        self.begin(out, |block| hidden(block, data));
        self.stop(out);
    }

    fn open(&mut self, block: u32, kind: &Block<'_>, out: &mut BytesMut) {
        let kind = match kind {
            Block::ToolCall { id, name, custom } => {
                let (id, name) = (id.clone().into_owned(), name.clone().into_owned());
                let call =
                    Held { block, id, name, custom: *custom, arguments: String::new(), seal: None, closed: false };
                if self.open.is_some() {
                    self.held.push_back(call);
                } else {
                    self.call(call, out);
                }
                return;
            }
            Block::Text | Block::Refusal => {
                self.begin(out, |block| {
                    block.text("type", "text").text("text", "");
                });
                Kind::Text
            }
            Block::Reasoning { redacted: true, .. } => Kind::Hidden,
            Block::Reasoning { .. } if !self.shown => Kind::Unshown,
            Block::Reasoning { .. } => {
                self.begin(out, |block| {
                    block.text("type", "thinking").text("thinking", "").text("signature", "");
                });
                Kind::Thinking
            }
            Block::Opaque(opaque) if opaque.owner == Protocol::Messages => {
                event(out, "content_block_start", |object| {
                    object.whole("index", self.next);
                    // In an event one line is one line.
                    object.raw("content_block", &opaque.raw.0.replace(['\n', '\r'], ""));
                });
                self.stop(out);
                Kind::Unsaid
            }
            Block::Opaque(opaque) => {
                self.losses.dropped(opaque.kind.clone());
                Kind::Unsaid
            }
            Block::Media(_) => {
                self.losses.dropped("media");
                Kind::Unsaid
            }
        };
        self.open = Some(Open { block, kind, seal: None });
    }

    /// Begins a call, with what of it has come so far.
    fn call(&mut self, call: Held, out: &mut BytesMut) {
        let Held { block, id, name, custom, arguments, seal, closed } = call;
        let id = call_id(&id, &self.head.id, self.calls);
        self.calls += 1;
        self.begin(out, |object| {
            object.text("type", "tool_use").text("id", &id).text("name", callers_name(&self.tools, &name));
            drop(object.object("input"));
        });
        let kind = if custom { Kind::Wrapped(String::new()) } else { Kind::Awaited };
        self.open = Some(Open { block, kind, seal });
        self.say(block, &arguments, out);
        if closed {
            self.close(block, out);
        }
    }

    fn say(&mut self, block: u32, text: &str, out: &mut BytesMut) {
        if text.is_empty() {
            return;
        }
        self.await_object(block, text);
        match self.open.as_mut().filter(|open| open.block == block).map(|open| &mut open.kind) {
            Some(Kind::Text) => self.piece(out, "text_delta", |delta| {
                delta.text("text", text);
            }),
            Some(Kind::Thinking | Kind::Sealed) => self.piece(out, "thinking_delta", |delta| {
                delta.text("thinking", text);
            }),
            Some(Kind::Call) => self.piece(out, "input_json_delta", |delta| {
                delta.text("partial_json", text);
            }),
            Some(Kind::Wrapped(so_far)) => so_far.push_str(text),
            Some(Kind::Awaited | Kind::Odd | Kind::Unshown | Kind::Hidden | Kind::Unsaid) => {}
            None => {
                if let Some(call) = self.held.iter_mut().find(|call| call.block == block) {
                    call.arguments.push_str(text);
                }
            }
        }
    }

    /// Looks at the first of a call's arguments: some models write `null`, or what is no JSON at all, and the vendor's
    /// own library reads nothing but an object.
    fn await_object(&mut self, block: u32, text: &str) {
        let Some(open) = self.open.as_mut().filter(|open| open.block == block && open.kind == Kind::Awaited) else {
            return;
        };
        match text.trim_ascii_start().as_bytes() {
            [] => {}
            [b'{', ..] => open.kind = Kind::Call,
            other => {
                open.kind = Kind::Odd;
                if !b"null".starts_with(other.trim_ascii_end()) {
                    self.losses.approximated("tool_use.input");
                }
            }
        }
    }

    fn sealed(&mut self, block: u32, seal: &Seal, out: &mut BytesMut) {
        let Some(open) = self.open.as_mut().filter(|open| open.block == block) else {
            if let Some(call) = self.held.iter_mut().find(|call| call.block == block) {
                call.seal = Some(seal.clone());
            }
            return;
        };
        match open.kind {
            Kind::Thinking | Kind::Sealed => {
                open.kind = Kind::Sealed;
                self.prove(&seal.packed(Protocol::Messages), out);
            }
            Kind::Hidden if seal.owner == Protocol::Messages => self.seal(&seal.data, out),
            Kind::Unshown | Kind::Hidden => {
                self.begin(out, |block| {
                    block.text("type", "thinking").text("thinking", "").text("signature", "");
                });
                self.prove(&seal.packed(Protocol::Messages), out);
                self.stop(out);
            }
            Kind::Text | Kind::Awaited | Kind::Call | Kind::Odd | Kind::Wrapped(_) | Kind::Unsaid => {
                open.seal = Some(seal.clone());
            }
        }
    }

    fn prove(&mut self, signature: &str, out: &mut BytesMut) {
        self.piece(out, "signature_delta", |delta| {
            delta.text("signature", signature);
        });
    }

    fn cite(&mut self, block: u32, source: &Citation, out: &mut BytesMut) {
        let is_text = self.open.as_ref().is_some_and(|open| open.block == block && open.kind == Kind::Text);
        match &source.url {
            Some(url) if is_text => self.piece(out, "citations_delta", |delta| {
                write_citation(&mut delta.object("citation"), url, source);
            }),
            _ => self.losses.dropped("citations"),
        }
    }

    fn close(&mut self, block: u32, out: &mut BytesMut) {
        if self.open.as_ref().is_none_or(|open| open.block != block) {
            if let Some(call) = self.held.iter_mut().find(|call| call.block == block) {
                call.closed = true;
            }
            return;
        }
        let Some(Open { kind, seal, .. }) = self.open.take() else { return };
        match kind {
            Kind::Thinking => {
                self.prove(UNSEALED, out);
                self.stop(out);
            }
            Kind::Text | Kind::Sealed | Kind::Awaited | Kind::Call | Kind::Odd => self.stop(out),
            Kind::Wrapped(text) => {
                self.piece(out, "input_json_delta", |delta| {
                    delta.text("partial_json", &free_text_arguments(&text));
                });
                self.stop(out);
            }
            Kind::Unshown | Kind::Hidden | Kind::Unsaid => {}
        }
        if let Some(seal) = foreign(seal.as_ref()) {
            self.seal(&seal.packed(Protocol::Messages), out);
        }
        if let Some(next) = self.held.pop_front() {
            self.call(next, out);
        }
    }
}

/// Writes one event.
fn event(out: &mut BytesMut, name: &str, content: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let mut object = write::object(out);
    object.text("type", name);
    content(&mut object);
    drop(object);
    out.extend_from_slice(b"\n\n");
}

impl Encoder for MessagesEncoder {
    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) {
        match event {
            Event::Start { .. } => self.start(out),
            Event::Open { block, kind } => self.open(*block, kind, out),
            Event::Delta { block, delta } => match delta {
                Delta::Text(text) => self.say(*block, text, out),
                Delta::Seal(seal) => self.sealed(*block, seal, out),
                Delta::Citation(source) => self.cite(*block, source, out),
                Delta::Logprobs(_) => self.losses.dropped("logprobs"),
            },
            Event::Close { block } => self.close(*block, out),
            Event::Finish(finish) => self.finish = finish.clone(),
        }
    }

    fn finish(&mut self, usage: Option<&Usage>, out: &mut BytesMut) {
        event(out, "message_delta", |object| {
            let mut delta = object.object("delta");
            write_ending(&mut delta, &self.finish, self.calls > 0);
            delta.null("container");
            drop(delta);
            usage::write(&mut object.object("usage"), &usage.copied().unwrap_or_default());
        });
        event(out, "message_stop", |_| {});
    }

    fn fault(&mut self, fault: &Fault, out: &mut BytesMut) {
        error::write_fault_event(fault, out);
    }

    fn keep_alive(&mut self, out: &mut BytesMut) {
        event(out, "ping", |_| {});
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
