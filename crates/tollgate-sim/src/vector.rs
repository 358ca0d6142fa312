//! Unit vectors made from the words of a text, so that texts with words in common are near.
//!
//! The same text gives the same numbers, whoever asks.

use crate::content::{Rng, fnv1a};

/// Words beyond this many count only through the whole text's own part of the vector.
const WORDS: usize = 512;

/// The sum of one random direction for each word and a smaller one for the whole text, of length one.
pub(crate) fn of_text(text: &str, dimensions: usize) -> Vec<f32> {
    let words = text.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.take(WORDS).map(|word| fnv1a(word.to_lowercase().as_bytes()));
    unit(words, fnv1a(text.as_bytes()), dimensions)
}

/// The same of a text that is given as tokens.
pub(crate) fn of_ids(ids: impl Iterator<Item = u64> + Clone, dimensions: usize) -> Vec<f32> {
    let words = ids.clone().take(WORDS).map(|id| id ^ 0x746f_6b65_6e73);
    let whole = ids.fold(0xcbf2_9ce4_8422_2325, |hash, id| (hash ^ id).wrapping_mul(0x0100_0000_01b3));
    unit(words, whole, dimensions)
}

fn unit(words: impl Iterator<Item = u64>, whole: u64, dimensions: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f32; dimensions];
    words.for_each(|word| add(&mut sum, word, 1.0));
    add(&mut sum, whole, 0.25);
    let norm = sum.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if norm > 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "vectors are f32 on the wire")]
        for value in &mut sum {
            *value = (f64::from(*value) / norm) as f32;
        }
    }
    sum
}

fn add(sum: &mut [f32], seed: u64, weight: f32) {
    let mut rng = Rng::new(seed);
    for value in sum {
        // 16 bits are exact in an f32 and random enough.
        let bits = u16::try_from(rng.next() >> 48).unwrap_or_default();
        *value += weight * (f32::from(bits) / 32_768.0 - 1.0);
    }
}
