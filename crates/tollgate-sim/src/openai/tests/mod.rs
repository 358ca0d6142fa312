//! Whole answers without a socket.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod chat;
mod rest;

use serde_json::Value;

use crate::{Answer, Request, Simulator, Step};

fn answer(path: &str, steer: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let headers = [("X-Tollgate-Sim", steer)];
    let request = Request { method: "POST", path, query: None, headers: &headers, body: body.as_bytes() };
    Simulator::new(7).answer(&request)
}

fn text(answer: Answer) -> String {
    let mut text = Vec::new();
    for step in answer.steps {
        if let Step::Bytes(bytes) = step {
            text.extend_from_slice(&bytes);
        }
    }
    String::from_utf8(text).unwrap()
}

fn ask(path: &str, steer: &str, body: &Value) -> (u16, Value) {
    let answer = answer(path, steer, body);
    (answer.status, serde_json::from_str(&text(answer)).unwrap())
}
