//! Every protocol against every vendor: plain and streamed, and how each tells a failure.

use super::{VENDORS, start};
use crate::harness::{Answer, Gateway};
use serde_json::{Value, json};

/// A caller's protocol.
struct Caller {
    name: &'static str,
    path: fn(model: &str, stream: bool) -> String,
    body: fn(model: &str, stream: bool) -> Value,
    /// The words of a whole answer.
    said: fn(&Value) -> String,
    /// The words of one event.
    delta: fn(&Value) -> String,
    /// Whether a stream ended well, by its last event.
    ended: fn(&str) -> bool,
    /// Whether an event tells a failure.
    failed: fn(&Value) -> bool,
    /// Whether a body is an error in the protocol's envelope.
    refused: fn(&Value) -> bool,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn joined(list: &Value, text: impl Fn(&Value) -> String) -> String {
    list.as_array().into_iter().flatten().map(text).collect()
}

const CALLERS: &[Caller] = &[
    Caller {
        name: "chat",
        path: |_, _| "/v1/chat/completions".into(),
        body: |model, stream| json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}),
        said: |answer| text(&answer["choices"][0]["message"]["content"]),
        delta: |event| text(&event["choices"][0]["delta"]["content"]),
        ended: |last| last == "[DONE]",
        failed: |event| event["error"].is_object(),
        refused: |body| body["error"]["message"].is_string() && body["error"]["code"].is_string(),
    },
    Caller {
        name: "responses",
        path: |_, _| "/v1/responses".into(),
        body: |model, stream| json!({"model": model, "stream": stream, "input": "Hello"}),
        said: |answer| joined(&answer["output"], |item| joined(&item["content"], |part| text(&part["text"]))),
        delta: |event| {
            if event["type"] == "response.output_text.delta" { text(&event["delta"]) } else { String::new() }
        },
        ended: |last| last.contains("\"response.completed\""),
        failed: |event| event["type"] == "error" || event["type"] == "response.failed",
        refused: |body| body["error"]["message"].is_string(),
    },
    Caller {
        name: "messages",
        path: |_, _| "/v1/messages".into(),
        body: |model, stream| json!({"model": model, "stream": stream, "max_tokens": 300, "messages": [{"role": "user", "content": "Hello"}]}),
        said: |answer| joined(&answer["content"], |part| text(&part["text"])),
        delta: |event| text(&event["delta"]["text"]),
        ended: |last| last.contains("\"message_stop\""),
        failed: |event| event["type"] == "error",
        refused: |body| body["type"] == "error" && body["error"]["type"].is_string(),
    },
    Caller {
        name: "generate-content",
        path: |model, stream| {
            let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            format!("/v1beta/models/{model}:{verb}")
        },
        body: |_, _| json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}),
        said: |answer| joined(&answer["candidates"][0]["content"]["parts"], |part| text(&part["text"])),
        delta: |event| joined(&event["candidates"][0]["content"]["parts"], |part| text(&part["text"])),
        ended: |last| last.contains("\"finishReason\""),
        failed: |event| event["error"].is_object(),
        refused: |body| body["error"]["status"].is_string() && body["error"]["code"].is_number(),
    },
];

/// The data of each event.
fn events(answer: &Answer) -> Vec<String> {
    answer.text().lines().filter_map(|line| line.strip_prefix("data: ").map(str::to_owned)).collect()
}

fn ask(gateway: &Gateway, key: &str, caller: &Caller, model: &str, stream: bool, steer: &str) -> Answer {
    let auth = format!("Bearer {key}");
    let body = (caller.body)(model, stream).to_string();
    let mut headers = vec![("authorization", &*auth), ("content-type", "application/json")];
    if !steer.is_empty() {
        headers.push(("x-tollgate-sim", steer));
    }
    gateway.post(&(caller.path)(model, stream), &headers, &body)
}

/// What is odd and no failure: answers cut into single bytes, other line ends, late answers, missing usage.
const ODD: &[&str] = &[
    "split=1;crlf",
    "split=3;text=emoji",
    "keep-alives=3;keepalive-ms=30",
    "blank-lines=40",
    "usage=none",
    "usage=absurd",
    "ttft-ms=300",
];

#[test]
fn what_is_odd_and_no_failure_crosses_as_well() {
    let (_sim, gateway, key) = start();
    for steer in ODD {
        for caller in CALLERS {
            for model in ["gpt-4o", "gpt-5-pro", "claude-haiku-4-5", "gemini-2.5-flash"] {
                let place = format!("{} to {model}, {steer}", caller.name);
                let steer = format!("output-tokens=20;{steer}");
                let plain = ask(&gateway, &key, caller, model, false, &steer);
                assert_eq!(plain.status, 200, "{place}: {}", plain.text());
                let said = (caller.said)(&plain.json());
                let streamed = ask(&gateway, &key, caller, model, true, &steer);
                assert_eq!(streamed.status, 200, "{place}: {}", streamed.text());
                let events = events(&streamed);
                let parsed = events.iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
                let told: String = parsed.map(|event| (caller.delta)(&event)).collect();
                assert!((caller.ended)(events.last().unwrap()), "{place}: {}", streamed.text());
                assert!(said.chars().count() > 10 && told.chars().count() > 10, "{place}: {said} / {told}");
            }
        }
    }
}

