//! The books: what every admitted request costs, once, and who owes it.
//!
//! ```text
//! begin ─▶ journal (before a vendor is asked)     after a crash: replayed, the final entry of a request wins
//! settle ─▶ journal, section ─▶ applier's thread ─▶ SQLite, in blocks
//! ```
//!
//! Callers never wait for SQL. If the database falls behind too far or the journal cannot be written, new requests
//! are refused ([`Ledger::is_open`]); those that run are settled all the same.

mod apply;
mod block;
pub mod codec;
pub mod entry;
pub mod find;
pub mod refund;
mod replay;
pub mod retention;
mod run;
mod section;
mod stored;
pub mod timings;
pub mod verify;
pub mod view;

pub use entry::{Basis, Book, Detail, Entry, FailedAttempt, Flags, RequestId, Series};
pub use run::{Begun, Ledger, LedgerError, Unavailable, remember};

#[cfg(test)]
mod tests;
