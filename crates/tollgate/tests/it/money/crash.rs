//! What is left of the books when the process dies.

use super::*;
use crate::harness::{Upstream, json_answer, request};
use crate::wire::Sim;
use std::collections::HashMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn restart(mut gateway: Gateway, config: &str) -> Gateway {
    gateway.wait(Duration::from_secs(10));
    let dir = std::mem::replace(&mut gateway.dir, tempfile::tempdir().unwrap());
    drop(gateway);
    Gateway::start_in(dir, config, &[])
}

/// What the vendor counted of its requests since the last look: input and output tokens.
fn counted(sim: &Sim, last: &mut u64) -> Vec<(u64, u64)> {
    let number = |entry: &Value, name: &str| entry[name].as_u64().unwrap();
    let fresh: Vec<Value> = sim.journal().into_iter().filter(|entry| number(entry, "seq") > *last).collect();
    for entry in &fresh {
        // It keeps the last thousand; none of them may be missed.
        assert_eq!(number(entry, "seq"), *last + 1);
        *last += 1;
    }
    fresh.iter().map(|entry| (number(entry, "prompt_tokens"), number(entry, "completion_tokens"))).collect()
}

/// Every entry there is, by request.
fn whole_ledger(gateway: &Gateway, filter: &str) -> HashMap<String, Value> {
    let (mut all, mut after, mut rows) = (HashMap::new(), String::new(), 0);
    loop {
        let page = gateway.admin(&format!("/ledger/entries?limit=1000{filter}&after={after}"));
        for entry in page["data"].as_array().unwrap() {
            rows += 1;
            all.insert(entry["request_id"].as_str().unwrap().to_owned(), entry.clone());
        }
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    assert_eq!(rows, all.len(), "a request is booked twice");
    all
}

/// Rounds of load against the simulator, ended by kill -9: 200 with `TOLLGATE_LONG`, else a few. The vendor's own
/// count × price is what is booked: every request that it saw is booked once, and all but those flagged as recovered
/// at its count.
#[test]
fn killed_at_any_moment_nothing_is_lost_or_booked_twice() {
    let rounds: u64 = if is_long() { 200 } else { 5 };
    let sim = Sim::start();
    let config = format!(
        "[providers.openai]\nbase_url = \"http://{}/v1\"\ncredentials = [{{ api_key = \"sk-upstream\" }}]\n\
         [models.m]\ntargets = [{{ provider = \"openai\", model = \"gpt-5-mini\" }}]\n",
        sim.address
    );
    let steer = br#"[{"steer":"output-tokens=2000;ttft-ms=2"}]"#;
    assert_eq!(request(sim.address, "PUT", "/_sim/steer", &[], steer).status, 200);
    let mut gateway = Gateway::start(&config);
    let key = gateway.live_key();
    let (answered, number) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    let (mut seen, mut last) = (Vec::new(), 0);
    for round in 0..rounds {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        // Each has a size of its own: the cap ends what the vendor makes.
                        let n = number.fetch_add(1, Ordering::Relaxed);
                        let (cap, text, stream) = (1 + n * 7 % 400, "word ".repeat(1 + n as usize % 50), n.is_multiple_of(4));
                        let body = format!(
                            r#"{{"model":"m","stream":{stream},"max_tokens":{cap},"messages":[{{"role":"user","content":"{text}"}}]}}"#
                        );
                        let answer = std::panic::catch_unwind(|| gateway.chat(&key, &body, &[]));
                        if let Ok(answer) = answer
                            && answer.status == 200
                            && answer.complete
                        {
                            answered.lock().unwrap().push((answer.header("x-request-id").unwrap().to_owned(), cap));
                        }
                    }
                });
            }
            // So many answers, and then some moment.
            let enough = answered.lock().unwrap().len() + 20 + usize::try_from(round * 37 % 60).unwrap();
            let end = Instant::now() + Duration::from_secs(20);
            while answered.lock().unwrap().len() < enough && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_micros(round * 7_919 % 20_000));
            gateway.signal("KILL");
            stop.store(true, Ordering::Relaxed);
        });
        gateway = restart(gateway, &config);
        seen.extend(counted(&sim, &mut last));
    }
    let booked = whole_ledger(&gateway, "");
    let answered = answered.into_inner().unwrap();
    assert!(answered.len() as u64 >= rounds * 20, "{} answers", answered.len());
    for (id, cap) in &answered {
        let entry = booked.get(id).unwrap_or_else(|| panic!("{id} was answered and is not booked"));
        let is_exact = entry["basis"] == "provider" && entry["usage"]["output_tokens"] == *cap;
        assert!(is_exact || entry["basis"] == "recovered", "{cap} tokens: {entry}");
    }
    // Entry by entry against the vendor's count × price: 0.25 and 2 dollars a million.
    let mut left: HashMap<(u64, u64), usize> = HashMap::new();
    for sizes in &seen {
        *left.entry(*sizes).or_default() += 1;
    }
    let (mut exact, mut recovered, mut none) = (0, 0, 0);
    for entry in booked.values() {
        match entry["basis"].as_str().unwrap() {
            "provider" => {
                let [input, output] =
                    ["input_tokens", "output_tokens"].map(|name| entry["usage"][name].as_u64().unwrap());
                let due = tollgate::money::print(i64::try_from(input * 250 + output * 2_000).unwrap());
                assert_eq!(entry["amount_usd"], due, "{entry}");
                let count = left.get_mut(&(input, output)).filter(|count| **count > 0);
                *count.unwrap_or_else(|| panic!("the vendor did not count this: {entry}")) -= 1;
                exact += 1;
            }
            "recovered" => recovered += 1,
            "none" => none += 1,
            basis => panic!("{basis}: {entry}"),
        }
    }
    // What the vendor saw and is not booked by its count is among the recovered; what was written down and not sent any
    // more as well, or booked at nothing.
    let unmatched: usize = left.values().sum();
    println!(
        "{} answered, {} seen by the vendor: {exact} booked by its count, {recovered} recovered, {none} at nothing",
        answered.len(),
        seen.len()
    );
    assert!(unmatched <= recovered, "{unmatched} of the vendor's requests are lost");
    assert!(recovered - unmatched + none <= usize::try_from(rounds).unwrap() * 6, "more than were open");
    assert!(recovered as u64 <= rounds * 12, "{recovered} recovered");
    // They can be listed by themselves.
    assert_eq!(whole_ledger(&gateway, "&basis=recovered").len(), recovered);
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
        for _ in 0..11 {
            let start = Instant::now();
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
