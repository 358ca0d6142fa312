//! Reading tasks: always of one project, or for the operator.

use super::{EventRow, TaskRow};
use crate::store::{Snapshot, Store, StoreError};
use sqlx::{QueryBuilder, Sqlite};

/// Which tasks a list is made of; absent parts allow all. Deleted ones are never in it.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// `proj_…`.
    pub project: Option<String>,
    /// 0 live, 1 test.
    pub book: Option<i64>,
    /// What their caller speaks.
    pub dialect: Option<String>,
    /// `key_…`.
    pub key: Option<String>,
    /// Configured name.
    pub provider: Option<String>,
    /// As the caller named it, or the vendor's name.
    pub model: Option<String>,
    /// In one of these states.
    pub states: Vec<&'static str>,
    /// One of these.
    pub ids: Vec<Vec<u8>>,
    /// Only after this one in the list's order.
    pub after: Option<Vec<u8>>,
    /// Only this one and younger ones.
    pub from: Option<Vec<u8>>,
    /// Oldest first.
    pub oldest_first: bool,
    /// Also deleted ones; for operators.
    pub deleted: bool,
}

impl Filter {
    fn conditions(&self, query: &mut QueryBuilder<Sqlite>) {
        query.push(" where 1 = 1");
        for (column, wanted) in [
            ("project_id", &self.project),
            ("dialect", &self.dialect),
            ("key_id", &self.key),
            ("provider", &self.provider),
        ] {
            if let Some(wanted) = wanted {
                query.push(" and ").push(column).push(" = ").push_bind(wanted);
            }
        }
        if let Some(book) = self.book {
            query.push(" and book = ").push_bind(book);
        }
        if let Some(model) = &self.model {
            query.push(" and (model = ").push_bind(model).push(" or upstream_model = ").push_bind(model).push(")");
        }
        if !self.states.is_empty() {
            let mut list = query.push(" and state in (").separated(", ");
            self.states.iter().for_each(|state| {
                list.push_bind(*state);
            });
            query.push(")");
        }
        if !self.ids.is_empty() {
            let mut list = query.push(" and id in (").separated(", ");
            self.ids.iter().for_each(|id| {
                list.push_bind(id.as_slice());
            });
            query.push(")");
        }
        if let Some(from) = &self.from {
            query.push(" and id >= ").push_bind(from.as_slice());
        }
        if !self.deleted {
            query.push(" and deleted_at is null");
        }
    }
}

/// One page of tasks, newest first unless asked otherwise.
pub async fn page(store: &Store, filter: &Filter, limit: i64, offset: i64) -> Result<Vec<TaskRow>, StoreError> {
    let mut query = QueryBuilder::new("select * from tasks");
    filter.conditions(&mut query);
    if let Some(after) = &filter.after {
        query.push(if filter.oldest_first { " and id > " } else { " and id < " }).push_bind(after.as_slice());
    }
    query.push(if filter.oldest_first { " order by id limit " } else { " order by id desc limit " });
    query.push_bind(limit).push(" offset ").push_bind(offset);
    Ok(query.build_query_as().fetch_all(store.readers()).await?)
}

/// How many there are.
pub async fn count(store: &Store, filter: &Filter) -> Result<i64, StoreError> {
    let mut query = QueryBuilder::new("select count(*) from tasks");
    filter.conditions(&mut query);
    Ok(query.build_query_scalar().fetch_one(store.readers()).await?)
}

/// One task.
pub async fn get(store: &Store, id: &[u8]) -> Result<Option<TaskRow>, StoreError> {
    Ok(sqlx::query_as("select * from tasks where id = $1").bind(id).fetch_optional(store.readers()).await?)
}

/// The task that a caller gave this name.
pub async fn get_by_external(
    store: &Store,
    project: &str,
    book: i64,
    dialect: &str,
    external: &str,
) -> Result<Option<TaskRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from tasks where project_id = $1 and book = $2 and dialect = $3 and external_id = $4
         and deleted_at is null",
    )
    .bind(project)
    .bind(book)
    .bind(dialect)
    .bind(external)
    .fetch_optional(store.readers())
    .await?)
}

/// Every task with work to do, oldest first.
pub async fn open(store: &Store) -> Result<Vec<TaskRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from tasks where settlement <> 'settled' or archive = 'pending' or finished_at is null order by id",
    )
    .fetch_all(store.readers())
    .await?)
}

/// Which of these vendors' ids belong to tasks of a provider.
pub async fn known_vendor_ids(store: &Store, provider: &str, ids: &[String]) -> Result<Vec<String>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<Sqlite>::new("select vendor_id from tasks where provider = ");
    query.push_bind(provider);
    let mut list = query.push(" and vendor_id in (").separated(", ");
    for id in ids {
        list.push_bind(id);
    }
    query.push(")");
    Ok(query.build_query_scalar().fetch_all(store.readers()).await?)
}

/// Tasks whose files' time has come.
pub async fn expiring(store: &Store, now_ms: i64, limit: i64) -> Result<Vec<TaskRow>, StoreError> {
    Ok(sqlx::query_as("select * from tasks where archive = 'stored' and expires_at <= $1 order by expires_at limit $2")
        .bind(now_ms)
        .bind(limit)
        .fetch_all(store.readers())
        .await?)
}

/// A task's steps in their order.
pub async fn events(store: &Store, task: &[u8]) -> Result<Vec<EventRow>, StoreError> {
    Ok(sqlx::query_as("select at, state, note from task_events where task = $1 order by seq limit 1000")
        .bind(task)
        .fetch_all(store.readers())
        .await?)
}

/// Id, request and amount of the tasks after an id that are said to be in the books since before that time, for
/// comparing with them.
pub async fn settlements(
    snapshot: &mut Snapshot,
    after: &[u8],
    before: i64,
    limit: i64,
) -> Result<Vec<(Vec<u8>, Vec<u8>, i64)>, StoreError> {
    let sql = "select id, request_id, amount from tasks
               where id > $1 and settlement = 'settled' and finished_at < $2 order by id limit $3";
    Ok(sqlx::query_as(sql).bind(after).bind(before).bind(limit).fetch_all(snapshot.connection()).await?)
}

/// How many tasks are in each state that is not the last, by their words.
pub async fn unfinished(store: &Store) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(sqlx::query_as("select state, count(*) from tasks where finished_at is null group by state")
        .fetch_all(store.readers())
        .await?)
}
