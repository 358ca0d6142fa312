//! The front door: listeners, TLS, strict HTTP/1.1 by hand, HTTP/2 by hyper.
//!
//! Owns every limit on what a stranger may send before anyone knows who it is: head, time, connections. Hands
//! checked requests to a [`Handler`] and writes its answers. Knows no route, no key and no vendor.

mod http1;
mod http2;
mod listen;
mod outgoing;
mod tls;

use crate::http1::HeadError;
use crate::message::{Answer, CallerBody, Inbound};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use listen::{Binding, bind};
pub use tls::{TlsError, server_config};

/// Who answers what the door lets in.
pub trait Handler: Send + Sync + 'static {
    /// What a connection remembers between its requests.
    type Session: Default + Send;

    /// Answers one request. The body may be left unread; then the connection ends after the answer.
    fn handle<'a>(
        &'a self,
        inbound: Inbound,
        body: &'a mut dyn CallerBody,
        session: &'a mut Self::Session,
    ) -> impl Future<Output = Answer> + Send + 'a;

    /// Answers a head that was refused; the connection ends after it.
    fn refuse(&self, error: HeadError) -> Answer;
}

/// Time limits of the door.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// For a request head, from its first byte; for a new connection's first head, from its start.
    pub head: Duration,
    /// Longest silence inside a request body.
    pub body: Duration,
    /// Longest wait for the next request.
    pub keep_alive: Duration,
    /// Longest that an answer may be left unread.
    pub send: Duration,
}

/// What all connections of one door share.
pub struct Door<H> {
    /// Who answers.
    pub handler: Arc<H>,
    /// Time limits.
    pub times: Times,
    /// Set: take nothing new, finish what is open.
    pub drain: CancellationToken,
    /// Set: end what is still open, each stream in its protocol's words.
    pub closing: CancellationToken,
    /// Room for connections; more wait in the listen queue.
    pub room: Arc<Semaphore>,
    /// Connections open now.
    pub open: Arc<AtomicUsize>,
}

/// Bytes of a body that count as progress against its time limit.
const PROGRESS: usize = 1024;

/// Counts a connection while it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
