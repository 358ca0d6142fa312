//! `OpenAI` Chat Completions: `POST /chat/completions`.
//!
//! Also what `DeepSeek` and the many compatible servers speak. Reads leniently: usage in the finish chunk, a finish
//! chunk without `delta`, a missing `[DONE]`, comments, blank lines before the JSON. Facts: `OpenAI`'s API
//! description and recorded traffic of fourteen vendors, 2026-11.

mod answer;
mod bare;
mod codec;
#[cfg(test)]
mod crossing;
mod decode;
mod encode;
mod generated;
mod read_request;
mod read_turns;
mod tools;
mod usage;
mod watch;
mod write_request;
mod write_turns;

use crate::fault::Fault;
use crate::head::Spec;
use crate::json::{self, Member};
use crate::openai;
use crate::usage::Usage;

pub use crate::generated::Generated;
pub use bare::{BareTurn, bare_turns};
pub use codec::ChatCompletions;
pub use generated::generated;
pub use tools::{ToolUse, tool_use};
pub(crate) use usage::details;
pub use usage::{ChatUsage, usage};
pub use watch::ChatWatch;

/// The head of a request.
pub const HEAD: Spec = Spec {
    needs: &["messages"],
    model: Some("model"),
    stream: Some("stream"),
    usage_on_demand: true,
    caps: &["max_tokens", "max_completion_tokens"],
    choices: Some("n"),
};

/// Checks a whole answer that was not streamed and reads its usage. An error object, an HTML page or a text cut
/// short is a fault.
pub fn answer(body: &[u8]) -> Result<Option<Usage>, Fault> {
    let mut used = ChatUsage::default();
    let mut choices = false;
    let mut error = None;
    json::object(body, |member| match member.key().as_ref() {
        b"usage" => {
            used.take(member.value);
        }
        b"service_tier" => used.take_tier(member.value),
        b"choices" => choices = true,
        b"error" if !member.is_null() => error = Some(member),
        _ => {}
    })
    .map_err(|_| not_an_answer())?;
    if let Some(member) = error {
        return Err(in_band(&member));
    }
    if choices { Ok(used.usage()) } else { Err(not_an_answer()) }
}

/// The fault for an answer that is not one.
pub fn not_an_answer() -> Fault {
    Fault::broken("upstream_invalid_answer", "The provider's answer is not one.")
}

