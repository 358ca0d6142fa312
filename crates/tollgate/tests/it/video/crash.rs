//! The process ends at every labelled point of a task's life: at most one task at the vendor for each request, none
//! without a next action, and the vendor's count times the price in the books.

use super::ark::{ended, make};
use super::*;

/// Another gateway on the data of one that has ended.
pub fn again(mut gateway: Gateway, env: &[(&str, &str)]) -> Gateway {
    let dir = std::mem::replace(&mut gateway.dir, tempfile::tempdir().unwrap());
    let config = std::fs::read_to_string(dir.path().join("tollgate.toml")).unwrap();
    Gateway::start_in(dir, &config, env)
}

fn ended_by_itself(gateway: &mut Gateway) {
    assert_eq!(gateway.wait(Duration::from_secs(20)), None, "it was to be aborted: {}", gateway.log());
}

#[test]
fn an_end_at_any_point_makes_no_second_video_and_no_second_charge() {
    let points = ["submitting", "sent", "submitted", "seen", "made", "fetched", "final", "settled"];
    for point in points {
        let sim = Sim::start();
        sim.steer_creates("video-seconds=1", None);
        let dir = tempfile::tempdir().unwrap();
        let mut gateway = Gateway::start_in(dir, &config(sim.address, ""), &[("TG_CRASH_AT", point)]);
        let key = gateway.key(r#"{"name":"b","mode":"live","budget":{"limit_usd":"100","window":"total"}}"#);
        let body = json!({
            "model": "doubao-seedance-2-0-260128", "content": [{ "type": "text", "text": point }], "duration": 5,
            "resolution": "720p",
        });
        let answer = Caller::with(&gateway, &key).post("/seedance/v3/contents/generations/tasks", &body);
        ended_by_itself(&mut gateway);
        let gateway = again(gateway, &[]);
        let caller = Caller::with(&gateway, &key);
        // Whoever has no answer finds the task in the list.
        let list = caller.get("/seedance/v3/contents/generations/tasks").json();
        assert_eq!(list["total"], 1, "{point}: {list}");
        let id = list["items"][0]["id"].as_str().unwrap().to_owned();
        if answer.status == 200 {
            assert_eq!(answer.json()["id"], json!(id), "{point}");
        }
        let task = ended(&caller, &id);
        let creates = sim.creates();
        assert!(creates <= 1, "{point}: {creates} tasks at the vendor");
        let made = creates == 1;
        assert_eq!(task["status"], if made { "succeeded" } else { "failed" }, "{point}: {task}");
        let bill = sim.tasks()["data"][0]["bill"]["seconds"].as_i64().unwrap_or(0);
        let due = 141_942_857 * bill;
        let key_now = || {
            let budget = caller.get("/v1/key").json()["budget"].clone();
            (nano(&budget["held_usd"]) == 0).then(|| nano(&budget["spent_usd"]))
        };
        let spent = eventually(Duration::from_secs(10), key_now).unwrap_or_else(|| panic!("{point}: still held"));
        assert_eq!(spent, due, "{point}");
        let entries = gateway.admin("/ledger/entries")["data"].as_array().unwrap().clone();
        assert_eq!((entries.len(), nano(&entries[0]["amount_usd"])), (1, due), "{point}");
        gateway.assert_books();
    }
}

#[test]
fn a_restart_takes_up_what_runs_and_what_waits() {
    let sim = Sim::start();
    let text = config(sim.address, "").replace("[providers.ark]\n", "[providers.ark]\nconcurrency = 1\n");
    for signal in ["TERM", "KILL"] {
        sim.steer_creates("video-seconds=2", None);
        let mut gateway = Gateway::start(&text);
        let key = gateway.live_key();
        let before = sim.creates();
        let tasks: Vec<_> = (0..3).map(|_| make(&Caller::with(&gateway, &key))).collect();
        assert_eq!(sim.creates() - before, 1);
        gateway.signal(signal);
        gateway.wait(Duration::from_secs(20));
        let gateway = again(gateway, &[]);
        let caller = Caller::with(&gateway, &key);
        for (id, request) in &tasks {
            assert_eq!(ended(&caller, id)["status"], "succeeded", "{signal}");
            assert_eq!(gateway.charged(request).len(), 1);
        }
        assert_eq!(sim.creates() - before, 3, "{signal}");
        assert_eq!(std::fs::read_dir(gateway.dir.path().join("data/waiting")).unwrap().count(), 0);
        gateway.assert_books();
    }
}

#[test]
fn many_are_killed_in_the_middle() {
    let sim = Sim::start();
    sim.steer_creates("video-seconds=2", None);
    let mut gateway = Gateway::start(&config(sim.address, ""));
    let key = gateway.live_key();
    let made = std::sync::Mutex::new(0_usize);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let caller = Caller::with(&gateway, &key);
                for number in 0..20 {
                    let body = json!({
                        "model": "doubao-seedance-2-0-260128",
                        "content": [{ "type": "text", "text": format!("number {number}") }], "duration": 5,
                    });
                    let answer = caller.post_if_there("/seedance/v3/contents/generations/tasks", &body);
                    if answer.is_some_and(|answer| answer.status == 200) {
                        *made.lock().unwrap() += 1;
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_millis(700));
        gateway.signal("KILL");
    });
    gateway.wait(Duration::from_secs(5));
    let made = *made.lock().unwrap();
    let gateway = again(gateway, &[]);
    let caller = Caller::with(&gateway, &key);
    let all = || {
        let list = caller.get("/seedance/v3/contents/generations/tasks?page_size=500").json();
        let items = list["items"].as_array().unwrap().clone();
        let open = items.iter().filter(|task| matches!(task["status"].as_str().unwrap(), "queued" | "running")).count();
        // Ark's list does not say what was asked: which of several that were sent at once is which, only a person can tell.
        let unclear = gateway.admin("/tasks?state=needs_attention&limit=100")["data"].as_array().unwrap().len();
        (open == unclear).then_some((items, unclear))
    };
    let (items, unclear) = eventually(Duration::from_secs(40), all).unwrap_or_else(|| panic!("{}", gateway.log()));
    assert!(items.len() >= made, "{} tasks, {made} answers", items.len());
    let done = items.iter().filter(|task| task["status"] == "succeeded").count();
    let vendor = sim.tasks();
    let creates = vendor["totals"]["creates"].as_u64().unwrap();
    // Some were sent and could not be told from others that were: they are not made again, whatever becomes of them.
    assert!(creates <= items.len() as u64, "{creates} at the vendor, {} here", items.len());
    assert!(done as u64 <= creates && done + unclear >= made, "{done} done, {made} answers, {creates} made");
    let page = gateway.admin("/ledger/entries?limit=1000");
    let entries = page["data"].as_array().unwrap();
    assert_eq!(entries.len() + unclear, items.len());
    assert!(unclear <= 8, "{unclear}");
    let sum: i64 = entries.iter().map(|entry| nano(&entry["amount_usd"])).sum();
    assert_eq!(sum, i64::try_from(done).unwrap() * 709_714_285);
    gateway.assert_books();
}
