//! `POST /admin/v1/explain`: what it says is what a call then does, and it does nothing itself.

mod plans;
mod refusals;

use crate::harness::{ADMIN, Answer, Gateway};
use serde_json::{Value, json};
use tollgate_protocol::fields::{Fields, items};

/// Asks for an explanation.
pub fn ask(gateway: &Gateway, question: &Value) -> Answer {
    gateway.post("/admin/v1/explain", &[("authorization", &format!("Bearer {ADMIN}"))], &question.to_string())
}

/// The explanation of a request by the key that it carries.
pub fn explained(gateway: &Gateway, key: &str, path: &str, body: &str, more: &[(&str, &str)]) -> Answer {
    let mut headers = json!({"authorization": format!("Bearer {key}")});
    for (name, value) in more {
        headers[*name] = json!(value);
    }
    let answer = ask(gateway, &json!({"path": path, "headers": headers, "body": body}));
    assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text());
    answer
}

/// The bytes of a candidate's body, as the explanation has them.
pub fn body_of(answer: &Answer, index: usize) -> String {
    let text = answer.text();
    let list = Fields::read(&text, "").unwrap().raw("candidates").unwrap().to_owned();
    items(&list, "").unwrap()[index].fields().unwrap().raw("body").unwrap().to_owned()
}

/// FNV-1a of 64 bits, as the simulator's journal has it.
pub fn fnv1a(bytes: &[u8]) -> String {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

/// A call.
pub fn call(gateway: &Gateway, key: &str, path: &str, body: &str, more: &[(&str, &str)]) -> Answer {
    let bearer = format!("Bearer {key}");
    let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
    headers.extend_from_slice(more);
    gateway.post(path, &headers, body)
}
