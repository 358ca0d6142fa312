//! Signing in at the console: a cookie that stands for the admin key, and what it does not open.

use crate::harness::{ADMIN, Answer, Gateway, request};

const OURS: (&str, &str) = ("x-tollgate-console", "1");

fn sign_in(gateway: &Gateway, key: &str) -> Answer {
    let body = serde_json::json!({ "key": key }).to_string();
    gateway.post("/console/session", &[OURS, ("content-type", "application/json")], &body)
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[test]
fn a_cookie_stands_for_the_admin_key() {
    let gateway = Gateway::start("");
    assert_eq!(gateway.get("/console/session", &[OURS]).json()["actor"], serde_json::Value::Null);
    let answer = sign_in(&gateway, ADMIN);
    assert_eq!((answer.status, answer.json()["actor"].as_str()), (200, Some("env")));
    let line = answer.header("set-cookie").unwrap().to_owned();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("Secure") && !line.contains(ADMIN), "{line}");
    let cookie = cookie(&answer);
    let signed = [OURS, ("cookie", cookie.as_str())];
    assert_eq!(gateway.get("/admin/v1/keys", &signed).status, 200);
    assert_eq!(gateway.get("/console/session", &signed).json()["actor"], "env");
    let made = gateway.post("/admin/v1/keys", &signed, r#"{"name":"by cookie","mode":"test"}"#);
    assert_eq!(made.status, 201);
    // It opens nothing of the data plane.
    assert_eq!(gateway.get("/v1/models", &signed).status, 401);

    // Signing out ends it on this side too.
    let out = request(gateway.address, "DELETE", "/console/session", &signed, b"");
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(gateway.get("/admin/v1/keys", &signed).status, 401);
    // Neither key nor cookie is in the log.
    assert!(!gateway.log().contains(ADMIN) && !gateway.log().contains(cookie.split('=').nth(1).unwrap()));
}

#[test]
fn a_cookie_alone_opens_nothing() {
    let gateway = Gateway::start("");
    let cookie = cookie(&sign_in(&gateway, ADMIN));
    let cookie = ("cookie", cookie.as_str());
    let host = gateway.address.to_string();
    let origin = format!("http://{host}");
    let foreign: [&[(&str, &str)]; 5] = [
        &[cookie],
        &[cookie, OURS, ("sec-fetch-site", "cross-site")],
        &[cookie, OURS, ("sec-fetch-site", "same-site")],
        &[cookie, OURS, ("origin", "http://elsewhere.example")],
        &[cookie, OURS, ("origin", "null")],
    ];
    for headers in foreign {
        assert_eq!(gateway.get("/admin/v1/keys", headers).status, 401, "{headers:?}");
        assert_eq!(gateway.post("/admin/v1/keys", headers, r#"{"name":"x","mode":"test"}"#).status, 401, "{headers:?}");
    }
    for headers in [&[cookie, OURS, ("sec-fetch-site", "same-origin")][..], &[cookie, OURS, ("origin", &origin)]] {
        assert_eq!(gateway.get("/admin/v1/keys", headers).status, 200, "{headers:?}");
    }
    // Signing in from elsewhere does not work either, with the right key.
    let body = serde_json::json!({ "key": ADMIN }).to_string();
    assert_eq!(gateway.post("/console/session", &[], &body).status, 403);
    assert_eq!(gateway.post("/console/session", &[OURS, ("sec-fetch-site", "cross-site")], &body).status, 403);
    // No page of another site is told that it may ask.
    let asked = request(
        gateway.address,
        "OPTIONS",
        "/admin/v1/keys",
        &[("origin", "http://elsewhere.example"), ("access-control-request-method", "POST")],
        b"",
    );
    assert!(asked.header("access-control-allow-origin").is_none());
}

#[test]
fn guessing_is_slow_and_locks_nobody_out() {
    let gateway = Gateway::start("");
    let statuses: Vec<u16> = (0..20).map(|at| sign_in(&gateway, &format!("tg-admin-wrong-{at:020}")).status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429));
    assert_eq!(sign_in(&gateway, ADMIN).status, 200);
    for body in ["", "{}", r#"{"key":7}"#, r#"{"key":"a","more":1}"#, "[]"] {
        assert_eq!(gateway.post("/console/session", &[OURS], body).status, 400, "{body}");
    }
}
