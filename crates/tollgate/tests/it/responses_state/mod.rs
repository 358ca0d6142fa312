//! Responses that are kept: by the vendor under the gateway's names, or by the gateway.

mod native;
mod own;

use crate::harness::{ADMIN, Answer, Gateway, request};
use serde_json::{Value, json};

/// A request with a key.
pub fn call(gateway: &Gateway, key: &str, method: &str, path: &str, body: &Value) -> Answer {
    steered(gateway, key, method, path, body, &[])
}

/// The same with more headers.
pub fn steered(
    gateway: &Gateway,
    key: &str,
    method: &str,
    path: &str,
    body: &Value,
    headers: &[(&str, &str)],
) -> Answer {
    let bearer = format!("Bearer {key}");
    let mut all = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
    all.extend_from_slice(headers);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    request(gateway.address, method, path, &all, body.as_bytes())
}

/// A response: plain, or the one at the end of a stream.
pub fn create(gateway: &Gateway, key: &str, body: &Value) -> Value {
    let answer = call(gateway, key, "POST", "/v1/responses", body);
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    response_of(&answer, body["stream"] == true)
}

pub fn response_of(answer: &Answer, stream: bool) -> Value {
    if !stream {
        return answer.json();
    }
    let mut last = Value::Null;
    let mut ids = Vec::new();
    for line in answer.text().lines().filter_map(|line| line.strip_prefix("data: ").map(str::to_owned)) {
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["response"].is_object() {
            ids.push(event["response"]["id"].as_str().unwrap().to_owned());
            last = event;
        }
    }
    assert!(ids.len() >= 2 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(last["type"], "response.completed", "{last}");
    last["response"].clone()
}

pub fn id(response: &Value) -> String {
    let id = response["id"].as_str().unwrap();
    assert!(id.starts_with("resp_") && id.len() == 5 + 26, "{id} is not the gateway's");
    id.to_owned()
}

/// A key of another project.
pub fn stranger(gateway: &Gateway) -> String {
    let admin = format!("Bearer {ADMIN}");
    let project = gateway.post("/admin/v1/projects", &[("authorization", &admin)], r#"{"name":"other"}"#);
    assert_eq!(project.status, 201, "{}", project.text());
    let project = project.json()["id"].as_str().unwrap().to_owned();
    gateway.key(&json!({"name": "stranger", "mode": "live", "project": project}).to_string())
}

/// Nobody can tell somebody else's id, or a vendor's, from one that never was.
pub fn is_hidden(gateway: &Gateway, key: &str, model: &str, id: &str) {
    let random = "resp_01kb0000000000000000000000";
    let same = |one: &Answer, two: &Answer| {
        assert_eq!((one.status, two.status), (404, 404), "{} {}", one.text(), two.text());
        assert_eq!(one.text().replace(id, "ID"), two.text().replace(random, "ID"));
    };
    for (method, tail) in [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")] {
        let ask = |id: &str| call(gateway, key, method, &format!("/v1/responses/{id}{tail}"), &Value::Null);
        same(&ask(id), &ask(random));
    }
    for path in ["/v1/responses", "/v1/responses/input_tokens"] {
        let ask = |id: &str| {
            call(gateway, key, "POST", path, &json!({"model": model, "input": "x", "previous_response_id": id}))
        };
        same(&ask(id), &ask(random));
    }
}
