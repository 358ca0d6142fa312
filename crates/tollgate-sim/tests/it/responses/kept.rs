//! Responses that are stored: read, listed, continued, cancelled, deleted; and what is not.

use serde_json::{Value, json};

use super::{Talk, hello, outputs};
use crate::{
    ask::{send_to, with},
    shared::assert_valid,
};

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn a_response_lives_until_it_is_deleted() {
    let talk = Talk::new();
    let answer = talk.plain("", &hello(&json!({})));
    let id = text(&answer["id"]);
    assert_eq!(talk.get(id).good(), answer);
    // The same request again is another response.
    let again = talk.plain("", &hello(&json!({})));
    assert_ne!(again["id"], answer["id"]);
    assert_eq!(again["output"][0]["content"], answer["output"][0]["content"]);
    let other = [("authorization", "Bearer somebody else")];
    for (method, path) in [("GET", ""), ("DELETE", ""), ("GET", "/input_items"), ("POST", "/cancel")] {
        let got = send_to(&talk.0, method, &format!("/v1/responses/{id}{path}"), &other, b"");
        assert_eq!(got.status, 404, "{method} {path}");
    }
    let deleted = talk.send("DELETE", &format!("/v1/responses/{id}"), "", b"").good();
    assert_eq!(deleted, json!({"id": id, "object": "response", "deleted": true}));
    let gone = talk.get(id);
    assert_eq!(
        (gone.status, gone.json()["error"]["message"].as_str()),
        (404, Some(format!("Response with id '{id}' not found.").as_str()))
    );
    assert_eq!(talk.send("DELETE", &format!("/v1/responses/{id}"), "", b"").status, 404);
    assert_eq!(talk.get(text(&again["id"])).status, 200);
    let unstored = talk.plain("", &hello(&json!({"store": false})));
    assert_eq!(talk.get(text(&unstored["id"])).status, 404);
    assert_eq!(unstored["id"], talk.plain("", &hello(&json!({"store": false})))["id"], "deterministic");
    assert_eq!(talk.send("PUT", "/v1/responses/x", "", b"").status, 404);
    assert_eq!(talk.send("GET", "/v1/responses", "", b"").status, 405);
}

#[test]
fn input_items_are_listed_in_pages() {
    let talk = Talk::new();
    let items: Vec<Value> = (1..=4).map(|n| json!({"role": "user", "content": format!("Item {n}")})).collect();
    let id = talk.plain("", &hello(&json!({"input": items})))["id"].clone();
    let list = |query: &str| {
        let page = talk.get(&format!("{}/input_items{query}", text(&id))).good();
        assert_valid("openai", "ResponseItemList", &page);
        page
    };
    let texts = |page: &Value| {
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| text(&item["content"][0]["text"]).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&list("")), ["Item 4", "Item 3", "Item 2", "Item 1"]);
    let first = list("?limit=2&order=asc");
    assert_eq!((texts(&first), &first["has_more"]), (vec!["Item 1".to_owned(), "Item 2".to_owned()], &json!(true)));
    let rest = list(&format!("?limit=2&order=asc&after={}", text(&first["last_id"])));
    assert_eq!((texts(&rest), &rest["has_more"]), (vec!["Item 3".to_owned(), "Item 4".to_owned()], &json!(false)));
    assert_eq!(talk.get(&format!("{}/input_items?limit=0", text(&id))).status, 400);
    assert_eq!(talk.get("resp_none/input_items").status, 404);
}

