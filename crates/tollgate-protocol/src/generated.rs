//! What a model has made, counted while it passes: a careful running count of tokens, and the beginning of the text.
//!
//! Each protocol says where in its events that stands; how it counts is the same for all.

use crate::estimate::{Sample, text_length};

/// Bytes of base64 for one token of sound: 24,000 samples of two bytes and 20 tokens a second.
pub(crate) const SOUND_A_TOKEN: u64 = 3200;
/// Bytes that a model writes around a call of a tool and that nobody sees.
pub(crate) const CALL_FRAME: u64 = 36;

/// Counts of what was made so far.
#[derive(Debug, Clone, Default)]
pub struct Generated {
    bytes: u64,
    tokens: u64,
    sample: Sample,
}

impl Generated {
    /// Bytes of text made, with what a model writes around the calls of tools.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Tokens made, rather too many than too few: one for three bytes, and at least one for each piece of a stream.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// The beginning of the text made.
    pub fn sample(&self) -> &Sample {
        &self.sample
    }

    /// Counts a JSON string; a list of parts or an object is counted as it stands.
    pub(crate) fn text(&mut self, value: &[u8]) {
        match value {
            [b'"', written @ .., b'"'] => {
                self.bytes += text_length(written);
                self.sample.take(written);
            }
            b"" | b"null" | b"[]" | b"{}" => {}
            _ => self.bytes += value.len() as u64,
        }
    }

    /// Counts the name of a tool that is called, a JSON string; an empty one is no call.
    pub(crate) fn name(&mut self, value: &[u8]) {
        if value.len() > 2 && value != b"null" {
            self.bytes += CALL_FRAME;
            self.text(value);
        }
    }

    /// A piece is complete that began when `before` bytes were counted, with `more` tokens that are no text; whether
    /// it holds something made. `made`: it does, also if it counts nothing.
    pub(crate) fn piece(&mut self, before: u64, more: u64, made: bool) -> bool {
        let bytes = self.bytes - before;
        let made = made || bytes > 0;
        self.tokens += (bytes.div_ceil(3) + more).max(u64::from(made));
        made
    }
}
