//! Who is asking: the key in a request's headers or query, and whether it may.

use super::Gateway;
use super::meter::Meter;
use crate::accounts::{Account, Accounts};
use crate::http1::Watchdog;
use crate::keys::{self, Key, PolicyError};
use crate::message::Inbound;
use crate::telemetry::Stage;
use http::header;
use std::sync::Arc;
use tollgate_protocol::fault::{Fault, FaultKind};

/// What a connection remembers: its last key, so that a repeated one needs no digest. A change of any key ends that.
#[derive(Default)]
pub struct Session {
    last: Option<Remembered>,
    /// The timer of the last exchange with a vendor, to be used again.
    pub(super) watchdog: Watchdog,
}

struct Remembered {
    secret: Box<[u8]>,
    epoch: u64,
    key: Arc<Key>,
    account: Option<Account>,
}

impl Session {
    /// The key's account, looked up once a connection.
    pub(crate) fn account(&mut self, accounts: &Accounts, key: &Arc<Key>) -> Account {
        match &mut self.last {
            Some(last) if Arc::ptr_eq(&last.key, key) => {
                last.account.get_or_insert_with(|| accounts.account(key)).clone()
            }
            _ => accounts.account(key),
        }
    }
}

/// The key of a request; its address has been checked too.
pub fn identify(gateway: &Gateway, inbound: &Inbound, session: &mut Session) -> Result<Arc<Key>, Fault> {
    let secret = secret(inbound)?;
    let epoch = gateway.keys.epoch();
    let remembered = session.last.as_ref().filter(|last| last.epoch == epoch && *last.secret == *secret);
    let key = match remembered {
        Some(last) if last.key.expires_at.is_none() || !last.key.expired(crate::clock::now_ms()) => {
            Arc::clone(&last.key)
        }
        _ => {
            let key = gateway.keys.authenticate(secret).map_err(|_| unauthenticated())?;
            session.last = Some(Remembered { secret: secret.into(), epoch, key: Arc::clone(&key), account: None });
            key
        }
    };
    from_here(&key, inbound)?;
    Ok(key)
}

/// Whether the key may be used from the caller's address.
pub(super) fn from_here(key: &Key, inbound: &Inbound) -> Result<(), Fault> {
    keys::check_policy(key, None, inbound.peer).map_err(forbidden)
}

/// As [`identify`], for a request of the data plane: its record says who asks.
pub(super) fn noted(
    gateway: &Gateway,
    inbound: &Inbound,
    session: &mut Session,
    meter: &mut Meter,
) -> Result<Arc<Key>, Fault> {
    let key = identify(gateway, inbound, session)?;
    meter.note(|record| {
        record.key_id = Some(Arc::clone(&key.id));
        record.project_id = Some(Arc::clone(&key.project_id));
        record.spent(Stage::Auth, inbound.started.elapsed());
    });
    Ok(key)
}

/// Whether the key may use the model.
pub(super) fn may_use(key: &Key, model: &str, inbound: &Inbound) -> Result<(), Fault> {
    keys::check_policy(key, Some(model), inbound.peer).map_err(forbidden)
}

/// The one secret that the request carries. Each of the four places will do; two that differ are an error, since
/// two readers could take different ones.
pub(super) fn secret(inbound: &Inbound) -> Result<&[u8], Fault> {
    let mut found: Option<&[u8]> = None;
    for secret in secrets(inbound) {
        if found.is_some_and(|before| before != secret) {
            return Err(Fault::new(
                FaultKind::InvalidRequest,
                "conflicting_credentials",
                "The request carries two different keys. Send one.",
            ));
        }
        found = Some(secret);
    }
    found.filter(|secret| !secret.is_empty()).ok_or_else(|| {
        Fault::new(
            FaultKind::Unauthenticated,
            "invalid_api_key",
            "No API key given. Send it as 'Authorization: Bearer YOUR_KEY'.",
        )
    })
}

/// All that a request carries in the places of secrets.
pub(super) fn secrets(inbound: &Inbound) -> impl Iterator<Item = &[u8]> {
    let headers = inbound.headers.iter().filter_map(|(name, value)| {
        if *name == header::AUTHORIZATION {
            return Some(bearer(value.as_bytes()));
        }
        matches!(name.as_str(), "x-api-key" | "x-goog-api-key").then(|| value.as_bytes().trim_ascii())
    });
    let query = inbound.query.as_deref().into_iter().flat_map(|query| query.split('&'));
    let query = query.filter_map(|pair| pair.strip_prefix("key=")).map(str::as_bytes);
    headers.chain(query)
}

fn bearer(value: &[u8]) -> &[u8] {
    match value.split_at_checked(7) {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case(b"bearer ") => secret.trim_ascii(),
        _ => value.trim_ascii(),
    }
}

/// The fault for a key that opens nothing.
pub(super) fn unauthenticated() -> Fault {
    Fault::new(
        FaultKind::Unauthenticated,
        "invalid_api_key",
        "The API key is not valid. It may have expired or been revoked.",
    )
}

fn forbidden(error: PolicyError) -> Fault {
    let fault = Fault::new(
        FaultKind::Forbidden,
        error.code(),
        match error {
            PolicyError::ModelNotAllowed => "This API key may not use this model.",
            PolicyError::IpNotAllowed => "This API key may not be used from this address.",
        },
    );
    match error {
        PolicyError::ModelNotAllowed => fault.about("model"),
        PolicyError::IpNotAllowed => fault,
    }
}
