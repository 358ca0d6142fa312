//! What the choices of a chat answer hold that a model has made.

use crate::generated::{Generated, SOUND_A_TOKEN};
use crate::json;

impl Generated {
    /// Takes the delta or the message of a choice, or its bare text; whether it holds something made.
    pub(crate) fn take(&mut self, delta: &[u8]) -> bool {
        let before = self.bytes();
        let (mut made, mut sound) = (false, 0);
        let mut thought: &[u8] = b"";
        if delta.starts_with(b"\"") {
            self.text(delta);
        } else {
            let read = json::members(delta, |member| {
                let value = member.value;
                match member.key().as_ref() {
                    b"role" => return,
                    b"content" | b"refusal" => self.text(value),
                    // Some servers send the same thought under both names.
                    b"reasoning_content" | b"reasoning" if value.len() > thought.len() => thought = value,
                    b"tool_calls" => {
                        // `null` where there are none.
                        let _ = json::elements(value, |call| self.call(call));
                    }
                    b"function_call" => self.function(value),
                    b"audio" => {
                        let _ = json::members(value, |inner| match inner.key().as_ref() {
                            b"transcript" => self.text(inner.value),
                            b"data" => sound += inner.value.len() as u64,
                            _ => {}
                        });
                    }
                    _ => {}
                }
                made |= !matches!(value, b"null" | b"[]" | b"{}" | b"\"\"");
            });
            self.text(thought);
            made &= read.is_ok();
        }
        self.piece(before, sound.div_ceil(SOUND_A_TOKEN), made)
    }

    fn call(&mut self, call: &[u8]) {
        // What is no object is no call.
        let _ = json::members(call, |member| {
            if matches!(member.key().as_ref(), b"function" | b"custom") {
                self.function(member.value);
            }
        });
    }

    fn function(&mut self, function: &[u8]) {
        let _ = json::members(function, |member| match member.key().as_ref() {
            b"name" => self.name(member.value),
            b"arguments" | b"input" => self.text(member.value),
            _ => {}
        });
    }
}

/// What a whole answer holds that was made, for one that came without usage.
pub fn generated(body: &[u8]) -> Generated {
    let mut all = Generated::default();
    // An answer that is none holds nothing.
    let _ = json::object(body, |member| {
        if member.key().as_ref() == b"choices" {
            let _ = json::elements(member.value, |choice| {
                let _ = json::members(choice, |inner| {
                    if matches!(inner.key().as_ref(), b"message" | b"text") {
                        all.take(inner.value);
                    }
                });
            });
        }
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::CALL_FRAME;

    #[test]
    fn all_that_a_message_can_hold() {
        let body = br#"{"choices":[{"message":{"role":"assistant","content":"Hi\n","refusal":null,"reasoning":"ab","reasoning_content":"abc"}},
            {"message":{"content":null,"tool_calls":[{"id":"call_123456","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]}},{"text":"xyz"}]}"#;
        let all = generated(body);
        assert_eq!((all.bytes() - CALL_FRAME, all.sample().bytes()), (17, b"Hi\nabcf{\"a\":1}xyz".as_slice()));
        assert_eq!(generated(b"<html>").bytes(), 0);
    }

    #[test]
    fn every_piece_is_at_least_a_token() {
        let mut all = Generated::default();
        assert!(!all.take(br#"{"role":"assistant","content":"","tool_calls":null}"#));
        assert_eq!(all.tokens(), 0);
        assert!(all.take(br#"{"content":"a"}"#) && all.take(br#"{"content":"abcd"}"#));
        assert!(all.take(br#"{"tool_calls":[{"index":0,"function":{"arguments":""}}]}"#));
        assert_eq!((all.tokens(), all.bytes()), (4, 5));
        let sound = format!(r#"{{"audio":{{"data":"{}"}}}}"#, "A".repeat(6400));
        assert!(all.take(sound.as_bytes()));
        assert_eq!((all.tokens(), all.bytes()), (7, 5));
    }
}
