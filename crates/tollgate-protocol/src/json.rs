//! One pass over JSON text: checks the grammar, bounds the depth, hands out the members of an object as byte
//! ranges. Builds no tree, converts no number, copies no string: an 11 MB body of floats costs one read of it.
//!
//! Why not `serde_json` here: its fast way of skipping a value neither bounds the depth nor checks UTF-8, and a
//! tree of a large body costs several times the pass. Typed reading of small parts still goes through it.

use std::borrow::Cow;
use std::ops::Range;

/// Deepest nesting accepted, in opened objects and arrays.
pub const MAX_DEPTH: u32 = 128;

/// Why a text is not acceptable JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Byte offset in the text.
    pub at: usize,
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// The text ends inside a value.
    Truncated,
    /// A byte that the grammar has no place for.
    Unexpected,
    /// More than [`MAX_DEPTH`] objects and arrays inside each other.
    TooDeep,
    /// Not UTF-8.
    NotUtf8,
    /// Something follows the value.
    Trailing,
    /// The value is not an object.
    NotObject,
}

impl std::fmt::Display for JsonError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.kind {
            JsonErrorKind::Truncated => "the text ends too early",
            JsonErrorKind::Unexpected => "unexpected character",
            JsonErrorKind::TooDeep => "nested too deeply",
            JsonErrorKind::NotUtf8 => "not valid UTF-8",
            JsonErrorKind::Trailing => "text after the end of the value",
            JsonErrorKind::NotObject => "the value is not an object",
        };
        write!(f, "{what} at byte {}", self.at)
    }
}

impl std::error::Error for JsonError {}

/// One member of an object.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The key between its quotes, as written.
    raw_key: &'a [u8],
    /// It is written with escapes.
    escaped: bool,
    /// Where the key's opening quote is.
    pub from: usize,
    /// Where the value is, without surrounding white space.
    pub start: usize,
    /// One past the value's last byte.
    pub end: usize,
    /// The value's bytes.
    pub value: &'a [u8],
}

impl<'a> Member<'a> {
    /// The key with its escapes resolved. A key that is written with escapes is still the same key: two parsers
    /// must not read two different requests.
    pub fn key(&self) -> Cow<'a, [u8]> {
        if !self.escaped {
            return Cow::Borrowed(self.raw_key);
        }
        let mut quoted = Vec::with_capacity(self.raw_key.len() + 2);
        quoted.push(b'"');
        quoted.extend_from_slice(self.raw_key);
        quoted.push(b'"');
        match serde_json::from_slice::<String>(&quoted) {
            Ok(key) => Cow::Owned(key.into_bytes()),
            Err(_) => Cow::Borrowed(self.raw_key),
        }
    }

    /// The value's place in the text.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        self.value == b"null"
    }
}

/// Checks that `text` is one JSON value and nothing else.
pub fn check(text: &[u8]) -> Result<(), JsonError> {
    utf8(text)?;
    let mut cursor = Cursor { text, at: 0 };
    cursor.blank();
    cursor.value(0)?;
    cursor.finish()
}

/// Checks that `text` is one JSON object in UTF-8 and nothing else, and calls `each` for its members in order.
/// Returns the offset of the closing brace.
pub fn object<'a>(text: &'a [u8], each: impl FnMut(Member<'a>)) -> Result<usize, JsonError> {
    utf8(text)?;
    members(text, each)
}

/// As [`object`], for text that is known to be UTF-8.
pub fn members<'a>(text: &'a [u8], mut each: impl FnMut(Member<'a>)) -> Result<usize, JsonError> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.blank();
    match cursor.peek() {
        Some(b'{') => cursor.at += 1,
        Some(_) => return Err(cursor.error(JsonErrorKind::NotObject)),
        None => return Err(cursor.error(JsonErrorKind::Truncated)),
    }
    cursor.blank();
    if cursor.peek() == Some(b'}') {
        let close = cursor.at;
        cursor.at += 1;
        cursor.finish()?;
        return Ok(close);
    }
    loop {
        cursor.blank();
        let from = cursor.at;
        let (raw_key, escaped) = cursor.string()?;
        cursor.blank();
        cursor.expect(b':')?;
        cursor.blank();
        let start = cursor.at;
        cursor.value(1)?;
        let end = cursor.at;
        each(Member { raw_key, escaped, from, start, end, value: text.get(start..end).unwrap_or_default() });
        cursor.blank();
        match cursor.next()? {
            b',' => {}
            b'}' => {
                let close = cursor.at - 1;
                cursor.finish()?;
                return Ok(close);
            }
            _ => return Err(cursor.unexpected()),
        }
    }
}

