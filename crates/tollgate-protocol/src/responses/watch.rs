//! What each event of a stream means.
//!
//! New kinds of events appear often, so an unknown one passes as long as it is an object with a `type`. There is no
//! `[DONE]`: the stream is over with `response.completed` or `response.incomplete`, and one that ends without has broken.

use super::error::{self, Begun};
use super::generated;
use super::usage::ResponsesUsage;
use crate::chat::not_an_answer;
use crate::fault::Fault;
use crate::generated::Generated;
use crate::json::{self, Member};
use crate::relay::{End, Verdict, Watch};
use crate::sse::Event;
use crate::usage::Usage;
use bytes::BytesMut;

/// Watches a stream of events.
#[derive(Debug, Default)]
pub struct ResponsesWatch {
    usage: ResponsesUsage,
    generated: Generated,
    /// There was an item, or a piece of one.
    seen: bool,
    /// The item that pieces came for last.
    piece_of: Option<u64>,
    /// What the next event's number would be.
    next: u64,
    begun: Option<Begun>,
}

/// The members of an event that matter.
#[derive(Default)]
struct Parts<'a> {
    kind: Option<std::borrow::Cow<'a, str>>,
    delta: &'a [u8],
    item: &'a [u8],
    response: &'a [u8],
    index: Option<u64>,
    error: bool,
}

impl<'a> Parts<'a> {
    fn take(&mut self, member: &Member<'a>, next: &mut u64) {
        match member.key().as_ref() {
            b"type" => self.kind = json::string(member.value),
            b"delta" => self.delta = member.value,
            b"item" => self.item = member.value,
            b"response" => self.response = member.value,
            b"output_index" => self.index = json::whole(member.value),
            b"sequence_number" => {
                if let Some(number) = json::whole(member.value) {
                    *next = number.saturating_add(1);
                }
            }
            b"error" => self.error = !member.is_null(),
            _ => {}
        }
    }
}

impl ResponsesWatch {
    fn judge(&mut self, kind: &str, parts: &Parts<'_>, data: &[u8]) -> Verdict {
        match kind {
            "error" => return Verdict::Broken(error::in_band(data)),
            "response.created" | "response.in_progress" | "response.queued" => {
                self.usage.response(parts.response);
                if self.begun.is_none() {
                    self.begun = begun(parts.response);
                }
                return Verdict::Pass;
            }
            "response.completed" | "response.incomplete" | "response.failed" => return self.last(parts.response),
            "response.output_item.added" => {
                self.piece_of = None;
                let (made, empty) = generated::added(&mut self.generated, parts.item);
                if made || !empty {
                    self.seen = true;
                    return Verdict::Meaningful;
                }
                return Verdict::Pass;
            }
            "response.output_item.done" => {
                self.usage.finished_item(parts.item);
                if self.piece_of.is_none() || self.piece_of != parts.index {
                    // Nothing of it came in pieces.
                    generated::item(&mut self.generated, parts.item);
                }
            }
            "response.content_part.added" | "keepalive" => return Verdict::Pass,
            "response.audio.delta" => {
                self.generated.piece(|all| {
                    all.sound(parts.delta);
                    true
                });
            }
            _ if kind.rsplit('.').next() == Some("delta") => {
                self.piece_of = parts.index.or(self.piece_of);
                if !self.generated.piece(|all| {
                    all.text(parts.delta);
                    false
                }) {
                    return Verdict::Pass;
                }
            }
            _ if !kind.starts_with("response.") => {
                return if parts.error { Verdict::Broken(error::in_band(data)) } else { Verdict::Pass };
            }
            _ => {}
        }
        self.seen = true;
        Verdict::Meaningful
    }

    /// The events that carry the whole response and end the stream.
    fn last(&mut self, response: &[u8]) -> Verdict {
        self.usage.response(response);
        match state(response) {
            State::Failed(fault) => Verdict::Broken(fault),
            State::Over { output, .. } if self.seen || output => Verdict::Terminal,
            State::Over { completed: false, .. } => Verdict::Terminal,
            State::Over { .. } => Verdict::Broken(nothing_in_it()),
            State::Open | State::None => Verdict::Broken(stray()),
        }
    }
}

