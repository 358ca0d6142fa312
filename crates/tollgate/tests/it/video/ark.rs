//! Seedance through the gateway, against the simulator in a process of its own.

use super::*;

const MODEL: &str = "doubao-seedance-2-0-260128";
const TASKS: &str = "/seedance/v3/contents/generations/tasks";
/// Five seconds at 720p.
const PRICE: i64 = 709_714_285;

fn ask(more: &Value) -> Value {
    let mut body = json!({
        "model": MODEL, "content": [{ "type": "text", "text": "a cat" }], "ratio": "16:9", "duration": 5,
        "resolution": "720p",
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

pub fn make(caller: &Caller<'_>) -> (String, String) {
    let answer = caller.post(TASKS, &ask(&json!({})));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let request = answer.header("x-request-id").unwrap().to_owned();
    (answer.json()["id"].as_str().unwrap().to_owned(), request)
}

/// The task once it has ended.
pub fn ended(caller: &Caller<'_>, id: &str) -> Value {
    let look = || {
        let answer = caller.get(&format!("{TASKS}/{id}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let task = answer.json();
        (!matches!(task["status"].as_str().unwrap(), "queued" | "running")).then_some(task)
    };
    eventually(Duration::from_secs(20), look).unwrap_or_else(|| panic!("{id} has not ended: {}", caller.gateway.log()))
}

#[test]
fn one_video_is_made_kept_and_paid_once() {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address, ""));
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let answer = caller.post(TASKS, &ask(&json!({ "return_last_frame": true })));
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.json().as_object().unwrap().len(), 1);
    assert_eq!((answer.header("x-tollgate-provider"), answer.header("x-tollgate-attempts")), (Some("ark"), Some("1")));
    let task = ended(&caller, &id);
    assert_eq!((&task["status"], &task["id"], &task["duration"]), (&json!("succeeded"), &json!(id), &json!(5)));
    let bill = sim.tasks();
    let row = &bill["data"][0];
    assert_eq!((row["creates"].as_u64(), row["downloads"].as_u64()), (Some(1), Some(2)), "{row}");
    assert_eq!(row["bill"]["seconds"], 5);
    // What the vendor names its own is nobody's here.
    let vendors = row["id"].as_str().unwrap();
    assert!(!task.to_string().contains(vendors) && !task.to_string().contains(&sim.address.to_string()), "{task}");
    // The files: whole, in parts, without a key; not with another signature.
    let link = |name: &str| task["content"][name].as_str().unwrap().replace(&format!("http://{}", gateway.address), "");
    let video = gateway.get(&link("video_url"), &[]);
    assert_eq!((video.status, video.header("content-type")), (200, Some("video/mp4")));
    assert!(video.body.get(4..8) == Some(b"ftyp") && video.complete);
    let part = gateway.get(&link("video_url"), &[("range", "bytes=4-7")]);
    assert_eq!((part.status, part.body.as_slice()), (206, &b"ftyp"[..]));
    let tag = video.header("etag").unwrap();
    assert_eq!(gateway.get(&link("video_url"), &[("if-none-match", tag)]).status, 304);
    let picture = gateway.get(&link("last_frame_url"), &[]);
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/png")));
    assert_eq!(gateway.get(&link("video_url").replace("signature=", "signature=0"), &[]).status, 404);
    // One charge, by the vendor's count.
    let charges = gateway.charged(answer.header("x-request-id").unwrap());
    assert_eq!(charges.len(), 1);
    assert_eq!((nano(&charges[0]["amount_usd"]), &charges[0]["basis"]), (PRICE, &json!("provider")));
    assert_eq!(charges[0]["usage"], json!({ "video_seconds": 5.0 }));
    gateway.assert_books();
}

#[test]
fn looking_costs_nothing_and_reaches_nobody() {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address, ""));
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=3", None);
    let (id, request) = make(&caller);
    let end = Instant::now() + Duration::from_secs(2);
    let mut looks = 0;
    while Instant::now() < end {
        assert_eq!(caller.get(&format!("{TASKS}/{id}")).status, 200);
        looks += 1;
    }
    let polls = sim.tasks()["totals"]["polls"].as_u64().unwrap();
    assert!(looks > 50 && polls <= 25, "{looks} looks, {polls} polls");
    assert_eq!(ended(&caller, &id)["status"], "succeeded");
    // Nobody else sees it, by any id.
    let other = Caller::with(
        &gateway,
        &gateway.key(r#"{"name":"other","mode":"live","project":"PROJ"}"#.replace("PROJ", &project(&gateway)).as_str()),
    );
    let vendors = sim.tasks()["data"][0]["id"].as_str().unwrap().to_owned();
    let before = sim.tasks()["totals"].clone();
    let mut bodies = Vec::new();
    for (who, id) in
        [(&other, id.as_str()), (&caller, &vendors), (&caller, "cgt-00000000000000000000000000"), (&caller, "x")]
    {
        for method in ["GET", "DELETE"] {
            let answer = request_as(who, method, &format!("{TASKS}/{id}"));
            assert_eq!(answer.status, 404, "{method} {id}");
            bodies.push(answer.text());
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(sim.tasks()["totals"], before);
    assert_eq!(other.get(TASKS).json(), json!({ "items": [], "total": 0 }));
    assert_eq!(gateway.charged(&request).len(), 1);
    gateway.assert_books();
}

fn request_as(caller: &Caller<'_>, method: &str, path: &str) -> Answer {
    request(caller.gateway.address, method, path, &[("authorization", &caller.bearer)], b"")
}

/// Another project's id.
pub fn project(gateway: &Gateway) -> String {
    let answer = gateway.admin_call("POST", "/projects", r#"{"name":"other"}"#);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_not_made_costs_nothing() {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address, ""));
    let caller = Caller::live(&gateway);
    for (steer, status, code) in [
        ("video=failed;video-seconds=1", "failed", "InternalServiceError"),
        ("video=filtered;video-seconds=1", "failed", "OutputVideoSensitiveContentDetected"),
        ("video=expired;video-seconds=1", "expired", ""),
    ] {
        sim.steer_creates(steer, None);
        let (id, request) = make(&caller);
        let task = ended(&caller, &id);
        assert_eq!(task["status"], status, "{task}");
        assert!(code.is_empty() || task["error"]["code"] == code, "{task}");
        let charges = gateway.charged(&request);
        assert_eq!((charges.len(), nano(&charges[0]["amount_usd"])), (1, 0), "{charges:?}");
        assert_eq!(charges[0]["basis"], "none");
    }
    // The vendor made it and lost it: nothing was delivered.
    sim.steer_creates("video-link-expired;video-seconds=1", None);
    let (id, request) = make(&caller);
    let task = ended(&caller, &id);
    assert_eq!((&task["status"], &task["error"]["code"]), (&json!("failed"), &json!("result_lost")), "{task}");
    assert_eq!(nano(&gateway.charged(&request)[0]["amount_usd"]), 0);
    gateway.assert_books();
}

#[test]
fn wrong_requests_reach_nobody() {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address, ""));
    let caller = Caller::live(&gateway);
    for (more, field) in [
        (json!({ "duration": 99 }), "duration"),
        (json!({ "resolution": "8k" }), "resolution"),
        (json!({ "ratio": "5:4" }), "ratio"),
        (json!({ "content": [] }), "content"),
        (json!({ "callback_url": "http://10.0.0.1/x" }), "callback_url"),
        (json!({ "callback_url": "https://user@x.example/" }), "callback_url"),
        (json!({ "frames": 57 }), "frames"),
    ] {
        let answer = caller.post(TASKS, &ask(&more));
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["param"]), (400, &json!(field)), "{more} {error}");
        assert_eq!(error["code"], "InvalidParameter");
    }
    let unknown = caller.post(TASKS, &ask(&json!({ "model": "no-such-model" })));
    assert_eq!((unknown.status, unknown.code()), (404, "InvalidEndpointOrModel.NotFound".into()));
    let chat = caller.post(TASKS, &ask(&json!({ "model": "kling-v2-6" })));
    assert_eq!(chat.status, 404);
    let nobody = gateway.post(TASKS, &[("authorization", "Bearer sk-tg-live-nonsense")], "{}");
    assert_eq!((nobody.status, nobody.code()), (401, "AuthenticationError".into()));
    let method = request_as(&caller, "PUT", TASKS);
    assert_eq!((method.status, method.header("allow")), (405, Some("GET, POST")));
    assert_eq!(sim.tasks()["totals"]["creates"], 0);
    assert!(gateway.admin("/ledger/entries")["data"].as_array().unwrap().is_empty());
}

