//! Heads of requests and answers.
//!
//! A request's head is read strictly: what two parsers could read differently is refused. An answer's head is read
//! as leniently as is safe, except for its framing.

use super::body::Framing;
use crate::lines::Lines;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version};

/// Bounds of a head.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Whole head, in bytes.
    pub head: usize,
    /// Request target, in bytes.
    pub target: usize,
    /// Number of header lines.
    pub headers: usize,
}

impl Limits {
    /// For callers.
    pub const DOOR: Self = Self { head: 32 * 1024, target: 8 * 1024, headers: 64 };
    /// For vendors.
    pub const UPSTREAM: Self = Self { head: 64 * 1024, target: 0, headers: 128 };
}

/// Largest `headers` of any [`Limits`].
const MOST_HEADERS: usize = 128;

/// Why a head is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// A byte or line that the grammar has no place for, or that two parsers could read differently.
    #[error("malformed request head: {0}")]
    Malformed(&'static str),
    /// Over the head or header limit.
    #[error("the request head is too large")]
    TooLarge,
    /// Target over its limit.
    #[error("the request target is too long")]
    TargetTooLong,
    /// `CONNECT` has no meaning here.
    #[error("CONNECT is not supported")]
    Connect,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    #[error("HTTP version not supported")]
    Version,
}

/// A caller's request head.
#[derive(Debug)]
pub struct RequestHead {
    /// Method.
    pub method: Method,
    /// Path without query; begins with a slash.
    pub path: String,
    /// Query without its question mark.
    pub query: Option<String>,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// Header lines; names in lower case.
    pub headers: Lines,
    /// How the body is framed.
    pub framing: Framing,
    /// The caller waits for a `100 Continue`.
    pub expects_continue: bool,
    /// The connection may serve another request.
    pub keep_alive: bool,
}

/// A vendor's answer head.
#[derive(Debug)]
pub struct ResponseHead {
    /// Status.
    pub status: StatusCode,
    /// Header lines.
    pub headers: Lines,
    /// How the body is framed.
    pub framing: Framing,
    /// The connection may serve another request after the body.
    pub keep_alive: bool,
}

/// One past the empty line that ends a head, if it is there; looks from `from` on.
pub fn head_end(buffer: &[u8], from: usize) -> Option<usize> {
    let start = from.saturating_sub(3);
    memchr::memmem::find(buffer.get(start..)?, b"\r\n\r\n").map(|at| start + at + 4)
}

/// Reads a request head, its empty line included.
pub fn request(head: &Bytes, limits: Limits) -> Result<RequestHead, HeadError> {
    line_ends(head)?;
    let mut lines = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(lines.get_mut(..limits.headers).unwrap_or_default());
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(HeadError::Malformed("incomplete head")),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
        Err(httparse::Error::Version) if names_a_version(head) => return Err(HeadError::Version),
        Err(_) => return Err(HeadError::Malformed("not HTTP")),
    }
    let version = match parsed.version {
        Some(1) => Version::HTTP_11,
        Some(0) => Version::HTTP_10,
        _ => return Err(HeadError::Version),
    };
    let method =
        Method::from_bytes(parsed.method.unwrap_or_default().as_bytes()).map_err(|_| HeadError::Malformed("method"))?;
    let target = parsed.path.unwrap_or_default();
    if target.len() > limits.target {
        return Err(HeadError::TargetTooLong);
    }
    if method == Method::CONNECT {
        return Err(HeadError::Connect);
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    canonical_path(path)?;
    canonical_query(query.as_deref())?;
    let headers = header_lines(head, parsed.headers)?;
    host(&headers, version)?;
    let framing = request_framing(&headers, version)?;
    if headers.contains(&header::UPGRADE) {
        return Err(HeadError::Malformed("upgrade is not supported"));
    }
    let expects_continue = match headers.get(&header::EXPECT) {
        None => false,
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => version == Version::HTTP_11,
        Some(_) => return Err(HeadError::Malformed("unknown expectation")),
    };
    Ok(RequestHead {
        keep_alive: keep_alive(&headers, version),
        method,
        path: path.to_owned(),
        query,
        version,
        headers,
        framing,
        expects_continue,
    })
}

