//! Reads `[prices."kind/model"]`: the operator's own prices.
//!
//! Owns their keys and the guard against slips: a rate that is ten times what it replaces, or a tenth, is refused
//! unless its table says `confirm_jump = true`.

use super::Kind;
use super::fields::{Context, Fields, join};
use super::models::is_model_name;
use super::written::Table;
use crate::money;
use crate::pricing::{PriceBook, RATE_NAMES, Rates};
use std::sync::Arc;

pub(super) fn read(ctx: &Context<'_>, tables: Table) -> Arc<PriceBook> {
    let mut book = PriceBook::catalogue().clone();
    for (name, entry) in tables {
        let path = join("prices", &name);
        let named = name.split_once('/').and_then(|(kind, model)| Some((Kind::from_name(kind)?, model)));
        let Some((kind, model)) = named.filter(|(_, model)| is_model_name(model)) else {
            ctx.report(&path, &entry.key, "write prices as [prices.\"KIND/MODEL\"], as in \"openai/gpt-5-mini\"");
            continue;
        };
        let origin = entry.key.clone();
        let Some(mut fields) = Fields::open(ctx, path.clone(), entry.node) else {
            continue;
        };
        let before = ctx.problems();
        let rates = rates(&mut fields);
        let confirmed = fields.boolean("confirm_jump").unwrap_or(false);
        fields.finish();
        if ctx.problems() != before {
            continue;
        }
        if rates == Rates::default() {
            ctx.report(&path, &origin, "names no rate");
            continue;
        }
        book.set(kind, model, rates, confirmed);
        if let Some(jump) = book.jump(PriceBook::catalogue(), kind, model) {
            let help = "if that is meant, write confirm_jump = true";
            ctx.report_with(&path, &origin, jump, Some(help.to_owned()));
        }
    }
    Arc::new(book)
}

fn rates(fields: &mut Fields<'_>) -> Rates {
    let mut rates = Rates::default();
    for (short, name) in RATE_NAMES {
        let Some(text) = fields.text(name) else { continue };
        match money::parse(&text.value).ok().and_then(|nano| u64::try_from(nano).ok()) {
            Some(nano) => {
                if let Some(slot) = rates.slot(short) {
                    *slot = Some(nano);
                }
            }
            None => fields.report_at(name, &text.origin, "must be a decimal string in USD, such as \"0.25\""),
        }
    }
    rates
}
