//! Do the books add up? Every invariant that they can show, checked over every entry.
//!
//! Goes through the blocks in the order in which they were booked and keeps in memory only what the last minutes need:
//! an hour is compared with its sums once no block can add to it any more, a day after its hours. Strays are taken
//! up with the hour that they count to.

use super::apply::{book_number, customer, hour_of, legs};
use super::block::{self, Line};
use super::codec::Charge;
use super::entry::{Basis, Book, Flags, RequestId, Series};
use super::find::{Mark, line_of, mark};
use super::stored;
use crate::accounts::day_of;
use crate::clock::now_ms;
use crate::outcome::Outcome;
use crate::pricing::Price;
use crate::store::ledger::{self as rows, BlockRow};
use crate::store::{Snapshot, Store, StoreError, tasks};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Blocks read at a time.
const BLOCKS: i64 = 16;
/// Violations that are named; more are only counted.
const MAX_NAMED: usize = 100;
/// Series that are remembered with their prices; beyond it they are read again.
const MAX_REMEMBERED: usize = 5_000;
const DAY_HOURS: i64 = 24;
/// Video tasks read at a time.
const TASKS: i64 = 500;
/// How long the database may take to have what the journal has, in milliseconds.
const TASK_LAG_MS: i64 = 300_000;

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
    /// Refunded charges looked at.
    pub refunds: u64,
    /// Sums compared.
    pub sums: u64,
    /// Entries that were booked after a crash.
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

/// What an hour of a series must add up to.
#[derive(Default)]
struct Due {
    requests: i64,
    errors: i64,
    amount: i64,
    cost: i64,
    refunded: i64,
    usage: [i64; 14],
}

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Blocks looked at.
    pub blocks: u64,
    /// All blocks.
    pub of_blocks: u64,
    /// Entries looked at.
    pub entries: u64,
}

/// Checks the books as they are now; what is booked meanwhile does not disturb it.
pub async fn verify(store: &Store) -> Result<Report, StoreError> {
    verify_showing(store, &mut |_| {}).await
}

/// The same, telling how far it is every few thousand entries.
pub async fn verify_showing(store: &Store, show: &mut (dyn FnMut(Progress) + Send)) -> Result<Report, StoreError> {
    let mut check = Check {
        snapshot: store.snapshot().await?,
        report: Report::default(),
        series: HashMap::new(),
        hours: BTreeMap::new(),
        hour: i64::MIN,
        days: BTreeMap::new(),
        day: i64::MIN,
        recent: VecDeque::new(),
        ids: HashSet::new(),
    };
    check.run(show).await?;
    Ok(check.report)
}

/// A series, and the price that its entries are booked by.
struct Of {
    series: Series,
    price: Option<Price>,
}

struct Check {
    snapshot: Snapshot,
    report: Report,
    series: HashMap<i64, Option<Arc<Of>>>,
    /// Hours that blocks may still add to, by series.
    hours: BTreeMap<i64, HashMap<i64, Due>>,
    /// The last hour that is compared.
    hour: i64,
    /// Days whose hours are not all compared, by account.
    days: BTreeMap<i64, HashMap<String, i64>>,
    /// The last day that is compared.
    day: i64,
    /// Blocks whose requests may come again, and the random parts of all their ids.
    recent: VecDeque<(i64, Vec<u64>)>,
    ids: HashSet<u64>,
}

impl Check {
    async fn run(&mut self, show: &mut (dyn FnMut(Progress) + Send)) -> Result<(), StoreError> {
        let of_blocks = u64::try_from(rows::block_count(&mut self.snapshot).await?).unwrap_or(0);
        let mut looked_at = 0;
        let mut after = i64::MIN;
        loop {
            let blocks = rows::blocks_after(&mut self.snapshot, after, BLOCKS).await?;
            let Some(last) = blocks.last() else { break };
            after = last.id;
            for row in &blocks {
                self.block(row).await?;
                looked_at += 1;
            }
            show(Progress { blocks: looked_at, of_blocks, entries: self.report.entries });
            // Whatever is booked from here on and counts to an hour before is a stray.
            self.close_hours(hour_of(block::time_of(after).saturating_sub(block::SOON_MS))).await?;
        }
        self.close_hours(i64::MAX).await?;
        self.close_days(i64::MAX).await?;
        for (day, sum) in rows::days_off(&mut self.snapshot, 100).await? {
            self.report.broken("I13", || format!("the postings of day {day} add up to {sum} nano-dollars"));
        }
        for (account, nano, due) in rows::balances_off(&mut self.snapshot, 100).await? {
            self.report.broken("I3", || format!("the balance of {account} is {nano} and its days {due} nano-dollars"));
        }
        let refunded = rows::refund_count(&mut self.snapshot).await?;
        if i64::try_from(self.report.refunds).is_ok_and(|seen| seen != refunded) {
            self.report.broken("I11", || "a refund belongs to no charge".into());
        }
        self.tasks().await
    }

