//! Finding entries: one by its id, or a page by what it is to be, newest first. The work of one page is bounded: where
//! little is found, it ends early and says where to go on.

use super::apply::hour_of;
use super::block::{self, Line};
use super::entry::{Basis, Book, Detail, Entry, RequestId, Series};
use super::stored;
use crate::outcome::Outcome;
use crate::store::ledger::{self as rows, BlockRow, SeriesRow};
use crate::store::{Snapshot, Store, StoreError};
use serde_json::json;
use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::fmt;

/// Entries that one page looks at.
const MAX_LOOKED_AT: i64 = 100_000;
/// Blocks that one page asks for, whether they have something or not.
const MAX_STEPS: usize = 2_000;
/// Numbers of blocks that are asked for at a time.
const AHEAD: i64 = 128;
/// Where a filter allows more series than this, blocks are looked into instead of looked up.
const MAX_LOOKED_UP: usize = 64;

/// An entry and whether the log still keeps its detail.
pub type Found = (Entry, bool);

/// Which entries are asked for; absent parts allow all.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Live or test money.
    pub book: Option<Book>,
    /// `key_…`.
    pub key: Option<String>,
    /// `proj_…`.
    pub project: Option<String>,
    /// The route's name.
    pub endpoint: Option<String>,
    /// The caller's or the provider's name of the model.
    pub model: Option<String>,
    /// Configured name.
    pub provider: Option<String>,
    /// Lowest and highest status.
    pub status: Option<(u16, u16)>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// What the charge rests on.
    pub basis: Option<Basis>,
    /// Earliest and latest admission, in unix milliseconds; the latest is not included.
    pub from: Option<i64>,
    /// See `from`.
    pub to: Option<i64>,
    /// Where the page before this one ended.
    pub after: Option<Cursor>,
}

/// A place in the list: all that is listed after this entry of this block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    block: i64,
    id: RequestId,
}

/// A part of the list.
#[derive(Debug, Default)]
pub struct Page {
    /// What was found, newest first.
    pub found: Vec<Found>,
    /// Where to go on, if there may be more.
    pub next: Option<Cursor>,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}", self.block, self.id.0)
    }
}

impl Cursor {
    /// Reads what it was printed as.
    pub fn parse(text: &str) -> Option<Self> {
        let (block, id) = text.split_once('.')?;
        let block = i64::from_str_radix(block, 16).ok()?;
        Some(Self { block, id: RequestId(u128::from_str_radix(id, 16).ok()?) })
    }
}

/// What a block can be looked up by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark {
    /// A series that has entries in it, by number.
    Series(i64),
    /// It has statuses of this class, which is not 2xx.
    Class(u32),
    /// It has this outcome, by its place, which is not completed.
    Outcome(u32),
    /// It has this basis, by its place, which is not the provider's count.
    Basis(u32),
}

/// A mark as it is stored.
pub(super) fn mark(mark: Mark) -> i64 {
    let (kind, value) = match mark {
        Mark::Series(number) => (0, number),
        Mark::Class(class) => (1, i64::from(class)),
        Mark::Outcome(place) => (2, i64::from(place)),
        Mark::Basis(place) => (3, i64::from(place)),
    };
    value << 2 | kind
}

/// One entry.
pub async fn get(store: &Store, id: RequestId) -> Result<Option<Found>, StoreError> {
    let snapshot = &mut store.snapshot().await?;
    let Some((row, line)) = line_of(snapshot, id).await? else { return Ok(None) };
    let place = row.ids.chunks_exact(16).position(|bytes| bytes == id.bytes()).unwrap_or(usize::MAX);
    let details = details(snapshot, &row).await?;
    let series = rows::series_by_id(snapshot, &json!([line.series]).to_string()).await?;
    let series = series.first().map(stored::series).ok_or(StoreError::Unreadable("blocks.charges"))?;
    let kept = details.is_some();
    let detail = details.and_then(|mut all| (place < all.len()).then(|| all.swap_remove(place)));
    Ok(Some((line.entry(series, detail.unwrap_or_default()), kept)))
}

/// An entry without series and detail, and the block that it is in.
pub(super) async fn line_of(snapshot: &mut Snapshot, id: RequestId) -> Result<Option<(BlockRow, Line)>, StoreError> {
    let of = |row: BlockRow| {
        let lines = block::lines(&row).ok_or(StoreError::Unreadable("blocks.charges"))?;
        Ok(lines.into_iter().find(|line| line.id == id).map(|line| (row, line)))
    };
    let (mut low, high) = (block::first_at(id.time()), block::last_at(id.time().saturating_add(block::SOON_MS)));
    while let Some(row) = rows::block_holding(snapshot, &id.bytes(), low, high).await? {
        low = row.id + 1;
        // The bytes of an id might be the end of one and the beginning of another.
        if let Some(found) = of(row)? {
            return Ok(Some(found));
        }
    }
    let Some(block) = rows::stray(snapshot, &id.bytes()).await? else { return Ok(None) };
    rows::block(snapshot, block).await?.map_or(Ok(None), of)
}