/// Calls `each` with the bytes of every element of the array `text`, which must be one array and nothing else.
pub fn elements<'a>(text: &'a [u8], mut each: impl FnMut(&'a [u8])) -> Result<(), JsonError> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.blank();
    cursor.expect(b'[')?;
    cursor.blank();
    if cursor.peek() == Some(b']') {
        cursor.at += 1;
        return cursor.finish();
    }
    loop {
        cursor.blank();
        let start = cursor.at;
        cursor.value(1)?;
        each(text.get(start..cursor.at).unwrap_or_default());
        cursor.blank();
        match cursor.next()? {
            b',' => {}
            b']' => return cursor.finish(),
            _ => return Err(cursor.unexpected()),
        }
    }
}

/// The text of a JSON string given with its quotes, escapes resolved; `None` if it is not a string.
pub fn string(value: &[u8]) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(value).ok().map(Cow::Owned)
}

/// A value as a JSON boolean.
pub fn boolean(value: &[u8]) -> Option<bool> {
    match value {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// A value as a whole number; `None` for fractions, negatives and what is over `u64`.
pub fn whole(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// `text` as a JSON string with its quotes.
pub fn quote(text: &str) -> String {
    if plain_run(text.as_bytes()) < text.len() {
        return serde_json::Value::String(text.to_owned()).to_string();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    quoted.push_str(text);
    quoted.push('"');
    quoted
}

fn utf8(text: &[u8]) -> Result<(), JsonError> {
    std::str::from_utf8(text).map(|_| ()).map_err(|e| JsonError { kind: JsonErrorKind::NotUtf8, at: e.valid_up_to() })
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { kind, at: self.at }
    }

    /// The error for the byte just taken.
    fn unexpected(&self) -> JsonError {
        JsonError { kind: JsonErrorKind::Unexpected, at: self.at.saturating_sub(1) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, JsonError> {
        let byte = self.peek().ok_or(self.error(JsonErrorKind::Truncated))?;
        self.at += 1;
        Ok(byte)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), JsonError> {
        if self.next()? == wanted { Ok(()) } else { Err(self.unexpected()) }
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn finish(&mut self) -> Result<(), JsonError> {
        self.blank();
        if self.at == self.text.len() { Ok(()) } else { Err(self.error(JsonErrorKind::Trailing)) }
    }

    /// Skips one value that stands `depth` levels deep. Containers are a bit each: 1 for an object.
    fn value(&mut self, mut depth: u32) -> Result<(), JsonError> {
        let floor = depth;
        let mut kinds: u128 = 0;
        loop {
            // A value is due here.
            match self.next()? {
                b'"' => {
                    self.at -= 1;
                    self.string()?;
                }
                b'{' => {
                    depth = self.deeper(depth)?;
                    self.blank();
                    if self.peek() == Some(b'}') {
                        self.at += 1;
                        depth -= 1;
                    } else {
                        kinds = (kinds << 1) | 1;
                        self.member_key()?;
                        continue;
                    }
                }
                b'[' => {
                    depth = self.deeper(depth)?;
                    self.blank();
                    if self.peek() == Some(b']') {
                        self.at += 1;
                        depth -= 1;
                    } else {
                        kinds <<= 1;
                        continue;
                    }
                }
                b't' => self.literal(b"rue")?,
                b'f' => self.literal(b"alse")?,
                b'n' => self.literal(b"ull")?,
                b'-' | b'0'..=b'9' => {
                    self.at -= 1;
                    self.number()?;
                }
                _ => return Err(self.unexpected()),
            }
            // A value has ended: go on inside its container, or up.
            loop {
                if depth == floor {
                    return Ok(());
                }
                self.blank();
                match (self.next()?, kinds & 1) {
                    (b',', 1) => {
                        self.blank();
                        self.member_key()?;
                        break;
                    }
                    (b',', _) => {
                        self.blank();
                        break;
                    }
                    (b'}', 1) | (b']', 0) => {
                        depth -= 1;
                        kinds >>= 1;
                    }
                    _ => return Err(self.unexpected()),
                }
            }
        }
    }

    fn deeper(&self, depth: u32) -> Result<u32, JsonError> {
        if depth >= MAX_DEPTH { Err(self.error(JsonErrorKind::TooDeep)) } else { Ok(depth + 1) }
    }

    fn member_key(&mut self) -> Result<(), JsonError> {
        self.string()?;
        self.blank();
        self.expect(b':')?;
        self.blank();
        Ok(())
    }

    fn literal(&mut self, rest: &[u8]) -> Result<(), JsonError> {
        for wanted in rest {
            self.expect(*wanted)?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !self.next()?.is_ascii_digit() {
            return Err(self.unexpected());
        }
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Skips a string, quotes included, and returns what is between them and whether that has escapes.
    fn string(&mut self) -> Result<(&'a [u8], bool), JsonError> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_run(self.text.get(self.at..).unwrap_or_default());
            let byte = self.next()?;
            if byte == b'"' {
                return Ok((self.text.get(start..self.at - 1).unwrap_or_default(), escaped));
            }
            escaped = true;
            match byte {
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            if !self.next()?.is_ascii_hexdigit() {
                                return Err(self.unexpected());
                            }
                        }
                    }
                    _ => return Err(self.unexpected()),
                },
                _ => return Err(self.unexpected()),
            }
        }
    }
}

/// How many bytes of `text` from its start are plain inside a string: no quote, no backslash, no control character.
/// Eight bytes a step; the tricks are the classic ones for finding a zero or a small byte in a word.
pub(crate) fn plain_run(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let mut rest = text;
    while let Some((eight, more)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*eight);
        let quote = word ^ (ONES * u64::from(b'"'));
        let slash = word ^ (ONES * u64::from(b'\\'));
        let found = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let found = found & HIGHS;
        if found != 0 {
            // Only the lowest mark is exact, and only that one is used.
            return text.len() - rest.len() + found.trailing_zeros() as usize / 8;
        }
        rest = more;
    }
    let plain = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20));
    text.len() - rest.len() + plain.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(|f| serde_json::json!(f)),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::btree_map(".*", inner, 0..8)
                    .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn takes_what_serde_writes(value in any_json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            prop_assert_eq!(check(text.as_bytes()), Ok(()));
            if let serde_json::Value::Object(map) = &value {
                let mut seen = Vec::new();
                object(text.as_bytes(), |m| seen.push((m.key().into_owned(), m.value.to_vec()))).unwrap();
                prop_assert_eq!(seen.len(), map.len());
                for ((key, raw), (want_key, want)) in seen.iter().zip(map) {
                    prop_assert_eq!(std::str::from_utf8(key).unwrap(), want_key);
                    let wanted = if pretty { serde_json::to_string_pretty(want) } else { serde_json::to_string(want) };
                    // Pretty text is indented by its depth; compare without white space outside of strings.
                    let bare = |t: &str| t.lines().map(str::trim_start).collect::<String>();
                    prop_assert_eq!(bare(std::str::from_utf8(raw).unwrap()), bare(&wanted.unwrap()));
                }
            }
        }

        #[test]
        fn agrees_with_serde_on_damaged_text(value in any_json(), at: prop::sample::Index, byte: u8) {
            let mut text = serde_json::to_vec(&value).unwrap();
            let at = at.index(text.len());
            text[at] = byte;
            // serde_json additionally refuses lone surrogates and numbers out of range; both are passed on as they are.
            if let Err(ours) = check(&text) {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&text).is_err(), "{ours}");
            } else if let Err(theirs) = serde_json::from_slice::<serde_json::Value>(&text) {
                let why = theirs.to_string();
                prop_assert!(
                    why.contains("surrogate") || why.contains("out of range") || why.contains("hex escape"),
                    "{why}: {:?}", String::from_utf8_lossy(&text)
                );
            }
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes);
            let _ = object(&bytes, |_| {});
            let _ = elements(&bytes, |_| {});
        }

        #[test]
        fn plain_run_is_the_naive_one(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let naive = bytes.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20).unwrap_or(bytes.len());
            prop_assert_eq!(plain_run(&bytes), naive);
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
        assert_eq!(check(&deep(128)), Ok(()));
        assert_eq!(check(&deep(129)).unwrap_err().kind, JsonErrorKind::TooDeep);
        assert_eq!(check(&vec![b'['; 100_000]).unwrap_err().kind, JsonErrorKind::TooDeep);
        let inside = [br#"{"a":"#.to_vec(), deep(128), b"}".to_vec()].concat();
        assert_eq!(object(&inside, |_| {}).unwrap_err().kind, JsonErrorKind::TooDeep);
    }

    #[test]
    fn an_escaped_key_is_the_same_key() {
        let mut keys = Vec::new();
        object(br#"{"mod\u0065l":1}"#, |m| keys.push(m.key().into_owned())).unwrap();
        assert_eq!(keys, [b"model".to_vec()]);
    }

    #[test]
    fn the_odd_ones() {
        for bad in [
            "",
            "{",
            "{}x",
            "\u{feff}{}",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            "+1",
            "nul",
            "\"\u{1}\"",
            "{\"a\" 1}",
            "[}",
            "{]",
        ] {
            assert!(check(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert_eq!(check(b"\"\xff\"").unwrap_err().kind, JsonErrorKind::NotUtf8);
        assert_eq!(object(b" [1] ", |_| {}).unwrap_err().kind, JsonErrorKind::NotObject);
        assert_eq!(object(b" { } \n", |_| {}), Ok(3));
    }
}
