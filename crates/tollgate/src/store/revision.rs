//! The counter of changes, and facts about the installation.

use super::{Store, StoreError, Write};

/// Takes the next revision; it becomes visible with the rows that carry it.
pub async fn next(write: &mut Write) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("update revision set value = value + 1 where id = 1 returning value")
        .fetch_one(write.connection())
        .await?)
}

/// The last revision that was committed; 0 in a fresh database.
pub async fn current(store: &Store) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select value from revision where id = 1").fetch_one(store.readers()).await?)
}

/// A fact about the installation.
pub async fn fact(write: &mut Write, name: &str) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("select value from installation where name = $1")
        .bind(name)
        .fetch_optional(write.connection())
        .await?)
}

/// Notes a fact about the installation for ever.
pub async fn put_fact(write: &mut Write, name: &str, value: &str) -> Result<(), StoreError> {
    sqlx::query("insert into installation (name, value) values ($1, $2)")
        .bind(name)
        .bind(value)
        .execute(write.connection())
        .await?;
    Ok(())
}
