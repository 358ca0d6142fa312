//! Answers and streams, with the traps of this protocol.

use super::GenerateContent;
use crate::canonical::{
    Answer, Block, Candidate, Capabilities, Citation, Content, Delta, Event, Finish, Fold, Json, Law, Losses, Opaque,
    Part, Reasoning, Request, Seal, ToolCall,
};
use crate::chat::ChatCompletions;
use crate::codec::{AnswerHead, Codec, InPath, Protocol, Target};
use crate::fault::Fault;
use crate::relay::{Bridge, Relay};
use crate::sse;
use crate::usage::Usage;
use bytes::BytesMut;

fn head(array: bool) -> AnswerHead {
    AnswerHead { id: "r1".into(), model: "m".into(), array, ..AnswerHead::default() }
}

fn whole(candidate: &str) -> Result<Candidate, Fault> {
    let body = format!(r#"{{"candidates":[{candidate}],"responseId":"r"}}"#);
    GenerateContent.read_answer(body.as_bytes()).map(|mut answer| answer.candidates.remove(0))
}

/// A stream of chunks, folded.
fn stream(chunks: &[&str]) -> Result<Answer, Fault> {
    let mut decoder = GenerateContent.decoder();
    let (mut law, mut fold) = (Law::default(), Fold::default());
    let mut sink = |event: Event<'_>| {
        law.check(&event).unwrap();
        fold.take(&event);
    };
    for chunk in chunks {
        let raw = format!("data: {chunk}\r\n\r\n");
        decoder.event(&sse::Event::read(raw.as_bytes()), &mut sink)?;
    }
    decoder.end(&mut sink);
    assert!(law.is_finished());
    Ok(fold.answer())
}

