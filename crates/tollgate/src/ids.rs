//! Public ids: a prefix that says what it names, then 26 characters that sort by the time they were made.
//!
//! Owns their form: 48 bits of milliseconds and 80 random bits in lower-case base32 without `i l o u`. Ids are
//! names, not secrets: knowing one gives nothing.

use aws_lc_rs::rand;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

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
    let time = u128::from(now_ms.max(0).unsigned_abs() & 0xffff_ffff_ffff);
    let bits = (time << 80) | (u128::from_be_bytes(random) >> 48);
    let mut id = String::with_capacity(prefix.len() + 26);
    id.push_str(prefix);
    for place in (0..26).rev() {
        let index = usize::try_from((bits >> (place * 5)) & 31).unwrap_or_default();
        id.push(char::from(ALPHABET[index]));
    }
    Ok(id)
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
        assert!(plausible(&a) && !plausible("key-1") && !plausible(""));
    }
}
