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
    vec![chat(), messages(), responses(), gemini()]
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
            ("service_tier", r#""auto""#),
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
        usual: &[
            ("ttl", r#""5m""#),
            // The gateway itself shows no thoughts to a caller who wants none.
            ("thinking.display", r#""omitted""#),
            ("service_tier", r#""auto""#),
            // Whoever asks for thoughts is shown them.
            ("thinking.display", r#""summarized""#),
        ],
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
            ("external_web_access", "true"),
            ("detail", r#""auto""#),
            ("truncation", r#""disabled""#),
            ("service_tier", r#""auto""#),
            // A grammar is always kept to the letter.
            ("format.strict", "true"),
            ("reasoning.mode", r#""standard""#),
            ("reasoning.context", r#""auto""#),
            ("include", "reasoning.encrypted_content"),
            ("include_obfuscation", "true"),
            ("store", "true"),
            // Names and states that an earlier answer gave its items.
            ("input[].id", ""),
            ("input[].status", ""),
            // Told by the names that thoughts and pictures have elsewhere.
            ("input[].content[].text", r#""type":"reasoning""#),
            ("input[].result", r#""type":"image_generation_call""#),
        ],
        state: &["encrypted_content"],
    }
}

fn gemini() -> Spoken {
    Spoken {
        protocol: Protocol::GenerateContent,
        spec: "gemini-generate",
        seed: json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}),
        complete: |body| {
            whole_parts(body);
            if body["contents"].to_string().contains(r#""functionResponse""#) {
                let call = json!({"functionCall": {"id": WORD, "name": WORD, "args": {}}});
                let before = json!({"role": "model", "parts": [call]});
                body["contents"].as_array_mut().unwrap().insert(0, before);
            }
            if body.get("toolConfig").is_some() {
                body["tools"] = json!([{"functionDeclarations": [{"name": WORD}]}]);
            }
        },
        usual: &[
            // Under whose role instructions are written, and as what, says nothing.
            ("systemInstruction.role", ""),
            ("systemInstruction.parts[].thought", ""),
            ("systemInstruction.parts[].thoughtSignature", ""),
            ("functionCallingConfig.mode", "MODE_UNSPECIFIED"),
            ("mediaResolution", "MEDIA_RESOLUTION_UNSPECIFIED"),
            ("responseModalities", "MODALITY_UNSPECIFIED"),
            ("responseModalities", r#"["TEXT"]"#),
            ("mimeType", "MIME_TYPE_UNSPECIFIED"),
            ("mimeType", "TEXT_PLAIN"),
            ("thinkingLevel", "THINKING_LEVEL_UNSPECIFIED"),
            ("serviceTier", "unspecified"),
            // There is nothing to be put in order, and no type beside which `null` would be another.
            ("propertyOrdering", "TYPE_UNSPECIFIED"),
            ("nullable", "TYPE_UNSPECIFIED"),
            // The call that is answered says both.
            ("functionResponse.name", ""),
            ("functionResponse.id", ""),
            // Whose turn it is where nothing is said.
            ("contents[].role", ""),
            // What the end of the address says.
            ("fileData.mimeType", "png"),
        ],
        state: &["parts[].thoughtSignature"],
    }
}

/// Adds what the description of Gemini leaves open and its servers want: names, roles, something in each part.
fn whole_parts(value: &mut Value) {
    if let Value::Array(list) = value {
        list.iter_mut().for_each(whole_parts);
    }
    let Value::Object(members) = value else { return };
    for (name, member) in members.iter_mut() {
        let put = |object: &mut Value, name: &str, value: &str| {
            let object = object.as_object_mut().unwrap();
            if object.get(name).is_none_or(|before| before == "zq7other") {
                object.insert(name.to_owned(), value.into());
            }
        };
        match &**name {
            "functionCall" | "functionResponse" => put(member, "name", WORD),
            "inlineData" => put(member, "data", "QUJD"),
            "fileData" => put(member, "fileUri", "https://zq7.example/a.png"),
            "functionDeclarations" => member.as_array_mut().unwrap().iter_mut().for_each(|one| put(one, "name", "f")),
            "parts" => {
                for part in member.as_array_mut().unwrap() {
                    let said = part.to_string();
                    if !["text", "Data", "function", "Code", "code", "tool"].iter().any(|word| said.contains(word)) {
                        put(part, "text", "Hi");
                    }
                }
            }
            "contents" => {
                for content in member.as_array_mut().unwrap() {
                    let calls = content.to_string().contains("functionCall");
                    content["role"] = if calls { "model" } else { "user" }.into();
                }
            }
            // Schemas and what is handed to tools are nobody's messages.
            "parameters" | "response" | "args" => continue,
            _ => {}
        }
        whole_parts(member);
    }
}
