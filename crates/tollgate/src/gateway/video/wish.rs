//! What a request for a video says, in each dialect, and the call to a vendor that follows from it.

use super::create::Create;
use crate::catalogue::video;
use crate::config::Kind;
use crate::message::Inbound;
use crate::tasks::{Candidate, Dialect, Task, Vendor};
use bytes::Bytes;
use http::header;
use tollgate_protocol::fault::Fault;
use tollgate_protocol::head::malformed;
use tollgate_protocol::json;
use tollgate_protocol::multipart;
use tollgate_protocol::video::edit::{self, Edit};
use tollgate_protocol::video::kling::Family;
use tollgate_protocol::video::openai::{Ask, Form};
use tollgate_protocol::video::{Facts, Send, ark, kling, openai, veo};

/// What is wanted.
pub(super) enum Wish {
    /// In the unified dialect, and as it came.
    Unified(Box<Ask>, Raw),
    /// To make a finished video anew.
    Remix { prompt: String, body: Bytes, source: Box<Task> },
    /// At Ark.
    Ark { create: Box<ark::Create>, body: Bytes, draft: Option<Box<Task>> },
    /// At Kling.
    Kling { create: Box<kling::Create>, body: Bytes, family: Family },
    /// At Google.
    Veo { create: Box<veo::Create>, body: Bytes, model: String },
}

/// A request of the unified dialect as it came.
pub(super) enum Raw {
    Json(Bytes),
    Form(Form, String),
}

/// What a candidate would make of it.
pub(super) struct Shape {
    pub(super) facts: Facts,
    pub(super) native: bool,
    pub(super) size: Option<String>,
    pub(super) losses: Option<String>,
    pub(super) family: Family,
}

impl Wish {
    /// Reads a request, as far as that needs no model. What it refers to is filled in by whoever can find it.
    pub(super) fn read(create: &Create, inbound: &Inbound, body: Bytes) -> Result<Self, Fault> {
        Ok(match create {
            Create::Tasks(Dialect::OpenAi) => {
                let content_type = inbound.header(&header::CONTENT_TYPE).unwrap_or_default();
                if let Some(boundary) = multipart::boundary(content_type) {
                    let form =
                        Form::read(body, &boundary).ok_or_else(|| Fault::invalid("body", "The form is malformed."))?;
                    Self::Unified(Box::new(openai::read_form(&form)?), Raw::Form(form, boundary))
                } else {
                    Self::Unified(Box::new(openai::read_json(&body)?), Raw::Json(body))
                }
            }
            Create::Tasks(Dialect::Ark) => Self::Ark { create: Box::new(ark::read_create(&body)?), body, draft: None },
            Create::Tasks(dialect) => {
                let family = dialect.family().unwrap_or(Family::Text);
                Self::Kling { create: Box::new(kling::read_create(family, &body)?), body, family }
            }
            Create::Predict { model, .. } => {
                Self::Veo { create: Box::new(veo::read_create(&body)?), body, model: model.clone() }
            }
            Create::Remix(_, source) => {
                let prompt = openai::read_remix(&body)?;
                let source = source.clone().ok_or_else(|| super::missing(Dialect::OpenAi))?;
                Self::Remix { prompt, body, source }
            }
        })
    }

    /// The model as the caller names it, or the one that is meant if it names none.
    pub(super) fn model(&self) -> Result<String, Fault> {
        let (named, kind, field) = match self {
            Self::Unified(ask, _) => (ask.model.as_str(), Kind::OpenAi, "model"),
            Self::Remix { source, .. } => (source.row.model.as_str(), Kind::OpenAi, "model"),
            Self::Ark { create, .. } => (create.model.as_str(), Kind::Ark, "model"),
            Self::Kling { create, .. } => (create.model.as_str(), Kind::Kling, "model_name"),
            Self::Veo { model, .. } => (model.as_str(), Kind::Gemini, "model"),
        };
        let meant = if named.is_empty() { video::usual(kind).unwrap_or_default() } else { named };
        if meant.is_empty() {
            return Err(Fault::invalid(field, format!("You must give '{field}'.")));
        }
        Ok(meant.to_owned())
    }

