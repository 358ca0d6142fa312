//! `OpenAI` Responses: `POST /responses` and what belongs to it.
//!
//! Also spoken by Azure, xAI, `DeepSeek` and routers. A request and an answer are lists of items; a stream tells of
//! each item as it grows and repeats the whole at its end. Facts: `OpenAI`'s API description (2026-08) and recorded
//! traffic of five vendors, 2026-11.

mod error;
mod generated;
mod rename;
mod usage;
mod watch;
mod whole;

use crate::head::Spec;

pub use generated::generated;
pub use rename::{Names, Renaming, Told, rename};
pub use usage::{ResponsesUsage, answer, usage};
pub use watch::{ResponsesWatch, check};

/// The head of a request. What a conversation goes on from must not be given twice either: it is checked who owns it.
pub const HEAD: Spec = Spec {
    needs: &["input", "previous_response_id", "conversation", "prompt"],
    model: Some("model"),
    stream: Some("stream"),
    usage_on_demand: false,
    caps: &["max_output_tokens"],
    choices: None,
};
