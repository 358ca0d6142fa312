//! Finding a task that was sent and never confirmed. It is never sent again.

use super::call::Line;
use super::vendor::Search;
use super::{Task, TaskState, Tasks, lock};
use crate::clock::now_ms;
use crate::lines::Lines;
use crate::store::tasks as rows;
use std::sync::Arc;
use std::time::Duration;
use tollgate_protocol::video::Meaning;

/// A vendor's clock may be off by this much, and a request may take as long to be seen.
const BEFORE: i64 = 10_000;
const AFTER: i64 = 120_000;
/// Longest time between two looks.
const SLOWEST: Duration = Duration::from_secs(30);

/// What a look gave.
enum Found {
    /// It is there.
    Yes(String),
    /// It is not, as far as the vendor shows.
    No,
    /// It may be one of several, or the vendor cannot be asked.
    Perhaps(&'static str),
}

impl Tasks {
    /// Looks for a task once, and does what follows.
    pub(super) async fn resolve(self: &Arc<Self>, mut task: Task) {
        let fleet = self.fleet.load_full();
        let Some(line) = Line::of(&task, &fleet) else {
            return self.needs_attention(task, "its account is no longer configured").await;
        };
        let window = i64::try_from(fleet.config.video.resolve.as_millis()).unwrap_or(i64::MAX);
        let sent = task.row.sent_at.unwrap_or(task.row.admitted_at);
        let over = now_ms() >= sent.saturating_add(window);
        match self.search(&line, &task, sent).await {
            Found::Yes(id) => {
                tracing::info!(task = %task.id, "a task that was not confirmed has begun");
                task.row.vendor_id = Some(id);
                task.state = TaskState::Submitted;
                self.with(task.id, |live| live.pace = super::Pace::default());
                if self.save(&mut task, false, Some("found at the provider".into())).await {
                    self.later(&task, None);
                }
            }
            Found::No if over => {
                let message = "The provider did not confirm the task, and does not know it.";
                let error = ("upstream_connection_lost".into(), message.into());
                self.finish(&mut task, TaskState::Failed, Some(error), 0, false).await;
            }
            Found::Perhaps(why) if over => {
                // What is held stays held until nothing can be running any more.
                self.needs_attention(task, why).await;
            }
            Found::No | Found::Perhaps(_) => self.later(&task, None),
        }
    }

    /// A task that was not found in time is looked for on, in case it turns up; then it is given up.
    pub(super) async fn resolve_late(self: &Arc<Self>, task: Task) {
        if task.row.vendor_id.is_some() {
            return self.poll(task).await;
        }
        let fleet = self.fleet.load_full();
        let sent = task.row.sent_at.unwrap_or(task.row.admitted_at);
        if let Some(line) = Line::of(&task, &fleet)
            && let Found::Yes(id) = self.search(&line, &task, sent).await
        {
            let mut task = task;
            task.row.vendor_id = Some(id);
            task.state = TaskState::Submitted;
            self.with(task.id, |live| live.pace = super::Pace::default());
            if self.save(&mut task, false, Some("found at the provider".into())).await {
                self.later(&task, Some(Duration::ZERO));
            }
            return;
        }
        if now_ms() >= task.row.deadline {
            let mut task = task;
            let error = ("expired".into(), "The provider did not confirm the task in time.".into());
            return self.finish(&mut task, TaskState::Expired, Some(error), 0, false).await;
        }
        self.agenda.put(task.id, tokio::time::Instant::now() + SLOWEST * 2);
    }

    async fn search(&self, line: &Line, task: &Task, sent: i64) -> Found {
        match line.vendor.search(&task.id.to_string()) {
            Search::Nowhere => Found::Perhaps("the provider has no list of tasks to look in"),
            Search::ByName(call) => {
                let Ok(said) = self.ask(line, call, &Lines::default(), self.patience(line)).await else {
                    return Found::Perhaps("the provider cannot be asked");
                };
                match line.vendor.refusal(said.status, &said.body).map(|refusal| refusal.meaning) {
                    None => {
                        line.vendor.accepted(&said.body).map_or(Found::Perhaps("the answer shows no task"), Found::Yes)
                    }
                    Some(Meaning::Missing | Meaning::Caller) => Found::No,
                    Some(_) => Found::Perhaps("the provider cannot be asked"),
                }
            }
            Search::InList(call) => {
                let Ok(said) = self.ask(line, call, &Lines::default(), self.patience(line)).await else {
                    return Found::Perhaps("the provider cannot be asked");
                };
                if line.vendor.refusal(said.status, &said.body).is_some() {
                    return Found::Perhaps("the provider cannot be asked");
                }
                let Some(listed) = line.vendor.listed(&said.body) else {
                    return Found::Perhaps("the provider's list cannot be read");
                };
                self.in_list(task, listed, sent).await
            }
        }
    }

    /// Picks the one task of a list that can be it: made at that time, of that model, and nobody else's.
    async fn in_list(&self, task: &Task, listed: Vec<tollgate_protocol::video::Listed>, sent: i64) -> Found {
        let fits = |item: &tollgate_protocol::video::Listed| {
            let prompt = item.prompt.as_deref().zip(task.asked.prompt.as_deref()).is_none_or(|(a, b)| a == b);
            let model = item.model.is_empty() || item.model == task.row.upstream_model;
            (sent - BEFORE..=sent + AFTER).contains(&item.created_at) && model && prompt
        };
        let ids: Vec<String> = listed.into_iter().filter(fits).map(|item| item.id).collect();
        let Ok(known) = rows::known_vendor_ids(&self.store, &task.row.provider, &ids).await else {
            return Found::Perhaps("the database cannot be asked");
        };
        let mut fresh: Vec<String> = ids.into_iter().filter(|id| !known.contains(id)).collect();
        // Another task of ours that is being looked for, and could be the same one.
        let rivals = {
            let live = lock(&self.live);
            let same = |other: &&super::Live| {
                let (a, b) = (&other.task.row, &task.row);
                other.task.id != task.id
                    && b.vendor_id.is_none()
                    && a.vendor_id.is_none()
                    && a.sent_at.is_some()
                    && (&a.provider, &a.account, &a.upstream_model) == (&b.provider, &b.account, &b.upstream_model)
                    && a.sent_at.unwrap_or(0).abs_diff(sent) <= (BEFORE + AFTER).unsigned_abs()
                    && other.task.asked.prompt == task.asked.prompt
            };
            live.values().filter(same).count()
        };
        match (fresh.len(), rivals) {
            (0, _) => Found::No,
            (1, 0) => fresh.pop().map_or(Found::No, Found::Yes),
            _ => Found::Perhaps("several tasks at the provider could be it"),
        }
    }
}