fn part(candidate: &str) -> String {
    format!(r#"{{"candidates":[{candidate}]}}"#)
}

#[test]
fn why_answers_end() {
    let call = r#""content":{"parts":[{"functionCall":{"name":"f"}}]}"#;
    let text = r#""content":{"parts":[{"text":"x"}]}"#;
    for (content, reason, wanted) in [
        (text, "STOP", Ok(Finish::Stop)),
        (call, "STOP", Ok(Finish::ToolCalls)),
        (call, "UNEXPECTED_TOOL_CALL", Ok(Finish::ToolCalls)),
        (call, "MAX_TOKENS", Ok(Finish::Length)),
        (text, "MAX_TOKENS", Ok(Finish::Length)),
        (text, "RECITATION", Ok(Finish::Filtered)),
        (text, "IMAGE_PROHIBITED_CONTENT", Ok(Finish::Filtered)),
        (text, "NEVER_HEARD_OF", Ok(Finish::Stop)),
        (text, "MALFORMED_FUNCTION_CALL", Err(502)),
        (r#""content":{}"#, "OTHER", Err(502)),
    ] {
        let candidate = format!(r#"{{{content},"finishReason":"{reason}","finishMessage":"why sk-ABCDEFGH12345"}}"#);
        let read = whole(&candidate);
        let told = read.as_ref().map(|candidate| candidate.finish.clone()).map_err(Fault::status);
        assert_eq!(told, wanted, "{reason}");
        if let Err(fault) = read {
            assert!(fault.message.contains(reason) && fault.message.ends_with("why ***"), "{fault}");
        }
        let streamed = stream(&[&part(&candidate)]).map(|answer| answer.candidates[0].finish.clone());
        assert_eq!(streamed.map_err(|fault| fault.status()), wanted, "{reason}");
    }
    let blocked = br#"{"promptFeedback":{"blockReason":"JAILBREAK"}}"#;
    let answer = GenerateContent.read_answer(blocked).unwrap();
    assert_eq!((answer.candidates.len(), &answer.candidates[0].finish), (1, &Finish::Filtered));
    assert!(GenerateContent.read_answer(br#"{"candidates":[],"modelVersion":"m"}"#).is_err());
}

#[test]
fn a_stream_says_what_the_whole_says() {
    let chunks = [
        r#"{"candidates":[{"content":{"parts":[{"text":"th","thought":true}]},"finishReason":"STOP"}],"responseId":"r","modelVersion":"v"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"ink","thought":true},{"text":"A"}]},"finishReason":"STOP"}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"B"}]}},{"index":1,"content":{"parts":[{"text":"no"}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"s1"}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"n":1.0}},"thoughtSignature":"s2"},{"functionCall":{"id":"x","name":"g"}}]},"finishReason":"STOP"}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP","groundingMetadata":{"groundingChunks":[{"web":{"uri":"u","title":"t"}},{"web":{"uri":"u","title":"t"}}]}}],"usageMetadata":{}}"#,
    ];
    let streamed = stream(&chunks).unwrap();
    let together = r#"{"content":{"parts":[{"text":"think","thought":true},{"text":"AB","thoughtSignature":"s1"},{"functionCall":{"name":"f","args":{"n":1.0}},"thoughtSignature":"s2"},{"functionCall":{"id":"x","name":"g"}}]},"finishReason":"STOP"}"#;
    let mut together = whole(together).unwrap();
    let mut candidate = streamed.candidates[0].clone();
    // Sources that come after the words stand in words of their own.
    let last = candidate.parts.pop().unwrap();
    let source = Citation { url: Some("u".into()), title: Some("t".into()), quote: None };
    assert_eq!(last.content, Content::Text { text: String::new(), citations: vec![source] });
    assert_eq!(candidate, together);
    assert_eq!((streamed.id.as_deref(), streamed.model.as_deref()), (Some("r"), Some("v")));
    let Content::ToolCall(call) = &together.parts.remove(2).content else { panic!() };
    assert!(call.id.starts_with("call_") && call.id.len() == 37 && call.arguments == r#"{"n":1.0}"#);
}

#[test]
fn arguments_in_pieces() {
    let answer = stream(&[
        &part(r#"{"content":{"parts":[{"functionCall":{"name":"f","willContinue":true},"thoughtSignature":"s"}]}}"#),
        &part(r#"{"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.id","stringValue":"A","willContinue":true}],"willContinue":true}}]}}"#),
        &part(r#"{"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.id","stringValue":"B"}],"willContinue":true}}]}}"#),
        &part(r#"{"content":{"parts":[{"functionCall":{}}]}}"#),
        &part(r#"{"content":{"parts":[{"functionCall":{"name":"g","willContinue":true}}]},"finishReason":"STOP"}"#),
    ])
    .unwrap();
    let calls: Vec<_> = answer.candidates[0]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::ToolCall(call) => format!("{}{} {:?}", call.name, call.arguments, part.seal.is_some()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(calls, [r#"f{"id":"AB"} true"#, "g{} false"]);
    assert_eq!(answer.candidates[0].finish, Finish::ToolCalls);
}

#[test]
fn an_answer_of_others_for_a_caller_of_gemini() {
    let seal = Seal { owner: Protocol::Messages, data: "EqQB".into() };
    let reasoning = Reasoning { text: "hm".into(), ..Reasoning::default() };
    let source = |url: Option<&str>, quote: Option<&str>| Citation {
        url: url.map(str::to_owned),
        title: Some("t".into()),
        quote: quote.map(str::to_owned),
    };
    let call =
        ToolCall { id: "toolu_1".into(), name: "tool_x".into(), arguments: "{\n\"a\": 1.0}".into(), custom: false };
    let opaque = Opaque { owner: Protocol::Messages, kind: "server_tool_use".into(), raw: Json("{}".into()) };
    let candidate = Candidate {
        parts: vec![
            Part::new(Content::Reasoning(reasoning)).sealed(Some(seal)),
            Part::new(Content::Text {
                text: "A".into(),
                citations: vec![source(Some("u"), None), source(None, Some("q"))],
            }),
            Part::new(Content::Opaque(opaque)),
            Part::new(Content::ToolCall(call)),
        ],
        finish: Finish::ToolCalls,
        logprobs: None,
    };
    let usage =
        Usage { input_tokens: 5, cache_read_tokens: 3, output_tokens: 2, reasoning_tokens: 4, ..Usage::default() };
    let answer = Answer { candidates: vec![candidate], usage: Some(usage), ..Answer::default() };
    let mut losses = Losses::default();
    let written = GenerateContent.write_answer(&answer, &head(false), &Request::default(), &mut losses);
    assert_eq!(
        std::str::from_utf8(&written).unwrap(),
        r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true,"thoughtSignature":"dGcxLm1lc3NhZ2VzLkVxUUI="},{"text":"A"},{"functionCall":{"id":"toolu_1","name":"tool_x","args":{ "a": 1.0}}}],"role":"model"},"finishReason":"STOP","index":0,"groundingMetadata":{"groundingChunks":[{"web":{"uri":"u","title":"t"}},{"retrievedContext":{"title":"t","text":"q"}}],"groundingSupports":[{"segment":{"partIndex":1},"groundingChunkIndices":[0]},{"segment":{"partIndex":1},"groundingChunkIndices":[1]}]}}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":2,"totalTokenCount":14,"cachedContentTokenCount":3,"thoughtsTokenCount":4,"promptTokensDetails":[{"modality":"TEXT","tokenCount":8}],"candidatesTokensDetails":[{"modality":"TEXT","tokenCount":2}]},"modelVersion":"m","responseId":"r1"}"#
    );
    assert_eq!(losses.to_string(), "dropped=server_tool_use");
    let mut hidden = Request::default();
    hidden.reasoning.show = Some(false);
    let written = GenerateContent.write_answer(&answer, &head(false), &hidden, &mut losses);
    let start = r#"{"candidates":[{"content":{"parts":[{"text":"","thought":true,"thoughtSignature":"#;
    assert!(written.starts_with(start.as_bytes()));
}

fn encoded(array: bool, events: &[Event<'_>], fault: Option<Fault>) -> String {
    let mut encoder = GenerateContent.encoder(&head(array), &Request::default());
    let mut out = BytesMut::new();
    for event in events {
        encoder.event(event, &mut out);
        encoder.keep_alive(&mut out);
    }
    match fault {
        Some(fault) => encoder.fault(&fault, &mut out),
        None => encoder.finish(Some(&Usage { output_tokens: 1, ..Usage::default() }), &mut out),
    }
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn a_stream_for_a_caller_of_gemini() {
    let events = [
        Event::Start { id: None, model: None },
        Event::Open { block: 0, kind: Block::Text },
        Event::Delta { block: 0, delta: Delta::Text("Hé".into()) },
        Event::Close { block: 0 },
        Event::Open { block: 1, kind: Block::ToolCall { id: "1".into(), name: "f".into(), custom: false } },
        Event::Delta { block: 1, delta: Delta::Text("{\"a\":\n".into()) },
        Event::Delta { block: 1, delta: Delta::Text("1}".into()) },
        Event::Close { block: 1 },
        Event::Finish(Finish::ToolCalls),
    ];
    let end = r#","modelVersion":"m","responseId":"r1"}"#;
    let chunk = |parts: &str, more: &str, usage: &str| {
        format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}],"role":"model"}}{more},"index":0}}]{usage}{end}"#)
    };
    let chunks = [
        chunk(r#"{"text":"Hé"}"#, "", ""),
        chunk(r#"{"functionCall":{"id":"1","name":"f","args":{"a": 1}}}"#, "", ""),
        chunk(
            r#"{"text":""}"#,
            r#","finishReason":"STOP""#,
            r#","usageMetadata":{"promptTokenCount":0,"candidatesTokenCount":1,"totalTokenCount":1,"candidatesTokensDetails":[{"modality":"TEXT","tokenCount":1}]}"#,
        ),
    ];
    let told = encoded(false, &events, None);
    let said: Vec<&str> = told.split("\n\n").map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(told.matches("data: ").count(), 3);
    for (chunk, wanted) in told.split("data: ").skip(1).zip(&chunks) {
        assert_eq!(chunk.trim(), wanted);
    }
    assert!(!said.is_empty() && !told.contains("[DONE]") && !told.contains("\n:"));
    let list: Vec<serde_json::Value> = serde_json::from_str(&encoded(true, &events, None)).unwrap();
    let wanted: Vec<serde_json::Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    assert_eq!(list, wanted);
    for count in 0..events.len() {
        let fault = || Some(Fault::broken("upstream_truncated", "cut"));
        let list: Vec<serde_json::Value> =
            serde_json::from_str(&encoded(true, &events[..count], fault())).unwrap_or_else(|e| panic!("{count}: {e}"));
        assert_eq!(list.last().unwrap()["error"]["code"], 502);
        let told = encoded(false, &events[..count], fault());
        assert!(told.contains("data: {\"error\":{\"code\":502,") && !told.contains("finishReason"), "{told}");
    }
}

#[test]
fn a_caller_reads_its_own_names_of_tools() {
    let path = InPath { model: Some("m".into()), ..InPath::default() };
    let asked = br#"{"messages":[{"role":"user","content":"q"}],"tools":[{"type":"function","function":{"name":"3d.f"}},{"type":"custom","custom":{"name":"free"}}]}"#;
    let request = ChatCompletions.read_request(asked, &path, &mut Losses::default()).unwrap();
    let accepts = Capabilities::default();
    let target = Target { model: "g", accepts: &accepts, strict: false };
    let written = GenerateContent.write_request(&request, &target, &ChatCompletions, &mut Losses::default()).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(&written).unwrap();
    let called = sent["tools"][0]["functionDeclarations"][0]["name"].as_str().unwrap();
    assert_ne!(called, "3d.f");
    let chunk = part(&format!(
        r#"{{"content":{{"parts":[{{"functionCall":{{"name":"{called}"}}}},{{"functionCall":{{"name":"free","args":{{"input":"x"}}}}}}]}},"finishReason":"STOP"}}"#
    ));
    let answer = GenerateContent.read_answer(chunk.as_bytes()).unwrap();
    let told = ChatCompletions.write_answer(&answer, &head(false), &request, &mut Losses::default());
    let bridge = Bridge::new(GenerateContent.decoder(), ChatCompletions.encoder(&head(false), &request));
    let mut relay = Relay::crossing(GenerateContent.watch(false), bridge);
    let mut out = BytesMut::new();
    relay.push(format!("data: {chunk}\n\n").as_bytes(), &mut out);
    for told in [&told[..], &out] {
        let told = String::from_utf8_lossy(told);
        assert!(told.contains(r#""name":"3d.f""#) && told.contains(r#""custom":{"name":"free","input":""#), "{told}");
    }
}
