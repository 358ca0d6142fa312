//! Forms with files: passed on while they arrive, never held whole, the model's name the only change.

use crate::harness::{Answer, Gateway, Upstream, json_answer, parse, raw};
use crate::wire::{Listener, answering, chunks, gateway, record, rss, sse};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const TEXT: &str = r#"{"text":"Hello.","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}}"#;

/// A part: name, file name if it is a file, content.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

fn form(boundary: &str, parts: &[Part<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, file, content) in parts {
        out.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"").as_bytes());
        if let Some(file) = file {
            out.extend_from_slice(format!("; filename=\"{file}\"\r\nContent-Type: audio/wav").as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

fn head(key: &str, route: &str, content_type: &str, framing: &str) -> Vec<u8> {
    format!(
        "POST /v1/audio/{route} HTTP/1.1\r\nhost: g\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
         content-type: {content_type}\r\n{framing}\r\n\r\n"
    )
    .into_bytes()
}

fn send(gateway: &Gateway, key: &str, content_type: &str, body: &[u8]) -> Answer {
    let framing = format!("content-length: {}", body.len());
    raw(gateway.address, &[&head(key, "transcriptions", content_type, &framing)[..], body].concat())
}

fn sent(upstream: &Upstream) -> (String, Vec<u8>) {
    let all = upstream.requests.lock().unwrap().last().unwrap().clone();
    let end = memchr::memmem::find(&all, b"\r\n\r\n").unwrap();
    (String::from_utf8(all[..end].to_vec()).unwrap(), all[end + 4..].to_vec())
}

fn answers() -> (Upstream, Gateway, String) {
    let upstream = Upstream::start(|_, stream| stream.write_all(&json_answer("200 OK", TEXT)).is_ok());
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    (upstream, gateway, key)
}

#[test]
fn the_model_may_stand_anywhere() {
    let (upstream, gateway, key) = answers();
    // Bytes that look like boundaries and like other parts.
    let tricky = b"\r\n--X\r\n--XXX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nevil\r\n--XX".repeat(2);
    let large: Vec<u8> = (0..5 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let parts = |model: &'static str| -> Vec<Vec<Part<'_>>> {
        vec![
            vec![("model", None, model.as_bytes()), ("file", Some("a.wav"), &large[..1000]), ("language", None, b"en")],
            vec![
                ("file", Some("a.wav"), &large),
                ("response_format", None, b"json"),
                ("model", None, model.as_bytes()),
            ],
            vec![("file", Some("a.wav"), &tricky), ("model", None, model.as_bytes()), ("stream", None, b"false")],
            vec![("prompt", None, b"model"), ("model", None, model.as_bytes()), ("file", Some("model"), &large)],
        ]
    };
    for (ours, theirs) in parts("m").iter().zip(parts("up-up")) {
        // A boundary of which a shorter one is a prefix, and one in quotes.
        for (boundary, content_type) in [
            ("XXYX", "multipart/form-data; boundary=XXYX"),
            ("a b'()+_,-./:=?c", "multipart/form-data; charset=x; boundary=\"a b'()+_,-./:=?c\""),
        ] {
            let (body, expected) = (form(boundary, ours), form(boundary, &theirs));
            let answer = send(&gateway, &key, content_type, &body);
            assert_eq!((answer.status, answer.text().as_str()), (200, TEXT));
            let (head, got) = sent(&upstream);
            assert!(got == expected, "{} for {}", got.len(), expected.len());
            assert!(head.contains(&format!("content-length: {}", expected.len())), "{head}");
            assert!(head.contains(&format!("content-type: {content_type}")), "{head}");
            let record = record(&gateway, answer.header("x-request-id").unwrap());
            assert_eq!(record["usage"], serde_json::json!({"audio_input_tokens": 14, "output_tokens": 45}));
        }
    }
    // The file that waited on disk is gone.
    let left: Vec<_> =
        std::fs::read_dir(gateway.dir.path().join("data")).unwrap().flatten().map(|e| e.path()).collect();
    assert!(left.iter().all(|path| path.metadata().unwrap().len() < 1 << 20), "{left:?}");
}

#[test]
fn chunked_uploads_pass_chunked() {
    let (upstream, gateway, key) = answers();
    let body = form("XX", &[("model", None, b"m"), ("file", Some("a"), &[7; 100_000])]);
    let expected = form("XX", &[("model", None, b"up-up"), ("file", Some("a"), &[7; 100_000])]);
    for size in [1, 1000, 65536] {
        let head = head(&key, "translations", "multipart/form-data; boundary=XX", "transfer-encoding: chunked");
        let answer = raw(gateway.address, &[&head[..], &chunks(&body, size), b"0\r\n\r\n"].concat());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let (head, got) = sent(&upstream);
        assert!(head.starts_with("POST /v1/audio/translations HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"), "{head}");
        // Put the chunks back together with the harness's own reader.
        let answer = parse(&[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &got[..]].concat());
        assert!(answer.complete && answer.body == expected);
    }
}

#[test]
fn bad_forms_reach_nobody_whole() {
    let upstream = answering(|_| json_answer("200 OK", TEXT));
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    let kind = "multipart/form-data; boundary=XX";
    let good = form("XX", &[("model", None, b"m"), ("file", Some("a"), b"abc")]);
    let rows: [(&str, &str, Vec<u8>); 8] = [
        ("no model", kind, form("XX", &[("file", Some("a"), b"abc")])),
        ("empty model", kind, form("XX", &[("model", None, b""), ("file", Some("a"), b"abc")])),
        ("no boundary", "multipart/form-data", good.clone()),
        ("no form", "application/json", good.clone()),
        ("another boundary", "multipart/form-data; boundary=YY", good.clone()),
        ("empty", kind, Vec::new()),
        ("two boundaries", "multipart/form-data; boundary=XX; boundary=YY", good.clone()),
        ("cut before the model", kind, good[..40].to_vec()),
    ];
    for (name, content_type, body) in rows {
        let answer = send(&gateway, &key, content_type, &body);
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
        assert!(!answer.code().is_empty(), "{name}");
    }
    assert_eq!(upstream.count(), 0);
    // What only shows after the model has been passed on: the vendor never gets a whole request of it.
    let twice = form("XX", &[("model", None, b"m"), ("file", Some("a"), &[1; 300_000]), ("model", None, b"n")]);
    let cut = good[..good.len() - 4].to_vec();
    for (name, body) in [("model twice", twice), ("no last boundary", cut)] {
        let answer = send(&gateway, &key, kind, &body);
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
    }
    assert_eq!(upstream.count(), 0);
}

#[test]
fn answers_of_all_formats_pass() {
    let verbose =
        r#"{"task":"transcribe","language":"english","duration":8.470000267028809,"text":"The beach.","segments":[]}"#;
    let long = format!("{{\"task\":\"transcribe\",\"duration\":3600.5,\"text\":\"{}\"}}", "word ".repeat(300_000));
    let stream = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Hé\"}\n\ndata: {\"type\":\"transcript.text.done\",\"text\":\"Hé\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":3,\"output_tokens\":2,\"total_tokens\":5}}\n\n";
    let rows = [
        ("json", json_answer("200 OK", TEXT), TEXT.to_owned(), Some(("audio_input_tokens", 14))),
        ("verbose", json_answer("200 OK", verbose), verbose.to_owned(), Some(("audio_milliseconds", 8471))),
        ("long", json_answer("200 OK", &long), long.clone(), Some(("audio_milliseconds", 3_600_500))),
        (
            "srt",
            text("1\n00:00:00,000 --> 00:00:01,000\nHé\n\n"),
            "1\n00:00:00,000 --> 00:00:01,000\nHé\n\n".into(),
            None,
        ),
        (
            "vtt",
            text("WEBVTT\n\n00:00.000 --> 00:01.000\nHé\n"),
            "WEBVTT\n\n00:00.000 --> 00:01.000\nHé\n".into(),
            None,
        ),
        ("text", text(""), String::new(), None),
        ("stream", sse(stream), stream.to_owned(), Some(("input_tokens", 3))),
        ("stream with end mark", sse(&format!("{stream}data: [DONE]\n\n")), format!("{stream}data: [DONE]\n\n"), None),
    ];
    let bytes: Vec<Vec<u8>> = rows.iter().map(|row| row.1.clone()).collect();
    let upstream = answering(move |request| {
        bytes[request.split_once("name=\"language\"\r\n\r\n").unwrap().1[..1].parse::<usize>().unwrap()].clone()
    });
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    for (index, (name, _, expected, usage)) in rows.iter().enumerate() {
        let which = index.to_string();
        let parts: [Part<'_>; 4] = [
            ("model", None, b"m"),
            ("file", Some("a"), b"abc"),
            ("language", None, which.as_bytes()),
            ("stream", None, if name.starts_with("stream") { b"true" } else { b"false" }),
        ];
        let answer = send(&gateway, &key, "multipart/form-data; boundary=XX", &form("XX", &parts));
        assert!(answer.status == 200 && answer.complete && answer.text() == *expected, "{name}: {}", answer.status);
        let record = record(&gateway, answer.header("x-request-id").unwrap());
        if let Some((counter, count)) = usage {
            assert_eq!(record["usage"][counter], *count, "{name}: {record}");
        }
    }
    let broken = sse(&stream[..stream.find("data: {\"type\":\"transcript.text.done").unwrap()]);
    let upstream = answering(move |_| broken.clone());
    let gateway = crate::wire::gateway(upstream.address, "");
    let parts: [Part<'_>; 2] = [("model", None, b"m"), ("file", Some("a"), b"abc")];
    let answer = send(&gateway, &gateway.live_key(), "multipart/form-data; boundary=XX", &form("XX", &parts));
    let last = answer.events().last().cloned().unwrap();
    assert!(answer.complete && last.contains("upstream_truncated"), "{}", answer.text());
}

fn text(body: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Sends a form whose file is made on the fly; gives the answer and by how much the gateway grew meanwhile, in KiB.
fn pour(gateway: &Gateway, key: &str, file: usize, model_first: bool) -> (Answer, u64) {
    let whole = |content: &[u8]| {
        let (model, file): (Part<'_>, Part<'_>) = (("model", None, b"m"), ("file", Some("a"), content));
        form("XX", &if model_first { [model, file] } else { [file, model] })
    };
    let empty = whole(b"@");
    let at = empty.iter().position(|b| *b == b'@').unwrap();
    let framing = format!("content-length: {}", empty.len() - 1 + file);
    let mut client = TcpStream::connect(gateway.address).unwrap();
    let before = rss(gateway.pid());
    let mut most = before;
    client.write_all(&head(key, "transcriptions", "multipart/form-data; boundary=XX", &framing)).unwrap();
    client.write_all(&empty[..at]).unwrap();
    let piece = vec![0x5a; 1 << 20];
    for _ in 0..file >> 20 {
        client.write_all(&piece).unwrap();
        most = most.max(rss(gateway.pid()));
    }
    client.write_all(&empty[at + 1..]).unwrap();
    let mut all = Vec::new();
    let _ = client.read_to_end(&mut all);
    (parse(&all), most - before)
}

#[test]
fn memory_stays_flat_while_300_mb_pass() {
    let total = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&total);
    let upstream = Listener::start(move |mut stream, _| {
        let (mut seen, mut tail) = (0, Vec::new());
        let mut piece = vec![0; 1 << 18];
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            seen += count as u64;
            tail.extend_from_slice(&piece[..count]);
            tail.drain(..tail.len().saturating_sub(64));
            if tail.ends_with(b"--XX--\r\n") {
                counted.store(seen, Ordering::SeqCst);
                let _ = stream.write_all(&json_answer("200 OK", TEXT));
                return;
            }
        }
    });
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    for model_first in [true, false] {
        let _ = pour(&gateway, &key, 32 << 20, model_first);
        let (answer, grown) = pour(&gateway, &key, 300 << 20, model_first);
        assert_eq!((answer.status, answer.text().as_str()), (200, TEXT));
        assert!(total.load(Ordering::SeqCst) > 300 << 20);
        println!("an upload of 300 MiB (model first: {model_first}) took {grown} KiB");
        assert!(grown < 16 * 1024, "{grown} KiB (model first: {model_first})");
    }
}

#[test]
fn an_upload_over_the_limit_is_refused() {
    let (upstream, gateway, key) = answers();
    let framing = format!("content-length: {}", 600u64 << 20);
    let answer = raw(gateway.address, &head(&key, "transcriptions", "multipart/form-data; boundary=XX", &framing));
    assert_eq!(answer.status, 413);
    assert_eq!(upstream.count(), 0);
}
