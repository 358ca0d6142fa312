//! Ids that say what they stand for: when a task was made, how long it takes, how it ends and what comes of it.
//!
//! A simulator that has forgotten a task, or never knew it because its process was started again, can still answer for
//! its id. The id is 128 bits: 112 that say it, masked, and a checksum of 16 that only the same seed gives. A tail that
//! stands beside the number (a model's name) is under the checksum too. No secret: whoever has the seed can make ids.

use std::fmt::Write as _;

use super::shape::Shape;
use crate::content::{Rng, fnv1a};

/// Which calls may ask for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    OpenAi,
    Ark,
    KlingText,
    KlingImage,
    VeoGemini,
    VeoVertex,
}

/// How a task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Failed,
    /// Made, and then held back by the vendor's safety filter.
    Filtered,
    /// Not done in the vendor's time.
    Expired,
    /// One sample fewer than asked, the missing one filtered.
    Partial,
}

const KINDS: &[Kind] = &[Kind::OpenAi, Kind::Ark, Kind::KlingText, Kind::KlingImage, Kind::VeoGemini, Kind::VeoVertex];
const OUTCOMES: &[Outcome] = &[Outcome::Done, Outcome::Failed, Outcome::Filtered, Outcome::Expired, Outcome::Partial];

/// What an id says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub kind: Kind,
    /// Milliseconds since 1970.
    pub created: u64,
    /// Seconds from there to the end.
    pub work: u32,
    pub outcome: Outcome,
    pub shape: Shape,
    /// Of the clip, 24 a second.
    pub frames: u16,
    /// Samples asked, 1 to 4.
    pub samples: u8,
    /// The links to the result are expired from the start.
    pub link_expired: bool,
    pub audio: bool,
    /// Ark: the last frame is wanted too.
    pub last_frame: bool,
    /// Ark: the cheap tier.
    pub flex: bool,
    /// Ark: the length was given in frames. Kling: a copy with a watermark is wanted.
    pub special: bool,
    /// Of the account that made it, [`super::auth::account`].
    pub account: u8,
    /// Of the request; 10 bits. What is made up follows from it.
    pub digest: u16,
    /// Tells tasks of one millisecond apart; 9 bits.
    pub nonce: u16,
}

/// 2025-01-01, in milliseconds: the first time that fits.
const EPOCH: u64 = 1_735_689_600_000;
const PAYLOAD: u32 = 112;
const BASE32: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

impl Ticket {
    /// The 112 bits, which no other task has.
    pub(super) fn key(&self) -> u128 {
        let at = |list: Option<usize>| list.unwrap_or(0) as u64;
        let flags = [self.link_expired, self.audio, self.last_frame, self.flex, self.special];
        let mut packed = Packed(0);
        packed.push(at(KINDS.iter().position(|kind| *kind == self.kind)), 3);
        packed.push(self.created.saturating_sub(EPOCH), 40);
        packed.push(u64::from(self.work), 17);
        packed.push(at(OUTCOMES.iter().position(|outcome| *outcome == self.outcome)), 3);
        packed.push(u64::from(self.shape.index()), 5);
        packed.push(u64::from(self.frames), 10);
        packed.push(u64::from(self.samples.saturating_sub(1)), 2);
        packed.push(flags.iter().fold(0, |bits, flag| bits << 1 | u64::from(*flag)), 5);
        packed.push(u64::from(self.account), 8);
        packed.push(u64::from(self.digest), 10);
        packed.push(u64::from(self.nonce), 9);
        packed.0
    }

    /// The whole number: what an id is written from.
    pub(super) fn seal(&self, seed: u64, tail: &str) -> u128 {
        let key = self.key();
        let check = check(key, seed, tail);
        u128::from(check) << PAYLOAD | (key ^ mask(check, seed))
    }

    /// What a number says, if this seed made it with this tail.
    pub(super) fn open(number: u128, seed: u64, tail: &str) -> Option<Self> {
        let sum = u16::try_from(number >> PAYLOAD).ok()?;
        let key = (number & ((1 << PAYLOAD) - 1)) ^ mask(sum, seed);
        if check(key, seed, tail) != sum {
            return None;
        }
        // In the opposite order.
        let mut packed = Packed(key);
        let nonce = packed.pop(9);
        let digest = packed.pop(10);
        let account = packed.pop(8);
        let flags = packed.pop(5);
        let flag = |place: u32| flags >> (4 - place) & 1 == 1;
        let samples = packed.pop(2);
        let frames = packed.pop(10);
        let shape = packed.pop(5);
        let outcome = packed.pop(3);
        let work = packed.pop(17);
        let created = packed.pop(40);
        let kind = packed.pop(3);
        Some(Self {
            kind: *KINDS.get(usize::try_from(kind).ok()?)?,
            created: created + EPOCH,
            work: u32::try_from(work).ok()?,
            outcome: *OUTCOMES.get(usize::try_from(outcome).ok()?)?,
            shape: Shape::at(u8::try_from(shape).ok()?)?,
            frames: u16::try_from(frames).ok().filter(|frames| *frames > 0)?,
            samples: u8::try_from(samples + 1).ok()?,
            link_expired: flag(0),
            audio: flag(1),
            last_frame: flag(2),
            flex: flag(3),
            special: flag(4),
            account: u8::try_from(account).ok()?,
            digest: u16::try_from(digest).ok()?,
            nonce: u16::try_from(nonce).ok()?,
        })
    }
}

struct Packed(u128);

