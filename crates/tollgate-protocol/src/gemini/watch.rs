//! What each chunk of a stream means. Every chunk has the form of a whole answer, in server-sent events and in a list
//! alike; there is no terminal event: a stream is complete when its message ends and each candidate has said why it
//! stopped. Old servers say so in every chunk.

use super::GeminiUsage;
use super::error;
use crate::chat::details;
use crate::fault::Fault;
use crate::generated::Generated;
use crate::json;
use crate::relay::{End, Verdict, Watch};
use crate::sse::Event;
use crate::usage::Usage;
use bytes::BytesMut;

/// Watches a stream of chunks.
#[derive(Debug, Default)]
pub struct GeminiWatch {
    usage: GeminiUsage,
    generated: Generated,
    /// Bit per candidate: it was seen; it has its reason to stop.
    seen: u128,
    finished: u128,
    /// The prompt was refused, and no candidate comes.
    blocked: bool,
}

/// What one chunk holds.
#[derive(Debug, Default)]
struct Chunk {
    meaningful: bool,
    known: bool,
}

impl GeminiWatch {
    /// Looks at one chunk, or at a whole answer; a fault where it is an error or no chunk.
    fn chunk(&mut self, data: &[u8]) -> Result<Chunk, Fault> {
        let mut chunk = Chunk::default();
        let (mut candidates, mut error) = (None, false);
        let read = json::object(data, |member| match member.key().as_ref() {
            b"candidates" if !member.is_null() => candidates = Some(member.value),
            b"usageMetadata" => {
                chunk.known = true;
                self.usage.take(member.value);
            }
            b"promptFeedback" => {
                chunk.known = true;
                details(member.value, |key, value| {
                    if key == b"blockReason" && says_something(value) {
                        self.blocked = true;
                        chunk.meaningful = true;
                    }
                });
            }
            b"error" => error |= !member.is_null(),
            b"modelVersion" | b"responseId" | b"createTime" => chunk.known = true,
            _ => {}
        });
        read.map_err(|_| not_of_it())?;
        if error {
            return Err(error::in_band(data).unwrap_or_else(not_of_it));
        }
        if let Some(list) = candidates {
            chunk.known = true;
            let read = json::elements(list, |candidate| chunk.meaningful |= self.candidate(candidate));
            read.map_err(|_| not_of_it())?;
        }
        if chunk.known { Ok(chunk) } else { Err(not_of_it()) }
    }

    /// Looks at one candidate of a chunk; whether it carries something generated.
    fn candidate(&mut self, candidate: &[u8]) -> bool {
        let (mut index, mut finished, mut content) = (0, false, None);
        let read = json::members(candidate, |member| match member.key().as_ref() {
            b"index" => index = json::whole(member.value).unwrap_or(0),
            b"finishReason" => finished = says_something(member.value),
            b"content" => content = Some(member.value),
            _ => {}
        });
        if read.is_err() {
            return false;
        }
        let bit = 1u128 << index.min(127);
        self.seen |= bit;
        if finished {
            self.finished |= bit;
        }
        let mut made = false;
        details(content.unwrap_or_default(), |key, parts| {
            if key == b"parts" {
                // `null` where there are none.
                let _ = json::elements(parts, |part| made |= self.generated.piece(|all| take_part(all, part)));
            }
        });
        made || finished
    }

    /// Whether everything was said.
    fn is_complete(&self) -> bool {
        self.blocked || (self.seen != 0 && self.seen == self.finished)
    }
}

/// Whether a reason is one: some clients ask for numbers instead of names.
pub(super) fn says_something(reason: &[u8]) -> bool {
    !matches!(
        reason,
        b"null"
            | b"\"\""
            | b"0"
            | b"\"FINISH_REASON_UNSPECIFIED\""
            | b"\"BLOCK_REASON_UNSPECIFIED\""
            | b"\"BLOCKED_REASON_UNSPECIFIED\""
    )
}

/// Counts what one part holds that was made; whether it counts even where it holds no text.
fn take_part(all: &mut Generated, part: &[u8]) -> bool {
    let mut made = false;
    details(part, |key, value| match key {
        b"text" => all.text(value),
        b"thought" => {}
        b"functionCall" => {
            made = true;
            details(value, |key, value| match key {
                b"name" => all.call(value),
                b"args" => all.text(value),
                b"partialArgs" => {
                    let _ = json::elements(value, |piece| {
                        details(piece, |key, value| {
                            if key == b"stringValue" {
                                all.text(value);
                            }
                        });
                    });
                }
                _ => {}
            });
        }
        b"inlineData" => {
            made = true;
            let (mut kind, mut data): (&[u8], &[u8]) = (b"", b"");
            details(value, |key, value| match key {
                b"mimeType" => kind = value,
                b"data" => data = value,
                _ => {}
            });
            if kind.starts_with(b"\"audio") {
                all.sound(data);
            }
        }
        b"executableCode" | b"codeExecutionResult" => {
            made = true;
            details(value, |key, value| {
                if matches!(key, b"code" | b"output") {
                    all.text(value);
                }
            });
        }
        _ => made |= value != b"null",
    });
    made
}

