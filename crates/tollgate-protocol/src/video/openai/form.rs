//! A whole form in memory, taken apart. Forms: RFC 7578.

use bytes::Bytes;
use std::ops::Range;

/// Most parts of a form.
const MAX_PARTS: usize = 32;

/// A part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its field.
    pub name: String,
    /// Whether it has a file's name.
    pub is_file: bool,
    /// Where its content is.
    pub range: Range<usize>,
}

/// A form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// All of it.
    pub body: Bytes,
    /// Its parts in their order.
    pub parts: Vec<Part>,
}

impl Form {
    /// Takes a form apart; `None` if it is not one.
    pub fn read(body: Bytes, boundary: &str) -> Option<Self> {
        let delimiter = format!("--{boundary}");
        let mut at = memchr::memmem::find(&body, delimiter.as_bytes())?;
        let mut parts = Vec::new();
        loop {
            at += delimiter.len();
            let rest = body.get(at..)?;
            if rest.starts_with(b"--") {
                return Some(Self { body, parts });
            }
            let rest = rest.strip_prefix(b"\r\n")?;
            at += 2;
            let head = memchr::memmem::find(rest, b"\r\n\r\n")?;
            let (name, is_file) = disposition(rest.get(..head)?)?;
            let start = at + head + 4;
            let end = start + memchr::memmem::find(body.get(start..)?, format!("\r\n{delimiter}").as_bytes())?;
            if parts.len() >= MAX_PARTS {
                return None;
            }
            parts.push(Part { name, is_file, range: start..end });
            at = end + 2;
        }
    }

    /// The content of a part.
    pub fn content(&self, part: &Part) -> &[u8] {
        self.body.get(part.range.clone()).unwrap_or_default()
    }

    /// The form with other contents in the place of some parts'; a field that is not there is put in front.
    pub fn with(&self, boundary: &str, name: &str, value: &str) -> Bytes {
        let mut out = Vec::with_capacity(self.body.len() + value.len() + 128);
        match self.parts.iter().find(|part| part.name == name) {
            Some(part) => {
                out.extend_from_slice(self.body.get(..part.range.start).unwrap_or_default());
                out.extend_from_slice(value.as_bytes());
                out.extend_from_slice(self.body.get(part.range.end..).unwrap_or_default());
            }
            None => {
                let head =
                    format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
                out.extend_from_slice(head.as_bytes());
                let from = memchr::memmem::find(&self.body, format!("--{boundary}").as_bytes()).unwrap_or(0);
                out.extend_from_slice(self.body.get(from..).unwrap_or_default());
            }
        }
        out.into()
    }
}

/// Name, and whether there is a file's name, of a part's head.
fn disposition(head: &[u8]) -> Option<(String, bool)> {
    let head = std::str::from_utf8(head).ok()?;
    let line = head.split("\r\n").find(|line| {
        line.split_once(':').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))
    })?;
    let quoted = |key: &str| {
        let (_, rest) = line.split_once(key)?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let name = quoted("; name=\"").or_else(|| quoted(";name=\""))?;
    Some((name, line.contains("filename")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form() -> Bytes {
        let text = "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na cat\r\n--b\r\ncontent-disposition: \
                    form-data; name=\"input_reference\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\
                    \x00\r\n--c\r\n--b--\r\n";
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn parts_are_found_and_replaced() {
        let read = Form::read(form(), "b").unwrap();
        let found: Vec<_> = read.parts.iter().map(|p| (p.name.as_str(), p.is_file, read.content(p))).collect();
        assert_eq!(found, [("prompt", false, &b"a cat"[..]), ("input_reference", true, &b"\x00\r\n--c"[..])]);
        for (name, value) in [("prompt", "a dog"), ("model", "m")] {
            let changed = Form::read(read.with("b", name, value), "b").unwrap();
            let part = changed.parts.iter().find(|p| p.name == name).unwrap();
            assert_eq!(changed.content(part), value.as_bytes());
        }
        assert!(Form::read(form(), "x").is_none());
        assert!(Form::read(form().slice(..40), "b").is_none());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..200) {
            let _ = Form::read(bytes.into(), "b");
            let whole = form();
            let _ = Form::read(whole.slice(cut.min(whole.len())..), "b");
        }
    }
}
