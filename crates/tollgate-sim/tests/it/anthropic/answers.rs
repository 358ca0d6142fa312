//! What an answer says, plain and streamed.

use serde_json::{Value, json};
use tollgate_sim::count_tokens;

use super::{ask, hello, plain, streamed};
use crate::{
    ask::{send, with},
    shared::assert_valid,
};

fn tools() -> Value {
    json!({"tools": [
        {"name": "other", "input_schema": {"type": "object"}},
        {"type": "web_search_20250305", "name": "web_search"},
        {"name": "get_weather", "description": "Weather", "input_schema": {"type": "object", "required": ["city", "unit"],
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}}}}]})
}

#[test]
fn a_plain_answer() {
    let answer = plain("", &hello(&json!({})));
    assert_eq!((&answer["role"], &answer["stop_reason"]), (&json!("assistant"), &json!("end_turn")));
    let text = answer["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("What is Oslo?"), "{text}");
    assert_eq!(answer["usage"]["output_tokens"], count_tokens(text));
    // 3 for the answer, 3 for the message, what, is, Oslo, question mark.
    assert_eq!(answer["usage"]["input_tokens"], 10);
    assert!(answer["id"].as_str().unwrap().starts_with("msg_01"));
    assert_eq!(answer, plain("", &hello(&json!({}))), "deterministic");
    let got = ask("", &hello(&json!({})));
    assert!(got.header("request-id").unwrap().starts_with("req_"));
    assert!(got.header("anthropic-ratelimit-requests-limit").is_some());
    assert_eq!((got.prompt, got.completion), (10, count_tokens(text)));
}

#[test]
fn a_stream_says_what_the_plain_answer_says() {
    for (steer, more) in [
        ("", json!({})),
        ("text=emoji;output-tokens=60;chunks=7", json!({})),
        ("tool-call=get_weather", tools()),
        ("tool-call=get_weather;tool-calls=3", tools()),
        ("output-tokens=5000;cached-tokens=4;cache-write-tokens=2", json!({"max_tokens": 20})),
        ("", json!({"thinking": {"type": "adaptive"}})),
        ("tool-call=other;reasoning-tokens=9", with(tools(), &json!({"thinking": {"type": "adaptive"}}))),
        ("", json!({"thinking": {"type": "adaptive", "display": "omitted"}})),
        ("redacted", json!({"thinking": {"type": "enabled", "budget_tokens": 1024}})),
        ("filtered", json!({})),
        ("", json!({"stop_sequences": ["about"]})),
        ("output-tokens=0", json!({})),
    ] {
        let said = plain(steer, &hello(&more));
        let (mut put_together, events) = streamed(steer, &hello(&more));
        // The bodies differ by `stream`, and ids come from the body.
        for field in ["id", "signature", "data"] {
            blank(&mut put_together, field);
        }
        let mut said = said;
        for field in ["id", "signature", "data"] {
            blank(&mut said, field);
        }
        assert_eq!(put_together, said, "{steer}");
        assert_eq!(events.last().unwrap()["type"], "message_stop");
        let pings = events.iter().filter(|event| event["type"] == "ping").count();
        assert_eq!(pings, usize::from(steer != "output-tokens=0"));
    }
}

fn blank(value: &mut Value, field: &str) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == field { *value = Value::Null } else { blank(value, field) }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| blank(value, field)),
        _ => {}
    }
}

#[test]
fn limits_and_usage() {
    let capped = plain("output-tokens=500", &hello(&json!({"max_tokens": 20})));
    assert_eq!((&capped["stop_reason"], &capped["usage"]["output_tokens"]), (&json!("max_tokens"), &json!(20)));
    let stopped = plain("", &hello(&json!({"stop_sequences": ["zzz", "about"]})));
    assert_eq!((&stopped["stop_reason"], &stopped["stop_sequence"]), (&json!("stop_sequence"), &json!("about")));
    assert_eq!(stopped["content"][0]["text"], "You asked");
    let cached = plain("cached-tokens=4;cache-write-tokens=5", &hello(&json!({})))["usage"].clone();
    assert_eq!(
        [&cached["input_tokens"], &cached["cache_read_input_tokens"], &cached["cache_creation_input_tokens"]],
        [&json!(1), &json!(4), &json!(5)]
    );
    assert_eq!(cached["cache_creation"]["ephemeral_5m_input_tokens"], 5);
    let hour = hello(&json!({"cache_control": {"type": "ephemeral", "ttl": "1h"}}));
    let hour = plain("cache-write-tokens=5", &hour);
    assert_eq!(hour["usage"]["cache_creation"]["ephemeral_1h_input_tokens"], 5);
    let thought = hello(&json!({"thinking": {"type": "adaptive"}, "max_tokens": 40}));
    let thought = plain("reasoning-tokens=30;output-tokens=500", &thought);
    assert_eq!(thought["usage"]["output_tokens"], 40);
    assert_eq!(thought["usage"]["output_tokens_details"]["thinking_tokens"], 30);
    assert!(ask("usage=none", &hello(&json!({}))).good().get("usage").is_none());
    for (steer, wrong) in [("negative", json!(-100)), ("text", json!("many")), ("absurd", json!(u64::MAX))] {
        let events = ask(&format!("usage={steer}"), &hello(&json!({"stream": true}))).events();
        assert_eq!(events[0]["message"]["usage"]["input_tokens"], wrong);
        assert_eq!(events[events.len() - 2]["usage"]["output_tokens"], wrong);
    }
    let none = ask("usage=none", &hello(&json!({"stream": true})));
    assert!(!none.text.contains("usage"));
}

