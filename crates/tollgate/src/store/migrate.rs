//! The schema's steps, embedded. A step that has shipped is never edited: its checksum is kept in the database.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqlitePool;

use super::StoreError;

/// Number, description, text. Add at the end.
const STEPS: &[(i64, &str, &str)] = &[
    (1, "keys", include_str!("../../migrations/0001_keys.sql")),
    (2, "ledger", include_str!("../../migrations/0002_ledger.sql")),
    (3, "budget_mode", include_str!("../../migrations/0003_budget_mode.sql")),
    (4, "blocks", include_str!("../../migrations/0004_blocks.sql")),
    (6, "memory", include_str!("../../migrations/0006_memory.sql")),
    (7, "tasks", include_str!("../../migrations/0007_tasks.sql")),
];

/// The number of the last step.
pub(super) const LAST: i64 = STEPS[STEPS.len() - 1].0;

/// Refuses a database that does not have exactly these steps.
pub(super) async fn check(pool: &SqlitePool) -> Result<(), StoreError> {
    let there: Vec<i64> =
        sqlx::query_scalar("select version from _sqlx_migrations where success").fetch_all(pool).await?;
    let all = STEPS.iter().take_while(|(number, ..)| there.contains(number)).map(|(number, ..)| *number);
    let later = there.iter().copied().filter(|number| *number > LAST);
    let found = all.chain(later).max().unwrap_or(0);
    if found == LAST { Ok(()) } else { Err(StoreError::Schema { found, wanted: LAST }) }
}

/// Applies the steps that the database does not have yet.
///
/// The caller holds the data dir's set-up lock: two processes that open a fresh dir must not both migrate it.
pub(super) async fn run(pool: &SqlitePool) -> Result<(), StoreError> {
    let steps = STEPS.iter().map(|&(number, description, text)| {
        Migration::new(number, description.into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    Migrator::with_migrations(steps.collect()).run(pool).await.map_err(StoreError::Migrate)
}
