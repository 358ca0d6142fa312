//! Everything that touches the database: rows in, rows out.
//!
//! Owns every SQL statement, one file per table group, and the data dir. Statements are plain strings with bound
//! parameters. Knows nothing of HTTP, of secrets in clear, or of what a row means to others.

mod connect;
mod migrate;

pub mod admin_keys;
pub mod audit;
pub mod data_dir;
pub mod keys;
pub mod ledger;
pub mod memory;
pub mod projects;
pub mod revision;
pub mod tasks;
pub mod webhooks;

pub use connect::{Snapshot, Store, Watcher, Write};
pub use data_dir::{DataDir, DataDirError, ServeLock};

/// Oldest `SQLite` that is safe: 3.7.0 to 3.51.2 can corrupt a database when two connections write and checkpoint.
pub const MIN_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// Why the database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data dir refused first.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The linked library is older than [`MIN_SQLITE`].
    #[error("the linked SQLite is {0}, but 3.51.3 or newer is needed: older ones can corrupt the database")]
    OldSqlite(String),
    /// The schema could not be brought up to date.
    #[error("the database could not be migrated (is it from a newer tollgate?)")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The schema is not this version's, and nobody asked for a change.
    #[error(
        "the database has schema {found} and this tollgate needs {wanted}: {}",
        if found < wanted { "start the gateway once with this version, which brings it up to date" }
        else { "it was written by a newer tollgate; use that one" }
    )]
    Schema {
        /// The last step that it has.
        found: i64,
        /// The last step there is.
        wanted: i64,
    },
    /// Another process held the write lock for longer than the busy time-out.
    #[error("the database is busy: {0}")]
    Busy(sqlx::Error),
    /// A row breaks a unique or foreign-key rule.
    #[error("the row conflicts with another one: {0}")]
    Conflict(sqlx::Error),
    /// A stored value is not one that this program writes.
    #[error("the database holds an unreadable value in {0}")]
    Unreadable(&'static str),
    /// The runtime stopped in the middle.
    #[error("the work was interrupted")]
    Interrupted,
    /// Anything else that the database said. It names tables and columns, never values.
    #[error("the database failed: {0}")]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::PoolTimedOut) {
            return Self::Busy(error);
        }
        let Some(database) = error.as_database_error() else {
            return Self::Database(error);
        };
        // Extended result codes carry the primary one in their low byte: 5 is SQLITE_BUSY, 6 SQLITE_LOCKED.
        let busy =
            database.code().and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| matches!(code & 0xff, 5 | 6));
        if busy {
            Self::Busy(error)
        } else if database.is_unique_violation() || database.is_foreign_key_violation() {
            Self::Conflict(error)
        } else {
            Self::Database(error)
        }
    }
}
