//! The chat protocol as `DeepSeek` speaks it.

use serde_json::{Value, json};
use tollgate_sim::count_tokens;

use crate::{
    ask::{Got, send, with},
    shared::{assert_valid, recorded},
};

fn ask(steer: &str, body: &Value) -> Got {
    let headers = [("authorization", "Bearer k"), ("x-tollgate-sim", steer)];
    send("POST", "/chat/completions", &headers, body.to_string().as_bytes())
}

fn hello(more: &Value) -> Value {
    with(json!({"model": "deepseek-flash", "messages": [{"role": "user", "content": "What is Oslo?"}]}), more)
}

fn thinking(more: &Value) -> Value {
    let tools = json!({"thinking": {"type": "enabled"}, "tools": [{"type": "function", "function": {"name": "f"}}]});
    hello(&with(tools, more))
}

fn joined(events: &[Value], field: &str) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"][field].as_str()).collect()
}

#[test]
fn reasoning_comes_before_the_answer() {
    let answer = ask("reasoning-tokens=12", &thinking(&json!({}))).good();
    assert_valid("openai", "CreateChatCompletionResponse", &answer);
    let message = &answer["choices"][0]["message"];
    let (thought, said) = (message["reasoning_content"].as_str().unwrap(), message["content"].as_str().unwrap());
    assert!(thought.contains("Oslo") && said.contains("Oslo"));
    let usage = &answer["usage"];
    assert_eq!((count_tokens(thought), &usage["completion_tokens_details"]["reasoning_tokens"]), (12, &json!(12)));
    assert_eq!(usage["completion_tokens"], 12 + count_tokens(said));
    assert!(answer.get("service_tier").is_none() && message.get("refusal").is_none());
    let got = ask("reasoning-tokens=12", &thinking(&json!({"stream": true})));
    assert!(got.header("x-ds-trace-id").is_some() && got.header("openai-version").is_none());
    let events = got.events();
    assert_eq!(
        events[0]["choices"][0]["delta"],
        json!({"role": "assistant", "content": null, "reasoning_content": ""})
    );
    assert_eq!((joined(&events, "reasoning_content").as_str(), joined(&events, "content").as_str()), (thought, said));
    let deltas = events.iter().filter_map(|event| event["choices"][0]["delta"].as_object());
    for delta in deltas.skip(1) {
        assert!(delta["content"].is_null() ^ delta["reasoning_content"].is_null(), "one of the two: {delta:?}");
    }
    // Asked for or not, the usage stands beside the reason.
    let [.., finish, done] = events.as_slice() else { panic!() };
    assert_eq!((&finish["choices"][0]["finish_reason"], done), (&json!("stop"), &json!("[DONE]")));
    assert_eq!(finish["usage"], *usage);
    assert!(events[..events.len() - 2].iter().all(|event| event["usage"].is_null()));
}

