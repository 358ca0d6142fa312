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
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, LazyLock};

pub use amount::{Amount, Line};
pub use rates::{Hours, RATE_NAMES, Rates, Row};
pub use video::is_rate_name;

/// Prices in force. Immutable; a changed one is another book.
#[derive(Debug, Clone)]
pub struct PriceBook {
    /// The date of the catalogue.
    date: Arc<str>,
    kinds: HashMap<Kind, HashMap<Box<str>, Arc<Price>, Quick>, Quick>,
    /// Prices of the operator that may differ from others by any factor.
    confirmed: HashSet<(Kind, Box<str>)>,
}

/// A hash for a table that only configuration fills (FNV-1a): several look-ups a request.
type Quick = BuildHasherDefault<Fnv>;

#[derive(Debug, Clone)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// The price of one model of one kind of provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    version: Arc<str>,
    effective_from: Arc<str>,
    source: Source,
    /// Standard rates first; never empty.
    rows: Vec<Row>,
    /// What it becomes on later days, in their order.
    later: Vec<Later>,
}

/// Rates that a vendor has announced for a later day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Later {
    /// The day (UTC) that it begins with, such as `2027-01-01`.
    pub from: Arc<str>,
    /// That day in unix milliseconds.
    pub from_ms: i64,
    /// Standard rates first; never empty.
    pub rows: Vec<Row>,
}

/// Who named a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The embedded table.
    Catalogue,
    /// The operator.
    Config,
}

/// As stored beside the ledger.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: String,
    effective_from: String,
    source: Source,
    rows: Vec<Row>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    later: Vec<Later>,
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
        let price = Price::new(&self.date, Arc::clone(&self.date), Source::Config, rows, Vec::new());
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
    fn new(date: &Arc<str>, effective_from: Arc<str>, source: Source, rows: Vec<Row>, later: Vec<Later>) -> Self {
        // The rows' own form is stable: equal rates have equal versions.
        let mut form = serde_json::to_string(&rows).unwrap_or_default();
        if !later.is_empty() {
            form.push_str(&serde_json::to_string(&later).unwrap_or_default());
        }
        let version = format!("{date}.{:08x}", crc32c::crc32c(form.as_bytes()));
        Self { version: version.into(), effective_from, source, rows, later }
    }

    /// Names these rates for ever: a date and a check of the rates.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The day from which the rates of a moment (unix milliseconds) are in force.
    pub fn effective_from(&self, at_ms: i64) -> &str {
        self.changed(at_ms).map_or(&*self.effective_from, |later| &*later.from)
    }

    fn changed(&self, at_ms: i64) -> Option<&Later> {
        self.later.iter().rfind(|later| later.from_ms <= at_ms)
    }

    /// Who named it.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Its rates at a moment (unix milliseconds) by tier, window and step; the standard ones first.
    pub fn rows(&self, at_ms: i64) -> &[Row] {
        self.changed(at_ms).map_or(&self.rows, |later| &later.rows)
    }

    /// What it becomes on later days.
    pub fn later(&self) -> &[Later] {
        &self.later
    }

    /// As it is kept beside the ledger, so that an amount can be computed again years later.
    pub fn to_stored(&self) -> String {
        let stored = Stored {
            version: self.version.to_string(),
            effective_from: self.effective_from.to_string(),
            source: self.source,
            rows: self.rows.clone(),
            later: self.later.clone(),
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// Undoes [`Price::to_stored`].
    pub fn from_stored(text: &str) -> Option<Self> {
        let stored: Stored = serde_json::from_str(text).ok()?;
        let whole = !stored.rows.is_empty() && stored.later.iter().all(|later| !later.rows.is_empty());
        whole.then(|| Self {
            version: stored.version.into(),
            effective_from: stored.effective_from.into(),
            source: stored.source,
            rows: stored.rows,
            later: stored.later,
        })
    }
}

#[cfg(test)]
mod tests;
