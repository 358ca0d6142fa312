//! `POST /chat/completions`: what each choice says, and the plain answer. The streamed one is in `stream.rs`.

mod ask;
mod prompt;
mod stream;
mod usage;

use bytes::BytesMut;
use serde_json::{Value, json};

use super::{error::Failure, object};
use crate::{
    call::{Call, EVENTS, Stamp},
    content::{Rng, escape},
    script::Answer,
    turn::{Said, Turn, tool_to_call},
};
use ask::Ask;
use usage::Usage;

/// What one choice says, and the ids of its calls.
struct Voice {
    turn: Turn,
    ids: Vec<String>,
    filtered: bool,
}

impl Voice {
    fn new(turn: Turn, filtered: bool, stamp: &mut Stamp) -> Self {
        let calls = match &turn.said {
            Said::Text(_) => 0,
            Said::Calls(calls) => calls.len(),
        };
        Self { ids: (0..calls).map(|_| stamp.id("call_", 24)).collect(), turn, filtered }
    }

    fn finish(&self) -> &'static str {
        match (self.turn.capped, &self.turn.said) {
            _ if self.filtered => "content_filter",
            (true, _) => "length",
            (false, Said::Calls(_)) => "tool_calls",
            (false, Said::Text(_)) => "stop",
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
    let tool = tool_to_call(&ask.wish, call.steer).map_err(|none| Failure::steered(none.to_string()))?;
    let mut rng = Rng::new(ask.wish.seed(call.stamp.world));
    let voices: Vec<Voice> = (0..ask.choices)
        .map(|_| {
            let turn = Turn::new(&ask.wish, call.steer, tool.as_ref(), rng.next());
            Voice::new(turn, call.steer.filtered.is_some(), &mut call.stamp)
        })
        .collect();
    let frame = Frame {
        id: call.stamp.id("chatcmpl-", 29),
        created: call.stamp.created,
        model: ask.model.clone(),
        fingerprint: call.stamp.hex("fp_", 10),
    };
    let usage = Usage {
        prompt: ask.wish.prompt_tokens,
        cached: call.steer.cached_tokens.min(ask.wish.prompt_tokens),
        audio: ask.audio_tokens,
        completion: voices.iter().map(|voice| voice.turn.tokens()).sum(),
        reasoning: voices.iter().map(|voice| voice.turn.reasoned).sum(),
        form: call.steer.usage,
    };
    if ask.stream {
        let prompt = usage.prompt;
        let frames = stream::Chunks::new(&frame, voices, ask.include_usage, usage, call.steer.giant_line);
        return Ok(call.stream(EVENTS, frames, prompt));
    }
    let body = body(&frame, &voices, &usage);
    Ok(call.plain(200, "application/json", body, usage.prompt, usage.completion))
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
        match &voice.turn.said {
            Said::Text(output) => {
                out.extend_from_slice(b"\"");
                escape(&output.text(), &mut out);
                out.extend_from_slice(b"\"");
            }
            Said::Calls(calls) => {
                let calls = calls.iter().zip(&voice.ids).map(|(call, id)| {
                    let text = call.output.text();
                    if call.custom {
                        json!({"id": id, "type": "custom", "custom": {"name": call.name, "input": text}})
                    } else {
                        json!({"id": id, "type": "function", "function": {"name": call.name, "arguments": text}})
                    }
                });
                out.extend_from_slice(format!("null,\"tool_calls\":{}", calls.collect::<Value>()).as_bytes());
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
