//! Bodies and streams that nobody would write, into every reader: whatever comes, nothing panics.

use crate::crossing::{crossed, head_of, written};
use crate::fixtures::cases;
use crate::spoken::spoken;
use proptest::prelude::*;
use std::time::Instant;
use tollgate_protocol::canonical::{Capabilities, Losses, Request};
use tollgate_protocol::codec::{InPath, Protocol};

/// Takes bytes as a request, an answer, an error and a stream of one protocol, and carries on with what can be read.
fn take(protocol: Protocol, targets: &[Protocol], bytes: &[u8]) {
    let codec = protocol.codec();
    let path = InPath { model: Some("m".into()), ..InPath::default() };
    let accepts = Capabilities::default();
    let _ = codec.head(bytes, &path);
    if let Ok(request) = codec.read_request(bytes, &path, &mut Losses::default()) {
        for target in targets {
            let _ = written(*target, &request, &accepts, &mut Losses::default());
        }
    }
    codec.content_bytes(bytes);
    let refusal = codec.read_refusal(400, bytes, None);
    codec.write_fault(&refusal.fault, "req_1");
    if codec.check_answer(bytes).is_ok()
        && let Ok(answer) = codec.read_answer(bytes)
    {
        for target in targets {
            target.codec().write_answer(&answer, &head_of("x"), &Request::default(), &mut Losses::default());
        }
    }
    let text = String::from_utf8_lossy(bytes);
    for target in targets {
        let _ = crossed(protocol, *target, &text, "x", &Request::default());
    }
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }
}

/// The same bytes with something changed, cut off or said twice.
fn mutated(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=dice.roll(3) {
        let (at, to) = (dice.roll(out.len()), dice.roll(out.len()));
        match dice.roll(5) {
            0 => out.truncate(at),
            1 if at < out.len() => out[at] = b"{}[]\",:nt0-\\\n\x00\xff"[dice.roll(15)],
            2 if at < to => {
                let again = out[at..to.min(at + 200)].to_vec();
                out.splice(at..at, again);
            }
            3 if at < to => {
                out.drain(at..to.min(at + 40));
            }
            _ if at.max(to) < out.len() => out.swap(at, to),
            _ => {}
        }
    }
    out
}

#[test]
fn real_traffic_gone_bad() {
    let all = spoken();
    let targets: Vec<Protocol> = all.iter().map(|spoken| spoken.protocol).collect();
    let mut dice = Dice(7);
    for spoken in &all {
        for case in cases(spoken.spec) {
            let bodies =
                [case.asked(), case.answer().map(<[u8]>::to_vec), case.stream().map(|s| s.as_bytes().to_vec())];
            for body in bodies.into_iter().flatten().filter(|body| body.len() < 8_000) {
                take(spoken.protocol, &targets, &mutated(&body, &mut dice));
            }
        }
    }
}

/// Bodies of one protocol that grow in one way.
type Grown = fn(usize) -> String;

fn list(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(",")
}

