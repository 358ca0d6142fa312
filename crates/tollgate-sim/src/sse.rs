//! Streamed bodies: a vendor's frames, with waits between them and the faults a caller asked for.
//!
//! Counts content frames and knows nothing of what is in them; the vendor's part is the `Frames` trait.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::{
    faults,
    script::{Script, Step},
    steer::{FOREVER, Garbage, Steer},
};

/// What a frame is for, as far as faults and waits must tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Neither content nor what follows all of it: openings, marks between two pieces of content.
    Between,
    /// A piece of the output; what `…-after` counts and `chunk-ms` spaces.
    Content,
    /// After all content.
    Closing,
    /// The vendor's end mark, which `no-done` leaves out.
    Done,
}

/// A vendor's stream, a frame at a time, with `\n` line ends.
pub(crate) trait Frames: Send {
    /// Appends the next frame, blank line included; none at the end.
    fn frame(&mut self, out: &mut BytesMut) -> Option<Kind>;

    /// The kind of the next frame.
    fn peek(&self) -> Option<Kind>;

    /// Output tokens in the frames so far.
    fn tokens(&self) -> u64;

    /// Appends what the vendor sends when it fails at this point of the stream.
    fn error(&mut self, out: &mut BytesMut);

    /// What stands before the JSON of a content frame.
    fn lead(&self) -> &'static str {
        "data: "
    }

    /// The vendor ends its lines with CRLF.
    fn crlf(&self) -> bool {
        false
    }

    /// A frame that keeps the connection open and says nothing.
    fn beat(&self) -> &'static str {
        ": keep-alive\n\n"
    }
}

/// A fault that strikes after some content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Cut { inside_chunk: bool },
    Stall,
    Garbage(Garbage),
    Error,
}

/// A stream as a script.
pub(crate) struct Stream<F> {
    frames: F,
    buffer: BytesMut,
    content: u64,
    gap: Duration,
    waited: bool,
    keep_alives: Option<u64>,
    beat: Option<Duration>,
    beat_due: bool,
    fault: Option<(u64, Fault)>,
    no_done: bool,
    crlf: bool,
    over: bool,
}

impl<F: Frames> Stream<F> {
    pub(crate) fn new(steer: &Steer, frames: F) -> Self {
        let inside_chunk = steer.cut_chunk;
        let cut = steer.cut_after.or(inside_chunk.then_some(1));
        let faults = [
            cut.map(|after| (after, Fault::Cut { inside_chunk })),
            steer.stall_after.map(|after| (after, Fault::Stall)),
            steer.garbage_after.map(|after| (after, Fault::Garbage(steer.garbage))),
            steer.error_after.map(|after| (after, Fault::Error)),
        ];
        let endless = steer.keep_alives == Some(FOREVER);
        Self {
            buffer: BytesMut::with_capacity(4096),
            content: 0,
            gap: steer.chunk_gap,
            waited: false,
            keep_alives: steer.keep_alives,
            beat: if endless { Some(steer.beat()) } else { steer.keep_alive_gap },
            beat_due: false,
            // The earliest strikes; of two at the same place the first named above.
            fault: faults.into_iter().flatten().min_by_key(|(after, _)| *after),
            no_done: steer.no_done,
            crlf: steer.crlf || frames.crlf(),
            over: false,
            frames,
        }
    }

    /// The fault that is due now: its count is reached, or the content ends before it.
    fn due(&mut self) -> Option<Fault> {
        let (after, _) = self.fault.as_ref()?;
        let late = matches!(self.frames.peek(), None | Some(Kind::Closing | Kind::Done));
        if self.content >= *after || late { self.fault.take().map(|(_, fault)| fault) } else { None }
    }

    fn strike(&mut self, fault: Fault) -> Step {
        self.over = !matches!(fault, Fault::Garbage(_));
        match fault {
            Fault::Cut { inside_chunk: false } => Step::Cut(Bytes::new()),
            Fault::Cut { inside_chunk: true } => {
                self.buffer.clear();
                self.frames.frame(&mut self.buffer);
                let half = self.buffer.len() / 2;
                self.buffer.truncate(half);
                Step::Cut(self.taken())
            }
            Fault::Stall => Step::Stall,
            Fault::Error => {
                self.frames.error(&mut self.buffer);
                Step::Bytes(self.taken())
            }
            Fault::Garbage(Garbage::Wire) => {
                self.over = true;
                Step::Raw(Bytes::from_static(faults::WIRE))
            }
            // The stream goes on after these: ignoring them must not look like success.
            Fault::Garbage(Garbage::Html) => self.garbage(faults::HTML, b"<html>502 Bad Gateway</html>"),
            Fault::Garbage(Garbage::Json) => self.garbage("", b"{\"id\":\"broken\",\"choices\":[{"),
            Fault::Garbage(Garbage::Binary) => self.garbage("", b"\xff\xfe\x00\xc3\x28\x1f\x8b\x08 \xa0\xa1"),
        }
    }

    /// Bytes in the place of a content frame's JSON.
    fn garbage(&mut self, before: &str, bytes: &[u8]) -> Step {
        self.buffer.extend_from_slice(before.as_bytes());
        self.buffer.extend_from_slice(self.frames.lead().as_bytes());
        self.buffer.extend_from_slice(bytes);
        self.buffer.extend_from_slice(b"\n\n");
        Step::Bytes(self.taken())
    }

    /// The buffer's content; the allocation is shared with later frames.
    fn taken(&mut self) -> Bytes {
        if self.crlf {
            let lines: Vec<&[u8]> = self.buffer.as_ref().split(|byte| *byte == b'\n').collect();
            let bytes = lines.join(&b"\r\n"[..]);
            self.buffer.clear();
            return Bytes::from(bytes);
        }
        self.buffer.split().freeze()
    }

    fn keep_alive(&mut self) -> Option<Step> {
        let left = self.keep_alives.filter(|left| *left > 0)?;
        if std::mem::take(&mut self.beat_due)
            && let Some(beat) = self.beat
        {
            return Some(Step::Wait(beat));
        }
        self.beat_due = true;
        self.keep_alives = Some(if left == FOREVER { left } else { left - 1 });
        self.buffer.extend_from_slice(self.frames.beat().as_bytes());
        Some(Step::Bytes(self.taken()))
    }
}

impl<F: Frames> Script for Stream<F> {
    fn step(&mut self) -> Option<Step> {
        if self.over {
            return None;
        }
        if let Some(step) = self.keep_alive() {
            return Some(step);
        }
        if let Some(fault) = self.due() {
            return Some(self.strike(fault));
        }
        let next = self.frames.peek()?;
        if next == Kind::Done && self.no_done {
            self.over = true;
            return None;
        }
        if next == Kind::Content && self.content > 0 && self.gap > Duration::ZERO && !self.waited {
            self.waited = true;
            return Some(Step::Wait(self.gap));
        }
        self.waited = false;
        if self.frames.frame(&mut self.buffer)? == Kind::Content {
            self.content += 1;
        }
        Some(Step::Bytes(self.taken()))
    }

    fn tokens(&self) -> u64 {
        self.frames.tokens()
    }
}
