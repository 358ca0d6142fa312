//! What a key may be used for: which models, from which addresses.
//!
//! Pure checks on values that are in memory. Budgets and limits are other rooms' work.

use std::net::IpAddr;

use super::Key;

/// Longest glob, in bytes. It bounds the work of one match: at most this many steps for each byte of a name.
pub const MAX_GLOB: usize = 128;

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
    key.allowed_models.is_empty() || key.allowed_models.iter().any(|glob| glob_matches(glob, model))
}

/// Whether a glob matches a whole name: `*` is any run of characters, `?` any one, all else itself.
///
/// Falls back to the last `*` only, so the work is at most `glob × name` bytes: linear in the name, as globs have
/// at most [`MAX_GLOB`] bytes.
pub fn glob_matches(glob: &str, name: &str) -> bool {
    let (glob, name) = (glob.as_bytes(), name.as_bytes());
    let (mut g, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, n));
                g += 1;
                continue;
            }
            Some(b'?') => {
                g += 1;
                n = next_character(name, n);
                continue;
            }
            Some(byte) if *byte == name[n] => {
                g += 1;
                n += 1;
                continue;
            }
            _ => {}
        }
        let Some((at, from)) = star else { return false };
        let from = next_character(name, from);
        star = Some((at, from));
        g = at + 1;
        n = from;
    }
    glob.iter().skip(g).all(|byte| *byte == b'*')
}

/// The start of the character after the one at `at`: UTF-8 continuation bytes are `10xx_xxxx`.
fn next_character(name: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while name.get(next).is_some_and(|byte| byte & 0xc0 == 0x80) {
        next += 1;
    }
    next
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::keys::{Limits, Mode, Project};
    use proptest::prelude::*;
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
    fn globs() {
        for (glob, name, matches) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("gpt-*", "gpt-5", true),
            ("gpt-*", "GPT-5", false),
            ("gpt-?", "gpt-5", true),
            ("gpt-?", "gpt-", false),
            ("?", "é", true),
            ("*é?", "aéb", true),
            ("*/gpt-*-mini", "openai/gpt-5-mini", true),
            ("*-mini", "gpt-mini-5", false),
            ("a*b*c", "a-b-b-c", true),
            ("a**c", "ac", true),
            ("[ab]", "a", false),
        ] {
            assert_eq!(glob_matches(glob, name), matches, "{glob} {name}");
        }
    }

    #[test]
    fn a_hostile_glob_is_cheap() {
        let glob = "*a".repeat(MAX_GLOB / 2);
        let name = "a".repeat(100_000) + "b";
        let start = std::time::Instant::now();
        assert!(!glob_matches(&glob, &name));
        assert!(start.elapsed().as_secs() < 2);
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

    /// The definition, exponential and obvious.
    fn plainly(glob: &[char], name: &[char]) -> bool {
        match (glob.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => {
                plainly(rest, name) || name.split_first().is_some_and(|(_, tail)| plainly(glob, tail))
            }
            (Some(('?', rest)), Some((_, tail))) => plainly(rest, tail),
            (Some((a, rest)), Some((b, tail))) if a == b => plainly(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn agrees_with_the_definition(glob in "[ab*?é]{0,7}", name in "[abé]{0,9}") {
            let split = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(glob_matches(&glob, &name), plainly(&split(&glob), &split(&name)));
        }
    }
}
