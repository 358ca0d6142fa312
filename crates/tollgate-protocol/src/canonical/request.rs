//! What a caller asks for.

use super::part::{CacheTtl, Part};
use crate::codec::Protocol;
use std::collections::HashSet;

/// A request for an answer of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// The model by the caller's name.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether a streamed answer is to tell its usage, where that is the caller's choice.
    pub stream_usage: bool,
    /// What the model is told before the conversation.
    pub instructions: Vec<Part>,
    /// The conversation, oldest first, as it came: neighbours may have the same role.
    pub turns: Vec<Turn>,
    /// Tools that the model may call.
    pub tools: Vec<Tool>,
    /// Which of them it must or may call.
    pub tool_choice: Option<ToolChoice>,
    /// Whether it may call several at once.
    pub parallel_tools: Option<bool>,
    /// How words are chosen.
    pub sampling: Sampling,
    /// Most tokens to be made, reasoning included.
    pub max_output_tokens: Option<u64>,
    /// Whether and how long to think.
    pub reasoning: ReasoningAsk,
    /// The form of the text.
    pub output: OutputFormat,
    /// How much is to be said: `low`, `medium`, `high`.
    pub verbosity: Option<String>,
    /// The speed asked for: `auto`, `default`, `flex`, `priority`.
    pub service_tier: Option<String>,
    /// Who the caller's own user is, opaque.
    pub user: Option<String>,
    /// The caller's labels: a JSON object.
    pub metadata: Option<Json>,
    /// Whether the answer is to be kept for later.
    pub store: Option<bool>,
    /// Requests with the same key are likely to share their beginning.
    pub cache_key: Option<String>,
    /// A cache mark on the whole request rather than on a part of it.
    pub cache: Option<CacheTtl>,
    /// What the answer is made of besides text, by kind: `image`, `audio`.
    pub modalities: Vec<String>,
    /// The answer before this one, if the conversation goes on from an answer that was kept.
    pub previous: Option<String>,
}

/// JSON text that is known to be valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(pub String);

/// One say in a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Whose.
    pub role: Role,
    /// What. Results of tools stand in the user's turns.
    pub parts: Vec<Part>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions that come in the midst of a conversation.
    System,
    /// The caller.
    User,
    /// The model.
    Assistant,
}

/// Something that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// What it is.
    pub kind: ToolKind,
    /// A cache mark after it.
    pub cache: Option<CacheTtl>,
}

/// Kinds of tools.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolKind {
    /// The caller runs it; arguments are an object.
    Function {
        /// Its name.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// JSON Schema of its arguments; `None` for a function without any.
        parameters: Option<Json>,
        /// Whether arguments must keep the schema to the letter.
        strict: Option<bool>,
    },
    /// The caller runs it; its argument is free text.
    Custom {
        /// Its name.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The grammar of the text, in the form of `OpenAI`'s protocols: a JSON object.
        format: Option<Json>,
    },
    /// The vendor searches the web.
    WebSearch(WebSearch),
    /// Something only one protocol has.
    Opaque {
        /// Whose protocol.
        owner: Protocol,
        /// Its type by that protocol's name.
        kind: String,
        /// All of it.
        raw: Json,
    },
}

/// How the vendor is to search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebSearch {
    /// Most searches.
    pub max_uses: Option<u64>,
    /// Only these sites.
    pub allowed_domains: Vec<String>,
    /// Not these sites.
    pub blocked_domains: Vec<String>,
    /// How much is brought in: `low`, `medium`, `high`.
    pub context_size: Option<String>,
    /// Where the user is: a JSON object with `city`, `region`, `country`, `timezone`.
    pub location: Option<Json>,
}

/// Which tools are to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model likes.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
    /// One or none of these; `required`: at least one.
    Allowed {
        /// Whether at least one must be called.
        required: bool,
        /// Their names.
        names: Vec<String>,
    },
}

/// How words are chosen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sampling {
    /// From 0.
    pub temperature: Option<f64>,
    /// From 0 to 1.
    pub top_p: Option<f64>,
    /// Choose among so many.
    pub top_k: Option<u64>,
    /// For the same words again.
    pub seed: Option<i64>,
    /// From −2 to 2.
    pub presence_penalty: Option<f64>,
    /// From −2 to 2.
    pub frequency_penalty: Option<f64>,
    /// Tokens of one vendor's vocabulary: a JSON object.
    pub logit_bias: Option<Json>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// How many answers.
    pub candidates: Option<u64>,
    /// Whether to tell how likely each token was.
    pub logprobs: Option<bool>,
    /// How many alternatives to tell for each.
    pub top_logprobs: Option<u64>,
}

/// How to think.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReasoningAsk {
    /// On, off, or as the model likes; `None` where the caller says nothing.
    pub mode: Option<ThinkingMode>,
    /// How hard.
    pub effort: Option<Effort>,
    /// How many tokens of thought at most.
    pub budget: Option<u64>,
    /// Whether thoughts (or a summary) are to be shown.
    pub show: Option<bool>,
    /// What summary: `auto`, `concise`, `detailed`.
    pub summary: Option<String>,
}

/// Whether to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingMode {
    /// Not at all.
    Off,
    /// Always, within a budget.
    On,
    /// As the model sees fit.
    Adaptive,
}

/// How hard to think, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as there is.
    Minimal,
    /// Little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
    /// Very much.
    XHigh,
    /// All there is.
    Max,
}

impl Effort {
    /// All of them, least first.
    pub const ALL: [Self; 7] = [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max];

    /// Its name, which the protocols that have one share.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.name().eq_ignore_ascii_case(name))
    }

    /// Tokens of thought that stand for it where a vendor counts. There is no standard; these are the figures that
    /// gateways of the field use (2026-11).
    pub const fn budget(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Minimal => 512,
            Self::Low => 1_024,
            Self::Medium => 8_192,
            Self::High => 24_576,
            Self::XHigh => 32_768,
            Self::Max => 128_000,
        }
    }

    /// The effort that a budget stands for.
    pub fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..=512 => Self::Minimal,
            513..=1_024 => Self::Low,
            1_025..=8_192 => Self::Medium,
            8_193..=24_576 => Self::High,
            _ => Self::XHigh,
        }
    }
}

/// The form of the text.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum OutputFormat {
    /// As the model likes.
    #[default]
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON by a schema.
    Schema {
        /// Its name, where the protocol wants one.
        name: Option<String>,
        /// What it is.
        description: Option<String>,
        /// JSON Schema.
        schema: Json,
        /// Whether to the letter.
        strict: Option<bool>,
    },
}

/// The names of those tools that take free text.
pub fn free_text_names(tools: &[Tool]) -> HashSet<&str> {
    let names = tools.iter().filter(|tool| matches!(tool.kind, ToolKind::Custom { .. }));
    names.filter_map(Tool::name).collect()
}

impl Request {
    /// Whether the tool of that name takes free text.
    pub fn takes_free_text(&self, name: &str) -> bool {
        self.tools.iter().any(|tool| matches!(&tool.kind, ToolKind::Custom { name: other, .. } if other == name))
    }
}

impl Tool {
    /// A tool without a cache mark.
    pub fn new(kind: ToolKind) -> Self {
        Self { kind, cache: None }
    }

    /// The name by which the model calls it, where the caller runs it.
    pub fn name(&self) -> Option<&str> {
        match &self.kind {
            ToolKind::Function { name, .. } | ToolKind::Custom { name, .. } => Some(name),
            ToolKind::WebSearch(_) | ToolKind::Opaque { .. } => None,
        }
    }
}

impl Turn {
    /// A turn.
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts }
    }
}
