//! Tokens where nobody has counted them: rules of thumb over bytes, and what they are good for.
//!
//! An estimate is never taken for a count: whoever books one says so. English text has a little over four bytes a
//! token, code about three, Chinese three bytes a character and about one token for it (measured on recorded
//! answers, 2026-11).

use memchr::memchr;

/// Strings from this length on that hold no blank are taken for encoded media, not for text.
const MEDIA: usize = 1024;
/// The most tokens that an encoded file of one message is taken for. Vendors' formulas give an image some hundreds
/// to about 2,500.
const MEDIA_UPPER: u64 = 2_500;
const MEDIA_LIKELY: u64 = 800;

/// What a request seems to hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Bytes that are read as text.
    pub text_bytes: u64,
    /// Encoded files.
    pub media: u64,
}

impl Prompt {
    /// Looks through a JSON request: what is no encoded file counts as text, field names and all.
    pub fn read(body: &[u8]) -> Self {
        let mut prompt = Self { text_bytes: body.len() as u64, media: 0 };
        if body.len() < MEDIA {
            return prompt;
        }
        let mut rest = body;
        while let Some(start) = memchr(b'"', rest) {
            let string = rest.get(start + 1..).unwrap_or_default();
            let mut end = memchr(b'"', string).unwrap_or(string.len());
            while end < string.len() && is_escaped(string.get(..end).unwrap_or_default()) {
                let more = string.get(end + 1..).unwrap_or_default();
                end += 1 + memchr(b'"', more).unwrap_or(more.len());
            }
            let text = string.get(..end).unwrap_or_default();
            if text.len() >= MEDIA && !text.iter().any(|b| matches!(b, b' ' | b'\\') || *b >= 0x80) {
                prompt.text_bytes -= text.len() as u64;
                prompt.media += 1;
            }
            rest = string.get(end + 1..).unwrap_or_default();
        }
        prompt
    }

    /// Hardly ever fewer than the vendor will count: for what is held before a request is sent.
    pub fn upper_tokens(self) -> u64 {
        self.text_bytes / 2 + 16 + self.media * MEDIA_UPPER
    }

    /// About as many as the vendor will count.
    pub fn likely_tokens(self) -> u64 {
        self.text_bytes.div_ceil(4) + self.media * MEDIA_LIKELY
    }
}

fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Tokens of a piece of a stream: most vendors send one token at a time, some send sentences.
pub fn tokens_of_piece(bytes: u64) -> u64 {
    if bytes == 0 { 0 } else { (bytes.div_ceil(4)).max(1) }
}

/// Tokens of a text of so many bytes.
pub fn tokens_of_text(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn media_is_not_text() {
        let image = "A".repeat(100_000);
        let body = format!(
            "{{\"text\":\"say \\\"hi\\\" {}\",\"url\":\"data:image/png;base64,{image}\"}}",
            "word ".repeat(400)
        );
        let prompt = Prompt::read(body.as_bytes());
        assert_eq!(prompt.media, 1);
        assert!((2_000..2_100).contains(&prompt.text_bytes), "{prompt:?}");
        assert!(prompt.upper_tokens() > prompt.likely_tokens());
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, long in "[\"\\\\a ]{0,3000}") {
            let _ = Prompt::read(&bytes);
            prop_assert!(Prompt::read(long.as_bytes()).text_bytes <= long.len() as u64);
        }
    }
}
