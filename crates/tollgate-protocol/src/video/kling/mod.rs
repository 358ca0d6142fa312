//! Kling's text2video and image2video, in the generation that names the model in the body.
//!
//! Sources: the developer documentation of kling.ai and `KwaiVGI/ComfyUI-KLingAI-API`, read 2026-11 through stored
//! copies.

mod create;
mod cross;
mod error;
mod task;

pub use create::{Create, read as read_create};
pub use cross::{check_crossing, cross, family};
pub use error::{refusal, write_error};
pub use task::{external_of, read as seen, view, view_list};

use super::Send;
use crate::json;

/// Which of the two: a task is only known under the one that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// From text.
    Text,
    /// From pictures.
    Image,
}

impl Family {
    /// The path, below the base URL.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Text => "/v1/videos/text2video",
            Self::Image => "/v1/videos/image2video",
        }
    }
}

/// Asks for a task, by the vendor's id or by the name that was given to it.
pub fn poll(family: Family, id: &str) -> Send {
    Send::get(format!("{}/{}", family.path(), super::ark::escaped(id)))
}

/// The vendor's id of a task that it has accepted, or knows.
pub fn accepted(body: &[u8]) -> Option<String> {
    let id = super::edit::find(body, &["data", "task_id"])?;
    // A number of more than 53 bits, in quotes; bare in case some version leaves them out.
    let id = json::string(id).map_or_else(|| String::from_utf8_lossy(id).into_owned(), std::borrow::Cow::into_owned);
    (!id.is_empty() && id.len() <= 200).then_some(id)
}
