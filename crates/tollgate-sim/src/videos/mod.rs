//! The vendors of video: tasks that live in time, their results, and what a vendor counts of them.
//!
//! Decides by the tail of a path whose call it is; holds what all of them share. A vendor's words, shapes and checks are
//! in its own folder. Never calls anyone back, never sleeps: a task is where the clock says it is.

mod ark;
mod auth;
mod blob;
mod image;
mod kling;
mod life;
mod media;
mod openai;
mod results;
mod shape;
mod table;
mod text;
mod ticket;
mod veo;

use std::cell::Cell;

use serde_json::Value;

use crate::{
    Request, Simulator,
    call::{House, Stamp},
    content::{Rng, decoded, fnv1a},
    faults,
    gemini::Gemini,
    openai::OpenAi,
    script::{Answer, Step},
    steer::{At, BadSteer, Refusal, Steer},
};
use life::Wish;
use table::{Notes, PollFault, Refused, Task};
use ticket::{Kind, Ticket};

pub(crate) use table::Table;

/// Whose protocol a call speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vendor {
    OpenAi,
    Ark,
    Kling,
    /// Veo on the Gemini API.
    Gemini,
    /// Veo on Vertex, and the store where it puts its clips.
    Vertex,
    /// A link to a result that needs no key.
    Link,
}

/// All of a kind, or one by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    All,
    One(String),
}

/// A call of a video vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    OpenAi(openai::Asked),
    Ark(Which),
    Kling(Kind, Which),
    Veo(veo::Asked),
    Link(results::Link),
}

impl Asked {
    /// A POST to it makes a task.
    fn creates(&self) -> bool {
        match self {
            Self::Ark(which) | Self::Kling(_, which) => *which == Which::All,
            Self::OpenAi(asked) => matches!(asked, openai::Asked::All | openai::Asked::Remix(_)),
            Self::Veo(asked) => matches!(asked, veo::Asked::Create(_)),
            Self::Link(_) => false,
        }
    }
}

/// Why a call is not answered as it would like to be; a vendor finds its own words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble<'a> {
    NoKey,
    /// The steering header is no good.
    Steer(String),
    /// `error=`.
    Refused(Refusal),
    /// `status=`.
    Status(u16),
    /// `code=`.
    Code(&'a str),
    /// As many tasks as are allowed are under way.
    Parallel,
    /// A poll of its own turn is refused.
    Poll(PollFault),
    /// The inside of an answer that goes wrong, `error-after`.
    Middle,
    WrongMethod,
}

/// An answer that says no.
#[derive(Debug)]
struct Failure {
    status: u16,
    /// Beside those that all answers of the vendor have.
    headers: Vec<(&'static str, &'static str)>,
    content_type: &'static str,
    body: String,
}

impl Failure {
    fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), content_type: "application/json", body: body.to_string() }
    }

    fn answer(self, call: &Call<'_>) -> Answer {
        let mut answer = Answer::whole(self.status, call.head(self.content_type), self.body);
        for (name, value) in self.headers {
            answer.header(name, value);
        }
        answer
    }
}

/// What a call has at hand.
struct Call<'a> {
    simulator: &'a Simulator,
    request: &'a Request<'a>,
    steer: &'a Steer,
    vendor: Vendor,
    now: u64,
    /// FNV-1a of the body.
    digest: u64,
    /// For what is made up about this one answer; moves on with each use.
    chance: Cell<u64>,
    account: u8,
}

/// A call of a video vendor, if the path is one's.
fn asked(path: &str) -> Option<(Vendor, Asked)> {
    let path = path.trim_end_matches('/');
    if let Some(link) = results::asked(path) {
        return Some((Vendor::Link, Asked::Link(link)));
    }
    if let Some(which) = ark::asked(path) {
        return Some((Vendor::Ark, Asked::Ark(which)));
    }
    if let Some((kind, which)) = kling::asked(path) {
        return Some((Vendor::Kling, Asked::Kling(kind, which)));
    }
    if let Some((vertex, asked)) = veo::asked(path) {
        return Some((if vertex { Vendor::Vertex } else { Vendor::Gemini }, Asked::Veo(asked)));
    }
    openai::asked(path).map(|asked| (Vendor::OpenAi, Asked::OpenAi(asked)))
}

