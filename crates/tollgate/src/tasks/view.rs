//! A task as its caller is shown it, in its own dialect.

use super::{ArchiveState, Dialect, Task, TaskState, Tasks};
use crate::clock::now_ms;
use tollgate_protocol::video::{Link, Role, View, ark, kling, openai, veo};

/// How long links are good, in seconds, as the vendors have it: Ark a day, Kling 30 days.
const ARK_LINK: i64 = 86_400;
const KLING_LINK: i64 = 30 * 86_400;

impl Tasks {
    /// A task for its caller. `request_id` is that of the request that asks.
    pub fn show(&self, task: &Task, request_id: &str) -> Vec<u8> {
        let (id, links) = (task.public_id(), self.links_to(task));
        let view = view_of(task, &id, &links, request_id);
        match task.dialect {
            Dialect::Ark => ark::view(&view),
            Dialect::KlingText | Dialect::KlingImage => kling::view(&view),
            Dialect::Veo => veo::view_gemini(&view, &operation(task)),
            Dialect::OpenAi => {
                let shown = openai::Shown {
                    prompt: task.asked.prompt.as_deref(),
                    size: task.asked.size.as_deref(),
                    seconds: task.asked.milliseconds / 1_000,
                    progress: progress(task, now_ms()),
                    remixed_from: task.asked.remixed_from.as_deref(),
                };
                openai::view(&view, &shown)
            }
        }
    }

    /// The answer to the request that made a task.
    pub fn show_created(&self, task: &Task, request_id: &str) -> Vec<u8> {
        match task.dialect {
            Dialect::Ark => {
                let id = task.public_id();
                ark::view_created(&view_of(task, &id, &[], request_id))
            }
            _ => self.show(task, request_id),
        }
    }

    /// An operation in Vertex's form, its videos left out where they stand.
    pub fn show_vertex(&self, task: &Task) -> Vec<veo::Part> {
        let (id, links) = (task.public_id(), self.links_to(task));
        veo::view_vertex(&view_of(task, &id, &links, ""), &operation(task))
    }

    /// Links to a task's files.
    fn links_to(&self, task: &Task) -> Vec<Link> {
        if task.archive != ArchiveState::Stored {
            return Vec::new();
        }
        let public = self.fleet.load().config.video.public_url.clone();
        let base = public.as_deref().unwrap_or(&task.asked.base);
        let group = task.group();
        let now = now_ms() / 1_000;
        let link = |file: &super::Kept| {
            let url = match task.dialect {
                Dialect::Veo => format!("{base}/v1beta/files/{group}{}:download?alt=media", file.index),
                Dialect::OpenAi => format!("{base}/v1/videos/{}/content", task.public_id()),
                Dialect::Ark => self.links.to(base, task, file, ARK_LINK, now),
                Dialect::KlingText | Dialect::KlingImage => self.links.to(base, task, file, KLING_LINK, now),
            };
            Link {
                role: file.role,
                index: file.index,
                url,
                content_type: file.content_type.clone(),
                milliseconds: (file.milliseconds > 0).then_some(file.milliseconds),
            }
        };
        task.files.iter().map(link).collect()
    }

    /// What a caller's own address is told of a task, where its protocol has that.
    pub(super) fn callback_body(&self, task: &Task) -> Option<Vec<u8>> {
        match task.dialect {
            Dialect::Ark => Some(self.show(task, "")),
            Dialect::KlingText | Dialect::KlingImage => {
                let shown = self.show(task, "");
                tollgate_protocol::video::edit::find(&shown, &["data"]).map(<[u8]>::to_vec)
            }
            Dialect::OpenAi | Dialect::Veo => None,
        }
    }
}

/// The name of a task's operation.
pub fn operation(task: &Task) -> String {
    let parent = task.asked.parent.as_deref().unwrap_or("models/-");
    format!("{parent}/operations/{}", task.public_id())
}

fn view_of<'a>(task: &'a Task, id: &'a str, links: &'a [Link], request_id: &'a str) -> View<'a> {
    let row = &task.row;
    View {
        id,
        state: task.state.shown(),
        body: row.answer.as_deref().unwrap_or_default(),
        model: &row.model,
        created_at: row.admitted_at,
        updated_at: row.updated_at,
        finished_at: row.finished_at,
        expires_at: row.expires_at,
        error: row.error_code.as_deref().zip(row.error_message.as_deref()),
        request_id,
        external_id: row.external_id.as_deref(),
        links,
        filtered: u32::try_from(row.filtered).unwrap_or(0),
    }
}

/// Percent, by the time that has passed: no vendor but one tells it. Never 100 before the end.
fn progress(task: &Task, now: i64) -> u8 {
    match task.state {
        TaskState::Succeeded => 100,
        TaskState::Running | TaskState::NeedsAttention if task.archive == ArchiveState::Pending => 99,
        TaskState::Running | TaskState::NeedsAttention => {
            let seconds = now.saturating_sub(task.row.sent_at.unwrap_or(now)).max(0) / 1_000;
            u8::try_from(1 + 97 * seconds / (seconds + 60)).unwrap_or(98)
        }
        _ => 0,
    }
}

/// The content type and name under which a variant of a result is kept.
pub fn variant(task: &Task, role: Role) -> Option<&super::Kept> {
    task.file(role, 0)
}
