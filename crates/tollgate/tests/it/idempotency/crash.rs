//! What a restart, a kill and a full disk leave.

use super::{ask, assert_same, kept, replayed};
use crate::harness::{Gateway, json_answer};
use crate::wire::{
    GOOD, GOOD_STREAM, Listener, PLAIN, SSE_HEAD, STREAMED, answering, chunks, eventually, gateway, post, sse,
};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Another gateway on the data of one that has ended.
pub fn start_again(mut ended: Gateway) -> Gateway {
    let dir = std::mem::replace(&mut ended.dir, tempfile::tempdir().unwrap());
    let config = std::fs::read_to_string(dir.path().join("tollgate.toml")).unwrap();
    Gateway::start_in(dir, &config, &[])
}

/// Ends a gateway by a signal and starts another on its data.
pub fn restart(mut gateway: Gateway, signal: &str) -> Gateway {
    gateway.signal(signal);
    gateway.wait(Duration::from_secs(10));
    start_again(gateway)
}

#[test]
fn results_survive_restarts_and_kills() {
    let upstream =
        answering(
            |request| {
                if request.contains("\"stream\":true") { sse(GOOD_STREAM) } else { json_answer("200 OK", GOOD) }
            },
        );
    let mut gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    let plain = ask(&gateway, &key, PLAIN, "plain");
    gateway = restart(gateway, "TERM");
    // Killed as soon as the whole answer is there.
    let streamed = ask(&gateway, &key, STREAMED, "streamed");
    gateway = restart(gateway, "KILL");
    let plain_too = ask(&gateway, &key, PLAIN, "plain too");
    assert_eq!(plain_too.status, 400);
    let plain_too = ask(&gateway, &key, PLAIN, "plain-too");
    gateway = restart(gateway, "KILL");
    for (first, body, idempotency) in
        [(plain, PLAIN, "plain"), (streamed, STREAMED, "streamed"), (plain_too, PLAIN, "plain-too")]
    {
        assert_eq!(first.status, 200);
        let again = ask(&gateway, &key, body, idempotency);
        assert_same(&first, &again);
        assert!(replayed(&again));
        let refused = ask(&gateway, &key, "{}", idempotency);
        assert_eq!((refused.status, refused.code().as_str()), (422, "idempotency_key_reused"));
    }
    assert_eq!(upstream.count(), 3);
}

#[test]
fn a_large_answer_is_safe_when_its_last_byte_is_there() {
    let numbers = "0.125,".repeat(7 << 20);
    let tail = "\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}";
    let body = format!("{{\"object\":\"list\",\"data\":[{{\"embedding\":[{numbers}1]}}],\"model\":\"m\",{tail}");
    let length = body.len();
    let upstream = answering(move |_| json_answer("200 OK", &body));
    let mut gateway = gateway(upstream.address, "");
    let bearer = format!("Bearer {}", gateway.live_key());
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k")];
    let request = r#"{"model":"m","input":"x"}"#;
    let mut client = TcpStream::connect(gateway.address).unwrap();
    client.write_all(&post("/v1/embeddings", &headers, request.as_bytes())).unwrap();
    let (mut read, mut piece) = (Vec::with_capacity(length), vec![0; 1 << 20]);
    while !read.ends_with(tail.as_bytes()) {
        let count = client.read(&mut piece).unwrap();
        assert!(count > 0);
        read.extend_from_slice(&piece[..count]);
    }
    gateway = restart(gateway, "KILL");
    let again = gateway.post("/v1/embeddings", &headers, request);
    assert_eq!((again.status, replayed(&again), upstream.count()), (200, true, 1));
    assert!(again.complete && read.ends_with(&again.body) && again.body.len() == length);
}