/// Whether the request line ends in ` HTTP/x.y`, after exactly a method and a target.
fn names_a_version(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    matches!(words[..], [_, _, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]]
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// Reads an answer head, its empty line included. `to_head` says that it answers a HEAD request.
pub fn response(head: &Bytes, limits: Limits) -> Result<ResponseHead, HeadError> {
    let mut lines = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Response::new(lines.get_mut(..limits.headers).unwrap_or_default());
    let mut config = httparse::ParserConfig::default();
    config.allow_spaces_after_header_name_in_responses(false);
    match config.parse_response(&mut parsed, head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(HeadError::Malformed("incomplete head")),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
        Err(_) => return Err(HeadError::Malformed("not HTTP")),
    }
    let version = if parsed.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    let status = StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(|_| HeadError::Malformed("status"))?;
    let headers = header_lines(head, parsed.headers)?;
    let framing = if status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
    {
        Framing::None
    } else {
        match (length(&headers)?, chunked(&headers)?) {
            (Some(_), true) => return Err(HeadError::Malformed("length beside chunking")),
            (Some(0), false) => Framing::None,
            (Some(length), false) => Framing::Length(length),
            (None, true) => Framing::Chunked,
            (None, false) => Framing::UntilClose,
        }
    };
    let keep_alive = keep_alive(&headers, version) && framing != Framing::UntilClose;
    Ok(ResponseHead { status, headers, framing, keep_alive })
}

/// Every LF follows a CR and every CR is followed by LF; no NUL; no folded line.
fn line_ends(head: &[u8]) -> Result<(), HeadError> {
    let mut at = 0;
    while let Some(found) = memchr::memchr3(b'\r', b'\n', 0, head.get(at..).unwrap_or_default()) {
        at += found;
        if head.get(at) != Some(&b'\r') || head.get(at + 1) != Some(&b'\n') {
            return Err(HeadError::Malformed("bare line end"));
        }
        at += 2;
        if matches!(head.get(at), Some(b' ' | b'\t')) {
            return Err(HeadError::Malformed("folded line"));
        }
    }
    Ok(())
}

/// A path that has one reading only: begins with a slash; no empty, `.` or `..` segment, no `;`, no backslash; no
/// percent escape of a slash, backslash, dot, control character or of anything that needs none.
pub(crate) fn canonical_path(path: &str) -> Result<(), HeadError> {
    const WHY: HeadError = HeadError::Malformed("the path is not canonical");
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err(HeadError::Malformed("the target must be a path"));
    }
    let mut previous = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'/' if previous == b'/' => return Err(WHY),
            b'%' => {
                let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok()).ok_or(WHY)?;
                let value = u8::from_str_radix(hex, 16).map_err(|_| WHY)?;
                if hex.starts_with('+')
                    || value < 0x20
                    || value == 0x7f
                    || value.is_ascii_alphanumeric()
                    || b"/\\.-_~;%".contains(&value)
                {
                    return Err(WHY);
                }
                at += 2;
            }
            b'\\' | b';' | b'#' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'}' | b'|' | 0..=b' ' | 0x7f.. => {
                return Err(WHY);
            }
            _ => {}
        }
        previous = byte;
        at += 1;
    }
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(WHY);
    }
    Ok(())
}

/// A query of printable ASCII, without a fragment behind it.
pub(crate) fn canonical_query(query: Option<&str>) -> Result<(), HeadError> {
    match query {
        Some(query) if query.bytes().any(|b| b <= b' ' || b >= 0x7f || b == b'#') => Err(HeadError::Malformed("query")),
        _ => Ok(()),
    }
}

/// The lines of a head; their values are slices of it, not copies.
fn header_lines(head: &Bytes, parsed: &[httparse::Header<'_>]) -> Result<Lines, HeadError> {
    let mut lines = Lines::with_capacity(parsed.len());
    for line in parsed {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| HeadError::Malformed("header name"))?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(line.value))
            .map_err(|_| HeadError::Malformed("header value"))?;
        lines.push(name, value);
    }
    Ok(lines)
}

fn host(headers: &Lines, version: Version) -> Result<(), HeadError> {
    let mut hosts = headers.all(&header::HOST);
    let Some(host) = hosts.next() else {
        return if version == Version::HTTP_10 { Ok(()) } else { Err(HeadError::Malformed("no Host")) };
    };
    if hosts.next().is_some() {
        return Err(HeadError::Malformed("more than one Host"));
    }
    authority(host.as_bytes())
}

/// A host name or address with an optional port, and nothing else.
pub(crate) fn authority(host: &[u8]) -> Result<(), HeadError> {
    const WHY: HeadError = HeadError::Malformed("malformed Host");
    let (name, port) = match host.strip_prefix(b"[") {
        Some(rest) => {
            let end = memchr::memchr(b']', rest).ok_or(WHY)?;
            let (address, tail) = rest.split_at(end);
            if address.is_empty() || !address.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')) {
                return Err(WHY);
            }
            (&b"x"[..], tail.get(1..).unwrap_or_default())
        }
        None => host.split_at(memchr::memchr(b':', host).unwrap_or(host.len())),
    };
    let good_name = !name.is_empty()
        && name.len() <= 253
        && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let good_port = match port.strip_prefix(b":") {
        None => port.is_empty(),
        Some(digits) => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
    };
    if good_name && good_port { Ok(()) } else { Err(WHY) }
}

