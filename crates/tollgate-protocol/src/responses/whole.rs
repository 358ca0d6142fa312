//! The response object: what is told of an answer besides its output.

use crate::usage::{ServiceTier, Usage};
use crate::write::{List, Object};

/// A response, as far as it goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<'a> {
    /// With its prefix.
    pub(super) id: &'a str,
    pub(super) model: &'a str,
    /// In Unix seconds.
    pub(super) created: i64,
    pub(super) status: &'a str,
    /// Code and message.
    pub(super) error: Option<(&'a str, &'a str)>,
    /// Why it is incomplete.
    pub(super) incomplete: Option<&'a str>,
    /// Members that repeat the request, written before, without braces.
    pub(super) echo: &'a str,
    pub(super) usage: Option<&'a Usage>,
}

/// What is repeated of a request that is not known.
const NO_ECHO: &str = r#""instructions":null,"max_output_tokens":null,"metadata":{},"parallel_tool_calls":true,"previous_response_id":null,"temperature":null,"tool_choice":"auto","tools":[],"top_p":null"#;

/// The official types want it beside the number of searches.
const NO_PICTURES: &str = r#"{"input_tokens":0,"input_tokens_details":{"image_tokens":0,"text_tokens":0},"output_tokens":0,"output_tokens_details":{"image_tokens":0,"text_tokens":0},"total_tokens":0}"#;

impl<'a> Whole<'a> {
    pub(super) fn new(id: &'a str, model: &'a str, created: i64) -> Self {
        Self { id, model, created, status: "in_progress", error: None, incomplete: None, echo: NO_ECHO, usage: None }
    }
}

/// Writes a response into `object`; `output` writes its items.
pub(super) fn write(object: &mut Object<'_>, whole: &Whole<'_>, output: impl FnOnce(&mut List<'_>)) {
    let Whole { id, model, created, status, error, incomplete, echo, usage } = *whole;
    object.text("id", id).text("object", "response").whole("created_at", created).text("status", status);
    object.flag("background", false);
    match error {
        Some((code, message)) => {
            object.object("error").text("code", code).text("message", message);
        }
        None => {
            object.null("error");
        }
    }
    match incomplete {
        Some(reason) => {
            object.object("incomplete_details").text("reason", reason);
        }
        None => {
            object.null("incomplete_details");
        }
    }
    object.text("model", model);
    output(&mut object.list("output"));
    object.members(echo);
    let tier = match usage.map(|usage| usage.tier) {
        Some(ServiceTier::Flex) => "flex",
        Some(ServiceTier::Priority) => "priority",
        Some(ServiceTier::Standard | ServiceTier::Batch) | None => "default",
    };
    object.text("service_tier", tier);
    match usage {
        Some(used) => {
            super::usage::write(&mut object.object("usage"), used);
            if used.tool_calls > 0 {
                let mut tools = object.object("tool_usage");
                tools.raw("image_gen", NO_PICTURES).object("web_search").whole("num_requests", used.tool_calls);
            }
        }
        None => {
            object.null("usage");
        }
    }
}
