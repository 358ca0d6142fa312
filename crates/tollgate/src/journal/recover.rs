//! What an earlier process left behind.

use super::record;
use super::segment::{MAGIC, Segment};
use std::io;
use std::path::{Path, PathBuf};

/// The segments of earlier processes, oldest first. They stay on disk until they are discarded.
#[derive(Debug)]
pub struct Recovered {
    files: Vec<(u64, PathBuf)>,
    torn: u64,
}

impl Recovered {
    pub(super) fn list(dir: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let number = name.strip_suffix(".journal").and_then(|number| number.parse().ok());
            // Only names of our own form: anything else in the directory is not ours to read or remove.
            if let Some(number) = number.filter(|number| Segment::path_of(dir, *number) == path) {
                files.push((number, path));
            }
        }
        files.sort();
        Ok(Self { files, torn: 0 })
    }

    pub(super) fn last(&self) -> u64 {
        self.files.last().map_or(0, |(number, _)| *number)
    }

    /// Whether there is anything to read.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Gives every whole record to `each`, file by file, in the order in which its thread wrote it. A file ends at
    /// its first record that is not whole.
    pub fn read(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        for (_, path) in &self.files {
            let bytes = std::fs::read(path)?;
            let Some(mut rest) = bytes.strip_prefix(MAGIC) else { continue };
            while let Some((payload, after)) = record::read(rest) {
                each(payload);
                rest = after;
            }
            // Zeros are space that was never used.
            if rest.iter().take(record::HEAD).any(|byte| *byte != 0) {
                self.torn += 1;
            }
        }
        Ok(())
    }

    /// Files whose last record was not whole.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    /// Removes the files: everything in them is elsewhere now.
    pub fn discard(self) -> io::Result<()> {
        self.files.iter().try_for_each(|(_, path)| std::fs::remove_file(path))
    }
}
