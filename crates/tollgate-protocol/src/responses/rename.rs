//! The gateway's ids in native answers.
//!
//! Ids of stored responses are the gateway's own, because whoever holds one may read what it names. Where vendor and
//! caller speak the same protocol, the id of the response, and of the one before it, are all that changes; ids of
//! items stay, and so does every other byte.

use super::watch::ResponsesWatch;
use crate::fault::Fault;
use crate::json;
use crate::relay::{End, Verdict, Watch};
use crate::splice::{self, Splice};
use crate::sse::{Event, Splitter};
use crate::usage::Usage;
use bytes::{Bytes, BytesMut};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Most items of one response whose ids are noted.
const MAX_ITEMS: usize = 256;

/// The gateway's names of a response and of the one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Of the response.
    pub id: String,
    /// Of the one before it; `None` writes `null`, whatever the vendor says.
    pub previous: Option<String>,
}

/// What a vendor said of a response on its way to the caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The vendor's id.
    pub id: Option<String>,
    /// The last whole response of a stream, as the vendor wrote it: what there is to keep where the vendor keeps
    /// nothing. Only if asked for.
    pub response: Option<String>,
    /// Ids of the items of the last whole response.
    pub items: Vec<String>,
}

/// Ids of a response's items.
pub fn item_ids(response: &[u8]) -> Vec<String> {
    let mut ids = Vec::new();
    // What is no response has no items.
    let _ = json::members(response, |member| {
        if member.key().as_ref() != b"output" || ids.len() > MAX_ITEMS {
            return;
        }
        let _ = json::elements(member.value, |item| {
            let _ = json::members(item, |member| {
                if member.key().as_ref() == b"id" {
                    ids.extend(json::string(member.value).map(std::borrow::Cow::into_owned));
                }
            });
        });
    });
    ids.truncate(MAX_ITEMS);
    ids
}

/// Gives a whole response the gateway's names: a new one, one that was read, one that was deleted. Also says the
/// vendor's id. What is no response is returned as it is.
pub fn rename(body: &Bytes, names: &Names) -> (Bytes, Option<String>) {
    let mut edits = Edits { names, base: 0, splices: Vec::new(), vendor: None };
    edits.response(body);
    (splice::apply(body, &edits.splices), edits.vendor)
}

struct Edits<'a> {
    names: &'a Names,
    /// Where the text being read starts in what is edited.
    base: usize,
    splices: Vec<Splice>,
    vendor: Option<String>,
}

impl Edits<'_> {
    fn replace(&mut self, range: Range<usize>, id: Option<&str>) {
        let text = id.map_or_else(|| "null".to_owned(), json::quote);
        self.splices.push(Splice { range: self.base + range.start..self.base + range.end, text });
    }

    fn response(&mut self, value: &[u8]) {
        let names = self.names;
        // What is no object has no id.
        let _ = json::members(value, |member| match member.key().as_ref() {
            b"id" => {
                self.vendor = json::string(member.value).map(std::borrow::Cow::into_owned).or(self.vendor.take());
                self.replace(member.range(), Some(&names.id));
            }
            b"previous_response_id" if !member.is_null() => self.replace(member.range(), names.previous.as_deref()),
            _ => {}
        });
    }

    /// Takes the data of an event; whole responses stand in `response`, sound names its response directly.
    fn event(&mut self, data: &[u8]) {
        let names = self.names;
        let _ = json::members(data, |member| match member.key().as_ref() {
            b"response_id" if !member.is_null() => self.replace(member.range(), Some(&names.id)),
            b"response" => {
                self.base += member.start;
                self.response(member.value);
                self.base -= member.start;
            }
            _ => {}
        });
    }
}

/// Watches a stream and gives its response the gateway's names.
pub struct Renaming {
    watch: ResponsesWatch,
    names: Names,
    told: Arc<Mutex<Told>>,
    keep: bool,
}

