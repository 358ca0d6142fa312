//! A part of a file on its way to a caller, read piece by piece off the workers.

use crate::message::{AnswerStream, Flow};
use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;

/// Bytes read at a time. A multiple of 3, so that pieces can be put into base64 one by one.
const PIECE: u64 = 192 * 1024;

/// Reads a part of a file.
pub struct FileBody {
    file: Arc<File>,
    at: u64,
    to: u64,
    length: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    pub(super) fn new(file: File, from: u64, to: u64) -> Self {
        let length = to.saturating_sub(from);
        Self { file: Arc::new(file), at: from, to, length, reading: None }
    }

    /// The next piece; none after the last.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if self.at >= self.to {
            return Poll::Ready(Ok(None));
        }
        let (file, at, count) = (&self.file, self.at, PIECE.min(self.to - self.at));
        let reading = self.reading.get_or_insert_with(|| {
            let file = Arc::clone(file);
            tokio::task::spawn_blocking(move || {
                let mut bytes = vec![0; usize::try_from(count).map_err(io::Error::other)?];
                file.read_exact_at(&mut bytes, at)?;
                Ok(bytes.into())
            })
        });
        let read = ready!(std::pin::Pin::new(reading).poll(cx));
        self.reading = None;
        self.at += count;
        Poll::Ready(read.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into())).map(Some))
    }
}

impl AnswerStream for FileBody {
    fn poll_next(&mut self, cx: &mut Context<'_>, _: &mut BytesMut) -> Poll<Flow> {
        Poll::Ready(match ready!(self.poll_piece(cx)) {
            Ok(Some(piece)) => Flow::Piece(piece),
            Ok(None) => Flow::End,
            Err(error) => {
                tracing::error!(%error, "a kept file cannot be read");
                Flow::Abort
            }
        })
    }

    fn close(&mut self, _: &mut BytesMut) -> Flow {
        Flow::Abort
    }

    fn length(&self) -> Option<u64> {
        Some(self.length)
    }
}
