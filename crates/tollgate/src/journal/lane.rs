//! What one thread writes to: a segment, and the records that belong behind what it holds.

use super::desk::Desk;
use super::segment::{SEGMENT, START, Segment};
use super::{JournalError, MAX_RECORD, Mark, Urgency, record};
use std::sync::{Arc, OnceLock};

/// Buffered records are written out at this size, in bytes.
const MAX_BUFFER: usize = 16 * 1024;
/// A buffer that one large record made larger than this gives the rest back, in bytes.
const KEEP_BUFFER: usize = 64 * 1024;

/// Records that are written with one call: the segment that they are in, or `None` if they are in none.
#[derive(Debug, Default)]
pub(super) struct Group(OnceLock<Option<Arc<Segment>>>);

impl Group {
    /// What became of it; `None` as long as nobody has tried.
    pub(super) fn outcome(&self) -> Option<Result<Mark, JournalError>> {
        self.0.get().map(|segment| match segment {
            Some(segment) => Ok(Mark { segment: Arc::clone(segment) }),
            None => Err(JournalError::Full),
        })
    }
}

/// On cache lines of its own: another thread's lane is its neighbour.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Lane {
    segment: Arc<Segment>,
    /// Bytes of the segment that are written.
    at: u64,
    /// Records that belong behind those.
    buffer: Vec<u8>,
    /// Records that are to be written together or not at all, and what becomes of them.
    staged: Vec<u8>,
    group: Arc<Group>,
    /// Something is not on stable storage, and the flusher knows.
    dirty: bool,
    /// Something was buffered when the flusher came last.
    visited: bool,
    /// There is no flusher any more.
    closed: bool,
}

impl Lane {
    pub(super) fn new(segment: Arc<Segment>) -> Self {
        let buffer = Vec::with_capacity(2 * MAX_BUFFER);
        let staged = Vec::with_capacity(MAX_BUFFER);
        Self {
            segment,
            at: START as u64,
            buffer,
            staged,
            group: Arc::default(),
            dirty: false,
            visited: false,
            closed: false,
        }
    }

    /// Appends a record, or leaves no trace of it.
    pub(super) fn append(
        &mut self,
        desk: &Desk,
        payload: &[u8],
        urgency: Urgency,
        last_resort: bool,
    ) -> Result<Mark, JournalError> {
        let size = record::size(payload) as u64;
        if self.end() + size > SEGMENT {
            self.write_out(desk, last_resort)?;
            // A write that failed has led to a fresh segment already.
            if self.end() + size > SEGMENT {
                self.turn_over(desk, last_resort)?;
            }
        }
        let before = self.buffer.len();
        record::write(payload, &mut self.buffer);
        if (urgency == Urgency::Now || self.buffer.len() >= MAX_BUFFER || self.closed)
            && let Err(error) = self.write_out(desk, last_resort)
        {
            // It stood at the end, and a part of it may be in the file: never the whole.
            self.buffer.truncate(before);
            return Err(error);
        }
        self.touch(desk);
        Ok(Mark { segment: Arc::clone(&self.segment) })
    }

    /// Adds a record to the group that [`Lane::write_group`] will write.
    pub(super) fn stage(&mut self, desk: &Desk, payload: &[u8]) -> Arc<Group> {
        record::write(payload, &mut self.staged);
        let group = Arc::clone(&self.group);
        if self.staged.len() >= MAX_BUFFER || self.closed {
            self.write_group(desk);
        }
        group
    }

    /// Writes the staged records, and what is buffered before them, or leaves no trace of the staged ones.
    pub(super) fn write_group(&mut self, desk: &Desk) {
        if self.staged.is_empty() {
            return;
        }
        let group = std::mem::take(&mut self.group);
        let segment = self.write_staged(desk).ok().map(|()| Arc::clone(&self.segment));
        self.staged.clear();
        if self.staged.capacity() > KEEP_BUFFER {
            self.staged.shrink_to(MAX_BUFFER);
        }
        if segment.is_some() {
            self.touch(desk);
        }
        // Nobody else resolves a group.
        let _ = group.0.set(segment);
    }

    fn write_staged(&mut self, desk: &Desk) -> Result<(), JournalError> {
        if self.end() + self.staged.len() as u64 > SEGMENT {
            self.write_out(desk, false)?;
            if self.end() + self.staged.len() as u64 > SEGMENT {
                self.turn_over(desk, false)?;
            }
        }
        let before = self.buffer.len();
        self.buffer.extend_from_slice(&self.staged);
        // They stand at the end. Of several, the first may be whole in a file that then refused the rest; should this
        // process end before their last word is written, these are read as begun.
        self.write_out(desk, false).inspect_err(|_| self.buffer.truncate(before))
    }

    /// Tells the flusher that something is not on stable storage.
    fn touch(&mut self, desk: &Desk) {
        if !self.dirty {
            self.dirty = true;
            desk.dirty();
        }
    }

    /// Writes out what is buffered. A segment that refuses is left for the next one, until there is none.
    pub(super) fn write_out(&mut self, desk: &Desk, last_resort: bool) -> Result<(), JournalError> {
        loop {
            if !self.segment.is_broken() {
                if self.buffer.is_empty() {
                    return Ok(());
                }
                match self.segment.write_at(&self.buffer, self.at) {
                    Ok(()) => {
                        self.visited = false;
                        self.at += self.buffer.len() as u64;
                        self.buffer.clear();
                        if self.buffer.capacity() > KEEP_BUFFER {
                            self.buffer.shrink_to(2 * MAX_BUFFER);
                        }
                        return Ok(());
                    }
                    Err(error) => desk.failed("cannot be written", &error),
                }
            }
            self.turn_over(desk, last_resort)?;
        }
    }

    /// For the flusher: gives what is to be synchronised, if anything is. Writes out what is buffered if that is
    /// `urgent` or was so at the last visit.
    pub(super) fn visit(&mut self, desk: &Desk, urgent: bool) -> Result<Option<Arc<Segment>>, JournalError> {
        let waits = !self.buffer.is_empty() || !self.staged.is_empty();
        if waits && !urgent && !std::mem::replace(&mut self.visited, true) {
            self.dirty = true;
            desk.dirty();
            return Ok(Some(Arc::clone(&self.segment)));
        }
        self.visited = false;
        self.write_group(desk);
        if !self.dirty {
            return Ok(None);
        }
        self.write_out(desk, true)?;
        self.dirty = false;
        Ok(Some(Arc::clone(&self.segment)))
    }

    /// For the flusher, before its last visit: from now on every record is written at once.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Where the next record begins, once the buffer is written.
    fn end(&self) -> u64 {
        self.at + self.buffer.len() as u64
    }

    /// Goes on in a fresh segment, with what is buffered.
    fn turn_over(&mut self, desk: &Desk, last_resort: bool) -> Result<(), JournalError> {
        let fresh = desk.take_spare(last_resort).ok_or(JournalError::Full)?;
        let left = std::mem::replace(&mut self.segment, fresh);
        if !self.buffer.is_empty() {
            left.continues_in(&self.segment);
        }
        desk.leave(left);
        self.at = START as u64;
        Ok(())
    }
}

/// A buffer never outgrows a segment, also with a group behind it, so that it can always move to a fresh one.
const _: () = assert!((START + 2 * (MAX_BUFFER + record::HEAD + MAX_RECORD)) as u64 <= SEGMENT);
