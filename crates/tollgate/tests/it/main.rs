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
pub mod door;
mod faults;
mod harness;
mod keys;
mod leaving;
pub mod life;
mod recorded;
mod routing;
mod smoke;
mod tidy;
mod wire;
