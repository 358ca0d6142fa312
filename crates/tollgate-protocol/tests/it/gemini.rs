//! Gemini `generateContent` against recorded traffic of the Gemini API and of Vertex.

use crate::crossing::{crossed, folded, head_of, read_again, written};
use crate::fixtures::{Case, cases, events};
use crate::schema::Spec;
use bytes::BytesMut;
use serde_json::Value;
use tollgate_protocol::canonical::{
    Answer, Capabilities, Content, EmbedRequest, Event, Finish, Losses, Part, Request, Role, ThinkingMode, ToolKind,
    paired,
};
use tollgate_protocol::codec::{AnswerHead, Codec, InPath, Protocol, Refusal};
use tollgate_protocol::embeddings;
use tollgate_protocol::fault::Meaning;
use tollgate_protocol::gemini::path::Verb;
use tollgate_protocol::gemini::{self, GeminiWatch, GenerateContent};
use tollgate_protocol::relay::Relay;
use tollgate_protocol::sse;

const G: Protocol = Protocol::GenerateContent;
/// Recorded as a success, and made to be no answer.
const NO_ANSWER: &str = "vertex.gemini-generate.23ed6fa9fc";

const OTHERS: [(&str, Protocol); 3] = [
    ("openai-chat", Protocol::Chat),
    ("openai-responses", Protocol::Responses),
    ("anthropic-messages", Protocol::Messages),
];

fn path() -> InPath<'static> {
    InPath { model: Some("m".into()), ..InPath::default() }
}

/// Whether a body is a stream that came as one list.
fn is_list(body: &[u8]) -> bool {
    body.starts_with(b"[")
}

fn relayed(bytes: &[u8], mut relay: Relay) -> (Vec<u8>, bool, Relay) {
    let mut out = BytesMut::new();
    // Cut where it hurts.
    for piece in bytes.chunks(97) {
        let pushed = relay.push(piece, &mut out);
        if pushed.over() {
            return (out.to_vec(), pushed.terminal, relay);
        }
    }
    let pushed = relay.end(&mut out);
    (out.to_vec(), pushed.terminal, relay)
}

#[test]
fn heads_answers_streams_and_errors_are_understood() {
    let all = cases("gemini-generate");
    let (mut heads, mut answers, mut streams, mut lists, mut errors) = (0, 0, 0, 0, 0);
    for case in &all {
        let id = &case.id;
        if let Some(request) = case.asked() {
            let body = case.request.as_ref().unwrap();
            let model = body["model"].as_str().map_or("m", |name| gemini::path::bare(name)).to_owned();
            let path = InPath { model: Some(model.into()), ..InPath::default() };
            let head = gemini::head(&request, &path).unwrap_or_else(|fault| panic!("{id}: {fault}"));
            assert_eq!(head.output_cap, body["generationConfig"]["maxOutputTokens"].as_u64(), "{id}");
            heads += 1;
        }
        if let Some(body) = case.answer() {
            if is_list(body) {
                let (out, terminal, relay) = relayed(body, Relay::list(Box::<GeminiWatch>::default()));
                assert!(out == body && terminal && relay.usage().is_some(), "{id}");
                lists += 1;
                continue;
            }
            if case.id == NO_ANSWER {
                assert!(gemini::check(body).is_err());
                continue;
            }
            let usage = gemini::check(body).unwrap_or_else(|fault| panic!("{id}: {fault}"));
            assert_eq!(usage.is_none(), case.has("no_usage"), "{id}");
            answers += 1;
        }
        if let Some(stream) = case.stream() {
            let (out, terminal, _) = relayed(stream.as_bytes(), Relay::new(Box::<GeminiWatch>::default()));
            let broken = case.has("stream_error") || case.has("stream_incomplete");
            assert_eq!(terminal, !broken, "{id}");
            if !broken {
                assert!(out.trim_ascii() == stream.trim().as_bytes(), "{id}");
            }
            streams += 1;
        }
        if let Some(body) = case.error() {
            let Refusal { meaning, fault } = gemini::refusal(case.status, body, None);
            let text = String::from_utf8_lossy(body);
            let of_account = ["API_KEY_INVALID", "User location"].iter().any(|word| text.contains(word));
            let wanted = match case.status {
                _ if of_account => Meaning::Account,
                400 | 404 => Meaning::Caller,
                401 | 403 => Meaning::Account,
                429 => Meaning::RateLimited,
                503 => Meaning::Unavailable,
                _ => Meaning::Broken,
            };
            assert_eq!(meaning, wanted, "{id}: {text}");
            let raw = fault.raw.map(|raw| String::from_utf8(raw).unwrap());
            assert_eq!(raw.is_some(), meaning == Meaning::Caller, "{id}");
            assert!(raw.is_none_or(|raw| raw.contains("\"error\"") && !raw.contains("DebugInfo")), "{id}");
            errors += 1;
        }
    }
    println!("{heads} heads, {answers} answers, {streams} streams, {lists} lists, {errors} errors");
    assert!(all.is_empty() || heads > 380 && answers > 300 && streams > 110 && lists > 3 && errors > 20);
}

