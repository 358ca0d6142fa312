//! One streamed answer on its way to the caller.
//!
//! Owns the rule that only whole, understood events leave: bytes of the vendor pass untouched, but an event that is
//! cut or makes no sense never reaches the caller half, so that a broken stream can still end in a valid error.
//! Protocols say what an event means ([`Watch`]); the relay alone decides what is forwarded. Where caller and vendor
//! speak different protocols the same watch judges and meters, and what it lets pass goes through a [`Bridge`]
//! instead. No I/O, no clock.

mod bridge;
mod watch;

use crate::array::{self, PieceKind};
use crate::canonical::{Fold, Losses};
use crate::fault::Fault;
use crate::splice;
use crate::sse::{self, Event, MAX_EVENT};
use crate::usage::Usage;
use bytes::{Buf, BytesMut};

pub use bridge::Bridge;
pub use watch::{End, Verdict, Watch};

/// What came of the bytes just pushed.
#[derive(Debug, Default)]
pub struct Pushed {
    /// Something generated was among them.
    pub meaningful: bool,
    /// At least one event with data was among them (so it was no mere keep-alive).
    pub alive: bool,
    /// The stream is complete; nothing after this is forwarded.
    pub terminal: bool,
    /// The stream has failed; nothing of the failed event was forwarded.
    pub fault: Option<Fault>,
}

/// A stream between a vendor and a caller.
pub struct Relay {
    watch: Box<dyn Watch>,
    framing: Framing,
    partial: BytesMut,
    /// `None` where both speak the same protocol.
    bridge: Option<Box<Bridge>>,
}

/// How the vendor's events are told apart.
enum Framing {
    /// Server-sent events.
    Events(sse::Splitter),
    /// The elements of one JSON list. `open`: its beginning is on its way to the caller.
    List { splitter: array::Splitter, open: bool },
}

impl Relay {
    /// A relay of server-sent events that asks `watch` about each.
    pub fn new(watch: Box<dyn Watch>) -> Self {
        let framing = Framing::Events(sse::Splitter::default());
        Self { watch, framing, partial: BytesMut::new(), bridge: None }
    }

    /// A relay of one JSON list that asks `watch` about each element, as about the data of an event. The list ends
    /// where its vendor's message ends, and no verdict makes it end before or leave an element out.
    pub fn list(watch: Box<dyn Watch>) -> Self {
        let framing = Framing::List { splitter: array::Splitter::default(), open: false };
        Self { framing, ..Self::new(watch) }
    }

    /// A relay into another protocol. `watch` is the vendor side's.
    pub fn crossing(watch: Box<dyn Watch>, bridge: Bridge) -> Self {
        Self { bridge: Some(Box::new(bridge)), ..Self::new(watch) }
    }

    /// What of the answer the caller's protocol had no word for so far.
    pub fn losses(&self) -> Option<&Losses> {
        self.bridge.as_ref().map(|bridge| bridge.losses())
    }

    /// The answer so far, where it crosses or is tapped.
    pub fn fold(&self) -> Option<&Fold> {
        self.bridge.as_ref().map(|bridge| bridge.fold()).or_else(|| self.watch.fold())
    }

    /// Takes bytes of the vendor, cut anywhere, and appends to `out` what may go to the caller now.
    pub fn push(&mut self, bytes: &[u8], out: &mut BytesMut) -> Pushed {
        let mut pushed = Pushed::default();
        if self.partial.is_empty() {
            let used = self.forward(bytes, false, out, &mut pushed);
            if !pushed.over() {
                self.partial.extend_from_slice(bytes.get(used..).unwrap_or_default());
            }
        } else {
            let mut held = std::mem::take(&mut self.partial);
            if held.len() >= MAX_EVENT / 2 && held.capacity() - held.len() < bytes.len() {
                // Grown once more by doubling it would take twice what an event may.
                let mut roomy = BytesMut::with_capacity(MAX_EVENT + MAX_EVENT / 8 + bytes.len());
                roomy.extend_from_slice(&held);
                held = roomy;
            }
            held.extend_from_slice(bytes);
            let used = self.forward(&held, false, out, &mut pushed);
            if !pushed.over() && used < held.len() {
                held.advance(used);
                self.partial = held;
            }
        }
        if self.partial.len() > MAX_EVENT && pushed.fault.is_none() {
            self.partial = BytesMut::new();
            pushed.fault =
                Some(Fault::broken("upstream_event_too_large", "The provider sent an event that is too large."));
        }
        pushed
    }

