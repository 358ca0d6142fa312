//! Kling's tasks on the wire.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{START, World};

const TEXT: &str = "/v1/videos/text2video";
const IMAGE: &str = "/v1/videos/image2video";

fn with(base: Value, more: &Value) -> Value {
    let mut body = base;
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn dancer(more: &Value) -> Value {
    with(json!({"model_name": "kling-v2-6", "prompt": "A dancer in the rain", "mode": "pro", "duration": "5"}), more)
}

fn create(world: &World, path: &str, steer: &str, body: &Value) -> String {
    let got = world.post(path, steer, body);
    assert_eq!(got.status, 200, "{}", got.json());
    got.json()["data"]["task_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_task_from_submission_to_clip() {
    let world = World::new();
    let got = world.post(TEXT, "video-seconds=10", &dancer(&json!({"sound": "on", "external_task_id": "x1"}))).json();
    let id = got["data"]["task_id"].as_str().unwrap();
    assert!(id.parse::<u128>().unwrap() > 1 << 53);
    let data = json!({"task_id": id, "task_info": {"external_task_id": "x1"}, "created_at": START, "task_status": "submitted",
        "updated_at": START});
    assert_eq!((&got["code"], &got["message"], &got["data"]), (&json!(0), &json!("SUCCEED"), &data));
    let get = |id: &str| world.get(&format!("{TEXT}/{id}")).json()["data"].clone();
    assert_eq!(get(id)["task_status"], "submitted");
    world.pass(5);
    assert_eq!(get(id)["task_status"], "processing");
    world.pass(5);
    let done = get("x1");
    assert_eq!((&done["task_id"], &done["task_status"]), (&json!(id), &json!("succeed")));
    assert_eq!((&done["final_unit_deduction"], &done["updated_at"]), (&json!("7"), &json!(START + 10_000)));
    let video = &done["task_result"]["videos"][0];
    assert_eq!(video["duration"], "5.041");
    assert!(video.get("watermark_url").is_none());
    let url = video["url"].as_str().unwrap();
    assert_eq!(&world.get(url).bytes[4..8], b"ftyp");
    assert_eq!(world.tasks()["data"][0]["bill"], json!({"seconds": 5, "samples": 1, "units": "7"}));
    world.pass(31 * 86_400);
    assert_eq!(world.get(url).status, 404, "cleared away after thirty days");
}

#[test]
fn only_under_its_own_kind_and_by_its_own_account() {
    let world = World::guarded();
    let call = |method: &str, path: &str, key: &str, body: &Value| {
        world.call(method, path, &[("Authorization", key)], body.to_string().as_bytes())
    };
    let body = dancer(&json!({"external_task_id": "mine"}));
    let id = call("POST", TEXT, "Bearer a.1", &body).json()["data"]["task_id"].as_str().unwrap().to_owned();
    for (path, key, status) in [
        (format!("{TEXT}/{id}"), "Bearer a.2", 200),
        (format!("{TEXT}/mine"), "Bearer a.2", 200),
        (format!("{TEXT}/{id}"), "Bearer b", 404),
        (format!("{TEXT}/mine"), "Bearer b", 404),
        (format!("{IMAGE}/{id}"), "Bearer a.1", 404),
        (format!("{IMAGE}/mine"), "Bearer a.1", 404),
        (format!("{TEXT}/850000000000000000"), "Bearer a.1", 404),
    ] {
        let got = call("GET", &path, key, &Value::Null);
        assert_eq!((got.status, &got.json()["code"]), (status, &json!(if status == 200 { 0 } else { 1203 })), "{path}");
    }
    let again = call("POST", TEXT, "Bearer a.2", &body);
    assert_eq!((again.status, &again.json()["code"]), (400, &json!(1201)), "the caller's id is unique");
    assert_eq!(call("POST", TEXT, "Bearer b", &body).status, 200, "in an account");
    assert_eq!(world.tasks()["totals"]["creates"], 2);
}

#[test]
fn an_outer_id_finds_a_task_whose_create_was_lost() {
    let world = World::new();
    assert!(world.post(TEXT, "video-lost", &dancer(&json!({"external_task_id": "tg/1 2"}))).nothing);
    let found = world.get(&format!("{TEXT}/tg%2F1%202")).json();
    assert_eq!(found["data"]["task_info"]["external_task_id"], "tg/1 2");
    assert_eq!(world.post(TEXT, "", &dancer(&json!({"external_task_id": "tg/1 2"}))).status, 400);
    assert_eq!(world.tasks()["totals"]["creates"], 1);
}

/// A token as the vendor's clients make it; the signature is 32 bytes of nothing.
fn token(head: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("Bearer {}.{}.{}", part(head), part(claims), URL_SAFE_NO_PAD.encode([7; 32]))
}

#[test]
fn keys_and_tokens() {
    let world = World::guarded();
    let now = START / 1000;
    let head = json!({"alg": "HS256", "typ": "JWT"});
    let good = json!({"iss": "ak-1", "exp": now + 1_800, "nbf": now - 5});
    for (token, code) in [
        (token(&head, &good), 0),
        ("Bearer a-plain-key".to_owned(), 0),
        (String::new(), 1001),
        ("Basic eDp5".to_owned(), 1002),
        ("Bearer x.y.z".to_owned(), 1002),
        (token(&json!({"alg": "none"}), &good), 1002),
        (token(&head, &with(good.clone(), &json!({"iss": ""}))), 1002),
        (token(&head, &json!({"iss": "ak-1"})), 1002),
        (token(&head, &with(good.clone(), &json!({"nbf": now + 60}))), 1003),
        (token(&head, &with(good.clone(), &json!({"exp": now}))), 1004),
    ] {
        let got = world.call("POST", TEXT, &[("authorization", &token)], dancer(&json!({})).to_string().as_bytes());
        assert_eq!((got.status, &got.json()["code"]), (if code == 0 { 200 } else { 401 }, &json!(code)), "{token}");
    }
    world.pass(1_801);
    let late = world.call("GET", TEXT, &[("authorization", &token(&head, &good))], b"");
    assert_eq!(late.json()["code"], 1004);
}

#[test]
fn signatures_where_the_secret_is_known() {
    let world = World::guarded();
    let world = World { simulator: world.simulator.with_kling_secret("s3cret"), ..world };
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!(
        "{}.{}",
        part(json!({"alg": "HS256", "typ": "JWT"})),
        part(json!({"iss": "ak", "exp": START / 1000 + 9}))
    );
    for (secret, code) in [("s3cret", 0), ("other", 1000)] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
        let token = format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(tag));
        let got = world.call("GET", TEXT, &[("authorization", &token)], b"");
        assert_eq!(got.json()["code"], code);
    }
    assert_eq!(world.call("GET", TEXT, &[("authorization", "Bearer plain")], b"").json()["code"], 0);
}

