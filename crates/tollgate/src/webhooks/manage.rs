//! Making and changing webhooks, each with its audit row in one transaction; and how operators see them.

use super::check_url;
use super::secret::Secrets;
use crate::clock;
use crate::ids;
use crate::keys::Invalid;
use crate::keys::manage::{Actor, ManageError, note};
use crate::store::webhooks::{self, MessageRow, WebhookRow};
use crate::store::{self, Store, StoreError, Write};
use ipnet::IpNet;
use serde_json::{Map, Value, json};

/// Webhooks of one installation.
const MOST: usize = 100;

/// Makes a webhook. Its secret is in the answer and nowhere else.
pub async fn create(
    store: &Store,
    secrets: &Secrets,
    inside: &[IpNet],
    url: &str,
    (events, known): (Vec<String>, &[&str]),
    project: Option<String>,
    actor: &Actor,
) -> Result<(WebhookRow, String), ManageError> {
    check_url(url, inside)?;
    if events.iter().any(|event| !known.contains(&event.as_str())) {
        return Err(Invalid::new("events", format!("must be of {}", known.join(", "))).into());
    }
    if webhooks::page(store, None, i64::MAX).await?.len() >= MOST {
        return Err(Invalid::new("url", format!("would be one more than {MOST} webhooks")).into());
    }
    let mut write = store.write().await?;
    if let Some(project) = &project
        && store::projects::get_for_write(&mut write, project).await?.is_none()
    {
        return Err(Invalid::new("project", "there is no such project").into());
    }
    let row = WebhookRow {
        id: ids::new("whk_", actor.now_ms)?,
        url: url.to_owned(),
        secret: Secrets::salt()?,
        secret_before: None,
        events: Value::from(events).to_string(),
        project_id: project,
        created_at: actor.now_ms,
        disabled_at: None,
        reason: None,
    };
    webhooks::insert(&mut write, &row).await?;
    audited(&mut write, actor, "webhook.create", None, Some(&row)).await?;
    write.commit().await?;
    let secret = secrets.shown(&row);
    Ok((row, secret))
}

/// Gives a webhook a new secret, which is in the answer; the one before counts for a day more.
pub async fn rotate(
    store: &Store,
    secrets: &Secrets,
    id: &str,
    actor: &Actor,
) -> Result<(WebhookRow, String), ManageError> {
    let mut write = store.write().await?;
    let mut row = webhooks::get_for_write(&mut write, id).await?.ok_or(ManageError::NotFound("webhook"))?;
    let before = row.clone();
    Secrets::rotate(&mut row, actor.now_ms)?;
    webhooks::set_secret(&mut write, &row).await?;
    audited(&mut write, actor, "webhook.rotate", Some(&before), Some(&row)).await?;
    write.commit().await?;
    let secret = secrets.shown(&row);
    Ok((row, secret))
}

/// Switches a webhook off or on again.
pub async fn set_disabled(store: &Store, id: &str, off: bool, actor: &Actor) -> Result<WebhookRow, ManageError> {
    let mut write = store.write().await?;
    let mut row = webhooks::get_for_write(&mut write, id).await?.ok_or(ManageError::NotFound("webhook"))?;
    if row.disabled_at.is_some() == off {
        return Ok(row);
    }
    let before = row.clone();
    row.disabled_at = off.then_some(actor.now_ms);
    row.reason = off.then(|| "an operator switched it off".to_owned());
    webhooks::set_disabled(&mut write, id, row.disabled_at, row.reason.as_deref()).await?;
    audited(&mut write, actor, "webhook.update", Some(&before), Some(&row)).await?;
    write.commit().await?;
    Ok(row)
}

/// Takes a webhook away, with what it was still to be told.
pub async fn delete(store: &Store, id: &str, actor: &Actor) -> Result<WebhookRow, ManageError> {
    let mut write = store.write().await?;
    let row = webhooks::get_for_write(&mut write, id).await?.ok_or(ManageError::NotFound("webhook"))?;
    webhooks::delete(&mut write, id).await?;
    audited(&mut write, actor, "webhook.delete", Some(&row), None).await?;
    write.commit().await?;
    Ok(row)
}

/// What a webhook was told, newest first.
pub async fn messages_of(
    store: &Store,
    id: &str,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<MessageRow>, ManageError> {
    webhooks::get(store, id).await?.ok_or(ManageError::NotFound("webhook"))?;
    Ok(webhooks::messages(store, Some(id), None, after, limit).await?)
}

/// Tells a message again, under the id that it has, from its first try on.
pub async fn replay(store: &Store, webhook: &str, id: &str, actor: &Actor) -> Result<MessageRow, ManageError> {
    let message = webhooks::message(store, id).await?;
    let mut message = message
        .filter(|message| message.webhook.as_deref() == Some(webhook))
        .ok_or(ManageError::NotFound("message"))?;
    message.attempts = 0;
    message.next_at = Some(actor.now_ms);
    (message.failed_at, message.delivered_at) = (None, None);
    let mut write = store.write().await?;
    webhooks::tried(&mut write, &message).await?;
    let revision = store::revision::next(&mut write).await?;
    note(&mut write, actor, "webhook.replay", (id, revision), None, None).await?;
    write.commit().await?;
    Ok(message)
}

async fn audited(
    write: &mut Write,
    actor: &Actor,
    action: &str,
    before: Option<&WebhookRow>,
    after: Option<&WebhookRow>,
) -> Result<(), ManageError> {
    let revision = store::revision::next(write).await?;
    let id = after.or(before).map(|row| row.id.clone()).unwrap_or_default();
    let show = |row: Option<&WebhookRow>| row.map(shown).transpose();
    note(write, actor, action, (&id, revision), show(before)?, show(after)?).await
}

/// A webhook for operators. Its secret is not in it.
pub fn shown(row: &WebhookRow) -> Result<Map<String, Value>, StoreError> {
    let events: Value = serde_json::from_str(&row.events).map_err(|_| StoreError::Unreadable("webhooks"))?;
    let mut object = Map::new();
    object.insert("id".into(), row.id.as_str().into());
    object.insert("url".into(), row.url.as_str().into());
    object.insert("events".into(), events);
    object.insert("project".into(), row.project_id.clone().into());
    object.insert("created_at".into(), clock::print(row.created_at).into());
    object.insert("disabled_at".into(), row.disabled_at.map(clock::print).into());
    object.insert("reason".into(), row.reason.clone().into());
    Ok(object)
}

/// A message for operators.
pub fn shown_message(row: &MessageRow) -> Map<String, Value> {
    let status = match (row.delivered_at, row.failed_at) {
        (Some(_), _) => "delivered",
        (None, Some(_)) => "failed",
        (None, None) if row.next_at.is_none() => "dropped",
        (None, None) => "waiting",
    };
    let payload: Value = serde_json::from_slice(&row.payload).unwrap_or(Value::Null);
    let object = json!({
        "id": row.id,
        "webhook": row.webhook,
        "url": row.url,
        "event": row.event,
        "status": status,
        "attempts": row.attempts,
        "created_at": clock::print(row.created_at),
        "next_at": row.next_at.map(clock::print),
        "delivered_at": row.delivered_at.map(clock::print),
        "failed_at": row.failed_at.map(clock::print),
        "last_status": row.last_status,
        "last_error": row.last_error,
        "payload": payload,
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
