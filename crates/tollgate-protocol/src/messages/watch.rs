//! What each event of a stream means.

use super::error;
use super::usage::MessagesUsage;
use crate::chat::details;
use crate::fault::Fault;
use crate::generated::Generated;
use crate::json;
use crate::relay::{End, Verdict, Watch};
use crate::sse::Event;
use crate::usage::Usage;
use bytes::BytesMut;

/// Watches a stream of events.
#[derive(Debug, Default)]
pub struct MessagesWatch {
    usage: MessagesUsage,
    generated: Generated,
    started: bool,
    /// The vendor has said why the answer ended.
    finished: bool,
}

impl MessagesWatch {
    /// A piece of a block; whether it holds something made.
    fn delta(&mut self, delta: &[u8]) -> bool {
        self.generated.piece(|all| {
            let mut made = false;
            details(delta, |key, value| match key {
                b"type" => {}
                b"text" | b"thinking" | b"partial_json" => all.text(value),
                // Seals, sources, and what is not known yet.
                _ => made |= !matches!(value, b"null" | b"[]" | b"{}" | b"\"\""),
            });
            made
        })
    }
}

impl Watch for MessagesWatch {
    fn event(&mut self, event: &Event<'_>) -> Verdict {
        let Some(data) = &event.data else {
            // A name without data is an event cut short; the vendor's own library stumbles over it.
            return if event.name.is_some() { Verdict::Drop } else { Verdict::Pass };
        };
        let data = data.trim_ascii();
        if data.is_empty() {
            return Verdict::Pass;
        }
        let (mut kind, mut message, mut block, mut delta, mut used, mut failed) = (None, None, None, None, None, None);
        let read = json::object(data, |member| match member.key().as_ref() {
            b"type" => kind = Some(member.value),
            b"message" => message = Some(member.value),
            b"content_block" => block = Some(member.value),
            b"delta" => delta = Some(member.value),
            b"usage" => used = Some(member.value),
            b"error" if !member.is_null() => failed = Some(member.value),
            _ => {}
        });
        let kind = match kind.map(<[u8]>::trim_ascii) {
            Some(kind) if read.is_ok() && kind.starts_with(b"\"") => kind,
            _ => return Verdict::Broken(stray()),
        };
        if kind == b"\"error\"" || event.name == Some(b"error") || failed.is_some() {
            return Verdict::Broken(error::in_band(failed.unwrap_or(b"{}")));
        }
        let made = match kind {
            b"\"message_start\"" => {
                self.started = true;
                // Some relays begin anew in the midst of an answer; the vendor's own library does so too.
                self.finished = false;
                details(message.unwrap_or_default(), |key, value| {
                    if key == b"usage" {
                        self.usage.take(value);
                    }
                });
                false
            }
            b"\"content_block_start\"" => self.generated.block(block.unwrap_or_default()),
            b"\"content_block_delta\"" => self.delta(delta.unwrap_or_default()),
            b"\"message_delta\"" => {
                details(delta.unwrap_or_default(), |key, value| {
                    self.finished |= key == b"stop_reason" && !matches!(value, b"null" | b"\"\"");
                });
                if let Some(used) = used {
                    self.usage.take(used);
                }
                self.finished
            }
            // A block may be left open where the cap on tokens cut it.
            b"\"message_stop\"" if self.started && self.finished => return Verdict::Terminal,
            b"\"message_stop\"" => return Verdict::Broken(incomplete()),
            // `ping`, `content_block_stop`, and what is not known yet.
            _ => false,
        };
        if !self.started && kind != b"\"ping\"" {
            return Verdict::Broken(stray());
        }
        if made { Verdict::Meaningful } else { Verdict::Pass }
    }

