//! What Google's paths say: the model, and what is to be done with it.
//!
//! `/v1beta/models/{model}:{verb}`, and on Vertex
//! `/v1/projects/{project}/locations/{location}/publishers/{publisher}/models/{model}:{verb}`. Pure text: which of these
//! are served, and for whom, is not said here.

use crate::codec::InPath;
use std::borrow::Cow;
use std::fmt::Write as _;

/// What is to be done with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `generateContent`: a whole answer.
    Generate,
    /// `streamGenerateContent`: a streamed answer.
    Stream,
    /// `countTokens`.
    CountTokens,
    /// `embedContent`: one vector.
    Embed,
    /// `batchEmbedContents`: several.
    BatchEmbed,
    /// `predictLongRunning`: a film is begun.
    PredictLongRunning,
    /// `fetchPredictOperation`: how it goes.
    FetchPredictOperation,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Generate,
        Self::Stream,
        Self::CountTokens,
        Self::Embed,
        Self::BatchEmbed,
        Self::PredictLongRunning,
        Self::FetchPredictOperation,
    ];

    /// Its name in a path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generate => "generateContent",
            Self::Stream => "streamGenerateContent",
            Self::CountTokens => "countTokens",
            Self::Embed => "embedContent",
            Self::BatchEmbed => "batchEmbedContents",
            Self::PredictLongRunning => "predictLongRunning",
            Self::FetchPredictOperation => "fetchPredictOperation",
        }
    }
}

/// A path that names a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPath<'a> {
    /// What stands before the collection of models, without slashes around: `v1beta`, `veo/v1`.
    pub version: &'a str,
    /// Project and location, where the path is one of Vertex.
    pub place: Option<(&'a str, &'a str)>,
    /// The model, without `models/`. Of a publisher other than Google: `publisher/model`.
    pub model: Cow<'a, str>,
    /// What is to be done; `None`: the model itself is asked for.
    pub verb: Option<Verb>,
}

impl ModelPath<'_> {
    /// What a request for content says in its path. `query` is the query without `?`: a stream that is not asked for as
    /// `alt=sse` is one JSON list.
    pub fn in_path(&self, query: Option<&str>) -> InPath<'_> {
        let stream = self.verb == Some(Verb::Stream);
        InPath { model: Some(Cow::Borrowed(&self.model)), stream, array: stream && !asks_for_events(query) }
    }
}

/// Reads a path without its query. `None` for one that names no model, or a verb that is none of [`Verb`].
pub fn parse(path: &str) -> Option<ModelPath<'_>> {
    let path = path.strip_prefix('/')?;
    let (before, after) = if let Some(after) = path.strip_prefix("models/") {
        ("", after)
    } else {
        let at = path.find("/models/")?;
        (path.get(..at)?, path.get(at + "/models/".len()..)?)
    };
    let (version, place, publisher) = collection(before)?;
    let tail = decoded(after)?;
    let (model, verb) = match tail.rsplit_once(':') {
        Some((model, name)) => {
            let verb = Verb::ALL.into_iter().find(|verb| verb.name() == name);
            // A model's own name may hold a colon; where it is asked for by itself, there is no verb.
            if let Some(verb) = verb { (model.to_owned(), Some(verb)) } else { (tail.to_string(), None) }
        }
        None => (tail.to_string(), None),
    };
    let model = bare(&model);
    if model.is_empty() {
        return None;
    }
    let model = match publisher {
        None | Some("google") => Cow::Owned(model.to_owned()),
        Some(publisher) => Cow::Owned(format!("{publisher}/{model}")),
    };
    Some(ModelPath { version, place, model, verb })
}

/// Version, place and publisher.
type Before<'a> = (&'a str, Option<(&'a str, &'a str)>, Option<&'a str>);

/// Reads what stands before `/models/`.
fn collection(before: &str) -> Option<Before<'_>> {
    let (before, publisher) = match before.split_once("publishers/") {
        None => (before, None),
        Some((before, publisher)) if !publisher.contains('/') && !publisher.is_empty() => (before, Some(publisher)),
        Some(_) => return None,
    };
    let Some((version, place)) = before.split_once("projects/") else {
        return Some((before.trim_end_matches('/'), None, publisher));
    };
    let mut parts = place.trim_end_matches('/').split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(project), Some("locations"), Some(location), None) if publisher.is_some() => {
            Some((version.trim_end_matches('/'), Some((project, location)), publisher))
        }
        _ => None,
    }
}

/// A model's name without the collection that may stand before it: `models/m`, `publishers/google/models/m`.
pub fn bare(name: &str) -> &str {
    match name.rsplit_once("/models/") {
        Some((_, model)) => model,
        None => name.strip_prefix("models/").unwrap_or(name),
    }
}