#[test]
fn tools_are_called_once_and_validly() {
    let body = hello(&tools());
    let answer = plain("tool-call=get_weather", &body);
    assert_eq!(answer["stop_reason"], "tool_use");
    let call = &answer["content"][0];
    assert!(call["input"]["city"].is_string() && ["c", "f"].contains(&call["input"]["unit"].as_str().unwrap()));
    let three = plain("tool-call=get_weather;tool-calls=3", &body);
    let ids: std::collections::HashSet<&str> =
        three["content"].as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(
        plain("", &hello(&with(tools(), &json!({"tool_choice": {"type": "any"}}))))["content"][0]["name"],
        "other"
    );
    let named = json!({"tool_choice": {"type": "tool", "name": "get_weather"}});
    assert_eq!(plain("", &hello(&with(tools(), &named)))["content"][0]["name"], "get_weather");
    assert_eq!(ask("tool-call=nobody", &body).status, 400);
    // An array of calls that the cap cuts off.
    let cut = plain("tool-call=get_weather;tool-calls=3", &with(body.clone(), &json!({"max_tokens": 5})));
    assert_eq!((&cut["stop_reason"], &cut["usage"]["output_tokens"]), (&json!("max_tokens"), &json!(5)));
    // Then the result, and the conversation goes on with text, header or not.
    let results = |content: &Value| {
        let results = content.as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
        results.map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "7"})).collect::<Value>()
    };
    let mut body = body;
    for round in 0..10 {
        let answer = plain("tool-call=get_weather;tool-rounds=10", &body);
        assert_eq!(answer["stop_reason"], "tool_use", "round {round}");
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": answer["content"]}));
        messages.push(json!({"role": "user", "content": results(&answer["content"])}));
        let text = plain("tool-call=get_weather", &body);
        assert_eq!(text["stop_reason"], "end_turn");
        assert!(text["content"][0]["text"].as_str().unwrap().contains("Oslo"));
    }
    assert_eq!(plain("tool-call=get_weather;tool-rounds=10", &body)["stop_reason"], "end_turn");
}

#[test]
fn structured_output() {
    let schema = json!({"type": "object", "required": ["n", "kind"], "additionalProperties": false,
        "properties": {"n": {"type": "integer"}, "kind": {"enum": ["a", "b"]}}});
    let body = hello(&json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}));
    let (answer, _) = streamed("", &body);
    let value: Value = serde_json::from_str(answer["content"][0]["text"].as_str().unwrap()).unwrap();
    assert!(jsonschema::is_valid(&schema, &value), "{value}");
}

#[test]
fn faults_in_the_protocol_s_own_way() {
    let stream = hello(&json!({"stream": true}));
    let deltas = |text: &str| text.matches("\"text_delta\"").count();
    let broken = ask("chunks=9;error-after=4", &stream);
    assert!(broken.text.ends_with(
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"
    ));
    assert_eq!((deltas(&broken.text), broken.text.contains("message_stop")), (4, false));
    let garbage = ask("chunks=9;garbage-after=3;garbage=json", &stream);
    assert!(garbage.text.contains("event: content_block_delta\ndata: {\"id\":\"broken\""));
    assert!(garbage.text.contains("message_stop") && deltas(&garbage.text) == 9);
    let undone = ask("no-done", &stream);
    assert!(undone.text.contains("message_delta") && !undone.text.contains("message_stop"));
    // A fault after more than there is strikes at the end, never after a success.
    let late = ask("chunks=3;error-after=500", &stream);
    assert!(deltas(&late.text) == 3 && !late.text.contains("content_block_stop"));
    let giant = ask("giant-line=50000;chunks=2", &stream);
    assert!(giant.text.lines().any(|line| line.len() == 50_000));
    assert_eq!(deltas(&giant.text), 3);
    let kept = ask("keep-alives=2", &stream);
    assert!(kept.text.starts_with("event: ping\ndata: {\"type\": \"ping\"}\n\nevent: ping"));
    let wrong = ask("error-after=1", &hello(&json!({})));
    assert_eq!((wrong.status, &wrong.json()["type"]), (200, &json!("error")));
}

#[test]
fn counting() {
    let body = json!({"model": "m", "system": "Be terse.", "messages": [{"role": "user", "content": "Hello, world!"}],
        "tools": [{"name": "a", "input_schema": {"type": "object"}}]});
    let headers = [("anthropic-version", "2026-10-21"), ("authorization", "Bearer k")];
    let count = |body: &Value| send("POST", "/v1/messages/count_tokens", &headers, body.to_string().as_bytes());
    let counted = count(&body).good();
    assert_valid("anthropic", "CountMessageTokensResponse", &counted);
    let answered = plain("", &with(body.clone(), &json!({"max_tokens": 9})));
    assert_eq!(counted["input_tokens"], answered["usage"]["input_tokens"]);
    for more in [json!({"max_tokens": 9}), json!({"temperature": 1})] {
        assert!(count(&with(body.clone(), &more)).text.contains("Extra inputs are not permitted"));
    }
}

#[test]
fn models() {
    let get = |path: &str| send("GET", path, &[("anthropic-version", "2023-06-01"), ("x-api-key", "k")], b"").good();
    let all = get("/v1/models");
    assert!(all["data"].as_array().unwrap().len() > 2 && all["has_more"] == false);
    assert_valid("anthropic", "ListResponse_ModelInfo_", &all);
    let first = get("/v1/models?limit=1");
    assert_eq!((&first["has_more"], &first["first_id"]), (&json!(true), &first["last_id"]));
    let rest = get(&format!("/v1/models?after_id={}", first["last_id"].as_str().unwrap()));
    assert_eq!(rest["data"].as_array().unwrap().len() + 1, all["data"].as_array().unwrap().len());
    let one = get("/v1/models/claude%2Fx");
    assert_eq!(one["id"], "claude/x");
    assert_valid("anthropic", "ModelInfo", &one);
}
