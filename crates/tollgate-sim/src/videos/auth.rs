//! Whose task it is: the account behind a credential.
//!
//! Tasks belong to the account that made them; to any other they do not exist. Two credentials are of one account when
//! they are the same up to their first `.`: `acme.one` and `acme.two`, and all tokens that begin with `ya29.`. Kling's
//! signed tokens belong to their issuer.

use crate::content::fnv1a;

/// What follows `Bearer`.
pub(super) fn bearer(value: &str) -> Option<&str> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(rest.trim())
}

/// The number of an account, 1 to 255; two names may share one. 0 is left for callers whose key was checked elsewhere.
pub(super) fn account(credential: &str) -> u8 {
    let name = credential.split('.').next().unwrap_or(credential);
    u8::try_from(fnv1a(name.as_bytes()) % 255 + 1).unwrap_or(1)
}
