//! Secrets of webhooks. They are made from the installation's key and a salt, and stored nowhere.

use crate::keys::secret::Pepper;
use crate::store::webhooks::WebhookRow;
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a salt.
const SALT: usize = 16;
/// How long the secret before still counts after a rotation, in milliseconds.
const BOTH: i64 = 24 * 3_600_000;

/// Makes webhooks' secrets.
#[derive(Clone)]
pub struct Secrets(Pepper);

impl Secrets {
    /// Of this installation.
    pub fn new(pepper: Pepper) -> Self {
        Self(pepper)
    }

    /// A new salt.
    pub(super) fn salt() -> Result<Vec<u8>, crate::ids::NoRandomness> {
        let mut salt = vec![0; SALT];
        rand::fill(&mut salt).map_err(|_| crate::ids::NoRandomness)?;
        Ok(salt)
    }

    /// The secret as its owner is shown it, once.
    pub(super) fn shown(&self, row: &WebhookRow) -> String {
        format!("whsec_{}", STANDARD.encode(self.key(&row.id, &row.secret)))
    }

    /// Gives a webhook a new secret; the one that it has counts for a day more.
    pub(super) fn rotate(row: &mut WebhookRow, now_ms: i64) -> Result<(), crate::ids::NoRandomness> {
        let mut before = std::mem::replace(&mut row.secret, Self::salt()?);
        before.extend_from_slice(&now_ms.saturating_add(BOTH).to_be_bytes());
        row.secret_before = Some(before);
        Ok(())
    }

    /// The header `webhook-signature`: one signature, two while two secrets count.
    pub(super) fn sign(&self, row: &WebhookRow, id: &str, timestamp: i64, payload: &[u8], now_ms: i64) -> String {
        let mut signed = format!("{id}.{timestamp}.").into_bytes();
        signed.extend_from_slice(payload);
        let one = |salt: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key(&row.id, salt));
            format!("v1,{}", STANDARD.encode(hmac::sign(&key, &signed)))
        };
        let before = row.secret_before.as_deref().and_then(|before| before.split_at_checked(SALT));
        let before = before
            .filter(|(_, until)| <[u8; 8]>::try_from(*until).is_ok_and(|until| now_ms < i64::from_be_bytes(until)));
        match before {
            Some((salt, _)) => format!("{} {}", one(&row.secret), one(salt)),
            None => one(&row.secret),
        }
    }

    fn key(&self, id: &str, salt: &[u8]) -> [u8; 32] {
        let mut text = format!("tollgate secret of a webhook 1\n{id}\n").into_bytes();
        text.extend_from_slice(salt);
        *self.0.digest(&text).bytes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn two_secrets_count_for_a_day() {
        let secrets = Secrets::new(Pepper::new(&[7; 32]));
        let mut row = WebhookRow {
            id: "whk_1".into(),
            url: String::new(),
            secret: Secrets::salt().unwrap(),
            secret_before: None,
            events: "[]".into(),
            project_id: None,
            created_at: 0,
            disabled_at: None,
            reason: None,
        };
        let first = secrets.shown(&row);
        let one = secrets.sign(&row, "msg_1", 5, b"{}", 0);
        // As the form has it: HMAC-SHA256 over `id.timestamp.body` under the decoded secret.
        let key = STANDARD.decode(first.strip_prefix("whsec_").unwrap()).unwrap();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), b"msg_1.5.{}");
        assert_eq!(one, format!("v1,{}", STANDARD.encode(tag)));
        Secrets::rotate(&mut row, 0).unwrap();
        assert_ne!(secrets.shown(&row), first);
        let both = secrets.sign(&row, "msg_1", 5, b"{}", BOTH - 1);
        let (new, old) = both.split_once(' ').unwrap();
        assert_eq!(old, one);
        assert_eq!(secrets.sign(&row, "msg_1", 5, b"{}", BOTH), new);
    }
}
