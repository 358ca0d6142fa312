//! The vendors' descriptions of their APIs, and what a value must be to fit them.
//!
//! Knows the keywords that the descriptions use, but for `pattern` and `format`.

use crate::fixtures::shared;
use serde_json::Value;

/// The descriptions of one wire format.
pub(crate) struct Spec {
    /// As strict as the vendor wrote it.
    strict: Value,
    /// Loosened to what vendors really send.
    relaxed: Value,
    map: Value,
}

impl Spec {
    /// Reads the description of a wire format (`anthropic-messages`), if it is there.
    pub(crate) fn of(protocol: &str) -> Option<Self> {
        let root = shared("specs")?;
        let read =
            |name: &str| -> Value { serde_json::from_str(&std::fs::read_to_string(root.join(name)).unwrap()).unwrap() };
        let map = read("schema_map.json")[protocol].clone();
        let strict = map["spec"].as_str().unwrap().to_owned();
        let relaxed = strict.replace("openapi.json", "relaxed.json");
        Some(Self { strict: read(&strict), relaxed: read(&relaxed), map })
    }

    /// The strict schema of a `request`, and the document that its references point into.
    pub(crate) fn request(&self) -> (&Value, &Value) {
        (&self.strict, self.strict.pointer(&self.map["request"].as_str().unwrap()[1..]).unwrap())
    }

    /// Says where `value` does not fit the strict schema of a `request`, which allows nothing that it does not know.
    pub(crate) fn check_strictly(&self, value: &Value) -> Result<(), String> {
        let (root, schema) = self.request();
        fits(root, schema, value, &mut String::new())
    }

    /// Says where `value` does not fit the loose schema of a `request`, a `response` or a `stream_event`.
    pub(crate) fn check(&self, what: &str, value: &Value) -> Result<(), String> {
        let schema = self.relaxed.pointer(&self.map[what].as_str().unwrap()[1..]).unwrap();
        fits(&self.relaxed, schema, value, &mut String::new())
    }
}

/// Follows a reference.
pub(crate) fn resolve<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    while let Some(pointer) = schema["$ref"].as_str() {
        schema = root.pointer(&pointer[1..]).unwrap();
    }
    schema
}

fn fits(root: &Value, schema: &Value, value: &Value, path: &mut String) -> Result<(), String> {
    let schema = resolve(root, schema);
    if let Some(allowed) = schema.as_bool() {
        return if allowed { Ok(()) } else { Err(format!("{path} is not allowed")) };
    }
    if let Some(wanted) = schema.get("const")
        && wanted != value
    {
        return Err(format!("{path} is {value}, not {wanted}"));
    }
    if let Some(list) = schema["enum"].as_array()
        && !list.contains(value)
    {
        return Err(format!("{path} is {value}, none of those allowed"));
    }
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64() || value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let null = schema["nullable"] == true && value.is_null();
    if !(null || kinds.is_empty() || kinds.iter().any(|kind| is(kind))) {
        return Err(format!("{path} is {value:.60}, no {}", kinds.join(" or ")));
    }
    bounds(schema, value, path)?;
    for part in schema["allOf"].as_array().into_iter().flatten() {
        fits(root, part, value, path)?;
    }
    for list in ["anyOf", "oneOf"] {
        let Some(list) = schema[list].as_array() else { continue };
        let errors: Vec<String> = list.iter().map_while(|schema| fits(root, schema, value, path).err()).collect();
        if errors.len() == list.len() {
            // The longest path is what went furthest.
            let furthest = errors.into_iter().max_by_key(|error| error.find(" is ").unwrap_or(0));
            return Err(furthest.unwrap_or_default());
        }
    }
    inside(root, schema, value, path)
}

fn bounds(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let size = match value {
        Value::String(text) => Some(("minLength", "maxLength", text.chars().count())),
        Value::Array(list) => Some(("minItems", "maxItems", list.len())),
        _ => None,
    };
    if let Some((least, most, size)) = size {
        let size = size as u64;
        if schema[least].as_u64().is_some_and(|n| size < n) || schema[most].as_u64().is_some_and(|n| size > n) {
            return Err(format!("{path} is too long or too short: {size}"));
        }
    }
    if let Some(number) = value.as_f64()
        && (schema["minimum"].as_f64().is_some_and(|n| number < n)
            || schema["maximum"].as_f64().is_some_and(|n| number > n)
            || schema["exclusiveMinimum"].as_f64().is_some_and(|n| number <= n))
    {
        return Err(format!("{path} is {number}, out of bounds"));
    }
    Ok(())
}

fn inside(root: &Value, schema: &Value, value: &Value, path: &mut String) -> Result<(), String> {
    let length = path.len();
    if let Value::Array(list) = value
        && let Some(items) = schema.get("items")
    {
        for (at, item) in list.iter().enumerate() {
            path.push_str(&format!("[{at}]"));
            fits(root, items, item, path)?;
            path.truncate(length);
        }
    }
    if let Value::Object(members) = value {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                return Err(format!("{path}.{name} is missing"));
            }
        }
        for (name, member) in members {
            let known = schema["properties"].get(name);
            let Some(schema) = known.or_else(|| schema.get("additionalProperties")) else { continue };
            path.push_str(&format!(".{name}"));
            fits(root, schema, member, path)?;
            path.truncate(length);
        }
    }
    Ok(())
}

#[test]
fn tells_what_fits() {
    let root = serde_json::json!({"a": {"type": "object", "required": ["t"], "properties": {
        "t": {"const": "x"}, "n": {"type": "integer", "minimum": 1}, "l": {"type": "array", "items": {"$ref": "#/a"}},
        "u": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]}
    }, "additionalProperties": false}});
    let check = |value: Value| fits(&root, &root["a"], &value, &mut String::new());
    assert_eq!(check(serde_json::json!({"t": "x", "n": 1.0, "l": [{"t": "x", "u": null}]})), Ok(()));
    for (bad, place) in [
        (serde_json::json!({}), ".t is missing"),
        (serde_json::json!({"t": "y"}), ".t is \"y\""),
        (serde_json::json!({"t": "x", "n": 0}), ".n is 0, out"),
        (serde_json::json!({"t": "x", "l": [{"t": "x"}, {"t": "x", "u": ""}]}), ".l[1].u is "),
        (serde_json::json!({"t": "x", "z": 1}), ".z is not allowed"),
        (serde_json::json!([]), " is [], no object"),
    ] {
        let error = check(bad).unwrap_err();
        assert!(error.starts_with(place), "{error}");
    }
}
