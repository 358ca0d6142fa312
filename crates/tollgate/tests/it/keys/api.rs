//! The admin API for keys, projects and the audit log.

use serde_json::{Value, json};

use super::{Gate, text};
use tollgate::keys::BudgetMode;

#[tokio::test]
async fn a_key_from_making_to_revoking() {
    let gate = Gate::open().await;
    let made = gate
        .call(
            "POST",
            "/admin/v1/keys",
            Some(json!({
                "name": "billing", "mode": "live", "allowed_models": ["gpt-*"], "allowed_ips": ["10.0.0.0/8", "::1"],
                "expires_at": "2099-01-01T01:00:00+01:00",
                "budget": {"limit_usd": "0.0000125", "window": "month"},
                "limits": {"requests_per_minute": 60, "tokens_per_minute": 5_000_000_000_u64, "concurrency": 4},
                "metadata": {"team": "x"}
            })),
        )
        .await;
    assert_eq!((made.status.as_u16(), &made.headers["cache-control"]), (201, &"no-store".parse().unwrap()));
    let (id, secret) = (text(&made.body, "id"), text(&made.body, "key"));
    assert!(secret.starts_with("sk-tg-live-") && gate.opens(&secret));

    let path = format!("/admin/v1/keys/{id}");
    let mut one = gate.get(&path).await.body;
    let hint = format!("sk-tg-live-…{}", &secret[secret.len() - 4..]);
    let times = (one["created_at"].take(), one["updated_at"].take());
    assert_eq!(times.0, times.1);
    assert_eq!(
        one,
        json!({
            "id": id, "hint": hint, "name": "billing", "mode": "live", "status": "active", "project": "proj_default",
            "allowed_models": ["gpt-*"], "allowed_ips": ["10.0.0.0/8", "::1"], "expires_at": "2099-01-01T00:00:00Z",
            "budget": {"limit_usd": "0.000012500", "window": "month", "mode": "strict"},
            "limits": {"requests_per_minute": 60, "tokens_per_minute": 5_000_000_000_u64, "concurrency": 4},
            "metadata": {"team": "x"}, "created_at": null, "updated_at": null, "revoked_at": null
        })
    );
    let key = gate.installation.keys.authenticate(secret.as_bytes()).unwrap();
    assert_eq!(key.budget.unwrap().limit_nano_usd, 12_500);
    assert_eq!(key.allowed_ips.len(), 2);

    let epoch = gate.installation.keys.epoch();
    let revoked = gate.call("DELETE", &path, None).await;
    assert_eq!((revoked.status.as_u16(), text(&revoked.body, "status")), (200, "revoked".into()));
    assert!(!gate.opens(&secret) && gate.installation.keys.epoch() != epoch);
    let again = gate.call("DELETE", &path, None).await;
    assert_eq!((again.status.as_u16(), again.body), (200, revoked.body));
    let late = gate.call("PATCH", &path, Some(json!({"name": "b"}))).await;
    assert_eq!((late.status.as_u16(), text(&late.body["error"], "code")), (409, "key_revoked".into()));
}

#[tokio::test]
async fn changes_are_merged() {
    let gate = Gate::open().await;
    let made = gate
        .create(json!({
            "name": "a", "mode": "test", "allowed_models": ["x"], "metadata": {"a": "1", "b": "2"},
            "budget": {"limit_usd": "1", "window": "day", "mode": "soft"}, "limits": {"concurrency": 1, "requests_per_minute": 2}
        }))
        .await;
    let path = format!("/admin/v1/keys/{}", text(&made, "id"));
    let patch = json!({
        "name": "b", "budget": {"limit_usd": "2.5"}, "limits": {"concurrency": null, "tokens_per_minute": 9},
        "metadata": {"a": null, "c": "3"}, "expires_at": "2000-01-01T00:00:00Z"
    });
    let answer = gate.call("PATCH", &path, Some(patch)).await;
    assert_eq!(answer.status, 200);
    let now = answer.body;
    assert_eq!((text(&now, "name"), text(&now, "status")), ("b".into(), "expired".into()));
    assert_eq!(now["budget"], json!({"limit_usd": "2.500000000", "window": "day", "mode": "soft"}));
    let limits = json!({"requests_per_minute": 2, "tokens_per_minute": 9, "concurrency": null});
    assert_eq!((&now["limits"], &now["metadata"]), (&limits, &json!({"b": "2", "c": "3"})));
    assert!(!gate.opens(&text(&made, "key")));

    let clear = json!({
        "budget": null, "limits": null, "metadata": null, "expires_at": null, "allowed_models": null,
        "allowed_ips": null
    });
    let now = gate.call("PATCH", &path, Some(clear)).await.body;
    assert_eq!((&now["budget"], &now["expires_at"], &now["metadata"]), (&Value::Null, &Value::Null, &json!({})));
    assert_eq!((&now["allowed_models"], &now["limits"]["requests_per_minute"]), (&json!([]), &Value::Null));
    assert!(gate.opens(&text(&made, "key")));
    let empty = gate.call("PATCH", &path, Some(json!({}))).await;
    assert_eq!((empty.status.as_u16(), text(&empty.body, "name")), (200, "b".into()));
}

