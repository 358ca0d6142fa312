//! Reading: on the readers' connections, never in the way of the applier. What belongs together is read in one
//! [`Snapshot`].

use super::{BlockRow, RefundRow, RollupRow, SeriesRow};
use crate::store::{Snapshot, Store, StoreError, Write};

/// The number of the last block; 0 if there is none.
pub async fn last_block(store: &Store) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select coalesce(max(id), 0) from blocks").fetch_one(store.readers()).await?)
}

/// How many blocks there are.
pub async fn block_count(snapshot: &mut Snapshot) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select count(*) from blocks").fetch_one(snapshot.connection()).await?)
}

/// One block.
pub async fn block(snapshot: &mut Snapshot, id: i64) -> Result<Option<BlockRow>, StoreError> {
    Ok(sqlx::query_as("select id, count, ids, charges from blocks where id = $1")
        .bind(id)
        .fetch_optional(snapshot.connection())
        .await?)
}

/// Numbers of blocks from this one down, the highest first.
pub async fn block_ids(snapshot: &mut Snapshot, at_most: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar("select id from blocks where id <= $1 order by id desc limit $2")
        .bind(at_most)
        .bind(limit)
        .fetch_all(snapshot.connection())
        .await?)
}

/// Blocks after this one, the lowest first.
pub async fn blocks_after(snapshot: &mut Snapshot, after: i64, limit: i64) -> Result<Vec<BlockRow>, StoreError> {
    Ok(sqlx::query_as("select id, count, ids, charges from blocks where id > $1 order by id limit $2")
        .bind(after)
        .bind(limit)
        .fetch_all(snapshot.connection())
        .await?)
}

/// The first block from `low` to `high` whose ids hold these 16 bytes somewhere.
pub async fn block_holding(
    snapshot: &mut Snapshot,
    id: &[u8],
    low: i64,
    high: i64,
) -> Result<Option<BlockRow>, StoreError> {
    Ok(sqlx::query_as(
        "select id, count, ids, charges from blocks where id between $1 and $2 and instr(ids, $3) > 0
         order by id limit 1",
    )
    .bind(low)
    .bind(high)
    .bind(id)
    .fetch_optional(snapshot.connection())
    .await?)
}

/// The details of a block's entries, as long as they are kept.
pub async fn block_details(snapshot: &mut Snapshot, block: i64) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(sqlx::query_scalar("select bytes from block_details where block = $1")
        .bind(block)
        .fetch_optional(snapshot.connection())
        .await?)
}

/// Blocks that carry a mark, from this one down, the highest first.
pub async fn marked(snapshot: &mut Snapshot, mark: i64, at_most: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar("select block from block_marks where mark = $1 and block <= $2 order by block desc limit $3")
        .bind(mark)
        .bind(at_most)
        .bind(limit)
        .fetch_all(snapshot.connection())
        .await?)
}

/// How many of these marks (a JSON list) a block carries.
pub async fn marks_of(snapshot: &mut Snapshot, block: i64, marks: &str) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select count(*) from json_each($2) join block_marks on mark = value and block = $1")
        .bind(block)
        .bind(marks)
        .fetch_one(snapshot.connection())
        .await?)
}

/// The block of a stray.
pub async fn stray(snapshot: &mut Snapshot, id: &[u8]) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar("select block from strays where id = $1")
        .bind(id)
        .fetch_optional(snapshot.connection())
        .await?)
}

/// Blocks below `low` or above `high` that hold strays which count to these hours (both included), from `at` down, the
/// highest first. Every hour is asked for by itself: of most there is nothing outside.
pub async fn strays_outside(
    snapshot: &mut Snapshot,
    (from, to): (i64, i64),
    (low, high): (i64, i64),
    at: i64,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "with recursive hours (hour) as (
           select max($1, (select min(hour) from strays))
           union all select hour + 1 from hours where hour < min($2, (select max(hour) from strays)))
         select block from hours join strays using (hour) where hour <= $2 and block > $4 and block <= $5
         union select block from hours join strays using (hour) where hour <= $2 and block < $3 and block <= $5
         order by block desc limit $6",
    )
    .bind(from)
    .bind(to)
    .bind(low)
    .bind(high)
    .bind(at)
    .bind(limit)
    .fetch_all(snapshot.connection())
    .await?)
}

/// Blocks with strays that count to an hour, after this block.
pub async fn strays_of_hour(
    snapshot: &mut Snapshot,
    hour: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar("select distinct block from strays where hour = $1 and block > $2 order by block limit $3")
        .bind(hour)
        .bind(after)
        .bind(limit)
        .fetch_all(snapshot.connection())
        .await?)
}

