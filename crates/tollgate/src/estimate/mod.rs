//! What a request used, as far as one can tell without the vendor: tokens of a sample by a real tokenizer, scaled to
//! the whole.
//!
//! One tokenizer (o200k) stands for all models: vendors who report no usage publish none, and recorded answers show
//! where it lies against theirs (`docs/usage.md`). It is loaded on first use, which takes a few hundred milliseconds
//! and 46 MB, and counting may take a millisecond: call this from threads that may block, never from a worker.

use std::sync::OnceLock;
use tiktoken_rs::CoreBPE;
use tollgate_protocol::estimate::{self, Prompt};
use tollgate_protocol::usage::{MAX_COUNT, Usage};

/// Longest text that is given to the tokenizer, in bytes; longer ones are scaled. Its time grows with the square of a
/// word without end.
const MAX_TEXT: usize = 4096;

/// The usage of a request whose vendor reported none: what it gave to read, and `output_bytes` of text made, which
/// begins with `output_sample`. Blocks.
pub fn usage(input: &Prompt, output_bytes: u64, output_sample: &[u8]) -> Usage {
    let estimator = Estimator::get();
    let text = estimator.scaled(input.sample.bytes(), input.text_bytes);
    Usage {
        input_tokens: input.tokens_with(text).min(MAX_COUNT),
        audio_input_tokens: input.audio_tokens().min(MAX_COUNT),
        output_tokens: estimator.scaled(output_sample, output_bytes).min(MAX_COUNT),
        ..Usage::default()
    }
}

/// Counts tokens; by bytes where the tokenizer could not be loaded.
pub struct Estimator {
    tokenizer: Option<CoreBPE>,
}

impl Estimator {
    /// The one of this process; the first call loads it and blocks.
    pub fn get() -> &'static Self {
        static ESTIMATOR: OnceLock<Estimator> = OnceLock::new();
        ESTIMATOR.get_or_init(|| {
            let tokenizer = tiktoken_rs::o200k_base();
            if let Err(error) = &tokenizer {
                tracing::warn!(%error, "the tokenizer cannot be loaded; estimates go by bytes");
            }
            Self { tokenizer: tokenizer.ok() }
        })
    }

    /// Tokens of `text`. What is longer than 4 KiB is counted by its beginning.
    pub fn tokens(&self, text: &str) -> u64 {
        self.scaled(text.as_bytes(), text.len() as u64)
    }

    /// Tokens of `total` bytes of text that begins with `sample`; exact, for this tokenizer, where the sample is all
    /// of it. A character cut at the sample's end does no harm.
    pub fn scaled(&self, sample: &[u8], total: u64) -> u64 {
        let sample = sample.get(..MAX_TEXT.min(sample.len())).unwrap_or_default();
        let Some(tokenizer) = &self.tokenizer else { return estimate::by_bytes(sample, total) };
        let text = whole_characters(sample);
        if text.is_empty() {
            return estimate::by_bytes(sample, total);
        }
        let counted = tokenizer.encode_ordinary(&text).len() as u64;
        let scaled = (u128::from(counted) * u128::from(total)).div_ceil(text.len() as u128);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }
}

/// The text without a last character that is cut; other bytes that are no text are replaced.
fn whole_characters(sample: &[u8]) -> std::borrow::Cow<'_, str> {
    let end = match std::str::from_utf8(sample) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => sample.len(),
    };
    String::from_utf8_lossy(sample.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    #[test]
    fn known_texts_have_their_known_tokens() {
        let estimator = Estimator::get();
        assert_eq!(estimator.tokens("hello world"), 2);
        assert_eq!(estimator.tokens(""), 0);
        assert_eq!(estimator.scaled(b"hello world", 11_000), 2000);
        // Two of the three bytes of a character: the cut one is left out.
        assert_eq!(estimator.scaled(b"hello world\xe4\xbd", 11), 2);
        let without = Estimator { tokenizer: None };
        assert_eq!((without.tokens("hello world!"), without.scaled(b"", 8)), (3, 2));
    }

    #[test]
    fn a_request_and_its_answer() {
        let input = Prompt::read(br#"{"messages":[{"role":"user","content":"hello world"}]}"#);
        let usage = usage(&input, 22, b"hello world");
        assert_eq!((usage.total_input(), usage.total_output(), usage.suspect), (10, 4, false));
    }

    #[test]
    fn endless_words_take_no_time() {
        let estimator = Estimator::get();
        for text in ["a", " ", "\n", "中", "\u{301}", "0", "'"] {
            let began = Instant::now();
            assert!(estimator.tokens(&text.repeat(100_000)) > 0);
            assert!(began.elapsed() < Duration::from_secs(2), "{text:?} took {:?}", began.elapsed());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_counted(sample in prop::collection::vec(any::<u8>(), 0..600), total: u64) {
            Estimator::get().scaled(&sample, total);
        }

        #[test]
        fn spaces_and_marks_can_be_counted(sample in "[ \\t\\n\\r'a\u{301}\u{a0}]{0,4000}") {
            let counted = Estimator::get().tokens(&sample);
            prop_assert!(counted <= sample.len() as u64);
        }
    }
}
