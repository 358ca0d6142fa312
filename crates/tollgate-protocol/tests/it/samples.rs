//! Requests made out of a schema: for each property, however deep, one request with it and one without.

use crate::schema::resolve;
use serde_json::{Map, Value, json};

/// Deepest property, counted in objects and lists.
const DEPTH: usize = 9;
/// Words that a request does not hold by chance.
pub(crate) const WORD: &str = "zq7word";
/// A number that a request does not hold by chance.
pub(crate) const NUMBER: u64 = 1733;

/// A value and the same without one of its properties, or with another value of one that must be there.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Which property.
    pub(crate) path: String,
    pub(crate) with: Value,
    pub(crate) without: Value,
}

/// A sample for each property that a value of this schema can have.
pub(crate) fn samples(root: &Value, schema: &Value) -> Vec<Sample> {
    inside(root, schema, &mut Vec::new(), "")
}

/// The branches of a schema: itself, or what it may be.
fn branches<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let schema = resolve(root, schema);
    for list in ["anyOf", "oneOf"] {
        if let Some(list) = schema[list].as_array() {
            let all = list.iter().flat_map(|branch| branches(root, branch));
            return all.filter(|branch| branch["type"] != "null").collect();
        }
    }
    if let Some([only]) = schema["allOf"].as_array().map(Vec::as_slice) {
        return branches(root, only);
    }
    vec![schema]
}

fn inside<'a>(root: &'a Value, schema: &'a Value, above: &mut Vec<&'a Value>, path: &str) -> Vec<Sample> {
    let mut found = Vec::new();
    for schema in branches(root, schema) {
        if above.len() >= DEPTH || above.iter().any(|other| std::ptr::eq(*other, schema)) {
            continue;
        }
        above.push(schema);
        if schema["type"] == "array" {
            let items = inside(root, &schema["items"], above, &format!("{path}[]"));
            found.extend(items.into_iter().map(|item| Sample {
                path: item.path,
                with: json!([item.with]),
                without: json!([item.without]),
            }));
        } else if let Some(properties) = merged(root, schema) {
            let least = least_object(root, schema, &properties, WORD);
            // Whoever speaks can say other things.
            let roles = properties.iter().find(|(name, _)| *name == "role").map(|(_, role)| values(root, role, "role"));
            let bases = roles.unwrap_or_default().into_iter().map(|role| {
                let mut base = least.clone();
                base.insert("role".to_owned(), role);
                base
            });
            let mut bases: Vec<_> = bases.collect();
            if bases.is_empty() {
                bases.push(least);
            }
            for (base, (name, property)) in bases.iter().flat_map(|base| properties.iter().map(move |p| (base, p))) {
                let (name, property) = (*name, *property);
                let place = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                let put = |value: Value| {
                    let mut object = base.clone();
                    object.insert(name.to_owned(), value);
                    Value::Object(object)
                };
                for value in values(root, property, name) {
                    let (with, other) = (put(value.clone()), put(another(&value)));
                    let needed = base.contains_key(name);
                    if needed && (value == another(&value) || resolve(root, property).get("const").is_some()) {
                        continue;
                    }
                    let without = if needed { other } else { Value::Object(base.clone()) };
                    found.push(Sample { path: place.clone(), with, without });
                }
                for inner in inside(root, property, above, &place) {
                    found.push(Sample { path: inner.path, with: put(inner.with), without: put(inner.without) });
                }
            }
        }
        above.pop();
    }
    found
}

/// The properties of an object, with those of the schemas that it is made of; `None` where it has none of its own.
fn merged<'a>(root: &'a Value, schema: &'a Value) -> Option<Vec<(&'a str, &'a Value)>> {
    let mut all: Vec<(&str, &Value)> = Vec::new();
    all.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, property)| (&**name, property)));
    for part in schema["allOf"].as_array().into_iter().flatten() {
        all.extend(merged(root, resolve(root, part)).unwrap_or_default());
    }
    (!all.is_empty()).then_some(all)
}

