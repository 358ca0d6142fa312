//! Bodies that are too large, too deep, malformed or ambiguous: refused before anything goes to a vendor.

use super::{CHAT, Wire, chat, each, upstream};
use crate::harness::{Answer, Gateway, parse, request};
use std::io::Write;

const SMALL: &str = "[server]\nbody_limit = \"64KiB\"\nupload_limit = \"128KiB\"\n";

/// A chat body of about so many bytes.
fn large(bytes: usize) -> String {
    CHAT.replace("Hi", &"x".repeat(bytes))
}

#[test]
fn a_body_over_the_limit_is_413_and_the_caller_sees_it_however_long_it_goes_on() {
    let upstream = upstream();
    let gateway = Gateway::start(&format!("{SMALL}{}", upstream.config()));
    let key = gateway.live_key();
    let whole = large(8 * 1024 * 1024);
    let announced = chat(&key, &whole);
    let in_chunks = |path: &str| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let pieces =
            whole.as_bytes().chunks(32 * 1024).map(|p| format!("{:x}\r\n{}\r\n", p.len(), String::from_utf8_lossy(p)));
        format!("{head}{}0\r\n\r\n", pieces.collect::<String>())
    };
    let admin =
        |text: String| text.replace(&key, crate::harness::ADMIN).replace("/v1/chat/completions", "/admin/v1/keys");
    let cases = [
        ("announced", announced.clone()),
        ("in chunks", in_chunks("/v1/chat/completions")),
        ("admin, announced", admin(announced.clone())),
        ("admin, in chunks", admin(in_chunks("/v1/chat/completions"))),
        ("embeddings", announced.replace("/chat/completions", "/embeddings")),
    ];
    each(
        &cases,
        |case| case.0.to_owned(),
        |(name, bytes)| {
            let mut wire = Wire::to(gateway.address);
            // Sends all of it before it looks at the answer, as simple clients do.
            wire.stream.write_all(bytes.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
            let all = wire.rest().unwrap_or_else(|e| panic!("{name}: {e}"));
            let answer = parse(&all);
            assert_eq!(answer.status, 413, "{name}: {}", answer.text());
            assert!(answer.complete && answer.header("connection") == Some("close"), "{name}");
        },
    );
    // Nothing of the body is waited for when the announced length says enough.
    let head = announced.split_at(announced.len() - whole.len()).0.to_owned();
    assert_eq!(Wire::to(gateway.address).send(head).answer().status, 413);
    // A second request behind a refused body is never served.
    let all = Wire::to(gateway.address).send(announced + &chat(&key, CHAT)).rest().unwrap();
    assert!(parse(&all).complete);
    assert_eq!(upstream.count(), 0);
    assert_eq!(gateway.chat(&key, &large(60 * 1024), &[]).status, 200);
}

#[test]
fn an_upload_over_the_limit_is_413() {
    let gateway = Gateway::start(SMALL);
    let key = gateway.test_key();
    let upload = |bytes: usize| {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b\r\nContent-Disposition: \
             form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n{}\r\n--b--\r\n",
            "x".repeat(bytes)
        );
        let headers = [("x-api-key", key.as_str()), ("content-type", "multipart/form-data; boundary=b")];
        request(gateway.address, "POST", "/v1/audio/transcriptions", &headers, body.as_bytes())
    };
    assert_eq!(upload(100_000).status, 200);
    let answer = upload(4_000_000);
    assert_eq!(answer.status, 413, "{}", answer.text());
}

