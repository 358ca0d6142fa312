//! What a protocol says of the events of a stream.

use crate::canonical::Fold;
use crate::fault::Fault;
use crate::splice::Splice;
use crate::sse::Event;
use crate::usage::Usage;
use bytes::BytesMut;

/// What one protocol makes of the events of a stream.
pub trait Watch: Send {
    /// Called for each whole event in order, until it says [`Verdict::Terminal`] or [`Verdict::Broken`].
    fn event(&mut self, event: &Event<'_>) -> Verdict;

    /// What of the event just judged is to be replaced on its way to the caller: ranges of [`Event::raw`], in order.
    /// For ids that the gateway gives; a stream without any passes as it came.
    fn edits(&mut self, _event: &Event<'_>) -> Vec<Splice> {
        Vec::new()
    }

    /// The vendor's message has ended cleanly without a terminal event: is that all right?
    fn end(&mut self) -> End;

    /// Bytes that have no place in the framing of a stream: what is to be told of them? Some vendors write an error
    /// there, bare.
    fn stray(&mut self, bytes: &[u8]) -> Fault {
        let _ = bytes;
        super::stray()
    }

    /// The last usage the vendor reported.
    fn usage(&self) -> Option<Usage>;

    /// Bytes of generated content seen so far, for an estimate where the vendor reports no usage.
    fn content_bytes(&self) -> u64;

    /// Tokens generated so far, rather too many than too few, for holds that grow while a stream runs.
    fn tokens_seen(&self) -> u64 {
        self.content_bytes().div_ceil(3)
    }

    /// The beginning of the generated text, at most [`crate::estimate::SAMPLE`] bytes.
    fn output_sample(&self) -> &[u8] {
        &[]
    }

    /// The answer so far, where somebody wants to know it.
    fn fold(&self) -> Option<&Fold> {
        None
    }

    /// Writes the protocol's error event, a server-sent one; in a list only its data stand.
    fn fault(&self, fault: &Fault, out: &mut BytesMut);
}

/// What an event means for the stream.
#[derive(Debug)]
pub enum Verdict {
    /// Forward it; it carries nothing generated (a role, a keep-alive, usage).
    Pass,
    /// Forward it; it carries something generated.
    Meaningful,
    /// Keep it from the caller, who did not ask for it.
    Drop,
    /// Forward it; the stream is complete.
    Terminal,
    /// The stream has failed: an error of the vendor, or bytes that are not the protocol's.
    Broken(Fault),
}

/// How a stream without a terminal event ended.
#[derive(Debug)]
pub enum End {
    /// All was said; these bytes make it complete for a strict client.
    Complete(&'static [u8]),
    /// Something is missing.
    Truncated,
}