/// The answer of a video vendor; none when the path is no video vendor's.
pub(crate) fn answer(simulator: &Simulator, request: &Request<'_>, steer: Result<&Steer, &BadSteer>) -> Option<Answer> {
    let (vendor, asked) = asked(request.path)?;
    let creates = request.method == "POST" && asked.creates();
    let nothing = Steer::default();
    let mut call = Call::new(simulator, request, steer.unwrap_or(&nothing), vendor);
    let answered = match steer {
        Err(bad) => Err(call.trouble(&Trouble::Steer(bad.to_string()))),
        Ok(_) => match call.refusal() {
            Some(failure) => Err(failure),
            None => call.act(asked),
        },
    };
    if creates && answered.is_err() {
        simulator.tasks.refused();
    }
    let answer = answered.unwrap_or_else(|failure| failure.answer(&call));
    Some(match call.steer.status {
        Some(status) if status < 300 && answer.status < 300 => Answer { status, ..answer },
        _ => answer,
    })
}

impl<'a> Call<'a> {
    fn new(simulator: &'a Simulator, request: &'a Request<'a>, steer: &'a Steer, vendor: Vendor) -> Self {
        let now = simulator.clock.now();
        let digest = fnv1a(request.body);
        let chance = Cell::new(digest ^ now.rotate_left(20) ^ simulator.seed);
        Self { simulator, request, steer, vendor, now, digest, chance, account: 0 }
    }

    fn trouble(&self, trouble: &Trouble<'_>) -> Failure {
        match self.vendor {
            Vendor::OpenAi => openai::trouble(self, trouble),
            Vendor::Gemini | Vendor::Vertex => veo::trouble(self, trouble),
            Vendor::Ark => ark::trouble(self, trouble),
            Vendor::Kling => kling::trouble(self, trouble),
            Vendor::Link => results::trouble(trouble),
        }
    }

    /// Why nothing is done, by the credential or by what was steered. Finds out whose call it is.
    fn refusal(&mut self) -> Option<Failure> {
        if self.simulator.wants_key && self.vendor != Vendor::Link {
            match self.authenticated() {
                Ok(account) => self.account = account,
                Err(failure) => return Some(failure),
            }
        }
        let steer = self.steer;
        let trouble = match (&steer.code, steer.error, steer.status) {
            (Some(code), ..) => Trouble::Code(code),
            (_, Some(refusal), _) => Trouble::Refused(refusal),
            (.., Some(status)) if status >= 300 => Trouble::Status(status),
            _ => return None,
        };
        let failure = self.trouble(&trouble);
        Some(Failure { status: steer.status.unwrap_or(failure.status), ..failure })
    }

    fn authenticated(&self) -> Result<u8, Failure> {
        if self.vendor == Vendor::Kling {
            return kling::account(self);
        }
        let credential = self.request.credential();
        if credential.is_empty() { Err(self.trouble(&Trouble::NoKey)) } else { Ok(auth::account(&credential)) }
    }

    fn act(&self, asked: Asked) -> Result<Answer, Failure> {
        match asked {
            Asked::OpenAi(asked) => openai::answer(self, &asked),
            Asked::Veo(asked) => veo::answer(self, &asked),
            Asked::Ark(which) => ark::answer(self, &which),
            Asked::Kling(kind, which) => kling::answer(self, kind, &which),
            Asked::Link(link) => results::answer(self, &link),
        }
    }

    /// The headers that all answers of the vendor have.
    fn head(&self, content_type: &str) -> Vec<(&'static str, String)> {
        let mut stamp = Stamp::new(self.simulator, self.request);
        match self.vendor {
            Vendor::OpenAi => OpenAi.headers(&mut stamp, content_type),
            Vendor::Gemini | Vendor::Vertex => Gemini.headers(&mut stamp, content_type),
            Vendor::Ark | Vendor::Kling | Vendor::Link => vec![("content-type", content_type.to_owned())],
        }
    }

