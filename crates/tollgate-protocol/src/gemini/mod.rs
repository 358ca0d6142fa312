//! Gemini `generateContent`: Google's Gemini API and Vertex AI.
//!
//! The model stands in the path, a stream is one of server-sent events or one JSON list, names may be written in camel
//! or in snake case. Reads leniently: candidates without content, reasons nobody has heard of, errors as bare JSON in
//! the midst of a stream. Facts: Google's API descriptions and recorded traffic of both APIs, 2026-11.

mod answer;
mod codec;
mod count;
#[cfg(test)]
mod crossing;
mod decode;
mod embed;
mod encode;
mod error;
mod fields;
mod finish;
mod head;
mod logprobs;
mod models;
mod part;
mod partial;
pub mod path;
mod read_request;
mod read_turns;
mod replay;
mod schema;
mod seal;
mod sources;
mod think;
#[cfg(test)]
mod told;
mod usage;
mod watch;
mod write_media;
mod write_request;
mod write_tools;
mod write_turns;

pub use codec::GenerateContent;
pub use count::{check_count, read_count_request, write_count, write_count_request};
pub use embed::{
    check_vectors, read_embed_request, read_embed_vectors, usage_in_window, write_embed_request, write_embed_vectors,
};
pub use error::{refusal, write_error};
pub use head::{batch_embed_head, count_head, embed_head, head};
pub use models::{Model, Page, write_model, write_models};
pub use replay::replayable;
pub use usage::{GeminiUsage, answer, usage};
pub use watch::{GeminiWatch, check, generated};
