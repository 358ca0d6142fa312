//! How tasks end at every vendor, and what each end costs: one settlement, and nothing for what was not delivered.

use super::unified::{VIDEOS, ended, make};
use super::*;

const MODELS: [(&str, &str, i64); 5] = [
    ("doubao-seedance-2-0-260128", "5", 5 * 141_942_857),
    ("kling-v2-6", "5", 5 * 70_000_000),
    ("g-veo", "8", 8 * 400_000_000),
    ("v-veo", "8", 8 * 400_000_000),
    ("sora-2", "8", 8 * 100_000_000),
];

fn ask(model: &str, seconds: &str) -> Value {
    json!({ "model": model, "prompt": "a cat", "seconds": seconds, "size": "1280x720" })
}

#[test]
fn a_hold_becomes_a_charge_or_nothing() {
    let (sim, gateway) = world();
    for (model, seconds, price) in MODELS {
        let key = gateway.key(r#"{"name":"b","mode":"live","budget":{"limit_usd":"100","window":"total"}}"#);
        let caller = Caller::with(&gateway, &key);
        let budget = || {
            let budget = caller.get("/v1/key").json()["budget"].clone();
            (nano(&budget["held_usd"]), nano(&budget["spent_usd"]))
        };
        for (steer, status, due) in [
            ("", "completed", price),
            ("video=failed", "failed", 0),
            ("video=filtered", "failed", 0),
            ("video=expired", "failed", 0),
        ] {
            sim.steer_creates(format!("video-seconds=1;{steer}").trim_end_matches(';'), None);
            let (_, before) = budget();
            let (id, request) = make(&caller, &ask(model, seconds), "");
            let (held, spent) = budget();
            assert!(
                (held, spent) == (price, before) || spent == before + due,
                "{model} {steer}: {held} held, {spent} spent"
            );
            let video = ended(&caller, &id);
            assert_eq!(video["status"], status, "{model} {steer} {video}");
            if due == 0 {
                let error = &video["error"];
                assert!(!error["code"].as_str().unwrap().is_empty(), "{video}");
                assert!(!error["message"].as_str().unwrap().is_empty(), "{video}");
                assert_eq!(caller.get(&format!("{VIDEOS}/{id}/content")).status, 404);
            }
            assert_eq!(gateway.paid(&request), due, "{model} {steer}");
            let settled = || (budget() == (0, before + due)).then_some(());
            assert!(eventually(Duration::from_secs(5), settled).is_some(), "{model} {steer}: {:?}", budget());
        }
    }
    gateway.assert_books();
}

#[test]
fn an_answer_that_is_lost_is_never_asked_for_again() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    for (model, seconds, price) in MODELS {
        let before = sim.creates();
        sim.steer_creates("video-lost;video-seconds=1", Some(1));
        let (id, request) = make(&caller, &ask(model, seconds), "");
        // Google's operations cannot be listed: what was begun there is not found again, and is not made again.
        if model.ends_with("veo") {
            let found = || {
                let list = gateway.admin("/tasks?limit=1");
                (list["data"][0]["state"] == "needs_attention").then_some(())
            };
            assert!(eventually(Duration::from_secs(20), found).is_some(), "{}", gateway.admin("/tasks?limit=1"));
            assert_eq!(caller.get(&format!("{VIDEOS}/{id}")).json()["status"], "in_progress");
        } else {
            assert_eq!(ended(&caller, &id)["status"], "completed", "{model}");
            assert_eq!(gateway.paid(&request), price, "{model}");
        }
        assert_eq!(sim.creates() - before, 1, "{model}");
    }
    gateway.assert_books();
}

#[test]
fn polls_that_fail_fail_nothing() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1;video-poll-429=2;video-poll-500=2", None);
    let made: Vec<_> =
        MODELS.iter().map(|(model, seconds, price)| (make(&caller, &ask(model, seconds), ""), *price)).collect();
    for ((id, request), price) in made {
        assert_eq!(ended(&caller, &id)["status"], "completed");
        assert_eq!(gateway.paid(&request), price);
    }
}

#[test]
fn a_result_that_is_lost_is_not_paid() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    for (model, seconds, _) in MODELS {
        // What stands in the answer itself has no link.
        if model == "v-veo" {
            continue;
        }
        sim.steer_creates("video-link-expired;video-seconds=1", None);
        let (id, request) = make(&caller, &ask(model, seconds), "");
        let video = ended(&caller, &id);
        assert_eq!((&video["status"], &video["error"]["code"]), (&json!("failed"), &json!("result_lost")), "{model}");
        assert_eq!(gateway.paid(&request), 0);
    }
    gateway.assert_books();
}

#[test]
fn looking_is_paced_whoever_looks() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=3", None);
    let made: Vec<_> = MODELS.iter().map(|(model, seconds, _)| make(&caller, &ask(model, seconds), "").0).collect();
    let end = Instant::now() + Duration::from_secs(2);
    let mut looks = 0;
    while Instant::now() < end {
        for id in &made {
            assert_eq!(caller.get(&format!("{VIDEOS}/{id}")).status, 200);
            looks += 1;
        }
        assert_eq!(caller.get(VIDEOS).status, 200);
    }
    let polls = sim.tasks()["totals"]["polls"].as_u64().unwrap();
    // From 100 ms to 300 ms apart: some ten each.
    assert!(looks > 100 && polls <= 5 * 16, "{looks} looks, {polls} polls");
}