    /// Video tasks that are paid by their own row are paid here, and the same.
    async fn tasks(&mut self) -> Result<(), StoreError> {
        let mut after = Vec::new();
        // What was booked just now may not be in the database yet.
        let before = now_ms().saturating_sub(TASK_LAG_MS);
        loop {
            let rows = tasks::settlements(&mut self.snapshot, &after, before, TASKS).await?;
            let Some((last, ..)) = rows.last() else { return Ok(()) };
            after.clone_from(last);
            for (_, request, amount) in rows {
                let id = RequestId::of(&request);
                let booked = line_of(&mut self.snapshot, id).await?.map(|(_, line)| line.charge.amount);
                if booked != Some(amount) {
                    self.report
                        .broken("I14", || format!("the video task of {id} costs {amount}, booked is {booked:?}"));
                }
            }
        }
    }

    /// One block: what finds it, and each of its entries.
    async fn block(&mut self, row: &BlockRow) -> Result<(), StoreError> {
        let Some(lines) = block::lines(row) else {
            self.report.broken("I1", || format!("block {} cannot be read", row.id));
            return Ok(());
        };
        if let Some(details) = rows::block_details(&mut self.snapshot, row.id).await?
            && block::details(&details, lines.len()).is_none()
        {
            self.report.broken("I1", || format!("the details of block {} cannot be read", row.id));
        }
        self.marks(row, &lines).await?;
        self.twice(row.id, &lines);
        let refunds = self.refunds(&lines).await?;
        for line in lines {
            self.report.entries += 1;
            let id = line.id;
            let Some(of) = self.of(line.series).await? else {
                self.report.broken("I3", || format!("{id} belongs to no series"));
                continue;
            };
            alone(&line, &of, &mut self.report);
            let refunded = refunds.get(&id).copied();
            self.report.refunds += u64::from(refunded.is_some());
            if refunded.is_some_and(|refunded| refunded > line.charge.amount) {
                self.report.broken("I11", || format!("{id} is refunded by more than its amount"));
            }
            if block::is_soon(id, row.id) {
                self.add(&line, &of.series, refunded.unwrap_or(0));
            } else if rows::stray(&mut self.snapshot, &id.bytes()).await? != Some(row.id) {
                self.report.broken("I1", || format!("{id} cannot be found by its id"));
            } else if let Some((other, _)) = line_of(&mut self.snapshot, id).await?
                && other.id != row.id
            {
                self.report.broken("I5", || format!("{id} is booked twice"));
            }
        }
        Ok(())
    }

    /// What blocks are looked up by must not miss anything.
    async fn marks(&mut self, row: &BlockRow, lines: &[Line]) -> Result<(), StoreError> {
        let mut due = BTreeSet::new();
        for Line { series, charge, .. } in lines {
            due.insert(mark(Mark::Series(*series)));
            let class = u32::from(charge.status / 100);
            if class != 2 {
                due.insert(mark(Mark::Class(class)));
            }
            if charge.outcome != Outcome::Completed {
                due.insert(mark(Mark::Outcome(u32::from(charge.outcome.place()))));
            }
            if charge.basis != Basis::Provider {
                due.insert(mark(Mark::Basis(charge.basis as u32)));
            }
        }
        let found = rows::marks_of(&mut self.snapshot, row.id, &json!(due).to_string()).await?;
        if i64::try_from(due.len()).is_ok_and(|due| due != found) {
            self.report.broken("I1", || format!("block {} is missing where its entries are looked up", row.id));
        }
        Ok(())
    }

