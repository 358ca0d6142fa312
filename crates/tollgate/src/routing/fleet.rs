//! The deployments in force and the order in which a request may try them.
//!
//! Built whole from a configuration and swapped whole. Owns which accounts rest; knows no protocol and no money. A
//! vendor's wish to be left alone survives a reload of the file.

use super::resolve;
use crate::catalogue;
use crate::clock::now_ms;
use crate::config::{Auth, Config, Credential, Kind, Protocol, Provider, Target};
use crate::lines::Lines;
use crate::upstream::Origin;
use http::{HeaderName, HeaderValue, header};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tollgate_protocol::canonical::Capabilities;

/// Longest rest that a vendor's hint is believed for.
const MAX_REST: Duration = Duration::from_mins(10);
/// How long an account that failed without a hint goes last.
const DOUBT: Duration = Duration::from_secs(30);

/// Everything a request may be sent to, as one configuration has it.
pub struct Fleet {
    /// The configuration it was built from.
    pub config: Arc<Config>,
    deployments: BTreeMap<String, Arc<Deployment>>,
    /// Choices of every name that can be listed.
    named: HashMap<String, Arc<[Choice]>>,
}

/// A configured provider, ready to be called.
pub struct Deployment {
    /// Its configuration.
    pub provider: Arc<Provider>,
    /// Where it is.
    pub origin: Origin,
    /// Its accounts.
    pub accounts: Vec<Account>,
}

/// One account at a vendor and its state.
pub struct Account {
    /// The header that proves it; `None` for forms of proof that are made per request.
    pub proof: Option<(HeaderName, HeaderValue)>,
    credential: Credential,
    state: Arc<AccountState>,
}

#[derive(Default)]
struct AccountState {
    /// Unix milliseconds until which it is not to be asked at all.
    rests_until: AtomicI64,
    /// Whether it rests because of its rate.
    rate_limited: AtomicBool,
    /// Unix milliseconds until which others are asked first.
    doubted_until: AtomicI64,
    /// What the vendor said is left of the account's rates, plus one; 0 while it has said nothing.
    left: [AtomicU64; 2],
}

/// The rates that vendors tell, and the header that says what is left of each. Source: `OpenAI`'s API reference,
/// 2026-11; compatible vendors use the same names.
static RATES: [(&str, HeaderName); 2] = [
    ("requests", HeaderName::from_static("x-ratelimit-remaining-requests")),
    ("tokens", HeaderName::from_static("x-ratelimit-remaining-tokens")),
];

/// One way of serving a model.
#[derive(Clone)]
pub struct Choice {
    /// Where to.
    pub deployment: Arc<Deployment>,
    /// The vendor's name of the model.
    pub model: Arc<str>,
    /// Its name comes from configuration or catalogue, not from a caller.
    pub listed: bool,
    /// Turns with calls of tools must come back with their thoughts, in words.
    pub replays_reasoning: bool,
    /// When it is asked by Responses, although the provider speaks chat.
    pub by_responses: ByResponses,
    /// Lower ones are asked first.
    pub priority: u32,
    /// Its share among those of its priority.
    pub weight: u32,
}

/// When a model that chat would reach is asked by Responses; only where the provider speaks that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByResponses {
    /// Never.
    Never,
    /// When tools are offered to it and it is to think.
    Tools {
        /// It thinks where the caller says nothing.
        thinks: bool,
    },
    /// Always: it is served by nothing else.
    Always,
}

impl ByResponses {
    fn of(provider: &Provider, model: &str, accepts: &Capabilities) -> Self {
        let entry = catalogue::find(model).iter().find(|entry| entry.kind == provider.kind);
        if !provider.protocols.contains(&Protocol::Responses) {
            Self::Never
        } else if entry.is_some_and(catalogue::Entry::needs_responses) {
            Self::Always
        } else if accepts.tools_by_responses {
            Self::Tools { thinks: accepts.thinking.by_default }
        } else {
            Self::Never
        }
    }
}

/// One try: a choice and which of its accounts.
pub struct Attempt {
    /// The choice.
    pub choice: Choice,
    account: usize,
}

/// Why a model has no attempt to offer now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAttempt {
    /// No deployment of it can serve the route.
    Protocol,
    /// All its accounts rest; the shortest rest, and whether it is for a rate limit.
    Resting {
        /// Until the first may be asked again.
        wait: Duration,
        /// It rests for its rate.
        rate_limited: bool,
    },
}

impl Fleet {
    /// Builds a fleet; accounts that were in `before` keep their rest.
    pub fn new(config: Arc<Config>, before: Option<&Self>) -> Self {
        let deployments: BTreeMap<String, Arc<Deployment>> = config
            .providers
            .iter()
            .map(|(name, provider)| {
                let old = before.and_then(|fleet| fleet.deployments.get(name));
                (name.clone(), Arc::new(Deployment::new(provider, old)))
            })
            .collect();
        let named = resolve::visible(&config)
            .into_iter()
            .filter_map(|visible| {
                let targets = resolve::resolve(&config, visible.name)?;
                Some((visible.name.to_owned(), choices(&deployments, &targets, true)))
            })
            .collect();
        Self { config, deployments, named }
    }

