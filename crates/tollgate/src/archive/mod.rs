//! Results, kept: files that were fetched from vendors, under names of our own.
//!
//! Owns the directory `results` of the data dir. A file is there whole and on stable storage, or it is not there. Knows
//! no task, no vendor, no caller; who may read what is decided elsewhere.

mod body;
mod range;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

pub use body::FileBody;
pub use range::{Range, read as read_range};

/// Largest file, in bytes: 2 GiB.
pub const MAX_FILE: u64 = 2 << 30;

/// The kept files of one data dir.
#[derive(Debug, Clone)]
pub struct Archive {
    dir: PathBuf,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its name in the archive.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// A file that is being written.
pub struct Incoming {
    file: File,
    part: PathBuf,
    path: PathBuf,
    name: String,
    digest: Context,
    bytes: u64,
}

impl Archive {
    /// Opens the archive in `dir`, made with mode 0700 if absent.
    pub fn open(dir: &Path) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Begins a file of a group (a task); `group` and `file` are letters, digits, `-`, `_` and `.`. Written again, it
    /// takes the place of the one before.
    pub async fn begin(&self, group: &str, file: &str) -> io::Result<Incoming> {
        let dir = self.folder(group)?;
        let path = dir.join(plain(file)?);
        let part = dir.join(format!("{file}.part"));
        let made = dir.clone();
        blocking(move || std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&made)).await?;
        let mut options = tokio::fs::OpenOptions::new();
        let file_handle = options.write(true).create(true).truncate(true).mode(0o600).open(&part).await?;
        let name = format!("{group}/{file}");
        Ok(Incoming { file: file_handle, part, path, name, digest: Context::new(&SHA256), bytes: 0 })
    }

    /// A file's place; an error for a name that is none of ours.
    pub(self) fn path_of(&self, name: &str) -> io::Result<PathBuf> {
        let (group, file) = name.split_once('/').ok_or(io::ErrorKind::NotFound)?;
        Ok(self.folder(group)?.join(plain(file)?))
    }

    /// A part of a file as the body of an answer.
    pub async fn body(&self, name: &str, from: u64, to: u64) -> io::Result<FileBody> {
        let path = self.path_of(name)?;
        let file = blocking(move || std::fs::File::open(path)).await?;
        Ok(FileBody::new(file, from, to))
    }

    /// Removes all files of a group; none is fine.
    pub async fn remove(&self, group: &str) -> io::Result<()> {
        let dir = self.folder(group)?;
        blocking(move || match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }

    /// Groups share folders by their last letters, which are random: no folder grows too large.
    fn folder(&self, group: &str) -> io::Result<PathBuf> {
        let group = plain(group)?;
        let last = group.get(group.len().saturating_sub(2)..).unwrap_or(group);
        Ok(self.dir.join(last).join(group))
    }
}

fn plain(name: &str) -> io::Result<&str> {
    let sound = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=100).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(sound) {
        Ok(name)
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

impl Incoming {
    /// Appends bytes; more than [`MAX_FILE`] are refused.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > MAX_FILE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.digest.update(bytes);
        self.file.write_all(bytes).await
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// The file is complete: from now on it is there, whatever happens.
    pub async fn finish(mut self) -> io::Result<Stored> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let (part, path) = (self.part, self.path);
        blocking(move || {
            std::fs::rename(&part, &path)?;
            path.parent().map_or(Ok(()), |dir| std::fs::File::open(dir)?.sync_all())
        })
        .await?;
        let sha256 = self.digest.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        Ok(Stored { name: self.name, bytes: self.bytes, sha256 })
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::message::{AnswerStream, Flow};
    use bytes::BytesMut;

    async fn read(archive: &Archive, name: &str, from: u64, to: u64) -> Vec<u8> {
        let mut body = archive.body(name, from, to).await.unwrap();
        let mut all = Vec::new();
        loop {
            let mut out = BytesMut::new();
            let flow = std::future::poll_fn(|cx| body.poll_next(cx, &mut out)).await;
            match flow {
                Flow::Piece(piece) => all.extend_from_slice(&piece),
                Flow::Wrote => all.extend_from_slice(&out),
                Flow::End => return all,
                Flow::Abort => panic!("cut"),
            }
        }
    }

    #[tokio::test]
    async fn a_file_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::open(&dir.path().join("results")).unwrap();
        let mut incoming = archive.begin("task1", "video-0.mp4").await.unwrap();
        let bytes: Vec<u8> = (0..600_000_u32).flat_map(u32::to_le_bytes).collect();
        for piece in bytes.chunks(100_000) {
            incoming.write(piece).await.unwrap();
        }
        assert!(archive.body("task1/video-0.mp4", 0, 1).await.is_err());
        let stored = incoming.finish().await.unwrap();
        assert_eq!((stored.bytes, stored.sha256.len()), (2_400_000, 64));
        assert_eq!(read(&archive, &stored.name, 0, stored.bytes).await, bytes);
        assert_eq!(read(&archive, &stored.name, 1_000_001, 1_000_004).await, bytes[1_000_001..1_000_004]);
        archive.remove("task1").await.unwrap();
        archive.remove("task1").await.unwrap();
        assert!(archive.body(&stored.name, 0, 1).await.is_err());
        for bad in ["", ".", "..", "a/b", ".x", "é"] {
            assert!(archive.begin(bad, "x").await.is_err() && archive.begin("x", bad).await.is_err(), "{bad}");
        }
    }
}
