//! Models that take tools by Responses only: who is asked in which protocol.

use super::start;
use serde_json::{Value, json};

fn chat(model: &str, more: &Value) -> String {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": "Look."}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

#[test]
fn tools_go_by_responses_where_chat_would_refuse_them() {
    let (sim, gateway, key) = start();
    let tools = json!([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]);
    let low = json!({"tools": tools, "reasoning_effort": "low"});
    for (model, more, wire) in [
        ("gpt-5.6-sol", json!({}), "chat/completions"),
        ("gpt-5.6-sol", json!({"reasoning_effort": "low"}), "chat/completions"),
        // It thinks unless it is told not to.
        ("gpt-5.6-sol", json!({"tools": tools}), "responses"),
        ("gpt-5.6-sol", low.clone(), "responses"),
        ("gpt-5.6-sol", json!({"tools": tools, "reasoning_effort": "none"}), "chat/completions"),
        // It does not unless it is told to.
        ("gpt-5.4", json!({"tools": tools}), "chat/completions"),
        ("gpt-5.4", low.clone(), "responses"),
        ("gpt-5", low.clone(), "chat/completions"),
        ("gpt-4o", json!({"tools": tools}), "chat/completions"),
    ] {
        for stream in [false, true] {
            let mut more = more.clone();
            more["stream"] = stream.into();
            let answer = gateway.chat(&key, &chat(model, &more), &[]);
            assert_eq!(answer.status, 200, "{model} {more}: {}", answer.text());
            assert_eq!(sim.journal().last().unwrap()["path"], format!("/v1/{wire}"), "{model} {more}");
            if stream {
                assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
            } else {
                assert!(answer.json()["choices"][0]["message"].is_object());
            }
        }
    }
    // What crosses from elsewhere goes the same way, thought and all.
    let auth = format!("Bearer {key}");
    for (thinking, wire) in
        [(json!({"type": "adaptive"}), "responses"), (json!({"type": "disabled"}), "chat/completions")]
    {
        let body = json!({
            "model": "gpt-5.6-sol", "max_tokens": 4000, "messages": [{"role": "user", "content": "Look."}],
            "tools": [{"name": "look", "input_schema": {"type": "object"}}], "thinking": thinking,
        });
        let answer = gateway.post("/v1/messages", &[("authorization", &auth)], &body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-tollgate-translation"), Some("exact"), "{thinking}");
        assert_eq!(sim.journal().last().unwrap()["path"], format!("/v1/{wire}"), "{thinking}");
    }
}
