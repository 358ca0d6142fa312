//! Vectors in two protocols, from models of either.

use crate::crossing;
use crate::harness::Gateway;
use crate::responses_state::call;
use serde_json::{Value, json};

fn numbers(vector: &Value) -> usize {
    vector.as_array().unwrap_or_else(|| panic!("{vector}")).iter().filter(|number| number.is_number()).count()
}

/// Vectors by every route, and how many requests were billed.
fn all(gateway: &Gateway, key: &str, model: &str) {
    for (input, count) in [(json!("hello"), 1), (json!(["a", "b", "c"]), 3)] {
        let body = json!({"model": model, "input": input, "dimensions": 64});
        let answer = call(gateway, key, "POST", "/v1/embeddings", &body);
        assert_eq!(answer.status, 200, "{model}: {}", answer.text());
        let told = answer.json();
        let data = told["data"].as_array().unwrap();
        assert!(data.len() == count && data.iter().all(|one| numbers(&one["embedding"]) == 64), "{told}");
        assert!(told["usage"]["total_tokens"].as_u64().unwrap() > 0, "{told}");
        assert!(
            answer.header("x-tollgate-cost-usd").is_some_and(|cost| !cost.trim_matches(['0', '.']).is_empty()),
            "{:?}",
            answer.headers
        );
        let body = json!({"model": model, "input": input, "encoding_format": "base64"});
        let answer = call(gateway, key, "POST", "/v1/embeddings", &body).json();
        assert!(answer["data"][0]["embedding"].is_string(), "{answer}");
    }
    let content = json!({"parts": [{"text": "hello"}]});
    let body = json!({"content": content, "outputDimensionality": 64});
    let answer = call(gateway, key, "POST", &format!("/v1beta/models/{model}:embedContent"), &body);
    assert_eq!((answer.status, numbers(&answer.json()["embedding"]["values"])), (200, 64), "{}", answer.text());
    assert!(
        answer.header("x-tollgate-cost-usd").is_some_and(|cost| !cost.trim_matches(['0', '.']).is_empty()),
        "{:?}",
        answer.headers
    );
    let one = json!({"model": format!("models/{model}"), "content": content, "outputDimensionality": 64});
    let body = json!({"requests": [one, one]});
    let answer = call(gateway, key, "POST", &format!("/v1beta/models/{model}:batchEmbedContents"), &body);
    let told = answer.json();
    assert_eq!((answer.status, told["embeddings"].as_array().unwrap().len()), (200, 2), "{told}");
    assert_eq!(numbers(&told["embeddings"][1]["values"]), 64);
}

#[test]
fn by_every_route_from_every_vendor() {
    let (sim, gateway, key) = crossing::start();
    for (model, own) in [("text-embedding-3-small", "/embeddings"), ("gemini-embedding-001", ":")] {
        let before = sim.journal().len();
        all(&gateway, &key, model);
        let journal = sim.journal();
        assert!(journal[before..].iter().all(|entry| entry["path"].as_str().unwrap().contains(own)), "{model}");
    }
    let spend = call(&gateway, &key, "GET", "/v1/key", &Value::Null).json();
    assert_ne!(spend["spend"]["total_usd"], "0.000000000");
}

#[test]
fn in_the_sandbox() {
    let (sim, gateway, _) = crossing::start();
    for model in ["text-embedding-3-small", "gemini-embedding-001"] {
        all(&gateway, &gateway.test_key(), model);
    }
    assert_eq!(sim.journal().len(), 0);
}

#[test]
fn what_cannot_cross_is_said() {
    let (sim, gateway, key) = crossing::start();
    let body = json!({"model": "gemini-embedding-001", "input": [1, 2, 3]});
    let refused = call(&gateway, &key, "POST", "/v1/embeddings", &body);
    assert_eq!((refused.status, refused.code().as_str()), (400, "unsupported_parameter"));
    let body = json!({"content": {"parts": [{"text": "x"}]}, "taskType": "RETRIEVAL_QUERY"});
    let path = "/v1beta/models/text-embedding-3-small:embedContent";
    let answer = call(&gateway, &key, "POST", path, &body);
    assert_eq!(answer.header("x-tollgate-translation"), Some("dropped=taskType"), "{}", answer.text());
    let strict = [("x-tollgate-translation", "strict")];
    let refused = crate::responses_state::steered(&gateway, &key, "POST", path, &body, &strict);
    assert_eq!(refused.status, 400, "{}", refused.text());
    // A model whose provider has no vectors.
    let body = json!({"model": "claude-haiku-4-5", "input": "x"});
    assert_eq!(call(&gateway, &key, "POST", "/v1/embeddings", &body).code(), "model_not_found");
    assert_eq!(sim.journal().len(), 1);
}
