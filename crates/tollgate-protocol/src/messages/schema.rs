//! JSON Schema as the vendor's grammar takes it.
//!
//! A schema that must be kept to the letter (structured output, strict tools) may hold only what the vendor can turn
//! into a grammar: objects are closed, and there are no bounds of numbers, texts and lists. What is taken away is told
//! to the model in the description of the same value. Facts: the vendor's page on structured outputs and its error
//! answers, 2026-11.

use crate::canonical::Json;
use serde_json::{Map, Value};

/// Keywords that are refused.
const BOUNDS: [&str; 13] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "contains",
];
/// Formats of text that are kept.
const FORMATS: [&str; 9] = ["date-time", "date", "time", "duration", "email", "hostname", "uri", "ipv4", "ipv6"];
/// Members that hold one schema.
const ONE: [&str; 2] = ["items", "not"];
/// Members that hold a list of schemas.
const SOME: [&str; 3] = ["anyOf", "allOf", "prefixItems"];
/// Members that hold schemas by name.
const NAMED: [&str; 3] = ["properties", "$defs", "definitions"];

/// The schema as the vendor takes it, and whether it allows more than before.
pub(super) fn closed(schema: &Json) -> (Json, bool) {
    let Ok(mut value) = serde_json::from_str::<Value>(&schema.0) else { return (schema.clone(), false) };
    let (mut changed, mut widened) = (false, false);
    close(&mut value, &mut changed, &mut widened);
    // What needs no change keeps its bytes.
    if changed { (Json(value.to_string()), widened) } else { (schema.clone(), false) }
}

fn close(schema: &mut Value, changed: &mut bool, widened: &mut bool) {
    let Value::Object(members) = schema else { return };
    let is_object = members.get("type").is_some_and(|kind| kind == "object") || members.contains_key("properties");
    if is_object && members.get("additionalProperties") != Some(&Value::Bool(false)) {
        // Fewer answers than before, all of which are valid by the schema as it was; unless others were asked for.
        *widened |= members.get("additionalProperties").is_some_and(Value::is_object);
        *changed = true;
        members.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if let Some(list) = members.remove("oneOf") {
        (*changed, *widened) = (true, true);
        members.insert("anyOf".to_owned(), list);
    }
    let notes = taken(members);
    if !notes.is_empty() {
        (*changed, *widened) = (true, true);
        let notes = format!("({})", notes.join(", "));
        let before = members.get("description").and_then(Value::as_str).filter(|text| !text.is_empty());
        let text = before.map_or(notes.clone(), |before| format!("{before} {notes}"));
        members.insert("description".to_owned(), text.into());
    }
    for (name, member) in members.iter_mut() {
        match member {
            inner if ONE.contains(&name.as_str()) => close(inner, changed, widened),
            Value::Array(list) if SOME.contains(&name.as_str()) => {
                for inner in list {
                    close(inner, changed, widened);
                }
            }
            Value::Object(named) if NAMED.contains(&name.as_str()) => {
                for inner in named.values_mut() {
                    close(inner, changed, widened);
                }
            }
            _ => {}
        }
    }
}

/// Takes away what is refused, and says what it was.
fn taken(members: &mut Map<String, Value>) -> Vec<String> {
    let mut notes = Vec::new();
    for name in BOUNDS {
        if let Some(bound) = members.remove(name) {
            notes.push(format!("{name}: {bound}"));
        }
    }
    // None or one can be asked for.
    if members.get("minItems").and_then(Value::as_u64).is_some_and(|least| least > 1)
        && let Some(bound) = members.insert("minItems".to_owned(), 1.into())
    {
        notes.push(format!("minItems: {bound}"));
    }
    let refused = |format: &Value| format.as_str().is_none_or(|format| format != "uuid" && !FORMATS.contains(&format));
    if members.get("format").is_some_and(refused)
        && let Some(format) = members.remove("format")
    {
        notes.push(format!("format: {}", format.as_str().unwrap_or_default()));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(schema: &str) -> (String, bool) {
        let (schema, widened) = closed(&Json(schema.to_owned()));
        (schema.0, widened)
    }

    #[test]
    fn what_fits_keeps_its_bytes() {
        let fits = r#"{ "type":"object", "properties":{"minimum":{"type":"string","format":"uuid"}},"additionalProperties":false,"x":12345678901234567890.10}"#;
        assert_eq!(told(fits), (fits.to_owned(), false));
        assert_eq!(told("[broken"), ("[broken".to_owned(), false));
    }

    #[test]
    fn what_does_not_is_told_to_the_model() {
        assert_eq!(
            told(r#"{"type":"object","properties":{"a":{"type":"integer","minimum":1,"maximum":5,"description":"d"}}}"#),
            (
                r#"{"type":"object","properties":{"a":{"type":"integer","description":"d (minimum: 1, maximum: 5)"}},"additionalProperties":false}"#.to_owned(),
                true
            )
        );
        assert_eq!(
            told(r#"{"oneOf":[{"type":"array","minItems":3,"items":{"format":"color"}}]}"#),
            (
                r#"{"anyOf":[{"type":"array","minItems":1,"items":{"description":"(format: color)"},"description":"(minItems: 3)"}]}"#.to_owned(),
                true
            )
        );
        assert_eq!(
            told(r#"{"type":"object"}"#),
            (r#"{"type":"object","additionalProperties":false}"#.to_owned(), false)
        );
    }
}
