//! Writing: always inside one [`Write`].
//!
//! Lists of rows go into one statement as JSON: a statement costs more than a row.

use super::{NewBlock, RefundRow, RollupRow, SeriesRow};
use crate::store::{Store, StoreError, Write};
use serde_json::json;

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

/// Whether a block with this number is there.
pub async fn has_block(write: &mut Write, id: i64) -> Result<bool, StoreError> {
    let found: Option<i64> =
        sqlx::query_scalar("select id from blocks where id = $1").bind(id).fetch_optional(write.connection()).await?;
    Ok(found.is_some())
}

/// Adds a block with all that belongs to it; one with the same number is a [`StoreError::Conflict`].
pub async fn insert_block(write: &mut Write, block: NewBlock) -> Result<(), StoreError> {
    let NewBlock { id, count, ids, charges, details, marks, strays } = block;
    // Owned values move to the database's thread; borrowed ones would be copied once more.
    sqlx::query("insert into blocks (id, count, ids, charges) values ($1, $2, $3, $4)")
        .bind(id)
        .bind(count)
        .bind(ids)
        .bind(charges)
        .execute(write.connection())
        .await?;
    sqlx::query("insert into block_details (block, bytes) values ($1, $2)")
        .bind(id)
        .bind(details)
        .execute(write.connection())
        .await?;
    sqlx::query("insert into block_marks (mark, block) select value, $1 from json_each($2)")
        .bind(id)
        .bind(json!(marks).to_string())
        .execute(write.connection())
        .await?;
    for (stray, hour) in strays {
        sqlx::query("insert into strays (id, block, hour) values ($1, $2, $3)")
            .bind(stray.as_slice())
            .bind(id)
            .bind(hour)
            .execute(write.connection())
            .await?;
    }
    Ok(())
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
    if rows.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!([row.hour, row.series, row.requests, row.errors, row.amount, row.cost, row.refunded, row.usage])
        })
        .collect();
    sqlx::query(
        "insert into rollups (hour, series, requests, errors, amount, cost, refunded, usage)
         select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
         from json_each($1) where true
         on conflict do update set requests = requests + excluded.requests, errors = errors + excluded.errors,
           amount = amount + excluded.amount, cost = cost + excluded.cost,
           refunded = refunded + excluded.refunded,
           usage = (select json_group_array(a.value + b.value) from json_each(rollups.usage) a
                    join json_each(excluded.usage) b on a.key = b.key)",
    )
    .bind(json!(rows).to_string())
    .execute(write.connection())
    .await?;
    Ok(())
}

/// Adds to the day's sums and to the balances.
pub async fn post(write: &mut Write, postings: &[Posting]) -> Result<(), StoreError> {
    if postings.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = postings.iter().map(|posting| json!([posting.day, posting.account, posting.nano])).collect();
    let rows = json!(rows).to_string();
    sqlx::query(
        "insert into postings (day, account, nano)
         select value ->> 0, value ->> 1, value ->> 2 from json_each($1) where true
         on conflict do update set nano = nano + excluded.nano",
    )
    .bind(&rows)
    .execute(write.connection())
    .await?;
    sqlx::query(
        "insert into balances (account, nano)
         select value ->> 1, sum(value ->> 2) from json_each($1) group by value ->> 1
         on conflict do update set nano = nano + excluded.nano",
    )
    .bind(&rows)
    .execute(write.connection())
    .await?;
    Ok(())
}

/// Adds a refund; the same cause a second time is a [`StoreError::Conflict`].
pub async fn insert_refund(write: &mut Write, row: &RefundRow) -> Result<(), StoreError> {
    sqlx::query("insert into refunds (id, request, cause, amount, created_at, note) values ($1, $2, $3, $4, $5, $6)")
        .bind(&row.id)
        .bind(&row.request)
        .bind(&row.cause)
        .bind(row.amount)
        .bind(row.created_at)
        .bind(&row.note)
        .execute(write.connection())
        .await?;
    Ok(())
}

/// Drops the details of up to `limit` blocks below `before`, the oldest first, and says how many.
pub async fn forget_details(write: &mut Write, before: i64, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "delete from block_details where block in
           (select block from block_details where block < $1 order by block limit $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(write.connection())
    .await?;
    Ok(done.rows_affected())
}

/// Gives up to `limit` unused pages back to the file system, if more than `keep` lie unused, and says whether it did.
/// Databases that were not made for it keep theirs, and use them again.
pub async fn reclaim(store: &Store, keep: i64, limit: u32) -> Result<bool, StoreError> {
    let mut connection = store.writer().acquire().await?;
    let free: i64 = sqlx::query_scalar("pragma freelist_count").fetch_one(&mut *connection).await?;
    let mode: i64 = sqlx::query_scalar("pragma auto_vacuum").fetch_one(&mut *connection).await?;
    if free <= keep || mode != 2 {
        return Ok(false);
    }
    // It does a page a row and stops with the last that is asked for.
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("pragma incremental_vacuum({limit})"))).execute(&mut *connection).await?;
    Ok(true)
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
