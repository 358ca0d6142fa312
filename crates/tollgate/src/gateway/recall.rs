//! Reasoning between turns, for callers that cannot carry it.
//!
//! Vendors that think before they call a tool want their thoughts back with the tool's result, sealed or in words, and
//! refuse the next turn without them. A caller of another protocol, or a plain chat client, drops them. So they are
//! remembered under the id of the turn's first call, which every client hands back, and put in again. They belong to
//! the project and, where sealed, to the account that made them: another account gets none, never a foreign one.

use crate::memory::{Memory, Shelf};
use crate::routing::Attempt;
use bytes::BytesMut;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tollgate_protocol::canonical::{Answer, Content, Part, Reasoning, Request, Role, Seal, Turn};
use tollgate_protocol::chat;
use tollgate_protocol::codec::Protocol;
use tollgate_protocol::fields::Fields;
use tollgate_protocol::splice::Splice;
use tollgate_protocol::write;

/// How long a tool may take to answer.
const KEEP: Duration = Duration::from_hours(7 * 24);
/// Most turns of one request that are looked up; a longer conversation has its latest turns restored.
const MAX_TURNS: usize = 128;

/// Where reasoning of one call to a vendor goes.
#[derive(Clone)]
pub(super) struct Keeper {
    memory: Arc<Memory>,
    project: Arc<str>,
    account: String,
    wire: Protocol,
}

impl Keeper {
    pub(super) fn new(memory: &Arc<Memory>, project: &Arc<str>, attempt: &Attempt, wire: Protocol) -> Self {
        Self { memory: Arc::clone(memory), project: Arc::clone(project), account: account(attempt), wire }
    }

    /// Remembers what of an answer must come back with the results of its calls.
    pub(super) fn keep(&self, parts: &[Part]) {
        let Some(first) = parts.iter().find_map(call_id).filter(|id| !id.is_empty()) else { return };
        let thought = |part: &&Part| matches!(part.content, Content::Reasoning(_));
        let seals = parts.iter().any(|part| call_id(part).is_some() && part.seal.is_some());
        if !seals && !parts.iter().any(|part| thought(&part)) {
            return;
        }
        let text = self.written(parts);
        if let Err(error) = self.memory.put(Shelf::Reasoning, &self.project, first, &text, KEEP) {
            tracing::warn!(%error, "reasoning before a call of a tool is not remembered");
        }
    }

    /// The same of an answer's first alternative.
    pub(super) fn keep_first(&self, answer: &Answer) {
        if let Some(candidate) = answer.candidates.first() {
            self.keep(&candidate.parts);
        }
    }

    fn written(&self, parts: &[Part]) -> BytesMut {
        let mut out = BytesMut::with_capacity(512);
        let mut object = write::object(&mut out);
        object.text("account", &self.account).text("wire", self.wire.name());
        let mut thoughts = object.list("thoughts");
        for part in parts {
            if let Content::Reasoning(Reasoning { text, id, redacted }) = &part.content {
                let mut thought = thoughts.object();
                thought.text("text", text).text_if("id", id.as_deref()).flag("redacted", *redacted);
                thought.text_if("seal", part.seal.as_ref().map(|seal| &*seal.data));
            }
        }
        drop(thoughts);
        let mut calls = object.object("calls");
        for part in parts {
            if let (Some(id), Some(seal)) = (call_id(part), &part.seal) {
                calls.text(id, &seal.data);
            }
        }
        drop(calls);
        drop(object);
        out
    }
}

fn account(attempt: &Attempt) -> String {
    super::state::name_of(&attempt.choice.deployment.provider.name, attempt.account())
}

fn call_id(part: &Part) -> Option<&str> {
    match &part.content {
        Content::ToolCall(call) => Some(&call.id),
        _ => None,
    }
}

/// What is remembered of one turn.
struct Kept {
    account: String,
    wire: Protocol,
    thoughts: Vec<Part>,
    /// Seals of calls by their ids.
    calls: HashMap<String, String>,
}

