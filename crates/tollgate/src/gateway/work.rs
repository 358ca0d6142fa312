//! A request that changes something, whatever it is: what `Idempotency-Key` needs to know of it.

use super::meter::Meter;
use super::respond::Voice;
use super::video::{self, Create};
use super::{Asked, Gateway, Session, path};
use crate::message::{Answer, CallerBody, Inbound};
use http::header;
use std::sync::Arc;
use tollgate_protocol::multipart;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    /// An answer of a vendor.
    Reach(Asked),
    /// A video task.
    Video(Create),
}

impl From<Asked> for Work {
    fn from(asked: Asked) -> Self {
        Self::Reach(asked)
    }
}

impl From<Create> for Work {
    fn from(create: Create) -> Self {
        Self::Video(create)
    }
}

impl Work {
    /// The route's name.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Reach(asked) => asked.route.name(),
            Self::Video(create) => create.name(),
        }
    }

    /// In whose form its faults are told.
    pub(super) fn voice(&self) -> Voice {
        match self {
            Self::Reach(asked) => asked.route.protocol().into(),
            Self::Video(create) => create.voice(),
        }
    }

    /// Whether its body is a form.
    pub(super) fn is_form(&self, inbound: &Inbound) -> bool {
        match self {
            Self::Reach(asked) => asked.route.is_form(),
            Self::Video(_) => inbound.header(&header::CONTENT_TYPE).and_then(multipart::boundary).is_some(),
        }
    }

    /// What the path says besides the route, which is part of what the request is.
    pub(super) fn subject(&self) -> (&str, [u8; 2]) {
        match self {
            Self::Reach(asked) => {
                let path = &asked.path;
                (path.model.as_deref().unwrap_or_default(), [u8::from(path.stream), u8::from(path.array)])
            }
            Self::Video(create) => (create.subject(), [0; 2]),
        }
    }

    /// Answers it, for whoever sends it.
    pub(super) async fn respond(
        &self,
        gateway: &Arc<Gateway>,
        inbound: &Inbound,
        body: &mut dyn CallerBody,
        session: &mut Session,
        meter: Meter,
    ) -> Answer {
        match self {
            Self::Reach(asked) => Box::pin(path::respond(gateway, asked, inbound, body, session, meter)).await,
            Self::Video(create) => Box::pin(video::respond(gateway, create, inbound, body, session, meter)).await,
        }
    }
}
