//! `/admin/v1/usage`, `/requests`, `/ledger/…`, `/prices`: what was used, what it cost, whether the books add up.

use super::AdminState;
use super::error::AdminError;
use crate::catalogue;
use crate::ledger::find::{self, Cursor, Page, Wanted};
use crate::ledger::view::{self, Group};
use crate::ledger::{Basis, Book, RequestId, verify};
use crate::outcome::Outcome;
use crate::pricing::{Price, PriceBook, RATE_NAMES, Rates, Row, Source};
use crate::{clock, money};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tollgate_protocol::usage::ServiceTier;

const DEFAULT_LIMIT: u16 = 50;
const MAX_LIMIT: u16 = 1000;

pub(super) type Asked<T> = Result<Query<T>, QueryRejection>;

pub(super) fn asked<T>(query: Asked<T>) -> Result<T, AdminError> {
    query.map(|Query(asked)| asked).map_err(|rejection| AdminError::field("query", rejection.body_text()))
}

/// Parameters of the lists of entries and requests.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<u16>,
    after: Option<String>,
    book: Option<String>,
    key: Option<String>,
    project: Option<String>,
    endpoint: Option<String>,
    model: Option<String>,
    provider: Option<String>,
    request: Option<String>,
    status: Option<String>,
    outcome: Option<String>,
    basis: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

impl ListQuery {
    fn limit(&self) -> Result<usize, AdminError> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if (1..=MAX_LIMIT).contains(&limit) {
            Ok(usize::from(limit))
        } else {
            Err(AdminError::field("limit", format!("must be from 1 to {MAX_LIMIT}")))
        }
    }

    fn wanted(&self) -> Result<Wanted, AdminError> {
        let place =
            |text: &str| Cursor::parse(text).ok_or_else(|| AdminError::field("after", "is not a place in this list"));
        Ok(Wanted {
            book: self.book.as_deref().map(book).transpose()?,
            key: self.key.clone(),
            project: self.project.clone(),
            endpoint: self.endpoint.clone(),
            model: self.model.clone(),
            provider: self.provider.clone(),
            status: self.status.as_deref().map(status).transpose()?,
            outcome: self.outcome.as_deref().map(outcome).transpose()?,
            basis: self.basis.as_deref().map(basis).transpose()?,
            from: self.from.as_deref().map(|text| time("from", text)).transpose()?,
            to: self.to.as_deref().map(|text| time("to", text)).transpose()?,
            after: self.after.as_deref().filter(|text| !text.is_empty()).map(place).transpose()?,
        })
    }

    fn request(&self) -> Result<Option<RequestId>, AdminError> {
        let read =
            |text: &str| RequestId::parse(text).ok_or_else(|| AdminError::field("request", "is not a request id"));
        self.request.as_deref().map(read).transpose()
    }
}

pub(super) fn book(text: &str) -> Result<Book, AdminError> {
    Book::parse(text).ok_or_else(|| AdminError::field("book", "must be live or test"))
}

pub(super) fn time(field: &str, text: &str) -> Result<i64, AdminError> {
    clock::parse(text).map_err(|error| AdminError::field(field, error.to_string()))
}

/// `404`, or a class such as `4xx`.
fn status(text: &str) -> Result<(u16, u16), AdminError> {
    let class =
        text.strip_suffix("xx").and_then(|class| class.parse::<u16>().ok()).filter(|class| (1..=5).contains(class));
    let one = text.parse::<u16>().ok().filter(|status| (100..=599).contains(status));
    let range = class.map(|class| (class * 100, class * 100 + 99)).or(one.map(|one| (one, one)));
    range.ok_or_else(|| AdminError::field("status", "must be a status or a class such as 4xx"))
}

fn outcome(text: &str) -> Result<Outcome, AdminError> {
    let known = Outcome::ALL.into_iter().find(|outcome| outcome.name() == text);
    known.ok_or_else(|| AdminError::field("outcome", "is not a known outcome"))
}

fn basis(text: &str) -> Result<Basis, AdminError> {
    let known = Basis::ALL.into_iter().find(|basis| basis.name() == text);
    known.ok_or_else(|| AdminError::field("basis", "must be provider, estimated, recovered or none"))
}

