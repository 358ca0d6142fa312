//! `OpenAI`'s Videos on the wire.

use serde_json::{Value, json};

use super::{START, World};

const VIDEOS: &str = "/v1/videos";

fn cat() -> Value {
    json!({"model": "sora-2", "prompt": "A calico cat playing a piano on stage"})
}

fn create(world: &World, steer: &str, body: &Value) -> Value {
    let got = world.post(VIDEOS, steer, body);
    assert_eq!(got.status, 200, "{}", got.json());
    got.json()
}

fn id(video: &Value) -> &str {
    video["id"].as_str().unwrap()
}

#[test]
fn a_video_from_queue_to_content() {
    let world = World::new();
    let video = create(&world, "video-seconds=10", &cat());
    let id = id(&video);
    let fixture = json!({"id": id, "object": "video", "created_at": START / 1000, "model": "sora-2", "seconds": "4",
        "size": "720x1280", "completed_at": null, "error": null, "expires_at": null,
        "prompt": "A calico cat playing a piano on stage", "remixed_from_video_id": null, "status": "queued", "progress": 0});
    assert_eq!(video, fixture);
    let get = || world.get(&format!("{VIDEOS}/{id}")).json();
    let early = world.get(&format!("{VIDEOS}/{id}/content"));
    assert!(early.status == 404 && early.json()["error"]["message"].as_str().unwrap().contains("not ready"));
    world.pass(6);
    assert_eq!((&get()["status"], &get()["progress"]), (&json!("in_progress"), &json!(50)));
    world.pass(4);
    let done = get();
    assert_eq!((&done["status"], &done["progress"]), (&json!("completed"), &json!(100)));
    let ended = START / 1000 + 10;
    assert_eq!((&done["completed_at"], &done["expires_at"]), (&json!(ended), &json!(ended + 3_600)));
    for (variant, kind, start) in [
        ("", "video/mp4", b"\0\0\0\x20ftyp".as_slice()),
        ("?variant=video", "video/mp4", b"\0\0\0\x20ftyp"),
        ("?variant=thumbnail", "image/webp", b"RIFF"),
        ("?variant=spritesheet", "image/jpeg", b"\xFF\xD8\xFF"),
    ] {
        let got = world.get(&format!("{VIDEOS}/{id}/content{variant}"));
        assert_eq!((got.status, got.header("content-type")), (200, kind));
        assert!(got.bytes.starts_with(start), "{variant}");
    }
    assert_eq!(world.get(&format!("{VIDEOS}/{id}/content?variant=gif")).json()["error"]["param"], "variant");
    let part = world.call("GET", &format!("{VIDEOS}/{id}/content"), &[("range", "bytes=4-7")], b"");
    assert_eq!((part.status, part.bytes.as_slice()), (206, b"ftyp".as_slice()));
    world.pass(3_601);
    assert_eq!(world.get(&format!("{VIDEOS}/{id}/content")).status, 404);
}

#[test]
fn every_end_of_a_video() {
    let world = World::new();
    for (steer, code) in [
        ("video=failed", "server_error"),
        ("video=filtered", "moderation_blocked"),
        ("video=expired", "generation_timeout"),
    ] {
        let video = create(&world, &format!("{steer};video-seconds=0"), &cat());
        let got = world.get(&format!("{VIDEOS}/{}", id(&video))).json();
        assert_eq!(
            (&got["status"], &got["error"]["code"], &got["completed_at"]),
            (&json!("failed"), &json!(code), &Value::Null)
        );
        assert_eq!(world.get(&format!("{VIDEOS}/{}/content", id(&video))).status, 404);
    }
    let video = create(&world, "video-link-expired;video-seconds=0", &cat());
    assert_eq!(world.get(&format!("{VIDEOS}/{}", id(&video))).json()["status"], "completed");
    assert_eq!(world.get(&format!("{VIDEOS}/{}/content", id(&video))).status, 404);
}

