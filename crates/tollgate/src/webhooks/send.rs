//! Sends what is to be told, and tries again.

use super::secret::Secrets;
use crate::clock::now_ms;
use crate::ids;
use crate::lines::Lines;
use crate::store::webhooks::{self, MessageRow, WebhookRow};
use crate::store::{Store, StoreError};
use crate::upstream::{Call, CallBody, Network, StrangersUrl};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use ipnet::IpNet;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(15);
/// Waits after each try that failed, in seconds; after the last there is none.
const WAITS: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Messages under way at once, and at once to one address.
const AT_ONCE: usize = 32;
const AT_ONE: usize = 4;
/// Messages that are looked at in one round.
const LOT: i64 = 256;
/// Longest sleep: what another program has written is found then.
const SLEEP: Duration = Duration::from_secs(30);
/// How long what was told, or given up, can be looked at and told again.
const KEPT: i64 = 30 * 86_400_000;
const CLEAN: i64 = 3_600_000;

/// Networks of the operator that may be called although they are not public.
pub type Inside = Arc<dyn Fn() -> Vec<IpNet> + Send + Sync>;

/// The one who sends.
pub struct Sender {
    /// Rows.
    pub store: Store,
    /// Signs.
    pub secrets: Secrets,
    /// Calls.
    pub network: Network,
    /// Rings when there is something to be told.
    pub news: Arc<Notify>,
    /// Networks that may be called.
    pub inside: Inside,
}

