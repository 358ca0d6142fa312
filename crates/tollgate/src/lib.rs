//! The tollgate gateway as a library; `main.rs` is its thin command line. `ARCHITECTURE.md` is the map.

pub mod admin;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod config;
pub mod ids;
pub mod keys;
pub mod money;
pub mod store;
