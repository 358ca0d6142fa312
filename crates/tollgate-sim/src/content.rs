//! The one token rule, the hash and the numbers that everything else is derived from.
//!
//! Nothing here knows a vendor, a clock or a random source: the same seed says the same thing for ever.

/// A run of letters is one token up to this many characters; a longer run is cut.
const RUN: usize = 16;

/// FNV-1a over 64 bits: the hash that ids, times and texts are derived from, and that the journal shows for a body.
#[must_use]
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The number of tokens in a text, by the simulator's own rule: a run of letters and digits of up to 16 characters is
/// one token, every other visible character is one, an East Asian character is one, white space is none.
#[must_use]
pub fn count_tokens(text: &str) -> u64 {
    let mut rest = text;
    let mut count = 0;
    while let Some((_, after)) = split_token(rest) {
        rest = after;
        count += 1;
    }
    count
}

/// The first token with the white space before it, and what follows; none when only white space is left.
pub(crate) fn split_token(text: &str) -> Option<(&str, &str)> {
    let mut run = 0;
    for (at, char) in text.char_indices() {
        let in_word = char.is_alphanumeric() && char < '\u{2E80}';
        match (run, in_word) {
            (0, _) if char.is_whitespace() => {}
            (0, false) => return text.split_at_checked(at + char.len_utf8()),
            (RUN, _) | (_, false) => return text.split_at_checked(at),
            (_, true) => run += 1,
        }
    }
    (run > 0).then_some((text, ""))
}

/// A splitmix64 sequence: small, fast, and good enough for pretending.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(from.len() as u64);
        from.get(usize::try_from(at).unwrap_or(0))
    }

    /// `length` characters of the alphabet, as in vendors' ids.
    pub(crate) fn letters(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).filter_map(|_| self.pick(alphabet)).map(|byte| char::from(*byte)).collect()
    }
}

pub(crate) const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub(crate) const HEX: &[u8] = b"0123456789abcdef";

/// Appends `text` as the inside of a JSON string.
pub(crate) fn escape(text: &str, out: &mut bytes::BytesMut) {
    let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| !plain(byte)) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        let Some((byte, after)) = after.split_first() else {
            break;
        };
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}

/// A part of a path or a query without its percent codes.
pub(crate) fn decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_token_rule() {
        assert_eq!(count_tokens(""), 0);
        assert_eq!(count_tokens("  \n"), 0);
        assert_eq!(count_tokens("Hello, world!"), 4);
        assert_eq!(count_tokens("你好 a"), 3);
        assert_eq!(count_tokens(&"a".repeat(16)), 1);
        assert_eq!(count_tokens(&"a".repeat(33)), 3);
    }

    #[test]
    fn escapes_are_valid_json() {
        let text = "a\"b\\c\nd\te\u{1}é🎉";
        let mut out = bytes::BytesMut::from(&b"\""[..]);
        escape(text, &mut out);
        out.extend_from_slice(b"\"");
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
