//! Where the vendor keeps nothing: the gateway keeps the items and tells the conversation again.

use super::{call, create, id, is_hidden, stranger};
use crate::crossing;
use crate::harness::{Gateway, Upstream, json_answer};
use crate::idempotency::crash::restart;
use serde_json::{Value, json};

const VENDORS: [&str; 3] = ["claude-haiku-4-5", "gemini-2.5-flash", "deepseek-flash"];

#[test]
fn ten_turns_by_the_id_alone() {
    let (sim, mut gateway, key) = crossing::start();
    for model in VENDORS {
        for stream in [false, true] {
            let mut body = json!({"model": model, "input": "turn 0", "stream": stream});
            let mut before: Option<Value> = None;
            for turn in 1..=10 {
                let response = create(&gateway, &key, &body);
                if let Some(before) = before {
                    assert_eq!(response["previous_response_id"], before["id"], "{model}");
                    let input = |of: &Value| of["usage"]["input_tokens"].as_u64().unwrap();
                    assert!(input(&response) > input(&before), "{model} turn {turn}: {response}");
                }
                body["previous_response_id"] = id(&response).into();
                body["input"] = format!("turn {turn}").into();
                before = Some(response);
                if turn == 5 {
                    gateway = restart(gateway, "TERM");
                }
            }
        }
    }
    assert_eq!(sim.journal().len(), 60);
}

