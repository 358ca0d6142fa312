//! Callers who leave, and callers who do not read.

use crate::harness::{Gateway, Upstream, json_answer};
use crate::wire::{
    GOOD, Listener, PLAIN, SSE_HEAD, STREAMED, Sim, TOKEN, chunks, eventually, gateway, model, post, provider,
    read_until, rss,
};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The longest that an upstream request may outlive its caller.
const SOON: Duration = Duration::from_secs(2);

fn open(gateway: &Gateway, key: &str, body: &str, sim: &str) -> TcpStream {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("x-tollgate-sim", sim)];
    let mut client = TcpStream::connect(gateway.address).unwrap();
    client.write_all(&post("/v1/chat/completions", &headers, body.as_bytes())).unwrap();
    client
}

fn sim_gateway() -> (Sim, Gateway) {
    let sim = Sim::start();
    let more = "forward_headers = [\"x-tollgate-sim\"]\n";
    let gateway = Gateway::start(&format!("{}{}", provider("up", sim.address, more), model(&[("up", 1, 1)])));
    (sim, gateway)
}

/// Waits until the journal's last entry has ended by its client's leaving.
fn left(sim: &Sim) {
    let started = Instant::now();
    let entry = eventually(SOON, || sim.journal().last().filter(|e| e["client_left"] == true).cloned());
    assert!(entry.is_some(), "not closed after {:?}: {:?}", started.elapsed(), sim.journal().last());
}

/// The record of the one request that has no other.
fn left_record(gateway: &Gateway, status: u16) -> Value {
    let found = eventually(SOON, || {
        let log = gateway.log();
        let line = log.lines().find(|l| l.contains("\"outcome\":\"client_left\""))?;
        Some(serde_json::from_str::<Value>(line).unwrap())
    });
    let record = found.unwrap_or_else(|| panic!("no record: {}", gateway.log()));
    assert_eq!(record["status"], status, "{record}");
    record
}

#[test]
fn leaving_before_the_head_closes_the_upstream() {
    for body in [PLAIN, STREAMED] {
        let (sim, gateway) = sim_gateway();
        let key = gateway.live_key();
        let client = open(&gateway, &key, body, "hang=before-head");
        assert!(eventually(SOON, || (!sim.journal().is_empty()).then_some(())).is_some());
        drop(client);
        left(&sim);
        left_record(&gateway, 499);
        assert_eq!(gateway.chat(&key, PLAIN, &[]).status, 200);
    }
}

#[test]
fn leaving_in_the_middle_closes_the_upstream() {
    let (sim, gateway) = sim_gateway();
    let key = gateway.live_key();
    let mut client = open(&gateway, &key, STREAMED, "chunks=1000;chunk-ms=20");
    read_until(&mut client, "\"content\":\"");
    drop(client);
    left(&sim);
    let record = left_record(&gateway, 200);
    assert_eq!(record["stream"], true);
    // Between tokens too, while nothing is being sent.
    let mut client = open(&gateway, &key, STREAMED, "chunks=5;stall-after=2");
    read_until(&mut client, "\"content\":\"");
    std::thread::sleep(Duration::from_millis(100));
    drop(client);
    left(&sim);
}

#[test]
fn leaving_in_the_sandbox_is_noticed() {
    let gateway = Gateway::start("");
    let key = gateway.test_key();
    let mut client = open(&gateway, &key, STREAMED, "chunks=1000;chunk-ms=20");
    read_until(&mut client, "\"content\":\"");
    drop(client);
    left_record(&gateway, 200);
    let metrics = eventually(SOON, || {
        let text = gateway.get("/metrics", &[]).text();
        text.contains("tollgate_requests_in_flight 0").then_some(())
    });
    assert!(metrics.is_some());
}

#[test]
fn leaving_during_an_upload_closes_the_upstream() {
    let ended = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&ended);
    let upstream = Listener::start(move |mut stream, _| {
        let mut piece = [0; 65536];
        while stream.read(&mut piece).is_ok_and(|count| count > 0) {}
        seen.fetch_add(1, Ordering::SeqCst);
    });
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {key}\r\ncontent-type: \
         multipart/form-data; boundary=XX\r\ncontent-length: 1000000\r\n\r\n--XX\r\ncontent-disposition: form-data; \
         name=\"model\"\r\n\r\nm\r\n--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\naaaa"
    );
    let mut client = TcpStream::connect(gateway.address).unwrap();
    client.write_all(head.as_bytes()).unwrap();
    assert!(eventually(SOON, || (upstream.accepted.load(Ordering::SeqCst) == 1).then_some(())).is_some());
    client.write_all(&[b'a'; 100_000]).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    drop(client);
    assert!(eventually(SOON, || (ended.load(Ordering::SeqCst) == 1).then_some(())).is_some());
    left_record(&gateway, 499);
}

