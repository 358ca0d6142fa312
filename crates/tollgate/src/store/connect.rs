//! The open database: one writer connection, a few readers, and a watcher for changes by other processes.
//!
//! Owns the pragmas. Writes go through [`Store::write`] alone, which takes the write lock at once (`begin
//! immediate`), so that a transaction never fails half-way because somebody else wrote first.

use std::future::{Ready, ready};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, Transaction};

use super::data_dir::DataDir;
use super::{MIN_SQLITE, StoreError, migrate};

/// How long a statement waits for another process's lock.
const BUSY: Duration = Duration::from_secs(5);
/// How long a task waits for a connection of a pool; above [`BUSY`], so that a busy database says so itself.
const ACQUIRE: Duration = Duration::from_secs(10);
const READERS: u32 = 4;

/// The database of one data dir. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    options: SqliteConnectOptions,
}

/// A write transaction; dropped without [`Write::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct Write(Transaction<'static, Sqlite>);

/// The database as it was at the first look: what is written meanwhile is not seen, and nobody waits.
#[derive(Debug)]
pub struct Snapshot(Transaction<'static, Sqlite>);

/// A connection of its own that sees whether anybody else has changed the database.
#[derive(Debug)]
pub struct Watcher(SqliteConnection);

impl Store {
    /// Opens or creates the database and brings its schema up to date.
    pub async fn open(dir: &DataDir) -> Result<Self, StoreError> {
        let file = dir.database_file()?;
        // Unused pages can be given back only if that was said before the first table was made. Saying it again writes.
        let is_new = std::fs::metadata(&file).map_or(true, |file| file.len() == 0);
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .pragma("mmap_size", "0")
            // Bound values could hold digests; they are nobody's business in a log.
            .disable_statement_logging();
        let making = options.clone().auto_vacuum(SqliteAutoVacuum::Incremental);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(None)
            .max_lifetime(None)
            .before_acquire(|connection, _| Box::pin(is_clean(connection)))
            .connect_with(if is_new { making } else { options.clone() })
            .await?;
        check_library(&writer).await?;
        migrate::run(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(None)
            .max_lifetime(None)
            .before_acquire(|connection, _| Box::pin(is_clean(connection)))
            .connect_lazy_with(options.clone().pragma("query_only", "1"));
        Ok(Self { writer, readers, options })
    }

    /// Opens the database as it is, for looking only: nothing is created, brought up to date or folded. Refuses a schema
    /// that is not this version's.
    pub async fn look(dir: &DataDir) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(dir.existing_database())
            .read_only(true)
            .busy_timeout(BUSY)
            .pragma("mmap_size", "0")
            .pragma("query_only", "1")
            .disable_statement_logging();
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE)
            .connect_with(options.clone())
            .await?;
        check_library(&readers).await?;
        migrate::check(&readers).await?;
        Ok(Self { writer: readers.clone(), readers, options })
    }

    /// Begins a write; waits up to 5 s for other processes and then says [`StoreError::Busy`].
    pub async fn write(&self) -> Result<Write, StoreError> {
        Ok(Write(self.writer.begin_with("begin immediate").await?))
    }

    /// Begins a consistent look at the database.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot(self.readers.begin().await?))
    }

    /// Opens a connection that watches for changes.
    pub async fn watcher(&self) -> Result<Watcher, StoreError> {
        Ok(Watcher(self.options.clone().pragma("query_only", "1").connect().await?))
    }

    /// Closes all connections; the last one folds the write-ahead log back into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    pub(super) fn writer(&self) -> &SqlitePool {
        &self.writer
    }
}

impl Write {
    /// Makes everything done so far durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }
}

impl Snapshot {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }
}

impl Watcher {
    /// A number that differs from the last answer if, and only if, another connection has committed since.
    pub async fn version(&mut self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("pragma data_version").fetch_one(&mut self.0).await?)
    }

    /// Closes the connection.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.0.close().await?)
    }
}

/// Whether a connection can be used again. After a full disk, an I/O error or too little memory `SQLite` has rolled the
/// transaction back by itself; sqlx's own roll-back then fails, and it counts one that is open from then on. Such a
/// connection is closed and another one opened.
fn is_clean(connection: &mut SqliteConnection) -> Ready<Result<bool, sqlx::Error>> {
    ready(Ok(!connection.is_in_transaction()))
}

