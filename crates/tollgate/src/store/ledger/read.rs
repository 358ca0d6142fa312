//! Reading: on the readers' connections, never in the way of the applier.

use super::{EntryRow, RefundRow, RollupRow, SeriesRow};
use crate::store::{Snapshot, Store, StoreError};

/// Which entries a page is made of; absent parts allow all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Numbers of the series, as a JSON list.
    pub series: Option<String>,
    /// Ids from this one on (16 bytes).
    pub from: Option<Vec<u8>>,
    /// Ids before this one.
    pub before: Option<Vec<u8>>,
    /// Lowest and highest status.
    pub status: Option<(i64, i64)>,
    /// Outcome's number.
    pub outcome: Option<i64>,
}

/// Entries by a filter, newest first.
pub async fn entries_page(store: &Store, filter: &Filter, limit: i64) -> Result<Vec<EntryRow>, StoreError> {
    let (low, high) = filter.status.unwrap_or((0, i64::MAX));
    Ok(sqlx::query_as(
        "select id, series, admitted_at, amount, cost, marks, status, usage, detail from entries
         where id >= coalesce($1, x'') and ($2 is null or id < $2)
           and ($3 is null or series in (select value from json_each($3)))
           and status between $4 and $5 and ($6 is null or marks >> 4 & 15 = $6)
         order by id desc limit $7",
    )
    .bind(filter.from.as_deref())
    .bind(filter.before.as_deref())
    .bind(filter.series.as_deref())
    .bind(low)
    .bind(high)
    .bind(filter.outcome)
    .bind(limit)
    .fetch_all(store.readers())
    .await?)
}

/// Entries after an id, oldest first.
pub async fn entries_between(snapshot: &mut Snapshot, after: &[u8], limit: i64) -> Result<Vec<EntryRow>, StoreError> {
    Ok(sqlx::query_as(
        "select id, series, admitted_at, amount, cost, marks, status, usage, detail from entries
         where id > $1 order by id limit $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(snapshot.connection())
    .await?)
}

/// One entry.
pub async fn get_entry(store: &Store, id: &[u8]) -> Result<Option<EntryRow>, StoreError> {
    Ok(sqlx::query_as(
        "select id, series, admitted_at, amount, cost, marks, status, usage, detail from entries where id = $1",
    )
    .bind(id)
    .fetch_optional(store.readers())
    .await?)
}

/// Hours that have entries of these series (a JSON list of numbers), newest first.
pub async fn hours_of(store: &Store, series: &str, before: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "select distinct hour from rollups where hour <= $1 and series in (select value from json_each($2))
         order by hour desc limit $3",
    )
    .bind(before)
    .bind(series)
    .bind(limit)
    .fetch_all(store.readers())
    .await?)
}

/// Every series.
pub async fn series_all(snapshot: &mut Snapshot) -> Result<Vec<SeriesRow>, StoreError> {
    Ok(sqlx::query_as("select * from series").fetch_all(snapshot.connection()).await?)
}

/// One series.
pub async fn series_one(store: &Store, id: i64) -> Result<Option<SeriesRow>, StoreError> {
    Ok(sqlx::query_as("select * from series where id = $1").bind(id).fetch_optional(store.readers()).await?)
}

/// Series by their parts; `None` allows all.
pub async fn series_matching(
    store: &Store,
    book: Option<i64>,
    parts: [Option<&str>; 5],
) -> Result<Vec<SeriesRow>, StoreError> {
    let [key, project, endpoint, model, provider] = parts;
    Ok(sqlx::query_as(
        "select * from series where ($1 is null or book = $1) and ($2 is null or key_id = $2)
           and ($3 is null or project_id = $3) and ($4 is null or endpoint = $4)
           and ($5 is null or model = $5 or upstream_model = $5) and ($6 is null or provider = $6)",
    )
    .bind(book)
    .bind(key)
    .bind(project)
    .bind(endpoint)
    .bind(model)
    .bind(provider)
    .fetch_all(store.readers())
    .await?)
}

/// Refunds of one request, or all after an id, newest first.
pub async fn refunds_page(store: &Store, request: Option<&[u8]>, limit: i64) -> Result<Vec<RefundRow>, StoreError> {
    Ok(sqlx::query_as("select * from refunds where ($1 is null or request_id = $1) order by id desc limit $2")
        .bind(request)
        .bind(limit)
        .fetch_all(store.readers())
        .await?)
}

/// Sum of a request's refunds, in nano-dollars.
pub async fn refund_sums(snapshot: &mut Snapshot) -> Result<Vec<(Vec<u8>, i64)>, StoreError> {
    Ok(sqlx::query_as("select request_id, sum(amount) from refunds group by request_id")
        .fetch_all(snapshot.connection())
        .await?)
}

/// Sums of hours `from` (inclusive) to `to` (exclusive).
pub async fn rollups(store: &Store, from: i64, to: i64, limit: i64) -> Result<Vec<RollupRow>, StoreError> {
    Ok(sqlx::query_as("select * from rollups where hour >= $1 and hour < $2 limit $3")
        .bind(from)
        .bind(to)
        .bind(limit)
        .fetch_all(store.readers())
        .await?)
}

/// All sums.
pub async fn rollups_all(snapshot: &mut Snapshot) -> Result<Vec<RollupRow>, StoreError> {
    Ok(sqlx::query_as("select * from rollups").fetch_all(snapshot.connection()).await?)
}

/// All postings: day, account, nano-dollars.
pub async fn posting_rows(snapshot: &mut Snapshot) -> Result<Vec<(i64, String, i64)>, StoreError> {
    Ok(sqlx::query_as("select day, account, nano from postings").fetch_all(snapshot.connection()).await?)
}

/// Postings of days from this one on.
pub async fn postings_since(snapshot: &mut Snapshot, day: i64) -> Result<Vec<(i64, String, i64)>, StoreError> {
    Ok(sqlx::query_as("select day, account, nano from postings where day >= $1")
        .bind(day)
        .fetch_all(snapshot.connection())
        .await?)
}

/// All balances: account, nano-dollars.
pub async fn balance_rows(snapshot: &mut Snapshot) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(sqlx::query_as("select account, nano from balances").fetch_all(snapshot.connection()).await?)
}

/// The project of every key.
pub async fn project_of_keys(snapshot: &mut Snapshot) -> Result<Vec<(String, String)>, StoreError> {
    Ok(sqlx::query_as("select id, project_id from keys").fetch_all(snapshot.connection()).await?)
}

/// A price as it was stored.
pub async fn price(
    snapshot: &mut Snapshot,
    kind: &str,
    model: &str,
    version: &str,
) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("select stored from price_versions where provider_kind = $1 and model = $2 and version = $3")
        .bind(kind)
        .bind(model)
        .bind(version)
        .fetch_optional(snapshot.connection())
        .await?)
}