fn not_of_it() -> Fault {
    Fault::broken("upstream_invalid_stream", "The provider sent something that is not part of its stream.")
}

impl Watch for GeminiWatch {
    fn event(&mut self, event: &Event<'_>) -> Verdict {
        let Some(data) = &event.data else { return Verdict::Pass };
        let data = data.trim_ascii();
        if data.is_empty() {
            return Verdict::Pass;
        }
        match self.chunk(data) {
            Ok(chunk) if chunk.meaningful => Verdict::Meaningful,
            Ok(_) => Verdict::Pass,
            Err(fault) => Verdict::Broken(fault),
        }
    }

    fn end(&mut self) -> End {
        if self.is_complete() { End::Complete(b"") } else { End::Truncated }
    }

    /// In the midst of events the vendor writes an error as bare JSON over several lines.
    fn stray(&mut self, bytes: &[u8]) -> Fault {
        let lines = bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r'));
        let bare: Vec<u8> =
            lines.filter(|line| !(line.starts_with(b"data:") || line.starts_with(b":"))).flatten().copied().collect();
        error::in_band(&bare).unwrap_or_else(not_of_it)
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
        error::write_error_event(fault, out);
    }
}

/// Checks a whole answer that was not streamed and reads its usage. An error object, an HTML page or a text cut short is
/// a fault.
pub fn check(body: &[u8]) -> Result<Option<Usage>, Fault> {
    let mut watch = GeminiWatch::default();
    match watch.chunk(body.trim_ascii()) {
        Ok(_) => Ok(watch.usage()),
        Err(_) => Err(error::in_band(body).unwrap_or_else(crate::chat::not_an_answer)),
    }
}

