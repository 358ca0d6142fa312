//! What people see: the `OpenAPI` document, the console's files, its sign-in.

mod docs;
mod document;
mod samples;
mod session;

use crate::harness::{ADMIN, Answer, Gateway, request};
use std::net::{SocketAddr, TcpListener};

const PAGES: &[&str] = &["/console", "/console/keys/anything", "/openapi.json"];

/// That a page or file has the headers that keep it to itself.
fn guarded(path: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(part), "{path}: {part}");
    }
    assert!(!policy.contains("unsafe"), "{path}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"), "{path}");
}

#[test]
fn pages_carry_the_guards() {
    let gateway = Gateway::start("");
    for path in PAGES {
        let answer = gateway.get(path, &[]);
        assert_eq!(answer.status, 200, "{path}");
        guarded(path, &answer);
        assert_eq!(gateway.post(path, &[], "").status, 405, "{path}");
    }
    // No script or style stands in a page itself.
    let page = gateway.get("/console", &[]).text();
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" on"), "{page}");
    assert!(
        page.matches("<script").count()
            == page.matches("<script src=").count() + page.matches("<script type=\"module\" src=").count()
    );
}

#[test]
fn files_are_kept_compressed_and_few() {
    let gateway = Gateway::start("");
    let page = gateway.get("/console", &[]).text();
    let links = page.split(['"', '\'']).filter(|part| part.starts_with("/console/files/"));
    let mut files: Vec<&str> = links.collect();
    files.sort_unstable();
    files.dedup();
    assert!(files.len() > 10, "{page}");
    let mut all = gateway.get("/console", &[("accept-encoding", "gzip")]).body.len();
    for file in files {
        let answer = gateway.get(file, &[("accept-encoding", "br, gzip")]);
        assert_eq!(answer.status, 200, "{file}");
        let tag = answer.header("etag").unwrap();
        all += answer.body.len();
        let again = gateway.get(file, &[("if-none-match", tag)]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{file}");
        assert_eq!(gateway.get(file, &[]).header("content-encoding"), None, "{file}");
    }
    assert!(all < 300_000, "the first load of the console is {all} bytes");
    let missing = gateway.get("/console/files/0/nothing.js", &[]);
    assert_eq!(missing.status, 404);
    for path in ["/console/files/0/../main.js", "/consoles", "/console.html"] {
        assert!(matches!(gateway.get(path, &[]).status, 400 | 404), "{path}");
    }
}

#[test]
fn an_admin_listener_takes_the_console_with_it() {
    let admin: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::start(&format!("[server]\nadmin_listen = \"{admin}\""));
    for path in ["/console", "/console/session", "/console/play/v1/models"] {
        assert_eq!(gateway.get(path, &[]).status, 404, "{path}");
    }
    assert_eq!(gateway.get("/openapi.json", &[]).status, 200);
    let body = br#"{"name":"t","mode":"test"}"#;
    let bearer = format!("Bearer {ADMIN}");
    let made = request(admin, "POST", "/admin/v1/keys", &[("authorization", &bearer)], body);
    let key = format!("Bearer {}", made.json()["key"].as_str().unwrap());
    assert_eq!(request(admin, "GET", "/console", &[], b"").status, 200);
    // The data plane is there by the playground's address only, and asks for a key as always.
    let ask = |path: &str, headers: &[(&str, &str)]| request(admin, "GET", path, headers, b"").status;
    assert_eq!(ask("/v1/models", &[("authorization", &key)]), 404);
    assert_eq!(ask("/console/play/v1/models", &[("authorization", &key)]), 200);
    assert_eq!(ask("/console/play/v1/models", &[]), 401);
}
