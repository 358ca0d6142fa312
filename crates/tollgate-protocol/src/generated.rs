//! What a model has made, counted while it passes: a careful running count of tokens, and the beginning of the text.
//! What of an event or an answer is made is each protocol's to say.

use crate::estimate::{Sample, text_length};

/// Bytes of base64 for one token of sound: 24,000 samples of two bytes and 20 tokens a second.
const SOUND_A_TOKEN: u64 = 3200;
/// Bytes that a model writes around a call of a tool and that nobody sees.
pub(crate) const CALL_FRAME: u64 = 36;

/// Counts of what a model has made so far.
#[derive(Debug, Clone, Default)]
pub struct Generated {
    bytes: u64,
    sound: u64,
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

    /// Counts one piece, which `fill` takes apart by the methods below; whether something was made. `fill` says
    /// whether the piece counts even where it holds no text.
    pub(crate) fn piece(&mut self, fill: impl FnOnce(&mut Self) -> bool) -> bool {
        let (bytes, sound) = (self.bytes, self.sound);
        let made = fill(self);
        let made = made || self.bytes > bytes;
        let tokens = (self.bytes - bytes).div_ceil(3) + (self.sound - sound).div_ceil(SOUND_A_TOKEN);
        self.tokens += tokens.max(u64::from(made));
        made
    }

    /// Counts a JSON string; a list or an object is counted as it stands.
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

    /// Counts the beginning of a call by its tool's name, a JSON string.
    pub(crate) fn call(&mut self, name: &[u8]) {
        if name.len() > 2 && name != b"null" {
            self.bytes += CALL_FRAME;
            self.text(name);
        }
    }

    /// Counts sound in base64.
    pub(crate) fn sound(&mut self, base64: &[u8]) {
        self.sound += base64.len() as u64;
    }
}
