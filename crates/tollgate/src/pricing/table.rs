//! Reads `prices.tsv`. A line that cannot be read is left out; a test sees to it that there is none.

use super::complete::complete;
use super::{Hours, Later, Price, PriceBook, Row, Source};
use crate::config::Kind;
use crate::{clock, money};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use tollgate_protocol::usage::ServiceTier;

const TEXT: &str = include_str!("prices.tsv");

pub(super) fn read() -> PriceBook {
    let mut date: Arc<str> = "".into();
    // By model and day: the first are the rates of today, the others begin on their day.
    let mut models: HashMap<(Kind, &str), BTreeMap<&str, Vec<Row>>> = HashMap::new();
    for line in lines() {
        if let Some(built) = line.strip_prefix("date\t") {
            date = built.into();
        } else if let Some((kind, model, since, row)) = row(line) {
            models.entry((kind, model)).or_default().entry(since).or_default().push(row);
        }
    }
    let mut book = PriceBook { date: Arc::clone(&date), kinds: HashMap::default(), confirmed: HashSet::new() };
    for ((kind, model), days) in models {
        let mut days = days.into_iter().map(|(since, mut rows)| {
            complete(&mut rows);
            (since, rows)
        });
        // Without a standard price there is nothing to fall back on.
        let Some((since, rows)) = days.next().filter(|(_, rows)| rows.first().is_some_and(Row::is_base)) else {
            continue;
        };
        let later = days.filter(|(_, rows)| rows.first().is_some_and(Row::is_base)).filter_map(|(from, rows)| {
            Some(Later { from: from.into(), from_ms: clock::parse(&format!("{from}T00:00:00Z")).ok()?, rows })
        });
        let since = if since == "-" { Arc::clone(&date) } else { since.into() };
        let price = Price::new(&date, since, Source::Catalogue, rows, later.collect());
        book.kinds.entry(kind).or_default().insert(model.into(), Arc::new(price));
    }
    book
}

fn lines() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Kind, model, since when, and the row itself.
fn row(line: &'static str) -> Option<(Kind, &'static str, &'static str, Row)> {
    let mut cells = line.split('\t');
    let (kind, model, since) = (Kind::from_name(cells.next()?)?, cells.next()?, cells.next()?);
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
    cells.next().is_none().then_some((kind, model, since, row))
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
    use crate::catalogue;
    use crate::pricing::RATE_NAMES;
    use std::collections::HashSet;

    fn rows() -> impl Iterator<Item = &'static str> {
        lines().filter(|line| !line.starts_with("date\t"))
    }

    #[test]
    fn every_line_is_sound() {
        let mut seen = HashSet::new();
        for line in rows() {
            let (kind, model, since, row) = row(line).unwrap_or_else(|| panic!("{line}"));
            assert!(catalogue::find(model).iter().any(|entry| entry.kind == kind), "no such model: {line}");
            assert!(since == "-" || clock::parse(&format!("{since}T00:00:00Z")).is_ok(), "{line}");
            assert!(row.hours.iter().all(|hours| hours.from < 1440 && hours.to < 1440 && hours.days > 0), "{line}");
            assert!(seen.insert((kind, model, since, row.tier, row.hours.is_empty(), row.above)), "twice: {line}");
        }
        let book = read();
        assert_eq!(book.date().len(), 10);
        let models: HashSet<_> = rows().filter_map(row).map(|(kind, model, ..)| (kind, model)).collect();
        assert_eq!(book.all().count(), models.len(), "a model without a standard row");
        assert!(models.len() > 300);
    }

    #[test]
    fn a_step_is_never_cheaper_and_a_tier_never_lacks_a_rate() {
        let book = read();
        let times = |price: &Price| price.later().iter().map(|later| later.from_ms).chain([0]).collect::<Vec<_>>();
        for (kind, model, price, at) in
            book.all().flat_map(|(kind, model, price)| times(price).into_iter().map(move |at| (kind, model, price, at)))
        {
            let rows = price.rows(at);
            let base = &rows[0].rates;
            for row in rows {
                let below = rows.iter().rfind(|b| b.tier == row.tier && b.hours == row.hours && b.above < row.above);
                for (name, _) in RATE_NAMES {
                    let rate = row.rates.meant(name);
                    assert!(rate.is_some() || base.meant(name).is_none(), "{kind}/{model} {:?}: no {name}", row.tier);
                    assert!(below.is_none_or(|below| below.rates.meant(name) <= rate), "{kind}/{model}: {name}");
                }
            }
        }
    }

    #[test]
    fn versions_are_equal_only_where_rates_are() {
        let book = read();
        let mut rates = HashMap::new();
        for (kind, model, price) in book.all() {
            let rows = rates.entry(price.version()).or_insert_with(|| (price.rows(0), price.later()));
            assert_eq!(*rows, (price.rows(0), price.later()), "{kind}/{model}");
        }
        assert!(rates.len() > 50);
    }
}
