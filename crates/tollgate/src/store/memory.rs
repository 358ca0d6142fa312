//! What is remembered of conversations: sealed contents under digests.

use super::{Store, StoreError, Write};

/// One thing remembered.
#[derive(Debug, Clone)]
pub struct MemoryRow {
    /// Digest of whose it is and what it is called.
    pub name: [u8; 32],
    /// Sealed.
    pub content: Vec<u8>,
    /// Unix milliseconds.
    pub expires_at: i64,
}

/// Keeps a row, in place of one of the same name.
pub async fn put(write: &mut Write, row: &MemoryRow) -> Result<(), StoreError> {
    sqlx::query("insert or replace into memory (name, content, expires_at) values ($1, $2, $3)")
        .bind(&row.name[..])
        .bind(&row.content)
        .bind(row.expires_at)
        .execute(write.connection())
        .await?;
    Ok(())
}

/// The content under a name, unless it has expired by `now`, in Unix milliseconds.
pub async fn get(store: &Store, name: &[u8; 32], now: i64) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(sqlx::query_scalar("select content from memory where name = $1 and expires_at > $2")
        .bind(&name[..])
        .bind(now)
        .fetch_optional(store.readers())
        .await?)
}

/// Removes a name.
pub async fn delete(write: &mut Write, name: &[u8; 32]) -> Result<(), StoreError> {
    sqlx::query("delete from memory where name = $1").bind(&name[..]).execute(write.connection()).await?;
    Ok(())
}

/// Removes at most `most` rows that have expired by `now`; how many there were.
pub async fn forget(write: &mut Write, now: i64, most: i64) -> Result<u64, StoreError> {
    let done =
        sqlx::query("delete from memory where name in (select name from memory where expires_at <= $1 limit $2)")
            .bind(now)
            .bind(most)
            .execute(write.connection())
            .await?;
    Ok(done.rows_affected())
}
