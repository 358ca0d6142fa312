//! Pretend providers that speak the vendors' wire formats and can misbehave on purpose.
//!
//! Owns what a pretended answer *is*: [`Simulator::answer`] turns a request into an [`Answer`], a script of timed
//! steps, without a socket. [`serve`] plays such scripts over TCP with an HTTP of its own that can break
//! HTTP. Imports no other crate of this workspace: an encoder shared with the gateway would hide its own mistakes.
//!
//! The same request gets the same answer from the same seed, to the byte, ids and times included, except that a stored
//! response whose id is taken gets the next one, and that video tasks have ids and times of their own.
//!
//! # Steering
//!
//! The request header `x-tollgate-sim` holds parts separated by `;`. An unknown or malformed part is a 400 that names it.
//!
//! | part | does |
//! |---|---|
//! | `status=429` | that status (200 to 599), with an error body from 400 on |
//! | `error=NAME` | the vendor's own words: `insufficient_quota`, `invalid_api_key`, `rate_limit`, `overloaded`, `context_length`, `model_not_found`; `status` wins over its status |
//! | `retry-after=2` | adds that header |
//! | `ttft-ms=300` | waits before the head; with `early-head` the head goes first |
//! | `chunk-ms=20` | waits between content chunks |
//! | `chunks=200` | content chunks; as many tokens too unless `output-tokens` says otherwise, never more than tokens |
//! | `output-tokens=500` | tokens of text, before the caller's cap and stop sequences |
//! | `reasoning-tokens=N` | reasoning, which counts as output and against the cap; seen where the protocol shows it |
//! | `dialect=deepseek`, `dialect=openai` | whose way of speaking the chat protocol; the request tells it otherwise |
//! | `redacted` | reasoning comes without its words (`redacted_thinking`) |
//! | `cached-tokens=N`, `cache-write-tokens=N` | parts of the input that came from, or went into, the vendor's cache |
//! | `usage=none` | also `negative`, `absurd`, `text` (not numbers), `in-finish` (in a stream's finish chunk) |
//! | `tool-call=NAME` | calls that tool of the request once, with arguments valid for its schema |
//! | `tool-calls=N` | that many calls of it in one answer |
//! | `tool-rounds=N` | with `tool-call`: calls again after results, until the conversation holds N rounds of them |
//! | `strict-state` | refuses a tool loop whose reasoning state did not come back, asked for or not |
//! | `filtered`, `filtered=prompt` | the answer ends as one that the vendor's filter stopped; nothing is answered |
//! | `text=emoji` | text of multi-byte characters |
//! | `cut-after=N` | the connection is closed after N content chunks; plain answers: half way. `cut-chunk`: inside an HTTP chunk |
//! | `stall-after=N` | nothing more after N content chunks; plain answers: half way |
//! | `garbage-after=N` | bytes that are not the protocol's, then the stream goes on; plain answers: instead of the body. `garbage=html` (default), `json`, `binary`, `wire` (not even HTTP) |
//! | `error-after=N` | the vendor's error event inside the stream; plain answers: an error object with status 200 |
//! | `no-done` | ends properly, without the end mark |
//! | `refuse` | closes without any answer. `reset=before-head`, `reset=after-head`: an RST. `hang=…`: silence |
//! | `html` | a proxy's HTML page, status 200 unless said otherwise |
//! | `giant-line=BYTES` | streams: one valid content chunk of that size, up to 64 MiB |
//! | `split=N` | hands the body out N bytes at a time |
//! | `keep-alives`, `keep-alives=N` | comments for ever, or N before the stream; plain answers: blank lines. `keepalive-ms=` apart |
//! | `blank-lines=N` | plain answers: N blank lines before the JSON |
//! | `crlf` | streams: CRLF line ends |
//! | `video=failed`, `filtered`, `expired`, `slow` | how a video task ends, or that it takes two minutes |
//! | `video-seconds=N` | seconds from a task's creation to its end, 3 unless said otherwise; a fifth of them in the queue |
//! | `video-partial` | one sample fewer than asked is delivered, the missing one filtered; for requests of two and more |
//! | `video-lost` | the task is made, and the connection closed without an answer |
//! | `video-poll-429`, `video-poll-500`, `…=N` | the first poll of the task, or the first N, are answered so; 429 comes first |
//! | `video-link-expired` | the task succeeds, and the links to its result have expired |
//! | `video-parallel=N` | refused as the vendor does when N unfinished tasks of the account are there |
//! | `video-bytes=N` | clips of at least N bytes, up to 1 GiB; the rest of the file is padding |
//! | `code=NAME` | a video vendor's own error by its code: Kling's numbers, Ark's and Google's names |
//!
//! A fault that counts more content than there is strikes at the end of the content.
//!
//! What begins with `video` counts on the request that makes a task, for the whole life of that task. A create with
//! `refuse`, `reset=before-head`, `html`, an error or a status from 300 on makes none; one whose answer breaks later
//! (`cut-after`, `hang`, `reset=after-head`, `garbage-after`, `error-after`) has made it.
//!
//! # Video tasks
//!
//! They live in time ([`Clock`]) and in a table that clones share, of at most 50,000 tasks and 32 MiB of their texts; the
//! oldest is forgotten first. Ids hold the time and so differ from request to request, and they say what they stand for:
//! a simulator of the same seed answers for a task that it forgot, or that another process made. What it then does not
//! know is the prompt, the caller's own id, whether the task was cancelled or deleted, and what was counted; and the
//! task is in no list until it has been asked for.

