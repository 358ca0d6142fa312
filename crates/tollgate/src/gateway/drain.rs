//! Streams whose caller has left, at vendors that bill them to the end: read on for their usage.

use super::meter::Meter;
use crate::ledger::Flags;
use crate::outcome::Outcome;
use crate::upstream::{Piece, Source};
use bytes::BytesMut;
use std::future::poll_fn;
use std::time::Duration;
use tollgate_protocol::relay::{Pushed, Relay};

/// Longest reading on.
const LIMIT: Duration = Duration::from_secs(30);
/// Most output tokens that are read on for.
const MOST: u64 = 2_000;

/// Reads on in the background; the meter settles when the usage is there or a limit is reached.
pub(super) fn begin(mut relay: Relay, mut source: Source, mut meter: Meter) {
    meter.flag(Flags::DRAINED);
    let from = relay.tokens_seen();
    let work = async move {
        let reading = async {
            let mut out = BytesMut::new();
            let mut pushed = Pushed::default();
            while !pushed.over() && relay.tokens_seen() < from + MOST {
                let read = poll_fn(|cx| {
                    source.poll_read(cx, &mut |piece: Piece<'_>| {
                        if !pushed.over() {
                            pushed = relay.push(piece.as_slice(), &mut out);
                        }
                    })
                });
                if !matches!(read.await, Ok(true)) {
                    break;
                }
                out.clear();
            }
        };
        // Whatever came until then counts.
        let _ = tokio::time::timeout(LIMIT, reading).await;
        meter.note(|record| {
            record.usage = relay.usage();
            record.content_bytes = relay.content_bytes();
        });
        meter.settle(Outcome::ClientLeft);
    };
    // While a worker ends there is nobody to run this; the meter then settles by what is known.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(work);
    }
}