/// Whether a query asks for server-sent events.
fn asks_for_events(query: Option<&str>) -> bool {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    // Of a member given twice the last counts, as for the vendor.
    let alt = pairs.rev().find(|(name, _)| matches!(*name, "alt" | "$alt" | "%24alt"));
    alt.is_some_and(|(_, value)| value.eq_ignore_ascii_case("sse"))
}

/// The path below a base URL for something to be done with a model.
pub fn write(model: &str, verb: Verb, array: bool) -> String {
    let mut out = String::with_capacity(model.len() + 48);
    // Models that were tuned have a collection of their own.
    let (collection, model) = match model.strip_prefix("tunedModels/") {
        Some(tuned) => ("tunedModels", tuned),
        None => ("models", bare(model)),
    };
    let _ = write!(out, "/{collection}/");
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    let _ = write!(out, ":{}", verb.name());
    if verb == Verb::Stream && !array {
        out.push_str("?alt=sse");
    }
    out
}

/// Text of a path, percent-encoding resolved; `None` where that is broken or gives no text.
pub fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_a_path() {
        let m =
            |model: &'static str, verb, place, version| Some(ModelPath { version, place, model: model.into(), verb });
        let generate = Some(Verb::Generate);
        for (path, wanted) in [
            ("/v1beta/models/gemini-2.5-flash:generateContent", m("gemini-2.5-flash", generate, None, "v1beta")),
            ("/v1beta/models/a:streamGenerateContent", m("a", Some(Verb::Stream), None, "v1beta")),
            ("/v1beta/models/models/a:countTokens", m("a", Some(Verb::CountTokens), None, "v1beta")),
            ("/v1beta/models/models%2Fa%3AembedContent", m("a", Some(Verb::Embed), None, "v1beta")),
            ("/v1/models/openai/gpt-5:generateContent", m("openai/gpt-5", generate, None, "v1")),
            ("/v1/models/openai%2fgpt-5:8b:generateContent", m("openai/gpt-5:8b", generate, None, "v1")),
            ("/veo/v1beta/models/veo:predictLongRunning", m("veo", Some(Verb::PredictLongRunning), None, "veo/v1beta")),
            ("/v1beta/models/a", m("a", None, None, "v1beta")),
            ("/v1beta/models/a:8b", m("a:8b", None, None, "v1beta")),
            (
                "/v1/projects/p/locations/us-central1/publishers/google/models/g:generateContent",
                m("g", generate, Some(("p", "us-central1")), "v1"),
            ),
            (
                "/v1/projects/p/locations/global/publishers/openai/models/gpt-5:generateContent",
                m("openai/gpt-5", generate, Some(("p", "global")), "v1"),
            ),
            ("/v1beta1/publishers/google/models/g:batchEmbedContents", m("g", Some(Verb::BatchEmbed), None, "v1beta1")),
            ("/models/a:generateContent", m("a", generate, None, "")),
            ("/v1beta/models/:generateContent", None),
            ("/v1beta/models", None),
            ("/v1beta/models/a%2:generateContent", None),
            ("/v1beta/models/a%ff:generateContent", None),
            ("/v1/projects/p/publishers/google/models/g:generateContent", None),
            ("/v1/projects/p/locations/l/models/g:generateContent", None),
            ("", None),
        ] {
            assert_eq!(parse(path), wanted, "{path}");
        }
    }

    #[test]
    fn a_list_unless_events_are_asked_for() {
        let path = parse("/v1beta/models/a:streamGenerateContent").unwrap();
        for (query, array) in [
            (None, true),
            (Some("alt=sse"), false),
            (Some("key=x&%24alt=sse"), false),
            (Some("alt=json"), true),
            (Some("alt=sse&alt=json"), true),
        ] {
            let said = path.in_path(query);
            assert_eq!((said.stream, said.array, said.model.as_deref()), (true, array, Some("a")), "{query:?}");
        }
        assert!(!parse("/v1beta/models/a:generateContent").unwrap().in_path(None).array);
        assert_eq!(write("models/a b", Verb::Stream, false), "/models/a%20b:streamGenerateContent?alt=sse");
        assert_eq!(write("tunedModels/x", Verb::Stream, true), "/tunedModels/x:streamGenerateContent");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(model in "[a-z][ -~é]{0,12}", verb in prop::sample::select(Verb::ALL.to_vec()), array: bool) {
            prop_assume!(bare(&model) == model && !model.starts_with("tunedModels/"));
            let path = write(&model, verb, array);
            let (path, query) = path.split_once('?').map_or((&*path, None), |(path, query)| (path, Some(query)));
            let read = parse(path).unwrap();
            prop_assert_eq!((&*read.model, read.verb), (&*model, Some(verb)));
            prop_assert_eq!(read.in_path(query).array, array && verb == Verb::Stream);
        }

        #[test]
        fn anything_can_be_parsed(path in "[/a-z%0-9:.]{0,60}|(/v1|/models|/a|:generateContent|%[0-9a-f]{2}|/publishers/x|/projects/p|/locations/l){0,9}") {
            let _ = parse(&path);
        }
    }
}
