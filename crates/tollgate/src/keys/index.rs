//! All keys in memory, so that the hot path never asks the database.
//!
//! A secret's digest decides one of 256 shards, each an immutable sorted list behind an atomic pointer: readers
//! neither lock nor allocate, and a change copies one shard (about 400 entries of 100,000). Looking up a key that
//! does not exist leaves nothing behind. Filled by `watch.rs` from rows alone.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::secret::{Digest, Kind, Pepper, kind_of};
use super::spec::parse_ranges;
use super::{Key, KeySpec, Project, ProjectSpec};
use crate::clock;
use crate::store::StoreError;
use crate::store::keys::KeyRow;
use crate::store::projects::ProjectRow;

const SHARDS: usize = 256;

/// Why a secret opens nothing. Callers of the gateway see one 401 for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the form of a live or test key, or a wrong check: a typo.
    #[error("not a key")]
    Malformed,
    /// Well formed but not known.
    #[error("unknown key")]
    Unknown,
    /// Its time is over.
    #[error("expired key")]
    Expired,
    /// It was revoked.
    #[error("revoked key")]
    Revoked,
}

/// The index of all keys. Clones share it.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    pepper: Pepper,
    shards: Vec<ArcSwap<Vec<Entry>>>,
    epoch: AtomicU64,
    /// Taken by those who change the index, never by those who read it.
    loaded: Arc<Mutex<Loaded>>,
}

#[derive(Clone)]
struct Entry {
    digest: Digest,
    revoked: bool,
    key: Arc<Key>,
}

/// What the index knows of the database.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) revision: i64,
    projects: HashMap<Arc<str>, Arc<Project>>,
}

/// Rows to take in; a key's project is among the projects or known already.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) revision: i64,
    pub(super) keys: Vec<KeyRow>,
    pub(super) projects: Vec<ProjectRow>,
}

impl Keys {
    /// An empty index.
    pub fn new(pepper: Pepper) -> Self {
        Self(Arc::new(Inner {
            pepper,
            shards: std::iter::repeat_with(ArcSwap::default).take(SHARDS).collect(),
            epoch: AtomicU64::new(0),
            loaded: Arc::default(),
        }))
    }

    /// The key that a secret opens now.
    pub fn authenticate(&self, secret: &[u8]) -> Result<Arc<Key>, KeyError> {
        self.authenticate_at(secret, clock::now_ms())
    }

    /// The key that a secret opens at `now_ms` (unix milliseconds).
    pub fn authenticate_at(&self, secret: &[u8], now_ms: i64) -> Result<Arc<Key>, KeyError> {
        match kind_of(secret) {
            Some(Kind::Live | Kind::Test) => {}
            Some(Kind::Admin) | None => return Err(KeyError::Malformed),
        }
        let digest = self.0.pepper.digest(secret);
        let shard = self.0.shards[shard_of(&digest)].load();
        let entry = position(&shard, &digest).ok().and_then(|at| shard.get(at));
        let entry = entry.ok_or(KeyError::Unknown)?;
        if entry.revoked {
            return Err(KeyError::Revoked);
        }
        if entry.key.expired(now_ms) {
            return Err(KeyError::Expired);
        }
        Ok(Arc::clone(&entry.key))
    }

    /// A key by its public id, and whether it was revoked; it may have expired. Looks through all of them.
    pub fn find(&self, id: &str) -> Option<(Arc<Key>, bool)> {
        self.0.shards.iter().find_map(|shard| {
            let shard = shard.load();
            let entry = shard.iter().find(|entry| &*entry.key.id == id)?;
            Some((Arc::clone(&entry.key), entry.revoked))
        })
    }

    /// Changes with every change of any key or project. A connection may remember a key together with the epoch
    /// that it read *before* authenticating, and use it while the epoch stands and [`Key::expired`] says no.
    pub fn epoch(&self) -> u64 {
        self.0.epoch.load(Ordering::Acquire)
    }

    /// Keys in the index, revoked and expired ones included.
    pub fn count(&self) -> usize {
        self.0.shards.iter().map(|shard| shard.load().len()).sum()
    }

    pub(super) async fn loaded(&self) -> OwnedMutexGuard<Loaded> {
        Arc::clone(&self.0.loaded).lock_owned().await
    }

