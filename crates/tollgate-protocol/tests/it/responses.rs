//! `OpenAI` Responses against recorded traffic of five vendors.

use crate::fixtures::{Case, Reply, cases, events};
use crate::schema::Spec;
use bytes::BytesMut;
use serde_json::Value;
use tollgate_protocol::canonical::{
    Answer, Candidate, Capabilities, Content, Event, Fold, Law, Losses, Request, ToolKind, Turn, paired,
};
use tollgate_protocol::codec::{AnswerHead, Codec, InPath, Target};
use tollgate_protocol::fault::Meaning;
use tollgate_protocol::json;
use tollgate_protocol::relay::Relay;
use tollgate_protocol::responses::{Responses, ResponsesWatch};
use tollgate_protocol::sse;

fn head() -> AnswerHead {
    let previous = Some("resp_before".to_owned());
    AnswerHead { id: "01J9ZK3Q5T7V9X1B3D5F7H9K2M".into(), created: 7, model: "m".into(), previous, array: false }
}

fn spec() -> Option<Spec> {
    Spec::of("openai-responses")
}

/// Where two things that should be the same are not.
fn same<T: std::fmt::Debug>(one: &T, two: &T) -> Result<(), String> {
    let (one, two) = (format!("{one:?}"), format!("{two:?}"));
    let at = one.bytes().zip(two.bytes()).position(|(a, b)| a != b).unwrap_or(one.len().min(two.len()));
    let near = |text: &str| {
        String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(120).min(text.len())..(at + 120).min(text.len())])
            .into_owned()
    };
    if one == two { Ok(()) } else { Err(format!("\n  {}\n  {}", near(&one), near(&two))) }
}