#[test]
fn streams_left_behind_leak_no_connection() {
    let (sim, gateway) = sim_gateway();
    let key = gateway.live_key();
    for _ in 0..100 {
        let mut client = open(&gateway, &key, STREAMED, "chunks=1000;chunk-ms=20");
        read_until(&mut client, "200 OK");
    }
    let started = Instant::now();
    assert_eq!(gateway.chat(&key, PLAIN, &[]).status, 200);
    assert!(started.elapsed() < SOON);
    let gone = eventually(SOON * 2, || {
        let left = sim.journal().iter().filter(|e| e["client_left"] == true).count();
        (left == 100).then_some(())
    });
    assert!(gone.is_some());
    let clean = eventually(SOON, || {
        gateway.get("/metrics", &[]).text().contains("tollgate_requests_in_flight 0").then_some(())
    });
    assert!(clean.is_some());
}

/// An upstream that pours, and how many bytes it has got rid of.
fn pouring(bytes: usize, large_json: bool) -> (Listener, Arc<AtomicU64>) {
    let poured = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&poured);
    let upstream = Listener::start(move |mut stream, _| {
        let _ = stream.read(&mut [0; 65536]);
        let piece = if large_json {
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\n\r\n{{");
            let _ = stream.write_all(head.as_bytes());
            vec![b' '; 65536]
        } else {
            let _ = stream.write_all(SSE_HEAD.as_bytes());
            chunks(TOKEN.repeat(500).as_bytes(), usize::MAX)
        };
        let mut sent = 0;
        while sent < bytes && stream.write_all(&piece).is_ok() {
            sent += piece.len();
            count.fetch_add(piece.len() as u64, Ordering::SeqCst);
        }
    });
    (upstream, poured)
}

#[test]
fn a_caller_who_does_not_read_holds_the_upstream_back() {
    for (large_json, body) in [(false, STREAMED), (true, PLAIN)] {
        let (upstream, poured) = pouring(200 << 20, large_json);
        let gateway = gateway(upstream.address, "");
        let key = gateway.live_key();
        // Allocators and pools are warm after a few, one on each worker at least.
        for _ in 0..6 {
            let mut client = open(&gateway, &key, body, "");
            read_until(&mut client, "200 OK");
            std::thread::sleep(Duration::from_millis(100));
            drop(client);
            std::thread::sleep(Duration::from_millis(50));
        }
        let before = rss(gateway.pid());
        let start = poured.load(Ordering::SeqCst);
        let mut client = open(&gateway, &key, body, "");
        read_until(&mut client, "200 OK");
        // Kernels give their buffers room by and by; then it must stand still.
        let mut last = (0, Instant::now());
        let stands = eventually(Duration::from_secs(10), || {
            let now = poured.load(Ordering::SeqCst) - start;
            if now != last.0 {
                last = (now, Instant::now());
            }
            (last.1.elapsed() > Duration::from_millis(700)).then_some(now)
        });
        assert!(stands.is_some_and(|bytes| bytes < 40 << 20), "the upstream goes on: {last:?}");
        let grown = rss(gateway.pid()).saturating_sub(before);
        assert!(grown < 8192, "{grown} KiB (json: {large_json})");
        drop(client);
    }
}

#[test]
fn fifty_slow_streams_stay_small() {
    let (upstream, _) = pouring(200 << 20, false);
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    let before = rss(gateway.pid());
    let clients: Vec<TcpStream> = (0..50).map(|_| open(&gateway, &key, STREAMED, "")).collect();
    std::thread::sleep(Duration::from_millis(1500));
    let grown = rss(gateway.pid()).saturating_sub(before);
    println!("{grown} KiB for {} unread streams", clients.len());
    assert!(grown < 50 * 256, "{grown} KiB for {} streams", clients.len());
}

#[test]
fn a_pipelining_caller_is_not_one_who_leaves() {
    let upstream = Upstream::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(200));
        stream.write_all(&json_answer("200 OK", GOOD)).is_ok()
    });
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    let mut client = open(&gateway, &key, PLAIN, "");
    let bearer = format!("Bearer {key}");
    client.write_all(&post("/v1/chat/completions", &[("authorization", &bearer)], PLAIN.as_bytes())).unwrap();
    let both = read_until(&mut client, "\"total_tokens\":5}}HTTP/1.1");
    assert!(both.starts_with(b"HTTP/1.1 200"));
    assert_eq!(eventually(SOON, || (upstream.count() == 2).then_some(())), Some(()));
}
