//! How a request ended: in the log, in metrics and in the ledger the same word.

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Not decided yet; at the end it means that the caller left.
    ClientLeft,
    /// Answered in full.
    Completed,
    /// Refused before anything was sent to a vendor.
    Refused,
    /// The vendor found the caller's request wrong.
    Rejected,
    /// The vendor refused the account, failed or was not reached.
    UpstreamError,
    /// A stream that had begun broke.
    StreamBroken,
    /// Answered with what an earlier request with the same `Idempotency-Key` got; never in the ledger.
    Replayed,
}

impl Outcome {
    /// All of them. Their places are kept in the ledger: add at the end, never move.
    pub const ALL: [Self; 7] = [
        Self::ClientLeft,
        Self::Completed,
        Self::Refused,
        Self::Rejected,
        Self::UpstreamError,
        Self::StreamBroken,
        Self::Replayed,
    ];

    /// Its place in [`Outcome::ALL`], which is the order in which they are declared.
    pub const fn place(self) -> u8 {
        self as u8
    }

    /// As it is called in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientLeft => "client_left",
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::UpstreamError => "upstream_error",
            Self::StreamBroken => "stream_broken",
            Self::Replayed => "replayed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_at_its_place() {
        for (at, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(outcome.place()), at);
        }
    }
}
