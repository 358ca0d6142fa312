//! The simulator standing alone: an HTTP/1.1 server of its own over plain sockets.
//!
//! Its own on purpose: a proper HTTP library refuses to break HTTP. Owns connections and their end; what is answered is
//! decided by [`Simulator::answer`], how a request is read in `read.rs`, how an answer is played in `play.rs`.
//! Never logs; tests read the journal at `/_sim/requests`.

mod journal;
mod play;
mod read;
mod wire;

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{Answer, Request, Simulator};
use journal::Journal;
use play::{Ended, Form};
use read::{Received, Refused};
use wire::Wire;

/// What all connections share.
struct Shared {
    simulator: Arc<Simulator>,
    journal: Journal,
    stats: Stats,
}

#[derive(Default)]
struct Stats {
    open_connections: AtomicU64,
    in_flight: AtomicU64,
    requests: AtomicU64,
    bytes_written: AtomicU64,
}

/// Counts one for as long as it lives, so that an aborted task is counted out too.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Relaxed);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Serves the simulator on a listener until `shutdown` is ready; then every connection is closed at once.
///
/// HTTP/1.1 with keep-alive; heads up to 64 KiB, bodies up to 64 MiB. Beside the vendors' calls it answers
/// `GET /_sim/requests` (the last 1,000 requests as JSON, oldest first), `DELETE /_sim/requests` (forgets them),
/// `GET /_sim/stats` and the pages of [`Simulator::page`].
///
/// # Errors
///
/// Only those of the listener that do not pass by themselves.
pub async fn serve(listener: TcpListener, sim: Arc<Simulator>, shutdown: impl Future) -> io::Result<()> {
    let shared = Arc::new(Shared { simulator: sim, journal: Journal::default(), stats: Stats::default() });
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            _ = &mut shutdown => return Ok(()),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(converse(socket, Arc::clone(&shared)));
                }
                // Out of file descriptors, or the client was gone before we looked: both pass.
                Err(error) if passes(&error) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => return Err(error),
            },
        }
    }
}

fn passes(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected)
}

/// One connection from its first request to its end.
async fn converse(socket: TcpStream, shared: Arc<Shared>) {
    let _open = Counted::new(&shared.stats.open_connections);
    // Without it a small chunk may wait for the acknowledgement of the one before.
    let _ = socket.set_nodelay(true);
    let mut wire = Wire::new(socket);
    loop {
        let received = match read::request(&mut wire).await {
            Ok(Some(received)) => received,
            Ok(None) => return,
            Err(refused) => {
                refuse(&mut wire, refused).await;
                return;
            }
        };
        let _busy = Counted::new(&shared.stats.in_flight);
        let ended = if received.path.starts_with("/_sim/") {
            let form = Form { close: received.close, headless: received.method == "HEAD", old: received.old };
            play::play(&mut wire, own(&received, &shared), &form, &shared.stats.bytes_written, |_| {}).await
        } else {
            shared.stats.requests.fetch_add(1, Relaxed);
            respond(&mut wire, &received, &shared).await
        };
        match ended {
            Ended::Open => {}
            Ended::Reset => {
                wire.reset();
                return;
            }
            Ended::Closed | Ended::ClientLeft => return,
        }
    }
}

/// Asks the simulator, plays its answer, keeps the journal.
async fn respond(wire: &mut Wire, received: &Received, shared: &Shared) -> Ended {
    let headers: Vec<(&str, &str)> =
        received.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = Request {
        method: &received.method,
        path: &received.path,
        query: received.query.as_deref(),
        headers: &headers,
        body: &received.body,
    };
    let answer = shared.simulator.answer(&request);
    let entry = shared.journal.open(received, answer.status, answer.prompt_tokens);
    let form = Form { close: received.close, headless: received.method == "HEAD", old: received.old };
    let started = std::time::Instant::now();
    let note = |tokens| shared.journal.produced(entry, tokens);
    let ended = play::play(wire, answer, &form, &shared.stats.bytes_written, note).await;
    let left = (ended == Ended::ClientLeft).then(|| started.elapsed());
    shared.journal.close(entry, left);
    ended
}

/// The server's own pages.
fn own(received: &Received, shared: &Shared) -> Answer {
    let (status, body) = match (received.method.as_str(), received.path.as_str()) {
        ("GET", "/_sim/requests") => (200, shared.journal.page()),
        ("DELETE", "/_sim/requests") => {
            shared.journal.clear();
            (200, json!({"deleted": true}).to_string())
        }
        ("GET", "/_sim/stats") => {
            let stats = &shared.stats;
            // The reader's own connection and request are not counted.
            let body = json!({
                "open_connections": stats.open_connections.load(Relaxed).saturating_sub(1),
                "in_flight": stats.in_flight.load(Relaxed).saturating_sub(1),
                "requests": stats.requests.load(Relaxed),
                "bytes_written": stats.bytes_written.load(Relaxed),
            });
            (200, body.to_string())
        }
        (method, path) => shared
            .simulator
            .page(method, path, &received.body)
            .unwrap_or_else(|| (404, json!({"error": {"message": "no such page of the simulator"}}).to_string())),
    };
    Answer::whole(status, vec![("content-type", "application/json".to_owned())], body)
}

/// A request that is no HTTP, or too large: says so and closes.
async fn refuse(wire: &mut Wire, refused: Refused) {
    let (status, message) = match refused {
        Refused::Gone => return,
        Refused::Malformed(message) => (400, message),
        Refused::HeadTooLarge => (431, "the head of the request is larger than 64 KiB"),
        Refused::BodyTooLarge => (413, "the body of the request is larger than 64 MiB"),
        Refused::Unsupported(message) => (501, message),
    };
    let body = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}});
    let answer = Answer::whole(status, vec![("content-type", "application/json".to_owned())], body.to_string());
    let form = Form { close: true, headless: false, old: false };
    play::play(wire, answer, &form, &AtomicU64::new(0), |_| {}).await;
    // Closing over unread bytes would reset the connection and take our answer with it.
    wire.linger(Duration::from_secs(1)).await;
}
