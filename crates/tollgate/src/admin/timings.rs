//! `/admin/v1/timings`: how long requests took.

use super::AdminState;
use super::books::{Asked, asked, book, time};
use super::error::AdminError;
use crate::clock;
use crate::ledger::{Book, timings};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;

/// Slices of an answer, at most.
const MAX_SLICES: usize = 200;
const DEFAULT_SLICES: usize = 48;
/// What is looked at where no beginning is named, in milliseconds.
const DAY: i64 = 86_400_000;

/// Parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimingsQuery {
    from: Option<String>,
    to: Option<String>,
    slices: Option<usize>,
    book: Option<String>,
}

pub(super) async fn show(
    State(state): State<AdminState>,
    query: Asked<TimingsQuery>,
) -> Result<Json<Value>, AdminError> {
    let query = asked(query)?;
    let to = query.to.as_deref().map_or(Ok(clock::now_ms() + 1), |text| time("to", text))?;
    let from = query.from.as_deref().map_or(Ok(to - DAY), |text| time("from", text))?;
    let slices = query.slices.unwrap_or(DEFAULT_SLICES);
    if !(1..=MAX_SLICES).contains(&slices) {
        return Err(AdminError::field("slices", format!("must be from 1 to {MAX_SLICES}")));
    }
    if to < from {
        return Err(AdminError::field("to", "is before from"));
    }
    let book = query.book.as_deref().map_or(Ok(Book::Live), book)?;
    state.books.ledger.catch_up().await;
    Ok(Json(timings::timings(&state.store, book, from, to, slices).await?))
}
