//! The vendors' protocols behind one face: which pure functions belong to which.

use crate::config::{Kind, Provider};
use std::sync::Arc;
use tollgate_protocol::video::kling::Family;
use tollgate_protocol::video::{Listed, Refusal, Seen, Send, ark, kling, openai, veo};

/// What is spoken with a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vendor {
    /// `OpenAI` Videos.
    OpenAi,
    /// Ark.
    Ark,
    /// Kling, one of its families.
    Kling(Family),
    /// The Gemini API.
    Gemini,
    /// Vertex, in a project and a location.
    Vertex {
        /// Project.
        project: Arc<str>,
        /// Location.
        location: Arc<str>,
    },
}

/// How a task whose id was lost can be found.
pub(super) enum Search {
    /// It has our name there.
    ByName(Send),
    /// It is among the newest.
    InList(Send),
    /// It cannot.
    Nowhere,
}

impl Vendor {
    /// What a vendor of this kind speaks; `None` for one without video. `provider` is `None` for the sandbox.
    pub fn of(kind: Kind, family: Family, provider: Option<&Provider>) -> Option<Self> {
        let place = |own: fn(&Provider) -> Option<&Arc<str>>, sandbox: &str| {
            provider.and_then(own).map_or_else(|| sandbox.into(), Arc::clone)
        };
        Some(match kind {
            Kind::OpenAi | Kind::OpenAiCompatible => Self::OpenAi,
            Kind::Ark => Self::Ark,
            Kind::Kling => Self::Kling(family),
            Kind::Gemini => Self::Gemini,
            Kind::Vertex => Self::Vertex {
                project: place(|provider| provider.project.as_ref(), "sandbox"),
                location: place(|provider| provider.location.as_ref(), "us-central1"),
            },
            Kind::Anthropic | Kind::DeepSeek => return None,
        })
    }

    /// What stands before the paths of this vendor in the sandbox.
    pub fn sandbox_base(&self) -> &'static str {
        match self {
            Self::OpenAi | Self::Vertex { .. } => "/v1",
            Self::Ark => "/api/v3",
            Self::Kling(_) => "",
            Self::Gemini => "/v1beta",
        }
    }

    /// Project and location, where requests name them.
    pub fn place(&self) -> Option<(&str, &str)> {
        match self {
            Self::Vertex { project, location } => Some((project, location)),
            _ => None,
        }
    }

    /// The vendor's id in the answer to a create.
    pub(super) fn accepted(&self, body: &[u8]) -> Option<String> {
        match self {
            Self::OpenAi => openai::accepted(body),
            Self::Ark => ark::accepted(body),
            Self::Kling(_) => kling::accepted(body),
            Self::Gemini | Self::Vertex { .. } => veo::accepted(body),
        }
    }

    /// Asks for a task.
    pub(super) fn poll(&self, id: &str) -> Option<Send> {
        Some(match self {
            Self::OpenAi => openai::poll(id),
            Self::Ark => ark::poll(id),
            Self::Kling(family) => kling::poll(*family, id),
            Self::Gemini | Self::Vertex { .. } => return veo::poll(id),
        })
    }

    /// A task in the vendor's answer.
    pub(super) fn seen(&self, body: &[u8]) -> Option<Seen> {
        match self {
            Self::OpenAi => openai::seen(body),
            Self::Ark => ark::seen(body),
            Self::Kling(_) => kling::seen(body),
            Self::Gemini | Self::Vertex { .. } => veo::seen(body),
        }
    }

    /// What a refusal means; `None` for an answer that is none.
    pub(super) fn refusal(&self, status: u16, body: &[u8]) -> Option<Refusal> {
        let good = (200..300).contains(&status);
        match self {
            Self::Kling(_) => kling::refusal(status, body),
            _ if good => None,
            Self::OpenAi => Some(openai::refusal(status, body)),
            Self::Ark => Some(ark::refusal(status, body)),
            Self::Gemini | Self::Vertex { .. } => Some(veo::refusal(status, body)),
        }
    }

    /// Calls off a task that has not begun.
    pub(super) fn cancel(&self, id: &str) -> Option<Send> {
        match self {
            Self::Ark => Some(ark::cancel(id)),
            _ => None,
        }
    }

    /// How to look for a task that was sent under our `name` and never confirmed.
    pub(super) fn search(&self, name: &str) -> Search {
        match self {
            Self::Kling(family) => Search::ByName(kling::poll(*family, name)),
            Self::Ark => Search::InList(ark::list()),
            Self::OpenAi => Search::InList(openai::list()),
            Self::Gemini | Self::Vertex { .. } => Search::Nowhere,
        }
    }

    /// The tasks in a list.
    pub(super) fn listed(&self, body: &[u8]) -> Option<Vec<Listed>> {
        match self {
            Self::Ark => ark::listed(body),
            Self::OpenAi => openai::listed(body),
            Self::Kling(_) | Self::Gemini | Self::Vertex { .. } => None,
        }
    }

    /// Whether results stand in the answers themselves.
    pub(super) fn is_inline(&self) -> bool {
        matches!(self, Self::Vertex { .. })
    }
}
