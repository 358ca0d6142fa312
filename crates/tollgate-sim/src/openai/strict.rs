//! What `strict` asks of a schema: every object closed, every property required.

use serde_json::Value;

const DEEP: usize = 64;

/// What is wrong with a schema, in the vendor's words; none where nothing is.
pub(super) fn fault(schema: &Value) -> Option<String> {
    walk(schema, &mut Vec::new())
}

fn walk<'a>(schema: &'a Value, path: &mut Vec<&'a str>) -> Option<String> {
    let fields = schema.as_object()?;
    if path.len() > DEEP {
        return Some("Schema is too deeply nested.".to_owned());
    }
    let is_object = match fields.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        Some(kind) => kind == "object",
        None => false,
    };
    if is_object {
        if fields.get("additionalProperties") != Some(&Value::Bool(false)) {
            let what = "'additionalProperties' is required to be supplied and to be false.";
            return Some(format!("In context={}, {what}", context(path)));
        }
        let required: Vec<&str> =
            fields.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = fields.get("properties").and_then(Value::as_object);
        let missing =
            properties.and_then(|properties| properties.keys().find(|name| !required.contains(&name.as_str())));
        if let Some(missing) = missing {
            let what = "'required' is required to be supplied and to be an array including every key in properties.";
            return Some(format!("In context={}, {what} Missing '{missing}'.", context(path)));
        }
    }
    for (name, value) in fields {
        let found = match (name.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(inner)) => {
                inner.iter().find_map(|(key, schema)| step(schema, path, &[name, key]))
            }
            ("anyOf", Value::Array(list)) => list.iter().find_map(|schema| step(schema, path, &[name])),
            ("items", schema) => step(schema, path, &[name]),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn step<'a>(schema: &'a Value, path: &mut Vec<&'a str>, names: &[&'a str]) -> Option<String> {
    path.extend_from_slice(names);
    let found = walk(schema, path);
    path.truncate(path.len() - names.len());
    found
}

/// `('properties', 'city')`
fn context(path: &[&str]) -> String {
    let names: Vec<String> = path.iter().map(|name| format!("'{name}'")).collect();
    match names.as_slice() {
        [one] => format!("({one},)"),
        names => format!("({})", names.join(", ")),
    }
}
