//! Checks of request fields that several calls share, with `OpenAI`'s words for what is wrong.

use serde_json::{Map, Value};

use super::error::{Failure, missing, wrong_type};

pub(crate) type Fields = Map<String, Value>;

/// A field that is there and not null.
pub(crate) fn given<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

pub(crate) fn flag(fields: &Fields, name: &str) -> Result<bool, Failure> {
    match given(fields, name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => Err(wrong_type(name, "a boolean", other)),
    }
}

pub(crate) fn integer(fields: &Fields, name: &str, least: i64, most: i64) -> Result<Option<u64>, Failure> {
    let Some(value) = given(fields, name) else {
        return Ok(None);
    };
    let Some(number) = value.as_i64() else {
        return Err(wrong_type(name, "an integer", value));
    };
    let (word, code, sign, bound) = match number {
        _ if number < least => ("below minimum", "integer_below_min_value", ">=", least),
        _ if number > most => ("above maximum", "integer_above_max_value", "<=", most),
        _ => return Ok(u64::try_from(number).ok()),
    };
    let message =
        format!("Invalid '{name}': integer {word} value. Expected a value {sign} {bound}, but got {number} instead.");
    Err(Failure::invalid(message, name, code))
}

pub(crate) fn decimal(fields: &Fields, name: &str, least: f64, most: f64) -> Result<(), Failure> {
    let Some(value) = given(fields, name) else {
        return Ok(());
    };
    let Some(number) = value.as_f64() else {
        return Err(wrong_type(name, "a decimal", value));
    };
    let (word, code, sign, bound) = match number {
        _ if number < least => ("below minimum", "decimal_below_min_value", ">=", least),
        _ if number > most => ("above maximum", "decimal_above_max_value", "<=", most),
        _ => return Ok(()),
    };
    let message =
        format!("Invalid '{name}': decimal {word} value. Expected a value {sign} {bound}, but got {value} instead.");
    Err(Failure::invalid(message, name, code))
}

pub(crate) fn list<'a>(fields: &'a Fields, name: &str, of: &str) -> Result<&'a [Value], Failure> {
    match fields.get(name) {
        None => Err(missing(name)),
        Some(Value::Array(list)) if list.is_empty() => {
            let message = format!(
                "Invalid '{name}': empty array. Expected an array with minimum length 1, but got an empty array \
                 instead."
            );
            Err(Failure::invalid(message, name, "empty_array"))
        }
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(wrong_type(name, &format!("an array of {of}"), other)),
    }
}

pub(crate) fn too_long(name: &str, most: usize, got: usize) -> Failure {
    let message = format!(
        "Invalid '{name}': array too long. Expected an array with maximum length {most}, but got an array with length \
         {got} instead."
    );
    Failure::invalid(message, name, "array_above_max_length")
}
