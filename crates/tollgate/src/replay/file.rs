//! A result as a file: who claimed the key, then the answer's head, then its body.
//!
//! ```text
//! claim   mark · state · identity · request id · length of the body      written and synced before the request runs
//! head    length · status · announced length · header lines
//! body
//! ```
//!
//! A file is `.run` while its request runs and is renamed to `.done` once all of it is on disk: what a crash leaves
//! as `.run` is a request of which nobody knows how it ended. Numbers are little-endian. The request's id is part of
//! the file's name, so that a late removal never meets a newer file of the same key.

use super::{Digest, Head};
use crate::ids;
use crate::lines::Lines;
use http::{HeaderName, HeaderValue, StatusCode};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// First bytes of every file; the last digit is the form's version.
const MARK: [u8; 8] = *b"tgreply1";
/// Bytes of a claim.
pub(super) const CLAIM: u64 = CLAIM_BYTES as u64;
const CLAIM_BYTES: usize = 8 + 1 + 32 + 16 + 8;
/// Longest head that is read back, in bytes; the door and the vendor's reader let far less through.
const MAX_HEAD: usize = 256 * 1024;
/// Stands for "no length announced".
const NO_LENGTH: u64 = u64::MAX;

/// How far a result has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The request was sent, or about to be.
    Running,
    /// The whole answer is here.
    Complete,
    /// There was an answer, too large to be kept.
    TooLarge,
}

/// Who claimed a key, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) state: State,
    pub(super) identity: Digest,
    pub(super) request: u128,
    /// Bytes of the body, once it is complete.
    pub(super) length: u64,
}

/// A result that was read back.
pub(super) struct Stored {
    pub(super) claim: Claim,
    /// Only of a complete one: the head, and where the body begins.
    pub(super) answer: Option<(Head, u64)>,
    pub(super) file: File,
}

/// Names of a result's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) name: Digest,
    pub(super) request: u128,
    /// Whether its request has ended.
    pub(super) done: bool,
}

impl Label {
    /// The file's path below `dir`.
    pub(super) fn path(&self, dir: &Path) -> PathBuf {
        let mut file = String::with_capacity(104);
        for byte in self.name {
            for digit in [byte >> 4, byte & 15] {
                file.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        file.push('.');
        file.push_str(&ids::from_bits(ids::REQUEST, self.request));
        file.push_str(if self.done { ".done" } else { ".run" });
        dir.join(file)
    }

    /// Undoes [`Label::path`] for a bare file name; `None` for a name that is not one of ours.
    pub(super) fn parse(file: &str) -> Option<Self> {
        let mut parts = file.split('.');
        let (digits, request, kind) = (parts.next()?, parts.next()?, parts.next()?);
        let done = match kind {
            "done" => true,
            "run" => false,
            _ => return None,
        };
        let mut name = Digest::default();
        if digits.len() != 2 * name.len() || !digits.is_ascii() || parts.next().is_some() {
            return None;
        }
        for (byte, pair) in name.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self { name, request: ids::bits(ids::REQUEST, request)?, done })
    }
}

/// Makes the file of a new claim, durable before this returns. Blocks.
pub(super) fn claim(dir: &Path, label: &Label, identity: Digest) -> io::Result<File> {
    let path = label.path(dir);
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    let claim = Claim { state: State::Running, identity, request: label.request, length: 0 };
    let written = file.write_all(&claim.encode()).and_then(|()| file.sync_all()).and_then(|()| sync(dir));
    if let Err(error) = written {
        // Half a claim is none: nothing has been sent under it.
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    Ok(file)
}

/// Turns a claim whose answer is all in `file` into a result that lasts. Blocks.
pub(super) fn complete(dir: &Path, label: &Label, claim: &Claim, file: &File) -> io::Result<()> {
    file.write_all_at(&claim.encode(), 0)?;
    file.sync_all()?;
    std::fs::rename(label.path(dir), Label { done: true, ..*label }.path(dir))?;
    sync(dir)
}

/// Leaves, in place of a running claim, only the word that its answer was too large. Whoever reads the answer still
/// has the old file open. Blocks.
pub(super) fn bury(dir: &Path, label: &Label, identity: Digest) -> io::Result<()> {
    let done = Label { done: true, ..*label }.path(dir);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&done)?;
    let claim = Claim { state: State::TooLarge, identity, request: label.request, length: 0 };
    file.write_all(&claim.encode())?;
    file.sync_all()?;
    std::fs::remove_file(label.path(dir))?;
    sync(dir)
}

/// Reads a result back. What is not whole is an error of kind [`io::ErrorKind::InvalidData`]. Blocks.
pub(super) fn open(dir: &Path, label: &Label) -> io::Result<Stored> {
    let file = File::open(label.path(dir))?;
    let mut bytes = [0; CLAIM_BYTES];
    file.read_exact_at(&mut bytes, 0)?;
    let claim = Claim::decode(&bytes).ok_or(io::ErrorKind::InvalidData)?;
    if claim.request != label.request || (claim.state == State::Running) == label.done {
        return Err(io::ErrorKind::InvalidData.into());
    }
    if claim.state != State::Complete {
        return Ok(Stored { claim, answer: None, file });
    }
    let mut size = [0; 4];
    file.read_exact_at(&mut size, CLAIM)?;
    let size = usize::try_from(u32::from_le_bytes(size)).unwrap_or(usize::MAX);
    if size > MAX_HEAD {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, CLAIM + 4)?;
    let head = decode_head(&bytes).ok_or(io::ErrorKind::InvalidData)?;
    let body = CLAIM + 4 + size as u64;
    if file.metadata()?.len() != body.saturating_add(claim.length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Stored { claim, answer: Some((head, body)), file })
}

/// Makes a change of the directory itself durable.
fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

impl Claim {
    fn encode(&self) -> Vec<u8> {
        let state = match self.state {
            State::Running => 0_u8,
            State::Complete => 1,
            State::TooLarge => 2,
        };
        let (request, length) = (self.request.to_le_bytes(), self.length.to_le_bytes());
        [&MARK[..], &[state], &self.identity, &request, &length].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MARK)?;
        let (&[state], rest) = rest.split_first_chunk()?;
        let (identity, rest) = rest.split_first_chunk()?;
        let (request, rest) = rest.split_first_chunk()?;
        let (length, _) = rest.split_first_chunk()?;
        let state = match state {
            0 => State::Running,
            1 => State::Complete,
            2 => State::TooLarge,
            _ => return None,
        };
        let (request, length) = (u128::from_le_bytes(*request), u64::from_le_bytes(*length));
        Some(Self { state, identity: *identity, request, length })
    }
}

