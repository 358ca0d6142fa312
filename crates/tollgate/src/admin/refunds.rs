//! `/admin/v1/ledger/refunds`: money back.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::body::{self, Fields};
use super::error::AdminError;
use super::{AdminState, actor, to_the_end};
use crate::keys::Invalid;
use crate::ledger::RequestId;
use crate::ledger::refund::{Asked, Cause, RefundError};
use crate::ledger::view;
use crate::money;

/// Longest note, in bytes.
const MAX_NOTE: usize = 500;

pub(super) async fn create(State(state): State<AdminState>, request: Request) -> Result<Response, AdminError> {
    let actor = actor(&request)?;
    let asked = asked(body::read(request.into_body()).await?)?;
    to_the_end(async move {
        let made = state.books.ledger.refund(&state.store, asked, Some(&actor)).await?;
        let status = if made.is_new { StatusCode::CREATED } else { StatusCode::OK };
        Ok((status, Json(Value::Object(view::refund(&made.row, &made.entry)))).into_response())
    })
    .await
}

fn asked(mut fields: Fields) -> Result<Asked, Invalid> {
    let id = fields.required("request_id")?;
    let request = RequestId::parse(&id).or_else(|| RequestId::parse_charge(&id));
    let request = request.ok_or_else(|| Invalid::new("request_id", "is not the id of a request or of its charge"))?;
    let cause = fields.required("cause")?;
    let cause = Cause::ALL.into_iter().find(|known| known.name() == cause).ok_or_else(|| {
        let all = Cause::ALL.map(Cause::name).join(", ");
        Invalid::new("cause", format!("must be one of {all}"))
    })?;
    let amount = fields.money("amount_usd")?;
    let note = fields.text("note")?;
    if note.as_ref().is_some_and(|note| note.len() > MAX_NOTE) {
        return Err(Invalid::new("note", format!("is longer than {MAX_NOTE} bytes")));
    }
    fields.done()?;
    Ok(Asked { request, cause, amount, note })
}

impl From<RefundError> for AdminError {
    fn from(error: RefundError) -> Self {
        match error {
            RefundError::NotFound => Self::not_found("charge"),
            RefundError::Other => Self::conflict(
                "refund_exists",
                "this cause has given back another amount of this charge; a cause gives back once",
            ),
            RefundError::TooMuch { left } => Self::conflict(
                "refund_too_large",
                format!(
                    "a refund is at least a nano-dollar and at most what is left of the charge: {}",
                    money::print(left)
                ),
            ),
            RefundError::Store(error) => error.into(),
        }
    }
}
