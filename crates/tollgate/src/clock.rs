//! Wall time as the gateway keeps it: milliseconds since 1970 inside, RFC 3339 in UTC outside.
//!
//! Owns the conversions between the two. Never used to measure how long something took; that is `Instant`'s work.

use bytes::BytesMut;
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time, such as \"2027-01-31T00:00:00Z\"")]
pub struct TimeError;

/// Now, in milliseconds since 1970 (UTC); 0 for a clock before that.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|age| i64::try_from(age.as_millis()).ok()).unwrap_or(0)
}

/// Writes milliseconds as RFC 3339 in UTC; a time beyond the year 9999 is written as the last one before.
pub fn print(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// Reads RFC 3339 with any offset, from 1970 on; finer parts than milliseconds are cut off.
pub fn parse(text: &str) -> Result<i64, TimeError> {
    // The longest form: 35 bytes with nanoseconds and an offset. `[` would start a zone name, which is no RFC 3339.
    if text.len() > 40 || text.contains('[') {
        return Err(TimeError);
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| TimeError)?;
    let ms = time.as_millisecond();
    if ms < 0 {
        return Err(TimeError);
    }
    Ok(ms)
}

/// Appends a `date` header line; its text is made once a second for each thread.
pub fn write_date(out: &mut BytesMut) {
    thread_local! {
        static DATE: RefCell<(i64, String)> = const { RefCell::new((0, String::new())) };
    }
    DATE.with_borrow_mut(|(second, line)| {
        let now = now_ms() / 1000;
        if *second != now {
            *second = now;
            let time = jiff::Timestamp::from_second(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
            *line = format!("date: {}\r\n", printer.timestamp_to_rfc9110_string(&time).unwrap_or_default());
        }
        out.extend_from_slice(line.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        assert_eq!(print(0), "1970-01-01T00:00:00Z");
        assert_eq!(print(1_500), "1970-01-01T00:00:01.5Z");
        assert_eq!(parse("1970-01-01T01:00:01.5+01:00"), Ok(1_500));
        assert_eq!(parse(&print(1_795_000_000_123)), Ok(1_795_000_000_123));
        assert_eq!(print(i64::MAX), print(jiff::Timestamp::MAX.as_millisecond()));
    }

    #[test]
    fn refuses_other_forms() {
        for text in [
            "",
            "tomorrow",
            "2027-01-31",
            "2027-01-31T00:00:00",
            "2027-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2027-01-31T00:00:00Z[UTC]",
        ] {
            assert_eq!(parse(text), Err(TimeError), "{text:?}");
        }
    }
}
