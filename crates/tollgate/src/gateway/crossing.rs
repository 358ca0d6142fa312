//! Crossing from the caller's protocol into a vendor's, and back.
//!
//! Owns when it is done and what is handed to the codecs; every translation itself is `tollgate-protocol`'s. A
//! request is read once, whatever the number of calls; it is written anew for each target, because targets differ in
//! what they take.

use super::recall::{self, Keeper, Recalled};
use super::route::Asked;
use crate::clock::now_ms;
use crate::memory::Memory;
use crate::message::Inbound;
use crate::routing::{Attempt, ByResponses, Choice};
use bytes::Bytes;
use http::HeaderName;
use std::sync::Arc;
use tollgate_protocol::canonical::{Capabilities, Effort, Losses, Request, ThinkingMode};
use tollgate_protocol::chat::ToolUse;
use tollgate_protocol::codec::{AnswerHead, Codec, Protocol, Target};
use tollgate_protocol::fault::Fault;
use tollgate_protocol::relay::Bridge;

/// How a caller asks that nothing be lost.
pub(super) const TRANSLATION: HeaderName = HeaderName::from_static("x-tollgate-translation");

/// The protocol in which a choice is asked for a conversation: the caller's, if the provider speaks it and the model
/// can be had by it; else the provider's own. `None` if it has no conversations.
pub(super) fn wire(caller: Protocol, choice: &Choice, tools: ToolUse) -> Option<Protocol> {
    let provider = &choice.deployment.provider;
    let wire = if provider.protocols.contains(&caller) { caller } else { *provider.protocols.first()? };
    let by_responses = wire == Protocol::Chat
        && match choice.by_responses {
            ByResponses::Never => false,
            ByResponses::Always => true,
            // By chat they would be refused, or cost the thought.
            ByResponses::Tools { thinks } => match tools {
                ToolUse::None | ToolUse::Unthinking => false,
                ToolUse::Unsaid => thinks,
                ToolUse::Thinking => true,
            },
        };
    Some(if by_responses { Protocol::Responses } else { wire })
}

/// A caller's request in the canonical form.
pub(super) struct Crossing {
    pub(super) caller: Protocol,
    pub(super) request: Arc<Request>,
    /// What the canonical form has no word for.
    unread: Losses,
    strict: bool,
    /// What is remembered of its turns.
    recalled: Recalled,
}

impl Crossing {
    /// Reads a request.
    pub(super) fn read(asked: &Asked, inbound: &Inbound, body: &[u8]) -> Result<Self, Fault> {
        let caller = asked.route.protocol();
        let mut unread = Losses::default();
        let request = caller.codec().read_request(body, &asked.path, &mut unread)?;
        let strict = inbound.header(&TRANSLATION).is_some_and(|word| word.trim().eq_ignore_ascii_case("strict"));
        Ok(Self { caller, request: Arc::new(request), unread, strict, recalled: Recalled::default() })
    }

    /// What the request wants of tools.
    pub(super) fn tool_use(&self) -> ToolUse {
        let Request { tools, reasoning, .. } = &*self.request;
        let unsaid = reasoning.mode.is_none() && reasoning.effort.is_none() && reasoning.budget.is_none();
        let off = reasoning.mode == Some(ThinkingMode::Off)
            || reasoning.effort == Some(Effort::None)
            || reasoning.budget == Some(0);
        match (tools.is_empty(), unsaid, off) {
            (true, _, _) => ToolUse::None,
            (false, true, _) => ToolUse::Unsaid,
            (false, false, true) => ToolUse::Unthinking,
            (false, false, false) => ToolUse::Thinking,
        }
    }

    /// Looks up what the caller could not carry.
    pub(super) async fn recall(&mut self, memory: &Memory, project: &str) {
        self.recalled = recall::recall(memory, project, &self.request.turns).await;
    }

    /// Whether what is remembered of the latest turn is the account's of that attempt.
    pub(super) fn belongs_to(&self, attempt: &Attempt) -> bool {
        !self.recalled.is_empty() && self.recalled.belongs_to(attempt, &self.request.turns)
    }

    /// Writes the request for a target: its body, and what was lost.
    pub(super) fn write(
        &self,
        wire: Protocol,
        attempt: &Attempt,
        accepts: &Capabilities,
    ) -> Result<(Bytes, Losses), Fault> {
        let restored =
            if self.recalled.is_empty() { None } else { self.recalled.restored(&self.request, attempt, wire) };
        let request = restored.as_ref().unwrap_or(&self.request);
        let target = Target { model: &attempt.choice.model, accepts, strict: self.strict };
        let mut losses = self.unread.clone();
        let body = wire.codec().write_request(request, &target, self.caller.codec(), &mut losses)?;
        target.settle(&losses)?;
        Ok((body, losses))
    }
}

/// The way back of an answer that crosses.
pub(super) struct Return {
    caller: Protocol,
    request: Arc<Request>,
    head: AnswerHead,
    /// Where reasoning goes that must come back.
    pub(super) keeper: Keeper,
    /// What the request lost, as the caller is told.
    pub(super) lost: String,
}

impl Return {
    /// `model` is the name that the caller is to see.
    pub(super) fn new(
        crossing: &Crossing,
        asked: &Asked,
        request_id: &str,
        model: &str,
        lost: &Losses,
        keeper: Keeper,
    ) -> Self {
        let head = AnswerHead {
            // The request's own, so that either leads to the other.
            id: request_id.strip_prefix("req_").unwrap_or(request_id).to_owned(),
            created: now_ms() / 1000,
            model: model.to_owned(),
            array: asked.path.array,
            previous: None,
        };
        Self { caller: crossing.caller, request: Arc::clone(&crossing.request), head, keeper, lost: lost.to_string() }
    }

    /// A whole answer in the caller's protocol, and what of it was lost.
    pub(super) fn whole(&self, wire: Protocol, body: &[u8]) -> Result<(Bytes, Losses), Fault> {
        let answer = wire.codec().read_answer(body)?;
        self.keeper.keep_first(&answer);
        let mut losses = Losses::default();
        let body = self.codec().write_answer(&answer, &self.head, &self.request, &mut losses);
        Ok((body, losses))
    }

    /// What carries a stream.
    pub(super) fn bridge(&self, wire: Protocol) -> Bridge {
        Bridge::new(wire.codec().decoder(), self.codec().encoder(&self.head, &self.request))
    }

    fn codec(&self) -> &'static dyn Codec {
        self.caller.codec()
    }

    /// The type of a stream for the caller.
    pub(super) fn stream_type(&self) -> &'static str {
        if self.head.array { "application/json" } else { "text/event-stream" }
    }
}
