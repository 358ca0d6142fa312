//! Fields of a request as Google's JSON reader takes them: in camel case or snake case, null as absent, one thing where
//! a list belongs, whole numbers in quotes; and its words for what it does not take.

use serde_json::{Map, Value};

use super::error::Failure;

pub(super) type Fields = Map<String, Value>;

/// `systemInstruction` as `system_instruction`.
pub(super) fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for char in name.chars() {
        if char.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(char.to_ascii_lowercase());
    }
    out
}

/// A field that is there and not null; `name` in camel case.
pub(super) fn given<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| fields.get(&snake(name))).filter(|value| !value.is_null())
}

/// The place of a field for a message.
pub(super) fn join(path: &str, name: &str) -> String {
    let name = snake(name);
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// Refuses fields that the vendor does not know; `known` in camel case.
pub(super) fn only(fields: &Fields, path: &str, known: &[&str]) -> Result<(), Failure> {
    let strange =
        fields.keys().find(|name| !known.iter().any(|known| *known == name.as_str() || snake(known) == **name));
    let Some(name) = strange else {
        return Ok(());
    };
    let place = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
    let description = format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.");
    Err(Failure::payload(path, description))
}

fn wrong(path: &str, kind: &str, value: &Value) -> Failure {
    Failure::payload(path, format!("Invalid value at '{path}' ({kind}), {value}"))
}

pub(super) fn text<'a>(fields: &'a Fields, path: &str, name: &str) -> Result<Option<&'a str>, Failure> {
    match given(fields, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong(&join(path, name), "TYPE_STRING", other)),
    }
}

pub(super) fn flag(fields: &Fields, path: &str, name: &str) -> Result<bool, Failure> {
    match given(fields, name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => Err(wrong(&join(path, name), "TYPE_BOOL", other)),
    }
}

pub(super) fn number(fields: &Fields, path: &str, name: &str) -> Result<Option<f64>, Failure> {
    let Some(value) = given(fields, name) else {
        return Ok(None);
    };
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number.map(Some).ok_or_else(|| wrong(&join(path, name), "TYPE_FLOAT", value))
}

pub(super) fn integer(fields: &Fields, path: &str, name: &str) -> Result<Option<i64>, Failure> {
    let Some(value) = given(fields, name) else {
        return Ok(None);
    };
    let whole =
        || value.as_f64().filter(|number| number.fract() == 0.0).and_then(|number| format!("{number}").parse().ok());
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok()).or_else(whole);
    number.map(Some).ok_or_else(|| wrong(&join(path, name), "TYPE_INT32", value))
}

/// Free JSON: an object and nothing else.
pub(super) fn open<'a>(fields: &'a Fields, path: &str, name: &str) -> Result<Option<&'a Value>, Failure> {
    match given(fields, name) {
        None => Ok(None),
        Some(value @ Value::Object(_)) => Ok(Some(value)),
        Some(other) => Err(wrong(&join(path, name), "type.googleapis.com/google.protobuf.Struct", other)),
    }
}

pub(super) fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Fields, Failure> {
    value.as_object().ok_or_else(|| {
        let description = format!("Invalid value at '{path}', Root element must be a message.");
        Failure::payload(path, description)
    })
}

pub(super) fn inner<'a>(fields: &'a Fields, path: &str, name: &str) -> Result<Option<&'a Fields>, Failure> {
    given(fields, name).map(|value| object(value, &join(path, name))).transpose()
}

pub(super) fn list<'a>(fields: &'a Fields, name: &str) -> &'a [Value] {
    match given(fields, name) {
        None => &[],
        Some(Value::Array(list)) => list,
        Some(one) => std::slice::from_ref(one),
    }
}

/// One of the words of an enumeration, in any case, as the vendor reads them; it takes their numbers too.
pub(super) fn word(fields: &Fields, path: &str, name: &str, words: &[&str]) -> Result<Option<String>, Failure> {
    if given(fields, name).is_some_and(Value::is_u64) {
        return Ok(None);
    }
    let Some(text) = text(fields, path, name)? else {
        return Ok(None);
    };
    let upper = text.to_ascii_uppercase();
    if words.contains(&upper.as_str()) {
        return Ok(Some(upper));
    }
    Err(wrong(&join(path, name), "TYPE_ENUM", &Value::from(text)))
}
