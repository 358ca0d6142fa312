//! Writing JSON text, member by member, without a tree.
//!
//! Objects and lists close themselves when they go out of scope. Raw text goes in as it is, so that numbers and tool
//! arguments keep their bytes; whoever passes raw text vouches for it.

use crate::json::plain_run;
use bytes::{BufMut, BytesMut};
use std::fmt::Write as _;

/// An object being written.
pub struct Object<'a> {
    out: &'a mut BytesMut,
    empty: bool,
}

/// A list being written.
pub struct List<'a> {
    out: &'a mut BytesMut,
    empty: bool,
}

/// Opens an object.
pub fn object(out: &mut BytesMut) -> Object<'_> {
    out.put_u8(b'{');
    Object { out, empty: true }
}

/// Opens a list.
pub fn list(out: &mut BytesMut) -> List<'_> {
    out.put_u8(b'[');
    List { out, empty: true }
}

/// Writes a string with its quotes.
pub fn string(out: &mut BytesMut, text: &str) {
    out.put_u8(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, more) = rest.split_at(plain_run(rest));
        out.extend_from_slice(plain);
        let Some((byte, more)) = more.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        rest = more;
    }
    out.put_u8(b'"');
}

impl Object<'_> {
    /// Writes a key and hands out where its value goes.
    fn key(&mut self, name: &str) -> &mut BytesMut {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.put_u8(b',');
        }
        string(self.out, name);
        self.out.put_u8(b':');
        self.out
    }

    /// A string.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        let out = self.key(name);
        string(out, value);
        self
    }

    /// A string, or nothing.
    pub fn text_if(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    /// A string, or `null`.
    pub fn text_or_null(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    /// JSON text as it is.
    pub fn raw(&mut self, name: &str, json: &str) -> &mut Self {
        self.key(name).extend_from_slice(json.as_bytes());
        self
    }

    /// Members as they are, without braces around them; none where the text is empty.
    pub fn members(&mut self, json: &str) -> &mut Self {
        if !json.is_empty() {
            if !std::mem::replace(&mut self.empty, false) {
                self.out.put_u8(b',');
            }
            self.out.extend_from_slice(json.as_bytes());
        }
        self
    }

    /// `null`.
    pub fn null(&mut self, name: &str) -> &mut Self {
        self.raw(name, "null")
    }

    /// A whole number.
    pub fn whole(&mut self, name: &str, value: impl Into<i128>) -> &mut Self {
        let _ = write!(self.key(name), "{}", value.into());
        self
    }

    /// A number; what is not finite has no place in JSON and becomes `null`.
    pub fn number(&mut self, name: &str, value: f64) -> &mut Self {
        let out = self.key(name);
        if value.is_finite() {
            let _ = write!(out, "{value}");
        } else {
            out.extend_from_slice(b"null");
        }
        self
    }

    /// A number, or nothing.
    pub fn number_if(&mut self, name: &str, value: Option<f64>) -> &mut Self {
        if let Some(value) = value {
            self.number(name, value);
        }
        self
    }

    /// A truth value.
    pub fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.raw(name, if value { "true" } else { "false" })
    }

    /// An object inside.
    pub fn object(&mut self, name: &str) -> Object<'_> {
        object(self.key(name))
    }

    /// A list inside.
    pub fn list(&mut self, name: &str) -> List<'_> {
        list(self.key(name))
    }

    /// A list of strings.
    pub fn texts<'t>(&mut self, name: &str, values: impl IntoIterator<Item = &'t str>) -> &mut Self {
        let mut list = self.list(name);
        for value in values {
            list.text(value);
        }
        drop(list);
        self
    }
}

impl List<'_> {
    fn next(&mut self) -> &mut BytesMut {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.put_u8(b',');
        }
        self.out
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// A string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        string(self.next(), value);
        self
    }

    /// JSON text as it is.
    pub fn raw(&mut self, json: &str) -> &mut Self {
        self.next().extend_from_slice(json.as_bytes());
        self
    }

    /// An object inside.
    pub fn object(&mut self) -> Object<'_> {
        object(self.next())
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        self.out.put_u8(b'}');
    }
}

impl Drop for List<'_> {
    fn drop(&mut self) {
        self.out.put_u8(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nests_and_closes() {
        let mut out = BytesMut::new();
        {
            let mut body = object(&mut out);
            body.text("a", "x\"\n\u{1}é").flag("b", true).number("t", 0.5).whole("n", 7u64).raw("r", "1.0");
            body.list("l").text("p").object().null("q");
            body.object("o");
        }
        assert_eq!(
            std::str::from_utf8(&out).unwrap(),
            r#"{"a":"x\"\n\u0001é","b":true,"t":0.5,"n":7,"r":1.0,"l":["p",{"q":null}],"o":{}}"#
        );
    }

    proptest! {
        #[test]
        fn strings_come_back(text in "\\PC*|[\\x00-\\x7f]*") {
            let mut out = BytesMut::new();
            string(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
