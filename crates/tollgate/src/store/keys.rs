//! Keys: digests and policies, never a secret.

use super::{Store, StoreError, Write};

/// A stored key.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct KeyRow {
    /// `key_…`, public.
    pub id: String,
    /// HMAC-SHA-256 of the secret, 32 bytes.
    pub digest: Vec<u8>,
    /// The secret's last four characters.
    pub hint: String,
    /// Free text.
    pub name: String,
    /// `live` or `test`.
    pub mode: String,
    /// `proj_…`.
    pub project_id: String,
    /// JSON list of globs.
    pub allowed_models: String,
    /// JSON list of addresses and ranges.
    pub allowed_ips: String,
    /// Unix milliseconds.
    pub expires_at: Option<i64>,
    /// Budget; set together with the window.
    pub budget_nano_usd: Option<i64>,
    /// `total`, `day`, `week` or `month`.
    pub budget_window: Option<String>,
    /// `strict`, `soft` or `meter`; `None` with a budget is an old row and means `strict`.
    pub budget_mode: Option<String>,
    /// Requests started in a minute.
    pub requests_per_minute: Option<i64>,
    /// Tokens in and out in a minute.
    pub tokens_per_minute: Option<i64>,
    /// Requests open at the same time.
    pub concurrency: Option<i64>,
    /// JSON object of strings.
    pub metadata: String,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
    /// Unix milliseconds; set once and never cleared.
    pub revoked_at: Option<i64>,
    /// The change that wrote it last.
    pub revision: i64,
}

/// Adds a key; an unknown project is a [`StoreError::Conflict`].
pub async fn insert(write: &mut Write, row: &KeyRow) -> Result<(), StoreError> {
    sqlx::query(
        "insert into keys (id, digest, hint, name, mode, project_id, allowed_models, allowed_ips, expires_at,
           budget_nano_usd, budget_window, requests_per_minute, tokens_per_minute, concurrency, metadata,
           created_at, updated_at, revoked_at, revision, budget_mode)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
    )
    .bind(&row.id)
    .bind(&row.digest)
    .bind(&row.hint)
    .bind(&row.name)
    .bind(&row.mode)
    .bind(&row.project_id)
    .bind(&row.allowed_models)
    .bind(&row.allowed_ips)
    .bind(row.expires_at)
    .bind(row.budget_nano_usd)
    .bind(&row.budget_window)
    .bind(row.requests_per_minute)
    .bind(row.tokens_per_minute)
    .bind(row.concurrency)
    .bind(&row.metadata)
    .bind(row.created_at)
    .bind(row.updated_at)
    .bind(row.revoked_at)
    .bind(row.revision)
    .bind(&row.budget_mode)
    .execute(write.connection())
    .await?;
    Ok(())
}

/// Writes back what may change: everything but id, digest, hint, mode, project and creation time.
pub async fn update(write: &mut Write, row: &KeyRow) -> Result<(), StoreError> {
    sqlx::query(
        "update keys set name = $2, allowed_models = $3, allowed_ips = $4, expires_at = $5, budget_nano_usd = $6,
           budget_window = $7, requests_per_minute = $8, tokens_per_minute = $9, concurrency = $10, metadata = $11,
           updated_at = $12, revoked_at = $13, revision = $14, budget_mode = $15
         where id = $1",
    )
    .bind(&row.id)
    .bind(&row.name)
    .bind(&row.allowed_models)
    .bind(&row.allowed_ips)
    .bind(row.expires_at)
    .bind(row.budget_nano_usd)
    .bind(&row.budget_window)
    .bind(row.requests_per_minute)
    .bind(row.tokens_per_minute)
    .bind(row.concurrency)
    .bind(&row.metadata)
    .bind(row.updated_at)
    .bind(row.revoked_at)
    .bind(row.revision)
    .bind(&row.budget_mode)
    .execute(write.connection())
    .await?;
    Ok(())
}

/// One key inside a write.
pub async fn get_for_write(write: &mut Write, id: &str) -> Result<Option<KeyRow>, StoreError> {
    Ok(sqlx::query_as("select * from keys where id = $1").bind(id).fetch_optional(write.connection()).await?)
}

/// One key.
pub async fn get(store: &Store, id: &str) -> Result<Option<KeyRow>, StoreError> {
    Ok(sqlx::query_as("select * from keys where id = $1").bind(id).fetch_optional(store.readers()).await?)
}

/// Keys after the cursor, newest first; of one project if asked.
pub async fn page(
    store: &Store,
    project: Option<&str>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<KeyRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from keys where ($1 is null or id < $1) and ($2 is null or project_id = $2)
         order by id desc limit $3",
    )
    .bind(after)
    .bind(project)
    .bind(limit)
    .fetch_all(store.readers())
    .await?)
}

/// Up to `limit` keys written after a revision, oldest change first, revoked ones included. No two keys share a
/// revision, so the last one's is where to go on.
pub async fn changed_since(store: &Store, revision: i64, limit: i64) -> Result<Vec<KeyRow>, StoreError> {
    Ok(sqlx::query_as("select * from keys where revision > $1 order by revision limit $2")
        .bind(revision)
        .bind(limit)
        .fetch_all(store.readers())
        .await?)
}

/// Whether any key was ever made.
pub async fn any(store: &Store) -> Result<bool, StoreError> {
    let one: Option<i64> = sqlx::query_scalar("select 1 from keys limit 1").fetch_optional(store.readers()).await?;
    Ok(one.is_some())
}
