//! One admitted request as the books know it: its charge and its line in the request log.
//!
//! An entry exists from the moment before the first byte goes to a vendor. Until the request has ended, it says what
//! is to be booked if nothing more is ever heard of it (`Basis::Recovered`); at the end it is written once more, as
//! it is to be booked for good. Whoever reads the journal after a crash needs nothing but entries.

use crate::ids;
use crate::outcome::Outcome;
use std::fmt;
use std::sync::Arc;
use tollgate_protocol::usage::Usage;

/// Prefix of charges. A charge has the bits of its request, so that there can be only one.
const CHARGE: &str = "chg_";

/// A request's id as a number; sorts by the time the request came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RequestId(pub u128);

impl RequestId {
    /// Reads `req_…`.
    pub fn parse(text: &str) -> Option<Self> {
        ids::bits(ids::REQUEST, text).map(Self)
    }

    /// Reads `chg_…`.
    pub fn parse_charge(text: &str) -> Option<Self> {
        ids::bits(CHARGE, text).map(Self)
    }

    /// The id of this request's charge.
    pub fn charge(self) -> String {
        ids::from_bits(CHARGE, self.0)
    }

    /// When the request came, in unix milliseconds.
    pub fn time(self) -> i64 {
        ids::time(self.0)
    }

    /// Most of its random part.
    pub(super) fn random(self) -> u64 {
        u64::try_from(self.0 & u128::from(u64::MAX)).unwrap_or(0)
    }

    /// From the bytes that [`RequestId::bytes`] gives; others are no request's.
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes.try_into().map_or(0, u128::from_be_bytes))
    }

    /// As stored.
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ids::from_bits(ids::REQUEST, self.0))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Real money, or the play money of test keys. The two never meet in a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Book {
    /// Live keys.
    #[default]
    Live,
    /// Test keys: what the sandbox answered, at the prices it would have cost.
    Test,
}

/// What a charge rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Basis {
    /// Nothing was delivered; the amount is 0.
    #[default]
    None,
    /// The vendor's own count.
    Provider,
    /// Our count: the vendor gave none, or the request ended before it could.
    Estimated,
    /// The process ended first; what the journal knew.
    Recovered,
}

/// What else is to be known about a charge; a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u32);

/// What distinguishes the sums of requests: all requests that agree in this are one series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Series {
    /// Real or play money.
    pub book: Book,
    /// `key_…`.
    pub key_id: Arc<str>,
    /// `proj_…`.
    pub project_id: Arc<str>,
    /// The route's name, such as `/v1/chat/completions`.
    pub endpoint: Arc<str>,
    /// The model as the caller named it.
    pub model: Arc<str>,
    /// The configured provider that delivered, or was asked last; empty if none was.
    pub provider: Arc<str>,
    /// Its kind, to which prices belong; empty if none was asked.
    pub provider_kind: Arc<str>,
    /// The provider's name of the model; empty if none was asked.
    pub upstream_model: Arc<str>,
    /// Version of the price that was pinned at admission; empty for a model without a price.
    pub price_version: Arc<str>,
}

/// An attempt that delivered nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    /// The configured provider.
    pub provider: Arc<str>,
    /// Its name of the model.
    pub model: Arc<str>,
    /// Machine code of the failure.
    pub code: String,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// What the vendor may bill for it, in nano-dollars; the operator's loss, never the caller's.
    pub cost: i64,
}

/// What the request log knows beyond the charge. Forgotten when the log's retention ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// Whether the answer was streamed.
    pub stream: bool,
    /// From the head of the request to its end, in microseconds.
    pub total_us: u64,
    /// From there to the first byte for the caller.
    pub first_byte_us: Option<u64>,
    /// The gateway's own time by stage, in microseconds: auth, plan, answer.
    pub stages_us: [u64; 3],
    /// Requests sent to vendors, the delivering one included.
    pub attempts: u32,
    /// Machine code of the error, if there was one.
    pub error: Option<String>,
    /// The vendor's id of the request.
    pub upstream_id: Option<String>,
    /// The attempts that delivered nothing, in their order.
    pub failed: Vec<FailedAttempt>,
    /// What translation lost, as in `x-tollgate-translation`.
    pub translation: Option<String>,
}

/// One admitted request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: RequestId,
    /// When it was admitted, in unix milliseconds: this decides the window that it counts to.
    pub admitted_at: i64,
    /// What it belongs to.
    pub series: Series,
    /// What the caller pays, in nano-dollars; never negative.
    pub amount: i64,
    /// What the vendors are thought to bill for all attempts, in nano-dollars; never negative.
    pub cost: i64,
    /// What the amount rests on.
    pub basis: Basis,
    /// What else is to be known.
    pub flags: Flags,
    /// What was used and is paid for.
    pub usage: Usage,
    /// The status sent; 499 if the caller left before one was.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// For the request log.
    pub detail: Detail,
}

impl Book {
    /// `live` or `test`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// Undoes [`Book::name`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Live, Self::Test].into_iter().find(|book| book.name() == text)
    }
}

impl Basis {
    /// All of them. Their places are kept in the ledger: add at the end, never move.
    pub const ALL: [Self; 4] = [Self::None, Self::Provider, Self::Estimated, Self::Recovered];

    /// As it is called outside.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Provider => "provider",
            Self::Estimated => "estimated",
            Self::Recovered => "recovered",
        }
    }
}

impl Flags {
    /// A number of the vendor could not be true; it was clamped or replaced by an estimate.
    pub const SUSPECT_USAGE: Self = Self(1);
    /// The charge is larger than what was held for it.
    pub const OVERRUN: Self = Self(1 << 1);
    /// The caller left before the end.
    pub const CLIENT_LEFT: Self = Self(1 << 2);
    /// The stream was ended because the budget was used up.
    pub const BUDGET_CUT: Self = Self(1 << 3);
    /// The vendor's answer was read on after the caller had left, for its usage.
    pub const DRAINED: Self = Self(1 << 4);
    /// The model had no price: the amount says nothing about the value of what was used.
    pub const UNPRICED: Self = Self(1 << 5);
    /// Some counter had no rate of its own and none that could stand for it.
    pub const UNPRICED_USAGE: Self = Self(1 << 6);
    /// The vendor served it at another speed than the usual one, at that speed's rates.
    pub const OTHER_TIER: Self = Self(1 << 7);

    /// All of them with their names.
    pub const NAMES: [(Self, &'static str); 8] = [
        (Self::SUSPECT_USAGE, "suspect_usage"),
        (Self::OVERRUN, "overrun"),
        (Self::CLIENT_LEFT, "client_left"),
        (Self::BUDGET_CUT, "budget_cut"),
        (Self::DRAINED, "drained"),
        (Self::UNPRICED, "unpriced"),
        (Self::UNPRICED_USAGE, "unpriced_usage"),
        (Self::OTHER_TIER, "other_tier"),
    ];

    /// Adds another set.
    pub fn set(&mut self, more: Self) {
        self.0 |= more.0;
    }

    /// Whether all of `some` are in it.
    pub const fn has(self, some: Self) -> bool {
        self.0 & some.0 == some.0
    }

    /// The names of those in it.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }
}
