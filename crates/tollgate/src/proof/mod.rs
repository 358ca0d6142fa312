//! How accounts prove themselves at their vendors.
//!
//! Owns the proofs that stand in no configuration: tokens that are signed here, and tokens that are fetched, when they
//! are fetched and when again. Calls only token servers; knows no request, no model and no money. Nothing of a proof is
//! ever logged.

mod google;
mod kling;

use crate::clock::now_ms;
use crate::config::Auth;
use crate::routing::Account;
use crate::upstream::Network;
use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderName, HeaderValue, header};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The header that proves an account, for one call.
#[derive(Clone)]
pub struct Proof {
    /// Its name.
    pub name: HeaderName,
    /// Its value; does not print.
    pub value: HeaderValue,
}

/// Why an account cannot be proved. All of it is the operator's concern and stands in the log; callers learn only that
/// the account does not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The service account's file cannot be used.
    #[error("the service account file cannot be used: {0}")]
    File(String),
    /// The token server said no.
    #[error("the token server refused the service account: {0}")]
    Refused(String),
    /// The token server cannot be reached or makes no sense.
    #[error("the token server gave no token: {0}")]
    NoAnswer(String),
    /// A token that no header can carry.
    #[error("the token cannot be sent")]
    Unsendable,
}

/// All proofs that are made here. Tokens outlive a reload of the configuration.
pub struct Proofs {
    network: Network,
    google: Mutex<HashMap<PathBuf, Arc<google::Login>>>,
}

impl Proofs {
    /// With a way to token servers.
    pub fn new(network: Network) -> Self {
        Self { network, google: Mutex::default() }
    }

    /// The proof of an account, for one call. May wait for a token server, 10 seconds at most, if there is no good token.
    pub async fn of(&self, account: &Account) -> Result<Proof, ProofError> {
        if let Some((name, value)) = &account.proof {
            return Ok(Proof { name: name.clone(), value: value.clone() });
        }
        match account.auth() {
            Auth::KeyPair { access_key, secret_key } => {
                let seconds = now_ms().div_euclid(1_000);
                Proof::bearer(&kling::token(access_key.expose(), secret_key.expose(), seconds))
            }
            Auth::ServiceAccount(path) => Box::pin(self.login(path).proof(&self.network)).await,
            Auth::ApiKey(secret) | Auth::AccessToken(secret) => Proof::bearer(secret.expose()),
        }
    }

    /// A vendor did not take a proof. Whether it is worth asking again with a new one: once for a token that was
    /// fetched, at most once a minute.
    pub fn refused(&self, account: &Account, proof: &Proof) -> bool {
        match account.auth() {
            Auth::ServiceAccount(path) => self.login(path).refused(proof),
            Auth::ApiKey(_) | Auth::AccessToken(_) | Auth::KeyPair { .. } => false,
        }
    }

    fn login(&self, path: &Path) -> Arc<google::Login> {
        let mut logins = self.google.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(login) = logins.get(path) {
            return Arc::clone(login);
        }
        let login = Arc::new(google::Login::new(path));
        logins.insert(path.to_owned(), Arc::clone(&login));
        login
    }
}

impl Proof {
    fn bearer(token: &str) -> Result<Self, ProofError> {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ProofError::Unsendable)?;
        value.set_sensitive(true);
        Ok(Self { name: header::AUTHORIZATION, value })
    }

    /// What of it must not be told if a vendor repeats it.
    pub fn secret(&self) -> &str {
        let value = self.value.to_str().unwrap_or_default();
        value.strip_prefix("Bearer ").unwrap_or(value)
    }
}

/// Tells an account from others, also after a restart: a check of its secret, which says nothing of it.
pub fn fingerprint(auth: &Auth) -> String {
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
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn fingerprints_differ_and_tell_nothing() {
        let (a, b) = (Auth::ApiKey(Secret::new("sk-one")), Auth::ApiKey(Secret::new("sk-two")));
        assert_eq!((fingerprint(&a).len(), fingerprint(&a) == fingerprint(&b)), (16, false));
    }

    #[test]
    fn a_proof_does_not_print() {
        let proof = Proof::bearer("tok").map(|proof| format!("{:?} {}", proof.value, proof.secret()));
        assert_eq!(proof, Ok("Sensitive tok".to_owned()));
    }
}
