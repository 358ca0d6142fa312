//! Do the books add up? Every invariant that they can show, checked over every entry.

use super::apply::{book_number, customer, hour_of, legs};
use super::entry::{Basis, Book, Entry, Flags};
use super::stored;
use crate::accounts::day_of;
use crate::pricing::Price;
use crate::store::ledger as rows;
use crate::store::{Snapshot, Store, StoreError};
use std::collections::HashMap;
use std::fmt::Write as _;

const PAGE: i64 = 2_000;
/// Violations that are named; more are only counted.
const MAX_NAMED: usize = 100;

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// Which rule.
    pub invariant: &'static str,
    /// Where, for people.
    pub detail: String,
}

/// What was checked and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries looked at.
    pub entries: u64,
    /// Refunds looked at.
    pub refunds: u64,
    /// Sums compared.
    pub sums: u64,
    /// Entries that were booked after a crash, by their request ids; the newest last.
    pub recovered: u64,
    /// What does not hold, the first hundred.
    pub violations: Vec<Violation>,
    /// How many rules are broken in all.
    pub broken: u64,
}

impl Report {
    /// Whether everything holds.
    pub fn is_ok(&self) -> bool {
        self.broken == 0
    }

    /// As the admin API gives it.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "ok": self.is_ok(),
            "checked": {
                "entries": self.entries, "refunds": self.refunds, "sums": self.sums, "recovered": self.recovered,
            },
            "broken": self.broken,
            "violations": self.violations,
        })
    }

    fn broken(&mut self, invariant: &'static str, detail: impl FnOnce() -> String) {
        self.broken += 1;
        if self.violations.len() < MAX_NAMED {
            self.violations.push(Violation { invariant, detail: detail() });
        }
    }
}

/// An hour of a series.
type Place = (i64, i64);

/// What an hour must add up to.
#[derive(Default)]
struct Due {
    requests: i64,
    errors: i64,
    amount: i64,
    cost: i64,
    refunded: i64,
    usage: [i64; 14],
}

#[derive(Default)]
struct Expected {
    rollups: HashMap<Place, Due>,
    postings: HashMap<(i64, String), i64>,
}

/// Checks the books as they are now; what is booked meanwhile does not disturb it.
pub async fn verify(store: &Store) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let snapshot = &mut store.snapshot().await?;
    let series: HashMap<i64, _> =
        rows::series_all(snapshot).await?.into_iter().map(|row| (row.id, stored::series(&row))).collect();
    let refunds: HashMap<Vec<u8>, i64> = rows::refund_sums(snapshot).await?.into_iter().collect();
    report.refunds = refunds.len() as u64;
    let mut seen_refunds = 0;
    let mut expected = Expected::default();
    let mut prices: HashMap<(String, String, String), Option<Price>> = HashMap::new();
    let mut after = Vec::new();
    loop {
        let page = rows::entries_between(snapshot, &after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for row in &page {
            report.entries += 1;
            let named = || format!("entry {}", hex(&row.id));
            let Some(of) = series.get(&row.series) else {
                report.broken("I3", || format!("{} belongs to no series", named()));
                continue;
            };
            let Some((entry, _)) = stored::entry(row, of.clone()) else {
                report.broken("I1", || format!("{} cannot be read", named()));
                continue;
            };
            let key = (of.provider_kind.to_string(), of.upstream_model.to_string(), of.price_version.to_string());
            if !of.price_version.is_empty() && !prices.contains_key(&key) {
                let text = rows::price(snapshot, &key.0, &key.1, &key.2).await?;
                prices.insert(key.clone(), text.as_deref().and_then(Price::from_stored));
            }
            check(&entry, prices.get(&key).and_then(Option::as_ref), &mut report);
            let refunded = refunds.get(&row.id).copied();
            if let Some(refunded) = refunded {
                seen_refunds += 1;
                if refunded > entry.amount {
                    report.broken("I11", || format!("{} is refunded by more than its amount", entry.id));
                }
            }
            expected.add(&entry, row.series, refunded.unwrap_or(0));
        }
    }
    if seen_refunds != refunds.len() {
        report.broken("I11", || "a refund belongs to no charge".into());
    }
    compare(snapshot, expected, &mut report).await?;
    Ok(report)
}

/// What one entry must satisfy by itself.
fn check(entry: &Entry, price: Option<&Price>, report: &mut Report) {
    let id = entry.id;
    if entry.basis == Basis::None && entry.amount != 0 {
        report.broken("I1", || format!("{id} charges for nothing"));
    }
    report.recovered += u64::from(entry.basis == Basis::Recovered);
    match price {
        None if entry.series.price_version.is_empty() => {
            if entry.amount != 0 {
                report.broken("I10", || format!("{id} has an amount and no price"));
            } else if entry.basis != Basis::None && !entry.flags.has(Flags::UNPRICED) {
                report.broken("I10", || format!("{id} has no price and does not say so"));
            }
        }
        None => report.broken("I4", || format!("the price of {id} is not there")),
        Some(price) => {
            let due = match entry.basis {
                Basis::None => 0,
                _ => price.amount(&entry.usage, entry.admitted_at).nano,
            };
            if due != entry.amount {
                report.broken("I4", || format!("{id} is booked at {} and costs {due} nano-dollars", entry.amount));
            }
        }
    }
    if entry.usage.counters().iter().any(|(_, count)| *count > tollgate_protocol::usage::MAX_COUNT) {
        report.broken("I12", || format!("{id} has usage that cannot be true"));
    }
    if entry.admitted_at < entry.id.time() {
        report.broken("I14", || format!("{id} was admitted before it came"));
    }
}

