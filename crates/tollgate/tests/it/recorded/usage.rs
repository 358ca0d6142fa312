//! What the vendors reported, read by hand and not by the code under test.

use super::{Case, GENERATE, MESSAGES, RESPONSES, data, events};
use serde_json::{Map, Value};

impl Case {
    /// Input and output as the vendor reported them last; seconds as thousandths.
    pub(super) fn usage(&self) -> Option<(u64, u64, u64)> {
        // Some recordings hold several answers in a row; the first is the answer. Usage that chat callers did not ask for counts.
        let read = if self.path == MESSAGES { self.expected() } else { self.body.clone() };
        let text = String::from_utf8_lossy(&read).into_owned();
        let values: Vec<Value> = if self.sse {
            events(&text).into_iter().filter_map(|e| serde_json::from_str(&data(e)).ok()).collect()
        } else {
            serde_json::from_str(&text).into_iter().collect()
        };
        match self.path {
            MESSAGES => messages(&values),
            RESPONSES => responses(&values),
            GENERATE => gemini(&values),
            _ => self.chat(&values),
        }
    }

    fn chat(&self, values: &[Value]) -> Option<(u64, u64, u64)> {
        let usage = values
            .iter()
            .rev()
            .find_map(|v| [&v["usage"], &v["x_groq"]["usage"]].into_iter().find(|u| u.is_object()).cloned());
        let Some(usage) = usage else {
            let seconds = values.first()?["duration"].as_f64().filter(|_| self.path.contains("audio"))?;
            return Some((0, 0, (seconds * 1000.0).ceil() as u64));
        };
        let n = |names: [&str; 2]| names.iter().find_map(|name| usage[*name].as_f64()).unwrap_or(0.0) as u64;
        let reasoning = usage["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap_or(0);
        let (mut input, mut output) = (n(["prompt_tokens", "input_tokens"]), n(["completion_tokens", "output_tokens"]));
        if reasoning > 0 && usage["total_tokens"] == input + output + reasoning {
            output += reasoning;
        }
        let audio = usage["prompt_tokens_details"]["audio_tokens"].as_u64().unwrap_or(0);
        if audio > 0 && usage["total_tokens"] == input + output + audio {
            input += audio; // Mistral
        }
        let seconds = n(["seconds", "seconds"]) * 1000;
        Some((input, output, seconds))
    }
}

/// The last value of each field over all of them.
fn last<'v>(all: impl Iterator<Item = &'v Value>) -> Option<Value> {
    let mut out = Map::new();
    for (name, value) in all.filter_map(Value::as_object).flatten().filter(|(_, value)| !value.is_null()) {
        out.insert(name.clone(), value.clone());
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

fn sum(usage: &Value, names: &[&str]) -> u64 {
    names.iter().map(|name| usage[*name].as_u64().unwrap_or(0)).sum()
}

/// A request that the vendor made several calls for names each of them.
fn messages(values: &[Value]) -> Option<(u64, u64, u64)> {
    const INPUT: [&str; 3] = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
    let usage = last(values.iter().flat_map(|v| [&v["message"]["usage"], &v["usage"]]))?;
    let inner = usage["iterations"].as_array().into_iter().flatten();
    let (input, output) =
        inner.fold((0, 0), |so_far, call| (so_far.0 + sum(call, &INPUT), so_far.1 + sum(call, &["output_tokens"])));
    Some((sum(&usage, &INPUT).max(input), sum(&usage, &["output_tokens"]).max(output), 0))
}

fn responses(values: &[Value]) -> Option<(u64, u64, u64)> {
    let usage = last(values.iter().flat_map(|v| [&v["response"]["usage"], &v["usage"]]))?;
    Some((sum(&usage, &["input_tokens"]), sum(&usage, &["output_tokens"]), 0))
}

fn gemini(values: &[Value]) -> Option<(u64, u64, u64)> {
    let all = values.iter().flat_map(|v| v.as_array().map_or(std::slice::from_ref(v), Vec::as_slice));
    let usage = last(all.map(|v| &v["usageMetadata"]))?;
    let input = sum(&usage, &["promptTokenCount", "toolUsePromptTokenCount"]);
    Some((input, sum(&usage, &["candidatesTokenCount", "thoughtsTokenCount"]), 0))
}
