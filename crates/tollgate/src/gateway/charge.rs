//! A request's charge, from admission to its place in the ledger.
//!
//! Owned by the meter, so that it is settled exactly once however the request ends: by what the vendor counted, by an
//! estimate where it counted nothing, at 0 where nothing was delivered.

use crate::accounts::Hold;
use crate::catalogue;
use crate::clock::now_ms;
use crate::config::Kind;
use crate::journal::Mark;
use crate::keys::{Key, Mode};
use crate::ledger::{Basis, Begun, Book, Detail, Entry, FailedAttempt, Flags, Ledger, RequestId, Series, Unavailable};
use crate::outcome::Outcome;
use crate::pricing::Price;
use crate::telemetry::{Record, Stage};
use bytes::Bytes;
use std::cell::RefCell;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tollgate_protocol::estimate::{self, Prompt};
use tollgate_protocol::usage::Usage;

/// Output tokens by which the hold of a stream without a cap grows.
pub(super) const GRANT: u64 = 1_024;
/// The hold grows when so few of its tokens are left.
const MARGIN: u64 = 256;
/// Tokens after which a stream's state is written down again.
const CHECKPOINT: u64 = 256;
/// Counts from here on are compared with what the model can do.
const UNUSUAL: u64 = 100_000;

static EMPTY: LazyLock<Arc<str>> = LazyLock::new(|| "".into());
static KINDS: LazyLock<[(Kind, Arc<str>); 8]> = LazyLock::new(|| Kind::ALL.map(|kind| (kind, kind.name().into())));

/// What a request gives a model to read.
pub(super) enum Input {
    /// So many tokens, about.
    Known(u64),
    /// A small body that nobody has read for it yet.
    Unread(Bytes),
}

impl Input {
    /// Tokens that the vendor will about count.
    fn likely(&self) -> u64 {
        match self {
            Self::Known(tokens) => *tokens,
            Self::Unread(body) => Prompt::read(body).likely_tokens(),
        }
    }

    /// The same without reading it.
    fn rough(&self) -> u64 {
        match self {
            Self::Known(tokens) => *tokens,
            Self::Unread(body) => estimate::tokens_of_text(body.len() as u64),
        }
    }
}

/// What a hold is good for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    /// Output tokens that it is enough for, where it grows with the stream.
    pub(super) granted: Option<u64>,
    /// It is at the rates of the dearest service tier.
    pub(super) any_tier: bool,
}

/// What a request holds and will be booked as.
pub(super) struct Charge {
    ledger: Arc<Ledger>,
    hold: Hold,
    entry: Entry,
    price: Option<Arc<Price>>,
    kind: Option<Kind>,
    mark: Option<Mark>,
    input: Input,
    budgeted: bool,
    /// The caller may have asked for a dearer service tier.
    any_tier: bool,
    /// Output tokens that the hold is enough for, where it grows with the stream.
    granted: Option<u64>,
    /// Tokens seen when it was last written down.
    written: u64,
}

impl Charge {
    pub(super) fn new(ledger: &Arc<Ledger>, key: &Key, hold: Hold, input: Input, held: Held) -> Box<Self> {
        let empty = || Arc::clone(&EMPTY);
        let entry = Entry {
            id: RequestId::default(),
            admitted_at: hold.admitted_at(),
            series: Series {
                book: if key.mode == Mode::Live { Book::Live } else { Book::Test },
                key_id: Arc::clone(&key.id),
                project_id: Arc::clone(&key.project_id),
                endpoint: empty(),
                model: empty(),
                provider: empty(),
                provider_kind: empty(),
                upstream_model: empty(),
                price_version: empty(),
            },
            amount: 0,
            cost: 0,
            basis: Basis::None,
            flags: Flags::default(),
            usage: Usage::default(),
            status: 0,
            outcome: Outcome::ClientLeft,
            detail: Detail::default(),
        };
        Box::new(Self {
            ledger: Arc::clone(ledger),
            hold,
            entry,
            price: None,
            kind: None,
            mark: None,
            input,
            budgeted: key.budget.is_some() || key.project.budget.is_some(),
            any_tier: held.any_tier,
            granted: held.granted,
            written: 0,
        })
    }

