//! Admission: limits and budgets, before anything is sent.
//!
//! What a request may cost at most is held; `docs/limits.md` states the bound that follows. A request that is
//! admitted gets its one charge, whatever then becomes of it.

use super::charge::{Charge, GRANT, Held, Input};
use super::outbound::Payload;
use super::{Gateway, Route};
use crate::accounts::{Account, Hold, Need, Rate, Refused, Whose};
use crate::catalogue::{self, Entry};
use crate::config::Kind;
use crate::keys::{Key, Limits};
use crate::money;
use crate::pricing::PriceBook;
use crate::routing::{Choice, Fleet};
use bytes::Bytes;
use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;
use tollgate_protocol::estimate::Prompt;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::usage::Usage;

/// Output tokens of a model whose maximum nobody knows.
const UNKNOWN_OUTPUT: u64 = 32_768;
/// Output tokens that a transcript is held for.
const TRANSCRIPT: u64 = 8_192;
/// Bytes of an upload that are a second of speech at the least: 16 kbit/s.
const BYTES_OF_SECOND: u64 = 2_000;
/// Tokens of a second of audio, at the most that vendors count.
const TOKENS_OF_SECOND: u64 = 32;

/// How vendors call the tiers that cost more.
const FASTER: [&[u8]; 3] = [b"\"priority\"", b"\"fast\"", b"\"ultrafast\""];
/// Bytes of a JSON body up to which it is read for money only when that needs it.
const SMALL: usize = 4_096;

/// What is asked for, as far as money needs it.
pub(super) struct Ask {
    route: Route,
    stream: bool,
    cap: Option<u64>,
    /// Answers asked for at once.
    count: u64,
    /// A JSON body, read when somebody wants to know.
    body: Bytes,
    prompt: OnceCell<Prompt>,
    /// Bytes of an upload.
    upload: u64,
}

impl Ask {
    /// `left` is what a form's body still announces.
    pub(super) fn of(route: Route, payload: &Payload, left: u64) -> Self {
        let stream = payload.stream();
        let ask = Self { route, stream, cap: None, count: 1, body: Bytes::new(), prompt: OnceCell::new(), upload: 0 };
        match payload {
            Payload::Json { body, head } => {
                Self { cap: head.output_cap, count: head.choices.clamp(1, 1_024), body: body.clone(), ..ask }
            }
            Payload::Form(_) => Self { upload: left, ..ask },
        }
    }

    fn prompt(&self) -> &Prompt {
        self.prompt.get_or_init(|| Prompt::read(&self.body))
    }

    /// Whether the body may ask for a service tier above the standard one. A word of its content that looks like it
    /// only holds more.
    fn may_be_dearer(&self) -> bool {
        FASTER.iter().any(|name| memchr::memmem::find(&self.body, name).is_some())
    }

    fn seconds(&self) -> u64 {
        self.upload / BYTES_OF_SECOND + 1
    }

    /// Input tokens that the vendor will about count.
    fn likely_input(&self) -> u64 {
        if self.route.is_form() { self.seconds() * 2 } else { self.prompt().likely_tokens() }
    }

    /// The same for later: a small body that nobody has read so far is only read if that is needed.
    fn into_input(self) -> Input {
        if self.route.is_form() || self.prompt.get().is_some() || self.body.len() > SMALL {
            Input::Known(self.likely_input())
        } else {
            Input::Unread(self.body)
        }
    }

    fn upper_input(&self, entry: Option<&Entry>) -> u64 {
        if self.route.is_form() {
            return self.seconds() * TOKENS_OF_SECOND;
        }
        // More than fits is refused by the vendor and costs nothing.
        let most = entry.and_then(|entry| entry.max_input_tokens.or(entry.context_window)).map(u64::from);
        match most {
            // Part of it is not in the body.
            Some(most) if self.prompt().is_open() => most,
            _ => self.prompt().upper_tokens().min(most.unwrap_or(u64::MAX)),
        }
    }

    fn upper_output(&self, entry: Option<&Entry>) -> u64 {
        match self.route {
            Route::Count(_) | Route::Embeddings | Route::Embed | Route::BatchEmbed => 0,
            Route::Transcriptions | Route::Translations => TRANSCRIPT,
            Route::Converse(_) => {
                let most = entry.and_then(|entry| entry.max_output_tokens).map_or(UNKNOWN_OUTPUT, u64::from);
                self.cap.unwrap_or(most).saturating_mul(self.count)
            }
        }
    }
}

