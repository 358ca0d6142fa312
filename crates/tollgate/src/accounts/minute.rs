//! A sliding minute in buckets of a second: in no sixty seconds is more counted than the limit.
//!
//! A bucket is forgotten sixty seconds after the last request in it, so that the limit holds for any sixty seconds and
//! not only for those that begin with a bucket. Nothing is forgotten early, and nothing more than a second late.

use std::time::Duration;

/// Buckets that can count at a time: sixty whole seconds and the running one.
const SPAN: usize = 61;
const MINUTE_MS: i64 = 60_000;

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    tokens: u64,
    requests: u32,
    /// When in its second the last request came, in milliseconds.
    last: u16,
}

/// What was started in the last minute, by a project's [`super::clock::Clock`]: times never go back.
#[derive(Debug)]
pub(super) struct Minute {
    buckets: [Bucket; SPAN],
    /// The seconds whose buckets are valid.
    oldest: i64,
    newest: i64,
    /// The latest of them that has a request.
    last: i64,
    /// Sums of the buckets; wide, so that no vendor's number can make them wrong.
    requests: u64,
    tokens: u128,
}

impl Minute {
    /// An empty minute that begins at `ms`.
    pub(super) fn new(ms: i64) -> Self {
        let second = ms.div_euclid(1000);
        let buckets = [Bucket::default(); SPAN];
        Self { buckets, oldest: second, newest: second, last: second, requests: 0, tokens: 0 }
    }

    /// Forgets what is too old at `ms`.
    pub(super) fn advance(&mut self, ms: i64) {
        while self.oldest <= self.newest {
            let bucket = self.buckets[place(self.oldest)];
            if bucket.requests > 0 && forgotten_at(self.oldest, bucket) > ms {
                break;
            }
            self.buckets[place(self.oldest)] = Bucket::default();
            self.requests -= u64::from(bucket.requests);
            self.tokens -= u128::from(bucket.tokens);
            self.oldest += 1;
        }
        self.newest = self.newest.max(ms.div_euclid(1000));
        // Where nothing counts, the buckets begin anew: they are all empty.
        if self.requests == 0 {
            self.oldest = self.newest;
        }
    }

    /// Counts a request at `ms`, to which the minute has been advanced.
    pub(super) fn count(&mut self, tokens: u64, ms: i64) {
        self.last = self.newest;
        let bucket = &mut self.buckets[place(self.newest)];
        let before = bucket.tokens;
        bucket.tokens = before.saturating_add(tokens);
        bucket.requests += 1;
        bucket.last = u16::try_from(ms.rem_euclid(1000)).unwrap_or(999);
        self.requests += 1;
        self.tokens += u128::from(bucket.tokens - before);
    }

    /// Puts the tokens that were used in the place of those that were expected, if their second still counts.
    pub(super) fn correct(&mut self, second: i64, expected: u64, used: u64) {
        if !(self.oldest..=self.newest).contains(&second) {
            return;
        }
        let bucket = &mut self.buckets[place(second)];
        // A minute that began after the request knows nothing of it.
        if bucket.requests > 0 {
            let before = bucket.tokens;
            bucket.tokens = before.saturating_sub(expected).saturating_add(used);
            self.tokens = self.tokens - u128::from(before) + u128::from(bucket.tokens);
        }
    }

    /// Requests counted.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// Tokens counted.
    pub(super) fn tokens(&self) -> u64 {
        u64::try_from(self.tokens).unwrap_or(u64::MAX)
    }

    /// How long until all of it is forgotten.
    pub(super) fn reset(&self, ms: i64) -> Duration {
        if self.requests == 0 { Duration::ZERO } else { self.until_forgotten(self.last, ms) }
    }

    /// `None` if one more request fits.
    pub(super) fn wait_for_requests(&self, limit: u64, ms: i64) -> Option<Duration> {
        let (room, used) = (u128::from(limit.saturating_sub(1)), u128::from(self.requests));
        (used > room).then(|| self.wait(room, used, ms, |bucket| u64::from(bucket.requests)))
    }

    /// `None` if so many tokens fit; what is larger than the limit itself fits when nothing else is counted.
    pub(super) fn wait_for_tokens(&self, limit: u64, tokens: u64, ms: i64) -> Option<Duration> {
        let room = u128::from(limit.saturating_sub(tokens));
        (self.tokens > room).then(|| self.wait(room, self.tokens, ms, |bucket| bucket.tokens))
    }

    /// How long until at most `room` of `used` is counted: the oldest seconds go first.
    fn wait(&self, room: u128, mut used: u128, ms: i64, of: impl Fn(&Bucket) -> u64) -> Duration {
        for second in self.oldest..=self.newest {
            used -= u128::from(of(&self.buckets[place(second)]));
            if used <= room {
                return self.until_forgotten(second, ms);
            }
        }
        self.until_forgotten(self.newest, ms)
    }

    fn until_forgotten(&self, second: i64, ms: i64) -> Duration {
        let left = forgotten_at(second, self.buckets[place(second)]) - ms;
        Duration::from_millis(u64::try_from(left).unwrap_or(1).max(1))
    }
}

fn place(second: i64) -> usize {
    // The clock's times are never negative.
    usize::try_from(second).unwrap_or(0) % SPAN
}

/// When a second's bucket no longer counts.
fn forgotten_at(second: i64, bucket: Bucket) -> i64 {
    second * 1000 + i64::from(bucket.last) + MINUTE_MS
}