    /// The vendor's message has ended cleanly. Takes a last event without its blank line too.
    pub fn end(&mut self, out: &mut BytesMut) -> Pushed {
        let mut pushed = Pushed::default();
        let mut held = std::mem::take(&mut self.partial);
        if let Framing::Events(splitter) = &mut self.framing {
            *splitter = sse::Splitter::default();
            complete_last(&mut held, self.bridge.is_none().then_some(&mut *out));
        }
        self.forward(&held, true, out, &mut pushed);
        if pushed.over() {
            return pushed;
        }
        match (&self.framing, self.watch.end()) {
            (Framing::Events(_), End::Complete(rest)) => {
                match &mut self.bridge {
                    Some(bridge) => bridge.finish(self.watch.usage().as_ref(), out),
                    None => out.extend_from_slice(rest),
                }
                pushed.terminal = true;
            }
            // A list that is not closed lacks something, whatever was said before.
            (Framing::List { .. }, _) | (_, End::Truncated) => pushed.fault = Some(truncated()),
        }
        pushed
    }

    /// Writes the error event of the caller's protocol, on a fresh line whatever was sent before; nothing may follow
    /// it. In a list it is the last element, and the list is well formed.
    pub fn fault(&mut self, fault: &Fault, out: &mut BytesMut) {
        if let Some(bridge) = &mut self.bridge {
            bridge.fault(fault, out);
            return;
        }
        let Framing::List { open, .. } = self.framing else {
            self.watch.fault(fault, out);
            return;
        };
        let mut event = BytesMut::new();
        self.watch.fault(fault, &mut event);
        out.extend_from_slice(if open { b",\n" } else { b"[" });
        out.extend_from_slice(&Event::read(&event).data.unwrap_or_default());
        out.extend_from_slice(b"\n]");
    }

    /// The last usage the vendor reported.
    pub fn usage(&self) -> Option<Usage> {
        self.watch.usage()
    }

    /// Bytes of generated content seen so far.
    pub fn content_bytes(&self) -> u64 {
        self.watch.content_bytes()
    }

    /// Tokens generated so far, rather too many than too few.
    pub fn tokens_seen(&self) -> u64 {
        self.watch.tokens_seen()
    }

    /// The beginning of the generated text.
    pub fn output_sample(&self) -> &[u8] {
        self.watch.output_sample()
    }

    /// Forwards what is whole of `bytes` and returns how many bytes that is.
    fn forward(&mut self, bytes: &[u8], ended: bool, out: &mut BytesMut, pushed: &mut Pushed) -> usize {
        match self.framing {
            Framing::Events(_) => self.events(bytes, ended, out, pushed),
            Framing::List { .. } => self.elements(bytes, ended, out, pushed),
        }
    }

    /// What an event means; where the stream crosses, what it says is written.
    fn judge(&mut self, event: &Event<'_>, out: &mut BytesMut) -> Verdict {
        let verdict = self.watch.event(event);
        let Some(bridge) = &mut self.bridge else { return verdict };
        let crossed = match &verdict {
            Verdict::Broken(_) => Ok(()),
            Verdict::Pass | Verdict::Meaningful | Verdict::Drop | Verdict::Terminal => bridge.event(event, out),
        };
        if let Err(fault) = crossed {
            return Verdict::Broken(fault);
        }
        if matches!(verdict, Verdict::Terminal) {
            bridge.finish(self.watch.usage().as_ref(), out);
        }
        verdict
    }

