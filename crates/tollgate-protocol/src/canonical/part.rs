//! Pieces of a conversation.

use super::request::Json;
use crate::codec::Protocol;

/// One piece, with what may be attached to any.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it says.
    pub content: Content,
    /// Where the vendor is to keep everything up to here for later.
    pub cache: Option<CacheTtl>,
    /// A vendor's proof that this piece is its own, to be handed back unchanged with it.
    pub seal: Option<Seal>,
}

/// What a piece says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Words, with what they rest on.
    Text {
        /// The words.
        text: String,
        /// Sources of it.
        citations: Vec<Citation>,
    },
    /// A picture, a sound, a document, a film.
    Media(Media),
    /// The model's words that it will not do it.
    Refusal(String),
    /// The model's thoughts.
    Reasoning(Reasoning),
    /// The model calls a tool.
    ToolCall(ToolCall),
    /// What the tool gave.
    ToolResult(ToolResult),
    /// Something only one protocol has.
    Opaque(Opaque),
}

/// How long a vendor keeps what it has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheTtl {
    /// Five minutes, or the vendor's usual time.
    Short,
    /// An hour or more.
    Long,
}

/// A picture, a sound, a document or a film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Which of these.
    pub kind: MediaKind,
    /// Where it is.
    pub source: Source,
    /// Its media type (`image/png`), where known. Without parameters.
    pub media_type: Option<String>,
    /// Its file name or title.
    pub name: Option<String>,
    /// How closely to look: `low`, `high`, `auto`.
    pub detail: Option<String>,
}

/// What a model is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A sound.
    Audio,
    /// A document.
    Document,
    /// A film.
    Video,
}

/// Where media are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Here, in base64.
    Base64(String),
    /// Here, as plain text.
    Text(String),
    /// At an address.
    Url(String),
    /// At a vendor, in the account that put it there.
    File {
        /// By whose protocol.
        owner: Protocol,
        /// Its name there.
        id: String,
    },
}

/// The model's thoughts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// In words, or a summary of them; empty where the vendor shows none.
    pub text: String,
    /// The vendor's name of this piece.
    pub id: Option<String>,
    /// The text is hidden on purpose, and the seal is all there is.
    pub redacted: bool,
}

/// A vendor's opaque proof or state. Only the protocol and, as a rule, the account that made it can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Whose protocol.
    pub owner: Protocol,
    /// As the vendor wrote it.
    pub data: String,
}

/// The model calls a tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// Which call it is; its result names it. May be empty where the protocol has none.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// JSON text of the arguments as the model wrote it, or free text for a custom tool. May be broken: models are.
    pub arguments: String,
    /// Whether the argument is free text.
    pub custom: bool,
}

/// What a tool gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolResult {
    /// Of which call.
    pub call: String,
    /// Of which tool, where the protocol says so.
    pub name: Option<String>,
    /// Text and media.
    pub content: Vec<Part>,
    /// Whether it failed.
    pub is_error: bool,
    /// Whether the tool takes free text.
    pub custom: bool,
}

/// Where something that the model says comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Citation {
    /// Address of the source.
    pub url: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// The words of the source.
    pub quote: Option<String>,
}

/// Something only one protocol has. Nothing but that protocol's writer may write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opaque {
    /// Whose protocol.
    pub owner: Protocol,
    /// Its type by that protocol's name.
    pub kind: String,
    /// All of it.
    pub raw: Json,
}

impl Part {
    /// A piece with nothing attached.
    pub fn new(content: Content) -> Self {
        Self { content, cache: None, seal: None }
    }

    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text { text: text.into(), citations: Vec::new() })
    }

    /// A piece with a seal.
    #[must_use]
    pub fn sealed(mut self, seal: Option<Seal>) -> Self {
        self.seal = seal;
        self
    }

    /// A piece with a cache mark.
    #[must_use]
    pub fn cached(mut self, cache: Option<CacheTtl>) -> Self {
        self.cache = cache;
        self
    }

    /// Its words, if it is words.
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether it says nothing: empty words.
    pub fn is_blank(&self) -> bool {
        self.as_text().is_some_and(str::is_empty)
    }

    /// The seal, if it is that protocol's own.
    pub fn seal_of(&self, owner: Protocol) -> Option<&str> {
        self.seal.as_ref().filter(|seal| seal.owner == owner).map(|seal| &*seal.data)
    }
}

impl Media {
    /// Reads a `data:` address: its media type without parameters, and its base64. `None` for any other address and
    /// for data that is not in base64.
    pub fn data_url(url: &str) -> Option<(String, String)> {
        let scheme = url.get(..5)?;
        if !scheme.eq_ignore_ascii_case("data:") {
            return None;
        }
        let (head, data) = url.get(5..)?.split_once(',')?;
        let mut words = head.split(';').map(str::trim);
        let kind = words.next().unwrap_or_default().to_ascii_lowercase();
        words.any(|word| word.eq_ignore_ascii_case("base64")).then(|| (proper_type(kind), data.to_owned()))
    }

    /// What stands at an address, or in it. `kind` where the address does not tell.
    pub fn located(url: &str, kind: MediaKind) -> Self {
        let (source, media_type) = match Self::data_url(url) {
            Some((media_type, data)) => (Source::Base64(data), Some(media_type)),
            None => (Source::Url(url.to_owned()), None),
        };
        let kind = media_type.as_deref().map_or(kind, MediaKind::of_type);
        Self { kind, source, media_type, name: None, detail: None }
    }

    /// Its media type, or the usual one of its kind.
    pub fn media_type_or_usual(&self) -> &str {
        self.media_type.as_deref().unwrap_or(match self.kind {
            MediaKind::Image => "image/png",
            MediaKind::Audio => "audio/wav",
            MediaKind::Document => "application/pdf",
            MediaKind::Video => "video/mp4",
        })
    }
}

/// Spellings that senders use and vendors refuse.
fn proper_type(kind: String) -> String {
    match &*kind {
        "image/jpg" => "image/jpeg".to_owned(),
        "" => "text/plain".to_owned(),
        _ => kind,
    }
}

impl MediaKind {
    /// What a media type is.
    pub fn of_type(media_type: &str) -> Self {
        match media_type.split('/').next().unwrap_or_default() {
            "image" => Self::Image,
            "audio" => Self::Audio,
            "video" => Self::Video,
            _ => Self::Document,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_addresses() {
        let read = |url| Media::data_url(url).map(|(kind, data)| format!("{kind} {data}"));
        assert_eq!(read("data:image/jpg;name=x;base64,QUJD").as_deref(), Some("image/jpeg QUJD"));
        assert_eq!(read("DATA:;BASE64,QQ==").as_deref(), Some("text/plain QQ=="));
        for other in ["https://a/b", "data:text/plain,hello", "data:", "é"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
