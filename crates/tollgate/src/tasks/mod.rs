//! Video tasks: made once, looked after until they end, paid once.
//!
//! ```text
//! create ─▶ row, in the database before anything is sent ─▶ one call ─▶ submitted ─┐
//!             └▶ no room: waits                              └▶ unknown: looked for │
//!                 poll, at the task's own pace, with the account that made it ◀─────┘
//!                   └▶ done ─▶ files into the archive ─▶ final state, charge and news in one transaction ─▶ ledger
//! ```
//!
//! A thread of its own works on tasks ([`engine`]); callers are answered from the rows. Every change of a row is made on
//! condition that nobody else has changed it, so that two who work on one task settle it once. A task is sent once:
//! one whose fate is unknown is looked for and never sent again. A charge is handed to the books once; the row says that
//! it is booked when that is on the disk, and after a crash between the two the books are asked.
//!
//! Knows vendors by [`vendor`], callers' dialects by [`view`]; no HTTP of callers and no key's secret.

mod agenda;
mod call;
mod cancel;
mod crash;
mod create;
mod engine;
mod fetch;
mod lanes;
mod links;
mod news;
mod poll;
mod resolve;
mod sent;
mod settle;
mod state;
mod task;
mod vendor;
mod view;
mod waiting;
mod writer;

use crate::accounts::{Accounts, Hold};
use crate::archive::Archive;
use crate::ledger::Ledger;
use crate::pricing::Price;
use crate::proof::Proofs;
use crate::routing::Fleet;
use crate::store::tasks as rows;
use crate::store::{Store, StoreError};
use crate::upstream::{Network, Sandbox};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use call::Destination;
pub use cancel::Cancelled;
pub use create::{Build, Candidate, Created, New};
pub use engine::{Engine, OpenError};
pub use links::{Links, PATH as RESULTS};
pub use news::EVENTS;
pub use state::{Dialect, TaskId, TaskState};
pub use task::{ArchiveState, Asked, Kept, Task, asked};
pub use vendor::Vendor;
pub use view::{operation, variant};

use agenda::Agenda;
use lanes::{LaneKey, Lanes};
use writer::{Change, Writer};

/// How often a database that failed is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// What tasks need of the rest of the program.
pub struct Parts {
    /// Rows.
    pub store: Store,
    /// Charges.
    pub ledger: Arc<Ledger>,
    /// Holds.
    pub accounts: Accounts,
    /// Vendors.
    pub network: Network,
    /// How accounts prove themselves there.
    pub proofs: Arc<Proofs>,
    /// The vendor of test keys.
    pub sandbox: Sandbox,
    /// Providers in force.
    pub fleet: Arc<ArcSwap<Fleet>>,
    /// Results.
    pub archive: Archive,
    /// Signs links to results.
    pub links: Links,
    /// Where bodies wait for room, a directory that is there.
    pub waiting: PathBuf,
}

/// All tasks of one data dir.
pub struct Tasks {
    store: Store,
    ledger: Arc<Ledger>,
    accounts: Accounts,
    network: Network,
    proofs: Arc<Proofs>,
    sandbox: Sandbox,
    fleet: Arc<ArcSwap<Fleet>>,
    /// Results.
    pub archive: Archive,
    /// Signs links to results.
    pub links: Links,
    waiting: PathBuf,
    /// Rings when there is something to be told.
    pub news: Arc<Notify>,
    writer: Writer,
    /// Its own thread's.
    runtime: Handle,
    /// Names this process in the rows.
    owner: String,
    live: Mutex<HashMap<TaskId, Live>>,
    lanes: Mutex<Lanes>,
    agenda: Agenda,
    /// Creates under way.
    creating: AtomicUsize,
    stop: CancellationToken,
}

/// A task with work to do, in memory.
struct Live {
    task: Task,
    hold: Option<Hold>,
    /// Its charge was handed to the books, which do not ask whether they have it already.
    booked: bool,
    price: Option<Arc<Price>>,
    /// One works on a task at a time.
    gate: Arc<tokio::sync::Mutex<()>>,
    /// Its place on an account.
    place: Option<LaneKey>,
    pace: Pace,
}

