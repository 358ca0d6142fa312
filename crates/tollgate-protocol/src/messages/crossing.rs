//! What other protocols do to this one: traps, each with its name.

use super::Messages;
use crate::canonical::{
    Block, Capabilities, Content, Delta, Effort, EffortSet, Event, Finish, Json, Losses, Media, MediaKind,
    OutputFormat, Part, Reasoning, ReasoningAsk, Request, Role, SchemaSupport, Seal, Source, Thinking, ThinkingMode,
    Tool, ToolCall, ToolChoice, ToolKind, ToolResult, Turn,
};
use crate::chat::ChatCompletions;
use crate::codec::{AnswerHead, Codec, InPath, Protocol, Target};
use crate::fault::Fault;
use crate::sse;
use bytes::BytesMut;
use serde_json::{Value, json};

fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![Part::text(text)])
}

fn says(text: &str) -> Turn {
    Turn::new(Role::Assistant, vec![Part::text(text)])
}

fn calls(id: &str, name: &str, arguments: &str) -> Part {
    let call = ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), custom: false };
    Part::new(Content::ToolCall(call))
}

fn gives(id: &str, text: &str) -> Part {
    let content = vec![Part::text(text)];
    Part::new(Content::ToolResult(ToolResult { call: id.into(), content, ..ToolResult::default() }))
}

fn asked(turns: Vec<Turn>) -> Request {
    Request { turns, ..Request::default() }
}

fn function(name: &str) -> Tool {
    Tool::new(ToolKind::Function { name: name.into(), description: None, parameters: None, strict: None })
}

fn sealed(owner: Protocol, data: &str) -> Option<Seal> {
    Some(Seal { owner, data: data.into() })
}

/// The body for a chat caller's request, and its losses.
fn write(request: &Request, accepts: &Capabilities) -> Result<(Value, String), Fault> {
    let mut losses = Losses::default();
    let target = Target { model: "m", accepts, strict: false };
    let body = Messages.write_request(request, &target, &ChatCompletions, &mut losses)?;
    Ok((serde_json::from_slice(&body).unwrap(), losses.to_string()))
}

fn plain(request: &Request) -> (Value, String) {
    write(request, &Capabilities::default()).unwrap()
}

fn read(body: &Value) -> Request {
    let text = body.to_string();
    Messages.read_request(text.as_bytes(), &InPath::default(), &mut Losses::default()).unwrap()
}

