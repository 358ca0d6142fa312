//! What a vendor can do wrong, and how it ends for the caller: in a whole good answer, in a proper error before the
//! first byte, or in one error event after it. Never in a success that is none.

mod handmade;
mod simulated;
mod streams;

use crate::harness::{Answer, Gateway};
use crate::wire::{PLAIN, STREAMED, record};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How a request is to end.
#[derive(Debug, Clone, Copy)]
pub enum Ends {
    /// In a whole good answer.
    Well,
    /// In this status and code, before the first byte.
    Refused(u16, &'static str),
    /// After the first byte, in an error event of this code.
    Broken(&'static str),
}

/// Time-outs short enough for a test.
pub const SHORT: &str = "timeouts = { connect = \"1s\", first_byte = \"700ms\", idle = \"700ms\", total = \"20s\" }\n";

/// Asserts the rules that hold for every answer, and how this one ends.
pub fn check(name: &str, answer: &Answer, ends: Ends) {
    let text = answer.text();
    let shown: String = text.chars().take(400).collect();
    let name = format!("{name}: {} {shown}", answer.status);
    assert!(answer.complete, "incomplete: {name}");
    let errors = answer.events().iter().filter(|e| e.starts_with("{\"error\"")).count();
    match ends {
        Ends::Well => {
            assert_eq!(answer.status, 200, "{name}");
            assert_eq!(errors, 0, "{name}");
            if answer.header("content-type").is_some_and(|t| t.starts_with("text/event-stream")) {
                assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"), "{name}");
            } else {
                assert!(answer.json()["choices"].is_array(), "{name}");
            }
        }
        Ends::Refused(status, code) => {
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{name}");
            let error = &answer.json()["error"];
            assert!(error["message"].is_string() && error["type"].is_string(), "{name}");
            assert!(error.get("param").is_some(), "{name}");
            assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
        }
        Ends::Broken(code) => {
            assert_eq!(answer.status, 200, "{name}");
            assert!(!text.contains("[DONE]"), "{name}");
            assert_eq!(errors, 1, "{name}");
            let last: Value = serde_json::from_str(answer.events().last().unwrap()).unwrap();
            assert_eq!(last["error"]["code"], code, "{name}");
            assert!(last["error"]["message"].is_string() && last["error"]["type"].is_string(), "{name}");
        }
    }
}

/// Asserts that the request has one record, which says the same as its answer.
pub fn check_record(gateway: &Gateway, name: &str, answer: &Answer, ends: Ends) -> Value {
    let record = record(gateway, answer.header("x-request-id").unwrap());
    let (outcome, code) = match ends {
        Ends::Well => ("completed", None),
        Ends::Refused(400..=428, code) => ("rejected", Some(code)),
        Ends::Refused(_, code) => ("upstream_error", Some(code)),
        Ends::Broken(code) => ("stream_broken", Some(code)),
    };
    assert_eq!(record["outcome"], outcome, "{name}: {record}");
    assert_eq!(record["status"], answer.status, "{name}: {record}");
    assert_eq!(record["error"].as_str(), code, "{name}: {record}");
    assert_eq!(record["attempts"], 1, "{name}: {record}");
    record
}

/// Sends a plain or a streamed request, and asserts how it ends and that it took no longer than the time-outs allow.
pub fn run(gateway: &Gateway, key: &str, name: &str, streamed: bool, headers: &[(&str, &str)], ends: Ends) -> Answer {
    let started = Instant::now();
    let answer = gateway.chat(key, if streamed { STREAMED } else { PLAIN }, headers);
    let name = format!("{name} ({})", if streamed { "streamed" } else { "plain" });
    check(&name, &answer, ends);
    assert!(started.elapsed() < Duration::from_secs(8), "{name}: {:?}", started.elapsed());
    check_record(gateway, &name, &answer, ends);
    answer
}
