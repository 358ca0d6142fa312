//! Anthropic Messages against recorded traffic.

use crate::crossing::{crossed, folded, head_of, read_again, written};
use crate::fixtures::{Case, Reply, cases, events};
use crate::schema::Spec;
use crate::spoken::spoken;
use bytes::BytesMut;
use serde_json::Value;
use tollgate_protocol::canonical::{Answer, Capabilities, Content, Losses, Request, Role, ThinkingMode, paired};
use tollgate_protocol::codec::{Codec, InPath, Protocol, Refusal};
use tollgate_protocol::fault::Meaning;
use tollgate_protocol::messages::{self, Messages};
use tollgate_protocol::relay::Relay;
use tollgate_protocol::{head, sse};

#[test]
fn heads_answers_streams_and_errors_are_understood() {
    let all = cases("anthropic-messages");
    let (mut answers, mut streams, mut errors) = (0, 0, 0);
    for case in &all {
        let id = &case.id;
        if let (Some(request), 200) = (case.asked(), case.status) {
            // Vertex names the model in the path.
            let path = InPath {
                model: case.request.as_ref().unwrap().get("model").is_none().then(|| "m".into()),
                ..InPath::default()
            };
            let head = head::read(&request, &messages::HEAD, &path).unwrap_or_else(|fault| panic!("{id}: {fault}"));
            assert_eq!(head.stream, matches!(case.reply, Reply::Stream(_)), "{id}");
        }
        if let Some(body) = case.answer() {
            let usage = messages::check(body).unwrap_or_else(|fault| panic!("{id}: {fault}"));
            assert!(usage.is_some(), "{id}");
            answers += 1;
        }
        if let Some(stream) = case.stream() {
            let mut relay = Relay::new(Box::new(messages::MessagesWatch::default()));
            let mut out = BytesMut::new();
            let mut pushed = relay.push(stream.as_bytes(), &mut out);
            if !pushed.over() {
                pushed = relay.end(&mut out);
            }
            let broken = case.has("stream_error") || case.has("stream_incomplete");
            assert_eq!((pushed.terminal, pushed.fault.is_some()), (!broken, broken), "{id}: {:?}", pushed.fault);
            let passed = stream.as_bytes().trim_ascii().starts_with(out.trim_ascii());
            assert!(relay.usage().is_some() && passed, "{id}");
            streams += 1;
        }
        if let Some(body) = case.error() {
            let Refusal { meaning, fault } = messages::refusal(case.status, body, None);
            let wanted = match case.status {
                400 | 404 | 413 => Meaning::Caller,
                401 | 403 => Meaning::Account,
                429 => Meaning::RateLimited,
                529 => Meaning::Unavailable,
                _ => Meaning::Broken,
            };
            assert_eq!(meaning, wanted, "{id}");
            assert_eq!(fault.raw.is_some(), meaning == Meaning::Caller, "{id}");
            errors += 1;
        }
    }
    println!("{answers} answers, {streams} streams, {errors} errors");
    assert!(all.is_empty() || answers > 200 && streams > 100 && errors > 20);
}

/// What all models of the vendor take together.
fn accepts() -> Capabilities {
    Capabilities { system_turns: true, ..Capabilities::default() }
}

/// A conversation as two writers may write it alike.
fn settled(mut request: Request) -> Request {
    request.turns = paired(&request.turns).turns;
    for turn in &mut request.turns {
        turn.parts.retain(|part| part.as_text().is_none_or(|text| !text.trim().is_empty()));
    }
    if request.reasoning.mode.is_none() && request.reasoning.effort.is_some() {
        // Effort is asked for together with thought.
        request.reasoning.mode = Some(ThinkingMode::Adaptive);
    }
    request
}

