//! What all video vendors share: faults, memory, counts.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::World;

const TASKS: &str = "/api/v3/contents/generations/tasks";

fn body(prompt: &str) -> serde_json::Value {
    json!({"model": "m", "content": [{"type": "text", "text": prompt}], "callback_url": "https://x.example"})
}

fn create(world: &World, steer: &str) -> String {
    world.post(TASKS, steer, &body("a cat")).json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_create_that_is_lost_is_there_all_the_same() {
    let world = World::new();
    assert!(world.post(TASKS, "video-lost", &body("a lost cat")).nothing);
    let tasks = world.tasks();
    assert_eq!((&tasks["data"][0]["prompt"], &tasks["data"][0]["creates"]), (&json!("a lost cat"), &json!(1)));
    assert_eq!(tasks["data"][0]["callback_given"], true);
    for steer in ["refuse", "reset=before-head", "html"] {
        world.post(TASKS, steer, &body("x"));
    }
    assert_eq!(world.tasks()["totals"]["creates"], 1, "broken before the vendor took them");
    let answer = world.post(TASKS, "cut-after=1", &body("x")).bytes.len();
    assert!(answer > 0 && world.tasks()["totals"]["creates"] == 2, "broken after it");
}

#[test]
fn polls_that_fail_and_then_do_not() {
    let world = World::new();
    let id = create(&world, "video-poll-429;video-poll-500=2;video-seconds=0");
    let states: Vec<u16> = (0..5).map(|_| world.get(&format!("{TASKS}/{id}")).status).collect();
    assert_eq!(states, [429, 500, 500, 200, 200]);
    assert_eq!(world.tasks()["data"][0]["polls"], 5);
}

#[test]
fn only_so_many_at_a_time() {
    let world = World::new();
    for status in [200, 200, 429] {
        assert_eq!(world.post(TASKS, "video-parallel=2", &body("x")).status, status);
    }
    assert_eq!(world.post(TASKS, "video-parallel=2", &body("x")).json()["error"]["code"], "QuotaExceeded");
    world.pass(3);
    assert_eq!(world.post(TASKS, "video-parallel=2", &body("x")).status, 200, "the first two are over");
    assert_eq!(world.tasks()["totals"]["creates"], 3);
}

#[test]
fn another_process_answers_for_the_same_ids() {
    let world = World::new();
    for (steer, status) in [("video-seconds=10", "succeeded"), ("video=failed", "failed"), ("video=expired", "expired")]
    {
        let id = create(&world, steer);
        let again = world.restarted();
        let path = format!("{TASKS}/{id}");
        assert_eq!(world.get(&path).json(), again.get(&path).json(), "{steer}");
        world.pass(10);
        let (old, new) = (world.get(&path).json(), again.get(&path).json());
        assert_eq!((&old, &new["status"]), (&new, &json!(status)));
        if let Some(url) = old["content"]["video_url"].as_str() {
            assert_eq!(world.get(url).bytes, again.get(url).bytes);
        }
        let row = &again.tasks()["data"][0];
        assert_eq!((&row["creates"], &row["polls"]), (&json!(0), &json!(2)));
    }
}

#[test]
fn ids_that_nobody_made() {
    let world = World::new();
    let id = create(&world, "");
    let mut changed = id.clone().into_bytes();
    for at in 4..changed.len() {
        let old = changed[at];
        changed[at] = if old == b'0' { b'1' } else { b'0' };
        let path = format!("{TASKS}/{}", String::from_utf8(changed.clone()).unwrap());
        assert_eq!(world.get(&path).status, 404, "{path}");
        changed[at] = old;
    }
    assert_eq!(world.get(&format!("{TASKS}/cgt-20260101101012-ab002")).status, 404);
    assert_eq!(world.get(&format!("{TASKS}/%F0%9F%92%A9")).status, 404);
}

#[test]
fn thousands_of_one_moment_are_thousands() {
    let world = World::new();
    let ids: std::collections::HashSet<String> = (0..3_000).map(|_| create(&world, "video-seconds=60")).collect();
    assert_eq!(ids.len(), 3_000);
    assert_eq!(world.tasks()["totals"]["creates"], 3_000);
}

#[test]
fn the_table_is_bounded_and_forgotten_tasks_still_answer() {
    let world = World::new();
    let first = create(&world, "video-seconds=60");
    // Prompts of a megabyte reach the bound on text long before the bound on tasks.
    let long = body(&"x".repeat(1 << 20));
    for _ in 0..35 {
        world.post(TASKS, "", &long);
    }
    let tasks = world.tasks();
    let kept = tasks["data"].as_array().unwrap().len();
    assert!(kept < 33 && tasks["totals"]["forgotten"] == 36 - kept, "{kept}");
    let task = world.get(&format!("{TASKS}/{first}")).json();
    assert_eq!((&task["status"], &task["model"]), (&json!("queued"), &json!("m")));
}

#[test]
fn rules_from_beside_hold_where_there_is_no_header() {
    let world = World::new();
    let rules = json!([{"steer": "video=failed;video-seconds=0", "method": "POST", "path": "/tasks", "times": 1}]);
    assert_eq!(world.simulator.page("PUT", "/_sim/steer", rules.to_string().as_bytes()).unwrap().0, 200);
    assert_eq!(world.simulator.page("PUT", "/_sim/steer", b"[{\"steer\":\"wobble\"}]").unwrap().0, 400);
    let make = |headers: &[(&str, &str)]| {
        let id = world.call("POST", TASKS, headers, body("x").to_string().as_bytes()).json()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        world.get(&format!("{TASKS}/{id}")).json()["status"].clone()
    };
    assert_eq!(make(&[("x-tollgate-sim", "video-seconds=9")]), "queued");
    assert_eq!(make(&[]), "failed");
    assert_eq!(make(&[]), "queued", "once");
    assert_eq!(world.simulator.page("GET", "/_sim/other", b""), None);
}

#[test]
fn clones_share_their_tasks_and_can_forget_them() {
    let world = World::new();
    create(&world.clone(), "");
    assert_eq!(world.tasks()["data"].as_array().unwrap().len(), 1);
    assert_eq!(world.simulator.clone().page("DELETE", "/_sim/tasks", b"").unwrap().0, 200);
    assert_eq!(world.tasks()["data"], json!([]));
}

#[test]
fn clips_as_large_as_wanted_and_in_parts() {
    let world = World::new();
    let id = create(&world, "video-seconds=0;video-bytes=200000");
    let url = world.get(&format!("{TASKS}/{id}")).json()["content"]["video_url"].as_str().unwrap().to_owned();
    let whole = world.get(&url);
    assert_eq!((whole.status, whole.bytes.len(), whole.header("accept-ranges")), (200, 200_000, "bytes"));
    let part = |range: &str, more: (&str, &str)| world.call("GET", &url, &[("Range", range), more], b"");
    let middle = part("bytes=100-150099", ("a", "b"));
    assert_eq!((middle.status, middle.header("content-range")), (206, "bytes 100-150099/200000"));
    assert_eq!(middle.bytes, &whole.bytes[100..150_100]);
    assert_eq!(part("bytes=-1", ("if-range", whole.header("etag"))).bytes.len(), 1);
    assert_eq!(part("bytes=-1", ("if-range", "\"other\"")).bytes.len(), 200_000);
    let beyond = part("bytes=200000-", ("a", "b"));
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */200000"));
    assert_eq!(world.tasks()["data"][0]["downloads"], 5);
}

/// The calls, with ids that may be anything.
const PATHS: &[&str] = &[
    "/v1/videos",
    "/v1/videos/ID",
    "/v1/videos/ID/content",
    "/v1/videos/ID/remix",
    TASKS,
    "/api/v3/contents/generations/tasks/ID",
    "/v1/videos/text2video",
    "/v1/videos/image2video",
    "/v1/videos/text2video/ID",
    "/v1beta/models/veo-3.1:predictLongRunning",
    "/v1beta/models/veo-3.1/operations/ID",
    "/v1/projects/p/locations/l/publishers/google/models/m:predictLongRunning",
    "/v1/projects/p/locations/l/publishers/google/models/m:fetchPredictOperation",
    "/v1beta/files/ID:download",
    "/download/v1beta/files/ID:download",
    "/storage/v1/b/ID/o/ID",
    "/results/ID.mp4",
];
/// Fields of all vendors, with values for some of which they are right.
const FIELDS: &[&str] = &[
    "model",
    "model_name",
    "prompt",
    "content",
    "duration",
    "frames",
    "seconds",
    "size",
    "resolution",
    "ratio",
    "seed",
    "mode",
    "sound",
    "image",
    "image_tail",
    "camera_control",
    "multi_shot",
    "shot_type",
    "multi_prompt",
    "voice_list",
    "element_list",
    "dynamic_masks",
    "watermark_info",
    "external_task_id",
    "callback_url",
    "instances",
    "parameters",
    "input_reference",
    "operationName",
    "cfg_scale",
    "service_tier",
    "tools",
];

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "5",
            "8",
            "16:9",
            "720p",
            "on",
            "pro",
            "text",
            "image_url",
            "x",
            "simple",
            "customize",
            "AAAA",
            ""
        ])
        .prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let names = [
            "type",
            "text",
            "url",
            "image_url",
            "role",
            "prompt",
            "index",
            "duration",
            "config",
            "zoom",
            "image",
            "mimeType",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(names.to_vec()), inner), 0..4)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_breaks_it(
        fields in prop::collection::vec((prop::sample::select(FIELDS.to_vec()), anything()), 0..6),
        id in "[a-z0-9/%._-]{0,60}",
        query in "[a-zA-Z=&0-9%.]{0,30}",
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let world = World::new();
        let mut body = json!({"model": "m", "prompt": "x", "content": [{"type": "text", "text": "x"}], "instances": [{"prompt": "x"}]});
        for (name, value) in fields {
            body[name] = value;
        }
        for path in PATHS {
            let target = format!("{}?{query}", path.replace("ID", &id));
            for (method, sent) in [("POST", body.to_string().into_bytes()), ("POST", bytes.clone()), ("GET", Vec::new()), ("DELETE", Vec::new())] {
                let got = world.call(method, &target, &[("range", "bytes=0-9")], &sent);
                prop_assert!((200..600).contains(&got.status), "{method} {target}");
            }
        }
        world.pass(10);
        let tasks = world.tasks();
        prop_assert_eq!(tasks["data"].as_array().map(Vec::len), tasks["totals"]["creates"].as_u64().and_then(|n| usize::try_from(n).ok()));
    }
}
