//! What a vendor may be sent of items that others made.
//!
//! An id names something in the account that gave it: sent elsewhere it is refused, as are the thoughts that only
//! that account can read. Callers hand back whatever they were given, so this is looked at before a request passes.

use super::ids;
use super::read_items::{OF_HIDDEN, OF_PIECE_BEFORE};
use crate::canonical::Seal;
use crate::json;
use crate::splice::{self, Splice};
use bytes::Bytes;

/// Items that say all they have to say without their id.
const TELLING: [&[u8]; 5] = [
    b"\"message\"",
    b"\"function_call\"",
    b"\"function_call_output\"",
    b"\"custom_tool_call\"",
    b"\"custom_tool_call_output\"",
];

/// Whether the account that a request goes to gave an item its id.
pub type Known<'a> = &'a dyn Fn(&str) -> bool;

/// A request as a vendor of this protocol may be sent it. Items lose the gateway's ids, and those that are not `known`
/// where that can be told; thoughts of others, and whatever is nothing without its id, are left out. A request without
/// any such thing is returned as it is.
pub fn replayable(body: &Bytes, known: Option<Known<'_>>) -> Bytes {
    let ours = |mark: &[u8]| memchr::memmem::find(body, mark).is_some();
    if known.is_none() && !ours(b"_tg") && !ours(b"tg1.") {
        return body.clone();
    }
    let known = known.unwrap_or(&|_| true);
    let mut splice = None;
    // The head has found the body sound.
    let _ = json::members(body, |member| {
        if member.key().as_ref() == b"input"
            && let Some(text) = kept(member.value, known)
        {
            splice = Some(Splice { range: member.range(), text });
        }
    });
    splice::apply(body, splice.as_slice())
}

/// The list without what must not be sent; `None` if all may, or it is no list.
fn kept(list: &[u8], known: Known<'_>) -> Option<String> {
    let (mut out, mut changed) = (String::from("["), false);
    json::elements(list, |item| {
        let sent = match judged(item, known) {
            Verdict::Keep => String::from_utf8_lossy(item).into_owned(),
            Verdict::Unnamed(text) => {
                changed = true;
                text
            }
            Verdict::Leave => {
                changed = true;
                return;
            }
        };
        out.push_str(if out.len() > 1 { "," } else { "" });
        out.push_str(&sent);
    })
    .ok()?;
    out.push(']');
    changed.then_some(out)
}

enum Verdict {
    Keep,
    /// Without its id.
    Unnamed(String),
    Leave,
}

fn judged(item: &[u8], known: Known<'_>) -> Verdict {
    let (mut kind, mut id, mut state, mut role) = (None, None, None, false);
    let read = json::members(item, |member| match member.key().as_ref() {
        b"type" => kind = Some(member.value),
        b"id" if !member.is_null() => id = json::string(member.value),
        b"encrypted_content" => state = json::string(member.value),
        b"role" => role = true,
        _ => {}
    });
    let foreign =
        |state: &str| Seal::is_packed(state) || state.starts_with(OF_PIECE_BEFORE) || state.starts_with(OF_HIDDEN);
    if read.is_err() {
        return Verdict::Keep;
    }
    if state.as_deref().is_some_and(foreign) {
        return Verdict::Leave;
    }
    let Some(id) = id.filter(|id| ids::is_ours(id) || !known(id)) else { return Verdict::Keep };
    let reference = kind.is_none_or(|kind| kind == b"\"item_reference\"" || kind == b"null") && !role;
    if reference && !ids::is_ours(&id) {
        // The vendor will say that it does not know it.
        return Verdict::Keep;
    }
    if role || kind.is_some_and(|kind| TELLING.contains(&kind)) {
        Verdict::Unnamed(without_id(item))
    } else {
        Verdict::Leave
    }
}

fn without_id(item: &[u8]) -> String {
    let mut out = String::from("{");
    let _ = json::members(item, |member| {
        let key = member.key();
        if key.as_ref() == b"id" {
            return;
        }
        out.push_str(if out.len() > 1 { "," } else { "" });
        out.push_str(&json::quote(&String::from_utf8_lossy(&key)));
        out.push(':');
        out.push_str(&String::from_utf8_lossy(member.value));
    });
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(body: &str, known: Option<Known<'_>>) -> String {
        String::from_utf8(replayable(&Bytes::from(body.to_owned()), known).to_vec()).unwrap()
    }

    #[test]
    fn a_vendor_sees_nothing_that_it_did_not_give() {
        let ours = ids::item("message", "01J9ZK3Q5T7V9X1B3D5F7H9K2M", 0);
        let body = format!(
            r#"{{"input": [{{"id":"{ours}","type":"message","role":"assistant","content":[1.0]}}, {{"type":"reasoning","id":"rs_v","encrypted_content":"gAAA"}},{{"type":"reasoning","summary":[],"encrypted_content":"tg1.messages.x"}},{{"type":"reasoning","encrypted_content":"before.tg1.messages.x"}},{{"type":"function_call","id":"fc_v","call_id":"c"}},{{"id":"ws_v","type":"web_search_call"}}],"x":1.0}}"#
        );
        assert_eq!(
            sent(&body, None),
            r#"{"input": [{"type":"message","role":"assistant","content":[1.0]},{"type":"reasoning","id":"rs_v","encrypted_content":"gAAA"},{"type":"function_call","id":"fc_v","call_id":"c"},{"id":"ws_v","type":"web_search_call"}],"x":1.0}"#
        );
        assert_eq!(
            sent(&body, Some(&|_| false)),
            r#"{"input": [{"type":"message","role":"assistant","content":[1.0]},{"type":"function_call","call_id":"c"}],"x":1.0}"#
        );
    }

    #[test]
    fn what_is_all_right_is_not_touched() {
        let body = Bytes::from_static(br#"{"input":[ {"id":"rs_v","type":"reasoning"} , {"id":"x"}, 7 ]}"#);
        assert_eq!(replayable(&body, Some(&|_| true)).as_ptr(), body.as_ptr());
        let said = Bytes::from_static(br#"{"input":"tg1.messages.x"}"#);
        assert_eq!(replayable(&said, Some(&|_| false)).as_ptr(), said.as_ptr());
    }
}