#[test]
fn who_speaks_it() {
    let shows = |steer: &str, more: &Value| {
        ask(steer, &hello(more)).good()["choices"][0]["message"].get("reasoning_content").is_some()
    };
    assert!(shows("", &json!({"thinking": {"type": "enabled"}})));
    assert!(shows("", &json!({"thinking": {"type": "adaptive"}})));
    assert!(!shows("", &json!({"thinking": {"type": "disabled"}})));
    assert!(!shows("", &json!({})));
    assert!(shows("reasoning-tokens=5", &json!({})));
    assert!(!shows("reasoning-tokens=5", &json!({"reasoning_effort": "high"})), "hidden, as at OpenAI");
    assert!(!shows("reasoning-tokens=5;dialect=openai", &json!({})));
    let usage = |steer: &str| ask(steer, &hello(&json!({}))).good()["usage"].clone();
    assert_eq!(
        usage("dialect=deepseek;cached-tokens=4"),
        json!({
        "prompt_tokens": 10, "completion_tokens": usage("")["completion_tokens"],
        "total_tokens": usage("")["total_tokens"], "prompt_tokens_details": {"cached_tokens": 4},
        "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6})
    );
    assert!(usage("").get("prompt_cache_hit_tokens").is_none());
    // `n` is not looked at.
    let one = ask("", &thinking(&json!({"n": 3}))).good();
    assert_eq!(one["choices"].as_array().unwrap().len(), 1);
}

#[test]
fn reasoning_has_to_come_back_in_a_loop_of_tools() {
    let mut body = thinking(&json!({}));
    for round in 0..10 {
        let answer = ask("tool-call=f;tool-rounds=10;tool-calls=2", &body).good();
        let message = answer["choices"][0]["message"].clone();
        assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls", "round {round}");
        assert_eq!(message["tool_calls"][1]["index"], 1);
        let results = message["tool_calls"].as_array().unwrap().iter();
        let results = results.map(|call| json!({"role": "tool", "tool_call_id": call["id"], "content": "7"}));
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(message.clone());
        messages.extend(results);
        let mut bare = body.clone();
        bare["messages"][1].as_object_mut().unwrap().remove("reasoning_content");
        let refused = ask("", &bare);
        assert_eq!(
            (refused.status, refused.json()["error"].clone()),
            (
                400,
                json!({
            "message": "The `reasoning_content` in the thinking mode must be passed back to the API.",
            "type": "invalid_request_error", "param": null, "code": "invalid_request_error"})
            )
        );
        bare["messages"][1]["reasoning_content"] = json!("");
        assert_eq!(ask("", &bare).status, 200, "empty is there");
        bare["messages"][1].as_object_mut().unwrap().remove("reasoning_content");
        bare["thinking"] = json!({"type": "disabled"});
        assert_eq!(ask("", &bare).status, 200);
        assert_eq!(ask("strict-state;dialect=deepseek", &with(bare, &json!({"thinking": null}))).status, 400);
    }
    let last = ask("tool-call=f;tool-rounds=10", &body).good();
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
}

#[test]
fn tool_calls_are_streamed_after_the_reasoning() {
    let events = ask("tool-call=f;tool-calls=2", &thinking(&json!({"stream": true}))).events();
    let calls: Vec<&Value> = events.iter().filter_map(|event| event.pointer("/choices/0/delta/tool_calls/0")).collect();
    let named: Vec<&Value> = calls.iter().filter(|call| call["id"].is_string()).copied().collect();
    assert_eq!((named.len(), &named[1]["index"], &named[0]["function"]["arguments"]), (2, &json!(1), &json!("")));
    let first = events.iter().position(|event| event.pointer("/choices/0/delta/tool_calls").is_some()).unwrap();
    let thought = |event: &Value| event["choices"][0]["delta"]["reasoning_content"].is_string();
    assert!(events[..first].iter().all(thought) && !events[first..].iter().any(thought));
}

#[test]
fn errors() {
    let thinks = thinking(&json!({}));
    for (steer, status, kind) in [
        ("error=insufficient_quota", 402, "unknown_error"),
        ("status=402", 402, "unknown_error"),
        ("status=422", 422, "invalid_request_error"),
        ("error=rate_limit", 429, "rate_limit_error"),
        ("error=overloaded", 503, "service_unavailable_error"),
        ("error=invalid_api_key", 401, "authentication_error"),
        ("error=model_not_found", 400, "invalid_request_error"),
        ("status=500", 500, "server_error"),
    ] {
        let got = ask(steer, &thinks);
        assert_eq!((got.status, &got.json()["error"]["type"]), (status, &json!(kind)), "{steer}");
        assert!(got.header("openai-organization").is_none());
    }
    assert_eq!(ask("error=insufficient_quota", &hello(&json!({}))).status, 429, "OpenAI's");
    for (more, status, words) in [
        (
            json!({"messages": [{"role": "developer", "content": "a"}]}),
            400,
            "unknown variant `developer`, expected one of `system`",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
            400,
            "unknown variant `input_audio`",
        ),
        (json!({"thinking": {"type": "maybe"}}), 400, "unknown variant `maybe`"),
        (json!({"thinking": {}}), 422, "missing field `type`"),
    ] {
        let got = ask("", &thinking(&more));
        assert_eq!(got.status, status, "{}", got.text);
        assert!(got.text.contains(words), "{}", got.text);
    }
    let broken = ask("chunks=4;error-after=2", &thinking(&json!({"stream": true})));
    assert!(broken.text.trim_end().ends_with("\"code\":\"internal_error\"}}"), "{}", broken.text);
    assert!(ask("keep-alives=2", &thinking(&json!({"stream": true}))).text.starts_with(": keep-alive\n\n: keep-alive"));
    assert!(ask("blank-lines=3", &thinks).text.starts_with("\n\n\n{"));
}

#[test]
fn takes_what_the_vendor_took() {
    let mut taken = 0;
    for case in recorded("deepseek", "openai-chat") {
        if case.status != 200 || case.request.get("messages").is_none() {
            continue;
        }
        let got = ask("dialect=deepseek", &case.request);
        assert_eq!(got.status, 200, "{} {}", case.id, got.text);
        taken += 1;
    }
    println!("{taken} recorded requests answered");
}