impl Sender {
    /// Sends until it is told to stop. What is under way then is told again by the next start, under the same id.
    pub async fn run(self, stop: CancellationToken) {
        let sender = Arc::new(self);
        let mut under_way: JoinSet<MessageRow> = JoinSet::new();
        let mut busy: HashSet<String> = HashSet::new();
        let mut at: HashMap<String, usize> = HashMap::new();
        let mut cleaned = 0;
        loop {
            let now = now_ms();
            let due = webhooks::due(&sender.store, now, LOT).await.unwrap_or_else(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "messages cannot be read");
                Vec::new()
            });
            for message in due {
                let address = at.entry(message.url.clone()).or_default();
                if busy.len() < AT_ONCE && *address < AT_ONE && busy.insert(message.id.clone()) {
                    *address += 1;
                    under_way.spawn(Arc::clone(&sender).tell(message));
                }
            }
            if now.saturating_sub(cleaned) > CLEAN {
                cleaned = now;
                sender.clean(now).await;
            }
            let sleep = sender.sleep(&busy).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = sender.news.notified() => {}
                () = tokio::time::sleep(sleep) => {}
                Some(done) = under_way.join_next(), if !under_way.is_empty() => {
                    if let Ok(message) = done {
                        busy.remove(&message.id);
                        if let Some(count) = at.get_mut(&message.url) {
                            *count -= 1;
                        }
                        at.retain(|_, count| *count > 0);
                    }
                }
            }
        }
    }

    /// Until the next message is due that is not under way.
    async fn sleep(&self, busy: &HashSet<String>) -> Duration {
        match webhooks::next_due(&self.store).await {
            Ok(Some(next)) => {
                let wait = Duration::from_millis(u64::try_from(next.saturating_sub(now_ms())).unwrap_or(0));
                // What is due and cannot be sent waits for one of those that are under way.
                let least = if busy.is_empty() { Duration::from_millis(10) } else { Duration::from_secs(1) };
                wait.clamp(least, SLEEP)
            }
            _ => SLEEP,
        }
    }

    async fn clean(&self, now: i64) {
        let work = async {
            let mut write = self.store.write().await?;
            let count = webhooks::forget(&mut write, now.saturating_sub(KEPT), 10_000).await?;
            write.commit().await?;
            Ok::<_, StoreError>(count)
        };
        if let Err(error) = work.await {
            tracing::error!(error = &error as &dyn std::error::Error, "old messages cannot be removed");
        }
    }

    /// Tells one message once, and notes what became of it.
    async fn tell(self: Arc<Self>, mut message: MessageRow) -> MessageRow {
        let hook = match &message.webhook {
            Some(id) => match webhooks::get(&self.store, id).await {
                Ok(hook) => hook,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "a webhook cannot be read");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    return message;
                }
            },
            None => None,
        };
        let off = message.webhook.is_some() && hook.as_ref().is_none_or(|hook| hook.disabled_at.is_some());
        let mut gone = false;
        if off {
            message.next_at = None;
            message.failed_at = Some(now_ms());
            message.last_error = Some("the webhook is switched off".into());
        } else {
            let said = self.call(&message, hook.as_ref()).await;
            let now = now_ms();
            message.attempts += 1;
            message.last_status = said.as_ref().ok().map(|status| i64::from(status.as_u16()));
            message.last_error = said.as_ref().err().cloned();
            gone = said == Ok(StatusCode::GONE);
            match said {
                Ok(status) if status.is_success() => {
                    message.next_at = None;
                    message.delivered_at = Some(now);
                }
                _ => match next(message.attempts, now) {
                    Some(at) if !gone => message.next_at = Some(at),
                    _ => {
                        message.next_at = None;
                        message.failed_at = Some(now);
                    }
                },
            }
        }
        self.note(&message, gone).await;
        message
    }

    async fn note(&self, message: &MessageRow, gone: bool) {
        let work = async {
            let mut write = self.store.write().await?;
            webhooks::tried(&mut write, message).await?;
            if let (true, Some(id)) = (gone, &message.webhook) {
                webhooks::set_disabled(&mut write, id, Some(now_ms()), Some("it answered 410 Gone")).await?;
            }
            write.commit().await
        };
        if let Err(error) = work.await {
            // It is told again, under the same id.
            tracing::error!(error = &error as &dyn std::error::Error, "what became of a message cannot be noted");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn call(&self, message: &MessageRow, hook: Option<&WebhookRow>) -> Result<StatusCode, String> {
        let url = StrangersUrl::read(&message.url).map_err(|error| format!("the address {error}"))?;
        let now = now_ms();
        let timestamp = now.div_euclid(1_000);
        let mut headers = Lines::with_capacity(8);
        let mut put = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.push(name, value);
            }
        };
        put(header::CONTENT_TYPE, "application/json");
        put(header::USER_AGENT, concat!("tollgate/", env!("CARGO_PKG_VERSION")));
        put(HeaderName::from_static("webhook-id"), &message.id);
        put(HeaderName::from_static("webhook-timestamp"), &timestamp.to_string());
        if let Some(hook) = hook {
            let signature = self.secrets.sign(hook, &message.id, timestamp, &message.payload, now);
            put(HeaderName::from_static("webhook-signature"), &signature);
        }
        let body = CallBody::Whole(message.payload.clone().into());
        let call = Call { method: Method::POST, path: url.path().to_owned(), headers, body };
        let inside = (self.inside)();
        match tokio::time::timeout(ANSWER, self.network.call_stranger(&url, call, &inside)).await {
            Ok(Ok(reply)) => Ok(reply.status),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".into()),
        }
    }
}

/// When to try again after so many tries; `None` if it is enough.
fn next(attempts: i64, now: i64) -> Option<i64> {
    let wait = usize::try_from(attempts - 1).ok().and_then(|index| WAITS.get(index))? * 1_000;
    let wait = wait + ids::below(wait / 10);
    Some(now.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        assert_eq!(next(10, 0), None);
        let waits: Vec<i64> = (1..10).filter_map(|attempts| next(attempts, 0)).collect();
        assert!(waits.is_sorted() && waits.len() == 9, "{waits:?}");
        assert!((5_000..=5_500).contains(waits.first().unwrap_or(&0)), "{waits:?}");
    }
}
