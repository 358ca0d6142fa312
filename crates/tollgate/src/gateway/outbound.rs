//! A request on its way out: what is sent, in which protocol, and where to.

use super::crossing::{self, Crossing, Return, Way, Written};
use super::open::Exchange;
use super::recall::{self, Keeper};
use super::state::{self, Filing, Turn};
use super::upload::Form;
use super::{Asked, Gateway, Route, headers};
use crate::catalogue;
use crate::config::{Kind, Protocol, Provider};
use crate::http1::Watchdog;
use crate::lines::Lines;
use crate::message::Inbound;
use crate::pricing::PriceBook;
use crate::routing::{Attempt, ByResponses};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;
use tollgate_protocol::chat::{self, ToolUse};
use tollgate_protocol::estimate::Prompt;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::gemini::path::{self as google, Verb};
use tollgate_protocol::head::Head;
use tollgate_protocol::splice::{self, Splice};
use tollgate_protocol::{embeddings, gemini, messages, responses};

/// A request on its way out.
pub(super) struct Outbound<'a> {
    pub(super) asked: &'a Asked,
    pub(super) inbound: &'a Inbound,
    pub(super) payload: Payload,
    /// The caller's project.
    pub(super) project: Arc<str>,
    /// What it wants of tools, where the protocol to ask in depends on that.
    pub(super) tools: ToolUse,
    /// The request in the canonical form where it may have to cross, or why it cannot.
    pub(super) crossing: Option<Result<Crossing, Fault>>,
    /// Its place in a conversation of kept responses.
    pub(super) turn: Option<Turn>,
    /// What a plain chat request must tell again to vendors who want that.
    pub(super) replay: Vec<Splice>,
    /// Prices in force when the request was admitted.
    pub(super) prices: Arc<PriceBook>,
    /// Whose price counts in the sandbox.
    pub(super) sandbox: Option<(Kind, Arc<str>)>,
    /// When the body was complete.
    pub(super) planned: Instant,
    /// A timer from an earlier exchange of the same connection.
    pub(super) watchdog: Watchdog,
}

/// What is to be sent.
pub(super) enum Payload {
    /// A JSON body and what was read of it.
    Json { body: Bytes, head: Head },
    /// A form, read as far as its model.
    Form(Box<Form>),
}

impl Payload {
    pub(super) fn model(&self) -> &str {
        match self {
            Self::Json { head, .. } => &head.model,
            Self::Form(form) => form.model(),
        }
    }

    pub(super) fn stream(&self) -> bool {
        match self {
            Self::Json { head, .. } => head.stream,
            Self::Form(form) => form.stream(),
        }
    }
}

/// How a provider is asked.
struct Wired {
    wire: Protocol,
    /// The path below the provider's base URL.
    below: String,
    /// The body in its protocol and the answer's way back, where that is not the caller's.
    crossed: Option<(Bytes, Return)>,
}

/// One call, but for the proof of the account.
pub(super) struct Composed {
    /// Path and query, base path included.
    pub(super) path: String,
    pub(super) headers: Lines,
    /// `None` for a form, which is sent as it comes.
    pub(super) body: Option<Bytes>,
    /// What its answer depends on.
    pub(super) exchange: Exchange,
}

impl<'a> Outbound<'a> {
    /// A request that nothing has been taken or decided for.
    pub(super) fn new(
        asked: &'a Asked,
        inbound: &'a Inbound,
        payload: Payload,
        project: Arc<str>,
        turn: Option<Turn>,
        prices: Arc<PriceBook>,
    ) -> Self {
        Self {
            asked,
            inbound,
            payload,
            project,
            tools: ToolUse::None,
            crossing: None,
            turn,
            replay: Vec::new(),
            prices,
            sandbox: None,
            planned: Instant::now(),
            watchdog: Watchdog::default(),
        }
    }

    /// The protocol in which a provider is asked; the caller's for the sandbox and for forms. `None` if it cannot be.
    fn wire(&self, attempt: &Attempt) -> Option<Protocol> {
        let caller = self.asked.route.protocol();
        let choice = &attempt.choice;
        match self.asked.route {
            Route::Converse(_) => crossing::wire(caller, choice, self.tools),
            Route::Count(_) => crossing::count_wire(caller, &choice.deployment.provider),
            Route::Embeddings | Route::Embed | Route::BatchEmbed => {
                crossing::vectors_wire(caller, &choice.deployment.provider)
            }
            Route::Transcriptions | Route::Translations => Some(caller),
        }
    }