fn head() -> AnswerHead {
    AnswerHead { id: "0123456789abcdef01234567".into(), model: "shown".into(), ..AnswerHead::default() }
}

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
    let google = || sealed(Protocol::GenerateContent, "sig");
    let thought = Reasoning { text: "hm".into(), ..Reasoning::default() };
    let parts = vec![
        Part::new(Content::Reasoning(thought)).sealed(sealed(Protocol::Responses, "enc")),
        calls("call_1", "f", "{}").sealed(google()),
        Part::text("so").sealed(google()),
        Part::new(Content::Reasoning(Reasoning { redacted: true, ..Reasoning::default() }))
            .sealed(sealed(Protocol::Messages, "own")),
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
    let seal = |block, seal: Option<Seal>| Event::Delta { block, delta: Delta::Seal(seal.unwrap()) };
    let (events, _) = stream(
        &[
            Event::Open { block: 0, kind: Block::Reasoning { id: None, redacted: false } },
            piece(0, "hm"),
            seal(0, sealed(Protocol::Responses, "enc")),
            Event::Close { block: 0 },
            call_begins(1, "call_1"),
            seal(1, google()),
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
fn turns_as_the_vendor_wants_them() {
    let system = |text: &str| Turn::new(Role::System, vec![Part::text(text)]);
    let talk = asked(vec![
        system("first"),
        says("hello"),
        user("do"),
        Turn::new(Role::Assistant, vec![calls("1", "f", ""), calls("2", "g", "{broken")]),
        system("mind"),
        Turn::new(Role::User, vec![Part::text("and"), gives("2", "two")]),
        user("then"),
    ]);
    let (body, losses) = plain(&talk);
    assert_eq!(body["system"], json!([{"type": "text", "text": "first"}]));
    let told: Vec<_> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            let blocks = message["content"].as_array().unwrap().iter();
            let block = |block: &Value| match block["type"].as_str().unwrap() {
                "text" => block["text"].as_str().unwrap().to_owned(),
                "tool_use" => format!("!{}{}", block["id"].as_str().unwrap(), block["input"]),
                _ => format!("={}", block["tool_use_id"].as_str().unwrap()),
            };
            format!("{}({})", message["role"].as_str().unwrap(), blocks.map(block).collect::<Vec<_>>().join("|"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "user((The conversation begins.))",
            "assistant(hello)",
            "user(do)",
            "assistant(!1{}|!2{})",
            "user(=1|=2|<system>\nmind\n</system>|and|then)",
        ]
    );
    assert_eq!(losses, "approximated=messages,messages[].tool_calls");

    let accepts = Capabilities { system_turns: true, ..Capabilities::default() };
    let (body, _) = write(&talk, &accepts).unwrap();
    let roles: Vec<_> = body["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant", "user", "system", "user"]);
}

#[test]
fn the_last_words_of_the_assistant() {
    let talk = asked(vec![user("x"), says("It is \n")]);
    let (body, losses) = plain(&talk);
    assert_eq!(body["messages"][1]["content"][0]["text"], "It is");
    assert_eq!(losses, "approximated=messages");
    let (body, losses) = write(&talk, &Capabilities { prefill: false, ..Capabilities::default() }).unwrap();
    assert_eq!(body["messages"][2], json!({"role": "user", "content": [{"type": "text", "text": "Continue."}]}));
    assert_eq!(losses, "approximated=messages");
    // Nobody has said anything.
    let (body, _) = plain(&Request { instructions: vec![Part::text("s")], ..Request::default() });
    assert_eq!(body["messages"][0]["role"], "user");
}

/// Models of the vendor by their way of thinking.
fn thinker(adaptive: bool, budget: bool, by_default: bool, off: bool, efforts: &[Effort]) -> Capabilities {
    let efforts = efforts.iter().fold(EffortSet::default(), |set, effort| set.with(*effort));
    Capabilities { thinking: Thinking { off, budget, adaptive, efforts, by_default }, ..Capabilities::default() }
}

#[test]
fn thought_is_asked_for_as_the_model_takes_it() {
    let older = thinker(false, true, false, true, &[]);
    let newer = thinker(true, false, true, true, &[Effort::Low, Effort::Medium, Effort::High, Effort::Max]);
    let always = thinker(true, false, true, false, &[Effort::Low, Effort::High]);
    let none = thinker(false, false, false, false, &[]);
    let ask = |effort: Option<Effort>, budget: Option<u64>| ReasoningAsk { effort, budget, ..ReasoningAsk::default() };
    let off = ReasoningAsk { mode: Some(ThinkingMode::Off), ..ReasoningAsk::default() };
    for (accepts, reasoning, cap, thinking, effort, losses) in [
        (&older, ask(None, None), None, json!(null), json!(null), "exact"),
        (
            &older,
            ask(Some(Effort::High), None),
            None,
            json!({"type": "enabled", "budget_tokens": 24_576}),
            json!(null),
            "approximated=reasoning_effort",
        ),
        (
            &older,
            ask(None, Some(5000)),
            Some(9000),
            json!({"type": "enabled", "budget_tokens": 5000}),
            json!(null),
            "exact",
        ),
        (
            &older,
            ask(None, Some(100)),
            Some(9000),
            json!({"type": "enabled", "budget_tokens": 1024}),
            json!(null),
            "approximated=thinking.budget_tokens",
        ),
        (
            &older,
            ask(None, Some(9000)),
            Some(2000),
            json!({"type": "enabled", "budget_tokens": 1999}),
            json!(null),
            "approximated=thinking.budget_tokens",
        ),
        (&older, ask(None, Some(9000)), Some(1000), json!(null), json!(null), "dropped=thinking.budget_tokens"),
        (&older, off.clone(), None, json!({"type": "disabled"}), json!(null), "exact"),
        (&newer, ask(Some(Effort::High), None), None, json!({"type": "adaptive"}), json!("high"), "exact"),
        (
            &newer,
            ask(Some(Effort::Minimal), None),
            None,
            json!({"type": "adaptive"}),
            json!("low"),
            "approximated=reasoning_effort",
        ),
        (
            &newer,
            ask(None, Some(20_000)),
            None,
            json!({"type": "adaptive"}),
            json!("high"),
            "approximated=thinking.budget_tokens",
        ),
        (&newer, ask(Some(Effort::None), None), None, json!({"type": "disabled"}), json!(null), "exact"),
        (&always, off, None, json!(null), json!("low"), "approximated=thinking"),
        (&none, ask(Some(Effort::High), None), None, json!(null), json!(null), "dropped=reasoning_effort"),
    ] {
        let request = Request { reasoning: reasoning.clone(), max_output_tokens: cap, ..asked(vec![user("x")]) };
        let (body, lost) = write(&request, accepts).unwrap();
        assert_eq!(
            (&body["thinking"], &body["output_config"]["effort"], &*lost),
            (&thinking, &effort, losses),
            "{reasoning:?}"
        );
        let room = body["max_tokens"].as_u64().unwrap();
        assert!(room > body["thinking"]["budget_tokens"].as_u64().unwrap_or(0), "{body}");
    }
}

#[test]
fn thought_gives_way_to_what_the_vendor_refuses_with_it() {
    let older = thinker(false, true, false, true, &[]);
    let budget = ReasoningAsk { budget: Some(2000), ..ReasoningAsk::default() };
    let base = Request { reasoning: budget, tools: vec![function("f")], ..asked(vec![user("x")]) };
    let (body, lost) = write(&Request { tool_choice: Some(ToolChoice::Required), ..base.clone() }, &older).unwrap();
    assert_eq!((&body["thinking"], &*lost), (&json!(null), "dropped=thinking.budget_tokens"));
    // In the midst of a loop of tools the thoughts that led to the call must be there.
    let own = Part::new(Content::Reasoning(Reasoning::default())).sealed(sealed(Protocol::Messages, "s"));
    for (proof, kept) in [(None, false), (Some(own), true)] {
        let said: Vec<Part> = proof.into_iter().chain([calls("1", "f", "{}")]).collect();
        let turns = vec![user("x"), Turn::new(Role::Assistant, said), Turn::new(Role::User, vec![gives("1", "r")])];
        let (body, _) = write(&Request { turns, ..base.clone() }, &older).unwrap();
        assert_eq!(body["thinking"]["type"] == "enabled", kept, "{body}");
    }
    // Nobody chooses how words are drawn while it thinks.
    let mut drawn = base;
    (drawn.sampling.temperature, drawn.sampling.top_p, drawn.sampling.top_k) = (Some(0.2), Some(0.97), Some(3));
    let (body, lost) = write(&drawn, &older).unwrap();
    assert_eq!((&body["temperature"], &body["top_p"], &body["top_k"]), (&json!(null), &json!(0.97), &json!(null)));
    assert_eq!(lost, "dropped=temperature,top_k");
}

#[test]
fn only_four_marks_of_a_cache() {
    let marked =
        |text: &str| Turn::new(Role::User, vec![Part::text(text).cached(Some(crate::canonical::CacheTtl::Short))]);
    let mut request = asked(vec![
        marked("1"),
        says("a"),
        marked("2"),
        says("b"),
        marked("3"),
        says("c"),
        marked("4"),
        says("d"),
        marked("5"),
    ]);
    request.tools = vec![Tool { cache: Some(crate::canonical::CacheTtl::Long), ..function("f") }];
    let (body, lost) = plain(&request);
    assert_eq!(body.to_string().matches("cache_control").count(), 4);
    assert_eq!(body["messages"][0]["content"][0].get("cache_control"), None);
    assert_eq!(body["tools"][0]["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
    assert_eq!(lost, "approximated=cache_control");
}

#[test]
fn strictly_or_not_at_all() {
    let request = Request { verbosity: Some("low".into()), ..asked(vec![user("x")]) };
    let accepts = Capabilities::default();
    let target = Target { model: "m", accepts: &accepts, strict: true };
    let fault = Messages.write_request(&request, &target, &ChatCompletions, &mut Losses::default()).unwrap_err();
    assert_eq!(
        (fault.status(), &*fault.code, fault.param.as_deref()),
        (400, "unsupported_parameter", Some("verbosity"))
    );
}

#[test]
fn tools_of_every_kind() {
    let mut request = asked(vec![
        user("x"),
        Turn::new(
            Role::Assistant,
            vec![Part::new(Content::ToolCall(ToolCall {
                id: "1".into(),
                name: "free".into(),
                arguments: "a\"b".into(),
                custom: true,
            }))],
        ),
        Turn::new(Role::User, vec![gives("1", "r")]),
    ]);
    request.tools = vec![
        Tool::new(ToolKind::Custom { name: "free".into(), description: None, format: Some(Json("{}".into())) }),
        function("a.b"),
        Tool::new(ToolKind::Function {
            name: "s".into(),
            description: Some("d".into()),
            parameters: Some(Json(r#"{"properties":{"n":{"type":"integer","minimum":1}}}"#.into())),
            strict: Some(true),
        }),
    ];
    request.tool_choice = Some(ToolChoice::Named("a.b".into()));
    request.parallel_tools = Some(false);
    let (body, lost) = plain(&request);
    assert_eq!(body["messages"][1]["content"][0]["input"], json!({"input": "a\"b"}));
    assert_eq!(body["tools"][0]["input_schema"]["required"], json!(["input"]));
    let renamed = body["tools"][1]["name"].as_str().unwrap();
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": renamed, "disable_parallel_tool_use": true}));
    assert_eq!(
        body["tools"][2],
        json!({"name": "s", "description": "d", "input_schema": {"type": "object", "properties": {"n": {"type": "integer", "description": "(minimum: 1)"}}, "additionalProperties": false}, "strict": true})
    );
    assert_eq!(lost, "dropped=tools[].custom.format;approximated=tools[].function.strict");
    // The caller reads its own name again.
    let answer = crate::canonical::Answer {
        candidates: vec![crate::canonical::Candidate { parts: vec![calls("1", renamed, "{}")], ..Default::default() }],
        ..Default::default()
    };
    let whole = Messages.write_answer(&answer, &head(), &request, &mut Losses::default());
    assert_eq!(serde_json::from_slice::<Value>(&whole).unwrap()["content"][0]["name"], "a.b");

    request.tool_choice = Some(ToolChoice::Allowed { required: true, names: vec!["s".into()] });
    let (body, lost) = plain(&request);
    assert_eq!((body["tools"].as_array().unwrap().len(), &body["tool_choice"]["type"]), (1, &json!("any")));
    assert!(lost.contains("tool_choice"), "{lost}");

    request.tools.push(Tool::new(ToolKind::Opaque {
        owner: Protocol::Responses,
        kind: "mcp".into(),
        raw: Json("{}".into()),
    }));
    let fault = write(&request, &Capabilities::default()).unwrap_err();
    assert_eq!((&*fault.code, fault.param.as_deref()), ("unsupported_parameter", Some("tools")));
}

#[test]
fn a_form_by_grammar_or_by_words() {
    let schema = || {
        Json(
            r#"{"type":"object","properties":{"a":{"type":"string","maxLength":3}},"additionalProperties":false}"#
                .into(),
        )
    };
    let output = OutputFormat::Schema {
        name: Some("n".into()),
        description: Some("d".into()),
        schema: schema(),
        strict: Some(true),
    };
    let request = Request { output, ..asked(vec![user("x")]) };
    let (body, lost) = plain(&request);
    assert_eq!(
        body["output_config"]["format"],
        json!({"type": "json_schema", "schema": {"title": "n", "description": "d", "type": "object", "properties": {"a": {"type": "string", "description": "(maxLength: 3)"}}, "additionalProperties": false}})
    );
    assert_eq!(lost, "approximated=response_format");
    let OutputFormat::Schema { name, description, .. } = read(&body).output else { panic!() };
    assert_eq!((name.as_deref(), description.as_deref()), (Some("n"), Some("d")));

    let (body, lost) =
        write(&request, &Capabilities { schema: SchemaSupport::None, ..Capabilities::default() }).unwrap();
    assert!(body["system"][0]["text"].as_str().unwrap().contains(&schema().0) && body.get("output_config").is_none());
    assert_eq!(lost, "approximated=response_format");
    let (body, lost) = plain(&Request { output: OutputFormat::JsonObject, ..request });
    assert!(body["system"][0]["text"].as_str().unwrap().contains("JSON object"));
    assert_eq!(lost, "approximated=response_format");
}

#[test]
fn media_of_other_vendors() {
    let media = |kind, source, media_type: Option<&str>| {
        let media = Media { kind, source, media_type: media_type.map(str::to_owned), name: None, detail: None };
        asked(vec![Turn::new(Role::User, vec![Part::new(Content::Media(media))])])
    };
    let (body, _) = plain(&media(MediaKind::Document, Source::Base64("SGk=".into()), Some("text/csv")));
    assert_eq!(
        body["messages"][0]["content"][0],
        json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hi"}})
    );
    for (request, param) in [
        (media(MediaKind::Audio, Source::Base64("QQ==".into()), None), "messages[].content[].input_audio"),
        (
            media(MediaKind::Document, Source::Base64("QQ==".into()), Some("application/zip")),
            "messages[].content[].file",
        ),
        (media(MediaKind::Document, Source::Base64("/w==".into()), Some("text/plain")), "messages[].content[].file"),
        (
            media(MediaKind::Image, Source::File { owner: Protocol::Chat, id: "f".into() }, None),
            "messages[].content[].image_url",
        ),
    ] {
        let fault = write(&request, &Capabilities::default()).unwrap_err();
        assert_eq!((&*fault.code, fault.param.as_deref()), ("unsupported_parameter", Some(param)));
    }
    let deaf = Capabilities { image_input: false, ..Capabilities::default() };
    assert!(write(&media(MediaKind::Image, Source::Url("https://a/b".into()), None), &deaf).is_err());
}

#[test]
fn what_only_the_vendor_has_is_refused_or_named() {
    let try_read = |more: Value| {
        let mut body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut losses = Losses::default();
        let read = Messages.read_request(body.to_string().as_bytes(), &InPath::default(), &mut losses);
        read.map(|_| losses.to_string()).map_err(|fault| format!("{} {}", fault.code, fault.param.unwrap()))
    };
    for (more, outcome) in [
        (json!({"container": "c"}), Err("unsupported_parameter container")),
        (json!({"mcp_servers": [{"url": "u"}]}), Err("unsupported_parameter mcp_servers")),
        (json!({"mcp_servers": [], "inference_geo": "global", "speed": "standard"}), Ok("exact")),
        (json!({"inference_geo": "us"}), Err("unsupported_parameter inference_geo")),
        (json!({"context_management": {}, "speed": "fast", "later": 1}), Ok("dropped=context_management,later,speed")),
        (json!({"max_tokens": null}), Err("invalid_request max_tokens")),
        (json!({"thinking": {"type": "enabled"}}), Err("invalid_request thinking.budget_tokens")),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}]}),
            Err("invalid_request messages[0].content"),
        ),
        (json!({"tools": [{"type": "tool_search_tool_bm25", "name": "t"}]}), Ok("approximated=tools")),
    ] {
        assert_eq!(try_read(more.clone()), outcome.map(str::to_owned).map_err(str::to_owned), "{more}");
    }
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

#[test]
fn a_count_leaves_out_what_does_not_count() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"x"}],"system":"s"}"#;
    let request = super::read_count_request(body, &mut Losses::default()).unwrap();
    let mut asked = request;
    asked.sampling.temperature = Some(0.5);
    asked.stream = true;
    let accepts = Capabilities::default();
    let target = Target { model: "m", accepts: &accepts, strict: false };
    let written = super::write_count_request(&asked, &target, &Messages, &mut Losses::default()).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&written).unwrap(),
        json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}], "system": [{"type": "text", "text": "s"}]})
    );
}
