//! Video tasks: rows in, rows out. What a state means is `tasks/`'s business.

mod read;
mod write;

pub use read::{
    Filter, count, events, expiring, get, get_by_external, known_vendor_ids, open, page, settlements, unfinished,
};
pub use write::{adopt, event, insert, update};

/// A task as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TaskRow {
    /// 16 bytes that sort by time.
    pub id: Vec<u8>,
    /// 16 bytes: the request that made it.
    pub request_id: Vec<u8>,
    /// 0 live, 1 test.
    pub book: i64,
    /// `key_…`.
    pub key_id: String,
    /// `proj_…`.
    pub project_id: String,
    /// What its caller speaks.
    pub dialect: String,
    /// Its state's word.
    pub state: String,
    /// As the caller named it.
    pub model: String,
    /// Configured name; empty before one is chosen.
    pub provider: String,
    /// May be empty.
    pub provider_kind: String,
    /// May be empty.
    pub upstream_model: String,
    /// Which of the provider's accounts.
    pub account: String,
    /// Empty for a model without a price.
    pub price_version: String,
    /// The vendor's id.
    pub vendor_id: Option<String>,
    /// The caller's own name for it.
    pub external_id: Option<String>,
    /// JSON: what was asked for.
    pub facts: String,
    /// The vendor's last answer.
    pub answer: Option<Vec<u8>>,
    /// JSON: what was made, while it is being fetched.
    pub result: Option<String>,
    /// JSON: what is in the archive.
    pub files: String,
    /// `none`, `pending`, `stored`, `gone`.
    pub archive: String,
    /// `open`, `due`, `settled`.
    pub settlement: String,
    /// Nano-dollars.
    pub held: i64,
    /// Nano-dollars.
    pub amount: i64,
    /// Encoded counters.
    pub usage: Vec<u8>,
    /// Of the charge.
    pub flags: i64,
    /// The HTTP status that its create was answered with.
    pub status: i64,
    /// Why it was not done.
    pub error_code: Option<String>,
    /// The same for people.
    pub error_message: Option<String>,
    /// Videos that were made and not shown.
    pub filtered: i64,
    /// Requests sent to make it.
    pub attempts: i64,
    /// Unix milliseconds.
    pub admitted_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
    /// Unix milliseconds of the last request to make it.
    pub sent_at: Option<i64>,
    /// Unix milliseconds.
    pub finished_at: Option<i64>,
    /// Unix milliseconds after which it is given up.
    pub deadline: i64,
    /// Unix milliseconds at which its files go.
    pub expires_at: Option<i64>,
    /// Unix milliseconds.
    pub deleted_at: Option<i64>,
    /// The process that works on it.
    pub owner: String,
    /// Counts its changes.
    pub version: i64,
}

/// A step in a task's life.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct EventRow {
    /// Unix milliseconds.
    pub at: i64,
    /// The state that began.
    pub state: String,
    /// Why.
    pub note: Option<String>,
}