#[test]
fn a_kill_in_the_middle_leaves_a_doubt_that_is_told() {
    for streamed in [false, true] {
        let vendor = Listener::start(move |mut stream, _| {
            let mut head = [0; 65536];
            let _ = stream.read(&mut head);
            if streamed {
                let token = chunks(GOOD_STREAM.split("data: [DONE]").next().unwrap().as_bytes(), usize::MAX);
                let _ = stream.write_all(&[SSE_HEAD.as_bytes(), &token].concat());
            }
            std::thread::sleep(Duration::from_secs(60));
        });
        let mut gateway = gateway(vendor.address, "");
        let key = gateway.live_key();
        let body = if streamed { STREAMED } else { PLAIN };
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| ask(&gateway, &key, body, "k"));
            let sent = || (vendor.accepted.load(Ordering::SeqCst) == 1).then_some(());
            assert!(eventually(Duration::from_secs(10), sent).is_some());
            std::thread::sleep(Duration::from_millis(100));
            gateway.signal("KILL");
            asked.join().unwrap();
        });
        gateway = restart(gateway, "KILL");
        let file = kept(&gateway).pop().unwrap();
        for _ in 0..2 {
            let refused = ask(&gateway, &key, body, "k");
            assert_eq!(
                (refused.status, refused.code().as_str()),
                (409, "idempotency_unfinished"),
                "{}",
                refused.text()
            );
            let first = file.split('.').nth(1).unwrap();
            assert!(refused.json()["error"]["message"].as_str().unwrap().contains(first), "{}", refused.text());
            assert_eq!(refused.header("x-should-retry"), Some("false"));
        }
        assert_eq!(ask(&gateway, &key, "{}", "k").status, 422);
        assert_eq!(vendor.accepted.load(Ordering::SeqCst), 1, "asked again unawares");
        // Nobody can read the half that came.
        let path = gateway.dir.path().join("data/idempotency").join(file);
        assert!(std::fs::metadata(path).unwrap().len() < 100);
    }
}

#[test]
fn nothing_is_sent_under_a_claim_that_cannot_be_written() {
    let upstream = answering(|_| json_answer("200 OK", GOOD));
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    let dir = gateway.dir.path().join("data/idempotency");
    std::fs::remove_dir(&dir).unwrap();
    let refused = ask(&gateway, &key, PLAIN, "k");
    assert_eq!((refused.status, refused.code().as_str()), (503, "idempotency_unavailable"), "{}", refused.text());
    assert_eq!(upstream.count(), 0);
    assert_eq!(gateway.chat(&key, PLAIN, &[]).status, 200, "others are served");
    std::fs::create_dir(&dir).unwrap();
    let answer = ask(&gateway, &key, PLAIN, "k");
    assert_eq!((answer.status, replayed(&answer)), (200, false));
    assert!(replayed(&ask(&gateway, &key, PLAIN, "k")));
}

#[test]
fn an_answer_too_large_to_keep_is_delivered_once() {
    let numbers = "0.125,".repeat(11 << 20);
    let body = format!(
        "{{\"object\":\"list\",\"data\":[{{\"embedding\":[{numbers}1]}}],\"model\":\"m\",\"usage\":{{\"prompt_tokens\":3,\"total_tokens\":3}}}}"
    );
    let length = body.len();
    let upstream = answering(move |_| json_answer("200 OK", &body));
    let gateway = gateway(upstream.address, "");
    let bearer = format!("Bearer {}", gateway.live_key());
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "large")];
    let request = r#"{"model":"m","input":"x"}"#;
    let first = gateway.post("/v1/embeddings", &headers, request);
    assert_eq!((first.status, first.complete, first.body.len()), (200, true, length));
    let refused = gateway.post("/v1/embeddings", &headers, request);
    assert_eq!((refused.status, refused.code().as_str()), (409, "idempotency_result_too_large"), "{}", refused.text());
    assert!(refused.text().contains(first.header("x-request-id").unwrap()));
    assert_eq!(upstream.count(), 1);
    let path = gateway.dir.path().join("data/idempotency").join(kept(&gateway).pop().unwrap());
    assert!(std::fs::metadata(path).unwrap().len() < 100);
}