impl Packed {
    fn push(&mut self, value: u64, bits: u32) {
        let most = (1_u64 << bits) - 1;
        self.0 = self.0 << bits | u128::from(value.min(most));
    }

    fn pop(&mut self, bits: u32) -> u64 {
        let value = self.0 & ((1 << bits) - 1);
        self.0 >>= bits;
        u64::try_from(value).unwrap_or(0)
    }
}

fn check(key: u128, seed: u64, tail: &str) -> u16 {
    let mixed = [key.to_be_bytes().as_slice(), &seed.to_be_bytes(), tail.as_bytes()].concat();
    u16::try_from(Rng::new(fnv1a(&mixed)).next() >> 48).unwrap_or(0)
}

fn mask(check: u16, seed: u64) -> u128 {
    let mut rng = Rng::new(seed.rotate_left(16) ^ u64::from(check));
    (u128::from(rng.next()) << 64 | u128::from(rng.next())) & ((1 << PAYLOAD) - 1)
}

/// 26 digits and small letters.
pub(super) fn letters(number: u128) -> String {
    let digit = |place: u32| usize::try_from(number >> (5 * place) & 31).ok().and_then(|digit| BASE32.get(digit));
    (0..26).rev().filter_map(digit).map(|byte| char::from(*byte)).collect()
}

/// The number of 26 such letters.
pub(super) fn of_letters(text: &str) -> Option<u128> {
    if text.len() != 26 {
        return None;
    }
    text.bytes().try_fold(0_u128, |number, byte| {
        let digit = BASE32.iter().position(|letter| *letter == byte)?;
        number.checked_mul(32)?.checked_add(digit as u128)
    })
}

/// 32 digits in the groups of a UUID.
pub(super) fn uuid(number: u128) -> String {
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// The number of such a text.
pub(super) fn of_uuid(text: &str) -> Option<u128> {
    let number = of_hex(&text.replace('-', ""))?;
    (uuid(number) == text).then_some(number)
}

/// The number of 32 small hexadecimal digits.
pub(super) fn of_hex(text: &str) -> Option<u128> {
    let number = u128::from_str_radix(text, 16).ok()?;
    (format!("{number:032x}") == text).then_some(number)
}

/// The number of its decimal digits, without leading zeros.
pub(super) fn of_digits(text: &str) -> Option<u128> {
    text.parse().ok().filter(|number: &u128| number.to_string() == text)
}

/// A text as hexadecimal digits, and back.
pub(super) fn hex_of_text(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

pub(super) fn text_of_hex(hex: &str) -> Option<String> {
    if !hex.len().is_multiple_of(2) || hex.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let bytes = (0..hex.len() / 2).map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok());
    String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tickets() -> impl Strategy<Value = Ticket> {
        let small = (0..6_usize, EPOCH..EPOCH + (1 << 40), 0..=86_400_u32, 0..5_usize, 0..26_u8, 1..1024_u16, 1..=4_u8);
        (small, any::<[bool; 5]>(), any::<u8>(), 0..1024_u16, 0..512_u16).prop_map(
            |((kind, created, work, outcome, shape, frames, samples), flags, account, digest, nonce)| Ticket {
                kind: KINDS[kind],
                created,
                work,
                outcome: OUTCOMES[outcome],
                shape: Shape::at(shape).unwrap(),
                frames,
                samples,
                link_expired: flags[0],
                audio: flags[1],
                last_frame: flags[2],
                flex: flags[3],
                special: flags[4],
                account,
                digest,
                nonce,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_in_every_spelling(ticket in tickets(), seed: u64, tail in "[a-z0-9-]{0,30}") {
            let number = ticket.seal(seed, &tail);
            prop_assert_eq!(Ticket::open(number, seed, &tail), Some(ticket));
            prop_assert_eq!(of_letters(&letters(number)), Some(number));
            prop_assert_eq!(of_uuid(&uuid(number)), Some(number));
            prop_assert_eq!(of_hex(&format!("{number:032x}")), Some(number));
            prop_assert_eq!(of_digits(&number.to_string()), Some(number));
            prop_assert_eq!(text_of_hex(&hex_of_text(&tail)), Some(tail));
        }

        #[test]
        fn spellings_are_unique(text in "\\PC{0,40}") {
            for number in [of_letters(&text).map(letters), of_uuid(&text).map(uuid), of_digits(&text).map(|n| n.to_string())] {
                prop_assert!(number.is_none_or(|spelt| spelt == text));
            }
            let _ = text_of_hex(&text);
        }
    }

    #[test]
    fn a_changed_number_does_not_open() {
        let mut opened = 0;
        let ticket = Ticket {
            kind: Kind::Ark,
            created: EPOCH + 1,
            work: 3,
            outcome: Outcome::Done,
            shape: Shape::at(6).unwrap(),
            frames: 121,
            samples: 1,
            link_expired: false,
            audio: true,
            last_frame: false,
            flex: false,
            special: false,
            account: 7,
            digest: 5,
            nonce: 1,
        };
        let number = ticket.seal(9, "m");
        for bit in 0..128 {
            opened += usize::from(Ticket::open(number ^ (1 << bit), 9, "m").is_some());
        }
        for seed in 10..138 {
            opened += usize::from(Ticket::open(number, seed, "m").is_some());
        }
        opened += usize::from(Ticket::open(number, 9, "n").is_some());
        // One of 65,536 passes by chance.
        assert_eq!(opened, 0);
    }
}
