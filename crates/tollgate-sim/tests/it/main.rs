//! The simulator from outside: over real sockets, and its answers as they are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod anthropic;
mod ask;
mod client;
mod faults;
mod gemini;
mod journal;
mod plain;
mod shared;
mod videos;
