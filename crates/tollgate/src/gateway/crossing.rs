//! Crossing from the caller's protocol into a vendor's, and back.
//!
//! Owns when it is done and what is handed to the codecs; every translation itself is `tollgate-protocol`'s. A
//! request is read once, whatever the number of calls; it is written anew for each target, because targets differ in
//! what they take. Conversations, their counts and vectors cross alike.

use super::Route;
use super::recall::{self, Keeper, Recalled};
use super::route::Asked;
use super::state::Filing;
use crate::clock::now_ms;
use crate::config::{Kind, Provider};
use crate::memory::Memory;
use crate::message::Inbound;
use crate::routing::{Attempt, ByResponses, Choice};
use bytes::Bytes;
use http::HeaderName;
use std::sync::Arc;
use tollgate_protocol::canonical::{Capabilities, Effort, EmbedRequest, Losses, Request, ThinkingMode};
use tollgate_protocol::chat::ToolUse;
use tollgate_protocol::codec::{AnswerHead, Codec, Protocol, Target};
use tollgate_protocol::counter::Counter;
use tollgate_protocol::estimate::Prompt;
use tollgate_protocol::fault::Fault;
use tollgate_protocol::gemini::path::Verb;
use tollgate_protocol::relay::Bridge;
use tollgate_protocol::{chat, embeddings, gemini};

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

/// The protocol in which a provider is asked how many tokens a conversation has; `None` if it has no counter.
pub(super) fn count_wire(caller: Protocol, provider: &Provider) -> Option<Protocol> {
    let speaks = provider.protocols.contains(&caller);
    let others = provider.protocols.iter().copied();
    speaks.then_some(caller).into_iter().chain(others).find(|protocol| protocol.counter().is_some())
}

/// The protocol in which a provider is asked for vectors: `OpenAI`'s stands beside chat, Google's beside
/// `generateContent`. `None` if it has none.
pub(super) fn vectors_wire(caller: Protocol, provider: &Provider) -> Option<Protocol> {
    [caller, Protocol::Chat, Protocol::GenerateContent]
        .into_iter()
        .find(|protocol| provider.protocols.contains(protocol))
}

/// A caller's request in the canonical form.
pub(super) struct Crossing {
    caller: Protocol,
    subject: Subject,
    /// What the canonical form has no word for.
    unread: Losses,
    strict: bool,
}

/// What is asked for.
enum Subject {
    Conversation {
        /// As it is sent.
        request: Arc<Request>,
        /// As its answer repeats it.
        echoed: Arc<Request>,
        /// What is remembered of its turns.
        recalled: Recalled,
    },
    Count(Box<Request>),
    Vectors(Arc<EmbedRequest>),
}

/// A request as it is written for one target.
pub(super) struct Written {
    pub(super) body: Bytes,
    /// The path below the provider's base URL.
    pub(super) below: String,
    pub(super) lost: Losses,
}

impl Crossing {
    /// Reads a request.
    pub(super) fn read(asked: &Asked, inbound: &Inbound, body: &[u8]) -> Result<Self, Fault> {
        let caller = asked.route.protocol();
        let mut unread = Losses::default();
        let subject = match asked.route {
            Route::Count(_) => {
                Subject::Count(Box::new(counter(caller)?.read_request(body, &asked.path, &mut unread)?))
            }
            Route::Embeddings => Subject::Vectors(Arc::new(embeddings::read_request(body, &mut unread)?)),
            Route::Embed | Route::BatchEmbed => {
                let verb = if asked.route == Route::Embed { Verb::Embed } else { Verb::BatchEmbed };
                Subject::Vectors(Arc::new(gemini::read_embed_request(body, verb, &asked.path, &mut unread)?))
            }
            Route::Converse(_) | Route::Transcriptions | Route::Translations => {
                let echoed = Arc::new(caller.codec().read_request(body, &asked.path, &mut unread)?);
                // What a caller of this protocol wants kept is kept here.
                let request = if caller == Protocol::Responses && echoed.store.is_some() {
                    Arc::new(Request { store: None, ..Request::clone(&echoed) })
                } else {
                    Arc::clone(&echoed)
                };
                Subject::Conversation { request, echoed, recalled: Recalled::default() }
            }
        };
        let strict = inbound.header(&TRANSLATION).is_some_and(|word| word.trim().eq_ignore_ascii_case("strict"));
        Ok(Self { caller, subject, unread, strict })
    }

    /// What the request wants of tools.
    pub(super) fn tool_use(&self) -> ToolUse {
        let Subject::Conversation { request, .. } = &self.subject else { return ToolUse::None };
        let Request { tools, reasoning, .. } = &**request;
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
        if let Subject::Conversation { request, recalled, .. } = &mut self.subject {
            *recalled = recall::recall(memory, project, &request.turns).await;
        }
    }

    /// Whether what is remembered of the latest turn is the account's of that attempt.
    pub(super) fn belongs_to(&self, attempt: &Attempt) -> bool {
        match &self.subject {
            Subject::Conversation { request, recalled, .. } => {
                !recalled.is_empty() && recalled.belongs_to(attempt, &request.turns)
            }
            Subject::Count(_) | Subject::Vectors(_) => false,
        }
    }

