//! `POST /audio/transcriptions` and `/audio/translations`: a form in; JSON, plain text, subtitles or a stream out.
//!
//! Facts: `OpenAI`'s API description and official libraries, 2026-11. Usage comes as tokens or as seconds; the text
//! formats carry none.

use crate::chat;
use crate::embeddings;
use crate::fault::Fault;
use crate::json;
use crate::openai;
use crate::relay::{End, Verdict, Watch};
use crate::sse::Event;
use crate::usage::{MAX_COUNT, Reader, Usage};
use bytes::BytesMut;

/// Reads `usage` of an answer: `{"type":"tokens",…}` or `{"type":"duration","seconds":…}`.
pub fn usage(value: &[u8]) -> Option<Usage> {
    let mut reader = Reader::default();
    let [mut input, mut output, mut audio] = [0; 3];
    let (mut duration, mut as_chat) = (None, false);
    json::members(value, |member| match member.key().as_ref() {
        b"seconds" => duration = Some(milliseconds(member.value)),
        b"prompt_tokens" => as_chat = true,
        b"input_tokens" => input = reader.count(member.value),
        b"output_tokens" => output = reader.count(member.value),
        b"input_token_details" | b"input_tokens_details" => chat::details(member.value, |key, value| {
            if key == b"audio_tokens" {
                audio = reader.count(value);
            }
        }),
        _ => {}
    })
    .ok()?;
    if let Some((audio_milliseconds, suspect)) = duration {
        return Some(Usage { audio_milliseconds, suspect, ..Usage::default() });
    }
    if as_chat {
        // Mistral counts transcripts as it counts chats.
        return chat::usage(value);
    }
    let usage = Usage {
        input_tokens: reader.without(input, audio),
        audio_input_tokens: audio,
        output_tokens: output,
        ..Usage::default()
    };
    Some(Usage { suspect: reader.suspect(), ..usage })
}

/// Finds usage, or the length of the audio, near the end or the start of an answer that was too large to keep.
pub fn usage_in_window(window: &[u8]) -> Option<Usage> {
    if let Some(found) = embeddings::last_value(window, b"\"usage\"").and_then(usage) {
        return Some(found);
    }
    let duration = embeddings::last_value(window, b"\"duration\"")?;
    let (audio_milliseconds, suspect) = milliseconds(duration);
    Some(Usage { audio_milliseconds, suspect, ..Usage::default() })
}

/// Seconds as a vendor wrote them, in thousandths, rounded up; and whether they could not be true.
fn milliseconds(seconds: &[u8]) -> (u64, bool) {
    match std::str::from_utf8(seconds).ok().and_then(|text| text.parse::<f64>().ok()) {
        Some(s) if (0.0..=1e6).contains(&s) => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
            let ms = (s * 1000.0).ceil() as u64;
            (ms.min(MAX_COUNT), false)
        }
        _ => (0, true),
    }
}

/// Checks a whole answer. `json` says that the vendor called it JSON; text formats are taken as they are, but a
/// page of HTML is no transcript.
pub fn answer(body: &[u8], json: bool) -> Result<Option<Usage>, Fault> {
    if !json {
        let start = body.trim_ascii_start();
        let html = start.get(..5).is_some_and(|s| s.eq_ignore_ascii_case(b"<html"))
            || start.get(..9).is_some_and(|s| s.eq_ignore_ascii_case(b"<!doctype"));
        return if html { Err(chat::not_an_answer()) } else { Ok(None) };
    }
    let (mut used, mut duration, mut text, mut error) = (None, None, false, None);
    json::object(body, |member| match member.key().as_ref() {
        b"usage" => used = usage(member.value),
        b"duration" => duration = Some(milliseconds(member.value)),
        b"text" | b"segments" | b"words" => text = true,
        b"error" if !member.is_null() => error = Some(member),
        _ => {}
    })
    .map_err(|_| chat::not_an_answer())?;
    if let Some(member) = error {
        return Err(chat::in_band(&member));
    }
    if !text {
        return Err(chat::not_an_answer());
    }
    Ok(used.or_else(|| {
        duration.map(|(audio_milliseconds, suspect)| Usage { audio_milliseconds, suspect, ..Usage::default() })
    }))
}

