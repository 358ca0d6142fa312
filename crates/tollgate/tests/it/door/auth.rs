//! Keys on the wire: where they may stand, and how soon they stop to work.

use super::{CHAT, Wire, chat, each, upstream};
use crate::harness::{ADMIN, Answer, Gateway, request};
use crate::life::{run, tollgate};
use std::time::{Duration, Instant};

fn models(gateway: &Gateway, query: &str, headers: &[(&str, &str)]) -> Answer {
    gateway.get(&format!("/v1/models{query}"), headers)
}

#[test]
fn four_places_for_a_key() {
    let gateway = Gateway::start("");
    let (key, other) = (gateway.test_key(), gateway.test_key());
    let bearer = |key: &str| format!("Bearer {key}");
    let typo = format!("{}{}", &key[..key.len() - 1], if key.ends_with('a') { 'b' } else { 'a' });
    type Case = (&'static str, u16, String, Vec<(&'static str, String)>);
    let cases: Vec<Case> = vec![
        ("bearer", 200, String::new(), vec![("authorization", bearer(&key))]),
        ("lower-case bearer", 200, String::new(), vec![("Authorization", format!("bearer {key}"))]),
        ("capital bearer", 200, String::new(), vec![("AUTHORIZATION", format!("BEARER  {key} "))]),
        ("x-api-key", 200, String::new(), vec![("x-api-key", key.clone())]),
        ("x-goog-api-key", 200, String::new(), vec![("X-Goog-Api-Key", key.clone())]),
        ("query", 200, format!("?key={key}"), vec![]),
        ("query among others", 200, format!("?alt=sse&key={key}&x=y"), vec![]),
        ("two equal", 200, String::new(), vec![("authorization", bearer(&key)), ("x-api-key", key.clone())]),
        (
            "four equal",
            200,
            format!("?key={key}"),
            vec![("authorization", bearer(&key)), ("x-api-key", key.clone()), ("x-goog-api-key", key.clone())],
        ),
        ("two that differ", 400, String::new(), vec![("authorization", bearer(&key)), ("x-api-key", other.clone())]),
        ("header and query", 400, format!("?key={other}"), vec![("x-goog-api-key", key.clone())]),
        ("one header twice", 400, String::new(), vec![("x-api-key", key.clone()), ("x-api-key", other.clone())]),
        ("query twice", 400, format!("?key={key}&key={other}"), vec![]),
        ("bearer twice", 400, String::new(), vec![("authorization", bearer(&key)), ("authorization", bearer(&other))]),
        ("none", 401, String::new(), vec![]),
        ("empty bearer", 401, String::new(), vec![("authorization", "Bearer ".into())]),
        ("only the word", 401, String::new(), vec![("authorization", "Bearer".into())]),
        ("empty x-api-key", 401, String::new(), vec![("x-api-key", String::new())]),
        ("empty query", 401, "?key=".into(), vec![]),
        ("basic", 401, String::new(), vec![("authorization", "Basic YTpi".into())]),
        ("typo", 401, String::new(), vec![("authorization", bearer(&typo))]),
        ("cut", 401, String::new(), vec![("authorization", bearer(&key[..20]))]),
        ("longer", 401, String::new(), vec![("authorization", bearer(&format!("{key}x")))]),
        ("of an operator", 401, String::new(), vec![("authorization", bearer(ADMIN))]),
        ("long", 401, String::new(), vec![("authorization", bearer(&"x".repeat(20_000)))]),
        ("cookie", 401, String::new(), vec![("cookie", format!("key={key}"))]),
    ];
    each(
        &cases,
        |case| case.0.to_owned(),
        |(name, status, query, headers)| {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let answer = models(&gateway, query, &headers);
            assert_eq!(answer.status, *status, "{name}: {}", answer.text());
            match status {
                401 => assert_eq!(answer.code(), "invalid_api_key", "{name}"),
                400 => assert!(answer.json()["error"]["message"].as_str().unwrap().contains("different"), "{name}"),
                _ => {}
            }
            assert!(!answer.text().contains(&key) && !answer.text().contains(&other), "{name}: {}", answer.text());
        },
    );
    // A model key opens no operator's door.
    let admin = gateway.get("/admin/v1/keys", &[("authorization", &bearer(&key))]);
    assert_eq!(admin.status, 401, "{}", admin.text());
    // Refused on every route, before its body is read.
    let request = chat("sk-tg-live-none", "").replace("Content-Length: 0", "Content-Length: 1000000");
    assert_eq!(Wire::to(gateway.address).send(request).answer().status, 401);
}

