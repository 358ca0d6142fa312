//! Conversations that go on from kept answers.
//!
//! Where the vendor keeps answers, a request passes with its ids exchanged. Where it keeps none, the gateway tells the
//! whole conversation again: earlier items first, then the new ones, and items that are only named are told in full.
//! Both are byte-faithful edits. Which answers are kept, whose they are and how long is the gateway's to know.

use crate::fault::{Fault, FaultKind};
use crate::fields::{Item, items, wrong};
use crate::head::malformed;
use crate::json::{self, Member};
use crate::splice::{self, Splice};
use bytes::Bytes;
use std::ops::Range;

/// What a request says about kept answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The answer that it goes on from.
    pub previous: Option<String>,
    /// Whether its answer is to be kept; so it is unless the caller says otherwise.
    pub keep: bool,
    /// Whether the caller does not wait for the answer.
    pub background: bool,
    /// Whether it belongs to a conversation that a vendor keeps.
    pub conversation: bool,
    /// Items that are named instead of told.
    pub references: Vec<String>,
    places: Places,
}

/// Where in the body it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Places {
    previous: Option<Range<usize>>,
    input: Option<Range<usize>>,
    /// Of each reference.
    references: Vec<Range<usize>>,
    /// The request's closing brace.
    close: usize,
}

/// Reads what a request says about kept answers. What decides about that must not be given twice.
pub fn asked(body: &[u8]) -> Result<Asked, Fault> {
    let mut asked = Asked { keep: true, ..Asked::default() };
    let mut seen: Vec<&'static str> = Vec::new();
    let mut fault = None;
    let close = json::object(body, |member| {
        if fault.is_none() {
            fault = asked.take(&member, &mut seen).err();
        }
    })
    .map_err(|error| malformed(&error))?;
    asked.places.close = close;
    if let Some(fault) = fault {
        return Err(fault);
    }
    if asked.previous.is_some() && asked.conversation {
        let message = "'previous_response_id' and 'conversation' exclude each other.";
        return Err(Fault::invalid("previous_response_id", message));
    }
    let input = asked.places.input.clone().and_then(|range| Some((range.start, body.get(range)?)));
    if let Some((start, list)) = input {
        // A string names no items.
        let _ = json::elements(list, |item| {
            if let Some(id) = reference(item) {
                let at = start + (item.as_ptr() as usize - list.as_ptr() as usize);
                asked.references.push(id);
                asked.places.references.push(at..at + item.len());
            }
        });
    }
    Ok(asked)
}

/// The id that an item consists of, if that is all it says.
fn reference(item: &[u8]) -> Option<String> {
    let (mut id, mut other, mut named) = (None, false, false);
    json::members(item, |member| match member.key().as_ref() {
        b"id" => id = json::string(member.value).map(std::borrow::Cow::into_owned),
        b"type" if member.value == b"\"item_reference\"" => named = true,
        b"type" if member.is_null() => {}
        _ => other = true,
    })
    .ok()?;
    id.filter(|_| named || !other)
}

impl Asked {
    fn take(&mut self, member: &Member<'_>, seen: &mut Vec<&'static str>) -> Result<(), Fault> {
        let key = member.key();
        let names = ["previous_response_id", "store", "background", "conversation", "input"];
        let Some(name) = names.into_iter().find(|name| name.as_bytes() == key.as_ref()) else { return Ok(()) };
        if seen.contains(&name) {
            return Err(Fault::invalid(name, format!("'{name}' is given twice.")));
        }
        seen.push(name);
        let flag = || json::boolean(member.value).ok_or_else(|| wrong(name, "true or false"));
        match name {
            "input" if !member.is_null() => self.places.input = Some(member.range()),
            _ if member.is_null() => {}
            "previous_response_id" => {
                let id = json::string(member.value).filter(|id| !id.is_empty());
                self.previous = Some(id.ok_or_else(|| wrong(name, "the id of an answer"))?.into_owned());
                self.places.previous = Some(member.range());
            }
            "store" => self.keep = flag()?,
            "background" => self.background = flag()?,
            _ => self.conversation = true,
        }
        Ok(())
    }

