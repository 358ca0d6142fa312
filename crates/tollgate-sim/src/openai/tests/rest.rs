//! Embeddings, models, keys.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{ask, text};
use crate::{Request, Simulator};

#[test]
fn embeddings_have_length_one_in_both_encodings() {
    let input = json!(["the weather in Oslo", "weather of Oslo", "a completely different text"]);
    let (_, floats) = ask("/v1/embeddings", "", &json!({"model": "text-embedding-3-small", "input": input}));
    let vectors: Vec<Vec<f32>> =
        (0..3).map(|at| serde_json::from_value(floats["data"][at]["embedding"].clone()).unwrap()).collect();
    let dot = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(a, b)| a * b).sum::<f32>();
    assert_eq!(vectors[0].len(), 1536);
    assert!((dot(0, 0) - 1.0).abs() < 1e-4);
    assert!(dot(0, 1) > dot(0, 2) + 0.2, "{} {}", dot(0, 1), dot(0, 2));
    assert_eq!(floats["usage"], json!({"prompt_tokens": 11, "total_tokens": 11}));
    let (_, packed) = ask("/v1/embeddings", "", &json!({"model": "x", "input": input[0], "encoding_format": "base64"}));
    let bytes = STANDARD.decode(packed["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let unpacked: Vec<f32> = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert_eq!(unpacked, vectors[0]);
}

#[test]
fn embeddings_of_every_input_and_their_limits() {
    let embed = |input: Value, dimensions: i64| {
        ask("/v1/embeddings", "", &json!({"model": "text-embedding-3-large", "input": input, "dimensions": dimensions}))
    };
    for (input, count, tokens) in [
        (json!("hi"), 1, 1),
        (json!([1, 2, 3]), 1, 3),
        (json!([[1, 2], [3]]), 2, 3),
        (json!(vec!["a"; 2048]), 2048, 2048),
    ] {
        let (status, body) = embed(input, 3);
        assert_eq!((status, body["data"].as_array().unwrap().len()), (200, count));
        assert_eq!(body["data"][count - 1]["embedding"].as_array().unwrap().len(), 3);
        assert_eq!(body["usage"]["prompt_tokens"], tokens);
    }
    for input in
        [json!(""), json!([]), json!([""]), json!(["a", 1]), json!(7), json!(vec!["a"; 2049]), json!("a ".repeat(8193))]
    {
        assert_eq!(embed(input, 3).0, 400);
    }
    assert_eq!(embed(json!("a"), 3073).0, 400);
    assert_eq!(embed(json!("a"), -1).1["error"]["message"], "-1 is less than the minimum of 1 - 'dimensions'");
}

#[test]
fn models_by_any_name() {
    let get = |path| {
        let request = Request { method: "GET", path, query: None, headers: &[], body: b"" };
        serde_json::from_str::<Value>(&text(Simulator::new(1).answer(&request))).unwrap()
    };
    assert!(get("/openai/v1/models")["data"].as_array().unwrap().len() > 3);
    assert_eq!(get("/v1/v1/models/openai%2Fgpt-x:a")["id"], "openai/gpt-x:a");
    assert_eq!(get("/v1/models/a/b")["id"], "a/b");
}

#[test]
fn a_key_is_wanted_only_when_standing_alone() {
    let request = |headers| Request { method: "GET", path: "/v1/models", query: None, headers, body: b"" };
    let simulator = Simulator::new(1).wanting_key();
    assert_eq!(simulator.answer(&request(&[])).status, 401);
    assert_eq!(simulator.answer(&request(&[("Authorization", "Bearer x")])).status, 200);
    assert_eq!(Simulator::new(1).answer(&request(&[])).status, 200);
}
