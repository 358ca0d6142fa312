//! How to ask for thought: which of the vendor's ways says best what the caller wants and the model takes.
//!
//! Facts: the vendor's pages on thinking, effort and tool use, 2026-11; the effort that a number of tokens stands for
//! is `Effort::budget`.

use super::write_request::Writing;
use crate::canonical::{Effort, EffortSet, Field, ReasoningAsk, Thinking, ThinkingMode};
use crate::write::Object;

/// Fewest tokens of thought that may be asked for.
const LEAST: u64 = 1_024;

/// Efforts that the protocol has a word for.
const EFFORTS: [Effort; 5] = [Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];

/// What else in the request bears on thought.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    /// Most output tokens, thought included, where the caller has set it.
    pub(super) cap: Option<u64>,
    /// A tool must be called.
    pub(super) forced: bool,
    /// The last turn is the assistant's, to be continued.
    pub(super) prefill: bool,
    /// Tools were called in the turn that goes on, and the thoughts that led to it are not there.
    pub(super) unproven: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Plan {
    kind: Option<Kind>,
    effort: Option<Effort>,
    shown: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Disabled,
    Enabled(u64),
    Adaptive,
}

impl Plan {
    /// Whether thought is asked for; then the vendor lets nobody choose how words are drawn.
    pub(super) fn thinks(&self) -> bool {
        matches!(self.kind, Some(Kind::Enabled(_) | Kind::Adaptive))
    }

    /// Tokens of thought that the cap on output must leave room for.
    pub(super) fn budget(&self) -> u64 {
        match self.kind {
            Some(Kind::Enabled(tokens)) => tokens,
            _ => 0,
        }
    }

    /// The effort to ask for.
    pub(super) fn effort(&self) -> Option<Effort> {
        self.effort
    }

    /// Writes `thinking`.
    pub(super) fn write(&self, body: &mut Object<'_>) {
        let Some(kind) = self.kind else { return };
        let mut thinking = body.object("thinking");
        match kind {
            Kind::Disabled => {
                thinking.text("type", "disabled");
                return;
            }
            Kind::Enabled(tokens) => thinking.text("type", "enabled").whole("budget_tokens", tokens),
            Kind::Adaptive => thinking.text("type", "adaptive"),
        };
        if let Some(shown) = self.shown {
            thinking.text("display", if shown { "summarized" } else { "omitted" });
        }
    }
}

/// The model's ways of thinking, as far as the protocol has a word for them.
fn ways(writing: &Writing<'_>) -> Thinking {
    let thinking = writing.target.accepts.thinking;
    let sayable = EFFORTS.into_iter().filter(|effort| thinking.efforts.has(*effort));
    Thinking { efforts: sayable.fold(EffortSet::default(), EffortSet::with), ..thinking }
}

/// Plans it.
pub(super) fn plan(ask: &ReasoningAsk, facts: Facts, writing: &mut Writing<'_>) -> Plan {
    let ReasoningAsk { mode, effort, budget, show, summary } = ask;
    let takes = ways(writing);
    let mut plan = Plan::default();
    let off = *mode == Some(ThinkingMode::Off) || *effort == Some(Effort::None) || *budget == Some(0);
    if off {
        turn_off(ask, &mut plan, writing);
        hide(ask, writing);
        return plan;
    }
    plan.effort = effort.and_then(|effort| takes.efforts.nearest(effort));
    if plan.effort.is_some() && plan.effort != *effort {
        writing.approximated(Field::ReasoningEffort);
    }
    let asked = mode.is_some() || effort.is_some() || budget.is_some();
    let wants_to_see = *show == Some(true) || summary.is_some();
    plan.kind = match budget {
        _ if !asked && takes.by_default && takes.adaptive && show.or(wants_to_see.then_some(true)).is_some() => {
            Some(Kind::Adaptive)
        }
        _ if !asked => None,
        Some(tokens) if takes.budget => Some(Kind::Enabled(*tokens)),
        Some(tokens) => {
            // The model measures for itself.
            writing.approximated(Field::ReasoningBudget);
            plan.effort = plan.effort.or(takes.efforts.nearest(Effort::of_budget(*tokens)));
            takes.adaptive.then_some(Kind::Adaptive)
        }
        None if takes.adaptive => Some(Kind::Adaptive),
        None if takes.budget => Some(Kind::Enabled(effort.unwrap_or(Effort::Medium).budget())),
        None => None,
    };
    told_as_budget(ask, &mut plan, writing);
    fit(ask, facts, &mut plan, writing);
    if plan.kind.is_none() && asked && !takes.by_default {
        give_up(ask, &plan, writing);
    }
    if plan.thinks() {
        plan.shown = show.or(wants_to_see.then_some(true));
        if summary.as_deref().is_some_and(|how| how != "auto") {
            writing.approximated(Field::ReasoningSummary);
        }
    } else {
        hide(ask, writing);
    }
    plan
}

