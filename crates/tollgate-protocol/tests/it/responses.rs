//! `OpenAI` Responses against recorded traffic of five vendors.

use crate::crossing::{crossed, folded, read_again, written};
use crate::fixtures::{Case, Reply, cases, events};
use crate::schema::Spec;
use bytes::BytesMut;
use proptest::prelude::*;
use serde_json::Value;
use tollgate_protocol::canonical::{
    Answer, Candidate, Capabilities, Content, Event, Fold, Law, Losses, Request, ToolKind, Turn, paired,
};
use tollgate_protocol::codec::{AnswerHead, Codec, InPath, Protocol, Target};
use tollgate_protocol::fault::Meaning;
use tollgate_protocol::json;
use tollgate_protocol::relay::{Relay, Verdict, Watch};
use tollgate_protocol::responses::{self, Responses, ResponsesWatch};
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
        let _ = Watch::event(&mut watch, &sse::Event::read(event));
    }
    encoder.finish(Watch::usage(&watch).as_ref(), &mut out);
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

/// Bodies that are almost right: each reader takes them without a panic, in time that grows with their length.
#[test]
fn mutated_bodies_are_read_or_refused() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 11).unwrap() % below.max(1)
    };
    let words: [&[u8]; 12] = [
        b"null",
        b"[]",
        b"{}",
        b"\"\"",
        b"-1",
        b"1e400",
        b"18446744073709551615",
        b"\"type\"",
        b"\\u0000",
        b",",
        b"\xff",
        b"\"\\ud800\"",
    ];
    let path = InPath { model: Some("m".into()), ..InPath::default() };
    for case in cases("openai-responses").into_iter().step_by(8) {
        let whole = match &case.reply {
            Reply::Body(body) => body.clone(),
            Reply::Stream(text) => text.clone().into_bytes(),
        };
        for original in [case.asked().unwrap_or_default(), whole] {
            for _ in 0..12 {
                let mut body = original.clone();
                for _ in 0..=random(3) {
                    let at = random(body.len());
                    let end = (at + random(6)).min(body.len());
                    body.splice(at.min(end)..end, words[random(words.len())].iter().copied());
                }
                body.truncate(body.len() - random(2) * random(body.len()));
                try_all(&body, &path);
            }
        }
    }
}

fn try_all(body: &[u8], path: &InPath<'_>) {
    let _ = Responses.head(body, path);
    let _ = Responses.check_answer(body);
    let _ = Responses.content_bytes(body);
    let _ = Responses.read_refusal(400, body, None);
    let bytes = bytes::Bytes::copy_from_slice(body);
    let _ = responses::replayable(&bytes, Some(&|_| false));
    let _ = responses::rename(&bytes, &responses::Names::default());
    let _ = responses::kept_input(body, "a");
    if let Ok(asked) = responses::asked(body) {
        let _ = asked.told_again(&bytes, &["[{\"a\":1}]"], |_| None);
    }
    if let Ok(answer) = Responses.read_answer(body) {
        let written = Responses.write_answer(&answer, &head(), &Request::default(), &mut Losses::default());
        assert!(serde_json::from_slice::<Value>(&written).is_ok(), "{}", String::from_utf8_lossy(&written));
    }
    let accepts = Capabilities::default();
    if let Ok(request) = Responses.read_request(body, path, &mut Losses::default()) {
        let target = Target { model: "m", accepts: &accepts, strict: false };
        if let Ok(written) = Responses.write_request(&request, &target, &Responses, &mut Losses::default()) {
            assert!(json::check(&written).is_ok(), "{}", String::from_utf8_lossy(&written));
        }
    }
    // A stream, judged first as it would be.
    let text = String::from_utf8_lossy(body);
    let (mut watch, mut decoder) = (ResponsesWatch::default(), Responses.decoder());
    let (mut encoder, mut law, mut out) =
        (Responses.encoder(&head(), &Request::default()), Law::default(), BytesMut::new());
    let mut sink = |event: Event<'_>| {
        law.check(&event).unwrap();
        encoder.event(&event, &mut out);
    };
    for event in events(&text) {
        let event = sse::Event::read(event);
        if event.stray || matches!(Watch::event(&mut watch, &event), Verdict::Broken(_)) {
            return;
        }
        decoder.event(&event, &mut sink).unwrap();
    }
    decoder.end(&mut sink);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in "(data: )?\\{\"(input|type|item|response|output|delta)\":[\\[\\]{}:,\"a-z_ 0-9.]{0,80}\\}?\n?\n?",
    ) {
        let path = InPath { model: Some("m".into()), ..InPath::default() };
        try_all(&bytes, &path);
        try_all(text.as_bytes(), &path);
    }
}

