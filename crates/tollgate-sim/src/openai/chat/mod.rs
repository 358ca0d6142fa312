//! `POST /chat/completions`: what each choice says, and the plain answer. The streamed one is in `stream.rs`.

mod ask;
mod prompt;
mod stream;
mod usage;

use bytes::BytesMut;
use serde_json::{Value, json};

use super::{Call, Stamp, error::Failure, object};
use crate::{
    content::{Rng, escape, fnv1a},
    output::{Limits, Output},
    schema,
    script::Answer,
    steer::Steer,
};
use ask::{Ask, Format, Insists, Tool};
use usage::Usage;

/// What one choice says.
struct Voice {
    output: Output,
    call: Option<ToolCall>,
}

/// A tool call without its arguments; they are the voice's output.
struct ToolCall {
    id: String,
    name: String,
    custom: bool,
}

impl Voice {
    fn finish(&self) -> &'static str {
        match (self.output.capped, &self.call) {
            (true, _) => "length",
            (false, Some(_)) => "tool_calls",
            (false, None) => "stop",
        }
    }
}

/// What the parts of one answer have in common.
struct Frame {
    id: String,
    created: u64,
    model: String,
    fingerprint: String,
}

pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let ask = Ask::read(&object(call.request.body)?)?;
    let tool = tool_to_call(&ask, call.steer)?;
    // Streamed or not, what is said is the same: it hangs on the conversation, not on the body's bytes.
    let conversation = fnv1a(ask.topic.as_bytes()) ^ ask.prompt_tokens.rotate_left(32) ^ call.stamp.world;
    let mut rng = Rng::new(conversation);
    let voices: Vec<Voice> =
        (0..ask.choices).map(|_| voice(&ask, call.steer, tool.as_ref(), rng.next(), &mut call.stamp)).collect();
    let frame = Frame {
        id: call.stamp.id("chatcmpl-", 29),
        created: call.stamp.created,
        model: ask.model.clone(),
        fingerprint: call.stamp.hex("fp_", 10),
    };
    let said: u64 = voices.iter().map(|voice| voice.output.tokens).sum();
    let reasoned = call.steer.reasoning_tokens.min(ask.cap.unwrap_or(u64::MAX)) * ask.choices;
    let usage = Usage {
        prompt: ask.prompt_tokens,
        cached: call.steer.cached_tokens.min(ask.prompt_tokens),
        audio: ask.audio_tokens,
        completion: said + reasoned,
        reasoning: reasoned,
        form: call.steer.usage,
    };
    if ask.stream {
        let prompt = usage.prompt;
        let frames = stream::Chunks::new(&frame, voices, ask.include_usage, usage, call.steer.giant_line);
        return Ok(call.stream(frames, prompt));
    }
    let body = body(&frame, &voices, &usage);
    Ok(call.plain(200, "application/json", body, usage.prompt, usage.completion))
}

/// The tool that this answer calls. After a tool's result there is none: the conversation goes on with text.
fn tool_to_call(ask: &Ask, steer: &Steer) -> Result<Option<Tool>, Failure> {
    if ask.after_tool {
        return Ok(None);
    }
    let named = match (&steer.tool_call, &ask.insists) {
        (Some(name), _) | (None, Insists::On(name)) => name,
        (None, Insists::Any) => return Ok(ask.tools.first().cloned()),
        (None, Insists::No) => return Ok(None),
    };
    let tool = ask.tools.iter().find(|tool| tool.name == *named);
    let Some(tool) = tool else {
        let message = format!("x-tollgate-sim: `tool-call={named}`: the request has no tool of that name");
        return Err(Failure::invalid(message, "x-tollgate-sim", "invalid_value"));
    };
    Ok(Some(tool.clone()))
}

fn voice(ask: &Ask, steer: &Steer, tool: Option<&Tool>, seed: u64, stamp: &mut Stamp) -> Voice {
    let limits = Limits {
        want: steer.output_tokens.or(steer.chunks),
        // The cap is for hidden and visible tokens together.
        cap: ask.cap.map(|cap| cap.saturating_sub(steer.reasoning_tokens)),
        chunks: steer.chunks,
        stop: &ask.stop,
    };
    // Stop sequences end what a model writes for people, not the JSON it is made to write.
    let exact = Limits { stop: &[], ..limits };
    if let Some(tool) = tool {
        let text = match &tool.parameters {
            Some(schema) => arguments(schema, seed).to_string(),
            None => format!("input for {}: {}", tool.name, ask.topic),
        };
        let call = ToolCall { id: stamp.id("call_", 24), name: tool.name.clone(), custom: tool.parameters.is_none() };
        return Voice { output: Output::fixed(&text, &exact), call: Some(call) };
    }
    let output = match &ask.format {
        Format::Text => Output::speech(seed, &ask.topic, steer.style, &limits),
        Format::JsonObject => Output::fixed(&some_json(&ask.topic, seed).to_string(), &exact),
        Format::JsonSchema(schema) => Output::fixed(&schema::value(schema, seed).to_string(), &exact),
    };
    Voice { output, call: None }
}

/// Arguments are an object, whatever the schema forgot to say.
fn arguments(schema: &Value, seed: u64) -> Value {
    match schema::value(schema, seed) {
        object @ Value::Object(_) => object,
        _ => json!({}),
    }
}

fn some_json(topic: &str, seed: u64) -> Value {
    let topic: String = topic.chars().take(80).collect();
    json!({"topic": topic, "answer": "Here is an answer from the simulator.", "confidence": 0.5 + f64::from(u32::try_from(Rng::new(seed).below(5)).unwrap_or(0)) / 10.0})
}

/// The plain body, written by hand because an answer of a million tokens should not be copied twice.
fn body(frame: &Frame, voices: &[Voice], usage: &Usage) -> Vec<u8> {
    let mut out = BytesMut::with_capacity(1024);
    let head = json!({"id": frame.id, "object": "chat.completion", "created": frame.created, "model": frame.model})
        .to_string();
    out.extend_from_slice(head.strip_suffix('}').unwrap_or(&head).as_bytes());
    out.extend_from_slice(b",\"choices\":[");
    for (index, voice) in voices.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b",");
        }
        out.extend_from_slice(
            format!("{{\"index\":{index},\"message\":{{\"role\":\"assistant\",\"content\":").as_bytes(),
        );
        let text = voice.output.text();
        match &voice.call {
            None => {
                out.extend_from_slice(b"\"");
                escape(&text, &mut out);
                out.extend_from_slice(b"\"");
            }
            Some(call) => {
                let call = if call.custom {
                    json!({"id": call.id, "type": "custom", "custom": {"name": call.name, "input": text}})
                } else {
                    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": text}})
                };
                out.extend_from_slice(format!("null,\"tool_calls\":[{call}]").as_bytes());
            }
        }
        let finish = voice.finish();
        let tail = format!(",\"refusal\":null,\"annotations\":[]}},\"logprobs\":null,\"finish_reason\":\"{finish}\"}}");
        out.extend_from_slice(tail.as_bytes());
    }
    out.extend_from_slice(b"]");
    if let Some(usage) = usage.value() {
        out.extend_from_slice(format!(",\"usage\":{usage}").as_bytes());
    }
    let tail = format!(",\"service_tier\":\"default\",\"system_fingerprint\":\"{}\"}}", frame.fingerprint);
    out.extend_from_slice(tail.as_bytes());
    out.to_vec()
}
