//! A streamed answer, step by step.
//!
//! The law: `Start`, then blocks that are opened, filled and closed, then `Finish`, once. Numbers of blocks count up
//! from 0. Only calls of tools may be open at the same time, because some vendors send their pieces mixed. What was
//! used is not an event: a protocol's `Watch` reads it.

use super::answer::{Finish, TokenLogprob};
use super::part::{Citation, Media, Opaque, Seal};
use std::borrow::Cow;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// The answer begins.
    Start {
        /// The vendor's name of it.
        id: Option<Cow<'a, str>>,
        /// The model that answers, by the vendor's name.
        model: Option<Cow<'a, str>>,
    },
    /// A block begins.
    Open {
        /// Its number.
        block: u32,
        /// What it is.
        kind: Block<'a>,
    },
    /// A piece of a block.
    Delta {
        /// Its number.
        block: u32,
        /// The piece.
        delta: Delta<'a>,
    },
    /// A block is complete.
    Close {
        /// Its number.
        block: u32,
    },
    /// The answer is complete.
    Finish(Finish),
}

/// What a block is.
#[derive(Debug, Clone, PartialEq)]
pub enum Block<'a> {
    /// Words.
    Text,
    /// Words that it will not do it.
    Refusal,
    /// Thoughts.
    Reasoning {
        /// The vendor's name of this piece.
        id: Option<Cow<'a, str>>,
        /// The text is hidden on purpose; a seal is all that comes.
        redacted: bool,
    },
    /// A call of a tool.
    ToolCall {
        /// Which call; may be empty where the protocol has none.
        id: Cow<'a, str>,
        /// Which tool.
        name: Cow<'a, str>,
        /// Whether its argument is free text.
        custom: bool,
    },
    /// A picture or a sound, whole.
    Media(Media),
    /// Something only one protocol has, whole.
    Opaque(Opaque),
}

/// A piece of a block.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta<'a> {
    /// Words, thoughts or arguments, as the block is.
    Text(Cow<'a, str>),
    /// The block's seal; at most one, after its text.
    Seal(Seal),
    /// A source of the words.
    Citation(Citation),
    /// How likely the tokens were that came with the text.
    Logprobs(Vec<TokenLogprob>),
}

/// Whoever takes events.
pub trait Sink {
    /// Takes one.
    fn event(&mut self, event: Event<'_>);
}

impl<F: FnMut(Event<'_>)> Sink for F {
    fn event(&mut self, event: Event<'_>) {
        self(event);
    }
}

/// The law, kept by every stream.
#[derive(Debug, Default)]
pub struct Law {
    started: bool,
    finished: bool,
    next: u32,
    /// Open blocks, and whether each is a call of a tool.
    open: Vec<(u32, bool)>,
}

impl Law {
    /// Takes an event; says what is wrong with it.
    pub fn check(&mut self, event: &Event<'_>) -> Result<(), &'static str> {
        if self.finished {
            return Err("an event after the end");
        }
        if !self.started && !matches!(event, Event::Start { .. }) {
            return Err("an event before the start");
        }
        let is_open = |open: &[(u32, bool)], block: u32| open.iter().any(|(number, _)| *number == block);
        match event {
            Event::Start { .. } if self.started => return Err("started twice"),
            Event::Start { .. } => self.started = true,
            Event::Open { block, kind } => {
                if *block != self.next {
                    return Err("a block out of order");
                }
                let call = matches!(kind, Block::ToolCall { .. });
                if self.open.iter().any(|(_, other)| !other || !call) {
                    return Err("a block inside another");
                }
                self.next += 1;
                self.open.push((*block, call));
            }
            Event::Delta { block, .. } if !is_open(&self.open, *block) => return Err("a piece of no open block"),
            Event::Delta { .. } => {}
            Event::Close { block } => {
                if !is_open(&self.open, *block) {
                    return Err("closed what is not open");
                }
                self.open.retain(|(number, _)| number != block);
            }
            Event::Finish(_) if !self.open.is_empty() => return Err("an end with an open block"),
            Event::Finish(_) => self.finished = true,
        }
        Ok(())
    }

    /// Whether the end came.
    pub fn is_finished(&self) -> bool {
        self.finished
    }
}