    /// Takes in changed rows. A row that cannot be understood closes its key: better refused than unlimited.
    pub(super) fn apply(&self, loaded: &mut Loaded, changes: &Changes) {
        let changed = take_projects(&mut loaded.projects, &changes.projects);
        let mut shards: HashMap<usize, Vec<Entry>> = HashMap::new();
        if !changed.is_empty() {
            self.move_to(&changed, &loaded.projects, &mut shards);
        }
        for row in &changes.keys {
            let Some(digest) = Digest::from_stored(&row.digest) else {
                tracing::error!(key = row.id, "stored key has no usable digest");
                continue;
            };
            let entry = entry(row, digest, &loaded.projects).map_err(|error| {
                tracing::error!(key = row.id, %error, "stored key is unreadable and stays closed");
            });
            let at = shard_of(&digest);
            let shard = shards.entry(at).or_insert_with(|| Vec::clone(&self.0.shards[at].load()));
            match (position(shard, &digest), entry) {
                (Ok(at), Ok(entry)) => shard[at] = entry,
                (Err(at), Ok(entry)) => shard.insert(at, entry),
                (Ok(at), Err(())) => drop(shard.remove(at)),
                (Err(_), Err(())) => {}
            }
        }
        let any = !shards.is_empty();
        for (at, shard) in shards {
            self.0.shards[at].store(Arc::new(shard));
        }
        loaded.revision = changes.revision;
        if any {
            self.0.epoch.fetch_add(1, Ordering::Release);
        }
    }

    /// Gives the keys of changed projects their project's new limits; without a readable project they close.
    fn move_to(
        &self,
        changed: &HashSet<Arc<str>>,
        projects: &HashMap<Arc<str>, Arc<Project>>,
        shards: &mut HashMap<usize, Vec<Entry>>,
    ) {
        for (at, shard) in self.0.shards.iter().enumerate() {
            let old = shard.load();
            if !old.iter().any(|entry| changed.contains(&entry.key.project_id)) {
                continue;
            }
            let moved = old.iter().filter_map(|entry| {
                if !changed.contains(&entry.key.project_id) {
                    return Some(entry.clone());
                }
                let project = Arc::clone(projects.get(&entry.key.project_id)?);
                let key = Arc::new(Key { project, ..Key::clone(&entry.key) });
                Some(Entry { key, ..entry.clone() })
            });
            shards.insert(at, moved.collect());
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("count", &self.count()).field("epoch", &self.epoch()).finish()
    }
}

/// Takes in project rows and names those that were known before.
fn take_projects(known: &mut HashMap<Arc<str>, Arc<Project>>, rows: &[ProjectRow]) -> HashSet<Arc<str>> {
    let mut changed = HashSet::new();
    for row in rows {
        let id: Arc<str> = row.id.as_str().into();
        let before = match ProjectSpec::from_row(row) {
            Ok(spec) => {
                let project = Project { id: id.clone(), budget: spec.budget, limits: spec.limits };
                known.insert(id.clone(), Arc::new(project))
            }
            Err(error) => {
                tracing::error!(project = row.id, %error, "stored project is unreadable; its keys stay closed");
                known.remove(&id)
            }
        };
        if before.is_some() {
            changed.insert(id);
        }
    }
    changed
}

fn entry(row: &KeyRow, digest: Digest, projects: &HashMap<Arc<str>, Arc<Project>>) -> Result<Entry, StoreError> {
    let spec = KeySpec::from_row(row)?;
    let project = projects.get(row.project_id.as_str()).ok_or(StoreError::Unreadable("keys.project_id"))?;
    let key = Key {
        id: row.id.as_str().into(),
        project_id: Arc::clone(&project.id),
        name: spec.name,
        mode: spec.mode,
        expires_at: spec.expires_at,
        allowed_models: spec.allowed_models,
        allowed_ips: parse_ranges(&spec.allowed_ips).map_err(|_| StoreError::Unreadable("keys.allowed_ips"))?,
        budget: spec.budget,
        limits: spec.limits,
        project: Arc::clone(project),
    };
    Ok(Entry { digest, revoked: row.revoked_at.is_some(), key: Arc::new(key) })
}

fn shard_of(digest: &Digest) -> usize {
    let [.., last] = *digest.bytes();
    usize::from(last)
}

/// Where a digest is in a shard, or where it belongs. The search goes by the digest's first bytes, which nobody can
/// choose without the pepper; what is found is compared whole, in constant time.
fn position(shard: &[Entry], digest: &Digest) -> Result<usize, usize> {
    let rank = digest.rank();
    let first = shard.partition_point(|entry| entry.digest.rank() < rank);
    shard
        .iter()
        .enumerate()
        .skip(first)
        .take_while(|(_, entry)| entry.digest.rank() == rank)
        .find(|(_, entry)| entry.digest.matches(digest))
        .map_or(Err(first), |(at, _)| Ok(at))
}

#[cfg(test)]
mod tests;
