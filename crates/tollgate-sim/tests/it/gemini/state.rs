//! Thought signatures: given out on calls, wanted back on them.

use serde_json::{Value, json};

use super::{PATH, call, config, hello, plain};
use crate::ask::{send, with};

fn thinking() -> Value {
    let tools = json!({"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]});
    with(config(&json!({"thinkingConfig": {"thinkingLevel": "HIGH"}})), &tools)
}

/// The body with the answer and the responses to its calls.
fn answered(body: &Value, content: &Value) -> Value {
    let mut body = body.clone();
    let calls = content["parts"].as_array().unwrap().iter().filter_map(|part| part.get("functionCall"));
    let responses: Value = calls
        .map(|call| json!({"functionResponse": {"name": call["name"], "id": call["id"], "response": {"output": 7}}}))
        .collect();
    let contents = body["contents"].as_array_mut().unwrap();
    contents.push(content.clone());
    contents.push(json!({"role": "user", "parts": responses}));
    body
}

fn refused(steer: &str, body: &Value) -> String {
    let got = call("generateContent", steer, body);
    assert_eq!(got.status, 400, "{}", got.text);
    got.json()["error"]["message"].as_str().unwrap().to_owned()
}

fn content(steer: &str, body: &Value) -> Value {
    plain(steer, body)["candidates"][0]["content"].clone()
}

#[test]
fn a_signature_comes_back_or_the_request_is_refused() {
    let body = thinking();
    let said = content("tool-call=f;tool-calls=2", &body);
    assert!(said["parts"][0]["thoughtSignature"].is_string(), "on the first call");
    assert!(said["parts"][1].get("thoughtSignature").is_none(), "and only there");
    assert!(content("", &answered(&body, &said))["parts"][0]["text"].is_string());
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut said = said.clone();
        change(&mut said["parts"]);
        answered(&body, &said)
    };
    let dropped = changed(&|parts| {
        parts[0].as_object_mut().unwrap().remove("thoughtSignature");
    });
    let message = refused("", &dropped);
    assert!(message.starts_with("Function call is missing a thought_signature in functionCall parts."), "{message}");
    assert!(message.contains("function call `default_api:f` , position 2."), "{message}");
    let forged = changed(&|parts| parts[0]["thoughtSignature"] = json!("Eu0DCuoDAb4+9vvd"));
    assert_eq!(refused("", &forged), "Corrupted thought signature.");
    let broken = changed(&|parts| parts[0]["thoughtSignature"] = json!("no base 64!"));
    assert!(refused("", &broken).contains("Base64 decoding failed"));
    let misplaced = changed(&|parts| parts[0]["functionCall"]["name"] = json!("g"));
    assert_eq!(refused("", &misplaced), "Corrupted thought signature.");
    let sentinel = changed(&|parts| parts[0]["thoughtSignature"] = json!("skip_thought_signature_validator"));
    assert_eq!(call("generateContent", "", &sentinel).status, 200);
    // Another account's signature is as good as a forged one.
    let good = answered(&body, &said).to_string();
    for (key, status) in [("k", 200), ("another", 400)] {
        let got = send("POST", &format!("{PATH}generateContent"), &[("x-goog-api-key", key)], good.as_bytes());
        assert_eq!(got.status, status);
    }
    assert_eq!(send("POST", &format!("{PATH}generateContent?key=k"), &[], good.as_bytes()).status, 200);
}

#[test]
fn signatures_are_missed_only_where_they_are_due() {
    let body = thinking();
    let mut said = content("tool-call=f", &body);
    said["parts"][0].as_object_mut().unwrap().remove("thoughtSignature");
    let mut bare = answered(&body, &said);
    refused("", &bare);
    // Without thinking, unless the test says so.
    let off = hello(&json!({"tools": body["tools"]}));
    let mut calm = bare.clone();
    calm.as_object_mut().unwrap().remove("generationConfig");
    assert_eq!(call("generateContent", "", &calm).status, 200);
    refused("strict-state", &calm);
    let strict = content("strict-state;tool-call=f", &off);
    assert!(strict["parts"][0]["thoughtSignature"].is_string());
    // A loop that is over.
    let contents = bare["contents"].as_array_mut().unwrap();
    contents.push(json!({"role": "model", "parts": [{"text": "Seven."}]}));
    contents.push(json!({"role": "user", "parts": [{"text": "And now?"}]}));
    assert_eq!(call("generateContent", "strict-state", &bare).status, 200);
}

#[test]
fn a_loop_of_ten_rounds() {
    let mut body = thinking();
    for _ in 0..10 {
        let said = content("tool-call=f;tool-rounds=10;tool-calls=2", &body);
        assert_eq!(said["parts"].as_array().unwrap().len(), 2);
        body = answered(&body, &said);
    }
    let last = content("tool-call=f;tool-rounds=10", &body);
    assert!(last["parts"][0]["text"].is_string());
    assert!(last["parts"][0]["thoughtSignature"].is_string(), "texts are signed as well");
}
