//! Volcengine Ark's video tasks (Seedance).
//!
//! Sources: `volcengine/volcengine-go-sdk` `service/arkruntime/model/content_generation.go`, volcengine.com/docs/82379
//! pages 1520757, 1521309, 1521675, 1521720 and 1299023, read 2026-11 through stored copies.

mod create;
mod cross;
mod error;
mod task;

pub use create::{Create, read as read_create};
pub use cross::cross;
pub use error::{refusal, write_error};
pub use task::{Filter, filter, listed, read as seen, view, view_created, view_list};

use super::Send;
use super::kind::Resolution;

/// Where tasks are, below the base URL.
pub const TASKS: &str = "/contents/generations/tasks";

/// Asks for a task.
pub fn poll(id: &str) -> Send {
    Send::get(format!("{TASKS}/{}", escaped(id)))
}

/// Calls a task off, which works while it is queued.
pub fn cancel(id: &str) -> Send {
    Send::delete(format!("{TASKS}/{}", escaped(id)))
}

/// Lists the newest tasks.
pub fn list() -> Send {
    Send::get(format!("{TASKS}?page_num=1&page_size=100"))
}

/// The vendor's id of a task that it has accepted.
pub fn accepted(body: &[u8]) -> Option<String> {
    let id = super::edit::find(body, &["id"])?;
    crate::json::string(id).map(std::borrow::Cow::into_owned).filter(|id| !id.is_empty() && id.len() <= 200)
}

/// Tokens of a second at 24 frames of the 16:9 frame that Ark renders: width × height × 24 / 1024. Other ratios have
/// about as many pixels. The price per second in the catalogue rests on these.
pub fn tokens_of_second(resolution: Resolution) -> Option<u64> {
    Some(match resolution {
        Resolution::P480 => 10_044,
        Resolution::P720 => 21_600,
        Resolution::P1080 => 48_600,
        Resolution::K4 => 194_400,
        _ => return None,
    })
}

/// An id as a segment of a path.
pub(super) fn escaped(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(|half| char::from_digit(u32::from(half), 16).unwrap_or('0')));
        }
    }
    out
}
