//! The tasks that a simulator remembers, and what it counts about them.
//!
//! Bounded: beyond the bound the oldest task is forgotten, and its id answers for it alone ([`super::ticket`]). What an
//! id does not hold is lost with that: the prompt, the outer id, a cancellation, a deletion, the counts.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

use super::{
    life::Phase,
    ticket::{Kind, Ticket},
};

/// Tasks kept, and bytes of text with them.
const MOST_TASKS: usize = 50_000;
const MOST_TEXT: usize = 32 << 20;
/// Numbers of a millisecond, as many as a ticket has room for.
const NONCES: u16 = 512;

/// What is known of a task beside its ticket. The default is what is known of one that was forgotten.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    pub model: String,
    pub prompt: String,
    /// The caller's own id; Kling.
    pub external: Option<String>,
    /// What the name of a task stands under: Veo's path of a model. The video it was remixed from: `OpenAI`.
    pub origin: Option<String>,
    /// Where the result is put: `gs://…`.
    pub storage: Option<String>,
    pub seed: Option<i64>,
    /// Seconds after which the vendor gives up; Ark.
    pub expires_after: Option<u64>,
    pub draft: bool,
    /// A callback address came with the request. Nobody is ever called.
    pub callback: bool,
    /// FNV-1a of the request's body.
    pub request: u64,
    /// Polls still to be answered 429, and then 500.
    pub poll_429: u64,
    pub poll_500: u64,
    /// The least size of the clip in bytes.
    pub bytes: u64,
}

impl Notes {
    fn weight(&self) -> usize {
        let optional = [&self.external, &self.origin, &self.storage];
        let more: usize = optional.iter().filter_map(|text| text.as_ref()).map(String::len).sum();
        self.model.len() + self.prompt.len() + more
    }
}

/// A task as the vendor has it.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub ticket: Ticket,
    pub notes: Notes,
    /// When it was cancelled.
    pub cancelled: Option<u64>,
    pub deleted: bool,
    /// Its creation was not seen: it was forgotten, or made by another process.
    pub revived: bool,
    pub polls: u64,
    pub downloads: u64,
}

impl Task {
    pub(super) fn new(ticket: Ticket, notes: Notes, revived: bool) -> Self {
        Self { ticket, notes, cancelled: None, deleted: false, revived, polls: 0, downloads: 0 }
    }
}

/// Why a task is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// As many are under way as are allowed.
    Parallel,
    /// The caller's own id has been used before.
    Taken,
}

/// What a poll is answered instead of the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PollFault {
    TooMany,
    Broken,
}

#[derive(Debug, Default)]
struct Totals {
    creates: u64,
    refused: u64,
    polls: u64,
    lists: u64,
    downloads: u64,
    forgotten: u64,
}

#[derive(Debug, Default)]
struct Inner {
    tasks: HashMap<u128, Task>,
    /// Oldest first.
    order: VecDeque<u128>,
    externals: HashMap<(u8, Kind, String), u128>,
    text: usize,
    /// Of the last task.
    moment: (u64, u16),
    totals: Totals,
}

/// Shared by the clones of a simulator.
#[derive(Debug, Default)]
pub(crate) struct Table(Mutex<Inner>);

impl Table {
    /// Makes a task. Its ticket gets a number that tells it from others of the same millisecond.
    pub(super) fn create(
        &self,
        mut ticket: Ticket,
        notes: Notes,
        parallel: Option<u64>,
        now: u64,
    ) -> Result<Ticket, Refused> {
        let mut inner = self.inner();
        let external = notes.external.clone().map(|external| (ticket.account, ticket.kind, external));
        if external.as_ref().is_some_and(|external| inner.externals.contains_key(external)) {
            return Err(Refused::Taken);
        }
        if let Some(most) = parallel {
            let same = |task: &&Task| task.ticket.account == ticket.account && task.ticket.kind.same_pool(ticket.kind);
            let busy = inner.tasks.values().filter(same).filter(|task| !task.phase(now).is_over()).count();
            if busy as u64 >= most {
                return Err(Refused::Parallel);
            }
        }
        (ticket.created, ticket.nonce) = inner.moment(ticket.created);
        if let Some(external) = external {
            inner.externals.insert(external, ticket.key());
        }
        inner.totals.creates += 1;
        inner.insert(Task::new(ticket, notes, false));
        Ok(ticket)
    }

    /// Counts a create that made nothing.
    pub(super) fn refused(&self) {
        self.inner().totals.refused += 1;
    }

    /// The task as it is now, and nothing counted. One that is not remembered is taken up again by what `fresh` knows.
    pub(super) fn get(&self, ticket: &Ticket, fresh: impl FnOnce() -> Notes) -> Task {
        self.change(ticket, fresh, |task, _| task.clone())
    }

    /// One look at a task, and what goes wrong with it.
    pub(super) fn poll(&self, ticket: &Ticket, fresh: impl FnOnce() -> Notes) -> (Task, Option<PollFault>) {
        self.change(ticket, fresh, |task, totals| {
            totals.polls += 1;
            task.polls += 1;
            let notes = &mut task.notes;
            let fault = if notes.poll_429 > 0 {
                notes.poll_429 -= 1;
                Some(PollFault::TooMany)
            } else if notes.poll_500 > 0 {
                notes.poll_500 -= 1;
                Some(PollFault::Broken)
            } else {
                None
            };
            (task.clone(), fault)
        })
    }