/// A page, or the one entry of a request.
async fn found(state: &AdminState, query: &ListQuery, wanted: &Wanted) -> Result<Page, AdminError> {
    state.books.ledger.catch_up().await;
    let limit = query.limit()?;
    Ok(match query.request()? {
        Some(id) => Page { found: find::get(&state.store, id).await?.into_iter().collect(), next: None },
        None => find::page(&state.store, wanted, limit).await?,
    })
}

fn answer(data: impl IntoIterator<Item = Map<String, Value>>, next: Option<Cursor>) -> Json<Value> {
    let data: Vec<Value> = data.into_iter().map(Value::Object).collect();
    Json(json!({ "data": data, "next": next.map(|next| next.to_string()) }))
}

pub(super) async fn entries(
    State(state): State<AdminState>,
    query: Asked<ListQuery>,
) -> Result<Json<Value>, AdminError> {
    let query = asked(query)?;
    let mut wanted = query.wanted()?;
    // A key has one book; without one the live book is meant.
    if wanted.book.is_none() && wanted.key.is_none() {
        wanted.book = Some(Book::Live);
    }
    let page = found(&state, &query, &wanted).await?;
    Ok(answer(view::entries(&state.store, &page.found).await?, page.next))
}

pub(super) async fn requests(
    State(state): State<AdminState>,
    query: Asked<ListQuery>,
) -> Result<Json<Value>, AdminError> {
    let query = asked(query)?;
    let page = found(&state, &query, &query.wanted()?).await?;
    Ok(answer(page.found.iter().map(view::request), page.next))
}

pub(super) async fn request(
    State(state): State<AdminState>,
    Path(id): Path<String>,
) -> Result<Json<Value>, AdminError> {
    state.books.ledger.catch_up().await;
    let found = match RequestId::parse(&id) {
        Some(id) => find::get(&state.store, id).await?,
        None => None,
    };
    let found = found.ok_or_else(|| AdminError::not_found("request"))?;
    let mut shown = view::request(&found);
    shown.insert("receipt".into(), view::receipt(&state.store, &found.0).await?.into());
    Ok(Json(shown.into()))
}

/// Parameters of the sums.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageQuery {
    from: Option<String>,
    to: Option<String>,
    group_by: Option<String>,
    book: Option<String>,
    key: Option<String>,
    project: Option<String>,
    endpoint: Option<String>,
    model: Option<String>,
    provider: Option<String>,
}

pub(super) async fn usage(
    State(state): State<AdminState>,
    query: Asked<UsageQuery>,
) -> Result<Json<Value>, AdminError> {
    let query = asked(query)?;
    let from = query.from.as_deref().map_or(Ok(0), |text| time("from", text))?;
    let to = query.to.as_deref().map_or(Ok(clock::now_ms() + 1), |text| time("to", text))?;
    if to < from {
        return Err(AdminError::field("to", "is before from"));
    }
    let names = query.group_by.as_deref().unwrap_or_default().split(',').filter(|name| !name.is_empty());
    let groups: Vec<Group> = names
        .map(|name| {
            let help = "may name key, project, model, provider, day, hour, endpoint";
            Group::parse(name).ok_or_else(|| AdminError::field("group_by", help))
        })
        .collect::<Result<_, _>>()?;
    let book = query.book.as_deref().map_or(Ok(Book::Live), book)?;
    state.books.ledger.catch_up().await;
    let parts = [&query.key, &query.project, &query.endpoint, &query.model, &query.provider];
    let data = view::sums(&state.store, book, parts.map(|part| part.as_deref()), from, to, &groups).await?;
    Ok(Json(json!({ "data": data, "from": clock::print(from), "to": clock::print(to), "book": book.name() })))
}

pub(super) async fn verify(State(state): State<AdminState>) -> Result<Json<Value>, AdminError> {
    state.books.ledger.catch_up().await;
    let report = verify::verify(&state.store).await?;
    Ok(Json(report.to_json()))
}

/// Parameters of the price list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PricesQuery {
    limit: Option<u16>,
    after: Option<String>,
    provider: Option<String>,
    model: Option<String>,
}