    /// Forwards the whole events of `bytes` and returns how many bytes they are.
    fn events(&mut self, bytes: &[u8], ended: bool, out: &mut BytesMut, pushed: &mut Pushed) -> usize {
        let mut used = 0;
        let mut kept = 0; // bytes before this are in `out` or dropped
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let Framing::Events(splitter) = &mut self.framing else { break };
            let Some(length) = splitter.event_end(rest, ended) else { break };
            let event = Event::read(rest.get(..length).unwrap_or_default());
            pushed.alive |= event.data.is_some();
            let verdict =
                if event.stray { Verdict::Broken(self.watch.stray(event.raw)) } else { self.judge(&event, out) };
            if self.bridge.is_some() {
                kept = used + length;
            }
            match verdict {
                Verdict::Pass => {}
                Verdict::Meaningful => pushed.meaningful = true,
                Verdict::Terminal => pushed.terminal = true,
                Verdict::Drop | Verdict::Broken(_) => {
                    if kept < used {
                        out.extend_from_slice(bytes.get(kept..used).unwrap_or_default());
                    }
                    kept = used + length;
                    if let Verdict::Broken(fault) = verdict {
                        pushed.fault = Some(fault);
                        return kept;
                    }
                }
            }
            if kept <= used {
                let edits = self.watch.edits(&event);
                if !edits.is_empty() {
                    out.extend_from_slice(bytes.get(kept..used).unwrap_or_default());
                    splice::write(event.raw, &edits, out);
                    kept = used + length;
                }
            }
            used += length;
            if pushed.terminal {
                break;
            }
        }
        if kept < used {
            out.extend_from_slice(bytes.get(kept..used).unwrap_or_default());
        }
        used
    }

    /// Forwards the whole elements of `bytes` with what separates them, and returns how many bytes they are. The end
    /// of the list waits for the end of the message, and leaves only if the watch finds the answer complete.
    fn elements(&mut self, bytes: &[u8], ended: bool, out: &mut BytesMut, pushed: &mut Pushed) -> usize {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let Framing::List { splitter, .. } = &mut self.framing else { break };
            let Some(piece) = splitter.piece(rest, ended) else { break };
            let raw = rest.get(..piece.length).unwrap_or_default();
            let mut edits = Vec::new();
            match piece.kind {
                PieceKind::Element(place) => {
                    pushed.alive = true;
                    let data = rest.get(place).unwrap_or_default();
                    let event = Event { raw, name: None, data: Some(data.into()), stray: false };
                    match self.judge(&event, out) {
                        Verdict::Meaningful => pushed.meaningful = true,
                        Verdict::Broken(fault) => pushed.fault = Some(fault),
                        Verdict::Pass | Verdict::Drop | Verdict::Terminal => {}
                    }
                    edits = self.watch.edits(&event);
                }
                PieceKind::Close => match self.watch.end() {
                    // The list itself says that it is complete.
                    End::Complete(_) => {
                        pushed.terminal = true;
                        if let Some(bridge) = &mut self.bridge {
                            bridge.finish(self.watch.usage().as_ref(), out);
                        }
                    }
                    End::Truncated => pushed.fault = Some(truncated()),
                },
                PieceKind::Stray(place) => {
                    pushed.fault = Some(self.watch.stray(rest.get(place).unwrap_or_default()));
                }
            }
            if pushed.fault.is_some() {
                break;
            }
            if let (None, Framing::List { open, .. }) = (&self.bridge, &mut self.framing) {
                *open = true;
                splice::write(raw, &edits, out);
            }
            used += piece.length;
            if pushed.terminal {
                break;
            }
        }
        used
    }
}

/// Completes a last event: some servers leave out its blank line, or even its line end, and a client would throw such
/// an event away. Blank bytes go to `out`, if there is one.
fn complete_last(held: &mut BytesMut, out: Option<&mut BytesMut>) {
    if held.iter().any(|b| !b.is_ascii_whitespace()) {
        let close: &[u8] = if held.ends_with(b"\n") || held.ends_with(b"\n\r") { b"\n" } else { b"\n\n" };
        held.extend_from_slice(close);
        let event = Event::read(held);
        let says_nothing = !event.stray && event.data.is_none_or(|data| data.trim_ascii().is_empty());
        if says_nothing || held.starts_with(b":") {
            // A comment, an empty field or a name without data, cut short: a client might stumble over it. Anything
            // else is judged like every event, and a broken one ends the stream as broken.
            held.clear();
        }
    } else {
        if let Some(out) = out {
            out.extend_from_slice(held);
        }
        held.clear();
    }
}

fn truncated() -> Fault {
    Fault::broken("upstream_truncated", "The provider ended its stream before the answer was complete.")
}

fn stray() -> Fault {
    Fault::broken("upstream_invalid_stream", "The provider sent something that is not part of its stream.")
}

impl Pushed {
    /// Whether nothing more will be forwarded.
    pub fn over(&self) -> bool {
        self.terminal || self.fault.is_some()
    }
}
