//! What a call is refused, and what no explanation is given for.

use super::{ask, call, explained};
use crate::crossing::config;
use crate::harness::{ADMIN, Gateway};
use crate::wire::Sim;
use serde_json::{Value, json};

/// An error body without what differs from request to request.
fn without_id(mut body: Value, id: &str) -> Value {
    fn clear(value: &mut Value, id: &str) {
        match value {
            Value::String(text) if text == id => text.clear(),
            Value::Array(list) => list.iter_mut().for_each(|value| clear(value, id)),
            Value::Object(object) => object.values_mut().for_each(|value| clear(value, id)),
            _ => {}
        }
    }
    clear(&mut body, id);
    body
}

/// Key, path, body, more headers, the stage of the refusal, its status.
type Case<'a> = (&'a str, &'a str, String, &'a [(&'a str, &'a str)], &'a str, u16);

#[test]
fn refusals_are_those_of_a_call() {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address));
    let admin = format!("Bearer {ADMIN}");
    let key = gateway.live_key();
    let narrow = gateway
        .key(r#"{"name":"n","mode":"live","allowed_models":["claude-*"],"allowed_ips":["10.0.0.0/8","127.0.0.1"]}"#);
    let poor = gateway.key(r#"{"name":"p","mode":"live","budget":{"limit_usd":"0.000001","window":"total"}}"#);
    let busy = gateway.key(r#"{"name":"b","mode":"live","limits":{"requests_per_minute":1}}"#);
    let gone = gateway.post("/admin/v1/keys", &[("authorization", &admin)], r#"{"name":"g","mode":"live"}"#).json();
    let id = gone["id"].as_str().unwrap();
    crate::harness::request(
        gateway.address,
        "DELETE",
        &format!("/admin/v1/keys/{id}"),
        &[("authorization", &admin)],
        b"",
    );
    let gone_key = gone["key"].as_str().unwrap();

    let chat = |model: &str| json!({"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]});
    assert_eq!(call(&gateway, &busy, "/v1/chat/completions", &chat("gpt-4o").to_string(), &[]).status, 200);
    let strict = [("x-tollgate-translation", "strict")];
    let (chats, messages, responses) = ("/v1/chat/completions", "/v1/messages", "/v1/responses");
    let seeded = json!({"model": "claude-haiku-4-5", "seed": 1, "messages": [{"role": "user", "content": "Hi"}]});
    let cases: Vec<Case<'_>> = vec![
        ("sk-tg-live-nonsense", chats, chat("gpt-4o").to_string(), &[], "key", 401),
        (gone_key, messages, chat("gpt-4o").to_string(), &[], "key", 401),
        (&narrow, messages, chat("gpt-4o").to_string(), &[], "key", 403),
        (&key, chats, chat("no-such-model").to_string(), &[], "model", 404),
        (&key, chats, "{\"model\":\"gpt-4o\",".into(), &[], "request", 400),
        (&key, messages, r#"{"model":"gpt-4o","model":"m","messages":[]}"#.into(), &[], "request", 400),
        (&poor, chats, chat("gpt-4o").to_string(), &[], "admission", 402),
        (&busy, messages, chat("gpt-4o").to_string(), &[], "admission", 429),
        (&key, chats, seeded.to_string(), &strict, "translation", 400),
        (
            &key,
            responses,
            json!({"model": "gpt-4o", "input": "Hi", "previous_response_id": "resp_x"}).to_string(),
            &[],
            "conversation",
            404,
        ),
        (&key, "/v1beta/models/none:generateContent", json!({"contents": []}).to_string(), &[], "model", 404),
    ];
    for (key, path, body, headers, stage, status) in &cases {
        let before = sim.journal().len();
        let plan = explained(&gateway, key, path, body, headers).json();
        let refusal = &plan["refusal"];
        assert_eq!((&plan["outcome"], &refusal["stage"]), (&json!("refused"), &json!(stage)), "{path} {body}: {plan}");
        let done = call(&gateway, key, path, body, headers);
        assert_eq!((done.status, &refusal["status"]), (*status, &json!(status)), "{path} {body}: {}", done.text());
        let id = done.header("x-request-id").unwrap();
        let told = without_id(refusal["body"].clone(), plan["request_id"].as_str().unwrap());
        assert_eq!(without_id(done.json(), id), told, "{path} {body}");
        assert_eq!(sim.journal().len(), before, "{path} {body}: a vendor was asked");
    }
    // Where the address is not told, one is taken that the key may be used from.
    let ok =
        ask(&gateway, &json!({"path": messages, "headers": {"x-api-key": narrow}, "body": chat("claude-haiku-4-5")}));
    assert_eq!(ok.json()["outcome"], "sent", "{}", ok.text());
    let far = json!({"path": messages, "headers": {"x-api-key": narrow}, "peer": "192.0.2.1", "body": chat("claude-haiku-4-5")});
    assert_eq!(ask(&gateway, &far).json()["refusal"]["code"], "ip_not_allowed");
}

#[test]
fn wrong_questions_are_refused_in_the_admin_shape() {
    let gateway = Gateway::start("");
    let key = gateway.live_key();
    let id = gateway.admin("/keys")["data"][0]["id"].as_str().unwrap().to_owned();
    let body = json!({"model": "m", "messages": []});
    let carried = json!({"authorization": format!("Bearer {key}")});
    for (question, field) in [
        (json!({"body": body}), "path"),
        (json!({"path": "/v1/chat/completions"}), "body"),
        (json!({"path": "/v1/chat/completions", "body": 1}), "body"),
        (json!({"path": "/v1/chat/completions", "body": body, "method": "GET"}), "method"),
        (json!({"path": "/v1/chat/completions", "body": body, "headers": ["x"]}), "headers"),
        (json!({"path": "/v1/chat/completions", "body": body, "headers": {"a b": "x"}}), "headers"),
        (json!({"path": "/v1/chat/completions", "body": body, "peer": "here"}), "peer"),
        (json!({"path": "/v1/chat/completions", "body": body, "key": "key_none"}), "key"),
        (json!({"path": "/v1/chat/completions", "body": body, "key": id, "headers": carried}), "key"),
        (json!({"path": "/v1/chat/completions", "body": body, "more": 1}), "more"),
        (json!({"path": "/v1/models", "body": body}), "path"),
        (json!({"path": "/v1/videos", "body": body}), "path"),
        (json!({"path": "/v1/audio/transcriptions", "body": body}), "path"),
    ] {
        let answer = ask(&gateway, &question);
        assert_eq!((answer.status, answer.json()["error"]["field"].as_str()), (400, Some(field)), "{}", answer.text());
    }
    let bare =
        gateway.post("/admin/v1/explain", &[], &json!({"path": "/v1/chat/completions", "body": body}).to_string());
    assert_eq!(bare.status, 401);
}