impl Watch for ResponsesWatch {
    fn event(&mut self, event: &Event<'_>) -> Verdict {
        let Some(data) = &event.data else { return Verdict::Pass };
        let data = data.trim_ascii();
        if data.is_empty() {
            return Verdict::Pass;
        }
        let mut parts = Parts::default();
        let mut next = self.next;
        if json::object(data, |member| parts.take(&member, &mut next)).is_err() {
            return Verdict::Broken(stray());
        }
        self.next = next;
        match parts.kind.take() {
            Some(kind) => self.judge(&kind, &parts, data),
            None if parts.error => Verdict::Broken(error::in_band(data)),
            None => Verdict::Broken(stray()),
        }
    }

    fn end(&mut self) -> End {
        End::Truncated
    }

    fn usage(&self) -> Option<Usage> {
        self.usage.usage()
    }

    fn content_bytes(&self) -> u64 {
        self.generated.bytes()
    }

    fn tokens_seen(&self) -> u64 {
        self.generated.tokens()
    }

    fn output_sample(&self) -> &[u8] {
        self.generated.sample().bytes()
    }

    fn fault(&self, fault: &Fault, out: &mut BytesMut) {
        error::write_failure(fault, self.begun.as_ref(), self.next, out);
    }
}

/// How far a response has come.
pub(super) enum State {
    /// It is complete, or as complete as it will be; whether it has output.
    Over { completed: bool, output: bool },
    /// It is still being worked on.
    Open,
    /// The vendor failed.
    Failed(Fault),
    /// It is no response.
    None,
}

/// Reads how far a response has come.
pub(super) fn state(response: &[u8]) -> State {
    let (mut status, mut error, mut output, mut listed) = (None, None, false, false);
    let read = json::members(response, |member| match member.key().as_ref() {
        b"status" => status = json::string(member.value),
        b"error" if !member.is_null() => error = Some(member.value),
        b"output" => {
            let read = json::elements(member.value, |_| output = true);
            listed = read.is_ok();
        }
        _ => {}
    });
    if read.is_err() {
        return State::None;
    }
    match status.as_deref() {
        Some("failed" | "cancelled") => State::Failed(error::failed(error)),
        _ if error.is_some() => State::Failed(error::failed(error)),
        Some("queued" | "in_progress") => State::Open,
        Some("incomplete") => State::Over { completed: false, output },
        // Some servers say nothing, or say it otherwise; an answer has its output.
        Some(_) | None if listed => State::Over { completed: true, output },
        Some(_) | None => State::None,
    }
}

fn begun(response: &[u8]) -> Option<Begun> {
    let mut begun = Begun::default();
    let read = json::members(response, |member| match member.key().as_ref() {
        b"id" => begun.id = json::string(member.value).unwrap_or_default().into_owned(),
        b"model" => begun.model = json::string(member.value).unwrap_or_default().into_owned(),
        b"created_at" => {
            begun.created = json::whole(member.value).and_then(|at| i64::try_from(at).ok()).unwrap_or_default();
        }
        _ => {}
    });
    (read.is_ok() && !begun.id.is_empty()).then_some(begun)
}

/// Checks a whole answer that was not streamed and reads its usage. A response that the vendor still works on
/// (`background`) is an answer too.
pub fn check(body: &[u8]) -> Result<Option<Usage>, Fault> {
    if std::str::from_utf8(body).is_err() || json::check(body).is_err() {
        return Err(not_an_answer());
    }
    let mut used = ResponsesUsage::default();
    used.response(body);
    match state(body) {
        State::Over { .. } | State::Open => Ok(used.usage()),
        State::Failed(fault) => Err(fault),
        State::None => {
            let mut error = false;
            let _ = json::members(body, |member| error |= member.key().as_ref() == b"error" && !member.is_null());
            Err(if error { error::in_band(body) } else { not_an_answer() })
        }
    }
}

fn stray() -> Fault {
    Fault::broken("upstream_invalid_stream", "The provider sent something that is not part of its stream.")
}