/// Series by their numbers (a JSON list).
pub async fn series_by_id(snapshot: &mut Snapshot, ids: &str) -> Result<Vec<SeriesRow>, StoreError> {
    Ok(sqlx::query_as("select * from series where id in (select value from json_each($1))")
        .bind(ids)
        .fetch_all(snapshot.connection())
        .await?)
}

/// Series by their parts; `None` allows all.
pub async fn series_matching(
    snapshot: &mut Snapshot,
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
    .fetch_all(snapshot.connection())
    .await?)
}

/// Refunds of these requests (a JSON list of `req_…`), in the order in which they were made.
pub async fn refunds_of(snapshot: &mut Snapshot, requests: &str) -> Result<Vec<RefundRow>, StoreError> {
    Ok(sqlx::query_as("select * from refunds where request in (select value from json_each($1)) order by id")
        .bind(requests)
        .fetch_all(snapshot.connection())
        .await?)
}

/// As [`refunds_of`] one request, before something is added to them.
pub async fn refunds_for_write(write: &mut Write, request: &str) -> Result<Vec<RefundRow>, StoreError> {
    Ok(sqlx::query_as("select * from refunds where request = $1 order by id")
        .bind(request)
        .fetch_all(write.connection())
        .await?)
}

/// Sums of the refunds of each request from `low` to `high`, both included, in nano-dollars.
pub async fn refunds_within(snapshot: &mut Snapshot, low: &str, high: &str) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(sqlx::query_as("select request, sum(amount) from refunds where request between $1 and $2 group by request")
        .bind(low)
        .bind(high)
        .fetch_all(snapshot.connection())
        .await?)
}

/// Requests that have refunds.
pub async fn refund_count(snapshot: &mut Snapshot) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select count(distinct request) from refunds").fetch_one(snapshot.connection()).await?)
}

/// Sums of hours `from` (inclusive) to `to` (exclusive).
pub async fn rollups(snapshot: &mut Snapshot, from: i64, to: i64, limit: i64) -> Result<Vec<RollupRow>, StoreError> {
    Ok(sqlx::query_as("select * from rollups where hour >= $1 and hour < $2 limit $3")
        .bind(from)
        .bind(to)
        .bind(limit)
        .fetch_all(snapshot.connection())
        .await?)
}

/// Sums of one hour.
pub async fn rollups_of(snapshot: &mut Snapshot, hour: i64) -> Result<Vec<RollupRow>, StoreError> {
    Ok(sqlx::query_as("select * from rollups where hour = $1").bind(hour).fetch_all(snapshot.connection()).await?)
}

/// The next hour after this one that has sums or strays.
pub async fn hour_after(snapshot: &mut Snapshot, hour: i64) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "select min(hour) from (select min(hour) hour from rollups where hour > $1
           union all select min(hour) from strays where hour > $1)",
    )
    .bind(hour)
    .fetch_one(snapshot.connection())
    .await?)
}

/// Postings of one day: account, nano-dollars.
pub async fn postings_of(snapshot: &mut Snapshot, day: i64) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(sqlx::query_as("select account, nano from postings where day = $1")
        .bind(day)
        .fetch_all(snapshot.connection())
        .await?)
}

/// The next day after this one that has postings.
pub async fn day_after(snapshot: &mut Snapshot, day: i64) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar("select min(day) from postings where day > $1")
        .bind(day)
        .fetch_one(snapshot.connection())
        .await?)
}

/// Postings of days from this one on.
pub async fn postings_since(snapshot: &mut Snapshot, day: i64) -> Result<Vec<(i64, String, i64)>, StoreError> {
    Ok(sqlx::query_as("select day, account, nano from postings where day >= $1")
        .bind(day)
        .fetch_all(snapshot.connection())
        .await?)
}

/// All balances: account, nano-dollars.
pub async fn balances(snapshot: &mut Snapshot) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(sqlx::query_as("select account, nano from balances").fetch_all(snapshot.connection()).await?)
}

/// Accounts whose balance is not the sum of their days: account, balance, sum of days.
pub async fn balances_off(snapshot: &mut Snapshot, limit: i64) -> Result<Vec<(String, i64, i64)>, StoreError> {
    Ok(sqlx::query_as(
        "select account, sum(balance), sum(posted) from
           (select account, nano balance, 0 posted from balances
            union all select account, 0, sum(nano) from postings group by account)
         group by account having sum(balance) <> sum(posted) limit $1",
    )
    .bind(limit)
    .fetch_all(snapshot.connection())
    .await?)
}

/// Days whose postings do not add up to 0: day, sum.
pub async fn days_off(snapshot: &mut Snapshot, limit: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    Ok(sqlx::query_as("select day, sum(nano) from postings group by day having sum(nano) <> 0 limit $1")
        .bind(limit)
        .fetch_all(snapshot.connection())
        .await?)
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
