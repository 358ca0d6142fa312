//! `Idempotency-Key`: the same request twice is one request.

pub mod crash;
mod streams;
mod uploads;

use crate::harness::{ADMIN, Answer, Gateway, Upstream, json_answer};
use crate::wire::{GOOD, GOOD_STREAM, PLAIN, STREAMED, answering, eventually, gateway, record, sse};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A chat request under an idempotency key.
pub fn ask(gateway: &Gateway, key: &str, body: &str, idempotency: &str) -> Answer {
    gateway.chat(key, body, &[("idempotency-key", idempotency)])
}

/// Whether the answer says that it is an earlier request's.
pub fn replayed(answer: &Answer) -> bool {
    answer.header("x-tollgate-replayed") == Some("true")
}

/// The same result: status, body, request id, content type.
pub fn assert_same(one: &Answer, two: &Answer) {
    for name in ["x-request-id", "content-type", "content-length", "transfer-encoding", "x-tollgate-attempts"] {
        assert_eq!(one.header(name), two.header(name), "{name}");
    }
    assert_eq!((one.status, one.text(), one.complete), (two.status, two.text(), two.complete));
}

/// Names of the files that are kept.
pub fn kept(gateway: &Gateway) -> Vec<String> {
    let dir = gateway.dir.path().join("data/idempotency");
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn good() -> (Upstream, Gateway, String) {
    let upstream =
        answering(
            |request| {
                if request.contains("\"stream\":true") { sse(GOOD_STREAM) } else { json_answer("200 OK", GOOD) }
            },
        );
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    (upstream, gateway, key)
}

#[test]
fn the_same_request_twice_is_one_request() {
    let (upstream, gateway, key) = good();
    for (body, idempotency) in [(PLAIN, "plain"), (STREAMED, "streamed")] {
        let before = upstream.count();
        let first = ask(&gateway, &key, body, idempotency);
        assert_eq!((first.status, first.complete, replayed(&first)), (200, true, false), "{}", first.text());
        for _ in 0..3 {
            let again = ask(&gateway, &key, body, idempotency);
            assert_same(&first, &again);
            assert!(replayed(&again));
        }
        assert_eq!(upstream.count(), before + 1);
        assert!(upstream.last().contains(&format!("idempotency-key: {idempotency}\r\n")));
        // One request has the first's record; those that read it again have their own, and used nothing.
        let record = record(&gateway, first.header("x-request-id").unwrap());
        assert_eq!((&record["outcome"], &record["attempts"]), (&"completed".into(), &1.into()), "{record}");
    }
    let log = eventually(Duration::from_secs(5), || {
        Some(gateway.log()).filter(|log| log.matches("\"outcome\":\"replayed\"").count() >= 6)
    });
    let log = log.unwrap_or_else(|| panic!("{}", gateway.log()));
    let replays: Vec<&str> = log.lines().filter(|line| line.contains("\"outcome\":\"replayed\"")).collect();
    assert_eq!(replays.len(), 6, "{log}");
    assert!(replays.iter().all(|line| line.contains("\"attempts\":0") && line.contains("\"status\":200")));
    assert!(!log.contains("streamed\""), "the key's text is logged: {log}");
    // Without the header nothing of this happens.
    assert!(!replayed(&gateway.chat(&key, PLAIN, &[])));
    assert_eq!(kept(&gateway).len(), 2);
}

#[test]
fn twenty_at_once_are_one_request() {
    for (body, answer) in [(PLAIN, json_answer("200 OK", GOOD)), (STREAMED, sse(GOOD_STREAM))] {
        let upstream = answering(move |_| {
            std::thread::sleep(Duration::from_millis(300));
            answer.clone()
        });
        let gateway = gateway(upstream.address, "");
        let key = gateway.live_key();
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(|| ask(&gateway, &key, body, "once"))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(upstream.count(), 1);
        assert_eq!(answers.iter().filter(|answer| !replayed(answer)).count(), 1);
        for answer in &answers {
            assert_eq!(answer.status, 200);
            assert_same(&answers[0], answer);
        }
    }
}

#[test]
fn another_body_is_refused_and_another_scope_is_another_key() {
    let (upstream, gateway, key) = good();
    assert_eq!(ask(&gateway, &key, PLAIN, "k").status, 200);
    let other = PLAIN.replace("something", "anything");
    for body in [other.as_str(), STREAMED, "{}", ""] {
        let refused = ask(&gateway, &key, body, "k");
        assert_eq!((refused.status, refused.code().as_str()), (422, "idempotency_key_reused"), "{body}");
        assert_eq!(refused.json()["error"]["param"], "idempotency-key");
        assert!(refused.header("x-request-id").is_some());
    }
    assert_eq!(upstream.count(), 1);
    assert!(replayed(&ask(&gateway, &key, PLAIN, "k")), "the refusals changed nothing");
    // A key of the same project shares it; another project, kind of key or route does not.
    assert!(replayed(&ask(&gateway, &gateway.live_key(), PLAIN, "k")));
    let admin = format!("Bearer {ADMIN}");
    let made = gateway.post("/admin/v1/projects", &[("authorization", &admin)], r#"{"name":"other"}"#);
    let project = made.json()["id"].as_str().unwrap().to_owned();
    let stranger = gateway.key(&format!(r#"{{"name":"s","mode":"live","project":"{project}"}}"#));
    assert!(!replayed(&ask(&gateway, &stranger, PLAIN, "k")));
    assert_eq!(upstream.count(), 2);
    let test = gateway.test_key();
    let sandboxed = ask(&gateway, &test, PLAIN, "k");
    assert_eq!((sandboxed.status, replayed(&sandboxed)), (200, false));
    assert_same(&sandboxed, &ask(&gateway, &test, PLAIN, "k"));
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k")];
    let embedded = gateway.post("/v1/embeddings", &headers, r#"{"model":"m","input":"x"}"#);
    assert!(embedded.code() != "idempotency_key_reused" && upstream.count() == 3, "{}", embedded.text());
    assert_eq!(gateway.get("/v1/models", &[("authorization", &bearer), ("idempotency-key", "not a key")]).status, 200);
}

#[test]
fn replays_count_against_no_limit() {
    let (upstream, gateway, _) = good();
    let key = gateway.key(r#"{"name":"slow","mode":"live","limits":{"requests_per_minute":1}}"#);
    let first = ask(&gateway, &key, PLAIN, "k");
    for _ in 0..3 {
        assert_same(&first, &ask(&gateway, &key, PLAIN, "k"));
    }
    // The limit's own refusal is no result.
    for _ in 0..2 {
        let refused = ask(&gateway, &key, PLAIN, "other");
        assert_eq!((refused.status, replayed(&refused)), (429, false), "{}", refused.text());
    }
    assert_eq!((upstream.count(), kept(&gateway).len()), (1, 1));
}

#[test]
fn strangers_and_bad_keys_leave_nothing() {
    let (upstream, gateway, key) = good();
    let long = "x".repeat(256);
    for bad in ["", "two words", "t\tab", "ümlaut", long.as_str()] {
        let refused = ask(&gateway, &key, PLAIN, bad);
        assert_eq!(refused.status, 400, "{bad:?}: {}", refused.text());
        assert_eq!(refused.json()["error"]["param"], "idempotency-key", "{bad:?}");
    }
    let twice = gateway.chat(&key, PLAIN, &[("idempotency-key", "a"), ("idempotency-key", "a")]);
    assert_eq!(twice.status, 400);
    for (stranger, status) in [("sk-tg-live-nobody", 401), ("", 401)] {
        assert_eq!(ask(&gateway, stranger, PLAIN, "k").status, status);
    }
    let far = gateway.key(r#"{"name":"far","mode":"live","allowed_ips":["10.0.0.0/8"]}"#);
    assert_eq!(ask(&gateway, &far, PLAIN, "k").status, 403);
    assert_eq!((upstream.count(), kept(&gateway)), (0, vec![]));
    assert_eq!(ask(&gateway, &key, PLAIN, &long[1..]).status, 200);
}

#[test]
fn only_results_are_kept() {
    let tries = AtomicUsize::new(0);
    let failures = ["500 Internal Server Error", "503 Service Unavailable", "401 Unauthorized"];
    let upstream = Upstream::start(move |_, stream| {
        let text = r#"{"error":{"message":"no","type":"t","code":"c"}}"#;
        let bytes = match failures.get(tries.fetch_add(1, Ordering::SeqCst)) {
            Some(status) => json_answer(status, text),
            None => json_answer("200 OK", GOOD),
        };
        let _ = stream.write_all(&bytes);
        false
    });
    let gateway_ = gateway(upstream.address, "");
    let key = gateway_.live_key();
    for _ in 0..3 {
        let failed = ask(&gateway_, &key, PLAIN, "k");
        assert!(failed.status >= 500 && !replayed(&failed), "{}", failed.text());
        assert_eq!(kept(&gateway_), Vec::<String>::new());
    }
    let answer = ask(&gateway_, &key, PLAIN, "k");
    assert_eq!((answer.status, replayed(&answer), upstream.count()), (200, false, 4));
    assert!(replayed(&ask(&gateway_, &key, PLAIN, "k")));
    // What the gateway itself refused is free: not even the body is bound to the key.
    for body in [r#"{"model":"unknown","messages":[]}"#, r#"{"model":"m"}"#, "{"] {
        let refused = ask(&gateway_, &key, body, "mistaken");
        assert!(matches!(refused.status, 400 | 404) && !replayed(&refused), "{}", refused.text());
    }
    assert_eq!(ask(&gateway_, &key, PLAIN, "mistaken").status, 200);
    // What the vendor says is wrong with the request is a result.
    for status in ["400 Bad Request", "404 Not Found", "413 Payload Too Large", "422 Unprocessable Entity"] {
        let text = r#"{"error":{"message":"bad","type":"invalid_request_error","param":"messages","code":"odd"}}"#;
        let upstream = answering(move |_| json_answer(status, text));
        let gateway = gateway(upstream.address, "");
        let key = gateway.live_key();
        let first = ask(&gateway, &key, PLAIN, "k");
        assert_eq!((first.status.to_string(), first.text().as_str()), (status[..3].to_owned(), text));
        let again = ask(&gateway, &key, PLAIN, "k");
        assert_same(&first, &again);
        assert!(replayed(&again) && upstream.count() == 1);
    }
}

#[test]
fn a_vendors_rate_limit_frees_the_key() {
    let limited = AtomicUsize::new(0);
    let upstream = answering(move |_| {
        if limited.fetch_add(1, Ordering::SeqCst) == 0 {
            json_answer("429 Too Many Requests\r\nretry-after: 1", r#"{"error":{"message":"slow down"}}"#)
        } else {
            json_answer("200 OK", GOOD)
        }
    });
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    assert_eq!(ask(&gateway, &key, PLAIN, "k").status, 429);
    // The account rests: refused without asking, and that is no result either.
    assert_eq!(ask(&gateway, &key, PLAIN, "k").status, 429);
    std::thread::sleep(Duration::from_millis(1_300));
    let answer = ask(&gateway, &key, PLAIN, "k");
    assert_eq!((answer.status, replayed(&answer)), (200, false), "{}", answer.text());
    assert!(replayed(&ask(&gateway, &key, PLAIN, "k")));
}
