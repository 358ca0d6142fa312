//! The ledger's tables: rows in, rows out. What a row means is `ledger/`'s business.

mod read;
mod write;

pub use read::{
    Filter, balance_rows, entries_between, entries_page, get_entry, hours_of, posting_rows, postings_since, price,
    project_of_keys, refund_sums, refunds_page, rollups, rollups_all, series_all, series_matching, series_one,
};
pub use write::{
    Posting, add_rollups, forget_details, insert_entries, insert_refund, post, present, price_versions, series_id,
};

/// A series as stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, sqlx::FromRow)]
pub struct SeriesRow {
    /// Its number; 0 for one that is not stored yet.
    pub id: i64,
    /// 0 live, 1 test.
    pub book: i64,
    /// `key_…`.
    pub key_id: String,
    /// `proj_…`.
    pub project_id: String,
    /// The route's name.
    pub endpoint: String,
    /// As the caller named it.
    pub model: String,
    /// Configured name; may be empty.
    pub provider: String,
    /// May be empty.
    pub provider_kind: String,
    /// May be empty.
    pub upstream_model: String,
    /// May be empty.
    pub price_version: String,
}

/// An entry as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct EntryRow {
    /// 16 bytes.
    pub id: Vec<u8>,
    /// Number of its series.
    pub series: i64,
    /// Unix milliseconds.
    pub admitted_at: i64,
    /// Nano-dollars.
    pub amount: i64,
    /// Nano-dollars.
    pub cost: i64,
    /// Basis, outcome and flags.
    pub marks: i64,
    /// HTTP status.
    pub status: i64,
    /// Encoded counters.
    pub usage: Vec<u8>,
    /// Encoded detail, until the log forgets it.
    pub detail: Option<Vec<u8>>,
}

/// Sums of one series in one hour.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RollupRow {
    /// Hours since 1970.
    pub hour: i64,
    /// Number of the series.
    pub series: i64,
    /// Entries.
    pub requests: i64,
    /// Entries with a status from 400 on.
    pub errors: i64,
    /// Charged, in nano-dollars.
    pub amount: i64,
    /// Vendors' cost, in nano-dollars.
    pub cost: i64,
    /// Refunded, in nano-dollars.
    pub refunded: i64,
    /// JSON list of the counters' sums.
    pub usage: String,
}

/// A refund as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RefundRow {
    /// `rfd_…`.
    pub id: String,
    /// 16 bytes.
    pub request_id: Vec<u8>,
    /// Why.
    pub cause: String,
    /// Nano-dollars, positive.
    pub amount: i64,
    /// Unix milliseconds.
    pub created_at: i64,
    /// For people.
    pub note: Option<String>,
}
