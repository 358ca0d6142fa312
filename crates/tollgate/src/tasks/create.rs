//! Making a task: written down, sent once, or left to wait for room.

use super::call::{Line, steering};
use super::lanes::Room;
use super::sent::Sent;
use super::task::{Settlement, Waiting};
use super::{
    ArchiveState, Asked, Destination, Dialect, Live, Pace, Task, TaskId, TaskState, Tasks, Vendor, crash, lock,
};
use crate::accounts::Hold;
use crate::clock::now_ms;
use crate::config::Kind;
use crate::keys::{Key, Mode};
use crate::ledger::RequestId;
use crate::lines::Lines;
use crate::pricing::Price;
use crate::store::StoreError;
use crate::store::tasks::TaskRow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::video::{Facts, Send as Call};

/// Calls for one task.
const MAX_CALLS: usize = 3;
/// One way of making a task.
pub struct Candidate {
    /// Of the provider, to which prices belong.
    pub kind: Kind,
    /// What is spoken.
    pub vendor: Vendor,
    /// Where to.
    pub to: Destination,
    /// The vendor's name of the model.
    pub model: Arc<str>,
    /// What decides the price.
    pub facts: Facts,
    /// The price that was in force at admission.
    pub price: Option<Arc<Price>>,
    /// The vendor speaks what the caller speaks.
    pub native: bool,
    /// What is shown of it in the unified dialect: size, and what was lost.
    pub size: Option<String>,
    /// As the header tells it.
    pub losses: Option<String>,
}

/// Builds the call for a candidate; the second argument is the task's name at the vendor.
pub type Build = Box<dyn Fn(&Candidate, &str) -> Result<Call, Fault> + Send + Sync>;

/// A task that is to be made. Its request is admitted.
pub struct New {
    /// Its id.
    pub id: TaskId,
    /// The request that makes it.
    pub request: RequestId,
    /// Whose.
    pub key: Arc<Key>,
    /// What its caller speaks.
    pub dialect: Dialect,
    /// The model as the caller named it.
    pub model: String,
    /// The caller's own name for it.
    pub external_id: Option<String>,
    /// What was asked for, but for what depends on the candidate.
    pub asked: Asked,
    /// The ways of making it, in their order; never empty.
    pub candidates: Vec<Candidate>,
    /// Builds the call.
    pub build: Build,
    /// What is held.
    pub hold: Hold,
    /// The caller's header lines, of which providers may get some.
    pub headers: Lines,
    /// The sandbox's steering.
    pub steer: Option<String>,
}

/// What became of it.
pub struct Created {
    /// As far as it came; `None` if it could not be written down.
    pub task: Option<Task>,
    /// Why its caller gets none.
    pub fault: Option<Fault>,
}

impl Tasks {
    /// Makes a task. Goes on when its caller leaves.
    pub async fn create(self: &Arc<Self>, new: New) -> Created {
        self.creating.fetch_add(1, Ordering::SeqCst);
        let tasks = Arc::clone(self);
        let work = self.runtime.spawn(async move {
            let created = tasks.create_now(new).await;
            tasks.creating.fetch_sub(1, Ordering::SeqCst);
            created
        });
        work.await.unwrap_or_else(|_| {
            let fault = Fault::new(FaultKind::Unavailable, "gateway_stopping", "The gateway is shutting down.");
            Created { task: None, fault: Some(fault) }
        })
    }