    /// An id that comes again has the same time, so it can only be in blocks of the next minutes (or a stray).
    fn twice(&mut self, block: i64, lines: &[Line]) {
        let old = block::time_of(block).saturating_sub(block::SOON_MS);
        while let Some((at, _)) = self.recent.front()
            && block::time_of(*at) < old
        {
            for id in self.recent.pop_front().into_iter().flat_map(|(_, ids)| ids) {
                self.ids.remove(&id);
            }
        }
        let mut fresh = Vec::with_capacity(lines.len());
        for line in lines {
            let random = line.id.random();
            if self.ids.insert(random) {
                fresh.push(random);
            } else {
                self.report.broken("I5", || format!("{} is booked twice", line.id));
            }
        }
        self.recent.push_back((block, fresh));
    }

    /// Sums of the refunds of these requests.
    async fn refunds(&mut self, lines: &[Line]) -> Result<HashMap<RequestId, i64>, StoreError> {
        let ids = || lines.iter().map(|line| line.id);
        let (Some(low), Some(high)) = (ids().min(), ids().max()) else { return Ok(HashMap::new()) };
        // A stray among them would make the range a long one.
        let all = if high.time() - low.time() <= 2 * block::SOON_MS {
            rows::refunds_within(&mut self.snapshot, &low.to_string(), &high.to_string()).await?
        } else {
            let requests: Vec<_> = ids().map(|id| id.to_string()).collect();
            let all = rows::refunds_of(&mut self.snapshot, &json!(requests).to_string()).await?;
            let mut sums: HashMap<String, i64> = HashMap::new();
            for row in all {
                *sums.entry(row.request).or_default() += row.amount;
            }
            sums.into_iter().collect()
        };
        let wanted: HashSet<RequestId> = ids().collect();
        let read = all.iter().filter_map(|(request, sum)| Some((RequestId::parse(request)?, *sum)));
        Ok(read.filter(|(id, _)| wanted.contains(id)).collect())
    }

    async fn of(&mut self, number: i64) -> Result<Option<Arc<Of>>, StoreError> {
        if let Some(known) = self.series.get(&number) {
            return Ok(known.clone());
        }
        if self.series.len() >= MAX_REMEMBERED {
            self.series.clear();
        }
        let rows = rows::series_by_id(&mut self.snapshot, &json!([number]).to_string()).await?;
        let of = match rows.first() {
            None => None,
            Some(row) => {
                let (kind, model, version) = (&row.provider_kind, &row.upstream_model, &row.price_version);
                let text = rows::price(&mut self.snapshot, kind, model, version).await?;
                let price = text.as_deref().and_then(Price::from_stored);
                Some(Arc::new(Of { series: stored::series(row), price }))
            }
        };
        self.series.insert(number, of.clone());
        Ok(of)
    }

    /// Adds an entry to what its hour must come to.
    fn add(&mut self, line: &Line, of: &Series, refunded: i64) {
        let Charge { amount, cost, status, usage, .. } = &line.charge;
        let hour = hour_of(line.admitted_at);
        let due = self.hours.entry(hour).or_default().entry(line.series).or_default();
        due.requests += 1;
        due.errors += i64::from(*status >= 400);
        due.amount = due.amount.saturating_add(*amount);
        due.cost = due.cost.saturating_add(*cost);
        due.refunded = due.refunded.saturating_add(refunded);
        for (sum, count) in due.usage.iter_mut().zip(usage.counts()) {
            *sum = sum.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
        }
        if *amount > 0 || *cost > 0 {
            let day = self.days.entry(day_of(line.admitted_at)).or_default();
            for (account, nano) in legs(of.book, &of.key_id, &of.provider, amount - refunded, *cost) {
                *day.entry(account).or_default() += nano;
            }
        }
    }

    /// Compares all hours before this one.
    async fn close_hours(&mut self, before: i64) -> Result<(), StoreError> {
        loop {
            let stored = rows::hour_after(&mut self.snapshot, self.hour).await?;
            let next = [stored, self.hours.keys().next().copied()].into_iter().flatten().min();
            let Some(hour) = next.filter(|hour| *hour < before) else { break };
            self.strays(hour).await?;
            self.compare_hour(hour).await?;
            self.hour = self.hour.max(hour);
        }
        self.close_days(before.div_euclid(DAY_HOURS)).await
    }

