//! The books: what every admitted request costs, once, and who owes it.

pub mod codec;
pub mod entry;

pub use entry::{Basis, Book, Detail, Entry, FailedAttempt, Flags, RequestId, Series};
