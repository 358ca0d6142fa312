//! From a vendor's head to an answer that may be delivered: the first meaningful frame of a stream, or a whole
//! answer that has been checked.

use super::crossing::{Return, TRANSLATION};
use super::failure::{Failure, Next, Stopped};
use super::meter::Meter;
use super::read::{Failed, MAX_CHECKED, MAX_CROSSED, MAX_HELD, Whole, broken, cut, peek, whole};
use super::recall::Keeper;
use super::state::Filing;
use super::timer::Timer;
use super::wait::{Watch, raced};
use super::{Route, headers};
use crate::lines::Lines;
use crate::upstream::{Piece, Reply, Source};
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, StatusCode, header};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;
use tollgate_protocol::audio::{self, TranscriptWatch};
use tollgate_protocol::canonical::Losses;
use tollgate_protocol::chat;
use tollgate_protocol::codec::Protocol;
use tollgate_protocol::embeddings;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::gemini;
use tollgate_protocol::relay::{self, Pushed, Relay};
use tollgate_protocol::tap::Tap;
use tollgate_protocol::usage::Usage;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// An answer that may be delivered.
pub(super) struct Opened {
    pub(super) status: StatusCode,
    pub(super) headers: Lines,
    pub(super) body: OpenedBody,
}

/// How much of it is there.
#[allow(clippy::large_enum_variant, reason = "one for each request, and moved once")]
pub(super) enum OpenedBody {
    /// All of it, checked; `began` is when it was complete.
    Whole {
        body: Bytes,
        usage: Option<Usage>,
        /// Bytes of generated content, counted where there is no usage.
        content: u64,
        began: Instant,
        /// `None` where no vendor was asked.
        timer: Option<Timer>,
    },
    /// The beginning: too large to be checked whole.
    Large(Box<Large>),
    /// A stream of which something meaningful has come, and when.
    Stream(Box<Primed>, Instant),
}

impl OpenedBody {
    /// An answer of the gateway's own.
    pub(super) fn own(body: Bytes) -> Self {
        Self::Whole { body, usage: None, content: 0, began: Instant::now(), timer: None }
    }
}

/// The beginning of a large answer and the source of its rest.
pub(super) struct Large {
    pub(super) start: BytesMut,
    pub(super) source: Source,
    pub(super) length: Option<u64>,
    pub(super) kind: Passing,
    pub(super) timer: Timer,
}

/// What a large answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passing {
    /// JSON whose usage counts tokens.
    Json,
    /// JSON of vectors as Google writes it.
    Vectors,
    /// JSON of a transcript, whose usage may count seconds.
    Transcript,
    /// A transcript as text.
    Text,
}

/// A stream that has begun.
pub(super) struct Primed {
    pub(super) relay: Relay,
    /// `None` once the vendor's message has ended.
    pub(super) source: Option<Source>,
    /// What the caller gets first.
    pub(super) held: BytesMut,
    /// It is complete already.
    pub(super) complete: bool,
    /// It has failed already, after its first meaningful event.
    pub(super) fault: Option<Fault>,
    /// The account's, which an error must not tell.
    pub(super) secret: Option<Box<str>>,
    /// Whether it is read on when the caller leaves.
    pub(super) drains: bool,
    /// Where reasoning goes that must come back.
    pub(super) keeper: Option<Keeper>,
    /// Where the answer is kept.
    pub(super) filing: Option<Box<Filing>>,
    pub(super) timer: Timer,
}

/// What was asked, as far as its answer depends on it.
pub(super) struct Exchange {
    pub(super) route: Route,
    /// The protocol that the vendor was asked in.
    pub(super) wire: Protocol,
    pub(super) stream: bool,
    /// The vendor's stream is to be one JSON list.
    pub(super) array: bool,
    pub(super) hide_usage: bool,
    /// Where the thoughts of an answer go that passes untouched and must be told again.
    pub(super) keeper: Option<Keeper>,
    /// Where the answer is kept.
    pub(super) filing: Option<Box<Filing>>,
    /// The way back into the caller's protocol, where that is another.
    pub(super) back: Option<Return>,
}

