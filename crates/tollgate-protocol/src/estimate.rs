//! How many tokens a request has, from its bytes: what to hold before the vendor has counted, and what to book where
//! it never does. Never exact: the vendor's own count is, and it wins wherever there is one.

mod sample;
mod scan;
mod tools;

pub(crate) use sample::text_length;
pub use sample::{SAMPLE, Sample};

/// Most tokens that a vendor counts for one image: six tiles at 5,667 and 2,833 for the whole, the formula of
/// `OpenAI`'s small models. Others stay below 5,000.
pub const IMAGE_MOST: u64 = 36_835;
/// Most parts of one kind that are counted; a body has no room for more that are real.
const MAX_PARTS: u64 = 1_000_000;
/// Tokens that vendors add to every request and to every message, at most and usually.
const REQUEST_MOST: u64 = 256;
const REQUEST_USUAL: u64 = 4;
const MESSAGE_MOST: u64 = 16;
const MESSAGE_USUAL: u64 = 4;
/// What vendors say to a model about how to call tools.
const TOOLS_MOST: u64 = 1024;

/// What a JSON request gives a model to read. Made by [`Prompt::read`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Bytes of text, escapes resolved.
    pub text_bytes: u64,
    /// Bytes of tools, schemas and arguments, as compact JSON.
    pub schema_bytes: u64,
    /// Bytes that only the vendor can read: signatures, hidden thoughts.
    pub opaque_bytes: u64,
    /// Tokens given by their numbers.
    pub token_ids: u64,
    /// Messages.
    pub messages: u64,
    /// Images, inside the request or elsewhere.
    pub images: u64,
    /// Pieces of sound.
    pub audios: u64,
    /// Their bytes as base64.
    pub audio_bytes: u64,
    /// Documents, videos and whatever else is no text.
    pub files: u64,
    /// Their bytes as base64.
    pub file_bytes: u64,
    /// What adds to the input and is not in the request: a stored conversation, a file at an address, a tool that
    /// the vendor runs itself.
    pub elsewhere: u64,
    /// Tokens that the vendor is known to say around the tools.
    pub preamble: u64,
    /// The beginning of the text.
    pub sample: Sample,
}

impl Prompt {
    /// Reads a request of Chat Completions, Embeddings, Responses, Messages or Gemini in one pass. Takes about as long
    /// as finding the ends of its strings; allocates nothing but the sample. What is no JSON counts as text.
    pub fn read(body: &[u8]) -> Self {
        scan::Scan::request(body)
    }

    /// Most tokens that the vendor can be expected to count: half the bytes of text, and the dearest formula for the
    /// rest. Of recorded text requests 99 in 100 stay below. No bound where [`Prompt::is_open`]; a caller caps it by
    /// the model's context.
    pub fn upper_tokens(&self) -> u64 {
        let written = (self.text_bytes + self.schema_bytes).div_ceil(2) + self.opaque_bytes / 4 + self.token_ids;
        let tools = if self.schema_bytes > 0 { TOOLS_MOST } else { 0 };
        // Sound at the lowest rate in use (6 kbit/s) and 32 tokens a second; a page of a document in 3 kB.
        let media = self.images * IMAGE_MOST + self.audio_bytes / 16 + self.file_bytes / 2 + self.files * 4000;
        written + tools + media + self.messages * MESSAGE_MOST + self.preamble + REQUEST_MOST
    }

    /// Whether there is input that the body does not show (a stored conversation, a file's address, a tool that the
    /// vendor runs), so that no bound follows from the body: hold the model's whole context.
    pub fn is_open(&self) -> bool {
        self.elsewhere > 0
    }

    /// The number of tokens that is likely, without a tokenizer: four bytes a token, two where the text is not Latin.
    pub fn likely_tokens(&self) -> u64 {
        self.tokens_with(by_bytes(self.sample.bytes(), self.text_bytes))
    }

    /// The number of tokens that is likely where the text has `text_tokens`; sound is left out.
    pub fn tokens_with(&self, text_tokens: u64) -> u64 {
        text_tokens
            + self.schema_bytes.div_ceil(5)
            + self.opaque_bytes / 5
            + self.token_ids
            + self.preamble
            + if self.messages > 0 { self.messages * MESSAGE_USUAL + REQUEST_USUAL } else { 0 }
            + self.images * 500
            + self.files * 250
            + self.file_bytes / 150
    }

    /// The number of tokens of sound that is likely: 32 a second at 128 kbit/s.
    pub fn audio_tokens(&self) -> u64 {
        self.audio_bytes / 600 + self.audios.min(self.audio_bytes)
    }
}

/// Tokens of `total` bytes of text that begins with `sample`, without a tokenizer.
pub fn by_bytes(sample: &[u8], total: u64) -> u64 {
    let length = sample.len() as u64;
    if length == 0 {
        return tokens_of_text(total);
    }
    let latin = sample.iter().filter(|byte| byte.is_ascii()).count() as u64;
    // Eighths of a token: two a byte of ASCII, three and a half for others.
    let eighths = u128::from(latin * 4 + (length - latin) * 7) * u128::from(total);
    u64::try_from(eighths.div_ceil(u128::from(length) * 16)).unwrap_or(u64::MAX)
}

