//! Anthropic Messages: `POST /messages`.
//!
//! Also what other vendors offer beside their own protocol. Owns its requests, answers, streams, errors, the token
//! counter and the model list; never decides where a request goes or what it costs.
//!
//! Facts: Anthropic's API description and official libraries (2026-08) and recorded traffic (to 2026-11).
//!
//! | file | what |
//! | --- | --- |
//! | `codec` | all of it in one place |
//! | `read_request`, `blocks` | a request into the canonical form |
//! | `write_request`, `write_turns`, `write_tools` | and back |
//! | `think` | how to ask for thought |
//! | `replay` | thoughts of other vendors, before a request passes to this one |
//! | `schema` | JSON Schema as the vendor takes it |
//! | `answer` | whole answers, read and written |
//! | `decode`, `encode` | streamed ones |
//! | `usage` | what was used, in the vendor's way of counting |
//! | `watch` | what each event of a stream means |
//! | `error` | what an error means, and writing one |
//! | `models` | the list of models and one model |

mod answer;
mod blocks;
mod codec;
mod decode;
mod encode;
mod error;
mod models;
mod read_request;
mod replay;
mod schema;
#[cfg(test)]
mod tests;
mod think;
mod usage;
mod watch;
mod write_request;
mod write_tools;
mod write_turns;

use crate::chat::details;
use crate::fault::Fault;
use crate::generated::Generated;
use crate::head::Spec;
use crate::json;
use crate::usage::Usage;

pub use codec::{Messages, read_count_request, write_count_request};
pub use error::{refusal, status, write_fault, write_fault_event};
pub use models::{Model, write_model, write_models};
pub use replay::replayable;
pub use usage::{MessagesUsage, answer, usage};
pub use watch::MessagesWatch;

/// The head of a request.
pub const HEAD: Spec = Spec {
    needs: &["messages"],
    model: Some("model"),
    stream: Some("stream"),
    usage_on_demand: false,
    caps: &["max_tokens"],
    choices: None,
};

/// The head of a request that only asks how many tokens it has.
pub const COUNT_HEAD: Spec = Spec { stream: None, caps: &[], ..HEAD };

/// The path below a provider's base URL.
pub const PATH: &str = "/messages";

/// The path of the token counter.
pub const COUNT_PATH: &str = "/messages/count_tokens";

/// Checks a whole answer and reads its usage. An error object, a page, a text cut short is a fault.
pub fn check(body: &[u8]) -> Result<Option<Usage>, Fault> {
    let (mut used, mut content, mut failed) = (None, false, None);
    json::object(body, |member| match member.key().as_ref() {
        b"usage" => used = usage(member.value),
        b"content" => content = member.value.starts_with(b"["),
        b"error" if !member.is_null() => failed = Some(member.value),
        _ => {}
    })
    .map_err(|_| not_an_answer())?;
    match failed {
        Some(error) => Err(error::in_band(error)),
        None if content => Ok(used),
        None => Err(not_an_answer()),
    }
}

/// The fault for an answer that is not one.
fn not_an_answer() -> Fault {
    Fault::broken("upstream_invalid_answer", "The provider's answer is not one.")
}

/// What a whole answer holds that was made, for one that came without usage.
pub fn generated(body: &[u8]) -> Generated {
    let mut all = Generated::default();
    // An answer that is none holds nothing.
    let _ = json::object(body, |member| {
        if member.key().as_ref() == b"content" {
            let _ = json::elements(member.value, |block| {
                all.block(block);
            });
        }
    });
    all
}

impl Generated {
    /// Takes a block of content, whole or as it begins; whether it holds something made.
    fn block(&mut self, block: &[u8]) -> bool {
        self.piece(|all| {
            let mut made = false;
            details(block, |key, value| match key {
                b"text" | b"thinking" | b"input" => all.text(value),
                b"name" => all.call(value),
                // Sealed thoughts, results of the vendor's own tools: made, but not counted as text.
                b"data" | b"content" => made |= !matches!(value, b"null" | b"[]" | b"\"\""),
                _ => {}
            });
            made
        })
    }
}

/// The token counter's answer.
pub fn write_count(tokens: u64) -> Vec<u8> {
    format!("{{\"input_tokens\":{tokens}}}").into_bytes()
}

/// Reads the token counter's answer.
pub fn read_count(body: &[u8]) -> Result<u64, Fault> {
    let (mut tokens, mut failed) = (None, None);
    json::object(body, |member| match member.key().as_ref() {
        b"input_tokens" => tokens = json::whole(member.value),
        b"error" if !member.is_null() => failed = Some(member.value),
        _ => {}
    })
    .map_err(|_| not_an_answer())?;
    match failed {
        Some(error) => Err(error::in_band(error)),
        None => tokens.ok_or_else(not_an_answer),
    }
}

#[cfg(test)]
mod plain {
    use super::*;

    #[test]
    fn plain_answers() {
        let whole = br#" {"type":"message","content":[],"usage":{"input_tokens":3,"output_tokens":1}}"#;
        assert_eq!(check(whole).unwrap().unwrap().input_tokens, 3);
        assert_eq!(check(br#"{"content":[]}"#).unwrap(), None);
        for bad in ["<html>", "", "{\"content\":[", "{}", "[]", "{\"content\":null}"] {
            assert_eq!(check(bad.as_bytes()).unwrap_err().status(), 502, "{bad}");
        }
        let error = br#"{"type":"error","error":{"type":"invalid_request_error","message":"m"}}"#;
        assert_eq!(check(error).unwrap_err().status(), 400);
    }

    #[test]
    fn all_that_a_message_can_hold() {
        let body =
            br#"{"content":[{"type":"thinking","thinking":"ab","signature":"xxxx"},{"type":"text","text":"Hi\n"},
            {"type":"tool_use","id":"t","name":"f","input":{"a":1}},{"type":"redacted_thinking","data":"zzz"}]}"#;
        let all = generated(body);
        assert_eq!(all.bytes() - crate::generated::CALL_FRAME, 2 + 3 + 1 + 7);
        assert_eq!(all.sample().bytes(), b"abHi\nf");
        assert_eq!(generated(b"<html>").bytes(), 0);
    }

    #[test]
    fn counts() {
        assert_eq!(read_count(&write_count(14)).unwrap(), 14);
        assert_eq!(read_count(b"{}").unwrap_err().status(), 502);
        assert_eq!(read_count(br#"{"error":{"type":"not_found_error"}}"#).unwrap_err().status(), 400);
    }
}