impl Renaming {
    /// A watch that also writes into what it returns what the vendor said. `keep`: the last whole response too.
    pub fn new(names: Names, keep: bool) -> (Self, Arc<Mutex<Told>>) {
        let told = Arc::new(Mutex::new(Told::default()));
        (Self { watch: ResponsesWatch::default(), names, told: Arc::clone(&told), keep }, told)
    }

    fn note(&self, id: Option<String>, data: &[u8]) {
        if id.is_none() {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.id = id.or(told.id.take());
        let _ = json::members(data, |member| {
            if member.key().as_ref() == b"response" {
                told.items = item_ids(member.value);
                if self.keep {
                    told.response = std::str::from_utf8(member.value).ok().map(str::to_owned);
                }
            }
        });
    }
}

impl Watch for Renaming {
    fn event(&mut self, event: &Event<'_>) -> Verdict {
        self.watch.event(event)
    }

    fn edits(&mut self, event: &Event<'_>) -> Vec<Splice> {
        let Some(data) = &event.data else { return Vec::new() };
        // Most events are pieces, and name no response.
        if memchr::memmem::find(data, b"response_id").is_none() && memchr::memmem::find(data, b"\"response\"").is_none()
        {
            return Vec::new();
        }
        let mut edits = Edits { names: &self.names, base: 0, splices: Vec::new(), vendor: None };
        edits.event(data);
        let (splices, vendor) = (edits.splices, edits.vendor);
        self.note(vendor, data);
        placed(event.raw, data, splices)
    }

    fn end(&mut self) -> End {
        self.watch.end()
    }

    fn usage(&self) -> Option<Usage> {
        self.watch.usage()
    }

    fn content_bytes(&self) -> u64 {
        self.watch.content_bytes()
    }

    fn tokens_seen(&self) -> u64 {
        self.watch.tokens_seen()
    }

    fn output_sample(&self) -> &[u8] {
        self.watch.output_sample()
    }

    fn fault(&self, fault: &Fault, out: &mut BytesMut) {
        let mut written = BytesMut::new();
        self.watch.fault(fault, &mut written);
        let mut rest: &[u8] = &written;
        while let Some(length) = Splitter::default().event_end(rest, true) {
            let (raw, tail) = rest.split_at(length);
            let event = Event::read(raw);
            let data = event.data.as_deref().unwrap_or_default();
            let mut edits = Edits { names: &self.names, base: 0, splices: Vec::new(), vendor: None };
            edits.event(data);
            splice::write(raw, &placed(raw, data, edits.splices), out);
            rest = tail;
        }
        out.extend_from_slice(rest);
    }
}

/// Splices of an event's data as splices of the event. Data over several lines stands there with other bytes
/// between; no string, and so no splice, goes over the end of a line.
fn placed(raw: &[u8], data: &[u8], splices: Vec<Splice>) -> Vec<Splice> {
    if splices.is_empty() {
        return splices;
    }
    // Where each line of the data starts, in the data and in the event.
    let (mut lines, mut at) = (Vec::new(), 0);
    let mut rest = raw;
    while !rest.is_empty() && at <= data.len() {
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, tail) = rest.split_at(end);
        let skipped = raw.len() - rest.len();
        if let Some(value) = data_line(line) {
            lines.push((at, skipped + line.len() - value.len()));
            at += value.len() + 1;
        }
        rest = tail.get(1..).unwrap_or_default();
    }
    let place = |offset: usize| {
        let line = lines.iter().rev().find(|(first, _)| *first <= offset);
        line.map_or(offset, |(first, place)| place + offset - first)
    };
    splices
        .into_iter()
        .map(|splice| Splice { range: place(splice.range.start)..place(splice.range.end), text: splice.text })
        .collect()
}

