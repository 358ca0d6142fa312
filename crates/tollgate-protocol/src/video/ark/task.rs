//! Tasks as the vendor shows them, and as a caller is shown them.

use crate::json;
use crate::scrub;
use crate::usage::ServiceTier;
use crate::video::kind::{Resolution, Sound, VideoKind, VideoMode};
use crate::video::{
    Asset, Listed, MAX_MILLISECONDS, Measured, Place, Role, Seen, State, TaskError, View, conceal_link, edit,
    milliseconds,
};
use serde_json::{Map, Value, json};

/// Words of a task's state.
const WORDS: [(&str, State); 6] = [
    ("queued", State::Queued),
    ("running", State::Running),
    ("succeeded", State::Succeeded),
    ("failed", State::Failed),
    ("cancelled", State::Cancelled),
    ("expired", State::Expired),
];

fn word(state: State) -> &'static str {
    WORDS.iter().find(|(_, own)| *own == state).map_or("running", |(word, _)| word)
}

/// Reads a task; `None` if it is none.
pub fn read(body: &[u8]) -> Option<Seen> {
    let task: Value = serde_json::from_slice(body).ok()?;
    let status = task.get("status")?.as_str()?;
    let state = WORDS.iter().find(|(word, _)| *word == status).map_or(State::Running, |(_, state)| *state);
    let mut seen = Seen::unfinished(state);
    if !state.is_final() {
        return Some(seen);
    }
    seen.measured = measured(&task);
    let error = [task.get("error"), task.get("failure_reason")].into_iter().flatten().find(|error| !error.is_null());
    let text = |name: &str| error.and_then(|error| error.get(name)).and_then(Value::as_str).unwrap_or_default();
    if state != State::Succeeded {
        let code = if text("code").is_empty() { word(state) } else { text("code") };
        let filtered = code
            .split('.')
            .next()
            .is_some_and(|head| head.ends_with("SensitiveContentDetected") || head.ends_with("RiskDetection"));
        let message = if text("message").is_empty() { "The provider did not make the video." } else { text("message") };
        seen.error = Some(TaskError { code: scrub::text(code), message: scrub::text(message), filtered });
        return Some(seen);
    }
    for (name, role) in [("video_url", Role::Video), ("last_frame_url", Role::LastFrame)] {
        let link = task.pointer(&format!("/content/{name}")).and_then(Value::as_str).unwrap_or_default();
        if !link.is_empty() {
            seen.assets.push(Asset { role, index: 0, place: Place::Link(link.to_owned()) });
        }
    }
    if !seen.assets.iter().any(|asset| asset.role == Role::Video) {
        let lost = "The provider finished without a video.";
        return Some(Seen::failed("OutputMissing", lost, false));
    }
    Some(seen)
}

fn measured(task: &Value) -> Measured {
    let text = |name: &str| task.get(name).and_then(Value::as_str).unwrap_or_default();
    let count = |way: &str| task.pointer(way).and_then(Value::as_u64).unwrap_or(0);
    let frames = count("/frames");
    let rate = match count("/framespersecond") {
        0 => 24,
        rate => rate,
    };
    let length = task.get("duration").and_then(milliseconds);
    let by_frames = (frames > 0).then(|| (frames.saturating_mul(1000) / rate).clamp(1, MAX_MILLISECONDS));
    let flag = |name: &str| task.get(name).and_then(Value::as_bool);
    Measured {
        milliseconds: length.or(by_frames),
        tokens: count("/usage/completion_tokens"),
        kind: VideoKind {
            resolution: Resolution::read(text("resolution")).unwrap_or_default(),
            mode: if flag("draft") == Some(true) { VideoMode::Draft } else { VideoMode::Unknown },
            sound: flag("generate_audio").map_or(Sound::Unknown, Sound::of),
            from_video: false,
        },
        tier: match text("service_tier") {
            "flex" => Some(ServiceTier::Flex),
            "default" => Some(ServiceTier::Standard),
            _ => None,
        },
        tool_calls: count("/usage/tool_usage/web_search"),
    }
}

/// Tasks of a list, for finding one whose id was lost.
pub fn listed(body: &[u8]) -> Option<Vec<Listed>> {
    let list: Value = serde_json::from_slice(body).ok()?;
    let items = list.get("items")?.as_array()?;
    let read = |item: &Value| {
        Some(Listed {
            id: item.get("id")?.as_str()?.to_owned(),
            created_at: item.get("created_at")?.as_i64()?.saturating_mul(1000),
            model: item.get("model").and_then(Value::as_str).unwrap_or_default().to_owned(),
            prompt: None,
        })
    };
    Some(items.iter().filter_map(read).collect())
}

/// The answer to a request that made a task.
pub fn view_created(view: &View<'_>) -> Vec<u8> {
    json!({ "id": view.id }).to_string().into_bytes()
}

/// A task for its caller: the vendor's own words with the gateway's id and links, or the gateway's words where the
/// vendor has said nothing that still holds.
pub fn view(view: &View<'_>) -> Vec<u8> {
    let agrees = read(view.body).is_some_and(|seen| seen.state == view.state);
    if !agrees {
        return own(view).to_string().into_bytes();
    }
    let changed = edit::values(view.body, |way, value| {
        let names: Vec<&str> = way.iter().map(edit::Step::key).collect();
        let link = |role| view.link(role, 0).map_or_else(|| "\"\"".into(), |link| json::quote(&link.url));
        match names.as_slice() {
            ["id"] => Some(json::quote(view.id)),
            ["content", "video_url"] => Some(link(Role::Video)),
            ["content", "last_frame_url"] => Some(link(Role::LastFrame)),
            ["error" | "failure_reason", "message"] => json::string(value).map(|text| json::quote(&scrub::text(&text))),
            _ => conceal_link(value),
        }
    });
    changed.unwrap_or_else(|_| own(view).to_string().into_bytes())
}