    /// A call is about to be sent: from now on the journal knows what to book if nothing more is heard.
    pub(super) fn begin(
        &mut self,
        record: &Record,
        kind: Option<Kind>,
        price: Option<Arc<Price>>,
    ) -> Result<Begun, Unavailable> {
        self.place(record);
        self.kind = kind;
        if let Some(kind) = kind
            && let Some((_, name)) = KINDS.iter().find(|(known, _)| *known == kind)
        {
            self.entry.series.provider_kind = Arc::clone(name);
        }
        self.entry.series.price_version =
            price.as_ref().map_or_else(|| Arc::clone(&EMPTY), |price| Arc::clone(price.version()));
        self.price = price;
        self.entry.detail.attempts = record.attempts;
        self.provisional(0);
        self.ledger.begin(&self.entry)
    }

    /// Keeps what the journal knows until the charge is booked.
    pub(super) fn keep(&mut self, mark: Mark) {
        self.mark = Some(mark);
    }

    /// An attempt delivered nothing. `billed` if the vendor may bill what it read.
    pub(super) fn failed(&mut self, record: &Record, code: &str, billed: bool, took: Duration) {
        let cost = if billed { self.input_cost() } else { 0 };
        self.entry.detail.failed.push(FailedAttempt {
            provider: Arc::clone(&record.provider),
            model: Arc::clone(&record.upstream_model),
            code: code.to_owned(),
            took_us: micros(took),
            cost,
        });
    }

    /// A stream has come so far; false if the budget has no room for more of it.
    pub(super) fn progress(&mut self, tokens: u64) -> bool {
        if let Some(granted) = &mut self.granted {
            while tokens + MARGIN >= *granted {
                let more = {
                    let at = self.entry.admitted_at;
                    self.price
                        .as_ref()
                        .map_or(0, |price| price.output_ceiling(self.input.rough(), GRANT, at, self.any_tier))
                };
                if !self.hold.extend(more) {
                    break;
                }
                *granted += GRANT;
            }
            if tokens >= *granted {
                self.entry.flags.set(Flags::BUDGET_CUT);
                return false;
            }
        }
        if tokens >= self.written + CHECKPOINT {
            self.written = tokens;
            self.provisional(tokens);
            if let Some(mark) = self.ledger.checkpoint(&self.entry) {
                self.mark = Some(mark);
            }
        }
        true
    }

    /// Marks something about the charge.
    pub(super) fn flag(&mut self, flags: Flags) {
        self.entry.flags.set(flags);
    }

    /// Books the request as its record has it, and says at how much, in nano-dollars.
    pub(super) fn settle(mut self: Box<Self>, record: &Record) -> i64 {
        self.place(record);
        let entry = &mut self.entry;
        (entry.status, entry.outcome) = (record.status, record.outcome);
        let failed = std::mem::take(&mut entry.detail.failed);
        entry.detail = Detail {
            stream: record.stream,
            total_us: micros(record.total()),
            first_byte_us: record.first_byte.map(micros),
            stages_us: Stage::ALL.map(|stage| record.stage(stage).map_or(0, micros)),
            attempts: record.attempts,
            error: record.error.clone(),
            upstream_id: record.upstream_id.clone(),
            failed,
            translation: record.translation.clone(),
        };
        if record.outcome == Outcome::ClientLeft {
            entry.flags.set(Flags::CLIENT_LEFT);
        }
        self.count(record);
        let lost: i64 = self.entry.detail.failed.iter().map(|attempt| attempt.cost).sum();
        let unseen = if record.outcome == Outcome::ClientLeft && !record.answered && record.attempts > 0 {
            self.input_cost()
        } else {
            0
        };
        self.entry.cost = self.entry.amount.saturating_add(lost).saturating_add(unseen);
        let amount = self.entry.amount;
        if self.budgeted && amount > self.hold.amount() {
            self.entry.flags.set(Flags::OVERRUN);
        }
        let tokens = self.entry.usage.total_input() + self.entry.usage.total_output();
        self.hold.settle(amount, tokens);
        self.ledger.settle(&self.entry, self.mark.take());
        amount
    }

    /// What the record says of request, key and model.
    fn place(&mut self, record: &Record) {
        let series = &mut self.entry.series;
        if series.endpoint.is_empty() {
            self.entry.id = RequestId(record.number);
            series.endpoint = super::Route::shared_name(record.route);
            series.model = shared(record.model.as_deref().unwrap_or_default());
        }
        series.provider = Arc::clone(&record.provider);
        series.upstream_model = Arc::clone(&record.upstream_model);
    }