#[test]
fn service_codes() {
    let world = World::new();
    for (steer, status, code) in [
        ("error=insufficient_quota", 429, 1102),
        ("error=rate_limit", 429, 1302),
        ("error=overloaded", 503, 5001),
        ("error=invalid_api_key", 401, 1002),
        ("code=1101", 429, 1101),
        ("code=1304", 429, 1304),
        ("code=5002", 504, 5002),
        ("code=1303;status=200", 200, 1303),
        ("status=500", 500, 5000),
        ("status=402", 402, 1101),
        ("error-after=0", 200, 5000),
        ("code=9", 400, 1201),
        ("wobble", 400, 1201),
        ("video-parallel=0", 429, 1303),
        ("video-partial", 400, 1201),
    ] {
        let got = world.post(TEXT, steer, &dancer(&json!({})));
        let body = got.json();
        assert_eq!((got.status, &body["code"]), (status, &json!(code)), "{steer}");
        assert!(body.get("data").is_none() && body["request_id"].as_str().unwrap().starts_with("Cm"));
    }
    assert_eq!(world.call("DELETE", TEXT, &[], b"").json()["code"], 1202);
    assert_eq!(world.call("POST", TEXT, &[], b"[").json()["code"], 1200);
}

#[test]
fn both_kinds_share_the_places_of_an_account() {
    let world = World::new();
    create(&world, TEXT, "", &dancer(&json!({})));
    let image = json!({"image": "https://x.example/a.png"});
    create(&world, IMAGE, "video-parallel=2", &image);
    let third = world.post(TEXT, "video-parallel=2", &dancer(&json!({})));
    assert_eq!((third.status, &third.json()["message"]), (429, &json!("parallel task over resource pack limit")));
    world.pass(3);
    create(&world, TEXT, "video-parallel=2", &dancer(&json!({})));
}

#[test]
fn tasks_that_fail_answer_200_and_0() {
    let world = World::new();
    for (steer, words) in [
        ("video=failed", "Internal service error"),
        ("video=filtered", "Failure to pass the risk control system"),
        ("video=expired", "The task was not finished in time"),
    ] {
        let id = create(&world, TEXT, steer, &dancer(&json!({})));
        world.pass(3);
        let got = world.get(&format!("{TEXT}/{id}"));
        let body = got.json();
        assert_eq!((got.status, &body["code"]), (200, &json!(0)));
        assert_eq!((&body["data"]["task_status"], &body["data"]["task_status_msg"]), (&json!("failed"), &json!(words)));
        assert!(body["data"].get("task_result").is_none() && body["data"].get("final_unit_deduction").is_none());
    }
}

