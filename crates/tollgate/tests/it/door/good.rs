//! What a proper caller may do on a connection.

use super::{CHAT, Wire, chat, upstream};
use crate::harness::Gateway;
use std::io::Write;

#[test]
fn pipelined_requests_are_served_in_order() {
    let gateway = Gateway::start("");
    let key = gateway.test_key();
    let streamed = CHAT.replace("{\"model\"", "{\"stream\":true,\"model\"");
    let mut all = String::new();
    for n in 0..20 {
        all.push_str(&match n % 4 {
            0 => format!("GET /none-{n} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n"),
            1 => chat(&key, CHAT),
            2 => chat(&key, &streamed),
            _ => "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        });
    }
    let mut wire = Wire::to(gateway.address);
    wire.send(&all);
    for n in 0..20 {
        match n % 4 {
            0 => {
                let answer = wire.answer();
                assert_eq!(answer.status, 404);
                assert!(answer.text().contains(&format!("none-{n}")), "{}", answer.text());
            }
            1 => assert_eq!(wire.answer().json()["object"], "chat.completion"),
            2 => assert_eq!(wire.answer().events().last().unwrap(), "[DONE]"),
            _ => {
                // A HEAD's answer has the length and not the body, so it is read by hand.
                while !wire.read.windows(4).any(|w| w == b"\r\n\r\n") {
                    assert!(wire.more() > 0);
                }
                let end = wire.read.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
                let head: Vec<u8> = wire.read.drain(..end).collect();
                assert!(String::from_utf8(head).unwrap().contains("content-length: 3\r\n"));
                assert_eq!(wire.answer().text(), "ok\n");
            }
        }
    }
    // However they are cut.
    let mut wire = Wire::to(gateway.address);
    for piece in chat(&key, CHAT).repeat(2).as_bytes().chunks(7) {
        wire.send(piece);
    }
    assert_eq!((wire.answer().status, wire.answer().status), (200, 200));
}

#[test]
fn connections_live_as_long_as_their_version_and_words_say() {
    let gateway = Gateway::start("");
    let get = |version: &str, lines: &str| format!("GET /healthz HTTP/{version}\r\n{lines}\r\n");
    for (request, lives) in [
        (get("1.1", "Host: a\r\n"), true),
        (get("1.1", "Host: a\r\nConnection: close\r\n"), false),
        (get("1.1", "Host: a\r\nConnection: x, Close\r\n"), false),
        (get("1.0", ""), false),
        (get("1.0", "Host: a\r\n"), false),
        (get("1.0", "Host: a\r\nConnection: keep-alive\r\n"), true),
        // An empty line before a request does no harm (RFC 9112 §2.2).
        (format!("\r\n{}", get("1.1", "Host: a\r\n")), true),
    ] {
        let mut wire = Wire::to(gateway.address);
        let answer = wire.send(&request).answer();
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"), "{request:?}");
        let said = match (lives, request.contains("HTTP/1.0")) {
            (false, _) => Some("close"),
            (true, true) => Some("keep-alive"),
            (true, false) => None,
        };
        assert_eq!(answer.header("connection"), said, "{request:?}");
        if lives {
            assert_eq!(wire.send(&request).answer().status, 200, "{request:?}");
        } else {
            assert!(wire.ends(), "{request:?}");
        }
    }
}

#[test]
fn a_stream_for_http_1_0_has_no_chunks_and_ends_with_the_connection() {
    let gateway = Gateway::start("");
    let key = gateway.test_key();
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
    let request = chat(&key, body).replace("HTTP/1.1", "HTTP/1.0").replace("Host: a\r\n", "");
    let all = Wire::to(gateway.address).send(request).rest().unwrap();
    let text = String::from_utf8(all).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(!text.contains("transfer-encoding") && text.contains("connection: close\r\n"), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[test]
fn who_waits_for_continue_gets_it_and_only_when_the_body_is_wanted() {
    let upstream = upstream();
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let request = chat(&key, CHAT).replace("Host: a", "Host: a\r\nExpect: 100-Continue");
    let (head, body) = request.split_at(request.len() - CHAT.len());
    let mut wire = Wire::to(gateway.address);
    wire.stream.write_all(head.as_bytes()).unwrap();
    while wire.read.len() < 25 {
        assert!(wire.more() > 0);
    }
    assert_eq!(wire.read, b"HTTP/1.1 100 Continue\r\n\r\n");
    wire.stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(wire.answer().status, 200);
    // The body is there already: no interim answer, and the connection goes on.
    wire.stream.write_all(request.as_bytes()).unwrap();
    assert_eq!(wire.answer().status, 200);
    // Refused by the head alone: the body is never asked for.
    let all = Wire::to(gateway.address).send(head.replace(&key, "sk-no")).rest().unwrap();
    assert!(all.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&all));
    assert_eq!(upstream.count(), 2);
}

#[test]
fn chunks_with_extensions_and_trailers_are_read_and_a_request_follows() {
    let upstream = upstream();
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let (a, b) = CHAT.split_at(10);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: [::1]:80\r\nx-api-key: {key}\r\nTransfer-Encoding: Chunked\r\n\r\n\
         {:x};name=\"value\"\r\n{a}\r\n000{:X} \r\n{b}\r\n0 ;x\r\nX-Check: 1\r\nEmpty:\r\n\r\n",
        a.len(),
        b.len(),
    );
    let mut wire = Wire::to(gateway.address);
    wire.send(request.repeat(2));
    for _ in 0..2 {
        let answer = wire.answer();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert!(upstream.last().ends_with(&CHAT.replace("\"m\"", "\"gpt-5-mini\"")), "{}", upstream.last());
    // Chunks and trailers are between the caller and the gateway.
    assert!(!upstream.last().to_ascii_lowercase().contains("x-check"));
    assert_eq!(wire.send(chat(&key, CHAT)).answer().status, 200);
}
