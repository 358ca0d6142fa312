//! An answer while it is being recorded, and its readers.
//!
//! One task writes, any number read, each at its own pace: what a reader has not taken yet lies on disk, but for the
//! last piece of it in memory. A slow reader stops nobody.

use super::Head;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::sync::watch;

/// Size of the pieces that are read from disk, in bytes.
const PIECE: u64 = 64 * 1024;

/// How far an answer has come.
#[derive(Default)]
pub(super) struct Progress {
    /// Once the answer has begun.
    pub(super) head: Option<Arc<Head>>,
    /// The body's beginning.
    pub(super) filed: Option<Filed>,
    /// What follows it.
    pub(super) tail: Vec<Bytes>,
    /// Once there is no more to come.
    pub(super) end: Option<End>,
}

/// The part of a body that is on disk.
pub(super) struct Filed {
    pub(super) file: Arc<File>,
    /// Where in the file the body begins.
    pub(super) from: u64,
    /// Bytes of the body.
    pub(super) length: u64,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As its framing says.
    Clean,
    /// It could not be completed.
    Broken,
}

/// Where a reader's next piece is.
enum Place {
    Disk { file: Arc<File>, at: u64, count: u64 },
    Memory(Bytes),
    End(End),
    Later,
}

impl Progress {
    fn length(&self) -> u64 {
        self.on_disk() + self.tail.iter().map(|piece| piece.len() as u64).sum::<u64>()
    }

    fn on_disk(&self) -> u64 {
        self.filed.as_ref().map_or(0, |filed| filed.length)
    }

    fn place(&self, at: u64) -> Place {
        if let Some(filed) = self.filed.as_ref().filter(|filed| at < filed.length) {
            let count = PIECE.min(filed.length - at);
            return Place::Disk { file: Arc::clone(&filed.file), at: filed.from + at, count };
        }
        let mut before = self.on_disk();
        for piece in &self.tail {
            let skip = usize::try_from(at - before).unwrap_or(usize::MAX);
            if skip < piece.len() {
                return Place::Memory(piece.slice(skip..));
            }
            before += piece.len() as u64;
        }
        self.end.map_or(Place::Later, Place::End)
    }
}

/// Gives an answer from its beginning, as far as it has come, and then as it comes.
pub struct Reader {
    progress: watch::Receiver<Progress>,
    /// Bytes given.
    at: u64,
    waiting: Option<Pin<Box<dyn Future<Output = Next> + Send>>>,
}

/// What a [`Reader`] gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// The next bytes; never none.
    Piece(Bytes),
    /// All has been given.
    End,
    /// The answer cannot be completed.
    Broken,
}

impl Reader {
    pub(super) fn new(progress: watch::Receiver<Progress>) -> Self {
        Self { progress, at: 0, waiting: None }
    }

    /// The answer's head, once it has begun; `None` if it never will.
    pub async fn head(&mut self) -> Option<Arc<Head>> {
        let begun = self.progress.wait_for(|progress| progress.head.is_some()).await.ok()?;
        begun.head.clone()
    }

    /// The next piece.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let next = match &mut self.waiting {
            Some(waiting) => {
                let next = ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
                next
            }
            None => {
                let place = self.progress.borrow_and_update().place(self.at);
                match place {
                    Place::Memory(bytes) => Next::Piece(bytes),
                    Place::End(End::Clean) => Next::End,
                    Place::End(End::Broken) => Next::Broken,
                    place => {
                        let waiting = self.waiting.insert(Box::pin(next(self.progress.clone(), self.at, place)));
                        let next = ready!(waiting.as_mut().poll(cx));
                        self.waiting = None;
                        next
                    }
                }
            }
        };
        if let Next::Piece(bytes) = &next {
            self.at += bytes.len() as u64;
        }
        Poll::Ready(next)
    }

    /// Whether all that has been recorded so far has been given: then it stands between two of the writer's pieces.
    pub fn is_level(&self) -> bool {
        self.at == self.progress.borrow().length()
    }
}

async fn next(mut progress: watch::Receiver<Progress>, at: u64, mut place: Place) -> Next {
    loop {
        match place {
            Place::Memory(bytes) => return Next::Piece(bytes),
            Place::End(End::Clean) => return Next::End,
            Place::End(End::Broken) => return Next::Broken,
            Place::Disk { file, at, count } => {
                return match super::blocking(move || read(&file, at, count)).await {
                    Ok(bytes) => Next::Piece(bytes),
                    Err(error) => {
                        tracing::error!(%error, "a kept result could not be read");
                        Next::Broken
                    }
                };
            }
            // A writer that is gone without an end did not come to it.
            Place::Later => {
                if progress.changed().await.is_err() {
                    return Next::Broken;
                }
            }
        }
        place = progress.borrow_and_update().place(at);
    }
}

fn read(file: &File, at: u64, count: u64) -> io::Result<Bytes> {
    let mut bytes = vec![0; usize::try_from(count).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes.into())
}