fn request_framing(headers: &Lines, version: Version) -> Result<Framing, HeadError> {
    if headers.all(&header::CONTENT_LENGTH).count() > 1 {
        return Err(HeadError::Malformed("more than one Content-Length"));
    }
    match (length(headers)?, chunked(headers)?) {
        (Some(_), true) => Err(HeadError::Malformed("Content-Length beside Transfer-Encoding")),
        (None, true) if version == Version::HTTP_10 => Err(HeadError::Malformed("chunked HTTP/1.0")),
        (None, true) => Ok(Framing::Chunked),
        (Some(0) | None, false) => Ok(Framing::None),
        (Some(length), false) => Ok(Framing::Length(length)),
    }
}

/// The length, digits only; two that differ are an error.
fn length(headers: &Lines) -> Result<Option<u64>, HeadError> {
    const WHY: HeadError = HeadError::Malformed("Content-Length");
    let mut found = None;
    for value in headers.all(&header::CONTENT_LENGTH) {
        let digits = value.as_bytes();
        if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
            return Err(WHY);
        }
        let length = digits.iter().fold(0u64, |n, b| n * 10 + u64::from(b - b'0'));
        if found.is_some_and(|before| before != length) {
            return Err(WHY);
        }
        found = Some(length);
    }
    Ok(found)
}

/// Whether the one transfer coding is `chunked`; any other coding is an error.
fn chunked(headers: &Lines) -> Result<bool, HeadError> {
    let mut codings = headers.all(&header::TRANSFER_ENCODING);
    match (codings.next(), codings.next()) {
        (None, _) => Ok(false),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(true),
        _ => Err(HeadError::Malformed("Transfer-Encoding")),
    }
}

fn keep_alive(headers: &Lines, version: Version) -> bool {
    let says = |wanted: &str| {
        headers.all(&header::CONNECTION).any(|value| {
            value.to_str().is_ok_and(|v| v.split(',').any(|token| token.trim().eq_ignore_ascii_case(wanted)))
        })
    };
    if version == Version::HTTP_10 { says("keep-alive") } else { !says("close") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Result<RequestHead, HeadError> {
        request(&format!("{lines}\r\n\r\n").into(), Limits::DOOR)
    }

    #[test]
    fn refuses_what_two_parsers_could_read_differently() {
        for bad in [
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{b}chunked",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked",
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked",
            "GET / HTTP/1.1\nHost: a",
            "GET / HTTP/1.1\r\nHost: a\nX: b",
            "GET / HTTP/1.1\r\nHost: a\r\n folded",
            "GET / HTTP/1.1\r\nX: a\0b\r\nHost: a",
            "GET / HTTP/1.1",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a",
            "GET / HTTP/1.1\r\nHost: a/admin?#",
            "GET / HTTP/1.1\r\nHost: a@b",
            "GET / HTTP/1.1\r\nHost: ",
            "GET http://evil/admin HTTP/1.1\r\nHost: a",
            "GET * HTTP/1.1\r\nHost: a",
            "CONNECT a:443 HTTP/1.1\r\nHost: a",
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade",
            "GET / HTTP/2.0\r\nHost: a",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn paths_have_one_reading() {
        for bad in [
            "//",
            "/a//b",
            "/a/../b",
            "/./a",
            "/a/..",
            "/%2e%2e/a",
            "/a%2Fb",
            "/a%5cb",
            "/a%00",
            "/%61",
            "/a;b",
            "/a\\b",
            "/a%",
            "/a%zz",
            "/a#b",
            "/é",
        ] {
            assert!(canonical_path(bad).is_err(), "{bad}");
        }
        for good in ["/", "/v1/models/gpt-4.1:x@1", "/v1beta/models/a%3Ab", "/a.b/c_d~e", "/v1/models/org%20x"] {
            assert!(canonical_path(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn reads_what_is_right() {
        let head =
            read("POST /v1/x?key=1 HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 12\r\nExpect: 100-continue").unwrap();
        assert_eq!((head.path.as_str(), head.query.as_deref()), ("/v1/x", Some("key=1")));
        assert_eq!(head.framing, Framing::Length(12));
        assert!(head.keep_alive && head.expects_continue);
        assert!(!read("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close").unwrap().keep_alive);
        assert!(!read("GET / HTTP/1.0").unwrap().keep_alive);
        let many = "\r\nx: 1".repeat(65);
        assert_eq!(read(&format!("GET / HTTP/1.1\r\nHost: a{many}")).unwrap_err(), HeadError::TooLarge);
    }

    #[test]
    fn answers() {
        let read = |text: &str| response(&format!("{text}\r\n\r\n").into(), Limits::UPSTREAM);
        assert_eq!(read("HTTP/1.1 200 OK").unwrap().framing, Framing::UntilClose);
        assert_eq!(read("HTTP/1.1 204 No\r\nContent-Length: 4").unwrap().framing, Framing::None);
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5").is_err());
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked").is_err());
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4").is_ok());
        assert!(!read("HTTP/1.0 200 OK\r\nContent-Length: 4").unwrap().keep_alive);
    }
}
