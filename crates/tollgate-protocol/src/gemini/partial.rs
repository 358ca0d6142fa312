//! Arguments of a call that come in pieces, each for a place in them: Vertex sends them so where it is asked to
//! (`streamFunctionCallArguments`).

use crate::json;
use serde_json::{Map, Value};

/// Deepest place, and largest list, that is filled.
const MAX_DEPTH: usize = 64;
const MAX_LIST: usize = 100_000;

/// Arguments so far.
#[derive(Debug)]
pub(super) struct Partial {
    /// The block of the call.
    pub(super) block: u32,
    arguments: Value,
}

impl Partial {
    pub(super) fn new(block: u32) -> Self {
        Self { block, arguments: Value::Object(Map::new()) }
    }

    /// Takes a list of pieces.
    pub(super) fn take(&mut self, pieces: &[u8]) {
        // What is no list holds none.
        let _ = json::elements(pieces, |piece| {
            let (mut place, mut value) = (None, None);
            let _ = json::members(piece, |member| match member.key().as_ref() {
                b"jsonPath" => place = json::string(member.value),
                b"stringValue" | b"numberValue" | b"boolValue" => value = serde_json::from_slice(member.value).ok(),
                b"nullValue" => value = Some(Value::Null),
                _ => {}
            });
            if let (Some(place), Some(value)) = (place, value) {
                self.put(&place, value);
            }
        });
    }

    fn put(&mut self, place: &str, value: Value) {
        let steps = steps(place);
        if steps.is_empty() || steps.len() > MAX_DEPTH {
            return;
        }
        let mut at = &mut self.arguments;
        for step in steps {
            match step {
                Step::Name(name) => {
                    if !at.is_object() {
                        *at = Value::Object(Map::new());
                    }
                    let Value::Object(members) = at else { return };
                    at = members.entry(name).or_insert(Value::Null);
                }
                Step::Index(index) => {
                    if !at.is_array() {
                        *at = Value::Array(Vec::new());
                    }
                    let Value::Array(list) = at else { return };
                    if index == list.len() && index < MAX_LIST {
                        list.push(Value::Null);
                    }
                    let Some(element) = list.get_mut(index) else { return };
                    at = element;
                }
            }
        }
        match (at, value) {
            // Strings come in pieces themselves.
            (Value::String(text), Value::String(more)) => text.push_str(&more),
            (at, value) => *at = value,
        }
    }

    /// The arguments as JSON text.
    pub(super) fn text(&self) -> String {
        self.arguments.to_string()
    }
}

enum Step {
    Name(String),
    Index(usize),
}

/// The steps of `$.a.b[0]['c']`.
fn steps(place: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = place.strip_prefix('$').unwrap_or(place);
    while !rest.is_empty() && steps.len() <= MAX_DEPTH {
        if let Some(inner) = rest.strip_prefix('[') {
            let Some((inside, after)) = inner.split_once(']') else { break };
            let name = inside.trim_matches(['\'', '"']);
            match inside.parse() {
                Ok(index) => steps.push(Step::Index(index)),
                Err(_) => steps.push(Step::Name(name.to_owned())),
            }
            rest = after;
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (step, after) = name.split_at(end);
            if step.is_empty() {
                break;
            }
            steps.push(Step::Name(step.to_owned()));
            rest = after;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pieces_find_their_places() {
        let mut partial = Partial::new(0);
        partial.take(br#"[{"jsonPath":"$.id","stringValue":"A","willContinue":true},{"jsonPath":"$.list[0].n","numberValue":1.5}]"#);
        partial.take(br#"[{"jsonPath":"$.id","stringValue":"B"},{"jsonPath":"$.list[1]","boolValue":true},{"jsonPath":"$['a b']","nullValue":"NULL_VALUE"}]"#);
        partial.take(b"7");
        assert_eq!(partial.text(), r#"{"id":"AB","list":[{"n":1.5},true],"a b":null}"#);
    }

    proptest! {
        #[test]
        fn any_place_can_be_asked_for(places in prop::collection::vec("[$.a\\[\\]0-9']{0,12}", 0..8)) {
            let mut partial = Partial::new(0);
            for place in places {
                partial.put(&place, Value::Bool(true));
            }
            prop_assert!(json::check(partial.text().as_bytes()).is_ok());
        }
    }
}