fn turn_off(ask: &ReasoningAsk, plan: &mut Plan, writing: &mut Writing<'_>) {
    let takes = ways(writing);
    if takes.off {
        plan.kind = Some(Kind::Disabled);
    } else if takes.by_default {
        // It thinks as little as it can.
        plan.effort = takes.efforts.nearest(Effort::Minimal);
        writing.approximated(if ask.mode.is_some() { Field::ReasoningMode } else { Field::ReasoningEffort });
    }
    // How thorough the words are to be, thought or not.
    if let Some(effort) = ask.effort.filter(|effort| *effort > Effort::None) {
        plan.effort = takes.efforts.nearest(effort).or(plan.effort);
        match plan.effort {
            Some(near) if near == effort => {}
            Some(_) => writing.approximated(Field::ReasoningEffort),
            None => writing.dropped(Field::ReasoningEffort),
        }
    }
}

/// Says what a number of tokens, or the model's own measure, stands for.
fn told_as_budget(ask: &ReasoningAsk, plan: &mut Plan, writing: &mut Writing<'_>) {
    match (plan.kind, ask.mode) {
        (Some(Kind::Adaptive), Some(ThinkingMode::On)) if ask.budget.is_none() => {
            writing.approximated(Field::ReasoningMode);
        }
        (Some(Kind::Enabled(_)), Some(ThinkingMode::Adaptive)) => writing.approximated(Field::ReasoningMode),
        _ => {}
    }
    if ask.effort.is_some() && plan.effort.is_none() {
        match plan.kind {
            Some(Kind::Enabled(_)) if ask.budget.is_none() => writing.approximated(Field::ReasoningEffort),
            _ => writing.dropped(Field::ReasoningEffort),
        }
    }
}

/// Makes room for thought, or takes it back where the vendor would refuse the request with it.
fn fit(ask: &ReasoningAsk, facts: Facts, plan: &mut Plan, writing: &mut Writing<'_>) {
    let takes = ways(writing);
    // Where the model measures for itself none of these stand against it (recorded of a forced tool, documented of the
    // rest).
    let Some(Kind::Enabled(tokens)) = plan.kind else { return };
    let refused = facts.forced || facts.prefill || facts.unproven;
    let accepts = writing.target.accepts;
    let most = match (facts.cap, accepts.max_output_tokens) {
        (Some(cap), _) => cap.saturating_sub(1),
        // The usual room for words stays, or half of all there is.
        (None, Some(most)) => most - accepts.usual_output_tokens.min(most / 2),
        (None, None) => u64::MAX,
    };
    if refused || most < LEAST {
        plan.kind = None;
    } else {
        let fitting = tokens.clamp(LEAST, most);
        plan.kind = Some(Kind::Enabled(fitting));
        if fitting != tokens {
            writing.approximated(if ask.budget.is_some() { Field::ReasoningBudget } else { Field::ReasoningEffort });
        }
    }
    if plan.kind.is_none() && refused && takes.by_default && takes.off {
        plan.kind = Some(Kind::Disabled);
        give_up(ask, plan, writing);
    }
}

/// Thought was asked for and is not to be had.
fn give_up(ask: &ReasoningAsk, plan: &Plan, writing: &mut Writing<'_>) {
    if ask.mode.is_some() {
        writing.dropped(Field::ReasoningMode);
    }
    if ask.budget.is_some() {
        writing.dropped(Field::ReasoningBudget);
    }
    match (ask.effort, plan.effort) {
        (Some(_), Some(_)) => writing.approximated(Field::ReasoningEffort),
        (Some(_), None) => writing.dropped(Field::ReasoningEffort),
        (None, _) => {}
    }
}

/// There is nothing to be shown.
fn hide(ask: &ReasoningAsk, writing: &mut Writing<'_>) {
    if ask.show == Some(true) {
        writing.dropped(Field::ReasoningShow);
    }
    if ask.summary.is_some() {
        writing.dropped(Field::ReasoningSummary);
    }
}
