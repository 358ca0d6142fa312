//! Videos as this protocol shows them.

use super::ask::Size;
use crate::json;
use crate::scrub;
use crate::video::kind::{Resolution, VideoKind};
use crate::video::{
    Asset, Listed, Measured, Place, Role, Seen, State, TaskError, View, conceal_link, edit, milliseconds,
};
use serde_json::{Map, Value, json};

/// Words of a video's state.
const WORDS: [(&str, State); 5] = [
    ("queued", State::Queued),
    ("in_progress", State::Running),
    ("completed", State::Succeeded),
    ("failed", State::Failed),
    ("expired", State::Expired),
];

/// Reads a video at a vendor of this protocol; `None` if it is none.
pub fn read(body: &[u8]) -> Option<Seen> {
    let video: Value = serde_json::from_slice(body).ok()?;
    let status = video.get("status")?.as_str()?;
    let id = video.get("id")?.as_str()?;
    let state = WORDS.iter().find(|(word, _)| *word == status).map_or(State::Running, |(_, state)| *state);
    let mut seen = Seen::unfinished(state);
    seen.progress =
        video.get("progress").and_then(Value::as_u64).and_then(|percent| u8::try_from(percent.min(100)).ok());
    match state {
        State::Succeeded => {
            let path = |role, variant| Asset { role, index: 0, place: Place::Path(super::content(id, variant)) };
            seen.assets = vec![
                path(Role::Video, "video"),
                path(Role::Thumbnail, "thumbnail"),
                path(Role::Spritesheet, "spritesheet"),
            ];
            let size = video.get("size").and_then(Value::as_str).and_then(Size::read);
            let resolution = size.and_then(|size| Resolution::of_lines(size.width.min(size.height)));
            seen.measured = Measured {
                milliseconds: video.get("seconds").and_then(milliseconds),
                kind: VideoKind { resolution: resolution.unwrap_or_default(), ..VideoKind::default() },
                ..Measured::default()
            };
        }
        State::Queued | State::Running => {}
        _ => {
            let text =
                |name: &str| video.pointer(&format!("/error/{name}")).and_then(Value::as_str).unwrap_or_default();
            let code = if text("code").is_empty() { status } else { text("code") };
            let message =
                if text("message").is_empty() { "The provider did not make the video." } else { text("message") };
            let filtered = code.contains("moderation") || code.contains("content_policy");
            seen.error = Some(TaskError { code: scrub::text(code), message: scrub::text(message), filtered });
        }
    }
    Some(seen)
}

/// Videos of a list, for finding one whose id was lost.
pub fn listed(body: &[u8]) -> Option<Vec<Listed>> {
    let list: Value = serde_json::from_slice(body).ok()?;
    let read = |item: &Value| {
        Some(Listed {
            id: item.get("id")?.as_str()?.to_owned(),
            created_at: item.get("created_at")?.as_i64()?.saturating_mul(1000),
            model: item.get("model").and_then(Value::as_str).unwrap_or_default().to_owned(),
            prompt: item.get("prompt").and_then(Value::as_str).map(str::to_owned),
        })
    };
    Some(list.get("data")?.as_array()?.iter().filter_map(read).collect())
}

/// What this dialect shows beyond what all do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown<'a> {
    /// What was asked for.
    pub prompt: Option<&'a str>,
    /// `1280x720`.
    pub size: Option<&'a str>,
    /// Seconds.
    pub seconds: u64,
    /// Percent.
    pub progress: u8,
    /// The video that this one was made from.
    pub remixed_from: Option<&'a str>,
}

/// A video for its caller.
pub fn view(view: &View<'_>, shown: &Shown<'_>) -> Vec<u8> {
    let agrees = read(view.body).is_some_and(|seen| seen.state == view.state);
    let native = agrees.then(|| {
        edit::values(view.body, |way, value| {
            let names: Vec<&str> = way.iter().map(edit::Step::key).collect();
            match names.as_slice() {
                ["id"] => Some(json::quote(view.id)),
                ["remixed_from_video_id"] => Some(shown.remixed_from.map_or_else(|| "null".into(), json::quote)),
                ["expires_at"] => Some(seconds(view.expires_at).to_string()),
                // The caller's own words.
                ["prompt"] => None,
                ["error", "message"] => json::string(value).map(|text| json::quote(&scrub::text(&text))),
                _ => conceal_link(value),
            }
        })
        .ok()
    });
    native.flatten().unwrap_or_else(|| own(view, shown).to_string().into_bytes())
}

fn seconds(ms: Option<i64>) -> Value {
    ms.map_or(Value::Null, |ms| (ms / 1000).into())
}