#[test]
fn requests_come_back_as_they_were() {
    let all = cases("anthropic-messages");
    let (mut exact, mut lossy, mut refused) = (0, 0, 0);
    for case in all.iter().filter(|case| case.status == 200) {
        let Some(body) = case.asked() else { continue };
        let id = &case.id;
        let mut losses = Losses::default();
        let request = match Messages.read_request(&body, &InPath::default(), &mut losses) {
            Ok(request) => request,
            Err(fault) => {
                assert_eq!(fault.code, "unsupported_parameter", "{id}: {fault}");
                refused += 1;
                continue;
            }
        };
        let first =
            written(Protocol::Messages, &request, &accepts(), &mut losses).unwrap_or_else(|f| panic!("{id}: {f}"));
        let again = read_again(Protocol::Messages, &first);
        let second = written(Protocol::Messages, &again, &accepts(), &mut Losses::default()).unwrap();
        assert_eq!(String::from_utf8_lossy(&first), String::from_utf8_lossy(&second), "{id}");
        let begun = request.turns.first().is_some_and(|turn| turn.role == Role::User);
        if losses.is_empty() && begun {
            let mut request = settled(request);
            request.model.clone_from(&again.model);
            assert_eq!(request, settled(again), "{id}");
            exact += 1;
        } else {
            lossy += 1;
        }
    }
    println!("{exact} exact, {lossy} with losses, {refused} refused");
    assert!(all.is_empty() || exact > 200 && refused < 10);
}

#[test]
fn answers_come_back_as_they_were_and_fit_the_description() {
    let Some(spec) = Spec::of("anthropic-messages") else { return };
    let mut count = 0;
    for case in cases("anthropic-messages") {
        let Some(body) = case.answer() else { continue };
        let answer = Messages.read_answer(body).unwrap_or_else(|fault| panic!("{}: {fault}", case.id));
        same_again(&case, &answer, &spec);
        count += 1;
    }
    assert!(count > 200);
}

/// Writes an answer, holds it against the description and reads it again.
fn same_again(case: &Case, answer: &Answer, spec: &Spec) {
    let id = &case.id;
    let mut losses = Losses::default();
    let whole = Messages.write_answer(answer, &head_of(id), &Request::default(), &mut losses);
    let value: Value = serde_json::from_slice(&whole).unwrap_or_else(|error| panic!("{id}: {error}"));
    if case.id.starts_with("anthropic.") && !has_opaque(answer) {
        spec.check("response", &value).unwrap_or_else(|error| panic!("{id}: {error}\n{value}"));
    }
    assert!(Messages.check_answer(&whole).is_ok(), "{id}");
    let again = Messages.read_answer(&whole).unwrap();
    let (mut before, mut after) = (answer.candidates[0].clone(), again.candidates[0].clone());
    if losses.names("citations") {
        for part in before.parts.iter_mut().chain(&mut after.parts) {
            if let Content::Text { citations, .. } = &mut part.content {
                citations.retain(|source| source.url.is_some());
            }
        }
    }
    if losses.names("tool_use.input") {
        // Cut short by the cap on tokens: no object.
        assert!(case.has("truncated"), "{id}");
    } else {
        assert_eq!(before, after, "{id}");
    }
    let usage = answer.usage.unwrap_or_default();
    assert_eq!(again.usage.unwrap(), usage, "{id}");
}

/// Whether it holds blocks that the description may not know yet.
fn has_opaque(answer: &Answer) -> bool {
    answer.candidates[0].parts.iter().any(|part| matches!(part.content, Content::Opaque(_)))
}

#[test]
fn streams_keep_the_law_and_come_back_as_they_were() {
    let Some(spec) = Spec::of("anthropic-messages") else { return };
    let mut count = 0;
    for case in cases("anthropic-messages") {
        let id = &case.id;
        let Some(stream) = case.stream() else { continue };
        if case.has("stream_error") || stream.matches("\"message_start\"").count() > 1 {
            continue;
        }
        let answer = folded(Protocol::Messages, stream).unwrap_or_else(|fault| panic!("{id}: {fault}"));
        let (text, losses) = crossed(Protocol::Messages, Protocol::Messages, stream, id, &Request::default()).unwrap();
        for event in events(&text) {
            let event = sse::Event::read(event);
            let value: Value = serde_json::from_slice(event.data.as_deref().unwrap()).unwrap();
            assert_eq!(value["type"], *String::from_utf8_lossy(event.name.unwrap()), "{id}");
            if !has_opaque(&answer) {
                spec.check("stream_event", &value).unwrap_or_else(|error| panic!("{id}: {error}\n{value}"));
            }
        }
        grammar(&text, id);
        let mut again = folded(Protocol::Messages, &text).unwrap();
        let mut before = answer.clone();
        (again.id, again.model, before.id, before.model) = (None, None, None, None);
        if losses.names("citations") {
            for part in &mut before.candidates[0].parts {
                if let Content::Text { citations, .. } = &mut part.content {
                    citations.retain(|source| source.url.is_some());
                }
            }
        }
        assert_eq!(before, again, "{id}");
        same_again(&case, &answer, &spec);
        count += 1;
    }
    assert!(count > 100);
}

