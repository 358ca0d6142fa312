//! Conversations that are handed back whole.

use serde_json::{Value, json};

use super::{Talk, answered, hello};
use crate::ask::{send_to, with};

fn thinking(more: &Value) -> Value {
    let body =
        hello(&json!({"store": false, "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low"},
        "tools": [{"type": "function", "name": "f"}]}));
    with(body, more)
}

fn refused(talk: &Talk, steer: &str, body: &Value) -> Value {
    let got = talk.create(steer, body);
    assert!((400..500).contains(&got.status), "{}", got.text);
    let error = got.json()["error"].clone();
    assert_eq!(error["type"], "invalid_request_error");
    error
}

#[test]
fn a_loop_of_ten_rounds_without_a_store() {
    let talk = Talk::new();
    let mut body = thinking(&json!({}));
    for _ in 0..10 {
        let answer = talk.plain("tool-call=f;tool-rounds=10;strict-state", &body);
        assert_eq!(answer["output"][0]["type"], "reasoning");
        body = answered(&body, &answer["output"]);
    }
    assert_eq!(talk.plain("tool-call=f;tool-rounds=10;strict-state", &body)["output"][1]["type"], "message");
}

#[test]
fn encrypted_state_comes_back_or_the_request_is_refused() {
    let talk = Talk::new();
    let body = thinking(&json!({}));
    let output = talk.plain("tool-call=f", &body)["output"].clone();
    let next = answered(&body, &output);
    assert_eq!(talk.create("", &next).status, 200);
    let changed = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut next = next.clone();
        change(next["input"].as_array_mut().unwrap());
        next
    };
    let forged = refused(&talk, "", &changed(&|items| items[1]["encrypted_content"] = json!("gAAAAABforged")));
    assert_eq!(forged["code"], "invalid_encrypted_content");
    assert!(forged["message"].as_str().unwrap().contains("could not be decrypted or parsed"));
    let other = "rs_".to_owned() + &"0".repeat(50);
    let moved = refused(&talk, "", &changed(&|items| items[1]["id"] = json!(other)));
    assert!(moved["message"].as_str().unwrap().contains("item_id did not match the target item id"), "{moved}");
    // The id may be left out, as some clients do.
    let nameless = changed(&|items| {
        items[1].as_object_mut().unwrap().remove("id");
        items[2].as_object_mut().unwrap().remove("id");
    });
    assert_eq!(talk.create("strict-state", &nameless).status, 200);
    // Without its state a reasoning item refers to one that nobody kept.
    let referring = changed(&|items| {
        items[1].as_object_mut().unwrap().remove("encrypted_content");
    });
    let error = refused(&talk, "", &referring);
    assert!(error["message"].as_str().unwrap().contains("Items are not persisted when `store` is set to false."));
    assert_eq!(talk.create("", &referring).status, 404);
    // Dropped: only a strict one misses it.
    let dropped = changed(&|items| {
        items.remove(1);
    });
    assert_eq!(talk.create("", &dropped).status, 200);
    assert!(
        refused(&talk, "strict-state", &dropped)["message"]
            .as_str()
            .unwrap()
            .contains("without its required 'reasoning' item")
    );
    // Alone: it led to nothing.
    let alone = changed(&|items| {
        items.drain(2..);
    });
    assert!(refused(&talk, "", &alone)["message"].as_str().unwrap().contains("without its required following item"));
    // Another account's.
    let got = send_to(&talk.0, "POST", "/v1/responses", &[("authorization", "Bearer x")], next.to_string().as_bytes());
    assert_eq!(got.json()["error"]["code"], "invalid_encrypted_content");
}

#[test]
fn stored_items_are_known_by_their_ids() {
    let talk = Talk::new();
    let body = thinking(&json!({"store": true, "include": []}));
    let output = talk.plain("tool-call=f", &body)["output"].clone();
    let next = answered(&body, &output);
    assert_eq!(talk.create("", &next).status, 200, "a reasoning item by its id alone");
    let mut referring = next.clone();
    referring["input"][1] = json!({"type": "item_reference", "id": output[0]["id"]});
    referring["input"][2] = json!({"type": "item_reference", "id": output[1]["id"]});
    assert_eq!(talk.create("", &referring).status, 200);
    let mut bare = next.clone();
    bare["input"].as_array_mut().unwrap().remove(1);
    let error = refused(&talk, "", &bare);
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("of type 'function_call' was provided without its required 'reasoning' item: 'rs_"),
        "{message}"
    );
    let unknown = hello(&json!({"input": [{"type": "item_reference", "id": "msg_none"}]}));
    assert_eq!(talk.create("", &unknown).status, 404);
}