#[test]
fn refusals_tell_the_caller_what_concerns_it() {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address, ""));
    let caller = Caller::live(&gateway);
    for (code, status, told) in [
        ("InputTextSensitiveContentDetected", 400, "InputTextSensitiveContentDetected"),
        ("InvalidParameter", 400, "InvalidParameter"),
        // The operator's account is nobody else's business.
        ("AccountOverdueError", 502, "upstream_account_error"),
        ("AuthenticationError", 502, "upstream_account_error"),
        ("SetLimitExceeded", 502, "upstream_account_error"),
    ] {
        sim.steer_creates(&format!("code={code}"), None);
        let answer = caller.post(TASKS, &ask(&json!({})));
        assert_eq!((answer.status, answer.code().as_str()), (status, told), "{code}: {}", answer.text());
        let charges = gateway.charged(answer.header("x-request-id").unwrap());
        assert_eq!((charges.len(), nano(&charges[0]["amount_usd"])), (1, 0));
    }
    assert_eq!(caller.get(TASKS).json()["total"], 0);
    gateway.assert_books();
}

#[test]
fn an_answer_that_is_lost_is_looked_for_and_never_asked_for_again() {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address, ""));
    let caller = Caller::live(&gateway);
    // Made, and its maker never told.
    sim.steer_creates("video-lost;video-seconds=1", Some(1));
    let (id, request) = make(&caller);
    assert_eq!(ended(&caller, &id)["status"], "succeeded");
    assert_eq!((sim.creates(), nano(&gateway.charged(&request)[0]["amount_usd"])), (1, PRICE));
    // Never made.
    sim.steer_creates("reset=before-head", Some(1));
    let (id, request) = make(&caller);
    let task = ended(&caller, &id);
    assert_eq!((&task["status"], &task["error"]["code"]), (&json!("failed"), &json!("upstream_connection_lost")));
    assert_eq!((sim.creates(), nano(&gateway.charged(&request)[0]["amount_usd"])), (1, 0));
    // An error of the vendor's own may come after it began.
    sim.steer_creates("status=500", Some(1));
    let (id, _) = make(&caller);
    assert_eq!(ended(&caller, &id)["status"], "failed");
    assert_eq!(sim.creates(), 1);
    gateway.assert_books();
}

