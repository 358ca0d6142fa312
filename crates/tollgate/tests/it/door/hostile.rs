//! Requests that two parsers could read differently, or that have no business here: each is refused once, the
//! connection ends, and nothing behind it is served.

use super::{Wire, chat, each, upstream};
use crate::harness::{Gateway, parse};

struct Case {
    name: &'static str,
    status: u16,
    bytes: Vec<u8>,
}

fn case(name: &'static str, status: u16, bytes: impl Into<Vec<u8>>) -> Case {
    Case { name, status, bytes: bytes.into() }
}

/// A GET of a target.
fn get(name: &'static str, status: u16, target: &str) -> Case {
    case(name, status, format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
}

/// A GET with these lines after the request line.
fn lines(name: &'static str, status: u16, lines: &str) -> Case {
    case(name, status, format!("GET /v1/models HTTP/1.1\r\n{lines}\r\n\r\n"))
}

/// A POST with a good key, these lines and this body.
fn post(name: &'static str, status: u16, lines: &str, body: &str) -> Case {
    let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer $KEY\r\n";
    case(name, status, format!("{head}{lines}\r\n\r\n{body}"))
}

fn chunked(name: &'static str, body: &str) -> Case {
    post(name, 400, "Transfer-Encoding: chunked", body)
}

fn framing() -> Vec<Case> {
    let te = |name, value: &str| post(name, 400, &format!("Transfer-Encoding: {value}"), "0\r\n\r\n");
    let length = |name, value: &str| post(name, 400, &format!("Content-Length: {value}"), "abc");
    vec![
        post("CL.TE", 400, "Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG"),
        post("TE.CL", 400, "Transfer-Encoding: chunked\r\nContent-Length: 4", "5c\r\n"),
        post("CL.0 with TE", 400, "Content-Length: 0\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        post("CL twice, equal", 400, "Content-Length: 3\r\nContent-Length: 3", "abc"),
        post("CL twice, different", 400, "Content-Length: 3\r\nContent-Length: 0", "abc"),
        length("CL list", "3, 3"),
        length("CL plus", "+3"),
        length("CL minus", "-3"),
        length("CL hex", "0x3"),
        length("CL with space inside", "3 3"),
        length("CL empty", ""),
        length("CL fraction", "3.0"),
        length("CL underscore", "1_0"),
        length("CL huge", "18446744073709551619"),
        post("TE twice", 400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        post("TE twice, identity", 400, "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        te("TE gzip, chunked", "gzip, chunked"),
        te("TE chunked, identity", "chunked, identity"),
        te("TE identity", "identity"),
        te("TE xchunked", "xchunked"),
        te("TE vertical tab", "\u{b}chunked"),
        te("TE quoted", "\"chunked\""),
        te("TE with parameter", "chunked;q=1"),
        te("TE empty", ""),
        te("TE comma", "chunked,"),
        post("TE space before colon", 400, "Transfer-Encoding : chunked", "0\r\n\r\n"),
        post("CL space before colon", 400, "Content-Length : 3", "abc"),
        post("tab before colon", 400, "Content-Length\t: 3", "abc"),
        case(
            "chunked HTTP/1.0",
            400,
            "POST /v1/chat/completions HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
    ]
}

fn chunks() -> Vec<Case> {
    vec![
        chunked("chunk size 0x", "0x3\r\nabc\r\n0\r\n\r\n"),
        chunked("chunk size minus", "-1\r\nabc\r\n0\r\n\r\n"),
        chunked("chunk size plus", "+3\r\nabc\r\n0\r\n\r\n"),
        chunked("chunk size empty", "\r\nabc\r\n0\r\n\r\n"),
        chunked("chunk size with leading space", " 3\r\nabc\r\n0\r\n\r\n"),
        chunked("chunk size with two numbers", "3 4\r\nabc\r\n0\r\n\r\n"),
        chunked("chunk size underscore", "0_3\r\nabc\r\n0\r\n\r\n"),
        chunked("chunk size over 64 bits", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
        chunked("chunk size ends in LF", "3\nabc\r\n0\r\n\r\n"),
        chunked("chunk data ends in LF", "3\r\nabc\n0\r\n\r\n"),
        chunked("chunk data without CRLF", "3\r\nabc0\r\n\r\n"),
        chunked("chunk longer than said", "3\r\nabcd\r\n0\r\n\r\n"),
        chunked("chunk extension with LF", "3;a\nb\r\nabc\r\n0\r\n\r\n"),
        chunked("chunk extension with CR", "3;a\rb\r\nabc\r\n0\r\n\r\n"),
        chunked("chunk extension with NUL", "3;a\0\r\nabc\r\n0\r\n\r\n"),
        chunked("chunk extension too long", &format!("3;{}\r\nabc\r\n0\r\n\r\n", "a".repeat(5000))),
        chunked("trailer that is a request line", "0\r\nGET /admin/v1/keys HTTP/1.1\r\n\r\n"),
        chunked("trailer with bare LF", "0\r\nX: a\nY: b\r\n\r\n"),
        chunked("trailer folded", "0\r\nX: a\r\n b\r\n\r\n"),
        chunked("trailer with space before colon", "0\r\nX : a\r\n\r\n"),
        chunked("trailers too long", &format!("0\r\nX: {}\r\n\r\n", "a".repeat(17_000))),
        chunked("end without CR", "0\r\n\n"),
    ]
}

fn bytes() -> Vec<Case> {
    vec![
        case("bare LF everywhere", 400, "GET /v1/models HTTP/1.1\nHost: a\n\n"),
        case("bare LF after the request line", 400, "GET /v1/models HTTP/1.1\nHost: a\r\n\r\n"),
        lines("bare LF between headers", 400, "Host: a\nX: b"),
        case("bare LF at the end", 400, "GET /v1/models HTTP/1.1\r\nHost: a\r\n\n"),
        lines("bare CR in a value", 400, "Host: a\r\nX: b\rTransfer-Encoding: chunked"),
        case("bare CR in the request line", 400, "GET /v1/models\r HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("CR only", 400, "GET /v1/models HTTP/1.1\rHost: a\r\r\r\n\r\n"),
        lines("NUL in a value", 400, "Host: a\r\nX: b\0c"),
        lines("NUL in a name", 400, "Host: a\r\nX\0: b"),
        lines("control character in a value", 400, "Host: a\r\nX: b\u{1}c"),
        lines("DEL in a value", 400, "Host: a\r\nX: b\u{7f}c"),
        lines("folded line", 400, "Host: a\r\nX: b\r\n c"),
        lines("folded line with tab", 400, "Host: a\r\nTransfer-Encoding:\r\n\tchunked"),
        lines("folded first line", 400, " X: b\r\nHost: a"),
        lines("no colon", 400, "Host: a\r\nX"),
        lines("empty name", 400, "Host: a\r\n: b"),
        lines("name with space", 400, "Host: a\r\nX Y: b"),
        lines("name not ASCII", 400, "Host: a\r\nX\u{e9}: b"),
        lines("no Host", 400, "X: b"),
        lines("two Hosts", 400, "Host: a\r\nHost: a"),
        lines("empty Host", 400, "Host: "),
        lines("Host with path", 400, "Host: a/admin?#"),
        lines("Host with user", 400, "Host: b@a"),
        lines("Host with space", 400, "Host: a b"),
        lines("Host list", 400, "Host: a, b"),
        lines("Host with a port that is no number", 400, "Host: a:80x"),
        lines("Host with an open bracket", 400, "Host: [::1"),
        lines("Host percent", 400, "Host: a%00"),
        lines(
            "Upgrade h2c",
            400,
            "Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA",
        ),
        lines(
            "Upgrade websocket",
            400,
            "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AA==",
        ),
        post("unknown Expect", 400, "Content-Length: 3\r\nExpect: 200-maybe", "abc"),
        post("Expect list", 400, "Content-Length: 3\r\nExpect: 100-continue, x", "abc"),
    ]
}

fn request_lines() -> Vec<Case> {
    vec![
        case("HTTP/0.9", 400, "GET /v1/models\r\n\r\n"),
        case("HTTP/2.0", 505, "GET /v1/models HTTP/2.0\r\nHost: a\r\n\r\n"),
        case("HTTP/1.2", 505, "GET /v1/models HTTP/1.2\r\nHost: a\r\n\r\n"),
        case("http/1.1", 400, "GET /v1/models http/1.1\r\nHost: a\r\n\r\n"),
        case("two spaces", 400, "GET  /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("tab", 400, "GET\t/v1/models HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("space at the end", 400, "GET /v1/models HTTP/1.1 \r\nHost: a\r\n\r\n"),
        case("no target", 400, "GET HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("space in the target", 400, "GET /v1/a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("leading space", 400, " GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("TLS hello", 400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".as_slice()),
        case("not UTF-8", 400, b"GET /v1/\xff HTTP/1.1\r\nHost: a\r\n\r\n".as_slice()),
        case("CONNECT", 405, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        case("CONNECT path", 405, "CONNECT /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"),
        get("absolute form", 400, "http://evil/admin/v1/keys"),
        get("absolute form, own name", 400, "http://a/v1/models"),
        get("authority form", 400, "a:443"),
        case("asterisk", 400, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("broken preface", 505, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"),
        get("no slash", 400, "v1/models"),
        get("dots", 400, "/v1/../admin/v1/keys"),
        get("dots at the end", 400, "/v1/models/.."),
        get("one dot", 400, "/v1/./models"),
        get("encoded slash", 400, "/v1/..%2fadmin"),
        get("encoded slash, capital", 400, "/v1/models/a%2Fb"),
        get("encoded dots", 400, "/v1/%2e%2e/admin"),
        get("encoded backslash", 400, "/v1/..%5cadmin"),
        get("twice encoded", 400, "/v1/%252e%252e/admin"),
        get("two slashes", 400, "//admin/v1/keys"),
        get("two slashes inside", 400, "/v1//models"),
        get("semicolon", 400, "/v1/models;x=1"),
        get("encoded semicolon", 400, "/v1/models%3bx"),
        get("backslash", 400, "/v1\\..\\admin"),
        get("encoded NUL", 400, "/v1/models%00"),
        get("encoded letter", 400, "/%61dmin/v1/keys"),
        get("encoded line end", 400, "/v1/models%0d%0aX:y"),
        get("half an escape", 400, "/v1/models%2"),
        get("no escape", 400, "/v1/models%zz"),
        get("escape with sign", 400, "/v1/models%+1"),
        get("fragment", 400, "/v1/models#x"),
        get("fragment after query", 400, "/v1/models?a#x"),
        get("not ASCII", 400, "/v1/mod\u{e9}ls"),
        get("not ASCII in the query", 400, "/v1/models?\u{e9}"),
        get("long target", 414, &format!("/v1/models?{}", "a".repeat(9000))),
        get("very long target", 431, &format!("/v1/models?{}", "a".repeat(40_000))),
        lines("65 headers", 431, &format!("Host: a{}", "\r\nX: y".repeat(64))),
        lines("200 headers", 431, &format!("Host: a{}", "\r\nX: y".repeat(200))),
        lines("33 KiB head", 431, &format!("Host: a\r\nX: {}", "y".repeat(33 * 1024))),
        case("33 KiB without an end", 431, format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(34 * 1024))),
    ]
}

#[test]
fn each_is_refused_and_nothing_behind_it_is_served() {
    let upstream = upstream();
    let gateway = Gateway::start(&format!("[server]\nheader_timeout = \"2s\"\n{}", upstream.config()));
    let key = gateway.live_key();
    let smuggled = chat(&key, super::CHAT);
    let cases: Vec<Case> = [framing(), chunks(), bytes(), request_lines()].into_iter().flatten().collect();
    assert!(cases.len() >= 120);
    let check = |case: &Case| {
        let mut sent = case.bytes.clone();
        if let Some(at) = sent.windows(4).position(|w| w == b"$KEY") {
            sent.splice(at..at + 4, key.bytes());
        }
        sent.extend_from_slice(smuggled.as_bytes());
        let mut wire = Wire::to(gateway.address);
        let all = wire.send(&sent).rest().expect("reset");
        let answer = parse(&all);
        assert_eq!(answer.status, case.status, "{}: {}", case.name, String::from_utf8_lossy(&all));
        assert!(answer.complete, "{}: more than one answer: {}", case.name, String::from_utf8_lossy(&all));
        assert_eq!(answer.header("connection"), Some("close"), "{}", case.name);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{}", case.name);
        assert!(!answer.json()["error"]["message"].as_str().unwrap().is_empty(), "{}", case.name);
        assert!(answer.header("x-request-id").is_some(), "{}", case.name);
    };
    each(&cases, |case| case.name.to_owned(), check);
    assert_eq!(upstream.count(), 0, "{}", upstream.last());
    // The gateway is as good as before.
    assert_eq!(gateway.chat(&key, super::CHAT, &[]).status, 200);
}
