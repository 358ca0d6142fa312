//! What the gateway answers from its own store: an answer's input in pages, what was deleted, how many tokens.

use super::ids;
use crate::fault::Fault;
use crate::fields::{Fields, Item, items, wrong};
use crate::json;
use crate::write::{self, Object};
use bytes::{Bytes, BytesMut};

/// Most items on a page, and the usual number.
const MOST: usize = 100;
const USUAL: usize = 20;

/// The input of a request as a list of whole items, each with an id, as it is to be kept: its own, without the
/// conversation before it, and with nothing in it that is only named. `answer` is the answer's id without its prefix.
/// Ids that items have stay.
pub fn kept_input(body: &[u8], answer: &str) -> Result<String, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| wrong("", "valid UTF-8"))?;
    let fields = Fields::read(text, "")?;
    let mut out = BytesMut::with_capacity(text.len());
    let mut list = write::list(&mut out);
    match fields.raw("input") {
        None => {}
        Some(said) if said.starts_with('"') => {
            let mut message = list.object();
            message.text("id", &ids::item("message", answer, "i0")).text("type", "message");
            message.text("status", "completed").text("role", "user");
            message.list("content").object().text("type", "input_text").raw("text", said);
        }
        Some(told) => {
            for (at, item) in items(told, "input")?.iter().enumerate() {
                keep(&mut list.object(), item, answer, at)?;
            }
        }
    }
    drop(list);
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn keep(object: &mut Object<'_>, item: &Item<'_>, answer: &str, at: usize) -> Result<(), Fault> {
    let fields = item.fields()?;
    let kind = fields.text("type")?.unwrap_or("message".into());
    let id = fields.text("id")?.filter(|id| !id.is_empty());
    let id = id.map_or_else(|| ids::item(&kind, answer, format_args!("i{at}")), std::borrow::Cow::into_owned);
    object.text("id", &id).text("type", &kind);
    if &*kind == "message" && !fields.has("status") {
        object.text("status", "completed");
    }
    if &*kind == "message"
        && let Some(said) = fields.peek("content").filter(|raw| raw.starts_with('"'))
    {
        fields.raw("content");
        let assistant = fields.peek("role") == Some("\"assistant\"");
        let mut content = object.list("content");
        let mut part = content.object();
        if assistant {
            part.text("type", "output_text").raw("text", said).list("annotations");
        } else {
            part.text("type", "input_text").raw("text", said);
        }
    }
    for (name, raw) in fields.others() {
        object.raw(name, raw);
    }
    Ok(())
}

/// The items that an answer consists of, as a list; an empty one where it has none.
pub fn kept_output(response: &str) -> String {
    let mut output = "[]".to_owned();
    // What is no response has no output.
    let _ = json::members(response.as_bytes(), |member| {
        if member.key().as_ref() == b"output" && member.value.starts_with(b"[") {
            output = String::from_utf8_lossy(member.value).into_owned();
        }
    });
    output
}

/// Which items of an input are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    limit: usize,
    ascending: bool,
    after: Option<String>,
}

impl Page {
    /// Reads the parameters of a query, decoded.
    pub fn read<'q>(query: impl IntoIterator<Item = (&'q str, &'q str)>) -> Result<Self, Fault> {
        let mut page = Self { limit: USUAL, ascending: false, after: None };
        for (name, value) in query {
            match (name, value) {
                ("limit", number) => {
                    let limit = number.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                    page.limit = limit.ok_or_else(|| wrong("limit", "a number from 1 to 100"))?;
                }
                ("order", "asc") => page.ascending = true,
                ("order", "desc") => page.ascending = false,
                ("order", _) => return Err(wrong("order", "'asc' or 'desc'")),
                ("after", id) => page.after = Some(id.to_owned()),
                // Everything there is is told.
                _ => {}
            }
        }
        Ok(page)
    }

    /// Writes the page out of the kept lists of items, oldest first.
    pub fn write(&self, lists: &[&str]) -> Result<Bytes, Fault> {
        let mut all = Vec::new();
        for list in lists {
            for item in items(list, "data")? {
                let id = item.fields()?.text("id")?.unwrap_or_default().into_owned();
                all.push((id, item.raw));
            }
        }
        if !self.ascending {
            all.reverse();
        }
        let start = match &self.after {
            None => 0,
            Some(after) => match all.iter().position(|(id, _)| id == after) {
                Some(at) => at + 1,
                None => return Err(Fault::invalid("after", "There is no item of that id in this input.")),
            },
        };
        let rest = all.get(start..).unwrap_or_default();
        let shown = rest.get(..self.limit.min(rest.len())).unwrap_or_default();
        let mut out = BytesMut::new();
        let mut page = write::object(&mut out);
        page.text("object", "list");
        let mut data = page.list("data");
        for (_, raw) in shown {
            data.raw(raw);
        }
        drop(data);
        page.text_or_null("first_id", shown.first().map(|(id, _)| &**id));
        page.text_or_null("last_id", shown.last().map(|(id, _)| &**id));
        page.flag("has_more", rest.len() > shown.len());
        drop(page);
        Ok(out.freeze())
    }
}

