//! Opening an installation, and the first start of a fresh one.
//!
//! Owns what a fresh data dir gets: a pepper, the default project, an admin key and a test key. Their secrets are
//! in the answer once, for the one who prints them, and nowhere else.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::admin_key::{AdminKeys, TooShort};
use super::manage::{self, Actor, ManageError};
use super::secret::{self, Digest, Kind, Pepper};
use super::{DEFAULT_PROJECT, KeySpec, Keys, Mode, ProjectSpec};
use crate::config::Secret;
use crate::store::admin_keys::AdminKeyRow;
use crate::store::{self, DataDir, DataDirError, ServeLock, Store, StoreError};
use crate::{clock, ids};

/// Why an installation could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The data dir is somebody else's, or broken.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first rows could not be written.
    #[error(transparent)]
    Manage(#[from] ManageError),
    /// The operator's admin key is too weak.
    #[error(transparent)]
    AdminKey(#[from] TooShort),
    /// The blocking part was lost.
    #[error("setting up the data dir was interrupted")]
    Interrupted,
}

/// Secrets to print once; `None` where there is nothing new.
#[derive(Debug, Default)]
pub struct FirstRun {
    /// `tg-admin-…`
    pub admin: Option<Secret>,
    /// `sk-tg-test-…`
    pub test: Option<Secret>,
}

/// Everything that `serve` needs of this room.
#[derive(Debug)]
pub struct Installation {
    /// Keeps other servers out; hold it as long as anything is written.
    pub lock: ServeLock,
    /// The database.
    pub store: Store,
    /// For digests of new keys.
    pub pepper: Pepper,
    /// The index, loaded.
    pub keys: Keys,
    /// Who may administer.
    pub admin: AdminKeys,
    /// What to print.
    pub first_run: FirstRun,
}

/// Opens a data dir for serving: takes the lock, sets up what is missing, loads the keys. `admin_key` is the value of
/// `TOLLGATE_ADMIN_KEY`, where set: it stands instead of stored admin keys, and then no secret is made.
pub async fn start(data_dir: &Path, admin_key: Option<&Secret>) -> Result<Installation, BootError> {
    let dir = DataDir::create(data_dir)?;
    let lock = dir.lock_for_serving()?;
    let (store, pepper) = open(&dir).await?;
    let (admin, first_run) = match admin_key {
        Some(key) => (AdminKeys::chosen(pepper.clone(), key)?, FirstRun::default()),
        None => first_run(&store, &pepper).await?,
    };
    let keys = Keys::new(pepper.clone());
    keys.refresh(&store).await?;
    Ok(Installation { lock, store, pepper, keys, admin, first_run })
}

/// Opens the database of a data dir without serving from it, as the command line does while `serve` runs.
pub async fn open(dir: &DataDir) -> Result<(Store, Pepper), BootError> {
    let waiting = dir.clone();
    let held =
        tokio::task::spawn_blocking(move || waiting.lock_for_setup()).await.map_err(|_| BootError::Interrupted)??;
    let pepper = Pepper::new(&dir.pepper(&held)?);
    let store = Store::open(dir).await?;
    check_pepper(dir, &store, &pepper).await?;
    if store::projects::get(&store, DEFAULT_PROJECT).await?.is_none() {
        manage::create_project(&store, Some(DEFAULT_PROJECT), &ProjectSpec::new("default"), &ourselves()).await?;
    }
    drop(held);
    Ok((store, pepper))
}

/// A database whose digests were made with another pepper would refuse every key without saying why.
async fn check_pepper(dir: &DataDir, store: &Store, pepper: &Pepper) -> Result<(), BootError> {
    const FACT: &str = "pepper_fingerprint";
    let mut write = store.write().await?;
    match store::revision::fact(&mut write, FACT).await? {
        Some(known) if known == pepper.fingerprint() => Ok(()),
        Some(_) => Err(DataDirError::PepperWrong(dir.pepper_file()).into()),
        None => {
            store::revision::put_fact(&mut write, FACT, &pepper.fingerprint()).await?;
            Ok(write.commit().await?)
        }
    }
}

/// Makes an admin key if there is none, and with it a test key if there is no key at all.
async fn first_run(store: &Store, pepper: &Pepper) -> Result<(AdminKeys, FirstRun), BootError> {
    let mut first_run = FirstRun::default();
    let mut rows = store::admin_keys::all(store).await?;
    if rows.is_empty() {
        let (row, secret) = make_admin_key(store, pepper).await?;
        rows.push(row);
        first_run.admin = Some(secret);
        if !store::keys::any(store).await? {
            let spec = KeySpec::new("first test key", Mode::Test);
            let (_, secret) = manage::create_key(store, pepper, &spec, &ourselves()).await?;
            first_run.test = Some(secret);
        }
    }
    let known: Option<Vec<_>> =
        rows.iter().map(|row| Some((Arc::from(row.id.as_str()), Digest::from_stored(&row.digest)?))).collect();
    let known = known.ok_or(StoreError::Unreadable("admin_keys.digest"))?;
    Ok((AdminKeys::stored(pepper.clone(), known), first_run))
}

async fn make_admin_key(store: &Store, pepper: &Pepper) -> Result<(AdminKeyRow, Secret), ManageError> {
    let actor = ourselves();
    let secret = secret::generate(Kind::Admin)?;
    let row = AdminKeyRow {
        id: ids::new("admin_", actor.now_ms)?,
        digest: pepper.digest(secret.expose().as_bytes()).bytes().to_vec(),
        hint: secret::hint(&secret),
        created_at: actor.now_ms,
    };
    let mut write = store.write().await?;
    let revision = store::revision::next(&mut write).await?;
    store::admin_keys::insert(&mut write, &row).await?;
    let mut after = Map::new();
    after.insert("id".into(), Value::from(row.id.as_str()));
    after.insert("hint".into(), format!("tg-admin-…{}", row.hint).into());
    manage::note(&mut write, &actor, "admin_key.create", (&row.id, revision), None, Some(after)).await?;
    write.commit().await?;
    Ok((row, secret))
}

fn ourselves() -> Actor {
    Actor { name: "tollgate".into(), peer: None, now_ms: clock::now_ms() }
}
