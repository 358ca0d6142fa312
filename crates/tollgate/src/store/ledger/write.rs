//! Writing: always inside one [`Write`] of the applier.

use super::{EntryRow, RefundRow, RollupRow, SeriesRow};
use crate::store::{StoreError, Write};
use std::collections::HashSet;
use std::sync::LazyLock;

/// One side of a posting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Days since 1970.
    pub day: i64,
    /// Which account.
    pub account: String,
    /// Nano-dollars.
    pub nano: i64,
}

/// Rows a statement inserts: full ones, and what is left in smaller lots, so that few texts need be prepared.
const LOTS: [usize; 4] = [64, 16, 4, 1];

static INSERT: LazyLock<[String; 4]> = LazyLock::new(|| {
    LOTS.map(|lot| {
        let row = "(?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let rows = vec![row; lot].join(", ");
        format!(
            "insert into entries (id, series, admitted_at, amount, cost, marks, status, usage, detail) values {rows}"
        )
    })
});

/// Adds entries whose ids are new; a known one is a [`StoreError::Conflict`].
pub async fn insert_entries(write: &mut Write, rows: Vec<EntryRow>) -> Result<(), StoreError> {
    let mut rows = rows.into_iter();
    for (lot, text) in LOTS.iter().zip(INSERT.iter()) {
        while rows.len() >= *lot {
            let mut query = sqlx::query(text.as_str());
            // Owned values move to the database's thread; borrowed ones would be copied once more.
            for row in rows.by_ref().take(*lot) {
                query = query
                    .bind(row.id)
                    .bind(row.series)
                    .bind(row.admitted_at)
                    .bind(row.amount)
                    .bind(row.cost)
                    .bind(row.marks)
                    .bind(row.status)
                    .bind(row.usage)
                    .bind(row.detail);
            }
            query.execute(write.connection()).await?;
        }
    }
    Ok(())
}

/// Which of these ids are there already.
pub async fn present(write: &mut Write, ids: &[[u8; 16]]) -> Result<HashSet<Vec<u8>>, StoreError> {
    let mut found = HashSet::new();
    for id in ids {
        let there: Option<Vec<u8>> = sqlx::query_scalar("select id from entries where id = $1")
            .bind(id.as_slice())
            .fetch_optional(write.connection())
            .await?;
        found.extend(there);
    }
    Ok(found)
}

/// The number of a series, given one if it is new.
pub async fn series_id(write: &mut Write, row: &SeriesRow) -> Result<i64, StoreError> {
    // The update changes nothing; it makes the row there be returned.
    Ok(sqlx::query_scalar(
        "insert into series (book, key_id, project_id, endpoint, model, provider, provider_kind, upstream_model,
           price_version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict do update set book = excluded.book returning id",
    )
    .bind(row.book)
    .bind(&row.key_id)
    .bind(&row.project_id)
    .bind(&row.endpoint)
    .bind(&row.model)
    .bind(&row.provider)
    .bind(&row.provider_kind)
    .bind(&row.upstream_model)
    .bind(&row.price_version)
    .fetch_one(write.connection())
    .await?)
}

/// Adds sums to the sums that are there. `usage` is added element by element.
pub async fn add_rollups(write: &mut Write, rows: &[RollupRow]) -> Result<(), StoreError> {
    for row in rows {
        sqlx::query(
            "insert into rollups (hour, series, requests, errors, amount, cost, refunded, usage)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict do update set requests = requests + excluded.requests, errors = errors + excluded.errors,
               amount = amount + excluded.amount, cost = cost + excluded.cost,
               refunded = refunded + excluded.refunded,
               usage = (select json_group_array(a.value + b.value) from json_each(rollups.usage) a
                        join json_each(excluded.usage) b on a.key = b.key)",
        )
        .bind(row.hour)
        .bind(row.series)
        .bind(row.requests)
        .bind(row.errors)
        .bind(row.amount)
        .bind(row.cost)
        .bind(row.refunded)
        .bind(&row.usage)
        .execute(write.connection())
        .await?;
    }
    Ok(())
}

/// Adds to the day's sums and to the balances.
pub async fn post(write: &mut Write, postings: &[Posting]) -> Result<(), StoreError> {
    for posting in postings {
        sqlx::query(
            "insert into postings (day, account, nano) values ($1, $2, $3)
             on conflict do update set nano = nano + excluded.nano",
        )
        .bind(posting.day)
        .bind(&posting.account)
        .bind(posting.nano)
        .execute(write.connection())
        .await?;
        sqlx::query(
            "insert into balances (account, nano) values ($1, $2) on conflict do update set nano = nano + excluded.nano",
        )
        .bind(&posting.account)
        .bind(posting.nano)
        .execute(write.connection())
        .await?;
    }
    Ok(())
}

/// Adds a refund; the same cause a second time is a [`StoreError::Conflict`].
pub async fn insert_refund(write: &mut Write, row: &RefundRow) -> Result<(), StoreError> {
    sqlx::query(
        "insert into refunds (id, request_id, cause, amount, created_at, note) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&row.id)
    .bind(&row.request_id)
    .bind(&row.cause)
    .bind(row.amount)
    .bind(row.created_at)
    .bind(&row.note)
    .execute(write.connection())
    .await?;
    Ok(())
}

/// Drops the detail of up to `limit` entries with ids below `before`, and says how many. `from` is where the last
/// call ended, so that what is done is not looked at again.
pub async fn forget_details(
    write: &mut Write,
    from: &[u8],
    before: &[u8],
    limit: i64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let last: Option<Vec<u8>> = sqlx::query_scalar(
        "select max(id) from (select id from entries where id > $1 and id < $2 order by id limit $3)",
    )
    .bind(from)
    .bind(before)
    .bind(limit)
    .fetch_one(write.connection())
    .await?;
    if let Some(last) = &last {
        sqlx::query("update entries set detail = null where id > $1 and id <= $2 and detail is not null")
            .bind(from)
            .bind(last.as_slice())
            .execute(write.connection())
            .await?;
    }
    Ok(last)
}

/// Remembers prices: kind, model, version, stored form.
pub async fn price_versions(
    write: &mut Write,
    prices: &[(String, String, String, String)],
    now_ms: i64,
) -> Result<(), StoreError> {
    for (kind, model, version, stored) in prices {
        sqlx::query(
            "insert into price_versions (provider_kind, model, version, stored, first_seen)
             values ($1, $2, $3, $4, $5) on conflict do nothing",
        )
        .bind(kind)
        .bind(model)
        .bind(version)
        .bind(stored)
        .bind(now_ms)
        .execute(write.connection())
        .await?;
    }
    Ok(())
}
