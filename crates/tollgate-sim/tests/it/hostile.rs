//! Requests that nobody means well with: any bytes, and very much of everything.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::ask::send;

const PATHS: &[&str] = &[
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/responses",
    "/v1/responses/input_tokens",
    "/v1beta/models/m:generateContent",
    "/v1beta/models/m:streamGenerateContent",
    "/v1beta/models/m:countTokens",
    "/v1beta/models/m:batchEmbedContents",
    "/v1/embeddings",
];
const HEADERS: &[(&str, &str)] = &[("anthropic-version", "2023-06-01"), ("x-api-key", "k")];

/// JSON made of the words of the protocols, mostly in the wrong places.
fn anything() -> impl Strategy<Value = Value> {
    let words = [
        "messages",
        "input",
        "contents",
        "role",
        "user",
        "assistant",
        "model",
        "content",
        "parts",
        "text",
        "type",
        "tool_use",
        "tool_result",
        "tool_use_id",
        "id",
        "call_id",
        "function_call",
        "function_call_output",
        "arguments",
        "functionCall",
        "functionResponse",
        "args",
        "response",
        "name",
        "thinking",
        "enabled",
        "budget_tokens",
        "signature",
        "max_tokens",
        "tools",
        "input_schema",
        "functionDeclarations",
        "parameters",
        "OBJECT",
        "object",
        "properties",
        "items",
        "anyOf",
        "$ref",
        "#/$defs/a",
        "$defs",
        "output_config",
        "format",
        "json_schema",
        "schema",
        "generationConfig",
        "responseSchema",
        "stream",
        "reasoning",
        "encrypted_content",
        "requests",
        "",
    ];
    let word = prop::sample::select(words.to_vec());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200), steer in "[a-z=;0-9-]{0,30}") {
        for path in PATHS {
            let headers = [HEADERS, &[("x-tollgate-sim", steer.as_str())]].concat();
            prop_assert!(send("POST", path, &headers, &bytes).status >= 400);
        }
    }

    #[test]
    fn no_json_breaks_it(messages in anything(), more in anything(), tools in anything()) {
        for path in PATHS {
            let mut body = json!({"model": "m", "max_tokens": 5, "messages": messages, "input": messages, "tools": tools});
            if path.contains("v1beta") {
                body = json!({"contents": messages, "tools": tools, "requests": messages, "generationConfig": more});
            } else if path.contains("messages") {
                body["thinking"] = more.clone();
                body.as_object_mut().unwrap().remove("input");
            } else if path.contains("responses") {
                body = json!({"model": "m", "input": messages, "tools": tools, "text": more});
            }
            let got = send("POST", path, HEADERS, body.to_string().as_bytes());
            prop_assert!((200..600).contains(&got.status));
        }
    }
}

/// One request of each protocol with so many calls, results and tools, and how long all of them take.
fn time_of(many: usize) -> Duration {
    let ids: Vec<String> = (0..many).map(|n| format!("c{n}")).collect();
    let map = |make: &dyn Fn(&String) -> Value| -> Vec<Value> { ids.iter().map(make).collect() };
    let ask = json!({"role": "user", "content": "a"});
    let chat_call = |id: &String| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let called = json!({"role": "assistant", "content": null, "tool_calls": map(&chat_call)});
    let results = map(&|id| json!({"role": "tool", "tool_call_id": id, "content": "1"}));
    let chat = [vec![ask.clone(), called], results].concat();
    let messages = json!([ask,
        {"role": "assistant", "content": map(&|id| json!({"type": "tool_use", "id": id, "name": "f", "input": {}}))},
        {"role": "user", "content": map(&|id| json!({"type": "tool_result", "tool_use_id": id, "content": "1"}))}]);
    let items = [
        map(&|id| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"})),
        map(&|id| json!({"type": "function_call_output", "call_id": id, "output": "1"})),
    ];
    let contents = json!([{"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": map(&|id| json!({"functionCall": {"name": "f", "id": id, "args": {}}}))},
        {"role": "user", "parts": map(&|id| json!({"functionResponse": {"name": "f", "id": id, "response": {}}}))}]);
    let tools = map(&|id| json!({"name": id, "input_schema": {"type": "object"}}));
    let declared = map(&|id| json!({"name": id}));
    let requests = [
        ("/v1/chat/completions", json!({"model": "m", "messages": chat})),
        ("/v1/messages", json!({"model": "m", "max_tokens": 9, "messages": messages, "tools": tools})),
        ("/v1/responses", json!({"model": "m", "input": items.concat()})),
        (
            "/v1beta/models/m:generateContent",
            json!({"contents": contents, "tools": [{"functionDeclarations": declared}]}),
        ),
    ];
    let bodies = requests.map(|(path, body)| (path, body.to_string()));
    let started = Instant::now();
    for (path, body) in bodies {
        let got = send("POST", path, HEADERS, body.as_bytes());
        assert_eq!(got.status, 200, "{path} {}", &got.text[..got.text.len().min(300)]);
    }
    started.elapsed()
}

#[test]
fn eight_times_as_much_takes_about_eight_times_as_long() {
    let little = time_of(1_000).max(time_of(1_000));
    let much = time_of(8_000);
    // What grows with the square takes 64 times as long; a busy machine may stretch either.
    assert!(much < little * 32, "{little:?} {much:?}");
}
