//! `OpenAI` Responses: `POST /responses` and what belongs to it.

mod usage;

pub use usage::{ResponsesUsage, answer, usage};
