//! Addresses that want to be told of tasks, and what is to be told.

use super::{Store, StoreError, Write};

/// An address.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct WebhookRow {
    /// `whk_…`.
    pub id: String,
    /// Where.
    pub url: String,
    /// What its secret is made from; says nothing without the installation's key.
    pub secret: Vec<u8>,
    /// What the one before was made from, and until when that counts.
    pub secret_before: Option<Vec<u8>>,
    /// JSON list of event names; empty for all.
    pub events: String,
    /// Only tasks of this project.
    pub project_id: Option<String>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub disabled_at: Option<i64>,
    /// Why it is.
    pub reason: Option<String>,
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct MessageRow {
    /// `msg_…`; the same at every try.
    pub id: String,
    /// 16 bytes.
    pub task: Vec<u8>,
    /// Whose; `None` for the caller's own address.
    pub webhook: Option<String>,
    /// Where.
    pub url: String,
    /// Which event.
    pub event: String,
    /// What is sent.
    pub payload: Vec<u8>,
    /// Tries so far.
    pub attempts: i64,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds of the next try.
    pub next_at: Option<i64>,
    /// Unix milliseconds.
    pub delivered_at: Option<i64>,
    /// Unix milliseconds at which it was given up.
    pub failed_at: Option<i64>,
    /// HTTP status of the last try.
    pub last_status: Option<i64>,
    /// What was wrong with it.
    pub last_error: Option<String>,
}

/// Adds an address.
pub async fn insert(write: &mut Write, row: &WebhookRow) -> Result<(), StoreError> {
    sqlx::query(
        "insert into webhooks (id, url, secret, secret_before, events, project_id, created_at, disabled_at, reason)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&row.id)
    .bind(&row.url)
    .bind(&row.secret)
    .bind(&row.secret_before)
    .bind(&row.events)
    .bind(&row.project_id)
    .bind(row.created_at)
    .bind(row.disabled_at)
    .bind(&row.reason)
    .execute(write.connection())
    .await?;
    Ok(())
}

/// Takes an address away, with what it was still to be told.
pub async fn delete(write: &mut Write, id: &str) -> Result<bool, StoreError> {
    sqlx::query("update outbox set next_at = null where webhook = $1").bind(id).execute(write.connection()).await?;
    let done = sqlx::query("delete from webhooks where id = $1").bind(id).execute(write.connection()).await?;
    Ok(done.rows_affected() == 1)
}

/// Gives an address another secret.
pub async fn set_secret(write: &mut Write, row: &WebhookRow) -> Result<(), StoreError> {
    sqlx::query("update webhooks set secret = $2, secret_before = $3 where id = $1")
        .bind(&row.id)
        .bind(&row.secret)
        .bind(&row.secret_before)
        .execute(write.connection())
        .await?;
    Ok(())
}

/// Switches an address off or on.
pub async fn set_disabled(
    write: &mut Write,
    id: &str,
    disabled_at: Option<i64>,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query("update webhooks set disabled_at = $2, reason = $3 where id = $1")
        .bind(id)
        .bind(disabled_at)
        .bind(reason)
        .execute(write.connection())
        .await?;
    Ok(())
}

/// One address.
pub async fn get(store: &Store, id: &str) -> Result<Option<WebhookRow>, StoreError> {
    Ok(sqlx::query_as("select * from webhooks where id = $1").bind(id).fetch_optional(store.readers()).await?)
}

/// One address, within a transaction that will change it.
pub async fn get_for_write(write: &mut Write, id: &str) -> Result<Option<WebhookRow>, StoreError> {
    Ok(sqlx::query_as("select * from webhooks where id = $1").bind(id).fetch_optional(write.connection()).await?)
}

/// Addresses, newest first.
pub async fn page(store: &Store, after: Option<&str>, limit: i64) -> Result<Vec<WebhookRow>, StoreError> {
    Ok(sqlx::query_as("select * from webhooks where $1 is null or id < $1 order by id desc limit $2")
        .bind(after)
        .bind(limit)
        .fetch_all(store.readers())
        .await?)
}

/// Adds something to be told.
pub async fn put(write: &mut Write, row: &MessageRow) -> Result<(), StoreError> {
    sqlx::query(
        "insert into outbox (id, task, webhook, url, event, payload, attempts, created_at, next_at, delivered_at,
           failed_at, last_status, last_error)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(&row.id)
    .bind(&row.task)
    .bind(&row.webhook)
    .bind(&row.url)
    .bind(&row.event)
    .bind(&row.payload)
    .bind(row.attempts)
    .bind(row.created_at)
    .bind(row.next_at)
    .bind(row.delivered_at)
    .bind(row.failed_at)
    .bind(row.last_status)
    .bind(&row.last_error)
    .execute(write.connection())
    .await?;
    Ok(())
}

/// What became of a try.
pub async fn tried(write: &mut Write, row: &MessageRow) -> Result<(), StoreError> {
    sqlx::query(
        "update outbox set attempts = $2, next_at = $3, delivered_at = $4, failed_at = $5, last_status = $6,
           last_error = $7 where id = $1",
    )
    .bind(&row.id)
    .bind(row.attempts)
    .bind(row.next_at)
    .bind(row.delivered_at)
    .bind(row.failed_at)
    .bind(row.last_status)
    .bind(&row.last_error)
    .execute(write.connection())
    .await?;
    Ok(())
}

/// What is due, the longest overdue first. What is told of a task is told in its order: a message waits for those before
/// it to the same address.
pub async fn due(store: &Store, now_ms: i64, limit: i64) -> Result<Vec<MessageRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from outbox where next_at <= $1 and not exists (
           select 1 from outbox before where before.task = outbox.task and before.webhook is outbox.webhook
             and before.url = outbox.url and before.next_at is not null and before.id < outbox.id)
         order by next_at limit $2",
    )
    .bind(now_ms)
    .bind(limit)
    .fetch_all(store.readers())
    .await?)
}

/// When something is due next that is due at all by [`due`]'s rule.
pub async fn next_due(store: &Store) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "select min(next_at) from outbox where next_at is not null and not exists (
           select 1 from outbox before where before.task = outbox.task and before.webhook is outbox.webhook
             and before.url = outbox.url and before.next_at is not null and before.id < outbox.id)",
    )
    .fetch_one(store.readers())
    .await?)
}

/// One message.
pub async fn message(store: &Store, id: &str) -> Result<Option<MessageRow>, StoreError> {
    Ok(sqlx::query_as("select * from outbox where id = $1").bind(id).fetch_optional(store.readers()).await?)
}

/// Messages of an address, or of a task, newest first.
pub async fn messages(
    store: &Store,
    webhook: Option<&str>,
    task: Option<&[u8]>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<MessageRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from outbox where ($1 is null or webhook = $1) and ($2 is null or task = $2)
           and ($3 is null or id < $3)
         order by id desc limit $4",
    )
    .bind(webhook)
    .bind(task)
    .bind(after)
    .bind(limit)
    .fetch_all(store.readers())
    .await?)
}

/// Removes what was delivered or given up before a time, so many at the most.
pub async fn forget(write: &mut Write, before_ms: i64, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "delete from outbox where id in (select id from outbox where next_at is null and created_at < $1 limit $2)",
    )
    .bind(before_ms)
    .bind(limit)
    .execute(write.connection())
    .await?;
    Ok(done.rows_affected())
}
