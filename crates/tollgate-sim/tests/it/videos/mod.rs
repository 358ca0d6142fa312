//! Video vendors without a socket: a clock that the test moves, a request, an answer.

mod ark;
mod kling;
mod life;
mod openai;
mod served;
mod traffic;
mod veo;

use std::time::Duration;

use serde_json::Value;
use tollgate_sim::{Answer, Clock, Request, Simulator, Step};

/// 2026-01-01, 02:10:12 UTC, in milliseconds.
pub(crate) const START: u64 = 1_767_233_412_000;

/// A simulator and its time.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) clock: Clock,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) bytes: Vec<u8>,
    /// No answer came at all.
    pub(crate) nothing: bool,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value)
    }
}

impl From<Answer> for Got {
    fn from(answer: Answer) -> Self {
        let nothing = answer.before.iter().any(|step| matches!(step, Step::Cut(_) | Step::Reset));
        let (length, mut bytes, mut whole) = (answer.length, Vec::new(), true);
        for step in answer.steps {
            match step {
                Step::Bytes(piece) => bytes.extend_from_slice(&piece),
                Step::Wait(_) => {}
                _ => whole = false,
            }
        }
        assert!(!whole || length.is_none_or(|length| length == bytes.len() as u64), "the length is told as it is");
        Self { status: answer.status, headers: answer.headers, bytes, nothing }
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Clock::at(START);
        Self { simulator: Simulator::new(1).with_clock(clock.clone()), clock }
    }

    pub(crate) fn guarded() -> Self {
        let world = Self::new();
        Self { simulator: world.simulator.wanting_key(), ..world }
    }

    /// Another process with the same seed and the same time, that remembers nothing.
    pub(crate) fn restarted(&self) -> Self {
        Self { simulator: Simulator::new(1).with_clock(self.clock.clone()), clock: self.clock.clone() }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn call(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
        // Links are whole addresses.
        let target = target.split_once("://").map_or(target, |(_, rest)| &rest[rest.find('/').unwrap()..]);
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        self.simulator.answer(&Request { method, path, query, headers, body }).into()
    }

    pub(crate) fn post(&self, path: &str, steer: &str, body: &Value) -> Got {
        self.call("POST", path, &[("x-tollgate-sim", steer)], body.to_string().as_bytes())
    }

    pub(crate) fn get(&self, target: &str) -> Got {
        self.call("GET", target, &[], b"")
    }

    /// The simulator's own page of its tasks.
    pub(crate) fn tasks(&self) -> Value {
        let (status, body) = self.simulator.page("GET", "/_sim/tasks", b"").unwrap();
        assert_eq!(status, 200);
        serde_json::from_str(&body).unwrap()
    }
}
