//! Where the vendor keeps its answers: the gateway's ids, the vendor's account.

use super::{call, create, id, is_hidden, response_of, steered, stranger};
use crate::crossing;
use crate::harness::{Gateway, Upstream, json_answer};
use crate::idempotency::crash::restart;
use crate::wire::{Sim, eventually};
use serde_json::{Value, json};
use std::time::Duration;

/// Two accounts at one vendor.
fn two_accounts(sim: &Sim) -> String {
    format!(
        "[providers.openai]\nbase_url = \"http://{}\"\nforward_headers = [\"x-tollgate-sim\"]\n\
         credentials = [{{ api_key = \"sk-upstream-one\" }}, {{ api_key = \"sk-upstream-two\" }}]\n",
        sim.address
    )
}

/// Paths that the vendor was asked.
fn paths(sim: &Sim) -> Vec<String> {
    let path = |entry: &Value| format!("{} {}", entry["method"].as_str().unwrap(), entry["path"].as_str().unwrap());
    sim.journal().iter().map(path).collect()
}

#[test]
fn a_conversation_stays_at_the_account_that_keeps_it() {
    let sim = Sim::start();
    let mut gateway = Gateway::start(&two_accounts(&sim));
    let key = gateway.live_key();
    for stream in [false, true] {
        let mut body = json!({"model": "gpt-4o", "input": "turn 0", "stream": stream});
        let mut before: Option<Value> = None;
        for turn in 1..=10 {
            let response = create(&gateway, &key, &body);
            if let Some(before) = before {
                assert_eq!(response["previous_response_id"], before["id"]);
                // The simulator answers 400 at the other account, and counts what came before.
                assert!(response["usage"]["input_tokens"].as_u64() > before["usage"]["input_tokens"].as_u64());
            }
            body["previous_response_id"] = id(&response).into();
            body["input"] = format!("turn {turn}").into();
            before = Some(response);
            if turn == 5 {
                gateway = restart(gateway, "TERM");
            }
        }
    }
    let told = sim.journal().iter().map(Value::to_string).collect::<String>();
    assert!(!told.contains("resp_01"), "the vendor was told the gateway's id");
}

