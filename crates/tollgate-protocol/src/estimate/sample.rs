//! The beginning of a text, for counting its tokens later if nobody else does.

/// Most bytes kept of a text.
pub const SAMPLE: usize = 512;

/// Up to [`SAMPLE`] bytes of text out of JSON strings, escapes resolved. Holds no memory until there is text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    text: Vec<u8>,
}

impl Sample {
    /// What was kept. UTF-8, but for a last character that may be cut.
    pub fn bytes(&self) -> &[u8] {
        &self.text
    }

    /// Adds text as it is written between the quotes of a JSON string, as far as there is room.
    pub(crate) fn take(&mut self, written: &[u8]) {
        if self.text.len() >= SAMPLE || written.is_empty() {
            return;
        }
        self.text.reserve_exact(SAMPLE - self.text.len());
        let mut rest = written;
        while self.text.len() < SAMPLE && !rest.is_empty() {
            let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
            let (run, tail) = rest.split_at(plain);
            self.text.extend_from_slice(run.get(..run.len().min(SAMPLE - self.text.len())).unwrap_or_default());
            rest = self.escape(tail);
        }
    }

    /// Takes the escape at the start of `rest` and returns what follows it.
    fn escape<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let code = rest.get(1).copied().unwrap_or_default();
        let (found, length) = match code {
            b'n' => ('\n', 2),
            b't' => ('\t', 2),
            b'r' => ('\r', 2),
            b'b' => ('\u{8}', 2),
            b'f' => ('\u{c}', 2),
            b'u' => match (unit(rest), rest.get(6..).and_then(unit)) {
                (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..0xe000)) => {
                    let point = 0x1_0000 + ((u32::from(high) - 0xd800) << 10) + (u32::from(low) - 0xdc00);
                    (char::from_u32(point).unwrap_or(' '), 12)
                }
                (Some(point), _) => (char::from_u32(u32::from(point)).unwrap_or(' '), 6),
                (None, _) => (' ', 2),
            },
            other => (char::from(other), 2),
        };
        if !rest.is_empty() {
            let mut utf8 = [0; 4];
            let text = found.encode_utf8(&mut utf8).as_bytes();
            self.text.extend_from_slice(text.get(..text.len().min(SAMPLE - self.text.len())).unwrap_or_default());
        }
        rest.get(length..).unwrap_or_default()
    }
}

/// The number of an escape `\uXXXX` at the start of `text`.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// How long the text is that is written between the quotes of a JSON string, in bytes. Text written in `\u` escapes
/// counts three bytes an escape, which is never too little.
pub(crate) fn text_length(written: &[u8]) -> u64 {
    let (mut length, mut rest) = (written.len(), written);
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (escape, saved) = if rest.get(at + 1) == Some(&b'u') { (6, 3) } else { (2, 1) };
        length = length.saturating_sub(saved);
        rest = rest.get(at + escape..).unwrap_or_default();
    }
    length as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str) -> Vec<u8> {
        let quoted = serde_json::to_string(text).unwrap();
        quoted.as_bytes()[1..quoted.len() - 1].to_vec()
    }

    proptest! {
        #[test]
        fn it_is_the_beginning_of_the_text(parts in prop::collection::vec(".{0,300}", 0..5)) {
            let mut sample = Sample::default();
            let whole: String = parts.concat();
            for part in &parts {
                sample.take(&written(part));
            }
            prop_assert_eq!(sample.bytes(), &whole.as_bytes()[..whole.len().min(SAMPLE)]);
            prop_assert!(sample.text.capacity() <= SAMPLE);
        }

        #[test]
        fn lengths_are_never_too_small(text in "(?s).{0,40}", garbage in prop::collection::vec(any::<u8>(), 0..700)) {
            let length = text_length(&written(&text));
            prop_assert!(length >= text.len() as u64);
            prop_assert!(text.chars().any(char::is_control) || length == text.len() as u64);
            text_length(&garbage);
            let mut sample = Sample::default();
            sample.take(&garbage);
            prop_assert!(sample.bytes().len() <= SAMPLE);
        }
    }

    #[test]
    fn escapes_are_resolved() {
        let mut sample = Sample::default();
        sample.take(br#"a\n\u4e2d\ud83d\ude42\"\ud83d!"#);
        assert_eq!(std::str::from_utf8(sample.bytes()).unwrap(), "a\n中🙂\" !");
    }
}
