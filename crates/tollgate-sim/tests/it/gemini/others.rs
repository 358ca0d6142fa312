//! Counting, embeddings, lists of models, Vertex's paths.

use serde_json::{Value, json};

use super::{call, hello, plain};
use crate::{
    ask::{send, with},
    shared::assert_valid,
};

const VERTEX: &str = "/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash:";

#[test]
fn counting() {
    let body = hello(&json!({"systemInstruction": {"parts": [{"text": "Be terse."}]}}));
    let counted = call("countTokens", "", &hello(&json!({}))).good();
    assert_valid("gemini", "CountTokensResponse", &counted);
    assert_eq!(counted["totalTokens"], 5);
    let whole = with(body.clone(), &json!({"model": "models/gemini-3.5-flash"}));
    let counted = call("countTokens", "", &json!({"generateContentRequest": whole})).good();
    assert_eq!(counted["totalTokens"], plain("", &body)["usageMetadata"]["promptTokenCount"]);
    assert_eq!(call("countTokens", "", &body).status, 400, "no system instruction beside contents");
    let vertex = send("POST", &format!("{VERTEX}countTokens"), &[], body.to_string().as_bytes()).good();
    assert_eq!((&vertex["totalTokens"], &vertex["totalBillableCharacters"]), (&counted["totalTokens"], &json!(19)));
}

#[test]
fn vertex_speaks_the_same_with_other_trimmings() {
    let body = hello(&json!({"labels": {"team": "a"}})).to_string();
    let answer = send("POST", &format!("{VERTEX}generateContent"), &[], body.as_bytes()).good();
    assert_eq!(answer["usageMetadata"]["trafficType"], "ON_DEMAND");
    assert!(answer["usageMetadata"].get("serviceTier").is_none());
    assert_eq!(answer["modelVersion"], "gemini-2.5-flash");
    let stream = send("POST", &format!("{VERTEX}streamGenerateContent?alt=sse"), &[], body.as_bytes());
    assert!(stream.events().len() > 10);
    assert_eq!(call("generateContent", "", &serde_json::from_str(&body).unwrap()).status, 400, "labels are Vertex's");
    let hot = hello(&json!({"generationConfig": {"temperature": 1000}})).to_string();
    let refused = send("POST", &format!("{VERTEX}generateContent"), &[], hot.as_bytes()).json();
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("Unable to submit request because it has a temperature value of 1000")
    );
}

#[test]
fn embeddings() {
    let content = |text: &str| json!({"content": {"parts": [{"text": text}]}});
    let one = call("embedContent", "", &with(content("the weather"), &json!({"taskType": "RETRIEVAL_QUERY"}))).good();
    assert_valid("gemini", "EmbedContentResponse", &one);
    assert_eq!(one["embedding"]["values"].as_array().unwrap().len(), 3072);
    assert_eq!(one["usageMetadata"]["promptTokenCount"], 2);
    let request =
        |text: &str| with(content(text), &json!({"model": "models/gemini-3.5-flash", "outputDimensionality": 8}));
    let many = call("batchEmbedContents", "", &json!({"requests": [request("the weather"), request("Oslo")]})).good();
    let values: Vec<Vec<f64>> =
        (0..2).map(|at| serde_json::from_value(many["embeddings"][at]["values"].clone()).unwrap()).collect();
    assert!((values[0].iter().map(|value| value * value).sum::<f64>() - 1.0).abs() < 1e-4);
    assert_ne!(values[0], values[1]);
    assert_eq!(many["usageMetadata"]["promptTokenCount"], 3);
    for (body, words) in [
        (json!({}), "requests"),
        (json!({"requests": [content("a")]}), "requests[0].model: model is not specified"),
        (json!({"requests": [with(content("a"), &json!({"model": "models/other"}))]}), "must match"),
        (json!({"requests": [with(request("a"), &json!({"outputDimensionality": 0}))]}), "output_dimensionality"),
    ] {
        let got = call("batchEmbedContents", "", &body);
        assert!(got.status == 400 && got.text.contains(words), "{}", got.text);
    }
    assert_eq!(call("embedContent", "", &json!({"input": "a"})).status, 400);
}

#[test]
fn models() {
    let get = |path: &str, headers: &[(&str, &str)]| send("GET", path, headers, b"").good();
    let all = get("/v1beta/models", &[]);
    assert_valid("gemini", "ListModelsResponse", &all);
    assert!(all["models"].as_array().unwrap().len() > 2 && all.get("nextPageToken").is_none());
    let first = get("/v1beta/models?pageSize=1", &[]);
    let token = first["nextPageToken"].as_str().unwrap();
    let rest = get(&format!("/v1beta/models?pageSize=1000&pageToken={token}"), &[]);
    assert_eq!(rest["models"].as_array().unwrap().len() + 1, all["models"].as_array().unwrap().len());
    assert_eq!(get("/v1beta/models/anything", &[])["name"], "models/anything");
    assert_valid("gemini", "Model", &get("/v1beta/models/anything", &[]));
    assert!(get("/v1/models", &[("x-goog-api-key", "k")])["models"].is_array(), "by the key");
    assert!(get("/v1/models", &[("authorization", "Bearer k")])["data"].is_array(), "OpenAI's otherwise");
    assert!(get("/v1beta/openai/models", &[("authorization", "Bearer k")])["data"].is_array());
    let vertex: Value = get("/v1beta1/publishers/google/models", &[]);
    assert!(vertex["publisherModels"][0]["name"].as_str().unwrap().starts_with("publishers/google/models/"));
}
