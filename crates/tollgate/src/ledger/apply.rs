//! Entries into the database: each with all its effects, exactly once.

use super::codec::{write_detail, write_usage};
use super::entry::{Basis, Book, Entry, Series};
use crate::accounts::day_of;
use crate::outcome::Outcome;
use crate::store::ledger::{self as rows, EntryRow, Posting, RollupRow, SeriesRow};
use crate::store::{Store, StoreError};
use std::collections::{HashMap, HashSet};

const HOUR_MS: i64 = 3_600_000;
/// Series whose numbers are kept in memory; more than this are looked up again.
const MAX_SERIES: usize = 100_000;

/// Puts entries into the database.
#[derive(Debug, Default)]
pub struct Applier {
    series: HashMap<Series, i64>,
}

/// The hour of a moment, counted from 1970.
pub(super) fn hour_of(ms: i64) -> i64 {
    ms.div_euclid(HOUR_MS)
}

/// The account of what a key owes.
pub(super) fn customer(book: Book, key: &str) -> String {
    format!("customer:{}:{key}", book.name())
}

pub(super) fn book_number(book: Book) -> i64 {
    i64::from(book == Book::Test)
}

pub(super) fn marks(entry: &Entry) -> i64 {
    let basis = Basis::ALL.iter().position(|basis| *basis == entry.basis).unwrap_or(0);
    let outcome = Outcome::ALL.iter().position(|outcome| *outcome == entry.outcome).unwrap_or(0);
    i64::try_from(basis | outcome << 4).unwrap_or(0) | i64::from(entry.flags.0) << 16
}

/// The legs of an entry's postings: they add up to 0.
pub(super) fn legs(book: Book, key: &str, provider: &str, amount: i64, cost: i64) -> [(String, i64); 4] {
    [
        (customer(book, key), amount),
        (format!("revenue:{}", book.name()), -amount),
        (format!("cost:{}", book.name()), cost),
        (format!("provider:{}:{provider}", book.name()), -cost),
    ]
}

impl Applier {
    /// Applies entries in one transaction. Those that are there already are left out with all their effects, so that
    /// a journal can be replayed any number of times. Gives the number of new ones.
    pub async fn apply(&mut self, store: &Store, entries: &[Entry]) -> Result<usize, StoreError> {
        match self.attempt(store, entries, None).await {
            // An id that is there already: rare, and worth a look at each.
            Err(StoreError::Conflict(_)) => {
                let mut write = store.write().await?;
                let ids: Vec<_> = entries.iter().map(|entry| entry.id.bytes()).collect();
                let known = rows::present(&mut write, &ids).await?;
                drop(write);
                self.attempt(store, entries, Some(known)).await
            }
            other => other,
        }
    }

    async fn attempt(
        &mut self,
        store: &Store,
        entries: &[Entry],
        known: Option<HashSet<Vec<u8>>>,
    ) -> Result<usize, StoreError> {
        let mut write = store.write().await?;
        let mut fresh = Vec::with_capacity(entries.len());
        let mut rollups: HashMap<(i64, i64), Sums> = HashMap::new();
        let mut days: HashMap<(i64, i64), (&Series, i64, i64)> = HashMap::new();
        let mut last: Option<(&Series, i64)> = None;
        let mut numbered = Vec::new();
        let mut known = known;
        for entry in entries {
            if let Some(known) = &mut known
                && !known.insert(entry.id.bytes().to_vec())
            {
                continue;
            }
            // Requests of one series tend to come together.
            let series = match last.filter(|(series, _)| **series == entry.series) {
                Some((_, number)) => number,
                None if self.series.contains_key(&entry.series) => self.series.get(&entry.series).copied().unwrap_or(0),
                None => {
                    let number = rows::series_id(&mut write, &series_row(&entry.series)).await?;
                    if self.series.len() >= MAX_SERIES {
                        self.series.clear();
                    }
                    self.series.insert(entry.series.clone(), number);
                    numbered.push(entry.series.clone());
                    number
                }
            };
            last = Some((&entry.series, series));
            rollups.entry((hour_of(entry.admitted_at), series)).or_default().add(entry);
            let sums = days.entry((day_of(entry.admitted_at), series)).or_insert((&entry.series, 0, 0));
            (sums.1, sums.2) = (sums.1.saturating_add(entry.amount), sums.2.saturating_add(entry.cost));
            fresh.push(entry_row(entry, series));
        }
        let mut postings: HashMap<(i64, String), i64> = HashMap::new();
        for ((day, _), (series, amount, cost)) in days {
            if amount > 0 || cost > 0 {
                for (account, nano) in legs(series.book, &series.key_id, &series.provider, amount, cost) {
                    *postings.entry((day, account)).or_default() += nano;
                }
            }
        }
        let count = fresh.len();
        fresh.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let result = async {
            rows::insert_entries(&mut write, fresh).await?;
            let rollups: Vec<_> = rollups.into_iter().map(|(place, sums)| sums.row(place)).collect();
            rows::add_rollups(&mut write, &rollups).await?;
            let postings: Vec<_> =
                postings.into_iter().map(|((day, account), nano)| Posting { day, account, nano }).collect();
            rows::post(&mut write, &postings).await?;
            write.commit().await
        }
        .await;
        if result.is_err() {
            // Numbers that were given in a transaction that did not happen.
            for series in numbered {
                self.series.remove(&series);
            }
        }
        result.map(|()| count)
    }
}

#[derive(Default)]
struct Sums {
    requests: i64,
    errors: i64,
    amount: i64,
    cost: i64,
    usage: [i64; 14],
}

impl Sums {
    fn add(&mut self, entry: &Entry) {
        self.requests += 1;
        self.errors += i64::from(entry.status >= 400);
        self.amount = self.amount.saturating_add(entry.amount);
        self.cost = self.cost.saturating_add(entry.cost);
        for (sum, (_, count)) in self.usage.iter_mut().zip(entry.usage.counters()) {
            *sum = sum.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    fn row(self, (hour, series): (i64, i64)) -> RollupRow {
        let Self { requests, errors, amount, cost, usage } = self;
        let usage = serde_json::to_string(&usage).unwrap_or_default();
        RollupRow { hour, series, requests, errors, amount, cost, refunded: 0, usage }
    }
}

fn series_row(series: &Series) -> SeriesRow {
    SeriesRow {
        id: 0,
        book: book_number(series.book),
        key_id: series.key_id.to_string(),
        project_id: series.project_id.to_string(),
        endpoint: series.endpoint.to_string(),
        model: series.model.to_string(),
        provider: series.provider.to_string(),
        provider_kind: series.provider_kind.to_string(),
        upstream_model: series.upstream_model.to_string(),
        price_version: series.price_version.to_string(),
    }
}

fn entry_row(entry: &Entry, series: i64) -> EntryRow {
    let mut usage = Vec::with_capacity(16);
    write_usage(&entry.usage, &mut usage);
    let mut detail = Vec::with_capacity(64);
    write_detail(&entry.detail, &mut detail);
    EntryRow {
        id: entry.id.bytes().to_vec(),
        series,
        admitted_at: entry.admitted_at,
        amount: entry.amount,
        cost: entry.cost,
        marks: marks(entry),
        status: i64::from(entry.status),
        usage,
        detail: Some(detail),
    }
}