/// The models that a request could end at: kinds and names to which prices belong.
pub(super) fn candidates<'a>(fleet: &Fleet, choices: Option<&'a [Choice]>, model: &'a str) -> Vec<(Kind, Arc<str>)> {
    if let Some(choices) = choices {
        return choices.iter().map(|c| (c.deployment.provider.kind, Arc::clone(&c.model))).collect();
    }
    // The sandbox: what it would have been, by the catalogue or else by the configuration.
    let named = model.split_once('/').map_or(model, |(_, name)| name);
    let listed = [model, named].into_iter().map(catalogue::find).find(|entries| !entries.is_empty());
    match listed {
        Some(entries) => entries.iter().map(|entry| (entry.kind, entry.model.into())).collect(),
        None => fleet
            .choices(model)
            .iter()
            .flat_map(|c| c.iter())
            .map(|c| (c.deployment.provider.kind, Arc::clone(&c.model)))
            .collect(),
    }
}

/// Whether the models' prices matter before the request is sent.
pub(super) fn is_budgeted(key: &Key) -> bool {
    key.budget.is_some() || key.project.budget.is_some()
}

/// Admits a request or says why not. `candidates` may be empty for a key without a budget.
pub(super) fn admit(
    gateway: &Gateway,
    prices: &PriceBook,
    account: &Account,
    key: &Key,
    ask: Ask,
    candidates: &[(Kind, Arc<str>)],
    now_ms: i64,
) -> Result<Box<Charge>, Fault> {
    if !gateway.ledger.is_open() {
        return Err(unavailable());
    }
    let (need, held) = needed(prices, key, &ask, candidates, now_ms)?;
    let hold = account.admit(key, need, now_ms).map_err(|refused| refusal(refused, need))?;
    Ok(Charge::new(&gateway.ledger, key, hold, ask.into_input(), held))
}

/// What a request needs, and what its hold is good for.
fn needed(
    prices: &PriceBook,
    key: &Key,
    ask: &Ask,
    candidates: &[(Kind, Arc<str>)],
    now_ms: i64,
) -> Result<(Need, Held), Fault> {
    let (mut need, mut held) = (Need::default(), Held::default());
    if is_budgeted(key) {
        held.any_tier = ask.may_be_dearer();
        (need, held.granted) = worth(prices, ask, candidates, now_ms)?;
    }
    if limits_tokens(key.limits) || limits_tokens(key.project.limits) {
        need.tokens = ask.likely_input().saturating_add(ask.cap.unwrap_or(GRANT).saturating_mul(ask.count));
    }
    Ok((need, held))
}

/// What admission would take.
pub(super) struct Taken {
    /// Nano-dollars held.
    pub(super) hold: i64,
    /// Tokens counted against limits by the minute.
    pub(super) tokens: u64,
    /// The hold would grow with the stream.
    pub(super) grows: bool,
}

/// What [`admit`] or [`place`] would take or say now; takes nothing.
pub(super) fn probe(
    gateway: &Gateway,
    prices: &PriceBook,
    account: &Account,
    key: &Key,
    ask: &Ask,
    candidates: &[(Kind, Arc<str>)],
    now_ms: i64,
) -> Result<Taken, Fault> {
    let (mut need, mut held) = (Need::default(), Held::default());
    if !ask.route.is_count() {
        let (closed, budgeted) = (!gateway.ledger.is_open(), is_budgeted(key));
        if if gateway.books { closed } else { budgeted } {
            return Err(unavailable());
        }
        if gateway.books {
            (need, held) = needed(prices, key, ask, candidates, now_ms)?;
        }
    }
    let hold = account.probe(key, need, now_ms).map_err(|refused| refusal(refused, need))?;
    Ok(Taken { hold, tokens: need.tokens, grows: held.granted.is_some() })
}

/// What a request may cost at one model.
pub(super) struct Range {
    /// Input tokens that the vendor will about count.
    pub(super) input: u64,
    /// Output tokens that it may make at the most.
    pub(super) output: u64,
    /// What reading it costs about, in nano-dollars, with nothing made and nothing cached.
    pub(super) least: i64,
    /// The most that it can cost, in nano-dollars.
    pub(super) most: i64,
}

