//! Same protocol on both sides: bytes stay what they were.

use crate::harness::{Answer, Gateway, Upstream, json_answer};
use crate::wire::{GOOD, GOOD_STREAM, answering, chunks, gateway, provider, record, sse};
use serde_json::Value;
use std::io::Write;

/// What the upstream got as a body.
fn sent(upstream: &Upstream) -> String {
    upstream.last().split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn good() -> (Upstream, Gateway, String) {
    let upstream = Upstream::start(|request, stream| {
        let streamed = memchr::memmem::find(request, b"\"stream\": true").is_some();
        stream.write_all(&if streamed { sse(GOOD_STREAM) } else { json_answer("200 OK", GOOD) }).is_ok()
    });
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    (upstream, gateway, key)
}

#[test]
fn a_request_passes_byte_for_byte_but_for_its_model() {
    let (upstream, gateway, key) = good();
    let bodies = [
        r#"{"model":"m","messages":[]}"#,
        "{ \"zeta\" : 1.0 ,\n\t\"messages\":[{\"content\":\"\\u0048\\ud83d\\ude42é\\/\",\"role\":\"user\"}],\r\n \"model\" : \"m\", \"alpha\":1e-7 }",
        r#"{"big":123456789012345678901234567890,"neg":-0,"exp":1E400,"model":"m","messages":[],"unknown":{"a":[null,true,{}]}}"#,
        r#"{"messages":[{"role":"user","content":"the \"model\":\"m\" in a text"}],"model":"m","tools":[{"model":"m"}]}"#,
        r#"{"model":"m","messages":[],"seed":7,"seed":8,"x-y":"\u0000\u001f"}"#,
        "\n {\"\\u006dodel\":\"\\u006d\",\"messages\":[]} \n",
    ];
    for body in bodies {
        let answer = gateway.chat(&key, body, &[]);
        assert_eq!((answer.status, answer.text().as_str()), (200, GOOD), "{body}");
        let model = if body.contains("\"\\u006d\"") { "\"\\u006d\"" } else { "\"m\"" };
        // The top-level one, which stands where the bodies above have it.
        let at = match body.rfind("\"model\":\"m\",\"tools\"") {
            Some(at) => at + 8,
            None => body.rfind(model).unwrap(),
        };
        let expected = format!("{}\"up-up\"{}", &body[..at], &body[at + model.len()..]);
        assert_eq!(sent(&upstream), expected);
        let length = format!("content-length: {}\r\n", expected.len());
        assert!(upstream.last().contains(&length), "{}", upstream.last());
    }
    // The vendor's name of the model asked for: not a byte changes.
    let body = r#"{"model":"up-up" ,"messages":[]}"#;
    let config = "[models.\"up-up\"]\ntargets = [{ provider = \"up\", model = \"up-up\" }]\n".to_string();
    let same = Gateway::start(&format!("{}{config}", provider("up", upstream.address, "")));
    assert_eq!(same.chat(&same.live_key(), body, &[]).status, 200);
    assert_eq!(sent(&upstream), body);
}

#[test]
fn usage_is_asked_for_and_taken_out_only_where_the_caller_did_not_ask() {
    let usage = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5,\"total_tokens\":12}}\n\n";
    let full = GOOD_STREAM.replace("data: [DONE]", &format!("{usage}data: [DONE]"));
    let served = full.clone();
    let upstream = answering(move |_| sse(&served));
    let up = gateway(upstream.address, "");
    let key = up.live_key();
    let head = r#"{"model":"m","messages":[],"stream":true"#;
    let asked = r#""stream_options":{"include_usage":true}"#;
    let rows: [(&str, &str, &str); 7] = [
        ("}", &format!(",{asked}}}"), GOOD_STREAM),
        (",\"stream_options\":null}", &format!(",{asked}}}"), GOOD_STREAM),
        (",\"stream_options\":{}}", &format!(",{asked}}}"), GOOD_STREAM),
        (",\"stream_options\":{\"include_usage\":false}}", &format!(",{asked}}}"), GOOD_STREAM),
        (
            ",\"stream_options\":{ \"include_obfuscation\":false }}",
            ",\"stream_options\":{ \"include_obfuscation\":false ,\"include_usage\":true}}",
            GOOD_STREAM,
        ),
        (",\"stream_options\":{\"include_usage\":true}}", &format!(",{asked}}}"), &full),
        (
            ",\"stream_options\": {\"include_usage\" : true },\"z\":1}",
            ",\"stream_options\": {\"include_usage\" : true },\"z\":1}",
            &full,
        ),
    ];
    for (tail, expected, answer_expected) in rows {
        let answer = up.chat(&key, &format!("{head}{tail}"), &[]);
        assert_eq!(answer.text(), answer_expected, "{tail}");
        assert_eq!(sent(&upstream), format!("{}{expected}", head.replace("\"m\"", "\"up-up\"")));
        let record = record(&up, answer.header("x-request-id").unwrap());
        assert_eq!(record["usage"], serde_json::json!({"input_tokens": 7, "output_tokens": 5}), "{tail}");
    }
    // Not for plain answers, and not where the provider is said not to take it.
    up.chat(&key, r#"{"model":"m","messages":[],"stream":false}"#, &[]);
    assert!(!sent(&upstream).contains("include_usage"));
    let without = gateway(upstream.address, "stream_usage = false\n");
    let answer = without.chat(&without.live_key(), &format!("{head}}}"), &[]);
    assert!(!sent(&upstream).contains("include_usage"));
    assert_eq!(answer.text(), full, "what was not asked for by the gateway is not its to take out");
}

#[test]
fn policy_keys_given_twice_reach_nobody() {
    let (upstream, gateway, key) = good();
    for body in [
        r#"{"model":"m","messages":[],"model":"n"}"#,
        r#"{"model":"m","messages":[],"mod\u0065l":"n"}"#,
        r#"{"model":"m","stream":true,"messages":[],"stream":false}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"max_tokens":2}"#,
        r#"{"model":"m","messages":[],"messages":[]}"#,
        r#"{"model":"m","messages":[]"#,
        r#"{"model":"m","messages":[]}}"#,
        r#"{"model":7,"messages":[]}"#,
        r#"{"model":"m"}"#,
    ] {
        assert_eq!(gateway.chat(&key, body, &[]).status, 400, "{body}");
    }
    assert_eq!(upstream.count(), 0);
}

fn embed(gateway: &Gateway, key: &str, body: &str) -> (Answer, Value) {
    let bearer = format!("Bearer {key}");
    let answer =
        gateway.post("/v1/embeddings", &[("authorization", &bearer), ("content-type", "application/json")], body);
    let record = record(gateway, answer.header("x-request-id").unwrap());
    (answer, record)
}

#[test]
fn embeddings_pass_unread() {
    let small = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1000,-2e-9,1.0]}],"model":"e","usage":{"prompt_tokens":5,"total_tokens":5}}"#;
    let vector = format!("[{}-0.012345678]", "0.0123456789,".repeat(400));
    let data: Vec<String> =
        (0..2048).map(|i| format!("{{\"object\":\"embedding\",\"index\":{i},\"embedding\":{vector}}}")).collect();
    let large = format!(
        "{{\"object\":\"list\",\"data\":[{}],\"model\":\"e\",\"usage\":{{\"prompt_tokens\":4096,\"total_tokens\":4096}}}}",
        data.join(",")
    );
    assert!(large.len() > 10 << 20);
    let usage_first =
        large.replacen("{\"object\"", "{\"usage\":{\"prompt_tokens\":77,\"total_tokens\":77},\"object\"", 1);
    let usage_first = format!("{}}}", &usage_first[..usage_first.rfind(",\"model\"").unwrap()]);
    let answers = [small.to_owned(), large.clone(), usage_first.clone()];
    let upstream = Upstream::start(move |request, stream| {
        let head = String::from_utf8_lossy(&request[..request.len().min(2000)]).into_owned();
        let which: usize = head.split_once("x-case: ").map_or(0, |(_, rest)| rest[..1].parse().unwrap());
        let body = &answers[which];
        let bytes = if head.contains("x-case: 1c") {
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
            [&head[..], &chunks(body.as_bytes(), 30_000), b"0\r\n\r\n"].concat()
        } else {
            json_answer("200 OK", body)
        };
        stream.write_all(&bytes).is_ok()
    });
    let gateway = gateway(upstream.address, "forward_headers = [\"x-case\"]\n");
    let key = gateway.live_key();
    for body in [
        r#"{"model":"m","input":"text","encoding_format":"float"}"#,
        r#"{"input":["a","b"],"encoding_format":"base64","dimensions":256,"model":"m","user":"u"}"#,
        r#"{"model":"m","input":[1,2,3]}"#,
        r#"{"model":"m","input":[[1,2],[100257]],"unknown":1.0}"#,
    ] {
        let (answer, record) = embed(&gateway, &key, body);
        assert_eq!(answer.text(), small);
        assert_eq!(sent(&upstream), body.replace("\"m\"", "\"up-up\""));
        assert!(upstream.last().starts_with("POST /v1/embeddings HTTP/1.1\r\n"));
        assert_eq!(record["usage"], serde_json::json!({"input_tokens": 5}));
    }
    let bearer = format!("Bearer {key}");
    let inputs = format!("{{\"model\":\"m\",\"input\":[{}\"x\"]}}", "\"some text to embed\",".repeat(2047));
    for (case, expected, tokens) in [("1", &large, 4096), ("1c", &large, 4096), ("2", &usage_first, 77)] {
        let answer = gateway.post("/v1/embeddings", &[("authorization", &bearer), ("x-case", case)], &inputs);
        assert!(answer.complete && answer.text() == *expected, "{case}: {}", answer.body.len());
        let record = record(&gateway, answer.header("x-request-id").unwrap());
        assert_eq!(record["usage"], serde_json::json!({"input_tokens": tokens}), "{case}");
    }
}

#[test]
fn the_sandbox_answers_every_route() {
    let gateway = Gateway::start("");
    let key = gateway.test_key();
    for body in [
        r#"{"model":"text-embedding-3-small","input":"x"}"#,
        r#"{"model":"text-embedding-3-small","input":[[1,2],[3]],"encoding_format":"base64","dimensions":8}"#,
    ] {
        let (answer, record) = embed(&gateway, &key, body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(record["usage"]["input_tokens"].as_u64().unwrap() > 0);
    }
}
