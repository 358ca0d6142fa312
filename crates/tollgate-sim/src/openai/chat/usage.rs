//! The usage object of a chat answer, true or as wrong as it was asked to be.

use serde_json::{Value, json};

use crate::steer::{self, Dialect};

#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub prompt: u64,
    /// Part of `prompt`.
    pub cached: u64,
    /// Part of `prompt`.
    pub written: u64,
    /// Part of `prompt`.
    pub audio: u64,
    pub completion: u64,
    /// Part of `completion`.
    pub reasoning: u64,
    pub form: steer::Usage,
    pub dialect: Dialect,
}

impl Usage {
    /// None where the usage is to be left out.
    pub(super) fn value(&self) -> Option<Value> {
        let totals = match self.form {
            steer::Usage::None => return None,
            steer::Usage::True | steer::Usage::InFinish => {
                [json!(self.prompt), json!(self.completion), json!(self.prompt + self.completion)]
            }
            steer::Usage::Negative => [json!(-7), json!(-100), json!(-107)],
            steer::Usage::Absurd => [json!(9_000_000_000_000_000_u64), json!(u64::MAX), json!(1e300)],
            steer::Usage::Text => [json!("many"), json!("12abc"), json!([])],
        };
        let [prompt, completion, total] = totals;
        if self.dialect == Dialect::DeepSeek {
            let mut usage = json!({
                "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
                "prompt_tokens_details": {"cached_tokens": self.cached},
                "prompt_cache_hit_tokens": self.cached, "prompt_cache_miss_tokens": self.prompt - self.cached,
            });
            if let (true, Value::Object(fields)) = (self.reasoning > 0, &mut usage) {
                let details = json!({"reasoning_tokens": self.reasoning});
                fields.insert("completion_tokens_details".to_owned(), details);
            }
            return Some(usage);
        }
        let mut details = json!({"cached_tokens": self.cached, "audio_tokens": self.audio});
        if let (true, Value::Object(fields)) = (self.written > 0, &mut details) {
            fields.insert("cache_write_tokens".to_owned(), self.written.into());
        }
        Some(json!({
            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
            "prompt_tokens_details": details,
            "completion_tokens_details": {"reasoning_tokens": self.reasoning, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
        }))
    }
}
