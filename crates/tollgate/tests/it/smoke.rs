//! One request of each kind.

use crate::harness::{Gateway, Upstream, json_answer};
use std::io::Write;

#[test]
fn the_sandbox_answers_a_test_key() {
    let gateway = Gateway::start("");
    let key = gateway.test_key();
    let answer = gateway.chat(&key, r#"{"model":"gpt-5-mini","messages":[{"role":"user","content":"Hi"}]}"#, &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tollgate-provider"), Some("sandbox"));
    let answer =
        gateway.chat(&key, r#"{"model":"gpt-5-mini","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#, &[]);
    assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
    assert!(answer.complete);
    let answer = gateway.chat(&key, r#"{"model":"no-such-model","messages":[]}"#, &[]);
    assert_eq!((answer.status, answer.code().as_str()), (404, "model_not_found"));
}

#[test]
fn what_a_vendor_says_of_its_rates_is_kept_and_not_passed_on() {
    let upstream = Upstream::start(|_, stream| {
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-ratelimit-remaining-requests: 41\r\n\
                      x-ratelimit-remaining-tokens: 1234\r\ncontent-length: 14\r\n\r\n{\"choices\":[]}";
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let gateway = Gateway::start(&upstream.config());
    let answer = gateway.chat(&gateway.live_key(), r#"{"model":"m","messages":[]}"#, &[]);
    assert_eq!((answer.status, answer.header("x-ratelimit-remaining-requests")), (200, None));
    let metrics = gateway.get("/metrics", &[]).text();
    for (rate, left) in [("requests", 41), ("tokens", 1234)] {
        let line = format!("tollgate_upstream_rate_left{{provider=\"openai\",account=\"0\",rate=\"{rate}\"}} {left}");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[test]
fn a_provider_answers_a_live_key() {
    let body = r#"{"id":"x","object":"chat.completion","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    let upstream = Upstream::start(move |_, stream| stream.write_all(&json_answer("200 OK", body)).is_ok());
    let gateway = Gateway::start(&upstream.config());
    let answer =
        gateway.chat(&gateway.live_key(), r#"{"model":"m","messages":[],"x":1.0}"#, &[("user-agent", "evil/1")]);
    assert_eq!((answer.status, answer.text().as_str()), (200, body));
    let sent = upstream.last();
    assert!(sent.contains("authorization: Bearer sk-upstream\r\n"), "{sent}");
    assert!(sent.ends_with(r#"{"model":"gpt-5-mini","messages":[],"x":1.0}"#), "{sent}");
    assert!(!sent.contains("evil"));
}
