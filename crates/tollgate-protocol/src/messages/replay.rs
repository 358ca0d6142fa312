//! What the vendor may be sent of thoughts that others had.
//!
//! Callers hand back whatever they were given, also after they have changed the model: thoughts under another vendor's
//! seal, or under none. The vendor refuses a request that holds such a block, so this is looked at before a request
//! passes to it.

use crate::canonical::Seal;
use crate::json;
use crate::splice::{self, Splice};
use bytes::Bytes;

/// A request as the vendor may be sent it: blocks of thought that are not its own are left out, and messages that
/// hold nothing else. A request without any is returned as it is.
pub fn replayable(body: &Bytes) -> Bytes {
    let holds = |mark: &[u8]| memchr::memmem::find(body, mark).is_some();
    if !holds(b"tg1.") && !holds(b"signature") {
        return body.clone();
    }
    let mut splice = None;
    // The head has found the body sound.
    let _ = json::members(body, |member| {
        if member.key().as_ref() == b"messages"
            && let Some(text) = kept(member.value, message)
        {
            splice = Some(Splice { range: member.range(), text });
        }
    });
    splice::apply(body, splice.as_slice())
}

/// What becomes of an element of a list.
enum Verdict {
    Keep,
    Change(String),
    Leave,
}

/// The list without what must not be sent; `None` if all may, or it is no list.
fn kept(list: &[u8], judge: impl Fn(&[u8]) -> Verdict) -> Option<String> {
    let (mut out, mut changed) = (String::from("["), false);
    json::elements(list, |element| {
        let verdict = judge(element);
        changed |= !matches!(verdict, Verdict::Keep);
        if matches!(verdict, Verdict::Leave) {
            return;
        }
        out.push_str(if out.len() > 1 { "," } else { "" });
        match verdict {
            Verdict::Change(text) => out.push_str(&text),
            Verdict::Keep | Verdict::Leave => out.push_str(&String::from_utf8_lossy(element)),
        }
    })
    .ok()?;
    out.push(']');
    changed.then_some(out)
}

fn message(message: &[u8]) -> Verdict {
    let mut content = None;
    let _ = json::members(message, |member| {
        if member.key().as_ref() == b"content" {
            content = Some(member);
        }
    });
    let Some(content) = content else { return Verdict::Keep };
    match kept(content.value, block) {
        None => Verdict::Keep,
        Some(text) if text == "[]" => Verdict::Leave,
        Some(text) => {
            let whole = Bytes::copy_from_slice(message);
            let changed = splice::apply(&whole, &[Splice { range: content.range(), text }]);
            Verdict::Change(String::from_utf8_lossy(&changed).into_owned())
        }
    }
}

fn block(block: &[u8]) -> Verdict {
    let (mut kind, mut proof): (&[u8], _) = (b"", None);
    let _ = json::members(block, |member| match member.key().as_ref() {
        b"type" => kind = member.value,
        b"signature" | b"data" => proof = json::string(member.value),
        _ => {}
    });
    let proof = proof.unwrap_or_default();
    let foreign = match kind {
        b"\"thinking\"" => proof.is_empty() || Seal::is_packed(&proof),
        b"\"redacted_thinking\"" => Seal::is_packed(&proof),
        _ => false,
    };
    if foreign { Verdict::Leave } else { Verdict::Keep }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(body: &'static str) -> String {
        String::from_utf8(replayable(&Bytes::from_static(body.as_bytes())).to_vec()).unwrap()
    }

    #[test]
    fn others_thoughts_stay_here() {
        assert_eq!(
            sent(
                r#"{"x" : 1.0,"messages": [ {"role":"user","content":"tg1. signature"}, {"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"tg1.responses.x"},{"type":"text","text":"b" }, {"type":"redacted_thinking","data":"tg1.generate-content.y"}],"z":0}, {"role":"assistant","content":[{"type":"thinking","thinking":"c","signature": ""}]}, {"role":"user","content":"d"}]}"#
            ),
            r#"{"x" : 1.0,"messages": [{"role":"user","content":"tg1. signature"},{"role":"assistant","content":[{"type":"text","text":"b" }],"z":0},{"role":"user","content":"d"}]}"#
        );
    }

    #[test]
    fn its_own_come_back_as_they_were() {
        for body in [
            r#"{"messages": [{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"EqQB"}, {"type":"redacted_thinking","data":"zz"}]} ]}"#,
            r#"{"messages":"tg1."}"#,
            r#"{"messages":[1,{"content":3}],"signature":""}"#,
        ] {
            let whole = Bytes::from_static(body.as_bytes());
            assert_eq!(replayable(&whole).as_ptr(), whole.as_ptr(), "{body}");
        }
    }
}
