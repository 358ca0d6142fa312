//! The thread that works on tasks: takes up what an earlier process left, then does what is due.

use super::task::Settlement;
use super::writer::Writer;
use super::{ArchiveState, Live, Pace, Parts, Task, TaskState, Tasks, lock};
use crate::clock::now_ms;
use crate::config::Kind;
use crate::ids;
use crate::keys::Mode;
use crate::ledger::find;
use crate::pricing::Price;
use crate::store::tasks as rows;
use crate::store::{Store, StoreError, ledger as prices};
use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Tasks that are worked on at the same time.
const AT_ONCE: usize = 256;
/// After a start every open task is looked at within this time.
const TAKE_UP: Duration = Duration::from_secs(20);
/// How often files whose time is over are looked for.
const EXPIRY: Duration = Duration::from_secs(60);
/// Tasks whose files are removed in one go.
const EXPIRE_LOT: i64 = 50;
/// Longest wait at the end for creates that have been sent.
const GRACE: Duration = Duration::from_secs(15);

/// Why tasks cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread or a file.
    #[error("the thread for tasks cannot start")]
    Io(#[from] std::io::Error),
}

/// The running thread; ends with [`Engine::close`].
pub struct Engine {
    tasks: Arc<Tasks>,
    thread: JoinHandle<()>,
}

