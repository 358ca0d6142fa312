//! SIGTERM: what is open finishes, nothing new is taken.

use crate::door::{Wire, chat};
use crate::harness::{Answer, Gateway};
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const STREAM: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;

/// A stream of the sandbox that has begun and takes `chunks` × 50 ms.
fn stream(gateway: &Gateway, key: &str, chunks: u32) -> Wire {
    let sim = format!("Host: a\r\nx-tollgate-sim: chunks={chunks};chunk-ms=50");
    let mut wire = Wire::to(gateway.address);
    wire.send(chat(key, STREAM).replace("Host: a", &sim));
    wire.until("data: ");
    wire
}

fn refused(gateway: &Gateway) -> bool {
    TcpStream::connect(gateway.address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// A stream that the gateway had to cut says so, in a message that is properly ended.
fn ends_in_an_error(gateway: &Gateway, open: &mut Wire) {
    let rest = String::from_utf8_lossy(&open.rest().unwrap_or_default()).into_owned();
    assert!(rest.contains("\"code\":\"gateway_stopping\"") && !rest.contains("[DONE]"), "{rest}");
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "{rest}");
    assert!(
        gateway.log().contains("\"outcome\":\"stream_broken\",\"error\":\"gateway_stopping\""),
        "{}",
        gateway.log()
    );
}

#[test]
fn open_streams_finish_and_nothing_new_is_taken() {
    let mut gateway = Gateway::start("");
    let key = gateway.test_key();
    let mut streams: Vec<Wire> = (0..20).map(|_| stream(&gateway, &key, 40)).collect();
    let mut idle = Wire::to(gateway.address);
    assert_eq!(idle.send("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").answer().status, 200);
    // Half a body: this request has begun and is answered too.
    let begun = chat(&key, STREAM);
    let (half, rest) = begun.split_at(begun.len() - 10);
    let mut late = Wire::to(gateway.address);
    late.send(half);
    let mut half_head = Wire::to(gateway.address);
    half_head.send("GET /readyz HTTP/1.1\r\n");
    std::thread::sleep(Duration::from_millis(100));
    gateway.signal("TERM");
    let told = Instant::now();
    assert!(idle.ends());
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    while !refused(&gateway) {
        assert!(told.elapsed() < Duration::from_secs(1), "connections are still taken");
        std::thread::sleep(Duration::from_millis(5));
    }
    // A request whose head had begun is answered, and this answer says that it is not ready any more.
    let answer = half_head.send("Host: a\r\n\r\n").answer();
    assert_eq!((answer.status, answer.header("connection")), (503, Some("close")));
    assert!(half_head.ends());
    let answer: Answer = late.send(rest).answer();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
    for wire in &mut streams {
        let answer = wire.answer();
        assert!(answer.complete);
        assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
        assert!(wire.ends());
    }
    assert_eq!(gateway.wait(Duration::from_secs(3)), Some(0));
    assert!(gateway.log().contains("stopped"), "{}", gateway.log());
    assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
}

#[test]
fn an_idle_gateway_stops_at_once() {
    let mut gateway = Gateway::start("");
    let _idle = Wire::to(gateway.address);
    let told = Instant::now();
    gateway.signal("INT");
    assert_eq!(gateway.wait(Duration::from_secs(3)), Some(0));
    assert!(told.elapsed() < Duration::from_secs(2), "{:?}", told.elapsed());
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut gateway = Gateway::start("");
    let key = gateway.test_key();
    let mut open = stream(&gateway, &key, 600);
    gateway.signal("TERM");
    while !refused(&gateway) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let told = Instant::now();
    gateway.signal("TERM");
    assert_eq!(gateway.wait(Duration::from_secs(4)), Some(0));
    assert!(told.elapsed() < Duration::from_secs(3), "{:?}", told.elapsed());
    ends_in_an_error(&gateway, &mut open);
}

#[test]
fn drain_seconds_is_the_most_that_a_stop_takes() {
    let mut gateway = Gateway::start("[server]\ndrain_seconds = 1\n");
    let key = gateway.test_key();
    let mut open = stream(&gateway, &key, 600);
    let told = Instant::now();
    gateway.signal("TERM");
    assert_eq!(gateway.wait(Duration::from_secs(5)), Some(0));
    let took = told.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(4), "{took:?}");
    ends_in_an_error(&gateway, &mut open);
}
