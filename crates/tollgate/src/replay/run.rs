//! The writing side: one request under a claimed name, from the claim to what becomes of its answer.

use super::file::{self, CLAIM, Claim, Label, State};
use super::index::Kept;
use super::recording::{End, Filed, Progress};
use super::{Digest, Head, Replays, blocking};
use crate::clock::now_ms;
use bytes::Bytes;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tokio::sync::watch;

/// Bytes that wait in memory before they are written.
const WRITE_AT: usize = 64 * 1024;
/// Bytes that wait in memory when they cannot be written.
const LAST_RESORT: usize = 1024 * 1024;
/// Most bytes of one answer on disk, kept or not.
const MAX_RECORDED: u64 = 1024 * 1024 * 1024;

/// The right and the duty to run a request under its name. Dropped before its [`Run::end`], it leaves the name in
/// doubt: later requests are told that nobody knows how the first one ended.
pub struct Run {
    replays: Arc<Replays>,
    label: Label,
    identity: Digest,
    progress: watch::Sender<Progress>,
    /// Once claimed.
    file: Option<Arc<File>>,
    /// Where the body begins in the file, once the head is written.
    from: Option<u64>,
    /// Bytes of the body on disk, and after them in memory.
    filed: u64,
    tail: usize,
    /// Bytes counted in the index.
    recorded: u64,
    /// The disk did not take all of it.
    lost: bool,
    over: bool,
}

/// What is to become of a name when its answer has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The answer is the result: it is kept.
    Kept,
    /// There was no result: the next request with the name is a first one again.
    Free,
    /// As [`Fate::Free`], and the answer's message cannot be completed.
    Broken,
}

/// The answer has become longer than there is room for. Its readers cannot be served any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no room to record more of an answer")]
pub struct Overrun;

impl Run {
    pub(super) fn new(
        replays: Arc<Replays>,
        name: Digest,
        request: u128,
        identity: Digest,
        progress: watch::Sender<Progress>,
    ) -> Self {
        let label = Label { name, request, done: false };
        Self {
            replays,
            label,
            identity,
            progress,
            file: None,
            from: None,
            filed: 0,
            tail: 0,
            recorded: 0,
            lost: false,
            over: false,
        }
    }

    /// Makes the claim durable. Nothing may be sent before; if it fails, nothing at all.
    pub async fn claim(&mut self) -> io::Result<()> {
        let (dir, label, identity) = (self.replays.dir.clone(), self.label, self.identity);
        let victims = self.reserve(CLAIM).ok_or(io::ErrorKind::StorageFull)?;
        let replays = Arc::clone(&self.replays);
        let file = blocking(move || {
            replays.remove(&victims);
            file::claim(&dir, &label, identity)
        })
        .await?;
        self.file = Some(Arc::new(file));
        Ok(())
    }

    /// The answer has begun.
    pub fn begin(&mut self, head: Head) {
        self.progress.send_modify(|progress| progress.head = Some(Arc::new(head)));
    }

    /// More of the body.
    pub async fn push(&mut self, piece: Bytes) -> Result<(), Overrun> {
        if piece.is_empty() {
            return Ok(());
        }
        self.tail += piece.len();
        self.progress.send_modify(|progress| progress.tail.push(piece));
        if self.tail < WRITE_AT {
            return Ok(());
        }
        if !self.lost {
            match self.write(None).await {
                Ok(()) => {
                    self.filed += self.tail as u64;
                    self.tail = 0;
                    let filed = self.file.clone().zip(self.from);
                    let filed = filed.map(|(file, from)| Filed { file, from, length: self.filed });
                    self.progress.send_modify(|progress| {
                        progress.filed = filed;
                        progress.tail.clear();
                    });
                    return Ok(());
                }
                Err(error) => {
                    tracing::error!(%error, "an answer cannot be recorded");
                    self.lost = true;
                }
            }
        }
        if self.tail > LAST_RESORT { Err(Overrun) } else { Ok(()) }
    }

