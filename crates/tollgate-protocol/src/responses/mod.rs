//! `OpenAI` Responses: `POST /responses` and what belongs to it.
//!
//! Also spoken by Azure, xAI, `DeepSeek` and routers. A request and an answer are lists of items; a stream tells of
//! each item as it grows and repeats the whole at its end. Facts: `OpenAI`'s API description (2026-08) and recorded
//! traffic of five vendors, 2026-11.
//!
//! | file | what |
//! | --- | --- |
//! | `codec` | what the protocol can do, in one place |
//! | `watch`, `generated`, `usage`, `error` | native answers and streams: what they mean, what was made, what it used |
//! | `rename`, `ids`, `replay` | ids: the gateway's in native answers, its own items', and who may be sent which |
//! | `state`, `kept` | conversations that go on from kept answers, and what is answered from the gateway's store |
//! | `read_request`, `read_items`, `read_tools` | a request into the canonical form |
//! | `write_request`, `write_items`, `write_tools` | the canonical form into a request |
//! | `answer`, `write_answer`, `whole` | whole answers |
//! | `decode`, `encode` | streamed answers |

mod answer;
mod codec;
#[cfg(test)]
mod crossing;
mod decode;
mod encode;
mod error;
mod generated;
mod ids;
mod kept;
mod read_items;
mod read_request;
mod read_tools;
mod rename;
mod replay;
mod state;
mod usage;
mod watch;
mod whole;
mod write_answer;
mod write_items;
mod write_request;
mod write_tools;

use crate::head::Spec;

pub use codec::Responses;
pub use generated::generated;
pub use ids::{RESPONSE, is_ours, origin};
pub use kept::{Page, counted, deleted, kept_input, kept_output, read_count, write_count};
pub use rename::{Names, Renaming, Told, item_ids, rename};
pub use replay::{Known, replayable};
pub use state::{
    Asked, asked, conversation_not_found, item_elsewhere, item_not_found, not_cancellable, not_found, not_streamable,
    previous_elsewhere, previous_not_found,
};
pub use usage::{ResponsesUsage, answer, usage};
pub use watch::{ResponsesWatch, check};

/// The head of a request that only asks for its number of tokens.
pub const COUNT_HEAD: Spec = Spec { needs: &[], stream: None, caps: &[], ..HEAD };

/// The head of a request. What a conversation goes on from must not be given twice either: it is checked who owns it.
pub const HEAD: Spec = Spec {
    needs: &["input", "previous_response_id", "conversation", "prompt"],
    model: Some("model"),
    stream: Some("stream"),
    usage_on_demand: false,
    caps: &["max_output_tokens"],
    choices: None,
};
