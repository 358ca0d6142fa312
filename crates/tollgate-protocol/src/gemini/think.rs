//! `thinkingConfig`: older models take a budget of tokens, newer ones a level, none takes both.

use crate::canonical::{Effort, Field, ReasoningAsk, ThinkingMode};
use crate::write::Object;
use crate::writing::Writing;

/// Largest budget that every model with budgets takes, and the least that one takes which cannot be switched off
/// (Google's documentation of thinking, 2026-11).
const MOST: u64 = 24_576;
const LEAST: u64 = 128;
/// The budget that leaves it to the model.
const DYNAMIC: i64 = -1;

/// What is asked of the vendor.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Ask {
    level: Option<&'static str>,
    budget: Option<i64>,
}

/// Writes it. `cap` is the cap on output, of which thoughts are a part.
pub(super) fn write(config: &mut Object<'_>, ask: &ReasoningAsk, cap: Option<u64>, writing: &mut Writing<'_>) {
    let ReasoningAsk { mode, effort, budget, show, summary } = ask;
    let off = *mode == Some(ThinkingMode::Off) || *effort == Some(Effort::None) || *budget == Some(0);
    let asked = if off { switched_off(ask, writing) } else { measured(ask, cap, writing) };
    // Whoever asks for thoughts by a mode expects to see them; so does who asks by an effort in a protocol that has no
    // other word for it.
    let by_effort = effort.is_some() && asked != Ask::default() && writing.names.effort_shows();
    let thinks = !off && (by_effort || matches!(mode, Some(ThinkingMode::On | ThinkingMode::Adaptive)));
    let show = match (show, summary.as_deref()) {
        (Some(show), _) => Some(*show),
        (None, Some(kind)) => {
            if kind != "auto" {
                writing.approximated(Field::ReasoningSummary);
            }
            Some(true)
        }
        (None, None) => thinks.then_some(true),
    };
    if asked == Ask::default() && show.is_none() {
        return;
    }
    let mut object = config.object("thinkingConfig");
    if let Some(budget) = asked.budget {
        object.whole("thinkingBudget", budget);
    }
    object.text_if("thinkingLevel", asked.level);
    if let Some(show) = show {
        object.flag("includeThoughts", show);
    }
}

/// By which of its fields the caller asked.
fn field(ask: &ReasoningAsk) -> Field {
    if ask.effort.is_some() {
        Field::ReasoningEffort
    } else if ask.mode.is_some() {
        Field::ReasoningMode
    } else {
        Field::ReasoningBudget
    }
}

/// No thoughts, or as few as the model can have.
fn switched_off(ask: &ReasoningAsk, writing: &mut Writing<'_>) -> Ask {
    let thinking = writing.target.accepts.thinking;
    if thinking.off && thinking.budget {
        return Ask { budget: Some(0), ..Ask::default() };
    }
    if let Some(least) = thinking.efforts.nearest(Effort::Minimal) {
        writing.approximated(field(ask));
        return Ask { level: Some(level(least)), ..Ask::default() };
    }
    if thinking.budget {
        writing.approximated(field(ask));
        return Ask { budget: i64::try_from(LEAST).ok(), ..Ask::default() };
    }
    if thinking.by_default {
        writing.dropped(field(ask));
    }
    Ask::default()
}

fn measured(ask: &ReasoningAsk, cap: Option<u64>, writing: &mut Writing<'_>) -> Ask {
    let thinking = writing.target.accepts.thinking;
    let by_budget = |tokens: u64| Ask { budget: i64::try_from(tokens).ok(), ..Ask::default() };
    if let Some(tokens) = ask.budget.filter(|_| thinking.budget) {
        if ask.effort.is_some() {
            writing.dropped(Field::ReasoningEffort);
        }
        return by_budget(tokens);
    }
    if ask.budget.is_some() {
        if thinking.efforts.is_empty() {
            writing.dropped(Field::ReasoningBudget);
        } else {
            writing.approximated(Field::ReasoningBudget);
        }
    }
    if let Some(wanted) = ask.effort.or(ask.budget.map(Effort::of_budget)) {
        if let Some(near) = thinking.efforts.nearest(wanted) {
            if ask.effort.is_some() && Effort::from_name(level(near)) != Some(wanted) {
                writing.approximated(Field::ReasoningEffort);
            }
            return Ask { level: Some(level(near)), ..Ask::default() };
        }
        if thinking.budget {
            writing.approximated(field(ask));
            let room = cap.map_or(MOST, |cap| cap.saturating_sub(1));
            return by_budget(wanted.budget().min(MOST).min(room).max(LEAST));
        }
        if ask.effort.is_some() {
            writing.dropped(Field::ReasoningEffort);
        }
        return Ask::default();
    }
    match ask.mode {
        // What a model with levels does by itself.
        Some(_) if thinking.budget => Ask { budget: Some(DYNAMIC), ..Ask::default() },
        Some(_) if thinking.efforts.is_empty() && !thinking.by_default && !thinking.adaptive => {
            writing.dropped(Field::ReasoningMode);
            Ask::default()
        }
        _ => Ask::default(),
    }
}

/// The nearest level that there is.
fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal => "MINIMAL",
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High | Effort::XHigh | Effort::Max => "HIGH",
    }
}