/// The words, refusals and calls of an answer's first candidate.
fn gist(answer: &Answer) -> (String, Vec<String>) {
    let (mut words, mut calls) = (String::new(), Vec::new());
    for part in answer.candidates.iter().take(1).flat_map(|candidate| &candidate.parts) {
        match &part.content {
            Content::Text { text, .. } | Content::Refusal(text) => words.push_str(text),
            Content::ToolCall(call) => calls.push(call.name.clone()),
            _ => {}
        }
    }
    (words, calls)
}

/// What callers of this protocol are told of other vendors' answers, and what those vendors are asked.
#[test]
fn others_cross_into_it() {
    let Some(spec) = spec() else { return };
    let mut wrong = Vec::new();
    for (from, name) in [
        (Protocol::Chat, "openai-chat"),
        (Protocol::Messages, "anthropic-messages"),
        (Protocol::GenerateContent, "gemini-generate"),
    ] {
        let (codec, mut counts) = (from.codec(), [0; 4]);
        for case in cases(name).iter().filter(|case| case.status == 200) {
            let id = &case.id;
            let path = InPath { model: Some("m".into()), ..InPath::default() };
            let read = case.asked().and_then(|body| codec.read_request(&body, &path, &mut Losses::default()).ok());
            if let Some(request) = &read {
                match written(Protocol::Responses, request, &Capabilities::default(), &mut Losses::default()) {
                    Ok(body) => {
                        read_again(Protocol::Responses, &body);
                        let value: Value = serde_json::from_slice(&body).unwrap();
                        if let Err(error) = spec.check("request", &value) {
                            wrong.push(format!("{id}: {error}"));
                        }
                        counts[0] += 1;
                    }
                    Err(fault) => {
                        assert!(fault.param.is_some() && fault.status() == 400, "{id}: {fault}");
                        counts[1] += 1;
                    }
                }
            }
            let asked = read.unwrap_or_default();
            // Gemini's model gives up inside of a success.
            if let Some(answer) = case.answer().filter(|body| codec.check_answer(body).is_ok())
                && let Ok(answer) = codec.read_answer(answer)
            {
                let whole = Responses.write_answer(&answer, &head(), &asked, &mut Losses::default());
                if let Err(error) = spec.check("response", &serde_json::from_slice(&whole).unwrap()) {
                    wrong.push(format!("{id}: {error}"));
                }
                assert_eq!(gist(&Responses.read_answer(&whole).unwrap()), gist(&answer), "{id}");
                counts[2] += 1;
            }
            let Some(stream) = case.stream() else { continue };
            let Ok((text, _)) = crossed(from, Protocol::Responses, stream, id, &asked) else { continue };
            let mut seen = std::collections::BTreeSet::new();
            // What is no event says that the vendor is at work.
            let told = events(&text).into_iter().filter_map(|event| sse::Event::read(event).data);
            for (number, data) in told.enumerate() {
                let data: Value = serde_json::from_slice(&data).unwrap();
                assert_eq!(data["sequence_number"], number, "{id}");
                if seen.insert(data["type"].as_str().unwrap().to_owned())
                    && let Err(error) = spec.check("stream_event", &data)
                {
                    wrong.push(format!("{id}: {error}\n{data:.300}"));
                }
            }
            let before = folded(from, stream).unwrap();
            assert_eq!(gist(&fold(&text, id)), gist(&before), "{id}");
            assert_eq!(gist(&Responses.read_answer(&last(&text)).unwrap()), gist(&before), "{id}");
            counts[3] += 1;
        }
        println!("{name}: requests, refused, answers, streams: {counts:?}");
    }
    all_right(&wrong);
}

/// What callers of other protocols are told of this one's answers.
#[test]
fn it_crosses_into_others() {
    for to in [Protocol::Chat, Protocol::Messages, Protocol::GenerateContent] {
        let (codec, mut counts) = (to.codec(), [0; 2]);
        for case in cases("openai-responses").iter().filter(|case| case.status == 200) {
            let id = &case.id;
            let asked = case
                .asked()
                .and_then(|body| Responses.read_request(&body, &InPath::default(), &mut Losses::default()).ok());
            let asked = asked.unwrap_or_default();
            if let Some(body) = case.answer().filter(|body| Responses.check_answer(body).is_ok()) {
                let answer = Responses.read_answer(body).unwrap();
                let whole = codec.write_answer(&answer, &head(), &asked, &mut Losses::default());
                codec.check_answer(&whole).unwrap_or_else(|fault| panic!("{id}: {fault}"));
                assert_eq!(gist(&codec.read_answer(&whole).unwrap()), gist(&answer), "{id} {to:?}");
                counts[0] += 1;
            }
            let Some(stream) = sound(case) else { continue };
            let (text, _) = crossed(Protocol::Responses, to, stream, id, &asked).unwrap();
            let after = folded(to, &text).unwrap_or_else(|fault| panic!("{id} {to:?}: {fault}\n{text}"));
            assert_eq!(gist(&after), gist(&fold(stream, id)), "{id} {to:?}");
            counts[1] += 1;
        }
        println!("{to:?}: answers, streams: {counts:?}");
    }
}
