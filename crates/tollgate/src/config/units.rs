//! Sizes and durations as people write them.
//!
//! Owns the two spellings and their bounds. Never rounds in silence and never guesses a missing unit.

use std::time::Duration;

/// Longest duration a setting takes: a week.
pub const LONGEST: Duration = Duration::from_hours(168);

const DURATIONS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
const SIZES: &[(&str, u64)] = &[
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
];

/// Reads `"500ms"`, `"5s"`, `"1.5m"`, `"2h"`: at least a millisecond, at most [`LONGEST`].
pub fn duration(text: &str) -> Result<Duration, String> {
    let milliseconds =
        scaled(text, DURATIONS).ok_or("write a number and a unit of ms, s, m or h, as in \"500ms\" or \"30m\"")?;
    let longest = u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX);
    if milliseconds == 0 {
        return Err("must be longer than nothing".to_owned());
    }
    if milliseconds > longest {
        return Err("must be at most 168h".to_owned());
    }
    Ok(Duration::from_millis(milliseconds))
}

/// Reads `"32MiB"`, `"1.5GB"`, `"4096"` (bytes): at least one byte, at most `most`.
pub fn size(text: &str, most: u64) -> Result<u64, String> {
    let bytes = text
        .trim()
        .parse()
        .ok()
        .or_else(|| scaled(text, SIZES))
        .ok_or("write a number and a unit of B, KB, MB, GB, KiB, MiB or GiB, as in \"32MiB\"")?;
    bounded_size(bytes, most)
}

/// The same bounds for a plain number of bytes.
pub fn bounded_size(bytes: u64, most: u64) -> Result<u64, String> {
    if bytes == 0 {
        return Err("must be more than nothing".to_owned());
    }
    if bytes > most {
        return Err(format!("must be at most {most} bytes"));
    }
    Ok(bytes)
}

/// `12.5` and a unit, in the smallest unit. Exact: a fraction that the smallest unit cannot express is no number.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let unit = unit.trim_start().to_ascii_lowercase();
    let factor = units.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 6 || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let mut total = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    if !fraction.is_empty() {
        let places = u32::try_from(fraction.len()).ok()?;
        let part = fraction.parse::<u64>().ok()?.checked_mul(factor)?;
        let scale = 10_u64.checked_pow(places)?;
        if part % scale != 0 {
            return None;
        }
        total = total.checked_add(part / scale)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("30m"), Ok(Duration::from_mins(30)));
        assert_eq!(duration(" 2 h "), Ok(Duration::from_hours(2)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        for bad in ["", "5", "s", "0s", "-1s", "1.s", ".5s", "169h", "5d", "0.5ms", "1e3s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(duration("99999999999999999999h").is_err());
    }

    #[test]
    fn sizes() {
        let most = 1 << 40;
        assert_eq!(size("32MiB", most), Ok(32 << 20));
        assert_eq!(size("1.5GB", most), Ok(1_500_000_000));
        assert_eq!(size("1.5gib", most), Ok(3 << 29));
        assert_eq!(size("4096", most), Ok(4096));
        assert_eq!(size("1 kB", most), Ok(1000));
        for bad in ["", "MiB", "0", "0B", "32M", "1.5B", "-1", "2000000GB", "1..5GB"] {
            assert!(size(bad, most).is_err(), "{bad}");
        }
    }
}
