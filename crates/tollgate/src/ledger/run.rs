//! The running ledger: journal, queue, and the thread that applies.

use super::apply::Applier;
use super::codec::{read_entry, write_entry};
use super::entry::{Entry, RequestId};
use super::verify::spent;
use crate::accounts::{Accounts, Starts};
use crate::clock::now_ms;
use crate::journal::{Journal, JournalError, Mark, Recovered, Urgency};
use crate::keys::Mode;
use crate::pricing::PriceBook;
use crate::store::ledger as rows;
use crate::store::{Store, StoreError};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Entries that may wait for the database before new requests are refused.
const MAX_BACKLOG: usize = 100_000;
/// Entries of one transaction.
const BATCH: usize = 4_096;
/// How long the first entry of a batch waits for others.
const GATHER: Duration = Duration::from_millis(25);
/// How often a database that failed is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// Longest wait of a reader for what was settled before it asked.
const CATCH_UP: Duration = Duration::from_secs(2);
/// At shutdown: tries before what is left stays in the journal for the next start.
const LAST_TRIES: u32 = 25;

/// First byte of a record in the journal.
const PROVISIONAL: u8 = 0;
const FINAL: u8 = 1;

/// Why a request cannot be begun now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger cannot take more requests now")]
pub struct Unavailable;

/// Why the ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread or a file.
    #[error("the ledger cannot start")]
    Io(#[from] std::io::Error),
}

/// What waits for the database, and what keeps its files in the journal.
#[derive(Default)]
struct Queue {
    entries: Vec<Entry>,
    marks: Vec<[Option<Mark>; 2]>,
}

/// The ledger of one data dir.
pub struct Ledger {
    journal: Journal,
    queue: Mutex<Queue>,
    backlog: AtomicUsize,
    /// The applier knows that there is something.
    awake: AtomicBool,
    bell: Notify,
    stop: AtomicBool,
    pushed: AtomicU64,
    applied: watch::Sender<u64>,
    strict: bool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Opens the journal under `dir`, books what an earlier process left in it, tells the accounts what was spent, and
    /// starts the applier. `lanes` is the number of threads that will write.
    pub async fn open(
        dir: &Path,
        lanes: usize,
        strict: bool,
        store: &Store,
        prices: &PriceBook,
        accounts: &Accounts,
    ) -> Result<Arc<Self>, LedgerError> {
        let (journal, recovered) = Journal::open(&dir.join("journal"), lanes)?;
        remember(store, prices).await?;
        if !recovered.is_empty() {
            replay(store, recovered).await?;
        }
        let now = now_ms();
        let starts = Starts::at(now);
        for ((book, owner), sums) in spent(store, starts).await? {
            accounts.restore(if book == 0 { Mode::Live } else { Mode::Test }, &owner, starts, sums);
        }
        let ledger = Arc::new(Self {
            journal,
            queue: Mutex::default(),
            backlog: AtomicUsize::new(0),
            awake: AtomicBool::new(false),
            bell: Notify::new(),
            stop: AtomicBool::new(false),
            pushed: AtomicU64::new(0),
            applied: watch::Sender::new(0),
            strict,
            thread: Mutex::default(),
        });
        let thread = std::thread::Builder::new().name("ledger".into()).spawn({
            let (ledger, store) = (Arc::clone(&ledger), store.clone());
            move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(ledger.apply_all(&store)),
                Err(error) => tracing::error!(%error, "the ledger cannot apply anything"),
            }
        })?;
        *lock(&ledger.thread) = Some(thread);
        Ok(ledger)
    }

    /// Whether new requests may begin.
    pub fn is_open(&self) -> bool {
        self.backlog.load(Ordering::Relaxed) < MAX_BACKLOG && self.journal.is_healthy()
    }

    /// Entries that wait for the database.
    pub fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }

    /// Writes down what is to be booked if nothing more is heard of a request. It survives the process when this
    /// returns; only then may the request be sent.
    pub fn begin(&self, entry: &Entry) -> Result<Mark, Unavailable> {
        write(&self.journal, PROVISIONAL, entry, Urgency::Now, false).map_err(|error| {
            tracing::error!(%error, "a request could not be written down");
            Unavailable
        })
    }

    /// Waits for stable storage, where the configuration asks for it.
    pub async fn durable(&self) -> Result<(), Unavailable> {
        if !self.strict {
            return Ok(());
        }
        self.journal.synced().await.map_err(|_| Unavailable)
    }

    /// Writes down how far a request has come.
    pub fn checkpoint(&self, entry: &Entry) -> Option<Mark> {
        write(&self.journal, PROVISIONAL, entry, Urgency::Soon, false).ok()
    }

    /// Books a request for good. Never fails: what cannot be written to the journal still goes to the database.
    pub fn settle(&self, entry: Entry, begun: Option<Mark>) {
        let settled = match write(&self.journal, FINAL, &entry, Urgency::Soon, true) {
            Ok(mark) => Some(mark),
            Err(error) => {
                tracing::error!(%error, request = %entry.id, "a charge is not in the journal");
                None
            }
        };
        self.backlog.fetch_add(1, Ordering::Relaxed);
        {
            let mut queue = lock(&self.queue);
            queue.entries.push(entry);
            queue.marks.push([begun, settled]);
            self.pushed.fetch_add(1, Ordering::Relaxed);
        }
        if !self.awake.swap(true, Ordering::SeqCst) {
            self.bell.notify_one();
        }
    }

    /// Hands what this thread has written to the kernel. Called before a worker sleeps.
    pub fn flush_lane(&self) {
        self.journal.flush_lane();
    }

    /// Waits, at most two seconds, until everything settled so far can be read.
    pub async fn catch_up(&self) {
        let target = self.pushed.load(Ordering::SeqCst);
        let mut applied = self.applied.subscribe();
        // A reader that does not get the newest entries sees those before them.
        let _ = tokio::time::timeout(CATCH_UP, applied.wait_for(|count| *count >= target)).await;
    }

    /// Applies what is left and ends the threads. What the database refuses stays in the journal.
    pub fn close(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.bell.notify_one();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        self.journal.close();
    }

    async fn apply_all(&self, store: &Store) {
        let mut applier = Applier::default();
        let mut failing = false;
        // Swapped with the queue: once it is large enough nothing grows any more.
        let mut taken = Queue::default();
        loop {
            let stop = self.stop.load(Ordering::SeqCst);
            if !stop && !self.awake.load(Ordering::SeqCst) {
                self.bell.notified().await;
            }
            if !stop {
                tokio::select! {
                    () = tokio::time::sleep(GATHER) => {}
                    () = self.bell.notified() => {}
                }
            }
            self.awake.store(false, Ordering::SeqCst);
            std::mem::swap(&mut *lock(&self.queue), &mut taken);
            let mut tries = 0;
            for batch in taken.entries.chunks(BATCH) {
                while let Err(error) = applier.apply(store, batch).await {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(error = &error as &dyn std::error::Error, "the ledger's database fails");
                    }
                    tries += 1;
                    if self.stop.load(Ordering::SeqCst) && tries > LAST_TRIES {
                        tracing::error!(
                            entries = taken.entries.len(),
                            "charges stay in the journal until the next start"
                        );
                        // The files of everything that is left must stay.
                        std::mem::forget(taken.marks);
                        return;
                    }
                    tokio::time::sleep(RETRY).await;
                }
                if std::mem::take(&mut failing) {
                    tracing::info!("the ledger's database works again");
                }
                self.backlog.fetch_sub(batch.len(), Ordering::Relaxed);
                self.applied.send_modify(|count| *count += batch.len() as u64);
            }
            taken.entries.clear();
            taken.marks.clear();
            if stop && lock(&self.queue).entries.is_empty() {
                return;
            }
        }
    }
}

