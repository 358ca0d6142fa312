//! How an account proves itself at a vendor, and how it is told from others without naming its secret.

use crate::config::Auth;
use crate::routing::Account;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue, header};
use std::fmt::Write as _;

/// Seconds for which a token is good, and by which clocks may differ. Kling's documentation, 2026-11.
const GOOD_FOR: i64 = 1_800;
const SLACK: i64 = 5;

/// The header that proves an account at `now_ms`; `None` for forms that this gateway cannot make.
pub(super) fn header_of(account: &Account, now_ms: i64) -> Option<(HeaderName, HeaderValue)> {
    if let Some(proof) = &account.proof {
        return Some(proof.clone());
    }
    match account.auth() {
        Auth::KeyPair { access_key, secret_key } => {
            let token = token(access_key.expose(), secret_key.expose(), now_ms.div_euclid(1000));
            let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
            value.set_sensitive(true);
            Some((header::AUTHORIZATION, value))
        }
        Auth::ApiKey(_) | Auth::AccessToken(_) | Auth::ServiceAccount(_) => None,
    }
}

/// Kling's token: a JWT of the access key, signed with the secret key (HS256).
fn token(access: &str, secret: &str, now: i64) -> String {
    let issuer = tollgate_protocol::json::quote(access);
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = format!(r#"{{"iss":{issuer},"exp":{},"nbf":{}}}"#, now + GOOD_FOR, now - SLACK);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Tells an account from others: a check of its secret, which says nothing of it.
pub(super) fn fingerprint(auth: &Auth) -> String {
    let text = match auth {
        Auth::ApiKey(secret) | Auth::AccessToken(secret) => secret.expose().to_owned(),
        Auth::ServiceAccount(path) => path.display().to_string(),
        // The secret key may be renewed; the access key is the account.
        Auth::KeyPair { access_key, .. } => access_key.expose().to_owned(),
    };
    let digest = digest(&SHA256, format!("tollgate account\n{text}").as_bytes());
    digest.as_ref().iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn a_token_is_a_signed_one() {
        let token = token("ak\"1", "sk", 1_000);
        let parts: Vec<&str> = token.split('.').collect();
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        assert_eq!(claims, serde_json::json!({ "iss": "ak\"1", "exp": 2_800, "nbf": 995 }));
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"sk");
        let signed = format!("{}.{}", parts[0], parts[1]);
        hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(parts[2]).unwrap()).unwrap();
    }

    #[test]
    fn fingerprints_differ_and_tell_nothing() {
        let (a, b) = (Auth::ApiKey(Secret::new("sk-one")), Auth::ApiKey(Secret::new("sk-two")));
        assert_eq!((fingerprint(&a).len(), fingerprint(&a) == fingerprint(&b)), (16, false));
    }
}
