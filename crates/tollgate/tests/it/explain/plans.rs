//! Plans and what becomes of them.

use super::{ask, body_of, call, explained, fnv1a};
use crate::crossing::{VENDORS, config, start};
use crate::harness::{Gateway, Upstream, json_answer};
use crate::routing::{always, good};
use crate::wire::{PLAIN, Sim, model, provider};
use serde_json::{Value, json};

/// Requests of each protocol that lose something on the way into another.
fn requests(model: &str) -> Vec<(String, Value)> {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    vec![
        (
            "/v1/chat/completions".into(),
            json!({"model": model, "max_completion_tokens": 300, "seed": 7, "user": "u-1",
                "messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi", "name": "ann"}],
                "tools": [{"type": "function", "function": {"name": "weather", "parameters": schema}}]}),
        ),
        (
            "/v1/responses".into(),
            json!({"model": model, "max_output_tokens": 300, "store": false, "truncation": "auto", "input": "Hi",
                "instructions": "Be brief.", "reasoning": {"effort": "low"}}),
        ),
        (
            "/v1/messages".into(),
            json!({"model": model, "max_tokens": 300, "stop_sequences": ["END"], "metadata": {"user_id": "u-1"},
                "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}]}),
        ),
        (
            format!("/v1beta/models/{model}:generateContent"),
            json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
                "generationConfig": {"maxOutputTokens": 300, "seed": 7},
                "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]}),
        ),
        (
            format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": {"topK": 20}}),
        ),
        ("/v1/messages/count_tokens".into(), json!({"model": model, "messages": [{"role": "user", "content": "Hi"}]})),
    ]
}

#[test]
fn what_it_says_is_what_a_call_does() {
    let (sim, gateway, key) = start();
    let (mut sent, mut crossed, mut answered) = (0, 0, 0);
    for (kind, model) in VENDORS {
        for (path, body) in requests(model) {
            let (place, body) = (format!("{path} to {model}"), body.to_string());
            let before = sim.journal().len();
            let answer = explained(&gateway, &key, &path, &body, &[("x-tollgate-sim", "output-tokens=5")]);
            let plan = answer.json();
            assert_eq!(sim.journal().len(), before, "{place}: explaining asked a vendor");
            assert!(
                !answer.text().contains("sk-upstream") && !answer.text().contains(&key),
                "{place}: a secret is shown"
            );

            let done = call(&gateway, &key, &path, &body, &[("x-tollgate-sim", "output-tokens=5")]);
            if plan["outcome"] == "refused" {
                assert_eq!(plan["refusal"]["status"], done.status, "{place}: {plan} {}", done.text());
                continue;
            }
            assert_eq!(done.status, 200, "{place}: {plan} {}", done.text());
            if plan["outcome"] == "answered" {
                assert_eq!(plan["answer"]["body"], done.json(), "{place}");
                assert_eq!(plan["answer"]["translation"].as_str(), done.header("x-tollgate-translation"), "{place}");
                answered += 1;
                continue;
            }
            let first = &plan["candidates"][0];
            assert_eq!(first["kind"], *kind, "{place}");
            assert_eq!(first["provider"].as_str(), done.header("x-tollgate-provider"), "{place}");
            assert_eq!(first["model"].as_str(), done.header("x-tollgate-model"), "{place}");
            assert_eq!(first["translation"].as_str(), done.header("x-tollgate-translation"), "{place}");
            let arrived = sim.journal().last().unwrap().clone();
            let raw = body_of(&answer, 0);
            assert_eq!(arrived["body_fnv1a"], fnv1a(raw.as_bytes()), "{place}: another body arrived than {raw}");
            assert_eq!(arrived["body_bytes"], first["body_bytes"], "{place}");
            let target = match arrived["query"].as_str() {
                Some(query) => format!("{}?{query}", arrived["path"].as_str().unwrap()),
                None => arrived["path"].as_str().unwrap().to_owned(),
            };
            assert_eq!(first["url"], format!("http://{}{target}", sim.address), "{place}");
            for (name, value) in first["headers"].as_object().unwrap() {
                let came = arrived["headers"].as_array().unwrap().iter().find(|line| line[0] == **name);
                assert_eq!(came.map(|line| &line[1]), Some(value), "{place}: {name}");
            }
            sent += 1;
            crossed += usize::from(first["translation"].is_string());
        }
    }
    assert!(sent >= 36 && crossed >= 24 && answered >= 1, "{sent} {crossed} {answered}");
}

