//! Reads `[prices."kind/model"]`: the operator's own prices.
//!
//! Owns their keys and the guard against slips: a rate that is ten times what it replaces, or a tenth, is refused
//! unless its table says `confirm_jump = true`. It replaces the catalogue's, and on a reload also the one in force.

use super::Kind;
use super::fields::{Context, Fields, Text, join};
use super::models::is_model_name;
use super::written::Table;
use crate::money;
use crate::pricing::{PriceBook, RATE_NAMES, Rates, is_rate_name};
use std::sync::Arc;

/// Most steps of one price; vendors have two.
const MOST_STEPS: usize = 16;
/// Most input tokens that a step begins above.
const HIGHEST_STEP: u64 = 1_000_000_000;

/// The catalogue with the operator's prices in it. `in_force` is what a reload would replace.
pub(super) fn read(ctx: &Context<'_>, tables: Table, in_force: Option<&PriceBook>) -> Arc<PriceBook> {
    let mut book = PriceBook::catalogue().clone();
    for (name, entry) in tables {
        let path = join("prices", &name);
        let named = name.split_once('/').and_then(|(kind, model)| Some((Kind::from_name(kind)?, model)));
        let Some((kind, model)) = named.filter(|(_, model)| is_model_name(model)) else {
            let message = "write prices as [prices.\"KIND/MODEL\"], as in \"openai/gpt-5-mini\"";
            ctx.report_with(&path, &entry.key, message, Some(kinds()));
            continue;
        };
        let Some(mut fields) = Fields::open(ctx, path.clone(), entry.node) else {
            continue;
        };
        let before = ctx.problems();
        let rates = rates(&mut fields);
        let steps = steps(&mut fields);
        let confirmed = fields.boolean("confirm_jump").unwrap_or(false);
        let origin = fields.origin.clone();
        fields.finish();
        if ctx.problems() != before {
            continue;
        }
        if rates == Rates::default() {
            ctx.report(&path, &origin, "names no rate");
            continue;
        }
        book.set(kind, model, rates, steps, confirmed);
        let replaced = [Some(PriceBook::catalogue()), in_force];
        if let Some(jump) = replaced.into_iter().flatten().find_map(|before| book.jump(before, kind, model)) {
            let help = "if that is meant, write confirm_jump = true";
            ctx.report_with(&path, &entry.key, jump, Some(help.to_owned()));
        }
    }
    Arc::new(book)
}

fn kinds() -> String {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    format!("a price belongs to a kind of provider, not to a provider's table; kinds are {}", names.join(", "))
}

fn rates(fields: &mut Fields<'_>) -> Rates {
    let mut rates = Rates::default();
    for (short, name) in RATE_NAMES {
        let rate = fields.text(name).and_then(|text| rate(fields, name, &text));
        if let (Some(slot), Some(_)) = (rates.slot(short), rate) {
            *slot = rate;
        }
    }
    if let Some(video) = fields.sub("video_per_second") {
        let (ctx, path) = (video.context(), video.path.clone());
        for (resolution, entry) in video.into_entries() {
            let key = join(&path, &resolution);
            if !is_rate_name(&resolution) {
                let help =
                    "resolution, mode, audio or silent, joined by +, as in \"1080p\" or \"pro+audio\"; or default";
                ctx.report_with(&key, &entry.key, "is not a kind of video", Some(help.to_owned()));
                continue;
            }
            let text = ctx.text(&key, entry.node);
            let parsed = text.and_then(|text| match nano(&text) {
                Ok(nano) => Some(nano),
                Err(message) => {
                    ctx.report(&key, &text.origin, message);
                    None
                }
            });
            rates.video_second.extend(parsed.map(|nano| (resolution, nano)));
        }
    }
    rates
}

/// Rates for requests with more input than a step's beginning.
fn steps(fields: &mut Fields<'_>) -> Vec<(u64, Rates)> {
    let (ctx, key) = (fields.context(), fields.key("steps"));
    let nodes = fields.list("steps").unwrap_or_default();
    if nodes.len() > MOST_STEPS {
        fields.report(format!("has more than {MOST_STEPS} steps"), None);
        return Vec::new();
    }
    let mut steps: Vec<(u64, Rates)> = Vec::new();
    for (index, node) in nodes.into_iter().enumerate() {
        let Some(mut step) = Fields::open(ctx, format!("{key}[{index}]"), node) else { continue };
        let before = ctx.problems();
        let above = step.integer("above_input_tokens", 1..=HIGHEST_STEP);
        let rates = rates(&mut step);
        match above {
            None if ctx.problems() == before => step.report("above_input_tokens is missing", None),
            Some(above) if steps.iter().any(|(other, _)| *other == above) => {
                step.report("begins where another step begins", None);
            }
            Some(_) if rates == Rates::default() && ctx.problems() == before => step.report("names no rate", None),
            Some(above) => steps.push((above, rates)),
            None => {}
        }
        step.finish();
    }
    steps
}

fn rate(fields: &Fields<'_>, name: &str, text: &Text) -> Option<u64> {
    nano(text).map_err(|message| fields.report_at(name, &text.origin, message)).ok()
}

/// Nano-dollars of a decimal text, or what is wrong with it.
fn nano(text: &Text) -> Result<u64, String> {
    let nano = money::parse(&text.value).map_err(|error| format!("{} {error}", text.quoted()))?;
    u64::try_from(nano).map_err(|_| format!("{} {}", text.quoted(), money::MoneyError::Negative))
}
