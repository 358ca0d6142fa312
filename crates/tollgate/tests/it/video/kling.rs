//! Kling's own protocol through the gateway.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const TEXT: &str = "/kling/v1/videos/text2video";
const IMAGE: &str = "/kling/v1/videos/image2video";

fn ask(more: &Value) -> Value {
    let mut body = json!({
        "model_name": "kling-v2-6", "prompt": "a rabbit", "duration": "5", "mode": "pro", "sound": "on", "aspect_ratio": "16:9",
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn picture(more: &Value) -> Value {
    let mut body = json!({ "model_name": "kling-v2-6", "image": STANDARD.encode(png(640, 640)), "duration": "5" });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn make(caller: &Caller<'_>, path: &str, body: &Value, steer: &str) -> (String, String) {
    let answer = caller.post_with(path, body, &[("x-tollgate-sim", steer)]);
    assert_eq!((answer.status, &answer.json()["code"]), (200, &json!(0)), "{}", answer.text());
    let id = answer.json()["data"]["task_id"].as_str().unwrap().to_owned();
    (id, answer.header("x-request-id").unwrap().to_owned())
}

fn ended(caller: &Caller<'_>, path: &str, id: &str) -> Value {
    let look = || {
        let answer = caller.get(&format!("{path}/{id}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let task = answer.json()["data"].clone();
        (!matches!(task["task_status"].as_str().unwrap(), "submitted" | "processing")).then_some(task)
    };
    eventually(Duration::from_secs(20), look).unwrap_or_else(|| panic!("{id} has not ended: {}", caller.gateway.log()))
}

fn local(gateway: &Gateway, link: &Value) -> String {
    let link = link.as_str().unwrap();
    link.strip_prefix(&format!("http://{}", gateway.address)).unwrap_or_else(|| panic!("{link}")).to_owned()
}

#[test]
fn from_text_in_the_vendors_words_with_own_ids() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let body = ask(&json!({
        "external_task_id": "mine-1", "watermark_info": { "enabled": true }, "callback_url": "https://hooks.example/k",
    }));
    let answer = caller.post(TEXT, &body);
    let made = answer.json();
    assert_eq!((answer.status, &made["code"], &made["message"]), (200, &json!(0), &json!("SUCCEED")), "{made}");
    assert_eq!(made["request_id"].as_str(), answer.header("x-request-id"));
    let data = &made["data"];
    assert_eq!((&data["task_status"], &data["task_info"]["external_task_id"]), (&json!("submitted"), &json!("mine-1")));
    assert!(data["created_at"].as_i64().unwrap() > 1_600_000_000_000, "milliseconds");
    let id = data["task_id"].as_str().unwrap();
    assert!(id.len() > 18 && id.bytes().all(|b| b.is_ascii_digit()), "{id}");
    // The vendor has another name for it, and never learns whom the caller wants told.
    let theirs = sim.newest();
    assert!(theirs["external_task_id"].as_str().unwrap().starts_with("task_"), "{theirs}");
    assert_eq!((&theirs["callback_given"], &theirs["audio"]), (&json!(false), &json!(true)), "{theirs}");
    let task = ended(&caller, TEXT, id);
    assert_eq!((&task["task_status"], &task["task_id"]), (&json!("succeed"), &json!(id)), "{task}");
    assert_eq!(task["task_info"]["external_task_id"], "mine-1");
    let text = task.to_string();
    assert!(!text.contains(theirs["id"].as_str().unwrap()) && !text.contains(&sim.address.to_string()), "{text}");
    let video = &task["task_result"]["videos"][0];
    assert_eq!(video["duration"], "5.041");
    for link in [&video["url"], &video["watermark_url"]] {
        let file = gateway.get(&local(&gateway, link), &[]);
        assert_eq!((file.status, file.header("content-type")), (200, Some("video/mp4")));
        assert_eq!(file.body.get(4..8), Some(&b"ftyp"[..]));
    }
    // Also by the caller's own name, in its family.
    assert_eq!(caller.get(&format!("{TEXT}/mine-1")).json()["data"]["task_id"], id);
    for path in
        [format!("{IMAGE}/{id}"), format!("{IMAGE}/mine-1"), format!("{TEXT}/{}", theirs["id"].as_str().unwrap())]
    {
        let answer = caller.get(&path);
        assert_eq!((answer.status, &answer.json()["code"]), (404, &json!(1203)), "{path}");
    }
    assert_eq!(gateway.paid(answer.header("x-request-id").unwrap()), 5 * KLING[2].1);
    gateway.assert_books();
}

#[test]
fn from_pictures() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    for (more, rate) in [
        (json!({}), KLING[0].1),
        (json!({ "prompt": "it moves", "mode": "pro", "image_tail": STANDARD.encode(png(640, 640)) }), KLING[1].1),
        (json!({ "image": "https://pictures.example/a.png" }), KLING[0].1),
    ] {
        let (id, request) = make(&caller, IMAGE, &picture(&more), "");
        let task = ended(&caller, IMAGE, &id);
        assert_eq!(task["task_status"], "succeed", "{task}");
        assert_eq!(gateway.get(&local(&gateway, &task["task_result"]["videos"][0]["url"]), &[]).status, 200);
        assert_eq!(gateway.paid(&request), 5 * rate, "{more}");
        assert_eq!(caller.get(&format!("{TEXT}/{id}")).status, 404);
    }
    // The model that is meant where none is named; the older field is read too.
    let (id, _) = make(&caller, TEXT, &json!({ "prompt": "a" }), "");
    assert_eq!(sim.newest()["model"], "kling-v1");
    ended(&caller, TEXT, &id);
    make(&caller, TEXT, &json!({ "model": "kling-v2-6", "prompt": "a" }), "");
    assert_eq!(sim.newest()["model"], "kling-v2-6");
    gateway.assert_books();
}

#[test]
fn lists_are_ones_own_and_paged() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let made: Vec<String> = (0..3).map(|_| make(&caller, TEXT, &ask(&json!({})), "").0).collect();
    let (image, _) = make(&caller, IMAGE, &picture(&json!({})), "");
    let list = |who: &Caller<'_>, path: &str| -> Vec<String> {
        let page = who.get(path).json();
        assert_eq!(page["code"], 0, "{page}");
        page["data"].as_array().unwrap().iter().map(|task| task["task_id"].as_str().unwrap().to_owned()).collect()
    };
    let newest: Vec<String> = made.iter().rev().cloned().collect();
    assert_eq!(list(&caller, TEXT), newest);
    assert_eq!(list(&caller, IMAGE), [image]);
    assert_eq!(list(&caller, &format!("{TEXT}?pageNum=2&pageSize=2")), newest[2..]);
    assert!(
        list(&Caller::stranger(&gateway, "live"), TEXT).is_empty() && list(&Caller::test(&gateway), TEXT).is_empty()
    );
    for query in ["pageNum=0", "pageSize=501", "pageSize=x"] {
        let answer = caller.get(&format!("{TEXT}?{query}"));
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!(1201)), "{query}");
    }
    assert_eq!(caller.delete(&format!("{TEXT}/{}", made[0])).status, 405);
    assert_eq!(sim.tasks()["totals"]["lists"], 0);
}

