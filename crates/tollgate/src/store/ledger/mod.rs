//! The ledger's tables: rows in, rows out. What a row means is `ledger/`'s business.

mod read;
mod write;

pub use read::{
    balances, balances_off, block, block_count, block_details, block_holding, block_ids, blocks_after, day_after,
    days_off, hour_after, last_block, marked, marks_of, postings_of, postings_since, price, project_of_keys,
    refund_count, refunds_for_write, refunds_of, refunds_within, rollups, rollups_of, series_by_id, series_matching,
    stray, strays_of_hour, strays_outside,
};
pub use write::{
    Posting, add_rollups, forget_details, has_block, insert_block, insert_refund, post, price_versions, reclaim,
    series_id,
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

/// Entries as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct BlockRow {
    /// Its number; later ones are higher.
    pub id: i64,
    /// Entries in it.
    pub count: i64,
    /// Their ids, 16 bytes each.
    pub ids: Vec<u8>,
    /// Their charges.
    pub charges: Vec<u8>,
}

/// A block about to be stored, with what belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewBlock {
    /// Its number.
    pub id: i64,
    /// Entries in it.
    pub count: i64,
    /// Their ids, 16 bytes each.
    pub ids: Vec<u8>,
    /// Their charges.
    pub charges: Vec<u8>,
    /// Their details.
    pub details: Vec<u8>,
    /// What it is marked with.
    pub marks: Vec<i64>,
    /// Ids and hours of entries that are not found by their ids' time.
    pub strays: Vec<([u8; 16], i64)>,
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
    /// `req_…`.
    pub request: String,
    /// Why.
    pub cause: String,
    /// Nano-dollars, positive.
    pub amount: i64,
    /// Unix milliseconds.
    pub created_at: i64,
    /// For people.
    pub note: Option<String>,
}
