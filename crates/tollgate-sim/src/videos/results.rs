//! What a task made: clips and pictures, by links that live for a while, or as bytes of another call.
//!
//! Links of Ark and Kling are public and have a number of their own, from which a task cannot be guessed.

use serde_json::json;

use super::{
    Call, Failure, Trouble,
    blob::{self, Blob, Segment},
    life::Phase,
    media::{Picture, jpeg, mp4, png, webp},
    table::{Notes, Task},
    text,
    ticket::{self, Kind, Outcome, Ticket},
};
use crate::{content::fnv1a, script::Answer};

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The sample of that place, from 0.
    Clip(u8),
    LastFrame,
    Thumbnail,
    Sheet,
}

/// A public link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    number: u128,
    what: What,
}

const PATH: &str = "/results/";
const TAIL: &str = "result";

/// Widths of the small pictures.
const THUMBNAIL: u32 = 160;
const SHEET: u32 = 640;

/// `/results/{letters}.mp4` and `….png`.
pub(super) fn asked(path: &str) -> Option<Link> {
    let (_, file) = path.rsplit_once(PATH)?;
    let (name, kind) = file.split_once('.')?;
    let what = match kind {
        "mp4" => What::Clip(0),
        "png" => What::LastFrame,
        _ => return None,
    };
    Some(Link { number: ticket::of_letters(name)?, what })
}

/// Where a result of a task lies, without the part for its validity.
pub(super) fn link(call: &Call<'_>, ticket: &Ticket, what: What) -> String {
    let name = ticket::letters(ticket.seal(call.simulator.seed, TAIL));
    let kind = if what == What::LastFrame { "png" } else { "mp4" };
    format!("{}{PATH}{name}.{kind}", call.base())
}

/// The part of Ark's links that says how long they are good, `X-Tos-…`, from that time on.
pub(super) fn signed(call: &Call<'_>, link: &str, ticket: &Ticket) -> String {
    let date = text::compact(ticket.ends() / 1000, 0);
    let (day, time) = date.split_at_checked(8).unwrap_or((&date, ""));
    let signature = format!("{:016x}", low(ticket.seal(call.simulator.seed, "tos")));
    format!(
        "{link}?X-Tos-Algorithm=TOS4-HMAC-SHA256&X-Tos-Credential=AKLTsim%2F{day}%2Fcn-beijing%2Ftos%2Frequest\
         &X-Tos-Date={day}T{time}Z&X-Tos-Expires=86400&X-Tos-Signature={signature}&X-Tos-SignedHeaders=host"
    )
}

/// Milliseconds that results of a kind are there, from the end of the task.
pub(super) fn lifetime(kind: Kind) -> u64 {
    const HOUR: u64 = 3_600_000;
    match kind {
        Kind::OpenAi => HOUR,
        Kind::Ark => 24 * HOUR,
        Kind::VeoGemini | Kind::VeoVertex => 48 * HOUR,
        Kind::KlingText | Kind::KlingImage => 720 * HOUR,
    }
}

/// Whether there is something to fetch now.
pub(super) fn is_there(call: &Call<'_>, task: &Task, what: What) -> bool {
    let ticket = &task.ticket;
    let sample = if let What::Clip(place) = what { place } else { 0 };
    task.phase(call.now) == Phase::Over(ticket.outcome)
        && matches!(ticket.outcome, Outcome::Done | Outcome::Partial)
        && sample < ticket.delivered()
        && !task.deleted
        && !is_expired(call, ticket)
}

pub(super) fn is_expired(call: &Call<'_>, ticket: &Ticket) -> bool {
    ticket.link_expired || call.now > ticket.ends().saturating_add(lifetime(ticket.kind))
}

/// A public link, fetched.
pub(super) fn answer(call: &Call<'_>, link: &Link) -> Result<Answer, Failure> {
    if !matches!(call.request.method, "GET" | "HEAD") {
        return Err(trouble(&Trouble::WrongMethod));
    }
    let ticket = Ticket::open(link.number, call.simulator.seed, TAIL).ok_or_else(|| gone("NoSuchKey", 404))?;
    let task = call.simulator.tasks.get(&ticket, Notes::default);
    let most = if ticket.kind == Kind::Ark { super::ark::downloads(&task.notes.model) } else { None };
    if is_expired(call, &ticket) || most.is_some_and(|most| task.downloads >= most) {
        // The vendor's stores: a signature that is too old, and a file that was cleared away.
        return Err(if ticket.kind == Kind::Ark { gone("AccessDenied", 403) } else { gone("NoSuchKey", 404) });
    }
    let wanted = link.what != What::LastFrame || ticket.last_frame;
    if ticket.kind == Kind::Ark
        && call.request.query.is_none_or(|query| signed(call, "", &ticket) != format!("?{query}"))
    {
        return Err(gone("SignatureDoesNotMatch", 403));
    }
    if !wanted || !is_there(call, &task, link.what) {
        return Err(gone("NoSuchKey", 404));
    }
    Ok(file(call, &task, link.what))
}

