//! Reads `prices.tsv`. A line that cannot be read is left out; a test sees to it that there is none.

use super::{Hours, Price, PriceBook, Row, Source};
use crate::config::Kind;
use crate::money;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tollgate_protocol::usage::ServiceTier;

const TEXT: &str = include_str!("prices.tsv");

pub(super) fn read() -> PriceBook {
    let mut date: Arc<str> = "".into();
    let mut models: HashMap<(Kind, &str), Vec<Row>> = HashMap::new();
    for line in lines() {
        if let Some(built) = line.strip_prefix("date\t") {
            date = built.into();
        } else if let Some((kind, model, row)) = row(line) {
            models.entry((kind, model)).or_default().push(row);
        }
    }
    let mut book = PriceBook { date: Arc::clone(&date), kinds: HashMap::new(), confirmed: HashSet::new() };
    for ((kind, model), mut rows) in models {
        rows.sort_by_key(|row| (row.tier, !row.hours.is_empty(), row.above));
        // Without a standard price there is nothing to fall back on.
        if rows.first().is_some_and(|row| row.tier == ServiceTier::Standard && row.above == 0) {
            let price = Price::new(&date, Source::Catalogue, rows);
            book.kinds.entry(kind).or_default().insert(model.into(), Arc::new(price));
        }
    }
    book
}

fn lines() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn row(line: &'static str) -> Option<(Kind, &'static str, Row)> {
    let mut cells = line.split('\t');
    let (kind, model) = (Kind::from_name(cells.next()?)?, cells.next()?);
    let tier = cells.next()?;
    let mut row = Row { tier: ServiceTier::ALL.into_iter().find(|known| known.name() == tier)?, ..Row::default() };
    row.hours = match cells.next()? {
        "-" => Vec::new(),
        list => list.split(',').map(hours).collect::<Option<_>>()?,
    };
    row.above = cells.next()?.parse().ok()?;
    for rate in cells.next()?.split(' ') {
        let (name, value) = rate.split_once('=')?;
        let nano = u64::try_from(money::parse(value).ok()?).ok()?;
        if let Some(resolution) = name.strip_prefix("video.") {
            row.rates.video_second.insert(resolution.to_owned(), nano);
        } else {
            *row.rates.slot(name)? = Some(nano);
        }
    }
    cells.next().is_none().then_some((kind, model, row))
}

fn hours(text: &str) -> Option<Hours> {
    let (days, span) = text.split_once('/')?;
    let (from, to) = span.split_once('-')?;
    let minute = |clock: &str| {
        let (hours, minutes) = clock.split_at_checked(2)?;
        Some(hours.parse::<u16>().ok()? * 60 + minutes.parse::<u16>().ok()?)
    };
    let days = days.bytes().try_fold(0_u8, |set, day| {
        let day = day.checked_sub(b'1').filter(|day| *day < 7)?;
        Some(set | 1 << day)
    })?;
    Some(Hours { days, from: minute(from)?, to: minute(to)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_sound() {
        for line in lines().filter(|line| !line.starts_with("date\t")) {
            assert!(row(line).is_some(), "{line}");
        }
        let book = read();
        assert!(book.all().count() > 300, "{}", book.all().count());
        assert_eq!(book.date().len(), 10);
    }
}
