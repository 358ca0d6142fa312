//! One file of the journal.

use super::desk::Desk;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

/// Bytes of a segment, allocated when it is made so that it can be filled on a full disk.
pub(super) const SEGMENT: u64 = 4 << 20;
/// The first bytes of a segment: what it is.
pub(super) const MAGIC: &[u8; 7] = b"tgjrnl\x00";
/// The byte after that: the version of the form.
pub(super) const VERSION: u8 = 1;
/// Bytes before the first record.
pub(super) const START: usize = MAGIC.len() + 1;

/// A file that is removed when nobody needs it any more.
#[derive(Debug)]
pub(super) struct Segment {
    named: Arc<Named>,
    /// A write or a synchronisation failed: what stands after the last good record is unknown.
    broken: AtomicBool,
    /// Where records went that this segment would not take: who holds a mark of this one holds that one, too.
    follower: OnceLock<Arc<Self>>,
    desk: Weak<Desk>,
}

/// An open file and where it is. Apart from the segment so that the flusher can close it: closing a removed file
/// frees its space, which takes a worker's time.
#[derive(Debug)]
pub(super) struct Named {
    path: PathBuf,
    file: File,
}

/// Where the segment with this number is. Names sort as their numbers do.
pub(super) fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016}.journal"))
}

impl Segment {
    /// Makes a segment. It is sure to be found after a power cut only when its directory has been synchronised.
    pub(super) fn create(dir: &Path, number: u64, desk: &Arc<Desk>) -> io::Result<Self> {
        let path = path_of(dir, number);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut start = [VERSION; START];
        start[..MAGIC.len()].copy_from_slice(MAGIC);
        if let Err(error) = allocate(&file).and_then(|()| file.write_all_at(&start, 0)) {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        let named = Arc::new(Named { path, file });
        Ok(Self { named, broken: AtomicBool::new(false), follower: OnceLock::new(), desk: Arc::downgrade(desk) })
    }

    /// Writes all of `bytes`, usually with one call, or breaks the segment.
    pub(super) fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.named.file.write_all_at(bytes, at).inspect_err(|_| self.break_off())
    }

    /// Brings what was written to stable storage, or breaks the segment: after a failure the kernel may say that all
    /// is well although it has dropped what it could not write.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.named.file.sync_data().inspect_err(|_| self.break_off())
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Records with marks of this segment are in `other`.
    pub(super) fn continues_in(&self, other: &Arc<Self>) {
        // Set once: a segment is left for good.
        let _ = self.follower.set(Arc::clone(other));
    }

    fn break_off(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // Without a journal it stays, and is read again at the next start, which is harmless.
        if let Some(desk) = self.desk.upgrade() {
            desk.remove(Arc::clone(&self.named));
        }
    }
}

impl Named {
    /// Removes the file. Its space is free when the last of these is dropped.
    pub(super) fn remove(&self) {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => tracing::warn!(%error, "a journal file stays"),
            _ => {}
        }
    }
}

/// Takes the space now. On file systems that cannot be asked to (`EOPNOTSUPP`), by writing zeros.
fn allocate(file: &File) -> io::Result<()> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, SEGMENT) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP) => {
            let zeros = [0; 8192];
            (0..SEGMENT).step_by(zeros.len()).try_for_each(|at| file.write_all_at(&zeros, at))
        }
        Err(error) => Err(error.into()),
    }
}
