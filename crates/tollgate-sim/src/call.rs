//! What answering one request has at hand, and the two forms that every answer takes: a body, or a stream.
//!
//! Knows no vendor; a vendor says by [`House`] what all its answers have in common.

use crate::{
    Request, Simulator,
    content::{BASE62, HEX, Rng, fnv1a},
    faults,
    script::{Answer, Steps},
    sse::{Frames, Stream},
    steer::Steer,
};

/// Deterministic names and times of one answer.
pub(crate) struct Stamp {
    pub rng: Rng,
    /// Of this request.
    pub seed: u64,
    /// Of the simulator.
    pub world: u64,
    /// Seconds since 1970.
    pub created: u64,
}

impl Stamp {
    pub(crate) fn new(simulator: &Simulator, request: &Request<'_>) -> Self {
        let hash = fnv1a(request.body) ^ fnv1a(request.path.as_bytes()).rotate_left(17);
        let mut rng = Rng::new(hash ^ simulator.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let seed = rng.next();
        Self { created: 1_760_000_000 + rng.below(1_000_000), seed, world: simulator.seed, rng }
    }

    /// `prefix` and letters and digits.
    pub(crate) fn id(&mut self, prefix: &str, length: usize) -> String {
        format!("{prefix}{}", self.rng.letters(BASE62, length))
    }

    /// `prefix` and hexadecimal digits.
    pub(crate) fn hex(&mut self, prefix: &str, length: usize) -> String {
        format!("{prefix}{}", self.rng.letters(HEX, length))
    }
}

/// What all answers of a vendor have in common.
pub(crate) trait House: Sync {
    /// The headers of an answer.
    fn headers(&self, stamp: &mut Stamp, content_type: &str) -> Vec<(&'static str, String)>;

    /// The error object of an answer that began well.
    fn broken(&self, stamp: &mut Stamp) -> String;
}

/// One request and what its answer is made from.
pub(crate) struct Call<'a> {
    pub simulator: &'a Simulator,
    pub request: &'a Request<'a>,
    pub steer: &'a Steer,
    pub stamp: Stamp,
    pub house: &'static dyn House,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        simulator: &'a Simulator,
        request: &'a Request<'a>,
        steer: &'a Steer,
        house: &'static dyn House,
    ) -> Self {
        Self { simulator, request, steer, stamp: Stamp::new(simulator, request), house }
    }

    /// A body that is not a stream, with the faults asked for.
    pub(crate) fn plain(
        &mut self,
        status: u16,
        content_type: &str,
        body: Vec<u8>,
        prompt: u64,
        completion: u64,
    ) -> Answer {
        let mut answer = Answer::whole(status, self.house.headers(&mut self.stamp, content_type), "");
        answer.prompt_tokens = prompt;
        let error = self.house.broken(&mut self.stamp);
        faults::body(self.steer, answer, body, &error, completion)
    }

    /// A streamed body, with the faults asked for.
    pub(crate) fn stream(&mut self, content_type: &str, frames: impl Frames + 'static, prompt: u64) -> Answer {
        let mut answer = Answer::whole(200, self.house.headers(&mut self.stamp, content_type), "");
        answer.header("cache-control", "no-cache");
        answer.length = None;
        answer.prompt_tokens = prompt;
        answer.steps = Steps::new(Stream::new(self.steer, frames));
        answer
    }
}

/// The content type of server-sent events.
pub(crate) const EVENTS: &str = "text/event-stream; charset=utf-8";
