//! What is left of the books when the process dies.

use super::*;
use crate::harness::{Upstream, json_answer};
use std::collections::HashMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn restart(mut gateway: Gateway, config: &str) -> Gateway {
    gateway.wait(Duration::from_secs(10));
    let dir = std::mem::replace(&mut gateway.dir, tempfile::tempdir().unwrap());
    drop(gateway);
    Gateway::start_in(dir, config, &[])
}

/// Rounds of load ended by kill -9: `TOLLGATE_KILL_ROUNDS` (default 5). Every request that a vendor saw is booked,
/// none twice, and all but those flagged as recovered at the vendor's count.
#[test]
fn killed_at_any_moment_nothing_is_lost_or_booked_twice() {
    let rounds: u64 = std::env::var("TOLLGATE_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let upstream = Upstream::start(|_, socket| {
        std::thread::sleep(Duration::from_millis(2));
        socket.write_all(&json_answer("200 OK", ANSWER)).is_ok()
    });
    let config = upstream.config();
    let mut gateway = Gateway::start(&config);
    let key = gateway.live_key();
    let answered = Mutex::new(Vec::new());
    for round in 0..rounds {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let answer = std::panic::catch_unwind(|| gateway.chat(&key, HELLO, &[]));
                        if let Ok(answer) = answer
                            && answer.status == 200
                            && answer.complete
                        {
                            answered.lock().unwrap().push(answer.header("x-request-id").unwrap().to_owned());
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(60 + round * 37 % 190));
            gateway.signal("KILL");
            stop.store(true, Ordering::Relaxed);
        });
        gateway = restart(gateway, &config);
    }
    let (mut booked, mut after) = (HashMap::new(), String::new());
    let mut rows = 0;
    loop {
        let page = gateway.admin(&format!("/ledger/entries?limit=1000&after={after}"));
        for entry in page["data"].as_array().unwrap() {
            rows += 1;
            booked.insert(entry["request_id"].as_str().unwrap().to_owned(), entry.clone());
        }
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    assert_eq!(rows, booked.len(), "a request is booked twice");
    let answered = answered.into_inner().unwrap();
    assert!(answered.len() as u64 > rounds * 5, "{} answers", answered.len());
    for id in &answered {
        assert!(booked.contains_key(id), "{id} was answered and is not booked");
    }
    let recovered = booked.values().filter(|entry| entry["basis"] == "recovered").count();
    let counted = booked.values().filter(|entry| entry["basis"] == "provider");
    assert!(counted.clone().all(|entry| entry["amount_usd"] == COST));
    // What the vendor saw is booked; what was written down and not sent any more is among the recovered.
    let (seen, counted) = (upstream.count(), counted.count());
    let none = booked.len() - recovered - counted;
    assert!(
        booked.len() >= seen && booked.len() - seen <= recovered + none,
        "{seen} seen, {} booked, {recovered} recovered",
        booked.len()
    );
    assert!(recovered as u64 <= rounds * 12, "{recovered} recovered");
    println!(
        "{} answered, {seen} seen by the vendor, {} booked, {recovered} of them recovered",
        answered.len(),
        booked.len()
    );
    gateway.assert_books_add_up();
}

#[test]
fn a_stream_is_recovered_from_its_last_checkpoint() {
    let upstream = Upstream::start(|_, socket| {
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n");
        for _ in 0..2_000 {
            let chunk = r#"{"id":"c","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}"#;
            if socket.write_all(format!("data: {chunk}\n\n").as_bytes()).is_err() {
                return false;
            }
        }
        std::thread::sleep(Duration::from_secs(20));
        false
    });
    let config = upstream.config();
    let gateway = Gateway::start(&config);
    let key = gateway.live_key();
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let (id, mut reader) = open_stream(&gateway, &key, body);
    let mut read = 0;
    while read < 100_000 {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        read += line.len();
    }
    std::thread::sleep(Duration::from_millis(100));
    gateway.signal("KILL");
    let gateway = restart(gateway, &config);
    let entry = &gateway.booked(&id)[0];
    assert_eq!(entry["basis"], "recovered");
    let tokens = entry["usage"]["output_tokens"].as_u64().unwrap();
    assert!((1_000..=4_100).contains(&tokens), "{tokens}");
    gateway.assert_books_add_up();
}

