//! The bridge to operators' routes, which axum serves.

use crate::admin::{BODY_LIMIT, Peer};
use crate::gateway::{fault_answer, request_id};
use crate::message::{self, Answer, AnswerBody, BodyError, CallerBody, Inbound};
use axum::Router;
use axum::body::Body;
use bytes::BytesMut;
use http::Request;
use http_body_util::BodyExt;
use tollgate_protocol::codec::Protocol;
use tollgate_protocol::fault::{Fault, FaultKind};
use tower::ServiceExt;

/// Answers through the admin router. Its bodies are small both ways.
pub(super) async fn answer(router: Router, inbound: Inbound, body: &mut dyn CallerBody) -> Answer {
    let mut bytes = BytesMut::new();
    loop {
        match message::read(body, &mut bytes).await {
            // One byte over is enough for the router to refuse it in its own words.
            Ok(true) if bytes.len() <= BODY_LIMIT => {}
            Ok(_) => break,
            Err(error) => {
                let (kind, code) = match error {
                    BodyError::TooSlow => (FaultKind::RequestTimeout, "request_timeout"),
                    BodyError::Gone | BodyError::Malformed => (FaultKind::InvalidRequest, "invalid_body"),
                };
                let fault = Fault::new(kind, code, error.to_string());
                return fault_answer(Protocol::Chat, &fault, &request_id());
            }
        }
    }
    let target = match &inbound.query {
        Some(query) => format!("{}?{query}", inbound.path),
        None => inbound.path.clone(),
    };
    let mut request = Request::new(Body::from(bytes.freeze()));
    *request.method_mut() = inbound.method;
    *request.uri_mut() = target.parse().unwrap_or_default();
    *request.headers_mut() = inbound.headers.into();
    request.extensions_mut().insert(Peer(inbound.peer));
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (head, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => {
            let mut headers = head.headers;
            headers.remove(http::header::CONTENT_LENGTH);
            Answer { status: head.status, headers: headers.into(), body: AnswerBody::Whole(body.to_bytes()) }
        }
        Err(error) => {
            tracing::error!(%error, "an operator's answer could not be made");
            fault_answer(
                Protocol::Chat,
                &Fault::new(FaultKind::Internal, "internal", "The gateway failed."),
                &request_id(),
            )
        }
    }
}
