//! Tasks as the vendor shows them, and as a caller is shown them.

use crate::json;
use crate::scrub;
use crate::video::{Asset, Place, Role, Seen, State, TaskError, View, conceal_link, edit};
use serde_json::{Map, Value, json};

/// Words of a task's state. The newer generation writes `succeeded`.
const WORDS: [(&str, State); 5] = [
    ("submitted", State::Queued),
    ("processing", State::Running),
    ("succeed", State::Succeeded),
    ("succeeded", State::Succeeded),
    ("failed", State::Failed),
];

/// Reads a task; `None` if it is none. The length is not read: the vendor bills the one that was asked for, and what
/// it made is some milliseconds longer.
pub fn read(body: &[u8]) -> Option<Seen> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let task = answer.get("data")?;
    let status = task.get("task_status")?.as_str()?;
    let state = WORDS.iter().find(|(word, _)| *word == status).map_or(State::Running, |(_, state)| *state);
    let mut seen = Seen::unfinished(state);
    match state {
        State::Failed => {
            let message = task.get("task_status_msg").and_then(Value::as_str).filter(|text| !text.is_empty());
            let message = scrub::text(message.unwrap_or("The provider did not make the video."));
            let lower = message.to_ascii_lowercase();
            let filtered = ["risk", "policy", "safety", "sensitive", "violat"].iter().any(|word| lower.contains(word));
            seen.error = Some(TaskError { code: "task_failed".into(), message, filtered });
        }
        State::Succeeded => {
            let videos = task.pointer("/task_result/videos").and_then(Value::as_array);
            for (index, video) in (0_u32..).zip(videos.into_iter().flatten()) {
                for (name, role) in [("url", Role::Video), ("watermark_url", Role::Watermarked)] {
                    let link = video.get(name).and_then(Value::as_str).unwrap_or_default();
                    if !link.is_empty() {
                        seen.assets.push(Asset { role, index, place: Place::Link(link.to_owned()) });
                    }
                }
            }
            if !seen.assets.iter().any(|asset| asset.role == Role::Video) {
                return Some(Seen::failed("task_failed", "The provider finished without a video.", false));
            }
        }
        _ => {}
    }
    Some(seen)
}

/// The name under which a task was sent, where the vendor repeats it.
pub fn external_of(body: &[u8]) -> Option<String> {
    let name = edit::find(body, &["data", "task_info", "external_task_id"])?;
    json::string(name).map(std::borrow::Cow::into_owned)
}

/// A task for its caller, also as the answer to the request that made it: the vendor's own words with the gateway's ids
/// and links, or the gateway's words where the vendor has said nothing that still holds.
pub fn view(view: &View<'_>) -> Vec<u8> {
    let agrees = read(view.body).is_some_and(|seen| seen.state == view.state);
    let native = agrees.then(|| native(view).ok()).flatten();
    native.unwrap_or_else(|| own(view).to_string().into_bytes())
}

fn native(view: &View<'_>) -> Result<Vec<u8>, json::JsonError> {
    edit::values(view.body, |way, value| {
        let names: Vec<&str> = way.iter().map(edit::Step::key).collect();
        let link = |role| {
            let index = way.iter().find_map(|step| match step {
                edit::Step::Index(index) => u32::try_from(*index).ok(),
                edit::Step::Key(_) => None,
            });
            view.link(role, index.unwrap_or(0)).map_or_else(|| "\"\"".into(), |link| json::quote(&link.url))
        };
        match names.as_slice() {
            ["request_id"] => Some(json::quote(view.request_id)),
            ["data", "task_id"] => Some(json::quote(view.id)),
            ["data", "task_info", "external_task_id"] => {
                Some(view.external_id.map_or_else(|| "null".into(), json::quote))
            }
            ["data", "task_result", "videos", "", "url"] => Some(link(Role::Video)),
            ["data", "task_result", "videos", "", "watermark_url"] => Some(link(Role::Watermarked)),
            ["data", "task_status_msg"] => json::string(value).map(|text| json::quote(&scrub::text(&text))),
            _ => conceal_link(value),
        }
    })
}