    /// The answer ends with `last`; `head` is for one that has not begun before. Readers see the end only when the
    /// result is safe on disk, so that whoever has read all of it gets the same again.
    pub async fn end(mut self, head: Option<Head>, last: Bytes, fate: Fate) {
        let head = head.map(Arc::new);
        if fate == Fate::Kept {
            let kept = self.keep(head.clone(), &last).await;
            if let Err(error) = &kept {
                tracing::error!(%error, "a result cannot be kept");
            }
            let (label, bytes) = kept.unwrap_or((self.label, self.recorded));
            self.settle(label, bytes);
            self.make_room();
        } else {
            if self.file.is_some() {
                let (replays, label) = (Arc::clone(&self.replays), self.label);
                let _ = blocking(move || {
                    replays.remove(&[label]);
                    Ok(())
                })
                .await;
            }
            self.over = true;
            self.replays.index().free(&self.label.name, self.label.request, self.recorded);
        }
        let end = if fate == Fate::Broken { End::Broken } else { End::Clean };
        self.progress.send_modify(|progress| {
            if head.is_some() {
                progress.head = head;
            }
            if !last.is_empty() {
                progress.tail.push(last);
            }
            progress.end = Some(end);
        });
    }

    /// Makes a result of what was recorded. Gives its file and size.
    async fn keep(&mut self, head: Option<Arc<Head>>, last: &Bytes) -> io::Result<(Label, u64)> {
        let Some(file) = self.file.clone().filter(|_| !self.lost) else {
            return Err(io::ErrorKind::StorageFull.into());
        };
        let (dir, label, identity) = (self.replays.dir.clone(), self.label, self.identity);
        let done = Label { done: true, ..label };
        let length = self.filed + (self.tail + last.len()) as u64;
        if length > self.replays.limits.result {
            blocking(move || file::bury(&dir, &label, identity)).await?;
            return Ok((done, CLAIM));
        }
        self.write(Some((head, last))).await?;
        let claim = Claim { state: State::Complete, identity, request: label.request, length };
        blocking(move || file::complete(&dir, &label, &claim, &file)).await?;
        Ok((done, self.recorded))
    }

    /// Writes what waits in memory, `more` after it, and before both the head, if that has not been written.
    async fn write(&mut self, more: Option<(Option<Arc<Head>>, &Bytes)>) -> io::Result<()> {
        let file = self.file.clone().ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = Vec::new();
        {
            let progress = self.progress.borrow();
            if self.from.is_none() {
                let head = more.as_ref().and_then(|(head, _)| head.as_ref()).or(progress.head.as_ref());
                bytes = head.and_then(|head| file::encode_head(head)).ok_or(io::ErrorKind::InvalidInput)?;
            }
            bytes.reserve(self.tail);
            progress.tail.iter().for_each(|piece| bytes.extend_from_slice(piece));
        }
        let from = self.from.unwrap_or(CLAIM + bytes.len() as u64 - self.tail as u64);
        if let Some((_, last)) = more {
            bytes.extend_from_slice(last);
        }
        let size = bytes.len() as u64;
        let victims = if self.recorded + size > MAX_RECORDED { None } else { self.reserve(size) };
        let victims = victims.ok_or(io::ErrorKind::StorageFull)?;
        let at = if self.from.is_some() { from + self.filed } else { CLAIM };
        let replays = Arc::clone(&self.replays);
        blocking(move || {
            replays.remove(&victims);
            file.write_all_at(&bytes, at)
        })
        .await?;
        self.from = Some(from);
        Ok(())
    }

    fn reserve(&mut self, bytes: u64) -> Option<Vec<Label>> {
        let victims = self.replays.index().reserve(bytes).ok()?;
        self.recorded += bytes;
        Some(victims)
    }

    /// For each result that comes some old ones may have to go; nobody waits for that.
    fn make_room(&self) {
        let overdue = self.replays.index().overdue(now_ms(), 4);
        if !overdue.is_empty() {
            let replays = Arc::clone(&self.replays);
            tokio::task::spawn_blocking(move || replays.remove(&overdue));
        }
    }

    fn settle(&mut self, label: Label, bytes: u64) {
        self.over = true;
        self.replays.index().keep(Kept { label, bytes, at: now_ms() }, self.recorded);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if self.file.is_some() {
            self.settle(self.label, self.recorded);
        } else {
            self.replays.index().free(&self.label.name, self.label.request, self.recorded);
        }
    }
}
