//! What translating costs beside passing, without sockets: for each vendor's protocol and each that a caller speaks.
//!
//! The answers are those of the upstream, brought into the vendor's protocol by the code under test. Passing is what
//! a gateway does with an answer that it does not change: it checks it and reads its usage. All figures are CPU time
//! of this thread, which other work on the machine hardly moves, and all pairs take turns.

use crate::args::{Args, Failure};
use crate::clock;
use crate::sample;
use bytes::{Bytes, BytesMut};
use serde_json::json;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::Duration;
use tollgate_protocol::canonical::{Capabilities, Losses, Request};
use tollgate_protocol::codec::{AnswerHead, Codec, InPath, Protocol, Target};
use tollgate_protocol::fault::Fault;
use tollgate_protocol::relay::{Bridge, Pushed, Relay};
use tollgate_protocol::splice;

/// Chunks of the stream.
const CHUNKS: u32 = 200;
/// Bytes of a stream that come in one read.
const PIECE: usize = 16 * 1024;
const MODEL: &str = "bench-chat";

/// Measures all pairs, or those that are chosen, and prints a JSON object for each.
pub(crate) fn run(mut args: Args) -> Result<(), Failure> {
    let rounds: usize = args.take("rounds")?.unwrap_or(15);
    let times: u32 = args.take("times")?.unwrap_or(20);
    let (vendor, caller): (Option<String>, Option<String>) = (args.take("vendor")?, args.take("caller")?);
    args.finish()?;
    let chosen = |name: &Option<String>| {
        let name = name.clone();
        Protocol::ALL.into_iter().filter(move |p| name.as_deref().is_none_or(|name| name == p.name()))
    };
    let mut pairs = Vec::new();
    for vendor in chosen(&vendor) {
        for caller in chosen(&caller) {
            let pair = Pair::new(vendor, caller).map_err(|fault| io::Error::other(fault.message))?;
            pairs.push((pair, [(); 3].map(|()| Vec::new())));
        }
    }
    for _ in 0..rounds.clamp(1, 1_000) {
        for (pair, [request, answer, chunk]) in &mut pairs {
            request.push(timed(times * 20, || pair.request()));
            answer.push(timed(times * 20, || pair.answer()));
            chunk.push(timed(times, || pair.stream()) / f64::from(CHUNKS));
        }
    }
    let mut out = io::stdout().lock();
    for (pair, [request, answer, chunk]) in &mut pairs {
        let (vendor, caller) = (pair.vendor.name(), pair.caller.name());
        let (request, answer, chunk) = (median(request), median(answer), median(chunk));
        let row =
            json!({"vendor": vendor, "caller": caller, "request_ns": request, "answer_ns": answer, "chunk_ns": chunk});
        writeln!(out, "{row}")?;
    }
    Ok(())
}

/// CPU time of one call in nanoseconds.
fn timed<T>(times: u32, call: impl Fn() -> T) -> f64 {
    let begin = clock::own_cpu();
    for _ in 0..times {
        black_box(call());
    }
    Duration::from_nanos(clock::own_cpu() - begin).as_secs_f64() * 1e9 / f64::from(times.max(1))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default().round()
}

/// A vendor and a caller, with what passes between them.
struct Pair {
    vendor: Protocol,
    caller: Protocol,
    /// What the caller sends, and what it says.
    asked: Bytes,
    request: Request,
    head: AnswerHead,
    /// What the vendor answers, whole and streamed.
    answer: Bytes,
    stream: Bytes,
}

impl Pair {
    fn new(vendor: Protocol, caller: Protocol) -> Result<Self, Fault> {
        let chat = Protocol::Chat.codec();
        let head = AnswerHead { id: "0".repeat(24), model: MODEL.to_owned(), ..AnswerHead::default() };
        let plain = sample::chat_request(MODEL, None);
        let request = chat.read_request(plain.as_bytes(), &PATH, &mut Losses::default())?;
        let asked = match caller {
            Protocol::Chat => plain.into(),
            other => written(other.codec(), &request, chat)?,
        };
        let answer = Bytes::from(sample::chat_answer());
        let stream = Bytes::from(streamed());
        let (answer, stream) = if vendor == Protocol::Chat {
            (answer, stream)
        } else {
            let bridge = Bridge::new(chat.decoder(), vendor.codec().encoder(&head, &request));
            let read = chat.read_answer(&answer)?;
            let relay = Relay::crossing(chat.watch(false), bridge);
            (vendor.codec().write_answer(&read, &head, &request, &mut Losses::default()), relayed(relay, &stream)?)
        };
        Ok(Self { vendor, caller, asked, request, head, answer, stream })
    }

