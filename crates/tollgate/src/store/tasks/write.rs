//! Writing tasks: a change finds the row as its writer knew it, or changes nothing.

use super::TaskRow;
use crate::store::{StoreError, Write};

/// Adds a task; a name of the caller's that is taken is a [`StoreError::Conflict`].
pub async fn insert(write: &mut Write, row: &TaskRow) -> Result<(), StoreError> {
    sqlx::query(
        "insert into tasks (id, request_id, book, key_id, project_id, dialect, state, model, provider, provider_kind,
           upstream_model, account, price_version, vendor_id, external_id, facts, answer, result, files, archive,
           settlement, held, amount, usage, flags, error_code, error_message, filtered, attempts, admitted_at,
           updated_at, sent_at, finished_at, deadline, expires_at, deleted_at, owner, version, status)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
           $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39)",
    )
    .bind(&row.id)
    .bind(&row.request_id)
    .bind(row.book)
    .bind(&row.key_id)
    .bind(&row.project_id)
    .bind(&row.dialect)
    .bind(&row.state)
    .bind(&row.model)
    .bind(&row.provider)
    .bind(&row.provider_kind)
    .bind(&row.upstream_model)
    .bind(&row.account)
    .bind(&row.price_version)
    .bind(&row.vendor_id)
    .bind(&row.external_id)
    .bind(&row.facts)
    .bind(&row.answer)
    .bind(&row.result)
    .bind(&row.files)
    .bind(&row.archive)
    .bind(&row.settlement)
    .bind(row.held)
    .bind(row.amount)
    .bind(&row.usage)
    .bind(row.flags)
    .bind(&row.error_code)
    .bind(&row.error_message)
    .bind(row.filtered)
    .bind(row.attempts)
    .bind(row.admitted_at)
    .bind(row.updated_at)
    .bind(row.sent_at)
    .bind(row.finished_at)
    .bind(row.deadline)
    .bind(row.expires_at)
    .bind(row.deleted_at)
    .bind(&row.owner)
    .bind(row.version)
    .bind(row.status)
    .execute(write.connection())
    .await?;
    Ok(())
}

/// Writes back what may change, if the row still has the version before this one: `false` if somebody else was first.
pub async fn update(write: &mut Write, row: &TaskRow) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update tasks set state = $3, provider = $4, provider_kind = $5, upstream_model = $6, account = $7,
           price_version = $8, vendor_id = $9, facts = $10, answer = $11, result = $12, files = $13, archive = $14,
           settlement = $15, amount = $16, usage = $17, flags = $18, error_code = $19, error_message = $20,
           filtered = $21, attempts = $22, updated_at = $23, sent_at = $24, finished_at = $25, deadline = $26,
           expires_at = $27, deleted_at = $28, external_id = $29, status = $30, version = $2
         where id = $1 and version = $2 - 1",
    )
    .bind(&row.id)
    .bind(row.version)
    .bind(&row.state)
    .bind(&row.provider)
    .bind(&row.provider_kind)
    .bind(&row.upstream_model)
    .bind(&row.account)
    .bind(&row.price_version)
    .bind(&row.vendor_id)
    .bind(&row.facts)
    .bind(&row.answer)
    .bind(&row.result)
    .bind(&row.files)
    .bind(&row.archive)
    .bind(&row.settlement)
    .bind(row.amount)
    .bind(&row.usage)
    .bind(row.flags)
    .bind(&row.error_code)
    .bind(&row.error_message)
    .bind(row.filtered)
    .bind(row.attempts)
    .bind(row.updated_at)
    .bind(row.sent_at)
    .bind(row.finished_at)
    .bind(row.deadline)
    .bind(row.expires_at)
    .bind(row.deleted_at)
    .bind(&row.external_id)
    .bind(row.status)
    .execute(write.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes a process the owner of every task with work to do. What an earlier owner still knew is out of date from then
/// on.
pub async fn adopt(write: &mut Write, owner: &str) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "update tasks set owner = $1, version = version + 1
         where settlement <> 'settled' or archive = 'pending' or finished_at is null",
    )
    .bind(owner)
    .execute(write.connection())
    .await?;
    Ok(done.rows_affected())
}

/// Notes a step.
pub async fn event(write: &mut Write, task: &[u8], at: i64, state: &str, note: Option<&str>) -> Result<(), StoreError> {
    sqlx::query("insert into task_events (task, at, state, note) values ($1, $2, $3, $4)")
        .bind(task)
        .bind(at)
        .bind(state)
        .bind(note)
        .execute(write.connection())
        .await?;
    Ok(())
}