/// A conversation as two writers may write it alike.
fn settled(mut request: Request) -> Request {
    request.turns = paired(&request.turns).turns;
    for tool in &mut request.tools {
        // The mode of calling says it for all tools at once.
        if let ToolKind::Function { strict, .. } = &mut tool.kind {
            *strict = strict.filter(|strict| *strict);
        }
    }
    request.sampling.candidates = request.sampling.candidates.filter(|count| *count != 1);
    if request.reasoning.mode.is_some_and(|mode| mode != ThinkingMode::Off) {
        // Whoever asks for thoughts by a mode is shown them.
        request.reasoning.show.get_or_insert(true);
    }
    request
}

#[test]
fn requests_come_back_as_they_were() {
    let all = cases("gemini-generate");
    let (mut exact, mut lossy, mut refused) = (0, 0, 0);
    for case in all.iter().filter(|case| case.status == 200) {
        let Some(body) = case.asked() else { continue };
        let id = &case.id;
        let mut losses = Losses::default();
        let request = match GenerateContent.read_request(&body, &path(), &mut losses) {
            Ok(request) => request,
            Err(fault) => {
                assert_eq!(fault.code, "unsupported_parameter", "{id}: {fault}");
                refused += 1;
                continue;
            }
        };
        let accepts = Capabilities::default();
        let first = written(G, &request, &accepts, &mut losses).unwrap_or_else(|fault| panic!("{id}: {fault}"));
        let again = read_again(G, &first);
        let second = written(G, &again, &accepts, &mut Losses::default()).unwrap();
        assert_eq!(String::from_utf8_lossy(&first), String::from_utf8_lossy(&second), "{id}");
        if losses.is_empty() && request.turns.first().is_some_and(|turn| turn.role == Role::User) {
            assert_eq!(settled(request), settled(again), "{id}");
            exact += 1;
        } else {
            lossy += 1;
        }
    }
    println!("{exact} exact, {lossy} with losses, {refused} refused");
    assert!(all.is_empty() || exact > 300 && refused < 10);
}

/// A whole answer again: held against the description, checked and read.
fn same_again(id: &str, answer: &Answer, spec: &Spec) {
    let mut losses = Losses::default();
    let whole = GenerateContent.write_answer(answer, &head_of(id), &Request::default(), &mut losses);
    let value: Value = serde_json::from_slice(&whole).unwrap_or_else(|error| panic!("{id}: {error}"));
    spec.check("response", &value).unwrap_or_else(|error| panic!("{id}: {error}\n{value}"));
    let used = GenerateContent.check_answer(&whole).unwrap_or_else(|fault| panic!("{id}: {fault}\n{value}"));
    assert_eq!(used, answer.usage, "{id}");
    let again = GenerateContent.read_answer(&whole).unwrap_or_else(|fault| panic!("{id}: {fault}"));
    assert_eq!(again.candidates.len(), answer.candidates.len(), "{id}");
    for (before, after) in answer.candidates.iter().zip(&again.candidates) {
        assert_eq!((&before.parts, &before.logprobs), (&after.parts, &after.logprobs), "{id}");
        assert_eq!(before.finish, after.finish, "{id}");
    }
}

