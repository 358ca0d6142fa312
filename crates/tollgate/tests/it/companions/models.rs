//! Lists of models in three shapes.

use crate::crossing;
use crate::harness::{Answer, Gateway};
use serde_json::Value;

fn get(gateway: &Gateway, key: &str, path: &str, anthropic: bool) -> Answer {
    let version = [("x-api-key", key), ("anthropic-version", "2023-06-01")];
    gateway.get(path, if anthropic { &version } else { &version[..1] })
}

fn ids(list: &Value, name: &str) -> Vec<String> {
    let all = list["data"].as_array().or(list["models"].as_array()).unwrap_or_else(|| panic!("{list}"));
    all.iter().map(|model| model[name].as_str().unwrap().trim_start_matches("models/").to_owned()).collect()
}

#[test]
fn the_same_models_in_every_shape() {
    let (_sim, gateway, key) = crossing::start();
    let openai = ids(&get(&gateway, &key, "/v1/models", false).json(), "id");
    assert!(openai.len() > 50 && openai.contains(&"claude-haiku-4-5".to_owned()));
    let (mut anthropic, mut query) = (Vec::new(), "limit=17".to_owned());
    loop {
        let page = get(&gateway, &key, &format!("/v1/models?{query}"), true).json();
        anthropic.extend(ids(&page, "id"));
        assert_eq!(page["data"][0]["type"], "model");
        query = format!("limit=17&after_id={}", page["last_id"].as_str().unwrap());
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(anthropic, openai);
    let usual = get(&gateway, &key, "/v1/models", true).json();
    assert_eq!((ids(&usual, "id"), &usual["has_more"]), (openai[..20].to_vec(), &Value::Bool(true)));
    let back = get(&gateway, &key, &format!("/v1/models?limit=3&before_id={}", openai[5]), true).json();
    assert_eq!((ids(&back, "id"), &back["has_more"]), (openai[2..5].to_vec(), &Value::Bool(true)));
    for bad in ["limit=0", "limit=1001", "after_id=nobody"] {
        let refused = get(&gateway, &key, &format!("/v1/models?{bad}"), true);
        assert_eq!((refused.status, refused.json()["error"]["type"].as_str()), (400, Some("invalid_request_error")));
    }
    let (mut google, mut query) = (Vec::new(), "pageSize=30".to_owned());
    loop {
        let page = get(&gateway, &key, &format!("/v1beta/models?{query}"), false).json();
        google.extend(ids(&page, "name"));
        let Some(token) = page["nextPageToken"].as_str() else { break };
        query = format!("pageSize=30&pageToken={token}");
    }
    assert_eq!(google, openai);
}

#[test]
fn one_model_in_every_shape() {
    let (_sim, gateway, key) = crossing::start();
    let one = get(&gateway, &key, "/v1/models/claude-opus-5", true);
    assert_eq!((one.json()["id"].as_str(), one.header("request-id").is_some()), (Some("claude-opus-5"), true));
    assert_eq!(one.json()["capabilities"]["thinking"]["supported"], true, "{}", one.text());
    assert!(one.json()["max_tokens"].as_u64().is_some());
    let one = get(&gateway, &key, "/v1/models/claude-opus-5", false).json();
    assert_eq!((one["object"].as_str(), one["owned_by"].as_str()), (Some("model"), Some("anthropic")));
    let one = get(&gateway, &key, "/v1beta/models/gemini-2.5-flash", false).json();
    assert_eq!(
        (one["name"].as_str(), one["displayName"].as_str()),
        (Some("models/gemini-2.5-flash"), Some("gemini-2.5-flash"))
    );
    assert_eq!(one["supportedGenerationMethods"], serde_json::json!(["generateContent", "countTokens"]));
    let one = get(&gateway, &key, "/v1beta/models/gemini-embedding-001", false).json();
    assert_eq!(one["supportedGenerationMethods"], serde_json::json!(["embedContent", "batchEmbedContents"]));

    let narrow = gateway.key(r#"{"name":"n","mode":"live","allowed_models":["claude-haiku-*"]}"#);
    for (path, anthropic, kind) in [
        ("/v1/models/gpt-4o", false, "model_not_found"),
        ("/v1/models/gpt-4o", true, "not_found_error"),
        ("/v1beta/models/gpt-4o", false, "NOT_FOUND"),
    ] {
        let refused = get(&gateway, &narrow, path, anthropic);
        assert_eq!(refused.status, 404);
        assert!(refused.text().contains(kind), "{}", refused.text());
    }
    for (path, anthropic) in [("/v1/models", false), ("/v1/models", true), ("/v1beta/models", false)] {
        let list = get(&gateway, &narrow, path, anthropic);
        assert!(list.text().contains("claude-haiku-4-5") && !list.text().contains("gpt-"), "{}", list.text());
        assert_eq!(get(&gateway, "sk-wrong", path, anthropic).status, 401);
    }
    assert_eq!(get(&gateway, &key, "/v1/modelsx", false).status, 404);
}
