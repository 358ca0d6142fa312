//! The schemas of `parameters` and `responseSchema`: a part of `OpenAPI`'s, with type names in upper case, brought into
//! JSON Schema. The other way is never needed: JSON Schema has fields of its own (`parametersJsonSchema`,
//! `responseJsonSchema`).

use super::fields::camel;
use crate::canonical::Json;
use serde_json::{Map, Value, json};

/// The same as JSON Schema; text that is no JSON stays as it is.
pub(super) fn json_schema(raw: &str) -> Json {
    match serde_json::from_str::<Value>(raw) {
        Ok(value) => Json(converted(value).to_string()),
        Err(_) => Json(raw.to_owned()),
    }
}

/// Text is at most 128 deep, so this is too.
fn converted(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let mut out = Map::with_capacity(members.len());
    let (mut nullable, mut order) = (false, Vec::new());
    for (name, value) in members {
        match &*camel(name.as_str().into()) {
            "type" => match value {
                Value::String(kind) if kind.eq_ignore_ascii_case("type_unspecified") => {}
                Value::String(kind) => _ = out.insert("type".to_owned(), kind.to_ascii_lowercase().into()),
                other => _ = out.insert("type".to_owned(), other),
            },
            "nullable" => nullable = value == Value::Bool(true),
            // Says nothing that `enum` does not say.
            "format" if value == "enum" => {}
            "propertyOrdering" => order = value.as_array().cloned().unwrap_or_default(),
            "example" => _ = out.insert("examples".to_owned(), json!([value])),
            "ref" => _ = out.insert("$ref".to_owned(), value),
            "defs" => _ = out.insert("$defs".to_owned(), each(value)),
            name @ ("properties" | "$defs") => _ = out.insert(name.to_owned(), each(value)),
            name @ ("items" | "additionalProperties") => _ = out.insert(name.to_owned(), converted(value)),
            name @ ("anyOf" | "oneOf" | "allOf" | "prefixItems") => {
                let list = match value {
                    Value::Array(list) => list.into_iter().map(converted).collect(),
                    other => other,
                };
                out.insert(name.to_owned(), list);
            }
            name @ ("minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties") => {
                // Large whole numbers are strings in the vendor's message format.
                let number = value.as_str().and_then(|text| text.parse::<u64>().ok());
                out.insert(name.to_owned(), number.map_or(value, Value::from));
            }
            known @ ("title" | "description" | "default" | "enum" | "required" | "pattern" | "format" | "minimum"
            | "maximum") => _ = out.insert(known.to_owned(), value),
            // JSON Schema's own words pass under their own names.
            _ => _ = out.insert(name, value),
        }
    }
    ordered(&mut out, &order);
    if nullable {
        allow_null(&mut out);
    }
    Value::Object(out)
}

fn each(value: Value) -> Value {
    match value {
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, converted(value))).collect(),
        other => other,
    }
}

/// Brings properties into the order that is asked for; the others follow as they came.
fn ordered(schema: &mut Map<String, Value>, order: &[Value]) {
    let Some(Value::Object(properties)) = schema.get_mut("properties").filter(|_| !order.is_empty()) else { return };
    let mut sorted = Map::with_capacity(properties.len());
    for name in order.iter().filter_map(Value::as_str) {
        if let Some(value) = properties.get_mut(name) {
            sorted.entry(name).or_insert_with(|| value.take());
        }
    }
    for (name, value) in properties.iter_mut() {
        if !sorted.contains_key(name) {
            sorted.insert(name.clone(), value.take());
        }
    }
    *properties = sorted;
}

fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(kind) = schema.get_mut("type") {
        if let Value::String(name) = kind {
            *kind = json!([name, "null"]);
        }
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.push(Value::Null);
        }
    } else if let Some(Value::Array(kinds)) = schema.get_mut("anyOf") {
        kinds.push(json!({"type": "null"}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_theirs() {
        let theirs = r#"{"type":"OBJECT","property_ordering":["b","a"],"properties":{"a":{"type":"STRING","nullable":true,"enum":["x"],"format":"enum"},
            "b":{"type":"ARRAY","items":{"type":"INTEGER","format":"int64","example":3},"minItems":"1"},"type":{"anyOf":[{"type":"NUMBER"}],"nullable":true}},"required":["a"]}"#;
        let ours = r#"{"type":"object","properties":{"b":{"type":"array","items":{"type":"integer","format":"int64","examples":[3]},"minItems":1},"a":{"type":["string","null"],"enum":["x",null]},"type":{"anyOf":[{"type":"number"},{"type":"null"}]}},"required":["a"]}"#;
        assert_eq!(json_schema(theirs).0, ours);
        assert_eq!(json_schema(ours).0, ours);
        let referring =
            r##"{"defs":{"t":{"type":"OBJECT","additionalProperties":{"type":"STRING"}}},"ref":"#/$defs/t","x-y":1}"##;
        let same = r##"{"$defs":{"t":{"type":"object","additionalProperties":{"type":"string"}}},"$ref":"#/$defs/t","x-y":1}"##;
        assert_eq!(json_schema(referring).0, same);
        assert_eq!((json_schema("7").0, json_schema("{").0), ("7".into(), "{".into()));
    }
}
