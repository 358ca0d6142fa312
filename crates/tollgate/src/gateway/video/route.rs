//! Which path asks for what.

use crate::gateway::respond::Voice;
use crate::gateway::route::decoded;
use crate::tasks::{Dialect, RESULTS};
use http::Method;
use tollgate_protocol::codec::Protocol;

/// What a path of the video routes asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// All tasks of a dialect, or a new one.
    Tasks(Dialect),
    /// One task, by the id or name in the path.
    Task(Dialect, String),
    /// `/v1/videos/{id}/content`.
    Content(String),
    /// `/v1/videos/{id}/remix`.
    Remix(String),
    /// `…/models/{model}:predictLongRunning`.
    Predict {
        /// The model.
        model: String,
        /// What stands before `/operations/` in the operation's name.
        parent: String,
    },
    /// `…/models/{model}:fetchPredictOperation`.
    Fetch,
    /// `/v1beta/files/{file}:download`, or the file's description.
    File {
        /// Its name.
        name: String,
        /// Whether the file itself is wanted.
        download: bool,
    },
    /// A signed link.
    Result,
}

impl Asked {
    /// What a path asks for; `None` for one that is no video route.
    pub fn of(path: &str) -> Option<Self> {
        if path.starts_with(RESULTS) {
            return Some(Self::Result);
        }
        if let Some(rest) = path.strip_prefix("/v1/videos") {
            return under(rest).and_then(|rest| match (rest, rest.split_once('/')) {
                ("", _) => Some(Self::Tasks(Dialect::OpenAi)),
                (id, None) => Some(Self::Task(Dialect::OpenAi, decoded(id))),
                (_, Some((id, "content"))) => Some(Self::Content(decoded(id))),
                (_, Some((id, "remix"))) => Some(Self::Remix(decoded(id))),
                _ => None,
            });
        }
        for (start, dialect) in [
            ("/seedance/v3/contents/generations/tasks", Dialect::Ark),
            ("/api/v3/contents/generations/tasks", Dialect::Ark),
            ("/kling/v1/videos/text2video", Dialect::KlingText),
            ("/kling/v1/videos/image2video", Dialect::KlingImage),
        ] {
            if let Some(rest) = path.strip_prefix(start) {
                return under(rest).and_then(|rest| match rest {
                    "" => Some(Self::Tasks(dialect)),
                    id if !id.contains('/') => Some(Self::Task(dialect, decoded(id))),
                    _ => None,
                });
            }
        }
        google(path)
    }

    /// In whose form faults are told.
    pub(super) fn voice(&self) -> Voice {
        match self {
            Self::Tasks(dialect) | Self::Task(dialect, _) => voice(*dialect),
            Self::Content(_) | Self::Remix(_) | Self::Result => Protocol::Chat.into(),
            Self::Predict { .. } | Self::Fetch | Self::File { .. } => Protocol::GenerateContent.into(),
        }
    }

    /// The methods that the route takes.
    pub fn methods(&self) -> &'static [Method] {
        match self {
            Self::Tasks(_) => &[Method::GET, Method::POST],
            Self::Task(Dialect::OpenAi | Dialect::Ark, _) => &[Method::GET, Method::DELETE],
            Self::Task(..) | Self::Content(_) | Self::File { .. } | Self::Result => &[Method::GET],
            Self::Remix(_) | Self::Predict { .. } | Self::Fetch => &[Method::POST],
        }
    }
}

/// In whose form a dialect's faults are told.
pub(super) fn voice(dialect: Dialect) -> Voice {
    match dialect {
        Dialect::OpenAi => Protocol::Chat.into(),
        Dialect::Ark => Voice::Ark,
        Dialect::KlingText | Dialect::KlingImage => Voice::Kling,
        Dialect::Veo => Protocol::GenerateContent.into(),
    }
}

/// What follows a path: nothing, or something after a slash.
fn under(rest: &str) -> Option<&str> {
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/').filter(|rest| !rest.is_empty()) }
}

