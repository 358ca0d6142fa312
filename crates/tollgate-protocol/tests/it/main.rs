//! The protocols against recorded traffic of real vendors and the vendors' own descriptions of their APIs.
//!
//! `fixtures` reads the traffic, `schema` validates against the descriptions, `samples` makes requests out of them,
//! `third` asks of each such request that nothing in it is lost in silence. All four know no protocol: each protocol
//! adds its own file and its entry in `spoken`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::format_push_string,
    unreachable_pub,
    dead_code,
    reason = "tests say what is wrong by panicking, and share helpers unevenly"
)]

mod crossing;
mod fixtures;
mod gemini;
mod hostile;
mod messages;
mod responses;
mod samples;
mod schema;
mod spoken;
mod third;
