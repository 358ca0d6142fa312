//! Callers that are slow, silent or many.

use super::{CHAT, Wire, chat, upstream};
use crate::harness::{Gateway, parse};
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const QUICK: &str = "[server]\nheader_timeout = \"700ms\"\nbody_timeout = \"900ms\"\nkeep_alive = \"800ms\"\n";

/// How long it takes until `wire` has ended, and what came before.
fn end(wire: &mut Wire) -> (Duration, Vec<u8>) {
    let start = Instant::now();
    let all = wire.rest().unwrap_or_default();
    (start.elapsed(), all)
}

fn within(took: Duration, limit_ms: u64) {
    let least = Duration::from_millis(limit_ms * 8 / 10);
    assert!(took >= least && took < Duration::from_millis(limit_ms + 4000), "{took:?} for {limit_ms} ms");
}

#[test]
fn silence_ends_a_connection() {
    let gateway = Gateway::start(QUICK);
    let key = gateway.test_key();
    let address = gateway.address;
    std::thread::scope(|scope| {
        scope.spawn(|| within(end(&mut Wire::to(address)).0, 700));
        scope.spawn(|| {
            let (took, all) = end(Wire::to(address).send("GET /healthz HTTP/1.1\r\nHost: a\r\n"));
            within(took, 700);
            assert!(all.is_empty());
        });
        scope.spawn(|| within(end(Wire::to(address).send("PRI * HTTP/2.0\r\n\r\n")).0, 700));
        // A byte now and then buys no time.
        scope.spawn(|| {
            let mut wire = Wire::to(address);
            let start = Instant::now();
            wire.send("GET /healthz HTTP/1.1\r\nX: ");
            while start.elapsed() < Duration::from_secs(5) && wire.stream.write_all(b"y").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
            within(start.elapsed(), 700);
        });
        scope.spawn(|| {
            let mut wire = Wire::to(address);
            assert_eq!(wire.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").answer().status, 200);
            within(end(&mut wire).0, 800);
        });
        // Half a second request has the time of a head, not that of an idle connection.
        scope.spawn(|| {
            let mut wire = Wire::to(address);
            assert_eq!(wire.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET ").answer().status, 200);
            within(end(&mut wire).0, 700);
        });
        for (name, head, drip) in [
            ("silent body", chat(&key, CHAT), false),
            ("one byte a tenth", chat(&key, CHAT), true),
            ("in chunks", chat(&key, "").replace("Content-Length: 0", "Transfer-Encoding: chunked"), true),
            ("admin", chat(crate::harness::ADMIN, CHAT).replace("/v1/chat/completions", "/admin/v1/keys"), true),
        ] {
            let head = head.replace(CHAT, "");
            scope.spawn(move || {
                let mut wire = Wire::to(address);
                wire.send(head);
                let mut writer = wire.stream.try_clone().unwrap();
                std::thread::spawn(move || {
                    while drip && writer.write_all(b"1").is_ok() {
                        std::thread::sleep(Duration::from_millis(100));
                    }
                });
                let start = Instant::now();
                let answer = wire.answer();
                within(start.elapsed(), 900);
                assert_eq!(answer.status, 408, "{name}: {}", answer.text());
                assert_eq!(answer.header("connection"), Some("close"), "{name}");
                let _ = wire.stream.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    // None of them was taken for a request.
    let metrics = gateway.get("/metrics", &[]).text();
    assert!(!metrics.contains("sandbox"), "{metrics}");
}

#[test]
fn many_slow_connections_do_not_hinder_a_good_one() {
    let upstream = upstream();
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let half = chat(&key, CHAT);
    let slow: Vec<TcpStream> = (0..200)
        .map(|n| {
            let mut stream = TcpStream::connect(gateway.address).unwrap();
            let part = match n % 3 {
                0 => &half[..20],
                1 => &half[..half.len() - 5],
                _ => "",
            };
            stream.write_all(part.as_bytes()).unwrap();
            stream
        })
        .collect();
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(gateway.chat(&key, CHAT, &[]).status, 200);
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(upstream.count(), 20);
    drop(slow);
}

#[test]
fn connections_over_the_limit_wait_their_turn() {
    let gateway = Gateway::start("[server]\nmax_connections = 4\nheader_timeout = \"1s\"\nworkers = 2\n");
    let silent: Vec<Wire> = (0..12).map(|_| Wire::to(gateway.address)).collect();
    let all = Wire::to(gateway.address).send("GET /healthz HTTP/1.0\r\n\r\n").rest().unwrap();
    assert_eq!(parse(&all).status, 200);
    drop(silent);
}
