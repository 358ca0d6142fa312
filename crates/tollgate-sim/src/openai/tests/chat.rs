//! Chat, plain and streamed.

use serde_json::{Value, json};

use super::{answer, ask, text};
use crate::{Step, count_tokens};

/// A chat of one message with more fields.
fn chat(more: &Value) -> Value {
    let mut body = json!({"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "What is \"Oslo\"?"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn plain(steer: &str, more: &Value) -> Value {
    let (status, body) = ask("/v1/chat/completions", steer, &chat(more));
    assert_eq!(status, 200, "{body}");
    body
}

fn events(steer: &str, more: &Value) -> Vec<Value> {
    let mut body = chat(more);
    body["stream"] = json!(true);
    let text = text(answer("/v1/chat/completions", steer, &body));
    let events = text.split("\n\n").filter(|event| !event.is_empty());
    let datas = events.map(|event| event.strip_prefix("data: ").unwrap());
    datas.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect()
}

fn joined(events: &[Value], index: u64, path: &str) -> String {
    let choices = events.iter().filter_map(|event| event["choices"].as_array()).flatten();
    choices.filter(|choice| choice["index"] == index).filter_map(|choice| choice.pointer(path)?.as_str()).collect()
}

#[test]
fn a_plain_answer() {
    let body = plain("", &json!({}));
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], "gpt-5.4-mini");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    let said = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(said.contains("What is \"Oslo\"?"), "{said}");
    assert_eq!(body["usage"]["completion_tokens"], count_tokens(said));
    // 3 + 3 for the message + what, is, quote, Oslo, quote, question mark.
    assert_eq!(body["usage"]["prompt_tokens"], 12);
    assert_eq!(body, plain("", &json!({})), "deterministic");
    let created = body["created"].as_u64().unwrap();
    assert!((1_760_000_000..1_761_000_000).contains(&created));
    assert_ne!(body["id"], plain("", &json!({"seed": 2}))["id"]);
}

#[test]
fn limits() {
    let body = plain("output-tokens=500", &json!({"max_tokens": 20}));
    assert_eq!(body["usage"]["completion_tokens"], 20);
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    let body = plain("output-tokens=500", &json!({"max_completion_tokens": 500, "n": 2}));
    assert_eq!(body["usage"]["completion_tokens"], 1000);
    assert_eq!(body["choices"][1]["finish_reason"], "stop");
    assert_ne!(body["choices"][0]["message"], body["choices"][1]["message"]);
    let body = plain("", &json!({"stop": ["about"]}));
    assert_eq!(body["choices"][0]["message"]["content"], "You asked");
    let body = plain("reasoning-tokens=30;cached-tokens=5;output-tokens=10", &json!({"max_tokens": 32}));
    assert_eq!(body["usage"]["completion_tokens"], 32);
    assert_eq!(body["usage"]["completion_tokens_details"]["reasoning_tokens"], 30);
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 5);
    assert!(plain("usage=none", &json!({})).get("usage").is_none());
}

#[test]
fn a_stream_says_what_the_plain_answer_says() {
    for (steer, more) in [("", json!({})), ("text=emoji;chunks=7;output-tokens=60", json!({"n": 3}))] {
        let mut more = more;
        let counted = events(steer, &{
            more["stream_options"] = json!({"include_usage": true});
            more.clone()
        });
        assert_eq!(counted.last(), Some(&json!("[DONE]")));
        let usage = &counted[counted.len() - 2];
        assert_eq!(usage["choices"], json!([]));
        let said = plain(
            steer,
            &more
                .as_object()
                .map(|more| {
                    let mut more = more.clone();
                    more.remove("stream_options");
                    Value::Object(more)
                })
                .unwrap(),
        );
        for choice in said["choices"].as_array().unwrap() {
            let index = choice["index"].as_u64().unwrap();
            assert_eq!(choice["message"]["content"], joined(&counted, index, "/delta/content"));
        }
        let total: u64 = (0..3).map(|index| count_tokens(&joined(&counted, index, "/delta/content"))).sum();
        assert_eq!(usage["usage"]["completion_tokens"], total);
        assert!(counted[..counted.len() - 2].iter().all(|event| event.get("usage") == Some(&Value::Null)));
        assert_eq!(counted[0]["choices"][0]["delta"]["role"], "assistant");
        more.as_object_mut().unwrap().remove("stream_options");
        let bare = events(steer, &more);
        assert!(bare.iter().all(|event| event.get("usage").is_none()));
        if steer.contains("chunks=7") {
            let content =
                bare.iter().filter(|event| event.pointer("/choices/0/delta/content").is_some_and(|c| c != ""));
            assert_eq!(content.count(), 21);
        }
    }
}