fn write(
    journal: &Journal,
    kind: u8,
    entry: &Entry,
    urgency: Urgency,
    last_resort: bool,
) -> Result<Mark, JournalError> {
    thread_local! {
        static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BYTES.with_borrow_mut(|bytes| {
        bytes.clear();
        bytes.push(kind);
        write_entry(entry, bytes);
        journal.append(bytes, urgency, last_resort)
    })
}

/// Remembers every price in force, so that what was charged by it can be computed again.
pub async fn remember(store: &Store, prices: &PriceBook) -> Result<(), StoreError> {
    let all: Vec<_> = prices
        .all()
        .map(|(kind, model, price)| {
            (kind.name().to_owned(), model.to_owned(), price.version().to_string(), price.to_stored())
        })
        .collect();
    let mut write = store.write().await?;
    rows::price_versions(&mut write, &all, now_ms()).await?;
    write.commit().await
}

/// Books what an earlier process left: of each request its final entry, or else the last provisional one.
async fn replay(store: &Store, mut recovered: Recovered) -> Result<(), LedgerError> {
    let mut entries: HashMap<RequestId, (bool, Entry)> = HashMap::new();
    let mut unreadable = 0_u64;
    recovered.read(|payload| {
        let read = payload.split_first().and_then(|(kind, bytes)| Some((*kind == FINAL, read_entry(bytes)?)));
        match read {
            Some((done, entry)) => {
                let better = entries.get(&entry.id).is_none_or(|(before, _)| done || !before);
                if better {
                    entries.insert(entry.id, (done, entry));
                }
            }
            None => unreadable += 1,
        }
    })?;
    let open = entries.values().filter(|(done, _)| !done).count();
    let mut all: Vec<Entry> = entries.into_values().map(|(_, entry)| entry).collect();
    all.sort_unstable_by_key(|entry| entry.id);
    let mut applier = Applier::default();
    let mut new = 0;
    for batch in all.chunks(BATCH) {
        new += applier.apply(store, batch).await?;
    }
    if new > 0 || unreadable > 0 || recovered.torn() > 0 {
        tracing::warn!(
            booked = new,
            without_end = open,
            torn = recovered.torn(),
            unreadable,
            "the last process left work in the journal"
        );
    }
    recovered.discard()?;
    Ok(())
}
