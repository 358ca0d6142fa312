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
