//! Changes to JSON texts that leave every other byte as it was: members of a request, texts of an answer.

use crate::json::{self, JsonError};
use bytes::Bytes;

/// A change to one member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The member's name.
    pub name: &'static str,
    /// Its new value as JSON; `None` takes it out.
    pub value: Option<String>,
}

impl Edit {
    /// The member has this text.
    pub fn text(name: &'static str, text: &str) -> Self {
        Self { name, value: Some(json::quote(text)) }
    }

    /// The member is not there.
    pub fn without(name: &'static str) -> Self {
        Self { name, value: None }
    }
}

/// `body`, one JSON object, with its own members changed. A member that is set and not there is put at the end. Without
/// a change the same bytes are returned.
pub fn members(body: &Bytes, edits: &[Edit]) -> Result<Bytes, JsonError> {
    let mut out: Vec<u8> = Vec::with_capacity(body.len() + edits.len() * 64);
    let mut changed = false;
    let mut found = vec![false; edits.len()];
    // Where the bytes end that belong to members before the one at hand, the first kept one yet to come.
    let (mut first, mut at, mut last_kept) = (true, 0, true);
    let mut opened = 0;
    let close = json::object(body, |member| {
        if first && at == 0 {
            opened = member.from;
            out.extend_from_slice(body.get(..opened).unwrap_or_default());
            at = opened;
        }
        let edit = edits.iter().position(|edit| member.key().as_ref() == edit.name.as_bytes());
        if let Some(place) = edit {
            changed = true;
            if let Some(seen) = found.get_mut(place) {
                *seen = true;
            }
        }
        let value = edit.and_then(|place| edits.get(place)).map(|edit| &edit.value);
        if matches!(value, Some(None)) {
            last_kept = false;
            at = member.end;
            return;
        }
        if first {
            first = false;
        } else if last_kept {
            out.extend_from_slice(body.get(at..member.from).unwrap_or_default());
        } else {
            out.push(b',');
        }
        last_kept = true;
        match value {
            Some(Some(text)) => {
                out.extend_from_slice(body.get(member.from..member.start).unwrap_or_default());
                out.extend_from_slice(text.as_bytes());
            }
            _ => out.extend_from_slice(body.get(member.from..member.end).unwrap_or_default()),
        }
        at = member.end;
    })?;
    if at == 0 {
        // An empty object.
        out.extend_from_slice(body.get(..close).unwrap_or_default());
    }
    for (edit, _) in edits.iter().zip(&found).filter(|(_, found)| !**found) {
        let Some(value) = &edit.value else { continue };
        changed = true;
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(json::quote(edit.name).as_bytes());
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
    }
    if !changed {
        return Ok(body.clone());
    }
    let tail = if at > 0 && last_kept { at } else { close };
    out.extend_from_slice(body.get(tail..).unwrap_or_default());
    Ok(out.into())
}

/// A step on the way to a value: a member's name, or a place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member.
    Key(String),
    /// An element.
    Index(usize),
}

impl Step {
    /// The member's name; empty for a place in a list.
    pub fn key(&self) -> &str {
        match self {
            Self::Key(name) => name,
            Self::Index(_) => "",
        }
    }
}

/// `body` with single values changed: `change` sees the way to each text, number, `true`, `false` and `null`, and the
/// value as it is written, and may give another one, as JSON. For small bodies.
pub fn values(body: &[u8], mut change: impl FnMut(&[Step], &[u8]) -> Option<String>) -> Result<Vec<u8>, JsonError> {
    json::check(body)?;
    let mut splices = Vec::new();
    walk(body, 0, &mut Vec::new(), &mut |path, value, at| {
        if let Some(text) = change(path, value) {
            splices.push((at..at + value.len(), text));
        }
    })?;
    let mut out = Vec::with_capacity(body.len() + 256);
    let mut at = 0;
    for (range, text) in splices {
        out.extend_from_slice(body.get(at..range.start).unwrap_or_default());
        out.extend_from_slice(text.as_bytes());
        at = range.end;
    }
    out.extend_from_slice(body.get(at..).unwrap_or_default());
    Ok(out)
}

/// The value at the end of a way of members, as it is written; `None` if there is none, or it is `null`.
pub fn find<'a>(body: &'a [u8], way: &[&str]) -> Option<&'a [u8]> {
    let mut value = body.trim_ascii();
    for name in way {
        let mut found = None;
        json::members(value, |member| {
            if member.key().as_ref() == name.as_bytes() {
                found = Some(member.value);
            }
        })
        .ok()?;
        value = found?;
    }
    (value != b"null").then_some(value)
}