    pub(super) fn downloaded(&self, ticket: &Ticket, fresh: impl FnOnce() -> Notes) -> Task {
        self.change(ticket, fresh, |task, totals| {
            totals.downloads += 1;
            task.downloads += 1;
            task.clone()
        })
    }

    pub(super) fn cancel(&self, ticket: &Ticket, now: u64) {
        self.change(ticket, Notes::default, |task, _| task.cancelled = Some(now));
    }

    pub(super) fn delete(&self, ticket: &Ticket) {
        self.change(ticket, Notes::default, |task, _| task.deleted = true);
    }

    /// The task with the caller's own id.
    pub(super) fn external(&self, account: u8, kind: Kind, id: &str) -> Option<Ticket> {
        let inner = self.inner();
        let key = inner.externals.get(&(account, kind, id.to_owned()))?;
        inner.tasks.get(key).map(|task| task.ticket)
    }

    /// The account's tasks of a kind that are not deleted, newest first.
    pub(super) fn list(&self, account: u8, kind: Kind) -> Vec<Task> {
        let mut inner = self.inner();
        inner.totals.lists += 1;
        let tasks = inner.order.iter().rev().filter_map(|key| inner.tasks.get(key));
        let own = tasks.filter(|task| task.ticket.account == account && task.ticket.kind == kind && !task.deleted);
        own.cloned().collect()
    }

    pub(crate) fn clear(&self) {
        let mut inner = self.inner();
        *inner = Inner { moment: inner.moment, ..Inner::default() };
    }

    /// Everything, oldest first, for tests to read.
    pub(super) fn page(&self, now: u64, name: impl Fn(&Task) -> String) -> Value {
        let inner = self.inner();
        let tasks = inner.order.iter().filter_map(|key| inner.tasks.get(key));
        let data: Vec<Value> = tasks.map(|task| task.row(now, &name(task))).collect();
        let totals = &inner.totals;
        json!({"data": data, "totals": {"creates": totals.creates, "refused_creates": totals.refused,
            "polls": totals.polls, "lists": totals.lists, "downloads": totals.downloads,
            "forgotten": totals.forgotten}})
    }

    fn change<T>(
        &self,
        ticket: &Ticket,
        fresh: impl FnOnce() -> Notes,
        act: impl FnOnce(&mut Task, &mut Totals) -> T,
    ) -> T {
        let mut inner = self.inner();
        let key = ticket.key();
        if !inner.tasks.contains_key(&key) {
            inner.insert(Task::new(*ticket, fresh(), true));
        }
        let Inner { tasks, totals, .. } = &mut *inner;
        let task = tasks.entry(key).or_insert_with(|| Task::new(*ticket, Notes::default(), true));
        act(task, totals)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing here panics half way, so a poisoned table is a good one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// A time and a number that no task had before. A clock that stands still gives more tasks a time than there are
    /// numbers for; then the time runs ahead.
    fn moment(&mut self, now: u64) -> (u64, u16) {
        self.moment = match self.moment {
            (time, _) if now > time => (now, 0),
            (time, number) if number + 1 < NONCES => (time, number + 1),
            (time, _) => (time + 1, 0),
        };
        self.moment
    }

    fn insert(&mut self, task: Task) {
        self.text += task.notes.weight();
        let key = task.ticket.key();
        self.order.push_back(key);
        self.tasks.insert(key, task);
        // The newest always stays, however long its prompt.
        while self.order.len() > 1 && (self.order.len() > MOST_TASKS || self.text > MOST_TEXT) {
            let oldest = self.order.pop_front().and_then(|oldest| self.tasks.remove(&oldest));
            if let Some(oldest) = oldest {
                self.text = self.text.saturating_sub(oldest.notes.weight());
                if let Some(external) = oldest.notes.external {
                    self.externals.remove(&(oldest.ticket.account, oldest.ticket.kind, external));
                }
                self.totals.forgotten += 1;
            }
        }
    }
}

impl Task {
    fn row(&self, now: u64, name: &str) -> Value {
        let (ticket, notes) = (&self.ticket, &self.notes);
        let prompt: String = notes.prompt.chars().take(200).collect();
        json!({
            "id": name,
            "vendor": ticket.kind.name(),
            "model": notes.model,
            "prompt": prompt,
            "request_fnv1a": format!("{:016x}", notes.request),
            "external_task_id": notes.external,
            "callback_given": notes.callback,
            "account": ticket.account,
            "status": self.status(now),
            "created_at_ms": ticket.created,
            "ends_at_ms": ticket.ends(),
            "creates": u8::from(!self.revived),
            "polls": self.polls,
            "downloads": self.downloads,
            "deleted": self.deleted,
            "samples": ticket.samples,
            "size": ticket.shape.size(),
            "audio": ticket.audio,
            "bill": self.bill(now),
        })
    }

    /// One word of our own for every vendor.
    fn status(&self, now: u64) -> &'static str {
        match self.phase(now) {
            Phase::Queued => "queued",
            Phase::Running(_) => "running",
            Phase::Cancelled => "cancelled",
            Phase::Over(outcome) => outcome.name(),
        }
    }
}
