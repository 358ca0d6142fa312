//! What a key may be used for: which models, from which addresses.
//!
//! Pure checks on values that are in memory. Budgets and limits are other rooms' work.

use std::net::IpAddr;

use super::Key;

/// Why a key may not be used for this (403).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// None of the key's globs matches the model.
    #[error("this key may not use this model")]
    ModelNotAllowed,
    /// None of the key's ranges holds the client's address.
    #[error("this key may not be used from this address")]
    IpNotAllowed,
}

impl PolicyError {
    /// The code that callers see.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ModelNotAllowed => "model_not_allowed",
            Self::IpNotAllowed => "ip_not_allowed",
        }
    }
}

/// Checks the address, then the model where the route has one. `model` is the public name that was asked for.
pub fn check_policy(key: &Key, model: Option<&str>, peer: IpAddr) -> Result<(), PolicyError> {
    if !key.allowed_ips.is_empty() {
        // A client on an IPv4 network reaches a dual-stack socket as `::ffff:a.b.c.d`.
        let plain = peer.to_canonical();
        if !key.allowed_ips.iter().any(|net| net.contains(&plain) || net.contains(&peer)) {
            return Err(PolicyError::IpNotAllowed);
        }
    }
    match model {
        Some(model) if !allows_model(key, model) => Err(PolicyError::ModelNotAllowed),
        _ => Ok(()),
    }
}

/// Whether a key may use a model; also decides what a list of models shows it.
pub fn allows_model(key: &Key, model: &str) -> bool {
    key.allowed_models.is_empty() || key.allowed_models.iter().any(|glob| crate::glob::matches(glob, model))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::keys::{Limits, Mode, Project};
    use std::sync::Arc;

    fn key(models: &[&str], ips: &[&str]) -> Key {
        let id: Arc<str> = "proj_x".into();
        Key {
            id: "key_x".into(),
            project_id: id.clone(),
            name: String::new(),
            mode: Mode::Live,
            expires_at: None,
            allowed_models: models.iter().map(|m| (*m).to_owned()).collect(),
            allowed_ips: ips.iter().map(|ip| ip.parse().unwrap()).collect(),
            budget: None,
            limits: Limits::default(),
            project: Arc::new(Project { id, budget: None, limits: Limits::default() }),
        }
    }

    #[test]
    fn addresses() {
        let key = key(&[], &["10.0.0.0/8", "2001:db8::/32"]);
        let check = |ip: &str| check_policy(&key, None, ip.parse().unwrap());
        assert_eq!(check("10.1.2.3"), Ok(()));
        assert_eq!(check("::ffff:10.1.2.3"), Ok(()));
        assert_eq!(check("2001:db8::1"), Ok(()));
        assert_eq!(check("11.0.0.1"), Err(PolicyError::IpNotAllowed));
        assert_eq!(check("::1"), Err(PolicyError::IpNotAllowed));
    }

    #[test]
    fn models_only_where_there_is_one() {
        let key = key(&["gpt-*", "claude-?"], &[]);
        let ip = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(check_policy(&key, None, ip), Ok(()));
        assert_eq!(check_policy(&key, Some("gpt-5"), ip), Ok(()));
        assert_eq!(check_policy(&key, Some("veo"), ip), Err(PolicyError::ModelNotAllowed));
    }
}
