//! Which provider a request goes to.
//!
//! [`resolve`] is pure: from a model's name to targets. [`fleet`](Fleet) knows which accounts rest and in what order
//! a request may try them. No I/O, no protocol, no money.

mod fleet;
pub mod resolve;

pub use fleet::{Account, Attempt, ByResponses, Choice, Deployment, Fleet, NoAttempt, order};
