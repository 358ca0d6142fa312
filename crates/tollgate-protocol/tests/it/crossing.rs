//! Carrying requests, answers and streams from one protocol into another.

use bytes::{Bytes, BytesMut};
use tollgate_protocol::canonical::{Answer, Capabilities, Event, Fold, Law, Losses, Request};
use tollgate_protocol::codec::{AnswerHead, InPath, Protocol, Target};
use tollgate_protocol::fault::Fault;
use tollgate_protocol::relay::{Bridge, Relay};
use tollgate_protocol::sse::{self, Splitter};

/// What an answer says of itself; `id` may be any text.
pub(crate) fn head_of(id: &str) -> AnswerHead {
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).chain("0".repeat(24).chars()).take(24).collect();
    AnswerHead { id, created: 1_700_000_000, model: "m".to_owned(), ..AnswerHead::default() }
}

/// A request written for a model that accepts so much.
pub(crate) fn written(
    to: Protocol,
    request: &Request,
    accepts: &Capabilities,
    losses: &mut Losses,
) -> Result<Bytes, Fault> {
    let codec = to.codec();
    codec.write_request(request, &Target { model: "m", accepts, strict: false }, codec, losses)
}

/// A written request, read by its own protocol.
pub(crate) fn read_again(protocol: Protocol, body: &[u8]) -> Request {
    let path = InPath { model: Some("m".into()), ..InPath::default() };
    let read = protocol.codec().read_request(body, &path, &mut Losses::default());
    read.unwrap_or_else(|fault| panic!("{fault} in {}", String::from_utf8_lossy(body)))
}

/// A recorded stream as a whole answer. Fails the test where the decoder breaks the law.
pub(crate) fn folded(from: Protocol, stream: &str) -> Result<Answer, Fault> {
    let codec = from.codec();
    let (mut watch, mut decoder) = (codec.watch(false), codec.decoder());
    let (mut law, mut fold) = (Law::default(), Fold::default());
    let mut sink = |event: Event<'_>| {
        law.check(&event).unwrap_or_else(|error| panic!("{error}: {event:?}"));
        fold.take(&event);
    };
    let (mut rest, mut splitter) = (stream.as_bytes(), Splitter::default());
    let padded = [stream.as_bytes(), b"\n\n"].concat();
    if splitter.event_end(rest, true).is_none() || !stream.ends_with("\n\n") {
        rest = &padded;
    }
    splitter = Splitter::default();
    while let Some(end) = splitter.event_end(rest, true) {
        let event = sse::Event::read(&rest[..end]);
        rest = &rest[end..];
        match watch.event(&event) {
            tollgate_protocol::relay::Verdict::Broken(fault) => return Err(fault),
            tollgate_protocol::relay::Verdict::Terminal => {
                decoder.event(&event, &mut sink)?;
                break;
            }
            _ => decoder.event(&event, &mut sink)?,
        }
    }
    decoder.end(&mut sink);
    assert!(law.is_finished());
    let mut answer = fold.answer();
    answer.usage = watch.usage();
    Ok(answer)
}

/// A recorded stream as the caller of another protocol reads it, and what was lost.
pub(crate) fn crossed(
    from: Protocol,
    to: Protocol,
    stream: &str,
    id: &str,
    request: &Request,
) -> Result<(String, Losses), Fault> {
    let (vendor, caller) = (from.codec(), to.codec());
    let bridge = Bridge::new(vendor.decoder(), caller.encoder(&head_of(id), request));
    let mut relay = Relay::crossing(vendor.watch(false), bridge);
    let mut out = BytesMut::new();
    let mut pushed = relay.push(stream.as_bytes(), &mut out);
    if !pushed.over() {
        pushed = relay.end(&mut out);
    }
    match pushed.fault {
        Some(fault) => Err(fault),
        None => Ok((String::from_utf8(out.to_vec()).unwrap(), relay.losses().cloned().unwrap_or_default())),
    }
}