/// Opens a successful answer. The outer error ends the request.
pub(super) async fn open(
    reply: Reply,
    exchange: Exchange,
    mut timer: Timer,
    caller: &mut Watch<'_>,
    meter: &mut Meter,
) -> Result<Result<Opened, Failure>, Stopped> {
    let Exchange { route, wire, stream, array, hide_usage, keeper, mut filing, back } = exchange;
    let Reply { status, headers: vendor, body: source } = reply;
    if vendor.get(&header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Ok(Err(broken(Fault::broken(
            "upstream_invalid_answer",
            "The provider compressed its answer, though asked not to.",
        ))));
    }
    if status != StatusCode::OK {
        return Ok(Err(broken(Fault::broken(
            "upstream_invalid_answer",
            "The provider answered with a status that this route does not have.",
        ))));
    }
    let mut headers = if back.is_some() { Lines::with_capacity(12) } else { headers::to_caller(&vendor) };
    let mut source = source;
    let mut start = BytesMut::new();
    let kind = vendor.text(&header::CONTENT_TYPE).unwrap_or_default();
    let mut events = is(kind, "text/event-stream");
    if stream && !events && !array && !route.is_form() {
        // Some servers stream without saying so in the content type.
        match peek(&mut source, &mut start, &mut timer, caller).await {
            Ok(()) => {}
            Err(Failed::Failure(failure)) => return Ok(Err(failure)),
            Err(Failed::Stopped(stopped)) => return Err(stopped),
        }
        let begins = start.trim_ascii_start();
        events = [&b"data:"[..], b"event:", b":"].iter().any(|prefix| begins.starts_with(prefix));
        if events {
            headers.set(header::CONTENT_TYPE, EVENTS);
        }
    }
    let result = if events || (array && stream) {
        if !stream && !route.is_form() {
            return Ok(Err(broken(Fault::broken(
                "upstream_invalid_answer",
                "The provider streamed, though not asked to.",
            ))));
        }
        let watch: Box<dyn relay::Watch> = match &mut filing {
            _ if route.is_form() => Box::new(TranscriptWatch::default()),
            Some(filing) if back.is_none() => filing.watch(),
            _ => wire.codec().watch(hide_usage),
        };
        let bridge = back.as_ref().and_then(|back| Some((back.stream_type(), back.bridge(wire, filing.as_deref())?)));
        let relay = match bridge {
            Some((kind, bridge)) => {
                headers.set(header::CONTENT_TYPE, HeaderValue::from_static(kind));
                Relay::crossing(watch, bridge)
            }
            None if keeper.is_some() => Relay::new(Box::new(Tap::new(watch, wire.codec().decoder()))),
            None if array => Relay::list(watch),
            None => Relay::new(watch),
        };
        let primed = prime(relay, start, source, timer, caller).await;
        primed.map(|primed| OpenedBody::Stream(Box::new(primed), Instant::now()))
    } else {
        let json = is(kind, "application/json");
        let passing = match (route.is_form(), json) {
            (false, _) if wire == Protocol::GenerateContent && route.is_vectors() => Passing::Vectors,
            (false, _) => Passing::Json,
            (true, true) => Passing::Transcript,
            (true, false) => Passing::Text,
        };
        let length = source.length();
        // What is changed on its way is held whole.
        let changed = back.is_some() || filing.is_some();
        let limit = if changed { MAX_CROSSED } else { MAX_CHECKED };
        match whole(start, source, limit, &mut timer, caller).await {
            Err(failed) => Err(failed),
            Ok(Whole::Part { start, source }) => {
                let object = start.trim_ascii_start().first() == Some(&b'{');
                if changed || !route.is_form() && (stream || !object) {
                    Err(Failed::Failure(broken(chat::not_an_answer())))
                } else {
                    Ok(OpenedBody::Large(Box::new(Large { start, source, length, kind: passing, timer })))
                }
            }
            Ok(Whole::All(body)) => {
                let began = Instant::now();
                let checked = check(route, wire, stream, json, &body).and_then(|usage| {
                    let content = match (usage, route) {
                        (None, Route::Converse(_)) => wire.codec().content_bytes(&body),
                        (None, Route::Transcriptions | Route::Translations) => body.len() as u64,
                        _ => 0,
                    };
                    let Some(back) = &back else {
                        if let Some(keeper) = &keeper
                            && let Ok(answer) = wire.codec().read_answer(&body)
                        {
                            keeper.keep_first(&answer);
                        }
                        let body = match &mut filing {
                            Some(filing) => filing.renamed(&body),
                            None => body,
                        };
                        return Ok((body, usage, content));
                    };
                    let (body, lost) = back.whole(wire, &body)?;
                    if let Some(filing) = &mut filing {
                        filing.whole(&body);
                    }
                    headers.set(header::CONTENT_TYPE, JSON);
                    meter.note(|record| record.translation = Some(told(back, &lost)));
                    Ok((body, usage, content))
                });
                match checked {
                    Ok((body, usage, content)) => {
                        Ok(OpenedBody::Whole { body, usage, content, began, timer: Some(timer) })
                    }
                    Err(fault) => Err(Failed::Failure(in_band(fault))),
                }
            }
        }
    };
    if let Some(back) = &back {
        meter.note(|record| {
            record.translation.get_or_insert_with(|| back.lost.clone());
        });
        if let Ok(value) = HeaderValue::from_str(&back.lost) {
            headers.set(TRANSLATION, value);
        }
    }
    let mut result = result;
    if let Ok(OpenedBody::Stream(primed, _)) = &mut result {
        primed.keeper = back.and_then(Return::keeper).or(keeper);
        primed.filing = filing;
    }
    match result {
        Ok(body) => Ok(Ok(Opened { status, headers, body })),
        Err(Failed::Failure(failure)) => Ok(Err(failure)),
        Err(Failed::Stopped(stopped)) => Err(stopped),
    }
}

