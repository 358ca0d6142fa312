//! How long requests took, over slices of a time: percentiles of what the request log still keeps.

use super::entry::{Book, Entry};
use super::find::{self, Wanted};
use crate::clock;
use crate::store::{Store, StoreError};
use serde_json::{Map, Value, json};

/// Requests that one answer looks at, newest first.
const MAX_REQUESTS: usize = 5_000;

#[derive(Default, Clone)]
struct Times {
    first: Vec<u64>,
    total: Vec<u64>,
}

impl Times {
    fn note(&mut self, entry: &Entry) {
        self.first.extend(entry.detail.first_byte_us);
        self.total.push(entry.detail.total_us);
    }

    fn shown(mut self) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("requests".into(), self.total.len().into());
        for (name, times) in [("first_byte", &mut self.first), ("total", &mut self.total)] {
            times.sort_unstable();
            for percent in [50, 95] {
                shown.insert(format!("{name}_p{percent}_ms"), at(times, percent));
            }
        }
        shown
    }
}

/// The value below which so many of a hundred lie, in milliseconds; null of nothing.
fn at(sorted: &[u64], percent: usize) -> Value {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(Value::Null, |us| (f64::from(u32::try_from(*us).unwrap_or(u32::MAX)) / 1000.0).into())
}

/// Percentiles from `from` to `to` (unix milliseconds) in so many slices of equal length, of requests that a provider
/// answered.
pub async fn timings(store: &Store, book: Book, from: i64, to: i64, slices: usize) -> Result<Value, StoreError> {
    let wanted = Wanted { book: Some(book), from: Some(from), to: Some(to), ..Wanted::default() };
    let page = find::page(store, &wanted, MAX_REQUESTS).await?;
    let slices = slices.max(1);
    let size = to.saturating_sub(from).max(1).div_euclid(i64::try_from(slices).unwrap_or(1)).max(1);
    let mut all = Times::default();
    let mut parts = vec![Times::default(); slices];
    for (entry, _) in page.found.iter().filter(|(entry, kept)| *kept && entry.detail.attempts > 0) {
        all.note(entry);
        let slice = usize::try_from((entry.admitted_at - from).div_euclid(size)).ok();
        if let Some(times) = slice.and_then(|slice| parts.get_mut(slice)) {
            times.note(entry);
        }
    }
    let data: Vec<Value> = parts
        .into_iter()
        .zip(0_i64..)
        .map(|(times, slice)| {
            let mut shown = times.shown();
            shown.insert("from".into(), clock::print(from + slice * size).into());
            shown.into()
        })
        .collect();
    Ok(json!({ "data": data, "all": all.shown(), "sampled": page.next.is_some() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        assert_eq!(at(&[], 50), Value::Null);
        assert_eq!(at(&[1500], 50), json!(1.5));
        assert_eq!(at(&[1500], 95), json!(1.5));
        let hundred: Vec<u64> = (1..=100).map(|ms| ms * 1000).collect();
        assert_eq!((at(&hundred, 50), at(&hundred, 95)), (json!(50.0), json!(95.0)));
    }
}