fn tools() -> Value {
    json!({"tools": [
        {"type": "function", "function": {"name": "other"}},
        {"type": "custom", "custom": {"name": "free"}},
        {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "required": ["city", "unit"],
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}}}}}]})
}

#[test]
fn tool_calls() {
    let body = plain("tool-call=get_weather", &tools());
    let choice = &body["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["function"]["name"], "get_weather");
    let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert!(arguments["city"].is_string() && ["c", "f"].contains(&arguments["unit"].as_str().unwrap()));
    let events = events("tool-call=get_weather", &tools());
    let streamed = joined(&events, 0, "/delta/tool_calls/0/function/arguments");
    assert!(serde_json::from_str::<Value>(&streamed).unwrap()["city"].is_string());
    assert_eq!(joined(&events, 0, "/delta/tool_calls/0/function/name"), "get_weather");
    let named = events.iter().filter(|event| event.pointer("/choices/0/delta/tool_calls/0/id").is_some());
    assert_eq!(named.count(), 1);
    let custom = plain("tool-call=free", &tools());
    assert!(custom["choices"][0]["message"]["tool_calls"][0]["custom"]["input"].is_string());
    let forced =
        chat(&json!({"tools": tools()["tools"], "tool_choice": {"type": "function", "function": {"name": "other"}}}));
    let (_, forced) = ask("/chat/completions", "", &forced);
    assert_eq!(forced["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], "{}");
    let (status, _) = ask("/v1/chat/completions", "tool-call=nobody", &chat(&tools()));
    assert_eq!(status, 400);
}

#[test]
fn several_calls_in_one_answer() {
    let body = plain("tool-call=get_weather;tool-calls=3", &tools());
    let calls = body["choices"][0]["message"]["tool_calls"].as_array().unwrap().clone();
    assert_eq!(calls.len(), 3);
    let events = events("tool-call=get_weather;tool-calls=3", &tools());
    for (index, call) in calls.iter().enumerate() {
        let pieces = events.iter().filter_map(|event| event.pointer("/choices/0/delta/tool_calls/0"));
        let pieces: Vec<&Value> = pieces.filter(|piece| piece["index"] == index).collect();
        let text: String = pieces.iter().filter_map(|piece| piece["function"]["arguments"].as_str()).collect();
        assert_eq!(text, call["function"]["arguments"].as_str().unwrap());
        assert_eq!(pieces.iter().filter(|piece| piece["id"].is_string()).count(), 1);
    }
    let cut = plain("tool-call=get_weather;tool-calls=3", &{
        let mut more = tools();
        more["max_tokens"] = json!(12);
        more
    });
    assert_eq!(
        (&cut["choices"][0]["finish_reason"], &cut["usage"]["completion_tokens"]),
        (&json!("length"), &json!(12))
    );
    assert_eq!(plain("filtered", &json!({}))["choices"][0]["finish_reason"], "content_filter");
}

#[test]
fn the_turn_after_a_tool_call_is_text() {
    let mut body = chat(&tools());
    body["messages"] = json!([{"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "other", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "7"}]);
    let (status, answer) = ask("/v1/chat/completions", "tool-call=other", &body);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    body["messages"].as_array_mut().unwrap().pop();
    let (status, answer) = ask("/v1/chat/completions", "", &body);
    assert!(status == 400 && answer.to_string().contains("did not have response messages: a"), "{answer}");
}

#[test]
fn structured_output() {
    let schema = json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 5, "maximum": 6}}});
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}});
    let said = joined(&events("", &format), 0, "/delta/content");
    let value: Value = serde_json::from_str(&said).unwrap();
    assert!((5..=6).contains(&value["n"].as_i64().unwrap()));
    let body = plain("", &json!({"response_format": {"type": "json_object"}}));
    let said = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(serde_json::from_str::<Value>(said).unwrap().is_object());
}