/// An object with what must be there and nothing else.
fn least_object(root: &Value, schema: &Value, properties: &[(&str, &Value)], word: &str) -> Map<String, Value> {
    let mut needed: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        needed.extend(resolve(root, part)["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
    }
    let member = |(name, property): &(&str, &Value)| {
        let is_needed = needed.contains(name) || *name == "type";
        is_needed.then(|| Some(((*name).to_owned(), least(root, property, name, word)?)))?
    };
    properties.iter().filter_map(member).collect()
}

/// The least value of a schema.
fn least(root: &Value, schema: &Value, name: &str, word: &str) -> Option<Value> {
    let schema = *branches(root, schema).first()?;
    if let Some(value) = fixed(schema) {
        return Some(value);
    }
    Some(match schema["type"].as_str().unwrap_or("object") {
        "array" => match schema["minItems"].as_u64().unwrap_or(0) {
            0 => json!([]),
            _ => json!([least(root, &schema["items"], name, word)?]),
        },
        "object" => match merged(root, schema) {
            Some(properties) => Value::Object(least_object(root, schema, &properties, word)),
            None => json!({}),
        },
        kind => scalar(schema, kind, name, word),
    })
}

/// Values of a schema that are no objects or lists of objects: one for each kind that it may be, and each of a few
/// that it lists.
fn values(root: &Value, schema: &Value, name: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for schema in branches(root, schema) {
        if let Some(list) = schema["enum"].as_array() {
            found.extend(list.iter().filter(|value| !value.is_null()).take(8).cloned());
        } else if let Some(value) = fixed(schema) {
            found.push(value);
        } else {
            match schema["type"].as_str() {
                Some("array") => {
                    let items = values(root, &schema["items"], name);
                    found.extend(items.into_iter().map(|item| json!([item])));
                }
                Some("object") | None if schema.get("properties").is_none() => found.push(json!({"zq7key": WORD})),
                Some("object") | None => {}
                Some(kind) => found.push(scalar(schema, kind, name, WORD)),
            }
        }
    }
    found
}

fn fixed(schema: &Value) -> Option<Value> {
    schema.get("const").or_else(|| schema["enum"].get(0)).cloned()
}

/// A value that servers take for a property of this name.
fn scalar(schema: &Value, kind: &str, name: &str, word: &str) -> Value {
    match kind {
        "boolean" => json!(true),
        "integer" => {
            let most = schema["maximum"].as_u64().unwrap_or(u64::MAX);
            json!(NUMBER.clamp(schema["minimum"].as_u64().unwrap_or(0).min(most), most))
        }
        "number" => json!(0.375),
        _ => json!(match name {
            "url" | "image_url" | "file_url" | "fileUri" => format!("https://{word}.example/a.png"),
            "data" => format!("{word}A"),
            "file_data" => format!("data:application/pdf;base64,{word}A"),
            "arguments" => format!("{{\"a\":\"{word}\"}}"),
            "media_type" => "image/png".to_owned(),
            "mimeType" => "image/png".to_owned(),
            "country" => "NO".to_owned(),
            _ => word.to_owned(),
        }),
    }
}

/// Another value of the same kind; the same where there is none.
fn another(value: &Value) -> Value {
    match value {
        Value::Bool(is) => json!(!is),
        Value::Number(_) => json!(1_299),
        Value::String(text) => json!(text.replace(WORD, "zq7other")),
        Value::Array(list) if !list.is_empty() => json!([]),
        Value::Object(members) if !members.is_empty() => json!({}),
        other => other.clone(),
    }
}

#[test]
fn one_for_each_property() {
    let root = json!({"a": {"type": "object", "required": ["type", "n"], "properties": {
        "type": {"const": "x"}, "n": {"type": "integer", "maximum": 9}, "l": {"type": "array", "items": {"$ref": "#/b"}}}},
        "b": {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"url": {"type": "string"}}}, {"$ref": "#/a"}]}});
    let all = samples(&root, &root["a"]);
    let told: Vec<_> = all.iter().map(|s| format!("{} {} {}", s.path, s.with, s.without)).collect();
    assert_eq!(
        told,
        [
            r#"n {"type":"x","n":9} {"type":"x","n":1299}"#,
            r#"l {"type":"x","n":9,"l":["zq7word"]} {"type":"x","n":9}"#,
            r#"l[].url {"type":"x","n":9,"l":[{"url":"https://zq7word.example/a.png"}]} {"type":"x","n":9,"l":[{}]}"#,
        ]
    );
}
