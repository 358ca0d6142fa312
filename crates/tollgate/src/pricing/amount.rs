//! From usage to money.

use super::{Price, Rates, Row};
use tollgate_protocol::usage::{ServiceTier, Usage};

/// Parts of a nano-dollar in which sums are kept: a multiple of a million (tokens) and of 60,000 (milliseconds of a
/// minute), so that every product is a whole number of them.
const PARTS: u64 = 3_000_000;

/// What usage costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// Nano-dollars, never negative.
    pub nano: i64,
    /// Something was used for which there is no rate at all.
    pub unpriced: bool,
    /// Another service tier's rates than the standard ones.
    pub other_tier: bool,
}

/// One counter of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The counter's name.
    pub counter: &'static str,
    /// How much was used, in the counter's unit.
    pub quantity: u64,
    /// Nano-dollars for `per` of them; `None` if there is no rate.
    pub rate: Option<u64>,
    /// For how many the rate is.
    pub per: u64,
}

impl Price {
    /// What usage costs that was admitted at `at_ms` (unix milliseconds).
    pub fn amount(&self, usage: &Usage, at_ms: i64) -> Amount {
        let row = self.row(usage.tier, usage.total_input(), at_ms);
        let mut sum: u128 = 0;
        let mut unpriced = false;
        each(usage, &row.rates, |line| match line.rate {
            Some(rate) => {
                // Two numbers of 64 bits each fit; only their multiple may not.
                let product = u128::from(line.quantity) * u128::from(rate);
                sum = sum.saturating_add(product.saturating_mul(u128::from(PARTS / line.per)));
            }
            None => unpriced = true,
        });
        let half = sum.saturating_add(u128::from(PARTS / 2));
        // Up to some thousand dollars in the machine's own numbers.
        let nano = match u64::try_from(half) {
            Ok(half) => i64::try_from(half / PARTS),
            Err(_) => i64::try_from(half / u128::from(PARTS)),
        };
        let nano = nano.unwrap_or(i64::MAX);
        Amount { nano, unpriced, other_tier: row.tier != ServiceTier::Standard }
    }

    /// The counters that make up [`Price::amount`], with their rates.
    pub fn lines(&self, usage: &Usage, at_ms: i64) -> Vec<Line> {
        let mut lines = Vec::new();
        each(usage, &self.row(usage.tier, usage.total_input(), at_ms).rates, |line| lines.push(line));
        lines
    }

    /// The most that so many tokens can cost, in nano-dollars, rounded up: text read, at the dearest what may be
    /// written to a cache, and whatever is made. At the standard tier, or with `any_tier` at whichever is dearest.
    pub fn ceiling(&self, input: u64, output: u64, at_ms: i64, any_tier: bool) -> i64 {
        self.dearest(input, at_ms, any_tier, |rates| {
            product(input, rates.dearest_input(), output, rates.dearest_output())
        })
    }

    /// The most that so many more tokens made can cost after so much input: what a hold grows by.
    pub fn output_ceiling(&self, input: u64, output: u64, at_ms: i64, any_tier: bool) -> i64 {
        self.dearest(input, at_ms, any_tier, |rates| product(0, 0, output, rates.dearest_output()))
    }

    /// The most by any row that so much input may reach.
    fn dearest(&self, input: u64, at_ms: i64, any_tier: bool, cost: impl Fn(&Rates) -> i64) -> i64 {
        let reached = |row: &&Row| row.above == 0 || row.above < input;
        let tier = |row: &&Row| any_tier || row.tier == ServiceTier::Standard;
        let now = |row: &&Row| row.hours.is_empty() || row.hours.iter().any(|hours| hours.contains(at_ms));
        let rows = self.rows(at_ms).iter().filter(reached).filter(tier).filter(now);
        rows.map(|row| cost(&row.rates)).max().unwrap_or(0)
    }

