//! Sessions of people at the console: sign in with an admin key, get a cookie that stands for it.
//!
//! Owns the cookie, how long it is good, and what a browser must show beside it. Only a keyed digest of a cookie's
//! value is kept, in memory: a restart signs everybody out. A cookie alone opens nothing: each request must also carry
//! a header that no other site can make a browser send, and must not say that it comes from another site.

use super::AdminState;
use super::auth::Throttle;
use super::body;
use super::error::AdminError;
use crate::clock;
use crate::keys::secret::Pepper;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest life of a session.
const LIFE: Duration = Duration::from_hours(12);
/// Longest time without a person's doing.
const IDLE: Duration = Duration::from_mins(30);
/// Sessions at the same time; the one that was idle longest makes room.
const MOST: usize = 256;

/// What the console's own pages send with every request.
const CONSOLE: HeaderName = HeaderName::from_static("x-tollgate-console");
/// Its value on requests that a page makes by itself; they do not prolong a session.
const BACKGROUND: &[u8] = b"background";
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who is signed in.
#[derive(Debug)]
pub(super) struct Sessions {
    /// The cookie's name. It differs between installations, since cookies do not tell ports apart.
    cookie: String,
    secure: bool,
    open: Mutex<HashMap<[u8; 32], Held>>,
    throttle: Throttle,
}

#[derive(Debug, Clone)]
struct Held {
    actor: Arc<str>,
    since: Instant,
    seen: Instant,
}

impl Held {
    fn good(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < LIFE && now.saturating_duration_since(self.seen) < IDLE
    }
}

impl Sessions {
    pub(super) fn new(pepper: &Pepper, secure: bool) -> Self {
        let place: String = pepper.fingerprint().chars().take(8).collect();
        let prefix = if secure { "__Host-" } else { "" };
        Self {
            cookie: format!("{prefix}tollgate-{place}"),
            secure,
            open: Mutex::default(),
            throttle: Throttle::people(),
        }
    }

    /// Who sends these headers, if a good session does.
    pub(super) fn of(&self, pepper: &Pepper, headers: &HeaderMap, now: Instant) -> Option<Arc<str>> {
        if !from_our_page(headers) {
            return None;
        }
        let token = self.token(headers)?;
        let digest = *pepper.digest(token.as_bytes()).bytes();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let held = open.get_mut(&digest).filter(|held| held.good(now))?;
        if headers.get(CONSOLE).is_some_and(|value| value.as_bytes() != BACKGROUND) {
            held.seen = now;
        }
        Some(Arc::clone(&held.actor))
    }

    fn token<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie).map(|(_, value)| value)
    }

    /// Begins a session; gives the cookie's value.
    fn begin(&self, pepper: &Pepper, actor: Arc<str>, now: Instant) -> Result<String, AdminError> {
        let mut random = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| AdminError::internal())?;
        let token = URL_SAFE_NO_PAD.encode(random);
        let digest = *pepper.digest(token.as_bytes()).bytes();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, held| held.good(now));
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, held)| held.seen).map(|(digest, _)| *digest)
        {
            open.remove(&oldest);
        }
        open.insert(digest, Held { actor, since: now, seen: now });
        Ok(token)
    }

    fn end(&self, pepper: &Pepper, headers: &HeaderMap) {
        if let Some(token) = self.token(headers) {
            let digest = *pepper.digest(token.as_bytes()).bytes();
            self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest);
        }
    }

    fn set_cookie(&self, value: &str, seconds: u64) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let line = format!("{}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}", self.cookie);
        let mut value = HeaderValue::try_from(line).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Whether a browser says that one of the console's own pages asks. Another site's page cannot send the header
/// without asking first, which is never granted; what browsers say about the asking site must agree with it.
fn from_our_page(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if !headers.contains_key(CONSOLE) {
        return false;
    }
    match (text(FETCH_SITE), text(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        // Browsers leave the site out on plain HTTP to other machines.
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == text(header::HOST)
        }
        (None, None) => true,
    }
}

fn shown(actor: &str) -> Json<Value> {
    Json(json!({ "actor": actor, "idle_seconds": IDLE.as_secs(), "at": clock::print(clock::now_ms()) }))
}