#[test]
fn what_is_kept_is_read_deleted_and_hidden() {
    let (sim, gateway, key) = crossing::start();
    for stream in [false, true] {
        let response = create(&gateway, &key, &json!({"model": "gpt-4o", "input": "hello", "stream": stream}));
        let id = id(&response);
        let path = format!("/v1/responses/{id}");
        let read = call(&gateway, &key, "GET", &path, &Value::Null);
        assert_eq!((read.status, read.header("x-tollgate-attempts")), (200, Some("1")), "{}", read.text());
        assert_eq!((&read.json()["id"], &read.json()["output"]), (&response["id"], &response["output"]));
        let page = call(&gateway, &key, "GET", &format!("{path}/input_items?limit=1&key={key}"), &Value::Null);
        assert_eq!(page.json()["data"][0]["content"][0]["text"], "hello", "{}", page.text());
        let cancel = call(&gateway, &key, "POST", &format!("{path}/cancel"), &Value::Null);
        assert_eq!(cancel.status, 400, "{}", cancel.text());
        let streamed = call(&gateway, &key, "GET", &format!("{path}?stream=true"), &Value::Null);
        assert_eq!(streamed.status, 400, "{}", streamed.text());

        // The vendor's own id, somebody else's key, and a key of the other kind.
        let journal = sim.journal();
        let last = journal.iter().rev().find(|entry| entry["method"] == "GET").unwrap();
        assert!(!last.to_string().contains(&key), "{last}");
        let vendor = last["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let count = sim.journal().len();
        is_hidden(&gateway, &key, "gpt-4o", &vendor);
        is_hidden(&gateway, &stranger(&gateway), "gpt-4o", &id);
        is_hidden(&gateway, &gateway.test_key(), "gpt-4o", &id);
        assert_eq!(sim.journal().len(), count, "{:?}", paths(&sim));

        let deleted = call(&gateway, &key, "DELETE", &path, &Value::Null);
        assert_eq!(deleted.json(), json!({"id": id, "object": "response", "deleted": true}));
        is_hidden(&gateway, &key, "gpt-4o", &id);
    }
    // Nothing of this is billed.
    let spend = call(&gateway, &key, "GET", "/v1/key", &Value::Null).json();
    assert_eq!(spend["in_flight"], 0, "{spend}");
}

#[test]
fn what_is_not_to_be_kept_is_not() {
    let (sim, gateway, key) = crossing::start();
    let first = create(&gateway, &key, &json!({"model": "gpt-4o", "input": "hello"}));
    for stream in [false, true] {
        let body = json!({"model": "gpt-4o", "input": "x", "store": false, "stream": stream,
            "previous_response_id": first["id"]});
        let response = create(&gateway, &key, &body);
        assert_eq!(response["previous_response_id"], first["id"]);
        is_hidden(&gateway, &key, "gpt-4o", &id(&response));
    }
    // Without an earlier response every byte is the vendor's.
    let answer =
        call(&gateway, &key, "POST", "/v1/responses", &json!({"model": "gpt-4o", "input": "x", "store": false}));
    assert_eq!(answer.json()["id"].as_str().unwrap().len(), 55);
    assert!(sim.journal().len() >= 4);
}

/// As clients do that name all earlier items instead of the response (Vercel's AI SDK).
#[test]
fn items_that_the_vendor_keeps_are_named_by_whose_they_are() {
    let sim = Sim::start();
    let claude = format!(
        "[providers.anthropic]\nbase_url = \"http://{}\"\ncredentials = [{{ api_key = \"k\" }}]\n",
        sim.address
    );
    let mut gateway = Gateway::start(&(two_accounts(&sim) + &claude));
    let key = gateway.live_key();
    for stream in [false, true] {
        let mut input = vec![json!({"role": "user", "content": "turn 0"})];
        for turn in 1..=8 {
            // The simulator answers 404 at the other account.
            let body = json!({"model": "gpt-4o", "input": input, "stream": stream});
            let response = create(&gateway, &key, &body);
            for item in response["output"].as_array().unwrap() {
                input.push(json!({"type": "item_reference", "id": item["id"]}));
            }
            input.push(json!({"role": "user", "content": format!("turn {turn}")}));
            if turn == 4 {
                gateway = restart(gateway, "TERM");
            }
        }
        let count = sim.journal().len();
        let refused = |key: &str, model: &str, input: &Value| {
            let body = json!({"model": model, "input": input});
            let answer = call(&gateway, key, "POST", "/v1/responses", &body);
            assert_eq!(answer.json()["error"]["param"], "input", "{}", answer.text());
            (answer.status, answer.code(), answer.text())
        };
        // Another project cannot tell them from items that never were.
        let named = input[1]["id"].as_str().unwrap();
        let theirs = refused(&stranger(&gateway), "gpt-4o", &json!([input[1], input[2]]));
        let never = json!([{"type": "item_reference", "id": "msg_0"}, input[2]]);
        let random = refused(&stranger(&gateway), "gpt-4o", &never);
        assert_eq!(
            (theirs.0, &*theirs.1, theirs.2.replace(named, "ID")),
            (404, "item_not_found", random.2.replace("msg_0", "ID"))
        );
        assert_eq!(refused(&gateway.test_key(), "gpt-4o", &json!([input[1]])).0, 404);
        // What the vendor keeps, no other can read.
        let moved = refused(&key, "claude-haiku-4-5", &json!(input));
        assert_eq!((moved.0, &*moved.1), (400, "unsupported_parameter"), "{}", moved.2);
        assert_eq!(sim.journal().len(), count, "{:?}", paths(&sim));
    }
}

#[test]
fn in_the_background() {
    let (_sim, gateway, key) = crossing::start();
    let body = json!({"model": "gpt-4o", "input": "hello", "background": true});
    let queued = create(&gateway, &key, &body);
    assert_eq!(queued["status"], "queued");
    let path = format!("/v1/responses/{}", id(&queued));
    let done = eventually(Duration::from_secs(5), || {
        let read = call(&gateway, &key, "GET", &path, &Value::Null).json();
        assert_eq!(read["id"], queued["id"]);
        (read["status"] == "completed").then_some(read)
    });
    assert!(done.is_some());
    let answer = call(&gateway, &key, "GET", &format!("{path}?stream=true&starting_after=1"), &Value::Null);
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"), "{}", answer.text());
    assert!(answer.text().contains("response.completed") && answer.complete);
    let other = create(&gateway, &key, &json!({"model": "gpt-4o", "input": "other", "background": true}));
    let cancelled = call(&gateway, &key, "POST", &format!("/v1/responses/{}/cancel", id(&other)), &Value::Null);
    assert_eq!((cancelled.json()["status"].as_str(), &cancelled.json()["id"]), (Some("cancelled"), &other["id"]));
    let refused = call(
        &gateway,
        &key,
        "POST",
        "/v1/responses",
        &json!({"model": "claude-haiku-4-5", "input": "x", "background": true}),
    );
    assert_eq!((refused.status, refused.code().as_str()), (400, "unsupported_parameter"));
    assert_eq!(refused.json()["error"]["param"], "background");
    // What it uses is told to nobody who could book it in time: no way around a budget.
    let poor = gateway.key(r#"{"name":"p","mode":"live","budget":{"limit_usd":"5","window":"total"}}"#);
    let refused = call(&gateway, &poor, "POST", "/v1/responses", &body);
    assert_eq!((refused.status, refused.json()["error"]["param"].as_str()), (400, Some("background")));
}

#[test]
fn the_sandbox_keeps_too() {
    let (sim, gateway, _) = crossing::start();
    let key = gateway.test_key();
    for (model, stream) in [("gpt-4o", false), ("claude-haiku-4-5", true)] {
        let first = create(&gateway, &key, &json!({"model": model, "input": "hello", "stream": stream}));
        let body = json!({"model": model, "input": "more", "stream": stream, "previous_response_id": id(&first)});
        let second = create(&gateway, &key, &body);
        assert_eq!(second["previous_response_id"], first["id"]);
        let path = format!("/v1/responses/{}", id(&second));
        assert_eq!(call(&gateway, &key, "GET", &path, &Value::Null).json()["output"], second["output"]);
        assert_eq!(call(&gateway, &key, "DELETE", &path, &Value::Null).json()["deleted"], true);
        is_hidden(&gateway, &key, model, &id(&second));
        is_hidden(&gateway, &gateway.live_key(), "gpt-4o", &id(&first));
    }
    assert_eq!(sim.journal().len(), 0);
}

#[test]
fn a_pinned_request_fails_where_it_is() {
    let sim = Sim::start();
    let gateway = Gateway::start(&two_accounts(&sim));
    let key = gateway.live_key();
    let first = create(&gateway, &key, &json!({"model": "gpt-4o", "input": "hello"}));
    let body = json!({"model": "gpt-4o", "input": "more", "previous_response_id": first["id"]});
    let before = sim.journal().len();
    let headers = [("x-tollgate-sim", "status=429;retry-after=1")];
    for count in [1, 1] {
        let answer = steered(&gateway, &key, "POST", "/v1/responses", &body, &headers);
        assert_eq!(answer.status, 429, "{}", answer.text());
        // The second finds the account at rest, and asks no other.
        assert_eq!(sim.journal().len(), before + count);
    }
    let body = json!({"model": "no-such-model", "input": "more", "previous_response_id": first["id"]});
    assert_eq!(call(&gateway, &key, "POST", "/v1/responses", &body).code(), "model_not_found");
}

#[test]
fn no_vendor_s_id_reaches_the_caller() {
    const VENDOR: &str = "resp_0e2800fd5f0ca7a60168c9ef3cb4308190";
    let upstream = Upstream::start(|request, stream| {
        use std::io::Write;
        let text = String::from_utf8_lossy(request);
        let answer = if text.contains(VENDOR) {
            let message = format!("Previous response with id '{VENDOR}' not found.");
            json_answer(
                "400 Bad Request",
                &json!({"error": {"message": message, "type": "invalid_request_error",
                "param": "previous_response_id", "code": "previous_response_not_found"}})
                .to_string(),
            )
        } else {
            json_answer(
                "200 OK",
                &format!(
                    r#"{{"id":"{VENDOR}","object":"response","status":"completed","model":"m","output":[],"usage":{{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}}"#
                ),
            )
        };
        stream.write_all(&answer).is_ok()
    });
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let first = call(&gateway, &key, "POST", "/v1/responses", &json!({"model": "m", "input": "x"}));
    let response = response_of(&first, false);
    assert!(!first.text().contains(VENDOR));
    let body = json!({"model": "m", "input": "x", "previous_response_id": id(&response)});
    let refused = call(&gateway, &key, "POST", "/v1/responses", &body);
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains(&id(&response)) && !refused.text().contains(VENDOR), "{}", refused.text());
    // A conversation of a vendor is nobody's here.
    let count = upstream.count();
    let body = json!({"model": "m", "input": "x", "conversation": "conv_1"});
    assert_eq!(call(&gateway, &key, "POST", "/v1/responses", &body).status, 404);
    assert_eq!(upstream.count(), count);
}
