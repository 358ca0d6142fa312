//! The Messages protocol.

mod answers;
mod refusals;
mod thinking;
mod traffic;

use serde_json::{Value, json};

use crate::{
    ask::{Got, send, with},
    shared::assert_valid,
};

pub(crate) fn ask(steer: &str, body: &Value) -> Got {
    let headers = [("anthropic-version", "2023-06-01"), ("x-api-key", "k"), ("x-tollgate-sim", steer)];
    send("POST", "/v1/messages", &headers, body.to_string().as_bytes())
}

pub(crate) fn hello(more: &Value) -> Value {
    let body = json!({"model": "claude-sonnet-5", "max_tokens": 3000,
        "messages": [{"role": "user", "content": "What is Oslo?"}]});
    with(body, more)
}

/// The answer to a request that must succeed, as valid as the vendor's.
pub(crate) fn plain(steer: &str, body: &Value) -> Value {
    let answer = ask(steer, body).good();
    assert_valid("anthropic", "Message", &answer);
    answer
}

/// The same answer streamed and put together again, checked for order on the way.
pub(crate) fn streamed(steer: &str, body: &Value) -> (Value, Vec<Value>) {
    let got = ask(steer, &with(body.clone(), &json!({"stream": true})));
    let events = got.events();
    let names: Vec<&str> = got.text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, events.iter().map(|event| event["type"].as_str().unwrap()).collect::<Vec<_>>());
    let mut message = Value::Null;
    let mut json = String::new();
    let mut open = None;
    for event in &events {
        match event["type"].as_str().unwrap() {
            "ping" | "error" => continue,
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                assert_eq!(open, None, "one block at a time");
                let content = message["content"].as_array_mut().unwrap();
                assert_eq!(event["index"], content.len());
                open = event["index"].as_u64();
                content.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                assert_eq!(open, event["index"].as_u64());
                let block = message["content"].as_array_mut().unwrap().last_mut().unwrap();
                let delta = &event["delta"];
                let (field, from) = match delta["type"].as_str().unwrap() {
                    "text_delta" => ("text", "text"),
                    "thinking_delta" => ("thinking", "thinking"),
                    "signature_delta" => ("signature", "signature"),
                    "input_json_delta" => {
                        json.push_str(delta["partial_json"].as_str().unwrap());
                        continue;
                    }
                    other => panic!("{other}"),
                };
                let text = block[field].as_str().unwrap().to_owned() + delta[from].as_str().unwrap();
                block[field] = json!(text);
            }
            "content_block_stop" => {
                assert_eq!(open.take(), event["index"].as_u64());
                let block = message["content"].as_array_mut().unwrap().last_mut().unwrap();
                if block["type"] == "tool_use" {
                    block["input"] = serde_json::from_str(&std::mem::take(&mut json)).unwrap_or_else(|_| json!({}));
                }
            }
            "message_delta" => {
                for (name, value) in event["delta"].as_object().unwrap() {
                    message[name] = value.clone();
                }
                for (name, value) in event["usage"].as_object().into_iter().flatten() {
                    message["usage"][name] = value.clone();
                }
            }
            "message_stop" => {}
            other => panic!("{other}"),
        }
        assert_valid("anthropic", "MessageStreamEvent", event);
    }
    (message, events)
}
