//! Counting the tokens of a request without an answer to it.
//!
//! Three of the protocols have a counter: a route of its own that takes a request, or what counts of it, and answers
//! with a number. Counts cross like conversations do; where a vendor has no counter the caller gets an estimate.

use crate::canonical::{Losses, Request};
use crate::chat;
use crate::codec::{Codec, InPath, Protocol, Target};
use crate::fault::Fault;
use crate::gemini::path::Verb;
use crate::head::{self, Head};
use crate::{gemini, messages, responses};
use bytes::Bytes;

/// A protocol's counter.
pub trait Counter: Send + Sync {
    /// What the answer calls its number.
    fn name(&self) -> &'static str;

    /// Reads what the gateway must know of every request.
    fn head(&self, body: &[u8], path: &InPath<'_>) -> Result<Head, Fault>;

    /// The path below a provider's base URL.
    fn path(&self, model: &str) -> String;

    /// Reads a request, as [`Codec::read_request`] does.
    fn read_request(&self, body: &[u8], path: &InPath<'_>, losses: &mut Losses) -> Result<Request, Fault>;

    /// Writes one, as [`Codec::write_request`] does, without what does not count. `beside`: for Vertex, which takes it
    /// in another form than the Gemini API.
    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
        names: &dyn Codec,
        losses: &mut Losses,
        beside: bool,
    ) -> Result<Bytes, Fault>;

    /// Reads an answer. What is none is a fault.
    fn read(&self, body: &[u8]) -> Result<u64, Fault>;

    /// Writes one.
    fn write(&self, tokens: u64) -> Bytes;
}

impl Protocol {
    /// Its counter, where it has one.
    pub fn counter(self) -> Option<&'static dyn Counter> {
        match self {
            Self::Chat => None,
            Self::Responses => Some(&OfResponses),
            Self::Messages => Some(&OfMessages),
            Self::GenerateContent => Some(&OfContent),
        }
    }
}

struct OfResponses;
struct OfMessages;
struct OfContent;

impl Counter for OfResponses {
    fn name(&self) -> &'static str {
        "input_tokens"
    }

    fn head(&self, body: &[u8], path: &InPath<'_>) -> Result<Head, Fault> {
        head::read(body, &responses::COUNT_HEAD, path)
    }

    fn path(&self, _model: &str) -> String {
        "/responses/input_tokens".to_owned()
    }

    fn read_request(&self, body: &[u8], path: &InPath<'_>, losses: &mut Losses) -> Result<Request, Fault> {
        Protocol::Responses.codec().read_request(body, path, losses)
    }

    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
        names: &dyn Codec,
        losses: &mut Losses,
        _beside: bool,
    ) -> Result<Bytes, Fault> {
        let whole = Protocol::Responses.codec().write_request(request, target, names, losses)?;
        Ok(responses::counted(&whole))
    }

    fn read(&self, body: &[u8]) -> Result<u64, Fault> {
        responses::read_count(body).ok_or_else(chat::not_an_answer)
    }

    fn write(&self, tokens: u64) -> Bytes {
        responses::write_count(tokens)
    }
}

impl Counter for OfMessages {
    fn name(&self) -> &'static str {
        "input_tokens"
    }

    fn head(&self, body: &[u8], path: &InPath<'_>) -> Result<Head, Fault> {
        head::read(body, &messages::COUNT_HEAD, path)
    }

    fn path(&self, _model: &str) -> String {
        messages::COUNT_PATH.to_owned()
    }

    fn read_request(&self, body: &[u8], _path: &InPath<'_>, losses: &mut Losses) -> Result<Request, Fault> {
        messages::read_count_request(body, losses)
    }

    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
        names: &dyn Codec,
        losses: &mut Losses,
        _beside: bool,
    ) -> Result<Bytes, Fault> {
        messages::write_count_request(request, target, names, losses)
    }

    fn read(&self, body: &[u8]) -> Result<u64, Fault> {
        messages::read_count(body)
    }

    fn write(&self, tokens: u64) -> Bytes {
        messages::write_count(tokens).into()
    }
}

impl Counter for OfContent {
    fn name(&self) -> &'static str {
        "totalTokens"
    }

    fn head(&self, body: &[u8], path: &InPath<'_>) -> Result<Head, Fault> {
        gemini::count_head(body, path)
    }

    fn path(&self, model: &str) -> String {
        gemini::path::write(model, Verb::CountTokens, false)
    }

    fn read_request(&self, body: &[u8], path: &InPath<'_>, losses: &mut Losses) -> Result<Request, Fault> {
        gemini::read_count_request(body, path, losses)
    }

    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
        names: &dyn Codec,
        losses: &mut Losses,
        beside: bool,
    ) -> Result<Bytes, Fault> {
        gemini::write_count_request(request, target, names, losses, beside)
    }

    fn read(&self, body: &[u8]) -> Result<u64, Fault> {
        gemini::check_count(body)
    }

    fn write(&self, tokens: u64) -> Bytes {
        gemini::write_count(tokens).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Capabilities;

    #[test]
    fn every_counter_is_asked_by_every_other() {
        let bodies = [
            (Protocol::Responses, r#"{"model":"m","input":"hi","instructions":"s"}"#),
            (Protocol::Messages, r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"system":"s"}"#),
            (
                Protocol::GenerateContent,
                r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"systemInstruction":{"parts":[{"text":"s"}]}}"#,
            ),
        ];
        let path = InPath { model: Some("m".into()), ..InPath::default() };
        let accepts = Capabilities::default();
        let target = Target { model: "m", accepts: &accepts, strict: true };
        for (caller, body) in bodies {
            let from = caller.counter().unwrap();
            from.head(body.as_bytes(), &path).unwrap();
            for (wire, _) in bodies {
                let to = wire.counter().unwrap();
                let mut losses = Losses::default();
                let request = from.read_request(body.as_bytes(), &path, &mut losses).unwrap();
                for beside in [false, true] {
                    let sent = to.write_request(&request, &target, caller.codec(), &mut losses, beside).unwrap();
                    let text = std::str::from_utf8(&sent).unwrap();
                    assert!(text.contains("hi") && text.contains("\"s\"") && !text.contains("max"), "{text}");
                    to.head(&sent, &path).unwrap();
                }
                assert!(losses.is_empty(), "{caller:?} {wire:?} {losses}");
                assert_eq!(to.read(&to.write(7)).unwrap(), 7);
            }
        }
        assert!(Protocol::Chat.counter().is_none());
    }
}