/// The answer to a deletion. `id` with its prefix.
pub fn deleted(id: &str) -> Bytes {
    let mut out = BytesMut::new();
    write::object(&mut out).text("id", id).text("object", "response").flag("deleted", true);
    out.freeze()
}

/// What is counted of a request (`OpenAI`'s API description, 2026-08).
const COUNTED: [&[u8]; 9] = [
    b"model",
    b"input",
    b"instructions",
    b"tools",
    b"tool_choice",
    b"parallel_tool_calls",
    b"reasoning",
    b"text",
    b"truncation",
];

/// A request as far as its tokens are counted: the counter takes nothing else.
pub fn counted(request: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(request.len());
    let mut body = write::object(&mut out);
    // What was written just now is sound.
    let _ = json::members(request, |member| {
        let key = member.key();
        if let (true, Ok(name), Ok(value)) =
            (COUNTED.contains(&key.as_ref()), std::str::from_utf8(&key), std::str::from_utf8(member.value))
        {
            body.raw(name, value);
        }
    });
    drop(body);
    out.freeze()
}

/// Writes a number of input tokens as `POST /responses/input_tokens` answers.
pub fn write_count(tokens: u64) -> Bytes {
    let mut out = BytesMut::new();
    write::object(&mut out).text("object", "response.input_tokens").whole("input_tokens", tokens);
    out.freeze()
}

/// Reads it.
pub fn read_count(body: &[u8]) -> Option<u64> {
    let mut count = None;
    json::object(body, |member| {
        if member.key().as_ref() == b"input_tokens" {
            count = json::whole(member.value);
        }
    })
    .ok()?;
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "01J9ZK3Q5T7V9X1B3D5F7H9K2M";

    #[test]
    fn input_is_kept_as_whole_items() {
        let body = br#"{"input":[{"role":"user","content":"a\u00e9"},{"role":"assistant","content":"b","phase":"commentary"},{"type":"function_call","id":"fc_v","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"1.0"}]}"#;
        let kept = kept_input(body, ANSWER).unwrap();
        assert_eq!(
            kept,
            format!(
                r#"[{{"id":"msg_tg{ANSWER}_i0","type":"message","status":"completed","content":[{{"type":"input_text","text":"a\u00e9"}}],"role":"user"}},{{"id":"msg_tg{ANSWER}_i1","type":"message","status":"completed","content":[{{"type":"output_text","text":"b","annotations":[]}}],"role":"assistant","phase":"commentary"}},{{"id":"fc_v","type":"function_call","call_id":"c","name":"f","arguments":"{{}}"}},{{"id":"fco_tg{ANSWER}_i3","type":"function_call_output","call_id":"c","output":"1.0"}}]"#
            )
        );
        assert_eq!(kept_input(kept_input_body(&kept).as_bytes(), ANSWER).unwrap(), kept);
        let said = kept_input(br#"{"input":"hi"}"#, ANSWER).unwrap();
        assert!(
            said.contains(r#"[{"type":"input_text","text":"hi"}]"#)
                && said.contains("msg_tg01J9ZK3Q5T7V9X1B3D5F7H9K2M_i0\"")
        );
        assert_eq!(kept_input(b"{}", ANSWER).unwrap(), "[]");
        assert_eq!(kept_output(r#"{"output":[{"a":1.0}]}"#), r#"[{"a":1.0}]"#);
        assert_eq!((kept_output("{}"), kept_output("7")), ("[]".into(), "[]".into()));
    }

    fn kept_input_body(kept: &str) -> String {
        format!("{{\"input\":{kept}}}")
    }

    #[test]
    fn pages() {
        let lists = [r#"[{"id":"a"},{"id":"b"}]"#, r#"[{"id":"c"}]"#];
        let page = |query: &[(&str, &str)]| {
            let out = Page::read(query.iter().copied()).and_then(|page| page.write(&lists));
            out.map(|out| String::from_utf8(out.to_vec()).unwrap())
        };
        assert_eq!(
            page(&[]).unwrap(),
            r#"{"object":"list","data":[{"id":"c"},{"id":"b"},{"id":"a"}],"first_id":"c","last_id":"a","has_more":false}"#
        );
        assert_eq!(
            page(&[("limit", "1"), ("order", "asc"), ("after", "a"), ("include[]", "x")]).unwrap(),
            r#"{"object":"list","data":[{"id":"b"}],"first_id":"b","last_id":"b","has_more":true}"#
        );
        assert_eq!(
            page(&[("after", "a")]).unwrap(),
            r#"{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}"#
        );
        for bad in [("limit", "0"), ("limit", "101"), ("limit", "x"), ("order", "up"), ("after", "z")] {
            assert_eq!(page(&[bad]).unwrap_err().param.as_deref(), Some(bad.0));
        }
    }

    #[test]
    fn counts() {
        let written = write_count(51);
        assert_eq!(written, r#"{"object":"response.input_tokens","input_tokens":51}"#);
        assert_eq!((read_count(&written), read_count(b"{}"), read_count(b"<html>")), (Some(51), None, None));
        assert_eq!(
            counted(br#"{"model":"m","store":true,"input":[1.0],"stream":false}"#),
            r#"{"model":"m","input":[1.0]}"#
        );
        assert_eq!(deleted("resp_1"), r#"{"id":"resp_1","object":"response","deleted":true}"#);
    }
}
