//! `POST /messages`: the blocks of an answer and why it ended; the plain answer. The streamed one is in `stream.rs`.

mod stream;
mod usage;

use serde_json::{Value, json};

use super::{
    ask::{Ask, Purpose},
    error::Failure,
};
use crate::{
    call::{Call, EVENTS},
    output::Output,
    script::Answer,
    seal::{self, Kind},
    turn::{Said, Turn, tool_to_call},
};
use usage::Usage;

/// A block of the answer; an output is what is streamed of it.
enum Block {
    Thinking {
        output: Output,
        signature: String,
    },
    /// Thinking of which nothing but the signature is shown.
    Omitted {
        tokens: u64,
        signature: String,
    },
    Redacted {
        tokens: u64,
        data: String,
    },
    Text(Output),
    ToolUse {
        id: String,
        name: String,
        output: Output,
    },
}

/// One answer but for its blocks.
struct Message {
    id: String,
    model: String,
    stop_reason: &'static str,
    stop_sequence: Option<String>,
    usage: Usage,
}

impl Message {
    fn stop_details(&self) -> Value {
        match self.stop_reason {
            "refusal" => json!({"type": "refusal", "category": null, "explanation": null}),
            _ => Value::Null,
        }
    }
}

pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let ask = Ask::read(call, Purpose::Answering)?;
    let tool = tool_to_call(&ask.wish, call.steer).map_err(|none| Failure::invalid(none.to_string()))?;
    let turn = Turn::new(&ask.wish, call.steer, tool.as_ref(), ask.wish.seed(call.stamp.world));
    let filtered = call.steer.filtered.is_some();
    let message = Message {
        id: call.stamp.id("msg_01", 22),
        model: ask.model.clone(),
        stop_reason: stop_reason(&turn, filtered),
        stop_sequence: turn.stopped.clone().filter(|_| !filtered),
        usage: Usage::new(&ask, &turn, call.steer),
    };
    let blocks = blocks(&ask, turn, call);
    let (prompt, completion) = (ask.wish.prompt_tokens, message.usage.output);
    if ask.stream {
        let frames = stream::Events::new(message, blocks, call.steer.giant_line);
        return Ok(call.stream(EVENTS, frames, prompt));
    }
    let body = body(&message, &blocks).to_string().into_bytes();
    Ok(call.plain(200, "application/json", body, prompt, completion))
}

fn stop_reason(turn: &Turn, filtered: bool) -> &'static str {
    match &turn.said {
        _ if filtered => "refusal",
        _ if turn.capped => "max_tokens",
        Said::Calls(_) => "tool_use",
        Said::Text(_) if turn.stopped.is_some() => "stop_sequence",
        Said::Text(_) => "end_turn",
    }
}

fn blocks(ask: &Ask, turn: Turn, call: &mut Call<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let world = call.stamp.world;
    if let Some(output) = turn.reasoning {
        let nonce = call.stamp.rng.next();
        let tokens = output.tokens;
        // A thought that the cap cut off is signed all the same.
        blocks.push(match (call.steer.redacted, ask.thinking.omitted) {
            (true, _) => Block::Redacted { tokens, data: seal::make(Kind::Redacted, world, &[""], nonce) },
            (false, true) => Block::Omitted { tokens, signature: seal::make(Kind::Signature, world, &[""], nonce) },
            (false, false) => {
                let signature = seal::make(Kind::Signature, world, &[&output.text()], nonce);
                Block::Thinking { output, signature }
            }
        });
    }
    match turn.said {
        // A text block is never empty.
        Said::Text(output) if output.tokens == 0 => {}
        Said::Text(output) => blocks.push(Block::Text(output)),
        Said::Calls(calls) => blocks.extend(calls.into_iter().map(|said| Block::ToolUse {
            id: call.stamp.id("toolu_01", 22),
            name: said.name,
            output: said.output,
        })),
    }
    blocks
}

fn body(message: &Message, blocks: &[Block]) -> Value {
    let content: Value = blocks
        .iter()
        .map(|block| match block {
            Block::Thinking { output, signature } => {
                json!({"type": "thinking", "thinking": output.text(), "signature": signature})
            }
            Block::Omitted { signature, .. } => json!({"type": "thinking", "thinking": "", "signature": signature}),
            Block::Redacted { data, .. } => json!({"type": "redacted_thinking", "data": data}),
            Block::Text(output) => json!({"type": "text", "text": output.text()}),
            Block::ToolUse { id, name, output } => {
                // Arguments that the cap cut off are no JSON.
                let input: Value = serde_json::from_str(&output.text()).unwrap_or_else(|_| json!({}));
                json!({"type": "tool_use", "id": id, "name": name, "input": input, "caller": {"type": "direct"}})
            }
        })
        .collect();
    let mut body = json!({"model": message.model, "id": message.id, "type": "message", "role": "assistant",
        "content": content, "stop_reason": message.stop_reason, "stop_sequence": message.stop_sequence,
        "stop_details": message.stop_details()});
    if let (Some(usage), Value::Object(fields)) = (message.usage.whole(), &mut body) {
        fields.insert("usage".to_owned(), usage);
    }
    body
}