/// What a whole answer holds that was made, for one that came without usage.
pub fn generated(body: &[u8]) -> Generated {
    let mut watch = GeminiWatch::default();
    // An answer that is none holds nothing.
    let _ = watch.chunk(body.trim_ascii());
    watch.generated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::{Pushed, Relay};
    use proptest::prelude::*;

    const CHUNKS: [&str; 3] = [
        r#"{"candidates":[{"content":{"parts":[{"text":"think","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1},"modelVersion":"g"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"H\u00e9 \"}{]["}],"role":"model"}}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3,"thoughtsTokenCount":7}}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4}}"#,
    ];

    fn events(chunks: &[&str]) -> String {
        format!("data: {}\r\n\r\n", chunks.join("\r\n\r\ndata: "))
    }

    fn list(chunks: &[&str]) -> String {
        format!("[{}\n]\n", chunks.join("\n,\r\n"))
    }

    fn run(bytes: &str, cuts: &[usize], array: bool) -> (String, Pushed, Relay) {
        let bytes = bytes.as_bytes();
        let watch = Box::<GeminiWatch>::default();
        let mut relay = if array { Relay::list(watch) } else { Relay::new(watch) };
        let mut out = BytesMut::new();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut last = Pushed::default();
        for pair in cuts.windows(2) {
            last = relay.push(&bytes[pair[0]..pair[1]], &mut out);
            if last.over() {
                break;
            }
        }
        if !last.over() {
            last = relay.end(&mut out);
        }
        if let Some(fault) = &last.fault {
            relay.fault(fault, &mut out);
        }
        (String::from_utf8(out.to_vec()).unwrap(), last, relay)
    }

    proptest! {
        #[test]
        fn passes_byte_for_byte_however_it_is_cut(cuts in prop::collection::vec(0usize..900, 0..12), array: bool) {
            let whole = if array { list(&CHUNKS) } else { events(&CHUNKS) };
            let (out, last, relay) = run(&whole, &cuts, array);
            prop_assert_eq!(out, whole);
            prop_assert!(last.terminal && last.fault.is_none());
            let usage = relay.usage().unwrap();
            prop_assert_eq!((usage.input_tokens, usage.output_tokens, usage.reasoning_tokens), (9, 4, 7));
            prop_assert_eq!(relay.output_sample(), "thinkHé \"}{][".as_bytes());
            prop_assert!((14..17).contains(&relay.content_bytes()));
        }

        #[test]
        fn a_list_cut_anywhere_is_still_a_list_and_no_success(at: prop::sample::Index, cuts in prop::collection::vec(0usize..900, 0..4)) {
            let whole = list(&CHUNKS);
            let at = at.index(whole.trim_end().len() - 1);
            prop_assume!(whole.is_char_boundary(at));
            let (out, last, _) = run(&whole[..at], &cuts, true);
            prop_assert!(!last.terminal && last.fault.is_some());
            let value: serde_json::Value = serde_json::from_str(&out).unwrap();
            let elements = value.as_array().unwrap();
            prop_assert_eq!(&elements.last().unwrap()["error"]["code"], 502);
            prop_assert!(elements[..elements.len() - 1].iter().all(|element| element.get("error").is_none()));
        }

        #[test]
        fn events_cut_before_the_reason_never_end_well(at in 0usize..400) {
            let (out, last, _) = run(&events(&CHUNKS)[..at.min(events(&CHUNKS[..2]).len())], &[], false);
            prop_assert!(!last.terminal && last.fault.is_some());
            let told = out.contains("data: {\"error\":{\"code\":502");
            prop_assert!(told);
        }

        #[test]
        fn anything_can_be_watched(bytes in prop::collection::vec(any::<u8>(), 0..200), array: bool) {
            let (_, last, _) = run(&String::from_utf8_lossy(&bytes), &[], array);
            prop_assert!(last.fault.is_some());
        }
    }

    #[test]
    fn errors_come_in_many_forms() {
        let error = r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
        let pretty = "{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"The model is overloaded.\",\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n";
        let begun = events(&CHUNKS[..1]);
        let cases = [
            (format!("{begun}data: {error}\n\n"), false),
            (format!("{begun}{pretty}"), false),
            (format!("{begun}{pretty}\n"), false),
            (format!("{}\n{pretty}", begun.trim_end()), false),
            (pretty.to_owned(), false),
            (format!("[{}\n,\n{error}]", CHUNKS[0]), true),
            (format!("[{}\n{error}", CHUNKS[0]), true),
            (format!("[{error}]"), true),
            (error.to_owned(), true),
        ];
        for (bytes, array) in cases {
            for cuts in [&[][..], &[1, 40, 300, 330, 360]] {
                let (out, last, _) = run(&bytes, cuts, array);
                let fault = last.fault.unwrap();
                assert_eq!((fault.status(), &*fault.message), (503, "The model is overloaded."), "{bytes}");
                assert_eq!(out.matches("overloaded").count(), 1, "{bytes}");
                if array {
                    assert!(serde_json::from_str::<serde_json::Value>(&out).unwrap().is_array(), "{out}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_answer_is_broken() {
        for bytes in ["data: [DONE]\n\n", "data: {\"this\":[]}\n\n", "data: 7\n\n", "<html>\n\n", "", ": hi\n\n"] {
            let (_, last, _) = run(bytes, &[], false);
            assert!(last.fault.is_some() && !last.terminal, "{bytes}");
        }
        for bytes in ["[]", "[7]", "<html>", "", "[{}]", "[{\"candidates\":[]}]"] {
            let (out, last, _) = run(bytes, &[], true);
            assert!(last.fault.is_some() && !last.terminal, "{bytes}");
            assert!(out.starts_with("[{\"error\"") || out.starts_with("[{\"candidates\":[]},\n{\"error\""), "{out}");
        }
    }

    #[test]
    fn a_refused_prompt_is_an_answer() {
        let blocked = r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#;
        for (bytes, array) in [(events(&[blocked]), false), (list(&[blocked]), true)] {
            let (out, last, _) = run(&bytes, &[], array);
            assert!(last.terminal && last.fault.is_none());
            assert_eq!(out, bytes);
        }
        assert_eq!(check(blocked.as_bytes()).unwrap(), None);
    }

    #[test]
    fn each_candidate_says_why_it_stopped() {
        let two = r#"{"candidates":[{"index":0,"finishReason":"STOP"},{"index":1,"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}}}]}}]}"#;
        assert!(run(&events(&[two]), &[], false).1.fault.is_some());
        let (_, last, relay) = run(&events(&[two, r#"{"candidates":[{"index":1,"finishReason":2}]}"#]), &[], false);
        assert!(last.terminal);
        assert_eq!(relay.content_bytes(), crate::generated::CALL_FRAME + 8);
    }

    #[test]
    fn whole_answers() {
        assert!(check(format!("\n {}", CHUNKS[2]).as_bytes()).unwrap().is_some());
        for bad in ["<html>", "", "{\"candidates\":[", "{}", "[]", "{\"candidates\":7}"] {
            let fault = check(bad.as_bytes()).unwrap_err();
            assert_eq!((fault.status(), &*fault.code), (502, "upstream_invalid_answer"), "{bad}");
        }
        let error = r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]"#;
        assert_eq!(check(error.as_bytes()).unwrap_err().status(), 400);
        assert_eq!(generated(CHUNKS[0].as_bytes()).bytes(), 5);
    }
}
