//! What the gateway remembers of conversations for callers who cannot carry it: the reasoning that a vendor wants back
//! with a tool's result, and answers that are kept for later.
//!
//! Owns names, encryption, expiry and the bound on what waits to be written. A name is a digest of whose it is and what
//! it is called, so that nobody can ask for another project's; contents are encrypted with a key that is not in the
//! database. Never knows a protocol or what a content means.

mod seal;
mod writer;

use crate::clock::now_ms;
use crate::keys::secret::Pepper;
use crate::store::{self, Store};
use seal::Vault;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

pub use writer::Writer;

/// Largest content, in bytes.
pub const MAX_CONTENT: usize = 32 * 1024 * 1024;
/// Most that waits to be written, in bytes of sealed content.
const MAX_WAITING: usize = 128 * 1024 * 1024;
/// Most changes that wait to be written.
const MAX_CHANGES: usize = 8_192;

type Name = [u8; 32];

/// What kind of thing is remembered: kinds never meet under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// Reasoning before calls of tools, by the first call's id.
    Reasoning,
    /// Answers that are kept, by their id.
    Responses,
    /// Where items of answers are that a vendor gave their ids, by these.
    Items,
}

impl Shelf {
    const fn tag(self) -> &'static str {
        match self {
            Self::Reasoning => "reasoning",
            Self::Responses => "responses",
            Self::Items => "items",
        }
    }
}

/// Why something is not remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// The content is larger than [`MAX_CONTENT`].
    #[error("the content is too large to be remembered")]
    TooLarge,
    /// More waits to be written than may.
    #[error("too much waits to be remembered")]
    Busy,
    /// The database or the system's randomness failed; the log says more.
    #[error("what is remembered cannot be read or written")]
    Failed,
}

/// Remembers. Shared by all workers.
pub struct Memory {
    vault: Vault,
    pepper: Pepper,
    store: Store,
    queue: mpsc::Sender<Change>,
    waiting: Arc<Mutex<Waiting>>,
}

/// The number of the change that came last, and the sealed content; `None`: forgotten.
type Latest = (u64, Option<Arc<[u8]>>);

/// What is not in the database yet.
#[derive(Default)]
struct Waiting {
    changes: HashMap<Name, Latest>,
    bytes: usize,
    last: u64,
}

struct Change {
    name: Name,
    number: u64,
    expires_at: i64,
    content: Option<Arc<[u8]>>,
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// Opens the memory of a data dir. Nothing reaches the database unless the writer runs.
    pub fn open(store: Store, pepper: Pepper) -> Result<(Arc<Self>, Writer), MemoryError> {
        let vault = Vault::new(pepper.digest(b"tollgate memory 1").bytes())?;
        let (queue, changes) = mpsc::channel(MAX_CHANGES);
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let writer = Writer::new(store.clone(), changes, Arc::clone(&waiting));
        Ok((Arc::new(Self { vault, pepper, store, queue, waiting }), writer))
    }

