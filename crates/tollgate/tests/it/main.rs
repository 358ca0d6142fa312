//! Behaviour of the whole gateway, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    dead_code,
    clippy::missing_panics_doc,
    clippy::large_stack_arrays,
    clippy::format_push_string,
    clippy::format_collect,
    reason = "tests say what is wrong by panicking, and share helpers unevenly"
)]

mod config;
mod door;
mod faults;
mod harness;
mod keys;
mod leaving;
mod life;
mod recorded;
mod routing;
mod smoke;
mod tidy;
mod wire;
