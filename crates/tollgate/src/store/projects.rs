//! Projects.

use super::{Store, StoreError, Write};

/// A stored project.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ProjectRow {
    /// `proj_…`, public.
    pub id: String,
    /// Free text.
    pub name: String,
    /// Budget over all its keys; set together with the window.
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
    /// The change that wrote it last.
    pub revision: i64,
}

/// Adds a project.
pub async fn insert(write: &mut Write, row: &ProjectRow) -> Result<(), StoreError> {
    sqlx::query(
        "insert into projects (id, name, budget_nano_usd, budget_window, requests_per_minute, tokens_per_minute,
           concurrency, metadata, created_at, updated_at, revision, budget_mode)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(&row.id)
    .bind(&row.name)
    .bind(row.budget_nano_usd)
    .bind(&row.budget_window)
    .bind(row.requests_per_minute)
    .bind(row.tokens_per_minute)
    .bind(row.concurrency)
    .bind(&row.metadata)
    .bind(row.created_at)
    .bind(row.updated_at)
    .bind(row.revision)
    .bind(&row.budget_mode)
    .execute(write.connection())
    .await?;
    Ok(())
}

/// Writes back what may change.
pub async fn update(write: &mut Write, row: &ProjectRow) -> Result<(), StoreError> {
    sqlx::query(
        "update projects set name = $2, budget_nano_usd = $3, budget_window = $4, requests_per_minute = $5,
           tokens_per_minute = $6, concurrency = $7, metadata = $8, updated_at = $9, revision = $10, budget_mode = $11
         where id = $1",
    )
    .bind(&row.id)
    .bind(&row.name)
    .bind(row.budget_nano_usd)
    .bind(&row.budget_window)
    .bind(row.requests_per_minute)
    .bind(row.tokens_per_minute)
    .bind(row.concurrency)
    .bind(&row.metadata)
    .bind(row.updated_at)
    .bind(row.revision)
    .bind(&row.budget_mode)
    .execute(write.connection())
    .await?;
    Ok(())
}

/// One project inside a write.
pub async fn get_for_write(write: &mut Write, id: &str) -> Result<Option<ProjectRow>, StoreError> {
    Ok(sqlx::query_as("select * from projects where id = $1").bind(id).fetch_optional(write.connection()).await?)
}

/// One project.
pub async fn get(store: &Store, id: &str) -> Result<Option<ProjectRow>, StoreError> {
    Ok(sqlx::query_as("select * from projects where id = $1").bind(id).fetch_optional(store.readers()).await?)
}

/// Projects after the cursor, newest first.
pub async fn page(store: &Store, after: Option<&str>, limit: i64) -> Result<Vec<ProjectRow>, StoreError> {
    Ok(sqlx::query_as("select * from projects where ($1 is null or id < $1) order by id desc limit $2")
        .bind(after)
        .bind(limit)
        .fetch_all(store.readers())
        .await?)
}

/// Projects written after a revision.
pub async fn changed_since(store: &Store, revision: i64) -> Result<Vec<ProjectRow>, StoreError> {
    Ok(sqlx::query_as("select * from projects where revision > $1 order by revision")
        .bind(revision)
        .fetch_all(store.readers())
        .await?)
}
