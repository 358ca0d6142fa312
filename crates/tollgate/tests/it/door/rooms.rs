//! Which listener leads to which room.

use super::{Wire, each};
use crate::harness::{ADMIN, Gateway, parse, request};
use std::net::{SocketAddr, TcpListener};

#[test]
fn no_path_leads_into_another_room() {
    let gateway = Gateway::start("");
    let key = gateway.test_key();
    // Each with a good admin key, so that only the path can refuse it.
    let paths = [
        "/v1/..%2fadmin/v1/keys",
        "/v1/..%2Fadmin/v1/keys",
        "/v1/../admin/v1/keys",
        "/v1/%2e%2e/admin/v1/keys",
        "/v1/..;/admin/v1/keys",
        "/v1\\..\\admin\\v1\\keys",
        "/v1/models/..%5c..%5cadmin",
        "//admin/v1/keys",
        "/./admin/v1/keys",
        "/%61dmin/v1/keys",
        "/v1/models/%2e%2e/%2e%2e/admin/v1/keys",
        "/admin/v1/keys/../keys",
        "/admin//v1/keys",
        "/admin/v1/keys%2f",
        "/admin/v1/keys;x",
        "/healthz/..%2fmetrics",
        "/admin/v1/keys/.",
    ];
    each(
        &paths,
        |path| (*path).to_owned(),
        |path| {
            let all = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ADMIN}\r\n\r\n");
            let answer = parse(&Wire::to(gateway.address).send(all).rest().unwrap());
            assert_eq!((answer.status, answer.header("connection")), (400, Some("close")), "{path}: {}", answer.text());
        },
    );
    // Read as they stand, these are no routes.
    for path in ["/Admin/v1/keys", "/admin.v1/keys", "/adminv1", "/v1/chat/completions/", "/V1/models", "/", "/v1"] {
        let answer = gateway.get(path, &[("authorization", &format!("Bearer {ADMIN}"))]);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        assert!(answer.json()["error"]["message"].is_string());
    }
    // A model's name stays a name.
    for name in ["a%20b", "org:x@1", "%C3%A9", "admin"] {
        let answer = gateway.get(&format!("/v1/models/{name}"), &[("x-api-key", &key)]);
        assert_eq!(answer.status, 404, "{name}");
        assert_eq!(answer.code(), "model_not_found", "{name}");
    }
    for (method, path, allow) in
        [("GET", "/v1/chat/completions", "POST"), ("DELETE", "/v1/models", "GET"), ("POST", "/healthz", "GET")]
    {
        let answer = request(gateway.address, method, path, &[("x-api-key", &key)], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
    }
}

#[test]
fn operators_apart_are_not_on_the_data_listener() {
    let admin: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!("[server]\nadmin_listen = \"{admin}\"\n");
    let gateway = Gateway::start(&config);
    let bearer = format!("Bearer {ADMIN}");
    let auth = [("authorization", bearer.as_str())];
    for path in ["/admin", "/admin/", "/admin/v1/keys", "/metrics"] {
        let answer = gateway.get(path, &auth);
        assert_eq!((answer.status, answer.code().as_str()), (404, "unknown_route"), "{path}");
    }
    let get = |path: &str| request(admin, "GET", path, &auth, b"");
    assert_eq!(get("/admin/v1/keys").status, 200);
    assert_eq!(get("/metrics").status, 200);
    assert_eq!((get("/healthz").status, get("/readyz").status), (200, 200));
    // And models are not on the operators' one.
    assert_eq!(get("/v1/models").status, 404);
    assert_eq!(request(admin, "POST", "/v1/chat/completions", &auth, b"{}").status, 404);
}
