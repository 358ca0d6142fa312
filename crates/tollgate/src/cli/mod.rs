//! The operator's commands. Each file is one command; none holds logic of its own beyond showing results.

pub mod check;
pub mod keys;
pub mod ledger;
pub mod openapi;
mod progress;
pub mod serve;
pub mod sim;
