//! Tasks that wait for room at an account: their bodies in files, tried in their order.

use super::call::{Line, steering};
use super::lanes::{LaneKey, Room};
use super::sent::Sent;
use super::{Task, TaskId, TaskState, Tasks, crash, lock};
use crate::clock::now_ms;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tollgate_protocol::fault::FaultKind;
use tollgate_protocol::video::Send as Call;

/// Bytes of all bodies that wait for room.
const MAX_WAITING_BYTES: u64 = 4 << 30;

impl Tasks {
    /// One task that waited for room is tried.
    pub(super) async fn submit_waiting(self: &Arc<Self>, mut task: Task) {
        let fleet = self.fleet.load_full();
        let Some(line) = Line::of(&task, &fleet) else {
            // Its account is gone, and nothing was sent.
            let error = ("upstream_account_gone".into(), "The account for this task is no longer configured.".into());
            self.finish(&mut task, TaskState::Failed, Some(error), 0, false).await;
            return;
        };
        let lane = line.to.lane();
        if now_ms() >= task.row.deadline {
            let error = ("expired".into(), "There was no room at the provider in time.".into());
            self.finish(&mut task, TaskState::Expired, Some(error), 0, false).await;
            return;
        }
        let room = {
            let mut lanes = lock(&self.lanes);
            if lanes.is_next(&lane, task.id) {
                lanes.enter(&lane, line.to.limit(), true, Instant::now())
            } else {
                Room::Later(None)
            }
        };
        if let Room::Later(until) = room {
            // Whoever ends rings; this is for what nobody rings for.
            self.agenda.put(task.id, until.unwrap_or(Instant::now() + Duration::from_secs(15)));
            return;
        }
        let waiting = task.asked.waiting.clone().unwrap_or_default();
        let Ok(body) = tokio::fs::read(self.body_path(task.id)).await else {
            self.leave(&lane);
            let error = ("out_of_storage".into(), "The request was lost while it waited. It was not sent.".into());
            self.finish(&mut task, TaskState::Failed, Some(error), 0, false).await;
            return;
        };
        task.state = TaskState::Submitting;
        task.row.attempts += 1;
        task.row.sent_at = Some(now_ms());
        self.with(task.id, |live| live.place = Some(lane.clone()));
        if !self.save(&mut task, false, None).await {
            return;
        }
        crash::point("submitting");
        let call =
            Call { method: "POST", path: waiting.path.clone(), content_type: waiting.content_type, body: body.into() };
        let native = task.asked.native;
        let sent = self.call_create(&line, call, &steering(waiting.steer.as_deref()), native).await;
        crash::point("sent");
        match sent {
            Sent::Accepted { id, answer } => {
                lock(&self.lanes).taken(&lane);
                task.row.vendor_id = Some(id);
                task.row.answer = native.then_some(answer);
                task.state = TaskState::Submitted;
            }
            Sent::Unknown(why) => {
                tracing::warn!(task = %task.id, provider = line.to.provider(), why, "a task may have begun");
                task.state = TaskState::SubmitUnknown;
            }
            Sent::Full => {
                let until = lock(&self.lanes).full(&lane, Instant::now());
                self.with(task.id, |live| live.place = None);
                task.state = TaskState::Reserved;
                task.row.sent_at = None;
                self.save(&mut task, false, Some("the provider is full".into())).await;
                self.agenda.put(task.id, until);
                return;
            }
            Sent::Refused(fault, true)
                if matches!(fault.kind, FaultKind::RateLimited | FaultKind::UpstreamUnavailable) =>
            {
                let until = lock(&self.lanes).full(&lane, Instant::now());
                self.with(task.id, |live| live.place = None);
                task.state = TaskState::Reserved;
                task.row.sent_at = None;
                self.save(&mut task, false, Some(fault.code.to_string())).await;
                self.agenda.put(task.id, until.max(Instant::now() + fault.retry_after.unwrap_or_default()));
                return;
            }
            Sent::Refused(fault, _) => {
                let error = (fault.code.to_string(), fault.message.to_string());
                self.finish(&mut task, TaskState::Failed, Some(error), 0, false).await;
                return;
            }
        }
        task.asked.waiting = None;
        self.save(&mut task, false, None).await;
        crash::point("submitted");
        self.done_waiting(&lane, task.id).await;
        self.later(&task, None);
    }

    /// A task waits no longer: the next one may try, and its body goes.
    pub(super) async fn done_waiting(&self, lane: &LaneKey, id: TaskId) {
        let next = lock(&self.lanes).done_waiting(lane, id);
        if let Some(next) = next {
            self.agenda.put(next, Instant::now());
        }
        self.drop_body(id).await;
    }

    fn body_path(&self, id: TaskId) -> std::path::PathBuf {
        self.waiting.join(id.to_string())
    }

    pub(super) async fn keep_body(&self, id: TaskId, body: bytes::Bytes) -> std::io::Result<()> {
        let (path, dir) = (self.body_path(id), self.waiting.clone());
        let work = move || {
            let mut sum = 0;
            for entry in std::fs::read_dir(&dir)? {
                sum += entry?.metadata()?.len();
            }
            if sum + body.len() as u64 > MAX_WAITING_BYTES {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            let mut file = std::fs::File::create(&path)?;
            std::io::Write::write_all(&mut file, &body)?;
            file.sync_all()?;
            std::fs::File::open(&dir)?.sync_all()
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(std::io::ErrorKind::Interrupted.into()))
    }

    pub(super) async fn drop_body(&self, id: TaskId) {
        // A file that stays is removed at the next start.
        let _ = tokio::fs::remove_file(self.body_path(id)).await;
    }
}
