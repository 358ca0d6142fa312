//! Pretend providers that speak the vendors' wire formats and can misbehave on purpose.
//!
//! Owns what a pretended answer *is*: [`Simulator::answer`] turns a request into an [`Answer`], a script of timed
//! steps, without a socket or a clock. [`serve`] plays such scripts over TCP with an HTTP of its own that can break
//! HTTP. Imports no other crate of this workspace: an encoder shared with the gateway would hide its own mistakes.
//!
//! The same request gets the same answer from the same seed, to the byte, ids and times included, except that a stored
//! response whose id is taken gets the next one.
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
//! | `video=failed`, `filtered`, `slow`; `video-seconds=N` | accepted, without effect yet |
//!
//! A fault that counts more content than there is strikes at the end of the content.

mod anthropic;
mod call;
mod content;
mod faults;
mod gemini;
mod multipart;
mod openai;
mod output;
mod schema;
mod script;
mod seal;
mod server;
mod sse;
mod steer;
mod turn;
mod vector;

pub use content::{count_tokens, fnv1a};
pub use script::{Answer, Step, Steps};
pub use server::serve;

use std::sync::Arc;

use steer::Steer;

/// The pretended vendors. Cheap to clone; clones share what little is kept: the last stored responses of one protocol.
#[derive(Debug, Clone)]
pub struct Simulator {
    memory: Arc<openai::Memory>,
    seed: u64,
    wants_key: bool,
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
        Self { memory: Arc::default(), seed, wants_key: false }
    }

    /// Answers 401 in the vendor's shape to requests without a credential, as a vendor standing alone does. Any
    /// credential is a good one.
    #[must_use]
    pub fn wanting_key(mut self) -> Self {
        self.wants_key = true;
        self
    }

    /// The answer to a request. Quick: nothing waits here, waits are steps.
    #[must_use]
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        let named = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-tollgate-sim"));
        let parts: Vec<&str> = named.map(|(_, value)| *value).collect();
        let vendor = Vendor::of(request);
        match Steer::parse(&parts.join(";")) {
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
}
