//! JSON Schema (2020-12, as in `OpenAPI` 3.1) written as Rust: short words that nest.
//!
//! Owns the spelling of schemas; knows no route. Objects are open: a vendor's field that is not named here is passed on.

use serde_json::{Map, Value, json};

/// A schema being written.
#[derive(Debug, Clone)]
pub(super) struct Schema(Map<String, Value>);

fn of(kind: &str) -> Schema {
    Schema(Map::new()).set("type", kind)
}

/// Any text.
pub(super) fn string() -> Schema {
    of("string")
}

/// Text that is a time, RFC 3339.
pub(super) fn time() -> Schema {
    of("string").set("format", "date-time")
}

/// Text that is an address.
pub(super) fn uri() -> Schema {
    of("string").set("format", "uri")
}

/// A whole number.
pub(super) fn integer() -> Schema {
    of("integer")
}

/// Any number.
pub(super) fn number() -> Schema {
    of("number")
}

/// True or false.
pub(super) fn boolean() -> Schema {
    of("boolean")
}

/// Nothing is said.
pub(super) fn anything() -> Schema {
    Schema(Map::new())
}

/// US dollars, exact to the nano-dollar.
pub(super) fn usd() -> Schema {
    of("string").set("pattern", r"^-?[0-9]+\.[0-9]{9}$").example(json!("0.000012500"))
}

/// A list.
pub(super) fn array(items: Schema) -> Schema {
    of("array").set("items", items.0)
}

/// An object whose names are the caller's.
pub(super) fn map(values: Schema) -> Schema {
    of("object").set("additionalProperties", values.0)
}

/// An object; its fields follow with [`Schema::need`] and [`Schema::may`].
pub(super) fn object() -> Schema {
    of("object").set("properties", Map::new())
}

/// One of the document's named schemas.
pub(super) fn refer(name: &str) -> Schema {
    Schema(Map::new()).set("$ref", format!("#/components/schemas/{name}"))
}

/// Exactly this text.
pub(super) fn constant(text: &str) -> Schema {
    of("string").set("const", text)
}

/// One of these texts.
pub(super) fn choice(texts: &[&str]) -> Schema {
    of("string").set("enum", texts)
}

/// Whatever one of these takes.
pub(super) fn any_of<const N: usize>(schemas: [Schema; N]) -> Schema {
    Schema(Map::new()).set("anyOf", schemas.map(|schema| Value::Object(schema.0)).to_vec())
}

impl Schema {
    fn set(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.0.insert(name.to_owned(), value.into().0);
        self
    }

    /// What it means.
    pub(super) fn about(self, text: &str) -> Self {
        self.set("description", text)
    }

    /// What holds if it is left out.
    pub(super) fn default(self, value: impl Into<Value>) -> Self {
        self.set("default", value.into())
    }

    /// A value that is good.
    pub(super) fn example(self, value: impl Into<Value>) -> Self {
        self.set("examples", vec![value.into()])
    }

    /// Lowest and highest value.
    pub(super) fn range(self, low: impl Into<Value>, high: impl Into<Value>) -> Self {
        self.set("minimum", low.into()).set("maximum", high.into())
    }

    /// Lowest value.
    pub(super) fn least(self, low: i64) -> Self {
        self.set("minimum", json!(low))
    }

    /// Shortest and longest text.
    pub(super) fn length(self, low: u32, high: u32) -> Self {
        self.set("minLength", json!(low)).set("maxLength", json!(high))
    }

    /// Fewest and most items.
    pub(super) fn items(self, low: u32, high: u32) -> Self {
        self.set("minItems", json!(low)).set("maxItems", json!(high))
    }

    /// Still taken; better not used any more.
    pub(super) fn deprecated(self) -> Self {
        self.set("deprecated", json!(true))
    }

    /// May be null as well.
    pub(super) fn or_null(mut self) -> Self {
        match self.0.get("type") {
            Some(Value::String(kind)) => {
                let kinds = json!([kind, "null"]);
                if let Some(Value::Array(texts)) = self.0.get_mut("enum") {
                    texts.push(Value::Null);
                }
                self.set("type", kinds)
            }
            _ => {
                let about = self.0.shift_remove("description");
                let both = any_of([self, of("null")]);
                match about {
                    Some(about) => both.set("description", about),
                    None => both,
                }
            }
        }
    }

    /// A field that must be there.
    pub(super) fn need(mut self, name: &str, schema: Schema) -> Self {
        let required = self.0.entry("required").or_insert_with(|| json!([]));
        if let Value::Array(names) = required {
            names.push(name.into());
        }
        self.may(name, schema)
    }

    /// A field that may be there.
    pub(super) fn may(mut self, name: &str, schema: Schema) -> Self {
        if let Some(Value::Object(properties)) = self.0.get_mut("properties") {
            properties.insert(name.to_owned(), Value::Object(schema.0));
        }
        self
    }

    /// Several fields of one kind that may be there.
    pub(super) fn all(self, names: &[&str], schema: &Schema) -> Self {
        names.iter().fold(self, |object, name| object.may(name, schema.clone()))
    }

    /// As it stands in the document.
    pub(super) fn done(self) -> Value {
        Value::Object(self.0)
    }
}

/// What a keyword's value may be made of.
struct Json(Value);

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Map<String, Value>> for Json {
    fn from(map: Map<String, Value>) -> Self {
        Self(map.into())
    }
}

impl From<&[&str]> for Json {
    fn from(texts: &[&str]) -> Self {
        Self(texts.into())
    }
}

impl From<Vec<Value>> for Json {
    fn from(values: Vec<Value>) -> Self {
        Self(values.into())
    }
}
