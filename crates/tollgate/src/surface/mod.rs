//! The surface: which path is answered by whom.
//!
//! One table, [`Surface::route`], says it all. The data plane's hot routes go to the gateway without a router in
//! between; operators' routes go through axum.

mod models;
mod operators;
mod own;
mod served;

use crate::door::Handler;
use crate::face::Face;
use crate::gateway::{self, Asked, Gateway, Session, Stored, fault_answer, request_id};
use crate::http1::HeadError;
use crate::message::{Answer, CallerBody, Inbound};
use crate::store::Store;
use axum::Router;
use http::{HeaderValue, Method, StatusCode, header};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tollgate_protocol::codec::Protocol;
use tollgate_protocol::fault::{Fault, FaultKind};

pub use served::serves;

/// Which of the planes a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planes {
    /// Model routes.
    pub data: bool,
    /// `/admin` and `/metrics`.
    pub admin: bool,
}

/// All routes of one listener.
pub struct Surface {
    /// The way of data-plane requests.
    pub gateway: Arc<Gateway>,
    /// The admin API.
    pub admin: Router,
    /// Pages for people.
    pub face: Arc<Face>,
    /// For receipts.
    pub store: Store,
    /// What this listener serves.
    pub planes: Planes,
    /// Unset while starting and draining.
    pub ready: Arc<AtomicBool>,
    /// Client connections open now, over all listeners.
    pub connections: Arc<AtomicUsize>,
}

impl Surface {
    /// The routes. Anything else is a 404, known paths with another method a 405.
    async fn route(&self, mut inbound: Inbound, body: &mut dyn CallerBody, session: &mut Session) -> Answer {
        // The playground reaches the data plane by the console's own address, with a key like anybody else.
        let played =
            inbound.path.strip_prefix("/console/play").filter(|path| path.starts_with('/') && self.planes.admin);
        let data = self.planes.data || played.is_some();
        if let Some(path) = played.map(str::to_owned) {
            inbound.path = path;
        }
        let path = inbound.path.as_str();
        if data {
            if let Some(video) = gateway::video::Asked::of(path) {
                return Box::pin(gateway::video::serve(&self.gateway, video, inbound, body, session)).await;
            }
            if let Some(asked) = Asked::of(path, inbound.query.as_deref()) {
                return match inbound.method {
                    Method::POST => gateway::path::serve(&self.gateway, asked, inbound, body, session).await,
                    _ => wrong_method(asked.route.protocol(), "POST"),
                };
            }
            if let Some(stored) = Stored::of(path) {
                let methods = stored.methods();
                return match inbound.method.as_str() {
                    method if methods.split(", ").any(|one| one == method) => {
                        Box::pin(gateway::state::serve(&self.gateway, stored, &inbound, body, session)).await
                    }
                    _ => wrong_method(Protocol::Responses, methods),
                };
            }
            if let Some(asked) = models::Asked::of(&inbound) {
                return match inbound.method {
                    Method::GET | Method::HEAD => models::answer(&self.gateway, &asked, &inbound, session),
                    _ => wrong_method(asked.shape, "GET"),
                };
            }
        }
        if data && path == "/v1/key" {
            return match inbound.method {
                Method::GET | Method::HEAD => own::key(&self.gateway, &inbound, session),
                _ => wrong_method(Protocol::Chat, "GET"),
            };
        }
        if data && let Some(id) = path.strip_prefix("/v1/receipts/") {
            return match inbound.method {
                Method::GET | Method::HEAD => {
                    Box::pin(own::receipt(&self.gateway, &self.store, &inbound, session, id)).await
                }
                _ => wrong_method(Protocol::Chat, "GET"),
            };
        }
        match path {
            "/healthz" | "/readyz" => match inbound.method {
                Method::GET | Method::HEAD if path == "/healthz" || self.ready.load(Ordering::Relaxed) => {
                    Answer::whole(StatusCode::OK, "text/plain; charset=utf-8", "ok\n")
                }
                Method::GET | Method::HEAD => {
                    Answer::whole(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", "not ready\n")
                }
                _ => wrong_method(Protocol::Chat, "GET"),
            },
            "/metrics" if self.planes.admin => match inbound.method {
                Method::GET | Method::HEAD => self.metrics(),
                _ => wrong_method(Protocol::Chat, "GET"),
            },
            _ if self.planes.admin
                && (path == "/admin" || path.starts_with("/admin/") || path == "/console/session") =>
            {
                operators::answer(self.admin.clone(), inbound, body).await
            }
            _ => {
                let page = self.face.public(&inbound);
                let page = page.or_else(|| Face::console(&inbound).filter(|_| self.planes.admin));
                page.unwrap_or_else(|| no_route(&inbound))
            }
        }
    }

    fn metrics(&self) -> Answer {
        let text = self.gateway.metrics(self.connections.load(Ordering::Relaxed));
        Answer::whole(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", text)
    }
}

impl Handler for Surface {
    type Session = Session;

    async fn handle<'a>(&'a self, inbound: Inbound, body: &'a mut dyn CallerBody, session: &'a mut Session) -> Answer {
        let mut answer = self.route(inbound, body, session).await;
        answer.headers.push(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer
    }

    fn refuse(&self, error: HeadError) -> Answer {
        let message = error.to_string();
        let fault = Fault::new(FaultKind::InvalidRequest, "malformed_request", message);
        let mut answer = fault_answer(Protocol::Chat, &fault, &request_id());
        answer.status = match error {
            HeadError::Malformed(_) => StatusCode::BAD_REQUEST,
            HeadError::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            HeadError::TargetTooLong => StatusCode::URI_TOO_LONG,
            HeadError::Connect => StatusCode::METHOD_NOT_ALLOWED,
            HeadError::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        };
        answer
    }
}

/// In whose form a path that leads nowhere is told so.
fn protocol_of(path: &str) -> Protocol {
    if path.starts_with("/v1beta/") {
        Protocol::GenerateContent
    } else if path.starts_with("/v1/messages") {
        Protocol::Messages
    } else if path.starts_with("/v1/responses") {
        Protocol::Responses
    } else {
        Protocol::Chat
    }
}

fn no_route(inbound: &Inbound) -> Answer {
    let message = format!("There is no route {} {}.", inbound.method, inbound.path);
    let fault = Fault::new(FaultKind::NotFound, "unknown_route", message);
    fault_answer(protocol_of(&inbound.path), &fault, &request_id())
}

fn wrong_method(protocol: Protocol, allowed: &'static str) -> Answer {
    let message = format!("This route takes {allowed}.");
    let fault = Fault::new(FaultKind::MethodNotAllowed, "method_not_allowed", message);
    let mut answer = fault_answer(protocol, &fault, &request_id());
    answer.headers.push(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}
