//! What the server received, for tests to read. The last 1,000 requests; credentials only by their last characters.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;

use super::read::Received;
use crate::content::fnv1a;

const KEPT: usize = 1_000;
const SECRETS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "x-amz-security-token",
];

/// One request.
#[derive(Debug, Serialize)]
struct Entry {
    /// Counts up from 1 and is never used again.
    seq: u64,
    method: String,
    path: String,
    query: Option<String>,
    headers: Vec<(String, String)>,
    body_bytes: usize,
    /// FNV-1a, 64 bits, 16 hex digits.
    body_fnv1a: String,
    status: u16,
    prompt_tokens: u64,
    /// Output tokens in what was handed to the socket.
    completion_tokens: u64,
    /// The answer is over, one way or another.
    ended: bool,
    client_left: bool,
    /// From the start of the answer until the client's leaving was noticed.
    client_left_after_ms: Option<u64>,
}

#[derive(Debug, Default)]
struct Book {
    last: u64,
    entries: VecDeque<Entry>,
}

#[derive(Debug, Default)]
pub(super) struct Journal(Mutex<Book>);

impl Journal {
    /// Enters a request whose answer begins, and says under which number.
    pub(super) fn open(&self, received: &Received, status: u16, prompt_tokens: u64) -> u64 {
        let mut entry = Entry {
            seq: 0,
            method: received.method.clone(),
            path: received.path.clone(),
            query: received.query.as_deref().map(masked_query),
            headers: received
                .headers
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), shown(name, value)))
                .collect(),
            body_bytes: received.body.len(),
            body_fnv1a: format!("{:016x}", fnv1a(&received.body)),
            status,
            prompt_tokens,
            completion_tokens: 0,
            ended: false,
            client_left: false,
            client_left_after_ms: None,
        };
        let mut book = self.book();
        book.last += 1;
        entry.seq = book.last;
        if book.entries.len() >= KEPT {
            book.entries.pop_front();
        }
        book.entries.push_back(entry);
        book.last
    }

    pub(super) fn produced(&self, seq: u64, tokens: u64) {
        self.edit(seq, |entry| entry.completion_tokens = tokens);
    }

    /// The answer is over; `left` when the client ended it.
    pub(super) fn close(&self, seq: u64, left: Option<Duration>) {
        self.edit(seq, |entry| {
            entry.ended = true;
            entry.client_left = left.is_some();
            entry.client_left_after_ms = left.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        });
    }

    pub(super) fn clear(&self) {
        self.book().entries.clear();
    }

    /// `{"data":[…]}`, oldest first.
    pub(super) fn page(&self) -> String {
        let book = self.book();
        let data = serde_json::to_string(&book.entries).unwrap_or_else(|_| "[]".to_owned());
        format!("{{\"data\":{data}}}")
    }

    fn edit(&self, seq: u64, change: impl FnOnce(&mut Entry)) {
        let mut book = self.book();
        let first = book.entries.front().map_or(0, |entry| entry.seq);
        let at = seq.checked_sub(first).and_then(|at| usize::try_from(at).ok());
        if let Some(entry) = at.and_then(|at| book.entries.get_mut(at)) {
            change(entry);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing here panics half way, so a poisoned book is a good one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown(name: &str, value: &str) -> String {
    if SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) { masked(value) } else { value.to_owned() }
}

/// The last four characters, or none of a value so short that they would be half of it.
fn masked(value: &str) -> String {
    let count = value.chars().count();
    let last: String = if count < 9 { String::new() } else { value.chars().skip(count - 4).collect() };
    format!("…{last}")
}

fn masked_query(query: &str) -> String {
    let parts = query.split('&').map(|part| match part.split_once('=') {
        Some((name @ ("key" | "api_key" | "access_token"), value)) => {
            format!("{name}={}", masked(value))
        }
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("&")
}
