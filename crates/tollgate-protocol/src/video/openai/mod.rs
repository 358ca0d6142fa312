//! `OpenAI` Videos: the vendor's own protocol, and the one dialect in front of all the others.
//!
//! The vendor shut its service down on 2026-09-24; the protocol lives on in compatible hosts and here. Sources:
//! `openai/openai-openapi` openapi.yaml and the guides on video generation, read 2026-11.

mod ask;
mod form;
mod plan;
mod video;

pub use ask::{Ask, Picture, Size, read_form, read_json, read_remix};
pub use form::{Form, Part};
pub(in crate::video) use plan::of_mode;
pub use plan::{Plan, plan, strict};
pub use video::{Shown, listed, read as seen, view, view_deleted, view_list};

use super::kind::{Resolution, Sound, VideoKind};
use super::model::{Model, facts};
use super::{Facts, Meaning, Refusal, Send};
use crate::fault::{self, Fault};
use crate::openai::{self, read_error};
use std::fmt::Write as _;

/// Where videos are, below the base URL.
pub const VIDEOS: &str = "/videos";

/// Asks for a task.
pub fn poll(id: &str) -> Send {
    Send::get(format!("{VIDEOS}/{}", super::ark::escaped(id)))
}

/// Takes a task away.
pub fn delete(id: &str) -> Send {
    Send::delete(format!("{VIDEOS}/{}", super::ark::escaped(id)))
}

/// Lists the newest tasks.
pub fn list() -> Send {
    Send::get(format!("{VIDEOS}?limit=100&order=desc"))
}

/// The path of a file of a finished task.
pub fn content(id: &str, variant: &str) -> String {
    let mut path = format!("{VIDEOS}/{}/content", super::ark::escaped(id));
    if variant != "video" {
        // Writing to a string cannot fail.
        let _ = write!(path, "?variant={variant}");
    }
    path
}

/// The vendor's id of a task that it has accepted.
pub fn accepted(body: &[u8]) -> Option<String> {
    super::ark::accepted(body)
}

/// What decides the price of a request that goes to a vendor of this protocol.
pub fn native_facts(ask: &Ask, model: &Model) -> Result<Facts, Fault> {
    let seconds = ask.seconds.unwrap_or(model.usual_seconds);
    if !model.seconds.contains(&seconds) {
        return Err(Fault::invalid("seconds", format!("'seconds' must be {} for this model.", model.lengths())));
    }
    let size = ask.size.unwrap_or(Size::USUAL);
    if !model.ratios.is_empty() && !model.ratios.contains(&size.to_string().as_str()) {
        return Err(Fault::invalid(
            "size",
            format!("'size' must be one of {} for this model.", model.ratios.join(", ")),
        ));
    }
    let resolution = Resolution::of_lines(size.width.min(size.height)).unwrap_or_default();
    let kind = VideoKind { resolution, sound: Sound::Unknown, ..VideoKind::default() };
    Ok(facts(seconds, kind, 1))
}

/// What an error answer means.
pub fn refusal(status: u16, body: &[u8]) -> Refusal {
    let error = read_error(body);
    let meaning = match openai::meaning(status, error.as_ref()) {
        fault::Meaning::Caller if status == 404 && !names_model(error.as_ref()) => Meaning::Missing,
        fault::Meaning::Caller => Meaning::Caller,
        fault::Meaning::Account => Meaning::Account,
        fault::Meaning::RateLimited => Meaning::RateLimited,
        fault::Meaning::Unavailable | fault::Meaning::Broken => Meaning::Doubtful,
    };
    let error = error.unwrap_or_default();
    let code = error.code.or(error.kind).unwrap_or_default();
    let meaning = match code.as_str() {
        "moderation_blocked" | "content_policy_violation" => Meaning::Policy,
        _ => meaning,
    };
    Refusal { meaning, code, message: error.message.unwrap_or_default(), wait: None }
}

fn names_model(error: Option<&openai::VendorError>) -> bool {
    error.is_some_and(|error| {
        error.param.as_deref() == Some("model") || error.code.as_deref().is_some_and(|code| code.contains("model"))
    })
}
