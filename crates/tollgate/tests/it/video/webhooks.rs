//! Telling of tasks: signed, at least once, in order, never inside.

use super::{Caller, Sim, config, eventually};
use crate::harness::Gateway;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was told.
#[derive(Clone)]
struct Told {
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Told {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Somebody who is told, and answers with these statuses, then with 204.
struct Receiver {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Receiver {
    fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let (list, mut statuses) = (Arc::clone(&told), statuses.iter().copied());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    continue;
                }
                let path = line.split(' ').nth(1).unwrap().to_owned();
                let mut headers = Vec::new();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    let Some((name, value)) = line.trim().split_once(": ") else { break };
                    headers.push((name.to_ascii_lowercase(), value.to_owned()));
                }
                let mut told = Told { path, headers, body: Vec::new() };
                told.body.resize(told.header("content-length").parse().unwrap(), 0);
                reader.read_exact(&mut told.body).unwrap();
                list.lock().unwrap().push(told);
                let status = statuses.next().unwrap_or(204);
                let answer =
                    format!("HTTP/1.1 {status} x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
                let _ = reader.into_inner().write_all(answer.as_bytes());
            }
        });
        Self { address, told }
    }

    fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    /// Once there are so many.
    fn wait(&self, count: usize) -> Vec<Told> {
        let all = eventually(Duration::from_secs(30), || Some(self.told()).filter(|told| told.len() >= count));
        all.unwrap_or_else(|| panic!("only {} of {count} were told", self.told().len()))
    }
}

fn inside(sim: SocketAddr) -> String {
    config(sim, "internal_networks = [\"127.0.0.0/8\"]\n")
}

fn ask() -> Value {
    json!({ "model": "doubao-seedance-2-0-260128", "content": [{ "type": "text", "text": "a kite" }], "duration": 5 })
}

const CREATE: &str = "/seedance/v3/contents/generations/tasks";

fn hook(gateway: &Gateway, body: &Value) -> Value {
    let made = gateway.admin_call("POST", "/webhooks", &body.to_string());
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

fn signature(secret: &str, told: &Told) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut signed = format!("{}.{}.", told.header("webhook-id"), told.header("webhook-timestamp")).into_bytes();
    signed.extend_from_slice(&told.body);
    format!("v1,{}", STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed)))
}

#[test]
fn a_webhook_is_told_signed_in_order_and_again() {
    let sim = Sim::start();
    sim.steer_creates("video-seconds=1", None);
    let gateway = Gateway::start(&inside(sim.address));
    let receiver = Receiver::start(&[500]);
    let url = format!("http://{}/hook?x=1", receiver.address);
    let made = hook(&gateway, &json!({ "url": url }));
    let secret = made["secret"].as_str().unwrap().to_owned();
    let caller = Caller::live(&gateway);
    let task = caller.post(CREATE, &ask()).json()["id"].as_str().unwrap().to_owned();
    // The first try fails; nothing later of that task goes before it.
    let told = receiver.wait(3);
    let events: Vec<Value> = told.iter().map(|told| told.json()["type"].clone()).collect();
    assert_eq!(events, ["video.in_progress", "video.in_progress", "video.completed"]);
    assert_eq!(told[0].header("webhook-id"), told[1].header("webhook-id"));
    assert_ne!(told[0].header("webhook-id"), told[2].header("webhook-id"));
    for told in &told {
        assert_eq!(told.header("webhook-signature"), signature(&secret, told));
        assert_eq!((told.path.as_str(), &told.json()["data"]["id"]), ("/hook?x=1", &json!(task)));
    }
    let last = told[2].json();
    assert_eq!(last["data"]["status"], "succeeded");
    assert!(super::nano(&last["data"]["cost_usd"]) > 0, "{last}");

    // What was told can be looked at, and told again with two signatures after a rotation.
    let id = made["id"].as_str().unwrap();
    let list = gateway.admin(&format!("/webhooks/{id}/messages"));
    let message = &list["data"][0];
    assert_eq!((&message["status"], &message["event"]), (&json!("delivered"), &json!("video.completed")));
    let rotated = gateway.admin_call("POST", &format!("/webhooks/{id}/rotate"), "").json();
    let again = format!("/webhooks/{id}/messages/{}/replay", message["id"].as_str().unwrap());
    assert_eq!(gateway.admin_call("POST", &again, "").status, 200);
    let told = receiver.wait(4).pop().unwrap();
    assert_eq!(told.header("webhook-id"), message["id"].as_str().unwrap());
    let both = [signature(rotated["secret"].as_str().unwrap(), &told), signature(&secret, &told)].join(" ");
    assert_eq!(told.header("webhook-signature"), both);

    // The secret is told once and stands in nothing that is read later.
    for path in ["/webhooks", &format!("/webhooks/{id}"), "/audit"] {
        let text = gateway.admin(path).to_string();
        assert!(text.contains(id) && !text.contains("whsec_"), "{text}");
    }
    let listed = gateway.admin("/tasks");
    let own = listed["data"][0]["id"].as_str().unwrap();
    assert_eq!(listed["data"][0]["public_id"], task.as_str());
    let whole = gateway.admin(&format!("/tasks/{own}"));
    let states: Vec<&str> =
        whole["history"].as_array().unwrap().iter().filter_map(|step| step["state"].as_str()).collect();
    assert_eq!((states.first(), states.last()), (Some(&"accepted"), Some(&"succeeded")), "{whole}");
    assert_eq!(whole["messages"].as_array().unwrap().len(), 2, "{whole}");

    // Gone for good: nothing more is told.
    assert_eq!(gateway.admin_call("DELETE", &format!("/webhooks/{id}"), "").status, 200);
    assert_eq!(gateway.admin_call("GET", &format!("/webhooks/{id}"), "").status, 404);
}

