//! Who may administer: the digests of admin keys.
//!
//! Knows digests only. An operator's own text (`TOLLGATE_ADMIN_KEY`) stands instead of the stored keys, so that a
//! lost admin key can be replaced by starting with that variable.

use std::sync::Arc;

use super::secret::{Digest, Pepper};
use crate::config::Secret;

/// Shortest operator-chosen admin key, in characters.
pub const MIN_CHARS: usize = 16;

/// Why an operator's admin key is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("TOLLGATE_ADMIN_KEY must have at least {MIN_CHARS} characters")]
pub struct TooShort;

/// The admin keys in force. Clones share them.
#[derive(Debug, Clone)]
pub struct AdminKeys {
    pepper: Pepper,
    known: Arc<[(Arc<str>, Digest)]>,
}

impl AdminKeys {
    /// The stored keys: public id and digest of each.
    pub fn stored(pepper: Pepper, known: impl IntoIterator<Item = (Arc<str>, Digest)>) -> Self {
        Self { pepper, known: known.into_iter().collect() }
    }

    /// The operator's own key alone; its actor is `env`. White space around it is not part of it.
    pub fn chosen(pepper: Pepper, key: &Secret) -> Result<Self, TooShort> {
        let text = key.expose().trim();
        if text.chars().count() < MIN_CHARS {
            return Err(TooShort);
        }
        let digest = pepper.digest(text.as_bytes());
        Ok(Self::stored(pepper, [("env".into(), digest)]))
    }

    /// Who a secret is, compared with every key so that the time tells nothing.
    pub fn authenticate(&self, secret: &[u8]) -> Option<Arc<str>> {
        let digest = self.pepper.digest(secret);
        self.known.iter().fold(None, |found, (actor, known)| {
            let same = known.matches(&digest);
            if same { Some(Arc::clone(actor)) } else { found }
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn an_operators_key_stands_alone() {
        let pepper = Pepper::new(&[7; 32]);
        let short = Secret::new(" 0123456789abcde \n");
        assert_eq!(AdminKeys::chosen(pepper.clone(), &short).unwrap_err(), TooShort);
        let keys = AdminKeys::chosen(pepper, &Secret::new("0123456789abcdef\n")).unwrap();
        assert_eq!(keys.authenticate(b"0123456789abcdef").as_deref(), Some("env"));
        assert_eq!(keys.authenticate(b"0123456789abcdeF"), None);
        assert_eq!(keys.authenticate(b""), None);
    }
}