#[test]
fn tools_and_thoughts_go_on() {
    let (_sim, gateway, key) = crossing::start();
    for model in ["claude-opus-5", "gemini-3.5-flash", "deepseek-flash"] {
        for stream in [false, true] {
            let tools = json!([{"type": "function", "name": "look",
                "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}}]);
            let ask = |input: Value, previous: Value, steer: &str| {
                let mut body = json!({"model": model, "input": input, "stream": stream, "tools": tools,
                    "reasoning": {"effort": "low"}});
                body["previous_response_id"] = previous;
                let headers = [("x-tollgate-sim", steer)];
                let answer = super::steered(&gateway, &key, "POST", "/v1/responses", &body, &headers);
                assert_eq!(answer.status, 200, "{model}: {}", answer.text());
                super::response_of(&answer, stream)
            };
            let mut previous = Value::Null;
            for round in 0..3 {
                let called =
                    ask(json!(format!("round {round}")), previous, "tool-call=look;reasoning-tokens=20;strict-state");
                let items = called["output"].as_array().unwrap();
                let tool = items.iter().find(|item| item["type"] == "function_call").unwrap();
                let output = json!([{"type": "function_call_output", "call_id": tool["call_id"], "output": "seen"}]);
                let said = ask(output, called["id"].clone(), "reasoning-tokens=20;strict-state");
                assert!(said["output"].to_string().contains("output_text"), "{model}: {said}");
                previous = said["id"].clone();
            }
        }
    }
}

#[test]
fn what_is_kept_is_read_deleted_and_hidden() {
    let (sim, gateway, key) = crossing::start();
    for model in VENDORS {
        for stream in [false, true] {
            let input = json!([{"role": "user", "content": "one"}, {"role": "user", "content": "two"}]);
            let response = create(&gateway, &key, &json!({"model": model, "input": input, "stream": stream}));
            let (id, count) = (id(&response), sim.journal().len());
            let path = format!("/v1/responses/{id}");
            let read = call(&gateway, &key, "GET", &path, &Value::Null);
            assert_eq!((read.status, read.json()), (200, response.clone()));
            let list =
                |query: &str| call(&gateway, &key, "GET", &format!("{path}/input_items{query}"), &Value::Null).json();
            let all = list("?order=asc");
            assert_eq!(all["data"][0]["content"][0]["text"], "one", "{all}");
            assert_eq!((all["data"].as_array().unwrap().len(), &all["has_more"]), (2, &json!(false)));
            let page = list("?limit=1");
            assert_eq!((&page["data"][0], &page["has_more"]), (&all["data"][1], &json!(true)));
            let after = page["last_id"].as_str().unwrap();
            assert_eq!(list(&format!("?limit=1&after={after}"))["data"][0], all["data"][0]);
            let cancel = call(&gateway, &key, "POST", &format!("{path}/cancel"), &Value::Null);
            assert_eq!(cancel.status, 400, "{}", cancel.text());
            let streamed = call(&gateway, &key, "GET", &format!("{path}?stream=true"), &Value::Null);
            assert_eq!(streamed.status, 400);
            let put = call(&gateway, &key, "PUT", &path, &Value::Null);
            assert_eq!((put.status, put.header("allow")), (405, Some("GET, DELETE")));

            is_hidden(&gateway, &stranger(&gateway), model, &id);
            is_hidden(&gateway, &gateway.test_key(), model, &id);
            let deleted = call(&gateway, &key, "DELETE", &path, &Value::Null);
            assert_eq!(deleted.json(), json!({"id": id, "object": "response", "deleted": true}));
            is_hidden(&gateway, &key, model, &id);
            assert_eq!(sim.journal().len(), count, "a vendor was asked");
        }
    }
}

#[test]
fn a_conversation_goes_from_vendor_to_vendor() {
    let (_sim, gateway, key) = crossing::start();
    let mut previous = Value::Null;
    let mut last = 0;
    for model in ["claude-opus-5", "gemini-3.5-flash", "deepseek-flash", "claude-haiku-4-5", "gpt-4o", "gpt-4o"] {
        let mut body = json!({"model": model, "input": "and now, in more words than the last time?"});
        body["previous_response_id"] = previous;
        let response = create(&gateway, &key, &body);
        let input = response["usage"]["input_tokens"].as_u64().unwrap();
        assert!(input > last, "{model}: {response}");
        last = input / 2;
        previous = response["id"].clone();
    }
    // What OpenAI keeps, only OpenAI can read.
    let body = json!({"model": "claude-haiku-4-5", "input": "x", "previous_response_id": previous});
    let refused = call(&gateway, &key, "POST", "/v1/responses", &body);
    assert_eq!((refused.status, refused.code().as_str()), (400, "unsupported_parameter"), "{}", refused.text());
}

#[test]
fn items_are_named_and_holes_are_told() {
    let (_sim, gateway, key) = crossing::start();
    let model = "claude-haiku-4-5";
    let first = create(&gateway, &key, &json!({"model": model, "input": "hello"}));
    let item = first["output"].as_array().unwrap().last().unwrap()["id"].clone();
    let body =
        json!({"model": model, "input": [{"type": "item_reference", "id": item}, {"role": "user", "content": "x"}]});
    let second = create(&gateway, &key, &body);
    let path = format!("/v1/responses/{}/input_items?order=asc", id(&second));
    let kept = call(&gateway, &key, "GET", &path, &Value::Null).json();
    assert_eq!((&kept["data"][0]["id"], &kept["data"][0]["type"]), (&item, &json!("message")), "{kept}");
    let strange = call(&gateway, &stranger(&gateway), "POST", "/v1/responses", &body);
    assert_eq!((strange.status, strange.code().as_str()), (404, "item_not_found"), "{}", strange.text());
    let body = json!({"model": model, "input": "y", "previous_response_id": first["id"]});
    let third = create(&gateway, &key, &body);
    call(&gateway, &key, "DELETE", &format!("/v1/responses/{}", id(&first)), &Value::Null);
    let body = json!({"model": model, "input": "z", "previous_response_id": third["id"]});
    let refused = call(&gateway, &key, "POST", "/v1/responses", &body);
    assert_eq!((refused.status, refused.code().as_str()), (404, "previous_response_not_found"));
    let body = json!({"model": model, "input": "z", "store": false});
    is_hidden(&gateway, &key, model, &id(&create(&gateway, &key, &body)));
}

#[test]
fn a_vendor_of_the_same_protocol_that_keeps_nothing() {
    let upstream = Upstream::start(|request, stream| {
        use std::io::Write;
        let text = String::from_utf8_lossy(request);
        let number = text.matches("turn").count();
        let body = format!(
            r#"{{"id":"resp_vendor{number}","object":"response","status":"completed","model":"x","output":[{{"id":"msg_v{number}","type":"message","role":"assistant","status":"completed","content":[{{"type":"output_text","text":"said {number}","annotations":[]}}]}}],"usage":{{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}}"#
        );
        let answer = if text.contains("\"stream\":true") {
            let events = format!(
                "event: response.created\ndata: {{\"type\":\"response.created\",\"response\":{{\"id\":\"resp_vendor{number}\",\"status\":\"in_progress\",\"output\":[]}}}}\n\n\
                 event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"delta\":\"said\"}}\n\n\
                 event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{body}}}\n\n"
            );
            crate::wire::sse(&events)
        } else {
            json_answer("200 OK", &body)
        };
        stream.write_all(&answer).is_ok()
    });
    let config = format!(
        "[providers.other]\nkind = \"openai-compatible\"\nprotocols = [\"responses\"]\nbase_url = \"http://{}/v1\"\n\
         credentials = [{{ api_key = \"sk-upstream\" }}]\n[models.m]\ntargets = [{{ provider = \"other\", model = \"x\" }}]\n",
        upstream.address
    );
    let gateway = Gateway::start(&config);
    let key = gateway.live_key();
    for stream in [false, true] {
        let mut previous = Value::Null;
        for turn in 1..=3 {
            let mut body = json!({"model": "m", "input": format!("turn {turn}"), "stream": stream});
            body["previous_response_id"] = previous;
            let response = create(&gateway, &key, &body);
            let sent = upstream.last();
            assert!(!sent.contains("resp_01") && (1..=turn).all(|n| sent.contains(&format!("turn {n}"))), "{sent}");
            assert!((1..turn).all(|n| sent.contains(&format!("said {n}"))), "{sent}");
            previous = id(&response).into();
        }
        let path = format!("/v1/responses/{}", previous.as_str().unwrap());
        let read = call(&gateway, &key, "GET", &path, &Value::Null).json();
        assert_eq!((&read["id"], read["output"][0]["content"][0]["text"].as_str()), (&previous, Some("said 3")));
        // Its item has the vendor's id, and is told in full to whoever names it and may.
        let named = json!({"model": "m", "store": false, "input": [{"type": "item_reference", "id": "msg_v3"}]});
        create(&gateway, &key, &named);
        assert!(upstream.last().contains("said 3") && !upstream.last().contains("item_reference"));
        let strange = call(&gateway, &stranger(&gateway), "POST", "/v1/responses", &named);
        assert_eq!((strange.status, strange.code().as_str()), (404, "item_not_found"), "{}", strange.text());
    }
}
