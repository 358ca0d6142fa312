//! Behaviour of the whole gateway, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    dead_code,
    reason = "tests say what is wrong by panicking, and share helpers unevenly"
)]

mod config;
mod door;
mod harness;
mod keys;
mod life;
mod recorded;
mod smoke;
mod tidy;
mod wire;
