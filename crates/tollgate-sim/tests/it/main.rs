//! The stand-alone simulator over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod client;
mod faults;
mod journal;
mod plain;
mod videos;