#[test]
fn a_conversation_goes_on_by_its_id() {
    let talk = Talk::new();
    let tools = json!({"tools": [{"type": "function", "name": "f"}], "reasoning": {"effort": "low"}});
    let body = hello(&tools);
    let mut answer = talk.plain("tool-call=f;tool-rounds=10;tool-calls=2;strict-state", &body);
    let mut prompt = answer["usage"]["input_tokens"].as_u64().unwrap();
    for _ in 0..9 {
        let next = json!({"input": outputs(&answer["output"]), "previous_response_id": answer["id"]});
        answer = talk.plain("tool-call=f;tool-rounds=10;tool-calls=2;strict-state", &with(body.clone(), &next));
        assert_eq!(answer["output"].as_array().unwrap().len(), 3, "reasoning and two calls");
        let longer = answer["usage"]["input_tokens"].as_u64().unwrap();
        assert!(longer > prompt, "what came before counts");
        prompt = longer;
    }
    let next = with(body.clone(), &json!({"input": outputs(&answer["output"]), "previous_response_id": answer["id"]}));
    let last = talk.plain("tool-call=f;tool-rounds=10", &next);
    assert!(text(&last["output"][1]["content"][0]["text"]).contains("Oslo"), "what the user said, ten answers ago");
    assert_eq!(last["previous_response_id"], answer["id"]);
    // Calls without outputs, unknown ids, others' ids.
    let unanswered = with(body.clone(), &json!({"input": "And now?", "previous_response_id": answer["id"]}));
    assert!(talk.create("", &unanswered).text.contains("No tool output found for function call"));
    let unknown = talk.create("", &hello(&json!({"previous_response_id": "resp_none"})));
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (400, &json!("previous_response_not_found")));
    let other =
        send_to(&talk.0, "POST", "/v1/responses", &[("authorization", "Bearer x")], next.to_string().as_bytes());
    assert_eq!((other.status, &other.json()["error"]["code"]), (400, &json!("previous_response_not_found")));
    let both = hello(&json!({"previous_response_id": answer["id"], "conversation": "conv_1"}));
    assert_eq!(talk.create("", &both).json()["error"]["code"], "mutually_exclusive_parameters");
}

#[test]
fn in_the_background() {
    let talk = Talk::new();
    let body = hello(&json!({"background": true}));
    let queued = talk.plain("", &body);
    assert_eq!((&queued["status"], &queued["output"], &queued["usage"]), (&json!("queued"), &json!([]), &Value::Null));
    let id = text(&queued["id"]);
    assert_eq!(talk.get(id).good()["status"], "in_progress");
    let done = talk.get(id).good();
    assert_eq!(done["status"], "completed");
    assert!(text(&done["output"][0]["content"][0]["text"]).contains("Oslo"));
    assert_eq!(talk.get(id).good(), done);
    let cancel = |id: &str| talk.send("POST", &format!("/v1/responses/{id}/cancel"), "", b"");
    assert_eq!(cancel(id).status, 400, "too late");
    let second = talk.plain("", &body);
    let second = text(&second["id"]);
    assert_eq!(cancel(second).good()["status"], "cancelled");
    assert_eq!(talk.get(second).good()["status"], "cancelled");
    let plain = talk.plain("", &hello(&json!({})));
    assert!(cancel(text(&plain["id"])).text.contains("Cannot cancel a synchronous response."));
    // Its events, from where one left off.
    let all = talk.get(&format!("{id}?stream=true")).events();
    let rest = talk.get(&format!("{id}?stream=true&starting_after=4")).events();
    assert_eq!(rest[0]["sequence_number"], 5);
    assert_eq!(all.last(), rest.last());
    assert_eq!(talk.get(&format!("{}?stream=true", text(&plain["id"]))).status, 400);
    assert_eq!(talk.create("", &hello(&json!({"background": true, "store": false}))).status, 400);
}

#[test]
fn counting() {
    let talk = Talk::new();
    let body = hello(&json!({"tools": [{"type": "function", "name": "f"}], "instructions": "Be terse."}));
    let count = |body: &Value| talk.send("POST", "/v1/responses/input_tokens", "", body.to_string().as_bytes());
    let counted = count(&body).good();
    assert_valid("openai", "TokenCountsResource", &counted);
    let answered = talk.plain("", &body);
    assert_eq!(counted["input_tokens"], answered["usage"]["input_tokens"]);
    let longer = count(&json!({"model": "m", "input": "More.", "previous_response_id": answered["id"]})).good();
    assert!(longer["input_tokens"].as_u64() > counted["input_tokens"].as_u64());
    assert_eq!(count(&hello(&json!({"stream": true}))).json()["error"]["code"], "unknown_parameter");
}

#[test]
fn only_so_much_is_kept() {
    let talk = Talk::new();
    let first = talk.plain("output-tokens=1", &hello(&json!({})));
    let letters = "a".repeat(1 << 20);
    for n in 0..40 {
        talk.create("output-tokens=1", &hello(&json!({"input": format!("{n} {letters}")}))).good();
    }
    assert_eq!(talk.get(text(&first["id"])).status, 404);
}