fn is(content_type: &str, wanted: &str) -> bool {
    content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}

/// What the receipt says of a translation: what the request lost, and what the answer.
pub(super) fn told(back: &Return, answer: &Losses) -> String {
    if answer.is_empty() { back.lost.clone() } else { format!("{};answer:{answer}", back.lost) }
}

fn check(route: Route, wire: Protocol, stream: bool, json: bool, body: &[u8]) -> Result<Option<Usage>, Fault> {
    match route {
        Route::Converse(_) => {
            let usage = wire.codec().check_answer(body)?;
            if stream {
                Err(Fault::broken("upstream_invalid_answer", "The provider did not stream its answer."))
            } else {
                Ok(usage)
            }
        }
        Route::Count(_) => {
            let counter = wire.counter().ok_or_else(chat::not_an_answer)?;
            counter.read(body).map(|_| None)
        }
        Route::Embeddings | Route::Embed | Route::BatchEmbed if wire == Protocol::GenerateContent => {
            gemini::check_vectors(body)
        }
        Route::Embeddings | Route::Embed | Route::BatchEmbed => embeddings::answer(body),
        Route::Transcriptions | Route::Translations => audio::answer(body, json),
    }
}

fn in_answer(fault: Fault, next: Next, outcome: &'static str) -> Failure {
    Failure { fault, next, outcome, unasked: false }
}

/// The vendor put an error into its answer instead of content. Plain refusals allow another try; a break does not.
fn in_band(fault: Fault) -> Failure {
    match fault.kind {
        FaultKind::RateLimited => in_answer(fault, Next::Account, "rate_limited"),
        FaultKind::UpstreamUnavailable | FaultKind::UpstreamOverloaded => {
            in_answer(fault, Next::Account, "unavailable")
        }
        FaultKind::Rejected(_) => in_answer(fault, Next::Stop, "rejected"),
        _ if matches!(&*fault.code, "upstream_account_error" | "upstream_error") => {
            in_answer(fault, Next::Account, "error")
        }
        _ => broken(fault),
    }
}

/// Reads a stream up to its first meaningful event.
async fn prime(
    mut relay: Relay,
    mut start: BytesMut,
    mut source: Source,
    mut timer: Timer,
    caller: &mut Watch<'_>,
) -> Result<Primed, Failed> {
    let mut held = BytesMut::new();
    loop {
        let mut pushed = Pushed::default();
        let read = poll_fn(|cx| {
            if !start.is_empty() {
                pushed = relay.push(&std::mem::take(&mut start), &mut held);
                return Poll::Ready(Ok(true));
            }
            source.poll_read(cx, &mut |piece: Piece<'_>| {
                if !pushed.over() {
                    let more = relay.push(piece.as_slice(), &mut held);
                    pushed.meaningful |= more.meaningful;
                    pushed.terminal |= more.terminal;
                    pushed.fault = more.fault;
                }
            })
        });
        let more = match raced(&mut timer, caller, read).await? {
            Ok(more) => more,
            // What came before the break decides first: an error event, or the end of the stream.
            Err(error) if !pushed.over() => return Err(Failed::Failure(cut(&error))),
            Err(_) => false,
        };
        if !more && !pushed.over() {
            pushed = relay.end(&mut held);
        }
        if let Some(fault) = pushed.fault {
            if pushed.meaningful {
                // It began and failed in one breath: the caller gets what came, then the error.
                timer.alive();
                let fault = Some(fault);
                return Ok(Primed {
                    relay,
                    source: None,
                    held,
                    complete: false,
                    fault,
                    secret: None,
                    drains: false,
                    keeper: None,
                    filing: None,
                    timer,
                });
            }
            return Err(Failed::Failure(in_band(fault)));
        }
        if pushed.meaningful || pushed.terminal {
            timer.alive();
            let source = more.then_some(source);
            return Ok(Primed {
                relay,
                source,
                held,
                complete: pushed.terminal,
                fault: None,
                secret: None,
                drains: false,
                keeper: None,
                filing: None,
                timer,
            });
        }
        if held.len() > MAX_HELD {
            return Err(Failed::Failure(broken(Fault::broken(
                "upstream_invalid_stream",
                "The provider's stream holds no answer.",
            ))));
        }
    }
}
