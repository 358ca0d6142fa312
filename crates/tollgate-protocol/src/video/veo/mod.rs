//! Google's long-running predictions (Veo), in the forms of Vertex and of the Gemini API.
//!
//! Both take the same request. They differ in where it goes, in the operation's name, in how it is asked for, and in
//! how the result is written. Sources: python-genai `_operations_converters.py`, the cookbook's
//! `Get_started_Veo_REST.ipynb`, docs.cloud.google.com on video models; read 2026-11.

mod create;
mod cross;
mod error;
mod operation;

pub use create::{Create, read as read_create};
pub use cross::{check_crossing, cross};
pub use error::refusal;
pub use operation::{Part, read as seen, view_gemini, view_vertex};

use super::Send;
use crate::json;
use serde_json::json;

/// Longest name of an operation.
const MAX_NAME: usize = 512;

/// The path of a request, below the base URL; `place` is project and location where the form has them.
pub fn create_path(model: &str, place: Option<(&str, &str)>) -> String {
    let model = super::ark::escaped(model);
    match place {
        Some((project, location)) => {
            format!("/projects/{project}/locations/{location}/publishers/google/models/{model}:predictLongRunning")
        }
        None => format!("/models/{model}:predictLongRunning"),
    }
}

/// The vendor's name of an operation that it has begun.
pub fn accepted(body: &[u8]) -> Option<String> {
    let name = super::edit::find(body, &["name"])?;
    json::string(name).map(std::borrow::Cow::into_owned).filter(|name| is_name(name))
}

/// Whether a text can stand in a path as an operation's name. Google's stand below a model; a plain `operations/…` is as good
/// by its rules for names (google.aip.dev/151).
fn is_name(name: &str) -> bool {
    let sound = |part: &str| {
        !matches!(part, "" | "." | "..") && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~:".contains(&b))
    };
    let operation = name.starts_with("operations/") || name.contains("/operations/");
    operation && name.len() <= MAX_NAME && name.split('/').all(sound)
}

/// Asks for an operation: the Gemini API has it under its name, Vertex is asked through its model.
pub fn poll(name: &str) -> Option<Send> {
    if !is_name(name) {
        return None;
    }
    match name.split_once("/operations/") {
        Some((model, _)) if name.starts_with("projects/") => {
            let body = json!({ "operationName": name }).to_string();
            Some(Send::post(format!("/{model}:fetchPredictOperation"), body))
        }
        _ => Some(Send::get(format!("/{name}"))),
    }
}

/// The name in a request for an operation.
pub fn read_fetch(body: &[u8]) -> Result<String, crate::fault::Fault> {
    super::fields::Object::body(body)?.needed("operationName").map(std::borrow::Cow::into_owned)
}
