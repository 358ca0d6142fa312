//! Why a request, or one call of it, goes no further, and what that allows.

use super::timer::Late;
use crate::message::BodyError;
use crate::upstream::CallError;
use tollgate_protocol::fault::{Fault, FaultKind};

/// Why a request goes no further.
pub(super) enum Stopped {
    /// The caller has left.
    Gone,
    /// The caller is to be told this.
    Fault(Fault),
}

/// Why a call gave no answer that can be delivered, and what it allows.
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) next: Next,
    /// For metrics.
    pub(super) outcome: &'static str,
    /// The provider was not asked at all.
    pub(super) unasked: bool,
}

/// What a failure allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: the request may have been served, or would fail everywhere.
    Stop,
    /// Another account or target.
    Account,
    /// The same account with a new proof.
    Again,
    /// Another target: this one cannot be reached.
    Target,
}

/// A time limit was passed. The vendor may be at work: not asked again.
pub(super) fn late_failure(late: Late) -> Failure {
    let message = match late {
        Late::FirstByte => "The provider did not answer in time.",
        Late::Idle => "The provider stopped in the middle of its answer.",
        Late::Total => "The answer took longer than allowed.",
    };
    let fault = Fault::new(FaultKind::UpstreamTimeout, "upstream_timeout", message);
    Failure { fault, next: Next::Stop, outcome: "timeout", unasked: false }
}

/// A call that got no answer.
pub(super) fn call_failure(error: &CallError) -> Failure {
    let (fault, outcome) = match error {
        CallError::Connect(_) | CallError::ConnectTimeout => (
            Fault::new(FaultKind::UpstreamUnavailable, "upstream_unreachable", "The provider cannot be reached."),
            "unreachable",
        ),
        CallError::Tls(_) => {
            (Fault::broken("upstream_tls", "The provider's certificate or TLS is not acceptable."), "tls")
        }
        CallError::Broken(_) => (
            Fault::broken("upstream_connection_lost", "The connection to the provider broke before it answered."),
            "broken",
        ),
        CallError::NotHttp(_) => {
            (Fault::broken("upstream_invalid_answer", "The provider's answer is not proper HTTP."), "not_http")
        }
        CallError::Abandoned => {
            (Fault::new(FaultKind::InvalidRequest, "invalid_body", "The request body ended early."), "abandoned")
        }
    };
    tracing::warn!(%error, "a call to a provider failed");
    Failure { fault, next: if error.unsent() { Next::Target } else { Next::Stop }, outcome, unasked: false }
}

/// The account cannot be proved; the log says why.
pub(super) fn account_unusable() -> Failure {
    Failure {
        fault: Fault::broken("upstream_account_error", "The gateway cannot sign in to its account at the provider."),
        next: Next::Account,
        outcome: "account",
        unasked: true,
    }
}

/// The request cannot be said in the provider's protocol.
pub(super) fn untranslatable(fault: Fault) -> Failure {
    Failure { fault, next: Next::Account, outcome: "untranslatable", unasked: true }
}

/// The fault for a body over its limit, in bytes.
pub(super) fn too_large(limit: u64) -> Fault {
    Fault::new(
        FaultKind::TooLarge,
        "request_too_large",
        format!("The request is larger than the limit of {limit} bytes."),
    )
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<BodyError> for Stopped {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Gone => Self::Gone,
            BodyError::TooSlow => {
                Fault::new(FaultKind::RequestTimeout, "request_timeout", "The request body came too slowly.").into()
            }
            BodyError::Malformed => {
                Fault::new(FaultKind::InvalidRequest, "invalid_body", "The request body is not framed right.").into()
            }
        }
    }
}
