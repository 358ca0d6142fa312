//! Anthropic Messages against recorded traffic.

use crate::fixtures::{Reply, cases};
use bytes::BytesMut;
use tollgate_protocol::codec::InPath;
use tollgate_protocol::fault::Meaning;
use tollgate_protocol::relay::Relay;
use tollgate_protocol::{head, messages};

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
            let (meaning, fault) = messages::refusal(case.status, body, None);
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
