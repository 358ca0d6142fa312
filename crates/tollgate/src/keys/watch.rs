//! Keeps the index like the database: at once for this process's changes, within a second for those of others.
//!
//! Reads only rows whose revision is new. Never writes.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Keys;
use super::index::Changes;
use crate::store::{self, Store, StoreError, Watcher};

/// How often other processes' changes are looked for; with one read on top, well within the promised second.
const POLL: Duration = Duration::from_millis(250);

/// Keys read at once; bounds the memory that a start with very many keys takes.
const PAGE: i64 = 10_000;

impl Keys {
    /// Takes in everything that was committed so far. Whoever changes a key calls this before saying that it is done.
    pub async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        self.refresh_by(store, PAGE).await
    }

    async fn refresh_by(&self, store: &Store, page: i64) -> Result<(), StoreError> {
        let mut loaded = self.loaded().await;
        let revision = store::revision::current(store).await?;
        while loaded.revision < revision {
            // Keys before projects: a project that came in between is then there for sure. Rows that are newer than
            // `revision` do no harm, they are read once more next time.
            let keys = store::keys::changed_since(store, loaded.revision, page).await?;
            let projects = store::projects::changed_since(store, loaded.revision).await?;
            let full = i64::try_from(keys.len()).is_ok_and(|count| count == page);
            let last = keys.last().map(|row| row.revision).filter(|_| full);
            let changes = Changes { revision: last.unwrap_or(revision), keys, projects };
            let index = self.clone();
            // Off the workers: a project with very many keys takes some milliseconds.
            let work = move || {
                index.apply(&mut loaded, &changes);
                loaded
            };
            loaded = tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Interrupted)?;
        }
        Ok(())
    }
}

/// Follows the database until told to stop. A database that fails is asked again; the keys stay as they were last
/// seen, so that a full disk or a lock does not turn into refused keys.
pub async fn watch(store: Store, keys: Keys, stop: CancellationToken) {
    let mut watcher = None;
    let mut seen = None;
    let mut failing = false;
    loop {
        match look(&store, &keys, &mut watcher, seen).await {
            Ok(version) => {
                seen = Some(version);
                failing = false;
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot look for changed keys");
                }
                failing = true;
                watcher = None;
                seen = None;
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(POLL) => {}
        }
    }
    if let Some(watcher) = watcher {
        // The database is intact either way; this only frees the connection's thread sooner.
        let _ = watcher.close().await;
    }
}

async fn look(store: &Store, keys: &Keys, watcher: &mut Option<Watcher>, seen: Option<i64>) -> Result<i64, StoreError> {
    let watcher = match watcher {
        Some(watcher) => watcher,
        None => watcher.insert(store.watcher().await?),
    };
    let version = watcher.version().await?;
    if seen != Some(version) {
        keys.refresh(store).await?;
    }
    Ok(version)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::keys::bootstrap;
    use crate::keys::manage::{self, Actor};
    use crate::keys::{KeySpec, Mode, ProjectSpec};
    use crate::store::DataDir;

    #[tokio::test]
    async fn pages_miss_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let (store, pepper) = bootstrap::open(&DataDir::create(parent.path()).unwrap()).await.unwrap();
        let actor = Actor { name: "test".into(), peer: None, now_ms: 1 };
        let mut secrets = Vec::new();
        for n in 0..7 {
            let mut spec = KeySpec::new(n.to_string(), Mode::Live);
            if n % 2 == 0 {
                let project = ProjectSpec::new("p");
                spec.project = manage::create_project(&store, None, &project, &actor).await.unwrap().id;
            }
            secrets.push(manage::create_key(&store, &pepper, &spec, &actor).await.unwrap().1);
        }
        for page in [1, 2, 3, 7, 8] {
            let keys = Keys::new(pepper.clone());
            keys.refresh_by(&store, page).await.unwrap();
            let opens = |secret: &&crate::config::Secret| keys.authenticate(secret.expose().as_bytes()).is_ok();
            assert_eq!(secrets.iter().filter(opens).count(), 7, "{page}");
            assert_eq!(keys.loaded().await.revision, store::revision::current(&store).await.unwrap());
        }
    }
}