    /// A JSON answer, with the faults of plain bodies.
    fn json(&self, body: &Value) -> Answer {
        let error = self.trouble(&Trouble::Middle).body;
        let answer = Answer::whole(200, self.head("application/json"), "");
        faults::body(self.steer, answer, body.to_string().into_bytes(), &error, 0)
    }

    /// The notes that any create has.
    fn notes(&self, model: &str, prompt: &str) -> Notes {
        Notes {
            model: model.to_owned(),
            prompt: prompt.to_owned(),
            request: self.digest,
            poll_429: self.steer.video_poll_429,
            poll_500: self.steer.video_poll_500,
            bytes: self.steer.video_bytes,
            ..Notes::default()
        }
    }

    /// Makes a task, unless the connection is steered to break before the vendor has taken the request.
    fn create(&self, wish: &Wish, notes: Notes) -> Result<Ticket, Refused> {
        let ticket = wish.ticket(self.steer, self.account, self.digest, self.now);
        let steer = self.steer;
        if steer.refuse || steer.html || steer.reset == Some(At::BeforeHead) {
            return Ok(ticket);
        }
        self.simulator.tasks.create(ticket, notes, steer.video_parallel, self.now)
    }

    /// The answer to a create, or the silence after it.
    fn created(&self, body: &Value) -> Answer {
        let mut answer = self.json(body);
        if self.steer.video_lost {
            answer.before.push(Step::Cut(bytes::Bytes::new()));
        }
        answer
    }

    /// A steering part that makes no sense with this request.
    fn needs_two_samples(&self, samples: u8) -> Result<(), Failure> {
        if self.steer.video_partial && samples < 2 {
            let why = "x-tollgate-sim: `video-partial`: needs a request for two samples or more";
            return Err(self.trouble(&Trouble::Steer(why.to_owned())));
        }
        Ok(())
    }

    /// One look at a task, counted, or what is steered to go wrong with it.
    fn polled(&self, ticket: &Ticket, fresh: impl FnOnce() -> Notes) -> Result<Task, Failure> {
        match self.simulator.tasks.poll(ticket, fresh) {
            (task, None) => Ok(task),
            (_, Some(fault)) => Err(self.trouble(&Trouble::Poll(fault))),
        }
    }

    /// The ticket of a number, if it is this account's and of one of these kinds, and its time has come.
    fn opened(&self, number: u128, tail: &str, kinds: &[Kind]) -> Option<Ticket> {
        let ticket = Ticket::open(number, self.simulator.seed, tail)?;
        let own = ticket.account == self.account && kinds.contains(&ticket.kind);
        // A little ahead of the clock: many tasks of one millisecond.
        (own && ticket.created <= self.now.saturating_add(60_000)).then_some(ticket)
    }

    /// Where the caller found this server: what links begin with.
    fn base(&self) -> String {
        match self.request.header("host") {
            Some(host) if !host.is_empty() => format!("http://{host}"),
            _ => "https://simulator.invalid".to_owned(),
        }
    }

    fn letters(&self, alphabet: &[u8], length: usize) -> String {
        let mut rng = Rng::new(self.chance.get());
        self.chance.set(rng.next());
        rng.letters(alphabet, length)
    }

    /// The JSON object of a body.
    fn object(&self) -> Option<serde_json::Map<String, Value>> {
        match serde_json::from_slice(self.request.body) {
            Ok(Value::Object(fields)) => Some(fields),
            _ => None,
        }
    }
}

/// A simulator's page of its tasks.
pub(crate) fn page(simulator: &Simulator) -> Value {
    simulator.tasks.page(simulator.clock.now(), |task| match task.ticket.kind {
        Kind::Ark => ark::name(task, simulator.seed),
        Kind::KlingText | Kind::KlingImage => kling::name(task, simulator.seed),
        Kind::OpenAi => openai::name(task, simulator.seed),
        Kind::VeoGemini | Kind::VeoVertex => veo::name(task, simulator.seed),
    })
}

/// What a path that ends with a name, or with one part after it, asks for.
fn under(path: &str, name: &str) -> Option<Which> {
    if path.ends_with(name) {
        return Some(Which::All);
    }
    let (before, last) = path.rsplit_once('/')?;
    before.ends_with(name).then(|| Which::One(decoded(last)))
}
