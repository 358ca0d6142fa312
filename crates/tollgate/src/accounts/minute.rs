//! A sliding minute in buckets of a second: in no sixty seconds is more counted than the limit.
//!
//! The minute reaches back over sixty whole seconds and the running one, so that a limit holds for any sixty seconds
//! and not only for those that begin with a bucket; what is counted is forgotten after 60 to 61 seconds.

use std::time::Duration;

/// Buckets that count: sixty whole seconds and the running one.
const SPAN: usize = 61;
const SPAN_SECONDS: i64 = 61;

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    requests: u64,
    tokens: u64,
}

/// What was started in the last minute. Seconds are those of the project's [`super::clock::Clock`]: they never go back.
#[derive(Debug)]
pub(super) struct Minute {
    buckets: [Bucket; SPAN],
    /// The second up to which buckets are valid.
    newest: i64,
    /// The last second in which a request came.
    last: i64,
    /// Sums of the buckets; wide, so that no vendor's number can make them wrong.
    requests: u64,
    tokens: u128,
}

impl Minute {
    /// An empty minute that begins with `second`.
    pub(super) fn new(second: i64) -> Self {
        Self { buckets: [Bucket::default(); SPAN], newest: second, last: second, requests: 0, tokens: 0 }
    }

    fn bucket(&mut self, second: i64) -> &mut Bucket {
        let at = usize::try_from(second.rem_euclid(SPAN_SECONDS)).unwrap_or(0);
        &mut self.buckets[at]
    }

    /// Forgets what is too old at `second`.
    pub(super) fn advance(&mut self, second: i64) {
        if second.saturating_sub(self.newest) >= SPAN_SECONDS {
            *self = Self::new(second);
        }
        while self.newest < second {
            self.newest += 1;
            let old = std::mem::take(self.bucket(self.newest));
            self.requests -= old.requests;
            self.tokens -= u128::from(old.tokens);
        }
    }

    /// Counts a request in the newest second.
    pub(super) fn count(&mut self, tokens: u64) {
        self.last = self.newest;
        let bucket = self.bucket(self.newest);
        let before = bucket.tokens;
        bucket.requests += 1;
        bucket.tokens = before.saturating_add(tokens);
        let added = bucket.tokens - before;
        self.requests += 1;
        self.tokens += u128::from(added);
    }

    /// Puts the tokens that were used in the place of those that were expected, if their second still counts.
    pub(super) fn correct(&mut self, second: i64, expected: u64, used: u64) {
        if !(0..SPAN_SECONDS).contains(&self.newest.saturating_sub(second)) {
            return;
        }
        let bucket = self.bucket(second);
        let before = bucket.tokens;
        bucket.tokens = before.saturating_sub(expected).saturating_add(used);
        let after = bucket.tokens;
        self.tokens = self.tokens - u128::from(before) + u128::from(after);
    }

    /// Requests counted.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// Tokens counted.
    pub(super) fn tokens(&self) -> u64 {
        u64::try_from(self.tokens).unwrap_or(u64::MAX)
    }

    /// How long until all of it is forgotten, at `ms` of the project's clock.
    pub(super) fn reset(&self, ms: i64) -> Duration {
        if self.requests == 0 { Duration::ZERO } else { until_forgotten(self.last, ms) }
    }

    /// `None` if one more request fits.
    pub(super) fn wait_for_requests(&self, limit: u64, ms: i64) -> Option<Duration> {
        let room = u128::from(limit.saturating_sub(1));
        (u128::from(self.requests) > room).then(|| self.wait(room, u128::from(self.requests), ms, |b| b.requests))
    }

    /// `None` if so many tokens fit; what is larger than the limit itself fits when nothing else is counted.
    pub(super) fn wait_for_tokens(&self, limit: u64, tokens: u64, ms: i64) -> Option<Duration> {
        let room = u128::from(limit.saturating_sub(tokens));
        (self.tokens > room).then(|| self.wait(room, self.tokens, ms, |b| b.tokens))
    }

    /// How long until at most `room` of `used` is counted: the oldest seconds go first.
    fn wait(&self, room: u128, mut used: u128, ms: i64, of: impl Fn(&Bucket) -> u64) -> Duration {
        let oldest = self.newest - (SPAN_SECONDS - 1);
        for second in oldest..=self.newest {
            let at = usize::try_from(second.rem_euclid(SPAN_SECONDS)).unwrap_or(0);
            used -= u128::from(of(&self.buckets[at]));
            if used <= room {
                return until_forgotten(second, ms);
            }
        }
        until_forgotten(self.newest, ms)
    }
}

fn until_forgotten(second: i64, ms: i64) -> Duration {
    let end = second.saturating_add(SPAN_SECONDS).saturating_mul(1000);
    Duration::from_millis(u64::try_from(end.saturating_sub(ms)).unwrap_or(1).max(1))
}
