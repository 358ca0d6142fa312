//! Seedance's tasks on the wire.

use serde_json::{Value, json};

use super::{START, World};

const TASKS: &str = "/api/v3/contents/generations/tasks";

fn cat(more: &Value) -> Value {
    let mut body =
        json!({"model": "doubao-seedance-1-5-pro-251215", "content": [{"type": "text", "text": "a cat runs"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn create(world: &World, steer: &str, more: &Value) -> String {
    let got = world.post(TASKS, steer, &cat(more));
    assert_eq!(got.status, 200, "{}", got.json());
    let body = got.json();
    assert_eq!(body.as_object().unwrap().len(), 1, "an id and nothing else");
    body["id"].as_str().unwrap().to_owned()
}

fn get(world: &World, id: &str) -> Value {
    world.get(&format!("{TASKS}/{id}")).json()
}

#[test]
fn a_task_from_queue_to_clip() {
    let world = World::new();
    let id = create(&world, "video-seconds=10", &json!({"return_last_frame": true, "seed": 7}));
    assert!(id.starts_with("cgt-20260101101012-"), "{id}");
    let task = get(&world, &id);
    let fixture = json!({"id": id, "model": "doubao-seedance-1-5-pro-251215", "created_at": START / 1000,
        "updated_at": START / 1000, "service_tier": "default", "execution_expires_after": 172_800, "status": "queued"});
    assert_eq!(task, fixture);
    world.pass(2);
    assert_eq!(get(&world, &id)["status"], "running");
    world.pass(7);
    assert_eq!(get(&world, &id)["status"], "running");
    world.pass(1);
    let task = get(&world, &id);
    assert_eq!((&task["status"], &task["usage"]["completion_tokens"]), (&json!("succeeded"), &json!(108_900)));
    assert_eq!((&task["resolution"], &task["ratio"], &task["duration"]), (&json!("720p"), &json!("16:9"), &json!(5)));
    assert_eq!((&task["seed"], &task["generate_audio"]), (&json!(7), &json!(true)));
    let url = task["content"]["video_url"].as_str().unwrap();
    let clip = world.get(url);
    assert_eq!((clip.status, clip.header("content-type")), (200, "video/mp4"));
    assert_eq!(&clip.bytes[4..8], b"ftyp");
    let last = world.get(task["content"]["last_frame_url"].as_str().unwrap());
    assert!(last.bytes.starts_with(b"\x89PNG") && last.header("content-type") == "image/png");
    // The signature counts, and its day.
    assert_eq!(world.get(url.split_once('?').unwrap().0).status, 403);
    assert_eq!(world.get(&url.replace("X-Tos-Expires=86400", "X-Tos-Expires=99999")).status, 403);
    world.pass(86_401);
    let late = world.get(url);
    assert!(late.status == 403 && String::from_utf8(late.bytes).unwrap().contains("AccessDenied"));
    world.pass(6 * 86_400);
    assert_eq!(world.get(&format!("{TASKS}/{id}")).status, 404, "records live seven days");
}

#[test]
fn every_end_of_a_task() {
    let world = World::new();
    for (steer, status, code) in [
        ("video=failed", "failed", json!("InternalServiceError")),
        ("video=filtered", "failed", json!("OutputVideoSensitiveContentDetected")),
        ("video=expired", "expired", Value::Null),
    ] {
        let id = create(&world, steer, &json!({}));
        world.pass(3);
        let task = get(&world, &id);
        assert_eq!((&task["status"], &task["error"]["code"]), (&json!(status), &code));
        assert!(task.get("content").is_none() && task.get("usage").is_none());
        assert_eq!(world.tasks()["data"].as_array().unwrap().last().unwrap()["bill"], Value::Null);
    }
    let id = create(&world, "video=slow", &json!({}));
    world.pass(60);
    assert_eq!(get(&world, &id)["status"], "running");
    let id = create(&world, "video-link-expired;video-seconds=0", &json!({}));
    let task = get(&world, &id);
    assert_eq!(task["status"], "succeeded");
    assert_eq!(world.get(task["content"]["video_url"].as_str().unwrap()).status, 403);
}

#[test]
fn cancelling_and_deleting() {
    let world = World::new();
    let delete = |id: &str| world.call("DELETE", &format!("{TASKS}/{id}"), &[], b"");
    let id = create(&world, "video-seconds=10", &json!({}));
    let got = delete(&id);
    assert_eq!((got.status, got.json()), (200, json!({})));
    assert_eq!(get(&world, &id)["status"], "cancelled");
    assert_eq!(delete(&id).json()["error"]["code"], "OperationDenied.InvalidState");
    world.pass(100);
    assert_eq!(get(&world, &id)["status"], "cancelled", "it does not come back to life");
    let id = create(&world, "video-seconds=10", &json!({}));
    world.pass(5);
    assert_eq!(delete(&id).status, 403, "running");
    world.pass(5);
    assert_eq!(delete(&id).status, 200);
    let gone = world.get(&format!("{TASKS}/{id}"));
    assert_eq!((gone.status, &gone.json()["error"]["type"]), (404, &json!("NotFound")));
}

#[test]
fn lists_are_the_account_s_own() {
    let world = World::guarded();
    let post = |key: &str, model: &str| {
        let body = cat(&json!({"model": model})).to_string();
        world.call("POST", TASKS, &[("authorization", key)], body.as_bytes()).json()["id"].as_str().unwrap().to_owned()
    };
    let list =
        |key: &str, query: &str| world.call("GET", &format!("{TASKS}?{query}"), &[("authorization", key)], b"").json();
    let ids: Vec<String> = (0..5).map(|at| post("Bearer acme.one", if at < 2 { "ep-1" } else { "ep-2" })).collect();
    assert_eq!(list("Bearer acme.two", "")["total"], 5, "another key of the same account");
    assert_eq!(list("Bearer other", ""), json!({"items": [], "total": 0}));
    let page = list("Bearer acme.one", "page_num=2&page_size=2");
    assert_eq!(
        (&page["total"], &page["items"][0]["id"], &page["items"][1]["id"]),
        (&json!(5), &json!(ids[2]), &json!(ids[1]))
    );
    assert_eq!(list("Bearer acme.one", "filter.model=ep-1")["total"], 2);
    let some = format!("filter.task_ids={}&filter.task_ids={}&filter.status=queued", ids[0], ids[4]);
    assert_eq!(list("Bearer acme.one", &some)["total"], 2);
    assert_eq!(list("Bearer acme.one", "page_size=501")["error"]["code"], "InvalidParameter");
    let foreign = world.call("GET", &format!("{TASKS}/{}", ids[0]), &[("authorization", "Bearer other")], b"");
    assert_eq!(foreign.status, 404);
    assert_eq!(world.get(&format!("{TASKS}/{}", ids[0])).json()["error"]["code"], "AuthenticationError");
}

#[test]
fn refuses_what_the_vendor_refuses() {
    let world = World::new();
    let image =
        |role: &str| json!({"type": "image_url", "image_url": {"url": "https://x.example/a.png"}, "role": role});
    let bad: &[(Value, &str, &str)] = &[
        (json!({"model": null}), "MissingParameter", "model"),
        (json!({"content": []}), "InvalidParameter", "content"),
        (json!({"content": null}), "MissingParameter", "content"),
        (json!({"content": [{"type": "text", "text": " "}]}), "InvalidParameter", "content[0].text"),
        (json!({"content": [{"type": "sound"}]}), "InvalidParameter", "content[0].type"),
        (json!({"content": [image("last_frame")]}), "InvalidParameter", "content"),
        (json!({"content": [image("first_frame"), image("reference_image")]}), "InvalidParameter", "content"),
        (
            json!({"content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]}),
            "InvalidParameter",
            "content[0].image_url.url",
        ),
        (json!({"duration": 13}), "InvalidParameter", "duration"),
        (json!({"duration": "5"}), "InvalidParameter", "duration"),
        (json!({"frames": 29}), "InvalidParameter.UnsupportedParameter", "frames"),
        (json!({"resolution": "4k"}), "InvalidParameter", "resolution"),
        (json!({"ratio": "2:1"}), "InvalidParameter", "ratio"),
        (json!({"seed": -2}), "InvalidParameter", "seed"),
        (json!({"watermark": "no"}), "InvalidParameter", "watermark"),
        (json!({"service_tier": "fast"}), "InvalidParameter", "service_tier"),
        (json!({"execution_expires_after": 60}), "InvalidParameter", "execution_expires_after"),
        (json!({"callback_url": "file:///x"}), "InvalidParameter", "callback_url"),
        (
            json!({"model": "doubao-seedance-2-0-260128", "service_tier": "flex"}),
            "InvalidParameter.UnsupportedParameter",
            "service_tier",
        ),
        (
            json!({"model": "doubao-seedance-1-0-pro-250528", "generate_audio": true}),
            "InvalidParameter.UnsupportedParameter",
            "generate_audio",
        ),
        (json!({"model": "doubao-seedance-1-0-pro-250528", "frames": 30}), "InvalidParameter", "frames"),
    ];
    for (more, code, param) in bad {
        let got = world.post(TASKS, "", &cat(more));
        let error = &got.json()["error"];
        assert_eq!((got.status, &error["code"], &error["param"]), (400, &json!(code), &json!(param)), "{more}");
        assert!(error["message"].as_str().unwrap().contains(" Request id: 02"));
    }
    assert_eq!(world.call("POST", TASKS, &[], b"no json").status, 400);
    assert_eq!(world.tasks()["totals"]["creates"], 0);
    assert_eq!(world.tasks()["totals"]["refused_creates"], bad.len() + 1);
}

#[test]
fn lengths_and_sizes() {
    let world = World::new();
    for (more, field, value, tokens) in [
        (json!({"duration": -1}), "duration", json!(5), 108_900_u64),
        (json!({"resolution": "480p", "ratio": "9:16", "duration": 12}), "duration", json!(12), 496 * 864 * 289 / 1024),
        (json!({"model": "doubao-seedance-1-0-pro-250528", "frames": 57}), "frames", json!(57), 1280 * 720 * 57 / 1024),
        (
            json!({"model": "doubao-seedance-1-0-pro-250528", "content": [{"type": "text", "text": "x --rs 480p --dur 3 --rt 1:1 --wm false"}]}),
            "ratio",
            json!("1:1"),
            640 * 640 * 73 / 1024,
        ),
        (
            json!({"model": "ep-20260101", "resolution": "4k", "duration": 30}),
            "resolution",
            json!("4k"),
            3840 * 2160 / 1024 * 721,
        ),
    ] {
        let id = create(&world, "video-seconds=0", &more);
        let task = get(&world, &id);
        assert_eq!((&task[field], &task["usage"]["total_tokens"]), (&value, &json!(tokens)), "{task}");
        assert!(task.get("duration").is_some() != task.get("frames").is_some(), "one of the two");
    }
}

#[test]
fn errors_by_name_and_by_code() {
    let world = World::new();
    for (steer, status, code) in [
        ("error=insufficient_quota", 403, "AccountOverdueError"),
        ("error=invalid_api_key", 401, "AuthenticationError"),
        ("error=rate_limit", 429, "ModelAccountRpmRateLimitExceeded"),
        ("error=overloaded", 429, "ServerOverloaded"),
        ("error=model_not_found", 404, "InvalidEndpointOrModel.NotFound"),
        ("status=503", 503, "ServerOverloaded"),
        ("status=500", 500, "InternalServiceError"),
        ("code=QuotaExceeded", 429, "QuotaExceeded"),
        (
            "code=InputImageSensitiveContentDetected.PrivacyInformation",
            400,
            "InputImageSensitiveContentDetected.PrivacyInformation",
        ),
        ("code=Nonsense", 400, "InvalidParameter"),
        ("wobble", 400, "InvalidParameter"),
        ("video-partial", 400, "InvalidParameter"),
    ] {
        let got = world.post(TASKS, steer, &cat(&json!({})));
        assert_eq!((got.status, &got.json()["error"]["code"]), (status, &json!(code)), "{steer}");
    }
    assert_eq!(world.tasks()["data"], json!([]));
    assert_eq!(world.call("PATCH", TASKS, &[], b"").status, 405);
}
