//! A limit is a limit.

use super::*;
use crate::harness::{Upstream, json_answer};
use std::time::Duration;

fn nano(text: &str) -> i64 {
    tollgate::money::parse(text).unwrap()
}

#[test]
fn a_used_up_budget_refuses() {
    let upstream = Upstream::start(|_, socket| socket.write_all(&json_answer("200 OK", ANSWER)).is_ok());
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.key(r#"{"name":"b","mode":"live","budget":{"limit_usd":"0.004","window":"day"}}"#);
    let mut answers = 0;
    let refused = loop {
        let answer = gateway.chat(&key, HELLO, &[]);
        if answer.status != 200 {
            break answer;
        }
        answers += 1;
        assert!(answers < 10);
    };
    assert_eq!((refused.status, refused.code().as_str()), (402, "budget_exceeded"));
    // Four cost 0.00322; a fifth might need 1,024 tokens of output for 0.002048.
    assert_eq!(answers, 3);
    let own = gateway.own(&key, "/v1/key").json();
    assert_eq!(
        (own["budget"]["spent_usd"].as_str(), own["budget"]["held_usd"].as_str()),
        (Some("0.002415000"), Some("0.000000000"))
    );
    assert_eq!(upstream.count(), 3);
    gateway.assert_books_add_up();
}

/// A soft budget is asked whether it is spent, a meter never refuses; both are counted and shown.
#[test]
fn softer_budgets() {
    let upstream = Upstream::start(|_, socket| socket.write_all(&json_answer("200 OK", ANSWER)).is_ok());
    let gateway = Gateway::start(&upstream.config());
    for (mode, statuses, left) in [("soft", [200, 200, 402, 402], "0.000000000"), ("meter", [200; 4], "0.000000000")] {
        let budget = format!(r#"{{"limit_usd":"0.001","window":"day","mode":"{mode}"}}"#);
        let key = gateway.key(&format!(r#"{{"name":"b","mode":"live","budget":{budget}}}"#));
        assert_eq!([(); 4].map(|()| gateway.chat(&key, HELLO, &[]).status), statuses, "{mode}");
        let own = gateway.own(&key, "/v1/key").json();
        let answered = statuses.iter().filter(|status| **status == 200).count();
        let spent = nano(COST) * i64::try_from(answered).unwrap();
        assert_eq!(nano(own["budget"]["spent_usd"].as_str().unwrap()), spent);
        assert_eq!((own["budget"]["mode"].as_str(), own["budget"]["left_usd"].as_str()), (Some(mode), Some(left)));
    }
    gateway.assert_books_add_up();
}

#[test]
fn what_was_spent_survives_a_restart() {
    let upstream = Upstream::start(|_, socket| socket.write_all(&json_answer("200 OK", ANSWER)).is_ok());
    let mut gateway = Gateway::start(&upstream.config());
    let key = gateway.key(r#"{"name":"b","mode":"live","budget":{"limit_usd":"0.001","window":"month"}}"#);
    assert_eq!(gateway.chat(&key, CAPPED, &[]).status, 200);
    gateway.signal("TERM");
    assert_eq!(gateway.wait(Duration::from_secs(10)), Some(0));
    let dir = std::mem::replace(&mut gateway.dir, tempfile::tempdir().unwrap());
    drop(gateway);
    let gateway = Gateway::start_in(dir, &upstream.config(), &[]);
    assert_eq!(gateway.own(&key, "/v1/key").json()["budget"]["spent_usd"], COST);
    assert_eq!(gateway.chat(&key, HELLO, &[]).status, 402);
    gateway.assert_books_add_up();
}

/// Random sizes with caps, many at once, on one key of one project that both have budgets.
#[test]
fn parallel_calls_never_pass_a_budget() {
    let gateway = Gateway::start("");
    let key = gateway.key(r#"{"name":"race","mode":"test","budget":{"limit_usd":"0.05","window":"total"}}"#);
    std::thread::scope(|scope| {
        for thread in 0..10_u64 {
            let (gateway, key) = (&gateway, &key);
            scope.spawn(move || {
                for n in 0..20 {
                    let tokens = 50 + (thread * 7_919 + n * 104_729) % 900;
                    let body = format!(r#"{{"model":"gpt-5-mini","max_completion_tokens":{tokens},"messages":[{{"role":"user","content":"hi"}}]}}"#);
                    let answer = gateway.chat(key, &body, &[("x-tollgate-sim", &format!("output-tokens={tokens}"))]);
                    assert!(matches!(answer.status, 200 | 402), "{}", answer.text());
                    let own = gateway.own(key, "/v1/key").json();
                    let spent = nano(own["budget"]["spent_usd"].as_str().unwrap());
                    let held = nano(own["budget"]["held_usd"].as_str().unwrap());
                    assert!(spent + held <= nano("0.05"), "{own}");
                }
            });
        }
    });
    let own = gateway.own(&key, "/v1/key").json();
    let spent = nano(own["budget"]["spent_usd"].as_str().unwrap());
    assert!(spent > nano("0.047"), "the budget was used: {own}");
    assert_eq!(own["budget"]["held_usd"], "0.000000000");
    assert_eq!(gateway.admin("/usage?book=test")["data"][0]["cost_usd"], own["budget"]["spent_usd"]);
    gateway.assert_books_add_up();
}

/// The published bound: without a cap at most 256 tokens more than the budget has room for.
#[test]
fn a_stream_ends_when_its_hold_cannot_grow() {
    let gateway = Gateway::start("");
    let limit = "0.0008";
    let key =
        gateway.key(&format!(r#"{{"name":"s","mode":"test","budget":{{"limit_usd":"{limit}","window":"day"}}}}"#));
    let body = r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let answer = gateway.chat(&key, body, &[("x-tollgate-sim", "output-tokens=5000")]);
    let text = answer.text();
    assert!(text.contains("budget_exceeded") && !text.contains("[DONE]"), "{}", &text[text.len() - 400..]);
    let entry = &gateway.booked(answer.header("x-request-id").unwrap())[0];
    assert_eq!(
        (entry["basis"].as_str(), entry["flags"].clone()),
        (Some("estimated"), serde_json::json!(["budget_cut"]))
    );
    let spent = nano(entry["amount_usd"].as_str().unwrap());
    // 256 tokens at 0.60 a million.
    assert!(spent > nano("0.0003") && spent <= nano(limit) + 256 * 600, "{entry}");
    assert_eq!(gateway.own(&key, "/v1/key").json()["budget"]["held_usd"], "0.000000000");
    // With room to grow the same stream runs to its end, and what was held beyond its use is given back.
    let rich = gateway.key(r#"{"name":"r","mode":"test","budget":{"limit_usd":"0.01","window":"day"}}"#);
    let answer = gateway.chat(&rich, body, &[("x-tollgate-sim", "output-tokens=5000")]);
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    assert_eq!(gateway.booked(answer.header("x-request-id").unwrap())[0]["usage"]["output_tokens"], 5000);
    gateway.assert_books_add_up();
}

#[test]
fn hidden_reasoning_is_held_in_full() {
    let gateway = Gateway::start("");
    let key = gateway.key(r#"{"name":"h","mode":"test","budget":{"limit_usd":"0.01","window":"day"}}"#);
    let body = |more: &str| {
        format!(r#"{{"model":"gpt-5-mini","stream":true{more},"messages":[{{"role":"user","content":"hi"}}]}}"#)
    };
    assert_eq!(gateway.chat(&key, &body(""), &[]).status, 402);
    assert_eq!(gateway.chat(&key, &body(r#","max_completion_tokens":500"#), &[]).status, 200);
}

#[test]
fn rates_are_refused_with_a_time_to_come_back() {
    let gateway = Gateway::start("");
    let key =
        gateway.key(r#"{"name":"r","mode":"test","limits":{"requests_per_minute":3,"tokens_per_minute":100000}}"#);
    for left in [2, 1, 0] {
        let answer = gateway.chat(&key, HELLO, &[]);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("3"));
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some(left.to_string().as_str()));
        assert!(answer.header("x-ratelimit-remaining-tokens").is_some());
    }
    let refused = gateway.chat(&key, HELLO, &[]);
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limit_exceeded"));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let tokens = gateway.key(r#"{"name":"t","mode":"test","limits":{"tokens_per_minute":2000}}"#);
    assert_eq!(gateway.chat(&tokens, HELLO, &[("x-tollgate-sim", "output-tokens=1990")]).status, 200);
    assert_eq!(gateway.chat(&tokens, HELLO, &[]).status, 429);
    // Refused requests leave nothing in the books.
    assert_eq!(gateway.admin("/requests")["data"].as_array().unwrap().len(), 4);
}

#[test]
fn open_requests_are_counted_and_given_back() {
    let gateway = Gateway::start("");
    let key = gateway.key(r#"{"name":"c","mode":"test","limits":{"concurrency":1}}"#);
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| gateway.chat(&key, body, &[("x-tollgate-sim", "chunks=20;chunk-ms=50")]));
        eventually("not open", || gateway.own(&key, "/v1/key").json()["in_flight"] == 1);
        let metrics = gateway.get("/metrics", &[]).text();
        for line in ["tollgate_ledger_holds 1\n", "tollgate_ledger_open 1\n", "tollgate_ledger_backlog 0\n"] {
            assert!(metrics.contains(line), "{line}{metrics}");
        }
        let refused = gateway.chat(&key, HELLO, &[]);
        assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limit_exceeded"));
        assert_eq!(slow.join().unwrap().status, 200);
    });
    eventually("not given back", || gateway.chat(&key, HELLO, &[]).status == 200);
}
