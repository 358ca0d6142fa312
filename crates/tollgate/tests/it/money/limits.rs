//! A limit is a limit.

use super::*;
use crate::harness::{Upstream, json_answer};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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

/// Calls of random sizes at the same time on one key of one project that both have budgets: 200, or five runs of 1,000
/// with `TOLLGATE_LONG`. At every look, spent and held are within both.
#[test]
fn parallel_calls_never_pass_a_budget() {
    let (runs, calls) = if is_long() { (5, 1_000_u64) } else { (1, 200) };
    let gateway = Gateway::start("");
    let mut total = 0;
    for run in 0..runs {
        let [of_key, of_project] = ["0.05", "0.0501"];
        let budget = |limit: &str| format!(r#"{{"limit_usd":"{limit}","window":"total"}}"#);
        let project = gateway.post(
            "/admin/v1/projects",
            &[("authorization", &format!("Bearer {ADMIN}"))],
            &format!(r#"{{"name":"race","budget":{}}}"#, budget(of_project)),
        );
        let key = gateway.key(&format!(
            r#"{{"name":"race","mode":"test","project":{},"budget":{}}}"#,
            project.json()["id"],
            budget(of_key)
        ));
        let look = || {
            let own = gateway.own(&key, "/v1/key").json();
            for (side, limit) in [(&own["budget"], of_key), (&own["project"]["budget"], of_project)] {
                let [spent, held] = ["spent_usd", "held_usd"].map(|name| nano(side[name].as_str().unwrap()));
                assert!(spent + held <= nano(limit), "{own}");
            }
            own
        };
        let served = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for call in 0..calls {
                let (gateway, key, look, served) = (&gateway, &key, &look, &served);
                let work = move || {
                    let tokens = 20 + (run * 7_919 + call * 104_729) % 900;
                    let stream = call.is_multiple_of(3);
                    let body = format!(
                        r#"{{"model":"gpt-5-mini","stream":{stream},"max_completion_tokens":{tokens},"messages":[{{"role":"user","content":"hi"}}]}}"#
                    );
                    let steer = format!("output-tokens={tokens};chunks=4;chunk-ms=5;ttft-ms={}", call % 40);
                    let answer = gateway.chat(key, &body, &[("x-tollgate-sim", &steer)]);
                    assert!(matches!(answer.status, 200 | 402), "{}", answer.text());
                    if answer.status == 200 {
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                    look();
                };
                std::thread::Builder::new().stack_size(512 * 1024).spawn_scoped(scope, work).unwrap();
            }
        });
        // What is left is too little for many: the budget was used.
        let mut small = 0;
        while gateway.chat(&key, &CAPPED.replace("\"m\"", "\"gpt-5-mini\""), &[]).status == 200 {
            small += 1;
        }
        let own = look();
        let spent = nano(own["budget"]["spent_usd"].as_str().unwrap());
        assert!(spent > nano("0.0497"), "{own}");
        assert_eq!(own["budget"]["held_usd"], "0.000000000");
        total += spent;
        println!("run {run}: {} of {calls} served, {small} small ones after them", served.load(Ordering::Relaxed));
    }
    assert_eq!(gateway.admin("/usage?book=test")["data"][0]["cost_usd"], tollgate::money::print(total));
    gateway.assert_books_add_up();
}

/// A stream without a cap in each protocol that has such: path, model, what comes before the caller's text, what is behind it, and
/// what the end of a whole answer has.
const UNCAPPED: [(&str, &str, &str, &str, &str); 5] = [
    (
        "/v1/chat/completions",
        "gpt-4o-mini",
        r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":""#,
        r#""}]}"#,
        "[DONE]",
    ),
    (
        "/v1/responses",
        "gpt-4o-mini",
        r#"{"model":"gpt-4o-mini","stream":true,"input":""#,
        r#""}"#,
        "response.completed",
    ),
    (
        "/v1/chat/completions",
        "claude-3-5-haiku-latest",
        r#"{"model":"claude-3-5-haiku-latest","stream":true,"messages":[{"role":"user","content":""#,
        r#""}]}"#,
        "[DONE]",
    ),
    (
        "/v1beta/models/gemini-2.0-flash-lite:streamGenerateContent?alt=sse",
        "gemini-2.0-flash-lite",
        r#"{"contents":[{"role":"user","parts":[{"text":""#,
        r#""}]}]}"#,
        "finishReason",
    ),
    (
        "/v1beta/models/gemini-2.0-flash-lite:streamGenerateContent",
        "gemini-2.0-flash-lite",
        r#"{"contents":[{"role":"user","parts":[{"text":""#,
        r#""}]}]}"#,
        "finishReason",
    ),
];

/// The published bound: without a cap at most 256 tokens more than the budget has room for, and the protocol's own error
/// event where the answer would have ended.
#[test]
fn a_stream_ends_when_its_hold_cannot_grow() {
    let gateway = Gateway::start("");
    let prices = gateway.admin("/prices?limit=1000");
    let rate = |model: &str| {
        let rows = prices["data"].as_array().unwrap();
        let row = rows.iter().find(|row| row["model"] == model).unwrap();
        // Nano-dollars a token are thousandths of dollars a million.
        nano(row["rates"]["output_per_million"].as_str().unwrap()) / 1_000_000
    };
    for (path, model, before, after, end) in UNCAPPED {
        let token = rate(model);
        // Room for the first 1,024 tokens and their input, and for no more.
        let limit = 1_500 * token;
        let with = |name: &str, limit: i64| {
            let limit = tollgate::money::print(limit);
            gateway
                .key(&format!(r#"{{"name":"{name}","mode":"test","budget":{{"limit_usd":"{limit}","window":"day"}}}}"#))
        };
        let ask = |key: &str| {
            let bearer = format!("Bearer {key}");
            let headers = [
                ("authorization", bearer.as_str()),
                ("content-type", "application/json"),
                ("x-tollgate-sim", "output-tokens=5000"),
            ];
            gateway.post(path, &headers, &format!("{before}hi{after}"))
        };
        let key = with("s", limit);
        let answer = ask(&key);
        let text = answer.text();
        let last = &text[text.len().saturating_sub(600)..];
        assert_eq!(answer.status, 200, "{path}: {text}");
        assert!(answer.complete && !text.contains(end), "{path}: {last}");
        assert_error_event(path, &text);
        let entry = &gateway.booked(answer.header("x-request-id").unwrap())[0];
        let flags = serde_json::json!(["budget_cut"]);
        // Google counts as it goes, the others at the end.
        let basis = if path.starts_with("/v1beta") { "provider" } else { "estimated" };
        assert_eq!((entry["basis"].as_str(), &entry["flags"]), (Some(basis), &flags), "{path}");
        let spent = nano(entry["amount_usd"].as_str().unwrap());
        assert!(spent > 500 * token && spent <= limit + 256 * token, "{path}: {entry}");
        assert_eq!(gateway.own(&key, "/v1/key").json()["budget"]["held_usd"], "0.000000000");
        // With room to grow the same stream runs to its end, and what was held beyond its use is given back.
        let rich = with("r", 20_000 * token);
        let answer = ask(&rich);
        let text = answer.text();
        assert!(text.contains(end), "{path} {model}: {}", &text[text.len().saturating_sub(600)..]);
        assert_eq!(gateway.booked(answer.header("x-request-id").unwrap())[0]["usage"]["output_tokens"], 5000);
        assert_eq!(gateway.own(&rich, "/v1/key").json()["budget"]["held_usd"], "0.000000000");
    }
    gateway.assert_books_add_up();
}

/// The same for Messages, where only a vendor that does not insist on `max_tokens` leaves a stream without a cap.
#[test]
fn a_stream_of_messages_ends_when_its_hold_cannot_grow() {
    let upstream = Upstream::start(|_, socket| {
        let start = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}}"#;
        let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let begin = format!("event: message_start\ndata: {start}\n\nevent: content_block_start\ndata: {block}\n\n");
        let mut going = socket.write_all(format!("{head}{begin}").as_bytes()).is_ok();
        let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"word "}}"#;
        for _ in 0..5_000 {
            going =
                going && socket.write_all(format!("event: content_block_delta\ndata: {delta}\n\n").as_bytes()).is_ok();
        }
        false
    });
    let gateway = Gateway::start(&format!(
        "[providers.anthropic]\nbase_url = \"http://{}\"\ncredentials = [{{ api_key = \"sk-upstream\" }}]\n\
         [models.m]\ntargets = [{{ provider = \"anthropic\", model = \"claude-3-5-haiku-latest\" }}]\n",
        upstream.address
    ));
    // 4 dollars a million.
    let (limit, token) = (nano("0.006"), 4_000);
    let key = gateway.key(r#"{"name":"m","mode":"live","budget":{"limit_usd":"0.006","window":"day"}}"#);
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let answer = gateway.post("/v1/messages", &[("x-api-key", &key), ("content-type", "application/json")], body);
    let text = answer.text();
    assert!(answer.status == 200 && !text.contains("message_stop"), "{text}");
    assert_error_event("/v1/messages", &text);
    let entry = &gateway.booked(answer.header("x-request-id").unwrap())[0];
    // The vendor's count of one token at the beginning is not what was delivered.
    assert_eq!((entry["basis"].as_str(), &entry["flags"]), (Some("estimated"), &serde_json::json!(["budget_cut"])));
    assert_eq!(entry["usage"]["input_tokens"], 9);
    let spent = nano(entry["amount_usd"].as_str().unwrap());
    assert!(spent > 500 * token && spent <= limit + 256 * token, "{entry}");
    assert_eq!(gateway.own(&key, "/v1/key").json()["budget"]["held_usd"], "0.000000000");
    gateway.assert_books_add_up();
}