/// An answer's head as it stands in the file, its own length in front; `None` if it is too long to be read back.
pub(super) fn encode_head(head: &Head) -> Option<Vec<u8>> {
    let mut out = vec![0; 4];
    out.extend_from_slice(&head.status.as_u16().to_le_bytes());
    out.extend_from_slice(&head.length.unwrap_or(NO_LENGTH).to_le_bytes());
    for (name, value) in head.headers.iter() {
        for part in [name.as_str().as_bytes(), value.as_bytes()] {
            out.extend_from_slice(&u32::try_from(part.len()).ok()?.to_le_bytes());
            out.extend_from_slice(part);
        }
    }
    let size = out.len() - 4;
    if size > MAX_HEAD {
        return None;
    }
    out.splice(..4, u32::try_from(size).ok()?.to_le_bytes());
    Some(out)
}

fn decode_head(bytes: &[u8]) -> Option<Head> {
    let (status, rest) = bytes.split_first_chunk()?;
    let (length, mut rest) = rest.split_first_chunk()?;
    let mut part = || {
        let (size, after) = rest.split_first_chunk()?;
        let (part, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*size)).ok()?)?;
        rest = after;
        Some((part, after.is_empty()))
    };
    let mut headers = Lines::with_capacity(12);
    let mut ended = bytes.len() == 10;
    while !ended {
        let (name, _) = part()?;
        let (value, last) = part()?;
        headers.push(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
        ended = last;
    }
    let length = u64::from_le_bytes(*length);
    Some(Head {
        status: StatusCode::from_u16(u16::from_le_bytes(*status)).ok()?,
        headers,
        length: (length != NO_LENGTH).then_some(length),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(status: u16, length: Option<u64>, lines: &[(String, String)]) -> Head {
        let mut headers = Lines::default();
        for (name, value) in lines {
            headers.push(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        Head { status: StatusCode::from_u16(status).unwrap(), headers, length }
    }

    fn shown(head: &Head) -> String {
        format!("{head:?}")
    }

    proptest! {
        #[test]
        fn heads_come_back_as_they_were(
            status in 100_u16..1000,
            length in prop::option::of(0_u64..u64::MAX),
            lines in prop::collection::vec(("[a-z][a-z-]{0,20}", "[ -~]{0,40}"), 0..8),
        ) {
            let before = head(status, length, &lines);
            let bytes = encode_head(&before).unwrap();
            let after = decode_head(&bytes[4..]).unwrap();
            prop_assert_eq!(shown(&after), shown(&before));
        }

        #[test]
        fn broken_files_are_no_results(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
            let _ = decode_head(&bytes);
            let _ = Claim::decode(&bytes);
            let claim = Claim { state: State::Complete, identity: [7; 32], request: 9, length: 3 };
            let good = claim.encode();
            prop_assert_eq!(Claim::decode(&good), Some(claim));
            prop_assert_eq!(Claim::decode(&good[..cut.index(good.len())]), None);
        }
    }

    #[test]
    fn labels_name_files_and_nothing_else_does() {
        let label = Label { name: [0xa5; 32], request: 77 << 80 | 5, done: true };
        let path = label.path(Path::new("/d"));
        let file = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(Label::parse(file), Some(label));
        for bad in [
            "",
            "x",
            "README.md",
            &file[1..],
            &file.replace(".done", ".new"),
            &format!("{file}.old"),
            &file.replace("req_", "key_"),
        ] {
            assert_eq!(Label::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_file_that_was_cut_is_not_replayed() {
        let dir = tempfile::tempdir().unwrap();
        let label = Label { name: [1; 32], request: 5, done: false };
        let file = claim(dir.path(), &label, [2; 32]).unwrap();
        assert!(open(dir.path(), &label).unwrap().answer.is_none());
        let head = encode_head(&head(200, None, &[("a".into(), "b".into())])).unwrap();
        file.write_all_at(&head, CLAIM).unwrap();
        file.write_all_at(b"body", CLAIM + head.len() as u64).unwrap();
        let whole = Claim { state: State::Complete, identity: [2; 32], request: 5, length: 4 };
        complete(dir.path(), &label, &whole, &file).unwrap();
        let done = Label { done: true, ..label };
        let (_, body) = open(dir.path(), &done).unwrap().answer.unwrap();
        assert_eq!(body, CLAIM + head.len() as u64);
        for shorter in [body + 3, body - 1, CLAIM, 3] {
            file.set_len(shorter).unwrap();
            assert!(open(dir.path(), &done).is_err(), "{shorter}");
        }
    }
}