#[test]
fn answers_come_back_as_they_were_and_fit_the_description() {
    let Some(spec) = Spec::of("gemini-generate") else { return };
    let (mut count, mut broken) = (0, 0);
    for case in cases("gemini-generate") {
        let Some(body) = case.answer().filter(|body| !is_list(body)) else { continue };
        match GenerateContent.read_answer(body) {
            Ok(answer) => {
                same_again(&case.id, &answer, &spec);
                count += 1;
            }
            Err(fault) => {
                let known = case.id == NO_ANSWER || case.has("odd_finish_reason");
                assert!(known && fault.status() == 502, "{}: {fault}", case.id);
                broken += 1;
            }
        }
    }
    println!("{count} answers, {broken} that are none");
    assert!(count > 300 && broken < 3);
}

/// The chunks of a written stream, in whichever form, each held against the description.
fn chunks(text: &str, array: bool, id: &str, spec: &Spec) -> Vec<Value> {
    let all: Vec<Value> = if array {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{id}: {error}\n{text}"))
    } else {
        let data = events(text).into_iter().map(|event| sse::Event::read(event).data.map(std::borrow::Cow::into_owned));
        data.flatten().map(|data| serde_json::from_slice(&data).unwrap()).collect()
    };
    for chunk in &all {
        spec.check("stream_event", chunk).unwrap_or_else(|error| panic!("{id}: {error}\n{chunk}"));
    }
    let ends = all.iter().filter(|chunk| chunk["candidates"][0].get("finishReason").is_some()).count();
    let last = all.last().unwrap();
    assert!(ends == 1 && last["candidates"][0].get("finishReason").is_some(), "{id}");
    all
}

