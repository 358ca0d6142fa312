//! Who gets in, and how often anybody may guess.
//!
//! Runs before every route, unknown ones included. In gets an admin key as bearer, or the cookie of a person who has
//! signed in at the console. Failures are counted in one bucket of fixed size: no address or secret is remembered. The right key always gets in, so that a flood of wrong ones locks nobody out; what keeps a
//! key from being guessed is its length, the bucket keeps guessing cheap for us and out of the logs.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::AdminError;
use super::{AdminState, Caller};

/// A token bucket over the whole process.
#[derive(Debug)]
pub(super) struct Throttle {
    burst: f64,
    per_second: f64,
    bucket: Mutex<(f64, Instant)>,
}

impl Throttle {
    /// For programs: so many wrong keys are answered at once, and so many a second for ever.
    pub(super) fn keys() -> Self {
        Self::new(100.0, 10.0)
    }

    /// For people who sign in.
    pub(super) fn people() -> Self {
        Self::new(10.0, 0.2)
    }

    fn new(burst: f64, per_second: f64) -> Self {
        Self { burst, per_second, bucket: Mutex::new((burst, Instant::now())) }
    }

    /// Takes a token for a failure, if there is one.
    pub(super) fn take(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let refill = now.saturating_duration_since(bucket.1).as_secs_f64() * self.per_second;
        let tokens = (bucket.0 + refill).min(self.burst);
        let taken = tokens >= 1.0;
        *bucket = (if taken { tokens - 1.0 } else { tokens }, now);
        taken
    }
}

pub(super) async fn require_admin(State(state): State<AdminState>, mut request: Request, next: Next) -> Response {
    match caller(&state, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

fn caller(state: &AdminState, request: &Request) -> Result<Caller, AdminError> {
    if !request.headers().contains_key(AUTHORIZATION) {
        let actor = state.sessions.of(&state.pepper, request.headers(), Instant::now());
        return actor.map(Caller).ok_or_else(AdminError::unauthenticated);
    }
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(AdminError::unauthenticated());
    };
    let Some(secret) = bearer(value.as_bytes()) else {
        return Err(AdminError::unauthenticated());
    };
    if let Some(actor) = state.admin.authenticate(secret) {
        return Ok(Caller(actor));
    }
    if state.throttle.take(Instant::now()) { Err(AdminError::unauthenticated()) } else { Err(AdminError::throttled()) }
}

/// The token of `Bearer <token>`; the scheme in any case.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(7)?;
    let token = rest.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn bucket_empties_and_refills() {
        let throttle = Throttle::keys();
        let now = Instant::now();
        assert!((0..100).all(|_| throttle.take(now)));
        assert!(!throttle.take(now));
        assert!(throttle.take(now + Duration::from_millis(150)));
        assert!(!throttle.take(now + Duration::from_millis(150)));
    }

    #[test]
    fn reads_bearer_only() {
        assert_eq!(bearer(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"bearer  abc "), Some(&b"abc"[..]));
        for other in [&b"Basic abc"[..], b"abc", b"Bearer ", b"Bearer", b"", b"Bearerabc"] {
            assert_eq!(bearer(other), None);
        }
    }
}