#[test]
fn every_protocol_reaches_every_vendor() {
    let (_sim, gateway, key) = start();
    for caller in CALLERS {
        for (kind, model) in VENDORS {
            let place = format!("{} to {kind}/{model}", caller.name);
            let plain = ask(&gateway, &key, caller, model, false, "output-tokens=30");
            assert_eq!(plain.status, 200, "{place}: {}", plain.text());
            let said = (caller.said)(&plain.json());
            assert!(said.len() > 20, "{place}: {}", plain.text());
            assert!(
                plain.header("x-tollgate-cost-usd").is_some_and(|cost| cost.parse::<f64>().unwrap() > 0.0),
                "{place}"
            );
            let streamed = ask(&gateway, &key, caller, model, true, "output-tokens=30");
            assert_eq!(streamed.status, 200, "{place}: {}", streamed.text());
            let events = events(&streamed);
            let parsed = events.iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
            let told: String = parsed.map(|event| (caller.delta)(&event)).collect();
            assert!(told.len() > 20, "{place}: {}", streamed.text());
            assert!((caller.ended)(events.last().unwrap()), "{place}: {}", streamed.text());
        }
    }
}

/// What goes wrong, and whether it comes before the caller's 200 (with which status) or inside the stream.
const FAULTS: &[(&str, u16, Option<u16>)] = &[
    ("refuse", 502, Some(502)),
    ("status=500", 502, Some(502)),
    ("status=503", 503, Some(503)),
    ("error=invalid_api_key", 502, Some(502)),
    ("error=context_length", 400, Some(400)),
    ("html", 502, Some(502)),
    ("hang=before-head", 504, Some(504)),
    ("keep-alives;keepalive-ms=50", 504, Some(504)),
    ("chunks=4;stall-after=2;chunk-ms=20", 504, None),
    ("chunks=4;cut-after=2;chunk-ms=20", 502, None),
    ("chunks=4;garbage-after=2;garbage=json;chunk-ms=20", 502, None),
    ("chunks=4;garbage-after=2;chunk-ms=20", 502, None),
    // Which error a vendor sends in the midst is its own; what it is depends on the vendor.
    ("chunks=4;error-after=2;chunk-ms=20", 0, None),
];

/// Anthropic tells its callers of overload by a status of its own.
fn usual(caller: &Caller, status: u16) -> u16 {
    if caller.name == "messages" && status == 529 { 503 } else { status }
}

#[test]
fn no_stream_lies_whoever_asks_and_whoever_answers() {
    // One vendor of each protocol.
    let models = ["gpt-4o", "gpt-5-pro", "claude-haiku-4-5", "gemini-2.5-flash"];
    for fault in FAULTS {
        // A new gateway for each fault: what a vendor said must not rest an account for the next.
        let (_sim, gateway, key) = start();
        std::thread::scope(|scope| {
            for caller in CALLERS {
                for model in models {
                    let (gateway, key) = (&gateway, &key);
                    scope.spawn(move || tells_the_truth(gateway, key, caller, model, fault));
                }
            }
        });
    }
}

fn tells_the_truth(gateway: &Gateway, key: &str, caller: &Caller, model: &str, fault: &(&str, u16, Option<u16>)) {
    let (steer, plain_status, stream_status) = fault;
    let place = format!("{} to {model}, {steer}", caller.name);
    let plain = ask(gateway, key, caller, model, false, steer);
    let status = usual(caller, plain.status);
    let wanted = if *plain_status == 0 { matches!(status, 502 | 503) } else { status == *plain_status };
    assert!(wanted, "{place}: {status}: {}", plain.text());
    assert!((caller.refused)(&plain.json()), "{place}: {}", plain.text());
    let streamed = ask(gateway, key, caller, model, true, steer);
    if let Some(status) = stream_status {
        assert_eq!(usual(caller, streamed.status), *status, "{place}: {}", streamed.text());
        assert!((caller.refused)(&streamed.json()), "{place}: {}", streamed.text());
        return;
    }
    assert_eq!(streamed.status, 200, "{place}: {}", streamed.text());
    let events = events(&streamed);
    assert!(!events.iter().any(|event| (caller.ended)(event)), "{place}: {}", streamed.text());
    let last: Value = serde_json::from_str(events.last().unwrap())
        .unwrap_or_else(|error| panic!("{place}: {error}: {}", streamed.text()));
    assert!((caller.failed)(&last), "{place}: {}", streamed.text());
}

#[test]
fn losses_are_told_and_strict_refuses() {
    let (sim, gateway, key) = start();
    let body = json!({
        "model": "claude-haiku-4-5", "seed": 7, "logit_bias": {"5": 1}, "made_up": true,
        "messages": [{"role": "user", "content": "Hello", "name": "n"}],
    });
    let answer = gateway.chat(&key, &body.to_string(), &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tollgate-translation"), Some("dropped=logit_bias,made_up,messages[].name,seed"));
    let sent = sim.journal().len();
    let strict = gateway.chat(&key, &body.to_string(), &[("x-tollgate-translation", "strict")]);
    assert_eq!((strict.status, &*strict.code()), (400, "unsupported_parameter"), "{}", strict.text());
    assert_eq!(strict.header("x-tollgate-attempts"), Some("0"));
    assert_eq!(sim.journal().len(), sent, "something was sent");
    let native = gateway.chat(&key, &body.to_string().replace("claude-haiku-4-5", "gpt-4o"), &[]);
    assert!(native.header("x-tollgate-translation").is_none_or(|told| told == "exact"));
    // What cannot be left out is refused without being asked.
    let tool = json!({
        "model": "deepseek-flash", "input": "Hello", "tools": [{"type": "computer_use_preview"}],
    });
    let auth = format!("Bearer {key}");
    let refused = gateway.post("/v1/responses", &[("authorization", &auth)], &tool.to_string());
    assert_eq!((refused.status, &*refused.code()), (400, "unsupported_parameter"), "{}", refused.text());
}
