//! Every admitted request is booked once, and everywhere at the same amount.

use super::*;
use crate::harness::{Upstream, json_answer};
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn the_same_number_everywhere() {
    let upstream = Upstream::start(|_, socket| socket.write_all(&json_answer("200 OK", ANSWER)).is_ok());
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let answer = gateway.chat(&key, HELLO, &[]);
    assert_eq!((answer.status, answer.header("x-tollgate-cost-usd")), (200, Some(COST)));
    let id = answer.header("x-request-id").unwrap();
    let entries = gateway.booked(id);
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    assert_eq!(entry["amount_usd"], COST);
    assert_eq!((entry["kind"].as_str(), entry["basis"].as_str()), (Some("charge"), Some("provider")));
    assert_eq!((entry["provider"].as_str(), entry["model"].as_str()), (Some("openai"), Some("gpt-5-mini")));
    let usage = serde_json::json!({
        "input_tokens": 800, "cache_read_tokens": 200, "output_tokens": 200, "reasoning_tokens": 100,
    });
    assert_eq!(entry["usage"], usage);
    let key_id = entry["key_id"].as_str().unwrap();
    assert_eq!(gateway.admin(&format!("/ledger/entries?key={key_id}"))["data"][0], *entry);
    assert_eq!(gateway.admin("/requests")["data"][0]["amount_usd"], COST);
    let request = gateway.admin(&format!("/requests/{id}"));
    assert_eq!((request["amount_usd"].as_str(), request["attempts"].as_u64()), (Some(COST), Some(1)));
    assert_eq!(request["receipt"]["amount_usd"], COST);
    let receipt = gateway.own(&key, &format!("/v1/receipts/{id}")).json();
    assert_eq!(receipt["amount_usd"], COST);
    assert_eq!(receipt["lines"].as_array().unwrap().len(), 4);
    for group in ["", "key", "project", "model", "provider", "day", "hour", "endpoint"] {
        let sums = gateway.admin(&format!("/usage?group_by={group}"));
        assert_eq!((sums["data"][0]["cost_usd"].as_str(), sums["data"][0]["requests"].as_u64()), (Some(COST), Some(1)));
    }
    let own = gateway.own(&key, "/v1/key").json();
    for window in ["total_usd", "day_usd", "week_usd", "month_usd"] {
        assert_eq!((own["spend"][window].as_str(), own["project"]["spend"][window].as_str()), (Some(COST), Some(COST)));
    }
    let prices = gateway.admin("/prices?provider=openai&model=gpt-5-mini");
    assert_eq!(prices["data"][0]["rates"]["input_per_million"], "0.250000000");
    assert_eq!(prices["data"][0]["version"], entry["price_version"]);
    gateway.assert_books_add_up();
    // Another project sees nothing of it.
    let project =
        gateway.post("/admin/v1/projects", &[("authorization", &format!("Bearer {ADMIN}"))], r#"{"name":"other"}"#);
    let other = gateway.key(&format!(r#"{{"name":"o","mode":"live","project":{}}}"#, project.json()["id"]));
    assert_eq!(gateway.own(&other, &format!("/v1/receipts/{id}")).status, 404);
}

#[test]
fn nothing_delivered_costs_nothing_and_is_booked_all_the_same() {
    let upstream = Upstream::start(|_, socket| {
        let error = r#"{"error":{"message":"bad","type":"invalid_request_error"}}"#;
        socket.write_all(&json_answer("400 Bad Request", error)).is_ok()
    });
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let id = gateway.chat(&key, HELLO, &[]).header("x-request-id").unwrap().to_owned();
    let entries = gateway.booked(&id);
    assert_eq!(
        (entries.len(), entries[0]["amount_usd"].as_str(), entries[0]["basis"].as_str()),
        (1, Some("0.000000000"), Some("none"))
    );
    // Refused before admission: no entry at all.
    let refused = gateway.chat("sk-tg-live-wrong", HELLO, &[]);
    let unknown = gateway.chat(&key, &HELLO.replace("\"m\"", "\"no-such\""), &[]);
    assert_eq!((refused.status, unknown.status), (401, 404));
    assert_eq!(gateway.admin("/requests")["data"].as_array().unwrap().len(), 1);
    gateway.assert_books_add_up();
}

#[test]
fn a_fallback_is_one_charge_for_what_was_delivered() {
    let failing = Upstream::start(|_, socket| {
        socket.write_all(&json_answer("500 Internal Server Error", "{\"error\":{\"message\":\"no\"}}")).is_ok()
    });
    let good = Upstream::start(|_, socket| socket.write_all(&json_answer("200 OK", ANSWER)).is_ok());
    let gateway = Gateway::start(&format!(
        "[providers.bad]\nkind = \"openai\"\nbase_url = \"http://{}/v1\"\ncredentials = [{{ api_key = \"a\" }}]\n\
         [providers.good]\nkind = \"openai\"\nbase_url = \"http://{}/v1\"\ncredentials = [{{ api_key = \"b\" }}]\n\
         [models.m]\ntargets = [{{ provider = \"bad\", model = \"gpt-5\" }}, {{ provider = \"good\", model = \"gpt-5-mini\", priority = 2 }}]\n",
        failing.address, good.address
    ));
    let key = gateway.live_key();
    let answer = gateway.chat(&key, HELLO, &[]);
    assert_eq!((answer.status, answer.header("x-tollgate-cost-usd")), (200, Some(COST)));
    let id = answer.header("x-request-id").unwrap();
    assert_eq!(gateway.booked(id).len(), 1);
    let request = gateway.admin(&format!("/requests/{id}"));
    assert_eq!((request["attempts"].as_u64(), request["provider"].as_str()), (Some(2), Some("good")));
    assert_eq!(request["failed_attempts"][0]["provider"], "bad");
    gateway.assert_books_add_up();
}

/// A stream of `count` chunks of one word, then usage and the end; a chunk every `pause`.
fn words(count: usize, pause: Duration, usage: bool) -> Upstream {
    Upstream::start(move |_, socket| {
        let mut send = |text: &str| socket.write_all(text.as_bytes()).is_ok();
        if !send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n") {
            return false;
        }
        for _ in 0..count {
            let chunk = r#"{"id":"c","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}"#;
            if !send(&format!("data: {chunk}\n\n")) {
                return false;
            }
            std::thread::sleep(pause);
        }
        send("data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
        if usage {
            send(&format!(
                "data: {{\"id\":\"c\",\"choices\":[],\"usage\":{{\"prompt_tokens\":9,\"completion_tokens\":{count},\"total_tokens\":{}}}}}\n\n",
                count + 9
            ));
        }
        send("data: [DONE]\n\n");
        false
    })
}

const STREAM: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

#[test]
fn streams_are_booked_by_the_vendors_count_or_an_estimate() {
    for (usage, basis) in [(true, "provider"), (false, "estimated")] {
        let upstream = words(40, Duration::ZERO, usage);
        let gateway = Gateway::start(&upstream.config());
        let key = gateway.live_key();
        let answer = gateway.chat(&key, STREAM, &[]);
        assert!(answer.text().ends_with("data: [DONE]\n\n"));
        let entry = &gateway.booked(answer.header("x-request-id").unwrap())[0];
        assert_eq!(entry["basis"], basis, "{entry}");
        let tokens = entry["usage"]["output_tokens"].as_u64().unwrap();
        assert!((30..=60).contains(&tokens) && (!usage || tokens == 40), "{tokens}");
        gateway.assert_books_add_up();
    }
}

/// What is not built is said, not passed over.
#[test]
fn bodies_that_are_not_kept_are_warned_of() {
    let gateway = Gateway::start("[storage]\nbodies = \"all\"\n");
    eventually("no warning", || gateway.log().contains("storage.bodies"));
    let quiet = Gateway::start("");
    assert!(!quiet.log().contains("storage.bodies"));
}

#[test]
fn a_caller_who_leaves_pays_for_what_was_delivered() {
    let upstream = words(4_000, Duration::from_millis(5), true);
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let (id, mut reader) = open_stream(&gateway, &key, STREAM);
    reader.read_exact(&mut [0; 4_000]).unwrap();
    drop(reader);
    eventually("no entry", || !gateway.booked(&id).is_empty());
    let entry = &gateway.booked(&id)[0];
    assert_eq!(entry["basis"], "estimated");
    assert_eq!(entry["flags"], serde_json::json!(["client_left"]));
    let tokens = entry["usage"]["output_tokens"].as_u64().unwrap();
    assert!((20..2_000).contains(&tokens), "{tokens}");
    assert_eq!(gateway.own(&key, "/v1/key").json()["in_flight"], 0);
    gateway.assert_books_add_up();
}

#[test]
fn where_leaving_does_not_end_the_bill_the_usage_is_read() {
    let upstream = words(200, Duration::from_millis(5), true);
    let config = upstream.config().replacen("[models.m]", "on_disconnect = \"drain\"\n[models.m]", 1);
    let gateway = Gateway::start(&config);
    let key = gateway.live_key();
    let (id, mut reader) = open_stream(&gateway, &key, STREAM);
    reader.read_exact(&mut [0; 1_000]).unwrap();
    drop(reader);
    eventually("no entry", || !gateway.booked(&id).is_empty());
    let entry = &gateway.booked(&id)[0];
    assert_eq!((entry["basis"].as_str(), entry["usage"]["output_tokens"].as_u64()), (Some("provider"), Some(200)));
    assert_eq!(entry["flags"], serde_json::json!(["client_left", "drained"]));
}

#[test]
fn a_broken_stream_pays_for_what_came() {
    let upstream = Upstream::start(|_, socket| {
        let chunk =
            r#"{"id":"c","choices":[{"index":0,"delta":{"content":"one two three four five six seven eight"}}]}"#;
        let _ = socket.write_all(
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\ndata: {chunk}\n\n"
            )
            .as_bytes(),
        );
        false
    });
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let answer = gateway.chat(&key, STREAM, &[]);
    assert!(!answer.text().contains("[DONE]") && answer.text().contains("error"));
    let entry = &gateway.booked(answer.header("x-request-id").unwrap())[0];
    assert_eq!((entry["basis"].as_str(), entry["usage"]["output_tokens"].as_u64()), (Some("estimated"), Some(10)));
}

#[test]
fn impossible_usage_is_replaced_and_flagged() {
    for wrong in ["-5", "12.5", "999999999999", "\"many\""] {
        let body = ANSWER.replace("\"prompt_tokens\":1000", &format!("\"prompt_tokens\":{wrong}"));
        let upstream = Upstream::start(move |_, socket| socket.write_all(&json_answer("200 OK", &body)).is_ok());
        let gateway = Gateway::start(&upstream.config());
        let key = gateway.live_key();
        let id = gateway.chat(&key, HELLO, &[]).header("x-request-id").unwrap().to_owned();
        let entry = &gateway.booked(&id)[0];
        assert_eq!(entry["basis"], "estimated", "{wrong}");
        assert_eq!(entry["flags"], serde_json::json!(["suspect_usage"]), "{wrong}");
    }
}

#[test]
fn test_keys_have_a_book_of_their_own() {
    let gateway = Gateway::start("");
    let key = gateway.test_key();
    let answer = gateway.chat(&key, &HELLO.replace("\"m\"", "\"gpt-5-mini\""), &[]);
    let cost = answer.header("x-tollgate-cost-usd").unwrap().to_owned();
    assert_ne!(cost, "0.000000000");
    let receipt = gateway.own(&key, &format!("/v1/receipts/{}", answer.header("x-request-id").unwrap())).json();
    assert_eq!((receipt["amount_usd"].as_str(), receipt["book"].as_str()), (Some(cost.as_str()), Some("test")));
    assert_eq!(gateway.admin("/usage")["data"][0]["requests"], 0);
    assert_eq!(gateway.admin("/usage?book=test")["data"][0]["cost_usd"], cost);
    assert!(gateway.admin("/ledger/entries")["data"].as_array().unwrap().is_empty());
    assert_eq!(gateway.admin("/ledger/entries?book=test")["data"].as_array().unwrap().len(), 1);
    gateway.assert_books_add_up();
}

#[test]
fn a_model_without_a_price_is_shown_as_such() {
    let upstream = Upstream::start(|_, socket| socket.write_all(&json_answer("200 OK", ANSWER)).is_ok());
    let gateway = Gateway::start(&upstream.config().replace("gpt-5-mini", "my-own-model"));
    let key = gateway.live_key();
    let answer = gateway.chat(&key, HELLO, &[]);
    assert_eq!(answer.status, 200);
    let entry = &gateway.booked(answer.header("x-request-id").unwrap())[0];
    assert_eq!(
        (entry["flags"].clone(), entry["price_version"].clone()),
        (serde_json::json!(["unpriced"]), Value::Null)
    );
    let budgeted = gateway.key(r#"{"name":"b","mode":"live","budget":{"limit_usd":"5","window":"day"}}"#);
    let refused = gateway.chat(&budgeted, HELLO, &[]);
    assert_eq!((refused.status, refused.code().as_str()), (403, "model_unpriced"));
    gateway.assert_books_add_up();
}

#[test]
fn prices_of_the_operator() {
    let upstream = Upstream::start(|_, socket| socket.write_all(&json_answer("200 OK", ANSWER)).is_ok());
    let own = "[prices.\"openai/gpt-5-mini\"]\ninput_per_million = \"1\"\noutput_per_million = \"3\"\n";
    let gateway = Gateway::start(&format!("{}{own}", upstream.config()));
    let key = gateway.live_key();
    // The cached tokens have no rate of their own any more and cost what others cost.
    assert_eq!(gateway.chat(&key, HELLO, &[]).header("x-tollgate-cost-usd"), Some("0.001900000"));
    // A slip of the decimal point is refused whole, and the old prices stay.
    let file = gateway.dir.path().join("tollgate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("input_per_million = \"1\"", "input_per_million = \"10\"")).unwrap();
    gateway.signal("HUP");
    eventually("not refused", || gateway.log().contains("tenfold"));
    assert_eq!(gateway.chat(&key, HELLO, &[]).header("x-tollgate-cost-usd"), Some("0.001900000"));
    std::fs::write(&file, text.replace("input_per_million = \"1\"", "input_per_million = \"2\"")).unwrap();
    gateway.signal("HUP");
    eventually("not taken", || gateway.chat(&key, HELLO, &[]).header("x-tollgate-cost-usd") == Some("0.002900000"));
    eventually("books", || gateway.admin("/ledger/verify")["ok"] == true);
}

#[test]
fn pages_go_through_everything_once() {
    let count = AtomicUsize::new(0);
    let upstream = Upstream::start(move |_, socket| {
        let ok = !count.fetch_add(1, Ordering::Relaxed).is_multiple_of(3);
        let error = r#"{"error":{"message":"bad","type":"invalid_request_error"}}"#;
        let answer = if ok { json_answer("200 OK", ANSWER) } else { json_answer("400 Bad Request", error) };
        socket.write_all(&answer).is_ok()
    });
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let mut sent: Vec<_> =
        (0..25).map(|_| gateway.chat(&key, HELLO, &[]).header("x-request-id").unwrap().to_owned()).collect();
    sent.sort_unstable_by(|a, b| b.cmp(a));
    let key_id = gateway.booked(&sent[0])[0]["key_id"].as_str().unwrap().to_owned();
    for filter in [String::new(), format!("&key={key_id}"), "&model=gpt-5-mini&endpoint=/v1/chat/completions".into()] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = gateway.admin(&format!("/requests?limit=7{filter}&after={after}"));
            seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => break,
            }
        }
        assert_eq!(seen, sent, "{filter}");
    }
    let status = |status: &str| gateway.admin(&format!("/requests?status={status}"))["data"].as_array().unwrap().len();
    assert_eq!((status("4xx"), status("200"), status("5xx")), (9, 16, 0));
    for bad in ["limit=0", "status=9", "nobody=1", "after=x", "from=today", "book=red"] {
        let answer =
            gateway.get(&format!("/admin/v1/requests?{bad}"), &[("authorization", &format!("Bearer {ADMIN}"))]);
        assert_eq!(answer.status, 400, "{bad}");
    }
}

/// However often the same idempotent request comes, and also after a restart: one charge.
#[test]
fn an_idempotent_request_is_charged_once() {
    let upstream = Upstream::start(|_, socket| {
        std::thread::sleep(Duration::from_millis(100));
        socket.write_all(&json_answer("200 OK", ANSWER)).is_ok()
    });
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let once = || gateway.chat(&key, HELLO, &[("idempotency-key", "order-7")]);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..5).map(|_| scope.spawn(once)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let again = once();
    for answer in answers.iter().chain([&again]) {
        assert_eq!((answer.status, answer.header("x-tollgate-cost-usd")), (200, Some(COST)));
        assert_eq!(answer.header("x-request-id"), again.header("x-request-id"));
    }
    assert_eq!((upstream.count(), gateway.admin("/requests")["data"].as_array().unwrap().len()), (1, 1));
    assert_eq!(gateway.own(&key, "/v1/key").json()["spend"]["total_usd"], COST);
    gateway.assert_books_add_up();
}
