//! Looking at a task at its vendor.

use super::call::{AskError, Line, MAX_ANSWER, Said, whole};
use super::fetch::InlineFiles;
use super::task::Made;
use super::{ArchiveState, Task, TaskState, Tasks, crash, lock};
use crate::clock::now_ms;
use crate::lines::Lines;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tollgate_protocol::video::{Meaning, Place, Role, Seen, State};

/// Looks in a row at which the vendor must not know a task before that is believed.
const MISSING: u32 = 3;
/// Looks in a row that may fail before somebody should look.
const FAILURES: u32 = 20;
/// How often a task is looked at that needs somebody's attention.
const ATTENTION: Duration = Duration::from_secs(60);
/// Longest wait that a vendor may ask for.
const MAX_WAIT: Duration = Duration::from_mins(10);

/// What a look gave.
enum Look {
    Seen(Seen, Bytes, InlineFiles),
    /// The vendor does not know it.
    Missing,
    /// The vendor refuses the account.
    Account,
    /// Nothing that says anything; to be looked at again, not before.
    Failed(String, Option<Duration>),
}

impl Tasks {
    /// Looks at a task once, and does what follows.
    pub(super) async fn poll(self: &Arc<Self>, mut task: Task) {
        let fleet = self.fleet.load_full();
        let Some(line) = Line::of(&task, &fleet) else {
            return self.needs_attention(task, "its account is no longer configured").await;
        };
        if !task.is_test() && !self.may_look(task.id, &line) {
            return;
        }
        let last = now_ms() >= task.row.deadline;
        let look = self.look(&line, &task).await;
        match look {
            Look::Seen(seen, body, files) => {
                self.with(task.id, |live| (live.pace.missing, live.pace.failures) = (0, 0));
                if seen.state.is_final() {
                    return self.ended(task, &line, seen, &body, files).await;
                }
                if last {
                    return self.expire(task).await;
                }
                let state = if seen.state == State::Running { TaskState::Running } else { TaskState::Submitted };
                let on = task.state == TaskState::Submitted || task.state == TaskState::NeedsAttention;
                if on && state != task.state {
                    task.state = state;
                    task.row.answer = task.asked.native.then(|| body.to_vec());
                    if !self.save(&mut task, false, None).await {
                        return;
                    }
                }
                self.later(&task, None);
            }
            Look::Missing => {
                let missing = self.with(task.id, |live| {
                    live.pace.missing += 1;
                    live.pace.missing
                });
                if last {
                    return self.expire(task).await;
                }
                if missing.is_some_and(|count| count >= MISSING) {
                    let error =
                        ("upstream_task_missing".into(), "The provider does not know this task any more.".into());
                    return self.finish(&mut task, TaskState::Failed, Some(error), 0, false).await;
                }
                self.later(&task, None);
            }
            Look::Account => {
                if last {
                    return self.expire(task).await;
                }
                self.needs_attention(task, "the provider refuses the account").await;
            }
            Look::Failed(why, wait) => {
                let failures = self.with(task.id, |live| {
                    live.pace.failures += 1;
                    live.pace.failures
                });
                tracing::info!(task = %task.id, provider = line.to.provider(), why, "a task could not be looked at");
                // A vendor that cannot be asked has not said no: an hour more.
                if last && now_ms() >= task.row.deadline.saturating_add(3_600_000) {
                    return self.expire(task).await;
                }
                if failures.is_some_and(|count| count == FAILURES) {
                    return self.needs_attention(task, "the provider cannot be asked").await;
                }
                self.later(&task, wait.map(|wait| wait.min(MAX_WAIT)));
            }
        }
    }

    /// Whether an account may be asked now; otherwise the task gets a turn of its own there. Nothing waits meanwhile:
    /// thousands of tasks of one account are in nobody's way.
    fn may_look(&self, id: super::TaskId, line: &Line) -> bool {
        if self.with(id, |live| std::mem::take(&mut live.pace.turn)) == Some(true) {
            return true;
        }
        let now = Instant::now();
        let at = lock(&self.lanes).poll_at(&line.to.lane(), now);
        if at <= now + Duration::from_millis(5) {
            return true;
        }
        self.with(id, |live| live.pace.turn = true);
        self.agenda.put(id, at);
        false
    }

    async fn look(&self, line: &Line, task: &Task) -> Look {
        let id = task.row.vendor_id.as_deref().unwrap_or_default();
        let Some(call) = line.vendor.poll(id) else {
            return Look::Failed("the vendor's id cannot be asked for".into(), None);
        };
        let limit = self.patience(line);
        let mut files = InlineFiles::none();
        let said = if line.vendor.is_inline() {
            match self.send(line, call, &Lines::default(), limit).await {
                Ok(reply) => {
                    let (status, headers) = (reply.status.as_u16(), reply.headers);
                    match self.take_inline(task, reply.body).await {
                        Ok((body, found)) => {
                            files = found;
                            Ok(Said { status, headers, body })
                        }
                        Err(why) => Err(AskError::Lost(why)),
                    }
                }
                Err(error) => Err(error),
            }
        } else {
            self.ask(line, call, &Lines::default(), limit).await
        };
        let said = match said {
            Ok(said) => said,
            Err(AskError::Unsent(why) | AskError::Lost(why)) => return Look::Failed(why, None),
        };
        if let Some(refusal) = line.vendor.refusal(said.status, &said.body) {
            let wait = retry_after(&said.headers).or(refusal.wait);
            return match refusal.meaning {
                Meaning::Missing => Look::Missing,
                // An unknown task is a bad parameter to some.
                Meaning::Caller if said.status == 400 => Look::Missing,
                Meaning::Account => Look::Account,
                Meaning::RateLimited => {
                    if let (Some(account), Some(wait)) = (line.to.account(), wait) {
                        account.rest(wait, true);
                    }
                    Look::Failed("rate limited".into(), wait)
                }
                _ => Look::Failed(format!("status {}", said.status), wait),
            };
        }
        match line.vendor.seen(&said.body) {
            Some(seen) => Look::Seen(seen, said.body, files),
            None => Look::Failed("the answer shows no task".into(), None),
        }
    }