#[tokio::test]
async fn lists_are_paged() {
    let gate = Gate::open().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(text(&gate.create(json!({"name": format!("k{n}"), "mode": "test"})).await, "id"));
    }
    ids.sort();
    ids.reverse();
    let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = gate.get(&format!("/admin/v1/keys?limit=3&after={after}")).await.body;
        let data = page["data"].as_array().unwrap();
        assert!(data.iter().all(|key| key.get("key").is_none() && key.get("hint").is_some()));
        seen.extend(data.iter().map(|key| text(key, "id")));
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((seen, pages), (ids, 3));
    let full = gate.get("/admin/v1/keys?limit=7").await.body;
    assert_eq!((full["data"].as_array().unwrap().len(), &full["next"]), (7, &Value::Null));
    let none = gate.get("/admin/v1/keys?project=proj_other").await.body;
    assert_eq!(none, json!({"data": [], "next": null}));
}

#[tokio::test]
async fn projects_hold_keys_and_limits() {
    let gate = Gate::open().await;
    let body = json!({"name": "team", "budget": {"limit_usd": "5", "window": "total"}});
    let made = gate.call("POST", "/admin/v1/projects", Some(body)).await;
    assert_eq!(made.status, 201);
    let project = text(&made.body, "id");
    let key = gate.create(json!({"name": "a", "mode": "live", "project": project})).await;
    let secret = text(&key, "key");
    let path = format!("/admin/v1/projects/{project}");
    let patch =
        json!({"budget": {"limit_usd": "6", "mode": "meter"}, "limits": {"concurrency": 3}, "metadata": {"a": "b"}});
    let changed = gate.call("PATCH", &path, Some(patch)).await;
    assert_eq!((changed.status.as_u16(), gate.get(&path).await.body), (200, changed.body));
    let held = gate.installation.keys.authenticate(secret.as_bytes()).unwrap().project.clone();
    let budget = held.budget.unwrap();
    assert_eq!((budget.limit_nano_usd, held.limits.concurrency), (6_000_000_000, Some(3)));
    assert_eq!(budget.mode, BudgetMode::Meter);
    let list = gate.get("/admin/v1/projects").await.body;
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|p| text(p, "id")).collect();
    assert_eq!(ids, ["proj_default".to_owned(), project.clone()]);
    let of = gate.get(&format!("/admin/v1/keys?project={project}")).await.body;
    assert_eq!(of["data"].as_array().unwrap().len(), 1);
    let gone = gate.call("DELETE", &path, None).await;
    assert_eq!(gone.status, 405);
}

#[tokio::test]
async fn every_write_is_in_the_audit_log() {
    let gate = Gate::open().await;
    let made = gate.create(json!({"name": "a", "mode": "live"})).await;
    let (id, secret) = (text(&made, "id"), text(&made, "key"));
    let path = format!("/admin/v1/keys/{id}");
    gate.call("PATCH", &path, Some(json!({"name": "b"}))).await;
    gate.call("PATCH", &path, Some(json!({"name": ""}))).await;
    gate.call("DELETE", &path, None).await;
    gate.call("DELETE", &path, None).await;
    let page = gate.get("/admin/v1/audit?limit=3").await.body;
    let rows = page["data"].as_array().unwrap();
    let actions: Vec<_> = rows.iter().map(|row| text(row, "action")).collect();
    assert_eq!(actions, ["key.revoke", "key.update", "key.create"]);
    for row in rows {
        assert_eq!((text(row, "actor"), text(row, "peer")), ("env".into(), "192.0.2.7".into()));
        assert_eq!(text(row, "object"), id);
        assert!(!row.to_string().contains(&secret) && !row.to_string().contains("digest"));
    }
    assert_eq!((&rows[1]["before"]["name"], &rows[1]["after"]["name"]), (&json!("a"), &json!("b")));
    assert_eq!(rows[2]["before"], Value::Null);
    let rest = gate.get(&format!("/admin/v1/audit?after={}", text(&page, "next"))).await.body;
    assert_eq!(rest["data"][0]["action"], "project.create");
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
}
