//! Upstream connections, and the answers that come over them.

use super::duties::UsageTail;
use super::proxy::Upload;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;

/// Idle connections to the upstream, the last one used on top.
pub(crate) struct Pool {
    upstream: String,
    idle: RefCell<Vec<SendRequest<Upload>>>,
}

impl Pool {
    /// An empty pool.
    pub(crate) fn new(upstream: String) -> Self {
        Self { upstream, idle: RefCell::default() }
    }

    /// A connection that can take a request now.
    pub(crate) async fn sender(&self) -> Result<SendRequest<Upload>, Box<dyn Error + Send + Sync>> {
        loop {
            let Some(mut sender) = self.idle.borrow_mut().pop() else {
                break;
            };
            if sender.is_ready() || sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(&self.upstream).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(async move {
            // It ends with an error when the upstream closes it; the next request then opens another.
            let _ = connection.await;
        });
        Ok(sender)
    }
}

/// A connection in use. It goes back to the pool when the answer was read to its end, and is closed with
/// everything else when it was not.
pub(crate) struct Lease {
    sender: SendRequest<Upload>,
    pool: Rc<Pool>,
}

impl Lease {
    /// Takes a connection of a pool.
    pub(crate) fn new(sender: SendRequest<Upload>, pool: &Rc<Pool>) -> Self {
        Self { sender, pool: Rc::clone(pool) }
    }

    fn give_back(self) {
        self.pool.idle.borrow_mut().push(self.sender);
    }
}

/// An answer's body, passed on as it comes.
pub(crate) struct Relay {
    body: Incoming,
    lease: Option<Lease>,
    usage: Option<UsageTail>,
}

impl Relay {
    /// Passes on a body; looks for its usage if told to.
    pub(crate) fn new(body: Incoming, lease: Lease, usage: Option<UsageTail>) -> Self {
        let mut relay = Self { body, lease: Some(lease), usage };
        if relay.body.is_end_stream() {
            relay.settle();
        }
        relay
    }

    fn settle(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
        if let Some(usage) = self.usage.take() {
            usage.count();
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(usage), Some(data)) = (self.usage.as_mut(), frame.data_ref()) {
                    usage.see(data);
                }
                if self.body.is_end_stream() {
                    self.settle();
                }
            }
            Poll::Ready(None) => self.settle(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
