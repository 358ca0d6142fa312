//! Entries into the database: each with all its effects, exactly once.

use super::block::{self, Draft, Line};
use super::entry::{Book, RequestId, Series};
use super::find::{Mark, mark};
use super::section::{Section, Slot, Sums};
use crate::accounts::day_of;
use crate::clock::now_ms;
use crate::store::ledger::{self as rows, BlockRow, NewBlock, Posting, RollupRow, SeriesRow};
use crate::store::{Store, StoreError, Write};
use std::collections::HashMap;

const HOUR_MS: i64 = 3_600_000;
/// Series whose numbers are kept in memory; more than this are looked up again.
const MAX_SERIES: usize = 100_000;

/// Puts entries into the database.
#[derive(Debug)]
pub(super) struct Applier {
    series: HashMap<Series, i64>,
    /// The highest number that a block has, or might have.
    last: i64,
}

/// Sections that are booked in one transaction, however often that has to be tried.
pub(super) struct Batch {
    sections: Vec<Section>,
    /// The number of its first block, from the first try on.
    first: Option<i64>,
}

impl Batch {
    pub(super) fn new(sections: Vec<Section>) -> Self {
        Self { sections, first: None }
    }

    /// As if it were that time.
    #[cfg(test)]
    pub(super) fn at(sections: Vec<Section>, ms: i64) -> Self {
        Self { sections, first: Some(block::first_at(ms)) }
    }

    pub(super) fn into_sections(self) -> Vec<Section> {
        self.sections
    }

    pub(super) fn entries(&self) -> usize {
        self.sections.iter().map(|section| section.count).sum()
    }
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
    /// For a database in which this is the only one that books.
    pub(super) async fn new(store: &Store) -> Result<Self, StoreError> {
        Ok(Self { series: HashMap::new(), last: rows::last_block(store).await? })
    }

    /// Books a batch in one transaction. May be called again with the same batch whatever came of it: what is in the
    /// database already is left alone.
    pub(super) async fn apply(&mut self, store: &Store, batch: &mut Batch) -> Result<(), StoreError> {
        let first = *batch.first.get_or_insert_with(|| (self.last + 1).max(block::first_at(now_ms())));
        let mut write = store.write().await?;
        if rows::has_block(&mut write, first).await? {
            // Its commit had been said to fail.
            return Ok(());
        }
        let mut numbered = Vec::new();
        let result = self.book(write, first, &batch.sections, &mut numbered).await;
        if result.is_err() {
            // Numbers that were given in a transaction that did not happen.
            for series in numbered {
                self.series.remove(&series);
            }
        }
        result
    }

    async fn book(
        &mut self,
        mut write: Write,
        first: i64,
        sections: &[Section],
        numbered: &mut Vec<Series>,
    ) -> Result<(), StoreError> {
        let mut numbers = Vec::with_capacity(sections.len());
        let mut rollups: HashMap<(i64, i64), Sums> = HashMap::new();
        let mut postings: HashMap<(i64, String), i64> = HashMap::new();
        for section in sections {
            let mut of_section = Vec::with_capacity(section.slots.len());
            for Slot { known, hour, sums } in &section.slots {
                let number = self.number(&mut write, &known.series, numbered).await?;
                of_section.push(number);
                rollups.entry((*hour, number)).or_default().join(sums);
                if sums.amount > 0 || sums.cost > 0 {
                    let (of, day) = (&known.series, day_of(hour.saturating_mul(HOUR_MS)));
                    for (account, nano) in legs(of.book, &of.key_id, &of.provider, sums.amount, sums.cost) {
                        *postings.entry((day, account)).or_default() += nano;
                    }
                }
            }
            numbers.push(of_section);
        }
        let drafts = block::drafts(sections.iter().zip(numbers));
        for (id, draft) in (first..).zip(drafts) {
            self.last = self.last.max(id);
            rows::insert_block(&mut write, new_block(id, draft)).await?;
        }
        let rollups: Vec<_> = rollups.into_iter().map(|(place, sums)| sums.row(place)).collect();
        rows::add_rollups(&mut write, &rollups).await?;
        let postings: Vec<_> =
            postings.into_iter().map(|((day, account), nano)| Posting { day, account, nano }).collect();
        rows::post(&mut write, &postings).await?;
        write.commit().await
    }

    async fn number(
        &mut self,
        write: &mut Write,
        series: &Series,
        numbered: &mut Vec<Series>,
    ) -> Result<i64, StoreError> {
        if let Some(number) = self.series.get(series) {
            return Ok(*number);
        }
        let number = rows::series_id(write, &series_row(series)).await?;
        if self.series.len() >= MAX_SERIES {
            self.series.clear();
        }
        self.series.insert(series.clone(), number);
        numbered.push(series.clone());
        Ok(number)
    }
}

/// A block as it is stored, with what finds it.
fn new_block(id: i64, draft: Draft) -> NewBlock {
    let Draft { count, ids, charges, details, series, unusual } = draft;
    let mut marks: Vec<i64> = series.into_iter().map(|number| mark(Mark::Series(number))).collect();
    let places = |set: u32| (0..32).filter(move |place| set >> place & 1 == 1);
    marks.extend(places(unusual.classes).map(|class| mark(Mark::Class(class))));
    marks.extend(places(unusual.outcomes).map(|outcome| mark(Mark::Outcome(outcome))));
    marks.extend(places(unusual.bases).map(|basis| mark(Mark::Basis(basis))));
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let is_stray = |bytes: &[u8]| !block::is_soon(RequestId::of(bytes), id);
    let row = BlockRow { id, count, ids, charges };
    let mut strays = Vec::new();
    if row.ids.chunks_exact(16).any(is_stray) {
        let lines = block::lines(&row).unwrap_or_default().into_iter();
        strays = lines.filter(|line| !block::is_soon(line.id, id)).map(Line::place).collect();
    }
    let BlockRow { ids, charges, .. } = row;
    NewBlock { id, count, ids, charges, details, marks, strays }
}

impl Sums {
    fn row(&self, (hour, series): (i64, i64)) -> RollupRow {
        let usage = serde_json::to_string(&self.usage).unwrap_or_default();
        let Self { requests, errors, amount, cost, .. } = *self;
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
