//! The Gemini protocol, on both kinds of paths.

mod answers;
mod others;
mod refusals;
mod state;
mod traffic;

use serde_json::{Value, json};

use crate::{
    ask::{Got, send, with},
    shared::assert_valid,
};

pub(crate) const PATH: &str = "/v1beta/models/gemini-3.5-flash:";

pub(crate) fn call(verb: &str, steer: &str, body: &Value) -> Got {
    let headers = [("x-goog-api-key", "k"), ("x-tollgate-sim", steer)];
    send("POST", &format!("{PATH}{verb}"), &headers, body.to_string().as_bytes())
}

pub(crate) fn hello(more: &Value) -> Value {
    with(json!({"contents": [{"role": "user", "parts": [{"text": "What is Oslo?"}]}]}), more)
}

pub(crate) fn config(config: &Value) -> Value {
    hello(&json!({"generationConfig": config}))
}

pub(crate) fn plain(steer: &str, body: &Value) -> Value {
    let answer = call("generateContent", steer, body).good();
    assert_valid("gemini", "GenerateContentResponse", &answer);
    answer
}

/// The chunks of both forms of a stream, which must be the same.
pub(crate) fn chunks(steer: &str, body: &Value) -> Vec<Value> {
    let events = call("streamGenerateContent?alt=sse", steer, body);
    assert!(events.text.ends_with("\r\n\r\n") && !events.text.replace("\r\n", "").contains('\n'));
    assert_eq!(events.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let chunks = events.events();
    let array = call("streamGenerateContent", steer, body);
    assert_eq!(array.header("content-type"), Some("application/json; charset=UTF-8"));
    assert_eq!(array.json(), Value::from(chunks.clone()));
    for chunk in &chunks {
        assert_valid("gemini", "GenerateContentResponse", chunk);
    }
    chunks
}

/// The parts of one candidate over all chunks; texts of a kind put together.
pub(crate) fn parts(chunks: &[Value], index: u64) -> Vec<Value> {
    let mut parts: Vec<Value> = Vec::new();
    let candidates = chunks.iter().filter_map(|chunk| chunk["candidates"].as_array()).flatten();
    for part in candidates
        .filter(|candidate| candidate["index"] == index)
        .flat_map(|c| c["content"]["parts"].as_array().unwrap())
    {
        let text = part["text"].as_str();
        let last = parts.last_mut().filter(|last| last["text"].is_string() && last["thought"] == part["thought"]);
        match (text, last) {
            (Some(text), Some(last)) => last["text"] = json!(last["text"].as_str().unwrap().to_owned() + text),
            (Some(""), None) => {}
            _ => parts.push(part.clone()),
        }
    }
    parts
}