    /// The request for a vendor that keeps the answer that it goes on from, under this id.
    pub fn going_on_from(&self, body: &Bytes, vendor_id: &str) -> Bytes {
        let splice = self.places.previous.clone().map(|range| Splice { range, text: json::quote(vendor_id) });
        splice::apply(body, splice.as_slice())
    }

    /// The request with everything in it: `earlier` are the lists of items before it, oldest first (input and output
    /// of each answer), `find` tells an item that is only named. Nothing is left that only a store could read.
    pub fn told_again(
        &self,
        body: &Bytes,
        earlier: &[&str],
        mut find: impl FnMut(&str) -> Option<String>,
    ) -> Result<Bytes, Fault> {
        let mut splices = Vec::new();
        let mut before = String::new();
        for list in earlier {
            for Item { raw, .. } in items(list, "input")? {
                before.push_str(if before.is_empty() { "" } else { "," });
                before.push_str(raw);
            }
        }
        if let Some(range) = self.places.previous.clone() {
            splices.push(Splice { range, text: "null".to_owned() });
        }
        match &self.places.input {
            None if before.is_empty() => {}
            None => {
                let close = self.places.close;
                let first = body.get(..close).unwrap_or_default().trim_ascii_end().ends_with(b"{");
                let comma = if first { "" } else { "," };
                splices.push(Splice { range: close..close, text: format!("{comma}\"input\":[{before}]") });
            }
            Some(range) => {
                let input = body.get(range.clone()).unwrap_or_default();
                splices.extend(opening(input, range.start, before));
            }
        }
        for (id, range) in self.references.iter().zip(&self.places.references) {
            let item = find(id).ok_or_else(|| item_not_found(id))?;
            splices.push(Splice { range: range.clone(), text: item });
        }
        splices.sort_by_key(|splice| splice.range.start);
        Ok(splice::apply(body, &splices))
    }
}

/// What brings earlier items into an input that starts at `start`.
fn opening(input: &[u8], start: usize, before: String) -> Option<Splice> {
    if before.is_empty() {
        return None;
    }
    if input.starts_with(b"[") {
        let empty = input.get(1..).unwrap_or_default().trim_ascii_start().starts_with(b"]");
        let text = if empty { before } else { format!("{before},") };
        return Some(Splice { range: start + 1..start + 1, text });
    }
    let said = String::from_utf8_lossy(input);
    let text = format!("[{before},{{\"type\":\"message\",\"role\":\"user\",\"content\":{said}}}]");
    Some(Splice { range: start..start + input.len(), text })
}

/// The fault for an answer that is not kept, or is somebody else's: the same for both.
pub fn not_found(id: &str) -> Fault {
    Fault::new(FaultKind::NotFound, "response_not_found", format!("There is no response '{id}'."))
}

/// The same where a request goes on from it.
pub fn previous_not_found(id: &str) -> Fault {
    let message = format!("There is no response '{id}' to go on from.");
    Fault::new(FaultKind::NotFound, "previous_response_not_found", message).about("previous_response_id")
}

/// The fault for going on from an answer that only the account which gave it can read, with a model that is not to be
/// had there.
pub fn previous_elsewhere(id: &str) -> Fault {
    let message = format!(
        "The response '{id}' is kept by the provider that made it. Go on with a model of that provider, or send the \
         conversation itself."
    );
    Fault::unsupported("previous_response_id", message)
}

/// The fault for naming an item that is not kept, or is somebody else's.
pub fn item_not_found(id: &str) -> Fault {
    let message = format!("There is no item '{id}' here, or its response is no longer kept.");
    Fault::new(FaultKind::NotFound, "item_not_found", message).about("input")
}

/// The fault for naming an item that only the account which made it can read, beside what it cannot read.
pub fn item_elsewhere(id: &str) -> Fault {
    let message = format!(
        "The item '{id}' is kept by the provider that made it. Go on with a model of that provider, or send the item \
         itself."
    );
    Fault::unsupported("input", message)
}

/// The fault for a conversation that a vendor keeps: whose it is cannot be told.
pub fn conversation_not_found() -> Fault {
    let message = "There is no such conversation here. Go on from a response by 'previous_response_id'.";
    Fault::new(FaultKind::NotFound, "conversation_not_found", message).about("conversation")
}