/// The order of events that the vendor keeps: one block at a time, indexes without a gap.
fn grammar(stream: &str, id: &str) {
    let (mut open, mut next, mut names) = (None, 0, Vec::new());
    for event in events(stream) {
        let event = sse::Event::read(event);
        let value: Value = serde_json::from_slice(event.data.as_deref().unwrap()).unwrap();
        let name = value["type"].as_str().unwrap().to_owned();
        match &*name {
            "content_block_start" => {
                assert_eq!((open, value["index"].as_u64()), (None, Some(next)), "{id}");
                open = Some(next);
            }
            "content_block_delta" => assert_eq!(value["index"].as_u64(), open, "{id}"),
            "content_block_stop" => {
                assert_eq!(value["index"].as_u64(), open, "{id}");
                open = None;
                next += 1;
            }
            "message_delta" => assert_eq!(open, None, "{id}"),
            _ => {}
        }
        if name != "ping" {
            names.push(name);
        }
    }
    assert_eq!(names.first().map(String::as_str), Some("message_start"), "{id}");
    assert_eq!(names.iter().filter(|name| *name == "message_start").count(), 1, "{id}");
    let end: Vec<_> = names.iter().rev().take(2).map(String::as_str).collect();
    assert_eq!(end, ["message_stop", "message_delta"], "{id}");
    let mut relay = Relay::new(Messages.watch(false));
    let pushed = relay.push(stream.as_bytes(), &mut BytesMut::new());
    assert!(pushed.terminal && pushed.fault.is_none(), "{id}: {:?}", pushed.fault);
}

#[test]
fn the_others_cross_over() {
    let Some(spec) = Spec::of("anthropic-messages") else { return };
    for spoken in spoken().into_iter().filter(|spoken| spoken.protocol != Protocol::Messages) {
        let mut counts = Counts::default();
        for case in cases(spoken.spec).iter().filter(|case| case.status == 200) {
            crosses(spoken.protocol, case, &spec, &mut counts);
        }
        println!("{:?}: {counts:?}", spoken.protocol);
        assert!(counts.requests > 200 && counts.answers > 200 && counts.streams > 100, "{:?}", spoken.protocol);
    }
}

#[derive(Debug, Default)]
struct Counts {
    requests: u32,
    refused: u32,
    answers: u32,
    streams: u32,
}

/// Carries a recorded exchange of another protocol over: the request to the vendor, the answer to a caller.
fn crosses(from: Protocol, case: &Case, spec: &Spec, counts: &mut Counts) {
    let (id, codec) = (&case.id, from.codec());
    let path = InPath { model: Some("m".into()), stream: case.stream().is_some(), ..InPath::default() };
    let mut losses = Losses::default();
    let read = case.asked().and_then(|body| codec.read_request(&body, &path, &mut losses).ok());
    if let Some(request) = &read {
        match written(Protocol::Messages, request, &Capabilities::default(), &mut losses) {
            Ok(body) => {
                let value: Value = serde_json::from_slice(&body).unwrap();
                spec.check_strictly(&value).unwrap_or_else(|error| panic!("{id}: {error}\n{value}"));
                counts.requests += 1;
            }
            Err(fault) => {
                assert_eq!(fault.code, "unsupported_parameter", "{id}: {fault}");
                counts.refused += 1;
            }
        }
    }
    let asked = read.unwrap_or_default();
    if let Some(body) = case.answer()
        && codec.check_answer(body).is_ok()
        && let Ok(answer) = codec.read_answer(body)
    {
        let whole = Messages.write_answer(&answer, &head_of(id), &asked, &mut Losses::default());
        let value: Value = serde_json::from_slice(&whole).unwrap();
        spec.check("response", &value).unwrap_or_else(|error| panic!("{id}: {error}\n{value}"));
        counts.answers += 1;
    }
    if let Some(stream) = case.stream()
        && let Ok((text, _)) = crossed(from, Protocol::Messages, stream, id, &asked)
    {
        // All kinds of events stand among the first and the last.
        let all = events(&text);
        for event in all.iter().take(40).chain(all.iter().rev().take(10)) {
            let value: Value = serde_json::from_slice(sse::Event::read(event).data.as_deref().unwrap()).unwrap();
            spec.check("stream_event", &value).unwrap_or_else(|error| panic!("{id}: {error}\n{value}"));
        }
        grammar(&text, id);
        counts.streams += 1;
    }
}
