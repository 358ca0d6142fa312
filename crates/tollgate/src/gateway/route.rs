//! The data-plane routes that reach a vendor, and what their paths say.

use std::sync::{Arc, LazyLock};
use tollgate_protocol::codec::{InPath, Protocol};
use tollgate_protocol::gemini::path::{self, Verb};

/// A data-plane route that reaches a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// A conversation: `POST /v1/chat/completions`, `/v1/responses`, `/v1/messages`,
    /// `/v1beta/models/{model}:generateContent` and `:streamGenerateContent`.
    Converse(Protocol),
    /// How many tokens one has: `POST /v1/responses/input_tokens`, `/v1/messages/count_tokens`,
    /// `/v1beta/models/{model}:countTokens`.
    Count(Protocol),
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1beta/models/{model}:embedContent`.
    Embed,
    /// `POST /v1beta/models/{model}:batchEmbedContents`.
    BatchEmbed,
    /// `POST /v1/audio/transcriptions`.
    Transcriptions,
    /// `POST /v1/audio/translations`.
    Translations,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Converse(Protocol::Chat),
        Self::Converse(Protocol::Responses),
        Self::Converse(Protocol::Messages),
        Self::Converse(Protocol::GenerateContent),
        Self::Count(Protocol::Responses),
        Self::Count(Protocol::Messages),
        Self::Count(Protocol::GenerateContent),
        Self::Embeddings,
        Self::Embed,
        Self::BatchEmbed,
        Self::Transcriptions,
        Self::Translations,
    ];

    /// The route's name in logs, metrics and the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Converse(Protocol::Chat) => "/v1/chat/completions",
            Self::Converse(Protocol::Responses) => "/v1/responses",
            Self::Converse(Protocol::Messages) => "/v1/messages",
            Self::Converse(Protocol::GenerateContent) => "/v1beta/models/{model}:generateContent",
            Self::Count(Protocol::Chat | Protocol::Responses) => "/v1/responses/input_tokens",
            Self::Count(Protocol::Messages) => "/v1/messages/count_tokens",
            Self::Count(Protocol::GenerateContent) => "/v1beta/models/{model}:countTokens",
            Self::Embeddings => "/v1/embeddings",
            Self::Embed => "/v1beta/models/{model}:embedContent",
            Self::BatchEmbed => "/v1beta/models/{model}:batchEmbedContents",
            Self::Transcriptions => "/v1/audio/transcriptions",
            Self::Translations => "/v1/audio/translations",
        }
    }

    /// The name as the ledger shares it.
    pub(super) fn shared_name(name: &'static str) -> Arc<str> {
        static NAMES: LazyLock<[Arc<str>; 12]> = LazyLock::new(|| Route::ALL.map(|route| route.name().into()));
        NAMES.iter().find(|shared| &***shared == name).map_or_else(|| name.into(), Arc::clone)
    }

    /// In whose form its faults are told.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Converse(protocol) | Self::Count(protocol) => protocol,
            Self::Embed | Self::BatchEmbed => Protocol::GenerateContent,
            Self::Embeddings | Self::Transcriptions | Self::Translations => Protocol::Chat,
        }
    }

    /// Whether its requests are forms.
    pub(super) fn is_form(self) -> bool {
        matches!(self, Self::Transcriptions | Self::Translations)
    }

    /// Whether its answers are made of tokens as they come.
    pub(super) fn is_conversation(self) -> bool {
        matches!(self, Self::Converse(_))
    }

    /// Whether its answers are vectors.
    pub(super) fn is_vectors(self) -> bool {
        matches!(self, Self::Embeddings | Self::Embed | Self::BatchEmbed)
    }

    /// Whether it only asks for a number of tokens, which is never billed.
    pub(super) fn is_count(self) -> bool {
        matches!(self, Self::Count(_))
    }
}

/// A route and what else the path says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Which.
    pub route: Route,
    /// Model and form of the answer, where the path names them.
    pub path: InPath<'static>,
}

impl Asked {
    /// What a path asks for; `None` for a path that leads to no vendor.
    pub fn of(path: &str, query: Option<&str>) -> Option<Self> {
        let route = match path {
            "/v1/chat/completions" => Route::Converse(Protocol::Chat),
            "/v1/responses" => Route::Converse(Protocol::Responses),
            "/v1/responses/input_tokens" => Route::Count(Protocol::Responses),
            "/v1/messages" => Route::Converse(Protocol::Messages),
            "/v1/messages/count_tokens" => Route::Count(Protocol::Messages),
            "/v1/embeddings" => Route::Embeddings,
            "/v1/audio/transcriptions" => Route::Transcriptions,
            "/v1/audio/translations" => Route::Translations,
            _ => return google(path, query),
        };
        Some(Self { route, path: InPath::default() })
    }
}

/// Google's paths end in the model and a verb.
fn google(path: &str, query: Option<&str>) -> Option<Asked> {
    if !path.contains("/models/") {
        return None;
    }
    let named = path::parse(path).filter(|named| matches!(named.version, "v1" | "v1beta") && named.place.is_none())?;
    let route = match named.verb? {
        Verb::Generate | Verb::Stream => Route::Converse(Protocol::GenerateContent),
        Verb::CountTokens => Route::Count(Protocol::GenerateContent),
        Verb::Embed => Route::Embed,
        Verb::BatchEmbed => Route::BatchEmbed,
        Verb::PredictLongRunning | Verb::FetchPredictOperation => return None,
    };
    let InPath { model, stream, array } = named.in_path(query);
    Some(Asked { route, path: InPath { model: model.map(|model| model.into_owned().into()), stream, array } })
}

/// A part of a path: slashes and others may come percent-encoded.
pub(super) fn decoded(name: &str) -> String {
    let mut out = Vec::with_capacity(name.len());
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digits = (byte == b'%').then(|| (ahead.next(), ahead.next()));
        if let Some((Some(high), Some(low))) = digits
            && let (Some(high), Some(low)) = (char::from(high).to_digit(16), char::from(low).to_digit(16))
        {
            out.push(u8::try_from(high * 16 + low).unwrap_or_default());
            bytes = ahead;
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| name.to_owned())
}

/// A stored response that a path names, and what of it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored<'a> {
    /// Its id, as the caller wrote it.
    pub id: &'a str,
    /// What of it.
    pub part: StoredPart,
}

/// What a path asks of a stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredPart {
    /// `GET`, `DELETE /v1/responses/{id}`.
    Itself,
    /// `POST /v1/responses/{id}/cancel`.
    Cancel,
    /// `GET /v1/responses/{id}/input_items`.
    InputItems,
}

impl<'a> Stored<'a> {
    /// What a path asks for; `None` for one that names no stored response.
    pub fn of(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/v1/responses/")?;
        let (id, part) = match rest.split_once('/') {
            None => (rest, StoredPart::Itself),
            Some((id, "cancel")) => (id, StoredPart::Cancel),
            Some((id, "input_items")) => (id, StoredPart::InputItems),
            Some(_) => return None,
        };
        (!id.is_empty()).then_some(Self { id, part })
    }

    /// The methods it takes, as a header tells them.
    pub fn methods(self) -> &'static str {
        match self.part {
            StoredPart::Itself => "GET, DELETE",
            StoredPart::Cancel => "POST",
            StoredPart::InputItems => "GET",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn google_s_paths() {
        let asked = |path: &str, query| Asked::of(path, query).map(|asked| asked.path);
        let path = asked("/v1beta/models/a%2Fb:c:streamGenerateContent", Some("key=k&alt=sse")).unwrap();
        assert_eq!((path.model.as_deref(), path.stream, path.array), (Some("a/b:c"), true, false));
        let path = asked("/v1/models/m:streamGenerateContent", None).unwrap();
        assert_eq!((path.model.as_deref(), path.stream, path.array), (Some("m"), true, true));
        assert!(asked("/v1beta/models/m:generateContent", Some("alt=sse")).is_some_and(|path| !path.stream));
        for (path, route) in [
            ("/v1beta/models/m:countTokens", Route::Count(Protocol::GenerateContent)),
            ("/v1beta/models/m:embedContent", Route::Embed),
            ("/v1beta/models/m:batchEmbedContents", Route::BatchEmbed),
        ] {
            assert_eq!(Asked::of(path, None).map(|asked| asked.route), Some(route), "{path}");
        }
        for other in [
            "/v1beta/models/m",
            "/v1beta/models/m:fly",
            "/v1beta/m:generateContent",
            "/v2/models/m:generateContent",
            "/v1/chat",
        ] {
            assert_eq!(asked(other, None), None, "{other}");
        }
    }

    #[test]
    fn stored_responses() {
        let of = |path: &'static str| Stored::of(path).map(|stored| (stored.id, stored.methods()));
        assert_eq!(of("/v1/responses/resp_1"), Some(("resp_1", "GET, DELETE")));
        assert_eq!(of("/v1/responses/resp_1/cancel"), Some(("resp_1", "POST")));
        assert_eq!(of("/v1/responses/resp_1/input_items"), Some(("resp_1", "GET")));
        for other in ["/v1/responses", "/v1/responses/", "/v1/responses/a/b", "/v1/responses//cancel", "/v1/x"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
