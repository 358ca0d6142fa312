//! The usage objects of an answer, true or as wrong as they were asked to be. Input does not count what the cache gave.

use serde_json::{Value, json};

use super::super::ask::Ask;
use crate::{steer, steer::Steer, turn::Turn};

#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// Without what was read from or written to the cache.
    pub input: u64,
    pub read: u64,
    pub written: u64,
    /// What was written stays an hour, not five minutes.
    hour: bool,
    /// Thinking included.
    pub output: u64,
    /// Part of the output; none where there was no thinking.
    thinking: Option<u64>,
    form: steer::Usage,
}

impl Usage {
    pub(super) fn new(ask: &Ask, turn: &Turn, steer: &Steer) -> Self {
        let prompt = ask.wish.prompt_tokens;
        let read = steer.cached_tokens.min(prompt);
        let written = steer.cache_write_tokens.min(prompt - read);
        Self {
            input: prompt - read - written,
            read,
            written,
            hour: ask.hour,
            output: turn.tokens(),
            thinking: turn.reasoning.is_some().then_some(turn.reasoned),
            form: steer.usage,
        }
    }

    /// Of a whole answer.
    pub(super) fn whole(&self) -> Option<Value> {
        self.started(self.output, self.thinking)
    }

    /// Of the beginning of a stream, when next to nothing has been said.
    pub(super) fn first(&self) -> Option<Value> {
        self.started(self.output.min(2), None)
    }

    fn started(&self, output: u64, thinking: Option<u64>) -> Option<Value> {
        let (hour, minutes) = if self.hour { (self.written, 0) } else { (0, self.written) };
        let mut usage = json!({
            "input_tokens": self.form.number(self.input)?,
            "cache_creation_input_tokens": self.form.number(self.written)?,
            "cache_read_input_tokens": self.form.number(self.read)?,
            "cache_creation": {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour},
            "output_tokens": self.form.number(output)?,
            "service_tier": "standard",
            "inference_geo": "not_available",
        });
        add_thinking(&mut usage, thinking);
        Some(usage)
    }

    /// Of the end of a stream: all so far.
    pub(super) fn last(&self) -> Option<Value> {
        let mut usage = json!({
            "input_tokens": self.form.number(self.input)?,
            "cache_creation_input_tokens": self.form.number(self.written)?,
            "cache_read_input_tokens": self.form.number(self.read)?,
            "output_tokens": self.form.number(self.output)?,
        });
        add_thinking(&mut usage, self.thinking);
        Some(usage)
    }
}

fn add_thinking(usage: &mut Value, thinking: Option<u64>) {
    if let (Some(thinking), Value::Object(fields)) = (thinking, usage) {
        fields.insert("output_tokens_details".to_owned(), json!({"thinking_tokens": thinking}));
    }
}