#[test]
fn a_callers_name_for_a_task_is_its_projects_own() {
    let (sim, gateway) = world();
    let (caller, other) = (Caller::live(&gateway), Caller::stranger(&gateway, "live"));
    sim.steer_creates("video-seconds=1", None);
    let body = ask(&json!({ "external_task_id": "same" }));
    let (mine, _) = make(&caller, TEXT, &body, "");
    let again = caller.post(TEXT, &body);
    assert_eq!((again.status, &again.json()["code"]), (400, &json!(1201)), "{}", again.text());
    assert!(again.json()["message"].as_str().unwrap().contains("external_task_id"));
    let (theirs, _) = make(&other, TEXT, &body, "");
    assert_ne!(mine, theirs);
    assert_eq!(caller.get(&format!("{TEXT}/same")).json()["data"]["task_id"], mine);
    assert_eq!(other.get(&format!("{TEXT}/same")).json()["data"]["task_id"], theirs);
    assert_eq!(other.get(&format!("{TEXT}/{mine}")).status, 404);
    let none = caller.get(&format!("{TEXT}/none")).json();
    let foreign = other.get(&format!("{TEXT}/{mine}")).json();
    assert_eq!((&none["code"], &none["message"]), (&foreign["code"], &foreign["message"]));
    // A name of one that was refused is free again.
    sim.steer_creates("code=1301", Some(1));
    let body = ask(&json!({ "external_task_id": "second" }));
    assert_eq!(caller.post(TEXT, &body).json()["code"], 1301);
    sim.steer_creates("video-seconds=1", None);
    make(&caller, TEXT, &body, "");
    assert_eq!(sim.creates(), 3);
}

#[test]
fn the_vendors_codes_mean_what_they_mean_here() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    for (code, status, told, words) in [
        ("1201", 400, 1201, "Invalid parameters"),
        ("1300", 400, 1300, "policy"),
        ("1301", 400, 1301, "Risk control"),
        // What is wrong with the operator's account is not the customer's affair.
        ("1000", 502, 5000, "account"),
        ("1100", 502, 5000, "account"),
        ("1101", 502, 5000, "account"),
        ("1102", 502, 5000, "account"),
        ("1103", 502, 5000, "account"),
        ("1304", 502, 5000, "account"),
    ] {
        sim.steer_creates(&format!("code={code}"), None);
        let answer = caller.post(TEXT, &ask(&json!({})));
        let body = answer.json();
        assert_eq!((answer.status, &body["code"]), (status, &json!(told)), "{code}: {body}");
        assert!(body["message"].as_str().unwrap().contains(words), "{code}: {body}");
        assert!(status == 400 || body["request_id"].as_str() == answer.header("x-request-id"), "{code}: {body}");
        assert_eq!(gateway.paid(answer.header("x-request-id").unwrap()), 0);
    }
    assert_eq!(caller.get(TEXT).json()["data"], json!([]));
    gateway.assert_books();
}

