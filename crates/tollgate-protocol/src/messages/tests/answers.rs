//! Answers, whole and streamed.

use super::*;

/// What a stream of those events is for a caller.
fn stream(events: &[Event<'_>], request: &Request) -> (Vec<Value>, String) {
    let mut encoder = Messages.encoder(&head(), request);
    let mut out = BytesMut::new();
    encoder.event(&Event::Start { id: None, model: None }, &mut out);
    for event in events {
        encoder.event(event, &mut out);
    }
    encoder.finish(None, &mut out);
    let text = String::from_utf8(out.to_vec()).unwrap();
    let events = text.split_terminator("\n\n").map(|event| {
        let event = sse::Event::read(event.as_bytes());
        serde_json::from_slice(&event.data.unwrap()).unwrap()
    });
    (events.collect(), encoder.losses().to_string())
}

fn piece(block: u32, text: &str) -> Event<'_> {
    Event::Delta { block, delta: Delta::Text(text.into()) }
}

fn call_begins(block: u32, id: &'static str) -> Event<'static> {
    Event::Open { block, kind: Block::ToolCall { id: id.into(), name: "f".into(), custom: false } }
}

/// The shape of a stream: what each event is, with its block.
fn shape(events: &[Value]) -> String {
    let one = |event: &Value| {
        let index = event["index"].as_u64().map(|index| index.to_string()).unwrap_or_default();
        match event["type"].as_str().unwrap() {
            "content_block_start" => format!("{index}:{}", event["content_block"]["type"].as_str().unwrap()),
            "content_block_delta" => {
                let delta = &event["delta"];
                let text =
                    ["text", "thinking", "partial_json", "signature"].iter().find_map(|name| delta[*name].as_str());
                format!("{index}={}", text.unwrap_or("?"))
            }
            "content_block_stop" => format!("{index}."),
            "message_delta" => event["delta"]["stop_reason"].as_str().unwrap().to_owned(),
            other => other.to_owned(),
        }
    };
    events.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn mixed_calls_come_one_after_the_other() {
    let (events, _) = stream(
        &[
            call_begins(0, "a"),
            call_begins(1, ""),
            piece(1, "{\"x\""),
            piece(0, "{}"),
            call_begins(2, "c d"),
            piece(1, ":1}"),
            Event::Close { block: 1 },
            Event::Close { block: 0 },
            piece(2, "null"),
            Event::Close { block: 2 },
            Event::Finish(Finish::Stop),
        ],
        &Request::default(),
    );
    assert_eq!(
        shape(&events),
        "message_start 0:tool_use 0={} 0. 1:tool_use 1={\"x\":1} 1. 2:tool_use 2. tool_use message_stop"
    );
    let id = |at: usize| events[at]["content_block"]["id"].as_str().unwrap();
    // None of its own, and one that the protocol does not take.
    assert_eq!((id(1), id(4)), ("a", "toolu_0123456789abcdef0123456701"));
    assert!(id(7).starts_with("toolu_") && id(7).len() == 38);
}

#[test]
fn what_can_be_said_is_said_at_once() {
    let request = Request::default();
    let mut encoder = Messages.encoder(&head(), &request);
    let mut length = 0;
    let mut out = BytesMut::new();
    for event in [
        Event::Start { id: None, model: None },
        Event::Open { block: 0, kind: Block::Reasoning { id: None, redacted: false } },
        piece(0, "a"),
        Event::Close { block: 0 },
        Event::Open { block: 1, kind: Block::Text },
        piece(1, "b"),
        Event::Close { block: 1 },
        call_begins(2, "c"),
        piece(2, "{"),
        piece(2, "}"),
    ] {
        encoder.event(&event, &mut out);
        assert!(out.len() > length, "{event:?}");
        length = out.len();
    }
    encoder.fault(&Fault::broken("upstream_truncated", "cut"), &mut out);
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(text.ends_with("\n\n") && text.contains("event: error\n") && !text.contains("message_stop"));
    let mut out = BytesMut::new();
    encoder.keep_alive(&mut out);
    assert_eq!(&out[..], b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

#[test]
fn a_foreign_seal_comes_back_to_its_place() {
    let google = || seal(Protocol::GenerateContent, "sig");
    let thought = Reasoning { text: "hm".into(), ..Reasoning::default() };
    let parts = vec![
        Part::new(Content::Reasoning(thought)).sealed(Some(seal(Protocol::Responses, "enc"))),
        calls("call_1", "f", "{}").sealed(Some(google())),
        Part::text("so").sealed(Some(google())),
        Part::new(Content::Reasoning(Reasoning { redacted: true, ..Reasoning::default() }))
            .sealed(Some(seal(Protocol::Messages, "own"))),
    ];
    let answer = crate::canonical::Answer {
        candidates: vec![crate::canonical::Candidate { parts: parts.clone(), ..Default::default() }],
        ..Default::default()
    };
    let whole = Messages.write_answer(&answer, &head(), &Request::default(), &mut Losses::default());
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    let turn = json!({"role": "assistant", "content": whole["content"]});
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}, turn]});
    assert_eq!(read(&body).turns[1].parts, parts);

    // The same, streamed.
    let proof = |block, seal: Seal| Event::Delta { block, delta: Delta::Seal(seal) };
    let (events, _) = stream(
        &[
            Event::Open { block: 0, kind: Block::Reasoning { id: None, redacted: false } },
            piece(0, "hm"),
            proof(0, seal(Protocol::Responses, "enc")),
            Event::Close { block: 0 },
            call_begins(1, "call_1"),
            proof(1, google()),
            Event::Close { block: 1 },
            Event::Finish(Finish::ToolCalls),
        ],
        &Request::default(),
    );
    assert_eq!(
        shape(&events),
        "message_start 0:thinking 0=hm 0=tg1.responses.enc 0. 1:tool_use 1. 2:redacted_thinking 2. tool_use message_stop"
    );
    assert_eq!(events[7]["content_block"]["data"], "tg1.generate-content.sig");

    // The vendor never sees it, and its own it sees unchanged.
    let (written, _) = plain(&asked(vec![user("x"), Turn::new(Role::Assistant, parts), user("y")]));
    let text = written.to_string();
    assert!(!text.contains("tg1.") && !text.contains("sig") && !text.contains("enc\""), "{text}");
    assert!(text.contains(r#"{"type":"redacted_thinking","data":"own"}"#), "{text}");
}

#[test]
fn thoughts_that_nobody_asked_for_are_not_shown() {
    let off = Request {
        reasoning: ReasoningAsk { mode: Some(ThinkingMode::Off), ..ReasoningAsk::default() },
        ..Request::default()
    };
    let events = [
        Event::Open { block: 0, kind: Block::Reasoning { id: None, redacted: false } },
        piece(0, "secret"),
        Event::Close { block: 0 },
        Event::Open { block: 1, kind: Block::Text },
        piece(1, "open"),
        Event::Close { block: 1 },
        Event::Finish(Finish::Stop),
    ];
    let (shown, _) = stream(&events, &off);
    assert_eq!(shape(&shown), "message_start 0:text 0=open 0. end_turn message_stop");
}

#[test]
fn an_answer_that_begins_anew_is_no_answer() {
    let start = r#"{"type":"message_start","message":{"id":"a","model":"m"}}"#;
    let text = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"x"}}"#;
    let mut decoder = Messages.decoder();
    let mut sink = |_: Event<'_>| {};
    let mut take = |data: &str| decoder.event(&sse::Event::read(format!("data: {data}\n\n").as_bytes()), &mut sink);
    assert!(take(start).is_ok() && take(start).is_ok() && take(text).is_ok());
    assert_eq!(take(start).unwrap_err().code, "upstream_invalid_stream");
}
