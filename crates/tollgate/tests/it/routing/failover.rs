//! From target to target.

use super::{always, ask, good};
use crate::harness::{Gateway, Upstream};
use crate::wire::{GOOD, Listener, PLAIN, STREAMED, answering, model, provider, record, sse};
use std::io::Read;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const ERROR: &str = r#"{"error":{"message":"no","type":"x","param":null,"code":null}}"#;

fn two(a: SocketAddr, b: SocketAddr) -> Gateway {
    let short = "timeouts = { connect = \"1s\", first_byte = \"400ms\" }\n";
    Gateway::start(&[provider("a", a, short), provider("b", b, short), model(&[("a", 1, 1), ("b", 2, 1)])].concat())
}

#[test]
fn the_lower_priority_number_goes_first_and_weights_share() {
    let (a, b, c) = (good(), good(), good());
    let config = [
        provider("a", a.address, ""),
        provider("b", b.address, ""),
        provider("c", c.address, ""),
        model(&[("c", 7, 100), ("a", 1, 3), ("b", 1, 1)]),
    ];
    let gateway = Gateway::start(&config.concat());
    let key = gateway.live_key();
    for _ in 0..400 {
        assert_eq!(ask(&gateway, &key).status, 200);
    }
    // 300 expected; five standard deviations either way.
    assert!((255..=345).contains(&a.count()), "{}", a.count());
    assert_eq!((a.count() + b.count(), c.count()), (400, 0));
    assert!(a.last().contains("\"model\":\"up-a\"") && b.last().contains("\"model\":\"up-b\""));
}

#[test]
fn what_proves_that_nothing_was_served_goes_to_the_next_target() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let firsts = [
        None,
        Some(always("503 Busy", "", ERROR)),
        Some(always("529 Overloaded", "", ERROR)),
        Some(always("500 Oops", "", ERROR)),
        Some(always("502 Bad Gateway", "", "<html>")),
        Some(always("429 Slow Down", "", ERROR)),
        Some(always("401 Who", "", ERROR)),
        Some(always("402 Pay", "", ERROR)),
        Some(always("403 No", "", ERROR)),
        Some(always("301 Moved", "location: http://127.0.0.1:1/\r\n", "")),
    ];
    for (index, first) in firsts.iter().enumerate() {
        let second = good();
        let gateway = two(first.as_ref().map_or(closed, |first| first.address), second.address);
        let answer = ask(&gateway, &gateway.live_key());
        assert_eq!((answer.status, answer.text().as_str()), (200, GOOD), "{index}");
        assert_eq!(answer.header("x-tollgate-attempts"), Some("2"), "{index}");
        assert_eq!(answer.header("x-tollgate-provider"), Some("b"), "{index}");
        assert_eq!(answer.header("x-tollgate-model"), Some("up-b"), "{index}");
        assert_eq!((first.as_ref().map_or(1, Upstream::count), second.count()), (1, 1), "{index}");
        let record = record(&gateway, answer.header("x-request-id").unwrap());
        assert_eq!((&record["attempts"], &record["provider"]), (&2.into(), &"b".into()));
    }
}

#[test]
fn a_refusal_of_the_request_is_not_asked_again() {
    for status in ["400 Bad Request", "404 Not Found", "413 Too Large", "422 Unprocessable"] {
        let (first, second) = (always(status, "", ERROR), good());
        let gateway = two(first.address, second.address);
        let answer = ask(&gateway, &gateway.live_key());
        assert_eq!(answer.status.to_string(), status[..3]);
        assert_eq!(answer.text(), ERROR);
        assert_eq!((first.count(), second.count()), (1, 0), "{status}");
        assert_eq!(answer.header("x-tollgate-attempts"), Some("1"));
    }
}

#[test]
fn a_request_of_unknown_fate_is_not_sent_again() {
    let silent = Listener::start(|mut stream, _| while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {});
    let second = good();
    let gateway = two(silent.address, second.address);
    let started = Instant::now();
    let answer = ask(&gateway, &gateway.live_key());
    assert_eq!((answer.status, answer.code().as_str()), (504, "upstream_timeout"));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!((silent.accepted.load(Ordering::SeqCst), second.count()), (1, 0));

    let broken: [Vec<u8>; 4] =
        [Vec::new(), b"HTTP/1.1 200 OK\r\n".to_vec(), b"nonsense\r\n\r\n".to_vec(), sse(": x\n\n")];
    for bytes in broken {
        let (first, second) = (answering(move |_| bytes.clone()), good());
        let gateway = two(first.address, second.address);
        let key = gateway.live_key();
        assert_eq!(gateway.chat(&key, STREAMED, &[]).status, 502);
        assert_eq!((first.count(), second.count()), (1, 0));
    }
}

#[test]
fn a_storm_of_failures_is_not_multiplied() {
    let (a, b) = (always("500 Oops", "", ERROR), always("503 Busy", "", ERROR));
    let gateway = two(a.address, b.address);
    let key = gateway.live_key();
    for _ in 0..60 {
        assert!([502, 503].contains(&ask(&gateway, &key).status));
    }
    let attempts = a.count() + b.count();
    assert!((60..=60 + 12 + 20).contains(&attempts), "{attempts}");
    // And the next sixty bring no more than their share, but that share they do bring: no debt is left.
    for _ in 0..60 {
        ask(&gateway, &key);
    }
    let more = a.count() + b.count() - attempts;
    assert!((60 + 10..=60 + 13).contains(&more), "{more}");
}

#[test]
fn names_of_models() {
    let (a, b) = (good(), good());
    let gateway = two(a.address, b.address);
    let key = gateway.live_key();
    let named = |name: &str| gateway.chat(&key, &PLAIN.replace("\"m\"", &format!("\"{name}\"")), &[]);
    let unknown = named("no-such-model");
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "model_not_found"));
    assert_eq!(unknown.json()["error"]["param"], "model");
    assert_eq!(unknown.header("x-tollgate-attempts"), Some("0"));
    assert_eq!(named("c/gpt-5").status, 404);
    assert_eq!((a.count(), b.count()), (0, 0));
    assert_eq!(named("b/ft:some/thing").status, 200);
    assert!(b.last().contains("\"model\":\"ft:some/thing\""));
    assert_eq!(named("gpt-5-mini").status, 200);
    assert!(a.last().contains("\"model\":\"gpt-5-mini\""), "the catalogue's model at the first provider of its kind");
}

#[test]
fn what_the_client_is_told_about_retrying() {
    // One target, one account: nothing was retried here, the client may. Two: the gateway has tried.
    let a = always("500 Oops", "", ERROR);
    let one = crate::wire::gateway(a.address, "");
    assert_eq!(ask(&one, &one.live_key()).header("x-should-retry"), None);
    let b = always("500 Oops", "", ERROR);
    let both = two(a.address, b.address);
    let answer = ask(&both, &both.live_key());
    assert_eq!((answer.status, answer.header("x-should-retry")), (502, Some("false")));
    let locked = always("401 Who", "", ERROR);
    let one = crate::wire::gateway(locked.address, "");
    assert_eq!(ask(&one, &one.live_key()).header("x-should-retry"), Some("false"));
}
