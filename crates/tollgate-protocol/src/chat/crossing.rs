//! Chat read and written again, through the codec.

use crate::canonical::{Capabilities, Content, Event, Fold, Law, Losses};
use crate::chat::ChatCompletions;
use crate::codec::{AnswerHead, Codec, InPath, Target};
use crate::sse;
use bytes::BytesMut;

fn again(body: &str, accepts: &Capabilities) -> (String, String) {
    let mut losses = Losses::default();
    let request = ChatCompletions.read_request(body.as_bytes(), &InPath::default(), &mut losses).unwrap();
    let target = Target { model: "m", accepts, strict: false };
    let written = ChatCompletions.write_request(&request, &target, &ChatCompletions, &mut losses).unwrap();
    (String::from_utf8(written.to_vec()).unwrap(), losses.to_string())
}

#[test]
fn a_request_comes_back_as_it_was() {
    let body = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"data:image/png;base64,QQ==","detail":"low"}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"n\":12345678901234567890}"}}]},{"role":"tool","tool_call_id":"call_1","content":"r"}],"max_tokens":9,"temperature":0.5,"stop":["x"],"reasoning_effort":"low","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}},"user":"u","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","x":1.0}}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false}"#;
    assert_eq!(again(body, &Capabilities::default()), (body.to_owned(), "exact".to_owned()));
}

#[test]
fn what_a_model_does_not_take_is_told() {
    let accepts = Capabilities { sampling: false, max_stop: 0, seed: false, ..Capabilities::default() };
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi","name":"n"}],"temperature":1,"stop":"x","seed":3,"zap":{}}"#;
    let (written, losses) = again(body, &accepts);
    assert_eq!(written, r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#);
    assert_eq!(losses, "dropped=messages[].name,seed,stop,temperature,zap");
}

#[test]
fn what_some_servers_write_otherwise() {
    let mut decoder = ChatCompletions.decoder();
    let mut fold = Fold::default();
    for choice in [
        r#"{"delta":{"content":"one"},"message":{"content":"one"}}"#,
        r#"{"delta":{"content":" two"},"message":{"content":"one two"}}"#,
        r#"{"message":{"content":" three"}}"#,
        r#"{"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":null}}]}}"#,
    ] {
        let raw = format!("data: {{\"id\":\"c\",\"choices\":[{choice}]}}\n\n");
        decoder.event(&sse::Event::read(raw.as_bytes()), &mut |event: Event<'_>| fold.take(&event)).unwrap();
    }
    decoder.end(&mut |event: Event<'_>| fold.take(&event));
    let answer = fold.answer();
    let parts = &answer.candidates[0].parts;
    assert!(matches!(&parts[0].content, Content::Text { text, .. } if text == "one two three"), "{parts:?}");
    assert!(matches!(&parts[1].content, Content::ToolCall(call) if call.arguments.is_empty()), "{parts:?}");
}

#[test]
fn mixed_calls_keep_their_blocks() {
    let deltas = [
        r#"{"reasoning_content":"t"}"#,
        r#"{"content":"a"}"#,
        r#"{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":""}}]}"#,
        r#"{"tool_calls":[{"index":1,"id":"2","function":{"name":"g","arguments":"{"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}},{"index":1,"function":{"arguments":"}"}}]}"#,
    ];
    let mut decoder = ChatCompletions.decoder();
    let (mut law, mut fold, mut out) = (Law::default(), Fold::default(), BytesMut::new());
    let head = AnswerHead { id: "i".into(), model: "m".into(), ..AnswerHead::default() };
    let mut encoder = ChatCompletions.encoder(&head, &crate::canonical::Request::default());
    let mut sink = |event: Event<'_>| {
        law.check(&event).unwrap();
        fold.take(&event);
        encoder.event(&event, &mut out);
    };
    for delta in deltas {
        let raw = format!("data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n");
        decoder.event(&sse::Event::read(raw.as_bytes()), &mut sink).unwrap();
    }
    decoder.end(&mut sink);
    encoder.finish(None, &mut out);
    assert!(law.is_finished());
    let answer = fold.answer();
    assert_eq!(answer.candidates[0].parts.len(), 4);
    let whole =
        ChatCompletions.write_answer(&answer, &head, &crate::canonical::Request::default(), &mut Losses::default());
    let again = ChatCompletions.read_answer(&whole).unwrap();
    assert_eq!(again.candidates[0].parts, answer.candidates[0].parts);
    assert!(std::str::from_utf8(&out).unwrap().ends_with("data: [DONE]\n\n"));
}
