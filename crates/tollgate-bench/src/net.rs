//! One thread, one runtime, one listening socket: what the upstream and the controls are made of.

use crate::args::{Args, Failure};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// Servers end by themselves, so that a harness that died leaves nothing behind.
const DEFAULT_LIFE_SECS: u64 = 2 * 60 * 60;

/// Where a server listens and how long it lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    addr: SocketAddr,
    life: Duration,
}

impl Place {
    /// Takes `--listen` and `--secs`.
    pub(crate) fn take(args: &mut Args) -> Result<Self, Failure> {
        Ok(Self {
            addr: args.need("listen")?,
            life: Duration::from_secs(args.take("secs")?.unwrap_or(DEFAULT_LIFE_SECS)),
        })
    }

    /// Accepts connections and starts `serve` for each, until the time is up.
    pub(crate) fn serve<F: Future<Output = ()> + 'static>(self, serve: impl Fn(TcpStream) -> F) -> Result<(), Failure> {
        block_on(async move {
            let listener = self.bind()?;
            let accept = async {
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => {
                            let _ = stream.set_nodelay(true);
                            tokio::task::spawn_local(serve(stream));
                        }
                        // Out of descriptors, most likely: others must end first.
                        Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
            };
            let _ = tokio::time::timeout(self.life, accept).await;
            Ok(())
        })
    }

    fn bind(self) -> Result<TcpListener, Failure> {
        let socket = if self.addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(self.addr)?;
        Ok(socket.listen(8192)?)
    }
}

/// Runs a future and the local tasks it starts on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}
