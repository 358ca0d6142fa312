//! The running ledger: journal, sections, and the thread that applies.

use super::apply::{Applier, Batch};
use super::entry::Entry;
use super::refund::{Asked, RefundError, Refunded, refund};
use super::replay::replay;
use super::section::{Known, Section};
use super::verify::spent;
use crate::accounts::{Accounts, Starts};
use crate::clock::now_ms;
use crate::journal::{self, Journal, JournalError, Mark, Staged, Urgency};
use crate::keys::Mode;
use crate::keys::manage::Actor;
use crate::pricing::PriceBook;
use crate::store::ledger as rows;
use crate::store::{Store, StoreError};
use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// Entries that may wait for the database before new requests are refused; about 150 bytes each.
const MAX_BACKLOG: u64 = 400_000;
/// Sections of one transaction.
const BATCH: usize = 64;
/// How long the first entry of a batch waits for others, unless somebody wants to read.
const GATHER: Duration = Duration::from_millis(250);
/// Sections of one thread at which the database is not waited with any longer.
const MANY: usize = 64;
/// How often a database that failed is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// Longest wait of a reader for what was settled before it asked.
const CATCH_UP: Duration = Duration::from_secs(2);
/// At shutdown: tries before what is left stays in the journal for the next start.
const LAST_TRIES: u32 = 25;

/// First byte of a record in the journal.
const PROVISIONAL: u8 = 0;
pub(super) const FINAL: u8 = 1;

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

/// What is to be booked if nothing more is heard of a request, on its way to the journal.
#[derive(Debug)]
pub struct Begun(Staged);

/// Sections of one thread, on cache lines of their own.
#[derive(Default)]
#[repr(align(128))]
struct Outbox(Mutex<Vec<Section>>);

