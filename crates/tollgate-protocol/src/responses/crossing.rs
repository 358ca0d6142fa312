//! Responses read and written again, through the codec.

use super::{Responses, replayable};
use crate::canonical::{
    Answer, Block, Candidate, Capabilities, Content, Delta, Effort, EffortSet, Event, Finish, Fold, Law, Losses, Media,
    MediaKind, Part, Reasoning, Request, Role, Seal, Source, Thinking, Tool, ToolCall, ToolKind, Turn,
};
use crate::chat::ChatCompletions;
use crate::codec::{AnswerHead, Codec, InPath, Protocol, Target};
use crate::fault::Fault;
use crate::sse;
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

fn read(codec: &dyn Codec, body: &str) -> Result<Request, Fault> {
    codec.read_request(body.as_bytes(), &InPath::default(), &mut Losses::default())
}

fn cross(from: &dyn Codec, body: &str, accepts: &Capabilities) -> Result<(String, String), Fault> {
    let mut losses = Losses::default();
    let request = from.read_request(body.as_bytes(), &InPath::default(), &mut losses)?;
    let target = Target { model: "m", accepts, strict: false };
    let written = Responses.write_request(&request, &target, from, &mut losses)?;
    Ok((String::from_utf8(written.to_vec()).unwrap(), losses.to_string()))
}

fn head() -> AnswerHead {
    AnswerHead { id: "01J9ZK3Q5T7V9X1B3D5F7H9K2M".into(), created: 7, model: "m".into(), ..AnswerHead::default() }
}

fn thinks() -> Capabilities {
    let efforts = EffortSet::default().with(Effort::Low).with(Effort::Medium).with(Effort::High);
    let thinking = Thinking { off: false, budget: false, adaptive: false, efforts, by_default: true };
    Capabilities { thinking, ..Capabilities::default() }
}

#[test]
fn a_request_comes_back_as_it_was() {
    let body = r#"{"model":"m","instructions":"s","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"},{"type":"input_image","detail":"low","image_url":"data:image/png;base64,QQ=="},{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,QQ=="}]},{"type":"message","role":"assistant","content":"so"},{"type":"function_call","call_id":"call_1","name":"f","arguments":"{\"n\":12345678901234567890}"},{"type":"custom_tool_call","call_id":"call_2","name":"g","input":"x"},{"type":"function_call_output","call_id":"call_1","output":[{"type":"input_text","text":"a"},{"type":"input_image","detail":"auto","image_url":"https://a/b"}]},{"type":"custom_tool_call_output","call_id":"call_2","output":"y"}],"max_output_tokens":99,"temperature":0.5,"reasoning":{"effort":"low","summary":"auto"},"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true},"verbosity":"low"},"user":"u","store":true,"tools":[{"type":"function","name":"f","parameters":{"type":"object","x":1.0},"strict":true},{"type":"custom","name":"g","format":{"type":"grammar","syntax":"lark","definition":"d"}},{"type":"web_search","search_context_size":"low","filters":{"allowed_domains":["a.b"]},"user_location":{"type":"approximate","city":"Oslo"}},{"type":"mcp","server_label":"s"}],"tool_choice":{"type":"custom","name":"g"},"parallel_tool_calls":false}"#;
    assert_eq!(cross(&Responses, body, &Capabilities::default()).unwrap(), (body.to_owned(), "exact".to_owned()));
    let search = r#"{"model":"m","input":[{"type":"message","role":"user","content":"a"}],"store":false,"tools":[{"type":"web_search"}],"max_tool_calls":3}"#;
    assert_eq!(cross(&Responses, search, &Capabilities::default()).unwrap(), (search.to_owned(), "exact".to_owned()));
    let others = search.replace("}],\"max", "},{\"type\":\"mcp\"}],\"max");
    assert_eq!(cross(&Responses, &others, &Capabilities::default()).unwrap().1, "dropped=max_tool_calls");
}

