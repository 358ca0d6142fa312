//! Schemas that answers and strict tools are held to: the vendor takes a part of JSON Schema and refuses the rest.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::super::error::Failure;

/// Keywords that the vendor refuses, by the type they are about.
const REFUSED: &[(&str, &[&str])] = &[
    ("integer", &["exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"]),
    ("number", &["exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"]),
    ("string", &["maxLength", "minLength"]),
    ("array", &["maxItems", "uniqueItems"]),
];
const DEEP: usize = 64;
const MOST_DEFINITIONS: usize = 256;
/// Of one definition; more say nothing new.
const MOST_REFERENCES: usize = 1_024;

/// `path` is where the schema stands in the request.
pub(super) fn check(schema: &Value, path: &str) -> Result<(), Failure> {
    walk(schema, path, 0)?;
    cycles(schema, path)
}

fn walk(schema: &Value, path: &str, depth: usize) -> Result<(), Failure> {
    let Some(fields) = schema.as_object() else {
        return Ok(());
    };
    if depth > DEEP {
        return Err(Failure::at(path, "Schema is too deeply nested"));
    }
    let kinds: Vec<&str> = match fields.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    for kind in kinds {
        refuse(fields, kind, path)?;
    }
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(inner)) => {
                inner.values().try_for_each(|schema| walk(schema, path, depth + 1))?;
            }
            ("anyOf" | "allOf" | "prefixItems", Value::Array(inner)) => {
                inner.iter().try_for_each(|schema| walk(schema, path, depth + 1))?;
            }
            ("oneOf", _) => return Err(Failure::at(path, "Schema type 'oneOf' is not supported")),
            ("items", inner) => walk(inner, path, depth + 1)?,
            _ => {}
        }
    }
    Ok(())
}

fn refuse(fields: &Map<String, Value>, kind: &str, path: &str) -> Result<(), Failure> {
    if kind == "object" && fields.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Err(Failure::at(path, "For 'object' type, 'additionalProperties' must be explicitly set to false"));
    }
    if kind == "array" && fields.get("minItems").and_then(Value::as_u64).is_some_and(|least| least > 1) {
        return Err(Failure::at(path, "For 'array' type, 'minItems' values other than 0 or 1 are not supported"));
    }
    let refused = REFUSED.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, names)| names);
    let found: Vec<&str> = refused.iter().copied().filter(|name| fields.contains_key(*name)).collect();
    match found.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::at(path, &format!("For '{kind}' type, property '{one}' is not supported"))),
        several => {
            let message = format!("For '{kind}' type, properties {} are not supported", several.join(", "));
            Err(Failure::at(path, &message))
        }
    }
}

/// A definition that holds itself cannot be held to.
fn cycles(schema: &Value, path: &str) -> Result<(), Failure> {
    let mut holds: HashMap<&str, Vec<&str>> = HashMap::new();
    for holder in ["$defs", "definitions"] {
        for (name, definition) in schema.get(holder).and_then(Value::as_object).into_iter().flatten() {
            references(definition, holds.entry(name).or_default());
        }
    }
    if holds.len() > MOST_DEFINITIONS {
        return Err(Failure::at(path, "Schema is too complex"));
    }
    let mut names = schema.get("$defs").or_else(|| schema.get("definitions")).and_then(Value::as_object).into_iter();
    match names.by_ref().flat_map(Map::keys).find(|name| reaches_itself(&holds, name)) {
        Some(name) => Err(Failure::invalid(format!(
            "{path}: Invalid schema: Circular reference detected in schema definitions: {name} -> {name}. \
             Self-referencing or mutually-referencing definitions are not supported."
        ))),
        None => Ok(()),
    }
}

fn reaches_itself(holds: &HashMap<&str, Vec<&str>>, goal: &str) -> bool {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut open = vec![goal];
    while let Some(name) = open.pop() {
        for held in holds.get(name).into_iter().flatten() {
            if *held == goal {
                return true;
            }
            if seen.insert(held) {
                open.push(held);
            }
        }
    }
    false
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| name == "$ref").and_then(|target| target.rsplit('/').next()) {
                    Some(target) if found.len() < MOST_REFERENCES => found.push(target),
                    Some(_) => {}
                    None => references(value, found),
                }
            }
        }
        _ => {}
    }
}