    /// The gateway's own number where a provider is to be asked that has no counter, and what the caller's protocol
    /// calls it.
    pub(super) fn estimated(&self, attempt: &Attempt) -> Option<(Bytes, &'static str)> {
        let Payload::Json { body, .. } = &self.payload else { return None };
        if !self.asked.route.is_count() || self.wire(attempt).is_some() {
            return None;
        }
        let counter = self.asked.route.protocol().counter()?;
        Some((counter.write(Prompt::read(body).likely_tokens()), counter.name()))
    }

    /// Looks at what is to be tried: where a request has to cross, it is read once, and what is remembered of its turns
    /// decides which account goes first.
    ///
    /// What cannot be read for a crossing can still be sent to a provider that speaks the caller's protocol.
    pub(super) async fn prepare(&mut self, gateway: &Gateway, attempts: &mut [Attempt]) {
        let caller = self.asked.route.protocol();
        let Payload::Json { body, .. } = &self.payload else { return };
        if caller == Protocol::Chat
            && attempts.iter().any(|attempt| matches!(attempt.choice.by_responses, ByResponses::Tools { .. }))
        {
            self.tools = chat::tool_use(body);
        }
        if attempts.iter().any(|attempt| self.replays(attempt)) {
            self.replay = recall::replay(&gateway.memory, &self.project, body).await;
        }
        if attempts.iter().all(|attempt| self.wire(attempt).is_none_or(|wire| wire == caller)) {
            return;
        }
        let mut crossing = Crossing::read(self.asked, self.inbound, body);
        if let Ok(crossing) = &mut crossing {
            self.tools = crossing.tool_use();
            crossing.recall(&gateway.memory, &self.project).await;
            attempts.sort_by_key(|attempt| !crossing.belongs_to(attempt));
        }
        self.crossing = Some(crossing);
    }

    /// Whether a provider is asked in chat, as the caller asks, and wants thoughts told again.
    fn replays(&self, attempt: &Attempt) -> bool {
        attempt.choice.replays_reasoning
            && self.asked.route == Route::Converse(Protocol::Chat)
            && self.wire(attempt) == Some(Protocol::Chat)
    }

    /// Where the thoughts of an answer go that passes untouched and must be told again.
    fn keeper(&self, gateway: &Gateway, attempt: &Attempt, wire: Protocol) -> Option<Keeper> {
        let Payload::Json { body, .. } = &self.payload else { return None };
        let wanted = self.replays(attempt) && memchr::memmem::find(body, b"\"tools\"").is_some();
        wanted.then(|| Keeper::new(&gateway.memory, &self.project, attempt, wire))
    }

    /// The changes that make the caller's own request that of a provider.
    fn edits(&self, head: &Head, attempt: Option<&Attempt>, model: &str, ask_usage: bool) -> Vec<Splice> {
        let mut edits = head.edits(model, ask_usage);
        if attempt.is_some_and(|attempt| self.replays(attempt)) && !self.replay.is_empty() {
            edits.extend_from_slice(&self.replay);
            edits.sort_by_key(|edit| edit.range.start);
        }
        edits
    }

    /// One call of the request, ready but for the proof of the account. `attempt` is `None` for the sandbox.
    pub(super) fn composed(
        &self,
        gateway: &Gateway,
        attempt: Option<&Attempt>,
        request_id: impl FnOnce() -> String,
    ) -> Result<Composed, Fault> {
        let Wired { wire, below, crossed } = self.wired(gateway, attempt, request_id)?;
        let provider = attempt.map(|attempt| &*attempt.choice.deployment.provider);
        let model = attempt.map_or(self.payload.model(), |attempt| &attempt.choice.model);
        let (route, stream) = (self.asked.route, self.payload.stream());
        let ask_usage = wire == Protocol::Chat
            && route.is_conversation()
            && crossed.is_none()
            && provider.is_none_or(|provider| provider.stream_usage);
        let spoken = headers::Spoken { route, wire, crosses: crossed.is_some(), stream };
        let headers = headers::to_vendor(self.inbound, spoken, provider);
        let (written, back) = crossed.map_or((None, None), |(body, back)| (Some(body), Some(back)));
        let (hide_usage, body) = match &self.payload {
            Payload::Json { body, head } => {
                let body = written.unwrap_or_else(|| {
                    replayable(wire, &splice::apply(body, &self.edits(head, attempt, model, ask_usage)))
                });
                (ask_usage && !head.include_usage, Some(body))
            }
            Payload::Form(_) => (false, None),
        };
        let exchange = Exchange {
            route,
            wire,
            stream,
            array: self.asked.path.array && back.is_none(),
            hide_usage,
            keeper: attempt.and_then(|attempt| self.keeper(gateway, attempt, wire)),
            filing: self.filing(attempt, wire),
            back,
        };
        Ok(Composed { path: path(provider, wire, &below), headers, body, exchange })
    }

