//! Tool loops over many turns by clients that carry no reasoning.

use super::{VENDORS, config, start};
use crate::harness::Gateway;
use serde_json::{Value, json};

/// The model's turn out of the chunks of a streamed chat answer.
fn folded(events: &[String]) -> Value {
    let (mut content, mut calls, mut finish) = (String::new(), Vec::<Value>::new(), Value::Null);
    for event in events.iter().filter(|event| *event != "[DONE]") {
        let chunk: Value = serde_json::from_str(event).unwrap();
        let Some(choice) = chunk["choices"].get(0) else { continue };
        content.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            if call["id"].is_string() {
                calls.push(call.clone());
            } else {
                let known = calls.iter_mut().find(|known| known["index"] == call["index"]).unwrap();
                let more = call["function"]["arguments"].as_str().unwrap();
                let arguments = known["function"]["arguments"].as_str().unwrap().to_owned() + more;
                known["function"]["arguments"] = arguments.into();
            }
        }
        if choice["finish_reason"].is_string() {
            finish = choice["finish_reason"].clone();
        }
    }
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    for call in &mut calls {
        call.as_object_mut().unwrap().remove("index");
    }
    json!({"content": content, "tool_calls": calls, "finish": finish})
}

/// What the model says to a conversation.
fn say(gateway: &Gateway, key: &str, model: &str, stream: bool, messages: &[Value], steer: &str) -> Value {
    let body = json!({
        "model": model, "messages": messages, "stream": stream, "reasoning_effort": "low", "max_tokens": 4000,
        "tools": [{"type": "function", "function": {
            "name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}
        }}],
    });
    let answer = gateway.chat(key, &body.to_string(), &[("x-tollgate-sim", steer)]);
    assert_eq!(answer.status, 200, "{model}, {} messages: {}", messages.len(), answer.text());
    if stream {
        return folded(&answer.events());
    }
    let choice = &answer.json()["choices"][0];
    json!({
        "content": choice["message"]["content"], "tool_calls": choice["message"]["tool_calls"],
        "finish": choice["finish_reason"],
    })
}

/// Ten rounds in which the model calls a tool and then answers. The client knows nothing of reasoning.
fn ten_rounds(gateway: &Gateway, key: &str, model: &str, stream: bool) {
    let mut messages = Vec::new();
    // By the request alone the simulator cannot always tell whose chat it is asked in.
    let dialect = if model.starts_with("deepseek") { ";dialect=deepseek" } else { "" };
    let (calls, answers) = (
        format!("tool-call=look;reasoning-tokens=20;strict-state{dialect}"),
        format!("reasoning-tokens=20;strict-state{dialect}"),
    );
    for round in 0..10 {
        messages.push(json!({"role": "user", "content": format!("Look, round {round}.")}));
        let said = say(gateway, key, model, stream, &messages, &calls);
        assert_eq!(said["finish"], "tool_calls", "{model}, round {round}: {said}");
        let call = &said["tool_calls"][0];
        let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        assert!(arguments["at"].is_string(), "{model}: {call}");
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": format!("seen {round}")}));
        let said = say(gateway, key, model, stream, &messages, &answers);
        assert_eq!(said["finish"], "stop", "{model}, round {round}: {said}");
        assert!(!said["content"].as_str().unwrap().is_empty(), "{model}: {said}");
        messages.push(json!({"role": "assistant", "content": said["content"]}));
    }
}

#[test]
fn a_plain_chat_client_is_never_refused_for_missing_state() {
    let (_sim, gateway, key) = start();
    for (_, model) in VENDORS {
        for stream in [false, true] {
            ten_rounds(&gateway, &key, model, stream);
        }
    }
}

/// What is remembered outlives the process.
#[test]
fn a_tool_loop_goes_on_after_a_restart() {
    let (sim, mut gateway, key) = start();
    let tools = json!([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]);
    let first = json!({
        "model": "claude-haiku-4-5", "max_tokens": 4000, "reasoning_effort": "low", "tools": tools,
        "messages": [{"role": "user", "content": "Look."}],
    });
    let steer = [("x-tollgate-sim", "tool-call=look;reasoning-tokens=20;strict-state")];
    let answer = gateway.chat(&key, &first.to_string(), &steer);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = answer.json()["choices"][0]["message"]["tool_calls"][0].clone();
    gateway.signal("TERM");
    assert_eq!(gateway.wait(std::time::Duration::from_secs(20)), Some(0));
    let dir = std::mem::replace(&mut gateway.dir, tempfile::tempdir().unwrap());
    let gateway = Gateway::start_in(dir, &config(sim.address), &[]);
    let second = json!({
        "model": "claude-haiku-4-5", "max_tokens": 4000, "reasoning_effort": "low", "tools": tools,
        "messages": [
            {"role": "user", "content": "Look."},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": "seen"},
        ],
    });
    let steer = [("x-tollgate-sim", "reasoning-tokens=20;strict-state")];
    let answer = gateway.chat(&key, &second.to_string(), &steer);
    assert_eq!(answer.status, 200, "{}", answer.text());
}
