//! Listeners and the accept loop.

use super::{Counted, Door, Handler, http1, http2};
use crate::http1::Io;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// A bound address, before any worker listens on it.
pub struct Binding {
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
}

/// Binds an address. `tls` serves it under TLS.
pub fn bind(address: SocketAddr, tls: Option<Arc<rustls::ServerConfig>>) -> io::Result<Binding> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(Binding { listener: socket.into(), tls: tls.map(TlsAcceptor::from) })
}

impl Binding {
    /// The address as bound (with the port that the system chose for port 0).
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Another handle on the same queue, for another worker.
    pub fn share(&self) -> io::Result<Self> {
        Ok(Self { listener: self.listener.try_clone()?, tls: self.tls.clone() })
    }

    /// Accepts connections and serves each in a task, until the door drains; then nobody listens here any more. To
    /// be run inside a worker's runtime.
    pub async fn serve<H: Handler>(self, door: Arc<Door<H>>) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        loop {
            let accepted = tokio::select! {
                accepted = accept(&listener, &door) => accepted,
                () = door.drain.cancelled() => break,
            };
            match accepted {
                Ok((tcp, peer, permit)) => spawn(tcp, peer, permit, &door, self.tls.clone()),
                Err(error) => {
                    // Out of descriptors or a connection that ended while it waited: neither ends the gateway.
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        // Who is in the queue has been connected already, and may have sent a request.
        let listener = listener.into_std()?;
        while let Ok(permit) = Arc::clone(&door.room).try_acquire_owned() {
            let Ok((tcp, peer)) = listener.accept() else { break };
            tcp.set_nonblocking(true)?;
            spawn(TcpStream::from_std(tcp)?, peer, permit, &door, self.tls.clone());
        }
        Ok(())
    }
}

/// The next connection, once there is room for one.
async fn accept<H>(
    listener: &TcpListener,
    door: &Door<H>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(&door.room).acquire_owned().await.map_err(io::Error::other)?;
    let (tcp, peer) = listener.accept().await?;
    Ok((tcp, peer, permit))
}

fn spawn<H: Handler>(
    tcp: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    door: &Arc<Door<H>>,
    tls: Option<TlsAcceptor>,
) {
    if tcp.set_nodelay(true).is_err() {
        return;
    }
    let door = Arc::clone(door);
    // Counted from here on: a drain must not end before it has begun to be served.
    let counted = Counted::new(&door.open);
    tokio::spawn(async move {
        let _permit = permit;
        let _counted = counted;
        match tls {
            None => http1::serve(Io::Tcp(tcp), peer, &door).await,
            Some(tls) => Box::pin(serve_tls(tcp, peer, &door, &tls)).await,
        }
    });
}

async fn serve_tls<H: Handler>(tcp: TcpStream, peer: SocketAddr, door: &Arc<Door<H>>, tls: &TlsAcceptor) {
    let Ok(Ok(stream)) = tokio::time::timeout(door.times.head, tls.accept(tcp)).await else { return };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = Io::ServerTls(Box::new(stream));
    if http2 {
        http2::serve(io, bytes::BytesMut::new(), peer, door).await;
    } else {
        http1::serve(io, peer, door).await;
    }
}
