//! The process ends at every labelled point of a task's life while many tasks of all vendors are under way: no request
//! is made twice at a vendor, every task has a next action, and the books say what the vendors' counts say.
//!
//! The short form passes each point once; `make soak` runs the long one, at many passes of each.

use super::crash::again;
use super::unified::VIDEOS;
use super::*;
use std::collections::HashMap;

/// Places at which the process ends (`tasks/crash.rs`).
const POINTS: [&str; 9] = ["submitting", "sent", "submitted", "queued", "seen", "made", "fetched", "final", "settled"];
/// Model, seconds, nano-dollars a second.
const MODELS: [(&str, &str, i64); 5] = [
    ("doubao-seedance-2-0-260128", "5", 141_942_857),
    ("kling-v2-6", "5", 70_000_000),
    ("g-veo", "4", 400_000_000),
    ("v-veo", "4", 400_000_000),
    ("sora-2", "4", 100_000_000),
];
/// After a start every open task is worked on within this time.
const RESUMED: Duration = Duration::from_secs(30);

fn rows(gateway: &Gateway) -> Vec<Value> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let page = gateway.admin(&format!("/tasks?limit=100{after}"));
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

/// One process that ends at the so-manieth pass of a point, and one that goes on from there. Gives how many tasks.
fn round(point: &str, pass: usize, each: usize) -> usize {
    let name = format!("{point}:{pass}");
    let sim = Sim::start();
    sim.steer_creates("video-seconds=1", None);
    let text = config(sim.address, "").replace("[providers.kling]\n", "[providers.kling]\nconcurrency = 1\n");
    let mut gateway = Gateway::start_in(tempfile::tempdir().unwrap(), &text, &[("TG_CRASH_AT", &name)]);
    let key = gateway.key(r#"{"name":"b","mode":"live","budget":{"limit_usd":"100000","window":"total"}}"#);
    let told = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for (model, seconds, _) in MODELS {
            let (gateway, key, told) = (&gateway, &key, &told);
            scope.spawn(move || {
                for number in 0..each {
                    let body = json!({
                        "model": model, "prompt": format!("{model} {number}"), "seconds": seconds, "size": "1280x720",
                    });
                    let caller = Caller::with(gateway, key);
                    let Some(answer) = caller.post_if_there(VIDEOS, &body) else { return };
                    if answer.status == 200 && answer.complete {
                        told.lock().unwrap().push(answer.json()["id"].as_str().unwrap().to_owned());
                    }
                }
            });
        }
    });
    assert_eq!(gateway.wait(Duration::from_secs(30)), None, "{name}: it was to be aborted: {}", gateway.log());
    let gateway = again(gateway, &[]);
    let caller = Caller::with(&gateway, &key);
    // What Google began and never confirmed cannot be found: somebody is asked to look, and nothing is given back yet.
    let settled = || {
        let rows = rows(&gateway);
        let still = |row: &Value| row["settlement"] != "settled" && row["state"] != "needs_attention";
        (!rows.iter().any(still)).then_some(rows)
    };
    let rows =
        eventually(RESUMED, settled).unwrap_or_else(|| panic!("{name}: {:?}\n{}", rows(&gateway), gateway.log()));
    let known: Vec<&str> = rows.iter().map(|row| row["public_id"].as_str().unwrap()).collect();
    for id in told.lock().unwrap().iter() {
        assert!(known.contains(&id.as_str()), "{name}: {id} was promised and is not there");
    }
    // At the vendors: each request once, whatever became of it here.
    let theirs: Vec<Value> = sim.tasks()["data"].as_array().unwrap().clone();
    let mut made: HashMap<&str, usize> = HashMap::new();
    for task in &theirs {
        *made.entry(task["prompt"].as_str().unwrap()).or_default() += 1;
    }
    assert!(made.values().all(|times| *times == 1), "{name}: {made:?}");
    assert!(theirs.len() <= rows.len(), "{name}: {} at the vendors, {} here", theirs.len(), rows.len());
    let bills: HashMap<&str, i64> = theirs
        .iter()
        .map(|task| (task["id"].as_str().unwrap(), task["bill"]["seconds"].as_i64().unwrap_or(0)))
        .collect();
    let (mut spent, mut held) = (0, 0);
    for row in &rows {
        let request = row["request_id"].as_str().unwrap();
        if row["state"] == "needs_attention" {
            let entries = gateway.admin(&format!("/ledger/entries?request={request}"));
            assert_eq!(entries["data"], json!([]), "{name}: {row}");
            assert!(row["model"].as_str().unwrap().ends_with("veo"), "{name}: {row}");
            held += nano(&row["held_usd"]);
            continue;
        }
        let charges = gateway.charged(request);
        assert_eq!(charges.len(), 1, "{name}: {row} {}\n{}", gateway.admin("/ledger/verify"), gateway.log());
        let rate = MODELS.iter().find(|(model, ..)| row["model"] == *model).unwrap().2;
        let billed = row["upstream_id"].as_str().map_or(0, |id| bills[id]);
        assert_eq!(row["state"] == "succeeded", billed > 0, "{name}: {row}");
        assert_eq!(nano(&charges[0]["amount_usd"]), billed * rate, "{name}: {row}");
        spent += billed * rate;
    }
    let budget = caller.get("/v1/key").json()["budget"].clone();
    assert_eq!((nano(&budget["spent_usd"]), nano(&budget["held_usd"])), (spent, held), "{name}");
    for (dir, left) in [("waiting", 0), ("results", usize::MAX)] {
        let files = std::fs::read_dir(gateway.dir.path().join("data").join(dir)).unwrap().count();
        assert!(files <= left, "{name}: {files} files in {dir}");
    }
    gateway.assert_books();
    rows.len()
}

