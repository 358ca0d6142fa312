//! What usage costs. Data, never code: `prices.tsv`, and the operator's overrides.
//!
//! Integers only. A rate is nano-dollars for a million tokens (a minute, an image, a thousand calls, a second), which
//! holds every published price exactly. An amount is the sum of counters × rates, rounded half up once, to the
//! nano-dollar. A price never changes: another rate is another [`Price`] with another version, and whoever admitted a
//! request keeps the one it was admitted by.

mod amount;
mod complete;
mod rates;
mod table;
mod video;

use crate::config::Kind;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

pub use amount::{Amount, Line};
pub use rates::{Hours, RATE_NAMES, Rates, Row};
pub use video::is_rate_name;

/// Prices in force. Immutable; a changed one is another book.
#[derive(Debug, Clone)]
pub struct PriceBook {
    /// The date of the catalogue.
    date: Arc<str>,
    kinds: HashMap<Kind, HashMap<Box<str>, Arc<Price>>>,
    /// Prices of the operator that may differ from others by any factor.
    confirmed: HashSet<(Kind, Box<str>)>,
}

/// The price of one model of one kind of provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    version: Arc<str>,
    effective_from: Arc<str>,
    source: Source,
    /// Standard rates first; never empty.
    rows: Vec<Row>,
}

/// Who named a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The embedded table.
    Catalogue,
    /// The operator.
    Config,
}

/// As stored beside the ledger.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    version: String,
    effective_from: String,
    source: Source,
    rows: Vec<Row>,
}

static CATALOGUE: LazyLock<PriceBook> = LazyLock::new(table::read);

impl PriceBook {
    /// The embedded prices.
    pub fn catalogue() -> &'static Self {
        &CATALOGUE
    }

    /// The date of the embedded prices, such as `2027-01-31`.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The price of a model, if it has one.
    pub fn find(&self, kind: Kind, model: &str) -> Option<&Arc<Price>> {
        self.kinds.get(&kind)?.get(model)
    }

    /// Every price, in no order.
    pub fn all(&self) -> impl Iterator<Item = (Kind, &str, &Arc<Price>)> {
        self.kinds.iter().flat_map(|(kind, models)| models.iter().map(|(model, price)| (*kind, &**model, price)))
    }

    /// Puts a price of the operator in the place of the catalogue's, with rates for inputs above so many tokens; a
    /// confirmed one may jump.
    pub fn set(&mut self, kind: Kind, model: &str, rates: Rates, steps: Vec<(u64, Rates)>, confirmed: bool) {
        if confirmed {
            self.confirmed.insert((kind, model.into()));
        }
        let steps = steps.into_iter().filter(|(above, _)| *above > 0);
        let steps = steps.map(|(above, rates)| Row { above, rates, ..Row::default() });
        let mut rows = vec![Row { rates, ..Row::default() }];
        rows.extend(steps);
        complete::complete(&mut rows);
        let price = Price::new(&self.date, Arc::clone(&self.date), Source::Config, rows);
        self.kinds.entry(kind).or_default().insert(model.into(), Arc::new(price));
    }

    /// What is wrong with a price, if one of its rates is ten times that of `before` or a tenth of it. A confirmed one
    /// is never wrong, nor one that stays as it was.
    pub fn jump(&self, before: &Self, kind: Kind, model: &str) -> Option<String> {
        let (new, old) = (self.find(kind, model)?, before.find(kind, model)?);
        if new.version == old.version || self.confirmed.contains(&(kind, model.into())) {
            return None;
        }
        new.rows.iter().find_map(|row| {
            let same = |other: &&Row| (other.tier, other.above, &other.hours) == (row.tier, row.above, &row.hours);
            let (name, from, to) = far(&row.rates, &old.rows.iter().find(same)?.rates)?;
            let shown = |rate: u64| crate::money::print(i64::try_from(rate).unwrap_or(i64::MAX));
            Some(format!("{kind}/{model}: {name} goes from {} to {}, tenfold or more", shown(from), shown(to)))
        })
    }
}

/// The first rate that differs tenfold or more, from and to what. Rates that only one of them names are not compared.
fn far(new: &Rates, old: &Rates) -> Option<(String, u64, u64)> {
    let listed =
        RATE_NAMES.iter().filter_map(|(short, name)| Some(((*name).to_owned(), old.get(short)?, new.get(short)?)));
    let video = old.video_second.iter().filter_map(|(resolution, old)| {
        Some((format!("video_per_second.{resolution}"), *old, *new.video_second.get(resolution)?))
    });
    let far = |from: u64, to: u64| from != to && (to.saturating_mul(10) <= from || from.saturating_mul(10) <= to);
    listed.chain(video).find(|(_, from, to)| far(*from, *to))
}

impl Price {
    fn new(date: &Arc<str>, effective_from: Arc<str>, source: Source, rows: Vec<Row>) -> Self {
        // The rows' own form is stable: equal rates have equal versions.
        let form = serde_json::to_string(&rows).unwrap_or_default();
        let version = format!("{date}.{:08x}", crc32c::crc32c(form.as_bytes()));
        Self { version: version.into(), effective_from, source, rows }
    }

    /// Names these rates for ever: a date and a check of the rates.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The day from which it is in force.
    pub fn effective_from(&self) -> &str {
        &self.effective_from
    }

    /// Who named it.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Its rates by tier, window and step; the standard ones first.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// As it is kept beside the ledger, so that an amount can be computed again years later.
    pub fn to_stored(&self) -> String {
        let stored = Stored {
            version: self.version.to_string(),
            effective_from: self.effective_from.to_string(),
            source: self.source,
            rows: self.rows.clone(),
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// Undoes [`Price::to_stored`].
    pub fn from_stored(text: &str) -> Option<Self> {
        let stored: Stored = serde_json::from_str(text).ok()?;
        (!stored.rows.is_empty()).then(|| Self {
            version: stored.version.into(),
            effective_from: stored.effective_from.into(),
            source: stored.source,
            rows: stored.rows,
        })
    }
}

#[cfg(test)]
mod tests;
