//! Responses that are kept: for going on from them, and for reading them again.
//!
//! Some vendors keep what they answered; then the gateway keeps under its own id whose answer it is, at which account
//! and by which name, and every request about it goes there and nowhere else. For all others it keeps the items
//! themselves and tells the conversation again. Either is a project's own, and so is the kind of key: nobody else can
//! tell such an id from one that never was.
//!
//! | file | what |
//! | --- | --- |
//! | `kept` | what is kept of one response |
//! | `turn` | a request that goes on from one |
//! | `filing` | an answer on its way to the caller and to its place here |
//! | `stored` | reading, deleting and cancelling |

mod filing;
mod kept;
mod stored;
mod turn;

pub(super) use filing::Filing;
pub use stored::serve;
pub(super) use turn::Turn;

use crate::config::{Kind, Provider, Storage};
use crate::keys::{Key, Mode};
use crate::memory::{Memory, MemoryError, Shelf};
use crate::proof;
use crate::routing::Account;
use kept::{Kept, Place};
use std::sync::Arc;
use std::time::Duration;
use tollgate_protocol::fault::{Fault, FaultKind};

/// The sandbox as an account.
const SANDBOX: &str = "sandbox";

/// Whether a provider keeps the responses that it makes. Others that speak the protocol may, or may not.
pub(super) fn keeps_responses(provider: &Provider) -> bool {
    provider.kind == Kind::OpenAi
}

/// The place where one project's responses are kept, of one kind of key.
#[derive(Clone)]
pub(super) struct Shelves {
    memory: Arc<Memory>,
    project: Arc<str>,
    mode: Mode,
    /// How long what is put here is kept.
    keep: Duration,
}

impl Shelves {
    pub(super) fn new(memory: &Arc<Memory>, key: &Key, storage: &Storage) -> Self {
        let keep = Duration::from_hours(24 * u64::from(storage.response_days));
        Self { memory: Arc::clone(memory), project: Arc::clone(&key.project_id), mode: key.mode, keep }
    }

    /// `None` where there is no such response, or it is somebody else's.
    async fn get(&self, id: &str) -> Result<Option<Kept>, Fault> {
        match self.memory.get(Shelf::Responses, &self.project, &self.name(id)).await {
            Ok(content) => Ok(content.and_then(|content| Kept::read(&content))),
            Err(_) => Err(unavailable()),
        }
    }

    /// Keeps it. What cannot be kept is answered all the same: the caller learns it when it comes back.
    fn put(&self, id: &str, kept: &Kept) {
        if let Err(error) = self.memory.put(Shelf::Responses, &self.project, &self.name(id), &kept.written(), self.keep)
        {
            tracing::warn!(%error, "a response is not kept");
        }
    }

    /// Where an item is that a vendor gave its id; `None` where there is none, or it is somebody else's.
    async fn find(&self, item: &str) -> Result<Option<Place>, Fault> {
        match self.memory.get(Shelf::Items, &self.project, &self.name(item)).await {
            Ok(content) => Ok(content.and_then(|content| Place::read(&content))),
            Err(_) => Err(unavailable()),
        }
    }

    /// Notes where an item is.
    fn place(&self, item: &str, place: &Place) {
        if let Err(error) = self.memory.put(Shelf::Items, &self.project, &self.name(item), &place.written(), self.keep)
        {
            tracing::warn!(%error, "where an item is kept is not noted");
        }
    }

    fn forget(&self, id: &str) -> Result<(), MemoryError> {
        self.memory.forget(Shelf::Responses, &self.project, &self.name(id))
    }

    fn name(&self, id: &str) -> String {
        format!("{}:{id}", self.mode.as_str())
    }
}

fn unavailable() -> Fault {
    Fault::new(
        FaultKind::Unavailable,
        "storage_unavailable",
        "Stored responses cannot be read or changed at the moment.",
    )
    .after(Some(Duration::from_secs(1)))
}

/// An account, so that it is known again after a restart and says nothing of its key.
pub(super) fn name_of(provider: &str, account: Option<&Account>) -> String {
    let account = account.map(|account| proof::fingerprint(account.auth())).unwrap_or_default();
    format!("{provider}:{account}")
}
