//! Which provider a request goes to.

pub mod resolve;
