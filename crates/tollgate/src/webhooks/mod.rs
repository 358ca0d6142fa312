//! Telling others of tasks: operators' webhooks in the form of Standard Webhooks, and callers' own addresses.
//!
//! What is to be told is written into the database with the change that it tells of; it is told at least once, under the
//! same id, in a task's order, until the other side says that it has it or two days and more are over. Strangers' addresses
//! are called by [`Network::call_stranger`] alone. Knows no vendor and no money; a webhook's secret is in no table and no
//! log.

mod manage;
mod secret;
mod send;

pub use manage::{create, delete, messages_of, replay, rotate, set_disabled, shown, shown_message};
pub use secret::Secrets;
pub use send::{Inside, Sender};

use crate::keys::Invalid;
use crate::upstream::StrangersUrl;
use ipnet::IpNet;

/// Checks an address that somebody wants to be told at. Whether its name leads to a place that may be called is looked at
/// when it is called.
pub fn check_url(url: &str, inside: &[IpNet]) -> Result<(), Invalid> {
    let wrong = |error: crate::upstream::UrlError| Invalid::new("url", error.to_string());
    let url = StrangersUrl::read(url).map_err(wrong)?;
    // An operator's own network may be plain.
    if inside.is_empty() { url.check().map_err(wrong) } else { Ok(()) }
}