/// Tokens of so many bytes of text of which nothing else is known.
pub fn tokens_of_text(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn four_protocols_are_read_alike() {
        let text = "What is the capital of France?";
        for body in [
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#),
            format!(r#"{{"messages":[{{"content":[{{"text":"{text}","type":"text"}}],"role":"user"}}],"model":"m"}}"#),
            format!(
                r#"{{"contents":[{{"role":"user","parts":[{{"text":"{text}"}}]}}],"safetySettings":[{{"a":"b"}}]}}"#
            ),
            format!(r#"{{"input":[{{"role":"user","content":[{{"type":"input_text","text":"{text}"}}]}}]}}"#),
        ] {
            let prompt = Prompt::read(body.as_bytes());
            assert_eq!((prompt.text_bytes, prompt.messages, prompt.schema_bytes), (30, 1, 0), "{body}");
            assert_eq!(prompt.sample.bytes(), text.as_bytes());
        }
        assert_eq!(Prompt::read(br#"{"input":[[1,2,3],[4]],"model":"m"}"#).token_ids, 4);
        assert_eq!(Prompt::read(br#"{"input":"abc"}"#).text_bytes, 3);
    }

    #[test]
    fn media_are_no_text() {
        let big = "A".repeat(10_000);
        for (body, images, audios, files) in [
            (format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{big}"}}}}"#), 1, 0, 0),
            (r#"{"type":"input_image","image_url":"https://a/b.png"}"#.to_owned(), 1, 0, 0),
            (
                format!(r#"{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{big}"}}}}"#),
                1,
                0,
                0,
            ),
            (format!(r#"{{"source":{{"data":"{big}","media_type":"application/pdf"}},"type":"document"}}"#), 0, 0, 1),
            (format!(r#"{{"inlineData":{{"data":"{big}","mimeType":"audio/mp3"}}}}"#), 0, 1, 0),
            (format!(r#"{{"type":"input_audio","input_audio":{{"data":"{big}","format":"wav"}}}}"#), 0, 1, 0),
            (format!(r#"{{"type":"file","file":{{"file_data":"data:application/pdf;base64,{big}"}}}}"#), 0, 0, 1),
        ] {
            let prompt = Prompt::read(format!(r#"{{"messages":[{{"role":"user","content":[{body}]}}]}}"#).as_bytes());
            assert_eq!((prompt.images, prompt.audios, prompt.files), (images, audios, files), "{body:.60}");
            assert_eq!((prompt.text_bytes, prompt.is_open()), (0, false), "{body:.60}");
        }
        let plain =
            Prompt::read(br#"{"messages":[{"source":{"type":"text","media_type":"text/plain","data":"hello"}}]}"#);
        assert_eq!((plain.text_bytes, plain.files), (5, 0));
    }

    #[test]
    fn what_lies_elsewhere_leaves_the_bound_open() {
        for body in [
            r#"{"previous_response_id":"resp_1","input":"a"}"#,
            r#"{"contents":[{"parts":[{"fileData":{"fileUri":"gs://a/b.mp4","mimeType":"video/mp4"}}]}]}"#,
            r#"{"input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]}"#,
            r#"{"input":"a","tools":[{"type":"web_search"}]}"#,
            r#"{"contents":[],"tools":[{"googleSearch":{}}]}"#,
            r#"{"input":"a","reasoning":{"mode":"pro"}}"#,
        ] {
            assert!(Prompt::read(body.as_bytes()).is_open(), "{body}");
        }
        for body in [
            r#"{"previous_response_id":null,"input":"a"}"#,
            r#"{"tools":[{"type":"function","function":{}},{"name":"a","input_schema":{}},{"functionDeclarations":[]}]}"#,
        ] {
            assert!(!Prompt::read(body.as_bytes()).is_open(), "{body}");
        }
    }

    #[test]
    fn nothing_hides_behind_a_name() {
        let long = "words ".repeat(100);
        for body in [
            format!(r#"{{"m\u0065ssages":[{{"role":"user","content":"{long}"}}]}}"#),
            format!(r#"{{"messages":[{{"role":"user","c\u006fntent":"{long}"}}]}}"#),
            format!(r#"{{"messages":[{{"role":"user","content":"{long}"#),
            format!(r#"{{"messages":{}"{long}"{}}}"#, "[".repeat(200), "]".repeat(200)),
            format!(r#"{{"tools":[{{"description":"{long}"}}]}}"#),
        ] {
            assert!(Prompt::read(body.as_bytes()).upper_tokens() >= 300, "{body:.40}");
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_read(body in prop::collection::vec(any::<u8>(), 0..300), text in "[{}\\[\\]\",:a0\\\\ ]{0,200}") {
            Prompt::read(&body).upper_tokens();
            let found = Prompt::read(format!("{{\"messages\":{text}").as_bytes());
            prop_assert!(found.text_bytes + found.schema_bytes <= 220);
        }

        #[test]
        fn every_text_is_found_whole(texts in prop::collection::vec("\\PC{0,80}", 0..6)) {
            let messages: Vec<_> = texts.iter().map(|text| serde_json::json!({"role": "user", "content": text})).collect();
            let found = Prompt::read(serde_json::json!({"model": "m", "messages": messages}).to_string().as_bytes());
            prop_assert_eq!(found.text_bytes, texts.iter().map(|text| text.len() as u64).sum::<u64>());
            prop_assert_eq!(found.messages, texts.len() as u64);
            prop_assert!(found.upper_tokens() >= found.likely_tokens());
        }
    }
}