    /// Remembers a content under a project's name for a while, in place of what was there. It can be read at once; it
    /// is in the database some milliseconds later. Never waits.
    pub fn put(
        &self,
        shelf: Shelf,
        project: &str,
        name: &str,
        content: &[u8],
        keep: Duration,
    ) -> Result<(), MemoryError> {
        if content.len() > MAX_CONTENT {
            return Err(MemoryError::TooLarge);
        }
        let name = self.name(shelf, project, name);
        let sealed: Arc<[u8]> = self.vault.seal(&name, content)?.into();
        let expires_at = now_ms().saturating_add(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX));
        self.change(name, Some(sealed), expires_at)
    }

    /// Forgets a name.
    pub fn forget(&self, shelf: Shelf, project: &str, name: &str) -> Result<(), MemoryError> {
        self.change(self.name(shelf, project, name), None, 0)
    }

    fn change(&self, name: Name, content: Option<Arc<[u8]>>, expires_at: i64) -> Result<(), MemoryError> {
        let size = content.as_ref().map_or(0, |content| content.len());
        let mut waiting = lock(&self.waiting);
        if waiting.bytes + size > MAX_WAITING {
            return Err(MemoryError::Busy);
        }
        let number = waiting.last + 1;
        // Under the lock, so that changes of one name are queued in the order of their numbers.
        let change = Change { name, number, expires_at, content: content.clone() };
        self.queue.try_send(change).map_err(|_| MemoryError::Busy)?;
        waiting.last = number;
        waiting.bytes += size;
        waiting.changes.insert(name, (number, content));
        Ok(())
    }

    /// What is remembered under a project's name.
    pub async fn get(&self, shelf: Shelf, project: &str, name: &str) -> Result<Option<Vec<u8>>, MemoryError> {
        let name = self.name(shelf, project, name);
        let waiting = lock(&self.waiting).changes.get(&name).map(|(_, content)| content.clone());
        let sealed = match waiting {
            Some(None) => None,
            Some(Some(content)) => Some(content.to_vec()),
            None => store::memory::get(&self.store, &name, now_ms()).await.map_err(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "what is remembered cannot be read");
                MemoryError::Failed
            })?,
        };
        sealed.map(|sealed| self.vault.open(&name, sealed)).transpose()
    }

    fn name(&self, shelf: Shelf, project: &str, name: &str) -> Name {
        // Lengths before the parts: no two triples give the same text.
        let text = format!("memory\0{}\0{}\0{project}\0{name}", shelf.tag(), project.len());
        *self.pepper.digest(text.as_bytes()).bytes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::store::DataDir;
    use tokio_util::sync::CancellationToken;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn what_is_put_is_there_at_once_and_after_a_restart_for_its_project_alone() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::create(parent.path()).unwrap();
        let store = Store::open(&dir).await.unwrap();
        let pepper = Pepper::new(&[7; 32]);
        let (memory, writer) = Memory::open(store.clone(), pepper.clone()).unwrap();
        memory.put(Shelf::Reasoning, "p", "call_1", b"secret thought", HOUR).unwrap();
        memory.put(Shelf::Reasoning, "p", "old", b"x", Duration::ZERO).unwrap();
        memory.put(Shelf::Reasoning, "p", "gone", b"x", HOUR).unwrap();
        memory.forget(Shelf::Reasoning, "p", "gone").unwrap();
        let get = async |memory: &Memory, project: &str, name: &str| {
            memory.get(Shelf::Reasoning, project, name).await.unwrap()
        };
        assert_eq!(get(&memory, "p", "call_1").await.as_deref(), Some(&b"secret thought"[..]));
        let stop = CancellationToken::new();
        stop.cancel();
        writer.run(stop).await;
        assert!(lock(&memory.waiting).changes.is_empty() && lock(&memory.waiting).bytes == 0);
        let (memory, _writer) = Memory::open(store.clone(), pepper).unwrap();
        assert_eq!(get(&memory, "p", "call_1").await.as_deref(), Some(&b"secret thought"[..]));
        assert_eq!(memory.get(Shelf::Responses, "p", "call_1").await.unwrap(), None);
        for (project, name) in [("q", "call_1"), ("p", "call_2"), ("p", "old"), ("p", "gone"), ("", "p\0call_1")] {
            assert_eq!(get(&memory, project, name).await, None, "{project} {name}");
        }
        store.close().await;
        for file in std::fs::read_dir(parent.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(memchr::memmem::find(&bytes, b"secret thought").is_none());
            assert!(memchr::memmem::find(&bytes, b"call_1").is_none());
        }
    }

    #[tokio::test]
    async fn another_key_reads_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let store = Store::open(&DataDir::create(parent.path()).unwrap()).await.unwrap();
        let (memory, _writer) = Memory::open(store, Pepper::new(&[7; 32])).unwrap();
        let name = memory.name(Shelf::Reasoning, "p", "n");
        let sealed = memory.vault.seal(&name, b"text").unwrap();
        assert!(memory.vault.open(&name, sealed.clone()).is_ok());
        assert_eq!(memory.vault.open(&[0; 32], sealed), Err(MemoryError::Failed));
        assert_eq!(memory.vault.open(&name, vec![1, 2, 3]), Err(MemoryError::Failed));
    }
}
