//! The audit log: one row for each write, in the write's own transaction. Rows are never changed or deleted.

use super::{Store, StoreError, Write};

/// One write as it was.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AuditRow {
    /// The revision that the write made; unique, rising.
    pub seq: i64,
    /// Unix milliseconds.
    pub at: i64,
    /// Who: an admin key's id, `env`, `cli` or `tollgate`.
    pub actor: String,
    /// The client's address, where there was one.
    pub peer: Option<String>,
    /// What: `key.create`, `key.update`, `key.revoke`, …
    pub action: String,
    /// The id of the thing.
    pub object: String,
    /// The thing before, as the admin API shows it (no secret, no digest).
    pub before: Option<String>,
    /// The thing after.
    pub after: Option<String>,
}

/// Appends a row.
pub async fn append(write: &mut Write, row: &AuditRow) -> Result<(), StoreError> {
    sqlx::query(
        "insert into audit (seq, at, actor, peer, action, object, before, after)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(row.seq)
    .bind(row.at)
    .bind(&row.actor)
    .bind(&row.peer)
    .bind(&row.action)
    .bind(&row.object)
    .bind(&row.before)
    .bind(&row.after)
    .execute(write.connection())
    .await?;
    Ok(())
}

/// Rows older than `before` (exclusive), newest first.
pub async fn page(store: &Store, before: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
    Ok(sqlx::query_as(
        "select seq, at, actor, peer, action, object, before, after from audit
         where seq < $1 order by seq desc limit $2",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(store.readers())
    .await?)
}
