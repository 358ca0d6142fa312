//! What the upstream says and the load generator expects to hear.

use std::fmt::Write as _;

/// Path of chat requests.
pub(crate) const CHAT_PATH: &str = "/v1/chat/completions";
/// Path of requests in Anthropic's protocol, which a gateway translates for the upstream.
pub(crate) const MESSAGES_PATH: &str = "/v1/messages";
/// Path of embeddings requests.
pub(crate) const EMBEDDINGS_PATH: &str = "/v1/embeddings";
/// The key that the controls know, used unless another one is given.
pub(crate) const CONTROL_KEY: &str = "sk-bench-0042";
/// The text inside every plain chat answer.
pub(crate) const CHAT_TEXT: &str =
    "The bridge was finished in 1894, two years late, and has been repainted eleven times since.";
/// The sum of tokens in every chat answer, as it is written there.
pub(crate) const CHAT_USAGE: &str = "\"total_tokens\":73";
/// The tokens of every chat answer as Anthropic's protocol counts them.
pub(crate) const MESSAGES_USAGE: &str = "\"output_tokens\":28";

/// Inputs in an embeddings request.
const INPUTS: usize = 2048;
/// Numbers per embedding.
const DIMENSIONS: usize = 512;

/// What a stream should look like. It travels in the text of the request, which every gateway passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Chunks with content.
    pub(crate) chunks: u32,
    /// Microseconds between them.
    pub(crate) delay_us: u64,
}

impl Shape {
    fn text(self) -> String {
        format!("<bench chunks={} delay_us={}>", self.chunks, self.delay_us)
    }

