//! Kling's token: a JWT of the access key, signed with the secret key (HS256).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Seconds for which a token is good, and by which clocks may differ. Kling's documentation, 2026-11.
const GOOD_FOR: i64 = 1_800;
const SLACK: i64 = 5;

/// A token that is good from `now` (Unix seconds) on.
pub(super) fn token(access: &str, secret: &str, now: i64) -> String {
    let issuer = tollgate_protocol::json::quote(access);
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = format!(r#"{{"iss":{issuer},"exp":{},"nbf":{}}}"#, now + GOOD_FOR, now - SLACK);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

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
}