#[test]
fn lists_by_page_and_answers_after_a_restart() {
    let world = World::new();
    let ids: Vec<String> = (0..4).map(|_| create(&world, TEXT, "", &dancer(&json!({})))).collect();
    let page = world.get(&format!("{TEXT}?pageNum=2&pageSize=3")).json();
    assert_eq!((page["data"].as_array().unwrap().len(), &page["data"][0]["task_id"]), (1, &json!(ids[0])));
    assert_eq!(world.get(&format!("{IMAGE}?pageSize=3")).json()["data"], json!([]));
    assert_eq!(world.get(&format!("{TEXT}?pageSize=501")).status, 400);
    world.pass(3);
    let again = world.restarted();
    let (old, new) = (world.get(&format!("{TEXT}/{}", ids[1])).json(), again.get(&format!("{TEXT}/{}", ids[1])).json());
    assert_eq!(old["data"], new["data"]);
    assert_eq!(again.get(TEXT).json()["data"].as_array().unwrap().len(), 1, "what it has been asked about");
}

#[test]
fn refuses_what_the_vendor_refuses() {
    let world = World::new();
    let camera = |config: Value| json!({"model_name": "kling-v1", "mode": "std", "camera_control": {"type": "simple", "config": config}});
    let tiny = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    for more in [
        json!({"prompt": ""}),
        json!({"prompt": "x".repeat(2_501)}),
        json!({"negative_prompt": "x".repeat(2_501)}),
        json!({"duration": "7"}),
        json!({"duration": 5}),
        json!({"duration": "05"}),
        json!({"mode": "4k"}),
        json!({"mode": "fast"}),
        json!({"mode": "std", "sound": "on"}),
        json!({"sound": true}),
        json!({"model_name": "kling-v2-1-master", "sound": "on"}),
        json!({"model_name": "kling-v1-5"}),
        json!({"aspect_ratio": "4:3"}),
        json!({"cfg_scale": 1.1}),
        json!({"voice_list": [{"voice_id": "v"}]}),
        json!({"sound": "on", "voice_list": [{"voice_id": "a"}, {"voice_id": "b"}, {"voice_id": "c"}]}),
        json!({"camera_control": {"type": "down_back"}}),
        camera(json!({"zoom": 1, "pan": 2})),
        camera(json!({"zoom": 11})),
        json!({"multi_shot": true}),
        json!({"model_name": "kling-v3", "multi_shot": true, "shot_type": "customize",
            "multi_prompt": [{"index": 1, "prompt": "a", "duration": "2"}, {"index": 2, "prompt": "b", "duration": "2"}]}),
        json!({"watermark_info": {}}),
        json!({"callback_url": "x"}),
    ] {
        let got = world.post(TEXT, "", &dancer(&more));
        assert_eq!((got.status, &got.json()["code"]), (400, &json!(1201)), "{more}");
    }
    for body in [
        json!({"prompt": "no picture"}),
        json!({"image": format!("data:image/png;base64,{tiny}")}),
        json!({"image": tiny}),
        json!({"image": "aGVsbG8="}),
        json!({"image": "https://x", "image_tail": "https://y", "camera_control": {"type": "down_back"}}),
        json!({"image": "https://x", "dynamic_masks": [{"mask": "https://m", "trajectories": [{"x": 1, "y": 1}]}]}),
    ] {
        let got = world.post(IMAGE, "", &body);
        assert_eq!((got.status, &got.json()["code"]), (400, &json!(1201)), "{body}");
    }
    assert_eq!(world.tasks()["totals"]["creates"], 0);
}

#[test]
fn takes_what_the_vendor_takes() {
    let world = World::new();
    for (path, body, size, seconds) in [
        (TEXT, dancer(&json!({"aspect_ratio": "9:16"})), "1080x1920", 5),
        (TEXT, json!({"prompt": "x"}), "1280x720", 5),
        (TEXT, json!({"model": "kling-v3", "prompt": "x", "duration": "10"}), "1280x720", 10),
        (
            TEXT,
            json!({"model_name": "kling-v3", "prompt": "x", "mode": "4k", "duration": "15", "aspect_ratio": "1:1"}),
            "2880x2880",
            15,
        ),
        (
            TEXT,
            json!({"model_name": "kling-v3", "multi_shot": true, "shot_type": "customize", "duration": "4",
            "multi_prompt": [{"index": 1, "prompt": "a", "duration": "2"}, {"index": 2, "prompt": "b", "duration": "2"}]}),
            "1280x720",
            4,
        ),
        (
            TEXT,
            json!({"model_name": "something-else", "prompt": "x", "sound": "on", "voice_list": [{"voice_id": "a"}]}),
            "1280x720",
            5,
        ),
        (
            TEXT,
            json!({"prompt": "x", "camera_control": {"type": "simple", "config": {"zoom": -3, "pan": 0}}}),
            "1280x720",
            5,
        ),
        (IMAGE, json!({"image_tail": "https://x.example/a.png", "watermark_info": {"enabled": true}}), "1280x720", 5),
    ] {
        create(&world, path, "video-seconds=0", &body);
        let row = world.tasks()["data"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&row["size"], &row["bill"]["seconds"]), (&json!(size), &json!(seconds)), "{body}");
    }
    let listed = world.get(IMAGE).json();
    assert!(listed["data"][0]["task_result"]["videos"][0]["watermark_url"].is_string());
}