async fn details(snapshot: &mut Snapshot, row: &BlockRow) -> Result<Option<Vec<Detail>>, StoreError> {
    let Some(bytes) = rows::block_details(snapshot, row.id).await? else { return Ok(None) };
    let count = usize::try_from(row.count).unwrap_or(0);
    block::details(&bytes, count).map(Some).ok_or(StoreError::Unreadable("block_details"))
}

/// A page of at most `limit` entries.
pub async fn page(store: &Store, wanted: &Wanted, limit: usize) -> Result<Page, StoreError> {
    let snapshot = &mut store.snapshot().await?;
    let Some(filter) = Filter::of(snapshot, wanted).await? else { return Ok(Page::default()) };
    let mut streams = filter.streams();
    let mut page = Page::default();
    let (mut at, mut before) = wanted.after.map_or((i64::MAX, None), |after| (after.block, Some(after.id)));
    let mut looked_at = 0;
    for _ in 0..MAX_STEPS {
        let Some(block) = candidate(snapshot, &mut streams, at).await? else { return Ok(page) };
        let room = limit - page.found.len();
        if room == 0 || looked_at >= MAX_LOOKED_AT {
            page.next = Some(Cursor { block, id: RequestId(u128::MAX) });
            return Ok(page);
        }
        let row = rows::block(snapshot, block).await?.ok_or(StoreError::Unreadable("block_marks"))?;
        let before = before.take().filter(|_| block == at);
        looked_at += row.count;
        if let Some(last) = filter.take(snapshot, &row, before, room, &mut page.found).await? {
            page.next = Some(Cursor { block, id: last });
            return Ok(page);
        }
        at = block - 1;
    }
    page.next = Some(Cursor { block: at, id: RequestId(u128::MAX) });
    Ok(page)
}

/// The highest block up to `at` that all streams have.
async fn candidate(snapshot: &mut Snapshot, streams: &mut [Stream], mut at: i64) -> Result<Option<i64>, StoreError> {
    loop {
        let before = at;
        for stream in &mut *streams {
            match stream.seek(snapshot, at).await? {
                Some(block) => at = block,
                None => return Ok(None),
            }
        }
        if at == before && at != i64::MAX {
            return Ok(Some(at));
        }
    }
}

/// Blocks that may have something, the highest first.
enum Stream {
    /// Those that are there.
    All(VecDeque<i64>),
    /// Those that carry one of these marks.
    Marked(Vec<(i64, VecDeque<i64>)>),
    /// Those whose entries may have been admitted in a time: from `low` to `high`, and those outside with strays that
    /// count to its hours.
    Time { low: i64, high: i64, hours: (i64, i64), outside: VecDeque<i64> },
}

impl Stream {
    /// Its highest block up to `at`.
    async fn seek(&mut self, snapshot: &mut Snapshot, at: i64) -> Result<Option<i64>, StoreError> {
        match self {
            Self::All(ahead) => {
                ahead.retain(|block| *block <= at);
                if ahead.is_empty() {
                    ahead.extend(rows::block_ids(snapshot, at, AHEAD).await?);
                }
                Ok(ahead.front().copied())
            }
            Self::Marked(marks) => {
                let mut highest = None;
                for (mark, ahead) in &mut *marks {
                    ahead.retain(|block| *block <= at);
                    if ahead.is_empty() {
                        ahead.extend(rows::marked(snapshot, *mark, at, AHEAD).await?);
                    }
                    highest = highest.max(ahead.front().copied());
                }
                // Where there is none now, there is none further down.
                marks.retain(|(_, ahead)| !ahead.is_empty());
                Ok(highest)
            }
            Self::Time { low, high, hours, outside } => {
                if (*low..=*high).contains(&at) {
                    return Ok(Some(at));
                }
                outside.retain(|block| *block <= at);
                if outside.is_empty() {
                    outside.extend(rows::strays_outside(snapshot, *hours, (*low, *high), at, AHEAD).await?);
                }
                let stray = outside.front().copied();
                Ok(if at > *high { stray.max(Some(*high)) } else { stray })
            }
        }
    }
}

/// What is wanted, as blocks know it.
struct Filter<'a> {
    wanted: &'a Wanted,
    /// The series that are allowed, if not all are.
    series: Option<HashMap<i64, Series>>,
}

