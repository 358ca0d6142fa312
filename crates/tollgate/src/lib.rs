//! The tollgate gateway as a library; `main.rs` is its thin command line. `ARCHITECTURE.md` is the map.

pub mod accounts;
pub mod admin;
pub mod archive;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod config;
pub mod door;
pub mod estimate;
pub mod gateway;
pub mod http1;
pub mod ids;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod lines;
pub mod message;
pub mod money;
pub mod outcome;
pub mod pricing;
pub mod replay;
pub mod routing;
pub mod store;
pub mod surface;
pub mod telemetry;
pub mod upstream;
