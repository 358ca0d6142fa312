//! A response as it was decided: its items, its usage and what it repeats of the request, and the JSON of all of that.

use serde_json::{Value, json};

use super::{super::check::Fields, ask::Ask, memory::Phase};
use crate::{output::Output, steer, turn::Turn};

/// An item of the answer.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Reasoning {
        id: String,
        /// The summary, where one was asked for.
        summary: Option<Output>,
        encrypted: Option<String>,
        /// Tokens of which nothing is shown.
        hidden: u64,
    },
    Message {
        id: String,
        output: Output,
        /// `giant-line`: that many letters before the text.
        giant: usize,
    },
    Call {
        id: String,
        call_id: String,
        name: String,
        /// Takes free text instead of arguments.
        custom: bool,
        output: Output,
    },
}

impl Item {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Reasoning { id, .. } | Self::Message { id, .. } | Self::Call { id, .. } => id,
        }
    }

    /// The whole text: a summary, an answer, arguments.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Reasoning { summary, .. } => summary.as_ref().map(Output::text).unwrap_or_default(),
            Self::Message { output, giant, .. } => "a".repeat(*giant) + &output.text(),
            Self::Call { output, .. } => output.text(),
        }
    }

    /// As it is when it is over, or as it is announced before anything is said.
    pub(super) fn value(&self, over: bool) -> Value {
        let text = if over { self.text() } else { String::new() };
        let status = |output: &Output| match (over, output.capped) {
            (false, _) => "in_progress",
            (true, true) => "incomplete",
            (true, false) => "completed",
        };
        match self {
            Self::Reasoning { id, summary, encrypted, .. } => {
                let parts = match summary {
                    Some(_) if over => json!([{"type": "summary_text", "text": text}]),
                    _ => json!([]),
                };
                let mut item = json!({"id": id, "type": "reasoning", "summary": parts});
                if let (Some(encrypted), Value::Object(fields)) = (encrypted, &mut item) {
                    fields.insert("encrypted_content".to_owned(), encrypted.clone().into());
                }
                item
            }
            Self::Message { id, output, .. } => {
                let content = if over { json!([text_part(&text)]) } else { json!([]) };
                json!({"id": id, "type": "message", "status": status(output), "content": content, "role": "assistant"})
            }
            Self::Call { id, call_id, name, custom: true, output } => {
                json!({"id": id, "type": "custom_tool_call", "status": status(output), "call_id": call_id,
                    "name": name, "input": text})
            }
            Self::Call { id, call_id, name, custom: false, output } => {
                json!({"id": id, "type": "function_call", "status": status(output), "arguments": text,
                    "call_id": call_id, "name": name})
            }
        }
    }
}

/// The part of a message that is its text.
pub(super) fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub input: u64,
    pub cached: u64,
    pub written: u64,
    pub output: u64,
    pub reasoning: u64,
    pub form: steer::Usage,
}

impl Usage {
    fn value(&self) -> Option<Value> {
        Some(json!({
            "input_tokens": self.form.number(self.input)?,
            "input_tokens_details": {"cached_tokens": self.cached, "cache_write_tokens": self.written},
            "output_tokens": self.form.number(self.output)?,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.form.number(self.input + self.output)?,
        }))
    }
}

/// Why a response is not all it could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Short {
    No,
    Capped,
    Filtered,
    /// The vendor failed in the middle.
    Failed,
}

#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub id: String,
    created: u64,
    model: String,
    pub items: Vec<Item>,
    pub usage: Usage,
    pub short: Short,
    pub obfuscates: bool,
    echo: Fields,
}

impl Reply {
    pub(super) fn new(
        ask: &Ask,
        turn: &Turn,
        items: Vec<Item>,
        steer: &steer::Steer,
        id: String,
        created: u64,
    ) -> Self {
        let prompt = ask.wish.prompt_tokens;
        let cached = steer.cached_tokens.min(prompt);
        let short = match (steer.error_after, steer.filtered, turn.capped) {
            (Some(_), _, _) => Short::Failed,
            (None, Some(_), _) => Short::Filtered,
            (None, None, true) => Short::Capped,
            (None, None, false) => Short::No,
        };
        Self {
            id,
            created,
            model: ask.model.clone(),
            items,
            usage: Usage {
                input: prompt,
                cached,
                written: steer.cache_write_tokens.min(prompt - cached),
                output: turn.tokens(),
                reasoning: turn.reasoned,
                form: steer.usage,
            },
            short,
            obfuscates: ask.obfuscates,
            echo: ask.echo.clone(),
        }
    }

    pub(super) fn item_ids(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(Item::id)
    }

    pub(super) fn reasoning_id(&self) -> Option<&str> {
        self.items.iter().find(|item| matches!(item, Item::Reasoning { .. })).map(Item::id)
    }

    /// The response in a phase of its life.
    pub(super) fn value(&self, phase: Phase) -> Value {
        let over = phase == Phase::Done;
        let status = match (phase, self.short) {
            (Phase::Queued, _) => "queued",
            (Phase::InProgress, _) => "in_progress",
            (Phase::Cancelled, _) => "cancelled",
            (Phase::Done, Short::No) => "completed",
            (Phase::Done, Short::Capped | Short::Filtered) => "incomplete",
            (Phase::Done, Short::Failed) => "failed",
        };
        let incomplete = match self.short {
            Short::Capped if over => json!({"reason": "max_output_tokens"}),
            Short::Filtered if over => json!({"reason": "content_filter"}),
            _ => Value::Null,
        };
        let failed = over && self.short == Short::Failed;
        let error = super::super::error::in_the_middle();
        let output: Vec<Value> =
            if over && !failed { self.items.iter().map(|item| item.value(true)).collect() } else { Vec::new() };
        let mut response = json!({
            "id": self.id, "object": "response", "created_at": self.created, "status": status,
            "completed_at": (over && !failed).then_some(self.created + 2), "billing": {"payer": "developer"},
            "error": failed.then(|| json!({"code": "server_error", "message": error.message})),
            "frequency_penalty": 0.0, "presence_penalty": 0.0, "incomplete_details": incomplete, "model": self.model,
            "moderation": null, "output": output, "prompt_cache_retention": null,
        });
        if let Value::Object(fields) = &mut response {
            fields.extend(self.echo.clone());
            let usage = if over && !failed { self.usage.value() } else { Some(Value::Null) };
            if let Some(usage) = usage {
                fields.insert("usage".to_owned(), usage);
            }
        }
        response
    }
}
