//! Values against a small checker of their own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::json;

use super::*;

#[test]
fn a_tool_s_parameters() {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["city", "days", "unit", "stops", "who"],
        "properties": {
            "city": {"type": "string", "minLength": 1, "maxLength": 3},
            "days": {"type": "integer", "minimum": 3, "maximum": 5},
            "unit": {"enum": ["c", "f"]},
            "ratio": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "stops": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"$ref": "#/$defs/stop"}},
            "who": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"id": {"type": "string", "format": "uuid"}}, "required": ["id"]}]},
            "even": {"type": "integer", "multipleOf": 2, "minimum": 7}},
        "$defs": {"stop": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string", "pattern": "^[A-Z]{3}-\\d{2,4}$"}}}}});
    for seed in 0..50 {
        let made = value(&schema, seed);
        assert_eq!(made, value(&schema, seed));
        assert!((1..=3).contains(&made["city"].as_str().unwrap().len()), "{made}");
        assert!((3..=5).contains(&made["days"].as_i64().unwrap()));
        assert!(["c", "f"].contains(&made["unit"].as_str().unwrap()));
        let stops = made["stops"].as_array().unwrap();
        assert_eq!(stops.len(), 2);
        let code = stops[0]["code"].as_str().unwrap().as_bytes();
        assert!(code.len() == 6 && code[..3].iter().all(u8::is_ascii_uppercase) && code[3] == b'-', "{made}");
        assert_eq!(made["who"]["id"].as_str().unwrap().len(), 36);
        if let Some(ratio) = made.get("ratio") {
            assert!(ratio.as_f64().unwrap() > 0.0 && ratio.as_f64().unwrap() < 1.0);
        }
        if let Some(even) = made.get("even") {
            assert!(even.as_i64().unwrap() >= 7 && even.as_i64().unwrap() % 2 == 0);
        }
    }
}

#[test]
fn recursion_ends() {
    let tree = json!({"type": "object", "required": ["next", "kids"], "properties": {
        "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        "kids": {"type": "array", "items": {"$ref": "#"}}}});
    let made = value(&tree, 3).to_string();
    assert!(made.len() < 100_000, "{}", made.len());
    let hopeless = json!({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}});
    assert!(value(&hopeless, 3).is_object());
}

#[test]
fn joined_schemas_and_bounds() {
    let all = json!({"allOf": [{"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
        {"properties": {"b": {"type": "boolean"}}, "required": ["b"]}]});
    let made = value(&all, 1);
    assert_eq!(made["a"], 1);
    assert!(made["b"].is_boolean());
    for (schema, least, most) in [
        (json!({"type": "integer", "maximum": -5}), i64::MIN, -5),
        (json!({"type": "integer", "exclusiveMinimum": 10, "exclusiveMaximum": 12}), 11, 11),
        (json!({"type": ["null", "integer"], "minimum": 1e3}), 1000, i64::MAX),
    ] {
        let made = value(&schema, 9).as_i64().unwrap();
        assert!(least <= made && made <= most, "{schema} {made}");
    }
    let unique = value(&json!({"type": "array", "minItems": 3, "uniqueItems": true, "items": {"enum": [1, 2, 3]}}), 5);
    assert_eq!(unique.as_array().unwrap().len(), 3);
}

#[test]
fn nonsense_is_answered_calmly() {
    for schema in [
        json!(true),
        json!({}),
        json!({"type": 7}),
        json!({"$ref": "#/nowhere"}),
        json!({"type": "array", "minItems": 1e18}),
        json!({"pattern": "(?<=a)b"}),
        json!({"type": "string", "pattern": "[[["}),
    ] {
        let _ = value(&schema, 1);
    }
}
