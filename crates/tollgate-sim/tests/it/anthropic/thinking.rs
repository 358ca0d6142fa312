//! Thinking blocks: given out signed, wanted back as they were.

use serde_json::{Value, json};

use super::{ask, hello, plain};
use crate::ask::{send, with};

fn thinking(mode: &Value) -> Value {
    let tools = json!([{"name": "f", "input_schema": {"type": "object"}}]);
    hello(&json!({"thinking": mode, "tools": tools}))
}

fn enabled() -> Value {
    thinking(&json!({"type": "enabled", "budget_tokens": 1024}))
}

/// The body with the answer and the results of its calls.
fn answered(body: &Value, content: &Value) -> Value {
    let mut body = body.clone();
    let calls = content.as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
    let results: Value =
        calls.map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "7"})).collect();
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": content}));
    messages.push(json!({"role": "user", "content": results}));
    body
}

fn refused(steer: &str, body: &Value) -> String {
    let got = ask(steer, body);
    assert_eq!(got.status, 400, "{}", got.text);
    got.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_signature_comes_back_or_the_request_is_refused() {
    let body = enabled();
    let content = plain("tool-call=f", &body)["content"].clone();
    assert_eq!((&content[0]["type"], &content[1]["type"]), (&json!("thinking"), &json!("tool_use")));
    let next = answered(&body, &content);
    assert_eq!(plain("", &next)["stop_reason"], "end_turn");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut next = next.clone();
        change(&mut next["messages"][1]["content"]);
        refused("", &next)
    };
    let edited = changed(&|content| content[0]["thinking"] = json!("something else"));
    assert_eq!(edited, "messages.1.content.0: Invalid `signature` in `thinking` block");
    let forged = changed(&|content| content[0]["signature"] = json!("EqQBCkYIBxgCKkA="));
    assert_eq!(forged, edited);
    let unsigned = changed(&|content| {
        content[0].as_object_mut().unwrap().remove("signature");
    });
    assert_eq!(unsigned, "messages.1.content.0.thinking.signature: Field required");
    let dropped = changed(&|content| {
        content.as_array_mut().unwrap().remove(0);
    });
    assert!(
        dropped
            .starts_with("messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`")
    );
    let last = changed(&|content| content.as_array_mut().unwrap().reverse());
    assert!(last.contains("cannot be `thinking`"), "{last}");
    // Another simulator's signature is as good as a forged one.
    let other = tollgate_sim::Simulator::new(8);
    let headers = [("anthropic-version", "2023-06-01")];
    let got = crate::ask::send_to(&other, "POST", "/v1/messages", &headers, next.to_string().as_bytes());
    assert_eq!(got.status, 400);
}

#[test]
fn what_is_off_or_over_is_not_asked_for() {
    let body = enabled();
    let content = plain("tool-call=f", &body)["content"].clone();
    // Off: nothing is checked and nothing is missed.
    let off = hello(&json!({"tools": body["tools"]}));
    let bare: Value = content.as_array().unwrap()[1..].iter().cloned().collect();
    assert_eq!(ask("", &answered(&off, &bare)).status, 200);
    let mut forged = content.clone();
    forged[0]["signature"] = json!("x");
    assert_eq!(ask("", &answered(&off, &forged)).status, 200);
    // A loop that is over: the user spoke again.
    let mut over = answered(&body, &bare);
    over["messages"].as_array_mut().unwrap().push(json!({"role": "assistant", "content": "Seven."}));
    over["messages"].as_array_mut().unwrap().push(json!({"role": "user", "content": "And now?"}));
    assert_eq!(ask("", &over).status, 200);
    // Adaptive thinking need not have thought, unless the test says so.
    let adaptive = answered(&thinking(&json!({"type": "adaptive"})), &bare);
    assert_eq!(ask("", &adaptive).status, 200);
    assert!(refused("strict-state", &adaptive).contains("Expected `thinking`"));
    assert!(refused("strict-state", &answered(&off, &bare)).contains("Expected `thinking`"));
    assert!(refused("strict-state", &answered(&off, &forged)).contains("Invalid `signature`"));
}

