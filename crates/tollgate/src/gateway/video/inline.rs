//! An answer with files in it, in base64, made while it is sent: neither is ever held whole.

use crate::archive::{Archive, FileBody};
use crate::message::{AnswerBody, AnswerStream, Flow};
use crate::tasks::Task;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, ready};
use tollgate_protocol::video::Role;
use tollgate_protocol::video::veo::Part;

enum Piece {
    Text(Bytes),
    File(FileBody),
}

/// The rest of such an answer.
pub(super) struct Inline {
    pieces: VecDeque<Piece>,
    length: u64,
}

impl Inline {
    /// Opens the files that stand in an answer.
    pub(super) async fn open(archive: &Archive, task: &Task, parts: Vec<Part>) -> io::Result<Self> {
        let mut inline = Self { pieces: VecDeque::new(), length: 0 };
        for part in parts {
            match part {
                Part::Text(text) => {
                    inline.length += text.len() as u64;
                    inline.pieces.push_back(Piece::Text(text.into()));
                }
                Part::Video(index) => {
                    let kept = task.file(Role::Video, index).ok_or(io::ErrorKind::NotFound)?;
                    let bytes = kept.stored.bytes;
                    inline.length += bytes.div_ceil(3) * 4;
                    inline.pieces.push_back(Piece::File(archive.body(&kept.stored.name, 0, bytes).await?));
                }
            }
        }
        Ok(inline)
    }

    /// As the body of an answer.
    pub(super) fn into_body(mut self) -> AnswerBody {
        match (self.pieces.len(), self.pieces.pop_front()) {
            (1, Some(Piece::Text(text))) => AnswerBody::Whole(text),
            (_, first) => {
                self.pieces.extend(first);
                // What was taken to look at goes back to the front.
                self.pieces.rotate_right(1);
                AnswerBody::Stream(Box::new(self))
            }
        }
    }
}

impl AnswerStream for Inline {
    fn poll_next(&mut self, cx: &mut Context<'_>, _: &mut BytesMut) -> Poll<Flow> {
        loop {
            match self.pieces.front_mut() {
                None => return Poll::Ready(Flow::End),
                Some(Piece::Text(text)) => {
                    let text = std::mem::take(text);
                    self.pieces.pop_front();
                    if !text.is_empty() {
                        return Poll::Ready(Flow::Piece(text));
                    }
                }
                Some(Piece::File(file)) => match ready!(file.poll_piece(cx)) {
                    // Pieces are multiples of three bytes, but for the last.
                    Ok(Some(piece)) => return Poll::Ready(Flow::Piece(STANDARD.encode(&piece).into())),
                    Ok(None) => {
                        self.pieces.pop_front();
                    }
                    Err(error) => {
                        tracing::error!(%error, "a kept file cannot be read");
                        return Poll::Ready(Flow::Abort);
                    }
                },
            }
        }
    }

    fn close(&mut self, _: &mut BytesMut) -> Flow {
        Flow::Abort
    }

    fn length(&self) -> Option<u64> {
        Some(self.length)
    }
}
