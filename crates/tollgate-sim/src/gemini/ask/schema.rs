//! The vendor's own `Schema`, a part of `OpenAPI`'s: what it refuses, and the same as plain JSON Schema.

use serde_json::{Map, Value, json};

use super::super::{
    Target,
    check::{given, object, only, snake, word},
    error::Failure,
};

const KNOWN: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "maxItems",
    "minItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
    "minimum",
    "maximum",
];
/// What Vertex takes beside them.
const VERTEX: &[&str] = &["additionalProperties", "ref", "defs"];
const KINDS: &[&str] = &["TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"];
const DEEP: usize = 64;

pub(super) fn check(schema: &Value, path: &str, target: &Target) -> Result<(), Failure> {
    let known = if target.vertex { [KNOWN, VERTEX].concat() } else { KNOWN.to_vec() };
    walk(schema, path, &known, 0)
}

fn walk(schema: &Value, path: &str, known: &[&str], depth: usize) -> Result<(), Failure> {
    if depth > DEEP {
        return Err(Failure::field(path, "too much recursion in schema"));
    }
    let fields = object(schema, path)?;
    only(fields, path, known)?;
    let kind = word(fields, path, "type", KINDS)?;
    let named = given(fields, "properties").and_then(Value::as_object);
    if let Some(properties) = named {
        properties
            .iter()
            .try_for_each(|(name, schema)| walk(schema, &format!("{path}.properties[{name}]"), known, depth + 1))?;
    }
    match kind.as_deref() {
        Some("ARRAY") if given(fields, "items").is_none() => {
            return Err(Failure::field(&format!("{path}.items"), "missing field."));
        }
        Some(other) if other != "STRING" && given(fields, "enum").is_some() => {
            return Err(Failure::field(&format!("{path}.enum"), "only allowed for STRING type"));
        }
        _ => {}
    }
    let words = given(fields, "enum").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if let Some((at, value)) = words.iter().enumerate().find(|(_, value)| !value.is_string()) {
        let path = format!("{path}.enum[{at}]");
        return Err(Failure::payload(&path, format!("Invalid value at '{path}' (TYPE_STRING), {value}")));
    }
    let required = given(fields, "required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for (at, name) in required.enumerate() {
        if named.is_some_and(|properties| !properties.contains_key(name)) {
            return Err(Failure::field(&format!("{path}.required[{at}]"), "property is not defined"));
        }
    }
    if let Some(items) = given(fields, "items") {
        walk(items, &format!("{path}.items"), known, depth + 1)?;
    }
    let choices = given(fields, "anyOf").and_then(Value::as_array).into_iter().flatten();
    choices.enumerate().try_for_each(|(at, schema)| walk(schema, &format!("{path}.any_of[{at}]"), known, depth + 1))
}

/// The same schema in the words of JSON Schema.
pub(super) fn plain(schema: &Value) -> Value {
    let Some(fields) = schema.as_object() else {
        return schema.clone();
    };
    let mut out = Map::new();
    for (name, value) in fields {
        let name = KNOWN.iter().find(|known| **known == name || snake(known) == *name).copied().unwrap_or(name);
        let value = match (name, value) {
            ("type", Value::String(kind)) => Value::String(kind.to_ascii_lowercase()),
            ("properties", Value::Object(inner)) => {
                Value::Object(inner.iter().map(|(name, schema)| (name.clone(), plain(schema))).collect())
            }
            ("items", schema) => plain(schema),
            ("anyOf", Value::Array(list)) => list.iter().map(plain).collect(),
            // Whole numbers of 64 bits come in quotes.
            (_, Value::String(text)) if name.starts_with("min") || name.starts_with("max") => {
                text.parse::<i64>().map_or_else(|_| value.clone(), Value::from)
            }
            _ => value.clone(),
        };
        out.insert(name.to_owned(), value);
    }
    let nullable = out.remove("nullable") == Some(Value::Bool(true)) && !out.contains_key("enum");
    if let Some(kind) = out.get_mut("type").filter(|_| nullable) {
        *kind = json!([kind, "null"]);
    }
    Value::Object(out)
}
