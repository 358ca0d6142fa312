//! JSON without the freedom that two readers could use differently: a name given twice is an error.
//!
//! Depth is bounded by the parser (128). Errors give places, never contents.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::keys::Invalid;

/// Reads any JSON value; numbers keep what `i64`, `u64` or `f64` can hold.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Invalid> {
    serde_json::from_slice::<Strict>(bytes).map(|strict| strict.0).map_err(|error| {
        let text = error.to_string();
        if let Some(name) = text.strip_prefix(TWICE).and_then(|rest| rest.split('`').next()) {
            return Invalid::new(name, "is given twice");
        }
        let place = format!("line {}, column {}", error.line(), error.column());
        Invalid::new("body", format!("is not valid JSON ({place})"))
    })
}

/// A caller's field name, fit for an answer.
pub(super) fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control() && *c != '`').take(64).collect()
}

/// How our own message begins; the parser's never do.
const TWICE: &str = "given twice: `";

/// Any JSON value in which no object has a name twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{TWICE}{}`", shown(&name))));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn values_pass_unchanged() {
        let text = r#"{"a":[1,-2,1.5,null,true,"x\\n"],"b":{"a":{}}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn faults_are_named() {
        let fault = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert_eq!(fault(r#"{"a":{"b":1,"b":2}}"#), Invalid::new("b", "is given twice"));
        assert_eq!(fault("{\n\"a\":}").to_string(), "body: is not valid JSON (line 2, column 5)");
        assert_eq!(fault("").field, "body");
        assert_eq!(fault("{} {}").field, "body");
        assert_eq!(fault(&"[".repeat(10_000)).field, "body");
        assert_eq!(fault("\u{feff}{}").field, "body");
    }
}
