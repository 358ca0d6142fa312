//! The canonical form: what a request, an answer and a stream say, whatever protocol said it.
//!
//! Each protocol is read into it and written from it (`crate::codec`), so that a new protocol is one room and not one
//! for each pair. Only what crosses from one protocol to another becomes canonical; everything else stays bytes. Owns
//! meaning, never a spelling: no name of a field of any protocol stands here.
//!
//! | file | what |
//! | --- | --- |
//! | `request` | what a caller asks for |
//! | `part` | pieces of a conversation: text, media, reasoning, calls of tools and their results |
//! | `answer` | a whole answer, and why it ended |
//! | `embedding` | texts as vectors: what is asked for, and what comes back |
//! | `event` | a streamed answer, step by step, with the law that every stream keeps |
//! | `fold` | from events to the whole answer |
//! | `turns` | order and pairing that the strict protocols ask for |
//! | `free_text` | tools that take free text, where a protocol only has functions |
//! | `seal` | seals in the slots of other protocols |
//! | `ids` | names that one protocol gives and another does not take |
//! | `loss` | what did not survive, by the caller's names |
//! | `capability` | what a model accepts, as data |

mod answer;
mod capability;
mod embedding;
mod event;
mod fold;
mod free_text;
mod ids;
mod loss;
mod part;
mod request;
mod seal;
mod turns;

pub use answer::{Answer, Candidate, Finish, TokenLogprob};
pub use capability::{Capabilities, EffortSet, OutputCap, SchemaSupport, SystemRole, Thinking};
pub use embedding::{EmbedRequest, Vector, Vectors};
pub use event::{Block, Delta, Event, Law, Sink};
pub use fold::Fold;
pub use free_text::{FREE_TEXT_SCHEMA, free_text, free_text_arguments};
pub use ids::{TOOL_PREFIX, callers_name, fitting, is_word};
pub use loss::{Effect, Field, Losses};
pub use part::{
    CacheTtl, Citation, Content, Media, MediaKind, Opaque, Part, Reasoning, Seal, Source, ToolCall, ToolResult,
};
pub use request::{
    Effort, Json, OutputFormat, ReasoningAsk, Request, Role, Sampling, ThinkingMode, Tool, ToolChoice, ToolKind, Turn,
    WebSearch, free_text_names,
};
pub(crate) use seal::UNSEALED;
pub use turns::{Paired, paired};