impl Expected {
    fn add(&mut self, entry: &Entry, series: i64, refunded: i64) {
        let place = (hour_of(entry.admitted_at), series);
        let sums = self.rollups.entry(place).or_default();
        sums.requests += 1;
        sums.errors += i64::from(entry.status >= 400);
        sums.amount += entry.amount;
        sums.cost += entry.cost;
        sums.refunded += refunded;
        for (sum, (_, count)) in sums.usage.iter_mut().zip(entry.usage.counters()) {
            *sum = sum.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let (book, day) = (entry.series.book, day_of(entry.admitted_at));
        let net = entry.amount - refunded;
        if entry.amount > 0 || entry.cost > 0 {
            for (account, nano) in legs(book, &entry.series.key_id, &entry.series.provider, net, entry.cost) {
                *self.postings.entry((day, account)).or_default() += nano;
            }
        }
    }
}

async fn compare(snapshot: &mut Snapshot, mut expected: Expected, report: &mut Report) -> Result<(), StoreError> {
    for row in rows::rollups_all(snapshot).await? {
        report.sums += 1;
        let place = (row.hour, row.series);
        let usage: Vec<i64> = serde_json::from_str(&row.usage).unwrap_or_default();
        let due = expected.rollups.remove(&place).unwrap_or_default();
        let found = [row.requests, row.errors, row.amount, row.cost, row.refunded];
        if found != [due.requests, due.errors, due.amount, due.cost, due.refunded] || usage != due.usage {
            report.broken("I3", || format!("hour {} of series {} is not the sum of its entries", row.hour, row.series));
        }
    }
    for (place, _) in expected.rollups {
        report.broken("I3", || format!("hour {} of series {} is missing", place.0, place.1));
    }
    let mut balances: HashMap<String, i64> = HashMap::new();
    let mut days: HashMap<i64, i64> = HashMap::new();
    for (day, account, nano) in rows::posting_rows(snapshot).await? {
        report.sums += 1;
        *balances.entry(account.clone()).or_default() += nano;
        *days.entry(day).or_default() += nano;
        let due = expected.postings.remove(&(day, account.clone())).unwrap_or(0);
        if due != nano {
            report.broken("I3", || format!("day {day} of {account} has {nano} and its entries {due} nano-dollars"));
        }
    }
    for ((day, account), nano) in expected.postings {
        if nano != 0 {
            report.broken("I3", || format!("day {day} of {account} is missing"));
        }
    }
    for (day, sum) in days {
        if sum != 0 {
            report.broken("I13", || format!("the postings of day {day} add up to {sum} nano-dollars"));
        }
    }
    for (account, nano) in rows::balance_rows(snapshot).await? {
        report.sums += 1;
        let due = balances.remove(&account).unwrap_or(0);
        if due != nano {
            report.broken("I3", || format!("the balance of {account} is {nano} and its days {due} nano-dollars"));
        }
    }
    for (account, _) in balances {
        report.broken("I3", || format!("the balance of {account} is missing"));
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What each owner (key, and project over its keys) had spent at the start: book, owner, total, day, week, month.
pub(super) async fn spent(
    store: &Store,
    starts: crate::accounts::Starts,
) -> Result<HashMap<(i64, String), [i64; 4]>, StoreError> {
    let snapshot = &mut store.snapshot().await?;
    let projects: HashMap<String, String> = rows::project_of_keys(snapshot).await?.into_iter().collect();
    let mut sums: HashMap<(i64, String), [i64; 4]> = HashMap::new();
    let mut add = |account: &str, places: &[usize], nano: i64| {
        for book in [Book::Live, Book::Test] {
            let Some(key) = account.strip_prefix(&customer(book, "")) else { continue };
            let owners = [Some(key), projects.get(key).map(String::as_str)];
            for owner in owners.into_iter().flatten() {
                let sums = sums.entry((book_number(book), owner.to_owned())).or_default();
                for place in places {
                    sums[*place] = sums[*place].saturating_add(nano);
                }
            }
        }
    };
    for (account, nano) in rows::balance_rows(snapshot).await? {
        add(&account, &[0], nano);
    }
    let [_, day, week, month] = starts.0;
    for (of, account, nano) in rows::postings_since(snapshot, week.min(month)).await? {
        let places: Vec<usize> =
            [(1, day), (2, week), (3, month)].into_iter().filter(|(_, start)| of >= *start).map(|(at, _)| at).collect();
        add(&account, &places, nano);
    }
    Ok(sums)
}
