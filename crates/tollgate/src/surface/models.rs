//! The lists of models, in the shape of each protocol: what this key may use.
//!
//! `GET /v1/models` and `/v1/models/{id}` in `OpenAI`'s shape, in Anthropic's where `anthropic-version` is sent;
//! `/v1beta/models` and `/v1beta/models/{id}` in Google's. Each pages as its vendor's libraries expect.

use crate::catalogue::{self, Entry, Mode as Use};
use crate::gateway::{Gateway, Session, fault_answer, identify, request_id};
use crate::keys::{Key, Mode, allows_model};
use crate::message::{Answer, Inbound};
use crate::routing::resolve;
use http::{HeaderName, HeaderValue, StatusCode};
use std::cell::LazyCell;
use std::collections::BTreeMap;
use tollgate_protocol::canonical::Capabilities;
use tollgate_protocol::codec::Protocol;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::gemini::path::{self, Verb};
use tollgate_protocol::{gemini, messages, openai};

/// `created` of every model: the vendors' own dates are not in the catalogue, and a program must not sort by ours.
const CREATED: i64 = 1_700_000_000;
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// A request for the list, or for one model of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// In whose shape.
    pub(super) shape: Protocol,
    /// The one; `None` for the list.
    model: Option<String>,
}

impl Asked {
    /// What a path asks for; `None` for one that asks for no models.
    pub(super) fn of(inbound: &Inbound) -> Option<Self> {
        let path = inbound.path.as_str();
        let rest = path.strip_prefix("/v1beta/models").or_else(|| path.strip_prefix("/v1/models"))?;
        let model = match rest.strip_prefix('/') {
            Some(_) => Some(path::parse(path).filter(|named| named.verb.is_none())?.model.into_owned()),
            None if rest.is_empty() => None,
            None => return None,
        };
        let shape = if path.starts_with("/v1beta/") {
            Protocol::GenerateContent
        } else if inbound.headers.contains(&ANTHROPIC_VERSION) {
            Protocol::Messages
        } else {
            Protocol::Chat
        };
        Some(Self { shape, model })
    }
}

/// What is told of a model.
struct Told {
    owner: String,
    entry: Option<&'static Entry>,
    /// What it accepts; looked up where a shape tells it.
    accepts: LazyCell<Capabilities, Box<dyn FnOnce() -> Capabilities>>,
}

pub(super) fn answer(gateway: &Gateway, asked: &Asked, inbound: &Inbound, session: &mut Session) -> Answer {
    let body = identify(gateway, inbound, session).and_then(|key| {
        let models = visible(gateway, &key);
        match &asked.model {
            None => list(asked.shape, &models, inbound.query.as_deref()),
            Some(id) => match models.get_key_value(id) {
                Some((id, told)) => Ok(one(asked.shape, id, told)),
                None => Err(Fault::new(
                    FaultKind::NotFound,
                    "model_not_found",
                    "There is no such model, or this key may not use it.",
                )
                .about("model")),
            },
        }
    });
    match body {
        Ok(body) => {
            let mut answer = Answer::whole(StatusCode::OK, "application/json", body);
            if let Ok(id) = HeaderValue::from_str(&request_id()) {
                if asked.shape == Protocol::Messages {
                    answer.headers.push(HeaderName::from_static("request-id"), id.clone());
                }
                answer.headers.push(HeaderName::from_static("x-request-id"), id);
            }
            answer
        }
        Err(fault) => fault_answer(asked.shape, &fault, &request_id()),
    }
}

fn list(shape: Protocol, models: &BTreeMap<String, Told>, query: Option<&str>) -> Result<Vec<u8>, Fault> {
    Ok(match shape {
        Protocol::Messages => {
            let all: Vec<Row<'_>> = models.iter().map(|(id, told)| (id.as_str(), told)).collect();
            let (page, more) = Window::of(query)?.cut(&all)?;
            messages::write_models(page.iter().map(|(id, told)| of_messages(id, told)), more)
        }
        Protocol::GenerateContent => {
            let all = models.iter().map(|(id, told)| of_gemini(id, told));
            gemini::write_models(all, &gemini::Page::of(query))
        }
        Protocol::Chat | Protocol::Responses => {
            openai::write_models(models.iter().map(|(id, told)| (id.as_str(), told.owner.as_str())), CREATED)
        }
    })
}

fn one(shape: Protocol, id: &str, told: &Told) -> Vec<u8> {
    match shape {
        Protocol::Messages => messages::write_model(&of_messages(id, told)),
        Protocol::GenerateContent => gemini::write_model(&of_gemini(id, told)),
        Protocol::Chat | Protocol::Responses => openai::write_model(id, &told.owner, CREATED),
    }
}