/// What grows: turns, calls and their results, tools, texts, fields that nobody knows, and streams of as many events.
const GROWN: [(Protocol, &str, Grown); 17] = [
    (Protocol::Chat, "turns", |n| {
        let turns =
            list(n, |at| format!(r#"{{"role":"{}","content":"t{at}"}}"#, ["user", "assistant", "system"][at % 3]));
        format!(r#"{{"model":"m","messages":[{turns}]}}"#)
    }),
    (Protocol::Chat, "calls", |n| {
        let calls = list(n, |at| {
            format!(r#"{{"id":"c{at}","type":"function","function":{{"name":"f{at}","arguments":"{{}}"}}}}"#)
        });
        let results = list(n / 2, |at| format!(r#"{{"role":"tool","tool_call_id":"c{}","content":"r"}}"#, at * 2));
        format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"q"}},{{"role":"assistant","tool_calls":[{calls}]}},{results}]}}"#
        )
    }),
    (Protocol::Chat, "tools", |n| {
        let tools = list(n, |at| {
            format!(r#"{{"type":"function","function":{{"name":"a.{at}","parameters":{{"type":"object"}}}}}}"#)
        });
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"q"}}],"tools":[{tools}]}}"#)
    }),
    (Protocol::Chat, "text", |n| {
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{}"}}]}}"#, "a\\n\\u00e9".repeat(n * 20))
    }),
    (Protocol::Chat, "unknown", |n| {
        format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"q"}}],{}}}"#,
            list(n, |at| format!(r#""x{at}":1"#))
        )
    }),
    (Protocol::Chat, "events", |n| {
        let one = |at: usize| {
            format!(
                "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":{at},\"id\":\"c{at}\",\"function\":{{\"name\":\"f\",\"arguments\":\"{{}}\"}}}}]}}}}]}}\n\n"
            )
        };
        (0..n).map(one).collect::<String>()
            + "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n"
    }),
    (Protocol::Responses, "items", |n| {
        let items =
            list(n, |at| format!(r#"{{"role":"{}","content":"t{at}"}}"#, ["user", "assistant", "developer"][at % 3]));
        format!(r#"{{"model":"m","input":[{items}]}}"#)
    }),
    (Protocol::Responses, "calls", |n| {
        let calls =
            list(n, |at| format!(r#"{{"type":"function_call","call_id":"c{at}","name":"f","arguments":"{{}}"}}"#));
        let results =
            list(n / 2, |at| format!(r#"{{"type":"function_call_output","call_id":"c{}","output":"r"}}"#, at * 2));
        format!(r#"{{"model":"m","input":[{calls},{results}]}}"#)
    }),
    (Protocol::Responses, "tools", |n| {
        let tools = list(n, |at| format!(r#"{{"type":"custom","name":"a.{at}"}}"#));
        format!(r#"{{"model":"m","input":"q","tools":[{tools}]}}"#)
    }),
    (Protocol::Responses, "events", |n| {
        let one = |_: usize| {
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"delta\":\"word \"}\n\n".to_owned()
        };
        let start = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"output\":[]}}\n\n";
        start.to_owned() + &(0..n).map(one).collect::<String>()
    }),
    (Protocol::Messages, "turns", |n| {
        let turns = list(n, |at| format!(r#"{{"role":"{}","content":"t{at}"}}"#, ["user", "assistant"][at % 2]));
        format!(r#"{{"model":"m","max_tokens":9,"messages":[{turns}]}}"#)
    }),
    (Protocol::Messages, "blocks", |n| {
        let calls = list(n, |at| format!(r#"{{"type":"tool_use","id":"c{at}","name":"f","input":{{}}}}"#));
        let results = list(n, |at| format!(r#"{{"type":"tool_result","tool_use_id":"c{at}","content":"r"}}"#));
        format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"q"}},{{"role":"assistant","content":[{calls}]}},{{"role":"user","content":[{results}]}}]}}"#
        )
    }),
    (Protocol::Messages, "tools", |n| {
        let tools = list(n, |at| {
            format!(r#"{{"name":"t{at}","input_schema":{{"type":"object","properties":{{"a":{{"type":"string"}}}}}}}}"#)
        });
        format!(r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"q"}}],"tools":[{tools}]}}"#)
    }),
    (Protocol::Messages, "events", |n| {
        let one = |_: usize| {
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"word \"}}\n\n".to_owned()
        };
        let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
        start.to_owned() + &(0..n).map(one).collect::<String>()
    }),
    (Protocol::GenerateContent, "contents", |n| {
        let turns = list(n, |at| format!(r#"{{"role":"{}","parts":[{{"text":"t{at}"}}]}}"#, ["user", "model"][at % 2]));
        format!(r#"{{"contents":[{turns}]}}"#)
    }),
    (Protocol::GenerateContent, "calls", |n| {
        let calls = list(n, |at| format!(r#"{{"functionCall":{{"name":"f{}","args":{{}}}}}}"#, at % 7));
        let results = list(n, |at| format!(r#"{{"functionResponse":{{"name":"f{}","response":{{}}}}}}"#, at % 7));
        format!(r#"{{"contents":[{{"role":"model","parts":[{calls}]}},{{"role":"user","parts":[{results}]}}]}}"#)
    }),
    (Protocol::GenerateContent, "events", |n| {
        let one = |at: usize| {
            format!(
                "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"functionCall\":{{\"name\":\"f{at}\",\"args\":{{}}}}}}],\"role\":\"model\"}},\"index\":0}}]}}\n\n"
            )
        };
        (0..n).map(one).collect()
    }),
];

/// The shortest of some runs, in seconds: what others do on the machine only makes it longer.
fn shortest(protocol: Protocol, targets: &[Protocol], body: &str) -> f64 {
    let run = |_| {
        let start = Instant::now();
        take(protocol, targets, body.as_bytes());
        start.elapsed().as_secs_f64()
    };
    (0..2).map(run).fold(f64::INFINITY, f64::min)
}

/// Four times as much takes about four times as long; where time grows with the square it takes sixteen.
#[test]
fn time_grows_with_size_alone() {
    const LEAST: f64 = 0.002;
    let all: Vec<Protocol> = spoken().iter().map(|spoken| spoken.protocol).collect();
    for (protocol, what, grown) in GROWN {
        for target in &all {
            let place = format!("{} of {} to {}", what, protocol.name(), target.name());
            let time = |n: usize| shortest(protocol, &[*target], &grown(n));
            let mut size = 250;
            // Large enough to be measured, and small enough not to take all day if it is slow.
            while time(size) < LEAST && size < 16_000 {
                size *= 2;
            }
            // A machine that is busy at the wrong moment gets another chance.
            let linear = |_| time(size * 4) / time(size).max(LEAST) < 9.0;
            assert!((0..4).any(linear), "{place} at {size}: slower than its size");
        }
    }
}

proptest! {
    #[test]
    fn anything_at_all(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "[{}\\[\\]\",:a-z0-9\\\\ \n]{0,300}") {
        let targets: Vec<Protocol> = spoken().iter().map(|spoken| spoken.protocol).collect();
        for protocol in &targets {
            take(*protocol, &targets, &bytes);
            take(*protocol, &targets, text.as_bytes());
        }
    }
}
