//! Budget windows: on which day (UTC, counted from 1970) each of them began.

use crate::keys::Window;

pub(super) const DAY_MS: i64 = 86_400_000;

/// First days of the windows that a moment lies in: total, day, week (Monday), month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Starts(pub [i64; 4]);

/// The day of a moment in unix milliseconds.
pub fn day_of(ms: i64) -> i64 {
    ms.div_euclid(DAY_MS)
}

impl Starts {
    /// The windows at a moment in unix milliseconds.
    pub fn at(ms: i64) -> Self {
        Self::of_day(day_of(ms))
    }

    /// The windows of a day.
    pub fn of_day(day: i64) -> Self {
        // Day 0 was a Thursday.
        Self([0, day, day - (day + 3).rem_euclid(7), day - day_of_month(day)])
    }

    /// The day itself.
    pub(super) fn day(self) -> i64 {
        self.0[1]
    }

    /// When a window ends, in unix milliseconds; `None` for the one that never does.
    pub fn end_ms(self, window: Window) -> Option<i64> {
        let [_, day, week, month] = self.0;
        let end = match window {
            Window::Total => return None,
            Window::Day => day + 1,
            Window::Week => week + 7,
            // Any day 31 days on is in the next month, whose first it leads to.
            Window::Month => Self::of_day(month + 31).0[3],
        };
        Some(end * DAY_MS)
    }
}

/// Days since the first of the month, by the proleptic Gregorian calendar: eras of 400 years that begin in March, so
/// that leap days come last.
fn day_of_month(day: i64) -> i64 {
    let of_era = (day + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    of_year - (153 * month + 2) / 5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn as_the_calendar_says() {
        let day = |text: &str| day_of(clock::parse(text).unwrap_or_default());
        let starts = Starts::at(clock::parse("2026-11-23T10:00:00Z").unwrap_or_default());
        assert_eq!(
            starts.0[1..],
            [day("2026-11-23T00:00:00Z"), day("2026-11-23T00:00:00Z"), day("2026-11-01T00:00:00Z")]
        );
        let end = |window| starts.end_ms(window).map(clock::print);
        assert_eq!(end(Window::Week).as_deref(), Some("2026-11-30T00:00:00Z"));
        assert_eq!(end(Window::Month).as_deref(), Some("2026-12-01T00:00:00Z"));
        assert_eq!(end(Window::Total), None);
        for (of, first) in [("2028-02-29", "2028-02-01"), ("2027-03-01", "2027-03-01"), ("2026-12-31", "2026-12-01")] {
            let at = |text: &str| day(&format!("{text}T00:00:00Z"));
            assert_eq!(Starts::of_day(at(of)).0[3], at(first), "{of}");
        }
        for n in 0..60_000 {
            let [_, today, week, month] = Starts::of_day(n).0;
            assert!(today == n && (0..7).contains(&(n - week)) && (0..31).contains(&(n - month)));
            assert!((week + 3) % 7 == 0);
        }
    }
}