#[test]
fn polls_that_fail_are_no_failures_of_the_task() {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address, ""));
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1;video-poll-429=3;video-poll-500=3", None);
    let (id, request) = make(&caller);
    assert_eq!(ended(&caller, &id)["status"], "succeeded");
    assert_eq!(nano(&gateway.charged(&request)[0]["amount_usd"]), PRICE);
}

#[test]
fn what_waits_can_be_cancelled_and_what_has_ended_deleted() {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address, ""));
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=60", Some(1));
    let (id, request) = make(&caller);
    let path = format!("{TASKS}/{id}");
    let answer = caller.delete(&path);
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    assert_eq!(caller.get(&path).json()["status"], "cancelled");
    assert_eq!(nano(&gateway.charged(&request)[0]["amount_usd"]), 0);
    assert_eq!(sim.tasks()["data"][0]["status"], "cancelled");
    assert_eq!(
        (caller.delete(&path).status, caller.delete(&path).code().as_str()),
        (403, "OperationDenied.InvalidState")
    );
    sim.steer_creates("video-seconds=1", None);
    let (id, _) = make(&caller);
    let path = format!("{TASKS}/{id}");
    let video = ended(&caller, &id)["content"]["video_url"].as_str().unwrap().to_owned();
    assert_eq!(caller.get(TASKS).json()["total"], 2);
    assert_eq!(caller.get(&format!("{TASKS}?filter.status=succeeded")).json()["items"][0]["id"], json!(id));
    assert_eq!(caller.get(&format!("{TASKS}?filter.task_ids={id}")).json()["total"], 1);
    assert_eq!(caller.get(&format!("{TASKS}?page_num=0")).status, 400);
    assert_eq!(caller.delete(&path).status, 200);
    assert_eq!((caller.get(&path).status, caller.delete(&path).status), (404, 404));
    let link = video.replace(&format!("http://{}", gateway.address), "");
    assert_eq!(gateway.get(&link, &[]).status, 404);
    let kept = std::fs::read_dir(gateway.dir.path().join("data/results")).unwrap();
    let files: usize = kept.flatten().map(|dir| std::fs::read_dir(dir.path()).unwrap().count()).sum();
    assert_eq!(files, 0);
    gateway.assert_books();
}