fn own(view: &View<'_>) -> Value {
    let status = match view.state {
        State::Queued => "submitted",
        State::Running => "processing",
        State::Succeeded => "succeed",
        State::Failed | State::Cancelled | State::Expired => "failed",
    };
    let mut task = Map::new();
    task.insert("task_id".into(), view.id.into());
    task.insert("task_status".into(), status.into());
    if status == "failed" {
        let message = view.error.map_or("The video was not made.", |(_, message)| message);
        task.insert("task_status_msg".into(), message.into());
    }
    task.insert("task_info".into(), json!({ "external_task_id": view.external_id }));
    if view.state == State::Succeeded {
        let video = |link: &super::super::Link| {
            let seconds = link.milliseconds.map(|ms| format!("{}.{:03}", ms / 1000, ms % 1000));
            json!({ "id": format!("{}-{}", view.id, link.index), "url": link.url, "duration": seconds })
        };
        let videos: Vec<Value> = view.videos().map(video).collect();
        task.insert("task_result".into(), json!({ "videos": videos }));
    }
    task.insert("created_at".into(), view.created_at.into());
    task.insert("updated_at".into(), view.updated_at.into());
    json!({ "code": 0, "message": "SUCCEED", "request_id": view.request_id, "data": task })
}

/// A page of tasks, as [`view`] wrote them.
pub fn view_list(items: &[Vec<u8>], request_id: &str) -> Vec<u8> {
    let tasks: Vec<&[u8]> = items.iter().filter_map(|item| edit::find(item, &["data"])).collect();
    let mut out = b"{\"code\":0,\"message\":\"SUCCEED\",\"request_id\":".to_vec();
    out.extend_from_slice(json::quote(request_id).as_bytes());
    out.extend_from_slice(b",\"data\":[");
    out.extend_from_slice(&tasks.join(&b","[..]));
    out.extend_from_slice(b"]}");
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::video::Link;

    const DONE: &str = r#"{"code":0,"message":"SUCCEED","request_id":"theirs","data":{"task_id":"831","task_status":"succeed",
        "task_status_msg":"","task_info":{"external_task_id":"ours"},"task_result":{"videos":[{"id":"v1","url":"https://k.example/a.mp4",
        "watermark_url":"https://k.example/w.mp4","cover_url":"https://k.example/c.png","duration":"5.1"}]},"final_unit_deduction":"1.5","created_at":1722769557708}}"#;

    fn shown(state: State, body: &str) -> Value {
        let link = |role| Link {
            role,
            index: 0,
            url: "http://own/v".into(),
            content_type: String::new(),
            milliseconds: Some(5041),
        };
        let view = View {
            id: "42",
            state,
            body: body.as_bytes(),
            model: "m",
            created_at: 5,
            updated_at: 6,
            finished_at: None,
            expires_at: None,
            error: Some(("c", "why")),
            request_id: "req_1",
            external_id: Some("mine"),
            links: &[link(Role::Video)],
            filtered: 0,
        };
        serde_json::from_slice(&super::view(&view)).unwrap()
    }

    #[test]
    fn a_finished_task_is_read_and_shown_with_own_ids() {
        let seen = read(DONE.as_bytes()).unwrap();
        assert_eq!((seen.state, seen.assets.len(), seen.measured.milliseconds), (State::Succeeded, 2, None));
        assert_eq!(external_of(DONE.as_bytes()).as_deref(), Some("ours"));
        let shown = shown(State::Succeeded, DONE);
        assert_eq!((&shown["request_id"], &shown["data"]["task_id"]), (&"req_1".into(), &"42".into()));
        assert_eq!(shown["data"]["task_info"]["external_task_id"], "mine");
        let video = &shown["data"]["task_result"]["videos"][0];
        assert_eq!(
            (&video["url"], &video["watermark_url"], &video["cover_url"]),
            (&"http://own/v".into(), &"".into(), &"".into())
        );
        assert_eq!(video["duration"], "5.1");
        let list = super::view_list(&[shown.to_string().into_bytes()], "req_2");
        let list: Value = serde_json::from_slice(&list).unwrap();
        assert_eq!((&list["data"][0]["task_id"], &list["request_id"]), (&"42".into(), &"req_2".into()));
    }

    #[test]
    fn own_words_where_the_vendors_do_not_hold() {
        for (state, status) in
            [(State::Queued, "submitted"), (State::Running, "processing"), (State::Expired, "failed")]
        {
            let shown = shown(state, DONE);
            assert_eq!(shown["data"]["task_status"], status);
            assert!(!shown.to_string().contains("k.example"));
        }
        let shown = shown(State::Succeeded, "");
        assert_eq!(shown["data"]["task_result"]["videos"][0]["duration"], "5.041");
        assert!(read(br#"{"code":0,"data":{"task_status":"failed","task_status_msg":"Failure to pass the risk control system"}}"#).unwrap().error.unwrap().filtered);
        assert_eq!(
            read(br#"{"code":0,"data":{"task_status":"succeed","task_result":{"videos":[]}}}"#).unwrap().state,
            State::Failed
        );
        assert!(read(br#"{"code":1200}"#).is_none());
    }
}