fn nothing_in_it() -> Fault {
    Fault::broken("upstream_invalid_stream", "The provider's stream holds no answer.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::{Pushed, Relay};
    use proptest::prelude::*;

    fn event(text: &str) -> String {
        let kind = serde_json::from_str::<serde_json::Value>(text).unwrap()["type"].as_str().unwrap().to_owned();
        format!("event: {kind}\ndata: {text}\n\n")
    }

    fn start() -> String {
        [
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_v","created_at":7,"model":"m","status":"in_progress","output":[],"usage":null}}"#,
            r#"{"type":"response.in_progress","sequence_number":1,"response":{"id":"resp_v","status":"in_progress","output":[]}}"#,
            r#"{"type":"response.output_item.added","sequence_number":2,"output_index":0,"item":{"id":"msg_1","type":"message","content":[]}}"#,
            r#"{"type":"response.content_part.added","sequence_number":3,"output_index":0,"content_index":0,"part":{"type":"output_text","text":""}}"#,
        ]
        .map(event)
        .concat()
    }

    fn text() -> String {
        event(
            r#"{"type":"response.output_text.delta","sequence_number":4,"output_index":0,"content_index":0,"delta":"Hé🙂"}"#,
        )
    }

    const USAGE: &str = r#"{"input_tokens":81,"output_tokens":64,"output_tokens_details":{"reasoning_tokens":40}}"#;

    fn last(kind: &str) -> String {
        event(&format!(
            r#"{{"type":"response.{kind}","sequence_number":5,"response":{{"id":"resp_v","status":"{kind}","output":[],"usage":{USAGE}}}}}"#
        ))
    }

    fn run(bytes: &[u8], cuts: &[usize]) -> (String, Relay, Pushed) {
        let mut relay = Relay::new(Box::new(ResponsesWatch::default()));
        let mut out = BytesMut::new();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| *cut.min(&bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut pushed = Pushed::default();
        for pair in cuts.windows(2) {
            pushed = relay.push(&bytes[pair[0]..pair[1]], &mut out);
            if pushed.over() {
                break;
            }
        }
        if !pushed.over() {
            pushed = relay.end(&mut out);
        }
        (String::from_utf8(out.to_vec()).unwrap(), relay, pushed)
    }

    proptest! {
        #[test]
        fn passes_byte_for_byte_however_it_is_cut(cuts in prop::collection::vec(0usize..1500, 0..12), how in "completed|incomplete") {
            let whole = start() + ": ping\n\n" + &text() + &last(&how);
            let (out, relay, pushed) = run((whole.clone() + "data: [DONE]\n\n").as_bytes(), &cuts);
            prop_assert_eq!(out, whole);
            prop_assert!(pushed.terminal && pushed.fault.is_none());
            let usage = relay.usage().unwrap();
            prop_assert_eq!((usage.input_tokens, usage.output_tokens, usage.reasoning_tokens), (81, 24, 40));
            prop_assert_eq!((relay.content_bytes(), relay.output_sample()), (7, "Hé🙂".as_bytes()));
        }

        #[test]
        fn a_stream_cut_anywhere_never_ends_well(at in 1usize..1500) {
            let whole = start() + &text() + &last("completed");
            let cut = &whole.as_bytes()[..at.min(whole.len() - 3)];
            let (out, _, pushed) = run(cut, &[]);
            prop_assert!(!pushed.terminal && pushed.fault.is_some());
            let lines = |text: &str| text.replace('\n', "");
            prop_assert!(lines(&whole).starts_with(&lines(&out)) && !out.contains("response.completed"));
        }

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = run(&bytes, &[]);
            let _ = check(&bytes);
        }
    }

    #[test]
    fn what_is_meaningful() {
        let told = |text: &str| {
            let mut relay = Relay::new(Box::new(ResponsesWatch::default()));
            let pushed = relay.push(text.as_bytes(), &mut BytesMut::new());
            assert!(pushed.fault.is_none(), "{text}");
            (pushed.meaningful, relay.tokens_seen())
        };
        assert_eq!(told(&start()), (false, 0));
        assert_eq!(told(&event(r#"{"type":"keepalive","sequence_number":9}"#)), (false, 0));
        assert_eq!(told(&event(r#"{"type":"response.output_text.delta","delta":""}"#)), (false, 0));
        assert_eq!(told(&text()), (true, 3));
        let thinking =
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","summary":[]}}"#;
        assert_eq!(told(&event(thinking)), (true, 0));
        let call = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","name":"abc","arguments":""}}"#;
        assert_eq!(told(&event(call)), (true, 13));
        // An item that comes whole is counted at its end, one that came in pieces is not counted twice.
        let done = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"custom_tool_call","name":"abc","input":"abcdef"}}"#;
        assert_eq!(told(&event(done)), (true, 2));
        let done = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[{"type":"output_text","text":"Hé🙂"}]}}"#;
        assert_eq!(told(&(start() + &text() + &event(done))), (true, 3));
    }

    #[test]
    fn errors_and_garbage_stop_the_stream() {
        let nested = r#"{"type":"error","sequence_number":2,"error":{"type":"invalid_request_error","code":"insufficient_quota","message":"m","param":null}}"#;
        let flat = r#"{"type":"error","sequence_number":2,"code":"rate_limit_exceeded","message":"over org-ABCDEFGH12","param":null}"#;
        let failed = r#"{"type":"response.failed","response":{"id":"resp_v","status":"failed","error":{"code":"server_error","message":"m"},"output":[]}}"#;
        let image = r#"{"type":"response.failed","response":{"id":"resp_v","status":"failed","error":{"code":"image_too_small","message":"m"},"output":[]}}"#;
        for (bad, status) in [(nested, 502), (flat, 429), (failed, 502), (image, 400)] {
            let (out, mut relay, pushed) = run((start() + &text() + &event(bad)).as_bytes(), &[]);
            let fault = pushed.fault.unwrap();
            assert_eq!((out, fault.status()), (start() + &text(), status), "{bad}");
            let mut end = BytesMut::new();
            relay.fault(&fault, &mut end);
            let end = std::str::from_utf8(&end).unwrap();
            assert!(end.starts_with("event: error\ndata: {\"type\":\"error\",\"sequence_number\":"), "{end}");
            assert!(end.contains(r#""type":"response.failed""#) && end.contains(r#""id":"resp_v""#), "{end}");
            assert!(!end.contains("response.completed") && !end.contains("org-"));
        }
        for garbage in ["<html>\n\n", "data: <html>\n\n", "data: 7\n\n", "data: {\"x\":1}\n\n", "data: [DONE]\n\n"] {
            let (out, _, pushed) = run((start() + &text() + garbage + &last("completed")).as_bytes(), &[]);
            assert_eq!(out, start() + &text(), "{garbage}");
            assert!(!pushed.terminal && pushed.fault.is_some(), "{garbage}");
        }
    }

    #[test]
    fn an_end_without_an_answer() {
        let (_, _, pushed) = run(last("completed").as_bytes(), &[]);
        assert!(!pushed.terminal && pushed.fault.is_some());
        // A model that used up its tokens thinking, or was filtered, has nothing to show.
        assert!(run(last("incomplete").as_bytes(), &[]).2.terminal);
    }

    #[test]
    fn plain_answers() {
        let used = check(format!(r#" {{"status":"completed","error":null,"output":[],"usage":{USAGE}}}"#).as_bytes());
        assert_eq!(used.unwrap().unwrap().input_tokens, 81);
        assert_eq!(check(br#"{"object":"response","status":"queued","output":[]}"#), Ok(None));
        for bad in [
            "<html>",
            "",
            "{\"output\":[",
            "{}",
            "[]",
            "{\"output\":7}",
            r#"{"status":"failed","error":null,"output":[]}"#,
        ] {
            assert_eq!(check(bad.as_bytes()).unwrap_err().status(), 502, "{bad}");
        }
        let refused = br#"{"error":{"message":"m","type":"invalid_request_error"}}"#;
        assert_eq!(check(refused).unwrap_err().status(), 400);
        let failed = br#"{"status":"failed","error":{"code":"rate_limit_exceeded","message":"m"},"output":[]}"#;
        assert_eq!(check(failed).unwrap_err().status(), 429);
    }
}
