//! Checks of fields, with the vendor's words for what is wrong: a path, a colon, what the field should be.

use serde_json::{Map, Value};

use super::error::Failure;
use crate::Request;

pub(super) type Fields = Map<String, Value>;

/// A field that is there and not null.
pub(super) fn given<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

/// `a.b`, or `b` at the top.
pub(super) fn join(path: &str, name: impl std::fmt::Display) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

pub(super) fn missing(path: &str) -> Failure {
    Failure::at(path, "Field required")
}

pub(super) fn text<'a>(fields: &'a Fields, path: &str, name: &str) -> Result<Option<&'a str>, Failure> {
    match given(fields, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Failure::at(&join(path, name), "Input should be a valid string")),
    }
}

pub(super) fn needed<'a>(fields: &'a Fields, path: &str, name: &str) -> Result<&'a str, Failure> {
    text(fields, path, name)?.ok_or_else(|| missing(&join(path, name)))
}

pub(super) fn flag(fields: &Fields, name: &str) -> Result<bool, Failure> {
    match given(fields, name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Failure::at(name, "Input should be a valid boolean")),
    }
}

pub(super) fn integer(fields: &Fields, path: &str, name: &str, least: u64) -> Result<Option<u64>, Failure> {
    let Some(value) = given(fields, name) else {
        return Ok(None);
    };
    let path = join(path, name);
    if value.as_i64().is_some_and(|number| number < 0) || value.as_u64().is_some_and(|number| number < least) {
        return Err(Failure::at(&path, &format!("Input should be greater than or equal to {least}")));
    }
    match value.as_u64() {
        Some(number) => Ok(Some(number)),
        None => Err(Failure::at(&path, "Input should be a valid integer")),
    }
}

/// A number from 0 to 1.
pub(super) fn share(fields: &Fields, name: &str) -> Result<Option<f64>, Failure> {
    let Some(value) = given(fields, name) else {
        return Ok(None);
    };
    match value.as_f64() {
        None => Err(Failure::at(name, "Input should be a valid number")),
        Some(number) if number < 0.0 => Err(Failure::at(name, "Input should be greater than or equal to 0")),
        Some(number) if number > 1.0 => Err(Failure::at(name, "Input should be less than or equal to 1")),
        Some(number) => Ok(Some(number)),
    }
}

pub(super) fn list<'a>(fields: &'a Fields, path: &str, name: &str) -> Result<Option<&'a [Value]>, Failure> {
    match given(fields, name) {
        None => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(_) => Err(Failure::at(&join(path, name), "Input should be a valid array")),
    }
}

pub(super) fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Fields, Failure> {
    value.as_object().ok_or_else(|| Failure::at(path, "Input should be a valid dictionary"))
}

/// The vendor takes no field that it does not know.
pub(super) fn only(fields: &Fields, path: &str, known: &[&str]) -> Result<(), Failure> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Failure::at(&join(path, name), "Extra inputs are not permitted")),
        None => Ok(()),
    }
}

/// Letters, digits, `_` and `-`, at least one and at most `most`.
pub(super) fn is_name(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// `anthropic-version` is there, whatever it says, and each value of `anthropic-beta` looks like one: a name and a date.
pub(super) fn version(request: &Request<'_>) -> Result<(), Failure> {
    if request.header("anthropic-version").is_none_or(|version| version.trim().is_empty()) {
        return Err(Failure::at("anthropic-version", "header is required"));
    }
    for beta in betas(request) {
        let dated = beta.get(beta.len().saturating_sub(11)..).is_some_and(|tail| {
            tail.bytes().enumerate().all(|(at, byte)| match at {
                0 | 5 | 8 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
        });
        if !dated || beta.len() < 12 {
            return Err(Failure::invalid(format!(
                "Unexpected value(s) `{beta}` for the `anthropic-beta` header. Please consult our documentation at \
                 docs.claude.com or try again without the header."
            )));
        }
    }
    Ok(())
}

/// The values of all `anthropic-beta` headers.
pub(super) fn betas<'a>(request: &Request<'a>) -> impl Iterator<Item = &'a str> {
    let named = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("anthropic-beta"));
    named.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|beta| !beta.is_empty())
}
