//! What is kept of stored responses: the one thing here that outlives a request.
//!
//! Bounded: the last 1,000 responses of at most 64 MiB in all, the oldest is forgotten first. Whose a response is, is
//! told by the caller's credential; another's is as good as none.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use super::reply::Reply;

const MOST: usize = 1_000;
const MOST_BYTES: usize = 64 << 20;

/// One stored response.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub account: String,
    pub reply: Arc<Reply>,
    /// The request's own items.
    pub inputs: Vec<Arc<Value>>,
    /// All items up to the end of the answer.
    pub context: Vec<Arc<Value>>,
    /// Of a background response.
    pub phase: Phase,
    /// About how much it takes, in bytes.
    pub size: usize,
}

/// How far a response is. One in the background is done the second time somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Queued,
    InProgress,
    Done,
    Cancelled,
}

#[derive(Debug, Default)]
struct Book {
    order: VecDeque<String>,
    responses: HashMap<String, Stored>,
    /// Which response an item of an answer is of.
    items: HashMap<String, String>,
    bytes: usize,
}

/// Shared by the clones of a simulator.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Book>);

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Memory {
    /// Whether a response is kept under the id, whoever's.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.book().responses.contains_key(id)
    }

    /// Keeps a response.
    pub(super) fn keep(&self, stored: Stored) {
        let mut book = self.book();
        let id = stored.reply.id.clone();
        book.remove(&id);
        for item in stored.reply.item_ids() {
            book.items.insert(item.to_owned(), id.clone());
        }
        book.bytes += stored.size;
        book.responses.insert(id.clone(), stored);
        book.order.push_back(id);
        while book.order.len() > MOST || (book.bytes > MOST_BYTES && book.order.len() > 1) {
            let Some(oldest) = book.order.front().cloned() else {
                break;
            };
            book.remove(&oldest);
        }
    }

    /// A response of this account.
    pub(super) fn get(&self, id: &str, account: &str) -> Option<Stored> {
        self.book().responses.get(id).filter(|stored| stored.account == account).cloned()
    }

    /// Changes how far a response of this account is.
    pub(super) fn set_phase(&self, id: &str, phase: Phase) {
        if let Some(stored) = self.book().responses.get_mut(id) {
            stored.phase = phase;
        }
    }

    /// Forgets a response of this account; false if there is none.
    pub(super) fn forget(&self, id: &str, account: &str) -> bool {
        let mut book = self.book();
        let mine = book.responses.get(id).is_some_and(|stored| stored.account == account);
        if mine {
            book.remove(id);
        }
        mine
    }

    /// All items up to the end of a response's answer.
    pub(super) fn context(&self, id: &str, account: &str) -> Option<Vec<Arc<Value>>> {
        Some(self.get(id, account)?.context)
    }

    /// An item of a kept conversation, by its id.
    pub(super) fn item(&self, id: &str, account: &str) -> Option<Arc<Value>> {
        let book = self.book();
        let stored = book.items.get(id).and_then(|response| book.responses.get(response));
        let stored = stored.filter(|stored| stored.account == account)?;
        stored.context.iter().rev().find(|item| item.get("id").is_some_and(|other| other == id)).cloned()
    }

    /// The reasoning that a call of a kept answer came from.
    pub(super) fn needs(&self, id: &str, account: &str) -> Option<String> {
        let book = self.book();
        let stored = book.items.get(id).and_then(|response| book.responses.get(response));
        stored.filter(|stored| stored.account == account)?.reply.reasoning_id().map(str::to_owned)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing here panics half way, so a poisoned book is a good one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn remove(&mut self, id: &str) {
        if let Some(stored) = self.responses.remove(id) {
            self.bytes = self.bytes.saturating_sub(stored.size);
            for item in stored.reply.item_ids() {
                self.items.remove(item);
            }
            self.order.retain(|other| other != id);
        }
    }
}
