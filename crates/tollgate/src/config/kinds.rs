//! The words that the file uses for kinds, protocols and HTTP versions, and what a kind implies.
//!
//! Owns spellings and defaults by kind, and nothing that needs an environment or a file.

use std::fmt;

use super::{HttpVersion, Kind, OnDisconnect, Protocol};

/// Kinds by their names in the file.
pub(super) const KINDS: &[(&str, Kind)] = &[
    ("openai", Kind::OpenAi),
    ("anthropic", Kind::Anthropic),
    ("deepseek", Kind::DeepSeek),
    ("gemini", Kind::Gemini),
    ("vertex", Kind::Vertex),
    ("ark", Kind::Ark),
    ("kling", Kind::Kling),
    ("openai-compatible", Kind::OpenAiCompatible),
];

/// Protocols by their names in the file.
pub(super) const PROTOCOLS: &[(&str, Protocol)] = &[
    ("chat", Protocol::Chat),
    ("responses", Protocol::Responses),
    ("messages", Protocol::Messages),
    ("generate-content", Protocol::GenerateContent),
];

/// HTTP versions by their names in the file.
pub(super) const HTTP: &[(&str, HttpVersion)] =
    &[("auto", HttpVersion::Auto), ("http1", HttpVersion::Http1), ("http2", HttpVersion::Http2)];

/// What may become of an answer whose caller has left.
pub(super) const ON_DISCONNECT: &[(&str, OnDisconnect)] =
    &[("cancel", OnDisconnect::Cancel), ("drain", OnDisconnect::Drain)];

impl Kind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::OpenAi,
        Self::Anthropic,
        Self::DeepSeek,
        Self::Gemini,
        Self::Vertex,
        Self::Ark,
        Self::Kling,
        Self::OpenAiCompatible,
    ];

    /// Its name in the file and in the catalogue.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::DeepSeek => "deepseek",
            Self::Gemini => "gemini",
            Self::Vertex => "vertex",
            Self::Ark => "ark",
            Self::Kling => "kling",
            Self::OpenAiCompatible => "openai-compatible",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Wire formats that every endpoint of this kind takes, its own first.
    pub(super) const fn protocols(self) -> &'static [Protocol] {
        match self {
            Self::OpenAi => &[Protocol::Chat, Protocol::Responses],
            Self::Anthropic => &[Protocol::Messages],
            Self::DeepSeek | Self::OpenAiCompatible => &[Protocol::Chat],
            Self::Gemini | Self::Vertex => &[Protocol::GenerateContent],
            Self::Ark | Self::Kling => &[],
        }
    }

    /// Whether closing the connection ends the bill. `OpenRouter`'s list of vendors where cancelling a stream stops
    /// it (2026-11) has `OpenAI`, Anthropic and `DeepSeek`, and names Google as one where it does not.
    pub(super) const fn on_disconnect(self) -> OnDisconnect {
        match self {
            Self::Gemini | Self::Vertex => OnDisconnect::Drain,
            _ => OnDisconnect::Cancel,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_agree() {
        for (name, kind) in KINDS {
            assert_eq!(kind.name(), *name);
            assert_eq!(Kind::from_name(name), Some(*kind));
        }
        assert_eq!(KINDS.len(), Kind::ALL.len());
        for (name, protocol) in PROTOCOLS {
            assert_eq!(protocol.name(), *name);
        }
    }
}