#[test]
fn a_revoked_key_stops_within_a_second_even_on_an_open_connection() {
    let gateway = Gateway::start("");
    let admin = format!("Bearer {ADMIN}");
    let made = || {
        let body = r#"{"name":"x","mode":"test"}"#;
        let made = gateway.post("/admin/v1/keys", &[("authorization", &admin)], body).json();
        (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
    };
    // By the admin API: from its answer on.
    let (id, key) = made();
    let mut wire = Wire::to(gateway.address);
    assert_eq!(wire.send(chat(&key, CHAT)).answer().status, 200);
    let path = format!("/admin/v1/keys/{id}");
    let gone = request(gateway.address, "DELETE", &path, &[("authorization", &admin)], b"");
    assert!(gone.status < 300, "{}", gone.text());
    let answer = wire.send(chat(&key, CHAT)).answer();
    assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_api_key"));
    // Its body was not read, so the connection has ended.
    assert!(wire.ends());
    // By another process.
    let (id, key) = made();
    let mut wire = Wire::to(gateway.address);
    assert_eq!(wire.send(chat(&key, CHAT)).answer().status, 200);
    let output = run(tollgate(gateway.dir.path(), &["keys", "--data-dir", "data", "revoke", &id]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let revoked = Instant::now();
    while wire.send(chat(&key, CHAT)).answer().status == 200 {
        assert!(revoked.elapsed() < Duration::from_secs(1), "still good after {:?}", revoked.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    // And one made by another process works as soon.
    let args = ["keys", "--data-dir", "data", "--json", "create", "--name", "y", "--mode", "test"];
    let output = run(tollgate(gateway.dir.path(), &args));
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let made_at = Instant::now();
    while gateway.chat(made["key"].as_str().unwrap(), CHAT, &[]).status != 200 {
        assert!(made_at.elapsed() < Duration::from_secs(1), "not good after {:?}", made_at.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_key_may_do_what_it_carries_and_no_more() {
    let upstream = upstream();
    let gateway = Gateway::start(&upstream.config());
    let chat = |rest: &str, body: &str| {
        let key = gateway.key(&format!(r#"{{"name":"x","mode":"live"{rest}}}"#));
        let answer = gateway.chat(&key, body, &[]);
        (answer.status, if answer.status == 200 { String::new() } else { answer.code() })
    };
    let ok = (200, String::new());
    let refused = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(chat("", CHAT), ok);
    assert_eq!(chat(r#","allowed_ips":["127.0.0.0/8"]"#, CHAT), ok);
    assert_eq!(chat(r#","allowed_ips":["10.0.0.0/8","::1"]"#, CHAT), refused(403, "ip_not_allowed"));
    assert_eq!(chat(r#","allowed_models":["m"]"#, CHAT), ok);
    assert_eq!(chat(r#","allowed_models":["*"]"#, CHAT), ok);
    assert_eq!(chat(r#","allowed_models":["n*","mm"]"#, CHAT), refused(403, "model_not_allowed"));
    // Another name for the same target is another name.
    let other = CHAT.replace("\"m\"", "\"openai/gpt-5-mini\"");
    assert_eq!(chat(r#","allowed_models":["m"]"#, &other), refused(403, "model_not_allowed"));
    // A header says nothing about where the caller is.
    let key = gateway.key(r#"{"name":"x","mode":"live","allowed_ips":["10.0.0.1"]}"#);
    for name in ["x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip"] {
        assert_eq!(gateway.chat(&key, CHAT, &[(name, "10.0.0.1")]).status, 403, "{name}");
    }
    let before = upstream.count();
    assert_eq!(before, 4);
    let budget = chat(r#","budget":{"limit_usd":"1","window":"day"}"#, &CHAT.replace("\"m\"", "\"openai/own-name\""));
    assert_eq!(budget, refused(403, "model_unpriced"));
    assert_eq!(upstream.count(), before);
    // Ends while its connection is open.
    let soon = jiff::Timestamp::now() + Duration::from_millis(1500);
    let key = gateway.key(&format!(r#"{{"name":"x","mode":"live","expires_at":"{soon}"}}"#));
    let mut wire = Wire::to(gateway.address);
    assert_eq!(wire.send(super::chat(&key, CHAT)).answer().status, 200);
    std::thread::sleep(Duration::from_millis(1600));
    let answer = wire.send(super::chat(&key, CHAT)).answer();
    assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_api_key"));
    // Models that a key may not use are not shown to it either.
    let key = gateway.key(r#"{"name":"x","mode":"live","allowed_models":["n"]}"#);
    let shown = models(&gateway, "", &[("x-api-key", &key)]).json();
    assert!(shown["data"].as_array().unwrap().iter().all(|model| model["id"] != "m"), "{shown}");
    assert_eq!(models(&gateway, "/m", &[("x-api-key", &key)]).status, 404);
}
