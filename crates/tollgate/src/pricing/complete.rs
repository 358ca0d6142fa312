//! Rates that a row does not name, taken from where the vendor's price page would be read on.
//!
//! Price files name for a service tier, a window or a step only what differs. Completed once, when a price is made,
//! so that an amount needs one row and nothing else.

use super::{RATE_NAMES, Rates, Row};
use tollgate_protocol::usage::ServiceTier;

/// Completes rows and sorts them: the standard row without a window or a step comes first, and must be there.
///
/// - A service tier and a window inherit from the standard row what they do not name; a step from the row that it
///   belongs to.
/// - A step that only the standard tier has is one of the others too, at the dearer of the step's rates and the tier's
///   own: some vendors serve long requests at standard rates, and a guess must not be below the vendor's bill.
pub(super) fn complete(rows: &mut Vec<Row>) {
    sort(rows);
    let Some(standard) = rows.first().cloned() else { return };
    for at in 1..rows.len() {
        let (before, rest) = rows.split_at_mut(at);
        let Some(row) = rest.first_mut() else { break };
        let belongs = |parent: &&Row| row.above > 0 && parent.tier == row.tier && parent.hours == row.hours;
        let parent = before.iter().rev().find(|parent| parent.above == 0 && belongs(parent));
        inherit(&mut row.rates, &parent.unwrap_or(&standard).rates);
    }
    let mut steps = Vec::new();
    for row in rows.iter().filter(|row| row.above == 0 && row.tier != ServiceTier::Standard && row.hours.is_empty()) {
        let has = |above: u64| rows.iter().any(|other| other.tier == row.tier && other.above == above);
        let of_standard = rows.iter().filter(|step| step.tier == ServiceTier::Standard && step.hours.is_empty());
        for step in of_standard.filter(|step| !has(step.above)) {
            steps.push(Row { above: step.above, rates: dearer(&row.rates, &step.rates), ..row.clone() });
        }
    }
    rows.append(&mut steps);
    sort(rows);
}

fn sort(rows: &mut [Row]) {
    rows.sort_by_key(|row| (row.tier, !row.hours.is_empty(), row.above));
}

/// A rate that only follows another one in `from` follows it here as well: reasoning at the price of output there is
/// reasoning at the price of output here.
fn inherit(rates: &mut Rates, from: &Rates) {
    for (name, _) in RATE_NAMES {
        let Some(rate) = from.get(name).filter(|_| rates.get(name).is_none()) else { continue };
        let without = {
            let mut from = from.clone();
            set(&mut from, name, None);
            from.meant(name)
        };
        if without != Some(rate) || rates.meant(name).is_none() {
            set(rates, name, Some(rate));
        }
    }
    for (resolution, rate) in &from.video_second {
        rates.video_second.entry(resolution.clone()).or_insert(*rate);
    }
}

fn dearer(tier: &Rates, step: &Rates) -> Rates {
    let mut rates = tier.clone();
    for (name, _) in RATE_NAMES {
        if tier.get(name).is_some() || step.get(name).is_some() {
            set(&mut rates, name, tier.meant(name).max(step.meant(name)));
        }
    }
    rates
}

fn set(rates: &mut Rates, name: &str, rate: Option<u64>) {
    if let Some(slot) = rates.slot(name) {
        *slot = rate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tier: ServiceTier, above: u64, input: u64, output: u64) -> Row {
        let rates = Rates { input: Some(input), output: Some(output), ..Rates::default() };
        Row { tier, above, rates, ..Row::default() }
    }

    #[test]
    fn a_tier_inherits_what_it_does_not_name() {
        let mut standard = row(ServiceTier::Standard, 0, 10, 100);
        standard.rates.reasoning = Some(100);
        standard.rates.audio_input = Some(30);
        standard.rates.tool_call_thousand = Some(7);
        let mut flex = row(ServiceTier::Flex, 0, 5, 50);
        flex.rates.output = None;
        let mut rows = vec![flex, row(ServiceTier::Priority, 0, 20, 200), standard];
        complete(&mut rows);
        assert_eq!(rows.len(), 3);
        let flex = &rows[1].rates;
        assert_eq!((flex.input, flex.output, flex.audio_input), (Some(5), Some(100), Some(30)));
        let priority = &rows[2].rates;
        // Reasoning costs what output costs; a tier that names only output means both.
        assert_eq!((priority.reasoning, priority.meant("reasoning")), (None, Some(200)));
        assert_eq!((priority.audio_input, priority.tool_call_thousand), (Some(30), Some(7)));
    }

    #[test]
    fn a_step_of_the_standard_tier_is_one_of_all() {
        let mut rows = vec![
            row(ServiceTier::Standard, 0, 10, 100),
            row(ServiceTier::Standard, 50, 20, 150),
            row(ServiceTier::Flex, 0, 5, 50),
            row(ServiceTier::Priority, 0, 18, 180),
            row(ServiceTier::Priority, 50, 36, 270),
        ];
        complete(&mut rows);
        assert_eq!(rows.len(), 6);
        assert_eq!(rows[3], row(ServiceTier::Flex, 50, 20, 150));
        assert_eq!(rows[5], row(ServiceTier::Priority, 50, 36, 270));
    }
}
