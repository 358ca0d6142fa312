//! The accounts that can make a video, and what it may cost there.

use super::wish::Wish;
use crate::catalogue::{self, Mode};
use crate::clock::now_ms;
use crate::config::{Config, Kind};
use crate::gateway::plan::unknown_model;
use crate::routing::{self, Attempt, Fleet, NoAttempt};
use crate::tasks::{Candidate, Destination, Vendor};
use std::sync::Arc;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::video::ark;
use tollgate_protocol::video::kind::Resolution;

/// All candidates for a live key's request, in their order.
pub(super) fn live(fleet: &Fleet, wish: &Wish, model: &str, strict: bool) -> Result<Vec<Candidate>, Fault> {
    let choices = fleet.choices(model).ok_or_else(|| unknown_model(model))?;
    let makes = |choice: &&routing::Choice| {
        wish.suits(choice.deployment.provider.kind) && makes_video(choice.deployment.provider.kind, &choice.model)
    };
    let choices: Vec<routing::Choice> = choices.iter().filter(makes).cloned().collect();
    if choices.is_empty() {
        return Err(not_here());
    }
    let attempts = routing::order(&choices, |_| true, now_ms(), crate::ids::below).map_err(resting)?;
    let mut first: Option<Fault> = None;
    let mut candidates = Vec::new();
    for attempt in attempts {
        match of_attempt(&fleet.config, wish, &attempt, strict) {
            Ok(candidate) => candidates.push(candidate),
            Err(fault) => {
                first.get_or_insert(fault);
            }
        }
    }
    if let Some(task) = wish.beside() {
        candidates.retain(|candidate| {
            candidate.to.provider() == task.row.provider && candidate.to.fingerprint() == task.row.account
        });
        if candidates.is_empty() {
            let message = "The account that made the first video is no longer configured.";
            return Err(first.unwrap_or_else(|| Fault::broken("upstream_account_error", message)));
        }
    }
    if candidates.is_empty() { Err(first.unwrap_or_else(not_here)) } else { Ok(candidates) }
}

fn of_attempt(config: &Config, wish: &Wish, attempt: &Attempt, strict: bool) -> Result<Candidate, Fault> {
    let deployment = &attempt.choice.deployment;
    let provider = &deployment.provider;
    let shape = wish.shape(provider.kind, &attempt.choice.model, strict)?;
    let vendor = Vendor::of(provider.kind, shape.family, Some(provider)).ok_or_else(not_here)?;
    let to = Destination::Account { deployment: Arc::clone(deployment), index: attempt.index() };
    Ok(Candidate {
        kind: provider.kind,
        vendor,
        to,
        price: config.prices.find(provider.kind, &attempt.choice.model).cloned(),
        model: Arc::clone(&attempt.choice.model),
        facts: shape.facts,
        native: shape.native,
        size: shape.size,
        losses: shape.losses,
    })
}

/// The sandbox's candidate: as the catalogue has the model, or else as this gateway would serve it.
pub(super) fn sandbox(fleet: &Fleet, wish: &Wish, model: &str, strict: bool) -> Result<Vec<Candidate>, Fault> {
    let named = model.split_once('/').map_or(model, |(_, name)| name);
    let listed =
        [model, named].into_iter().map(catalogue::find).find(|entries| !entries.is_empty()).unwrap_or_default();
    let mut could: Vec<(Kind, Arc<str>)> = listed
        .iter()
        .filter(|entry| entry.has(Mode::Video) && wish.suits(entry.kind))
        .map(|entry| (entry.kind, entry.model.into()))
        .collect();
    if could.is_empty() {
        let choices = fleet.choices(model);
        let unknown = listed.is_empty() && choices.is_none();
        if unknown {
            return Err(unknown_model(model));
        }
        let own = choices.iter().flat_map(|choices| choices.iter());
        could = own
            .map(|choice| (choice.deployment.provider.kind, Arc::clone(&choice.model)))
            .filter(|(kind, model)| wish.suits(*kind) && makes_video(*kind, model))
            .collect();
    }
    let mut first: Option<Fault> = None;
    for (kind, model) in could {
        if wish.beside().is_some_and(|task| task.row.provider_kind != kind.name()) {
            continue;
        }
        let shape = match wish.shape(kind, &model, strict) {
            Ok(shape) => shape,
            Err(fault) => {
                first.get_or_insert(fault);
                continue;
            }
        };
        let Some(vendor) = Vendor::of(kind, shape.family, None) else { continue };
        return Ok(vec![Candidate {
            kind,
            vendor,
            to: Destination::Sandbox,
            price: fleet.config.prices.find(kind, &model).cloned(),
            model,
            facts: shape.facts,
            native: shape.native,
            size: shape.size,
            losses: shape.losses,
        }]);
    }
    Err(first.unwrap_or_else(not_here))
}

/// A model that the catalogue knows to make something else makes no videos.
fn makes_video(kind: Kind, model: &str) -> bool {
    catalogue::find(model).iter().find(|entry| entry.kind == kind).is_none_or(|entry| entry.has(Mode::Video))
}

fn not_here() -> Fault {
    let message = "No configured provider makes videos with this model through this route.";
    Fault::new(FaultKind::NotFound, "model_not_found", message).about("model")
}

fn resting(none: NoAttempt) -> Fault {
    match none {
        NoAttempt::Protocol => not_here(),
        NoAttempt::Resting { wait, rate_limited: true } => {
            Fault::new(FaultKind::RateLimited, "upstream_rate_limited", "The provider's rate limit is reached.")
                .after(Some(wait))
        }
        NoAttempt::Resting { wait, rate_limited: false } => {
            Fault::new(FaultKind::UpstreamUnavailable, "upstream_unavailable", "The provider asked for a pause.")
                .after(Some(wait))
        }
    }
}

/// The most that it may cost, in nano-dollars, over the candidates that have a price; those without go. `None` if there
/// is no price at all.
pub(super) fn ceiling(candidates: &mut Vec<Candidate>) -> Option<i64> {
    candidates.retain(|candidate| candidate.price.as_ref().is_some_and(|price| price.sells_video()));
    candidates.iter().filter_map(most).max()
}

fn most(candidate: &Candidate) -> Option<i64> {
    let facts = &candidate.facts;
    let price = candidate.price.as_ref()?;
    let milliseconds = facts.milliseconds.saturating_add(facts.reads).saturating_mul(u64::from(facts.samples.max(1)));
    let tokens = if candidate.kind == Kind::Ark {
        // Where the resolution is not said, it may be any.
        let rate = ark::tokens_of_second(facts.kind.resolution).or(ark::tokens_of_second(Resolution::K4));
        rate.unwrap_or(0).saturating_mul(milliseconds.div_ceil(1_000))
    } else {
        0
    };
    Some(price.video_ceiling(milliseconds, tokens, facts.kind))
}