mod anthropic;
mod call;
mod clock;
mod content;
mod faults;
mod gemini;
mod multipart;
mod openai;
mod output;
mod rules;
mod schema;
mod script;
mod seal;
mod server;
mod sse;
mod steer;
mod turn;
mod vector;
mod videos;

pub use clock::Clock;
pub use content::{count_tokens, fnv1a};
pub use script::{Answer, Step, Steps};
pub use server::serve;

use std::sync::Arc;

use steer::Steer;

/// The pretended vendors. Cheap to clone; clones share what is kept: the table of video tasks, the rules that steer from
/// beside, the last stored responses of one protocol.
#[derive(Debug, Clone)]
pub struct Simulator {
    memory: Arc<openai::Memory>,
    seed: u64,
    wants_key: bool,
    clock: Clock,
    tasks: Arc<videos::Table>,
    rules: Arc<rules::Rules>,
    kling_secret: Option<Arc<str>>,
}

/// Whose wire format a request is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vendor {
    OpenAi,
    Anthropic,
    Gemini,
}

impl Vendor {
    /// By the path, and by headers where it is everybody's.
    fn of(request: &Request<'_>) -> Self {
        if gemini::is_for(request) {
            Self::Gemini
        } else if anthropic::is_for(request) {
            Self::Anthropic
        } else {
            Self::OpenAi
        }
    }
}

/// A request as the simulator sees it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Without the query. Routed by its tail: a base path before `/chat/completions` may be anything.
    pub path: &'a str,
    /// What follows the `?`.
    pub query: Option<&'a str>,
    /// Names in any case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The whole body, decoded from any transfer coding.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Whatever tells the vendor who is calling; empty without a credential.
    fn credential(&self) -> String {
        let names = ["x-goog-api-key", "x-api-key", "api-key", "authorization"];
        let named = names.iter().find_map(|name| self.header(name));
        let named = named.map(|value| value.strip_prefix("Bearer ").unwrap_or(value).to_owned());
        named.or_else(|| self.parameter("key")).unwrap_or_default()
    }

    /// The first parameter of that name in the query.
    fn parameter(&self, name: &str) -> Option<String> {
        let mut parts = self.query?.split('&').map(|part| part.split_once('=').unwrap_or((part, "")));
        parts.find(|(other, _)| content::decoded(other) == name).map(|(_, value)| content::decoded(value))
    }
}

impl Simulator {
    /// A simulator whose caller has checked the key already.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            memory: Arc::default(),
            seed,
            wants_key: false,
            clock: Clock::system(),
            tasks: Arc::default(),
            rules: Arc::default(),
            kling_secret: None,
        }
    }

    /// Lives in another time than the machine's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Answers 401 in the vendor's shape to requests without a credential, as a vendor standing alone does. Any
    /// credential is a good one.
    #[must_use]
    pub fn wanting_key(mut self) -> Self {
        self.wants_key = true;
        self
    }

    /// Wants Kling's tokens signed with this secret; without it their signatures are not looked into. Keys are taken as
    /// before.
    #[must_use]
    pub fn with_kling_secret(mut self, secret: &str) -> Self {
        self.kling_secret = Some(secret.into());
        self
    }

    /// The answer to a request. Quick: nothing waits here, waits are steps.
    #[must_use]
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        let named = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-tollgate-sim"));
        let parts: Vec<&str> = named.map(|(_, value)| *value).collect();
        let from_beside = if parts.is_empty() { self.rules.take(request) } else { None };
        let steer = Steer::parse(&from_beside.unwrap_or_else(|| parts.join(";")));
        if let Some(answer) = videos::answer(self, request, steer.as_ref()) {
            return faults::connection(&steer.unwrap_or_default(), answer);
        }
        let vendor = Vendor::of(request);
        match steer {
            Ok(steer) => {
                let answer = match vendor {
                    Vendor::OpenAi => openai::answer(self, request, &steer),
                    Vendor::Anthropic => anthropic::answer(self, request, &steer),
                    Vendor::Gemini => gemini::answer(self, request, &steer),
                };
                faults::connection(&steer, answer)
            }
            Err(bad) => match vendor {
                Vendor::OpenAi => openai::bad_steer(self, request, &bad),
                Vendor::Anthropic => anthropic::bad_steer(self, request, &bad),
                Vendor::Gemini => gemini::bad_steer(self, request, &bad),
            },
        }
    }

    /// The pages for tests, as status and JSON; none for any other path.
    ///
    /// `GET /_sim/tasks`: the video tasks, oldest first, with what is counted and billed of each; `DELETE` forgets them.
    /// `GET /_sim/steer`: the rules that steer requests without a header of their own; `PUT` replaces them by a JSON
    /// array of `{"steer", "method"?, "path"?, "times"?}`, of which the first that fits a request holds; `DELETE`
    /// removes them.
    #[must_use]
    pub fn page(&self, method: &str, path: &str, body: &[u8]) -> Option<(u16, String)> {
        let done = serde_json::json!({"deleted": true});
        let page = match (method, path) {
            ("GET", "/_sim/tasks") => videos::page(self),
            ("DELETE", "/_sim/tasks") => {
                self.tasks.clear();
                done
            }
            ("GET", "/_sim/steer") => self.rules.page(),
            ("PUT", "/_sim/steer") => match self.rules.replace(body) {
                Ok(()) => self.rules.page(),
                Err(why) => return Some((400, serde_json::json!({"error": {"message": why}}).to_string())),
            },
            ("DELETE", "/_sim/steer") => {
                self.rules.clear();
                done
            }
            _ => return None,
        };
        Some((200, page.to_string()))
    }
}