#[test]
fn refuses_what_openai_refuses() {
    for (body, param) in [
        (json!({"model": "m"}), json!("messages")),
        (json!({"messages": []}), Value::Null),
        (json!({"model": "m", "messages": []}), json!("messages")),
        (json!({"model": "m", "messages": "hi"}), json!("messages")),
        (chat(&json!({"stream": "yes"})), json!("stream")),
        (chat(&json!({"stream_options": {}})), json!("stream_options")),
        (chat(&json!({"max_tokens": 0})), json!("max_tokens")),
        (chat(&json!({"temperature": 3})), json!("temperature")),
        (chat(&json!({"n": 200})), json!("n")),
        (json!({"model": "m", "messages": [{"role": "robot", "content": ""}]}), json!("messages[0].role")),
        (json!([]), Value::Null),
        (
            chat(&json!({"tools": [{"type": "function", "function": {"name": "f", "strict": true,
                "parameters": {"type": "object", "properties": {"a": {"type": "object"}}, "required": ["a"],
                    "additionalProperties": false}}}]})),
            json!("tools[0].function.parameters"),
        ),
        (
            chat(&json!({"response_format": {"type": "json_schema",
                "json_schema": {"name": "x", "strict": true, "schema": {"type": "object"}}}})),
            json!("response_format"),
        ),
    ] {
        let (status, answer) = ask("/v1/chat/completions", "", &body);
        assert_eq!((status, &answer["error"]["param"]), (400, &param), "{body} {answer}");
        assert_eq!(answer["error"]["type"], "invalid_request_error");
    }
    for (path, status) in [("/v1/nothing", 404), ("/v1/models", 405)] {
        assert_eq!(ask(path, "", &json!({})).0, status);
    }
    let (status, answer) = ask("/v1/chat/completions", "wobble=1", &chat(&json!({})));
    assert!(status == 400 && answer["error"]["message"].as_str().unwrap().contains("wobble=1"));
}

#[test]
fn steered_errors() {
    for (steer, status, code) in [
        ("status=429;retry-after=2", 429, "rate_limit_exceeded"),
        ("error=insufficient_quota", 429, "insufficient_quota"),
        ("error=invalid_api_key", 401, "invalid_api_key"),
        ("error=overloaded;status=529", 529, "server_is_overloaded"),
        ("error=context_length", 400, "context_length_exceeded"),
        ("error=model_not_found", 404, "model_not_found"),
    ] {
        let answer = answer("/v1/chat/completions", steer, &chat(&json!({})));
        let after = answer.headers.iter().find(|(name, _)| *name == "retry-after").map(|(_, value)| value.clone());
        assert_eq!(answer.status, status);
        if steer.contains("retry-after") {
            assert_eq!(after.as_deref(), Some("2"));
        }
        let body: Value = serde_json::from_str(&text(answer)).unwrap();
        assert_eq!(body["error"]["code"], code);
    }
}

#[test]
fn a_long_stream_is_made_a_chunk_at_a_time() {
    let mut body = chat(&json!({"stream": true}));
    body["stream_options"] = json!({"include_usage": true});
    let mut answer = answer("/v1/chat/completions", "chunks=200000", &body);
    let mut count = 0;
    for step in answer.steps.by_ref() {
        let Step::Bytes(bytes) = step else { unreachable!("no waits were asked for") };
        assert!(bytes.len() < 1_000);
        count += 1;
    }
    assert_eq!(count, 200_000 + 4);
    assert_eq!(answer.steps.completion_tokens(), 200_000);
}
