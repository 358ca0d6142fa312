//! Takes a changed configuration while the gateway runs.
//!
//! Owns the watch on the file's directory, SIGHUP, and the rule that a broken file changes nothing. Hands over a
//! whole new [`Config`] or none. What cannot change without a restart keeps its old value and is named in the log.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{Config, Sources};

/// Editors write in several steps; the last one counts.
const SETTLE: Duration = Duration::from_millis(200);

/// Why a watch could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The operating system refused to watch the directory.
    #[error("cannot watch the directory of {file}: {source}")]
    Directory {
        /// The configuration file.
        file: PathBuf,
        /// What it said.
        source: notify::Error,
    },
    /// The signal could not be taken.
    #[error("cannot listen for SIGHUP: {0}")]
    Signal(#[from] std::io::Error),
}

/// A running watch; dropping it ends it.
#[derive(Debug)]
pub struct Watcher {
    task: JoinHandle<()>,
    asked: Arc<Notify>,
}

impl Watcher {
    /// Loads again, whether the file changed or not; what SIGHUP does.
    pub fn reload(&self) {
        self.asked.notify_one();
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Calls `apply` with every sound configuration that the sources yield from now on.
///
/// Must be called within a tokio runtime. `current` is what is in force now. Without a file only SIGHUP and
/// [`Watcher::reload`] load again.
pub fn watch(
    sources: Sources,
    current: Arc<Config>,
    apply: impl Fn(Arc<Config>) + Send + 'static,
) -> Result<Watcher, WatchError> {
    let changed = Arc::new(Notify::new());
    let asked = Arc::new(Notify::new());
    let directories = match &sources.file {
        Some(file) => Some(Directories::watch(file, Arc::clone(&changed))?),
        None => None,
    };
    let hangup = Hangup::new()?;
    let seen = sources.file.as_deref().and_then(fingerprint);
    let run = Run { sources: Arc::new(sources), current, seen, directories };
    let task = tokio::spawn(run.forever(changed, Arc::clone(&asked), hangup, apply));
    Ok(Watcher { task, asked })
}

struct Run {
    sources: Arc<Sources>,
    current: Arc<Config>,
    seen: Option<u64>,
    directories: Option<Directories>,
}

impl Run {
    async fn forever(
        mut self,
        changed: Arc<Notify>,
        asked: Arc<Notify>,
        mut hangup: Hangup,
        apply: impl Fn(Arc<Config>) + Send,
    ) {
        loop {
            let forced = tokio::select! {
                () = changed.notified() => false,
                () = asked.notified() => true,
                () = hangup.next() => true,
            };
            if !forced {
                tokio::time::sleep(SETTLE).await;
            }
            if let Some(config) = self.again(forced).await {
                apply(config);
            }
        }
    }

    /// The new configuration, if there is one and it is sound.
    async fn again(&mut self, forced: bool) -> Option<Arc<Config>> {
        let sources = Arc::clone(&self.sources);
        let (seen, current) = (self.seen, Arc::clone(&self.current));
        let work = tokio::task::spawn_blocking(move || {
            let now = sources.file.as_deref().and_then(fingerprint);
            let load = forced || now != seen;
            (now, load.then(|| Config::reload(&sources, &current)))
        });
        let (now, loaded) = work.await.ok()?;
        if let (Some(directories), Some(file)) = (&mut self.directories, &self.sources.file) {
            directories.follow(file);
        }
        self.seen = now;
        match loaded? {
            Ok(mut config) => {
                keep(&self.current, &mut config);
                self.current = Arc::new(config);
                tracing::info!("configuration taken");
                Some(Arc::clone(&self.current))
            }
            Err(errors) => {
                tracing::error!("configuration not taken, the old one stays in force\n{errors}");
                None
            }
        }
    }
}

/// Puts back what only a restart can change.
fn keep(old: &Config, new: &mut Config) {
    let mut moved = Vec::new();
    macro_rules! keep {
        ($($room:ident.$field:ident as $key:literal),* $(,)?) => {$(
            if new.$room.$field != old.$room.$field {
                new.$room.$field.clone_from(&old.$room.$field);
                moved.push($key);
            }
        )*};
    }
    keep!(
        server.listen as "server.listen",
        server.admin_listen as "server.admin_listen",
        server.tls as "server.tls",
        server.workers as "server.workers",
        server.drain as "server.drain_seconds",
        server.header_timeout as "server.header_timeout",
        server.body_timeout as "server.body_timeout",
        server.keep_alive as "server.keep_alive",
        server.send_timeout as "server.send_timeout",
        server.max_connections as "server.max_connections",
        storage.data_dir as "storage.data_dir",
    );
    for key in moved {
        tracing::warn!(key, "changed in the configuration; needs a restart to take effect");
    }
}

/// Of the file's content; `None` while it cannot be read.
fn fingerprint(file: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    std::fs::read(file).ok()?.hash(&mut hasher);
    Some(hasher.finish())
}

/// The directories in which a replacement of the file would show: its own, and the one that a link leads to.
struct Directories {
    watcher: RecommendedWatcher,
    target: Option<PathBuf>,
}

impl Directories {
    fn watch(file: &Path, changed: Arc<Notify>) -> Result<Self, WatchError> {
        let refused = |source| WatchError::Directory { file: file.to_owned(), source };
        let handler = move |event: notify::Result<notify::Event>| {
            // Our own reading must not wake us; an overflow or error may hide a change and must.
            let ours = event.is_ok_and(|event| {
                matches!(event.kind, EventKind::Access(kind)
                    if kind != AccessKind::Close(AccessMode::Write))
            });
            if !ours {
                changed.notify_one();
            }
        };
        let mut watcher = notify::recommended_watcher(handler).map_err(refused)?;
        watcher.watch(parent(file), RecursiveMode::NonRecursive).map_err(refused)?;
        let mut directories = Self { watcher, target: None };
        directories.follow(file);
        Ok(directories)
    }

    /// Watches where the file really is, which changes when a link is turned.
    fn follow(&mut self, file: &Path) {
        let own = std::fs::canonicalize(parent(file)).ok();
        let real = std::fs::canonicalize(file).ok();
        let real = real.as_deref().map(|file| parent(file).to_owned());
        let target = real.filter(|real| Some(real) != own.as_ref());
        if target == self.target {
            return;
        }
        if let Some(before) = self.target.take() {
            // It may be gone already, which ends the watch as well.
            let _ = self.watcher.unwatch(&before);
        }
        self.target = target.filter(|now| self.watcher.watch(now, RecursiveMode::NonRecursive).is_ok());
    }
}

fn parent(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// SIGHUP where there is such a thing.
struct Hangup {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Hangup {
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        Ok(Self { signal })
    }

    #[cfg(not(unix))]
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        if self.signal.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}