#[test]
fn a_malformed_body_is_400_and_no_vendor_sees_it() {
    let upstream = upstream();
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let add = |member: &str| CHAT.replacen('{', &format!("{{{member},"), 1).into_bytes();
    let deep = |n: usize| add(&format!("\"x\":{}{}", "[".repeat(n), "]".repeat(n)));
    let mut bad_utf8 = CHAT.as_bytes().to_vec();
    let at = CHAT.find("Hi").unwrap();
    bad_utf8[at] = 0xff;
    let cases: Vec<(&str, Vec<u8>, Option<&str>)> = vec![
        ("empty", Vec::new(), None),
        ("no JSON", b"model=m".to_vec(), None),
        ("array", b"[]".to_vec(), None),
        ("string", b"\"x\"".to_vec(), None),
        ("cut", CHAT.as_bytes()[..CHAT.len() - 1].to_vec(), None),
        ("trailing data", format!("{CHAT}{CHAT}").into_bytes(), None),
        ("trailing comma", CHAT.replace("}]}", "}],}").into_bytes(), None),
        ("trailing NUL", format!("{CHAT}\0").into_bytes(), None),
        ("comment", format!("/* */{CHAT}").into_bytes(), None),
        ("BOM", format!("\u{feff}{CHAT}").into_bytes(), None),
        ("UTF-16", CHAT.encode_utf16().flat_map(u16::to_le_bytes).collect(), None),
        ("invalid UTF-8", bad_utf8, None),
        ("lone surrogate in the model", br#"{"model":"\ud800","messages":[]}"#.to_vec(), Some("model")),
        ("raw line end in a string", CHAT.replace("Hi", "H\ni").into_bytes(), None),
        ("bad escape", CHAT.replace("Hi", "\\x41").into_bytes(), None),
        ("leading zero", add("\"x\":01"), None),
        ("NaN", add("\"x\":NaN"), None),
        ("deep", deep(2000), None),
        ("very deep", deep(200_000), None),
        ("model twice", add("\"model\":\"gpt-4\""), Some("model")),
        ("model twice, escaped", add("\"mod\\u0065l\":\"gpt-4\""), Some("model")),
        ("stream twice", add("\"stream\":false,\"str\\u0065am\":true"), Some("stream")),
        ("max_tokens twice", add("\"max_tokens\":1,\"max_tokens\":100000"), Some("max_tokens")),
        (
            "max_completion_tokens twice",
            add("\"max_completion_tokens\":1,\"max_completion_tok\\u0065ns\":9"),
            Some("max_completion_tokens"),
        ),
        ("messages twice", add("\"messages\":[]"), Some("messages")),
        ("no model", br#"{"messages":[]}"#.to_vec(), Some("model")),
        ("no messages", br#"{"model":"m"}"#.to_vec(), Some("messages")),
        ("model no string", br#"{"model":["m"],"messages":[]}"#.to_vec(), Some("model")),
        ("stream no boolean", add("\"stream\":\"true\""), Some("stream")),
        ("max_tokens negative", add("\"max_tokens\":-1"), Some("max_tokens")),
        ("max_tokens fraction", add("\"max_tokens\":1.5"), Some("max_tokens")),
    ];
    let bearer = format!("Bearer {key}");
    each(
        &cases,
        |case| case.0.to_owned(),
        |(name, body, field)| {
            let answer: Answer = request(
                gateway.address,
                "POST",
                "/v1/chat/completions",
                &[("authorization", &bearer), ("content-type", "application/json")],
                body,
            );
            assert_eq!(answer.status, 400, "{name}: {}", answer.text());
            if let Some(field) = field {
                assert_eq!(answer.json()["error"]["param"], *field, "{name}: {}", answer.text());
                assert!(
                    answer.json()["error"]["message"].as_str().unwrap().contains(field),
                    "{name}: {}",
                    answer.text()
                );
            }
        },
    );
    assert_eq!(upstream.count(), 0, "{}", upstream.last());
    let coded = gateway.chat(&key, CHAT, &[("content-encoding", "gzip")]);
    assert_eq!(coded.status, 400, "{}", coded.text());
    assert_eq!(upstream.count(), 0);
    // What looks odd and is right: white space around, 30-digit numbers, unknown fields, all passed on as they are.
    let odd = String::from_utf8(add("\"x\":123456789012345678901234567890,\"y\":1e400")).unwrap();
    assert_eq!(gateway.chat(&key, &format!(" \r\n\t{odd}\n"), &[]).status, 200);
    assert!(upstream.last().contains("\"x\":123456789012345678901234567890,\"y\":1e400"), "{}", upstream.last());
}
