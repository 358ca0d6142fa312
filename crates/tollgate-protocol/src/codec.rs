//! What a protocol can do.
//!
//! A protocol is named by its API, never by a vendor. Same protocol on both sides: bytes pass, a [`Watch`] reads what
//! they mean. Different ones: a request is read into the canonical form and written from it, a whole answer too, and
//! a stream goes event by event through a [`Decoder`] and an [`Encoder`], judged and metered by the vendor side's
//! `Watch` as if it passed. Pure: ids, times and what a model accepts are handed in.

use crate::canonical::{Answer, Capabilities, Event, Field, Losses, Request, Sink};
use crate::fault::{Fault, Meaning};
use crate::head::Head;
use crate::relay::Watch;
use crate::usage::Usage;
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;
use std::time::Duration;

/// The wire formats of conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// `OpenAI` Chat Completions.
    Chat,
    /// `OpenAI` Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Gemini `generateContent`.
    GenerateContent,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Responses, Self::Messages, Self::GenerateContent];

    /// Its name in configuration files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::GenerateContent => "generate-content",
        }
    }

    /// What it can do. The only place that knows which room speaks which protocol.
    pub fn codec(self) -> &'static dyn Codec {
        match self {
            Self::Chat => &crate::chat::ChatCompletions,
            Self::Responses => &crate::responses::Responses,
            Self::Messages => &crate::messages::Messages,
            Self::GenerateContent => &crate::gemini::GenerateContent,
        }
    }
}

/// What stands in a request's path and not in its body, where a protocol does it that way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InPath<'a> {
    /// The model.
    pub model: Option<Cow<'a, str>>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// A stream is to be one JSON list rather than server-sent events.
    pub array: bool,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The model by the vendor's name.
    pub model: &'a str,
    /// What it accepts.
    pub accepts: &'a Capabilities,
    /// Anything that cannot be expressed is a fault, not a loss.
    pub strict: bool,
}

impl Target<'_> {
    /// What is done once a request is read and written: where anything was lost and nothing may be, a fault that names
    /// the first field.
    pub fn settle(&self, losses: &Losses) -> Result<(), Fault> {
        match losses.iter().next() {
            Some((field, _)) if self.strict => {
                let message = format!("'{field}' cannot be expressed to this model, and nothing may be lost.");
                Err(Fault::unsupported(field.to_owned(), message))
            }
            _ => Ok(()),
        }
    }
}

/// A request as it is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// The body.
    pub body: Bytes,
    /// What did not survive, by the names of the protocol that it came from.
    pub losses: Losses,
}

/// What an answer says of itself besides its content. All of it the gateway's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerHead {
    /// Its id, without a protocol's prefix: letters and digits, at least 24, unique for ever.
    pub id: String,
    /// When it was made, in Unix seconds.
    pub created: i64,
    /// The model that answered, by the name that the caller is to see.
    pub model: String,
    /// The answer that the conversation goes on from, by the id that the caller gave.
    pub previous: Option<String>,
    /// A stream is to be one JSON list rather than server-sent events.
    pub array: bool,
}

/// Everything a protocol knows about itself.
pub trait Codec: Send + Sync {
    /// What it calls a thing that a request may ask for; the name of the whole (`messages`) where it has no own.
    fn name(&self, field: Field) -> &'static str;

    /// Whether its callers see thoughts where they ask for an effort: it has no other word to ask for them.
    fn effort_shows(&self) -> bool {
        false
    }

    /// Reads what the gateway must know of every request, crossing or not, in one pass.
    fn head(&self, body: &[u8], path: &InPath<'_>) -> Result<Head, Fault>;

    /// The path below a provider's base URL. `array` as in [`InPath`].
    fn path(&self, model: &str, stream: bool, array: bool) -> String;

    /// Reads a request. Members it has no word for are losses; those whose loss would change what is asked for are
    /// a fault of code `unsupported_parameter`.
    fn read_request(&self, body: &[u8], path: &InPath<'_>, losses: &mut Losses) -> Result<Request, Fault>;

    /// Writes a request. `names` is the codec of the protocol that it came from: losses and faults use its names.
    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
        names: &dyn Codec,
        losses: &mut Losses,
    ) -> Result<Bytes, Fault>;

    /// Checks a whole answer and reads its usage. An error object, a page, a text cut short is a fault.
    fn check_answer(&self, body: &[u8]) -> Result<Option<Usage>, Fault>;

    /// Bytes of content in a whole answer, for an estimate where it has no usage.
    fn content_bytes(&self, body: &[u8]) -> u64;

    /// Reads a whole answer that [`Codec::check_answer`] has found sound.
    fn read_answer(&self, body: &[u8]) -> Result<Answer, Fault>;

    /// Writes a whole answer. What it has no word for goes into `losses`.
    fn write_answer(&self, answer: &Answer, head: &AnswerHead, request: &Request, losses: &mut Losses) -> Bytes;

    /// Watches a stream of the vendor. `hide_usage`: the caller did not ask for what only the gateway asked for.
    /// `array`: it comes as one JSON list.
    fn watch(&self, hide_usage: bool) -> Box<dyn Watch>;

    /// Reads a stream of the vendor.
    fn decoder(&self) -> Box<dyn Decoder>;

    /// Writes a stream for the caller.
    fn encoder(&self, head: &AnswerHead, request: &Request) -> Box<dyn Encoder>;

    /// Reads a vendor's error answer. `wait` is what its headers say about when to come back.
    fn read_refusal(&self, status: u16, body: &[u8], wait: Option<Duration>) -> Refusal;

    /// The status of a fault for a caller of this protocol.
    fn status(&self, fault: &Fault) -> u16 {
        fault.status()
    }

    /// Writes a fault as the body of an answer.
    fn write_fault(&self, fault: &Fault, request_id: &str) -> Vec<u8>;
}

/// A vendor's error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whose concern it is.
    pub meaning: Meaning,
    /// As the caller is to see it.
    pub fault: Fault,
}

/// Reads the content of a stream. Whether it is sound, complete and paid for is the `Watch`'s concern, which has
/// seen each event before: a decoder is never handed an event that the watch found broken.
pub trait Decoder: Send {
    /// Takes one event that the watch let pass.
    fn event(&mut self, event: &crate::sse::Event<'_>, sink: &mut dyn Sink) -> Result<(), Fault>;

    /// The stream is complete: closes what is open and says [`Event::Finish`], once.
    fn end(&mut self, sink: &mut dyn Sink);
}

/// Writes a stream. No event waits for a later one unless the protocol forces it.
pub trait Encoder: Send {
    /// Takes one event.
    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut);

    /// Everything was said, [`Event::Finish`] too: writes what comes last, the success terminator included.
    fn finish(&mut self, usage: Option<&Usage>, out: &mut BytesMut);

    /// The stream has failed: writes the protocol's error event and never its success terminator.
    fn fault(&mut self, fault: &Fault, out: &mut BytesMut);

    /// The vendor is at work: writes something that says so and nothing else.
    fn keep_alive(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b": keep-alive\n\n");
    }

    /// What of the answer it had no word for so far.
    fn losses(&self) -> &Losses;
}
