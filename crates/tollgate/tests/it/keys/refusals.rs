//! What the admin API refuses, and how it says so.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use super::{ADMIN, Gate, text};

#[tokio::test]
async fn nobody_gets_in_without_the_key() {
    let gate = Gate::open().await;
    let (_, secret) = gate.live_key().await;
    let paths = ["/admin/v1/keys", "/admin/v1/keys/x", "/admin/v1/audit", "/admin/v1/nothing", "/admin", "/admin/x"];
    for path in paths {
        for method in ["GET", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let answer = gate.send(request).await;
            assert_eq!(answer.status, 401, "{method} {path}");
            assert_eq!(text(&answer.body["error"], "code"), "invalid_api_key");
        }
    }
    let bad = [format!("Bearer {secret}"), format!("Basic {ADMIN}"), ADMIN.to_owned(), format!("Bearer {ADMIN}x")];
    for value in bad {
        let request = Request::builder().uri("/admin/v1/keys").header("authorization", value);
        assert_eq!(gate.send(request.body(Body::empty()).unwrap()).await.status, 401);
    }
    let twice = Request::builder()
        .uri("/admin/v1/keys")
        .header("authorization", format!("Bearer {ADMIN}"))
        .header("authorization", "Bearer other");
    assert_eq!(gate.send(twice.body(Body::empty()).unwrap()).await.status, 401);
}

