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

use crate::config::{Kind, Provider};
use crate::keys::{Key, Mode};
use crate::memory::{Memory, MemoryError, Shelf};
use crate::proof;
use crate::routing::Account;
use kept::Kept;
use std::sync::Arc;
use std::time::Duration;
use tollgate_protocol::fault::{Fault, FaultKind};

/// How long a response is kept: as long as `OpenAI` keeps its own (its documentation, 2026-11).
const KEEP: Duration = Duration::from_hours(30 * 24);
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
}

impl Shelves {
    pub(super) fn new(memory: &Arc<Memory>, key: &Key) -> Self {
        Self { memory: Arc::clone(memory), project: Arc::clone(&key.project_id), mode: key.mode }
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
        if let Err(error) = self.memory.put(Shelf::Responses, &self.project, &self.name(id), &kept.written(), KEEP) {
            tracing::warn!(%error, "a response is not kept");
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