/// How often a task is looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    delay: Duration,
    /// Looks in a row at which the vendor did not know the task.
    missing: u32,
    /// Looks in a row that failed.
    failures: u32,
    /// Tries in a row to fetch its files.
    fetches: u32,
    /// Of them those at which the vendor did not have a file any more.
    gone: u32,
    /// It has a turn at its account, and the time of it has come when it is worked on next.
    turn: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tasks {
    /// A task of a project, as its caller names it; `None` also for those of others and those that were deleted.
    pub async fn find(
        &self,
        dialect: Dialect,
        id: TaskId,
        project: &str,
        book: i64,
    ) -> Result<Option<Task>, StoreError> {
        let Some(row) = rows::get(&self.store, &id.bytes()).await? else { return Ok(None) };
        let own = row.project_id == project && row.book == book && row.dialect == dialect.name();
        if !own || row.deleted_at.is_some() {
            return Ok(None);
        }
        Task::read(row).map(Some).ok_or(StoreError::Unreadable("tasks"))
    }

    /// The task that its caller gave this name.
    pub async fn find_external(
        &self,
        dialect: Dialect,
        name: &str,
        project: &str,
        book: i64,
    ) -> Result<Option<Task>, StoreError> {
        let row = rows::get_by_external(&self.store, project, book, dialect.name(), name).await?;
        row.map(|row| Task::read(row).ok_or(StoreError::Unreadable("tasks"))).transpose()
    }

    /// A task by its id alone: for links that were signed, and for operators.
    pub async fn get(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        let row = rows::get(&self.store, &id.bytes()).await?;
        row.map(|row| Task::read(row).ok_or(StoreError::Unreadable("tasks"))).transpose()
    }

    /// Tasks of a list.
    pub async fn list(&self, filter: &rows::Filter, limit: i64, offset: i64) -> Result<Vec<Task>, StoreError> {
        let rows = rows::page(&self.store, filter, limit, offset).await?;
        rows.into_iter().map(|row| Task::read(row).ok_or(StoreError::Unreadable("tasks"))).collect()
    }

    /// How many tasks a list would have.
    pub async fn count(&self, filter: &rows::Filter) -> Result<i64, StoreError> {
        rows::count(&self.store, filter).await
    }

    /// Tasks that are being worked on.
    pub fn live(&self) -> usize {
        lock(&self.live).len()
    }

    fn with<T>(&self, id: TaskId, f: impl FnOnce(&mut Live) -> T) -> Option<T> {
        lock(&self.live).get_mut(&id).map(f)
    }

    /// Writes a change and keeps it in memory. `false`: somebody else has the task now, or the process ends.
    async fn save(&self, task: &mut Task, new: bool, note: Option<String>) -> bool {
        let before = self.with(task.id, |live| live.task.state);
        task.row.updated_at = crate::clock::now_ms().max(task.row.updated_at);
        task.row.version += 1;
        let changed = before != Some(task.state);
        let messages = if changed { self.messages(task).await } else { Vec::new() };
        let told = !messages.is_empty();
        loop {
            let change = Change {
                task: Box::new(task.clone()),
                new,
                events: if changed || note.is_some() { vec![(task.state.name(), note.clone())] } else { Vec::new() },
                messages: messages.clone(),
            };
            match self.writer.write(change).await {
                Ok(true) => {
                    self.with(task.id, |live| live.task.clone_from(task));
                    if told {
                        self.news.notify_one();
                    }
                    return true;
                }
                Ok(false) => {
                    tracing::warn!(task = %task.id, "somebody else has changed a task; it is left to them");
                    self.forget(task.id);
                    return false;
                }
                Err(_) if self.stop.is_cancelled() => return false,
                Err(StoreError::Conflict(_)) => {
                    tracing::error!(task = %task.id, "a change of a task conflicts with another task");
                    return false;
                }
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
    }

    /// Takes a task out of memory; what it held is given back unless it was settled.
    fn forget(&self, id: TaskId) {
        self.agenda.remove(id);
        let live = lock(&self.live).remove(&id);
        if let Some(place) = live.as_ref().and_then(|live| live.place.clone()) {
            self.leave(&place);
        }
        drop(live);
    }

    /// Gives a place on an account back, and lets the next one try.
    fn leave(&self, place: &LaneKey) {
        let next = lock(&self.lanes).leave(place);
        if let Some(next) = next {
            self.agenda.put(next, tokio::time::Instant::now());
        }
    }
}
