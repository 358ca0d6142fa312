//! The wire formats of AI providers, as bytes and types.
//!
//! Owns what a format means: which fields matter, how a body is edited without touching the rest, what each event
//! of a stream says, what was used, how an error looks. Pure: no socket, no clock, no randomness, no configuration.
//!
//! | module | what |
//! | --- | --- |
//! | [`codec`] | what a protocol can do; the one place that knows them all |
//! | [`counter`] | how each protocol asks how many tokens a request has |
//! | [`canonical`] | what requests, answers and streams say, whatever protocol said it |
//! | [`head`] | what the gateway must know of every request |
//! | [`json`] | one pass over JSON text: checks it, finds members, builds no tree |
//! | [`fields`], [`write`](mod@write) | reading objects so that nothing is overlooked; writing JSON without a tree |
//! | [`splice`] | replaces ranges of a body and keeps every other byte |
//! | [`sse`] | bytes to events of a server-sent event stream |
//! | [`array`](mod@array) | the same of a stream that is one JSON list |
//! | [`relay`] | one streamed answer on its way to the caller |
//! | [`tap`] | reading a stream that passes untouched |
//! | [`multipart`] | finds fields of a form while it passes |
//! | [`usage`] | disjoint counters of what a request used |
//! | [`fault`] | what can go wrong, with one meaning each |
//! | [`generated`] | what a model has made, counted while it passes |
//! | [`scrub`] | takes account data out of vendors' texts |
//! | [`chat`] | `OpenAI` Chat Completions |
//! | [`embeddings`], [`audio`] | their siblings |
//! | [`messages`], [`responses`], [`gemini`] | Anthropic Messages, `OpenAI` Responses, Gemini `generateContent` |
//! | [`estimate`] | tokens where a vendor tells none |
//! | [`video`] | video tasks of four vendors, and one dialect in front of them |
//! | [`openai`] | error envelope and model list that its protocols share |

pub mod array;
pub mod audio;
pub mod canonical;
pub mod chat;
pub mod codec;
pub mod counter;
pub mod embeddings;
pub mod estimate;
pub mod fault;
pub mod fields;
pub mod gemini;
pub mod generated;
pub mod head;
pub mod json;
pub mod messages;
pub mod multipart;
pub mod openai;
pub mod relay;
pub mod responses;
pub mod scrub;
pub mod splice;
pub mod sse;
pub mod tap;
pub mod usage;
pub mod video;
pub mod write;
mod writing;
