//! Reads `[models]`: public names and the ordered targets behind them.
//!
//! Owns the shape of a model's name and of a target. Knows nothing of the catalogue: a target may name any model
//! that its provider has.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Target;
use super::error::nearest;
use super::fields::{Context, Fields, did_you_mean, join};
use super::providers::Providers;
use super::written::{Node, Table};

/// Whether a text can be a model's name: `[A-Za-z0-9._:/@+-]{1,200}` without `..`.
pub fn is_model_name(name: &str) -> bool {
    (1..=200).contains(&name.len())
        && !name.contains("..")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte))
}

pub(super) fn read(ctx: &Context<'_>, tables: Table, providers: &Providers) -> BTreeMap<String, Arc<[Target]>> {
    let mut models = BTreeMap::new();
    for (name, entry) in tables {
        let path = join("models", &name);
        if !is_model_name(&name) {
            let message = "a model's name has letters, digits and ._:/@+- without `..`, 200 at most";
            ctx.report(&path, &entry.key, message);
            continue;
        }
        let Some(mut fields) = Fields::open(ctx, path, entry.node) else {
            continue;
        };
        if let Some(targets) = targets(ctx, &mut fields, providers) {
            models.insert(name, targets);
        }
        fields.finish();
    }
    models
}

fn targets(ctx: &Context<'_>, fields: &mut Fields<'_>, providers: &Providers) -> Option<Arc<[Target]>> {
    let key = fields.key("targets");
    let Some(node) = fields.take("targets") else {
        let help = "targets = [{ provider = \"…\", model = \"…\" }]";
        fields.report("targets is missing", Some(help));
        return None;
    };
    let origin = node.origin.clone();
    let nodes = ctx.list(&key, node)?;
    if nodes.is_empty() {
        ctx.report(&key, &origin, "must hold at least one target");
        return None;
    }
    Some(
        nodes
            .into_iter()
            .enumerate()
            .filter_map(|(index, node)| target(ctx, format!("{key}[{index}]"), node, providers))
            .collect(),
    )
}

fn target(ctx: &Context<'_>, path: String, node: Node, providers: &Providers) -> Option<Target> {
    let mut fields = Fields::open(ctx, path, node)?;
    let provider = required(&mut fields, "provider").and_then(|text| {
        let found = providers.sound.get(&text.value).cloned();
        if found.is_none() && !providers.named.contains(&text.value) {
            let known: Vec<&str> = providers.named.iter().map(String::as_str).collect();
            let help = nearest(&text.value, &known).map(did_you_mean);
            let known = if known.is_empty() {
                "none is configured".to_owned()
            } else {
                format!("known are {}", known.join(", "))
            };
            let message = format!("{} is not a provider; {known}", text.quoted());
            ctx.report_with(&fields.key("provider"), &text.origin, message, help);
        }
        found
    });
    let model = required(&mut fields, "model").and_then(|text| {
        let sound = is_model_name(&text.value);
        if !sound {
            let message = format!("{} is not a model's name", text.quoted());
            fields.report_at("model", &text.origin, message);
        }
        sound.then(|| Arc::from(text.value))
    });
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let priority = fields.integer("priority", 0..=1_000_000).map_or(1, small);
    let weight = fields.integer("weight", 1..=1_000_000).map_or(1, small);
    fields.finish();
    Some(Target { provider: provider?, model: model?, priority, weight })
}

fn required(fields: &mut Fields<'_>, name: &'static str) -> Option<super::fields::Text> {
    let Some(node) = fields.take(name) else {
        fields.report(format!("{name} is missing"), None);
        return None;
    };
    fields.text_of(name, node)
}
