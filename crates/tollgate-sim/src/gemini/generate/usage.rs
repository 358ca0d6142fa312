//! Usage as the vendor counts it: thoughts beside the candidates' tokens, the cache within the prompt's, zeros left out.

use serde_json::{Map, Value, json};

use super::super::ask::Ask;
use crate::{steer, steer::Steer, turn::Turn};

#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    prompt: u64,
    cached: u64,
    pub said: u64,
    pub thoughts: u64,
    vertex: bool,
    form: steer::Usage,
}

impl Usage {
    pub(super) fn new(ask: &Ask, turns: &[Turn], steer: &Steer, vertex: bool) -> Self {
        let thoughts = turns.iter().map(|turn| turn.reasoned).sum();
        Self {
            prompt: ask.wish.prompt_tokens,
            cached: steer.cached_tokens.min(ask.wish.prompt_tokens),
            said: turns.iter().map(Turn::tokens).sum::<u64>() - thoughts,
            thoughts,
            vertex,
            form: steer.usage,
        }
    }

    /// All that is paid for as output.
    pub(super) fn output(&self) -> u64 {
        self.said + self.thoughts
    }

    /// The usage of an answer of which `output` tokens are out, `thoughts` of them thoughts.
    pub(super) fn value(&self, output: u64, thoughts: u64) -> Option<Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, tokens: u64| -> Option<()> {
            let number = self.form.number(tokens)?;
            if tokens > 0 {
                fields.insert(name.to_owned(), number);
            }
            Some(())
        };
        let candidates = output.saturating_sub(thoughts);
        put("promptTokenCount", self.prompt)?;
        put("candidatesTokenCount", candidates)?;
        put("totalTokenCount", self.prompt + output)?;
        put("cachedContentTokenCount", self.cached)?;
        put("thoughtsTokenCount", thoughts)?;
        fields.insert("promptTokensDetails".to_owned(), json!([{"modality": "TEXT", "tokenCount": self.prompt}]));
        if self.vertex {
            if candidates > 0 {
                let details = json!([{"modality": "TEXT", "tokenCount": candidates}]);
                fields.insert("candidatesTokensDetails".to_owned(), details);
            }
            fields.insert("trafficType".to_owned(), "ON_DEMAND".into());
        } else {
            fields.insert("serviceTier".to_owned(), "standard".into());
        }
        Some(Value::Object(fields))
    }
}