    /// In which protocol a provider is asked, and with what if it is not the caller's.
    fn wired(
        &self,
        gateway: &Gateway,
        attempt: Option<&Attempt>,
        request_id: impl FnOnce() -> String,
    ) -> Result<Wired, Fault> {
        let caller = self.asked.route.protocol();
        let own = |model: &str| Wired { wire: caller, below: below(self.asked, model), crossed: None };
        let Some(attempt) = attempt else { return Ok(own(self.payload.model())) };
        let wire = self.wire(attempt).ok_or_else(unsupported_route)?;
        let model = &*attempt.choice.model;
        let (Some(crossing), Payload::Json { body: sent, .. }) = (&self.crossing, &self.payload) else {
            return Ok(own(model));
        };
        if wire == caller {
            return Ok(own(model));
        }
        let crossing = crossing.as_ref().map_err(Fault::clone)?;
        let accepts = catalogue::accepts(attempt.choice.deployment.provider.kind, model);
        let Written { body, below, lost } = crossing.write(wire, attempt, &accepts)?;
        let way = Way {
            asked: self.asked,
            request_id: &request_id(),
            model,
            keeper: Keeper::new(&gateway.memory, &self.project, attempt, wire),
            previous: self.turn.as_ref().and_then(|turn| turn.previous.as_deref()),
            sent,
        };
        let back = crossing.back(&way, &lost);
        Ok(Wired { wire, below, crossed: Some((body, back)) })
    }

    /// Where the answer is kept. `wire` is what the vendor is asked in.
    fn filing(&self, attempt: Option<&Attempt>, wire: Protocol) -> Option<Box<Filing>> {
        let turn = self.turn.as_ref().filter(|_| self.asked.route.is_conversation())?;
        let keeps = attempt.is_none_or(|attempt| state::keeps_responses(&attempt.choice.deployment.provider));
        turn.filing(attempt, keeps && wire == Protocol::Responses).map(Box::new)
    }
}

/// What a vendor of a protocol may be sent of a request in its own: nothing that others gave and only they can read.
fn replayable(wire: Protocol, body: &Bytes) -> Bytes {
    match wire {
        Protocol::Responses => responses::replayable(body, None),
        Protocol::Messages => messages::replayable(body),
        Protocol::GenerateContent => gemini::replayable(body),
        Protocol::Chat => body.clone(),
    }
}

/// The path below a provider's base URL for a request in the caller's own protocol.
fn below(asked: &Asked, model: &str) -> String {
    match asked.route {
        Route::Converse(protocol) => protocol.codec().path(model, asked.path.stream, asked.path.array),
        Route::Count(protocol) => protocol.counter().map(|counter| counter.path(model)).unwrap_or_default(),
        Route::Embeddings => embeddings::PATH.to_owned(),
        Route::Embed => google::write(model, Verb::Embed, false),
        Route::BatchEmbed => google::write(model, Verb::BatchEmbed, false),
        Route::Transcriptions => "/audio/transcriptions".to_owned(),
        Route::Translations => "/audio/translations".to_owned(),
    }
}

/// The path of a call.
fn path(provider: Option<&Provider>, wire: Protocol, below: &str) -> String {
    let google = wire == Protocol::GenerateContent;
    match provider {
        Some(Provider { base, project: Some(project), location: Some(location), .. }) if google => {
            format!("{}/projects/{project}/locations/{location}/publishers/google{below}", base.path)
        }
        Some(provider) => format!("{}{below}", provider.base.path),
        None if google => format!("/v1beta{below}"),
        None => format!("/v1{below}"),
    }
}

fn unsupported_route() -> Fault {
    Fault::new(FaultKind::NotFound, "model_not_found", "No configured provider serves this model through this route.")
        .about("model")
}
