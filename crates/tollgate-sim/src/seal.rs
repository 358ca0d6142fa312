//! Opaque state that a vendor hands out and wants back unchanged: signatures, encrypted reasoning.
//!
//! A seal says nothing to its holder, and only the simulator that made it (same seed) recognises it, with the same words
//! and for the same purpose. Made of the numbers everything else is made of: it keeps honest tests honest and is no
//! cryptography.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};

use crate::content::{Rng, fnv1a};

/// What a seal is for, and how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `signature` of a Messages `thinking` block.
    Signature,
    /// `data` of a Messages `redacted_thinking` block.
    Redacted,
    /// Gemini's `thoughtSignature`.
    Thought,
    /// `encrypted_content` of a Responses `reasoning` item.
    Encrypted,
}

impl Kind {
    /// The first bytes, as the vendor's own begin.
    fn begins(self) -> &'static [u8] {
        match self {
            Self::Signature | Self::Redacted => &[0x12],
            Self::Thought => &[0x0a],
            Self::Encrypted => &[0x80, 0, 0, 0, 0],
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Signature => 210,
            Self::Redacted => 330,
            Self::Thought => 180,
            Self::Encrypted => 420,
        }
    }

    fn url_safe(self) -> bool {
        self == Self::Encrypted
    }
}

const NONCE: usize = 8;

/// A seal over `words`. Seals of different `nonce` differ, also over the same words.
pub(crate) fn make(kind: Kind, world: u64, words: &[&str], nonce: u64) -> String {
    let mut bytes = kind.begins().to_vec();
    bytes.extend_from_slice(&nonce.to_be_bytes());
    // Two hashes with different beginnings, so that what one of them misses the other sees.
    let salt = world.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ nonce.rotate_left(29) ^ kind as u64;
    let mut text = words.join("\u{0}");
    let first = fnv1a(text.as_bytes());
    text.insert_str(0, &salt.to_string());
    let mut rng = Rng::new(salt ^ first.rotate_left(7) ^ fnv1a(text.as_bytes()));
    while bytes.len() < kind.bytes() {
        bytes.extend_from_slice(&rng.next().to_be_bytes());
    }
    bytes.truncate(kind.bytes());
    if kind.url_safe() { URL_SAFE.encode(bytes) } else { STANDARD.encode(bytes) }
}

/// Whether this simulator made the seal, for this purpose and over these words.
pub(crate) fn fits(kind: Kind, world: u64, words: &[&str], seal: &str) -> bool {
    let bytes = if kind.url_safe() { URL_SAFE.decode(seal) } else { STANDARD.decode(seal) };
    let Ok(bytes) = bytes else {
        return false;
    };
    let nonce = bytes.strip_prefix(kind.begins()).and_then(|rest| rest.get(..NONCE));
    let nonce = nonce.and_then(|nonce| nonce.try_into().ok()).map(u64::from_be_bytes);
    nonce.is_some_and(|nonce| make(kind, world, words, nonce) == seal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_words_fit() {
        for kind in [Kind::Signature, Kind::Redacted, Kind::Thought, Kind::Encrypted] {
            let seal = make(kind, 7, &["a thought", "a"], 3);
            assert!(fits(kind, 7, &["a thought", "a"], &seal));
            assert_ne!(seal, make(kind, 7, &["a thought", "a"], 4));
            for (world, words) in
                [(8, ["a thought", "a"]), (7, ["A thought", "a"]), (7, ["a", "thoughta"]), (7, ["a thought", ""])]
            {
                assert!(!fits(kind, world, &words, &seal));
            }
            for broken in ["", "EqQB", &seal[1..], &seal[..seal.len() - 4], &seal.to_lowercase()] {
                assert!(!fits(kind, 7, &["a thought", "a"], broken));
            }
        }
        assert!(make(Kind::Encrypted, 1, &[], 1).starts_with("gAAAA"), "as the vendor's own begin");
        assert!(!fits(Kind::Redacted, 7, &["x"], &make(Kind::Signature, 7, &["x"], 1)));
    }
}