#[tokio::test]
async fn guessing_is_throttled_and_locks_nobody_out() {
    let gate = Gate::open().await;
    let mut last = None;
    for n in 0..300 {
        let request = Request::builder().uri("/admin/v1/keys").header("authorization", format!("Bearer guess-{n}"));
        last = Some(gate.send(request.body(Body::empty()).unwrap()).await);
    }
    let last = last.unwrap();
    assert_eq!((last.status.as_u16(), &last.headers["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(gate.get("/admin/v1/keys").await.status, 200);
}

#[tokio::test]
async fn unknown_things_are_not_found() {
    let gate = Gate::open().await;
    for (method, path, status) in [
        ("GET", "/admin/v1/nothing", 404),
        ("GET", "/admin/v1", 404),
        ("GET", "/admin/v1/", 404),
        ("GET", "/admin/v2/keys", 404),
        ("GET", "/admin", 404),
        ("GET", "/admin/v1/keys/", 404),
        ("GET", "/admin/v1/keys/key_none", 404),
        ("GET", "/admin/v1/keys/%ff", 404),
        ("DELETE", "/admin/v1/keys/key_none", 404),
        ("GET", "/admin/v1/projects/proj_none", 404),
        ("DELETE", "/admin/v1/keys", 405),
        ("PUT", "/admin/v1/keys/key_none", 405),
        ("POST", "/admin/v1/audit", 405),
    ] {
        let answer = gate.call(method, path, None).await;
        assert_eq!(answer.status, status, "{method} {path}");
        let code = if status == 404 { "not_found" } else { "method_not_allowed" };
        assert_eq!(text(&answer.body["error"], "code"), code);
        assert_eq!(answer.headers.contains_key("allow"), status == 405);
    }
    let patch = gate.call("PATCH", "/admin/v1/keys/key_none", Some(json!({"name": "a"}))).await;
    assert_eq!(patch.status, 404);
}

#[tokio::test]
async fn bad_requests_name_the_field() {
    let gate = Gate::open().await;
    let with = |more: Value| {
        let mut body = json!({"name": "a", "mode": "live"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    for (body, field) in [
        (String::new(), "body"),
        ("{\"name\":".into(), "body"),
        ("[]".into(), "body"),
        ("{\"name\":\"a\",\"name\":\"b\",\"mode\":\"live\"}".into(), "name"),
        ("{}".into(), "name"),
        (json!({"name": "a"}).to_string(), "mode"),
        (with(json!({"name": null})), "name"),
        (with(json!({"name": 5})), "name"),
        (with(json!({"name": ""})), "name"),
        (with(json!({"mode": "Live"})), "mode"),
        (with(json!({"project": "proj_none"})), "project"),
        (with(json!({"colour": 1, "size": 2})), "colour"),
        (with(json!({"id": "key_mine"})), "id"),
        (with(json!({"allowed_models": "gpt"})), "allowed_models"),
        (with(json!({"allowed_models": [""]})), "allowed_models[0]"),
        (with(json!({"allowed_ips": ["10.0.0.0/8", "home"]})), "allowed_ips[1]"),
        (with(json!({"expires_at": "soon"})), "expires_at"),
        (with(json!({"expires_at": 5})), "expires_at"),
        (with(json!({"budget": "5"})), "budget"),
        (with(json!({"budget": {"window": "day"}})), "budget.limit_usd"),
        (with(json!({"budget": {"limit_usd": "5"}})), "budget.window"),
        (with(json!({"budget": {"limit_usd": 5, "window": "day"}})), "budget.limit_usd"),
        (with(json!({"budget": {"limit_usd": "-5", "window": "day"}})), "budget.limit_usd"),
        (with(json!({"budget": {"limit_usd": "0.0000000001", "window": "day"}})), "budget.limit_usd"),
        (with(json!({"budget": {"limit_usd": "9223372037", "window": "day"}})), "budget.limit_usd"),
        (with(json!({"budget": {"limit_usd": "5", "window": "year"}})), "budget.window"),
        (with(json!({"budget": {"limit_usd": "5", "window": "day", "mode": "hard"}})), "budget.mode"),
        (with(json!({"budget": {"limit_usd": "5", "window": "day", "mode": null}})), "budget.mode"),
        (with(json!({"budget": {"limit_usd": "5", "window": "day", "x": 1}})), "budget.x"),
        (with(json!({"limits": {"concurrency": 0}})), "limits.concurrency"),
        (with(json!({"limits": {"concurrency": -1}})), "limits.concurrency"),
        (with(json!({"limits": {"concurrency": 1.5}})), "limits.concurrency"),
        (with(json!({"limits": {"requests_per_minute": 4_294_967_296_u64}})), "limits.requests_per_minute"),
        (with(json!({"limits": {"tokens_per_minute": u64::MAX}})), "limits.tokens_per_minute"),
        (with(json!({"limits": {"rpm": 1}})), "limits.rpm"),
        (with(json!({"metadata": {"a": 1}})), "metadata"),
        (with(json!({"metadata": []})), "metadata"),
    ] {
        let request = Request::post("/admin/v1/keys").header("authorization", format!("Bearer {ADMIN}"));
        let answer = gate.send(request.body(Body::from(body.clone())).unwrap()).await;
        assert_eq!(answer.status, 400, "{body}");
        let error = &answer.body["error"];
        assert_eq!((text(error, "code"), text(error, "field")), ("invalid_request".into(), field.into()), "{body}");
    }
    let answer = gate.call("POST", "/admin/v1/keys", Some(json!({"name": "a", "mode": "live", "x": 1, "y": 2}))).await;
    assert!(text(&answer.body["error"], "message").contains("`x`, `y`"), "{}", answer.body);
    for query in ["limit=0", "limit=1001", "limit=x", "after=a-b", "colour=1", "project=%00"] {
        let answer = gate.get(&format!("/admin/v1/keys?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(text(&answer.body["error"], "field"), query.split('=').next().unwrap());
    }
    assert_eq!(gate.get("/admin/v1/audit?after=audit_x").await.status, 400);
    let (id, _) = gate.live_key().await;
    for patch in [json!({"mode": "test"}), json!({"project": "proj_default"}), json!({"budget": {"window": "day"}})] {
        let answer = gate.call("PATCH", &format!("/admin/v1/keys/{id}"), Some(patch.clone())).await;
        assert_eq!(answer.status, 400, "{patch}");
    }
    let large = json!({"name": "a".repeat(1024 * 1024), "mode": "live"});
    let answer = gate.call("POST", "/admin/v1/keys", Some(large)).await;
    assert_eq!((answer.status.as_u16(), text(&answer.body["error"], "code")), (413, "request_too_large".into()));
    assert_eq!(gate.installation.keys.count(), 1, "no refused request left a key");
}
