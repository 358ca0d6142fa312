//! Lists by cursor: `?limit=&after=` → `{"data":[…],"next":…}`, newest first.
//!
//! `after` is the id of the last thing on the page before; `next` is the value to send, null at the end.

use axum::Json;
use serde_json::{Map, Value, json};

use super::error::AdminError;
use crate::ids;

const DEFAULT: u16 = 50;
const MAX: u16 = 1000;

/// Which part of a list is asked for.
#[derive(Debug)]
pub(super) struct Page {
    limit: usize,
    pub(super) after: Option<String>,
    /// `?project=`, on lists that have it.
    pub(super) project: Option<String>,
}

impl Page {
    /// Reads a query string. Parameters other than `limit`, `after` and `more` are errors.
    pub(super) fn read(query: Option<&str>, more: &[&str]) -> Result<Self, AdminError> {
        let mut page = Self { limit: usize::from(DEFAULT), after: None, project: None };
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX).contains(limit));
                    let limit: u16 =
                        limit.ok_or_else(|| AdminError::field("limit", format!("must be from 1 to {MAX}")))?;
                    page.limit = usize::from(limit);
                }
                "after" if value.is_empty() => {}
                "after" => page.after = Some(id("after", value)?),
                "project" if more.contains(&name) => page.project = Some(id("project", value)?),
                _ => {
                    let name: String = name.chars().take(64).collect();
                    return Err(AdminError::field(name, "is not a parameter of this list"));
                }
            }
        }
        Ok(page)
    }

    /// How many rows to fetch: one more than shown, which tells whether there is a next page.
    pub(super) fn fetch(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX - 1) + 1
    }

    /// Puts fetched rows into the answer.
    pub(super) fn answer<T>(
        &self,
        rows: &[T],
        id: impl Fn(&T) -> String,
        view: impl Fn(&T) -> Result<Map<String, Value>, AdminError>,
    ) -> Result<Json<Value>, AdminError> {
        let shown = rows.get(..self.limit).unwrap_or(rows);
        let next = (rows.len() > self.limit).then(|| shown.last().map(id)).flatten();
        let data: Vec<Value> = shown.iter().map(|row| view(row).map(Value::Object)).collect::<Result<_, _>>()?;
        Ok(Json(json!({ "data": data, "next": next })))
    }
}

fn id(parameter: &str, value: &str) -> Result<String, AdminError> {
    if ids::plausible(value) { Ok(value.to_owned()) } else { Err(AdminError::field(parameter, "is not an id")) }
}