fn own(view: &View<'_>, shown: &Shown<'_>) -> Value {
    let status = match view.state {
        State::Queued => "queued",
        State::Running => "in_progress",
        State::Succeeded => "completed",
        State::Failed | State::Cancelled | State::Expired => "failed",
    };
    let error = match (view.state, view.error) {
        (State::Failed | State::Cancelled | State::Expired, Some((code, message))) => {
            json!({ "code": code, "message": message })
        }
        (State::Failed | State::Cancelled | State::Expired, None) => {
            json!({ "code": status, "message": "The video was not made." })
        }
        _ => Value::Null,
    };
    let mut video = Map::new();
    video.insert("id".into(), view.id.into());
    video.insert("object".into(), "video".into());
    video.insert("created_at".into(), (view.created_at / 1000).into());
    video.insert("status".into(), status.into());
    video.insert("model".into(), view.model.into());
    video.insert("progress".into(), shown.progress.into());
    video.insert("prompt".into(), shown.prompt.into());
    video.insert("seconds".into(), shown.seconds.to_string().into());
    video.insert("size".into(), shown.size.into());
    video.insert("completed_at".into(), seconds(view.finished_at.filter(|_| view.state == State::Succeeded)));
    video.insert("expires_at".into(), seconds(view.expires_at.filter(|_| view.state == State::Succeeded)));
    video.insert("remixed_from_video_id".into(), shown.remixed_from.into());
    video.insert("error".into(), error);
    Value::Object(video)
}

/// A page of videos, as [`view`] wrote them, and their first and last ids.
pub fn view_list(items: &[Vec<u8>], ids: Option<(&str, &str)>, more: bool) -> Vec<u8> {
    let mut out = b"{\"object\":\"list\",\"data\":[".to_vec();
    out.extend_from_slice(&items.join(&b","[..]));
    let id = |id: Option<&str>| id.map_or_else(|| "null".to_owned(), json::quote);
    let (first, last) = (id(ids.map(|ids| ids.0)), id(ids.map(|ids| ids.1)));
    out.extend_from_slice(format!("],\"first_id\":{first},\"last_id\":{last},\"has_more\":{more}}}").as_bytes());
    out
}

/// A video that has been taken away.
pub fn view_deleted(id: &str) -> Vec<u8> {
    json!({ "id": id, "object": "video.deleted", "deleted": true }).to_string().into_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn plain(state: State, body: &[u8]) -> Value {
        let view = View {
            id: "video_ours",
            state,
            body,
            model: "m",
            created_at: 1_000_000,
            updated_at: 2_000_000,
            finished_at: Some(2_000_000),
            expires_at: Some(9_000_000),
            error: Some(("moderation", "no")),
            request_id: "r",
            external_id: None,
            links: &[],
            filtered: 0,
        };
        let shown =
            Shown { prompt: Some("a cat"), size: Some("1280x720"), seconds: 8, progress: 40, remixed_from: None };
        serde_json::from_slice(&super::view(&view, &shown)).unwrap()
    }

    #[test]
    fn own_words() {
        let done = plain(State::Succeeded, b"");
        assert_eq!(
            (&done["status"], &done["seconds"], &done["error"]),
            (&"completed".into(), &"8".into(), &Value::Null)
        );
        assert_eq!((&done["completed_at"], &done["expires_at"]), (&2000.into(), &9000.into()));
        let failed = plain(State::Expired, b"");
        assert_eq!((&failed["status"], &failed["error"]["code"]), (&"failed".into(), &"moderation".into()));
        assert_eq!(failed["completed_at"], Value::Null);
    }

    #[test]
    fn the_vendors_words_with_own_ids() {
        let body =
            br#"{"id":"video_v","object":"video","status":"completed","model":"vm","seconds":"8","size":"720x1280",
            "prompt":"see https://a.example","progress":100,"expires_at":5,"x":1.50}"#;
        let seen = read(body).unwrap();
        assert_eq!((seen.assets.len(), seen.measured.milliseconds), (3, Some(8000)));
        assert_eq!(seen.assets[1].place, Place::Path("/videos/video_v/content?variant=thumbnail".into()));
        let shown = plain(State::Succeeded, body);
        assert_eq!(
            (&shown["id"], &shown["model"], &shown["expires_at"]),
            (&"video_ours".into(), &"vm".into(), &9000.into())
        );
        assert_eq!(shown["prompt"], "see https://a.example");
        let other = plain(State::Running, body);
        assert_eq!((&other["status"], &other["model"]), (&"in_progress".into(), &"m".into()));
        assert!(
            read(br#"{"id":"v","status":"failed","error":{"code":"moderation_blocked"}}"#)
                .unwrap()
                .error
                .unwrap()
                .filtered
        );
    }
}
