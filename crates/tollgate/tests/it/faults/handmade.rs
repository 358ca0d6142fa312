//! Answers that no simulator gives: broken framing, strange statuses, redirects.

use super::Ends::{Refused, Well};
use super::{Ends, SHORT, check, run};
use crate::harness::{Gateway, Upstream, json_answer};
use crate::wire::{GOOD, GOOD_STREAM, Listener, PLAIN, answering, chunks, gateway, model, provider, sse};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::atomic::Ordering;

const INVALID: Ends = Refused(502, "upstream_invalid_answer");
const CUT: Ends = Refused(502, "upstream_truncated");

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status}\r\n{headers}\r\n").as_bytes(), body].concat()
}

/// Name, what the upstream sends, how plain and streamed requests end.
fn answers() -> Vec<(&'static str, Vec<u8>, Ends, Ends)> {
    let json = "content-type: application/json\r\n";
    let events = "content-type: text/event-stream\r\n";
    let length = GOOD.len();
    let both = |name, bytes, ends| (name, bytes, ends, ends);
    let html = b"<!DOCTYPE html><html><body>502</body></html>\n\n";
    let error = br#"{"error":{"message":"broke","type":"server_error","code":null}}"#;
    let busy = br#"{"error":{"message":"busy","type":"server_error","code":"server_is_overloaded"}}"#;
    let mut rows = vec![
        both("html as html", http("200 OK", "content-type: text/html\r\n", html), INVALID),
        both("nothing", Vec::new(), Refused(502, "upstream_connection_lost")),
        both("half a head", b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec(), Refused(502, "upstream_connection_lost")),
        both("no HTTP", b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(), INVALID),
        both("empty body", http("200 OK", &format!("{json}content-length: 0\r\n"), b""), INVALID),
        both("blank body", http("200 OK", &format!("{json}content-length: 2\r\n"), b"\n\n"), INVALID),
        both("204", http("204 No Content", "", b""), INVALID),
        both(
            "206",
            http("206 Partial Content", &format!("{json}content-length: {length}\r\n"), GOOD.as_bytes()),
            INVALID,
        ),
        both("101", http("101 Switching Protocols", "upgrade: websocket\r\nconnection: upgrade\r\n", b""), INVALID),
        both("304", http("304 Not Modified", "", b""), Refused(502, "upstream_error")),
        both(
            "length and chunks",
            http(
                "200 OK",
                &format!("{json}content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
                GOOD.as_bytes(),
            ),
            INVALID,
        ),
        both(
            "two lengths",
            http("200 OK", &format!("{json}content-length: {length}\r\ncontent-length: 5\r\n"), GOOD.as_bytes()),
            INVALID,
        ),
        both(
            "signed length",
            http("200 OK", &format!("{json}content-length: +{length}\r\n"), GOOD.as_bytes()),
            INVALID,
        ),
        both(
            "gzip",
            http("200 OK", &format!("{json}content-encoding: gzip\r\ncontent-length: 4\r\n"), b"\x1f\x8b\x08\x00"),
            INVALID,
        ),
        both(
            "gzip coding",
            http("200 OK", &format!("{json}transfer-encoding: gzip, chunked\r\n"), b"0\r\n\r\n"),
            INVALID,
        ),
        both(
            "bad chunk size",
            http("200 OK", &format!("{json}transfer-encoding: chunked\r\n"), b"zz\r\nx\r\n"),
            INVALID,
        ),
        both(
            "never-ending headers",
            http("200 OK", &"x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(2000), b""),
            INVALID,
        ),
        both(
            "error with 200",
            http("200 OK", &format!("{json}content-length: {}\r\n", error.len()), error),
            Refused(502, "upstream_error"),
        ),
        both(
            "busy with 200",
            http("200 OK", &format!("{json}content-length: {}\r\n", busy.len()), busy),
            Refused(503, "upstream_unavailable"),
        ),
        both("empty 500", http("500 Oops", "content-length: 0\r\n", b""), Refused(502, "upstream_error")),
        both(
            "cut 500",
            http("500 Oops", &format!("{json}content-length: 9000\r\n"), b"{\"err"),
            Refused(502, "upstream_error"),
        ),
        both("JSON that is no answer", http("200 OK", &format!("{json}content-length: 2\r\n"), b"{}"), INVALID),
        both("invalid UTF-8", http("200 OK", json, b"{\"choices\":[\"\xff\xfe\"]}"), INVALID),
        ("html as event stream", http("200 OK", events, html), INVALID, Refused(502, "upstream_invalid_stream")),
        (
            "short length",
            http("200 OK", &format!("{json}content-length: {}\r\n", length - 9), GOOD.as_bytes()),
            INVALID,
            INVALID,
        ),
        (
            "long length",
            http("200 OK", &format!("{json}content-length: {}\r\n", length + 9), GOOD.as_bytes()),
            CUT,
            CUT,
        ),
        ("good until close", http("200 OK", json, GOOD.as_bytes()), Well, INVALID),
        (
            "1xx before",
            [
                &b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"[..],
                &http("200 OK", &format!("{json}content-length: {length}\r\n"), GOOD.as_bytes()),
            ]
            .concat(),
            Well,
            INVALID,
        ),
        ("no content type", http("200 OK", &format!("content-length: {length}\r\n"), GOOD.as_bytes()), Well, INVALID),
        ("blank lines first", http("200 OK", json, format!("\n \r\n\n{GOOD}").as_bytes()), Well, INVALID),
        (
            "cut inside chunk",
            http("200 OK", &format!("{json}transfer-encoding: chunked\r\n"), b"ff\r\n{\"choices\""),
            CUT,
            CUT,
        ),
        (
            "no last chunk",
            http("200 OK", &format!("{json}transfer-encoding: chunked\r\n"), &chunks(GOOD.as_bytes(), 9)),
            CUT,
            CUT,
        ),
        ("streamed unasked", sse(GOOD_STREAM), INVALID, Well),
    ];
    let as_text = http("200 OK", "content-type: text/plain\r\n", GOOD_STREAM.as_bytes());
    rows.push(("stream called text", as_text, INVALID, Well));
    rows
}

#[test]
fn broken_answers() {
    let rows = answers();
    let bytes: HashMap<String, Vec<u8>> =
        rows.iter().map(|(name, bytes, ..)| ((*name).to_owned(), bytes.clone())).collect();
    let upstream = answering(move |request| {
        let name = request.split_once("x-case: ").unwrap().1.split_once("\r\n").unwrap().0;
        bytes[name].clone()
    });
    let gateway = gateway(upstream.address, &format!("{SHORT}forward_headers = [\"x-case\"]\n"));
    let key = gateway.live_key();
    for (name, _, plain, streamed) in &rows {
        run(&gateway, &key, name, false, &[("x-case", name)], *plain);
        run(&gateway, &key, name, true, &[("x-case", name)], *streamed);
    }
    assert_eq!(upstream.count(), rows.len() * 2);
}

#[test]
fn a_closed_port_is_unreachable() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = gateway(port, SHORT);
    let key = gateway.live_key();
    for streamed in [false, true] {
        run(&gateway, &key, "closed port", streamed, &[], Refused(503, "upstream_unreachable"));
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let second = Upstream::start(|_, stream| stream.write_all(&json_answer("200 OK", GOOD)).is_ok());
    let target = second.address;
    let first = answering(move |_| {
        format!("HTTP/1.1 302 Found\r\nlocation: http://{target}/v1/chat/completions\r\ncontent-length: 0\r\n\r\n")
            .into()
    });
    let gateway = gateway(first.address, SHORT);
    run(&gateway, &gateway.live_key(), "redirect", false, &[], Refused(502, "upstream_error"));
    assert_eq!((first.count(), second.count()), (1, 0));
}

#[test]
fn extra_bytes_do_not_shift_the_next_answer() {
    // Every answer is followed by one that nobody asked for.
    let upstream = Upstream::start(|_, stream| {
        let evil = GOOD.replace("Hi", "EVIL");
        stream.write_all(&[json_answer("200 OK", GOOD), json_answer("200 OK", &evil)].concat()).is_ok()
    });
    let gateway = gateway(upstream.address, SHORT);
    let key = gateway.live_key();
    for _ in 0..10 {
        assert_eq!(gateway.chat(&key, PLAIN, &[]).text(), GOOD);
    }
}

#[test]
fn an_endless_error_body_is_bounded() {
    let upstream = Listener::start(|mut stream, _| {
        let _ = stream.read(&mut [0; 65536]);
        let _ =
            stream.write_all(b"HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"message\":\"");
        while stream.write_all(&[b'a'; 65536]).is_ok() {}
    });
    let gateway = gateway(upstream.address, SHORT);
    run(&gateway, &gateway.live_key(), "endless error", false, &[], Refused(400, "upstream_rejected"));
    assert_eq!(upstream.accepted.load(Ordering::SeqCst), 1);
}

#[test]
fn a_large_answer_that_breaks_is_cut() {
    let start = format!("{{\"choices\":[],\"filler\":\"{}", "a".repeat(3 << 20));
    let upstream = answering(move |request| {
        let how = request.split_once("x-case: ").unwrap().1.split_once("\r\n").unwrap().0;
        let framing = match how {
            "length" => format!("content-length: {}\r\n", start.len() + 1000),
            "chunks" => "transfer-encoding: chunked\r\n".into(),
            _ => String::new(),
        };
        let body = if how == "chunks" { chunks(start.as_bytes(), 65536) } else { start.clone().into_bytes() };
        http("200 OK", &format!("content-type: application/json\r\n{framing}"), &body)
    });
    let gateway = gateway(upstream.address, &format!("{SHORT}forward_headers = [\"x-case\"]\n"));
    let key = gateway.live_key();
    for how in ["length", "chunks", "close"] {
        let answer = gateway.chat(&key, PLAIN, &[("x-case", how)]);
        assert_eq!(answer.status, 200, "{how}");
        assert!(!answer.complete, "{how}");
        let record = crate::wire::record(&gateway, answer.header("x-request-id").unwrap());
        assert_eq!(record["outcome"], "stream_broken", "{how}");
    }
}

#[test]
fn an_early_error_goes_to_the_next_target() {
    let overloaded = "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
                      data: {\"error\":{\"message\":\"busy\",\"code\":\"server_is_overloaded\"}}\n\n";
    let first = answering(move |_| sse(overloaded));
    let second = answering(|_| sse(GOOD_STREAM));
    let config =
        [provider("a", first.address, ""), provider("b", second.address, ""), model(&[("a", 1, 1), ("b", 2, 1)])];
    let gateway = Gateway::start(&config.concat());
    let answer = gateway.chat(&gateway.live_key(), crate::wire::STREAMED, &[]);
    check("failover", &answer, Well);
    assert_eq!(answer.text(), GOOD_STREAM);
    assert_eq!(answer.header("x-tollgate-attempts"), Some("2"));
    assert_eq!(answer.header("x-tollgate-provider"), Some("b"));
}
