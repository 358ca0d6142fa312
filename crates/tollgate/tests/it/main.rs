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
    clippy::items_after_statements,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests say what is wrong by panicking, and share helpers unevenly"
)]

mod companions;
mod config;
pub mod crossing;
pub mod door;
mod explain;
mod face;
mod faults;
mod harness;
pub mod idempotency;
mod journal;
mod keys;
mod leaving;
pub mod life;
mod money;
mod passthrough;
mod recorded;
pub mod responses_state;
pub mod routing;
mod smoke;
mod tidy;
mod uploads;
mod usage;
mod vertex;
mod video;
mod wire;