    /// Adds the strays that count to an hour.
    async fn strays(&mut self, hour: i64) -> Result<(), StoreError> {
        let mut after = i64::MIN;
        loop {
            let blocks = rows::strays_of_hour(&mut self.snapshot, hour, after, BLOCKS).await?;
            let Some(last) = blocks.last() else { return Ok(()) };
            after = *last;
            for block in blocks {
                let row = rows::block(&mut self.snapshot, block).await?;
                // One that is not there or cannot be read is told of when its turn comes.
                let Some(mut lines) = row.as_ref().and_then(block::lines) else { continue };
                lines.retain(|line| !block::is_soon(line.id, block) && hour_of(line.admitted_at) == hour);
                let refunds = self.refunds(&lines).await?;
                for line in &lines {
                    if let Some(of) = self.of(line.series).await? {
                        self.add(line, &of.series, refunds.get(&line.id).copied().unwrap_or(0));
                    }
                }
            }
        }
    }

    async fn compare_hour(&mut self, hour: i64) -> Result<(), StoreError> {
        let mut expected = self.hours.remove(&hour).unwrap_or_default();
        for row in rows::rollups_of(&mut self.snapshot, hour).await? {
            self.report.sums += 1;
            let usage: Vec<i64> = serde_json::from_str(&row.usage).unwrap_or_default();
            let due = expected.remove(&row.series).unwrap_or_default();
            let found = [row.requests, row.errors, row.amount, row.cost, row.refunded];
            if found != [due.requests, due.errors, due.amount, due.cost, due.refunded] || usage != due.usage {
                let series = row.series;
                self.report.broken("I3", || format!("hour {hour} of series {series} is not the sum of its entries"));
            }
        }
        for series in expected.into_keys() {
            self.report.broken("I3", || format!("hour {hour} of series {series} is missing"));
        }
        Ok(())
    }

    /// Compares all days before this one.
    async fn close_days(&mut self, before: i64) -> Result<(), StoreError> {
        loop {
            let stored = rows::day_after(&mut self.snapshot, self.day).await?;
            let next = [stored, self.days.keys().next().copied()].into_iter().flatten().min();
            let Some(day) = next.filter(|day| *day < before) else { return Ok(()) };
            let mut expected = self.days.remove(&day).unwrap_or_default();
            for (account, nano) in rows::postings_of(&mut self.snapshot, day).await? {
                self.report.sums += 1;
                let due = expected.remove(&account).unwrap_or(0);
                if due != nano {
                    self.report.broken("I3", || {
                        format!("day {day} of {account} has {nano} and its entries {due} nano-dollars")
                    });
                }
            }
            for (account, _) in expected.into_iter().filter(|(_, nano)| *nano != 0) {
                self.report.broken("I3", || format!("day {day} of {account} is missing"));
            }
            self.day = self.day.max(day);
        }
    }
}

/// What one entry must satisfy by itself.
fn alone(line: &Line, Of { series, price }: &Of, report: &mut Report) {
    let Line { id, admitted_at, charge, .. } = line;
    let Charge { amount, basis, flags, usage, .. } = charge;
    if *basis == Basis::None && *amount != 0 {
        report.broken("I1", || format!("{id} charges for nothing"));
    }
    report.recovered += u64::from(*basis == Basis::Recovered);
    match price {
        None if series.price_version.is_empty() => {
            if *amount != 0 {
                report.broken("I10", || format!("{id} has an amount and no price"));
            } else if *basis != Basis::None && !flags.has(Flags::UNPRICED) {
                report.broken("I10", || format!("{id} has no price and does not say so"));
            }
        }
        None => report.broken("I4", || format!("the price of {id} is not there")),
        Some(price) => {
            let due = if *basis == Basis::None { 0 } else { price.amount(usage, *admitted_at).nano };
            if due != *amount {
                report.broken("I4", || format!("{id} is booked at {amount} and costs {due} nano-dollars"));
            }
        }
    }
    if usage.counts().iter().any(|count| *count > tollgate_protocol::usage::MAX_COUNT) {
        report.broken("I12", || format!("{id} has usage that cannot be true"));
    }
    if *admitted_at < id.time() {
        report.broken("I14", || format!("{id} was admitted before it came"));
    }
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
    for (account, nano) in rows::balances(snapshot).await? {
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