    /// Writes the request for a target.
    pub(super) fn write(&self, wire: Protocol, attempt: &Attempt, accepts: &Capabilities) -> Result<Written, Fault> {
        let model = &*attempt.choice.model;
        let target = Target { model, accepts, strict: self.strict };
        let (mut lost, names) = (self.unread.clone(), self.caller.codec());
        let (body, below) = match &self.subject {
            Subject::Conversation { request, recalled, .. } => {
                let restored = if recalled.is_empty() { None } else { recalled.restored(request, attempt, wire) };
                let request = restored.as_ref().unwrap_or(request);
                let body = wire.codec().write_request(request, &target, names, &mut lost)?;
                (body, wire.codec().path(model, request.stream, false))
            }
            Subject::Count(request) => {
                let counter = counter(wire)?;
                let beside = attempt.choice.deployment.provider.kind == Kind::Vertex;
                (counter.write_request(request, &target, names, &mut lost, beside)?, counter.path(model))
            }
            Subject::Vectors(request) if wire == Protocol::GenerateContent => {
                let (verb, body) = gemini::write_embed_request(request, model, &mut lost);
                (body, gemini::path::write(model, verb, false))
            }
            Subject::Vectors(request) => (embeddings::write_request(request, model), embeddings::PATH.to_owned()),
        };
        target.settle(&lost)?;
        Ok(Written { body, below, lost })
    }

    /// The way back of the answer. `model` is the name that the caller is to see.
    pub(super) fn back(&self, way: &Way<'_>, lost: &Losses) -> Return {
        let Way { asked, request_id, model, keeper, previous, sent } = way;
        let subject = match &self.subject {
            Subject::Conversation { echoed, .. } => Back::Answer {
                request: Arc::clone(echoed),
                head: AnswerHead {
                    // The request's own, so that either leads to the other.
                    id: request_id.strip_prefix("req_").unwrap_or(request_id).to_owned(),
                    created: now_ms() / 1000,
                    model: (*model).to_owned(),
                    array: asked.path.array,
                    previous: previous.map(str::to_owned),
                },
                keeper: (*keeper).clone(),
            },
            Subject::Count(_) => Back::Count,
            Subject::Vectors(request) => Back::Vectors {
                request: Arc::clone(request),
                model: (*model).to_owned(),
                tokens: Prompt::read(sent).likely_tokens(),
            },
        };
        Return { caller: self.caller, subject, lost: lost.to_string() }
    }
}

fn counter(protocol: Protocol) -> Result<&'static dyn Counter, Fault> {
    // No route and no wire leads here for a protocol without one.
    protocol.counter().ok_or_else(chat::not_an_answer)
}

/// What the way back depends on.
pub(super) struct Way<'a> {
    pub(super) asked: &'a Asked,
    pub(super) request_id: &'a str,
    pub(super) model: &'a str,
    pub(super) keeper: Keeper,
    /// The response that the conversation goes on from.
    pub(super) previous: Option<&'a str>,
    /// The caller's body.
    pub(super) sent: &'a [u8],
}

/// The way back of an answer that crosses.
pub(super) struct Return {
    caller: Protocol,
    subject: Back,
    /// What the request lost, as the caller is told.
    pub(super) lost: String,
}

enum Back {
    Answer {
        request: Arc<Request>,
        head: AnswerHead,
        /// Where reasoning goes that must come back.
        keeper: Keeper,
    },
    Count,
    Vectors {
        request: Arc<EmbedRequest>,
        model: String,
        /// Tokens, where the vendor does not say.
        tokens: u64,
    },
}

impl Return {
    /// A whole answer in the caller's protocol, and what of it was lost.
    pub(super) fn whole(&self, wire: Protocol, body: &[u8]) -> Result<(Bytes, Losses), Fault> {
        let mut losses = Losses::default();
        let body = match &self.subject {
            Back::Answer { request, head, keeper } => {
                let answer = wire.codec().read_answer(body)?;
                keeper.keep_first(&answer);
                self.codec().write_answer(&answer, head, request, &mut losses)
            }
            Back::Count => counter(self.caller)?.write(counter(wire)?.read(body)?),
            Back::Vectors { request, model, tokens } => {
                let google = wire == Protocol::GenerateContent;
                let vectors = if google { gemini::read_embed_vectors(body) } else { embeddings::read_vectors(body) };
                let vectors = vectors?.complete(request)?;
                match self.caller {
                    Protocol::GenerateContent => gemini::write_embed_vectors(&vectors, request)?,
                    _ => embeddings::write_vectors(&vectors, request, model, *tokens)?,
                }
            }
        };
        Ok((body, losses))
    }

    /// What carries a stream; only conversations have one.
    pub(super) fn bridge(&self, wire: Protocol, filing: Option<&Filing>) -> Option<Bridge> {
        let Back::Answer { request, head, .. } = &self.subject else { return None };
        let encoder = self.codec().encoder(head, request);
        let encoder = match filing {
            Some(filing) => filing.encoder(encoder),
            None => encoder,
        };
        Some(Bridge::new(wire.codec().decoder(), encoder))
    }

    /// Where reasoning goes that must come back.
    pub(super) fn keeper(self) -> Option<Keeper> {
        match self.subject {
            Back::Answer { keeper, .. } => Some(keeper),
            Back::Count | Back::Vectors { .. } => None,
        }
    }

    fn codec(&self) -> &'static dyn Codec {
        self.caller.codec()
    }

    /// The type of a stream for the caller.
    pub(super) fn stream_type(&self) -> &'static str {
        match &self.subject {
            Back::Answer { head, .. } if head.array => "application/json",
            _ => "text/event-stream",
        }
    }
}