/// Google's paths, with and without `/veo` before them.
fn google(path: &str) -> Option<Asked> {
    let path = path.strip_prefix("/veo").unwrap_or(path);
    let rest = ["/v1/", "/v1beta/", "/v1beta1/"].iter().find_map(|version| path.strip_prefix(version))?;
    if let Some(file) = rest.strip_prefix("files/") {
        let (name, download) = match file.split_once(':') {
            Some((name, "download")) => (name, true),
            Some(_) => return None,
            None => (file, false),
        };
        return (!name.contains('/')).then(|| Asked::File { name: name.to_owned(), download });
    }
    // The model of an operation's name does not matter: the id is the gateway's.
    if let Some((parent, id)) = rest.split_once("/operations/") {
        let known = parent.starts_with("models/") || parent.starts_with("projects/");
        return (known && !id.contains('/')).then(|| Asked::Task(Dialect::Veo, decoded(id)));
    }
    let (parent, verb) = rest.rsplit_once(':')?;
    let model = match parent.strip_prefix("models/") {
        Some(model) => model,
        None => {
            let (place, model) = parent.strip_prefix("projects/")?.split_once("/publishers/google/models/")?;
            let [_, "locations", location] = place.split('/').collect::<Vec<_>>()[..] else { return None };
            (!location.is_empty()).then_some(model)?
        }
    };
    match verb {
        "predictLongRunning" => Some(Asked::Predict { model: decoded(model), parent: decoded(parent) }),
        "fetchPredictOperation" => Some(Asked::Fetch),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let task = |dialect, id: &str| Some(Asked::Task(dialect, id.into()));
        for (path, wanted) in [
            ("/v1/videos", Some(Asked::Tasks(Dialect::OpenAi))),
            ("/v1/videos/video_1", task(Dialect::OpenAi, "video_1")),
            ("/v1/videos/video_1/content", Some(Asked::Content("video_1".into()))),
            ("/v1/videos/video_1/remix", Some(Asked::Remix("video_1".into()))),
            ("/v1/videos/video_1/other", None),
            ("/v1/videosx", None),
            ("/v1/videos/", None),
            ("/seedance/v3/contents/generations/tasks", Some(Asked::Tasks(Dialect::Ark))),
            ("/api/v3/contents/generations/tasks/cgt-1", task(Dialect::Ark, "cgt-1")),
            ("/kling/v1/videos/text2video", Some(Asked::Tasks(Dialect::KlingText))),
            ("/kling/v1/videos/image2video/12", task(Dialect::KlingImage, "12")),
            ("/kling/v1/videos/lip-sync", None),
            ("/v1beta/models/m/operations/x", task(Dialect::Veo, "x")),
            ("/veo/v1/projects/p/locations/l/publishers/google/models/m/operations/x", task(Dialect::Veo, "x")),
            ("/v1beta/files/abc:download", Some(Asked::File { name: "abc".into(), download: true })),
            ("/v1beta/files/abc", Some(Asked::File { name: "abc".into(), download: false })),
            ("/v1/models/m:fetchPredictOperation", Some(Asked::Fetch)),
            ("/v1/models/m:generateContent", None),
            ("/v1/projects/p/locations/publishers/google/models/m:predictLongRunning", None),
            ("/v1/results/x/y.mp4", Some(Asked::Result)),
            ("/v1/chat/completions", None),
        ] {
            assert_eq!(Asked::of(path), wanted, "{path}");
        }
        for prefix in ["/v1", "/v1beta", "/veo/v1", "/veo/v1beta", "/v1beta1"] {
            for parent in ["models/a%2Fb", "projects/p/locations/l/publishers/google/models/a%2Fb"] {
                let asked = Asked::of(&format!("{prefix}/{parent}:predictLongRunning"));
                let wanted = Asked::Predict { model: "a/b".into(), parent: parent.replace("%2F", "/") };
                assert_eq!(asked, Some(wanted), "{prefix}/{parent}");
            }
        }
    }
}