    async fn create_now(self: &Arc<Self>, new: New) -> Created {
        let mut task = task_of(&new, &self.owner);
        let patience = self.fleet.load().config.video.patience;
        task.row.deadline =
            task.row.admitted_at.saturating_add(i64::try_from(patience.as_millis()).unwrap_or(i64::MAX));
        let New { hold, candidates, build, headers, steer, .. } = new;
        let name = task.id.to_string();
        let mut written = false;
        let mut waiting: Option<(usize, Option<Instant>)> = None;
        let mut last: Option<Fault> = None;
        let mut calls = 0;
        for (index, candidate) in candidates.iter().enumerate() {
            if calls >= MAX_CALLS {
                break;
            }
            let lane = candidate.to.lane();
            let room = lock(&self.lanes).enter(&lane, candidate.to.limit(), false, Instant::now());
            if let Room::Later(until) = room {
                waiting.get_or_insert((index, until));
                continue;
            }
            let call = match build(candidate, &name) {
                Ok(call) => call,
                Err(fault) => {
                    self.leave(&lane);
                    last = Some(fault);
                    continue;
                }
            };
            calls += 1;
            assign(&mut task, candidate);
            task.state = TaskState::Submitting;
            task.row.attempts += 1;
            task.row.sent_at = Some(now_ms());
            if let Err(fault) = self.note_create(&mut task, !written).await {
                self.leave(&lane);
                return Created { task: None, fault: Some(fault) };
            }
            written = true;
            crash::point("submitting");
            let line = Line { vendor: candidate.vendor.clone(), to: candidate.to.clone() };
            let more = lines_for(&candidate.to, &headers, steer.as_deref());
            let sent = self.call_create(&line, call, &more, candidate.native).await;
            crash::point("sent");
            match sent {
                Sent::Accepted { id, answer } => {
                    lock(&self.lanes).taken(&lane);
                    task.row.vendor_id = Some(id);
                    task.row.answer = candidate.native.then_some(answer);
                    task.state = TaskState::Submitted;
                    let price = candidate.price.clone();
                    return self.begin(task, hold, price, Some(lane), None).await;
                }
                Sent::Unknown(why) => {
                    tracing::warn!(task = %task.id, provider = candidate.to.provider(), why, "a task may have begun");
                    task.state = TaskState::SubmitUnknown;
                    let price = candidate.price.clone();
                    return self.begin(task, hold, price, Some(lane), Some(why)).await;
                }
                Sent::Full => {
                    let until = lock(&self.lanes).full(&lane, Instant::now());
                    waiting.get_or_insert((index, Some(until)));
                }
                Sent::Refused(fault, next) => {
                    self.leave(&lane);
                    last = Some(fault);
                    if !next {
                        break;
                    }
                }
            }
        }
        let refused = last.as_ref().is_some_and(|fault| !matches!(fault.kind, FaultKind::RateLimited));
        if let Some((candidate, until)) =
            waiting.filter(|_| !refused).and_then(|(at, until)| Some((candidates.get(at)?, until)))
        {
            let call = build(candidate, &name);
            return self.wait(task, hold, candidate, call, steer, until, written).await;
        }
        let fault = last.unwrap_or_else(|| {
            Fault::new(FaultKind::UpstreamUnavailable, "upstream_unavailable", "No provider is left to ask.")
        });
        self.refuse(task, hold, fault, written).await
    }

    /// Writes the task down before anything is sent.
    async fn note_create(&self, task: &mut Task, new: bool) -> Result<(), Fault> {
        let mut events = Vec::new();
        if new {
            events.push(("accepted", None));
            events.push(("reserved", None));
        }
        events.push((task.state.name(), Some(task.row.provider.clone())));
        task.row.version += 1;
        let change = super::Change { task: Box::new(task.clone()), new, events, messages: Vec::new() };
        match self.writer.write(change).await {
            Ok(true) => Ok(()),
            Err(StoreError::Conflict(_)) => Err(Fault::invalid(
                "external_task_id",
                "This 'external_task_id' has been used before. Each task needs its own.",
            )),
            Ok(false) | Err(_) => Err(Fault::new(
                FaultKind::Unavailable,
                "tasks_unavailable",
                "The task could not be written down, and was not sent. Try again later.",
            )
            .after(Some(Duration::from_secs(1)))),
        }
    }

    /// The task is with the vendor, or may be.
    async fn begin(
        &self,
        mut task: Task,
        mut hold: Hold,
        price: Option<Arc<Price>>,
        place: Option<super::LaneKey>,
        note: Option<String>,
    ) -> Created {
        hold.detach();
        let live = Live {
            task: Task { state: TaskState::Submitting, ..task.clone() },
            hold: Some(hold),
            booked: false,
            price,
            gate: Arc::default(),
            place,
            pace: Pace::default(),
        };
        lock(&self.live).insert(task.id, live);
        self.save(&mut task, false, note).await;
        crash::point("submitted");
        self.later(&task, None);
        Created { task: Some(task), fault: None }
    }

    /// No vendor took it: it costs nothing.
    async fn refuse(self: &Arc<Self>, mut task: Task, hold: Hold, fault: Fault, written: bool) -> Created {
        let live = Live {
            task: Task { state: TaskState::Reserved, ..task.clone() },
            hold: Some(hold),
            booked: false,
            price: None,
            gate: Arc::default(),
            place: None,
            pace: Pace::default(),
        };
        lock(&self.live).insert(task.id, live);
        // The caller is told at once; its name for the task is free again.
        task.row.external_id = None;
        task.row.deleted_at = Some(now_ms());
        task.row.status = i64::from(fault.status());
        let error = (fault.code.to_string(), fault.message.to_string());
        let filtered = u32::from(fault.code.contains("ontent") || fault.code == "1301");
        self.finish(&mut task, TaskState::Failed, Some(error), filtered, !written).await;
        Created { task: Some(task), fault: Some(fault) }
    }