/// `POST /console/session`: an admin key against a cookie.
pub(super) async fn open(State(state): State<AdminState>, request: Request) -> Result<Response, AdminError> {
    if !from_our_page(request.headers()) {
        return Err(AdminError::foreign());
    }
    let (parts, content) = request.into_parts();
    let mut fields = body::read(content).await?;
    let key = fields.required("key")?;
    fields.done()?;
    let now = Instant::now();
    let Some(actor) = state.admin.authenticate(key.trim().as_bytes()) else {
        // The right key gets in at any time, so that nobody can lock an operator out.
        let early = state.sessions.throttle.take(now);
        return Err(if early { AdminError::wrong_key() } else { AdminError::throttled() });
    };
    state.sessions.end(&state.pepper, &parts.headers);
    let token = state.sessions.begin(&state.pepper, Arc::clone(&actor), now)?;
    let cookie = state.sessions.set_cookie(&token, LIFE.as_secs()).ok_or_else(AdminError::internal)?;
    Ok(([(header::SET_COOKIE, cookie)], shown(&actor)).into_response())
}

/// `GET /console/session`: who is signed in; nobody is a good answer too.
pub(super) async fn show(State(state): State<AdminState>, request: Request) -> Json<Value> {
    let actor = state.sessions.of(&state.pepper, request.headers(), Instant::now());
    actor.map_or_else(|| Json(json!({ "actor": null })), |actor| shown(&actor))
}

/// `DELETE /console/session`: signs out.
pub(super) async fn close(State(state): State<AdminState>, request: Request) -> Result<Response, AdminError> {
    if !from_our_page(request.headers()) {
        return Err(AdminError::foreign());
    }
    state.sessions.end(&state.pepper, request.headers());
    let cookie = state.sessions.set_cookie("", 0).ok_or_else(AdminError::internal)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), HeaderValue::try_from(*value).unwrap())).collect()
    }

    #[test]
    fn a_session_ends_by_age_and_by_idleness() {
        let pepper = Pepper::new(&[1; 32]);
        let sessions = Sessions::new(&pepper, false);
        let start = Instant::now();
        let token = sessions.begin(&pepper, "env".into(), start).unwrap();
        let cookie = format!("other=1; {}={token}", sessions.cookie);
        let by = |how: &str, at: Instant| {
            sessions.of(&pepper, &headers(&[(header::COOKIE, &cookie), (CONSOLE, how)]), at).is_some()
        };
        let minutes = |count: u64| start + Duration::from_mins(count);
        assert!(by("1", minutes(29)) && by("1", minutes(58)));
        // What a page does by itself does not count as somebody's doing.
        assert!(by("background", minutes(80)) && !by("1", minutes(89)));
        let token = sessions.begin(&pepper, "env".into(), start).unwrap();
        let cookie = format!("{}={token}", sessions.cookie);
        let by =
            |at: Instant| sessions.of(&pepper, &headers(&[(header::COOKIE, &cookie), (CONSOLE, "1")]), at).is_some();
        assert!((0..36).all(|step| by(minutes(step * 20))) && !by(minutes(36 * 20)));
    }

    #[test]
    fn other_sites_get_nothing() {
        let ours = |lines: &[(HeaderName, &str)]| from_our_page(&headers(lines));
        assert!(ours(&[(CONSOLE, "1")]));
        assert!(ours(&[(CONSOLE, "1"), (FETCH_SITE, "same-origin"), (header::ORIGIN, "https://elsewhere")]));
        assert!(ours(&[(CONSOLE, "1"), (header::HOST, "gate:8080"), (header::ORIGIN, "http://gate:8080")]));
        for foreign in [
            &[(FETCH_SITE, "same-origin")][..],
            &[(CONSOLE, "1"), (FETCH_SITE, "cross-site")],
            &[(CONSOLE, "1"), (FETCH_SITE, "same-site")],
            &[(CONSOLE, "1"), (header::HOST, "gate:8080"), (header::ORIGIN, "http://gate:8081")],
            &[(CONSOLE, "1"), (header::HOST, "gate:8080"), (header::ORIGIN, "null")],
            &[(CONSOLE, "1"), (header::ORIGIN, "http://gate:8080")],
        ] {
            assert!(!ours(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn there_are_only_so_many() {
        let pepper = Pepper::new(&[1; 32]);
        let sessions = Sessions::new(&pepper, true);
        let start = Instant::now();
        let tokens: Vec<String> = (0..=MOST)
            .map(|at| sessions.begin(&pepper, "a".into(), start + Duration::from_millis(at as u64)).unwrap())
            .collect();
        let there = |token: &String| {
            let cookie = format!("{}={token}", sessions.cookie);
            sessions.of(&pepper, &headers(&[(header::COOKIE, &cookie), (CONSOLE, "1")]), start).is_some()
        };
        assert_eq!(tokens.iter().filter(|token| there(token)).count(), MOST);
        assert!(!there(&tokens[0]));
        assert!(sessions.cookie.starts_with("__Host-tollgate-"));
        let line = sessions.set_cookie("x", 1).unwrap();
        assert!(line.to_str().unwrap().ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=1; Secure"));
    }
}
