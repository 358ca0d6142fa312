//! What an earlier process left behind.

use super::JournalError;
use super::record::{self, HEAD};
use super::segment::{self, MAGIC, START, VERSION};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes read at a time.
const PIECE: usize = 64 * 1024;

/// The segments of earlier processes, oldest first. They stay on disk until they are discarded.
#[derive(Debug)]
pub struct Recovered {
    files: Vec<(u64, PathBuf)>,
    torn: u64,
    torn_bytes: u64,
}

impl Recovered {
    pub(super) fn list(dir: &Path) -> Result<Self, JournalError> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let number = name.strip_suffix(".journal").and_then(|number| number.parse().ok());
            // Only names of our own form: anything else in the directory is not ours to read or remove.
            if let Some(number) = number.filter(|number| segment::path_of(dir, *number) == path) {
                files.push((number, path));
            }
        }
        files.sort();
        for (_, path) in &files {
            refuse_other_version(path)?;
        }
        Ok(Self { files, torn: 0, torn_bytes: 0 })
    }

    pub(super) fn last(&self) -> u64 {
        self.files.last().map_or(0, |(number, _)| *number)
    }

    /// Whether there is anything to read.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Gives every whole record to `each`, file by file, in the order in which its thread wrote it. A file ends at
    /// its first record that is not whole. A record whose write failed half-way may be there twice. Holds one
    /// record in memory; may be called again, for another pass.
    pub fn read(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        (self.torn, self.torn_bytes) = (0, 0);
        let mut payload = Vec::new();
        for (_, path) in &self.files {
            let mut file = BufReader::with_capacity(PIECE, File::open(path)?);
            let end = read_file(&mut file, &mut payload, &mut each)?;
            let torn = used_after(&mut file, end)?;
            self.torn += u64::from(torn > 0);
            self.torn_bytes += torn;
        }
        Ok(())
    }

    /// Files that hold something after their last whole record, as the last pass found.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    /// Bytes in these files between the last whole record and the last byte that was ever written.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// Removes the files: everything in them is elsewhere now.
    pub fn discard(self) -> io::Result<()> {
        self.files.iter().try_for_each(|(_, path)| std::fs::remove_file(path))
    }
}

/// Reads the records of a file; gives the place after the last whole one.
fn read_file(file: &mut impl Read, payload: &mut Vec<u8>, each: &mut impl FnMut(&[u8])) -> io::Result<u64> {
    let mut start = [0; START];
    if !fill(file, &mut start)? || !start.starts_with(MAGIC) {
        return Ok(0);
    }
    let mut end = START as u64;
    let mut head = [0; HEAD];
    while fill(file, &mut head)? {
        let Some((check, length)) = record::head(head) else { break };
        payload.resize(length, 0);
        if !fill(file, payload)? || !record::holds(head, check, payload) {
            break;
        }
        each(payload);
        end += record::size(payload) as u64;
    }
    Ok(end)
}

/// Whether there were enough bytes.
fn fill(file: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Bytes from `start` to the last one that is not zero: zeros are space that was never used.
fn used_after(file: &mut BufReader<File>, start: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(start))?;
    let (mut used, mut passed) = (0, 0);
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(used),
            Ok(count) => {
                if let Some(last) = piece[..count].iter().rposition(|byte| *byte != 0) {
                    used = passed + last as u64 + 1;
                }
                passed += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A newer version's files hold money: they are neither skipped nor, later, removed.
fn refuse_other_version(path: &Path) -> Result<(), JournalError> {
    let mut start = [0; START];
    let whole = fill(&mut File::open(path)?, &mut start)?;
    if whole && start.starts_with(MAGIC) && start[MAGIC.len()] != VERSION {
        return Err(JournalError::Version(path.to_owned()));
    }
    Ok(())
}
