//! The ledger as people see it: entries, the request log, sums, receipts. Everything from the same rows.

use super::entry::{Basis, Book, Entry};
use super::find::Found;
use crate::outcome::Outcome;
use crate::pricing::{Line, Price};
use crate::store::ledger::{self as rows, RefundRow, SeriesRow};
use crate::store::{Snapshot, Store, StoreError};
use crate::{clock, money};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use tollgate_protocol::usage::Usage;

const HOUR_MS: i64 = 3_600_000;
/// Sums that one answer is made of.
const MAX_ROLLUPS: i64 = 500_000;

/// Refunds of these entries, by request.
pub async fn refunds(
    snapshot: &mut Snapshot,
    entries: impl Iterator<Item = &Entry>,
) -> Result<HashMap<String, Vec<RefundRow>>, StoreError> {
    let requests: Vec<_> = entries.map(|entry| entry.id.to_string()).collect();
    let mut refunds: HashMap<String, Vec<RefundRow>> = HashMap::new();
    for row in rows::refunds_of(snapshot, &json!(requests).to_string()).await? {
        refunds.entry(row.request.clone()).or_default().push(row);
    }
    Ok(refunds)
}

/// Entries as the ledger's list shows them: each charge, and after it its refunds.
pub async fn entries(store: &Store, found: &[Found]) -> Result<Vec<Map<String, Value>>, StoreError> {
    let snapshot = &mut store.snapshot().await?;
    let refunds = refunds(snapshot, found.iter().map(|(entry, _)| entry)).await?;
    let mut shown = Vec::with_capacity(found.len());
    for (entry, _) in found {
        shown.push(charge(entry));
        let of = refunds.get(&entry.id.to_string());
        shown.extend(of.into_iter().flatten().map(|row| refund(row, entry)));
    }
    Ok(shown)
}

/// Counters that are not 0, by their public names.
pub fn usage(usage: &Usage) -> Map<String, Value> {
    let mut shown = Map::new();
    for (name, count) in usage.counters().into_iter().filter(|(_, count)| *count > 0) {
        match name.strip_suffix("_milliseconds") {
            Some(of) => shown.insert(format!("{of}_seconds"), seconds(count)),
            None => shown.insert(name.to_owned(), count.into()),
        };
    }
    shown
}

fn seconds(milliseconds: u64) -> Value {
    let text = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    text.parse::<f64>().map_or(Value::Null, Value::from)
}

fn model(entry: &Entry) -> &str {
    if entry.series.upstream_model.is_empty() { &entry.series.model } else { &entry.series.upstream_model }
}

/// A charge as the ledger's list shows it.
pub fn charge(entry: &Entry) -> Map<String, Value> {
    let mut shown = Map::new();
    let series = &entry.series;
    shown.insert("id".into(), entry.id.charge().into());
    shown.insert("request_id".into(), entry.id.to_string().into());
    shown.insert("key_id".into(), (*series.key_id).into());
    shown.insert("project_id".into(), (*series.project_id).into());
    shown.insert("book".into(), series.book.name().into());
    shown.insert("kind".into(), "charge".into());
    shown.insert("amount_usd".into(), money::print(entry.amount).into());
    shown.insert("basis".into(), entry.basis.name().into());
    shown.insert("usage".into(), usage(&entry.usage).into());
    shown.insert("price_version".into(), some(&series.price_version));
    shown.insert("provider".into(), some(&series.provider));
    shown.insert("provider_kind".into(), some(&series.provider_kind));
    shown.insert("model".into(), model(entry).into());
    shown.insert("requested_model".into(), (*series.model).into());
    shown.insert("endpoint".into(), (*series.endpoint).into());
    shown.insert("flags".into(), entry.flags.names().collect::<Vec<_>>().into());
    shown.insert("created_at".into(), clock::print(entry.admitted_at).into());
    shown
}

