//! A request on its way out: what is sent, in which protocol, and where to.

use super::crossing::{self, Crossing, Return};
use super::meter::Meter;
use super::upload::Form;
use super::{Asked, Route};
use crate::catalogue;
use crate::config::{Kind, Protocol, Provider};
use crate::http1::Watchdog;
use crate::message::Inbound;
use crate::pricing::PriceBook;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::head::Head;

/// A request on its way out.
pub(super) struct Outbound<'a> {
    pub(super) asked: &'a Asked,
    pub(super) inbound: &'a Inbound,
    pub(super) payload: Payload,
    /// The request in the canonical form, once it had to cross.
    pub(super) crossing: Option<Crossing>,
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
pub(super) struct Wired {
    pub(super) wire: Protocol,
    /// The body in its protocol and the answer's way back, where that is not the caller's.
    pub(super) crossed: Option<(Bytes, Return)>,
}

impl Outbound<'_> {
    /// In which protocol a provider is asked, and with what if it is not the caller's.
    pub(super) fn wired(
        &mut self,
        provider: Option<&Provider>,
        model: &str,
        meter: &mut Meter,
    ) -> Result<Wired, Fault> {
        let caller = self.asked.route.protocol();
        let (Route::Converse(_), Some(provider), Payload::Json { body, .. }) =
            (self.asked.route, provider, &self.payload)
        else {
            return Ok(Wired { wire: caller, crossed: None });
        };
        let wire = crossing::wire(caller, provider, model).ok_or_else(unsupported_route)?;
        if wire == caller {
            return Ok(Wired { wire, crossed: None });
        }
        let crossing = match &mut self.crossing {
            Some(crossing) => crossing,
            empty => empty.insert(Crossing::read(self.asked, self.inbound, body)?),
        };
        let accepts = catalogue::accepts(provider.kind, model);
        let (body, lost) = crossing.write(wire, model, &accepts)?;
        let mut back = None;
        meter.note(|record| back = Some(Return::new(crossing, self.asked, &record.id, model, &lost)));
        let back = back.ok_or_else(unsupported_route)?;
        Ok(Wired { wire, crossed: Some((body, back)) })
    }
}

/// The path of a call.
pub(super) fn path(provider: Option<&Provider>, asked: &Asked, wire: Protocol, model: &str) -> String {
    let below = match asked.route {
        Route::Converse(_) => wire.codec().path(model, asked.path.stream, asked.path.array),
        Route::Embeddings => "/embeddings".to_owned(),
        Route::Transcriptions => "/audio/transcriptions".to_owned(),
        Route::Translations => "/audio/translations".to_owned(),
    };
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
