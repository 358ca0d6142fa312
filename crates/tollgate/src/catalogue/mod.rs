//! What models there are, by the kind of provider that serves them, and what they accept. Data, never code:
//! `models.tsv`, `capabilities.tsv`.
//!
//! Owns the embedded tables and their look-up. Knows no configuration and no prices. `scripts/catalogue.py` makes the
//! table of models, and nobody edits it by hand; what models accept is written by hand.

mod capabilities;
mod table;
pub mod video;

pub use capabilities::accepts;

use std::sync::LazyLock;

use crate::config::Kind;

/// One model of one kind of provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The vendor's own name of it, which is also its public name.
    pub model: &'static str,
    /// Which kind of provider serves it.
    pub kind: Kind,
    /// What it is asked for, the usual first; never empty.
    pub modes: Vec<Mode>,
    /// Tokens of input and output together, where known.
    pub context_window: Option<u32>,
    /// Largest input in tokens, where known.
    pub max_input_tokens: Option<u32>,
    /// Largest output in tokens, where known.
    pub max_output_tokens: Option<u32>,
    /// The day (`2027-01-31`) on which the vendor stops or stopped serving it, where announced.
    pub retires: Option<&'static str>,
    /// Whether it may think before it answers.
    pub reasons: bool,
}

/// What a model is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Conversations, in the kind's own protocol.
    Chat,
    /// `OpenAI` Responses.
    Responses,
    /// Vectors of texts.
    Embedding,
    /// Speech to text.
    Transcription,
    /// Text to speech.
    Speech,
    /// Pictures.
    Image,
    /// Video tasks.
    Video,
    /// Duplex audio sessions, which this gateway does not serve.
    Realtime,
    /// Verdicts on content, which this gateway does not serve.
    Moderation,
    /// Text completion of old, which this gateway does not serve.
    Completion,
    /// Vertex's and Gemini's `:predict`, which this gateway does not serve.
    Predict,
}

impl Mode {
    pub(super) const ALL: [Self; 11] = [
        Self::Chat,
        Self::Responses,
        Self::Embedding,
        Self::Transcription,
        Self::Speech,
        Self::Image,
        Self::Video,
        Self::Realtime,
        Self::Moderation,
        Self::Completion,
        Self::Predict,
    ];

    /// Its name in the table and in the admin API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Embedding => "embedding",
            Self::Transcription => "transcription",
            Self::Speech => "speech",
            Self::Image => "image",
            Self::Video => "video",
            Self::Realtime => "realtime",
            Self::Moderation => "moderation",
            Self::Completion => "completion",
            Self::Predict => "predict",
        }
    }
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| table::read(table::TEXT));

/// Every entry, sorted by model and then by kind.
pub fn all() -> &'static [Entry] {
    &TABLE
}

/// The entries of a model, one for each kind that serves it; empty for an unknown model.
pub fn find(model: &str) -> &'static [Entry] {
    let all = all();
    let start = all.partition_point(|entry| entry.model < model);
    let rest = all.get(start..).unwrap_or_default();
    let count = rest.partition_point(|entry| entry.model == model);
    rest.get(..count).unwrap_or_default()
}

impl Entry {
    /// Whether it can be asked that way.
    pub fn has(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    /// Whether conversations with it go through Responses, because the vendor serves it by nothing else.
    pub fn needs_responses(&self) -> bool {
        self.has(Mode::Responses) && !self.has(Mode::Chat)
    }

    /// Whether it may make output tokens that a stream does not show while it runs. `DeepSeek` streams its thoughts;
    /// the others show a summary or nothing (their documentation, 2026-11).
    pub fn hides_reasoning(&self) -> bool {
        self.reasons && self.kind != Kind::DeepSeek
    }

    /// Whether any route of the data plane leads to it.
    pub fn is_served(&self) -> bool {
        self.modes.iter().any(|mode| match mode {
            Mode::Chat | Mode::Responses | Mode::Embedding | Mode::Transcription | Mode::Video => true,
            // These kinds make pictures and speech in generateContent itself.
            Mode::Speech | Mode::Image => matches!(self.kind, Kind::Gemini | Kind::Vertex),
            Mode::Realtime | Mode::Moderation | Mode::Completion | Mode::Predict => false,
        })
    }
}
