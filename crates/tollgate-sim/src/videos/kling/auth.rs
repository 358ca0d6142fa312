//! Kling's two ways to show a key: the key itself, or a short-lived token signed with it (HS256).

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::error::by_code;
use crate::videos::{Call, Failure, auth};

/// The account of a caller.
pub(in crate::videos) fn account(call: &Call<'_>) -> Result<u8, Failure> {
    let refused = |code| by_code(call, code, None);
    let header = call.request.header("authorization").unwrap_or_default().trim();
    if header.is_empty() {
        return Err(refused(1001));
    }
    let credential = auth::bearer(header).filter(|credential| !credential.is_empty()).ok_or_else(|| refused(1002))?;
    let parts: Vec<&str> = credential.split('.').collect();
    let [head, claims, signature] = parts.as_slice() else {
        return Ok(auth::account(credential));
    };
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let object = |part: &str| serde_json::from_slice::<Value>(&decoded(part)?).ok().filter(Value::is_object);
    let (Some(head), Some(claims)) = (object(head), object(claims)) else {
        return Err(refused(1002));
    };
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    let issuer = text(&claims, "iss").filter(|issuer| !issuer.is_empty());
    // HMAC-SHA-256 has 32 bytes. Whether they are right only the holder of the secret can tell.
    let signature = decoded(signature).filter(|bytes| bytes.len() == 32);
    let (Some("HS256"), Some(issuer), Some(signature)) = (text(&head, "alg").as_deref(), issuer, signature) else {
        return Err(refused(1002));
    };
    if let Some(secret) = &call.simulator.kling_secret {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signed = credential.rsplit_once('.').map_or("", |(signed, _)| signed);
        hmac::verify(&key, signed.as_bytes(), &signature).map_err(|_| refused(1000))?;
    }
    let time = |name: &str| claims.get(name).and_then(Value::as_u64);
    let now = call.now / 1000;
    match (time("exp"), time("nbf")) {
        (None, _) => Err(refused(1002)),
        (Some(end), _) if end <= now => Err(refused(1004)),
        (_, Some(start)) if start > now => Err(refused(1003)),
        _ => Ok(auth::account(&issuer)),
    }
}