#[test]
fn too_fast_is_told_and_too_many_wait() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    // 1303 is no error for anybody: the task waits for room and keeps its place.
    sim.steer_creates("video-seconds=1;video-parallel=2", None);
    let made: Vec<_> = (0..5)
        .map(|number| {
            make(
                &caller,
                if number == 3 { IMAGE } else { TEXT },
                &if number == 3 { picture(&json!({})) } else { ask(&json!({})) },
                "",
            )
        })
        .collect();
    assert!(sim.creates() <= 2, "{}", sim.tasks()["totals"]);
    for (number, (id, request)) in made.iter().enumerate() {
        let path = if number == 3 { IMAGE } else { TEXT };
        let task = ended(&caller, path, id);
        assert_eq!(task["task_status"], "succeed", "{task}");
        assert_eq!(gateway.paid(request), 5 * if number == 3 { KLING[0].1 } else { KLING[2].1 });
    }
    assert_eq!(sim.creates(), 5);
    // What waits says so, and can be listed.
    sim.steer_creates("code=1302;retry-after=2", Some(1));
    let answer = caller.post(TEXT, &ask(&json!({})));
    assert_eq!((answer.status, &answer.json()["code"]), (429, &json!(1302)), "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    gateway.assert_books();
}

#[test]
fn failures_are_told_in_a_good_answer_and_cost_nothing() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    for (steer, words) in [
        ("video=failed;video-seconds=1", "Internal service error"),
        ("video=filtered;video-seconds=1", "risk control"),
        ("video=expired;video-seconds=1", "not finished in time"),
    ] {
        sim.steer_creates(steer, None);
        let (id, request) = make(&caller, TEXT, &ask(&json!({})), "");
        let task = ended(&caller, TEXT, &id);
        assert_eq!(task["task_status"], "failed", "{task}");
        assert!(task["task_status_msg"].as_str().unwrap().contains(words), "{task}");
        assert!(task.get("task_result").is_none_or(|result| result["videos"].as_array().is_none_or(Vec::is_empty)));
        assert_eq!(gateway.paid(&request), 0);
    }
    gateway.assert_books();
}

#[test]
fn wrong_requests_reach_nobody() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    let png = STANDARD.encode(png(640, 640));
    for (path, body, field) in [
        (TEXT, json!({ "model_name": "kling-v2-6" }), "prompt"),
        (TEXT, ask(&json!({ "prompt": "a".repeat(2_501) })), "prompt"),
        (TEXT, ask(&json!({ "duration": "7" })), "duration"),
        (TEXT, ask(&json!({ "mode": "best" })), "mode"),
        (TEXT, ask(&json!({ "mode": "std" })), "sound"),
        (TEXT, ask(&json!({ "aspect_ratio": "4:3" })), "aspect_ratio"),
        (TEXT, ask(&json!({ "cfg_scale": 0.5 })), "cfg_scale"),
        (TEXT, ask(&json!({ "callback_url": "http://127.0.0.1/" })), "callback_url"),
        (TEXT, ask(&json!({ "model_name": "kling-v1", "sound": "on" })), "sound"),
        (IMAGE, json!({ "model_name": "kling-v2-6", "prompt": "a" }), "image"),
        (IMAGE, picture(&json!({ "image": format!("data:image/png;base64,{png}") })), "image"),
        (IMAGE, picture(&json!({ "image_tail": png, "camera_control": { "type": "down_back" } })), "camera_control"),
    ] {
        let answer = caller.post(path, &body);
        let told = answer.json();
        assert_eq!((answer.status, &told["code"]), (400, &json!(1201)), "{field}: {told}");
        assert!(told["message"].as_str().unwrap().contains(field), "{field}: {told}");
    }
    let unknown = caller.post(TEXT, &ask(&json!({ "model_name": "no-such" })));
    assert_eq!((unknown.status, &unknown.json()["code"]), (404, &json!(1203)));
    let nobody = gateway.post(TEXT, &[], "{}");
    assert_eq!((nobody.status, &nobody.json()["code"]), (401, &json!(1001)));
    let nobody = gateway.post(TEXT, &[("authorization", "Bearer sk-tg-live-x")], "{}");
    assert_eq!((nobody.status, &nobody.json()["code"]), (401, &json!(1002)));
    assert_eq!(sim.tasks()["totals"]["creates"], 0);
}

#[test]
fn the_sandbox_speaks_it() {
    let gateway = Gateway::start("");
    let caller = Caller::test(&gateway);
    let (id, request) = make(&caller, TEXT, &ask(&json!({ "external_task_id": "x" })), "video-seconds=1");
    let task = ended(&caller, TEXT, &id);
    assert_eq!((&task["task_status"], &task["task_info"]["external_task_id"]), (&json!("succeed"), &json!("x")));
    assert_eq!(gateway.get(&local(&gateway, &task["task_result"]["videos"][0]["url"]), &[]).status, 200);
    let (image, _) = make(&caller, IMAGE, &picture(&json!({})), "video=filtered;video-seconds=1");
    assert_eq!(ended(&caller, IMAGE, &image)["task_status"], "failed");
    assert_eq!(gateway.charged(&request)[0]["book"], "test");
    gateway.assert_books();
}