    /// There is no room: the call is kept, and sent when there is.
    #[expect(clippy::too_many_arguments, reason = "what is left of a request to make a task")]
    async fn wait(
        self: &Arc<Self>,
        mut task: Task,
        mut hold: Hold,
        candidate: &Candidate,
        call: Result<Call, Fault>,
        steer: Option<String>,
        until: Option<Instant>,
        written: bool,
    ) -> Created {
        let full = || {
            Fault::new(FaultKind::RateLimited, "upstream_rate_limited", "Too many tasks wait for this provider.")
                .after(Some(Duration::from_secs(30)))
        };
        let call = match call {
            Ok(call) => call,
            Err(fault) => return self.refuse(task, hold, fault, written).await,
        };
        let lane = candidate.to.lane();
        assign(&mut task, candidate);
        task.state = TaskState::Reserved;
        task.row.sent_at = None;
        task.asked.waiting = Some(Waiting { path: call.path.clone(), content_type: call.content_type.clone(), steer });
        let kept = self.keep_body(task.id, call.body).await;
        if kept.is_err() || !lock(&self.lanes).wait(&lane, task.id, false) {
            self.drop_body(task.id).await;
            return self.refuse(task, hold, full(), written).await;
        }
        if let Err(fault) = self.note_create(&mut task, !written).await {
            lock(&self.lanes).done_waiting(&lane, task.id);
            self.drop_body(task.id).await;
            return Created { task: None, fault: Some(fault) };
        }
        crash::point("queued");
        hold.detach();
        let live = Live {
            task: task.clone(),
            hold: Some(hold),
            booked: false,
            price: candidate.price.clone(),
            gate: Arc::default(),
            place: None,
            pace: Pace::default(),
        };
        lock(&self.live).insert(task.id, live);
        let pause = Instant::now() + Duration::from_secs(1);
        self.agenda.put(task.id, until.unwrap_or(pause));
        Created { task: Some(task), fault: None }
    }
}

/// What a provider gets of a caller's header lines.
fn lines_for(to: &Destination, headers: &Lines, steer: Option<&str>) -> Lines {
    match to {
        Destination::Sandbox => steering(steer),
        Destination::Account { deployment, .. } => {
            let mut lines = Lines::default();
            for (name, value) in headers.iter().filter(|(name, _)| deployment.provider.forward_headers.contains(name)) {
                lines.push(name.clone(), value.clone());
            }
            lines
        }
    }
}

/// Puts a candidate's part into a task.
fn assign(task: &mut Task, candidate: &Candidate) {
    let row = &mut task.row;
    candidate.to.provider().clone_into(&mut row.provider);
    candidate.kind.name().clone_into(&mut row.provider_kind);
    row.upstream_model = candidate.model.to_string();
    row.account = candidate.to.fingerprint();
    row.price_version = candidate.price.as_ref().map_or_else(String::new, |price| price.version().to_string());
    let known = super::asked(&candidate.facts);
    task.asked.milliseconds = known.milliseconds;
    task.asked.kind = known.kind;
    task.asked.samples = known.samples;
    task.asked.flex = known.flex;
    task.asked.native = candidate.native;
    task.asked.from_image = matches!(candidate.vendor, Vendor::Kling(tollgate_protocol::video::kling::Family::Image));
    if candidate.size.is_some() {
        task.asked.size.clone_from(&candidate.size);
    }
    task.asked.losses.clone_from(&candidate.losses);
}

fn task_of(new: &New, owner: &str) -> Task {
    let now = now_ms();
    let row = TaskRow {
        id: new.id.bytes().to_vec(),
        request_id: new.request.bytes().to_vec(),
        book: i64::from(new.key.mode == Mode::Test),
        key_id: new.key.id.to_string(),
        project_id: new.key.project_id.to_string(),
        dialect: new.dialect.name().to_owned(),
        state: String::new(),
        model: new.model.clone(),
        provider: String::new(),
        provider_kind: String::new(),
        upstream_model: String::new(),
        account: String::new(),
        price_version: String::new(),
        vendor_id: None,
        external_id: new.external_id.clone(),
        facts: String::new(),
        answer: None,
        result: None,
        files: String::new(),
        archive: String::new(),
        settlement: String::new(),
        held: new.hold.amount(),
        amount: 0,
        usage: Vec::new(),
        flags: 0,
        status: 200,
        error_code: None,
        error_message: None,
        filtered: 0,
        attempts: 0,
        admitted_at: new.hold.admitted_at(),
        updated_at: now,
        sent_at: None,
        finished_at: None,
        deadline: now,
        expires_at: None,
        deleted_at: None,
        owner: owner.to_owned(),
        version: 0,
    };
    Task {
        id: new.id,
        dialect: new.dialect,
        state: TaskState::Reserved,
        asked: new.asked.clone(),
        made: None,
        files: Vec::new(),
        settlement: Settlement::Open,
        archive: ArchiveState::None,
        row,
    }
}