    /// The ways of serving a public model name; `None` if there is no such model.
    pub fn choices(&self, name: &str) -> Option<Arc<[Choice]>> {
        if let Some(found) = self.named.get(name) {
            return Some(Arc::clone(found));
        }
        Some(choices(&self.deployments, &resolve::resolve(&self.config, name)?, false))
    }

    /// A deployment by its provider's name.
    pub fn deployment(&self, name: &str) -> Option<&Arc<Deployment>> {
        self.deployments.get(name)
    }

    /// The deployments in force.
    pub fn deployments(&self) -> impl Iterator<Item = &Arc<Deployment>> {
        self.deployments.values()
    }
}

fn choices(deployments: &BTreeMap<String, Arc<Deployment>>, targets: &[Target], listed: bool) -> Arc<[Choice]> {
    targets
        .iter()
        .filter_map(|target| {
            let accepts = catalogue::accepts(target.provider.kind, &target.model);
            Some(Choice {
                deployment: Arc::clone(deployments.get(&*target.provider.name)?),
                model: Arc::clone(&target.model),
                replays_reasoning: accepts.replays_reasoning,
                by_responses: ByResponses::of(&target.provider, &target.model, &accepts),
                listed: listed || !catalogue::find(&target.model).is_empty(),
                priority: target.priority,
                weight: target.weight,
            })
        })
        .collect()
}

impl Deployment {
    fn new(provider: &Arc<Provider>, before: Option<&Arc<Self>>) -> Self {
        let accounts = provider
            .credentials
            .iter()
            .map(|credential| Account {
                proof: proof(provider.kind, &credential.auth),
                state: before
                    .and_then(|old| old.accounts.iter().find(|account| account.credential.auth == credential.auth))
                    .map_or_else(Arc::default, |account| Arc::clone(&account.state)),
                credential: credential.clone(),
            })
            .collect();
        Self {
            origin: Origin::new(&provider.base, provider.http, provider.timeouts.connect),
            provider: Arc::clone(provider),
            accounts,
        }
    }
}

/// The header in which a kind takes its key. Sources: the vendors' API references, 2026-11.
fn proof(kind: Kind, auth: &Auth) -> Option<(HeaderName, HeaderValue)> {
    let secret = match auth {
        Auth::ApiKey(secret) | Auth::AccessToken(secret) => secret,
        Auth::ServiceAccount(_) | Auth::KeyPair { .. } => return None,
    };
    let (name, text) = match kind {
        Kind::Anthropic => (HeaderName::from_static("x-api-key"), secret.expose().to_owned()),
        Kind::Gemini => (HeaderName::from_static("x-goog-api-key"), secret.expose().to_owned()),
        _ => (header::AUTHORIZATION, format!("Bearer {}", secret.expose())),
    };
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

impl Account {
    /// The vendor asked to be left alone for this long.
    pub fn rest(&self, wait: Duration, rate_limited: bool) {
        let until = now_ms() + i64::try_from(wait.min(MAX_REST).as_millis()).unwrap_or(0);
        self.state.rests_until.fetch_max(until, Ordering::Relaxed);
        self.state.rate_limited.store(rate_limited, Ordering::Relaxed);
    }

    /// It failed; others go first for a while.
    pub fn doubt(&self) {
        let until = now_ms() + i64::try_from(DOUBT.as_millis()).unwrap_or(0);
        self.state.doubted_until.store(until, Ordering::Relaxed);
    }

    /// It answered well.
    pub fn trust(&self) {
        if self.state.doubted_until.load(Ordering::Relaxed) != 0 {
            self.state.doubted_until.store(0, Ordering::Relaxed);
        }
    }

    /// Keeps what an answer says about the account's rates.
    pub fn note_rates(&self, headers: &Lines) {
        for ((_, header), slot) in RATES.iter().zip(&self.state.left) {
            if let Some(left) = headers.text(header).and_then(|text| text.trim().parse::<u64>().ok()) {
                slot.store(left.saturating_add(1), Ordering::Relaxed);
            }
        }
    }

    /// What the vendor said last is left of the account's rates, by the rate's name.
    pub fn rates(&self) -> impl Iterator<Item = (&'static str, u64)> {
        RATES.iter().zip(&self.state.left).filter_map(|((name, _), slot)| {
            let left = slot.load(Ordering::Relaxed).checked_sub(1)?;
            Some((*name, left))
        })
    }

    /// How long it still rests.
    pub fn resting(&self, now: i64) -> Option<Duration> {
        let left = self.state.rests_until.load(Ordering::Relaxed) - now;
        u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_millis)
    }

    /// Whether it rests for its rate.
    pub fn rests_for_rate(&self) -> bool {
        self.state.rate_limited.load(Ordering::Relaxed)
    }

    /// Whether others are asked first, because it failed a moment ago.
    pub fn doubted(&self, now: i64) -> bool {
        self.state.doubted_until.load(Ordering::Relaxed) > now
    }

    /// Its share of traffic among its provider's accounts.
    pub fn weight(&self) -> u32 {
        self.credential.weight
    }

    /// How it proves itself, for proofs that are made anew for each request.
    pub fn auth(&self) -> &Auth {
        &self.credential.auth
    }

    /// The key's text, for finding it in what a vendor echoes.
    pub fn secret(&self) -> Option<&str> {
        match &self.credential.auth {
            Auth::ApiKey(secret) | Auth::AccessToken(secret) => Some(secret.expose()),
            Auth::ServiceAccount(_) | Auth::KeyPair { .. } => None,
        }
    }
}