/// The fault for streaming an answer again whose caller waited for it.
pub fn not_streamable() -> Fault {
    let message = "Only a response that was made in the background can be streamed again.";
    Fault::invalid("stream", message)
}

/// The fault for cancelling an answer whose caller waited for it.
pub fn not_cancellable() -> Fault {
    let message = "Only a response that was made in the background can be cancelled.";
    Fault::invalid("response_id", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn again(body: &'static str, earlier: &[&str]) -> String {
        let body = Bytes::from_static(body.as_bytes());
        let find = |id: &str| (id == "msg_1").then(|| r#"{"role":"user","content":"named"}"#.to_owned());
        let out = asked(&body).unwrap().told_again(&body, earlier, find).unwrap();
        json::check(&out).unwrap();
        String::from_utf8(out.to_vec()).unwrap()
    }

    const EARLIER: [&str; 2] = [r#"[{"a":1}, {"b":2.0}]"#, r#"[{"c":3}]"#];

    #[test]
    fn a_conversation_is_told_again() {
        assert_eq!(
            again(r#"{ "previous_response_id":"resp_1", "input" : "hi\n" ,"x":1.0}"#, &EARLIER),
            r#"{ "previous_response_id":null, "input" : [{"a":1},{"b":2.0},{"c":3},{"type":"message","role":"user","content":"hi\n"}] ,"x":1.0}"#
        );
        assert_eq!(
            again(
                r#"{"input":[ {"id":"msg_1","type":"item_reference"} , {"d":4},{"id":"msg_1"}],"previous_response_id":"r"}"#,
                &EARLIER
            ),
            r#"{"input":[{"a":1},{"b":2.0},{"c":3}, {"role":"user","content":"named"} , {"d":4},{"role":"user","content":"named"}],"previous_response_id":null}"#
        );
        assert_eq!(again(r#"{"input":[ ]}"#, &EARLIER[1..]), r#"{"input":[{"c":3} ]}"#);
        assert_eq!(again(r#"{"model":"m"}"#, &EARLIER[1..]), r#"{"model":"m","input":[{"c":3}]}"#);
        let plain = r#"{"input":"hi","previous_response_id":null}"#;
        assert_eq!(again(plain, &[]), plain);
    }

    #[test]
    fn a_request_that_says_nothing_is_told_too() {
        assert_eq!(again("{ }", &["[1]"]), r#"{ "input":[1]}"#);
    }

    #[test]
    fn what_is_asked() {
        let body = br#"{"previous_response_id":"resp_1","store":false,"background":true,"input":[{"id":"x"}]}"#;
        let found = asked(body).unwrap();
        assert_eq!((found.previous.as_deref(), found.keep, found.background), (Some("resp_1"), false, true));
        assert_eq!(found.references, ["x"]);
        let out = found.going_on_from(&Bytes::from_static(body), "resp_\"v");
        assert!(out.starts_with(br#"{"previous_response_id":"resp_\"v","store""#));
        let usual = asked(b"{}").unwrap();
        assert!(usual.keep && !usual.background && usual.previous.is_none());
        let missing = asked(br#"{"input":[{"id":"x"}]}"#).unwrap();
        let fault = missing.told_again(&Bytes::from_static(br#"{"input":[{"id":"x"}]}"#), &[], |_| None).unwrap_err();
        assert_eq!(fault.status(), 404);
        for bad in [
            r#"{"previous_response_id":"a","previous_response_id":"b"}"#,
            r#"{"st\u006fre":true,"store":false}"#,
            r#"{"previous_response_id":7}"#,
            r#"{"store":"no"}"#,
            r#"{"previous_response_id":"a","conversation":"c"}"#,
            "[]",
        ] {
            assert_eq!(asked(bad.as_bytes()).unwrap_err().status(), 400, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}:,\" a-c0-3]{0,60}") {
            for body in [bytes, text.into_bytes()] {
                if let Ok(found) = asked(&body) {
                    let out = found.told_again(&Bytes::from(body), &EARLIER, |_| Some("{}".into())).unwrap();
                    prop_assert!(json::check(&out).is_ok());
                }
            }
        }
    }
}