fn some(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// A refund as the ledger's list shows it.
pub fn refund(row: &RefundRow, of: &Entry) -> Map<String, Value> {
    let mut shown = charge(of);
    shown.insert("id".into(), row.id.as_str().into());
    shown.insert("kind".into(), "refund".into());
    shown.insert("amount_usd".into(), money::print(-row.amount).into());
    shown.insert("cause".into(), row.cause.as_str().into());
    shown.insert("note".into(), row.note.clone().into());
    shown.insert("usage".into(), Map::new().into());
    shown.insert("created_at".into(), clock::print(row.created_at).into());
    shown
}

/// A request as the request log shows it.
pub fn request((entry, kept): &Found) -> Map<String, Value> {
    let mut shown = charge(entry);
    shown.remove("kind");
    let charge = shown.insert("id".into(), entry.id.to_string().into());
    shown.insert("charge_id".into(), charge.unwrap_or_default());
    shown.insert("status".into(), entry.status.into());
    shown.insert("outcome".into(), entry.outcome.name().into());
    shown.insert("provider_cost_usd".into(), money::print(entry.cost).into());
    if *kept {
        let detail = &entry.detail;
        let ms = |us: u64| Value::from(f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1000.0);
        let [auth, plan, answer] = detail.stages_us;
        shown.insert("stream".into(), detail.stream.into());
        shown.insert("error".into(), detail.error.clone().into());
        shown.insert("total_ms".into(), ms(detail.total_us));
        shown.insert("first_byte_ms".into(), detail.first_byte_us.map_or(Value::Null, ms));
        shown.insert("stages_ms".into(), json!({ "auth": ms(auth), "plan": ms(plan), "answer": ms(answer) }));
        shown.insert("attempts".into(), detail.attempts.into());
        shown.insert("failed_attempts".into(), failed(entry));
        shown.insert("upstream_request_id".into(), detail.upstream_id.clone().into());
        shown.insert("translation".into(), detail.translation.clone().into());
    }
    shown
}

fn failed(entry: &Entry) -> Value {
    let shown = entry.detail.failed.iter().map(|attempt| {
        json!({
            "provider": &*attempt.provider, "model": &*attempt.model, "error": attempt.code,
            "took_us": attempt.took_us, "provider_cost_usd": money::print(attempt.cost),
        })
    });
    shown.collect::<Vec<_>>().into()
}

/// What a request cost and why, for the key that made it.
pub async fn receipt(store: &Store, entry: &Entry) -> Result<Map<String, Value>, StoreError> {
    let series = &entry.series;
    let snapshot = &mut store.snapshot().await?;
    let (kind, model, version) = (&series.provider_kind, &series.upstream_model, &series.price_version);
    let price = rows::price(snapshot, kind, model, version).await?.as_deref().and_then(Price::from_stored);
    let lines: Vec<Value> = match (&price, entry.basis) {
        (Some(price), basis) if basis != Basis::None => {
            price.lines(&entry.usage, entry.admitted_at).iter().map(line).collect()
        }
        _ => Vec::new(),
    };
    let refunds = refunds(snapshot, std::iter::once(entry)).await?.into_values().next().unwrap_or_default();
    let back: i64 = refunds.iter().map(|refund| refund.amount).sum();
    let mut shown = charge(entry);
    for hidden in ["kind", "id"] {
        shown.remove(hidden);
    }
    shown.insert("charge_id".into(), entry.id.charge().into());
    shown.insert("status".into(), entry.status.into());
    shown.insert("outcome".into(), entry.outcome.name().into());
    shown.insert("reason".into(), reason(entry).into());
    shown.insert("lines".into(), lines.into());
    shown.insert("attempts".into(), entry.detail.attempts.into());
    let attempts = entry.detail.failed.iter();
    let attempts = attempts.map(|attempt| json!({ "provider": &*attempt.provider, "error": attempt.code }));
    shown.insert("failed_attempts".into(), attempts.collect::<Vec<_>>().into());
    shown.insert("refunds".into(), refunds.iter().map(|row| refund(row, entry)).collect::<Vec<_>>().into());
    shown.insert("net_usd".into(), money::print(entry.amount - back).into());
    Ok(shown)
}

fn line(line: &Line) -> Value {
    let rate = line.rate.map(|rate| money::print(i64::try_from(rate).unwrap_or(i64::MAX)));
    json!({ "counter": line.counter, "quantity": line.quantity, "rate_usd": rate, "per": line.per })
}

/// Why it is charged as it is, for people.
fn reason(entry: &Entry) -> &'static str {
    match (entry.basis, entry.outcome) {
        (Basis::None, _) => "Nothing was delivered.",
        (Basis::Provider, _) => "The provider's own count of what was delivered.",
        (Basis::Estimated, Outcome::ClientLeft) => "The caller left; what had been delivered until then, estimated.",
        (Basis::Estimated, Outcome::StreamBroken) => "The stream ended early; what had been delivered, estimated.",
        (Basis::Estimated, _) => "The provider gave no usable count; estimated from what was delivered.",
        (Basis::Recovered, _) => "The gateway stopped meanwhile; what its journal knew, estimated.",
    }
}

