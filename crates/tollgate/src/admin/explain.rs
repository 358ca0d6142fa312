//! `POST /admin/v1/explain`: what a data-plane request would do.

use super::AdminState;
use super::body;
use super::error::AdminError;
use crate::keys::Invalid;
use crate::lines::Lines;
use crate::message::{NotExplained, Question};
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tollgate_protocol::fields::Fields;

/// Most header lines of a request.
const MAX_HEADERS: usize = 100;

pub(super) async fn explain(State(state): State<AdminState>, request: Request) -> Result<Response, AdminError> {
    let question = question(&body::whole(request.into_body()).await?)?;
    let plan = (state.running.explain)(question).await?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], plan).into_response())
}

fn question(bytes: &Bytes) -> Result<Question, AdminError> {
    let mut fields = body::fields(bytes)?;
    let path = fields.required("path")?;
    let method = fields.text("method")?;
    if method.is_some_and(|method| !method.eq_ignore_ascii_case("post")) {
        return Err(AdminError::field("method", "must be \"POST\": only such requests reach a vendor"));
    }
    let key = fields.text("key")?;
    let peer = match fields.text("peer")? {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| Invalid::new("peer", "must be an IP address"))?),
    };
    let headers = lines(fields.words("headers")?)?;
    let body = match fields.any("body") {
        // As a caller would send them, byte for byte.
        Some(Value::String(text)) => Bytes::from(text),
        Some(Value::Object(_)) => said(bytes).ok_or_else(|| Invalid::new("body", "must be an object or a string"))?,
        Some(_) => return Err(AdminError::field("body", "must be an object or a string")),
        None => return Err(AdminError::field("body", "is required")),
    };
    fields.done()?;
    Ok(Question { key, path, headers, peer, body })
}

/// The bytes of `body` as they stand in the question: numbers keep their digits.
fn said(bytes: &Bytes) -> Option<Bytes> {
    let fields = Fields::read(std::str::from_utf8(bytes).ok()?, "").ok()?;
    Some(Bytes::copy_from_slice(fields.raw("body")?.as_bytes()))
}

fn lines(words: Vec<(String, String)>) -> Result<Lines, Invalid> {
    let wrong = || Invalid::new("headers", "is no set of HTTP header lines");
    if words.len() > MAX_HEADERS {
        return Err(Invalid::new("headers", format!("has more than {MAX_HEADERS} lines")));
    }
    let mut lines = Lines::with_capacity(words.len());
    for (name, value) in words {
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        lines.push(name, HeaderValue::try_from(value).map_err(|_| wrong())?);
    }
    Ok(lines)
}

impl From<NotExplained> for AdminError {
    fn from(NotExplained { field, why }: NotExplained) -> Self {
        Self::field(field, why)
    }
}
