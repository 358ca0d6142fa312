//! Results that can be given again: what was answered under a name, kept for a day, across restarts.
//!
//! A name is claimed before its request runs, and the claim is on disk before anything is sent. The first request
//! under a name records its answer; the others read the recording, while it grows or when it is done. After a crash
//! what was complete is there again, and what was not is known to be in doubt: it is never run a second time
//! unawares. Knows no route, no key and no protocol.
//!
//! `run.rs` writes, `recording.rs` reads, `index.rs` knows what there is, `file.rs` is its form on disk.

mod file;
mod index;
mod recording;
mod run;

use crate::clock::now_ms;
use crate::lines::Lines;
use file::{CLAIM, Label, State};
use http::StatusCode;
use index::{Index, Kept, Live, Slot};
use recording::{End, Filed, Progress};
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use recording::{Next, Reader};
pub use run::{Fate, Overrun, Run};

/// SHA-256 of something.
pub type Digest = [u8; 32];

/// How long a result is kept.
pub const RETENTION: Duration = Duration::from_hours(24);
/// Largest body that is kept, in bytes.
pub const MAX_RESULT: u64 = 64 * 1024 * 1024;

/// How often old results are looked for.
const SWEEP: Duration = Duration::from_secs(30);
/// Files removed in one round.
const SWEPT_AT_ONCE: usize = 2_000;

/// How much is kept and done at once.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Results kept.
    results: usize,
    /// Bytes of one body.
    result: u64,
    /// Bytes of all files.
    bytes: u64,
    /// Requests under way.
    running: usize,
    /// Age of a result.
    retention_ms: i64,
}

const LIMITS: Limits = Limits {
    results: 100_000,
    result: MAX_RESULT,
    bytes: 4 * 1024 * 1024 * 1024,
    running: 10_000,
    retention_ms: 24 * 60 * 60 * 1000,
};

/// Status, header lines and announced length of an answer.
#[derive(Debug, Clone)]
pub struct Head {
    /// Status.
    pub status: StatusCode,
    /// Header lines, without framing.
    pub headers: Lines,
    /// Length of the body in bytes, if it was known before the body came.
    pub length: Option<u64>,
}

/// All results of an installation.
pub struct Replays {
    dir: PathBuf,
    limits: Limits,
    index: Mutex<Index>,
    closing: CancellationToken,
}

/// What a request is to do.
pub enum Begun {
    /// It is the first: to be run, its answer recorded; the reader is for whoever sent it.
    First(Run, Reader),
    /// There is an answer already, or one is coming.
    Again(Reader),
}

/// Why a request gets no answer under its name.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The name belongs to a request with another content.
    #[error("the name belongs to another request")]
    Other,
    /// Its first request (by the bits of its id) was under way when the gateway ended, or its answer could not be
    /// kept: nobody knows what came of it.
    #[error("nobody knows how the first request ended")]
    Unfinished(u128),
    /// The first request's answer was larger than [`MAX_RESULT`].
    #[error("the first answer was too large to be kept")]
    TooLarge(u128),
    /// Too much is under way.
    #[error("too many requests are under way")]
    Busy,
    /// The disk does not give what it holds.
    #[error("a kept result cannot be read: {0}")]
    Io(io::Error),
}

impl Replays {
    /// Takes over a directory of results, made unless it is there. Blocks. Files that are not ours stay.
    pub fn open(dir: &Path) -> io::Result<Arc<Self>> {
        Self::open_with(dir, LIMITS)
    }

