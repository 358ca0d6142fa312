//! What a model accepts. Data: the gateway reads it from its catalogue; a writer obeys it.
//!
//! A model that nobody knows gets [`Capabilities::default`], which forbids nothing: the vendor then says what it will
//! not take.

use super::request::Effort;

/// What one model at one kind of provider accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct Capabilities {
    /// Most output tokens, where known.
    pub max_output_tokens: Option<u64>,
    /// The output cap to send where the protocol wants one and the caller gives none.
    pub usual_output_tokens: u64,
    /// What a chat request calls its cap on output tokens.
    pub output_cap: OutputCap,
    /// The role of instructions in chat.
    pub system_role: SystemRole,
    /// Whether a chat request may say `thinking: {"type": …}`.
    pub thinking_field: bool,
    /// Whether the fields are taken that only the vendor of the protocol knows: verbosity, service tier, store,
    /// metadata, cache key.
    pub vendor_fields: bool,
    /// Whether a messages request may hold turns of the role `system`.
    pub system_turns: bool,
    /// Whether `temperature`, `top_p` and `top_k` are taken at all.
    pub sampling: bool,
    /// Whether `temperature` and `top_p` may come together.
    pub temperature_with_top_p: bool,
    /// Largest temperature.
    pub max_temperature: f64,
    /// Whether penalties are taken.
    pub penalties: bool,
    /// Whether a seed is taken.
    pub seed: bool,
    /// Whether log-probabilities are told.
    pub logprobs: bool,
    /// Most stop texts; 0 where none are taken.
    pub max_stop: usize,
    /// Most alternatives in one answer.
    pub max_candidates: u64,
    /// Whether the last turn may be the assistant's, to be continued.
    pub prefill: bool,
    /// Ways of thinking.
    pub thinking: Thinking,
    /// Whether reasoning must come back with the turns in which tools were called, as plain text.
    pub replays_reasoning: bool,
    /// Whether functions are taken.
    pub tools: bool,
    /// Whether tools with free text are taken.
    pub custom_tools: bool,
    /// Whether the vendor searches the web for it.
    pub web_search: bool,
    /// Whether functions are only taken by Responses, because by chat the model takes none while it thinks.
    pub tools_by_responses: bool,
    /// Output by a schema.
    pub schema: SchemaSupport,
    /// Whether a schema and functions may come together.
    pub schema_with_tools: bool,
    /// Reads pictures.
    pub image_input: bool,
    /// Reads sounds.
    pub audio_input: bool,
    /// Reads documents.
    pub document_input: bool,
    /// Reads films.
    pub video_input: bool,
    /// Fetches pictures and documents from addresses by itself.
    pub fetches_urls: bool,
    /// Takes media inside the result of a function, where its protocol has a place for them.
    pub media_in_results: bool,
}

/// What a chat request calls its cap on output tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputCap {
    /// `max_tokens`, which every compatible server knows.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`, which the vendor of the protocol asks for.
    MaxCompletionTokens,
}

/// The role of instructions in chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SystemRole {
    /// `system`, which every compatible server knows.
    #[default]
    System,
    /// `developer`.
    Developer,
}

/// How output by a schema is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SchemaSupport {
    /// By the protocol's own field.
    #[default]
    Native,
    /// Only "some JSON"; the schema goes into the instructions.
    JsonOnly,
    /// Not at all; the schema goes into the instructions.
    None,
}

/// Ways of thinking that a model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thinking {
    /// It can be switched off.
    pub off: bool,
    /// It takes a budget of tokens.
    pub budget: bool,
    /// It decides for itself how long to think.
    pub adaptive: bool,
    /// The names of effort that it takes; empty where it takes none.
    pub efforts: EffortSet,
    /// It thinks where the caller says nothing.
    pub by_default: bool,
}

/// A set of efforts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EffortSet(u8);

impl EffortSet {
    /// Every effort.
    pub const ALL: Self = Self(0x7f);

    /// The set with one more.
    #[must_use]
    pub const fn with(self, effort: Effort) -> Self {
        Self(self.0 | 1 << effort as u8)
    }

    /// Whether it is in the set.
    pub const fn has(self, effort: Effort) -> bool {
        self.0 & 1 << effort as u8 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The effort itself if it is in the set; else the nearest that is, the lesser of two equally near; `None` for an
    /// empty set. Switching off is no effort to fall back on, nor to fall back from unless it is all there is.
    pub fn nearest(self, wanted: Effort) -> Option<Effort> {
        if self.has(wanted) {
            return Some(wanted);
        }
        let distance = |effort: &Effort| (*effort as i16 - wanted as i16).abs();
        Effort::ALL.into_iter().filter(|effort| *effort != Effort::None && self.has(*effort)).min_by_key(distance)
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            max_output_tokens: None,
            usual_output_tokens: 8_192,
            output_cap: OutputCap::MaxTokens,
            system_role: SystemRole::System,
            thinking_field: false,
            vendor_fields: true,
            system_turns: false,
            sampling: true,
            temperature_with_top_p: true,
            max_temperature: 2.0,
            penalties: true,
            seed: true,
            logprobs: true,
            max_stop: 16,
            max_candidates: 128,
            prefill: true,
            thinking: Thinking { off: true, budget: true, adaptive: true, efforts: EffortSet::ALL, by_default: false },
            replays_reasoning: false,
            tools: true,
            custom_tools: true,
            web_search: true,
            tools_by_responses: false,
            schema: SchemaSupport::Native,
            schema_with_tools: true,
            image_input: true,
            audio_input: true,
            document_input: true,
            video_input: true,
            fetches_urls: true,
            media_in_results: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_effort() {
        let set = EffortSet::default().with(Effort::None).with(Effort::Low).with(Effort::High);
        assert_eq!(set.nearest(Effort::High), Some(Effort::High));
        assert_eq!(set.nearest(Effort::Max), Some(Effort::High));
        assert_eq!(set.nearest(Effort::Minimal), Some(Effort::Low));
        assert_eq!(set.nearest(Effort::Medium), Some(Effort::Low));
        assert_eq!(set.nearest(Effort::None), Some(Effort::None));
        assert_eq!(EffortSet::default().nearest(Effort::Low), None);
    }
}