fn own(view: &View<'_>) -> Value {
    let mut shown = Map::new();
    shown.insert("id".into(), view.id.into());
    shown.insert("model".into(), view.model.into());
    shown.insert("status".into(), word(view.state).into());
    let error = view.error.filter(|_| view.state.is_final() && view.state != State::Succeeded);
    shown.insert(
        "error".into(),
        error.map_or(Value::Null, |(code, message)| json!({ "code": code, "message": message })),
    );
    shown.insert("created_at".into(), (view.created_at / 1000).into());
    shown.insert("updated_at".into(), (view.updated_at / 1000).into());
    if let Some(video) = view.link(Role::Video, 0).filter(|_| view.state == State::Succeeded) {
        shown.insert("content".into(), json!({ "video_url": video.url }));
    }
    Value::Object(shown)
}

/// A page of tasks, as [`view`] wrote them.
pub fn view_list(items: &[Vec<u8>], total: u64) -> Vec<u8> {
    let mut out = b"{\"items\":[".to_vec();
    out.extend_from_slice(&items.join(&b","[..]));
    out.extend_from_slice(format!("],\"total\":{total}}}").as_bytes());
    out
}

/// Which tasks a list is to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Counted from 1.
    pub page: u32,
    /// Tasks on a page.
    pub size: u32,
    /// Only in this state.
    pub state: Option<State>,
    /// Only these.
    pub ids: Vec<String>,
    /// Only of this model.
    pub model: Option<String>,
}

/// Reads the query of a list, its escapes resolved; the error names the parameter.
pub fn filter<'a>(query: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Filter, &'static str> {
    let mut filter = Filter { page: 1, size: 10, ..Filter::default() };
    let number = |text: &str, name| text.parse().ok().filter(|n| (1..=500).contains(n)).ok_or(name);
    for (name, value) in query {
        match name {
            "page_num" => filter.page = number(value, "page_num")?,
            "page_size" => filter.size = number(value, "page_size")?,
            "filter.status" if !value.is_empty() => {
                let known = WORDS.iter().find(|(word, _)| *word == value);
                filter.state = Some(known.ok_or("filter.status")?.1);
            }
            "filter.task_ids" if filter.ids.len() < 500 => filter.ids.push(value.to_owned()),
            "filter.model" if !value.is_empty() => filter.model = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(filter)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::video::Link;

    const DONE: &str = r#"{"id":"cgt-1","model":"vm","status":"succeeded","error":null,
        "content":{"video_url":"https://tos.example/a.mp4?sig=1","last_frame_url":"https://tos.example/l.png","file_url":"https://tos.example/z"},
        "usage":{"completion_tokens":108900,"total_tokens":108900},"created_at":1,"updated_at":2,
        "seed":10,"resolution":"720p","ratio":"16:9","duration":5,"framespersecond":24,"generate_audio":true}"#;

    fn shown(state: State, body: &[u8], links: &[Link]) -> Value {
        let view = View {
            id: "cgt-ours",
            state,
            body,
            model: "m",
            created_at: 5000,
            updated_at: 6000,
            finished_at: None,
            expires_at: None,
            error: Some(("c", "why")),
            request_id: "r",
            external_id: None,
            links,
            filtered: 0,
        };
        serde_json::from_slice(&super::view(&view)).unwrap()
    }

    #[test]
    fn a_finished_task_is_read_and_shown_with_own_links() {
        let seen = read(DONE.as_bytes()).unwrap();
        assert_eq!((seen.state, seen.assets.len()), (State::Succeeded, 2));
        assert_eq!((seen.measured.milliseconds, seen.measured.tokens), (Some(5000), 108_900));
        assert_eq!((seen.measured.kind.resolution, seen.measured.kind.sound), (Resolution::P720, Sound::On));
        let link =
            |role| Link { role, index: 0, url: "http://own/x".into(), content_type: String::new(), milliseconds: None };
        let shown = shown(State::Succeeded, DONE.as_bytes(), &[link(Role::Video)]);
        assert_eq!((&shown["id"], &shown["model"]), (&"cgt-ours".into(), &"vm".into()));
        assert_eq!(shown["content"], json!({ "video_url": "http://own/x", "last_frame_url": "", "file_url": "" }));
        assert_eq!(shown["usage"]["completion_tokens"], 108_900);
    }

    #[test]
    fn a_body_that_no_longer_holds_is_not_shown() {
        let shown = shown(State::Failed, DONE.as_bytes(), &[]);
        assert_eq!((&shown["status"], &shown["error"]["code"]), (&"failed".into(), &"c".into()));
        assert!(!shown.to_string().contains("tos.example"));
    }

    #[test]
    fn failures_and_strange_words() {
        let failed = br#"{"status":"failed","error":{"code":"OutputVideoSensitiveContentDetected.PolicyViolation","message":"no"}}"#;
        let error = read(failed).unwrap().error.unwrap();
        assert!(error.filtered);
        let listed = br#"{"status":"failed","failure_reason":{"code":"X","message":"no"}}"#;
        assert_eq!(read(listed).unwrap().error.unwrap().code, "X");
        assert_eq!(read(br#"{"status":"pondering"}"#).unwrap().state, State::Running);
        assert_eq!(read(br#"{"status":"succeeded","content":{}}"#).unwrap().state, State::Failed);
        assert_eq!(
            read(br#"{"status":"succeeded","content":{"video_url":"u"},"frames":57}"#).unwrap().measured.milliseconds,
            Some(2375)
        );
        assert!(read(b"{}").is_none() && read(b"<html>").is_none());
    }
}