/// The file itself, or the part of it that the request's `Range` asks for. Counted.
pub(super) fn file(call: &Call<'_>, task: &Task, what: What) -> Answer {
    call.simulator.tasks.downloaded(&task.ticket, || task.notes.clone());
    let (kind, blob) = made(task, what);
    let length = blob.len();
    let place = if let What::Clip(place) = what { place } else { 0 };
    let tag = format!("\"{:016x}\"", low(task.ticket.key()) ^ u64::from(place) ^ length << 8);
    let mut headers =
        vec![("content-type", kind.to_owned()), ("accept-ranges", "bytes".to_owned()), ("etag", tag.clone())];
    let unchanged = call.request.header("if-range").is_none_or(|wanted| wanted == tag);
    let range = call.request.header("range").filter(|_| unchanged).and_then(|range| Range::read(range, length));
    let (status, from, to) = match range {
        None => (200, 0, length),
        Some(Range::Part(from, to)) => {
            headers.push(("content-range", format!("bytes {from}-{}/{length}", to - 1)));
            (206, from, to)
        }
        Some(Range::Beyond) => {
            headers.push(("content-range", format!("bytes */{length}")));
            return Answer::whole(416, headers, "");
        }
    };
    blob::answer(call.steer, status, headers, vec![Segment::Raw(blob, from, to)])
}

/// A result as bytes, with its type.
pub(super) fn made(task: &Task, what: What) -> (&'static str, Blob) {
    let ticket = &task.ticket;
    let place = if let What::Clip(place) = what { u16::from(place) } else { 0 };
    let picture =
        Picture { width: ticket.shape.width, height: ticket.shape.height, turn: ticket.digest.wrapping_add(place) };
    match what {
        What::Clip(place) => {
            let note = format!("simulated: {:028x} {place}", ticket.key());
            let clip = mp4(picture, u32::from(ticket.frames), &note);
            ("video/mp4", Blob::padded(clip, task.notes.bytes))
        }
        What::LastFrame => ("image/png", Blob::new(png(picture))),
        What::Thumbnail => ("image/webp", Blob::new(webp(picture.shrunk(THUMBNAIL)))),
        What::Sheet => ("image/jpeg", Blob::new(jpeg(picture.shrunk(SHEET)))),
    }
}

/// A number of 64 bits that follows from one of 128.
fn low(number: u128) -> u64 {
    fnv1a(&number.to_be_bytes())
}

/// What a `Range` header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    /// From there, up to but without that.
    Part(u64, u64),
    Beyond,
}

impl Range {
    /// One range of bytes; anything else is as if nothing had been asked.
    fn read(text: &str, length: u64) -> Option<Self> {
        let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let (from, to) = match (first.trim(), last.trim()) {
            ("", last) => (length.saturating_sub(number(last)?), length),
            (first, "") => (number(first)?, length),
            (first, last) => (number(first)?, number(last)?.checked_add(1)?.min(length)),
        };
        if from >= length {
            return Some(Self::Beyond);
        }
        (from < to).then_some(Self::Part(from, to))
    }
}

/// The error page of an object store.
fn gone(code: &str, status: u16) -> Failure {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>"
    );
    Failure { content_type: "application/xml", body, ..Failure::json(status, &json!(null)) }
}

pub(super) fn trouble(trouble: &Trouble<'_>) -> Failure {
    match trouble {
        Trouble::Steer(why) => Failure::json(400, &json!({"error": {"message": why}})),
        Trouble::Status(status) => gone("SimulatedStatus", *status),
        Trouble::WrongMethod => gone("MethodNotAllowed", 405),
        _ => gone("InternalError", 500),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, wanted) in [
            ("bytes=0-99", Some(Range::Part(0, 100))),
            ("bytes=10-", Some(Range::Part(10, 1000))),
            ("bytes=-10", Some(Range::Part(990, 1000))),
            ("bytes=-5000", Some(Range::Part(0, 1000))),
            ("bytes=990-5000", Some(Range::Part(990, 1000))),
            ("bytes=1000-", Some(Range::Beyond)),
            ("bytes=-0", Some(Range::Beyond)),
            ("bytes=5-4", None),
            ("bytes=0-1,5-6", None),
            ("lines=1-2", None),
            ("bytes=x-", None),
            ("bytes=0-18446744073709551615", None),
        ] {
            assert_eq!(Range::read(text, 1000), wanted, "{text}");
        }
    }
}
