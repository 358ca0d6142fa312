//! Streams cut, stalled, split and swollen in ways that need a hand on every byte.

use super::Ends::{Broken, Refused, Well};
use super::{SHORT, check, check_record, run};
use crate::harness::{Gateway, raw};
use crate::wire::{
    GOOD_STREAM, Listener, SSE_HEAD, STREAMED, TOKEN, answering, chunks, eventually, gateway, post, read_until, rss,
    sse,
};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Reads a request whole: these are small and come in one piece or two.
fn take_request(stream: &mut TcpStream) {
    let mut all = Vec::new();
    let mut piece = [0; 65536];
    while !(all.ends_with(b"}") && all.windows(4).any(|w| w == b"\r\n\r\n")) {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(count) => all.extend_from_slice(&piece[..count]),
        }
    }
}

/// An upstream that streams these chunks, a pause before each, then does as `then` says.
fn paced(pieces: Vec<String>, pause: u64, then: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Listener {
    Listener::start(move |mut stream, _| {
        take_request(&mut stream);
        let _ = stream.write_all(SSE_HEAD.as_bytes());
        for piece in &pieces {
            std::thread::sleep(Duration::from_millis(pause));
            if stream.write_all(&chunks(piece.as_bytes(), usize::MAX)).is_err() {
                return;
            }
        }
        then(&mut stream);
    })
}

#[test]
fn a_stream_cut_at_any_byte_ends_in_an_error_and_in_whole_events() {
    let text = GOOD_STREAM;
    let body = text.as_bytes();
    // Where [DONE] begins the answer is complete for a lenient reader, if the message ends properly there.
    let finish = text.find("\"finish_reason\":\"stop\"").unwrap();
    let upstream = answering(move |request| {
        let at = request.split_once("x-case: ").unwrap().1.split_once("\r\n").unwrap().0;
        let (at, clean) = at.split_once('/').unwrap();
        let at: usize = at.parse().unwrap();
        let end: &[u8] = if clean == "true" { b"0\r\n\r\n" } else { b"" };
        [SSE_HEAD.as_bytes(), &chunks(&body[..at], usize::MAX), end].concat()
    });
    let gateway = gateway(upstream.address, "forward_headers = [\"x-case\"]\n");
    let key = gateway.live_key();
    let end = text.find("data: [DONE]").unwrap();
    let cuts =
        (1..finish).map(|at| (at, at % 2 == 0)).chain([(end, true), (end, false), (end + 3, true), (end + 3, false)]);
    for (at, clean) in cuts {
        let answer = gateway.chat(&key, STREAMED, &[("x-case", &format!("{at}/{clean}"))]);
        let name = format!("cut at {at}");
        if clean && at == end {
            check(&name, &answer, Well);
            continue;
        }
        assert!(answer.complete, "{name}");
        assert!(!answer.text().contains("[DONE]"), "{name}: {}", answer.text());
        if answer.status == 200 {
            let body = answer.text();
            let (passed, error) =
                body.split_at(body.find("data: {\"error\"").unwrap_or_else(|| panic!("{name}: {body}")));
            assert!(text.starts_with(passed) && passed.ends_with("\n\n"), "{name}: {body}");
            assert!(error.ends_with("}}\n\n"), "{name}: {body}");
        } else {
            assert_eq!(answer.status, 502, "{name}");
        }
    }
}

#[test]
fn utf8_split_at_every_byte_passes_whole() {
    let upstream = answering(|request| {
        let at: usize = request.split_once("x-case: ").unwrap().1.split_once("\r\n").unwrap().0.parse().unwrap();
        let (a, b) = GOOD_STREAM.as_bytes().split_at(at);
        [SSE_HEAD.as_bytes(), &chunks(a, usize::MAX), &chunks(b, usize::MAX), b"0\r\n\r\n"].concat()
    });
    let gateway = gateway(upstream.address, "forward_headers = [\"x-case\"]\n");
    let key = gateway.live_key();
    let from = GOOD_STREAM.find('H').unwrap();
    for at in (1..GOOD_STREAM.len()).filter(|at| at % 7 == 0 || (from..from + 12).contains(at)) {
        let answer = gateway.chat(&key, STREAMED, &[("x-case", &at.to_string())]);
        check(&format!("split at {at}"), &answer, Well);
        assert_eq!(answer.text(), GOOD_STREAM);
    }
}

#[test]
fn silence_and_keep_alives_after_the_first_token() {
    let stall = paced(vec![TOKEN.into()], 0, |stream| drop(stream.read(&mut [0])));
    let gateway_a = gateway(stall.address, SHORT);
    run(&gateway_a, &gateway_a.live_key(), "silence", true, &[], Broken("upstream_timeout"));
    // Comments do not count as life, and neither does white space.
    for beat in [": keep-alive\n\n", "\n"] {
        let mut pieces = vec![TOKEN.to_owned()];
        pieces.resize(60, beat.to_owned());
        let pings = paced(pieces, 50, |_| ());
        let gateway = gateway(pings.address, SHORT);
        let started = Instant::now();
        run(&gateway, &gateway.live_key(), "keep-alives", true, &[], Broken("upstream_timeout"));
        assert!(started.elapsed() < Duration::from_millis(2500), "{:?}", started.elapsed());
    }
}

#[test]
fn slow_but_living_streams_are_left_alone() {
    let mut pieces = vec![TOKEN.to_owned(); 6];
    pieces.push(GOOD_STREAM.into());
    let upstream = paced(pieces, 250, |stream| drop(stream.write_all(b"0\r\n\r\n")));
    let gateway = gateway(upstream.address, SHORT);
    run(&gateway, &gateway.live_key(), "slow", true, &[], Well);
}

#[test]
fn the_total_limit_ends_a_stream() {
    let upstream = paced(vec![TOKEN.to_owned(); 100], 50, |_| ());
    let more = "timeouts = { first_byte = \"700ms\", idle = \"700ms\", total = \"1s\" }\n";
    let gateway = gateway(upstream.address, more);
    let answer = run(&gateway, &gateway.live_key(), "total", true, &[], Broken("upstream_timeout"));
    assert!(answer.events().len() > 5);
}

#[test]
fn the_head_waits_for_something_meaningful() {
    let role =
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
    let pieces = vec![": hello\n\n".to_owned(), role.to_owned(), TOKEN.to_owned()];
    let upstream = paced(pieces, 300, |stream| drop(stream.read(&mut [0])));
    let gateway = gateway(upstream.address, "");
    let bearer = format!("Bearer {}", gateway.live_key());
    let mut client = TcpStream::connect(gateway.address).unwrap();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    client.write_all(&post("/v1/chat/completions", &headers, STREAMED.as_bytes())).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    // A comment and a role chunk have come by now.
    assert!(client.read(&mut [0]).is_err());
    let text = String::from_utf8(read_until(&mut client, "tok")).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains(": hello\n\n") && text.contains(role), "{text}");
}