#[test]
fn a_loop_of_ten_rounds_keeps_all_its_thoughts() {
    for (mode, steer) in [
        (json!({"type": "adaptive"}), "tool-call=f;tool-rounds=10;strict-state"),
        (json!({"type": "adaptive", "display": "omitted"}), "tool-call=f;tool-rounds=10;strict-state"),
        (json!({"type": "adaptive"}), "tool-call=f;tool-rounds=10;strict-state;redacted"),
        (json!({"type": "enabled", "budget_tokens": 1024}), "tool-call=f;tool-rounds=10"),
    ] {
        let mut body = thinking(&mode);
        for round in 0..10 {
            let content = plain(steer, &body)["content"].clone();
            let thinks = content[0]["type"].as_str().unwrap().ends_with("thinking");
            assert_eq!(thinks, mode["type"] == "adaptive" || round == 0, "{content}");
            assert_eq!(content.as_array().unwrap().last().unwrap()["type"], "tool_use");
            if mode["display"] == "omitted" {
                assert_eq!(content[0]["thinking"], "");
            }
            body = answered(&body, &content);
        }
        let content = plain(steer, &body)["content"].clone();
        assert_eq!(content.as_array().unwrap().last().unwrap()["type"], "text");
    }
}

#[test]
fn interleaved_thinking_thinks_between_calls() {
    let body = enabled();
    let content = plain("tool-call=f", &body)["content"].clone();
    let next = answered(&body, &content);
    assert_eq!(plain("", &next)["content"][0]["type"], "text");
    let headers = [("anthropic-version", "2023-06-01"), ("anthropic-beta", "interleaved-thinking-2025-05-14")];
    let got = send("POST", "/v1/messages", &headers, next.to_string().as_bytes());
    assert_eq!(got.good()["content"][0]["type"], "thinking");
}

#[test]
fn thinking_is_there_when_asked_for_and_only_then() {
    let kinds = |steer: &str, body: &Value| {
        let answer = plain(steer, body);
        answer["content"].as_array().unwrap().iter().map(|block| block["type"].clone()).collect::<Value>()
    };
    assert_eq!(kinds("", &hello(&json!({}))), json!(["text"]));
    assert_eq!(kinds("reasoning-tokens=5", &hello(&json!({}))), json!(["thinking", "text"]));
    assert_eq!(kinds("reasoning-tokens=5", &hello(&json!({"thinking": {"type": "disabled"}}))), json!(["text"]));
    assert_eq!(kinds("reasoning-tokens=0", &hello(&json!({"thinking": {"type": "adaptive"}}))), json!(["text"]));
    assert_eq!(
        kinds("redacted", &hello(&json!({"thinking": {"type": "adaptive"}}))),
        json!(["redacted_thinking", "text"])
    );
}

#[test]
fn what_thinking_does_not_go_with() {
    for (more, words) in [
        (json!({"temperature": 0.5}), "`temperature` may only be set to 1"),
        (json!({"top_p": 0.9}), "`top_p`"),
        (json!({"top_k": 5}), "`top_k` must be unset"),
        (json!({"tool_choice": {"type": "any"}}), "Thinking may not be enabled when tool_choice forces tool use."),
        (json!({"max_tokens": 1024}), "`max_tokens` must be greater than `thinking.budget_tokens`"),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 1023}}),
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (json!({"thinking": {"type": "enabled"}}), "thinking.enabled.budget_tokens: Field required"),
        (json!({"thinking": {"type": "sometimes"}}), "Input tag 'sometimes'"),
        (
            json!({"thinking": {"type": "adaptive", "budget_tokens": 2000}}),
            "thinking.adaptive.budget_tokens: Extra inputs",
        ),
    ] {
        let message = refused("", &with(enabled(), &more));
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(ask("", &with(enabled(), &json!({"temperature": 1, "top_p": 0.95}))).status, 200);
}
