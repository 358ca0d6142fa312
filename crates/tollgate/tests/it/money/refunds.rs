//! Money back over the admin API: bounded, once, audited, and the same number everywhere.

use super::*;
use crate::harness::{Upstream, json_answer};
use std::time::Duration;

fn refund(gateway: &Gateway, body: &str) -> Answer {
    gateway.post("/admin/v1/ledger/refunds", &[("authorization", &format!("Bearer {ADMIN}"))], body)
}

#[test]
fn money_goes_back_once_and_shows_everywhere() {
    let upstream = Upstream::start(|_, socket| socket.write_all(&json_answer("200 OK", ANSWER)).is_ok());
    let mut gateway = Gateway::start(&upstream.config());
    let key = gateway.key(r#"{"name":"b","mode":"live","budget":{"limit_usd":"0.003","window":"day"}}"#);
    let ids: Vec<_> =
        (0..2).map(|_| gateway.chat(&key, CAPPED, &[]).header("x-request-id").unwrap().to_owned()).collect();
    let own = || gateway.own(&key, "/v1/key").json();
    assert_eq!(own()["budget"]["spent_usd"], "0.001610000");
    let part = format!(r#"{{"request_id":"{}","cause":"goodwill","amount_usd":"0.0003","note":"sorry"}}"#, ids[0]);
    let made = refund(&gateway, &part);
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(
        (made["kind"].as_str(), made["amount_usd"].as_str(), made["cause"].as_str(), made["note"].as_str()),
        (Some("refund"), Some("-0.000300000"), Some("goodwill"), Some("sorry"))
    );
    // The same again is the same refund; another amount for the cause, or more than is left, is none.
    let again = refund(&gateway, &part);
    assert_eq!((again.status, again.json()), (200, made.clone()));
    for (body, status, code) in [
        (part.replace("0.0003", "0.0004"), 409, "refund_exists"),
        (part.replace("goodwill", "failed").replace("0.0003", "0.000505001"), 409, "refund_too_large"),
        (part.replace("goodwill", "failed").replace("0.0003", "0"), 409, "refund_too_large"),
        (part.replace("goodwill", "whim"), 400, "invalid_request"),
        (part.replace("\"0.0003\"", "\"-1\""), 400, "invalid_request"),
        (part.replace("\"0.0003\"", "0.0003"), 400, "invalid_request"),
        (part.replace("note", "notes"), 400, "invalid_request"),
        (part.replace(&ids[0], "req_00000000000000000000000000"), 404, "not_found"),
        (part.replace(&ids[0], "nothing"), 400, "invalid_request"),
    ] {
        let answer = refund(&gateway, &body);
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (status, Some(code)), "{body}");
    }
    // The whole of the other charge, by the charge's id.
    let charge = gateway.booked(&ids[1])[0]["id"].as_str().unwrap().to_owned();
    let all = refund(&gateway, &format!(r#"{{"request_id":"{charge}","cause":"provider_credit"}}"#));
    assert_eq!((all.status, all.json()["amount_usd"].as_str()), (201, Some("-0.000805000")));
    assert_eq!(refund(&gateway, &part.replace("req_", "req_x")).status, 400);

    let net = "0.000505000";
    for _ in 0..2 {
        let own = gateway.own(&key, "/v1/key").json();
        assert_eq!(own["budget"]["spent_usd"], net);
        for window in ["total_usd", "day_usd", "week_usd", "month_usd"] {
            assert_eq!(
                (own["spend"][window].as_str(), own["project"]["spend"][window].as_str()),
                (Some(net), Some(net))
            );
        }
        assert_eq!(gateway.admin("/usage?group_by=key")["data"][0]["cost_usd"], net);
        let entries = gateway.booked(&ids[0]);
        assert_eq!((entries.len(), entries[1].clone()), (2, made.clone()));
        let key_id = entries[0]["key_id"].as_str().unwrap();
        let all = gateway.admin(&format!("/ledger/entries?key={key_id}"))["data"].clone();
        let sum: i64 = all.as_array().unwrap().iter().map(|entry| signed(&entry["amount_usd"])).sum();
        assert_eq!((all.as_array().unwrap().len(), sum), (4, 505_000));
        let receipt = gateway.own(&key, &format!("/v1/receipts/{}", ids[0])).json();
        assert_eq!((receipt["net_usd"].as_str(), receipt["refunds"][0]["id"].clone()), (Some(net), made["id"].clone()));
        let report = gateway.admin("/ledger/verify");
        assert_eq!((report["ok"].as_bool(), report["checked"]["refunds"].as_u64()), (Some(true), Some(2)), "{report}");
        let audit = gateway.admin("/audit?limit=2")["data"].clone();
        assert_eq!(
            (audit[1]["action"].as_str(), audit[1]["object"].clone(), audit[1]["after"]["amount_usd"].as_str()),
            (Some("refund.create"), made["id"].clone(), Some("0.000300000"))
        );
        // And after a restart.
        gateway.signal("TERM");
        gateway.wait(Duration::from_secs(10));
        let dir = std::mem::replace(&mut gateway.dir, tempfile::tempdir().unwrap());
        gateway = Gateway::start_in(dir, &upstream.config(), &[]);
    }
    // There is room in the budget again.
    assert_eq!(gateway.chat(&key, CAPPED, &[]).status, 200);
}

fn signed(amount: &Value) -> i64 {
    let text = amount.as_str().unwrap();
    let size = tollgate::money::parse(text.trim_start_matches('-')).unwrap();
    if text.starts_with('-') { -size } else { size }
}

#[test]
fn many_at_once_give_back_once() {
    let upstream = Upstream::start(|_, socket| socket.write_all(&json_answer("200 OK", ANSWER)).is_ok());
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let id = gateway.chat(&key, HELLO, &[]).header("x-request-id").unwrap().to_owned();
    let causes = ["failed", "filtered", "expired", "goodwill"];
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = |cause: &str| {
            let body = format!(r#"{{"request_id":"{id}","cause":"{cause}","amount_usd":"0.0004"}}"#);
            refund(&gateway, &body).status
        };
        let all: Vec<_> = causes.iter().chain(&causes).map(|cause| scope.spawn(move || ask(cause))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    // Two of 0.0004 fit into 0.000805, whoever comes first.
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 2, "{statuses:?}");
    assert_eq!(gateway.own(&key, "/v1/key").json()["spend"]["total_usd"], "0.000005000");
    gateway.assert_books_add_up();
}
