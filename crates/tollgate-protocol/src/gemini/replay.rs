//! What a vendor may be sent of proofs that others gave.
//!
//! Callers hand back whatever they were given in `thoughtSignature`, also what another protocol's vendor wrote and the
//! gateway packed there. Google refuses a proof that is not its own, so this is looked at before a request passes.

use super::seal::{self, NEVER_HAD};
use crate::codec::Protocol;
use crate::json;
use crate::splice::{self, Splice};
use bytes::Bytes;

/// A request as a vendor of this protocol may be sent it: calls have the words that stand for a missing proof instead of
/// a foreign one, thoughts that were nothing but such a proof are left out, everything else loses it. A request without
/// any is returned as it is.
pub fn replayable(body: &Bytes) -> Bytes {
    if memchr::memmem::find(body, seal::PACKED.as_bytes()).is_none() {
        return body.clone();
    }
    let mut splices = Vec::new();
    // The head has found the body sound.
    let _ = json::members(body, |member| {
        if member.key().as_ref() == b"contents" {
            let _ = json::elements(member.value, |content| contents(body, content, &mut splices));
        }
    });
    splice::apply(body, &splices)
}

fn contents(body: &Bytes, content: &[u8], splices: &mut Vec<Splice>) {
    let _ = json::members(content, |member| {
        if member.key().as_ref() != b"parts" {
            return;
        }
        if let Some(text) = parts(member.value) {
            // Parts are a piece of the body; only their place in it is asked for.
            let start = member.value.as_ptr() as usize - body.as_ptr() as usize;
            splices.push(Splice { range: start..start + member.value.len(), text });
        }
    });
}

/// The list without what must not be sent; `None` if all may, or it is no list.
fn parts(list: &[u8]) -> Option<String> {
    let (mut out, mut changed) = (String::from("["), false);
    json::elements(list, |part| {
        let sent = match without_foreign(part) {
            None => String::from_utf8_lossy(part).into_owned(),
            Some(sent) => {
                changed = true;
                sent
            }
        };
        if !sent.is_empty() {
            out.push_str(if out.len() > 1 { "," } else { "" });
            out.push_str(&sent);
        }
    })
    .ok()?;
    if out.len() == 1 {
        // A turn must hold something.
        out.push_str(r#"{"text":" "}"#);
    }
    out.push(']');
    changed.then_some(out)
}

/// A part without the proof in it, if that is foreign; empty if nothing is left.
fn without_foreign(part: &[u8]) -> Option<String> {
    let (mut foreign, mut calls, mut says) = (false, false, false);
    let is_proof = |key: &[u8]| matches!(key, b"thoughtSignature" | b"thought_signature");
    json::members(part, |member| match member.key().as_ref() {
        key if is_proof(key) => {
            let seal = json::string(member.value).and_then(|text| seal::read(&text));
            foreign = seal.is_some_and(|seal| seal.owner != Protocol::GenerateContent);
        }
        b"functionCall" | b"function_call" => (calls, says) = (true, true),
        b"text" => says |= member.value != b"\"\"",
        b"thought" => {}
        _ => says = true,
    })
    .ok()?;
    if !foreign {
        return None;
    }
    if !says {
        return Some(String::new());
    }
    let mut out = String::from("{");
    let _ = json::members(part, |member| {
        let key = member.key();
        let proof = is_proof(&key);
        if proof && !calls {
            return;
        }
        out.push_str(if out.len() > 1 { "," } else { "" });
        out.push_str(&json::quote(&String::from_utf8_lossy(&key)));
        out.push(':');
        if proof {
            out.push_str(&json::quote(NEVER_HAD));
        } else {
            out.push_str(&String::from_utf8_lossy(member.value));
        }
    });
    out.push('}');
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Seal;

    fn sent(body: &str) -> String {
        String::from_utf8(replayable(&Bytes::from(body.to_owned())).to_vec()).unwrap()
    }

    #[test]
    fn a_vendor_sees_no_foreign_proof() {
        let foreign = seal::write(&Seal { owner: Protocol::Messages, data: "EqQB".into() });
        let body = format!(
            r#"{{"contents": [{{"role":"user","parts":[{{"text":"hi"}}]}}, {{"role":"model","parts":[ {{"text":"","thought":true,"thoughtSignature":"{foreign}"}},{{"text":"t","thought":true,"thought_signature":"{foreign}"}}, {{"functionCall":{{"name":"f","args":{{"n":1.0}}}},"thoughtSignature":"{foreign}"}},{{"text":"x","thoughtSignature":"own=="}}] }},{{"role":"model","parts":[{{"text":"","thoughtSignature":"{foreign}"}}]}}],"x":1.0}}"#
        );
        assert_eq!(
            sent(&body),
            r#"{"contents": [{"role":"user","parts":[{"text":"hi"}]}, {"role":"model","parts":[{"text":"t","thought":true},{"functionCall":{"name":"f","args":{"n":1.0}},"thoughtSignature":"skip_thought_signature_validator"},{"text":"x","thoughtSignature":"own=="}] },{"role":"model","parts":[{"text":" "}]}],"x":1.0}"#
        );
    }

    #[test]
    fn what_is_all_right_is_not_touched() {
        for body in [
            r#"{"contents":[ {"parts":[{"text":"x","thoughtSignature":"EqQB"}]} ]}"#,
            r#"{"contents":[ {"parts":[{"text":"dGcx"},{"thoughtSignature":"dGcx"}]} ]}"#,
            r#"{"contents":"dGcx"}"#,
        ] {
            assert_eq!(sent(body), body);
        }
    }
}
