//! Making, changing and revoking keys and projects.
//!
//! Each write and its audit row are one transaction. Callers that serve refresh the index afterwards; the command
//! line does not have one. Used by the admin API and the command line alike.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::secret::{self, Kind, Pepper};
use super::{Invalid, KeySpec, Mode, ProjectSpec, view};
use crate::config::Secret;
use crate::ids::{self, NoRandomness};
use crate::store::audit::AuditRow;
use crate::store::keys::KeyRow;
use crate::store::projects::ProjectRow;
use crate::store::{self, Store, StoreError, Write};

/// Who writes, and when.
#[derive(Debug, Clone)]
pub struct Actor {
    /// An admin key's id, `env`, `cli` or `tollgate`.
    pub name: Arc<str>,
    /// Client address, where there is one.
    pub peer: Option<IpAddr>,
    /// Unix milliseconds.
    pub now_ms: i64,
}

/// Why a write was not done.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// A field breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No such key or project.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A revoked key stays as it was.
    #[error("the key is revoked")]
    Revoked,
    /// No secret could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a key. The secret is in the answer and nowhere else.
pub async fn create_key(
    store: &Store,
    pepper: &Pepper,
    spec: &KeySpec,
    actor: &Actor,
) -> Result<(KeyRow, Secret), ManageError> {
    spec.check()?;
    let kind = match spec.mode {
        Mode::Live => Kind::Live,
        Mode::Test => Kind::Test,
    };
    let secret = secret::generate(kind)?;
    let mut write = store.write().await?;
    if store::projects::get_for_write(&mut write, &spec.project).await?.is_none() {
        return Err(Invalid::new("project", "there is no such project").into());
    }
    let mut row = KeyRow {
        id: ids::new("key_", actor.now_ms)?,
        digest: pepper.digest(secret.expose().as_bytes()).bytes().to_vec(),
        hint: secret::hint(&secret),
        name: String::new(),
        mode: spec.mode.as_str().to_owned(),
        project_id: spec.project.clone(),
        allowed_models: String::new(),
        allowed_ips: String::new(),
        expires_at: None,
        budget_nano_usd: None,
        budget_window: None,
        budget_mode: None,
        requests_per_minute: None,
        tokens_per_minute: None,
        concurrency: None,
        metadata: String::new(),
        created_at: actor.now_ms,
        updated_at: actor.now_ms,
        revoked_at: None,
        revision: store::revision::next(&mut write).await?,
    };
    spec.fill(&mut row);
    store::keys::insert(&mut write, &row).await?;
    let after = view::key(&row, actor.now_ms)?;
    note(&mut write, actor, "key.create", (&row.id, row.revision), None, Some(after)).await?;
    write.commit().await?;
    Ok((row, secret))
}

/// Changes a key: `edit` sees it as it is and may change all but mode and project.
pub async fn update_key(
    store: &Store,
    id: &str,
    actor: &Actor,
    edit: impl FnOnce(&mut KeySpec) -> Result<(), Invalid>,
) -> Result<KeyRow, ManageError> {
    let mut write = store.write().await?;
    let mut row = store::keys::get_for_write(&mut write, id).await?.ok_or(ManageError::NotFound("key"))?;
    if row.revoked_at.is_some() {
        return Err(ManageError::Revoked);
    }
    let before = view::key(&row, actor.now_ms)?;
    let mut spec = KeySpec::from_row(&row)?;
    edit(&mut spec)?;
    spec.check()?;
    spec.fill(&mut row);
    save_key(&mut write, &mut row, actor, "key.update", before).await?;
    write.commit().await?;
    Ok(row)
}

/// Revokes a key for ever. Revoking it again changes nothing and is no error.
pub async fn revoke_key(store: &Store, id: &str, actor: &Actor) -> Result<KeyRow, ManageError> {
    let mut write = store.write().await?;
    let mut row = store::keys::get_for_write(&mut write, id).await?.ok_or(ManageError::NotFound("key"))?;
    if row.revoked_at.is_some() {
        return Ok(row);
    }
    let before = view::key(&row, actor.now_ms)?;
    row.revoked_at = Some(actor.now_ms);
    save_key(&mut write, &mut row, actor, "key.revoke", before).await?;
    write.commit().await?;
    Ok(row)
}

/// Makes a project; `id` only for the one that is always there.
pub async fn create_project(
    store: &Store,
    id: Option<&str>,
    spec: &ProjectSpec,
    actor: &Actor,
) -> Result<ProjectRow, ManageError> {
    spec.check()?;
    let id = id.map_or_else(|| ids::new("proj_", actor.now_ms), |id| Ok(id.to_owned()))?;
    let mut write = store.write().await?;
    let mut row = ProjectRow {
        id,
        name: String::new(),
        budget_nano_usd: None,
        budget_window: None,
        budget_mode: None,
        requests_per_minute: None,
        tokens_per_minute: None,
        concurrency: None,
        metadata: String::new(),
        created_at: actor.now_ms,
        updated_at: actor.now_ms,
        revision: store::revision::next(&mut write).await?,
    };
    spec.fill(&mut row);
    store::projects::insert(&mut write, &row).await?;
    let after = view::project(&row)?;
    note(&mut write, actor, "project.create", (&row.id, row.revision), None, Some(after)).await?;
    write.commit().await?;
    Ok(row)
}

/// Changes a project.
pub async fn update_project(
    store: &Store,
    id: &str,
    actor: &Actor,
    edit: impl FnOnce(&mut ProjectSpec) -> Result<(), Invalid>,
) -> Result<ProjectRow, ManageError> {
    let mut write = store.write().await?;
    let mut row = store::projects::get_for_write(&mut write, id).await?.ok_or(ManageError::NotFound("project"))?;
    let before = view::project(&row)?;
    let mut spec = ProjectSpec::from_row(&row)?;
    edit(&mut spec)?;
    spec.check()?;
    spec.fill(&mut row);
    row.updated_at = actor.now_ms;
    row.revision = store::revision::next(&mut write).await?;
    store::projects::update(&mut write, &row).await?;
    let after = view::project(&row)?;
    note(&mut write, actor, "project.update", (&row.id, row.revision), Some(before), Some(after)).await?;
    write.commit().await?;
    Ok(row)
}

async fn save_key(
    write: &mut Write,
    row: &mut KeyRow,
    actor: &Actor,
    action: &str,
    before: Map<String, Value>,
) -> Result<(), ManageError> {
    row.updated_at = actor.now_ms;
    row.revision = store::revision::next(write).await?;
    store::keys::update(write, row).await?;
    let after = view::key(row, actor.now_ms)?;
    note(write, actor, action, (&row.id, row.revision), Some(before), Some(after)).await
}

/// Appends the audit row of a write that made `revision`.
pub async fn note(
    write: &mut Write,
    actor: &Actor,
    action: &str,
    (object, revision): (&str, i64),
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
) -> Result<(), ManageError> {
    let text = |object: Map<String, Value>| Value::Object(object).to_string();
    let row = AuditRow {
        seq: revision,
        at: actor.now_ms,
        actor: actor.name.to_string(),
        peer: actor.peer.map(|peer| peer.to_string()),
        action: action.to_owned(),
        object: object.to_owned(),
        before: before.map(text),
        after: after.map(text),
    };
    Ok(store::audit::append(write, &row).await?)
}
