//! The protocols that are spoken, one entry each.

use crate::samples::WORD;
use serde_json::{Value, json};
use tollgate_protocol::codec::Protocol;

/// A protocol, and what is to be known to make sense of samples of its requests.
pub(crate) struct Spoken {
    pub(crate) protocol: Protocol,
    /// The name of its description.
    pub(crate) spec: &'static str,
    /// A request that any server takes.
    pub(crate) seed: Value,
    /// Adds what a sample needs to make sense: the call of a result, the tools of a choice.
    pub(crate) complete: fn(&mut Value),
    /// What is done anyway, or by the gateway itself: the end of a path, and what the request then holds.
    pub(crate) usual: &'static [(&'static str, &'static str)],
    /// Ends of paths to what only the protocol's own vendor can read.
    pub(crate) state: &'static [&'static str],
}

/// All of them.
pub(crate) fn spoken() -> Vec<Spoken> {
    vec![chat(), messages(), responses()]
}

fn chat() -> Spoken {
    Spoken {
        protocol: Protocol::Chat,
        spec: "openai-chat",
        seed: json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}]}),
        complete: |body| {
            let said = body.to_string();
            let before = if said.contains(r#""role":"tool""#) {
                let call = json!({"id": WORD, "type": "function", "function": {"name": "f", "arguments": "{}"}});
                Some(json!({"role": "assistant", "content": null, "tool_calls": [call]}))
            } else if said.contains(r#""role":"function""#) {
                let call = json!({"name": WORD, "arguments": "{}"});
                Some(json!({"role": "assistant", "content": null, "function_call": call}))
            } else {
                None
            };
            if let Some(before) = before {
                body["messages"].as_array_mut().unwrap().insert(0, before);
            }
            if ["tool_choice", "parallel_tool_calls", "function_call"].iter().any(|name| body.get(name).is_some()) {
                body["tools"] = json!([{"type": "function", "function": {"name": WORD}}]);
            }
        },
        usual: &[
            ("modalities", r#"["text"]"#),
            ("include_obfuscation", "true"),
            // A caller who asks for no stream gets its usage in any case.
            ("include_usage", "true"),
            // The gateway keeps it.
            ("store", "true"),
            ("detail", r#""auto""#),
            // A grammar is always kept to the letter.
            ("json_schema.strict", "true"),
            // The name stands in the call that it answers.
            ("messages[].name", r#""role":"function""#),
        ],
        state: &[],
    }
}

fn messages() -> Spoken {
    Spoken {
        protocol: Protocol::Messages,
        spec: "anthropic-messages",
        seed: json!({"model": "m", "max_tokens": 4096, "messages": [{"role": "user", "content": "Hello"}]}),
        complete: |body| {
            if body.to_string().contains(r#""type":"tool_result""#) {
                let call = json!({"type": "tool_use", "id": WORD, "name": "f", "input": {}});
                let before = json!({"role": "assistant", "content": [call]});
                body["messages"].as_array_mut().unwrap().insert(0, before);
            }
            if body.get("tool_choice").is_some() {
                body["tools"] = json!([{"name": WORD, "input_schema": {"type": "object"}}]);
            }
        },
        // The gateway itself shows no thoughts to a caller who wants none.
        usual: &[("ttl", r#""5m""#), ("thinking.display", r#""omitted""#)],
        state: &["content[].signature", "content[].data"],
    }
}

fn responses() -> Spoken {
    Spoken {
        protocol: Protocol::Responses,
        spec: "openai-responses",
        seed: json!({"model": "m", "input": "Hello"}),
        complete: |body| {
            let said = body.to_string();
            if ["function_call_output", "custom_tool_call_output"].iter().any(|kind| said.contains(kind)) {
                let call = json!({"type": "function_call", "call_id": WORD, "name": "f", "arguments": "{}"});
                if let Some(items) = body["input"].as_array_mut() {
                    items.insert(0, call);
                }
            }
            if ["tool_choice", "parallel_tool_calls"].iter().any(|name| body.get(name).is_some()) {
                body["tools"] = json!([{"type": "function", "name": WORD, "parameters": {"type": "object"}}]);
            }
        },
        usual: &[
            // A grammar is always kept to the letter.
            ("format.strict", "true"),
            ("external_web_access", "true"),
            ("truncation", r#""disabled""#),
            ("reasoning.mode", r#""standard""#),
            ("reasoning.context", r#""auto""#),
            ("include", "reasoning.encrypted_content"),
            ("include_obfuscation", "true"),
            ("store", "true"),
            // Names and states that an earlier answer gave its items.
            ("input[].id", ""),
            ("input[].status", ""),
        ],
        state: &["encrypted_content"],
    }
}