/// Watches a stream of `transcript.text.*` events. Terminal is `transcript.text.done`; a `[DONE]` after it is
/// passed on where a vendor sends one.
#[derive(Debug, Default)]
pub struct TranscriptWatch {
    usage: Option<Usage>,
    content: u64,
    done: bool,
}

impl Watch for TranscriptWatch {
    fn event(&mut self, event: &Event<'_>) -> Verdict {
        let Some(data) = &event.data else { return Verdict::Pass };
        let data = data.trim_ascii();
        if data == b"[DONE]" && self.done {
            return Verdict::Terminal;
        }
        let (mut kind, mut error, mut made) = (None, None, 0);
        let read = json::object(data, |member| match member.key().as_ref() {
            b"type" => kind = json::string(member.value),
            b"usage" => self.usage = usage(member.value).or(self.usage),
            b"delta" | b"text" => made = member.value.len() as u64,
            b"error" if !member.is_null() => error = Some(member),
            _ => {}
        });
        if let (Ok(_), Some(member)) = (&read, error) {
            return Verdict::Broken(chat::in_band(&member));
        }
        match (read, kind.as_deref()) {
            (Ok(_), Some("transcript.text.done")) => {
                self.done = true;
                Verdict::Meaningful
            }
            (Ok(_), Some(kind)) if kind.starts_with("transcript.") => {
                self.content += made;
                Verdict::Meaningful
            }
            _ => Verdict::Broken(Fault::broken(
                "upstream_invalid_stream",
                "The provider sent something that is not part of its stream.",
            )),
        }
    }

    fn end(&mut self) -> End {
        if self.done { End::Complete(b"") } else { End::Truncated }
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }

    fn content_bytes(&self) -> u64 {
        self.content
    }

    fn fault(&self, fault: &Fault, out: &mut BytesMut) {
        openai::write_error_event(fault, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::Relay;

    #[test]
    fn usage_of_both_kinds() {
        let tokens = usage(br#"{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}"#).unwrap();
        assert_eq!((tokens.input_tokens, tokens.audio_input_tokens, tokens.output_tokens), (0, 14, 45));
        assert_eq!(usage(br#"{"type":"duration","seconds":9}"#).unwrap().audio_milliseconds, 9000);
        assert_eq!(answer(br#"{"text":"a","duration":8.4701}"#, true).unwrap().unwrap().audio_milliseconds, 8471);
        assert_eq!(answer(b"1\n00:00", false).unwrap(), None);
        assert!(answer(b" <!DOCTYPE html>", false).is_err());
        let start = br#"{"task":"transcribe","duration":8.4701,"text":"a "#;
        assert_eq!(usage_in_window(start).unwrap().audio_milliseconds, 8471);
        let end = br#"],"usage":{"type":"duration","seconds":9}}"#;
        assert_eq!(usage_in_window(end).unwrap().audio_milliseconds, 9000);
    }

    #[test]
    fn a_stream_needs_its_last_event() {
        let run = |text: &str| {
            let (mut relay, mut out) = (Relay::new(Box::new(TranscriptWatch::default())), BytesMut::new());
            let pushed = relay.push(text.as_bytes(), &mut out);
            let pushed = if pushed.over() { pushed } else { relay.end(&mut out) };
            (pushed.terminal, out.len())
        };
        let delta = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"a\"}\n\n";
        let done = "data: {\"type\":\"transcript.text.done\",\"text\":\"a\"}\n\n";
        assert_eq!(run(delta), (false, delta.len()));
        assert_eq!(run(&format!("{delta}{done}")), (true, delta.len() + done.len()));
        assert_eq!(run(&format!("{delta}{done}data: [DONE]\n\n")), (true, delta.len() + done.len() + 14));
    }
}
