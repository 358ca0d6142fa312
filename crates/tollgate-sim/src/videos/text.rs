//! Small texts that several vendors share: queries, times, numbers made from numbers.

use crate::content::decoded;

/// The values of a name in a query, decoded.
pub(super) fn query<'a>(query: Option<&'a str>, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let parts = query.unwrap_or_default().split('&').map(|part| part.split_once('=').unwrap_or((part, "")));
    parts.filter(move |(key, _)| decoded(key) == name).map(|(_, value)| decoded(&value.replace('+', " ")))
}

/// Year, month, day, hour, minute, second of a time in seconds since 1970, in a zone so many hours east.
pub(super) fn civil(seconds: u64, east: u64) -> [u64; 6] {
    let local = seconds + east * 3600;
    let (days, rest) = (local / 86_400, local % 86_400);
    // Days since 0000-03-01, so that the leap day is the last of a year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    [year, month, day, rest / 3600, rest / 60 % 60, rest % 60]
}

/// `20260101101012`.
pub(super) fn compact(seconds: u64, east: u64) -> String {
    let [year, month, day, hour, minute, second] = civil(seconds, east);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_calendar() {
        assert_eq!(civil(0, 0), [1970, 1, 1, 0, 0, 0]);
        assert_eq!(compact(951_868_799, 0), "20000229235959");
        assert_eq!(compact(1_767_233_412, 8), "20260101101012");
        assert_eq!(compact(4_102_444_800, 0), "21000101000000");
    }

    #[test]
    fn queries() {
        let found: Vec<String> = query(Some("a=1&b=x%20y+z&filter.task_ids=p&a=%3D&c"), "a").collect();
        assert_eq!(found, ["1", "="]);
        assert_eq!(query(Some("b=x%20y+z"), "b").next().as_deref(), Some("x y z"));
        assert_eq!(query(None, "a").next(), None);
    }
}
