//! `/v1/videos` in front of every vendor, over sockets and in the sandbox.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub const VIDEOS: &str = "/v1/videos";

/// What is asked of a vendor, and what must come of it.
struct Case {
    model: &'static str,
    provider: &'static str,
    seconds: &'static str,
    /// What the vendor makes of 1280x720.
    made: &'static str,
    /// For one second, in nano-dollars.
    rate: i64,
    /// What the translation says; nothing where there is none.
    losses: Option<&'static str>,
}

const CASES: [Case; 5] = [
    Case {
        model: "doubao-seedance-2-0-260128",
        provider: "ark",
        seconds: "5",
        made: "1280x720",
        rate: 141_942_857,
        losses: Some("exact"),
    },
    Case {
        model: "kling-v2-6",
        provider: "kling",
        seconds: "10",
        made: "1280x720",
        rate: KLING[0].1,
        losses: Some("exact"),
    },
    Case {
        model: "g-veo",
        provider: "gemini",
        seconds: "8",
        made: "1280x720",
        rate: 400_000_000,
        losses: Some("exact"),
    },
    Case {
        model: "v-veo",
        provider: "vertex",
        seconds: "6",
        made: "1280x720",
        rate: 400_000_000,
        losses: Some("exact"),
    },
    Case { model: "sora-2", provider: "openai", seconds: "8", made: "1280x720", rate: 100_000_000, losses: None },
];

impl Case {
    fn ask(&self) -> Value {
        json!({ "model": self.model, "prompt": "a calico cat", "seconds": self.seconds, "size": "1280x720" })
    }

    fn price(&self) -> i64 {
        self.rate * self.seconds.parse::<i64>().unwrap()
    }
}

