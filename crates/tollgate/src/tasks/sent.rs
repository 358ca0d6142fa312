//! One call that makes a task, and what is known afterwards.

use super::Tasks;
use super::call::{AskError, Line, Said};
use crate::lines::Lines;
use std::time::Duration;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::scrub;
use tollgate_protocol::video::{Meaning, Refusal, Send as Call};

/// What became of one call.
pub(super) enum Sent {
    Accepted {
        id: String,
        answer: Vec<u8>,
    },
    /// Nothing was accepted; whether another account may be asked.
    Refused(Fault, bool),
    Full,
    /// Whether it was accepted is not known.
    Unknown(String),
}

impl Tasks {
    /// Sends the call, once.
    pub(super) async fn call_create(&self, line: &Line, call: Call, more: &Lines, native: bool) -> Sent {
        let limit = self.timeouts(line).first_byte;
        let said = match self.ask(line, call, more, limit).await {
            Ok(said) => said,
            Err(AskError::Unsent(why)) => {
                tracing::warn!(provider = line.to.provider(), why, "a task could not be sent");
                let fault = Fault::new(
                    FaultKind::UpstreamUnavailable,
                    "upstream_unreachable",
                    "The provider cannot be reached.",
                );
                return Sent::Refused(fault, true);
            }
            Err(AskError::Lost(why)) => return Sent::Unknown(why),
        };
        let Some(refusal) = line.vendor.refusal(said.status, &said.body) else {
            return match line.vendor.accepted(&said.body) {
                Some(id) => Sent::Accepted { id, answer: said.body.to_vec() },
                None => Sent::Unknown("the provider's answer names no task".into()),
            };
        };
        if (300..400).contains(&said.status) {
            let fault = Fault::broken("upstream_invalid_answer", "The provider sent the request elsewhere.");
            return Sent::Refused(fault, true);
        }
        refused(line, &said, refusal, native)
    }
}

/// What a vendor's refusal of a task allows.
fn refused(line: &Line, said: &Said, refusal: Refusal, native: bool) -> Sent {
    let wait = super::poll::retry_after(&said.headers).or(refusal.wait);
    let meaning = match refusal.meaning {
        // What is missing is what the request names.
        Meaning::Missing => Meaning::Caller,
        meaning => meaning,
    };
    let account = line.to.account();
    tracing::info!(provider = line.to.provider(), code = refusal.code, status = said.status, "a task was refused");
    match meaning {
        Meaning::Full => return Sent::Full,
        Meaning::Doubtful => return Sent::Unknown(format!("the provider answered {}", said.status)),
        Meaning::RateLimited => {
            if let Some(account) = account {
                account.rest(wait.unwrap_or(Duration::from_secs(1)), true);
            }
        }
        Meaning::Account => {
            if let Some(account) = account {
                account.doubt();
            }
        }
        Meaning::Caller | Meaning::Policy | Meaning::Missing => {}
    }
    let mut fault = Refusal { meaning, ..refusal }.fault(said.status, wait);
    if native && matches!(meaning, Meaning::Caller | Meaning::Policy) {
        fault.raw = Some(scrub::body(&said.body));
    }
    if let Some(secret) = account.and_then(crate::routing::Account::secret) {
        fault.conceal(secret);
    }
    Sent::Refused(fault, matches!(meaning, Meaning::RateLimited | Meaning::Account))
}