impl Tasks {
    /// Takes up the tasks of the data dir and starts to work on them.
    pub async fn open(parts: Parts) -> Result<(Arc<Self>, Engine), OpenError> {
        let stop = CancellationToken::new();
        let (sender, receiver) = tokio::sync::oneshot::channel::<std::io::Result<Handle>>();
        let (begin, begun) = tokio::sync::oneshot::channel::<Arc<Self>>();
        let ending = stop.clone();
        let thread = std::thread::Builder::new().name("tasks".into()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    // Whoever waits for it may have left.
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            let _ = sender.send(Ok(runtime.handle().clone()));
            runtime.block_on(async move {
                if let Ok(tasks) = begun.await {
                    tasks.run(&ending).await;
                }
            });
        })?;
        let runtime = receiver.await.map_err(|_| std::io::Error::from(std::io::ErrorKind::Interrupted))??;
        let writer = {
            let _inside = runtime.enter();
            Writer::start(parts.store.clone())
        };
        let owner = ids::new("node_", now_ms()).unwrap_or_default();
        let tasks = Arc::new(Self {
            store: parts.store,
            ledger: parts.ledger,
            accounts: parts.accounts,
            network: parts.network,
            proofs: parts.proofs,
            sandbox: parts.sandbox,
            fleet: parts.fleet,
            archive: parts.archive,
            links: parts.links,
            waiting: parts.waiting,
            news: Arc::new(Notify::new()),
            writer,
            runtime,
            owner,
            live: Mutex::default(),
            lanes: Mutex::default(),
            agenda: super::Agenda::default(),
            creating: AtomicUsize::new(0),
            stop,
        });
        tasks.take_up().await?;
        // The thread waits for this and nothing else.
        let _ = begin.send(Arc::clone(&tasks));
        Ok((Arc::clone(&tasks), Engine { tasks, thread }))
    }

    /// Makes the tasks of an earlier process this one's.
    async fn take_up(self: &Arc<Self>) -> Result<(), OpenError> {
        let mut write = self.store.write().await?;
        rows::adopt(&mut write, &self.owner).await?;
        write.commit().await?;
        let mut prices: HashMap<(String, String, String), Option<Arc<Price>>> = HashMap::new();
        let mut waiting = Vec::new();
        let now = Instant::now();
        let open = rows::open(&self.store).await?;
        let count = open.len();
        for (index, row) in open.into_iter().enumerate() {
            let Some(mut task) = Task::read(row) else {
                return Err(StoreError::Unreadable("tasks").into());
            };
            // Booked, and stopped before that was noted: what it held is in what was spent.
            let booked = task.settlement == Settlement::Due && find::get(&self.store, task.request()).await?.is_some();
            let mode = if task.is_test() { Mode::Test } else { Mode::Live };
            let hold = (task.settlement != Settlement::Settled && !booked).then(|| {
                let (project, key) = (task.row.project_id.as_str().into(), task.row.key_id.as_str().into());
                self.accounts.resume(mode, &project, &key, task.row.held, task.row.admitted_at)
            });
            let named =
                (task.row.provider_kind.clone(), task.row.upstream_model.clone(), task.row.price_version.clone());
            if !named.2.is_empty() && !prices.contains_key(&named) {
                let price = price(&self.store, &named).await?;
                prices.insert(named.clone(), price);
            }
            let lane = (task.row.provider.clone(), task.row.account.clone());
            let mut place = None;
            if task.state == TaskState::Reserved {
                lock(&self.lanes).wait(&lane, task.id, false);
                waiting.push(task.id.to_string());
            }
            if !task.state.is_final() && task.state != TaskState::Reserved {
                lock(&self.lanes).resume(&lane);
                place = Some(lane);
            }
            let spread =
                TAKE_UP.min(Duration::from_millis(20).saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)));
            let at = spread.mul_f64(
                f64::from(u32::try_from(index).unwrap_or(0)) / f64::from(u32::try_from(count.max(1)).unwrap_or(1)),
            );
            let id = task.id;
            let unknown = task.state == TaskState::Submitting;
            let live = Live {
                task: task.clone(),
                hold,
                booked,
                price: prices.get(&named).cloned().flatten(),
                gate: Arc::default(),
                place,
                pace: Pace::default(),
            };
            lock(&self.live).insert(id, live);
            if unknown {
                // It was about to be sent, or had been: nobody knows.
                task.state = TaskState::SubmitUnknown;
                self.save(&mut task, false, Some("the gateway stopped while it was being sent".into())).await;
            }
            self.agenda.put(id, now + at);
        }
        if count > 0 {
            tracing::info!(tasks = count, "tasks of an earlier process are taken up");
        }
        self.clear_waiting(waiting).await?;
        Ok(())
    }

    /// Removes bodies that wait for nothing any more.
    async fn clear_waiting(&self, wanted: Vec<String>) -> std::io::Result<()> {
        let dir = self.waiting.clone();
        let work = move || {
            for entry in std::fs::read_dir(&dir)? {
                let entry = entry?;
                if !wanted.iter().any(|name| entry.file_name() == name.as_str()) {
                    std::fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(std::io::ErrorKind::Interrupted.into()))
    }

    async fn run(self: &Arc<Self>, stop: &CancellationToken) {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let ledger = Arc::clone(&self.ledger);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                crate::upstream::sweep();
                ledger.flush_lane();
            }
        });
        let tasks = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                match tasks.expire_files(EXPIRE_LOT).await {
                    Ok(count) if i64::try_from(count).is_ok_and(|count| count >= EXPIRE_LOT) => {}
                    Ok(_) => tokio::time::sleep(EXPIRY).await,
                    Err(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "old files cannot be looked for");
                        tokio::time::sleep(EXPIRY).await;
                    }
                }
            }
        });
        loop {
            let id = tokio::select! {
                id = self.agenda.next() => id,
                () = stop.cancelled() => break,
            };
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
            let tasks = Arc::clone(self);
            tokio::spawn(async move {
                tasks.step(id).await;
                drop(permit);
            });
        }
        // What has been sent may still be answered; everything else is taken up by the next start.
        let end = Instant::now() + GRACE;
        while !self.is_idle() && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Does what a task needs next.
    async fn step(self: &Arc<Self>, id: super::TaskId) {
        let Some(gate) = self.with(id, |live| Arc::clone(&live.gate)) else { return };
        let _turn = gate.lock().await;
        let Some(mut task) = self.with(id, |live| live.task.clone()) else { return };
        match task.state {
            TaskState::Reserved => self.submit_waiting(task).await,
            TaskState::Submitting => {}
            TaskState::SubmitUnknown => self.resolve(task).await,
            TaskState::NeedsAttention if task.row.vendor_id.is_none() => self.resolve_late(task).await,
            TaskState::Submitted | TaskState::Running | TaskState::NeedsAttention => {
                let fleet = self.fleet.load_full();
                match super::call::Line::of(&task, &fleet) {
                    Some(line) if task.made.is_some() && task.archive == ArchiveState::Pending => {
                        self.fetch(task, &line).await;
                    }
                    _ => self.poll(task).await,
                }
            }
            TaskState::Succeeded | TaskState::Failed | TaskState::Cancelled | TaskState::Expired => {
                if task.settlement == Settlement::Due {
                    self.settle(&mut task).await;
                } else {
                    self.forget(id);
                }
            }
        }
    }
}

async fn price(
    store: &Store,
    (kind, model, version): &(String, String, String),
) -> Result<Option<Arc<Price>>, StoreError> {
    debug_assert!(Kind::from_name(kind).is_some());
    let snapshot = &mut store.snapshot().await?;
    let text = prices::price(snapshot, kind, model, version).await?;
    Ok(text.as_deref().and_then(Price::from_stored).map(Arc::new))
}

impl Engine {
    /// Ends the thread. What has been sent is waited for, for a while.
    pub fn close(self) {
        self.tasks.stop.cancel();
        // A thread that panicked has said so.
        let _ = self.thread.join();
    }
}