    /// The most that so many seconds of audio can cost, in nano-dollars.
    pub fn audio_ceiling(&self, seconds: u64, at_ms: i64) -> i64 {
        let rate = self.rows(at_ms).first().and_then(|row| row.rates.audio_minute).unwrap_or(0);
        let sum = i128::from(seconds).saturating_mul(i128::from(rate)).saturating_add(59);
        i64::try_from(sum / 60).unwrap_or(i64::MAX)
    }

    /// The row that counts: of the tier (the standard one if it has none), within its hours before those without,
    /// the highest step that the input passes.
    fn row(&self, tier: ServiceTier, input: u64, at_ms: i64) -> &Row {
        let rows = self.rows(at_ms);
        if let [only] = rows {
            return only;
        }
        let tier = if rows.iter().any(|row| row.tier == tier) { tier } else { ServiceTier::Standard };
        let mut best = &rows[0];
        let mut rank = None;
        for row in rows {
            let timed = row.hours.iter().any(|hours| hours.contains(at_ms));
            let counts = row.tier == tier && (row.hours.is_empty() || timed) && (row.above == 0 || input > row.above);
            if counts && rank.is_none_or(|rank| (timed, row.above) > rank) {
                (best, rank) = (row, Some((timed, row.above)));
            }
        }
        best
    }
}

/// Tokens × rates in nano-dollars, rounded up.
fn product(input: u64, input_rate: u64, output: u64, output_rate: u64) -> i64 {
    let one = |tokens: u64, rate: u64| i128::from(tokens).saturating_mul(i128::from(rate));
    let sum = one(input, input_rate).saturating_add(one(output, output_rate));
    i64::try_from(sum.saturating_add(999_999) / 1_000_000).unwrap_or(i64::MAX)
}

/// Each counter that is not 0, with its rate or the one that stands in for it.
fn each(usage: &Usage, rates: &Rates, mut line: impl FnMut(Line)) {
    const MILLION: u64 = 1_000_000;
    let input = rates.input;
    let write = rates.cache_write_5m.or(input);
    let output = rates.output;
    // Speech is told by its tokens or by its length. Told both ways it is the same thing, paid once: by its tokens, if
    // those have a price.
    let told = usage.audio_milliseconds > 0 && rates.audio_minute.is_some();
    let by_tokens = input.or(rates.audio_input).is_some() && usage.total_input() > 0;
    let mut one = |counter, quantity, rate, per| {
        if quantity > 0 {
            line(Line { counter, quantity, rate, per });
        }
    };
    {
        let mut tokens = |counter, quantity, rate: Option<u64>| {
            one(counter, quantity, if told { rate.or(Some(0)) } else { rate }, MILLION);
        };
        tokens("input_tokens", usage.input_tokens, input);
        tokens("cache_read_tokens", usage.cache_read_tokens, rates.cache_read.or(input));
        tokens("cache_write_5m_tokens", usage.cache_write_5m_tokens, write);
        tokens("cache_write_1h_tokens", usage.cache_write_1h_tokens, rates.cache_write_1h.or(write));
        tokens("output_tokens", usage.output_tokens, output);
        tokens("reasoning_tokens", usage.reasoning_tokens, rates.reasoning.or(output));
        tokens("audio_input_tokens", usage.audio_input_tokens, rates.audio_input.or(input));
        tokens("audio_output_tokens", usage.audio_output_tokens, rates.audio_output.or(output));
        tokens("image_input_tokens", usage.image_input_tokens, rates.image_input.or(input));
        tokens("image_output_tokens", usage.image_output_tokens, rates.image_output.or(output));
    }
    one("audio_milliseconds", usage.audio_milliseconds, if by_tokens { Some(0) } else { rates.audio_minute }, 60_000);
    let video = if usage.video_milliseconds > 0 { rates.video(usage.video) } else { None };
    one("video_milliseconds", usage.video_milliseconds, video, 1_000);
    one("images", usage.images, rates.image, 1);
    one("tool_calls", usage.tool_calls, rates.tool_call_thousand, 1_000);
}
