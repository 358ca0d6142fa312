//! A request's body, read whole before anything is decided, to be read again by the request that runs.

use super::identity::{self, FormIdentity};
use crate::gateway::failure::{Stopped, too_large};
use crate::gateway::work::Work;
use crate::gateway::{Gateway, path};
use crate::message::{self, BodyError, CallerBody, Inbound};
use crate::replay::Digest;
use bytes::{Bytes, BytesMut};
use http::header;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::poll_read_buf;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::multipart;

/// Bytes of a form that wait in memory; more wait on disk.
const IN_MEMORY: usize = 1024 * 1024;
/// Largest form with an `Idempotency-Key`, in bytes: it waits here whole, while others pass as they come.
const MAX_FORM: u64 = 64 * 1024 * 1024;
/// Size of the pieces read back from disk.
const PIECE: usize = 64 * 1024;

/// A body that has come whole. Its caller never leaves: the request goes on without one.
pub(super) struct Held {
    /// The beginning, and how much of it has not been read.
    disk: Option<(File, u64)>,
    /// The rest.
    memory: Bytes,
}

/// Reads a body, within its limit, and finds out what it is.
pub(super) async fn read(
    gateway: &Gateway,
    work: &Work,
    inbound: &Inbound,
    body: &mut dyn CallerBody,
) -> Result<(Held, Digest), Stopped> {
    let (body_limit, upload_limit) = {
        let fleet = gateway.fleet.load();
        (fleet.config.server.body_limit, fleet.config.server.upload_limit)
    };
    if work.is_form(inbound) {
        return form(work, inbound, body, upload_limit, &gateway.spool).await;
    }
    let memory = path::whole(inbound, body, body_limit).await?;
    let identity = identity::json(work, &memory);
    Ok((Held { disk: None, memory }, identity))
}

async fn form(
    work: &Work,
    inbound: &Inbound,
    body: &mut dyn CallerBody,
    upload_limit: u64,
    spool: &Path,
) -> Result<(Held, Digest), Stopped> {
    let over = || if upload_limit < MAX_FORM { too_large(upload_limit) } else { too_large_to_hold() };
    let limit = upload_limit.min(MAX_FORM);
    if body.left().is_some_and(|left| left > limit) {
        return Err(over().into());
    }
    let boundary = inbound.header(&header::CONTENT_TYPE).and_then(multipart::boundary);
    let mut identity = FormIdentity::new(work, boundary.as_deref());
    let mut disk: Option<(File, u64)> = None;
    let mut memory = BytesMut::new();
    loop {
        let before = memory.len();
        if !message::read(body, &mut memory).await? {
            break;
        }
        identity.push(memory.get(before..).unwrap_or_default());
        if disk.as_ref().map_or(0, |(_, length)| *length) + memory.len() as u64 > limit {
            return Err(over().into());
        }
        if memory.len() > IN_MEMORY {
            spill(&mut disk, &mut memory, spool).await.map_err(|error| lost(&error))?;
        }
    }
    if let Some((file, _)) = &mut disk {
        file.rewind().await.map_err(|error| lost(&error))?;
    }
    Ok((Held { disk, memory: memory.freeze() }, identity.finish()))
}

async fn spill(disk: &mut Option<(File, u64)>, memory: &mut BytesMut, spool: &Path) -> io::Result<()> {
    let (file, length) = match disk {
        Some(disk) => disk,
        None => disk.insert((File::from_std(tempfile::tempfile_in(spool)?), 0)),
    };
    file.write_all(memory).await?;
    *length += memory.len() as u64;
    memory.clear();
    Ok(())
}

fn too_large_to_hold() -> Fault {
    Fault::new(
        FaultKind::TooLarge,
        "request_too_large",
        format!("With an Idempotency-Key an upload may have at most {MAX_FORM} bytes. Send it without one."),
    )
}

fn lost(error: &io::Error) -> Fault {
    tracing::error!(%error, "cannot keep an upload on disk");
    Fault::new(FaultKind::Unavailable, "out_of_storage", "The upload could not be kept. Try again later.")
}

impl CallerBody for Held {
    fn poll_read(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<Result<bool, BodyError>> {
        if let Some((file, left)) = &mut self.disk {
            let before = out.len();
            out.reserve(PIECE);
            let count = ready!(poll_read_buf(Pin::new(file), cx, out)).map_err(|error| {
                tracing::error!(%error, "cannot read an upload back from disk");
                BodyError::Malformed
            })?;
            *left = left.saturating_sub(count as u64);
            if count == 0 && *left > 0 {
                return Poll::Ready(Err(BodyError::Malformed));
            }
            if *left == 0 {
                self.disk = None;
            }
            if out.len() > before {
                return Poll::Ready(Ok(true));
            }
        }
        let memory = std::mem::take(&mut self.memory);
        out.extend_from_slice(&memory);
        Poll::Ready(Ok(!memory.is_empty()))
    }

    fn poll_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn left(&self) -> Option<u64> {
        Some(self.disk.as_ref().map_or(0, |(_, left)| *left) + self.memory.len() as u64)
    }
}
