//! What an answer says before any protocol writes it: reasoning, then a text or calls of tools.
//!
//! The same wish, seed and steering give the same turn, streamed or not. Ids are the protocols' own and made there.

use serde_json::{Value, json};

use crate::{
    content::{Rng, fnv1a},
    output::{Limits, Output},
    schema,
    steer::{Filter, Steer},
};

/// What the answer has to look like.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Format {
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    JsonSchema(Value),
    /// One of these words and nothing else.
    OneOf(Vec<String>),
}

/// A tool of the request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tool {
    pub name: String,
    /// None for a tool that takes free text.
    pub parameters: Option<Value>,
}

/// Which tool the request itself insists on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Insists {
    #[default]
    No,
    Any,
    On(String),
}

/// What a request wants of its answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    /// The last thing the user said.
    pub topic: String,
    pub prompt_tokens: u64,
    pub cap: Option<u64>,
    pub stop: Vec<String>,
    pub format: Format,
    pub tools: Vec<Tool>,
    pub insists: Insists,
    /// Rounds of tool results since the user last spoke; 0 unless the conversation ends with one.
    pub rounds: u64,
    /// Reasoning is to be seen, and there is some whether steered or not.
    pub reasons: bool,
}

impl Wish {
    /// Streamed or not, what is said is the same: it hangs on the conversation, not on the body's bytes.
    pub(crate) fn seed(&self, world: u64) -> u64 {
        fnv1a(self.topic.as_bytes()) ^ self.prompt_tokens.rotate_left(32) ^ world
    }
}

/// `tool-call` names a tool that the request does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoSuchTool(String);

impl std::fmt::Display for NoSuchTool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "x-tollgate-sim: `tool-call={}`: the request has no tool of that name", self.0)
    }
}

/// A call without its id; the output is its arguments.
#[derive(Debug, Clone)]
pub(crate) struct ToolCall {
    pub name: String,
    /// Takes free text instead of arguments.
    pub custom: bool,
    pub output: Output,
}

#[derive(Debug, Clone)]
pub(crate) enum Said {
    Text(Output),
    /// At least one.
    Calls(Vec<ToolCall>),
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    /// Reasoning tokens, seen or not.
    pub reasoned: u64,
    /// The reasoning where it is to be seen.
    pub reasoning: Option<Output>,
    pub said: Said,
    /// The caller's cap cut it.
    pub capped: bool,
    /// The stop sequence that ended it.
    pub stopped: Option<String>,
}

impl Turn {
    /// Output tokens in all, reasoning included.
    pub(crate) fn tokens(&self) -> u64 {
        let said = match &self.said {
            Said::Text(output) => output.tokens,
            Said::Calls(calls) => calls.iter().map(|call| call.output.tokens).sum(),
        };
        self.reasoned + said
    }

    /// What the answer says. `tool` is what [`tool_to_call`] chose.
    pub(crate) fn new(wish: &Wish, steer: &Steer, tool: Option<&Tool>, seed: u64) -> Self {
        if steer.filtered == Some(Filter::Prompt) {
            let said = Said::Text(Output::fixed("", &Limits::default()));
            return Self { reasoned: 0, reasoning: None, said, capped: false, stopped: None };
        }
        let cap = wish.cap.unwrap_or(u64::MAX);
        let (reasoned, reasoning) = reasoning(wish, steer, cap, seed);
        let thought_capped = reasoning.as_ref().is_some_and(|output| output.capped);
        // The cap is for reasoning and text together.
        let left = wish.cap.map(|cap| cap.saturating_sub(reasoned));
        let limits =
            Limits { want: steer.output_tokens.or(steer.chunks), cap: left, chunks: steer.chunks, stop: &wish.stop };
        // Stop sequences end what a model writes for people, not the JSON it is made to write.
        let exact = Limits { stop: &[], ..limits };
        let mut cut_short = thought_capped;
        let said = match (tool, &wish.format) {
            (Some(tool), _) => {
                let (calls, cut) = calls(wish, steer, tool, &exact, seed);
                cut_short = cut;
                Said::Calls(calls)
            }
            (None, Format::Text) => Said::Text(Output::speech(seed, &wish.topic, steer.style, &limits)),
            (None, Format::JsonObject) => Said::Text(Output::fixed(&some_json(&wish.topic, seed).to_string(), &exact)),
            (None, Format::OneOf(words)) => {
                let word = Rng::new(seed).pick(words).cloned().unwrap_or_default();
                Said::Text(Output::fixed(&word, &exact))
            }
            (None, Format::JsonSchema(schema)) => {
                Said::Text(Output::fixed(&schema::value(schema, seed).to_string(), &exact))
            }
        };
        let (said_capped, stopped) = match &said {
            Said::Text(output) => (output.capped, output.stopped.clone()),
            Said::Calls(_) => (false, None),
        };
        Self { reasoned, reasoning, said, capped: cut_short || said_capped, stopped }
    }
}

/// The tool that an answer calls. After a tool's results there is none, unless steering asks for more rounds: the
/// conversation goes on with text.
pub(crate) fn tool_to_call(wish: &Wish, steer: &Steer) -> Result<Option<Tool>, NoSuchTool> {
    if wish.rounds >= steer.tool_rounds.unwrap_or(1) {
        return Ok(None);
    }
    let named = match (&steer.tool_call, &wish.insists) {
        (Some(name), _) | (None, Insists::On(name)) => name,
        (None, Insists::Any) => return Ok(wish.tools.first().cloned()),
        (None, Insists::No) => return Ok(None),
    };
    let tool = wish.tools.iter().find(|tool| tool.name == *named);
    tool.map_or_else(|| Err(NoSuchTool(named.clone())), |tool| Ok(Some(tool.clone())))
}

fn reasoning(wish: &Wish, steer: &Steer, cap: u64, seed: u64) -> (u64, Option<Output>) {
    if !wish.reasons {
        return (steer.reasoning_tokens.unwrap_or(0).min(cap), None);
    }
    if steer.reasoning_tokens == Some(0) {
        return (0, None);
    }
    let limits = Limits { want: steer.reasoning_tokens, cap: Some(cap), chunks: steer.chunks, stop: &[] };
    let output = Output::thought(seed.rotate_left(23), &wish.topic, steer.style, &limits);
    (output.tokens, Some(output))
}

/// As many calls as asked for, or as the cap leaves room to begin, and whether it cut them.
fn calls(wish: &Wish, steer: &Steer, tool: &Tool, limits: &Limits<'_>, seed: u64) -> (Vec<ToolCall>, bool) {
    let mut left = limits.cap;
    let mut seeds = Rng::new(seed);
    let mut calls: Vec<ToolCall> = Vec::new();
    for at in 0..steer.tool_calls.unwrap_or(1) {
        if at > 0 && left == Some(0) {
            return (calls, true);
        }
        // The first is what a single call would be.
        let seed = if at == 0 { seed } else { seeds.next() };
        let text = match &tool.parameters {
            Some(schema) => arguments(schema, seed).to_string(),
            None => format!("input for {}: {}", tool.name, wish.topic),
        };
        let output = Output::fixed(&text, &Limits { cap: left, ..*limits });
        left = left.map(|left| left - output.tokens);
        calls.push(ToolCall { name: tool.name.clone(), custom: tool.parameters.is_none(), output });
    }
    let capped = calls.last().is_some_and(|call| call.output.capped);
    (calls, capped)
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
    let confidence = 0.5 + f64::from(u32::try_from(Rng::new(seed).below(5)).unwrap_or(0)) / 10.0;
    json!({"topic": topic, "answer": "Here is an answer from the simulator.", "confidence": confidence})
}
