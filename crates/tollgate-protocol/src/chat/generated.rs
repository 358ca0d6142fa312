//! What of a chunk or an answer was made.

use crate::generated::Generated;
use crate::json;

impl Generated {
    /// Takes the delta or the message of a chat choice, or its bare text; whether it holds something made.
    pub(crate) fn take(&mut self, delta: &[u8]) -> bool {
        self.piece(|all| {
            if delta.starts_with(b"\"") {
                all.text(delta);
                return false;
            }
            let mut made = false;
            let mut thought: &[u8] = b"";
            let read = json::members(delta, |member| {
                let value = member.value;
                match member.key().as_ref() {
                    b"role" => return,
                    b"content" | b"refusal" => all.text(value),
                    // Some servers send the same thought under both names.
                    b"reasoning_content" | b"reasoning" if value.len() > thought.len() => thought = value,
                    b"tool_calls" => {
                        // `null` where there are none.
                        let _ = json::elements(value, |call| tool_call(all, call));
                    }
                    b"function_call" => function(all, value),
                    b"audio" => {
                        let _ = json::members(value, |inner| match inner.key().as_ref() {
                            b"transcript" => all.text(inner.value),
                            b"data" => all.sound(inner.value),
                            _ => {}
                        });
                    }
                    _ => {}
                }
                made |= !matches!(value, b"null" | b"[]" | b"{}" | b"\"\"");
            });
            all.text(thought);
            made && read.is_ok()
        })
    }
}

fn tool_call(all: &mut Generated, call: &[u8]) {
    // What is no object is no call.
    let _ = json::members(call, |member| {
        if matches!(member.key().as_ref(), b"function" | b"custom") {
            function(all, member.value);
        }
    });
}

fn function(all: &mut Generated, value: &[u8]) {
    let _ = json::members(value, |member| match member.key().as_ref() {
        b"name" => all.call(member.value),
        b"arguments" | b"input" => all.text(member.value),
        _ => {}
    });
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