    /// What its caller speaks.
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Unified(..) | Self::Remix { .. } => Dialect::OpenAi,
            Self::Ark { .. } => Dialect::Ark,
            Self::Kling { family: Family::Text, .. } => Dialect::KlingText,
            Self::Kling { family: Family::Image, .. } => Dialect::KlingImage,
            Self::Veo { .. } => Dialect::Veo,
        }
    }

    /// The task that it must be made beside: by the same account.
    pub(super) fn beside(&self) -> Option<&Task> {
        match self {
            Self::Remix { source, .. } => Some(source),
            Self::Ark { draft, .. } => draft.as_deref(),
            _ => None,
        }
    }

    /// Whether a provider of this kind could be asked.
    pub(super) fn suits(&self, kind: Kind) -> bool {
        match self {
            Self::Unified(..) => video::find(kind, "").is_some(),
            _ => self.dialect().is_spoken_by(kind),
        }
    }

    /// What the caller is told and wants to be told: prompt, address, own name.
    pub(super) fn told(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        match self {
            Self::Unified(ask, _) => (Some(&ask.prompt), None, None),
            Self::Remix { prompt, .. } => (Some(prompt), None, None),
            Self::Ark { create, .. } => (None, create.callback_url.as_deref(), None),
            Self::Kling { create, .. } => (None, create.callback_url.as_deref(), create.external_id.as_deref()),
            Self::Veo { .. } => (None, None, None),
        }
    }

    /// What would be made of it by a model of a kind, or why it would not.
    pub(super) fn shape(&self, kind: Kind, upstream: &str, strict: bool) -> Result<Shape, Fault> {
        let unserved = || Fault::invalid("model", "This model makes no videos.");
        let model = video::find(kind, upstream).ok_or_else(unserved)?;
        let native = self.dialect().is_spoken_by(kind);
        let shape = |facts, family| Shape { facts, native, size: None, losses: None, family };
        Ok(match self {
            Self::Unified(ask, _) if native => {
                let size = ask.size.unwrap_or(openai::Size::USUAL).to_string();
                Shape { size: Some(size), ..shape(openai::native_facts(ask, model)?, Family::Text) }
            }
            Self::Unified(ask, _) => {
                let plan = openai::plan(ask, model)?;
                if strict {
                    openai::strict(&plan.losses)?;
                }
                match kind {
                    Kind::Kling => kling::check_crossing(ask)?,
                    Kind::Gemini | Kind::Vertex => veo::check_crossing(ask)?,
                    _ => {}
                }
                Shape {
                    size: Some(plan.size.to_string()),
                    losses: Some(plan.losses.to_string()),
                    ..shape(plan.facts(), kling::family(ask))
                }
            }
            Self::Remix { source, .. } => {
                Shape { size: source.asked.size.clone(), ..shape(source.facts(), Family::Text) }
            }
            Self::Ark { create, .. } => shape(create.facts(model)?, Family::Text),
            Self::Kling { create, family, .. } => shape(create.facts(model)?, *family),
            // Written from what is known, not from the vendor's answers: either form may be asked for.
            Self::Veo { create, .. } => Shape { native: false, ..shape(create.facts(model)?, Family::Text) },
        })
    }

    /// The call that makes it; `name` is the task's own name, for vendors that take one.
    pub(super) fn call(&self, candidate: &Candidate, name: &str) -> Result<Send, Fault> {
        let upstream = &*candidate.model;
        let edited = |body: &Bytes, edits: &[Edit]| edit::members(body, edits).map_err(|error| malformed(&error));
        Ok(match self {
            Self::Unified(ask, raw) if candidate.native => match raw {
                Raw::Json(body) if ask.model == upstream => Send::post(openai::VIDEOS, body.clone()),
                Raw::Json(body) => Send::post(openai::VIDEOS, edited(body, &[Edit::text("model", upstream)])?),
                Raw::Form(form, boundary) => Send {
                    content_type: format!("multipart/form-data; boundary=\"{boundary}\""),
                    ..Send::post(openai::VIDEOS, form.with(boundary, "model", upstream))
                },
            },
            Self::Unified(ask, _) => {
                let unserved = || Fault::invalid("model", "This model makes no videos.");
                let model = video::find(candidate.kind, upstream).ok_or_else(unserved)?;
                let plan = openai::plan(ask, model)?;
                match &candidate.vendor {
                    Vendor::Ark => ark::cross(ask, &plan, model, upstream),
                    Vendor::Kling(_) => kling::cross(ask, &plan, model, upstream, name),
                    Vendor::Gemini | Vendor::Vertex { .. } => {
                        veo::cross(ask, &plan, model, upstream, candidate.vendor.place())
                    }
                    Vendor::OpenAi => return Err(unserved()),
                }
            }
            Self::Remix { body, source, .. } => {
                let id = source.row.vendor_id.as_deref().unwrap_or_default();
                Send::post(format!("{}/remix", openai::poll(id).path), body.clone())
            }
            Self::Ark { create, body, draft } => {
                let body = edited(body, &create.edits(upstream))?;
                let vendors = draft.as_ref().and_then(|draft| draft.row.vendor_id.as_deref());
                match vendors {
                    Some(id) => Send::post(ark::TASKS, with_draft(&body, id)?),
                    None => Send::post(ark::TASKS, body),
                }
            }
            Self::Kling { create, body, family } => {
                Send::post(family.path(), edited(body, &create.edits(upstream, name))?)
            }
            Self::Veo { body, .. } => Send::post(veo::create_path(upstream, candidate.vendor.place()), body.clone()),
        })
    }
}

/// Puts the vendor's id of a draft in the place of the gateway's.
fn with_draft(body: &Bytes, id: &str) -> Result<Vec<u8>, Fault> {
    let changed = edit::values(body, |way, _| match way {
        [list, _, draft, last] if (list.key(), draft.key(), last.key()) == ("content", "draft_task", "id") => {
            Some(json::quote(id))
        }
        _ => None,
    });
    changed.map_err(|error| malformed(&error))
}
