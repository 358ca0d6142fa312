//! The way of a data-plane request. Read [`path`] first: it is the order; the other files are its steps.
//!
//! ```text
//! head ─▶ caller ─▶ body ─▶ plan ─▶ attempt ─▶ open ─▶ relay ─▶ record
//!         caller.rs path.rs         attempt.rs open.rs streamed.rs meter.rs
//!                   upload.rs      outbound.rs read.rs
//!                                   headers.rs
//! ```
//!
//! `route.rs` says what a path asks for, `crossing.rs` carries what crosses from one protocol into another and back,
//! `recall.rs` what callers cannot carry from turn to turn, `state/` responses that are kept;
//! `failure.rs` says what goes wrong and what that allows; `wait.rs` and `timer.rs` watch the caller and the clock
//! while a vendor is waited for; `respond.rs` writes the gateway's own answers; `idempotency/` stands before all of
//! it for requests that carry an `Idempotency-Key`. `plan.rs` has what is decided before anything is taken or sent;
//! `explain/` tells it.
//!
//! The only room that sees keys, routing, vendors and protocols together.

mod admission;
mod attempt;
mod caller;
mod charge;
mod crossing;
mod drain;
mod explain;
mod failure;
mod headers;
mod idempotency;
mod meter;
mod open;
mod outbound;
pub mod path;
mod plan;
mod read;
mod recall;
mod respond;
mod route;
pub mod state;
mod streamed;
mod timer;
mod upload;
pub mod video;
mod wait;
mod work;

use crate::accounts::Accounts;
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::memory::Memory;
use crate::proof::Proofs;
use crate::replay::Replays;
use crate::routing::Fleet;
use crate::tasks::Tasks;
use crate::telemetry::{Levels, Telemetry};
use crate::upstream::{Network, Sandbox};
use arc_swap::ArcSwap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

pub use caller::{Session, identify};
pub use explain::explain;
pub use respond::{Voice, fault_answer, request_id};
pub use route::{Asked, Route, Stored, StoredPart};

/// What all requests share.
pub struct Gateway {
    /// All keys.
    pub keys: Keys,
    /// Where requests may go; swapped whole when the configuration changes.
    pub fleet: Arc<ArcSwap<Fleet>>,
    /// The way to vendors.
    pub network: Network,
    /// How accounts prove themselves at vendors.
    pub proofs: Arc<Proofs>,
    /// The vendor of test keys.
    pub sandbox: Sandbox,
    /// What keys and projects may do now.
    pub accounts: Accounts,
    /// What is remembered of conversations.
    pub memory: Arc<Memory>,
    /// The books.
    pub ledger: Arc<Ledger>,
    /// Unset only to measure what money costs: nothing is admitted, held or booked, and budgets refuse everything.
    pub books: bool,
    /// Log and metrics.
    pub telemetry: Arc<Telemetry>,
    /// Where an upload waits on disk if its form names the model after the file.
    pub spool: PathBuf,
    /// Video tasks.
    pub tasks: Arc<Tasks>,
    /// Answers to requests with an `Idempotency-Key`, and where they are kept.
    pub replays: Arc<Replays>,
    /// What is left of the right to try again, in hundredths of a retry.
    pub retries: AtomicI64,
}

impl Gateway {
    /// All metrics as text; `connections` are the open ones.
    pub fn metrics(&self, connections: usize) -> String {
        let (metrics, ledger) = (&self.telemetry.metrics, &self.ledger);
        for deployment in self.fleet.load().deployments() {
            for (index, account) in deployment.accounts.iter().enumerate() {
                for (rate, left) in account.rates() {
                    metrics.rate_left(&deployment.provider.name, index, rate, left);
                }
            }
        }
        let (holds, held) = self.accounts.open_holds();
        metrics.render(&Levels {
            connections,
            dropped_lines: self.telemetry.log.dropped(),
            backlog: ledger.backlog(),
            lag: ledger.lag(),
            is_open: ledger.is_open(),
            journal_files: ledger.journal_files(),
            holds,
            held,
        })
    }
}
