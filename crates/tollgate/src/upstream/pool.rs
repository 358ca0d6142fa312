//! Open connections that wait for their next exchange, one pool for each worker thread: no lock, and a connection
//! stays on the core that has its state.

use super::{Origin, http1, http2};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Vendors close idle connections after a minute or more; a request must not meet that moment.
const IDLE: Duration = Duration::from_secs(20);
/// Idle connections kept for one origin on one worker.
const MAX_IDLE: usize = 512;
/// Origins with a pool on one worker; beyond it connections are not kept.
const MAX_ORIGINS: usize = 1024;

#[derive(Default)]
struct Pool {
    /// The one used last is at the end and goes out first.
    idle: Vec<(Instant, http1::Connection)>,
    shared: Vec<(Instant, http2::Handle)>,
}

pub(super) enum Taken {
    Http1(http1::Connection),
    Http2(http2::Handle),
}

thread_local! {
    static POOLS: RefCell<HashMap<Arc<str>, Pool>> = RefCell::new(HashMap::new());
}

/// A connection of this thread to the origin, if a good one is there.
pub(super) fn take(origin: &Origin) -> Option<Taken> {
    POOLS.with_borrow_mut(|pools| {
        let pool = pools.get_mut(&*origin.name)?;
        pool.shared.retain(|(_, handle)| !handle.is_closed());
        if let Some((used, handle)) = pool.shared.iter_mut().find(|(_, handle)| handle.has_room()) {
            *used = Instant::now();
            return Some(Taken::Http2(handle.clone()));
        }
        let now = Instant::now();
        while let Some((since, mut connection)) = pool.idle.pop() {
            if now.duration_since(since) < IDLE && connection.is_usable() {
                return Some(Taken::Http1(connection));
            }
        }
        None
    })
}

/// Keeps a connection for the next exchange.
pub(super) fn give_back(origin: Arc<str>, connection: http1::Connection) {
    POOLS.with_borrow_mut(|pools| {
        if pools.len() < MAX_ORIGINS || pools.contains_key(&origin) {
            let pool = pools.entry(origin).or_default();
            if pool.idle.len() < MAX_IDLE {
                pool.idle.push((Instant::now(), connection));
            }
        }
    });
}

/// Shares an HTTP/2 connection with later exchanges of this thread.
pub(super) fn keep_http2(origin: &Origin, handle: &http2::Handle) {
    POOLS.with_borrow_mut(|pools| {
        if pools.len() < MAX_ORIGINS || pools.contains_key(&origin.name) {
            pools.entry(Arc::clone(&origin.name)).or_default().shared.push((Instant::now(), handle.clone()));
        }
    });
}

/// Closes what has been idle too long.
pub(super) fn sweep() {
    POOLS.with_borrow_mut(|pools| {
        let now = Instant::now();
        pools.retain(|_, pool| {
            pool.idle.retain(|(since, _)| now.duration_since(*since) < IDLE);
            pool.shared
                .retain(|(used, handle)| !(handle.is_closed() || handle.is_idle() && now.duration_since(*used) > IDLE));
            !(pool.idle.is_empty() && pool.shared.is_empty())
        });
    });
}
