//! The way of a data-plane request. Read [`path`] first: it is the order; the other files are its steps.
//!
//! ```text
//! head ─▶ caller ─▶ body ─▶ plan ─▶ attempt ─▶ open ─▶ relay ─▶ record
//!         caller.rs path.rs         attempt.rs open.rs streamed.rs meter.rs
//!                   upload.rs       headers.rs read.rs
//! ```
//!
//! `failure.rs` says what goes wrong and what that allows; `wait.rs` and `timer.rs` watch the caller and the clock
//! while a vendor is waited for; `respond.rs` writes the gateway's own answers; `idempotency/` stands before all of
//! it for requests that carry an `Idempotency-Key`.
//!
//! The only room that sees keys, routing, vendors and protocols together.

mod admission;
mod attempt;
mod caller;
mod charge;
mod drain;
mod failure;
mod headers;
mod idempotency;
mod meter;
mod open;
pub mod path;
mod read;
mod respond;
mod streamed;
mod timer;
mod upload;
mod wait;

use crate::accounts::Accounts;
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::replay::Replays;
use crate::routing::Fleet;
use crate::telemetry::Telemetry;
use crate::upstream::{Network, Sandbox};
use arc_swap::ArcSwap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

pub use caller::{Session, identify};
pub use respond::{fault_answer, request_id};

/// What all requests share.
pub struct Gateway {
    /// All keys.
    pub keys: Keys,
    /// Where requests may go; swapped whole when the configuration changes.
    pub fleet: ArcSwap<Fleet>,
    /// The way to vendors.
    pub network: Network,
    /// The vendor of test keys.
    pub sandbox: Sandbox,
    /// What keys and projects may do now.
    pub accounts: Accounts,
    /// The books.
    pub ledger: Arc<Ledger>,
    /// Unset only to measure what money costs: nothing is admitted, held or booked, and budgets refuse everything.
    pub books: bool,
    /// Log and metrics.
    pub telemetry: Arc<Telemetry>,
    /// Where an upload waits on disk if its form names the model after the file.
    pub spool: PathBuf,
    /// Answers to requests with an `Idempotency-Key`, and where they are kept.
    pub replays: Arc<Replays>,
    /// What is left of the right to try again, in hundredths of a retry.
    pub retries: AtomicI64,
}

/// The data-plane routes that reach a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/audio/transcriptions`.
    Transcriptions,
    /// `POST /v1/audio/translations`.
    Translations,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Embeddings, Self::Transcriptions, Self::Translations];

    /// The route's name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Embeddings => "/v1/embeddings",
            Self::Transcriptions => "/v1/audio/transcriptions",
            Self::Translations => "/v1/audio/translations",
        }
    }

    /// The path below a provider's base URL.
    fn upstream_path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Embeddings => "/embeddings",
            Self::Transcriptions => "/audio/transcriptions",
            Self::Translations => "/audio/translations",
        }
    }

    /// Whether its requests are forms.
    fn is_form(self) -> bool {
        matches!(self, Self::Transcriptions | Self::Translations)
    }
}
