//! Money as the outside writes it: decimal US dollars, exact to the nano-dollar.
//!
//! Owns the two conversions between text and `i64` nano-dollars. Never a float, never a rounding: a text that
//! is finer than a nano-dollar is refused. Amounts reach from 0 to 9,223,372,036.854775807 dollars.

/// Nano-dollars in a dollar.
pub const NANO: i64 = 1_000_000_000;

/// Longest text that is looked at, in bytes.
const MAX_TEXT: usize = 32;

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not `digits` or `digits.digits`; signs, blanks and exponents are refused too.
    #[error("must be a decimal string in USD, such as \"12.50\"")]
    Form,
    /// Starts with a minus.
    #[error("must not be negative")]
    Negative,
    /// More than nine decimals.
    #[error("has more than 9 decimals")]
    TooFine,
    /// Above the greatest `i64` of nano-dollars.
    #[error("is above 9223372036.854775807")]
    TooLarge,
}

/// Reads dollars into nano-dollars.
pub fn parse(text: &str) -> Result<i64, MoneyError> {
    if text.starts_with('-') {
        return Err(MoneyError::Negative);
    }
    if text.len() > MAX_TEXT {
        return Err(MoneyError::Form);
    }
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(MoneyError::Form),
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(MoneyError::Form);
    }
    if fraction.len() > 9 {
        return Err(MoneyError::TooFine);
    }
    let mut nano: i64 = 0;
    let padding = std::iter::repeat_n(b'0', 9 - fraction.len());
    for digit in whole.bytes().chain(fraction.bytes()).chain(padding) {
        nano = nano.checked_mul(10).and_then(|n| n.checked_add(i64::from(digit - b'0'))).ok_or(MoneyError::TooLarge)?;
    }
    Ok(nano)
}

/// Writes nano-dollars as dollars, always with nine decimals; refunds carry a minus.
pub fn print(nano: i64) -> String {
    // Once an answer: the formatting machinery takes four times as long.
    let mut text = [b'0'; 21];
    let (head, fraction) = text.split_at_mut(12);
    let size = nano.unsigned_abs();
    digits(size % NANO.unsigned_abs(), fraction);
    let whole = size / NANO.unsigned_abs();
    let (dollars, point) = head.split_at_mut(11);
    point[0] = b'.';
    digits(whole, dollars);
    let width = whole.checked_ilog10().map_or(1, |log| log as usize + 1);
    let text = std::str::from_utf8(&text[11 - width..]).unwrap_or_default();
    if nano < 0 { format!("-{text}") } else { text.to_owned() }
}

/// A number that has at most so many digits.
fn digits(mut n: u64, into: &mut [u8]) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + (n % 10) as u8;
        n /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("12"), Ok(12 * NANO));
        assert_eq!(parse("0.000012500"), Ok(12_500));
        assert_eq!(parse("0.0000125"), Ok(12_500));
        assert_eq!(parse("9223372036.854775807"), Ok(i64::MAX));
    }

    #[test]
    fn refuses_everything_else() {
        assert_eq!(parse("-1"), Err(MoneyError::Negative));
        assert_eq!(parse("-0"), Err(MoneyError::Negative));
        assert_eq!(parse("0.0000000001"), Err(MoneyError::TooFine));
        assert_eq!(parse("9223372036.854775808"), Err(MoneyError::TooLarge));
        assert_eq!(parse("99999999999999999999"), Err(MoneyError::TooLarge));
        for text in ["", ".", "1.", ".5", "+1", " 1", "1 ", "1e3", "1,5", "1.2.3", "NaN", "$1", "١"] {
            assert_eq!(parse(text), Err(MoneyError::Form), "{text:?}");
        }
        assert_eq!(parse(&"0".repeat(1000)), Err(MoneyError::Form));
    }

    #[test]
    fn prints_nine_decimals() {
        assert_eq!(print(12_500), "0.000012500");
        assert_eq!(print(-12_500), "-0.000012500");
        assert_eq!(print(i64::MIN), "-9223372036.854775808");
    }

    proptest! {
        #[test]
        fn parse_undoes_print(nano in 0..=i64::MAX) {
            prop_assert_eq!(parse(&print(nano)), Ok(nano));
        }

        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = parse(&text);
        }
    }
}