fn of_messages<'a>(id: &'a str, told: &'a Told) -> messages::Model<'a> {
    messages::Model {
        id,
        display_name: id,
        created: CREATED,
        max_input_tokens: limit(told, |entry| entry.max_input_tokens.or(entry.context_window)),
        max_tokens: limit(told, |entry| entry.max_output_tokens),
        capabilities: told.entry.map(|_| &*told.accepts),
    }
}

fn of_gemini<'a>(id: &'a str, told: &Told) -> gemini::Model<'a> {
    const CONVERSES: &[Verb] = &[Verb::Generate, Verb::Stream, Verb::CountTokens];
    const EMBEDS: &[Verb] = &[Verb::Embed, Verb::BatchEmbed];
    let used = |used: Use| told.entry.is_some_and(|entry| entry.has(used));
    gemini::Model {
        id,
        display_name: id,
        max_input_tokens: limit(told, |entry| entry.max_input_tokens.or(entry.context_window)),
        max_output_tokens: limit(told, |entry| entry.max_output_tokens),
        verbs: if used(Use::Embedding) {
            EMBEDS
        } else if used(Use::Video) {
            &[Verb::PredictLongRunning]
        } else if used(Use::Transcription) && !used(Use::Chat) {
            &[]
        } else {
            // A model that the catalogue does not know is most likely to converse.
            CONVERSES
        },
        thinking: told.entry.is_some_and(|entry| entry.reasons),
    }
}

fn limit(told: &Told, of: impl FnOnce(&Entry) -> Option<u32>) -> Option<u64> {
    told.entry.and_then(of).map(u64::from)
}

/// A model's name and what is told of it.
type Row<'a> = (&'a str, &'a Told);

/// Which part of a list an Anthropic caller asks for.
struct Window {
    limit: usize,
    after: Option<String>,
    before: Option<String>,
}

impl Window {
    /// Reads `limit` (1 to 1000, usually 20), `after_id` and `before_id` (Anthropic's API reference, 2026-11).
    fn of(query: Option<&str>) -> Result<Self, Fault> {
        let mut window = Self { limit: 20, after: None, before: None };
        for (name, value) in query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')) {
            let text = || gemini::path::decoded(value).unwrap_or(value.into()).into_owned();
            match name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=1000).contains(limit));
                    window.limit =
                        limit.ok_or_else(|| Fault::invalid("limit", "'limit' must be a number from 1 to 1000."))?;
                }
                "after_id" => window.after = Some(text()),
                "before_id" => window.before = Some(text()),
                _ => {}
            }
        }
        Ok(window)
    }

    /// The part, and whether there is more of the list on its far side.
    fn cut<'l, 'a>(&self, all: &'l [Row<'a>]) -> Result<(&'l [Row<'a>], bool), Fault> {
        let find = |id: &str, name: &'static str| {
            let at = all.iter().position(|(other, _)| *other == id);
            at.ok_or_else(|| Fault::invalid(name, format!("'{name}' names no model of this list.")))
        };
        let range = match (&self.after, &self.before) {
            (_, Some(before)) => {
                let end = find(before, "before_id")?;
                end.saturating_sub(self.limit)..end
            }
            (after, None) => {
                let start = after.as_deref().map_or(Ok(0), |after| find(after, "after_id").map(|at| at + 1))?;
                start..all.len().min(start + self.limit)
            }
        };
        let more = if self.before.is_some() { range.start > 0 } else { range.end < all.len() };
        Ok((all.get(range).unwrap_or_default(), more))
    }
}

/// The models that a key may use, by name.
fn visible(gateway: &Gateway, key: &Key) -> BTreeMap<String, Told> {
    let fleet = gateway.fleet.load();
    let mut models: BTreeMap<String, Told> = resolve::visible(&fleet.config)
        .into_iter()
        .filter(|visible| allows_model(key, visible.name))
        .map(|visible| {
            let (name, kind) = (visible.name.to_owned(), visible.provider.kind);
            let accepts: Box<dyn FnOnce() -> Capabilities> = {
                let name = name.clone();
                Box::new(move || catalogue::accepts(kind, &name))
            };
            let owner = visible.provider.name.to_string();
            (name, Told { owner, entry: visible.entry, accepts: LazyCell::new(accepts) })
        })
        .collect();
    if key.mode == Mode::Test {
        // The sandbox answers for every model of the catalogue.
        for entry in catalogue::all().iter().filter(|entry| entry.is_served() && allows_model(key, entry.model)) {
            models.entry(entry.model.to_owned()).or_insert_with(|| Told {
                owner: entry.kind.name().to_owned(),
                entry: Some(entry),
                accepts: LazyCell::new(Box::new(|| catalogue::accepts(entry.kind, entry.model))),
            });
        }
    }
    models
}
