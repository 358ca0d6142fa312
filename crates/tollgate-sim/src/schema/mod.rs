//! A believable JSON value that is valid for a JSON Schema: the arguments of pretended tool calls, structured answers.
//!
//! Understands what tools use: types, const, enum, properties, required, items, prefixItems, anyOf, oneOf, allOf,
//! `$ref` inside the document, bounds, formats and simple patterns. Not understood: not, if, dependent and unevaluated
//! keywords, references to other documents. Never fails; where a schema asks the impossible the value is a guess.

mod pattern;
mod scalar;

use serde_json::{Map, Value};

use crate::content::Rng;

/// References and nesting are followed this deep; beyond it optional parts are left out.
const SHALLOW: usize = 4;
const DEEP: usize = 24;
/// No array is longer, whatever `minItems` says.
const ITEMS: u64 = 64;

/// A value for `schema`; the same seed gives the same value.
pub(crate) fn value(schema: &Value, seed: u64) -> Value {
    Maker { root: schema, rng: Rng::new(seed) }.make(schema, "value", 0)
}

struct Maker<'a> {
    root: &'a Value,
    rng: Rng,
}

impl<'a> Maker<'a> {
    fn make(&mut self, schema: &'a Value, name: &str, depth: usize) -> Value {
        let Some(fields) = schema.as_object() else {
            return Value::from(name);
        };
        if depth > DEEP {
            return Value::Null;
        }
        if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
            let target = target.strip_prefix('#').and_then(|path| self.root.pointer(path));
            return target.map_or(Value::Null, |target| self.make(target, name, depth + 1));
        }
        if let Some(value) = fields.get("const") {
            return value.clone();
        }
        if let Some(values) = fields.get("enum").and_then(Value::as_array) {
            return self.rng.pick(values).cloned().unwrap_or_default();
        }
        if let Some(parts) = fields.get("allOf").and_then(Value::as_array) {
            return self.all_of(schema, parts, name, depth);
        }
        for either in ["anyOf", "oneOf"] {
            if let Some(choices) = fields.get(either).and_then(Value::as_array) {
                return self.either(fields, either, choices, name, depth);
            }
        }
        match kind(fields, depth) {
            "object" => Value::Object(self.object(fields, depth)),
            "array" => Value::Array(self.array(fields, name, depth)),
            "integer" => scalar::integer(fields, &mut self.rng),
            "number" => scalar::number(fields, &mut self.rng),
            "boolean" => Value::Bool(self.rng.below(2) == 0),
            "null" => Value::Null,
            _ => Value::String(scalar::string(fields, name, &mut self.rng)),
        }
    }

    fn object(&mut self, fields: &'a Map<String, Value>, depth: usize) -> Map<String, Value> {
        let mut object = Map::new();
        let required = names(fields.get("required"));
        let at_least = fields.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
        if let Some(properties) = fields.get("properties").and_then(Value::as_object) {
            let mut optional =
                (properties.len() - properties.keys().filter(|name| required.contains(&name.as_str())).count()) as u64;
            for (name, schema) in properties {
                let wanted = required.contains(&name.as_str());
                if !wanted {
                    optional -= 1;
                }
                let short = (object.len() as u64) + optional < at_least;
                // Half of the optional ones, none deep down: recursive schemas end.
                if wanted || short || (depth < SHALLOW && self.rng.below(2) == 0) {
                    let value = self.make(schema, name, depth + 1);
                    object.insert(name.clone(), value);
                }
            }
        }
        for name in required {
            if !object.contains_key(name) {
                let value = match fields.get("additionalProperties") {
                    Some(schema @ Value::Object(_)) => self.make(schema, name, depth + 1),
                    _ => Value::from(name),
                };
                object.insert(name.to_owned(), value);
            }
        }
        if let Some(schema @ Value::Object(_)) = fields.get("additionalProperties") {
            while (object.len() as u64) < at_least.min(ITEMS) {
                let value = self.make(schema, "value", depth + 1);
                object.insert(format!("key_{}", object.len() + 1), value);
            }
        }
        object
    }

    fn array(&mut self, fields: &'a Map<String, Value>, name: &str, depth: usize) -> Vec<Value> {
        let bound = |key: &str| fields.get(key).and_then(Value::as_u64);
        let least = bound("minItems").unwrap_or(0).min(ITEMS);
        let most = bound("maxItems").unwrap_or(ITEMS).max(least);
        let prefix = fields.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let items = fields.get("items").filter(|items| **items != Value::Bool(false));
        let usual = if depth < SHALLOW { 1 + self.rng.below(2) } else { 0 };
        let wish = usual.max(prefix.len() as u64).max(least).min(most);
        let unique = fields.get("uniqueItems") == Some(&Value::Bool(true));
        let mut array: Vec<Value> = Vec::new();
        // Unique items of a small enum take a few tries.
        for _ in 0..wish * 8 {
            if array.len() as u64 >= wish {
                break;
            }
            let item = match (prefix.get(array.len()), items) {
                (Some(schema), _) | (None, Some(schema)) => self.make(schema, singular(name), depth + 1),
                (None, None) if prefix.is_empty() => Value::from(format!("{} {}", singular(name), array.len() + 1)),
                (None, None) => break,
            };
            if !unique || !array.contains(&item) {
                array.push(item);
            }
        }
        array
    }

    fn either(
        &mut self,
        fields: &Map<String, Value>,
        key: &str,
        choices: &'a [Value],
        name: &str,
        depth: usize,
    ) -> Value {
        // Near the top the first choice that says something; deep down the one that ends.
        let is_null = |choice: &&Value| choice.get("type").and_then(Value::as_str) == Some("null");
        let ends = |choice: &&Value| choice.get("$ref").is_none() && choice.get("properties").is_none();
        let choice = if depth < SHALLOW {
            choices.iter().find(|choice| !is_null(choice))
        } else {
            choices.iter().find(is_null).or_else(|| choices.iter().find(ends))
        };
        let Some(choice) = choice.or_else(|| choices.first()) else {
            return Value::Null;
        };
        let mut merged = self.resolved(choice, 0).as_object().cloned().unwrap_or_default();
        let mut rest = fields.clone();
        rest.remove(key);
        merge(&mut merged, rest);
        self.owned(&Value::Object(merged), name, depth + 1)
    }

    fn all_of(&mut self, schema: &Value, parts: &'a [Value], name: &str, depth: usize) -> Value {
        let mut merged = schema.as_object().cloned().unwrap_or_default();
        merged.remove("allOf");
        for part in parts {
            merge(&mut merged, self.resolved(part, 0).as_object().cloned().unwrap_or_default());
        }
        self.owned(&Value::Object(merged), name, depth + 1)
    }

    /// Makes a value for a schema that is not part of the document, with the document's definitions.
    fn owned(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        let mut inner = Maker { root: self.root, rng: Rng::new(self.rng.next()) };
        // A shorter life for both: the merged schema lives only here, the document longer.
        inner.make(schema, name, depth)
    }

    fn resolved(&self, schema: &'a Value, hops: usize) -> &'a Value {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
        match target.and_then(|path| self.root.pointer(path)) {
            Some(target) if hops < SHALLOW => self.resolved(target, hops + 1),
            _ => schema,
        }
    }
}

/// The keywords of `more` on top of `into`; lists of properties and of required names are joined.
fn merge(into: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, value) in more {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(have)), Value::Object(new)) if key == "properties" => {
                have.extend(new);
            }
            (Some(Value::Array(have)), Value::Array(new)) if key == "required" => have.extend(new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// The type to make: the one named, the first useful of several, or what the other keywords suggest.
fn kind(fields: &Map<String, Value>, depth: usize) -> &str {
    match fields.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str);
            if depth > SHALLOW && kinds.clone().any(|kind| kind == "null") {
                return "null";
            }
            kinds.find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if ["properties", "required", "additionalProperties"].iter().any(|key| fields.contains_key(*key)) => "object",
        _ if ["items", "prefixItems", "minItems"].iter().any(|key| fields.contains_key(*key)) => "array",
        _ if ["minimum", "maximum", "multipleOf"].iter().any(|key| fields.contains_key(*key)) => "number",
        _ => "string",
    }
}

fn names(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn singular(name: &str) -> &str {
    name.strip_suffix('s').filter(|name| name.len() > 2).unwrap_or(name)
}

#[cfg(test)]
mod tests;
