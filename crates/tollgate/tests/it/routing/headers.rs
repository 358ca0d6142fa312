//! Both directions are allow-lists.

use crate::harness::Upstream;
use crate::wire::{GOOD, GOOD_STREAM, PLAIN, STREAMED, chunks, gateway};
use std::io::Write;

const HOSTILE: &[(&str, &str)] = &[
    ("user-agent", "OpenAI/Python 9"),
    ("x-stainless-lang", "python"),
    ("x-stainless-retry-count", "retry-77"),
    ("openai-organization", "org-callers"),
    ("openai-project", "proj-callers"),
    ("cookie", "session=1"),
    ("forwarded", "for=10.0.0.1"),
    ("x-forwarded-for", "10.0.0.1"),
    ("x-forwarded-host", "evil.example"),
    ("x-real-ip", "10.0.0.1"),
    ("via", "1.1 evil"),
    ("referer", "http://evil.example"),
    ("origin", "http://evil.example"),
    ("accept-encoding", "gzip, br"),
    ("accept-language", "xx"),
    ("x-custom", "evil"),
    ("x-request-id", "evil-id"),
    ("traceparent", "00-evil"),
    ("x-tollgate-sim", "status=500"),
    ("x-tollgate-translation", "strict"),
];

#[test]
fn only_listed_headers_of_the_caller_reach_the_vendor() {
    let upstream = Upstream::start(|_, stream| stream.write_all(&crate::harness::json_answer("200 OK", GOOD)).is_ok());
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    let mut headers = HOSTILE.to_vec();
    headers.extend([("openai-beta", "assistants=v2"), ("idempotency-key", "abc")]);
    assert_eq!(gateway.chat(&key, PLAIN, &headers).status, 200);
    let sent = upstream.last();
    let (head, _) = sent.split_once("\r\n\r\n").unwrap();
    let mut names: Vec<&str> = head.lines().skip(1).map(|line| line.split_once(": ").unwrap().0).collect();
    names.sort_unstable();
    let allowed = [
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "openai-beta",
        "user-agent",
    ];
    assert_eq!(names, allowed);
    for (_, value) in HOSTILE {
        assert!(!head.contains(value), "{value}: {head}");
    }
    assert!(!sent.contains(&key) && head.contains("authorization: Bearer sk-upstream-up\r\n"), "{head}");
    assert!(head.contains("accept-encoding: identity") && head.contains("user-agent: tollgate/"), "{head}");

    // The key in any of its places stays here.
    for (name, path) in [("x-api-key", ""), ("x-goog-api-key", ""), ("", "?key=")] {
        let mut headers = vec![("content-type", "application/json")];
        if !name.is_empty() {
            headers.push((name, key.as_str()));
        }
        let path =
            if path.is_empty() { "/v1/chat/completions".into() } else { format!("/v1/chat/completions?key={key}") };
        assert_eq!(gateway.post(&path, &headers, PLAIN).status, 200);
        assert!(!upstream.last().contains(&key));
    }
    assert!(!gateway.log().contains(&key));
}

#[test]
fn only_listed_headers_of_the_vendor_reach_the_caller() {
    const VENDOR: &str = "set-cookie: __cf_bm=1\r\nopenai-organization: org-AbCd1234\r\nopenai-project: proj_AbCd1234\r\n\
        x-ratelimit-limit-requests: 5\r\nx-ratelimit-remaining-tokens: 7\r\nserver: cloudflare\r\ncf-ray: 1\r\n\
        cf-cache-status: DYNAMIC\r\nx-request-id: req_vendor\r\nalt-svc: h3\r\nstrict-transport-security: x\r\n\
        x-envoy-upstream-service-time: 1\r\nvia: 1.1 google\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
        access-control-allow-origin: *\r\nconnection: keep-alive\r\nkeep-alive: timeout=5\r\nx-tollgate-provider: evil\r\n";
    let upstream = Upstream::start(|request, stream| {
        let request = String::from_utf8_lossy(request);
        let bytes = if request.contains("\"stream\":true") {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n{VENDOR}\r\n"
            );
            [head.as_bytes(), &chunks(GOOD_STREAM.as_bytes(), 50), b"0\r\n\r\n"].concat()
        } else if request.contains("refuse") {
            let body = r#"{"error":{"message":"no","type":"x","code":"y"}}"#;
            format!(
                "HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\n{VENDOR}content-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into()
        } else {
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{VENDOR}content-length: {}\r\n\r\n{GOOD}",
                GOOD.len()
            )
            .into_bytes()
        };
        stream.write_all(&bytes).is_ok()
    });
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    for (status, body) in [(200, PLAIN.to_owned()), (200, STREAMED.to_owned()), (400, PLAIN.replace("Say", "refuse"))] {
        let answer = gateway.chat(&key, &body, &[]);
        assert_eq!(answer.status, status, "{}", answer.text());
        for (name, value) in &answer.headers {
            let theirs = VENDOR.lines().any(|line| line == format!("{name}: {value}"));
            assert!(!theirs, "{name}: {value}");
        }
        for name in ["set-cookie", "openai-organization", "server", "cf-ray", "x-ratelimit-limit-requests", "via"] {
            assert_eq!(answer.header(name), None);
        }
        assert!(
            answer.header("x-request-id").unwrap().starts_with("req_")
                && answer.header("x-request-id") != Some("req_vendor")
        );
        assert_eq!(answer.header("x-tollgate-provider"), Some("up"));
        assert_eq!(answer.header("x-tollgate-attempts"), Some("1"));
        // The vendor's id is in the log instead.
        let record = crate::wire::record(&gateway, answer.header("x-request-id").unwrap());
        assert_eq!(record["upstream_request_id"], "req_vendor");
    }
}