    fn end(&mut self) -> End {
        if self.started && self.finished {
            // Why it ended was said; a strict client waits for the last word all the same.
            End::Complete(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
        } else {
            End::Truncated
        }
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
        error::write_fault_event(fault, out);
    }
}

fn stray() -> Fault {
    Fault::broken("upstream_invalid_stream", "The provider sent something that is not part of its stream.")
}

fn incomplete() -> Fault {
    Fault::broken("upstream_invalid_stream", "The provider ended its stream in the midst of its answer.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::{Pushed, Relay};
    use proptest::prelude::*;

    const STREAM: &str = concat!(
        ": hello\n\n",
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":2037,\"cache_read_input_tokens\":9,\"output_tokens\":1}}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hé🙂\"}}\r\n\r\n",
        "event: later\ndata: {\"type\":\"later\",\"usage\":{\"output_tokens\":7000}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":15665,\"cache_read_input_tokens\":null,\"output_tokens\":89}}\n\n",
    );
    const LAST: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    fn run(bytes: &[u8], cuts: &[usize]) -> (String, Relay, Pushed) {
        let mut relay = Relay::new(Box::new(MessagesWatch::default()));
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
        (String::from_utf8(out.to_vec()).unwrap(), relay, last)
    }

    proptest! {
        #[test]
        fn passes_byte_for_byte_however_it_is_cut(cuts in prop::collection::vec(any::<usize>(), 0..12)) {
            let whole = format!("{STREAM}{LAST}");
            let (out, relay, last) = run(whole.as_bytes(), &cuts);
            prop_assert_eq!(&out, &whole);
            prop_assert!(last.terminal && last.fault.is_none());
            let usage = relay.usage().unwrap();
            prop_assert_eq!((usage.input_tokens, usage.cache_read_tokens, usage.output_tokens), (15665, 9, 89));
            prop_assert_eq!((relay.content_bytes(), relay.tokens_seen(), relay.output_sample()), (7, 3, "Hé🙂".as_bytes()));
        }

        #[test]
        fn a_stream_cut_anywhere_never_ends_well(at in 0usize..900) {
            let cut = &STREAM.as_bytes()[..at.min(STREAM.len() - 100)];
            let (out, _, last) = run(cut, &[]);
            prop_assert!(!last.terminal && last.fault.is_some());
            prop_assert!(STREAM.replace('\r', "").starts_with(&out.replace('\r', "")) && !out.contains("message_stop"));
        }

        #[test]
        fn anything_can_be_watched(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "(data: [{}\\[\\]\",:a-z]{0,40}\n\n){0,5}") {
            run(&bytes, &[]);
            run(text.as_bytes(), &[]);
        }
    }

    #[test]
    fn a_missing_end_is_put_back_where_all_was_said() {
        let (out, _, last) = run(STREAM.as_bytes(), &[]);
        assert!(last.terminal);
        assert_eq!(out, format!("{STREAM}{LAST}"));
    }

    #[test]
    fn what_is_meaningful() {
        let start = STREAM.split_inclusive("\n\n").nth(1).unwrap();
        for (kind, rest, wanted) in [
            ("content_block_start", r#""content_block":{"type":"text","text":""}"#, false),
            ("content_block_start", r#""content_block":{"type":"thinking","thinking":"","signature":""}"#, false),
            ("content_block_start", r#""content_block":{"type":"tool_use","id":"t","name":"f","input":{}}"#, true),
            ("content_block_start", r#""content_block":{"type":"redacted_thinking","data":"x"}"#, true),
            ("content_block_delta", r#""delta":{"type":"text_delta","text":""}"#, false),
            ("content_block_delta", r#""delta":{"type":"input_json_delta","partial_json":""}"#, false),
            ("content_block_delta", r#""delta":{"type":"signature_delta","signature":"x"}"#, true),
            ("message_delta", r#""delta":{"stop_reason":"refusal"}"#, true),
            ("message_delta", r#""delta":{"stop_reason":null},"usage":{"output_tokens":3}"#, false),
            ("ping", r#""delta":{"text":"x"}"#, false),
        ] {
            let mut relay = Relay::new(Box::new(MessagesWatch::default()));
            let event = format!("{start}event: {kind}\ndata: {{\"type\":\"{kind}\",{rest}}}\n\n");
            let pushed = relay.push(event.as_bytes(), &mut BytesMut::new());
            assert_eq!((pushed.meaningful, pushed.fault), (wanted, None), "{rest}");
        }
    }

    #[test]
    fn errors_and_garbage_stop_the_stream() {
        let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"over org-ABCDEFGH12\"}}\n\n";
        let (out, mut relay, last) = run(format!("{STREAM}{error}").as_bytes(), &[]);
        assert_eq!(out, STREAM);
        let fault = last.fault.unwrap();
        assert_eq!((super::error::status(&fault), fault.message.as_ref()), (529, "over ***"));
        let mut written = BytesMut::new();
        relay.fault(&fault, &mut written);
        assert!(
            written.starts_with(b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"")
        );
        for garbage in [
            "<html>\n\n",
            "data: <html>\n\n",
            "data: {\"a\":\n\n",
            "data: 7\n\n",
            "data: {\"x\":1}\n\n",
            "data: [DONE]\n\n",
        ] {
            let (out, _, last) = run(format!("{STREAM}{garbage}{LAST}").as_bytes(), &[]);
            assert_eq!(out, STREAM, "{garbage}");
            assert!(!last.terminal && last.fault.is_some(), "{garbage}");
        }
    }

    #[test]
    fn an_end_before_all_was_said_is_no_end() {
        let events: Vec<_> = STREAM.split_inclusive("\n\n").collect();
        for part in [&events[..0], &events[..1], &events[..2], &events[..5], &events[2..]] {
            let (out, _, last) = run(format!("{}{LAST}", part.concat()).as_bytes(), &[]);
            assert!(!last.terminal && last.fault.is_some() && !out.contains("message_stop"), "{part:?}");
        }
    }
}
