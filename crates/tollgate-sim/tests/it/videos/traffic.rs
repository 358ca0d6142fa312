//! The simulator beside what is known of the vendors: each exchange on file, played again and compared in its fields and
//! their types. (All of them were written after the vendors' documents; none was recorded.)

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::World;
use crate::shared::{Case, assert_valid, exchanges};

/// Every field of a value by its path, with its type; list items count once.
fn fields(value: &Value) -> BTreeMap<String, &'static str> {
    fn walk(value: &Value, path: &str, found: &mut BTreeMap<String, &'static str>) {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(items) => {
                if let Some(item) = items.first() {
                    walk(item, &format!("{path}[]"), found);
                }
                "array"
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    walk(value, &format!("{path}.{name}"), found);
                }
                "object"
            }
        };
        found.insert(path.to_owned(), kind);
    }
    let mut found = BTreeMap::new();
    walk(value, "", &mut found);
    found
}

/// Asserts that an answer has every field of the one on file, of the same type. A null on one side stands for any type.
fn assert_like(case: &Case, answer: &Value) {
    let got = fields(answer);
    for (path, kind) in fields(&case.answer) {
        let found = got.get(&path).copied();
        let same = found.is_some_and(|found| found == kind || found == "null" || kind == "null");
        assert!(same, "{}: `{path}` is {found:?}, not {kind}\n{answer:#}", case.id);
    }
}

/// What steers a task into the state that an exchange shows, and the seconds until then.
fn steered(state: &str) -> (&'static str, u64) {
    match state {
        "queued" | "submitted" => ("video-seconds=10", 0),
        "running" | "processing" | "in_progress" => ("video-seconds=10", 5),
        "failed" => ("video=failed", 3),
        "succeeded" | "succeed" | "completed" => ("", 3),
        other => panic!("a state nobody knows: {other}"),
    }
}

#[test]
fn kling() {
    let body = |path: &str| {
        if path.contains("text2video") { json!({"prompt": "x"}) } else { json!({"image": "https://x.example/a.png"}) }
    };
    let mut compared = 0;
    for case in exchanges("kling", "kling-video", |_| true) {
        let Some(at) = case.path.find("/v1/videos/text2video") else {
            // Another kind, which is not pretended here.
            continue;
        };
        let world = World::new();
        let path = &case.path[at..];
        let code = case.answer["code"].as_i64().unwrap();
        let request = if case.request.is_object() { case.request.clone() } else { body(path) };
        if code != 0 {
            let got = world.post(path, &format!("code={code}"), &request);
            assert_eq!((u64::from(got.status), &got.json()["code"]), (case.status, &case.answer["code"]));
            assert_like(&case, &got.json());
        } else {
            let (steer, wait) = steered(case.answer["data"]["task_status"].as_str().unwrap());
            let created = world.post("/v1/videos/text2video", steer, &request);
            let id = created.json()["data"]["task_id"].as_str().unwrap().to_owned();
            world.pass(wait);
            let got = if case.answer["data"]["task_status"] == "submitted"
                && !case.answer["data"]["task_status_msg"].is_string()
            {
                created
            } else {
                world.get(&format!("/v1/videos/text2video/{id}"))
            };
            assert_eq!(got.json()["data"]["task_status"], case.answer["data"]["task_status"]);
            assert_like(&case, &got.json());
        }
        compared += 1;
    }
    println!("{compared} exchanges compared");
}

