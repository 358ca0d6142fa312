//! The simulator from outside: over real sockets, and its answers as they are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod anthropic;
mod ask;
mod chat;
mod client;
mod deepseek;
mod faults;
mod gemini;
mod hostile;
mod journal;
mod plain;
mod responses;
mod shared;
mod videos;
