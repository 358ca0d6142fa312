//! One item of a stream while it is told: what of it was said, and what is left to say at its end.

use crate::canonical::{Content, Delta, Event, Part, Sink};
use std::borrow::Cow;

/// An item that is being told.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) index: u64,
    pub(super) kind: Kind,
    /// Its open block.
    pub(super) block: Option<u32>,
    /// Which of its parts that block is.
    pub(super) part: u64,
    /// Parts before this one are complete.
    pub(super) told: u64,
    /// Bytes of text said in the block, and sources named.
    pub(super) said: usize,
    pub(super) sources: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Call,
    /// Thoughts, and by which of their two texts they are told.
    Thought(Option<Thought>),
    /// Told at its end.
    Whole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thought {
    Content,
    Summary,
}

impl Open {
    pub(super) fn say(&mut self, words: Cow<'_, str>, sink: &mut dyn Sink) {
        if let (Some(block), false) = (self.block, words.is_empty()) {
            self.said += words.len();
            sink.event(Event::Delta { block, delta: Delta::Text(words) });
        }
    }

    /// Says what of the whole text was not said.
    pub(super) fn rest(&mut self, whole: &str, sink: &mut dyn Sink) {
        if let Some(rest) = whole.get(self.said..) {
            self.say(Cow::Borrowed(rest), sink);
        }
    }

    /// Says what of a whole part was not said, and its seal.
    pub(super) fn rest_of(&mut self, part: &Part, sink: &mut dyn Sink) {
        let Some(block) = self.block else { return };
        match &part.content {
            Content::Text { text, citations } => {
                self.rest(text, sink);
                for source in citations.iter().skip(self.sources) {
                    sink.event(Event::Delta { block, delta: Delta::Citation(source.clone()) });
                }
                self.sources = self.sources.max(citations.len());
            }
            Content::Refusal(text) => self.rest(text, sink),
            Content::Reasoning(reasoning) if self.said == 0 => self.rest(&reasoning.text, sink),
            Content::ToolCall(call) => self.rest(&call.arguments, sink),
            Content::Reasoning(_) | Content::Media(_) | Content::ToolResult(_) | Content::Opaque(_) => {}
        }
        if let Some(seal) = &part.seal {
            sink.event(Event::Delta { block, delta: Delta::Seal(seal.clone()) });
        }
    }

    pub(super) fn close(&mut self, sink: &mut dyn Sink) {
        if let Some(block) = self.block.take() {
            self.told = self.part.saturating_add(1);
            sink.event(Event::Close { block });
        }
    }
}