type Visit<'v> = dyn FnMut(&[Step], &[u8], usize) + 'v;

/// Depth is bounded by the check before.
fn walk(text: &[u8], base: usize, path: &mut Vec<Step>, visit: &mut Visit<'_>) -> Result<(), JsonError> {
    let start = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let value = text.trim_ascii();
    let base = base + start;
    match value.first() {
        Some(b'{') => {
            let mut inner = Vec::new();
            json::members(value, |member| {
                inner.push((String::from_utf8_lossy(&member.key()).into_owned(), member.value, member.start));
            })?;
            for (name, value, start) in inner {
                path.push(Step::Key(name));
                walk(value, base + start, path, visit)?;
                path.pop();
            }
        }
        Some(b'[') => {
            let mut inner = Vec::new();
            json::elements(value, |element| inner.push(element))?;
            for (index, element) in inner.into_iter().enumerate() {
                // Elements are slices of the list: where one begins is the distance of their first bytes.
                let start = element.as_ptr() as usize - value.as_ptr() as usize;
                path.push(Step::Index(index));
                walk(element, base + start, path, visit)?;
                path.pop();
            }
        }
        _ => visit(path, value, base),
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edited(body: &str, edits: &[Edit]) -> String {
        String::from_utf8(members(&Bytes::copy_from_slice(body.as_bytes()), edits).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn members_are_set_taken_out_and_added() {
        let set = Edit::text("model", "b");
        assert_eq!(
            edited(r#"{ "model" : "a" , "x": 1.50 }"#, std::slice::from_ref(&set)),
            r#"{ "model" : "b" , "x": 1.50 }"#
        );
        assert_eq!(edited(r#"{"x":1}"#, std::slice::from_ref(&set)), r#"{"x":1,"model":"b"}"#);
        assert_eq!(edited("{ }", std::slice::from_ref(&set)), r#"{ "model":"b"}"#);
        let without = Edit::without("c");
        for (body, wanted) in [
            (r#"{"c":1}"#, "{}"),
            (r#"{"c":1, "d":2}"#, r#"{"d":2}"#),
            (r#"{"b":0, "c":1, "d":2}"#, r#"{"b":0,"d":2}"#),
            (r#"{"b":0 , "c":1 }"#, r#"{"b":0}"#),
            (r#"{"c":1,"c":2,"d":3}"#, r#"{"d":3}"#),
        ] {
            assert_eq!(edited(body, std::slice::from_ref(&without)), wanted);
        }
        assert_eq!(edited(r#"{"c":1}"#, &[without, set]), r#"{"model":"b"}"#);
        let same = Bytes::from_static(br#"{"a":1}"#);
        assert_eq!(members(&same, &[Edit::without("z")]).unwrap().as_ptr(), same.as_ptr());
    }

    #[test]
    fn values_are_found_and_changed_in_place() {
        let body = br#" {"id": "x", "content":{"video_url":"http://a", "n":1.0},"l":[ "http://b",[true]] }"#;
        let out = values(body, |path, value| {
            let text = json::string(value)?;
            (path.last()?.key() == "id" || text.starts_with("http")).then(|| format!("\"{}\"", path.len()))
        });
        let wanted = r#" {"id": "1", "content":{"video_url":"2", "n":1.0},"l":[ "2",[true]] }"#;
        assert_eq!(String::from_utf8(out.unwrap()).unwrap(), wanted);
        assert_eq!(find(body, &["content", "video_url"]), Some(&b"\"http://a\""[..]));
        assert_eq!((find(body, &["content", "x"]), find(body, &["id", "x"])), (None, None));
    }

    proptest! {
        #[test]
        fn what_is_edited_reads_as_edited(names in prop::collection::vec("[a-e]", 0..6), blank in "[ \n]{0,2}") {
            let mut object = serde_json::Map::new();
            let mut parts = Vec::new();
            for (index, name) in names.iter().enumerate() {
                if !object.contains_key(name) {
                    object.insert(name.clone(), index.into());
                    parts.push(format!("{blank}\"{name}\"{blank}:{blank}{index}{blank}"));
                }
            }
            let body = Bytes::from(format!("{{{}}}", parts.join(",")));
            let out = members(&body, &[Edit { name: "a", value: Some("[1]".into()) }, Edit::without("b"), Edit::without("c")]);
            object.insert("a".into(), serde_json::json!([1]));
            object.shift_remove("b");
            object.shift_remove("c");
            let read: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&out.unwrap()).unwrap();
            prop_assert_eq!(read, object);
        }
    }
}