/// The ledger of one data dir.
pub struct Ledger {
    journal: Journal,
    outboxes: Vec<Outbox>,
    /// Entries settled, and of those the ones that are in the database.
    settled: AtomicU64,
    applied: AtomicU64,
    /// The applier knows that there is something.
    awake: AtomicBool,
    /// Somebody waits for the database.
    hurry: AtomicBool,
    bell: Notify,
    stop: AtomicBool,
    /// Rounds of the applier begun, and ended.
    begun: AtomicU64,
    ended: watch::Sender<u64>,
    /// When the oldest entry that is not in the database was settled.
    behind: Mutex<Option<Instant>>,
    strict: bool,
    /// What keys and projects have spent: refunds change it.
    accounts: Accounts,
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
        let mut applier = Applier::new(store).await?;
        if !recovered.is_empty() {
            replay(store, &mut applier, recovered).await?;
        }
        let now = now_ms();
        let starts = Starts::at(now);
        for ((book, owner), sums) in spent(store, starts).await? {
            accounts.restore(if book == 0 { Mode::Live } else { Mode::Test }, &owner, starts, sums);
        }
        let ledger = Arc::new(Self {
            journal,
            outboxes: (0..lanes.max(1)).map(|_| Outbox::default()).collect(),
            settled: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            awake: AtomicBool::new(false),
            hurry: AtomicBool::new(false),
            bell: Notify::new(),
            stop: AtomicBool::new(false),
            begun: AtomicU64::new(0),
            ended: watch::Sender::new(0),
            behind: Mutex::default(),
            strict,
            accounts: accounts.clone(),
            thread: Mutex::default(),
        });
        let thread = std::thread::Builder::new().name("ledger".into()).spawn({
            let (ledger, store) = (Arc::clone(&ledger), store.clone());
            move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(ledger.apply_all(&store, applier)),
                Err(error) => tracing::error!(%error, "the ledger cannot apply anything"),
            }
        })?;
        *lock(&ledger.thread) = Some(thread);
        Ok(ledger)
    }

    /// Whether new requests may begin.
    pub fn is_open(&self) -> bool {
        self.backlog() < MAX_BACKLOG && self.journal.is_healthy()
    }

    /// Entries that wait for the database.
    pub fn backlog(&self) -> u64 {
        // An entry is counted as settled before it can be applied.
        let applied = self.applied.load(Ordering::Acquire);
        self.settled.load(Ordering::Acquire).saturating_sub(applied)
    }

    /// For how long the oldest entry has waited for the database.
    pub fn lag(&self) -> Duration {
        lock(&self.behind).map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Files of the journal, the ones that lie ready included.
    pub fn journal_files(&self) -> usize {
        self.journal.files()
    }

    /// Takes down what is to be booked if nothing more is heard of a request. Only when [`Ledger::begun`] has
    /// answered may the request be sent.
    pub fn begin(&self, entry: &Entry) -> Result<Begun, Unavailable> {
        let staged = with_scratch(|record| {
            record.push(PROVISIONAL);
            Known::of(&entry.series).write(entry, record);
            self.journal.stage(record)
        });
        staged.map(Begun).map_err(|error| unavailable(&error))
    }

    /// Waits until that survives the process, or the machine, where the configuration asks for it. Requests of one
    /// thread share the write.
    pub async fn begun(&self, begun: Begun) -> Result<Mark, Unavailable> {
        let mark = self.journal.written(begun.0).await.map_err(|error| unavailable(&error))?;
        if self.strict {
            self.journal.synced().await.map_err(|error| unavailable(&error))?;
        }
        Ok(mark)
    }

    /// Writes down how far a request has come.
    pub fn checkpoint(&self, entry: &Entry) -> Option<Mark> {
        with_scratch(|record| {
            record.push(PROVISIONAL);
            Known::of(&entry.series).write(entry, record);
            self.journal.append(record, Urgency::Soon, false).ok()
        })
    }

    /// Books a request for good. Never fails: what cannot be written to the journal still goes to the database.
    pub fn settle(&self, entry: &Entry, begun: Option<Mark>) {
        let Some(outbox) = self.outboxes.get(journal::thread_number() % self.outboxes.len()) else { return };
        let mut sections = lock(&outbox.0);
        let is_many = sections.len() >= MANY && sections.last().is_none_or(Section::is_full);
        let section = match sections.last_mut() {
            Some(last) if !last.is_full() => last,
            _ => sections.push_mut(Section::default()),
        };
        with_scratch(|record| {
            record.push(FINAL);
            section.push(entry, record);
            match self.journal.append(record, Urgency::Soon, true) {
                Ok(mark) => section.keep(mark),
                Err(error) => tracing::error!(%error, request = %entry.id, "a charge is not in the journal"),
            }
        });
        if let Some(mark) = begun {
            section.keep(mark);
        }
        self.settled.fetch_add(1, Ordering::Release);
        drop(sections);
        if is_many {
            self.hurry.store(true, Ordering::SeqCst);
        }
        if is_many || (!self.awake.load(Ordering::Relaxed) && !self.awake.swap(true, Ordering::SeqCst)) {
            self.bell.notify_one();
        }
    }

    /// Waits until everything settled so far survives the process and the machine, for whoever has written elsewhere
    /// that it is in the books.
    pub async fn kept(&self) -> Result<(), Unavailable> {
        self.journal.synced().await.map_err(|error| unavailable(&error))
    }

    /// Hands what this thread has written to the kernel. Called before a worker sleeps.
    pub fn flush_lane(&self) {
        self.journal.flush_lane();
    }

    /// Waits, at most two seconds, until everything settled so far can be read.
    pub async fn catch_up(&self) {
        if self.backlog() == 0 {
            return;
        }
        let mut ended = self.ended.subscribe();
        // A round that begins after this finds everything that was settled before it.
        let target = self.begun.load(Ordering::SeqCst) + 1;
        self.hurry.store(true, Ordering::SeqCst);
        self.bell.notify_one();
        // A reader that does not get the newest entries sees those before them.
        let _ = tokio::time::timeout(CATCH_UP, ended.wait_for(|round| *round >= target)).await;
    }

    /// Gives money back: in the books, in the sums, and in what key and project have spent. Asked again, it is the same
    /// refund. `by` is who asked, for the audit log; `None` for the gateway itself.
    pub async fn refund(&self, store: &Store, asked: Asked, by: Option<&Actor>) -> Result<Refunded, RefundError> {
        self.catch_up().await;
        refund(store, &self.accounts, asked, by).await
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

    async fn apply_all(&self, store: &Store, mut applier: Applier) {
        loop {
            let stop = self.stop.load(Ordering::SeqCst);
            if !stop && !self.hurry.load(Ordering::SeqCst) {
                if !self.awake.load(Ordering::SeqCst) {
                    self.bell.notified().await;
                }
                self.behind.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
                let end = tokio::time::Instant::now() + GATHER;
                while !self.hurry.load(Ordering::SeqCst) && !self.stop.load(Ordering::SeqCst) {
                    if tokio::time::timeout_at(end, self.bell.notified()).await.is_err() {
                        break;
                    }
                }
            }
            // Whoever comes from here on asks for another round.
            self.hurry.store(false, Ordering::SeqCst);
            self.awake.store(false, Ordering::SeqCst);
            let round = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let sections: Vec<Section> =
                self.outboxes.iter().flat_map(|outbox| std::mem::take(&mut *lock(&outbox.0))).collect();
            let was_empty = sections.is_empty();
            let mut sections = sections.into_iter().peekable();
            while sections.peek().is_some() {
                let mut batch = Batch::new(sections.by_ref().take(BATCH).collect());
                if !self.apply(store, &mut applier, &mut batch).await {
                    // The files of everything that is left must stay.
                    std::mem::forget((batch.into_sections(), sections));
                    return;
                }
                let entries = u64::try_from(batch.entries()).unwrap_or(u64::MAX);
                self.applied.fetch_add(entries, Ordering::Release);
            }
            *lock(&self.behind) = self.awake.load(Ordering::SeqCst).then(Instant::now);
            self.ended.send_replace(round);
            if stop && was_empty {
                return;
            }
        }
    }

    /// Books a batch, however often that has to be tried; false if the process ends first.
    async fn apply(&self, store: &Store, applier: &mut Applier, batch: &mut Batch) -> bool {
        let mut tries = 0;
        while let Err(error) = applier.apply(store, batch).await {
            if tries == 0 {
                tracing::error!(error = &error as &dyn std::error::Error, "the ledger's database fails");
            }
            tries += 1;
            if self.stop.load(Ordering::SeqCst) && tries > LAST_TRIES {
                tracing::error!(entries = self.backlog(), "charges stay in the journal until the next start");
                return false;
            }
            tokio::time::sleep(RETRY).await;
        }
        if tries > 0 {
            tracing::info!("the ledger's database works again");
        }
        true
    }
}

fn unavailable(error: &JournalError) -> Unavailable {
    tracing::error!(%error, "a request could not be written down");
    Unavailable
}

/// Gives an empty buffer to write a record into.
fn with_scratch<T>(write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    thread_local! {
        static RECORD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    RECORD.with_borrow_mut(|record| {
        record.clear();
        write(record)
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
