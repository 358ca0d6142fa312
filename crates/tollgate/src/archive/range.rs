//! What a `Range` header asks for (RFC 9110, 14.2).

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// All of it.
    All,
    /// From there, up to but without that.
    Part(u64, u64),
    /// Nothing that is there.
    Beyond,
}

/// Reads the header for a file of `length` bytes. Several ranges, other units and nonsense ask for all of it, as they
/// may.
pub fn read(header: Option<&str>, length: u64) -> Range {
    header.and_then(|text| one(text, length)).unwrap_or(Range::All)
}

fn one(text: &str, length: u64) -> Option<Range> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        let text = text.trim();
        text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    let (from, to) = match (first.trim(), last.trim()) {
        ("", "") => return None,
        ("", last) => (length.saturating_sub(number(last)?), length),
        (first, "") => (number(first)?, length),
        (first, last) => {
            let (from, last) = (number(first)?, number(last)?);
            if last < from {
                return None;
            }
            (from, last.saturating_add(1).min(length))
        }
    };
    Some(if from >= length || from >= to { Range::Beyond } else { Range::Part(from, to) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for() {
        for (text, wanted) in [
            ("bytes=0-99", Range::Part(0, 100)),
            ("bytes=0-", Range::Part(0, 1000)),
            ("bytes=900-5000", Range::Part(900, 1000)),
            ("bytes=-1", Range::Part(999, 1000)),
            ("bytes=-5000", Range::Part(0, 1000)),
            ("bytes=-0", Range::Beyond),
            ("bytes=1000-", Range::Beyond),
            ("bytes=5-4", Range::All),
            ("bytes=0-1,5-6", Range::All),
            ("bytes=-", Range::All),
            ("bytes=+1-2", Range::All),
            ("lines=0-1", Range::All),
            ("bytes=0-18446744073709551615", Range::Part(0, 1000)),
            ("bytes=99999999999999999999-", Range::All),
        ] {
            assert_eq!(read(Some(text), 1000), wanted, "{text}");
        }
        assert_eq!(read(None, 1000), Range::All);
        assert_eq!(read(Some("bytes=0-"), 0), Range::Beyond);
    }
}
