//! Behaviour of the whole gateway, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    dead_code,
    clippy::print_stdout,
    clippy::large_stack_arrays,
    clippy::format_push_string,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests say what is wrong by panicking, and share helpers unevenly"
)]

mod config;
mod faults;
mod harness;
mod keys;
mod leaving;
mod passthrough;
mod recorded;
mod routing;
mod smoke;
mod uploads;
mod wire;
