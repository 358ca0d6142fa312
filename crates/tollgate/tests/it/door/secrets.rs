//! Nothing secret is written down.

use super::{Wire, chat, files_with, upstream};
use crate::harness::{ADMIN, Gateway};
use std::time::Duration;

#[test]
fn no_key_and_no_prompt_is_in_log_data_or_metrics() {
    const PROMPT: &str = "canary-prompt-8471";
    const HEADER: &str = "canary-header-2290";
    let upstream = upstream();
    let config = format!(
        "{}[models.dead]\ntargets = [{{ provider = \"gone\", model = \"x\" }}]\n[providers.gone]\nkind = \"openai-compatible\"\nbase_url = \"http://127.0.0.1:1/v1\"\ncredentials = [{{ api_key = \"sk-canary-gone\" }}]\n",
        upstream.config()
    );
    let env = [("TOLLGATE_LOG", "trace")];
    let gateway = Gateway::start_in(tempfile::tempdir().unwrap(), &config, &env);
    let (live, test) = (gateway.live_key(), gateway.test_key());
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{PROMPT}"}}],"user":"{PROMPT}"}}"#);
    let streamed = body.replacen('{', "{\"stream\":true,", 1);
    for (key, body) in [
        (&live, body.clone()),
        (&test, body.clone()),
        (&test, streamed.clone()),
        (&live, body.replace("\"m\"", "\"dead\"")),
        (&live, body.replace("\"m\"", "\"unknown\"")),
        (&live, body.replace("[{", "[[[{")),
    ] {
        let answer = gateway.chat(key, &body, &[("x-own", HEADER), ("cookie", HEADER)]);
        assert_ne!(answer.status, 0);
        let post = gateway.post(&format!("/v1/chat/completions?key={key}"), &[], &body);
        assert_eq!(post.status, answer.status);
    }
    gateway.get(&format!("/v1/nothing?key={live}"), &[]);
    gateway.get(&format!("/v1/models?key={live}&key={test}"), &[]);
    gateway.get("/v1/models", &[("x-api-key", "sk-tg-live-canarytypo")]);
    // Refused heads, and one cut off in its body.
    let mut wire = Wire::to(gateway.address);
    wire.send(chat(&live, &body).replace("Host: a", "Host: a\r\nHost: a")).rest().unwrap();
    let mut wire = Wire::to(gateway.address);
    wire.send(chat(&live, &body).trim_end_matches('}'));
    drop(wire);
    std::thread::sleep(Duration::from_millis(400));
    let log = gateway.log();
    assert!(log.contains("/v1/chat/completions"), "{log}");
    let metrics = gateway.get("/metrics", &[]).text();
    let random = |key: &str| key.rsplit('-').next().unwrap()[6..].to_owned();
    for secret in [
        PROMPT,
        HEADER,
        "sk-upstream",
        "sk-canary-gone",
        "canarytypo",
        &live,
        &test,
        &random(&live),
        &random(&test),
        ADMIN,
    ] {
        assert!(!log.contains(secret), "{secret} is in the log: {}", line_with(&log, secret));
        assert!(!metrics.contains(secret), "{secret} is in the metrics");
        assert_eq!(files_with(&gateway.dir.path().join("data"), secret), Vec::<std::path::PathBuf>::new(), "{secret}");
    }
    assert!(upstream.count() >= 2);
    for sent in upstream.requests.lock().unwrap().iter() {
        let sent = String::from_utf8_lossy(sent);
        assert!(!sent.contains(&live) && !sent.contains(HEADER), "{sent}");
    }
}

fn line_with(log: &str, text: &str) -> String {
    log.lines().find(|line| line.contains(text)).unwrap_or_default().to_owned()
}

#[test]
fn a_request_id_of_the_caller_is_not_taken_over() {
    let gateway = Gateway::start("");
    let key = gateway.test_key();
    let long = "x".repeat(10_000);
    for id in ["<script>alert(1)</script>", "a\"b", long.as_str(), "\u{1b}[31m", "req_000000000000"] {
        let id = id.replace('\u{1b}', "");
        let answer = gateway.chat(&key, super::CHAT, &[("x-request-id", &id)]);
        let own = answer.header("x-request-id").unwrap();
        assert_ne!(own, id);
        assert!(own.len() < 100 && own.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'), "{own}");
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(!gateway.log().contains("<script>") && !gateway.log().contains(&long));
}