async fn check_library(pool: &SqlitePool) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("select sqlite_version()").fetch_one(pool).await?;
    if new_enough(&version) { Ok(()) } else { Err(StoreError::OldSqlite(version)) }
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next()) >= MIN_SQLITE
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::store::revision;

    async fn fresh() -> (tempfile::TempDir, DataDir, Store) {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::create(parent.path()).unwrap();
        let store = Store::open(&dir).await.unwrap();
        (parent, dir, store)
    }

    #[test]
    fn compares_versions_as_numbers() {
        assert!(new_enough("3.51.3") && new_enough("3.100.0") && new_enough("4.0.0"));
        assert!(!new_enough("3.51.2") && !new_enough("3.9.99") && !new_enough("") && !new_enough("x"));
    }

    #[tokio::test]
    async fn connections_are_set_up_as_promised() {
        let (_parent, _dir, store) = fresh().await;
        for pool in [&store.writer, &store.readers] {
            let text: String = sqlx::query_scalar("pragma journal_mode").fetch_one(pool).await.unwrap();
            let full: i64 = sqlx::query_scalar("pragma synchronous").fetch_one(pool).await.unwrap();
            let foreign: i64 = sqlx::query_scalar("pragma foreign_keys").fetch_one(pool).await.unwrap();
            let busy: i64 = sqlx::query_scalar("pragma busy_timeout").fetch_one(pool).await.unwrap();
            let mmap: i64 = sqlx::query_scalar("pragma mmap_size").fetch_one(pool).await.unwrap();
            assert_eq!((text.as_str(), full, foreign, busy, mmap), ("wal", 2, 1, 5000, 0));
        }
        let update = "update revision set value = 9";
        assert!(sqlx::query(update).execute(&store.readers).await.is_err(), "readers cannot write");
        let loose: i64 = sqlx::query_scalar(
            "select count(*) from pragma_table_list where schema = 'main' and strict = 0
             and name not like 'sqlite%' and name not like '\\_sqlx%' escape '\\'",
        )
        .fetch_one(&store.readers)
        .await
        .unwrap();
        assert_eq!(loose, 0, "every table is strict");
    }

    #[tokio::test]
    async fn who_only_looks_changes_nothing() {
        let (_parent, dir, store) = fresh().await;
        store.close().await;
        let file = dir.existing_database();
        let before = std::fs::read(&file).unwrap();
        let look = Store::look(&dir).await.unwrap();
        assert_eq!(revision::current(&look).await.unwrap(), 0);
        assert!(look.write().await.is_err());
        look.close().await;
        assert_eq!(std::fs::read(&file).unwrap(), before);
        // A schema from before or after is refused, and stays.
        for (change, is_older) in [
            ("delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)", true),
            (
                "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (999999, 'later', 1, x'00', 0)",
                false,
            ),
        ] {
            let store = SqlitePoolOptions::new().connect_with(store.options.clone()).await.unwrap();
            sqlx::query(change).execute(&store).await.unwrap();
            store.close().await;
            let refused = Store::look(&dir).await;
            let is_refused = matches!(
                refused,
                Err(StoreError::Schema { found, wanted: migrate::LAST }) if (found < migrate::LAST) == is_older
            );
            assert!(is_refused, "{change}");
        }
    }

    #[tokio::test]
    async fn only_committed_writes_stay() {
        let (_parent, dir, store) = fresh().await;
        let mut watcher = store.watcher().await.unwrap();
        let before = watcher.version().await.unwrap();
        let mut write = store.write().await.unwrap();
        revision::next(&mut write).await.unwrap();
        drop(write);
        assert_eq!(revision::current(&store).await.unwrap(), 0);
        assert_eq!(watcher.version().await.unwrap(), before);
        let other = Store::open(&dir).await.unwrap();
        let mut write = other.write().await.unwrap();
        revision::next(&mut write).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(revision::current(&store).await.unwrap(), 1);
        assert_ne!(watcher.version().await.unwrap(), before);
    }

    #[tokio::test]
    async fn a_full_disk_is_not_for_ever() {
        let (_parent, _dir, store) = fresh().await;
        sqlx::query("create table large (bytes blob) strict").execute(&store.writer).await.unwrap();
        // As on a full disk: what is written fails, and SQLite ends the transaction by itself.
        let pages: i64 = sqlx::query_scalar("pragma page_count").fetch_one(&store.writer).await.unwrap();
        for _ in 0..3 {
            let limit = format!("pragma max_page_count = {}", pages + 2);
            sqlx::query(sqlx::AssertSqlSafe(limit)).execute(&store.writer).await.unwrap();
            let mut write = store.write().await.unwrap();
            let full = sqlx::query("insert into large values (zeroblob(100000))").execute(write.connection()).await;
            let full = StoreError::from(full.unwrap_err());
            assert!(full.to_string().contains("full"), "{full}");
            drop(write);
            // There is room again, and it is seen.
            let mut write = store.write().await.unwrap();
            sqlx::query("pragma max_page_count = 1000000").execute(write.connection()).await.unwrap();
            revision::next(&mut write).await.unwrap();
            write.commit().await.unwrap();
        }
        assert_eq!(revision::current(&store).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_newer_database_is_refused() {
        let (_parent, dir, store) = fresh().await;
        sqlx::query(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             values (999999, 'later', 1, x'00', 0)",
        )
        .execute(&store.writer)
        .await
        .unwrap();
        store.close().await;
        assert!(matches!(Store::open(&dir).await, Err(StoreError::Migrate(_))));
    }
}
