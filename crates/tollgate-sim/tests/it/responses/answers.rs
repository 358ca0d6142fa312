//! What an answer says, plain and streamed.

use serde_json::{Value, json};
use tollgate_sim::count_tokens;

use super::{Talk, answered, hello};
use crate::ask::with;

fn tools() -> Value {
    json!({"tools": [
        {"type": "function", "name": "other"},
        {"type": "custom", "name": "free"},
        {"type": "web_search"},
        {"type": "function", "name": "get_weather", "strict": true, "parameters": {"type": "object", "additionalProperties": false,
            "required": ["city", "unit"], "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}}}}]})
}

#[test]
fn a_plain_answer() {
    let answer = Talk::new().plain("", &hello(&json!({"metadata": {"a": "b"}, "instructions": "Be terse."})));
    assert_eq!((&answer["object"], &answer["status"]), (&json!("response"), &json!("completed")));
    let text = answer["output"][0]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("What is Oslo?"), "{text}");
    assert_eq!(answer["usage"]["output_tokens"], count_tokens(text));
    // 3 for the answer, 3 for the item and its four words, three words of instructions.
    assert_eq!(answer["usage"]["input_tokens"], 13);
    assert_eq!(answer["usage"]["total_tokens"], 13 + count_tokens(text));
    assert_eq!((&answer["metadata"], &answer["instructions"]), (&json!({"a": "b"}), &json!("Be terse.")));
    assert_eq!((&answer["store"], &answer["tool_choice"]), (&json!(true), &json!("auto")));
    let again = Talk::new().plain("", &hello(&json!({"metadata": {"a": "b"}, "instructions": "Be terse."})));
    assert_eq!(answer, again, "deterministic");
}

fn blank(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "id" | "call_id" | "encrypted_content" | "created_at" | "completed_at" => *value = Value::Null,
                    _ => blank(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(blank),
        _ => {}
    }
}

#[test]
fn a_stream_says_what_the_plain_answer_says() {
    let thinking = json!({"reasoning": {"effort": "high", "summary": "auto"}, "store": false,
        "include": ["reasoning.encrypted_content"]});
    for (steer, body) in [
        ("", hello(&json!({}))),
        ("text=emoji;chunks=7;output-tokens=60", hello(&json!({}))),
        ("", hello(&thinking)),
        ("tool-call=get_weather;tool-calls=3", hello(&with(tools(), &thinking))),
        ("tool-call=free", hello(&tools())),
        ("reasoning-tokens=9", hello(&json!({}))),
        ("output-tokens=500;cached-tokens=4;cache-write-tokens=3", hello(&json!({"max_output_tokens": 16}))),
        ("reasoning-tokens=50", hello(&json!({"max_output_tokens": 16}))),
        ("filtered", hello(&json!({}))),
        ("output-tokens=0", hello(&json!({}))),
    ] {
        let mut said = Talk::new().plain(steer, &body);
        let (events, mut streamed) = Talk::new().streamed(steer, &body);
        let ends = if said["status"] == "completed" { "response.completed" } else { "response.incomplete" };
        assert_eq!(events.last().unwrap()["type"], ends, "{steer}");
        if steer.contains("chunks=7") {
            let deltas = events.iter().filter(|event| event["type"] == "response.output_text.delta");
            assert_eq!(deltas.count(), 7);
        }
        blank(&mut said);
        blank(&mut streamed);
        assert_eq!(streamed, said, "{steer}");
    }
}

#[test]
fn the_order_of_events() {
    let body = hello(&with(tools(), &json!({"reasoning": {"effort": "low", "summary": "auto"}})));
    let (events, _) = Talk::new().streamed("tool-call=get_weather;chunks=1;reasoning-tokens=5", &body);
    let names: Vec<&str> =
        events.iter().map(|event| event["type"].as_str().unwrap().trim_start_matches("response.")).collect();
    assert_eq!(
        names,
        [
            "created",
            "in_progress",
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]
    );
    let (events, _) = Talk::new().streamed("chunks=1;output-tokens=3", &hello(&json!({})));
    let names: Vec<&str> =
        events.iter().map(|event| event["type"].as_str().unwrap().trim_start_matches("response.")).collect();
    assert_eq!(
        names,
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]
    );
    let (events, _) = Talk::new().streamed("", &hello(&json!({})));
    assert!(events.iter().any(|event| event["obfuscation"].is_string()));
    let bare = hello(&json!({"stream": true, "stream_options": {"include_obfuscation": false}}));
    assert!(!Talk::new().create("", &bare).text.contains("obfuscation"));
}

#[test]
fn limits_and_usage() {
    let talk = Talk::new();
    let capped = talk.plain("output-tokens=500", &hello(&json!({"max_output_tokens": 20})));
    assert_eq!(capped["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!((&capped["status"], &capped["output"][0]["status"]), (&json!("incomplete"), &json!("incomplete")));
    assert_eq!(capped["usage"]["output_tokens"], 20);
    let thought = talk.plain("reasoning-tokens=15;output-tokens=500", &hello(&json!({"max_output_tokens": 20})));
    assert_eq!(thought["usage"]["output_tokens_details"]["reasoning_tokens"], 15);
    assert_eq!(thought["usage"]["output_tokens"], 20);
    let cached = talk.plain("cached-tokens=4", &hello(&json!({})));
    assert_eq!(cached["usage"]["input_tokens_details"]["cached_tokens"], 4);
    let filtered = talk.plain("filtered", &hello(&json!({})));
    assert_eq!(filtered["incomplete_details"]["reason"], "content_filter");
    assert!(talk.create("usage=none", &hello(&json!({}))).good().get("usage").is_none());
    assert_eq!(talk.create("usage=text", &hello(&json!({}))).good()["usage"]["input_tokens"], "many");
}

#[test]
fn reasoning_items() {
    let talk = Talk::new();
    let kinds = |more: &Value, steer: &str| {
        let answer = talk.plain(steer, &hello(more));
        answer["output"].as_array().unwrap().iter().map(|item| item["type"].clone()).collect::<Value>()
    };
    assert_eq!(kinds(&json!({}), ""), json!(["message"]));
    assert_eq!(kinds(&json!({"reasoning": {"effort": "none"}}), ""), json!(["message"]));
    assert_eq!(kinds(&json!({"reasoning": {"effort": "low"}}), ""), json!(["reasoning", "message"]));
    assert_eq!(kinds(&json!({}), "reasoning-tokens=5"), json!(["reasoning", "message"]));
    let bare = talk.plain("", &hello(&json!({"reasoning": {"effort": "low"}})));
    assert_eq!(bare["output"][0]["summary"], json!([]));
    assert!(bare["output"][0].get("encrypted_content").is_none());
    let more = json!({"reasoning": {"summary": "auto"}, "include": ["reasoning.encrypted_content"]});
    let full = talk.plain("", &hello(&more));
    assert!(full["output"][0]["summary"][0]["text"].as_str().unwrap().contains("Oslo"));
    assert!(full["output"][0]["encrypted_content"].as_str().unwrap().starts_with("gAAAA"));
}

#[test]
fn tools_are_called_once_and_validly() {
    let talk = Talk::new();
    let body = hello(&tools());
    let answer = talk.plain("tool-call=get_weather;tool-calls=2", &body);
    assert_eq!(answer["status"], "completed");
    for call in answer["output"].as_array().unwrap() {
        let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
        assert!(arguments["city"].is_string() && ["c", "f"].contains(&arguments["unit"].as_str().unwrap()));
    }
    assert!(talk.plain("tool-call=free", &body)["output"][0]["input"].is_string());
    let named = json!({"tool_choice": {"type": "function", "name": "get_weather"}});
    assert_eq!(talk.plain("", &with(body.clone(), &named))["output"][0]["name"], "get_weather");
    assert_eq!(talk.plain("", &with(body.clone(), &json!({"tool_choice": "required"})))["output"][0]["name"], "other");
    assert_eq!(talk.create("tool-call=nobody", &body).status, 400);
    let next = answered(&body, &answer["output"]);
    assert_eq!(talk.plain("tool-call=get_weather", &next)["output"][0]["type"], "message");
}

#[test]
fn structured_output() {
    let schema = json!({"type": "object", "required": ["n"], "additionalProperties": false,
        "properties": {"n": {"type": "integer", "minimum": 5, "maximum": 6}}});
    let format = json!({"type": "json_schema", "name": "x", "strict": true, "schema": schema});
    let (_, answer) = Talk::new().streamed("", &hello(&json!({"text": {"format": format}})));
    let value: Value = serde_json::from_str(answer["output"][0]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert!(jsonschema::is_valid(&schema, &value), "{value}");
    assert_eq!(answer["text"]["format"], format);
}

#[test]
fn faults_in_the_protocol_s_own_way() {
    let talk = Talk::new();
    let stream = |steer: &str| talk.create(steer, &hello(&json!({"stream": true})));
    let deltas = |text: &str| text.matches("event: response.output_text.delta\n").count();
    let broken = stream("chunks=9;error-after=4");
    let events = broken.events();
    let [.., error, failed] = events.as_slice() else { panic!() };
    assert_eq!((&error["type"], &error["error"]["code"]), (&json!("error"), &json!("server_error")));
    assert_eq!((&failed["type"], &failed["response"]["status"]), (&json!("response.failed"), &json!("failed")));
    assert_eq!(failed["response"]["error"]["code"], "server_error");
    assert_eq!(failed["sequence_number"].as_u64(), Some(events.len() as u64 - 1));
    assert_eq!(deltas(&broken.text), 4);
    // Before any item: what a reader is to turn into an error of the whole request.
    let early = stream("error-after=0").events();
    assert_eq!(early.len(), 2, "{early:?}");
    let undone = stream("no-done");
    assert!(undone.text.contains("output_item.done") && !undone.text.contains("response.completed"));
    let garbage = stream("chunks=9;garbage-after=3;garbage=json");
    assert!(garbage.text.contains("event: response.output_text.delta\ndata: {\"id\":\"broken\""));
    assert!(garbage.text.contains("response.completed"));
    let giant = stream("giant-line=40000;chunks=2");
    assert_eq!(deltas(&giant.text), 3);
    let text = giant.events().last().unwrap()["response"]["output"][0]["content"][0]["text"].to_string();
    assert!(text.len() > 39_000 && text.contains("aYou asked"));
    assert!(stream("keep-alives=2").text.starts_with(": keep-alive\n\n: keep-alive\n\nevent: response.created"));
    let plain = talk.create("error-after=1", &hello(&json!({})));
    assert_eq!((plain.status, &plain.json()["error"]["type"]), (200, &json!("server_error")));
}