/// A canonical answer, streamed.
fn streamed(answer: &Answer, head: &AnswerHead) -> String {
    use tollgate_protocol::canonical::{Block, Delta};
    let mut encoder = GenerateContent.encoder(head, &Request::default());
    let mut out = BytesMut::new();
    encoder.event(&Event::Start { id: None, model: None }, &mut out);
    encoder.keep_alive(&mut out);
    for (block, part) in answer.candidates[0].parts.iter().enumerate() {
        let block = u32::try_from(block).unwrap();
        let kind = match &part.content {
            Content::Text { .. } => Block::Text,
            Content::Refusal(_) => Block::Refusal,
            Content::Reasoning(_) => Block::Reasoning { id: None, redacted: false },
            Content::ToolCall(call) => {
                Block::ToolCall { id: (&*call.id).into(), name: (&*call.name).into(), custom: call.custom }
            }
            Content::Media(media) => Block::Media(media.clone()),
            Content::Opaque(opaque) => Block::Opaque(opaque.clone()),
            Content::ToolResult(_) => continue,
        };
        encoder.event(&Event::Open { block, kind }, &mut out);
        let text = match &part.content {
            Content::Text { text, .. } | Content::Refusal(text) => text,
            Content::Reasoning(reasoning) => &reasoning.text,
            Content::ToolCall(call) => &call.arguments,
            _ => "",
        };
        for piece in text.as_bytes().utf8_chunks().flat_map(|chunk| chunk.valid().split_inclusive('\n')) {
            encoder.event(&Event::Delta { block, delta: Delta::Text(piece.into()) }, &mut out);
        }
        if let Content::Text { citations, .. } = &part.content {
            for source in citations {
                encoder.event(&Event::Delta { block, delta: Delta::Citation(source.clone()) }, &mut out);
            }
        }
        if let Some(seal) = &part.seal {
            encoder.event(&Event::Delta { block, delta: Delta::Seal(seal.clone()) }, &mut out);
        }
        encoder.event(&Event::Close { block }, &mut out);
    }
    encoder.event(&Event::Finish(answer.candidates[0].finish.clone()), &mut out);
    encoder.finish(answer.usage.as_ref(), &mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn whole_answers_say_the_same_streamed() {
    let Some(spec) = Spec::of("gemini-generate") else { return };
    let mut count = 0;
    for case in cases("gemini-generate") {
        let id = &case.id;
        let Some(body) = case.answer().filter(|body| !is_list(body)) else { continue };
        let Ok(answer) = GenerateContent.read_answer(body) else { continue };
        if answer.candidates.len() != 1 || answer.candidates[0].logprobs.is_some() {
            continue;
        }
        for array in [false, true] {
            let text = streamed(&answer, &AnswerHead { array, ..head_of(id) });
            let all = chunks(&text, array, id, &spec);
            let relay = if array { Relay::list } else { Relay::new };
            let (out, terminal, relay) = relayed(text.as_bytes(), relay(Box::<GeminiWatch>::default()));
            assert!(terminal && out == text.as_bytes(), "{id}");
            assert_eq!(relay.usage(), answer.usage, "{id}");
            let events: Vec<_> = all.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
            let again = folded(G, &events.concat()).unwrap_or_else(|fault| panic!("{id}: {fault}"));
            assert_eq!(words(&again.candidates[0].parts), words(&answer.candidates[0].parts), "{id}");
            assert_eq!(again.candidates[0].finish, answer.candidates[0].finish, "{id}");
        }
        count += 1;
    }
    println!("{count} answers");
    assert!(count > 280);
}

/// Parts without what a stream tells at its end and of all words at once: their sources.
fn words(parts: &[Part]) -> Vec<Part> {
    let mut parts = parts.to_vec();
    for part in &mut parts {
        if let Content::Text { citations, .. } = &mut part.content {
            citations.clear();
        }
    }
    parts.retain(|part| !part.is_blank());
    parts
}

#[test]
fn streams_keep_the_law_and_come_back_as_they_were() {
    let Some(spec) = Spec::of("gemini-generate") else { return };
    let mut count = 0;
    for case in cases("gemini-generate") {
        let id = &case.id;
        let Some(stream) = case.stream() else { continue };
        if case.has("stream_error") || case.has("stream_incomplete") {
            continue;
        }
        let answer = folded(G, stream).unwrap_or_else(|fault| panic!("{id}: {fault}"));
        let (text, _) = crossed(G, G, stream, id, &Request::default()).unwrap_or_else(|fault| panic!("{id}: {fault}"));
        chunks(&text, false, id, &spec);
        let again = folded(G, &text).unwrap();
        assert_eq!(answer.candidates, again.candidates, "{id}");
        assert_eq!(answer.usage, again.usage, "{id}");
        same_again(id, &answer, &spec);
        count += 1;
    }
    println!("{count} streams");
    assert!(count > 110);
}

/// Texts, thoughts and calls of an answer, whatever protocol it is told in.
fn gist(answer: &Answer) -> (String, Vec<(String, Value)>, Finish) {
    let candidate = &answer.candidates[0];
    let (mut text, mut calls) = (String::new(), Vec::new());
    for part in &candidate.parts {
        match &part.content {
            Content::Text { text: words, .. } | Content::Refusal(words) => text.push_str(words),
            Content::ToolCall(call) => {
                let free = serde_json::json!({"input": call.arguments});
                let arguments =
                    if call.custom { free } else { serde_json::from_str(&call.arguments).unwrap_or_default() };
                calls.push((call.name.clone(), arguments));
            }
            _ => {}
        }
    }
    (text, calls, candidate.finish.clone())
}

/// As far as the other protocol can tell how an answer ended.
fn told(finish: Finish) -> Finish {
    match finish {
        Finish::StopText(_) | Finish::Paused => Finish::Stop,
        Finish::Refused(_) => Finish::Filtered,
        other => other,
    }
}

#[test]
fn answers_of_other_vendors_cross_over() {
    let Some(spec) = Spec::of("gemini-generate") else { return };
    for (name, from) in OTHERS {
        let (mut answers, mut streams) = (0, 0);
        for case in cases(name).iter().filter(|case| case.status == 200) {
            let id = &case.id;
            let codec = from.codec();
            if let Some(body) = case.answer()
                && codec.check_answer(body).is_ok()
                && let Ok(answer) = codec.read_answer(body)
                && !answer.candidates.is_empty()
            {
                let whole =
                    GenerateContent.write_answer(&answer, &head_of(id), &Request::default(), &mut Losses::default());
                let value: Value = serde_json::from_slice(&whole).unwrap();
                spec.check("response", &value).unwrap_or_else(|error| panic!("{id}: {error}\n{value}"));
                let again = GenerateContent.read_answer(&whole).unwrap();
                let (before, after) = (gist(&answer), gist(&again));
                assert_eq!(before.0, after.0, "{id}");
                if !case.has("truncated") {
                    assert_eq!((before.1, told(before.2)), (after.1, after.2), "{id}");
                }
                answers += 1;
            }
            if let Some(stream) = case.stream()
                && let Ok(answer) = folded(from, stream)
                && let Ok((text, _)) = crossed(from, G, stream, id, &Request::default())
            {
                chunks(&text, false, id, &spec);
                assert_eq!(gist(&answer).0, gist(&folded(G, &text).unwrap()).0, "{id}");
                streams += 1;
            }
        }
        println!("{from:?}: {answers} answers, {streams} streams");
        assert!(answers > 200 && streams > 90);
    }
}

#[test]
fn answers_cross_over_to_others() {
    for (_, to) in OTHERS {
        let (mut answers, mut streams) = (0, 0);
        for case in cases("gemini-generate").iter().filter(|case| case.status == 200) {
            let id = &case.id;
            if let Some(body) = case.answer().filter(|body| !is_list(body))
                && let Ok(answer) = GenerateContent.read_answer(body)
            {
                let whole = to.codec().write_answer(&answer, &head_of(id), &Request::default(), &mut Losses::default());
                to.codec().check_answer(&whole).unwrap_or_else(|fault| panic!("{id}: {fault}"));
                let again = to.codec().read_answer(&whole).unwrap();
                let (before, after) = (gist(&answer), gist(&again));
                assert_eq!((before.0, before.1), (after.0, after.1), "{id}");
                if !before.2.eq(&Finish::Filtered) {
                    assert_eq!(before.2, after.2, "{id}");
                }
                answers += 1;
            }
            if let Some(stream) = case.stream()
                && let Ok(answer) = folded(G, stream)
                && let Ok((text, _)) = crossed(G, to, stream, id, &Request::default())
            {
                let again = folded(to, &text).unwrap_or_else(|fault| panic!("{id}: {fault}\n{text}"));
                assert_eq!((gist(&answer).0, gist(&answer).1), (gist(&again).0, gist(&again).1), "{id}");
                streams += 1;
            }
        }
        println!("{to:?}: {answers} answers, {streams} streams");
        assert!(answers > 300 && streams > 110 || cases("gemini-generate").is_empty());
    }
}

#[test]
fn requests_cross_over() {
    let Some(spec) = Spec::of("gemini-generate") else { return };
    for (name, from) in OTHERS {
        let (mut requests, mut refused) = (0, 0);
        for case in cases(name).iter().filter(|case: &&Case| case.status == 200) {
            let id = &case.id;
            let Some(body) = case.asked() else { continue };
            let mut losses = Losses::default();
            let Ok(request) = from.codec().read_request(&body, &path(), &mut losses) else { continue };
            match written(G, &request, &Capabilities::default(), &mut losses) {
                Ok(body) => {
                    let value: Value = serde_json::from_slice(&body).unwrap();
                    spec.check("request", &value).unwrap_or_else(|error| panic!("{id}: {error}\n{value}"));
                    paired_up(&value, id);
                    requests += 1;
                }
                Err(fault) => {
                    assert_eq!(fault.code, "unsupported_parameter", "{id}: {fault}");
                    refused += 1;
                }
            }
        }
        println!("{from:?}: {requests} requests, {refused} refused");
        assert!(requests > 250 && refused < 80);
    }
}

/// The order that the vendor asks for: turns alternate, begin with the user's, and answer each call directly.
fn paired_up(request: &Value, id: &str) {
    let contents = request["contents"].as_array().unwrap();
    let mut calls: Vec<String> = Vec::new();
    for (at, content) in contents.iter().enumerate() {
        let role = content["role"].as_str().unwrap();
        assert_eq!(role, if at % 2 == 0 { "user" } else { "model" }, "{id}");
        let parts = content["parts"].as_array().unwrap();
        assert!(!parts.is_empty(), "{id}");
        let named = |kind: &str| -> Vec<String> {
            parts.iter().filter_map(|part| part[kind]["name"].as_str()).map(str::to_owned).collect()
        };
        assert_eq!(named("functionResponse"), calls, "{id}");
        calls = named("functionCall");
        if let Some(first) = parts.iter().find(|part| part.get("functionCall").is_some()) {
            assert!(first["thoughtSignature"].is_string(), "{id}");
        }
    }
    assert!(calls.is_empty(), "{id}");
}

#[test]
fn vectors_and_counts_are_understood() {
    let (mut vectors, mut counts, mut errors) = (0, 0, 0);
    for case in cases("gemini-embeddings") {
        let id = &case.id;
        let mut losses = Losses::default();
        let asked = case.asked().map(|body| {
            let model = case.request.as_ref().unwrap()["requests"][0]["model"].as_str().unwrap().to_owned();
            let path = InPath { model: Some(gemini::path::bare(&model).to_owned().into()), ..InPath::default() };
            gemini::batch_embed_head(&body, &path).unwrap_or_else(|fault| panic!("{id}: {fault}"));
            gemini::read_embed_request(&body, Verb::BatchEmbed, &path, &mut losses)
        });
        match (case.answer(), asked) {
            (Some(body), asked) => {
                gemini::check_vectors(body).unwrap_or_else(|fault| panic!("{id}: {fault}"));
                let read = gemini::read_embed_vectors(body).unwrap();
                if case.has("images") {
                    assert_eq!(asked.unwrap().unwrap_err().code, "unsupported_parameter", "{id}");
                } else {
                    let texts = vec![String::new(); read.vectors.len()];
                    let none = EmbedRequest { texts, ..EmbedRequest::default() };
                    let asked = asked.map_or(none, Result::unwrap);
                    let read = read.complete(&asked).unwrap();
                    // To a caller who wants bytes, and back to one who wants numbers of the same 32 bits.
                    let bytes = EmbedRequest { base64: true, ..asked.clone() };
                    let told = embeddings::write_vectors(&read, &bytes, "m", 1).unwrap();
                    let again = embeddings::read_vectors(&told).unwrap();
                    for (before, after) in read.vectors.iter().zip(&again.vectors) {
                        assert_eq!(floats(&before.numbers().unwrap()), floats(&after.numbers().unwrap()), "{id}");
                    }
                    let written = gemini::write_embed_vectors(&again, &asked).unwrap();
                    assert!(gemini::check_vectors(&written).is_ok(), "{id}");
                }
                vectors += 1;
            }
            (None, _) => {
                assert_eq!(gemini::refusal(case.status, case.error().unwrap(), None).meaning, Meaning::Caller, "{id}");
                errors += 1;
            }
        }
    }
    for case in cases("gemini-count-tokens") {
        let id = &case.id;
        if let Some(body) = case.asked() {
            let path = InPath {
                model: case.request.as_ref().unwrap()["generateContentRequest"]["model"]
                    .as_str()
                    .map_or(Some("m".into()), |name| Some(gemini::path::bare(name).to_owned().into())),
                ..InPath::default()
            };
            gemini::count_head(&body, &path).unwrap_or_else(|fault| panic!("{id}: {fault}"));
            let request = gemini::read_count_request(&body, &path, &mut Losses::default()).unwrap();
            assert_eq!(request.turns.len(), 1, "{id}");
        }
        if let Some(body) = case.answer() {
            assert!(gemini::check_count(body).unwrap() > 0, "{id}");
            counts += 1;
        }
    }
    println!("{vectors} answers with vectors, {errors} errors, {counts} counts");
    assert!(vectors == 0 || vectors == 5 && errors == 1 && counts == 6);
}

fn floats(list: &str) -> Vec<f32> {
    serde_json::from_str(list).unwrap()
}
