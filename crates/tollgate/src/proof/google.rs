//! Tokens of Google service accounts: OAuth 2.0's JWT bearer grant (RFC 7523).
//!
//! One login for each file, whatever number of providers and threads use it: the token is kept, fetched again in the
//! background before it ends, and never by two at once. Facts from Google's "Using OAuth 2.0 for server to server
//! applications", 2026-11: an assertion signed with RS256, good for an hour at most, is sent as a form to the file's
//! `token_uri`; the token is good for about an hour too.

use super::{Proof, ProofError};
use crate::clock::now_ms;
use crate::config::{BaseUrl, HttpVersion};
use crate::lines::Lines;
use crate::upstream::{Call, CallBody, Network, Origin};
use arc_swap::ArcSwapOption;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Method, StatusCode, header};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::sync::OwnedMutexGuard;
use tollgate_protocol::json::quote;

/// What a token may be used for: all of the cloud's APIs that the account's roles allow.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Seconds for which an assertion is good; Google takes an hour at most.
const ASSERTED: i64 = 3_600;
/// How long before its end a token is fetched again in the background.
const AHEAD: Duration = Duration::from_mins(5);
/// How long before its end a token is not used any more.
const SPARE: Duration = Duration::from_secs(10);
/// Longest life of a token that is believed.
const MAX_LIFE: Duration = Duration::from_hours(12);
/// For a token server's whole answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// For the connection to it.
const CONNECT: Duration = Duration::from_secs(5);
/// How long after a failure the token server is left alone.
const PAUSE: Duration = Duration::from_secs(5);
/// How often a token that a vendor refused is replaced at most.
const RENEWAL: Duration = Duration::from_mins(1);
/// Largest file and largest answer, in bytes.
const MAX_FILE: u64 = 64 * 1024;
const MAX_ANSWER: usize = 64 * 1024;

/// One service account.
pub(super) struct Login {
    path: PathBuf,
    token: ArcSwapOption<Token>,
    /// Held by whoever fetches.
    desk: Arc<tokio::sync::Mutex<Desk>>,
    /// When a vendor last refused a token.
    refused: Mutex<Option<Instant>>,
}

struct Token {
    proof: Proof,
    /// From here on a new one is fetched, while this one is still used.
    ages: Instant,
    ends: Instant,
}

#[derive(Default)]
struct Desk {
    failed: Option<(Instant, ProofError)>,
}

impl Desk {
    /// The failure of a moment ago, which is not tried again at once.
    fn failure(&self) -> Option<&ProofError> {
        self.failed.as_ref().filter(|(at, _)| at.elapsed() < PAUSE).map(|(_, error)| error)
    }
}

/// What of the file counts.
#[derive(serde::Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: String,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

/// What of a token server's answer counts.
#[derive(serde::Deserialize)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<u64>,
    error: Option<String>,
}

