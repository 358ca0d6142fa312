//! The way of a stream from one protocol into another.

use crate::canonical::{Event as Canonical, Fold, Losses};
use crate::codec::{Decoder, Encoder};
use crate::fault::Fault;
use crate::sse::Event;
use crate::usage::Usage;
use bytes::BytesMut;

/// What carries a stream from the vendor's protocol into the caller's.
pub struct Bridge {
    decoder: Box<dyn Decoder>,
    encoder: Box<dyn Encoder>,
    /// The answer so far.
    fold: Fold,
}

impl Bridge {
    /// A bridge of two protocols' halves.
    pub fn new(decoder: Box<dyn Decoder>, encoder: Box<dyn Encoder>) -> Self {
        Self { decoder, encoder, fold: Fold::default() }
    }

    pub(super) fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) -> Result<(), Fault> {
        if event.is_keep_alive() {
            self.encoder.keep_alive(out);
            return Ok(());
        }
        let Self { decoder, encoder, fold } = self;
        decoder.event(event, &mut |event: Canonical<'_>| {
            fold.take(&event);
            encoder.event(&event, out);
        })
    }

    pub(super) fn finish(&mut self, usage: Option<&Usage>, out: &mut BytesMut) {
        let Self { decoder, encoder, fold } = self;
        decoder.end(&mut |event: Canonical<'_>| {
            fold.take(&event);
            encoder.event(&event, out);
        });
        encoder.finish(usage, out);
    }

    /// Writes the error event of the caller's protocol.
    pub(super) fn fault(&mut self, fault: &Fault, out: &mut BytesMut) {
        self.encoder.fault(fault, out);
    }

    /// What of the answer the caller's protocol had no word for so far.
    pub(super) fn losses(&self) -> &Losses {
        self.encoder.losses()
    }

    /// The answer so far.
    pub(super) fn fold(&self) -> &Fold {
        &self.fold
    }
}
