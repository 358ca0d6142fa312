//! cli
pub mod keys;