impl Choice {
    /// All tries that it offers, one for each account, whether that rests or not.
    pub fn attempts(&self) -> impl Iterator<Item = Attempt> {
        (0..self.deployment.accounts.len()).map(|account| Attempt { choice: self.clone(), account })
    }
}

impl Attempt {
    /// The place of the account to use.
    pub fn index(&self) -> usize {
        self.account
    }

    /// One account of a deployment, whatever the model.
    pub fn at(deployment: &Arc<Deployment>, account: usize) -> Self {
        let choice = Choice {
            deployment: Arc::clone(deployment),
            model: "".into(),
            listed: false,
            replays_reasoning: false,
            by_responses: ByResponses::Never,
            priority: 0,
            weight: 0,
        };
        Self { choice, account }
    }

    /// The account to use.
    pub fn account(&self) -> Option<&Account> {
        self.choice.deployment.accounts.get(self.account)
    }
}

/// The tries for a request, in order: by priority; within one priority by weight and chance; an account that is
/// doubted after those that are not. `serves` says which providers can serve it at all; `random` yields numbers below
/// its argument, which is never 0.
pub fn order(
    choices: &[Choice],
    serves: impl Fn(&Provider) -> bool,
    now: i64,
    mut random: impl FnMut(u64) -> u64,
) -> Result<Vec<Attempt>, NoAttempt> {
    if let [only] = choices
        && let [account] = only.deployment.accounts.as_slice()
    {
        // The usual case: nothing to choose.
        let speaks = serves(&only.deployment.provider);
        return match account.resting(now) {
            _ if !speaks => Err(NoAttempt::Protocol),
            Some(wait) => Err(NoAttempt::Resting { wait, rate_limited: account.rests_for_rate() }),
            None => Ok(vec![Attempt { choice: only.clone(), account: 0 }]),
        };
    }
    let mut tiers: Vec<(bool, u32, Attempt)> = Vec::new();
    let mut shortest: Option<(Duration, bool)> = None;
    let mut speaks = false;
    let mut pool: Vec<&Choice> = choices.iter().filter(|choice| serves(&choice.deployment.provider)).collect();
    pool.sort_by_key(|choice| choice.priority);
    for tier in pool.chunk_by(|a, b| a.priority == b.priority) {
        for choice in shuffled(tier, |choice| choice.weight, &mut random) {
            speaks = true;
            let accounts: Vec<usize> = (0..choice.deployment.accounts.len()).collect();
            let weight = |index: &usize| choice.deployment.accounts.get(*index).map_or(1, |a| a.credential.weight);
            for index in shuffled(&accounts, weight, &mut random) {
                let Some(account) = choice.deployment.accounts.get(index) else { continue };
                if let Some(wait) = account.resting(now) {
                    let rate_limited = account.rests_for_rate();
                    if shortest.is_none_or(|(before, _)| wait < before) {
                        shortest = Some((wait, rate_limited));
                    }
                    continue;
                }
                let doubted = account.doubted(now);
                tiers.push((doubted, choice.priority, Attempt { choice: choice.clone(), account: index }));
            }
        }
    }
    if !speaks {
        return Err(NoAttempt::Protocol);
    }
    if tiers.is_empty() {
        let (wait, rate_limited) = shortest.unwrap_or_default();
        return Err(NoAttempt::Resting { wait, rate_limited });
    }
    // Stable: the order by weight and chance stands within each group.
    tiers.sort_by_key(|(doubted, priority, _)| (*doubted, *priority));
    Ok(tiers.into_iter().map(|(_, _, attempt)| attempt).collect())
}

/// Draws all items without putting back, each with a chance in proportion to its weight.
fn shuffled<T: Clone>(items: &[T], weight: impl Fn(&T) -> u32, random: &mut impl FnMut(u64) -> u64) -> Vec<T> {
    if let [only] = items {
        return vec![only.clone()];
    }
    let mut left: Vec<&T> = items.iter().collect();
    let mut drawn = Vec::with_capacity(items.len());
    while !left.is_empty() {
        let total: u64 = left.iter().map(|item| u64::from(weight(item)).max(1)).sum();
        let mut at = random(total.max(1));
        let index = left.iter().position(|item| {
            let share = u64::from(weight(item)).max(1);
            let hit = at < share;
            at = at.saturating_sub(share);
            hit
        });
        drawn.push(left.remove(index.unwrap_or(0)).clone());
    }
    drawn
}