    /// The vendor says that nothing more will come.
    async fn ended(self: &Arc<Self>, mut task: Task, line: &Line, seen: Seen, body: &Bytes, files: InlineFiles) {
        let answer = task.asked.native.then(|| String::from_utf8_lossy(body).into_owned());
        match seen.state {
            State::Succeeded => {
                let delivered = seen.assets.iter().filter(|asset| asset.role == Role::Video).count();
                let delivered = u32::try_from(delivered).unwrap_or(1).min(task.facts().samples.max(1));
                let milliseconds = self.measure(&mut task, &seen.measured, delivered);
                task.row.filtered = i64::from(task.facts().samples.saturating_sub(delivered));
                // What stood in the answer is here already, and is not asked for a second time.
                let inline = seen.assets.iter().all(|asset| matches!(asset.place, Place::Inline(_)));
                if inline {
                    match self.keep_inline(&mut task, &seen.assets, files, milliseconds).await {
                        Ok(()) => {
                            crash::point("fetched");
                            let filtered = u32::try_from(task.row.filtered).unwrap_or(0);
                            return self.finish(&mut task, TaskState::Succeeded, None, filtered, false).await;
                        }
                        Err(error) => {
                            tracing::error!(%error, task = %task.id, "a result cannot be kept");
                            return self.later(&task, Some(Duration::from_secs(5)));
                        }
                    }
                }
                crash::point("seen");
                task.made = Some(Made { assets: seen.assets, answer, milliseconds });
                task.archive = ArchiveState::Pending;
                if task.state != TaskState::Running {
                    task.state = TaskState::Running;
                    task.row.answer = None;
                }
                if !self.save(&mut task, false, Some("made; its files are being fetched".into())).await {
                    return;
                }
                crash::point("made");
                self.fetch(task, line).await;
            }
            state => {
                let error = seen.error.unwrap_or_default();
                let filtered = if error.filtered { task.facts().samples.max(1) } else { 0 };
                let end = match state {
                    State::Cancelled => TaskState::Cancelled,
                    State::Expired => TaskState::Expired,
                    _ => TaskState::Failed,
                };
                task.row.answer = answer.map(String::into_bytes);
                let mut text = (error.code, error.message);
                if let Some(secret) = line.to.account().and_then(crate::routing::Account::secret) {
                    text.1 = text.1.replace(secret, "***");
                }
                self.finish(&mut task, end, Some(text), filtered, false).await;
            }
        }
    }

    /// The task has had its time, and the vendor does not say that it is done.
    async fn expire(self: &Arc<Self>, mut task: Task) {
        let fleet = self.fleet.load_full();
        if let Some(line) = Line::of(&task, &fleet)
            && let Some(call) = task.row.vendor_id.as_deref().and_then(|id| line.vendor.cancel(id))
        {
            // So that it does not run for nobody. If it does, that is the operator's loss.
            let _ = self.ask(&line, call, &Lines::default(), self.patience(&line)).await;
        }
        let error = ("expired".into(), "The video was not made in time.".into());
        self.finish(&mut task, TaskState::Expired, Some(error), 0, false).await;
    }

    /// Somebody should look. The task is asked for on, more rarely.
    pub(super) async fn needs_attention(self: &Arc<Self>, mut task: Task, why: &str) {
        if now_ms() >= task.row.deadline.saturating_add(3_600_000) {
            let error = ("expired".into(), "The video was not made in time.".into());
            return self.finish(&mut task, TaskState::Expired, Some(error), 0, false).await;
        }
        if task.state != TaskState::NeedsAttention {
            tracing::warn!(task = %task.id, why, "a task needs attention");
            task.state = TaskState::NeedsAttention;
            if !self.save(&mut task, false, Some(why.to_owned())).await {
                return;
            }
        }
        self.agenda.put(task.id, Instant::now() + ATTENTION);
    }
}

/// Reads an answer's body that says nothing of interest, so that its connection can be used again.
pub(super) async fn skip(source: crate::upstream::Source) {
    let _ = tokio::time::timeout(Duration::from_secs(2), whole(source, MAX_ANSWER)).await;
}

/// The vendor's hint when to come back, in seconds.
pub(super) fn retry_after(headers: &Lines) -> Option<Duration> {
    let text = headers.text(&http::header::RETRY_AFTER)?.trim();
    let seconds = text.parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(MAX_WAIT))
}