fn cli_verify(gateway: &Gateway) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["ledger", "verify", "--json", "--data-dir"])
        .arg(gateway.dir.path().join("data"))
        .output()
        .unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
}

/// Each way of spoiling the books is found and named.
#[test]
fn verify_names_what_does_not_add_up() {
    let upstream = Upstream::start(|_, socket| socket.write_all(&json_answer("200 OK", ANSWER)).is_ok());
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let mut request = String::new();
    for _ in 0..3 {
        let answer = gateway.chat(&key, HELLO, &[]);
        assert_eq!(answer.status, 200);
        answer.header("x-request-id").unwrap().clone_into(&mut request);
    }
    gateway.assert_books_add_up();
    let (code, report) = cli_verify(&gateway);
    assert_eq!((code, report["checked"]["entries"].as_u64()), (Some(0), Some(3)));
    let database = gateway.dir.path().join("data/tollgate.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sql = |text: &str| {
        runtime.block_on(async {
            use sqlx::Connection as _;
            let url = format!("sqlite://{}", database.display());
            let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
            sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
        });
    };
    for table in ["blocks", "block_marks"] {
        sql(&format!("create table was_{table} as select * from {table}"));
    }
    let more = format!("insert into refunds values ('rfd_1', '{request}', 'goodwill', 999999999, 1, null)");
    for (spoil, mend, invariant) in [
        (
            "update blocks set charges = substr(charges, 1, length(charges) - 1)",
            "update blocks set charges = (select charges from was_blocks was where was.id = blocks.id)",
            "I1",
        ),
        (
            "insert into blocks select id + 1, count, ids, charges from blocks limit 1",
            "delete from blocks where id not in (select id from was_blocks)",
            "I5",
        ),
        ("delete from block_marks", "insert into block_marks select * from was_block_marks", "I1"),
        ("update blocks set id = id + 3600000 * 1024", "update blocks set id = id - 3600000 * 1024", "I1"),
        (
            "update price_versions set stored = replace(stored, '\"output\":2000000000', '\"output\":3000000000')",
            "update price_versions set stored = replace(stored, '\"output\":3000000000', '\"output\":2000000000')",
            "I4",
        ),
        ("update rollups set requests = requests + 1", "update rollups set requests = requests - 1", "I3"),
        ("update balances set nano = nano + 1", "update balances set nano = nano - 1", "I3"),
        (
            "update postings set nano = nano + 1 where account like 'revenue%'",
            "update postings set nano = nano - 1 where account like 'revenue%'",
            "I13",
        ),
        (
            "update series set price_version = 'x' || price_version",
            "update series set price_version = substr(price_version, 2)",
            "I4",
        ),
        (more.as_str(), "delete from refunds", "I11"),
        ("insert into refunds values ('rfd_1', 'req_1', 'goodwill', 1, 1, null)", "delete from refunds", "I11"),
    ] {
        sql(spoil);
        let (code, report) = cli_verify(&gateway);
        let named: Vec<_> = report["violations"].as_array().unwrap().iter().map(|v| v["invariant"].clone()).collect();
        assert!(code == Some(1) && named.contains(&invariant.into()), "{spoil}: {report}");
        sql(mend);
        assert_eq!(cli_verify(&gateway).0, Some(0), "{mend}");
    }
}

/// Another process holds the database's lock: requests go on, and are booked when it lets go.
#[test]
fn a_locked_database_delays_books_and_nothing_else() {
    let upstream = Upstream::start(|_, socket| socket.write_all(&json_answer("200 OK", ANSWER)).is_ok());
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let database = gateway.dir.path().join("data/tollgate.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ids: Vec<String> = runtime.block_on(async {
        use sqlx::Connection as _;
        let url = format!("sqlite://{}", database.display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query("begin exclusive").execute(&mut connection).await.unwrap();
        let mut ids = Vec::new();
        for _ in 0..8 {
            let start = std::time::Instant::now();
            let answer = gateway.chat(&key, HELLO, &[]);
            assert_eq!(answer.status, 200);
            assert!(start.elapsed() < Duration::from_secs(1), "the caller waited for SQL");
            ids.push(answer.header("x-request-id").unwrap().to_owned());
            std::thread::sleep(Duration::from_millis(900));
        }
        sqlx::query("rollback").execute(&mut connection).await.unwrap();
        ids
    });
    eventually("not booked", || ids.iter().all(|id| gateway.booked(id).len() == 1));
    gateway.assert_books_add_up();
}