/// What a request may cost at one model; `None` for one without a price.
pub(super) fn range(prices: &PriceBook, ask: &Ask, kind: Kind, model: &str, now_ms: i64) -> Option<Range> {
    let price = prices.find(kind, model)?;
    let entry = catalogue::find(model).iter().find(|entry| entry.kind == kind);
    let (input, output) = (ask.likely_input(), ask.upper_output(entry));
    let most = price.ceiling(ask.upper_input(entry), output, now_ms, ask.may_be_dearer());
    let least = price.amount(&Usage { input_tokens: input, ..Usage::default() }, now_ms).nano;
    Some(Range { input, output, least: least.min(most), most })
}

fn limits_tokens(limits: Limits) -> bool {
    limits.tokens_per_minute.is_some()
}

/// Takes the place of a request that costs nothing: it counts against the limits of requests alone.
pub(super) fn place(account: &Account, key: &Key, now_ms: i64) -> Result<Hold, Fault> {
    account.admit(key, Need::default(), now_ms).map_err(|refused| refusal(refused, Need::default()))
}

/// What is held, and the output tokens that it is enough for if it is to grow with the stream.
fn worth(
    prices: &PriceBook,
    ask: &Ask,
    candidates: &[(Kind, Arc<str>)],
    now_ms: i64,
) -> Result<(Need, Option<u64>), Fault> {
    let grows = ask.route.is_conversation() && ask.cap.is_none();
    let (mut worst, mut first, mut hidden, mut priced) = (0, 0, false, false);
    let any_tier = ask.may_be_dearer();
    for (kind, model) in candidates {
        let Some(price) = prices.find(*kind, model) else { continue };
        priced = true;
        let entry = catalogue::find(model).iter().find(|entry| entry.kind == *kind);
        let input = ask.upper_input(entry);
        worst = worst.max(price.ceiling(input, ask.upper_output(entry), now_ms, any_tier));
        first = first.max(price.ceiling(input, GRANT * ask.count, now_ms, any_tier));
        hidden |= entry.is_some_and(Entry::hides_reasoning);
        if ask.route.is_form() {
            worst = worst.max(price.audio_ceiling(ask.seconds(), now_ms));
        }
    }
    if !priced {
        return Err(Fault::new(
            FaultKind::Forbidden,
            "model_unpriced",
            "This key has a budget, and the model has no price to count against it.",
        )
        .about("model"));
    }
    Ok(if grows && ask.stream && !hidden {
        (Need { hold: first.min(worst), ..Need::default() }, Some(GRANT * ask.count))
    } else if grows && !ask.stream {
        (Need { hold: worst, least: Some(first.min(worst)), tokens: 0 }, None)
    } else {
        (Need { hold: worst, ..Need::default() }, None)
    })
}

/// The fault for a ledger that takes nothing.
pub(super) fn unavailable() -> Fault {
    Fault::new(FaultKind::Unavailable, "ledger_unavailable", "The gateway cannot book new requests at the moment.")
        .after(Some(Duration::from_secs(1)))
}

pub(super) fn refusal(refused: Refused, need: Need) -> Fault {
    match refused {
        Refused::Budget { whose, left } => {
            let of = match whose {
                Whose::Key => "this key's budget",
                Whose::Project => "the budget of this key's project",
            };
            let least = need.least.unwrap_or(need.hold);
            let message = if whose == Whose::Key && left > 0 {
                format!(
                    "This request may cost up to ${}, and ${} is left of {of}. A smaller output cap may make it fit.",
                    money::print(least),
                    money::print(left)
                )
            } else {
                format!("This request does not fit into what is left of {of}.")
            };
            Fault::new(FaultKind::BudgetExceeded, "budget_exceeded", message)
        }
        Refused::Rate { rate, whose, limit, wait } => {
            let what = match rate {
                Rate::Requests => "requests a minute",
                Rate::Tokens => "tokens a minute",
                Rate::Concurrency => "requests at the same time",
            };
            let of = match whose {
                Whose::Key => "This key",
                Whose::Project => "This key's project",
            };
            let message = format!("{of} has a limit of {limit} {what}.");
            Fault::new(FaultKind::RateLimited, "rate_limit_exceeded", message).after(Some(wait))
        }
    }
}