fn data_line(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let rest = line.strip_prefix(b"data")?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::Relay;
    use proptest::prelude::*;

    fn names() -> Names {
        Names { id: "resp_ours".into(), previous: Some("resp_before".into()) }
    }

    #[test]
    fn whole_answers_keep_every_other_byte() {
        let body =
            r#" {"i\u0064" : "resp_v","output":[{"id":"msg_resp_v","n":1.0}],"previous_response_id":"resp_p" } "#;
        let (out, vendor) = rename(&Bytes::from_static(body.as_bytes()), &names());
        let wanted = r#" {"i\u0064" : "resp_ours","output":[{"id":"msg_resp_v","n":1.0}],"previous_response_id":"resp_before" } "#;
        assert_eq!((out, vendor.as_deref()), (Bytes::from(wanted), Some("resp_v")));
        let first = Names { previous: None, ..names() };
        let (out, _) = rename(&Bytes::from_static(br#"{"id":"a","previous_response_id":"leak"}"#), &first);
        assert_eq!(out, r#"{"id":"resp_ours","previous_response_id":null}"#);
        let mut refusal =
            crate::openai::refusal(400, br#"{"error":{"message":"Previous response 'resp_v' not found."}}"#, None);
        refusal.fault.reword("resp_v", "resp_ours");
        assert_eq!(refusal.fault.message, "Previous response 'resp_ours' not found.");
        assert!(!String::from_utf8(refusal.fault.raw.unwrap()).unwrap().contains("resp_v"));
        let page = Bytes::from_static(b"<html>");
        assert_eq!(rename(&page, &names()), (page.clone(), None));
    }

    const STREAM: &str = concat!(
        "event: response.created\r\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_v\",\"created_at\":7,\"model\":\"m\",\"status\":\"in_progress\",\"previous_response_id\":\"resp_p\",\"output\":[]}}\r\n\r\n",
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\ndata:  \"delta\":\"\\\"response\\\" resp_v\"}\n\n",
        "data: {\"type\":\"response.audio.done\",\"response_id\":\"resp_v\"}\n\n",
        ": comment\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\ndata:\"response\": {\"output\":[],\ndata: \"status\":\"completed\",\"id\":\"resp_v\"}}\n\n",
    );

    fn expected() -> String {
        let ids = STREAM.replace("\"id\":\"resp_v\"", "\"id\":\"resp_ours\"").replace("resp_p\"", "resp_before\"");
        ids.replace("\"response_id\":\"resp_v\"", "\"response_id\":\"resp_ours\"")
    }

    proptest! {
        #[test]
        fn streams_keep_every_other_byte_however_they_are_cut(cuts in prop::collection::vec(0..STREAM.len(), 0..6)) {
            let (watch, told) = Renaming::new(names(), true);
            let (mut relay, mut out) = (Relay::new(Box::new(watch)), BytesMut::new());
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let mut done = false;
            for pair in cuts.windows(2) {
                done |= relay.push(&STREAM.as_bytes()[pair[0]..pair[1]], &mut out).terminal;
            }
            prop_assert!(done);
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), expected());
            let told = told.lock().unwrap();
            prop_assert_eq!(told.id.as_deref(), Some("resp_v"));
            prop_assert!(told.response.as_ref().unwrap().contains("completed"));
        }

        #[test]
        fn any_event(raw in prop::collection::vec(any::<u8>(), 0..200), text in "(data: ?.{0,30}[\r\n]{1,2}){0,5}") {
            for raw in [&*raw, text.as_bytes()] {
                let (mut watch, _) = Renaming::new(names(), true);
                let event = Event::read(raw);
                splice::write(raw, &watch.edits(&event), &mut BytesMut::new());
            }
        }
    }

    #[test]
    fn a_failure_tells_no_vendor_id() {
        let (watch, _) = Renaming::new(names(), false);
        let (mut relay, mut out) = (Relay::new(Box::new(watch)), BytesMut::new());
        relay.push(&STREAM.as_bytes()[..300], &mut out);
        relay.fault(&Fault::broken("upstream_truncated", "m"), &mut out);
        let text = std::str::from_utf8(&out).unwrap();
        assert!(text.contains("response.failed") && text.contains("resp_ours") && !text.contains("resp_v"), "{text}");
    }
}