#[test]
fn who_answers_gone_is_not_told_again() {
    let sim = Sim::start();
    sim.steer_creates("video-seconds=1", None);
    let gateway = Gateway::start(&inside(sim.address));
    let receiver = Receiver::start(&[410]);
    let made =
        hook(&gateway, &json!({ "url": format!("http://{}/", receiver.address), "events": ["video.completed"] }));
    let caller = Caller::live(&gateway);
    caller.post(CREATE, &ask());
    let path = format!("/webhooks/{}", made["id"].as_str().unwrap());
    let off = eventually(Duration::from_secs(20), || {
        Some(gateway.admin(&path)).filter(|hook| !hook["disabled_at"].is_null())
    });
    assert_eq!(off.unwrap()["reason"], "it answered 410 Gone");
    assert_eq!(receiver.told().len(), 1);
    let on = gateway.admin_call("PATCH", &path, r#"{"disabled":false}"#);
    assert_eq!((on.status, &on.json()["disabled_at"]), (200, &Value::Null));
}

#[test]
fn a_callers_own_address_is_told_and_never_inside() {
    let sim = Sim::start();
    sim.steer_creates("video-seconds=1", None);
    let receiver = Receiver::start(&[302]);
    let address = format!("http://{}/mine", receiver.address);
    let mut body = ask();
    body["callback_url"] = json!(address);
    {
        // Not one of the operator's networks: refused before anything is sent.
        let gateway = Gateway::start(&config(sim.address, ""));
        let caller = Caller::live(&gateway);
        let answer = caller.post(CREATE, &body);
        assert_eq!((answer.status, sim.creates()), (400, 0), "{}", answer.text());
        // A good name in bad hands is found out when it is called.
        body["callback_url"] = json!("https://localhost/");
        assert_eq!(caller.post(CREATE, &body).status, 200);
        let hook = hook(&gateway, &json!({ "url": "https://localhost:8443/" }));
        assert_eq!(caller.post(CREATE, &ask()).status, 200);
        let path = format!("/webhooks/{}/messages", hook["id"].as_str().unwrap());
        let refused = eventually(Duration::from_secs(20), || {
            let list = gateway.admin(&path);
            list["data"].as_array().unwrap().iter().find(|message| message["attempts"] != 0).cloned()
        });
        let refused = refused.unwrap();
        let error = refused["last_error"].as_str().unwrap();
        assert!(error.contains("not one that may be called"), "{error}");
        for (url, field) in
            [("ftp://a.example/", "url"), ("https://u:p@a.example/", "url"), ("http://a.example/", "url")]
        {
            let answer = gateway.admin_call("POST", "/webhooks", &json!({ "url": url }).to_string());
            assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!(field)), "{url}");
        }
    }
    body["callback_url"] = json!(address);
    let gateway = Gateway::start(&inside(sim.address));
    let caller = Caller::live(&gateway);
    let id = caller.post(CREATE, &body).json()["id"].clone();
    // A redirect is no success, and is not followed.
    let told = receiver.wait(3);
    assert_eq!(told[0].header("webhook-id"), told[1].header("webhook-id"));
    let last = told[2].json();
    assert_eq!((&last["id"], &last["status"], told[2].path.as_str()), (&id, &json!("succeeded"), "/mine"));
    assert!(!sim.tasks().to_string().contains("/mine"), "the vendor learned of the caller's address");
}