#[test]
fn an_end_at_every_point_under_load() {
    for (number, point) in POINTS.into_iter().enumerate() {
        let tasks = round(point, 1 + number % 3, 2);
        assert!(tasks >= 1, "{point}");
    }
}

#[test]
#[ignore = "minutes; `make soak` runs it"]
fn an_end_at_every_point_many_times() {
    let passes = std::env::var("TG_SOAK_PASSES").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    for pass in 1..=passes {
        for point in POINTS {
            let begin = Instant::now();
            let tasks = round(point, pass, 8);
            println!("{point}, pass {pass}: {tasks} tasks, {:.1} s", begin.elapsed().as_secs_f64());
        }
    }
}

/// Somebody else takes tasks over while they run here: whoever is second leaves them alone, and they are paid once.
#[test]
fn two_who_work_on_one_task_settle_it_once() {
    let (sim, mut gateway) = world();
    let key = gateway.live_key();
    sim.steer_creates("video-seconds=2", None);
    let caller = Caller::with(&gateway, &key);
    let made: Vec<(String, String)> = (0..20)
        .map(|number| {
            let (model, seconds, _) = MODELS[number % MODELS.len()];
            let body = json!({ "model": model, "prompt": "a", "seconds": seconds, "size": "1280x720" });
            super::unified::make(&caller, &body, "")
        })
        .collect();
    let database = gateway.dir.path().join("data/tollgate.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // As a second process does that adopts what is open, one task after the other, while looks and ends go on.
    let taken: u64 = runtime.block_on(async {
        use sqlx::Connection as _;
        let url = format!("sqlite://{}", database.display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let mut taken = 0;
        for number in 0..20 {
            let sql = format!(
                "update tasks set owner = 'node_other', version = version + 1 where settlement = 'open' and id in
                   (select id from tasks order by id limit 1 offset {number})"
            );
            taken += sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap().rows_affected();
            tokio::time::sleep(Duration::from_millis(130)).await;
        }
        taken
    });
    assert!(taken > 5, "{taken}");
    let left = || gateway.log().contains("somebody else has changed a task").then_some(());
    assert!(eventually(Duration::from_secs(10), left).is_some(), "{}", gateway.log());
    std::thread::sleep(Duration::from_secs(1));
    let open = rows(&gateway).iter().filter(|row| row["settlement"] != "settled").count();
    assert!(open > 0 && open as u64 <= taken, "{open} of {taken} are left to whoever took them");
    for row in rows(&gateway) {
        if row["settlement"] == "settled" {
            assert_eq!(gateway.charged(row["request_id"].as_str().unwrap()).len(), 1, "{row}");
            continue;
        }
        let entries = gateway.admin(&format!("/ledger/entries?request={}", row["request_id"].as_str().unwrap()));
        assert_eq!(entries["data"], json!([]), "{row}");
    }
    // The other one comes, and finishes what it took.
    gateway.signal("KILL");
    gateway.wait(Duration::from_secs(10));
    let gateway = again(gateway, &[]);
    let caller = Caller::with(&gateway, &key);
    for (number, (id, request)) in made.iter().enumerate() {
        assert_eq!(super::unified::ended(&caller, id)["status"], "completed");
        let (_, seconds, rate) = MODELS[number % MODELS.len()];
        assert_eq!(gateway.paid(request), rate * seconds.parse::<i64>().unwrap());
    }
    assert_eq!(sim.creates(), 20);
    gateway.assert_books();
    // A row that says something else than the books is found.
    runtime.block_on(async {
        use sqlx::Connection as _;
        let url = format!("sqlite://{}", gateway.dir.path().join("data/tollgate.db").display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let sql =
            "update tasks set finished_at = finished_at - 600000, amount = amount + (id = (select max(id) from tasks))";
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    });
    let report = gateway.admin("/ledger/verify");
    assert_eq!((&report["broken"], &report["violations"][0]["invariant"]), (&json!(1), &json!("I14")), "{report}");
}