pub(super) async fn prices(
    State(state): State<AdminState>,
    query: Asked<PricesQuery>,
) -> Result<Json<Value>, AdminError> {
    let query = asked(query)?;
    let limit = usize::from(query.limit.unwrap_or(MAX_LIMIT));
    if !(1..=usize::from(MAX_LIMIT)).contains(&limit) {
        return Err(AdminError::field("limit", format!("must be from 1 to {MAX_LIMIT}")));
    }
    let book: std::sync::Arc<PriceBook> = (state.books.prices)();
    let mut rows: BTreeMap<String, Value> = BTreeMap::new();
    for entry in catalogue::all().iter().filter(|entry| entry.is_served()) {
        let name = format!("{}/{}", entry.kind, entry.model);
        rows.insert(name, json!({ "provider": entry.kind.name(), "model": entry.model, "state": "unpriced" }));
    }
    for (kind, model, price) in book.all() {
        rows.insert(format!("{kind}/{model}"), priced(kind.name(), model, price));
    }
    let wanted = |row: &Value, part: &str, asked: &Option<String>| {
        asked.as_deref().is_none_or(|asked| row[part].as_str() == Some(asked))
    };
    let after = query.after.clone().unwrap_or_default();
    let mut found: Vec<(String, Value)> = rows
        .into_iter()
        .filter(|(name, row)| {
            *name > after && wanted(row, "provider", &query.provider) && wanted(row, "model", &query.model)
        })
        .take(limit + 1)
        .collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(name, _)| name.clone());
    let data: Vec<Value> = found.into_iter().map(|(_, row)| row).collect();
    Ok(Json(json!({ "data": data, "next": next })))
}

fn priced(kind: &str, model: &str, price: &Price) -> Value {
    let now = clock::now_ms();
    let mut shown = rows(price.rows(now));
    let later = price.later().iter().filter(|later| later.from_ms > now).map(|later| {
        let mut shown = rows(&later.rows);
        shown.insert("effective_from".into(), (*later.from).into());
        Value::Object(shown)
    });
    let later: Vec<Value> = later.collect();
    shown.insert("provider".into(), kind.into());
    shown.insert("model".into(), model.into());
    shown.insert("state".into(), "priced".into());
    shown.insert("version".into(), (**price.version()).into());
    shown.insert("effective_from".into(), price.effective_from(now).into());
    let source = match price.source() {
        Source::Catalogue => "catalogue",
        Source::Config => "config",
    };
    shown.insert("source".into(), source.into());
    if !later.is_empty() {
        shown.insert("later".into(), later.into());
    }
    shown.into()
}

/// Rates by step, tier and hours.
fn rows(all: &[Row]) -> Map<String, Value> {
    let standard = |row: &&Row| row.tier == ServiceTier::Standard && row.hours.is_empty();
    let base = all.iter().find(standard).or(all.first());
    let steps = all.iter().filter(standard).filter(|row| row.above > 0);
    let steps = steps.map(|row| json!({ "above_input_tokens": row.above, "rates": rates(&row.rates) }));
    let others = all.iter().filter(|row| !standard(row)).map(|row| {
        json!({
            "service_tier": row.tier.name(),
            "above_input_tokens": row.above,
            "utc_hours": row.hours.iter().map(|hours| json!({
                "weekdays": (1..=7).filter(|day| hours.days >> (day - 1) & 1 == 1).collect::<Vec<u8>>(),
                "from": format!("{:02}:{:02}", hours.from / 60, hours.from % 60),
                "to": format!("{:02}:{:02}", hours.to / 60, hours.to % 60),
            })).collect::<Vec<_>>(),
            "rates": rates(&row.rates),
        })
    });
    let mut shown = Map::new();
    shown.insert("rates".into(), base.map(|row| rates(&row.rates)).into());
    shown.insert("tiers".into(), steps.collect::<Vec<_>>().into());
    shown.insert("other_rates".into(), others.collect::<Vec<_>>().into());
    shown
}

fn rates(rates: &Rates) -> Map<String, Value> {
    let usd = |nano: u64| Value::from(money::print(i64::try_from(nano).unwrap_or(i64::MAX)));
    let mut shown: Map<String, Value> =
        RATE_NAMES.iter().filter_map(|(short, name)| Some(((*name).to_owned(), usd(rates.get(short)?)))).collect();
    if !rates.video_second.is_empty() {
        let video = rates.video_second.iter().map(|(resolution, nano)| (resolution.clone(), usd(*nano)));
        shown.insert("video_per_second".into(), video.collect::<Map<_, _>>().into());
    }
    shown
}