/// By what sums are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// `key_id`.
    Key,
    /// `project_id`.
    Project,
    /// The provider's name of the model.
    Model,
    /// Configured provider.
    Provider,
    /// UTC day.
    Day,
    /// UTC hour.
    Hour,
    /// Route.
    Endpoint,
}

impl Group {
    /// By its name in `group_by`.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "key" => Self::Key,
            "project" => Self::Project,
            "model" => Self::Model,
            "provider" => Self::Provider,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "endpoint" => Self::Endpoint,
            _ => return None,
        })
    }

    fn of(self, series: &SeriesRow, hour: i64) -> (&'static str, String) {
        match self {
            Self::Key => ("key", series.key_id.clone()),
            Self::Project => ("project", series.project_id.clone()),
            Self::Model => {
                ("model", if series.upstream_model.is_empty() { &series.model } else { &series.upstream_model }.clone())
            }
            Self::Provider => ("provider", series.provider.clone()),
            Self::Day => ("day", clock::print(hour * HOUR_MS).chars().take(10).collect()),
            Self::Hour => ("hour", clock::print(hour * HOUR_MS)),
            Self::Endpoint => ("endpoint", series.endpoint.clone()),
        }
    }
}

#[derive(Default)]
struct Sums {
    named: Vec<(&'static str, String)>,
    requests: i64,
    errors: i64,
    amount: i64,
    cost: i64,
    usage: [u64; 14],
}

/// Sums over whole hours, from and to unix milliseconds (the last hour is not included). `parts` name key, project,
/// endpoint, model and provider; `None` allows all.
pub async fn sums(
    store: &Store,
    book: Book,
    parts: [Option<&str>; 5],
    from: i64,
    to: i64,
    groups: &[Group],
) -> Result<Vec<Map<String, Value>>, StoreError> {
    let snapshot = &mut store.snapshot().await?;
    let series = rows::series_matching(snapshot, Some(i64::from(book == Book::Test)), parts).await?;
    let series: HashMap<i64, &SeriesRow> = series.iter().map(|row| (row.id, row)).collect();
    let (from, to) = (from.div_euclid(HOUR_MS), to.saturating_add(HOUR_MS - 1).div_euclid(HOUR_MS));
    let mut all: BTreeMap<Vec<String>, Sums> = BTreeMap::new();
    let rows = rows::rollups(snapshot, from, to, MAX_ROLLUPS + 1).await?;
    if i64::try_from(rows.len()).is_ok_and(|count| count > MAX_ROLLUPS) {
        // A part of the sums would look like all of them.
        return Err(StoreError::Unreadable("rollups: more hours and series than one answer can add up"));
    }
    for row in rows {
        let Some(of) = series.get(&row.series) else { continue };
        let named: Vec<_> = groups.iter().map(|group| group.of(of, row.hour)).collect();
        let sums = all.entry(named.iter().map(|(_, value)| value.clone()).collect()).or_default();
        sums.named = named;
        sums.requests += row.requests;
        sums.errors += row.errors;
        sums.amount = sums.amount.saturating_add(row.amount - row.refunded);
        sums.cost = sums.cost.saturating_add(row.cost);
        let counters: Vec<u64> = serde_json::from_str(&row.usage).unwrap_or_default();
        for (sum, count) in sums.usage.iter_mut().zip(counters) {
            *sum = sum.saturating_add(count);
        }
    }
    if groups.is_empty() {
        all.entry(Vec::new()).or_default();
    }
    Ok(all.into_values().map(shown).collect())
}

fn shown(sums: Sums) -> Map<String, Value> {
    let mut shown: Map<String, Value> =
        sums.named.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    shown.insert("requests".into(), sums.requests.into());
    shown.insert("errors".into(), sums.errors.into());
    for ((name, _), count) in Usage::default().counters().into_iter().zip(sums.usage) {
        match name.strip_suffix("_milliseconds") {
            Some(of) => shown.insert(format!("{of}_seconds"), seconds(count)),
            None => shown.insert(name.to_owned(), count.into()),
        };
    }
    shown.insert("cost_usd".into(), money::print(sums.amount).into());
    shown.insert("provider_cost_usd".into(), money::print(sums.cost).into());
    shown
}
