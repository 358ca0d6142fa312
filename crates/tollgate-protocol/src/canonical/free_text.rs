//! Tools that take free text, where a protocol only has functions: a function with one string, `input`.

use crate::json;
use crate::write;
use bytes::BytesMut;

/// The parameters of such a function.
pub const FREE_TEXT_SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// Free text as the arguments of such a function.
pub fn free_text_arguments(text: &str) -> String {
    let mut out = BytesMut::new();
    write::object(&mut out).text("input", text);
    String::from_utf8(out.to_vec()).unwrap_or_default()
}

/// The free text in the arguments of such a function; the arguments as they are where a model wrote something else.
pub fn free_text(arguments: &str) -> String {
    let mut found = None;
    let read = json::members(arguments.as_bytes(), |member| {
        if member.key().as_ref() == b"input" {
            found = json::string(member.value).map(std::borrow::Cow::into_owned);
        }
    });
    found.filter(|_| read.is_ok()).unwrap_or_else(|| arguments.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let wrapped = free_text_arguments("a\"\n");
        assert_eq!(wrapped, r#"{"input":"a\"\n"}"#);
        assert_eq!(free_text(&wrapped), "a\"\n");
        assert_eq!(free_text("plain"), "plain");
    }
}