    fn open_with(dir: &Path, limits: Limits) -> io::Result<Arc<Self>> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let Some(label) = entry.file_name().to_str().and_then(Label::parse) else { continue };
            let metadata = entry.metadata()?;
            let mut bytes = metadata.len();
            if !label.done {
                if bytes < CLAIM {
                    // The claim itself was cut: nothing was sent under it.
                    std::fs::remove_file(entry.path())?;
                    continue;
                }
                // Of an answer in doubt nothing is given to anybody.
                OpenOptions::new().write(true).open(entry.path())?.set_len(CLAIM)?;
                bytes = CLAIM;
            }
            let age = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            found.push(Kept { label, bytes, at: i64::try_from(age.as_millis()).unwrap_or(i64::MAX) });
        }
        let replays = Self {
            dir: dir.to_owned(),
            limits,
            index: Mutex::new(Index::new(limits)),
            closing: CancellationToken::new(),
        };
        // Of two files of one name the one that ended last counts; of one request's two, the whole one.
        found.sort_unstable_by_key(|kept| (kept.at, kept.label.request, kept.label.done));
        for kept in found {
            let mut index = replays.index();
            if let Some(Slot::Kept(older)) = index.find(&kept.label.name, i64::MIN) {
                index.free(&older.label.name, older.label.request, 0);
                replays.remove(&[older.label]);
            }
            index.keep(kept, 0);
        }
        Ok(Arc::new(replays))
    }

    /// What a request with this name and content is to do; `request` is its id, should it be the first.
    pub async fn begin(self: &Arc<Self>, name: Digest, identity: Digest, request: u128) -> Result<Begun, Refusal> {
        // A file may go between the look into the index and its opening, and then the name is free.
        for _ in 0..3 {
            let label = {
                let mut index = self.index();
                match index.find(&name, now_ms()) {
                    Some(Slot::Running(live)) if live.identity == identity => {
                        return Ok(Begun::Again(Reader::new(live.progress.clone())));
                    }
                    Some(Slot::Running(_)) => return Err(Refusal::Other),
                    Some(Slot::Kept(kept)) => kept.label,
                    None => {
                        let (progress, seen) = watch::channel(Progress::default());
                        let live = Live { identity, request, progress: seen.clone() };
                        let old = index.claim(name, live).map_err(|_| Refusal::Busy)?;
                        drop(index);
                        if let Some(old) = old {
                            let replays = Arc::clone(self);
                            tokio::task::spawn_blocking(move || replays.remove(&[old]));
                        }
                        let run = Run::new(Arc::clone(self), name, request, identity, progress);
                        return Ok(Begun::First(run, Reader::new(seen)));
                    }
                }
            };
            match self.kept(label, identity).await {
                Err(Refusal::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                    self.index().free(&name, label.request, 0);
                }
                result => return result.map(Begun::Again),
            }
        }
        Err(Refusal::Busy)
    }

    async fn kept(&self, label: Label, identity: Digest) -> Result<Reader, Refusal> {
        let dir = self.dir.clone();
        let stored = blocking(move || file::open(&dir, &label)).await.map_err(|error| match error.kind() {
            // The file is not what was written.
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Refusal::Unfinished(label.request),
            _ => Refusal::Io(error),
        })?;
        match (stored.claim.state, stored.answer) {
            _ if stored.claim.identity != identity => Err(Refusal::Other),
            (State::Complete, Some((head, from))) => {
                let filed = Filed { file: Arc::new(stored.file), from, length: stored.claim.length };
                let (_, seen) = watch::channel(Progress {
                    head: Some(Arc::new(head)),
                    filed: Some(filed),
                    tail: Vec::new(),
                    end: Some(End::Clean),
                });
                Ok(Reader::new(seen))
            }
            (State::TooLarge, _) => Err(Refusal::TooLarge(label.request)),
            _ => Err(Refusal::Unfinished(label.request)),
        }
    }

    /// Requests under way, their callers there or not.
    pub fn running(&self) -> usize {
        self.index().running()
    }

    /// The gateway stops: what is still under way has to end.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Set once [`Replays::close`] was called.
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Removes what is too old, for ever.
    pub async fn keep_clean(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            let replays = Arc::clone(&self);
            let _ = blocking(move || {
                replays.sweep();
                Ok(())
            })
            .await;
        }
    }

    /// Removes what is too old or too much, within limits. Blocks.
    fn sweep(&self) {
        let overdue = self.index().overdue(now_ms(), SWEPT_AT_ONCE);
        self.remove(&overdue);
    }

    /// Removes files that are off the books. Blocks. One that stays is found again at the next start.
    fn remove(&self, labels: &[Label]) {
        for label in labels {
            match std::fs::remove_file(label.path(&self.dir)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::error!(%error, "a kept result cannot be removed");
                }
                _ => {}
            }
        }
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work that waits for the disk, off the threads that serve.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
