//! The chat protocol against recorded traffic and the vendor's description.

use serde_json::{Value, json};

use crate::{
    ask::{send, with},
    shared::{assert_valid, recorded},
};

fn ask(steer: &str, body: &Value) -> crate::ask::Got {
    let headers = [("authorization", "Bearer k"), ("x-tollgate-sim", steer)];
    send("POST", "/v1/chat/completions", &headers, body.to_string().as_bytes())
}

#[test]
fn answers_are_what_the_vendor_describes() {
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object",
        "properties": {"city": {"type": "string"}}, "required": ["city"]}}}, {"type": "custom", "custom": {"name": "free"}}]);
    let hello = json!({"model": "gpt-5.4", "messages": [{"role": "user", "content": "What is Oslo?"}], "tools": tools});
    for (steer, more) in [
        ("", json!({})),
        ("tool-call=f;tool-calls=3", json!({})),
        ("tool-call=free", json!({})),
        ("text=emoji", json!({"n": 3})),
        (
            "output-tokens=50;cached-tokens=3;cache-write-tokens=2;reasoning-tokens=5;dialect=openai",
            json!({"max_completion_tokens": 9}),
        ),
        ("filtered", json!({})),
        ("filtered=prompt", json!({})),
        ("reasoning-tokens=5", json!({})),
        ("tool-call=f;reasoning-tokens=5", json!({})),
    ] {
        let body = with(hello.clone(), &more);
        assert_valid("openai", "CreateChatCompletionResponse", &ask(steer, &body).good());
        let stream = json!({"stream": true, "stream_options": {"include_usage": true}});
        let events = ask(steer, &with(body, &stream)).events();
        let (done, chunks) = events.split_last().unwrap();
        assert_eq!(done, "[DONE]");
        // Calls of custom tools are missing in the description of chunks.
        for chunk in chunks.iter().filter(|_| steer != "tool-call=free") {
            assert_valid("openai", "CreateChatCompletionStreamResponse", chunk);
        }
    }
}

#[test]
fn takes_what_the_vendor_took() {
    let mut taken = 0;
    for case in recorded("openai", "openai-chat") {
        if case.status != 200 || case.request.get("messages").is_none() {
            continue;
        }
        let got = ask("", &case.request);
        assert_eq!(got.status, 200, "{} {}", case.id, got.text);
        taken += 1;
    }
    println!("{taken} recorded requests answered");
}