#[test]
fn it_takes_holds_and_books_nothing() {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address));
    let secret = gateway.key(
        r#"{"name":"k","mode":"live","budget":{"limit_usd":"1","window":"total"},"limits":{"requests_per_minute":2,"concurrency":1}}"#,
    );
    let id = gateway.admin("/keys")["data"][0]["id"].as_str().unwrap().to_owned();
    let body = json!({"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]});
    let question = json!({"key": id, "path": "/v1/chat/completions", "body": body});
    for _ in 0..5 {
        let plan = ask(&gateway, &question).json();
        assert_eq!(plan["outcome"], "sent", "{plan}");
        assert_eq!(plan["limits"]["requests_per_minute"], json!({"limit": 2, "remaining": 2}), "{plan}");
        assert_eq!(plan["limits"]["key"]["budget"]["held_usd"], "0.000000000", "{plan}");
        let (hold, most) = (&plan["admission"]["hold_usd"], &plan["price"]["most_usd"]);
        assert_eq!(hold, most, "{plan}");
        assert_ne!(hold, "0.000000000", "{plan}");
    }
    assert!(sim.journal().is_empty());
    assert_eq!(gateway.admin(&format!("/ledger/entries?key={id}"))["data"], json!([]));
    // What was held at the most is held by a call, and what it costs is in the range.
    let done = call(&gateway, &secret, "/v1/chat/completions", &body.to_string(), &[]);
    assert_eq!(done.status, 200, "{}", done.text());
    let plan = ask(&gateway, &question).json();
    assert_eq!(plan["limits"]["requests_per_minute"], json!({"limit": 2, "remaining": 1}), "{plan}");
    let number = |text: &Value| text.as_str().unwrap().parse::<f64>().unwrap();
    let cost = done.header("x-tollgate-cost-usd").unwrap().parse::<f64>().unwrap();
    assert!(number(&plan["price"]["most_usd"]) >= cost && number(&plan["price"]["least_usd"]) <= cost, "{cost} {plan}");
}

#[test]
fn candidates_stand_in_their_order_and_others_are_told_why_not() {
    let (one, two) = (good(), always("429 Too Many Requests", "retry-after: 60\r\n", "{}"));
    let tables = provider("one", one.address, "") + &provider("two", two.address, "");
    let gateway = Gateway::start(&format!("{tables}{}", model(&[("one", 2, 1), ("two", 1, 1)])));
    let key = gateway.live_key();
    let plan = explained(&gateway, &key, "/v1/chat/completions", PLAIN, &[]).json();
    let names = |plan: &Value, list: &str, field: &str| -> Vec<String> {
        let list = plan[list].as_array().unwrap();
        list.iter().map(|one| one[field].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&plan, "candidates", "provider"), ["two", "one"]);
    assert_eq!((&plan["by_chance"], &plan["rejected"]), (&json!(false), &json!([])), "{plan}");
    assert_eq!(gateway.chat(&key, PLAIN, &[]).header("x-tollgate-provider"), Some("one"));
    // The vendor has asked for a pause.
    let plan = explained(&gateway, &key, "/v1/chat/completions", PLAIN, &[]).json();
    assert_eq!(names(&plan, "candidates", "provider"), ["one"]);
    assert_eq!(names(&plan, "rejected", "reason"), ["resting"], "{plan}");
    assert!(plan["rejected"][0]["rests_for_ms"].as_u64().unwrap() > 50_000, "{plan}");
    // A budget takes no model without a price.
    let budgeted = gateway.key(r#"{"name":"b","mode":"live","budget":{"limit_usd":"1","window":"total"}}"#);
    let plan = explained(&gateway, &budgeted, "/v1/chat/completions", PLAIN, &[]).json();
    assert_eq!(plan["refusal"]["code"], "model_unpriced", "{plan}");
    assert_eq!(names(&plan, "rejected", "reason"), ["unpriced", "unpriced"], "{plan}");
}

#[test]
fn chance_is_said_to_be_chance() {
    let (one, two) = (good(), good());
    let tables = provider("one", one.address, "") + &provider("two", two.address, "");
    let gateway = Gateway::start(&format!("{tables}{}", model(&[("one", 1, 3), ("two", 1, 1)])));
    let key = gateway.live_key();
    for _ in 0..5 {
        let plan = explained(&gateway, &key, "/v1/chat/completions", PLAIN, &[]).json();
        assert_eq!((&plan["by_chance"], &plan["candidates"][0]["provider"]), (&json!(true), &json!("one")), "{plan}");
    }
}

#[test]
fn a_native_candidate_serves_what_cannot_cross() {
    // A tool of OpenAI's own has no word elsewhere.
    let native = Upstream::start(|_, stream| {
        use std::io::Write as _;
        let answer = r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"gpt-5-mini","output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}"#;
        stream.write_all(&json_answer("200 OK", answer)).is_ok()
    });
    let other = good();
    let gateway = Gateway::start(&format!(
        "{}[providers.claude]\nkind = \"anthropic\"\nbase_url = \"http://{}\"\ncredentials = [{{ api_key = \"k\" }}]\n\
         [models.m]\ntargets = [{{ provider = \"claude\", model = \"claude-haiku-4-5\", priority = 1 }}, \
         {{ provider = \"up\", model = \"gpt-5-mini\", priority = 2 }}]\n",
        provider("up", native.address, ""),
        other.address
    ));
    let key = gateway.live_key();
    let body = json!({"model": "m", "store": false, "input": "Hi", "tools": [{"type": "computer_use_preview",
        "display_width": 100, "display_height": 100, "environment": "browser"}]});
    let plan = explained(&gateway, &key, "/v1/responses", &body.to_string(), &[]).json();
    assert_eq!(plan["candidates"][0]["provider"], "up", "{plan}");
    assert_eq!(plan["rejected"][0]["reason"], "untranslatable", "{plan}");
    let done = call(&gateway, &key, "/v1/responses", &body.to_string(), &[]);
    assert_eq!((done.status, done.header("x-tollgate-provider")), (200, Some("up")), "{}", done.text());
    assert_eq!(other.count(), 0);
}

#[test]
fn test_keys_and_nobody_s_key() {
    let gateway = Gateway::start("");
    let key = gateway.test_key();
    let body = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}],"seed":1.0}"#;
    let answer = explained(&gateway, &key, "/v1/chat/completions", body, &[]);
    let plan = answer.json();
    assert_eq!((&plan["mode"], &plan["candidates"][0]["provider"]), (&json!("test"), &json!("sandbox")), "{plan}");
    assert!(plan["price"]["most_usd"].is_string(), "{plan}");
    assert_eq!(body_of(&answer, 0), body);
    let plan = ask(&gateway, &json!({"path": "/v1/chat/completions", "body": {"model": "m", "messages": []}})).json();
    assert_eq!((&plan["outcome"], &plan["key"]), (&json!("sent"), &Value::Null), "{plan}");
}