/// A form as SDKs send it.
fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, filename, data) in parts {
        let file = filename.map(|filename| format!("; filename=\"{filename}\"")).unwrap_or_default();
        body.extend_from_slice(
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    body
}

#[test]
fn forms_and_references() {
    let world = World::new();
    // A picture of the right size: the simulator's own.
    let sample = create(&world, "video-seconds=0", &cat());
    let thumbnail = world.get(&format!("{VIDEOS}/{}/content?variant=thumbnail", id(&sample))).bytes;
    let post = |parts: &[(&str, Option<&str>, &[u8])]| {
        world.call("POST", VIDEOS, &[("Content-Type", "multipart/form-data; boundary=b")], &form(parts))
    };
    let got = post(&[("prompt", None, b"a dog"), ("seconds", None, b"8"), ("size", None, b"1280x720")]).json();
    assert_eq!((&got["seconds"], &got["size"], &got["model"]), (&json!("8"), &json!("1280x720"), &json!("sora-2")));
    let wrong = post(&[("prompt", None, b"a dog"), ("input_reference", Some("a.webp"), &thumbnail)]);
    assert_eq!(wrong.json()["error"]["message"], "Inpaint image must match the requested width and height");
    let wrong = post(&[("prompt", None, b"a dog"), ("input_reference", Some("a.txt"), b"text")]);
    assert_eq!(wrong.json()["error"]["code"], "unsupported_file_mimetype");
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend_from_slice(&[0, 0, 2, 208, 0, 0, 5, 0]);
    assert_eq!(post(&[("prompt", None, b"a dog"), ("input_reference", Some("a.png"), &png)]).status, 200);
    assert_eq!(world.call("POST", VIDEOS, &[("content-type", "multipart/form-data; boundary=b")], b"--x").status, 400);
    for (reference, status) in [
        (json!({"image_url": "https://x.example/a.png"}), 200),
        (json!({"file_id": "file_1"}), 200),
        (json!({"image_url": "https://x", "file_id": "file_1"}), 400),
        (json!({}), 400),
        (json!({"image_url": "data:image/png;base64,AAAA"}), 400),
        (json!("file_1"), 400),
    ] {
        let body = json!({"prompt": "a dog", "input_reference": reference});
        assert_eq!(world.post(VIDEOS, "", &body).status, status, "{body}");
    }
}

#[test]
fn refuses_what_the_vendor_refuses() {
    let world = World::new();
    for (body, param, code) in [
        (json!({"model": "sora-2"}), json!("prompt"), "missing_required_parameter"),
        (json!({"prompt": "x", "seconds": "7"}), json!("seconds"), "invalid_value"),
        (json!({"prompt": "x", "seconds": 8}), json!("seconds"), "invalid_type"),
        (json!({"prompt": "x", "size": "1920x1080"}), json!("size"), "invalid_value"),
        (json!({"prompt": "x".repeat(32_001)}), json!("prompt"), "string_above_max_length"),
    ] {
        let got = world.post(VIDEOS, "", &body);
        let error = got.json()["error"].clone();
        assert_eq!((got.status, &error["param"], &error["code"]), (400, &param, &json!(code)));
    }
    let seven = world.post(VIDEOS, "", &json!({"prompt": "x", "seconds": "7"})).json();
    assert_eq!(seven["error"]["message"], "Invalid value: '7'. Supported values are: '4', '8', and '12'.");
    assert_eq!(
        create(&world, "", &json!({"model": "sora-2-pro", "prompt": "x", "size": "1920x1080"}))["size"],
        "1920x1080"
    );
    assert_eq!(world.call("POST", VIDEOS, &[], b"{").status, 400);
    assert_eq!(world.call("PUT", VIDEOS, &[], b"{}").status, 405);
    let missing = world.get(&format!("{VIDEOS}/video_missing2"));
    let error = json!({"message": "Video with id 'video_missing2' not found.", "type": "invalid_request_error", "param": null, "code": null});
    assert_eq!((missing.status, &missing.json()["error"]), (404, &error));
    for (steer, status, code) in [
        ("error=insufficient_quota", 429, json!("insufficient_quota")),
        ("status=503", 503, json!("server_is_overloaded")),
        ("video-parallel=0", 429, json!("rate_limit_exceeded")),
        ("code=1102", 400, json!("invalid_value")),
        ("wobble", 400, json!("invalid_value")),
    ] {
        let got = world.post(VIDEOS, steer, &cat());
        assert_eq!((got.status, &got.json()["error"]["code"]), (status, &code), "{steer}");
        assert!(got.header("x-request-id").starts_with("req_"));
    }
    let guarded = World::guarded();
    assert_eq!(guarded.post(VIDEOS, "", &cat()).status, 401);
}

#[test]
fn remixes_of_what_is_complete() {
    let world = World::new();
    let source =
        create(&world, "", &json!({"model": "sora-2-pro", "prompt": "x", "seconds": "12", "size": "1792x1024"}));
    let path = format!("{VIDEOS}/{}/remix", id(&source));
    assert_eq!(world.post(&path, "", &json!({"prompt": "y"})).status, 400, "not complete");
    world.pass(3);
    assert_eq!(world.post(&path, "", &json!({})).json()["error"]["param"], "prompt");
    let remix = world.post(&path, "", &json!({"prompt": "y"})).json();
    assert_ne!(remix["id"], source["id"]);
    assert_eq!(
        (&remix["remixed_from_video_id"], &remix["prompt"], &remix["status"]),
        (&source["id"], &json!("y"), &json!("queued"))
    );
    assert_eq!(
        (&remix["seconds"], &remix["size"], &remix["model"]),
        (&json!("12"), &json!("1792x1024"), &json!("sora-2-pro"))
    );
    // A simulator that forgot the source can remix it too.
    let again = world.restarted().post(&path, "", &json!({"prompt": "y"})).json();
    assert_eq!((&again["seconds"], &again["model"]), (&json!("12"), &json!("sora-2-pro")));
}

#[test]
fn deleting_and_listing() {
    let world = World::new();
    let ids: Vec<String> = (0..5).map(|_| id(&create(&world, "", &cat())).to_owned()).collect();
    let list = |query: &str| world.get(&format!("{VIDEOS}{query}")).json();
    let all = list("");
    assert_eq!(
        (&all["object"], &all["has_more"], &all["first_id"], &all["last_id"]),
        (&json!("list"), &json!(false), &json!(ids[4]), &json!(ids[0]))
    );
    let page = list(&format!("?limit=2&after={}&order=asc", ids[1]));
    assert_eq!(
        (&page["first_id"], &page["last_id"], &page["has_more"]),
        (&json!(ids[2]), &json!(ids[3]), &json!(true))
    );
    assert_eq!(list("?limit=0")["first_id"], Value::Null);
    assert_eq!(list("?limit=101")["error"]["param"], "limit");
    let delete = |id: &str| world.call("DELETE", &format!("{VIDEOS}/{id}"), &[], b"");
    assert_eq!(delete(&ids[0]).status, 400, "not over");
    world.pass(3);
    assert_eq!(delete(&ids[0]).json(), json!({"id": ids[0], "object": "video.deleted", "deleted": true}));
    assert_eq!((delete(&ids[0]).status, world.get(&format!("{VIDEOS}/{}", ids[0])).status), (404, 404));
    assert_eq!(list("")["last_id"], json!(ids[1]));
}

#[test]
fn after_a_restart_all_but_the_prompt() {
    let world = World::new();
    let video = create(&world, "video-seconds=1", &cat());
    world.pass(1);
    let path = format!("{VIDEOS}/{}", id(&video));
    let again = world.restarted();
    let (mut old, new) = (world.get(&path).json(), again.get(&path).json());
    old["prompt"] = Value::Null;
    assert_eq!(old, new);
    assert_eq!(world.get(&format!("{path}/content")).bytes, again.get(&format!("{path}/content")).bytes);
}
