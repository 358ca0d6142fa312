//! From events to the whole answer.

use super::answer::{Answer, Candidate, Finish, TokenLogprob};
use super::event::{Block, Delta, Event, Sink};
use super::part::{Content, Part, Reasoning, ToolCall};

/// Puts a streamed answer together. What a stream folds to is what the same answer would be, had it come whole.
#[derive(Debug, Default)]
pub struct Fold {
    id: Option<String>,
    model: Option<String>,
    parts: Vec<Part>,
    finish: Option<Finish>,
    logprobs: Vec<TokenLogprob>,
}

impl Fold {
    /// Takes one event.
    pub fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Start { id, model } => {
                self.id = id.as_deref().map(str::to_owned);
                self.model = model.as_deref().map(str::to_owned);
            }
            Event::Open { kind, .. } => self.parts.push(Part::new(open(kind))),
            Event::Delta { block, delta } => {
                let Some(part) = usize::try_from(*block).ok().and_then(|at| self.parts.get_mut(at)) else { return };
                match delta {
                    Delta::Text(more) => match &mut part.content {
                        Content::Text { text, .. }
                        | Content::Refusal(text)
                        | Content::Reasoning(Reasoning { text, .. })
                        | Content::ToolCall(ToolCall { arguments: text, .. }) => text.push_str(more),
                        Content::Media(_) | Content::ToolResult(_) | Content::Opaque(_) => {}
                    },
                    Delta::Seal(seal) => part.seal = Some(seal.clone()),
                    Delta::Citation(citation) => {
                        if let Content::Text { citations, .. } = &mut part.content {
                            citations.push(citation.clone());
                        }
                    }
                    Delta::Logprobs(tokens) => self.logprobs.extend_from_slice(tokens),
                }
            }
            Event::Close { .. } => {}
            Event::Finish(finish) => self.finish = Some(finish.clone()),
        }
    }

    /// The parts so far; the number of a block is its place.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Why it ended, once it has.
    pub fn finish(&self) -> Option<&Finish> {
        self.finish.as_ref()
    }

    /// The whole answer.
    pub fn answer(self) -> Answer {
        let candidate = Candidate {
            parts: self.parts,
            finish: self.finish.unwrap_or_default(),
            logprobs: (!self.logprobs.is_empty()).then_some(self.logprobs),
        };
        Answer { id: self.id, model: self.model, candidates: vec![candidate], ..Answer::default() }
    }
}

impl Sink for Fold {
    fn event(&mut self, event: Event<'_>) {
        self.take(&event);
    }
}

fn open(kind: &Block<'_>) -> Content {
    match kind {
        Block::Text => Content::Text { text: String::new(), citations: Vec::new() },
        Block::Refusal => Content::Refusal(String::new()),
        Block::Reasoning { id, redacted } => Content::Reasoning(Reasoning {
            text: String::new(),
            id: id.as_deref().map(str::to_owned),
            redacted: *redacted,
        }),
        Block::ToolCall { id, name, custom } => Content::ToolCall(ToolCall {
            id: id.clone().into_owned(),
            name: name.clone().into_owned(),
            arguments: String::new(),
            custom: *custom,
        }),
        Block::Media(media) => Content::Media(media.clone()),
        Block::Opaque(opaque) => Content::Opaque(opaque.clone()),
    }
}