/// The last event of a stream is the error event of its protocol.
fn assert_error_event(path: &str, text: &str) {
    if path.ends_with(":streamGenerateContent") {
        let list: Value = serde_json::from_str(text).unwrap();
        let last = list.as_array().unwrap().last().unwrap();
        assert!(last["error"]["status"].is_string() && last.to_string().contains("budget_exceeded"), "{last}");
        return;
    }
    let text = text.replace("\r\n", "\n");
    let mut events = text.trim_end().rsplit("\n\n");
    let mut last = events.next().unwrap();
    if path == "/v1/responses" {
        // It says so twice, and the code is in the event that official libraries raise.
        assert!(last.starts_with("event: response.failed"), "{last}");
        last = events.next().unwrap();
    }
    let data = last.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    let is_its_own = match path {
        "/v1/chat/completions" => true,
        "/v1/responses" | "/v1/messages" => data["type"] == "error" && last.starts_with("event: error"),
        _ => data["error"]["status"].is_string() && data.to_string().contains("budget_exceeded"),
    };
    let has_code = data["error"]["code"] == "budget_exceeded" || path.starts_with("/v1beta");
    assert!(is_its_own && has_code, "{path}: {last}");
}

/// The worked example of `docs/limits.md`: fifty streams of one key at once, each without a cap, pass its budget by at
/// most 256 output tokens each.
#[test]
fn fifty_open_streams_keep_the_published_bound() {
    const STREAMS: i64 = 50;
    let gateway = Gateway::start("");
    let (limit, token) = (nano("0.04"), 600);
    let key = gateway.key(r#"{"name":"f","mode":"test","budget":{"limit_usd":"0.04","window":"day"}}"#);
    let body = r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let cut = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..STREAMS {
            scope.spawn(|| {
                let answer =
                    gateway.chat(&key, body, &[("x-tollgate-sim", "output-tokens=3000;chunks=60;chunk-ms=10")]);
                assert_eq!(answer.status, 200, "{}", answer.text());
                cut.fetch_add(u64::from(answer.text().contains("budget_exceeded")), Ordering::Relaxed);
            });
        }
    });
    let own = gateway.own(&key, "/v1/key").json();
    let spent = nano(own["budget"]["spent_usd"].as_str().unwrap());
    println!("{} of {STREAMS} streams were cut, {} spent", cut.load(Ordering::Relaxed), own["budget"]["spent_usd"]);
    assert!(cut.load(Ordering::Relaxed) > 0, "{own}");
    assert!(spent <= limit + STREAMS * 256 * token, "{own}");
    assert_eq!(own["budget"]["held_usd"], "0.000000000");
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