#[test]
fn more_than_an_account_may_run_wait_their_turn() {
    let sim = Sim::start();
    let text = config(sim.address, "").replace("[providers.ark]\n", "[providers.ark]\nconcurrency = 2\n");
    let gateway = Gateway::start(&text);
    let caller = Caller::live(&gateway);
    // The vendor takes two at a time, too, and says so to whoever asks for more.
    sim.steer_creates("video-seconds=1;video-parallel=2", None);
    let tasks: Vec<_> = (0..5).map(|_| make(&caller)).collect();
    assert!(sim.creates() <= 2);
    for (id, request) in &tasks {
        assert_eq!(ended(&caller, id)["status"], "succeeded");
        assert_eq!(nano(&gateway.charged(request)[0]["amount_usd"]), PRICE);
    }
    let totals = sim.tasks()["totals"].clone();
    assert_eq!((totals["creates"].as_u64(), totals["refused_creates"].as_u64()), (Some(5), Some(0)));
    // Where nobody has said how many, the vendor does.
    let gateway = Gateway::start(&config(sim.address, ""));
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1;video-parallel=1", None);
    let tasks: Vec<_> = (0..3).map(|_| make(&caller)).collect();
    for (id, _) in &tasks {
        assert_eq!(ended(&caller, id)["status"], "succeeded");
    }
    assert_eq!(sim.creates(), 8);
    gateway.assert_books();
}

#[test]
fn a_budget_holds_what_it_may_cost_until_it_is_known() {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address, ""));
    let limit = r#"{"name":"b","mode":"live","budget":{"limit_usd":"1.00","window":"total"}}"#;
    let key = gateway.key(limit);
    let caller = Caller::with(&gateway, &key);
    sim.steer_creates("video-seconds=2", None);
    let (id, _) = make(&caller);
    let budget = caller.get("/v1/key").json()["budget"].clone();
    assert_eq!((nano(&budget["held_usd"]), nano(&budget["spent_usd"])), (PRICE, 0), "{budget}");
    let refused = caller.post(TASKS, &ask(&json!({})));
    assert_eq!((refused.status, refused.code().as_str()), (402, "budget_exceeded"));
    assert_eq!(ended(&caller, &id)["status"], "succeeded");
    let settled = || {
        let budget = caller.get("/v1/key").json()["budget"].clone();
        (nano(&budget["spent_usd"]) == PRICE && nano(&budget["held_usd"]) == 0).then_some(())
    };
    assert!(eventually(Duration::from_secs(5), settled).is_some());
    // One that fails gives back what was held.
    sim.steer_creates("video=failed;video-seconds=1", None);
    let answer = caller.post(TASKS, &ask(&json!({ "resolution": "480p", "duration": 4 })));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(ended(&caller, answer.json()["id"].as_str().unwrap())["status"], "failed");
    assert!(eventually(Duration::from_secs(5), settled).is_some());
    // A model without a price cannot be counted.
    let unpriced = caller.post(TASKS, &ask(&json!({ "model": "doubao-seedance-1-5-pro-251215" })));
    assert_eq!((unpriced.status, unpriced.code().as_str()), (403, "model_unpriced"));
    gateway.assert_books();
}

#[test]
fn the_same_request_twice_is_one_video() {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address, ""));
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let key = [("idempotency-key", "once")];
    let first = caller.post_with(TASKS, &ask(&json!({})), &key);
    let again = caller.post_with(TASKS, &ask(&json!({})), &key);
    assert_eq!((first.status, first.text()), (200, again.text()));
    assert_eq!(again.header("x-tollgate-replayed"), Some("true"));
    let other = caller.post_with(TASKS, &ask(&json!({ "duration": 6 })), &key);
    assert_eq!(other.status, 422);
    assert_eq!(sim.creates(), 1);
}

#[test]
fn the_sandbox_makes_videos_too() {
    let gateway = Gateway::start("");
    let caller = Caller::test(&gateway);
    let answer = caller.post_with(TASKS, &ask(&json!({})), &[("x-tollgate-sim", "video-seconds=1")]);
    assert_eq!((answer.status, answer.header("x-tollgate-provider")), (200, Some("sandbox")), "{}", answer.text());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let task = ended(&caller, &id);
    assert_eq!(task["status"], "succeeded", "{task}");
    let link = task["content"]["video_url"].as_str().unwrap().replace(&format!("http://{}", gateway.address), "");
    assert_eq!(gateway.get(&link, &[]).status, 200);
    let failing = caller.post_with(TASKS, &ask(&json!({})), &[("x-tollgate-sim", "video=failed;video-seconds=1")]);
    assert_eq!(ended(&caller, failing.json()["id"].as_str().unwrap())["status"], "failed");
    let charges = gateway.charged(answer.header("x-request-id").unwrap());
    assert_eq!((&charges[0]["book"], nano(&charges[0]["amount_usd"])), (&json!("test"), PRICE));
    assert!(gateway.admin("/ledger/entries")["data"].as_array().unwrap().is_empty());
    gateway.assert_books();
}