    fn crosses(&self) -> bool {
        self.vendor != self.caller
    }

    /// The caller's request on its way.
    fn request(&self) -> Result<Bytes, Fault> {
        let caller = self.caller.codec();
        let head = caller.head(&self.asked, &PATH)?;
        if self.crosses() {
            let request = caller.read_request(&self.asked, &PATH, &mut Losses::default())?;
            return written(self.vendor.codec(), &request, caller);
        }
        Ok(splice::apply(&self.asked, &head.edits("gpt-5-mini", false)))
    }

    /// The whole answer on its way.
    fn answer(&self) -> Result<Bytes, Fault> {
        let (vendor, caller) = (self.vendor.codec(), self.caller.codec());
        black_box(vendor.check_answer(&self.answer)?);
        if !self.crosses() {
            return Ok(self.answer.clone());
        }
        let answer = vendor.read_answer(&self.answer)?;
        Ok(caller.write_answer(&answer, &self.head, &self.request, &mut Losses::default()))
    }

    /// The streamed answer on its way.
    fn stream(&self) -> Result<Bytes, Fault> {
        let (vendor, caller) = (self.vendor.codec(), self.caller.codec());
        let watch = vendor.watch(false);
        let relay = if self.crosses() {
            Relay::crossing(watch, Bridge::new(vendor.decoder(), caller.encoder(&self.head, &self.request)))
        } else {
            Relay::new(watch)
        };
        relayed(relay, &self.stream)
    }
}

/// What Gemini's protocol has in its path; the others have it in the body.
const PATH: InPath<'static> = InPath { model: Some(std::borrow::Cow::Borrowed(MODEL)), stream: false, array: false };

fn written(vendor: &dyn Codec, request: &Request, names: &dyn Codec) -> Result<Bytes, Fault> {
    let accepts = Capabilities::default();
    let target = Target { model: "gpt-5-mini", accepts: &accepts, strict: false };
    vendor.write_request(request, &target, names, &mut Losses::default())
}

/// The upstream's stream.
fn streamed() -> String {
    let mut stream = String::new();
    sample::stream_start(&mut stream);
    for index in 0..CHUNKS {
        sample::stream_chunk(&mut stream, index, 0);
    }
    sample::stream_end(&mut stream);
    stream
}

/// A stream as the caller gets it.
fn relayed(mut relay: Relay, stream: &[u8]) -> Result<Bytes, Fault> {
    let mut all = BytesMut::with_capacity(stream.len());
    let mut pushed = Pushed::default();
    for piece in stream.chunks(PIECE) {
        pushed = relay.push(piece, &mut all);
        if pushed.over() {
            break;
        }
    }
    if !pushed.over() {
        pushed = relay.end(&mut all);
    }
    if let Some(fault) = pushed.fault {
        return Err(fault);
    }
    Ok(all.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::stamp;

    #[test]
    fn every_pair_carries_everything() {
        for vendor in Protocol::ALL {
            for caller in Protocol::ALL {
                let pair = Pair::new(vendor, caller).unwrap();
                let request = String::from_utf8(pair.request().unwrap().to_vec()).unwrap();
                assert!(request.contains("old harbour"), "{request}");
                let answer = String::from_utf8(pair.answer().unwrap().to_vec()).unwrap();
                assert!(answer.contains(sample::CHAT_TEXT), "{answer}");
                let stream = pair.stream().unwrap();
                let marks = stream.windows(stamp::LEN).filter(|bytes| stamp::read(bytes).is_some());
                // Responses says the whole text again at the end, in more than one place.
                let told = marks.count() / CHUNKS as usize;
                assert!(told == 1 || caller == Protocol::Responses, "{told} times");
            }
        }
    }
}
