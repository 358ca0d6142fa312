//! The data-plane routes that reach a vendor, and what their paths say.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use tollgate_protocol::codec::{InPath, Protocol};

/// A data-plane route that reaches a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// A conversation: `POST /v1/chat/completions`, `/v1/responses`, `/v1/messages`,
    /// `/v1beta/models/{model}:generateContent` and `:streamGenerateContent`.
    Converse(Protocol),
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/audio/transcriptions`.
    Transcriptions,
    /// `POST /v1/audio/translations`.
    Translations,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Converse(Protocol::Chat),
        Self::Converse(Protocol::Responses),
        Self::Converse(Protocol::Messages),
        Self::Converse(Protocol::GenerateContent),
        Self::Embeddings,
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
            Self::Embeddings => "/v1/embeddings",
            Self::Transcriptions => "/v1/audio/transcriptions",
            Self::Translations => "/v1/audio/translations",
        }
    }

    /// The name as the ledger shares it.
    pub(super) fn shared_name(name: &'static str) -> Arc<str> {
        static NAMES: LazyLock<[Arc<str>; 7]> = LazyLock::new(|| Route::ALL.map(|route| route.name().into()));
        NAMES.iter().find(|shared| &***shared == name).map_or_else(|| name.into(), Arc::clone)
    }

    /// In whose form its faults are told.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Converse(protocol) => protocol,
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
            "/v1/messages" => Route::Converse(Protocol::Messages),
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
    let rest = path.strip_prefix("/v1beta/models/").or_else(|| path.strip_prefix("/v1/models/"))?;
    let (model, verb) = rest.rsplit_once(':')?;
    let stream = match verb {
        "generateContent" => false,
        "streamGenerateContent" => true,
        _ => return None,
    };
    let events = query.into_iter().flat_map(|query| query.split('&')).any(|pair| pair == "alt=sse");
    let path = InPath { model: Some(Cow::Owned(decoded(model))), stream, array: stream && !events };
    Some(Asked { route: Route::Converse(Protocol::GenerateContent), path })
}

/// A model's name out of a path: slashes may come percent-encoded.
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
        for other in ["/v1beta/models/m", "/v1beta/models/m:fly", "/v1beta/m:generateContent", "/v1/chat"] {
            assert_eq!(asked(other, None), None, "{other}");
        }
    }
}
