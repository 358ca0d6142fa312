//! The data dir: who may use it, and the installation's own secret in it.
//!
//! Owns `tollgate.lock` (held by the one process that serves), `setup.lock` (held for moments, while the schema
//! and the secret are made), `pepper` and the database file's mode. Never writes a secret that anybody else could
//! read: the dir is made with mode 0700, its files with 0600.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;

const DATABASE: &str = "tollgate.db";
const SERVE_LOCK: &str = "tollgate.lock";
const SETUP_LOCK: &str = "setup.lock";
const PEPPER: &str = "pepper";

/// Why a data dir cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// There is none.
    #[error("there is no data dir at {}", .0.display())]
    Missing(PathBuf),
    /// Another `serve` has it.
    #[error(
        "the data dir {} is in use by another tollgate{}; only one process may serve it",
        .path.display(), .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The data dir.
        path: PathBuf,
        /// What the other process wrote into the lock file.
        pid: Option<u32>,
    },
    /// The database is there but the pepper is not, so that no stored digest could be checked.
    #[error("{} is missing, and without it no key of this installation works; restore it from a backup", .0.display())]
    PepperMissing(PathBuf),
    /// The pepper is not 32 bytes, or not the one that the database was made with.
    #[error("{} is not the one this database was made with; restore it from a backup", .0.display())]
    PepperWrong(PathBuf),
    /// The system refused.
    #[error("cannot use {}: {source}", .path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A directory that holds one installation.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
}

/// The right to serve from a data dir, until dropped.
#[derive(Debug)]
pub struct ServeLock {
    _file: File,
}

/// The right to set up a data dir, until dropped.
#[derive(Debug)]
pub struct SetupLock {
    _file: File,
}

impl DataDir {
    /// Makes the dir (mode 0700, parents too) unless it is there.
    pub fn create(path: &Path) -> Result<Self, DataDirError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| io_error(path, source))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Takes a dir that must hold a database already.
    pub fn existing(path: &Path) -> Result<Self, DataDirError> {
        if !path.join(DATABASE).is_file() {
            return Err(DataDirError::Missing(path.to_owned()));
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the right to serve, or says who has it. Never waits.
    pub fn lock_for_serving(&self) -> Result<ServeLock, DataDirError> {
        let (path, mut file) = self.open_private(SERVE_LOCK)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Only for the message: a lock file without a readable number is still locked.
                let _ = file.take(20).read_to_string(&mut text);
                return Err(DataDirError::InUse { path: self.path.clone(), pid: text.trim().parse().ok() });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(&path, source)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|source| io_error(&path, source))?;
        Ok(ServeLock { _file: file })
    }

    /// Waits for the right to set up. Blocks; other holders need it for moments only.
    pub fn lock_for_setup(&self) -> Result<SetupLock, DataDirError> {
        let (path, file) = self.open_private(SETUP_LOCK)?;
        file.lock().map_err(|source| io_error(&path, source))?;
        Ok(SetupLock { _file: file })
    }

    /// The installation's 32-byte pepper, made on first use.
    pub fn pepper(&self, _held: &SetupLock) -> Result<[u8; 32], DataDirError> {
        let path = self.path.join(PEPPER);
        match std::fs::read(&path) {
            Ok(bytes) => bytes.try_into().map_err(|_| DataDirError::PepperWrong(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.path.join(DATABASE).exists() {
                    return Err(DataDirError::PepperMissing(path));
                }
                self.make_pepper(&path).map_err(|source| io_error(&path, source))
            }
            Err(source) => Err(io_error(&path, source)),
        }
    }

    /// The path of the pepper file, for messages.
    pub fn pepper_file(&self) -> PathBuf {
        self.path.join(PEPPER)
    }

    /// The database file of a dir that has one.
    pub(super) fn existing_database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// The database file, made with mode 0600 so that the files which `SQLite` puts beside it get the same.
    pub(super) fn database_file(&self) -> Result<PathBuf, DataDirError> {
        self.open_private(DATABASE).map(|(path, _)| path)
    }

    fn make_pepper(&self, path: &Path) -> io::Result<[u8; 32]> {
        let mut pepper = [0; 32];
        rand::fill(&mut pepper).map_err(|_| io::Error::other("the system has no randomness to give"))?;
        // A crash half-way leaves `pepper.new`, which the next start writes anew.
        let fresh = self.path.join("pepper.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&pepper)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)?;
        File::open(&self.path)?.sync_all()?;
        Ok(pepper)
    }

    fn open_private(&self, name: &str) -> Result<(PathBuf, File), DataDirError> {
        let path = self.path.join(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| io_error(&path, source))?;
        Ok((path, file))
    }
}

fn io_error(path: &Path, source: io::Error) -> DataDirError {
    DataDirError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn is_private_and_keeps_its_pepper() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::create(&parent.path().join("a/b")).unwrap();
        let lock = dir.lock_for_setup().unwrap();
        let pepper = dir.pepper(&lock).unwrap();
        assert_eq!(dir.pepper(&lock).unwrap(), pepper);
        assert_ne!(pepper, [0; 32]);
        assert_eq!(mode(dir.path()), 0o700);
        assert_eq!(mode(&dir.pepper_file()), 0o600);
        assert_eq!(mode(&dir.database_file().unwrap()), 0o600);
        std::fs::remove_file(dir.pepper_file()).unwrap();
        assert!(matches!(dir.pepper(&lock), Err(DataDirError::PepperMissing(_))));
        std::fs::write(dir.pepper_file(), "short").unwrap();
        assert!(matches!(dir.pepper(&lock), Err(DataDirError::PepperWrong(_))));
    }

    #[test]
    fn one_server_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::create(parent.path()).unwrap();
        let held = dir.lock_for_serving().unwrap();
        let error = dir.lock_for_serving().unwrap_err();
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(held);
        dir.lock_for_serving().unwrap();
    }
}
