//! A sliding minute in sixty buckets of a second: in no sixty seconds is more counted than the limit.

use std::time::Duration;

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    second: i64,
    requests: u64,
    tokens: u64,
}

#[derive(Debug)]
pub(super) struct Minute([Bucket; 60]);

impl Default for Minute {
    fn default() -> Self {
        Self([Bucket::default(); 60])
    }
}

impl Minute {
    fn bucket(&mut self, second: i64) -> &mut Bucket {
        let at = usize::try_from(second.rem_euclid(60)).unwrap_or(0);
        &mut self.0[at]
    }

    pub(super) fn count(&mut self, second: i64, tokens: u64) {
        let bucket = self.bucket(second);
        if bucket.second != second {
            *bucket = Bucket { second, ..Bucket::default() };
        }
        bucket.requests += 1;
        bucket.tokens = bucket.tokens.saturating_add(tokens);
    }

    pub(super) fn correct(&mut self, second: i64, expected: u64, used: u64) {
        let bucket = self.bucket(second);
        if bucket.second == second {
            bucket.tokens = bucket.tokens.saturating_add(used).saturating_sub(expected);
        }
    }

    /// The buckets that count at a moment, oldest first; those of a clock that was ahead count too.
    fn current(&self, now_ms: i64) -> Vec<Bucket> {
        let second = now_ms.div_euclid(1000);
        let mut current: Vec<_> = self.0.iter().filter(|b| b.second > second - 60 && b.requests > 0).copied().collect();
        current.sort_unstable_by_key(|bucket| bucket.second);
        current
    }

    /// Requests and tokens counted, and how long until all of it is forgotten.
    pub(super) fn used(&self, now_ms: i64) -> (u64, u64, Duration) {
        let current = self.current(now_ms);
        let requests = current.iter().map(|bucket| bucket.requests).sum();
        let tokens = current.iter().fold(0_u64, |sum, bucket| sum.saturating_add(bucket.tokens));
        (requests, tokens, current.last().map_or(Duration::ZERO, |last| until_forgotten(last.second, now_ms)))
    }

    /// `None` if one more request fits.
    pub(super) fn wait_for_requests(&self, limit: u64, now_ms: i64) -> Option<Duration> {
        self.wait(limit.saturating_sub(1), now_ms, |bucket| bucket.requests)
    }

    /// `None` if so many tokens fit; what could never fit does so when nothing else is counted.
    pub(super) fn wait_for_tokens(&self, limit: u64, tokens: u64, now_ms: i64) -> Option<Duration> {
        self.wait(limit.saturating_sub(tokens), now_ms, |bucket| bucket.tokens)
    }

    /// How long until at most `room` is counted.
    fn wait(&self, room: u64, now_ms: i64, of: impl Fn(&Bucket) -> u64) -> Option<Duration> {
        let current = self.current(now_ms);
        let mut used = current.iter().fold(0_u64, |sum, bucket| sum.saturating_add(of(bucket)));
        let mut wait = None;
        for bucket in &current {
            if used <= room {
                break;
            }
            used -= of(bucket);
            wait = Some(until_forgotten(bucket.second, now_ms));
        }
        wait
    }
}

fn until_forgotten(second: i64, now_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from((second + 60) * 1000 - now_ms).unwrap_or(1).max(1))
}