impl<'a> Filter<'a> {
    /// `None` if there can be nothing.
    async fn of(snapshot: &mut Snapshot, wanted: &'a Wanted) -> Result<Option<Self>, StoreError> {
        let parts = [&wanted.key, &wanted.project, &wanted.endpoint, &wanted.model, &wanted.provider];
        if wanted.book.is_none() && parts.iter().all(|part| part.is_none()) {
            return Ok(Some(Self { wanted, series: None }));
        }
        let book = wanted.book.map(|book| i64::from(book == Book::Test));
        let series = rows::series_matching(snapshot, book, parts.map(|part| part.as_deref())).await?;
        let series: HashMap<_, _> = series.iter().map(|row| (row.id, stored::series(row))).collect();
        Ok((!series.is_empty()).then_some(Self { wanted, series: Some(series) }))
    }

    fn streams(&self) -> Vec<Stream> {
        let mut streams = vec![Stream::All(VecDeque::new())];
        let mut marks = |marks: Vec<Mark>| {
            streams.push(Stream::Marked(marks.into_iter().map(|one| (mark(one), VecDeque::new())).collect()));
        };
        if let Some(series) = self.series.as_ref().filter(|series| series.len() <= MAX_LOOKED_UP) {
            marks(series.keys().map(|number| Mark::Series(*number)).collect());
        }
        let wanted = self.wanted;
        if let Some((low, high)) = wanted.status {
            let classes = u32::from(low / 100)..=u32::from(high / 100);
            if !classes.contains(&2) {
                marks(classes.map(Mark::Class).collect());
            }
        }
        if let Some(outcome) = wanted.outcome.filter(|outcome| *outcome != Outcome::Completed) {
            marks(vec![Mark::Outcome(u32::from(outcome.place()))]);
        }
        if let Some(basis) = wanted.basis.filter(|basis| *basis != Basis::Provider) {
            marks(vec![Mark::Basis(basis as u32)]);
        }
        if wanted.from.is_some() || wanted.to.is_some() {
            let (from, to) = (wanted.from.unwrap_or(0), wanted.to.unwrap_or(i64::MAX));
            streams.push(Stream::Time {
                low: block::first_at(from),
                high: block::last_at(to.saturating_add(block::SOON_MS)),
                hours: (hour_of(from), hour_of(to)),
                outside: VecDeque::new(),
            });
        }
        streams
    }

    fn allows(&self, line: &Line) -> bool {
        let (wanted, charge) = (self.wanted, &line.charge);
        self.series.as_ref().is_none_or(|series| series.contains_key(&line.series))
            && wanted.status.is_none_or(|(low, high)| (low..=high).contains(&charge.status))
            && wanted.outcome.is_none_or(|outcome| outcome == charge.outcome)
            && wanted.basis.is_none_or(|basis| basis == charge.basis)
            && wanted.from.is_none_or(|from| line.admitted_at >= from)
            && wanted.to.is_none_or(|to| line.admitted_at < to)
    }

    /// Takes up to `room` (one at least) of a block's entries, those with lower ids than `before`; the last one's id if there are
    /// more.
    async fn take(
        &self,
        snapshot: &mut Snapshot,
        row: &BlockRow,
        before: Option<RequestId>,
        room: usize,
        found: &mut Vec<Found>,
    ) -> Result<Option<RequestId>, StoreError> {
        let lines = block::lines(row).ok_or(StoreError::Unreadable("blocks.charges"))?;
        let mut lines: Vec<(usize, Line)> = lines.into_iter().enumerate().collect();
        lines.retain(|(_, line)| before.is_none_or(|before| line.id < before) && self.allows(line));
        if lines.is_empty() {
            return Ok(None);
        }
        lines.sort_unstable_by_key(|(_, line)| Reverse(line.id));
        let more = lines.len() > room;
        lines.truncate(room);
        let last = lines.last().map(|(_, line)| line.id);
        let names = match &self.series {
            Some(_) => HashMap::new(),
            None => {
                let numbers: Vec<i64> = lines.iter().map(|(_, line)| line.series).collect();
                let named = rows::series_by_id(snapshot, &json!(numbers).to_string()).await?;
                named.iter().map(|row: &SeriesRow| (row.id, stored::series(row))).collect()
            }
        };
        let mut details = details(snapshot, row).await?;
        for (at, line) in lines {
            let series = self.series.as_ref().unwrap_or(&names).get(&line.series).cloned();
            let series = series.ok_or(StoreError::Unreadable("blocks.charges"))?;
            let detail = details.as_mut().and_then(|all| all.get_mut(at)).map(std::mem::take);
            let kept = detail.is_some();
            found.push((line.entry(series, detail.unwrap_or_default()), kept));
        }
        Ok(last.filter(|_| more))
    }
}