#[test]
fn giant_lines() {
    let line = |size: usize| {
        let event = TOKEN.replace("tok", &"é".repeat(size / 2));
        sse(&format!("{event}{GOOD_STREAM}"))
    };
    let (four, twenty) = (line(4 << 20), line(20 << 20));
    let first = format!("{TOKEN}{}", TOKEN.replace("tok", &"a".repeat(20 << 20)));
    let late = sse(&format!("{first}{GOOD_STREAM}"));
    let upstream = answering(move |request| {
        let name = request.split_once("x-case: ").unwrap().1.split_once("\r\n").unwrap().0;
        match name {
            "four" => four.clone(),
            "twenty" => twenty.clone(),
            _ => late.clone(),
        }
    });
    let gateway = gateway(upstream.address, "forward_headers = [\"x-case\"]\n");
    let key = gateway.live_key();
    let answer = run(&gateway, &key, "4 MiB", true, &[("x-case", "four")], Well);
    assert!(answer.text() == format!("{}{GOOD_STREAM}", TOKEN.replace("tok", &"é".repeat(2 << 20))));
    let before = rss(gateway.pid());
    run(&gateway, &key, "20 MiB", true, &[("x-case", "twenty")], Refused(502, "upstream_event_too_large"));
    run(&gateway, &key, "20 MiB late", true, &[("x-case", "late")], Broken("upstream_event_too_large"));
    // What was held is given back as soon as the allocator has anything to do.
    let back = eventually(Duration::from_secs(5), || {
        gateway.chat(&key, STREAMED, &[("x-case", "four")]);
        (rss(gateway.pid()).saturating_sub(before) < 64 * 1024).then_some(())
    });
    assert!(back.is_some(), "{} KiB", rss(gateway.pid()).saturating_sub(before));
}

#[test]
fn the_vendor_s_error_event_says_nothing_of_the_account() {
    let error = r#"data: {"error":{"message":"key sk-upstream-up of org-AbCd1234EfGh, mail bob@corp.example","type":"server_error"}}"#;
    let upstream = paced(vec![TOKEN.to_owned(), format!("{error}\n\n")], 100, |_| ());
    let gateway = gateway(upstream.address, "");
    let answer = run(&gateway, &gateway.live_key(), "account", true, &[], Broken("upstream_error"));
    for word in ["sk-upstream", "org-Ab", "bob"] {
        assert!(!answer.text().contains(word), "{}", answer.text());
    }
}

#[test]
fn http_1_0_callers_see_the_error_too() {
    let upstream = answering(|_| [SSE_HEAD.as_bytes(), &chunks(TOKEN.as_bytes(), 5)].concat());
    let gateway: Gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.0\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{STREAMED}",
        STREAMED.len()
    );
    let answer = raw(gateway.address, head.as_bytes());
    let ends = Broken("upstream_truncated");
    check("HTTP/1.0", &answer, ends);
    check_record(&gateway, "HTTP/1.0", &answer, ends);
}