    /// Finds the shape in a request body; one chunk at once where there is none.
    pub(crate) fn find(body: &[u8]) -> Self {
        let mut shape = Self { chunks: 1, delay_us: 0 };
        if let Some(at) = memchr::memmem::find(body, b"<bench ") {
            let mut numbers = body[at..]
                .split(|b| !b.is_ascii_digit())
                .filter_map(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
            let chunks = numbers.next().and_then(|n| u32::try_from(n).ok());
            shape.chunks = chunks.unwrap_or(1).min(1_000_000);
            shape.delay_us = numbers.next().unwrap_or(0);
        }
        shape
    }
}

/// What is asked in every chat, and what stands before it.
const ASK: &str = "When was the bridge at the old harbour finished? One sentence, please.";
const BRIEF: &str = "Answer from the town archive, briefly.";

/// The same request as [`chat_request`] makes, in Anthropic's protocol.
pub(crate) fn messages_request(model: &str, shape: Option<Shape>) -> String {
    let (shape, more) = match shape {
        None => (String::new(), r#""temperature":0.2,"max_tokens":80"#),
        Some(shape) => (shape.text() + " ", r#""max_tokens":4096,"stream":true"#),
    };
    format!(
        r#"{{"model":"{model}","system":"{BRIEF}","messages":[{{"role":"user","content":"{shape}{ASK}"}}],{more}}}"#
    )
}

/// The body of a chat request, streamed if it has a shape.
pub(crate) fn chat_request(model: &str, shape: Option<Shape>) -> String {
    let ask = ASK;
    let system = format!(r#"{{"role":"system","content":"{BRIEF}"}}"#);
    match shape {
        None => format!(
            r#"{{"model":"{model}","messages":[{system},{{"role":"user","content":"{ask}"}}],"temperature":0.2,"max_tokens":80}}"#
        ),
        Some(shape) => format!(
            r#"{{"model":"{model}","messages":[{system},{{"role":"user","content":"{} {ask}"}}],"stream":true,"stream_options":{{"include_usage":true}}}}"#,
            shape.text()
        ),
    }
}

/// The body of a plain chat answer.
pub(crate) fn chat_answer() -> String {
    format!(
        r#"{{"id":"chatcmpl-bench0000000000000000000000001","object":"chat.completion","created":1767225600,"model":"bench-chat","choices":[{{"index":0,"message":{{"role":"assistant","content":"{CHAT_TEXT}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":45,"completion_tokens":28,{CHAT_USAGE},"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}},"service_tier":"default","system_fingerprint":"fp_bench00001"}}"#
    )
}

const EVENT: &str = r#"data: {"id":"chatcmpl-bench0000000000000000000000001","object":"chat.completion.chunk","created":1767225600,"model":"bench-chat","service_tier":"default","system_fingerprint":"fp_bench00001","choices":["#;
const NO_USAGE: &str = "],\"usage\":null}\n\n";

/// The event that opens a stream.
pub(crate) fn stream_start(out: &mut String) {
    out.push_str(EVENT);
    out.push_str(
        r#"{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}"#,
    );
    out.push_str(NO_USAGE);
}

/// The event that carries chunk `index`, sent at `now`.
pub(crate) fn stream_chunk(out: &mut String, index: u32, now: u64) {
    out.push_str(EVENT);
    out.push_str(r#"{"index":0,"delta":{"content":" "#);
    stamp::write(out, index, now);
    out.push_str(r#""},"logprobs":null,"finish_reason":null}"#);
    out.push_str(NO_USAGE);
}

/// The events that close a stream: the reason, the usage and the end mark.
pub(crate) fn stream_end(out: &mut String) {
    out.push_str(EVENT);
    out.push_str(r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}"#);
    out.push_str(NO_USAGE);
    out.push_str(EVENT);
    let _ =
        write!(out, "],\"usage\":{{\"prompt_tokens\":45,\"completion_tokens\":28,{CHAT_USAGE}}}}}\n\ndata: [DONE]\n\n");
}

/// The mark inside a streamed chunk: `~`, 19 digits of send time, `.`, 6 digits of index, `~`.
pub(crate) mod stamp {
    use std::fmt::Write as _;

    /// Its length in bytes.
    pub(crate) const LEN: usize = 28;
    /// The byte it starts and ends with, which stands nowhere else in a stream.
    pub(crate) const EDGE: u8 = b'~';

    /// Writes a mark.
    pub(crate) fn write(out: &mut String, index: u32, now: u64) {
        let _ = write!(out, "~{now:019}.{index:06}~");
    }

    /// Reads the mark that starts `bytes`: send time and index.
    pub(crate) fn read(bytes: &[u8]) -> Option<(u64, u32)> {
        let mark = std::str::from_utf8(bytes.get(..LEN)?).ok()?;
        let (time, index) = mark.strip_prefix('~')?.strip_suffix('~')?.split_once('.')?;
        Some((time.parse().ok()?, index.parse().ok()?))
    }
}

/// The body of the embeddings request: 2,048 inputs of 400 characters.
pub(crate) fn embeddings_request(model: &str) -> String {
    let line = "Minutes of the harbour board, spring session: dredging, ropes, lamps and the tide tables. ";
    let input: String = line.chars().cycle().take(396).collect();
    let mut body = format!(r#"{{"model":"{model}","encoding_format":"float","input":["#);
    for i in 0..INPUTS {
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(body, "{comma}\"{i:04}{input}\"");
    }
    body.push_str("]}");
    body
}

/// The body of the embeddings answer, about 11 MB, the same at every call.
pub(crate) fn embeddings_answer() -> String {
    let mut body = String::with_capacity(INPUTS * DIMENSIONS * 12);
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    body.push_str(r#"{"object":"list","data":["#);
    for i in 0..INPUTS {
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(body, r#"{comma}{{"object":"embedding","index":{i},"embedding":["#);
        for k in 0..DIMENSIONS {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let number = (state >> 33) % 10_000_000;
            let sign = if state >> 63 == 0 { "" } else { "-" };
            let comma = if k == 0 { "" } else { "," };
            let _ = write!(body, "{comma}{sign}0.0{number:07}");
        }
        body.push_str("]}");
    }
    let _ =
        write!(body, r#"],"model":"bench-embed","usage":{{"prompt_tokens":{0},"total_tokens":{0}}}}}"#, INPUTS * 90);
    body
}

/// How much of an embeddings answer must come through byte for byte: all up to the model's name.
pub(crate) fn embeddings_exact(answer: &str) -> usize {
    answer.rfind(r#","model""#).unwrap_or(answer.len())
}

#[cfg(test)]
mod tests {
    use super::{
        Shape, chat_answer, chat_request, embeddings_answer, embeddings_exact, embeddings_request, messages_request,
        stamp,
    };

    #[test]
    fn the_shape_comes_back_from_the_request() {
        let shape = Shape { chunks: 200, delay_us: 5000 };
        for body in [chat_request("m", Some(shape)), messages_request("m", Some(shape))] {
            assert_eq!(Shape::find(body.as_bytes()), shape);
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok());
        }
        assert_eq!(Shape::find(b"{}").chunks, 1);
    }

    #[test]
    fn marks_come_back() {
        let mut text = String::new();
        stamp::write(&mut text, 199, 12_345_678_901);
        assert_eq!(text.len(), stamp::LEN);
        assert_eq!(stamp::read(text.as_bytes()), Some((12_345_678_901, 199)));
        assert_eq!(stamp::read(&text.as_bytes()[1..]), None);
    }

    #[test]
    fn bodies_are_json_of_the_promised_size() {
        let plain: serde_json::Value = serde_json::from_str(&chat_request("m", None)).unwrap();
        assert_eq!(plain["model"], "m");
        assert!(serde_json::from_str::<serde_json::Value>(&chat_answer()).is_ok());
        let asked: serde_json::Value = serde_json::from_str(&embeddings_request("e")).unwrap();
        assert!(asked["input"].as_array().unwrap().iter().all(|i| i.as_str().unwrap().len() == 400));
        let answer = embeddings_answer();
        assert!((10_500_000..12_500_000).contains(&answer.len()), "{}", answer.len());
        assert!(embeddings_exact(&answer) > answer.len() - 100);
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(&answer).is_ok());
    }
}
