//! Counting tokens: by the vendor's counter where it has one, else by the gateway's own estimate; never billed.

use crate::crossing;
use crate::harness::{Answer, Gateway};
use crate::responses_state::call;
use serde_json::{Value, json};

const LONG: &str = "How many tokens are there in this sentence, and in the one that comes after it?";

/// A count asked for in each protocol.
fn asked(gateway: &Gateway, key: &str, model: &str) -> [(Answer, u64); 3] {
    let body = json!({"model": model, "input": LONG, "instructions": "Count."});
    let responses = call(gateway, key, "POST", "/v1/responses/input_tokens", &body);
    let body = json!({"model": model, "messages": [{"role": "user", "content": LONG}], "system": "Count."});
    let messages = call(gateway, key, "POST", "/v1/messages/count_tokens", &body);
    let body = json!({"generateContentRequest": {"model": format!("models/{model}"),
        "contents": [{"role": "user", "parts": [{"text": LONG}]}],
        "systemInstruction": {"parts": [{"text": "Count."}]}}});
    let gemini = call(gateway, key, "POST", &format!("/v1beta/models/{model}:countTokens"), &body);
    for answer in [&responses, &messages, &gemini] {
        assert_eq!(answer.status, 200, "{model}: {}", answer.text());
        assert_eq!(answer.header("x-tollgate-cost-usd"), Some("0.000000000"), "{:?}", answer.headers);
    }
    assert_eq!(responses.json()["object"], "response.input_tokens");
    let count = |answer: &Answer, name: &str| answer.json()[name].as_u64().unwrap();
    let [a, b, c] =
        [count(&responses, "input_tokens"), count(&messages, "input_tokens"), count(&gemini, "totalTokens")];
    [(responses, a), (messages, b), (gemini, c)]
}

#[test]
fn every_protocol_counts_for_every_vendor() {
    let (sim, gateway, key) = crossing::start();
    for (model, path) in [
        ("gpt-4o", "/responses/input_tokens"),
        ("claude-haiku-4-5", "/messages/count_tokens"),
        ("gemini-2.5-flash", ":countTokens"),
        ("deepseek-flash", ""),
    ] {
        let before = sim.journal().len();
        let counts = asked(&gateway, &key, model);
        for (answer, count) in &counts {
            assert!((15..60).contains(count), "{model}: {count}");
            let told = answer.header("x-tollgate-translation").unwrap_or("exact");
            let attempts = answer.header("x-tollgate-attempts");
            if path.is_empty() {
                assert!(told.starts_with("approximated=") && attempts == Some("0"), "{told}");
            } else {
                assert_eq!((told, attempts), ("exact", Some("1")), "{model}");
            }
        }
        let journal = sim.journal();
        let calls: Vec<&str> = journal[before..].iter().map(|entry| entry["path"].as_str().unwrap()).collect();
        assert_eq!(calls.len(), if path.is_empty() { 0 } else { 3 });
        assert!(calls.iter().all(|call| call.ends_with(path)), "{calls:?}");
    }
    let spend = call(&gateway, &key, "GET", "/v1/key", &Value::Null).json();
    assert_eq!((&spend["spend"]["total_usd"], &spend["in_flight"]), (&json!("0.000000000"), &json!(0)), "{spend}");
}

#[test]
fn the_sandbox_counts_too() {
    let (sim, gateway, _) = crossing::start();
    let key = gateway.test_key();
    for model in ["gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash"] {
        for (answer, count) in asked(&gateway, &key, model) {
            assert!((15..60).contains(&count), "{model}: {}", answer.text());
        }
    }
    assert_eq!(sim.journal().len(), 0);
}

#[test]
fn counting_is_for_those_who_may_and_within_limits() {
    let (sim, gateway, _) = crossing::start();
    let body = json!({"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "x"}]});
    let ask = |key: &str| call(&gateway, key, "POST", "/v1/messages/count_tokens", &body);
    let none = ask("sk-tg-live-wrong");
    assert_eq!((none.status, none.json()["type"].as_str()), (401, Some("error")));
    let other = gateway.key(r#"{"name":"o","mode":"live","allowed_models":["gpt-*"]}"#);
    assert_eq!(ask(&other).status, 403);
    let limited = gateway.key(r#"{"name":"l","mode":"live","limits":{"requests_per_minute":2}}"#);
    assert_eq!([ask(&limited).status, ask(&limited).status, ask(&limited).status], [200, 200, 429]);
    // A budget that is used up does not stop it, and no price is asked for.
    let poor = gateway.key(r#"{"name":"p","mode":"live","budget":{"limit_usd":"0.000001","window":"total"}}"#);
    assert_eq!(ask(&poor).status, 200);
    assert_eq!(sim.journal().len(), 3);
    // A vendor's refusal is told in the caller's protocol.
    let steer = [("x-tollgate-sim", "status=400")];
    let key = gateway.live_key();
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}]});
    let path = "/v1beta/models/claude-haiku-4-5:countTokens";
    let refused = crate::responses_state::steered(&gateway, &key, "POST", path, &body, &steer);
    assert_eq!((refused.status, refused.json()["error"]["status"].as_str()), (400, Some("INVALID_ARGUMENT")));
    let wrong = call(&gateway, &key, "GET", path, &Value::Null);
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
}

#[test]
fn a_conversation_is_counted_whole() {
    let (_sim, gateway, key) = crossing::start();
    for model in ["gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash", "deepseek-flash"] {
        let first = call(&gateway, &key, "POST", "/v1/responses", &json!({"model": model, "input": LONG})).json();
        let count = |previous: Value| {
            let mut body = json!({"model": model, "input": "more"});
            body["previous_response_id"] = previous;
            let answer = call(&gateway, &key, "POST", "/v1/responses/input_tokens", &body);
            assert_eq!(answer.status, 200, "{model}: {}", answer.text());
            answer.json()["input_tokens"].as_u64().unwrap()
        };
        let (alone, whole) = (count(Value::Null), count(first["id"].clone()));
        assert!(whole >= alone + 15, "{model}: {alone} {whole}");
    }
}
