//! Reading a stream that passes untouched.
//!
//! Where something of an answer must be known later, its content is read beside its passing. The watch that judges the
//! stream is asked first and last; what the tap reads changes nothing of what the caller gets.

use crate::canonical::{Event as Canonical, Fold};
use crate::codec::Decoder;
use crate::fault::Fault;
use crate::relay::{End, Verdict, Watch};
use crate::splice::Splice;
use crate::sse::Event;
use crate::usage::Usage;
use bytes::BytesMut;

/// A watch that also puts the answer together.
pub struct Tap {
    watch: Box<dyn Watch>,
    /// `None` once something could not be read: from then on nothing is known.
    decoder: Option<Box<dyn Decoder>>,
    fold: Fold,
}

impl Tap {
    /// Reads by `decoder` what `watch` lets pass.
    pub fn new(watch: Box<dyn Watch>, decoder: Box<dyn Decoder>) -> Self {
        Self { watch, decoder: Some(decoder), fold: Fold::default() }
    }

    fn finish(&mut self) {
        let fold = &mut self.fold;
        if let Some(mut decoder) = self.decoder.take() {
            decoder.end(&mut |event: Canonical<'_>| fold.take(&event));
        }
    }
}

impl Watch for Tap {
    fn event(&mut self, event: &Event<'_>) -> Verdict {
        let verdict = self.watch.event(event);
        if matches!(verdict, Verdict::Broken(_)) {
            return verdict;
        }
        let fold = &mut self.fold;
        if let Some(decoder) = &mut self.decoder
            && decoder.event(event, &mut |event: Canonical<'_>| fold.take(&event)).is_err()
        {
            self.decoder = None;
            self.fold = Fold::default();
        }
        if matches!(verdict, Verdict::Terminal) {
            self.finish();
        }
        verdict
    }

    fn end(&mut self) -> End {
        let end = self.watch.end();
        if matches!(end, End::Complete(_)) {
            self.finish();
        }
        end
    }

    fn edits(&mut self, event: &Event<'_>) -> Vec<Splice> {
        self.watch.edits(event)
    }

    fn stray(&mut self, raw: &[u8]) -> Fault {
        self.watch.stray(raw)
    }

    fn usage(&self) -> Option<Usage> {
        self.watch.usage()
    }

    fn content_bytes(&self) -> u64 {
        self.watch.content_bytes()
    }

    fn tokens_seen(&self) -> u64 {
        self.watch.tokens_seen()
    }

    fn output_sample(&self) -> &[u8] {
        self.watch.output_sample()
    }

    fn fold(&self) -> Option<&Fold> {
        Some(&self.fold)
    }

    fn fault(&self, fault: &Fault, out: &mut BytesMut) {
        self.watch.fault(fault, out);
    }
}
