//! `POST /chat/completions`: what each choice says, and the plain answer. The streamed one is in `stream.rs`, what is
//! `DeepSeek`'s own way in `deepseek.rs`.

mod ask;
pub(super) mod deepseek;
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
    steer::Dialect,
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
    dialect: Dialect,
}

impl Frame {
    fn new(ask: &Ask, stamp: &mut Stamp) -> Self {
        let (id, fingerprint) = match ask.dialect {
            Dialect::OpenAi => (stamp.id("chatcmpl-", 29), stamp.hex("fp_", 10)),
            Dialect::DeepSeek => {
                let mut hex = |length| stamp.hex("", length);
                let id = format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12));
                (id, stamp.hex("fp_", 10) + "_prod0820_fp8_kvcache")
            }
        };
        Self { id, created: stamp.created, model: ask.model.clone(), fingerprint, dialect: ask.dialect }
    }
}

pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let ask = Ask::read(&object(call.request.body)?, call.steer)?;
    let tool = tool_to_call(&ask.wish, call.steer).map_err(|none| Failure::steered(none.to_string()))?;
    let mut rng = Rng::new(ask.wish.seed(call.stamp.world));
    let voices: Vec<Voice> = (0..ask.choices)
        .map(|_| {
            let turn = Turn::new(&ask.wish, call.steer, tool.as_ref(), rng.next());
            Voice::new(turn, call.steer.filtered.is_some(), &mut call.stamp)
        })
        .collect();
    let frame = Frame::new(&ask, &mut call.stamp);
    let cached = call.steer.cached_tokens.min(ask.wish.prompt_tokens);
    let usage = Usage {
        prompt: ask.wish.prompt_tokens,
        cached,
        written: call.steer.cache_write_tokens.min(ask.wish.prompt_tokens - cached),
        audio: ask.audio_tokens,
        completion: voices.iter().map(|voice| voice.turn.tokens()).sum(),
        reasoning: voices.iter().map(|voice| voice.turn.reasoned).sum(),
        form: call.steer.usage,
        dialect: ask.dialect,
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
    put(&mut out, &[head.strip_suffix('}').unwrap_or(&head), ",\"choices\":["]);
    for (index, voice) in voices.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        put(&mut out, &[comma, &format!("{{\"index\":{index},\"message\":{{\"role\":\"assistant\",\"content\":")]);
        message(frame.dialect, voice, &mut out);
        let finish = voice.finish();
        put(&mut out, &[&format!("}},\"logprobs\":null,\"finish_reason\":\"{finish}\"}}")]);
    }
    put(&mut out, &["]"]);
    if let Some(usage) = usage.value() {
        put(&mut out, &[",\"usage\":", &usage.to_string()]);
    }
    let tier = if frame.dialect == Dialect::OpenAi { ",\"service_tier\":\"default\"" } else { "" };
    put(&mut out, &[tier, ",\"system_fingerprint\":\"", &frame.fingerprint, "\"}"]);
    out.to_vec()
}

/// What a message holds from the value of its content on.
fn message(dialect: Dialect, voice: &Voice, out: &mut BytesMut) {
    let deepseek = dialect == Dialect::DeepSeek;
    match &voice.turn.said {
        Said::Text(output) => quoted(&output.text(), out),
        Said::Calls(_) => put(out, &[if deepseek { "\"\"" } else { "null" }]),
    }
    if let Some(reasoning) = &voice.turn.reasoning {
        put(out, &[",\"reasoning_content\":"]);
        quoted(&reasoning.text(), out);
    }
    if let Said::Calls(calls) = &voice.turn.said {
        let calls = calls.iter().zip(&voice.ids).enumerate().map(|(at, (call, id))| {
            let text = call.output.text();
            let mut value = if call.custom {
                json!({"id": id, "type": "custom", "custom": {"name": call.name, "input": text}})
            } else {
                json!({"id": id, "type": "function", "function": {"name": call.name, "arguments": text}})
            };
            if let (true, Value::Object(fields)) = (deepseek, &mut value) {
                fields.insert("index".to_owned(), at.into());
            }
            value
        });
        put(out, &[",\"tool_calls\":", &calls.collect::<Value>().to_string()]);
    }
    if !deepseek {
        put(out, &[",\"refusal\":null,\"annotations\":[]"]);
    }
}

/// A text as a JSON string.
fn quoted(text: &str, out: &mut BytesMut) {
    put(out, &["\""]);
    escape(text, out);
    put(out, &["\""]);
}

fn put(out: &mut BytesMut, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}
