//! One socket: bytes in, bytes out, and noticing that the other side has left.
//!
//! A client that closes its sending side is taken to have left, as HTTP servers commonly do.

use std::{io, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::TcpStream,
};

/// The other side is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

/// What a client may send ahead while it is being answered; beyond this it is not read, and its leaving not noticed.
const AHEAD: usize = 1 << 20;

pub(super) struct Wire {
    socket: TcpStream,
    /// Received and not yet understood.
    pub(super) inbox: BytesMut,
}

impl Wire {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, inbox: BytesMut::with_capacity(8 << 10) }
    }

    /// Waits for more bytes in the inbox.
    pub(super) async fn receive(&mut self) -> Result<(), Gone> {
        loop {
            self.socket.readable().await.map_err(|_| Gone)?;
            if self.receive_now()? {
                return Ok(());
            }
        }
    }

    /// Takes what has arrived; true if something has.
    fn receive_now(&mut self) -> Result<bool, Gone> {
        if self.inbox.capacity() - self.inbox.len() < 4 << 10 {
            self.inbox.reserve(16 << 10);
        }
        match self.socket.try_read_buf(&mut self.inbox) {
            Ok(0) => Err(Gone),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(_) => Err(Gone),
        }
    }

    /// Writes all of it. Without a system call too many: the socket is asked whether the client left only when the
    /// runtime has heard from it.
    pub(super) async fn send(&mut self, mut bytes: &[u8]) -> Result<(), Gone> {
        if self.inbox.len() < AHEAD {
            self.receive_now()?;
        }
        while !bytes.is_empty() {
            match self.socket.try_write(bytes) {
                Ok(0) => return Err(Gone),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable().await?,
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }

    async fn writable(&mut self) -> Result<(), Gone> {
        loop {
            let listening = self.inbox.len() < AHEAD;
            let interest = if listening { Interest::READABLE | Interest::WRITABLE } else { Interest::WRITABLE };
            let ready = self.socket.ready(interest).await.map_err(|_| Gone)?;
            if ready.is_readable() && listening {
                self.receive_now()?;
            }
            if ready.is_writable() {
                return Ok(());
            }
        }
    }

    /// Lets time pass; ends early when the client leaves.
    pub(super) async fn pause(&mut self, time: Duration) -> Result<(), Gone> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            gone = self.gone() => Err(gone),
        }
    }

    /// Waits until the client has left.
    pub(super) async fn gone(&mut self) -> Gone {
        while self.inbox.len() < AHEAD {
            if self.receive().await.is_err() {
                return Gone;
            }
        }
        std::future::pending().await
    }

    /// Says that nothing more will come and reads what still does, for a short while.
    pub(super) async fn linger(&mut self, time: Duration) {
        if self.socket.shutdown().await.is_err() {
            return;
        }
        let _ = tokio::time::timeout(time, async {
            while self.receive().await.is_ok() {
                self.inbox.clear();
            }
        })
        .await;
    }

    /// Makes the coming close an RST.
    pub(super) fn reset(&self) {
        let _ = self.socket.set_zero_linger();
    }
}