    /// What is to be booked if nothing more is heard after so many output tokens.
    fn provisional(&mut self, tokens: u64) {
        let usage = Usage { input_tokens: self.input.rough(), output_tokens: tokens, ..Usage::default() };
        let entry = &mut self.entry;
        entry.usage = usage;
        entry.basis = Basis::Recovered;
        entry.amount = match &self.price {
            Some(price) => price.amount(&usage, entry.admitted_at).nano,
            None => {
                entry.flags.set(Flags::UNPRICED);
                0
            }
        };
        entry.cost = entry.amount;
    }

    /// Usage, basis and amount at the end.
    fn count(&mut self, record: &Record) {
        let entry = &mut self.entry;
        (entry.usage, entry.basis, entry.amount) = (Usage::default(), Basis::None, 0);
        if !record.answered {
            return;
        }
        let reported = record.usage;
        let sound = reported.filter(|usage| !usage.suspect && is_possible(usage, self.kind, &record.upstream_model));
        if reported.is_some() && sound.is_none() {
            entry.flags.set(Flags::SUSPECT_USAGE);
        }
        (entry.usage, entry.basis) = match sound {
            Some(usage) => match unsaid_output(&usage, record) {
                None => (usage, Basis::Provider),
                Some(output) => {
                    let output_tokens = output.saturating_sub(usage.reasoning_tokens);
                    (Usage { output_tokens, ..usage }, Basis::Estimated)
                }
            },
            None => {
                let estimated = Usage {
                    input_tokens: self.input.likely(),
                    output_tokens: estimate::tokens_of_text(record.content_bytes),
                    tier: reported.map_or_else(Default::default, |usage| usage.tier),
                    ..Usage::default()
                };
                (estimated, Basis::Estimated)
            }
        };
        let Some(price) = &self.price else {
            entry.flags.set(Flags::UNPRICED);
            return;
        };
        let amount = price.amount(&entry.usage, entry.admitted_at);
        entry.amount = amount.nano;
        if amount.unpriced {
            entry.flags.set(Flags::UNPRICED_USAGE);
        }
        if amount.other_tier {
            entry.flags.set(Flags::OTHER_TIER);
        }
    }

    fn input_cost(&self) -> i64 {
        let usage = Usage { input_tokens: self.input.likely(), ..Usage::default() };
        self.price.as_ref().map_or(0, |price| price.amount(&usage, self.entry.admitted_at).nano)
    }
}

/// Output tokens of a stream that did not come to its end, by what was seen of it, where the vendor had told of much
/// less until then. Anthropic's streams begin with a count of the input and of a token or two of output, and tell the
/// rest with their last event; Google's may leave out what was made so far. A count that runs with the stream is the
/// better one: it is at most a piece behind.
fn unsaid_output(usage: &Usage, record: &Record) -> Option<u64> {
    if !record.stream || record.outcome == Outcome::Completed {
        return None;
    }
    let seen = estimate::tokens_of_text(record.content_bytes);
    (usage.total_output() < seen / 2).then_some(seen)
}

/// Whether a model can have used so much: a tenth above its limits is believed.
fn is_possible(usage: &Usage, kind: Option<Kind>, model: &str) -> bool {
    let (input, output) = (usage.total_input(), usage.total_output());
    if input < UNUSUAL && output < UNUSUAL {
        return true;
    }
    let entry = kind.and_then(|kind| catalogue::find(model).iter().find(|entry| entry.kind == kind));
    let Some(entry) = entry else { return true };
    let within = |count: u64, most: Option<u32>| most.is_none_or(|most| count <= u64::from(most) / 10 * 11);
    within(input, entry.max_input_tokens.max(entry.context_window)) && within(output, entry.max_output_tokens)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A name that many requests have, in one piece of memory.
fn shared(name: &str) -> Arc<str> {
    thread_local! {
        static LAST: RefCell<Arc<str>> = RefCell::new(Arc::clone(&EMPTY));
    }
    LAST.with_borrow_mut(|last| {
        if **last != *name {
            *last = name.into();
        }
        Arc::clone(last)
    })
}

/// Now, in unix milliseconds; never before the request's id was made.
pub(super) fn admitted_at(record: &Record) -> i64 {
    now_ms().max(RequestId(record.number).time())
}