/// Makes a video; gives its id and its request's.
pub fn make(caller: &Caller<'_>, body: &Value, steer: &str) -> (String, String) {
    let answer = caller.post_with(VIDEOS, body, &[("x-tollgate-sim", steer)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer.json()["id"].as_str().unwrap().to_owned(), answer.header("x-request-id").unwrap().to_owned())
}

/// A video once it has ended.
pub fn ended(caller: &Caller<'_>, id: &str) -> Value {
    let look = || {
        let answer = caller.get(&format!("{VIDEOS}/{id}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let video = answer.json();
        match video["status"].as_str().unwrap() {
            "queued" | "in_progress" => {
                assert!(answer.header("openai-poll-after-ms").is_some());
                assert!(video["progress"].as_u64().unwrap() < 100 && video["error"].is_null(), "{video}");
                None
            }
            _ => Some(video),
        }
    };
    eventually(Duration::from_secs(20), look).unwrap_or_else(|| panic!("{id} has not ended: {}", caller.gateway.log()))
}

#[test]
fn one_request_is_made_by_every_vendor() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    for case in CASES {
        let answer = caller.post(VIDEOS, &case.ask());
        assert_eq!(answer.status, 200, "{}: {}", case.model, answer.text());
        assert_eq!(answer.header("x-tollgate-provider"), Some(case.provider));
        assert_eq!(answer.header("x-tollgate-attempts"), Some("1"));
        let losses = answer.header("x-tollgate-translation");
        assert_eq!(losses, case.losses, "{}", case.model);
        let video = answer.json();
        let id = video["id"].as_str().unwrap();
        assert!(id.starts_with("video_") && video["object"] == "video" && video["status"] == "queued", "{video}");
        assert_eq!((&video["seconds"], &video["size"]), (&json!(case.seconds), &json!("1280x720")), "{video}");
        let video = ended(&caller, id);
        assert_eq!(
            (&video["status"], &video["progress"], &video["error"]),
            (&json!("completed"), &json!(100), &Value::Null)
        );
        assert!(video["completed_at"].as_i64().unwrap() >= video["created_at"].as_i64().unwrap(), "{video}");
        assert!(video["expires_at"].as_i64().unwrap() > video["completed_at"].as_i64().unwrap() + 86_400, "{video}");
        assert_eq!(video["prompt"], "a calico cat");
        let vendors = sim.newest();
        assert_eq!((vendors["size"].as_str(), vendors["creates"].as_u64()), (Some(case.made), Some(1)), "{vendors}");
        let theirs = vendors["id"].as_str().unwrap();
        let text = video.to_string();
        assert!(!text.contains(theirs) && !text.contains("secret-project") && !text.contains("http"), "{text}");
        let file = caller.get(&format!("{VIDEOS}/{id}/content"));
        assert_eq!((file.status, file.header("content-type")), (200, Some("video/mp4")), "{}", case.model);
        assert_eq!(file.body.get(4..8), Some(&b"ftyp"[..]));
        // The vendor's count times the price, once.
        let billed = vendors["bill"]["seconds"].as_i64().unwrap();
        assert_eq!(billed.to_string(), case.seconds, "{vendors}");
        assert_eq!(gateway.paid(answer.header("x-request-id").unwrap()), case.price(), "{}", case.model);
    }
    assert_eq!(sim.tasks()["totals"]["downloads"], 7, "each video once, and two pictures");
    gateway.assert_books();
}

#[test]
fn the_sandbox_has_every_model() {
    let gateway = Gateway::start("");
    let caller = Caller::test(&gateway);
    for (model, seconds) in [
        ("doubao-seedance-2-0-260128", "5"),
        ("kling-v2-6", "5"),
        ("veo-3.1-generate-001", "8"),
        ("vertex/veo-3.1-generate-001", "4"),
        ("sora-2", "4"),
    ] {
        let body = json!({ "model": model, "prompt": "a cat", "seconds": seconds, "size": "1280x720" });
        let (id, request) = make(&caller, &body, "video-seconds=1");
        assert_eq!(ended(&caller, &id)["status"], "completed", "{model}");
        let file = caller.get(&format!("{VIDEOS}/{id}/content"));
        assert_eq!(file.body.get(4..8), Some(&b"ftyp"[..]), "{model}");
        assert_eq!(gateway.charged(&request)[0]["book"], "test");
    }
    // The usual one is meant where none is named.
    let (id, _) = make(&caller, &json!({ "prompt": "a cat" }), "video-seconds=1");
    let video = ended(&caller, &id);
    assert_eq!((&video["model"], &video["seconds"]), (&json!("sora-2"), &json!("4")), "{video}");
    for (steer, code) in [("video=failed", ""), ("video=filtered", ""), ("video=expired", "")] {
        let body = json!({ "model": "kling-v2-6", "prompt": "a cat", "seconds": "5" });
        let (id, request) = make(&caller, &body, &format!("{steer};video-seconds=1"));
        let video = ended(&caller, &id);
        assert_eq!(video["status"], "failed", "{steer} {video}");
        assert!(!video["error"]["message"].as_str().unwrap().is_empty() && code.is_empty(), "{video}");
        assert_eq!(gateway.paid(&request), 0);
    }
    gateway.assert_books();
}

#[test]
fn a_picture_to_begin_with_comes_in_any_form() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let picture = png(1280, 720);
    let data = format!("data:image/png;base64,{}", STANDARD.encode(&picture));
    let mut made = Vec::new();
    for case in CASES {
        let parts: [(&str, Option<&str>, &[u8]); 5] = [
            ("prompt", None, b"a cat"),
            ("model", None, case.model.as_bytes()),
            ("input_reference", Some("a.png"), &picture),
            ("seconds", None, case.seconds.as_bytes()),
            ("size", None, b"1280x720"),
        ];
        let answer = caller.form(VIDEOS, &parts, &[]);
        assert_eq!(answer.status, 200, "{}: {}", case.model, answer.text());
        made.push(answer.json()["id"].as_str().unwrap().to_owned());
        for reference in [json!({ "image_url": data }), json!(data)] {
            // The vendor's own protocol has no bare text, and it gets what it is sent.
            if case.provider == "openai" && reference.is_string() {
                continue;
            }
            let mut body = case.ask();
            body["input_reference"] = reference;
            body["seconds"] = json!(case.seconds.parse::<u32>().unwrap());
            if case.provider == "openai" {
                body["seconds"] = json!(case.seconds);
            }
            let answer = caller.post(VIDEOS, &body);
            assert_eq!(answer.status, 200, "{}: {}", case.model, answer.text());
            made.push(answer.json()["id"].as_str().unwrap().to_owned());
        }
    }
    let kinds: Vec<Value> = sim.tasks()["data"].as_array().unwrap().iter().map(|task| task["vendor"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "kling/image2video").count(), 3, "{kinds:?}");
    for id in made {
        assert_eq!(ended(&caller, &id)["status"], "completed");
    }
    gateway.assert_books();
}

#[test]
fn what_a_model_cannot_be_told_is_said_or_refused() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    // The nearest that it can, and at least as long.
    let body = json!({ "model": "kling-v2-6", "prompt": "a cat", "seconds": "8", "size": "1792x1024", "seed": 7 });
    let answer = caller.post(VIDEOS, &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tollgate-translation"), Some("dropped=seed;approximated=seconds,size"));
    let video = answer.json();
    assert_eq!((&video["seconds"], &video["size"]), (&json!("10"), &json!("1920x1080")), "{video}");
    let strict = caller.post_with(VIDEOS, &body, &[("x-tollgate-translation", "strict")]);
    assert_eq!((strict.status, strict.code().as_str()), (400, "unsupported_parameter"), "{}", strict.text());
    assert_eq!(sim.creates(), 1);
}

#[test]
fn wrong_requests_name_their_field_and_reach_nobody() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    let long = "a".repeat(32_001);
    for (model, more, field) in [
        ("sora-2", json!({ "seconds": "5" }), "seconds"),
        ("sora-2", json!({ "size": "640x480" }), "size"),
        ("sora-2", json!({ "prompt": "" }), "prompt"),
        ("sora-2", json!({ "prompt": null }), "prompt"),
        ("sora-2", json!({ "prompt": long }), "prompt"),
        ("kling-v2-6", json!({ "seconds": "12" }), "seconds"),
        ("kling-v2-6", json!({ "size": "big" }), "size"),
        ("kling-v2-6", json!({ "prompt": "a".repeat(2_501) }), "prompt"),
        ("kling-v2-6", json!({ "input_reference": { "file_id": "file-1" } }), "input_reference.file_id"),
        ("g-veo", json!({ "input_reference": { "image_url": "https://a.example/a.png" } }), "input_reference"),
        ("g-veo", json!({ "size": "1024x1024" }), "size"),
        ("doubao-seedance-2-0-260128", json!({ "seconds": "0" }), "seconds"),
        ("doubao-seedance-2-0-260128", json!({ "seconds": "60" }), "seconds"),
        (
            "doubao-seedance-2-0-260128",
            json!({ "input_reference": { "image_url": "ftp://x" } }),
            "input_reference.image_url",
        ),
    ] {
        let mut body = json!({ "model": model, "prompt": "a cat" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = caller.post(VIDEOS, &body);
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["param"]), (400, &json!(field)), "{model} {more} {error}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    for body in ["", "{", "[]", "\"x\""] {
        let answer = caller.send("POST", VIDEOS, &[("content-type", "application/json")], body.as_bytes());
        assert_eq!(answer.status, 400, "{body}");
    }
    let bad = caller.form(VIDEOS, &[("prompt", None, b"a"), ("prompt", None, b"b")], &[]);
    assert_eq!((bad.status, &bad.json()["error"]["param"]), (400, &json!("prompt")));
    let bad = caller.form(VIDEOS, &[("prompt", None, b"a"), ("input_reference", Some("a"), b"text")], &[]);
    assert_eq!((bad.status, &bad.json()["error"]["param"]), (400, &json!("input_reference")));
    let chat = caller.post(VIDEOS, &json!({ "model": "openai/gpt-5-mini", "prompt": "a cat" }));
    assert_eq!((chat.status, chat.code().as_str()), (404, "model_not_found"));
    let nobody = gateway.post(VIDEOS, &[], "{}");
    assert_eq!((nobody.status, nobody.code().as_str()), (401, "invalid_api_key"));
    assert_eq!(sim.tasks()["totals"]["creates"], 0);
    assert!(gateway.admin("/ledger/entries")["data"].as_array().unwrap().is_empty());
}

#[test]
fn a_form_sent_twice_under_one_key_is_one_video() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let picture = png(1280, 720);
    let send = |seconds: &[u8]| {
        let parts: [(&str, Option<&str>, &[u8]); 5] = [
            ("prompt", None, b"a cat"),
            ("model", None, b"kling-v2-6"),
            ("input_reference", Some("a.png"), &picture),
            ("seconds", None, seconds),
            ("size", None, b"1280x720"),
        ];
        caller.form(VIDEOS, &parts, &[("idempotency-key", "form-1")])
    };
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| send(b"5"))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!((answer.status, answer.text()), (200, answers[0].text()));
    }
    assert_eq!((send(b"10").status, sim.creates()), (422, 1));
}