/// Fails with all that went wrong.
fn all_right(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// Candidates without what a vendor writes anew each time that it tells the same thing.
fn lasting(mut answer: Answer) -> Vec<Candidate> {
    for part in answer.candidates.iter_mut().flat_map(|candidate| &mut candidate.parts) {
        if let Some(seal) = &mut part.seal {
            seal.data.truncate(4);
        }
        match &mut part.content {
            Content::Reasoning(thought) => thought.id = None,
            Content::Opaque(opaque) => opaque.raw.0.clear(),
            _ => {}
        }
    }
    for token in answer.candidates.iter_mut().flat_map(|candidate| candidate.logprobs.iter_mut().flatten()) {
        token.logprob = 0.0;
    }
    answer.candidates
}

/// Streams that end as they should.
fn sound(case: &Case) -> Option<&str> {
    case.stream().filter(|_| !case.has("stream_error") && !case.has("stream_incomplete"))
}

#[test]
fn heads_answers_streams_and_errors_are_understood() {
    let all = cases("openai-responses");
    let (mut answers, mut streams, mut errors) = (0, 0, 0);
    for case in &all {
        let id = &case.id;
        if let (Some(request), 200) = (case.asked(), case.status) {
            // A prompt that the vendor keeps may name the model.
            let path = InPath {
                model: case.request.as_ref().unwrap().get("model").is_none().then(|| "m".into()),
                ..InPath::default()
            };
            let head = Responses.head(&request, &path).unwrap_or_else(|fault| panic!("{id}: {fault}"));
            assert_eq!(head.stream, matches!(case.reply, Reply::Stream(_)), "{id}");
        }
        if let Some(body) = case.answer() {
            match Responses.check_answer(body) {
                Ok(usage) => {
                    assert!(usage.is_some() || case.has("no_usage") || case.has("background"), "{id}");
                    let said = Responses.read_answer(body).unwrap();
                    let said =
                        said.candidates[0].parts.iter().any(|part| !part.as_text().unwrap_or_default().is_empty());
                    assert!(!said || Responses.content_bytes(body) > 0, "{id}");
                    answers += 1;
                }
                Err(fault) => assert!(case.has("error_in_200") && fault.status() == 502, "{id}: {fault}"),
            }
        }
        if let Some(stream) = case.stream() {
            let mut relay = Relay::new(Box::new(ResponsesWatch::default()));
            let mut out = BytesMut::new();
            let mut pushed = relay.push(stream.as_bytes(), &mut out);
            if !pushed.over() {
                pushed = relay.end(&mut out);
            }
            let broken = sound(case).is_none();
            assert_eq!((pushed.terminal, pushed.fault.is_some()), (!broken, broken), "{id}: {:?}", pushed.fault);
            assert!(stream.as_bytes().trim_ascii().starts_with(out.trim_ascii()), "{id}");
            assert!(broken || relay.usage().is_some(), "{id}");
            streams += 1;
        }
        if let Some(body) = case.error() {
            let refusal = Responses.read_refusal(case.status, body, None);
            let text = String::from_utf8_lossy(body);
            let wanted = match case.status {
                429 if text.contains("insufficient_quota") => Meaning::Account,
                400 | 404 | 413 => Meaning::Caller,
                401 | 403 => Meaning::Account,
                429 => Meaning::RateLimited,
                503 => Meaning::Unavailable,
                _ => Meaning::Broken,
            };
            assert_eq!(refusal.meaning, wanted, "{id}");
            assert_eq!(refusal.fault.raw.is_some(), wanted == Meaning::Caller, "{id}");
            errors += 1;
        }
    }
    println!("{answers} answers, {streams} streams, {errors} errors");
    assert!(all.is_empty() || answers > 250 && streams > 120 && errors > 18);
}

/// A request so that two that ask for the same are equal.
fn plain(mut request: Request) -> Request {
    let named = request.turns.iter().flat_map(|turn| &turn.parts);
    let custom: Vec<String> = named
        .filter_map(|part| match &part.content {
            Content::ToolCall(call) if call.custom => Some(call.id.clone()),
            _ => None,
        })
        .collect();
    request.turns = paired(&request.turns).turns;
    let parts = request.turns.iter_mut().flat_map(|turn| &mut turn.parts);
    for part in parts.chain(&mut request.instructions) {
        part.cache = None;
        match &mut part.content {
            Content::ToolResult(result) => {
                result.custom = custom.contains(&result.call);
                for inner in &mut result.content {
                    inner.cache = None;
                }
            }
            Content::Text { citations, .. } => citations.clear(),
            _ => {}
        }
    }
    for tool in &mut request.tools {
        if let ToolKind::Function { strict, parameters, .. } = &mut tool.kind {
            strict.get_or_insert(false);
            parameters
                .get_or_insert(tollgate_protocol::canonical::Json(r#"{"type":"object","properties":{}}"#.to_owned()));
        }
    }
    request
}

#[test]
fn requests_are_stable() {
    let (mut read, mut refused, mut wrong) = (0, std::collections::BTreeMap::new(), Vec::new());
    let accepts = Capabilities { replays_reasoning: false, ..Capabilities::default() };
    for case in cases("openai-responses") {
        let Some(body) = case.asked().filter(|_| case.status == 200) else { continue };
        let id = &case.id;
        let mut losses = Losses::default();
        let path = InPath { model: Some("m".into()), ..InPath::default() };
        let first = match Responses.read_request(&body, &path, &mut losses) {
            Ok(request) => request,
            Err(fault) => {
                assert_eq!(&*fault.code, "unsupported_parameter", "{id}: {fault}");
                *refused.entry(fault.param.unwrap().into_owned()).or_insert(0) += 1;
                continue;
            }
        };
        let target = Target { model: "m", accepts: &accepts, strict: false };
        let first = Request { model: "m".into(), previous: None, ..first };
        if first.turns.is_empty() {
            continue;
        }
        let mut written_losses = Losses::default();
        let written = Responses
            .write_request(&first, &target, &Responses, &mut written_losses)
            .unwrap_or_else(|fault| panic!("{id}: {fault}"));
        let second = Responses.read_request(&written, &path, &mut Losses::default()).unwrap();
        let (mut one, mut two) = (plain(first.clone()), plain(second));
        // Said where the caller left it to the protocol, whose callers are kept by the gateway.
        two.store = one.store;
        if written_losses.names("input[].summary") || written_losses.is_empty() || written_losses.names("tools") {
            // Thoughts that nobody can use are gone.
            for request in [&mut one, &mut two] {
                for turn in &mut request.turns {
                    turn.parts.retain(|part| !matches!(part.content, Content::Reasoning(_)) || part.seal.is_some());
                }
                request.turns.retain(|turn| !turn.parts.is_empty());
                request.turns = joined(&request.turns);
            }
        }
        if !written_losses.is_empty() {
            println!("{id}: {written_losses}");
        }
        if let Err(error) = same(&one, &two) {
            wrong.push(format!("{id}: {written_losses} {error}"));
        }
        read += 1;
    }
    println!("{read} requests, refused {refused:?}");
    all_right(&wrong);
    assert!(read == 0 || read > 280);
}

/// Neighbours of one role as one turn, results before everything else.
fn joined(turns: &[Turn]) -> Vec<Turn> {
    paired(turns).turns
}

/// The answer that a stream folds to, by events that keep the law.
fn fold(stream: &str, id: &str) -> Answer {
    let mut decoder = Responses.decoder();
    let (mut law, mut fold) = (Law::default(), Fold::default());
    let mut sink = |event: Event<'_>| {
        law.check(&event).unwrap_or_else(|error| panic!("{id}: {error}: {event:?}"));
        fold.take(&event);
    };
    for event in events(stream) {
        decoder.event(&sse::Event::read(event), &mut sink).unwrap();
    }
    decoder.end(&mut sink);
    assert!(law.is_finished(), "{id}");
    fold.answer()
}

/// The whole response in the last event of a stream.
fn last(stream: &str) -> Vec<u8> {
    let all = events(stream);
    let data = all.iter().rev().find_map(|event| sse::Event::read(event).data.map(std::borrow::Cow::into_owned));
    let (data, mut response) = (data.unwrap(), Vec::new());
    json::members(&data, |member| {
        if member.key().as_ref() == b"response" {
            response = member.value.to_vec();
        }
    })
    .unwrap();
    response
}

#[test]
fn what_a_stream_folds_to_is_what_its_last_event_says() {
    let (mut count, mut wrong) = (0, Vec::new());
    for case in cases("openai-responses") {
        let Some(stream) = sound(&case) else { continue };
        let folded = fold(stream, &case.id);
        let whole = Responses.read_answer(&last(stream)).unwrap();
        assert_eq!(folded.model, whole.model, "{}", case.id);
        if let Err(error) = same(&lasting(folded), &lasting(whole)) {
            wrong.push(format!("{}: {error}", case.id));
        }
        count += 1;
    }
    all_right(&wrong);
    println!("{count} streams");
    assert!(count == 0 || count > 120);
}

/// The stream that an answer is written as.
fn encoded(stream: &str, request: &Request) -> String {
    let (mut decoder, mut encoder) = (Responses.decoder(), Responses.encoder(&head(), request));
    let mut out = BytesMut::new();
    {
        let mut sink = |event: Event<'_>| encoder.event(&event, &mut out);
        for event in events(stream) {
            decoder.event(&sse::Event::read(event), &mut sink).unwrap();
        }
        decoder.end(&mut sink);
    }
    let mut watch = ResponsesWatch::default();
    for event in events(stream) {
        let _ = tollgate_protocol::relay::Watch::event(&mut watch, &sse::Event::read(event));
    }
    encoder.finish(tollgate_protocol::relay::Watch::usage(&watch).as_ref(), &mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn streams_are_written_by_the_grammar() {
    let Some(spec) = spec() else { return };
    let mut wrong = Vec::new();
    for case in cases("openai-responses") {
        let Some(stream) = sound(&case) else { continue };
        let id = &case.id;
        let written = encoded(stream, &Request::default());
        let mut seen = std::collections::BTreeSet::new();
        for (number, event) in events(&written).into_iter().enumerate() {
            let event = sse::Event::read(event);
            let data: Value = serde_json::from_slice(&event.data.unwrap()).unwrap();
            assert_eq!(data["type"].as_str().unwrap().as_bytes(), event.name.unwrap(), "{id}");
            assert_eq!(data["sequence_number"], number, "{id}");
            // What is one vendor's own is as that vendor wrote it. One piece of each kind is like the next.
            let first = seen.insert(data["type"].as_str().unwrap().to_owned()) || data.get("item").is_some();
            if first
                && !foreign(&data)
                && let Err(error) = spec.check("stream_event", &data)
            {
                wrong.push(format!("{id}: {error}\n{data:.300}"));
            }
        }
        let mut relay = Relay::new(Box::new(ResponsesWatch::default()));
        let pushed = relay.push(written.as_bytes(), &mut BytesMut::new());
        assert!(pushed.terminal && pushed.fault.is_none(), "{id}: {:?}", pushed.fault);
        let (before, after) = (fold(stream, id), fold(&written, id));
        let whole = Responses.read_answer(&last(&written)).unwrap();
        for other in [after, whole] {
            if let Err(error) = same(&before.candidates, &other.candidates) {
                wrong.push(format!("{id}: {error}"));
            }
        }
    }
    all_right(&wrong);
}

/// Whether a response or an event holds an item that the description does not know as some vendor writes it.
fn foreign(data: &Value) -> bool {
    let kinds = ["message", "function_call", "custom_tool_call", "reasoning", "image_generation_call"];
    let ours = |item: &Value| kinds.contains(&item["type"].as_str().unwrap_or_default());
    let output = data["response"]["output"].as_array().or(data["output"].as_array());
    !output.into_iter().flatten().all(ours) || data.get("item").is_some_and(|item| !ours(item))
}

#[test]
fn answers_are_written_as_they_were_read() {
    let Some(spec) = spec() else { return };
    let (mut count, mut wrong) = (0, Vec::new());
    for case in cases("openai-responses") {
        let Some(body) = case.answer() else { continue };
        let id = &case.id;
        let Ok(usage) = Responses.check_answer(body) else { continue };
        let answer = Responses.read_answer(body).unwrap_or_else(|fault| panic!("{id}: {fault}"));
        let request = case
            .asked()
            .and_then(|body| Responses.read_request(&body, &InPath::default(), &mut Losses::default()).ok());
        let mut losses = Losses::default();
        let written = Responses.write_answer(&answer, &head(), &request.unwrap_or_default(), &mut losses);
        let value: Value = serde_json::from_slice(&written).unwrap();
        if !foreign(&value)
            && let Err(error) = spec.check("response", &value)
        {
            wrong.push(format!("{id}: {error}"));
        }
        assert_eq!(value["previous_response_id"], "resp_before");
        let again = Responses.read_answer(&written).unwrap();
        let told = (Responses.check_answer(&written).unwrap(), again.candidates);
        if let Err(error) = same(&told, &(usage, answer.candidates.clone())) {
            wrong.push(format!("{id}: {error}"));
        }
        if !losses.is_empty() {
            println!("{id}: {losses}");
        }
        count += 1;
    }
    all_right(&wrong);
    println!("{count} answers");
    assert!(count == 0 || count > 250);
}
