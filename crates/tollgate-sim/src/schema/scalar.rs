//! Strings and numbers within a schema's bounds.

use serde_json::{Map, Value};

use super::pattern;
use crate::content::{HEX, Rng};

/// No string is longer, whatever `minLength` says.
const LONGEST: u64 = 4_096;

pub(super) fn integer(fields: &Map<String, Value>, rng: &mut Rng) -> Value {
    let step = fields.get("multipleOf").and_then(Value::as_f64).filter(|step| *step >= 1.0).map_or(1, ceil);
    let bound = |key: &str| fields.get(key).and_then(Value::as_f64);
    let least = largest(bound("minimum").map(ceil), bound("exclusiveMinimum").map(|min| floor(min).saturating_add(1)));
    let most = smallest(bound("maximum").map(floor), bound("exclusiveMaximum").map(|max| ceil(max).saturating_sub(1)));
    let least = least.unwrap_or_else(|| most.map_or(1, |most| most.min(1)));
    let first = least.div_euclid(step).saturating_add(i64::from(least.rem_euclid(step) != 0)).saturating_mul(step);
    let room = most.map_or(9, |most| most.saturating_sub(first).max(0).checked_div(step).unwrap_or(0)).min(9);
    let steps = i64::try_from(rng.below(room.unsigned_abs() + 1)).unwrap_or(0);
    Value::from(first.saturating_add(steps.saturating_mul(step)))
}

pub(super) fn number(fields: &Map<String, Value>, rng: &mut Rng) -> Value {
    if fields.contains_key("multipleOf") {
        let step = fields.get("multipleOf").and_then(Value::as_f64).filter(|step| *step > 0.0).unwrap_or(1.0);
        let least = fields.get("minimum").or_else(|| fields.get("exclusiveMinimum")).and_then(Value::as_f64);
        let number = ((least.unwrap_or(0.0) / step).floor() + 1.0) * step;
        return if number.fract() == 0.0 { Value::from(floor(number)) } else { Value::from(number) };
    }
    let bound = |key: &str, strict: &str| fields.get(key).or_else(|| fields.get(strict)).and_then(Value::as_f64);
    let (least, most) = (bound("minimum", "exclusiveMinimum"), bound("maximum", "exclusiveMaximum"));
    // Strictly between the bounds, so that exclusive ones hold too.
    let part = [0.25, 0.5, 0.75].get(usize::try_from(rng.below(3)).unwrap_or(0)).copied().unwrap_or(0.5);
    let number = match (least, most) {
        (Some(least), Some(most)) => least + (most - least) * part,
        (Some(least), None) => least + part,
        (None, Some(most)) => most - part,
        (None, None) => 1.0 + part,
    };
    Value::from(number)
}

pub(super) fn string(fields: &Map<String, Value>, name: &str, rng: &mut Rng) -> String {
    if let Some(text) = fields.get("pattern").and_then(Value::as_str).and_then(|pattern| pattern::text(pattern, rng)) {
        return text;
    }
    let day = 1 + rng.below(28);
    let hour = rng.below(24);
    match fields.get("format").and_then(Value::as_str) {
        Some("date") => return format!("2026-03-{day:02}"),
        Some("date-time") => return format!("2026-03-{day:02}T{hour:02}:30:00Z"),
        Some("time") => return format!("{hour:02}:30:00Z"),
        Some("duration") => return format!("PT{hour}H"),
        Some("email" | "idn-email") => return format!("user{day}@example.com"),
        Some("uri" | "url" | "iri" | "uri-reference") => {
            return format!("https://example.com/{day}");
        }
        Some("hostname") => return format!("host{day}.example.com"),
        Some("ipv4") => return format!("192.0.2.{day}"),
        Some("ipv6") => return format!("2001:db8::{day}"),
        Some("uuid") => {
            let mut hex = |length| rng.letters(HEX, length);
            return format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12));
        }
        _ => {}
    }
    let bound = |key: &str| fields.get(key).and_then(Value::as_u64);
    let least = bound("minLength").unwrap_or(0).min(LONGEST);
    let most = bound("maxLength").unwrap_or(LONGEST).max(least);
    let mut text = example(name).map_or_else(|| format!("example {}", name.replace('_', " ")), str::to_owned);
    while (text.chars().count() as u64) < least {
        text.push_str(" and more");
    }
    text.chars().take(usize::try_from(most).unwrap_or(usize::MAX)).collect()
}

/// What people usually put into a field of this name.
fn example(name: &str) -> Option<&'static str> {
    let text = match name {
        "city" => "Oslo",
        "location" | "place" => "Oslo, Norway",
        "country" => "Norway",
        "query" | "q" | "search" => "weather in Oslo",
        "name" => "Ada",
        "email" => "ada@example.com",
        "url" => "https://example.com/",
        "date" => "2026-03-14",
        "timezone" => "Europe/Oslo",
        "currency" => "EUR",
        "language" => "en",
        "unit" | "units" => "celsius",
        "expression" => "2 + 2",
        "path" | "file" => "notes.txt",
        _ => return None,
    };
    Some(text)
}

fn largest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).max()
}

fn smallest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).min()
}

#[expect(clippy::cast_possible_truncation, reason = "a float beyond i64 saturates, which is what is wanted of a bound")]
fn floor(number: f64) -> i64 {
    number.floor() as i64
}

#[expect(clippy::cast_possible_truncation, reason = "as above")]
fn ceil(number: f64) -> i64 {
    number.ceil() as i64
}
