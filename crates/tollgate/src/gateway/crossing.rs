//! Crossing from the caller's protocol into a vendor's, and back.
//!
//! Owns when it is done and what is handed to the codecs; every translation itself is `tollgate-protocol`'s. A
//! request is read once, whatever the number of calls; it is written anew for each target, because targets differ in
//! what they take.

use super::route::Asked;
use crate::catalogue;
use crate::clock::now_ms;
use crate::config::Provider;
use crate::message::Inbound;
use bytes::Bytes;
use http::HeaderName;
use std::sync::Arc;
use tollgate_protocol::canonical::{Capabilities, Losses, Request};
use tollgate_protocol::codec::{AnswerHead, Codec, Protocol, Target};
use tollgate_protocol::fault::Fault;
use tollgate_protocol::relay::Bridge;

/// How a caller asks that nothing be lost.
pub(super) const TRANSLATION: HeaderName = HeaderName::from_static("x-tollgate-translation");

/// The protocol in which a provider is asked for a conversation: the caller's, if the provider speaks it and the
/// model can be had by it; else the provider's own. `None` if it has no conversations.
pub(super) fn wire(caller: Protocol, provider: &Provider, model: &str) -> Option<Protocol> {
    let needs_responses =
        catalogue::find(model).iter().any(|entry| entry.kind == provider.kind && entry.needs_responses());
    let speaks = |protocol: Protocol| provider.protocols.contains(&protocol);
    if needs_responses && speaks(Protocol::Responses) {
        return Some(Protocol::Responses);
    }
    if speaks(caller) { Some(caller) } else { provider.protocols.first().copied() }
}

/// A caller's request in the canonical form.
pub(super) struct Crossing {
    pub(super) caller: Protocol,
    pub(super) request: Arc<Request>,
    /// What the canonical form has no word for.
    unread: Losses,
    strict: bool,
}

impl Crossing {
    /// Reads a request.
    pub(super) fn read(asked: &Asked, inbound: &Inbound, body: &[u8]) -> Result<Self, Fault> {
        let caller = asked.route.protocol();
        let mut unread = Losses::default();
        let request = caller.codec().read_request(body, &asked.path, &mut unread)?;
        let strict = inbound.header(&TRANSLATION).is_some_and(|word| word.trim().eq_ignore_ascii_case("strict"));
        Ok(Self { caller, request: Arc::new(request), unread, strict })
    }

    /// Writes the request for a target: its body, and what was lost.
    pub(super) fn write(&self, wire: Protocol, model: &str, accepts: &Capabilities) -> Result<(Bytes, Losses), Fault> {
        let target = Target { model, accepts, strict: self.strict };
        let mut losses = self.unread.clone();
        let body = wire.codec().write_request(&self.request, &target, self.caller.codec(), &mut losses)?;
        if let (true, Some((field, _))) = (self.strict, losses.iter().next()) {
            let message = format!("'{field}' cannot be expressed to this model, and nothing may be lost.");
            return Err(Fault::unsupported(field.to_owned(), message));
        }
        Ok((body, losses))
    }
}

/// The way back of an answer that crosses.
pub(super) struct Return {
    caller: Protocol,
    request: Arc<Request>,
    head: AnswerHead,
    /// What the request lost, as the caller is told.
    pub(super) lost: String,
}

impl Return {
    /// `model` is the name that the caller is to see.
    pub(super) fn new(crossing: &Crossing, asked: &Asked, request_id: &str, model: &str, lost: &Losses) -> Self {
        let head = AnswerHead {
            // The request's own, so that either leads to the other.
            id: request_id.strip_prefix("req_").unwrap_or(request_id).to_owned(),
            created: now_ms() / 1000,
            model: model.to_owned(),
            array: asked.path.array,
            previous: None,
        };
        Self { caller: crossing.caller, request: Arc::clone(&crossing.request), head, lost: lost.to_string() }
    }

    /// A whole answer in the caller's protocol, and what of it was lost.
    pub(super) fn whole(&self, wire: Protocol, body: &[u8]) -> Result<(Bytes, Losses), Fault> {
        let answer = wire.codec().read_answer(body)?;
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
