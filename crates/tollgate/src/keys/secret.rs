//! The text of a secret: how one is made, told from a typo, and turned into the digest that is stored.
//!
//! A secret is `prefix` + 43 random characters + 6 check characters, all base62 (`0-9A-Za-z`): 43 characters carry
//! 256 bits, and the check is the CRC-32 (IEEE) of everything before it, most significant digit first. The form is
//! fixed, so scanners can find leaked keys and a mistyped one is refused without a look-up. Secrets are never
//! stored, logged or shown again; what is stored is HMAC-SHA-256 under the installation's pepper.

use std::fmt;

use aws_lc_rs::{constant_time, hmac, rand};

use crate::config::Secret;
use crate::ids::NoRandomness;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM: usize = 43;
const CHECK: usize = 6;

/// What a secret opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `sk-tg-live-…`
    Live,
    /// `sk-tg-test-…`
    Test,
    /// `tg-admin-…`
    Admin,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Live, Self::Test, Self::Admin];

    /// What every secret of this kind begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Live => "sk-tg-live-",
            Self::Test => "sk-tg-test-",
            Self::Admin => "tg-admin-",
        }
    }
}

/// A keyed digest of a secret.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Takes a stored digest.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// For storing.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in a time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }

    /// The first eight bytes as a number: where to look in a sorted list.
    pub(super) fn rank(&self) -> u64 {
        self.0.iter().take(8).fold(0, |rank, byte| (rank << 8) | u64::from(*byte))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(***)")
    }
}

/// The installation's pepper, ready for use.
#[derive(Clone)]
pub struct Pepper(hmac::Key);

impl Pepper {
    /// Takes the bytes from the data dir.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The digest of a secret. Allocates nothing.
    pub fn digest(&self, secret: &[u8]) -> Digest {
        let tag = hmac::sign(&self.0, secret);
        let mut digest = [0; 32];
        // SHA-256 gives exactly 32 bytes; a shorter answer would leave zeros, which match nothing.
        for (to, from) in digest.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Digest(digest)
    }

    /// A text that only this pepper gives, to notice a data dir with somebody else's.
    pub fn fingerprint(&self) -> String {
        let digest = self.digest(b"tollgate pepper fingerprint 1");
        digest.0.iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(***)")
    }
}

/// Makes a secret.
pub fn generate(kind: Kind) -> Result<Secret, NoRandomness> {
    let mut text = String::with_capacity(kind.prefix().len() + RANDOM + CHECK);
    text.push_str(kind.prefix());
    let full = text.len() + RANDOM;
    while text.len() < full {
        let mut bytes = [0; 64];
        rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        // 248 is the greatest multiple of 62 in a byte; the rest is thrown away so that all characters are as likely.
        for byte in bytes.into_iter().filter(|byte| *byte < 248).take(full - text.len()) {
            text.push(char::from(ALPHABET[usize::from(byte % 62)]));
        }
    }
    let check = check(text.as_bytes());
    text.extend(check.iter().map(|byte| char::from(*byte)));
    Ok(Secret::new(text))
}

/// What kind of secret this is, if it is well formed: prefix, length, alphabet and check characters.
pub fn kind_of(secret: &[u8]) -> Option<Kind> {
    let kind = Kind::ALL.into_iter().find(|kind| secret.starts_with(kind.prefix().as_bytes()))?;
    if secret.len() != kind.prefix().len() + RANDOM + CHECK {
        return None;
    }
    let (body, tail) = secret.split_at(secret.len() - CHECK);
    let alphabet = body.iter().skip(kind.prefix().len()).all(u8::is_ascii_alphanumeric);
    (alphabet && tail == check(body)).then_some(kind)
}

/// The last four characters: enough to recognise a key in a list, useless for guessing it.
pub fn hint(secret: &Secret) -> String {
    let text = secret.expose();
    text.get(text.len().saturating_sub(4)..).unwrap_or_default().to_owned()
}

fn check(body: &[u8]) -> [u8; CHECK] {
    let mut rest = crc32(body);
    let mut digits = [b'0'; CHECK];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(rest % 62).unwrap_or_default()];
        rest /= 62;
    }
    digits
}

/// CRC-32 as in zip and gzip: finds every change of up to 32 neighbouring bits.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        (crc >> 8) ^ TABLE[usize::from(low ^ byte)]
    })
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    let mut start: u32 = 0;
    while index < 256 {
        let mut crc = start;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
        start += 1;
    }
    table
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn crc_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn made_secrets_are_well_formed() {
        for kind in Kind::ALL {
            let secret = generate(kind).unwrap();
            let text = secret.expose();
            assert_eq!(kind_of(text.as_bytes()), Some(kind));
            assert_eq!(text.len(), kind.prefix().len() + 49);
            assert!(text.ends_with(&hint(&secret)) && hint(&secret).len() == 4);
            assert_ne!(generate(kind).unwrap().expose(), text);
        }
    }

    #[test]
    fn digests_depend_on_pepper_and_show_nothing() {
        let (a, b) = (Pepper::new(&[1; 32]), Pepper::new(&[2; 32]));
        assert!(a.digest(b"x").matches(&a.digest(b"x")));
        assert!(!a.digest(b"x").matches(&b.digest(b"x")));
        assert!(!a.digest(b"x").matches(&a.digest(b"y")));
        assert_ne!(a.fingerprint(), b.fingerprint());
        assert_eq!(format!("{a:?} {:?}", a.digest(b"x")), "Pepper(***) Digest(***)");
    }

    proptest! {
        #[test]
        fn any_single_character_change_is_refused(at in 0_usize..60, to in 0x20_u8..0x7f) {
            let secret = generate(Kind::Live).unwrap();
            let mut bytes = secret.expose().as_bytes().to_vec();
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            prop_assert_eq!(kind_of(&bytes), None);
        }

        #[test]
        fn any_cut_swap_or_addition_is_refused(at in 0_usize..59, extra in "[0-9A-Za-z]{1,3}") {
            let secret = generate(Kind::Test).unwrap();
            let text = secret.expose();
            prop_assert_eq!(kind_of(&text.as_bytes()[..at]), None);
            let longer = format!("{text}{extra}");
            prop_assert_eq!(kind_of(longer.as_bytes()), None);
            let mut swapped = text.as_bytes().to_vec();
            swapped.swap(at, at + 1);
            prop_assume!(swapped != text.as_bytes());
            prop_assert_eq!(kind_of(&swapped), None);
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = kind_of(&bytes);
        }
    }
}