/// The fault for an error object that came with a 200 or inside a stream.
pub(crate) fn in_band(member: &Member<'_>) -> Fault {
    let mut wrapped = b"{\"error\":".to_vec();
    wrapped.extend_from_slice(member.value);
    wrapped.push(b'}');
    let error = openai::read_error(&wrapped).unwrap_or_default();
    let meaning = openai::meaning_in_band(&error);
    openai::fault(meaning, 400, Some(error), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::Relay;
    use bytes::BytesMut;
    use proptest::prelude::*;

    const STREAM: &str = concat!(
        ": keep-alive\n\n",
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n",
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hé🙂\"},\"finish_reason\":null}],\"usage\":null}\r\n\r\n",
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
    );
    const USAGE: &str = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":81,\"completion_tokens\":64,\"total_tokens\":145,\"prompt_tokens_details\":{\"cached_tokens\":10},\"completion_tokens_details\":{\"reasoning_tokens\":40}}}\n\n";

    fn run(bytes: &[u8], hide: bool, cuts: &[usize]) -> (String, Option<Usage>, bool, Option<Fault>) {
        let mut relay = Relay::new(Box::new(ChatWatch::new(hide)));
        let mut out = BytesMut::new();
        let mut cuts = cuts.to_vec();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut last = crate::relay::Pushed::default();
        for pair in cuts.windows(2) {
            last = relay.push(&bytes[pair[0]..pair[1]], &mut out);
            if last.over() {
                break;
            }
        }
        if !last.over() {
            last = relay.end(&mut out);
        }
        (String::from_utf8(out.to_vec()).unwrap(), relay.usage(), last.terminal, last.fault)
    }

    proptest! {
        #[test]
        fn passes_byte_for_byte_however_it_is_cut(cuts in prop::collection::vec(0usize..900, 0..12)) {
            let whole = format!("{STREAM}{USAGE}data: [DONE]\n\n");
            let cuts: Vec<_> = cuts.into_iter().map(|c| c.min(whole.len())).collect();
            let (out, usage, done, fault) = run(whole.as_bytes(), false, &cuts);
            prop_assert_eq!(&out, &whole);
            prop_assert!(done && fault.is_none());
            let usage = usage.unwrap();
            prop_assert_eq!((usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.reasoning_tokens), (71, 10, 24, 40));
            let (out, hidden, ..) = run(whole.as_bytes(), true, &cuts);
            prop_assert_eq!(out, format!("{STREAM}data: [DONE]\n\n"));
            prop_assert_eq!(hidden, Some(usage));
        }

        #[test]
        fn a_stream_cut_anywhere_never_ends_well(at in 16usize..700) {
            let cut = &STREAM.as_bytes()[..at.min(STREAM.len() - 40)];
            let (out, _, done, fault) = run(cut, false, &[]);
            prop_assert!(!done && fault.is_some());
            prop_assert!(STREAM.replace('\r', "").starts_with(&out.replace('\r', "")) && !out.contains("[DONE]"));
        }
    }

    #[test]
    fn a_missing_done_is_put_back_after_a_finish_reason_only() {
        let (out, _, done, _) = run(STREAM.as_bytes(), false, &[]);
        assert!(done && out.ends_with("data: [DONE]\n\n"));
        let unterminated = STREAM.trim_end();
        assert_eq!(run(unterminated.as_bytes(), false, &[]).0, out);
    }

    #[test]
    fn errors_and_garbage_stop_the_stream() {
        let error = format!(
            "{STREAM}data: {{\"error\":{{\"message\":\"over org-ABCDEFGH12\",\"code\":\"server_is_overloaded\"}}}}\n\n"
        );
        let (out, _, done, fault) = run(error.as_bytes(), false, &[]);
        assert_eq!(out, STREAM);
        assert!(!done);
        let fault = fault.unwrap();
        assert_eq!((fault.status(), fault.message.as_ref()), (503, "over ***"));
        for garbage in ["<html>\n\n", "data: <html>\n\n", "data: {\"a\":\n\n", "data: 7\n\n", "data: {\"x\":1}\n\n"] {
            let (out, _, done, fault) = run(format!("{STREAM}{garbage}data: [DONE]\n\n").as_bytes(), false, &[]);
            assert_eq!(out, STREAM, "{garbage}");
            assert!(!done && fault.is_some(), "{garbage}");
        }
    }

    #[test]
    fn plain_answers() {
        assert!(answer(b"\n\n {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}").unwrap().is_some());
        for bad in ["<html>", "", "{\"choices\":[", "{}", "[]"] {
            assert_eq!(answer(bad.as_bytes()).unwrap_err().status(), 502, "{bad}");
        }
        assert_eq!(
            answer(b"{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\"}}").unwrap_err().status(),
            400
        );
    }

    #[test]
    fn usage_as_vendors_really_count() {
        let read = |text: &str| {
            let usage = usage(text.as_bytes()).unwrap();
            assert!(!usage.suspect, "{text}");
            (usage.input_tokens, usage.cache_read_tokens, usage.image_input_tokens, usage.audio_input_tokens)
        };
        // xAI: cached image tokens are in both counts. Mistral: audio stands beside the prompt.
        let xai = r#"{"prompt_tokens":265,"completion_tokens":52,"total_tokens":317,"prompt_tokens_details":{"cached_tokens":162,"text_tokens":9,"image_tokens":256}}"#;
        assert_eq!(read(xai), (0, 162, 103, 0));
        let mistral = r#"{"prompt_tokens":9,"total_tokens":585,"completion_tokens":201,"prompt_tokens_details":{"audio_tokens":375}}"#;
        assert_eq!(read(mistral), (9, 0, 0, 375));
    }

    #[test]
    fn groq_reports_usage_in_a_place_of_its_own() {
        let last = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"x_groq\":{\"id\":\"r\",\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":26,\"total_tokens\":38}}}\n\n";
        let (_, usage, ..) = run(format!("{STREAM}{last}data: [DONE]\n\n").as_bytes(), true, &[]);
        assert_eq!(usage.map(|usage| (usage.input_tokens, usage.output_tokens)), Some((12, 26)));
    }

    #[test]
    fn an_end_mark_alone_is_no_answer() {
        let (out, _, done, fault) = run(b": hello\n\ndata: [DONE]\n\n", false, &[]);
        assert!(!out.contains("DONE") && !done && fault.is_some());
    }

    #[test]
    fn impossible_usage_is_marked() {
        for bad in [
            r#"{"prompt_tokens":-1}"#,
            r#"{"prompt_tokens":1e300}"#,
            r#"{"prompt_tokens":"many"}"#,
            r#"{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":2}}"#,
            r#"{"completion_tokens":99999999999999}"#,
        ] {
            assert!(usage(bad.as_bytes()).unwrap().suspect, "{bad}");
        }
        assert_eq!(usage(b"null"), None);
    }
}
