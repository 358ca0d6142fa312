//! Public ids: a prefix that says what it names, then 26 characters that sort by the time they were made.
//!
//! Owns their form: 48 bits of milliseconds and 80 random bits in lower-case base32 without `i l o u`. Ids are
//! names, not secrets: knowing one gives nothing.

use aws_lc_rs::rand;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What each byte stands for; 255 for those that are no digit.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut index: u8 = 0;
    while index < 32 {
        values[ALPHABET[index as usize] as usize] = index;
        index += 1;
    }
    values
};

/// Digits of the time, and of each half of the random part.
const TIME: usize = 10;
const HALF: usize = 8;

/// Prefix of request ids.
pub const REQUEST: &str = "req_";

/// Longest id that is looked up, in bytes; all of ours are shorter.
pub const MAX: usize = 64;

/// The system's random source gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system has no randomness to give")]
pub struct NoRandomness;

/// A new id, such as `key_01kb…`, made at `now_ms`.
pub fn new(prefix: &str, now_ms: i64) -> Result<String, NoRandomness> {
    let mut random = [0_u8; 16];
    rand::fill(&mut random).map_err(|_| NoRandomness)?;
    Ok(from_bits(prefix, stamped(now_ms, u128::from_be_bytes(random))))
}

fn stamped(now_ms: i64, random: u128) -> u128 {
    let time = u128::from(now_ms.max(0).unsigned_abs() & 0xffff_ffff_ffff);
    time << 80 | random >> 48
}

/// The 26 digits of an id: three parts that are numbers of the machine's own size.
fn digits(bits: u128) -> [u8; 26] {
    let mut digits = [b'0'; 26];
    let (time, random) = digits.split_at_mut(TIME);
    let (high, low) = random.split_at_mut(HALF);
    for (part, shift) in [(time, 80), (high, 40), (low, 0)] {
        let mut rest = (bits >> shift & u128::from(u64::MAX)).try_into().unwrap_or(0_u64);
        for digit in part.iter_mut().rev() {
            *digit = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
    }
    digits
}

/// A new request id. Made on every request, so its randomness is drawn in larger lots.
pub fn request(now_ms: i64) -> String {
    from_bits(REQUEST, request_bits(now_ms))
}

/// The bits of a new request id.
pub fn request_bits(now_ms: i64) -> u128 {
    stamped(now_ms, u128::from(draw()) << 64 | u128::from(draw()))
}

/// The 128 bits of an id with this prefix: its time in milliseconds above, its random part below. They sort as the
/// texts do.
pub fn bits(prefix: &str, id: &str) -> Option<u128> {
    let digits: &[u8; 26] = id.strip_prefix(prefix)?.as_bytes().try_into().ok()?;
    let (time, random) = digits.split_at(TIME);
    let (high, low) = random.split_at(HALF);
    let mut wrong = 0;
    let mut part = |digits: &[u8]| {
        digits.iter().fold(0_u64, |bits, digit| {
            let value = VALUES[usize::from(*digit)];
            wrong |= value & !31;
            bits << 5 | u64::from(value & 31)
        })
    };
    let (time, high, low) = (part(time), part(high), part(low));
    // 26 digits hold two bits more than there are.
    (wrong == 0 && time >> 48 == 0).then_some(u128::from(time) << 80 | u128::from(high) << 40 | u128::from(low))
}

/// The id with this prefix and these bits.
pub fn from_bits(prefix: &str, bits: u128) -> String {
    let mut id = String::with_capacity(prefix.len() + 26);
    id.push_str(prefix);
    id.push_str(std::str::from_utf8(&digits(bits)).unwrap_or_default());
    id
}

/// The milliseconds since 1970 in an id's bits.
pub fn time(bits: u128) -> i64 {
    i64::try_from(bits >> 80).unwrap_or(0)
}

/// A random number below `bound`, for spreading load; 0 if `bound` is 0.
pub fn below(bound: u64) -> u64 {
    // Good to one part in 2^32 for the small bounds that weights are.
    u64::try_from((u128::from(draw()) * u128::from(bound)) >> 64).unwrap_or(0)
}

/// Eight random bytes of this thread's lot.
fn draw() -> u64 {
    thread_local! {
        static LOT: std::cell::RefCell<Vec<u64>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    LOT.with_borrow_mut(|lot| {
        lot.pop().unwrap_or_else(|| {
            let mut bytes = [0_u8; 512];
            // Without randomness ids still differ by their time, and load spreads less well.
            let _ = rand::fill(&mut bytes);
            lot.extend(bytes.chunks_exact(8).filter_map(|eight| Some(u64::from_ne_bytes(eight.try_into().ok()?))));
            lot.pop().unwrap_or_default()
        })
    })
}

/// Whether a text could be an id at all: letters, digits and `_`, at most [`MAX`] bytes.
pub fn plausible(text: &str) -> bool {
    (1..=MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn sort_by_time_and_differ() {
        let a = new("key_", 1_795_000_000_000).unwrap();
        let b = new("key_", 1_795_000_000_001).unwrap();
        let c = new("key_", 1_795_000_000_001).unwrap();
        assert!(a < b && a < c && b != c);
        assert_eq!(a.len(), 30);
        let number = bits("key_", &a).unwrap();
        assert_eq!((from_bits("key_", number), time(number)), (a.clone(), 1_795_000_000_000));
        assert!(number < bits("key_", &b).unwrap());
        assert_eq!(from_bits("r", u128::MAX), "r7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert_eq!(bits("r", "r7zzzzzzzzzzzzzzzzzzzzzzzzz"), Some(u128::MAX));
        assert_eq!(from_bits("", 1 << 80 | 2 << 40 | 3), "00000000010000000200000003");
        for bad in [
            "key_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "key_",
            "req_00000000000000000000000000",
            "key_z0000000000000000000000000",
            "key_0000000000000000000000000i",
        ] {
            assert_eq!(bits("key_", bad), None, "{bad}");
        }
        assert!(plausible(&a) && !plausible("key-1") && !plausible(""));
    }
}