#[test]
fn ark() {
    let tasks = "/api/v3/contents/generations/tasks";
    let plain = json!({"model": "doubao-seedance-1-5-pro-251215", "content": [{"type": "text", "text": "hi"}]});
    for case in exchanges("volcengine", "volcengine-video", |_| true) {
        let world = World::new();
        let request = if case.request.is_object() { &case.request } else { &plain };
        if case.status != 200 {
            let code = case.answer["error"]["code"].as_str().unwrap();
            let got = world.post(tasks, &format!("code={code}"), request);
            assert_eq!(
                (u64::from(got.status), &got.json()["error"]["code"]),
                (case.status, &case.answer["error"]["code"])
            );
            assert_eq!(got.json()["error"]["type"], case.answer["error"]["type"], "{}", case.id);
            assert_like(&case, &got.json());
            continue;
        }
        // A client's test has it with one l; the vendor's documents have two.
        let Some(state) = case.answer["status"].as_str().filter(|state| *state != "canceled") else {
            let created = world.post(tasks, "", request).json();
            assert_like(&Case { answer: json!({"id": "x"}), ..case }, &created);
            continue;
        };
        let (steer, wait) = steered(state);
        let id = world.post(tasks, steer, request).json()["id"].as_str().unwrap().to_owned();
        world.pass(wait);
        assert_like(&case, &world.get(&format!("{tasks}/{id}")).json());
    }
}

#[test]
fn gemini() {
    for case in exchanges("gemini", "gemini-video", |_| true) {
        let world = World::new();
        let model = "/v1beta/models/veo-3.1-generate-preview";
        let request = json!({"instances": [{"prompt": "A calm ocean wave"}], "parameters": {"sampleCount": 2}});
        let steer = if case.answer.get("error").is_some() {
            "video=failed"
        } else if case.answer.pointer("/response/generateVideoResponse/raiMediaFilteredCount").is_some() {
            "video=filtered"
        } else {
            ""
        };
        let created = world.post(&format!("{model}:predictLongRunning"), steer, &request).json();
        world.pass(3);
        let got = if case.answer.get("done").is_some() {
            world.get(&format!("/v1beta/{}", created["name"].as_str().unwrap())).json()
        } else {
            created
        };
        assert_like(&case, &got);
    }
}

#[test]
fn openai() {
    for case in exchanges("openai", "openai-video", |_| true) {
        let world = World::new();
        let video = world.post("/v1/videos", "video-seconds=9", &json!({"prompt": "x"})).json();
        let path = format!("/v1/videos/{}", video["id"].as_str().unwrap());
        let got = match (case.status, case.answer["object"].as_str(), case.answer["status"].as_str()) {
            (400, ..) => world.post("/v1/videos", "", &case.request),
            (404, ..) => world.get(&case.path),
            (_, Some("list"), _) => world.get("/v1/videos"),
            (_, Some("video.deleted"), _) => {
                world.pass(9);
                world.call("DELETE", &path, &[], b"")
            }
            (_, _, Some(state)) => {
                let (steer, wait) = steered(state);
                let video = world.post("/v1/videos", steer, &json!({"prompt": "x"})).json();
                world.pass(wait);
                world.get(&format!("/v1/videos/{}", video["id"].as_str().unwrap()))
            }
            _ => panic!("an exchange nobody knows: {}", case.id),
        };
        assert_eq!(u64::from(got.status), case.status, "{}", case.id);
        if case.status >= 400 {
            assert_eq!(got.json(), case.answer, "{}", case.id);
        }
        assert_like(&case, &got.json());
    }
}

#[test]
fn videos_are_as_the_vendor_describes_them() {
    let world = World::new();
    let video = world.post("/v1/videos", "video-seconds=10", &json!({"prompt": "x"})).json();
    let path = format!("/v1/videos/{}", video["id"].as_str().unwrap());
    assert_valid("openai", "VideoResource", &video);
    for _ in 0..3 {
        assert_valid("openai", "VideoResource", &world.get(&path).json());
        assert_valid("openai", "VideoListResource", &world.get("/v1/videos").json());
        world.pass(5);
    }
    let failed = world.post("/v1/videos", "video=filtered;video-seconds=0", &json!({"prompt": "x"})).json();
    assert_valid(
        "openai",
        "VideoResource",
        &world.get(&format!("/v1/videos/{}", failed["id"].as_str().unwrap())).json(),
    );
    assert_valid("openai", "VideoResource", &world.post(&format!("{path}/remix"), "", &json!({"prompt": "y"})).json());
    assert_valid("openai", "DeletedVideoResource", &world.call("DELETE", &path, &[], b"").json());
}
