//! One file of the journal.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a segment, allocated when it is made so that it can be filled on a full disk.
pub(super) const SEGMENT: u64 = 4 << 20;
/// The first bytes of a segment: what it is, and the version of its form.
pub(super) const MAGIC: &[u8; 8] = b"tgjrnl\x00\x01";

/// A file that is removed when nobody needs it any more.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    /// A write failed: what stands after the last good record is unknown.
    broken: AtomicBool,
    unsynced: AtomicBool,
    trash: Arc<Trash>,
}

/// Segments for the flusher: closed ones that are not on stable storage yet, and files to be removed. Both are
/// slow, and workers must not do them.
#[derive(Debug, Default)]
pub(super) struct Trash {
    closed: Mutex<Vec<Arc<Segment>>>,
    remove: Mutex<Vec<PathBuf>>,
}

impl Segment {
    /// Where records begin.
    pub(super) const START: u64 = MAGIC.len() as u64;

    pub(super) fn path_of(dir: &Path, number: u64) -> PathBuf {
        dir.join(format!("{number:016}.journal"))
    }

    pub(super) fn create(dir: &Path, number: u64, trash: &Arc<Trash>) -> io::Result<Self> {
        let path = Self::path_of(dir, number);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let prepared = allocate(&file).and_then(|()| file.write_all_at(MAGIC, 0));
        if let Err(error) = prepared {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        let (broken, unsynced) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self { path, file, broken, unsynced, trash: Arc::clone(trash) })
    }

    /// Writes all of `bytes` or breaks the segment.
    pub(super) fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, at).inspect_err(|_| self.broken.store(true, Ordering::Relaxed))
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    pub(super) fn needs_sync(&self) {
        self.unsynced.store(true, Ordering::Relaxed);
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data().inspect_err(|_| self.broken.store(true, Ordering::Relaxed))
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.trash.remove.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.path));
    }
}

impl Trash {
    pub(super) fn closed(&self, segment: Arc<Segment>) {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).push(segment);
    }

    pub(super) fn take_closed(&self) -> Vec<Arc<Segment>> {
        std::mem::take(&mut self.closed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Removes the files that nobody needs.
    pub(super) fn empty(&self) {
        let paths = std::mem::take(&mut *self.remove.lock().unwrap_or_else(PoisonError::into_inner));
        for path in paths {
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(%error, "a journal file stays");
            }
        }
    }
}

/// Takes the space now. File systems that cannot (`EOPNOTSUPP`) give it when it is written.
fn allocate(file: &File) -> io::Result<()> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, SEGMENT) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(SEGMENT),
        Err(error) => Err(error.into()),
    }
}
