//! Admin keys: digests only.

use super::{Store, StoreError, Write};

/// A stored admin key.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AdminKeyRow {
    /// `admin_…`, public; the actor in the audit log.
    pub id: String,
    /// HMAC-SHA-256 of the secret, 32 bytes.
    pub digest: Vec<u8>,
    /// The secret's last four characters.
    pub hint: String,
    /// Unix milliseconds.
    pub created_at: i64,
}

/// All admin keys; there are few.
pub async fn all(store: &Store) -> Result<Vec<AdminKeyRow>, StoreError> {
    Ok(sqlx::query_as("select id, digest, hint, created_at from admin_keys order by id limit 1000")
        .fetch_all(store.readers())
        .await?)
}

/// Adds one.
pub async fn insert(write: &mut Write, row: &AdminKeyRow) -> Result<(), StoreError> {
    sqlx::query("insert into admin_keys (id, digest, hint, created_at) values ($1, $2, $3, $4)")
        .bind(&row.id)
        .bind(&row.digest)
        .bind(&row.hint)
        .bind(row.created_at)
        .execute(write.connection())
        .await?;
    Ok(())
}
