//! What usage costs. Data, never code: `prices.tsv`, and the operator's overrides.
//!
//! Integers only. A rate is nano-dollars for a million tokens (a minute, an image, a thousand calls, a second), which
//! holds every published price exactly. An amount is the sum of counters × rates, rounded half up once, to the
//! nano-dollar. A price never changes: another rate is another [`Price`] with another version, and whoever admitted a
//! request keeps the one it was admitted by.

mod amount;
mod rates;
mod table;

use crate::config::Kind;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

pub use amount::{Amount, Line};
pub use rates::{Hours, RATE_NAMES, Rates, Row};

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

    /// Puts a price of the operator in the place of the catalogue's; a confirmed one may jump.
    pub fn set(&mut self, kind: Kind, model: &str, rates: Rates, confirmed: bool) {
        if confirmed {
            self.confirmed.insert((kind, model.into()));
        }
        let row = Row { rates, ..Row::default() };
        let price = Price::new(&self.date, Source::Config, vec![row]);
        self.kinds.entry(kind).or_default().insert(model.into(), Arc::new(price));
    }

    /// What is wrong with a price, if one of its standard rates is ten times that of `before` or a tenth of it.
    pub fn jump(&self, before: &Self, kind: Kind, model: &str) -> Option<String> {
        let (new, old) = (self.find(kind, model)?, before.find(kind, model)?);
        if new.version == old.version || self.confirmed.contains(&(kind, model.into())) {
            return None;
        }
        let (new, old) = (&new.rows.first()?.rates, &old.rows.first()?.rates);
        RATE_NAMES.iter().find_map(|(short, name)| {
            let (new, old) = (new.get(short)?, old.get(short)?);
            let far = new.saturating_mul(10) <= old || old.saturating_mul(10) <= new;
            let shown = |rate: u64| crate::money::print(i64::try_from(rate).unwrap_or(i64::MAX));
            (far && new != old)
                .then(|| format!("{kind}/{model}: {name} goes from {} to {}, tenfold or more", shown(old), shown(new)))
        })
    }

    /// [`PriceBook::jump`] for every model.
    pub fn jumps(&self, before: &Self) -> impl Iterator<Item = String> {
        self.all().filter_map(move |(kind, model, _)| self.jump(before, kind, model))
    }
}

impl Price {
    fn new(date: &Arc<str>, source: Source, rows: Vec<Row>) -> Self {
        // The rows' own form is stable: equal rates have equal versions.
        let form = serde_json::to_string(&rows).unwrap_or_default();
        let version = format!("{date}.{:08x}", crc32c::crc32c(form.as_bytes()));
        Self { version: version.into(), effective_from: Arc::clone(date), source, rows }
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
