//! The tollgate gateway as a library; `main.rs` is its thin command line. `ARCHITECTURE.md` is the map.

pub mod admin;
pub mod catalogue;
pub mod cli;
pub mod config;
pub mod keys;
pub mod routing;
pub mod store;
