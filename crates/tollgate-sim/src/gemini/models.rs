//! `GET /models` and `GET /models/{id}`: a handful of names, and whatever name is asked for.

use serde_json::{Value, json};

use super::{error::Failure, plain};
use crate::{call::Call, content::decoded, script::Answer};

/// What the list shows. Any other name works as well.
const NAMES: &[(&str, &str)] = &[
    ("gemini-3.5-flash", "Gemini 3.5 Flash"),
    ("gemini-3-pro-preview", "Gemini 3 Pro Preview"),
    ("gemini-2.5-flash", "Gemini 2.5 Flash"),
    ("gemini-embedding-001", "Gemini Embedding 001"),
];

pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let path = call.request.path.trim_end_matches('/');
    let vertex = path.contains("/publishers/");
    let body = match path.rsplit_once("/models/") {
        Some((_, name)) => model(&decoded(name), vertex),
        None => page(call, vertex)?,
    };
    Ok(plain(call, &body, 0, 0))
}

/// The part of the list that `pageSize` and `pageToken` ask for; a token is a place in it.
fn page(call: &Call<'_>, vertex: bool) -> Result<Value, Failure> {
    let query = |name: &str| call.request.parameter(name);
    let size = match query("pageSize").map(|size| size.parse::<usize>()) {
        None | Some(Ok(0)) => 50,
        Some(Ok(size)) => size.min(1_000),
        Some(Err(_)) => return Err(Failure::invalid("Invalid value at 'page_size' (TYPE_INT32)")),
    };
    let from = match query("pageToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token.parse().map_err(|_| Failure::invalid("Page token is invalid."))?,
    };
    let rest = NAMES.get(from..).unwrap_or_default();
    let shown: Value = rest.iter().take(size).map(|(name, _)| model(name, vertex)).collect();
    let mut page = if vertex { json!({"publisherModels": shown}) } else { json!({"models": shown}) };
    if let (true, Value::Object(fields)) = (rest.len() > size, &mut page) {
        fields.insert("nextPageToken".to_owned(), (from + size).to_string().into());
    }
    Ok(page)
}

fn model(name: &str, vertex: bool) -> Value {
    if vertex {
        return json!({"name": format!("publishers/google/models/{name}"), "versionId": "default", "launchStage": "GA"});
    }
    let shown = NAMES.iter().find(|(known, _)| *known == name).map_or(name, |(_, shown)| *shown);
    if name.contains("embedding") {
        return json!({"name": format!("models/{name}"), "version": "001", "displayName": shown,
            "inputTokenLimit": 2_048, "outputTokenLimit": 1,
            "supportedGenerationMethods": ["embedContent", "countTextTokens", "countTokens"]});
    }
    json!({"name": format!("models/{name}"), "version": "001", "displayName": shown,
        "description": "A pretended model.", "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"],
        "temperature": 1, "topP": 0.95, "topK": 64, "maxTemperature": 2, "thinking": true})
}