#[test]
fn a_chat_request_for_a_model_that_thinks() {
    let body = r#"{"model":"x","messages":[{"role":"system","content":"s"},{"role":"developer","content":"d"},{"role":"user","content":"hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"call:1","type":"function","function":{"name":"f","arguments":""}}]},{"role":"tool","tool_call_id":"call:1","content":"r"}],"max_tokens":5,"stop":["x"],"n":1,"seed":3,"reasoning_effort":"max","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required","store":false,"logprobs":true,"top_logprobs":2}"#;
    let (written, losses) = cross(&ChatCompletions, body, &thinks()).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    let id = written["input"][2]["call_id"].as_str().unwrap();
    assert!(id.starts_with("call_") && id.len() <= 64);
    assert_eq!(
        written,
        json!({"model": "m", "instructions": "s", "input": [
            {"type": "message", "role": "system", "content": "d"},
            {"type": "message", "role": "user", "content": "hi"},
            {"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": id, "output": "r"}],
            "max_output_tokens": 16, "top_logprobs": 2, "reasoning": {"effort": "high"}, "store": false,
            "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false}],
            "tool_choice": "required"})
    );
    assert_eq!(losses, "dropped=seed,stop;approximated=max_completion_tokens,reasoning_effort");
}

#[test]
fn what_would_mean_something_else_is_refused_by_the_callers_name() {
    for (body, param) in [
        (r#"{"model":"m","messages":[{"role":"user","content":"a"}],"n":2}"#, "n"),
        (r#"{"model":"m","messages":[{"role":"user","content":"a"}],"modalities":["audio"]}"#, "modalities"),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"QQ==","format":"wav"}}]}]}"#,
            "messages[].content[].input_audio",
        ),
        (r#"{"model":"m","messages":[]}"#, "messages"),
    ] {
        let fault = cross(&ChatCompletions, body, &Capabilities::default()).unwrap_err();
        assert_eq!((fault.param.as_deref(), fault.status()), (Some(param), 400), "{body}");
    }
    for (extra, param) in [
        (r#""background":true"#, "background"),
        (r#""conversation":"c""#, "conversation"),
        (r#""prompt":{"id":"p"}"#, "prompt"),
        (r#""tools":[],"tool_choice":{"type":"mcp","server_label":"x"}"#, "tool_choice.type"),
        (r#""reasoning":{"effort":"much"}"#, "reasoning.effort"),
    ] {
        let fault = read(&Responses, &format!(r#"{{"model":"m","input":"a",{extra}}}"#)).unwrap_err();
        assert_eq!(fault.param.as_deref(), Some(param), "{extra}");
    }
    for kind in ["item_reference", "compaction"] {
        let fault =
            read(&Responses, &format!(r#"{{"model":"m","input":[{{"type":"{kind}","id":"x"}}]}}"#)).unwrap_err();
        assert_eq!((fault.param.as_deref(), &*fault.code), (Some("input[0].type"), "unsupported_parameter"));
    }
    assert_eq!(read(&Responses, r#"{"model":"m"}"#).unwrap_err().param.as_deref(), Some("input"));
    assert!(read(&Responses, r#"{"model":"m","previous_response_id":"r"}"#).is_ok());
    let search = r#"{"model":"m","input":"a","tools":[{"type":"web_search_preview"}],"tool_choice":{"type":"web_search_preview"}}"#;
    assert!(read(&Responses, search).unwrap().tool_choice.is_some());
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.into(), name.into(), arguments.into());
    Part::new(Content::ToolCall(ToolCall { id, name, arguments, custom: false }))
}

fn thought(text: &str, seal: Option<(Protocol, &str)>, redacted: bool) -> Part {
    let seal = seal.map(|(owner, data)| Seal { owner, data: data.into() });
    Part::new(Content::Reasoning(Reasoning { text: text.into(), id: None, redacted })).sealed(seal)
}

fn answered(parts: Vec<Part>, finish: Finish) -> Answer {
    Answer { candidates: vec![Candidate { parts, finish, logprobs: None }], ..Answer::default() }
}

/// An answer as a caller hands it back: all items of its output, and a result for each call.
fn handed_back(body: &[u8]) -> String {
    let response: Value = serde_json::from_slice(body).unwrap();
    let mut input = response["output"].as_array().unwrap().clone();
    for item in input.clone() {
        if let Some(call) = item.get("call_id") {
            input.push(json!({"type": "function_call_output", "call_id": call, "output": "r"}));
        }
    }
    json!({"model": "m", "input": input}).to_string()
}

#[test]
fn seals_of_others_come_back_through_a_caller_and_reach_no_vendor() {
    let google =
        |part: Part, data: &str| part.sealed(Some(Seal { owner: Protocol::GenerateContent, data: data.into() }));
    let parts = vec![
        thought("hm", Some((Protocol::Messages, "sig.1")), false),
        thought("", Some((Protocol::Messages, "black")), true),
        google(Part::text("a"), "t1"),
        Part::text("b"),
        google(call("c1", "f", "{}"), "t2"),
        call("c2", "f", "{}"),
    ];
    let answer = answered(parts.clone(), Finish::ToolCalls);
    let body = Responses.write_answer(&answer, &head(), &Request::default(), &mut Losses::default());
    assert_eq!(Responses.read_answer(&body).unwrap().candidates, answer.candidates);
    let back = handed_back(&body);
    let request = read(&Responses, &back).unwrap();
    assert_eq!(request.turns[0], Turn::new(Role::Assistant, parts));
    // Translated or not, none of it is sent to a vendor of this protocol.
    let (written, _) = cross(&Responses, &back, &thinks()).unwrap();
    assert!(
        !written.contains("tg1") && !written.contains("sig") && !written.contains("\"reasoning\",\"summary"),
        "{written}"
    );
    let passed = replayable(&Bytes::from(back), None);
    let passed = std::str::from_utf8(&passed).unwrap();
    assert!(!passed.contains("tg1.") && !passed.contains("_tg01"), "{passed}");
}

#[test]
fn own_thoughts_are_told_again_with_what_came_of_them() {
    let own = |text: &str| thought(text, Some((Protocol::Responses, "gAAA")), false);
    let turns = |parts: Vec<Part>| {
        let request = Request {
            turns: vec![Turn::new(Role::User, vec![Part::text("q")]), Turn::new(Role::Assistant, parts)],
            ..Request::default()
        };
        let accepts = thinks();
        let target = Target { model: "m", accepts: &accepts, strict: false };
        let mut losses = Losses::default();
        let written = Responses.write_request(&request, &target, &ChatCompletions, &mut losses).unwrap();
        let written: Value = serde_json::from_slice(&written).unwrap();
        (written["input"].as_array().unwrap()[1..].to_vec(), losses.to_string())
    };
    let reasoning =
        json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA"});
    let (items, losses) = turns(vec![own("hm"), Part::text("a")]);
    assert_eq!((&items[0], items.len(), &*losses), (&reasoning, 2, "exact"));
    // Thoughts that nothing came of, and those of others, are not sent.
    let (items, losses) = turns(vec![Part::text("a"), own("hm")]);
    assert_eq!((items.len(), &*losses), (1, "dropped=messages[].reasoning_content"));
    let (items, losses) = turns(vec![thought("hm", Some((Protocol::Messages, "x")), false), Part::text("a")]);
    assert_eq!((items.len(), &*losses), (1, "dropped=messages[].reasoning_content"));
    let (items, losses) = turns(vec![thought("", Some((Protocol::Messages, "x")), true), Part::text("a")]);
    assert_eq!((items.len(), &*losses), (1, "exact"));
}

#[test]
fn thoughts_in_words_go_to_servers_that_want_them() {
    let body = r#"{"model":"m","input":[{"role":"user","content":"q"},{"type":"reasoning","id":"76f8b89e","summary":[],"content":[{"type":"reasoning_text","text":"hm"}],"encrypted_content":null},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"r"}]}"#;
    let accepts = Capabilities { replays_reasoning: true, vendor_fields: false, ..thinks() };
    let (written, losses) = cross(&Responses, body, &accepts).unwrap();
    assert_eq!(losses, "exact");
    assert!(
        written.contains(
            r#"{"type":"reasoning","id":"76f8b89e","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]}"#
        ),
        "{written}"
    );
    assert!(!written.contains("store") && !written.contains("include"), "{written}");
}

#[test]
fn calls_without_results_and_results_without_calls() {
    let body = r#"{"model":"m","input":[{"type":"function_call","call_id":"a","name":"f","arguments":"{}"},{"role":"user","content":"q"},{"type":"function_call_output","call_id":"z","output":"late"}]}"#;
    let (written, losses) = cross(&Responses, body, &Capabilities::default()).unwrap();
    // The result that is made up says that it is none.
    assert_eq!(losses, "approximated=input[].call_id,input[].output");
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(
        (&written["input"][1]["call_id"], &written["input"][2]["content"][0]["text"]),
        (&json!("a"), &json!("late"))
    );
}

/// What a stream folds to, and the law kept.
fn fold(events: &[String]) -> Candidate {
    let (mut decoder, mut law, mut fold) = (Responses.decoder(), Law::default(), Fold::default());
    let mut sink = |event: Event<'_>| {
        law.check(&event).unwrap_or_else(|error| panic!("{error}: {event:?}"));
        fold.take(&event);
    };
    for event in events {
        decoder.event(&sse::Event::read(event.as_bytes()), &mut sink).unwrap();
    }
    decoder.end(&mut sink);
    fold.answer().candidates.remove(0)
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

#[test]
fn streams_of_odd_servers() {
    let end = |output: &Value| {
        event(&json!({"type": "response.completed", "response": {"status": "completed", "output": output}}))
    };
    let message = json!({"type": "message", "content": [{"type": "output_text", "text": "Hello", "annotations": [{"type": "url_citation", "url": "u"}]}]});
    let hello = Content::Text {
        text: "Hello".into(),
        citations: vec![crate::canonical::Citation { url: Some("u".into()), ..Default::default() }],
    };
    // Nothing but the end; nothing but the item's end; pieces without an announcement, and an id that changes.
    let done = event(&json!({"type": "response.output_item.done", "output_index": 0, "item": message}));
    let piece = |text: &str, id: &str| {
        event(
            &json!({"type": "response.output_text.delta", "output_index": 0, "item_id": id, "content_index": 0, "delta": text}),
        )
    };
    for events in [
        vec![end(&json!([message]))],
        vec![done.clone(), end(&json!([message]))],
        vec![piece("Hel", "a"), piece("lo", "b"), done.clone(), end(&json!([]))],
        vec![piece("Hel", "a"), done, end(&json!([]))],
    ] {
        let all = fold(&events);
        assert_eq!((all.parts, all.finish), (vec![Part::new(hello.clone())], Finish::Stop), "{events:?}");
    }
    // Two calls mixed; a custom one whose text only comes at the end; a call cut short.
    let added = |index: u8, item: Value| {
        event(&json!({"type": "response.output_item.added", "output_index": index, "item": item}))
    };
    let argument = |index: u8, text: &str| {
        event(&json!({"type": "response.function_call_arguments.delta", "output_index": index, "delta": text}))
    };
    let all = fold(&[
        added(0, json!({"type": "function_call", "call_id": "a", "name": "f", "arguments": ""})),
        added(1, json!({"type": "function_call", "call_id": "b", "name": "g", "arguments": ""})),
        argument(0, "{\"x\""),
        argument(1, "{"),
        argument(0, ":1}"),
        argument(1, "}"),
        event(
            &json!({"type": "response.output_item.done", "output_index": 2, "item": {"type": "custom_tool_call", "call_id": "c", "name": "h", "input": "free"}}),
        ),
        event(
            &json!({"type": "response.incomplete", "response": {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}}),
        ),
    ]);
    assert_eq!(all.finish, Finish::Length);
    let told: Vec<_> = all
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::ToolCall(call) => (&*call.id, &*call.arguments, call.custom),
            _ => ("", "", false),
        })
        .collect();
    assert_eq!(told, [("a", "{\"x\":1}", false), ("b", "{}", false), ("c", "free", true)]);
    // Thoughts in several paragraphs, and hostile numbers.
    let summary = |part: u64, text: &str| {
        event(
            &json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": part, "delta": text}),
        )
    };
    let all = fold(&[summary(0, "a"), summary(1, "b"), summary(u64::MAX, "c"), piece("x", "y")]);
    assert_eq!(all.parts[0], thought("a\n\nb\n\nc", None, false));
}

/// The stream of these events, and each event's data.
fn encoded(request: &Request, events: &[Event<'_>]) -> Vec<Value> {
    let (mut encoder, mut law, mut out) = (Responses.encoder(&head(), request), Law::default(), BytesMut::new());
    encoder.event(&Event::Start { id: None, model: None }, &mut out);
    law.check(&Event::Start { id: None, model: None }).unwrap();
    for event in events {
        law.check(event).unwrap();
        encoder.event(event, &mut out);
    }
    encoder.finish(None, &mut out);
    let text = std::str::from_utf8(&out).unwrap();
    let data = text.split("\n\n").filter_map(|event| event.split_once("\ndata: "));
    data.map(|(_, data)| serde_json::from_str(data).unwrap()).collect()
}

fn kinds(events: &[Value]) -> String {
    let kinds = events.iter().map(|event| event["type"].as_str().unwrap().trim_start_matches("response."));
    kinds.collect::<Vec<_>>().join(" ")
}

fn said(block: u32, text: &str) -> Event<'_> {
    Event::Delta { block, delta: Delta::Text(text.into()) }
}

#[test]
fn a_stream_is_told_in_the_order_of_the_protocol() {
    let tools = vec![Tool::new(ToolKind::Custom { name: "free".into(), description: None, format: None })];
    let request = Request { tools, ..Request::default() };
    let seal = Seal { owner: Protocol::Messages, data: "sig".into() };
    let tool =
        |id: &'static str, name: &'static str| Block::ToolCall { id: id.into(), name: name.into(), custom: false };
    let picture = Media {
        kind: MediaKind::Image,
        source: Source::Base64("QQ==".into()),
        media_type: Some("image/png".into()),
        name: None,
        detail: None,
    };
    let events = encoded(
        &request,
        &[
            Event::Open { block: 0, kind: Block::Reasoning { id: None, redacted: false } },
            said(0, "hm"),
            Event::Delta { block: 0, delta: Delta::Seal(seal) },
            Event::Close { block: 0 },
            Event::Open { block: 1, kind: Block::Text },
            said(1, "a"),
            Event::Close { block: 1 },
            Event::Open { block: 2, kind: Block::Text },
            said(2, "b"),
            Event::Close { block: 2 },
            Event::Open { block: 3, kind: tool("", "f") },
            Event::Open { block: 4, kind: tool("c2", "free") },
            said(4, "{\"input\":\"x"),
            said(4, "\"}"),
            Event::Close { block: 4 },
            Event::Close { block: 3 },
            Event::Open { block: 5, kind: Block::Media(picture) },
            Event::Close { block: 5 },
            Event::Finish(Finish::ToolCalls),
        ],
    );
    assert_eq!(
        kinds(&events),
        "created in_progress \
         output_item.added reasoning_summary_part.added reasoning_summary_text.delta reasoning_summary_text.done reasoning_summary_part.done output_item.done \
         output_item.added content_part.added output_text.delta output_text.done content_part.done content_part.added output_text.delta output_text.done content_part.done output_item.done \
         output_item.added output_item.added custom_tool_call_input.delta custom_tool_call_input.done output_item.done \
         function_call_arguments.delta function_call_arguments.done output_item.done \
         output_item.added output_item.done completed"
    );
    let output = events.last().unwrap()["response"]["output"].as_array().unwrap();
    let told: Vec<_> = output.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(told, ["reasoning", "message", "function_call", "custom_tool_call", "image_generation_call"]);
    assert_eq!(
        (&output[0]["encrypted_content"], &output[2]["arguments"], &output[3]["input"]),
        (&json!("tg1.messages.sig"), &json!("{}"), &json!("x"))
    );
    // A call without an id gets one, the same in every event.
    let made: Vec<_> =
        events.iter().filter_map(|event| event["item"]["call_id"].as_str()).filter(|id| *id != "c2").collect();
    assert!(made.len() == 2 && made[0] == made[1] && made[0].starts_with("call_tg"), "{made:?}");
    // An item is at its end what it is in the last event, at its own place.
    for event in events.iter().filter(|event| event["type"] == "response.output_item.done") {
        let place = usize::try_from(event["output_index"].as_u64().unwrap()).unwrap();
        assert_eq!(event["item"], output[place]);
    }
}

#[test]
fn refusals_and_limits() {
    let ends = |events: &[Event<'_>]| {
        let events = encoded(&Request::default(), events);
        let last = events.last().unwrap();
        let response = &last["response"];
        (
            last["type"].clone(),
            response["incomplete_details"]["reason"].clone(),
            response["output"][0]["content"][0].clone(),
        )
    };
    let finish = |finish: Finish| [Event::Finish(finish)];
    let (kind, reason, part) = ends(&finish(Finish::Refused(Some("no".into()))));
    assert_eq!(
        (kind, reason, part),
        (json!("response.completed"), Value::Null, json!({"type": "refusal", "refusal": "no"}))
    );
    let (kind, reason, _) = ends(&finish(Finish::Refused(None)));
    assert_eq!((kind, reason), (json!("response.incomplete"), json!("content_filter")));
    let (kind, reason, _) = ends(&finish(Finish::Length));
    assert_eq!((kind, reason), (json!("response.incomplete"), json!("max_output_tokens")));
    let whole = Responses.write_answer(
        &answered(vec![], Finish::Refused(Some("no".into()))),
        &head(),
        &Request::default(),
        &mut Losses::default(),
    );
    let again = Responses.read_answer(&whole).unwrap();
    assert_eq!(again.candidates[0].parts, [Part::new(Content::Refusal("no".into()))]);
    assert_eq!(again.candidates[0].finish, Finish::Refused(None));
}

#[test]
fn a_failed_stream_says_so_twice_and_never_that_it_is_complete() {
    let (mut encoder, mut out) = (Responses.encoder(&head(), &Request::default()), BytesMut::new());
    encoder.event(&Event::Start { id: None, model: None }, &mut out);
    encoder.fault(&Fault::broken("upstream_truncated", "m"), &mut out);
    let text = std::str::from_utf8(&out).unwrap();
    let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["response.created", "response.in_progress", "error", "response.failed"]);
    assert!(text.contains(r#""sequence_number":3,"response":{"id":"resp_01J9ZK3Q5T7V9X1B3D5F7H9K2M""#), "{text}");
}

#[test]
fn names_that_the_vendor_does_not_take_come_back_as_the_callers() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"a.b","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"r"}],"tools":[{"type":"function","function":{"name":"a.b"}}],"tool_choice":{"type":"function","function":{"name":"a.b"}},"response_format":{"type":"json_schema","json_schema":{"name":"a b","schema":{}}}}"#;
    let (written, losses) = cross(&ChatCompletions, body, &Capabilities::default()).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    let name = written["tools"][0]["name"].as_str().unwrap();
    assert!(name.starts_with("tool_") && name.bytes().all(crate::canonical::is_word), "{name}");
    assert_eq!(
        (&written["tool_choice"]["name"], &written["input"][1]["name"], &*losses),
        (&json!(name), &json!(name), "exact")
    );
    assert!(written["text"]["format"]["name"].as_str().unwrap().starts_with("schema_"));
    let request = Request { tools: read(&ChatCompletions, body).unwrap().tools, ..Request::default() };
    let answer = answered(vec![call("c", name, "{}")], Finish::ToolCalls);
    let whole = Responses.write_answer(&answer, &head(), &request, &mut Losses::default());
    assert!(std::str::from_utf8(&whole).unwrap().contains(r#""call_id":"c","name":"a.b""#));
    let kind = Block::ToolCall { id: "c".into(), name: name.into(), custom: false };
    let events = encoded(
        &request,
        &[Event::Open { block: 0, kind }, Event::Close { block: 0 }, Event::Finish(Finish::ToolCalls)],
    );
    assert!(events.iter().filter(|event| event.get("item").is_some()).all(|event| event["item"]["name"] == "a.b"));
}

#[test]
fn thoughts_that_are_asked_for_are_shown() {
    let ask = |thinking: &str| {
        let body = format!(
            r#"{{"model":"m","max_tokens":9000,"thinking":{thinking},"messages":[{{"role":"user","content":"a"}}]}}"#
        );
        let (written, losses) = cross(&crate::messages::Messages, &body, &thinks()).unwrap();
        (serde_json::from_str::<Value>(&written).unwrap()["reasoning"].clone(), losses)
    };
    let budget = "approximated=thinking.budget_tokens".to_owned();
    let shown = json!({"effort": "low", "summary": "auto"});
    assert_eq!(ask(r#"{"type":"enabled","budget_tokens":1024}"#), (shown, budget.clone()));
    let hidden = r#"{"type":"enabled","budget_tokens":1024,"display":"omitted"}"#;
    assert_eq!(ask(hidden), (json!({"effort": "low"}), budget));
    assert_eq!(ask(r#"{"type":"adaptive"}"#), (json!({"summary": "auto"}), "exact".to_owned()));
}