impl Login {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), token: ArcSwapOption::empty(), desk: Arc::default(), refused: Mutex::new(None) }
    }

    /// The token in force, or a new one.
    pub(super) async fn proof(self: Arc<Self>, network: &Network) -> Result<Proof, ProofError> {
        if let Some(token) = self.good() {
            if Instant::now() >= token.ages
                && let Ok(desk) = Arc::clone(&self.desk).try_lock_owned()
                && desk.failure().is_none()
            {
                let (login, network) = (Arc::clone(&self), network.clone());
                tokio::spawn(async move { login.renew(&network, desk).await });
            }
            return Ok(token.proof.clone());
        }
        let desk = Arc::clone(&self.desk).lock_owned().await;
        if let Some(token) = self.good() {
            return Ok(token.proof.clone());
        }
        if let Some(error) = desk.failure() {
            return Err(error.clone());
        }
        self.renew(network, desk).await
    }

    /// A vendor did not take this token. Whether there is to be another one.
    pub(super) fn refused(&self, proof: &Proof) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.token.load();
        if current.as_ref().is_none_or(|token| token.proof.value != proof.value) {
            return true;
        }
        if refused.is_some_and(|at| at.elapsed() < RENEWAL) {
            return false;
        }
        *refused = Some(Instant::now());
        self.token.store(None);
        true
    }

    fn good(&self) -> Option<Arc<Token>> {
        self.token.load_full().filter(|token| Instant::now() < token.ends)
    }

    async fn renew(&self, network: &Network, mut desk: OwnedMutexGuard<Desk>) -> Result<Proof, ProofError> {
        let fetched = tokio::time::timeout(PATIENCE, self.fetch(network)).await;
        match fetched.unwrap_or_else(|_| Err(ProofError::NoAnswer("no answer in time".into()))) {
            Ok((text, life)) => {
                let proof = Proof::bearer(&text)?;
                let now = Instant::now();
                let life = life.min(MAX_LIFE);
                let ages = now + life.saturating_sub(AHEAD.min(life / 4));
                let ends = now + life.saturating_sub(SPARE.min(life / 10));
                self.token.store(Some(Arc::new(Token { proof: proof.clone(), ages, ends })));
                desk.failed = None;
                Ok(proof)
            }
            Err(error) => {
                tracing::warn!(file = %self.path.display(), %error, "a service account has no token");
                desk.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Asks for a token. The file is read each time: keys are renewed in place.
    async fn fetch(&self, network: &Network) -> Result<(String, Duration), ProofError> {
        let mut text = Vec::new();
        let file = tokio::fs::File::open(&self.path).await.map_err(|e| ProofError::File(e.to_string()))?;
        file.take(MAX_FILE).read_to_end(&mut text).await.map_err(|e| ProofError::File(e.to_string()))?;
        let (uri, assertion) = assertion(&text, now_ms().div_euclid(1_000)).map_err(ProofError::File)?;
        let origin = Origin::new(&uri, HttpVersion::Auto, CONNECT);
        let mut headers = Lines::with_capacity(3);
        headers.push(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.push(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.push(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let form = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
        let path = if uri.path.is_empty() { "/".to_owned() } else { uri.path.clone() };
        let call = Call { method: Method::POST, path, headers, body: CallBody::Whole(form.into()) };
        let reply = network.call(&origin, call).await.map_err(|e| ProofError::NoAnswer(e.to_string()))?;
        let status = reply.status;
        let body = reply.body.whole(MAX_ANSWER).await.map_err(|e| ProofError::NoAnswer(e.to_string()))?;
        let answer: Option<Answer> = body.and_then(|body| serde_json::from_slice(&body).ok());
        match answer {
            Some(Answer { access_token: Some(token), expires_in, .. }) if status == StatusCode::OK => {
                // RFC 6749 lets a server leave it out; Google does not.
                Ok((token, Duration::from_secs(expires_in.unwrap_or(300))))
            }
            answer if status.is_client_error() => {
                let code = answer.and_then(|answer| answer.error).unwrap_or_default();
                // A code is a word such as invalid_grant. What else it might say stays where it is.
                let word = |c: char| c.is_ascii_lowercase() || c == '_';
                let code: String = code.chars().filter(|c| word(*c)).take(40).collect();
                Err(ProofError::Refused(format!("{} {code}", status.as_u16()).trim_end().to_owned()))
            }
            _ => Err(ProofError::NoAnswer(format!("status {}", status.as_u16()))),
        }
    }
}

/// Where to ask for a token, and with what. The message says nothing of the key.
fn assertion(file: &[u8], now: i64) -> Result<(BaseUrl, String), String> {
    let file: KeyFile = serde_json::from_slice(file).map_err(|_| "it is not a key file in JSON".to_owned())?;
    if file.kind != "service_account" {
        return Err("its type is not service_account".to_owned());
    }
    let missing = |name: &str| format!("it has no {name}");
    let issuer = file.client_email.ok_or_else(|| missing("client_email"))?;
    let pem = file.private_key.ok_or_else(|| missing("private_key"))?;
    let uri = file.token_uri.ok_or_else(|| missing("token_uri"))?;
    let url = BaseUrl::plain(&uri).map_err(|why| format!("its token_uri {why}"))?;
    let here = url.host == "localhost" || url.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if !url.tls && !here {
        return Err("its token_uri is not https".to_owned());
    }
    let unusable = || "its private_key is not an RSA key in PEM".to_owned();
    let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| unusable())? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(unusable()),
    };
    let key = key.map_err(|_| unusable())?;
    let id = file.private_key_id.map(|id| format!(",\"kid\":{}", quote(&id))).unwrap_or_default();
    let head = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"RS256","typ":"JWT"{id}}}"#));
    let claims = format!(
        r#"{{"iss":{},"scope":"{SCOPE}","aud":{},"iat":{now},"exp":{}}}"#,
        quote(&issuer),
        quote(&uri),
        now + ASSERTED
    );
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).map_err(|_| unusable())?;
    Ok((url, format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(file: &str) -> String {
        assertion(file.as_bytes(), 0).err().unwrap_or_default()
    }

    #[test]
    fn files_that_are_no_service_account_say_why() {
        assert_eq!(fault("-----BEGIN"), "it is not a key file in JSON");
        assert_eq!(fault(r#"{"type":"authorized_user"}"#), "its type is not service_account");
        assert_eq!(fault(r#"{"type":"service_account"}"#), "it has no client_email");
        let with = |uri: &str, key: &str| {
            let file = serde_json::json!({
                "type": "service_account", "client_email": "a@b", "private_key": key, "token_uri": uri,
            });
            fault(&file.to_string())
        };
        assert_eq!(with("http://example.com/token", "k"), "its token_uri is not https");
        assert_eq!(with("ftp://example.com/token", "k"), "its token_uri must begin with https:// or http://");
        for key in ["", "secret text", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            let said = with("https://example.com/token", key);
            assert_eq!(said, "its private_key is not an RSA key in PEM");
        }
    }
}