impl Kept {
    /// The thoughts in words.
    fn words(&self) -> String {
        let texts = self.thoughts.iter().filter_map(|part| match &part.content {
            Content::Reasoning(reasoning) => Some(reasoning.text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}

/// What is remembered of a request's turns, by the id of each turn's first call.
#[derive(Default)]
pub(super) struct Recalled(HashMap<String, Kept>);

/// Looks up the turns in which tools were called and of which the caller has handed back no reasoning.
pub(super) async fn recall(memory: &Memory, project: &str, turns: &[Turn]) -> Recalled {
    let mut recalled = Recalled::default();
    for id in bare_turns(turns).rev().take(MAX_TURNS) {
        match memory.get(Shelf::Reasoning, project, id).await {
            Ok(Some(text)) => {
                if let Some(kept) = read(&text) {
                    recalled.0.insert(id.to_owned(), kept);
                }
            }
            Ok(None) => {}
            // The vendor decides whether it can do without; the cause is logged where it happened.
            Err(_) => break,
        }
    }
    recalled
}

/// The changes that give a chat request the thoughts that its vendor wants back; empty ones where none are remembered,
/// which is what the vendor asks for then.
pub(super) async fn replay(memory: &Memory, project: &str, body: &[u8]) -> Vec<Splice> {
    let bare = chat::bare_turns(body);
    let mut edits = Vec::with_capacity(bare.len());
    let forgotten = bare.len().saturating_sub(MAX_TURNS);
    for (index, turn) in bare.iter().enumerate() {
        let kept = if index < forgotten || turn.call.is_empty() {
            None
        } else {
            memory.get(Shelf::Reasoning, project, &turn.call).await.ok().flatten().and_then(|text| read(&text))
        };
        edits.push(turn.with(&kept.map(|kept| kept.words()).unwrap_or_default()));
    }
    edits
}

fn bare_turns(turns: &[Turn]) -> impl DoubleEndedIterator<Item = &str> {
    turns.iter().filter(|turn| turn.role == Role::Assistant && is_bare(turn)).filter_map(first_call)
}

fn first_call(turn: &Turn) -> Option<&str> {
    turn.parts.iter().find_map(call_id).filter(|id| !id.is_empty())
}

/// Whether tools are called in a turn without any reasoning that a vendor could know again.
fn is_bare(turn: &Turn) -> bool {
    let sealed = turn.parts.iter().any(|part| part.seal.is_some());
    !sealed && turn.parts.iter().any(|part| call_id(part).is_some())
}

fn read(text: &[u8]) -> Option<Kept> {
    let fields = Fields::read(std::str::from_utf8(text).ok()?, "").ok()?;
    let wire = fields.text("wire").ok()??;
    let wire = Protocol::ALL.into_iter().find(|protocol| protocol.name() == wire)?;
    let seal = |data: Option<std::borrow::Cow<'_, str>>| data.map(|data| Seal { owner: wire, data: data.into_owned() });
    let mut thoughts = Vec::new();
    for item in fields.list("thoughts").ok()?? {
        let thought = item.fields().ok()?;
        let reasoning = Reasoning {
            text: thought.text("text").ok()??.into_owned(),
            id: thought.text("id").ok()?.map(std::borrow::Cow::into_owned),
            redacted: thought.flag("redacted").ok()?.unwrap_or(false),
        };
        thoughts.push(Part::new(Content::Reasoning(reasoning)).sealed(seal(thought.text("seal").ok()?)));
    }
    let calls = fields.object("calls").ok()??;
    let calls = calls
        .others()
        .into_iter()
        .filter_map(|(id, raw)| Some((id.to_owned(), tollgate_protocol::json::string(raw.as_bytes())?.into_owned())));
    Some(Kept { account: fields.text("account").ok()??.into_owned(), wire, thoughts, calls: calls.collect() })
}

impl Recalled {
    /// Whether nothing is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the latest of it is that account's.
    pub(super) fn belongs_to(&self, attempt: &Attempt, turns: &[Turn]) -> bool {
        let latest = bare_turns(turns).next_back().and_then(|id| self.0.get(id));
        latest.is_some_and(|kept| kept.account == account(attempt))
    }

    /// The request with what that account may be told again.
    pub(super) fn restored(&self, request: &Request, attempt: &Attempt, wire: Protocol) -> Option<Request> {
        let account = account(attempt);
        let mut restored = request.clone();
        let mut changed = false;
        for turn in restored.turns.iter_mut().filter(|turn| turn.role == Role::Assistant && is_bare(turn)) {
            let Some(kept) = first_call(turn).and_then(|id| self.0.get(id)) else { continue };
            let readable = |part: &Part| part.seal.is_none() || (kept.wire == wire && kept.account == account);
            if kept.wire == wire && kept.account == account {
                for part in &mut turn.parts {
                    if let Some(data) = call_id(part).and_then(|id| kept.calls.get(id)) {
                        part.seal = Some(Seal { owner: wire, data: data.clone() });
                        changed = true;
                    }
                }
            }
            // Thoughts that the caller tells in words of its own give way to those that the vendor knows.
            let thoughts: Vec<Part> = kept.thoughts.iter().filter(|part| readable(part)).cloned().collect();
            if !thoughts.is_empty() {
                turn.parts.retain(|part| !matches!(part.content, Content::Reasoning(_)));
                turn.parts.splice(0..0, thoughts);
                changed = true;
            }
        }
        changed.then_some(restored)
    }
}
