//! Forms with files: read only as far as their model's name, passed on while the rest arrives.
//!
//! What comes before the model (some client libraries send the file first) waits in memory up to a bound and on disk
//! beyond it. Nothing of a form is ever held whole in memory.

use super::failure::{Stopped, too_large};
use crate::message::{self, CallerBody, Inbound};
use crate::upstream::{Abandoned, CallBody};
use bytes::{Bytes, BytesMut};
use http::header;
use std::path::Path;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::multipart::{self, Field, FormError, FormScanner};

/// Bytes of a form that wait in memory; more wait on disk.
const IN_MEMORY: usize = 256 * 1024;
/// Size of the pieces read back from disk.
const PIECE: usize = 64 * 1024;

/// A form of which at least the model's name has arrived.
pub(super) struct Form {
    scanner: FormScanner,
    /// What has arrived, in order: first what is on disk, then what is in memory.
    disk: Option<File>,
    on_disk: u64,
    memory: BytesMut,
    limit: u64,
    /// All of it has arrived.
    complete: bool,
    /// Something was passed on that was not kept.
    passed: bool,
}

/// Where pieces go that are to be sent.
pub(super) type Feed = mpsc::Sender<Result<Bytes, Abandoned>>;

impl Form {
    /// Reads a form up to its model. `limit` is for the whole form, in bytes.
    pub(super) async fn begin(
        inbound: &Inbound,
        body: &mut dyn CallerBody,
        limit: u64,
        spool: &Path,
    ) -> Result<Self, Stopped> {
        let content_type = inbound.header(&header::CONTENT_TYPE).unwrap_or_default();
        let boundary = multipart::boundary(content_type)
            .ok_or_else(|| Fault::invalid("content-type", "This route takes 'multipart/form-data' with a boundary."))?;
        if body.left().is_some_and(|left| left > limit) {
            return Err(too_large(limit).into());
        }
        let mut form = Self {
            scanner: FormScanner::new(&boundary),
            disk: None,
            on_disk: 0,
            memory: BytesMut::new(),
            limit,
            complete: false,
            passed: false,
        };
        while form.scanner.model_range().is_none() {
            let mut piece = BytesMut::new();
            if !message::read(body, &mut piece).await? {
                form.complete = true;
                form.scanner.finish().map_err(unreadable)?;
                return Err(Fault::invalid("model", "You must give a 'model'.").into());
            }
            form.scanner.push(&piece).map_err(unreadable)?;
            form.memory.extend_from_slice(&piece);
            if form.arrived() > limit {
                return Err(too_large(limit).into());
            }
            if form.memory.len() > IN_MEMORY && form.scanner.model_range().is_none() {
                form.spill(spool).await.map_err(|error| {
                    tracing::error!(%error, "cannot keep an upload on disk");
                    Fault::new(
                        FaultKind::Unavailable,
                        "out_of_storage",
                        "The upload could not be kept. Send 'model' before the file, or try again later.",
                    )
                })?;
            }
        }
        if form.model().is_empty() {
            return Err(Fault::invalid("model", "'model' must not be empty.").into());
        }
        Ok(form)
    }

    async fn spill(&mut self, spool: &Path) -> std::io::Result<()> {
        let disk = match &mut self.disk {
            Some(disk) => disk,
            None => self.disk.insert(File::from_std(tempfile::tempfile_in(spool)?)),
        };
        disk.write_all(&self.memory).await?;
        self.on_disk += self.memory.len() as u64;
        self.memory.clear();
        Ok(())
    }

    fn arrived(&self) -> u64 {
        self.on_disk + self.memory.len() as u64
    }

    pub(super) fn model(&self) -> &str {
        self.scanner.value(Field::Model).unwrap_or_default()
    }

    /// Whether a stream was asked for, as far as the form has been read.
    pub(super) fn stream(&self) -> bool {
        self.scanner.value(Field::Stream).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// Whether it could be sent a second time.
    pub(super) fn is_replayable(&self) -> bool {
        !self.passed
    }

    /// The body of a call with the vendor's name of the model, and where its pieces are to be put. `left` is what
    /// the caller has still announced.
    pub(super) fn start(&self, model: &str, left: Option<u64>) -> (CallBody, Feed) {
        let (feed, pieces) = mpsc::channel(1);
        let left = if self.complete { Some(0) } else { left };
        let length = left.map(|left| self.arrived() + left + model.len() as u64 - self.model().len() as u64);
        (CallBody::Pieces { length, pieces }, feed)
    }

    /// Puts the form into `feed`: what has arrived, then the rest as it comes; then watches the caller. Ends only
    /// when the caller leaves or its form turns out to be wrong.
    pub(super) async fn feed(&mut self, feed: Feed, model: &str, caller: &mut dyn CallerBody) -> Stopped {
        match self.pass(&feed, model, caller).await {
            Ok(()) => {
                drop(feed);
                message::gone(caller).await;
                Stopped::Gone
            }
            Err(stopped) => {
                // Whoever reads the pieces may have ended already.
                let _ = feed.try_send(Err(Abandoned));
                stopped
            }
        }
    }

    async fn pass(&mut self, feed: &Feed, model: &str, caller: &mut dyn CallerBody) -> Result<(), Stopped> {
        let range = self.scanner.model_range().unwrap_or(0..0);
        let mut splicer = Splicer { at: 0, start: range.start, end: range.end, model };
        if let Some(disk) = &mut self.disk {
            let lost = |error: std::io::Error| {
                tracing::error!(%error, "cannot read an upload back from disk");
                Stopped::Fault(Fault::new(FaultKind::Unavailable, "out_of_storage", "The upload was lost on its way."))
            };
            disk.rewind().await.map_err(lost)?;
            let mut left = self.on_disk;
            while left > 0 {
                let mut piece = BytesMut::with_capacity(PIECE);
                if disk.read_buf(&mut piece).await.map_err(lost)? == 0 {
                    return Err(lost(std::io::ErrorKind::UnexpectedEof.into()));
                }
                piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                left -= piece.len() as u64;
                splicer.send(feed, piece.freeze()).await?;
            }
        }
        splicer.send(feed, Bytes::copy_from_slice(&self.memory)).await?;
        let mut total = self.arrived();
        while !self.complete {
            let mut piece = BytesMut::new();
            if !message::read(caller, &mut piece).await? {
                self.complete = true;
                break;
            }
            self.passed = true;
            total += piece.len() as u64;
            if total > self.limit {
                return Err(too_large(self.limit).into());
            }
            self.scanner.push(&piece).map_err(unreadable)?;
            send(feed, piece.freeze()).await?;
        }
        self.scanner.finish().map_err(unreadable)?;
        Ok(())
    }
}

/// Puts another model into a form while it passes.
struct Splicer<'a> {
    at: u64,
    start: u64,
    end: u64,
    model: &'a str,
}

impl Splicer<'_> {
    async fn send(&mut self, feed: &Feed, piece: Bytes) -> Result<(), Stopped> {
        let (from, to) = (self.at, self.at + piece.len() as u64);
        self.at = to;
        // The value may lie across pieces: before, inside and after are cut out of each.
        let cut = |a: u64, b: u64| {
            let a = usize::try_from(a.clamp(from, to) - from).unwrap_or(0);
            let b = usize::try_from(b.clamp(from, to) - from).unwrap_or(0);
            piece.slice(a..b.max(a))
        };
        send(feed, cut(from, self.start)).await?;
        if from <= self.start && self.start < to {
            send(feed, Bytes::copy_from_slice(self.model.as_bytes())).await?;
        }
        send(feed, cut(self.end, to)).await
    }
}

async fn send(feed: &Feed, piece: Bytes) -> Result<(), Stopped> {
    if piece.is_empty() {
        return Ok(());
    }
    if feed.send(Ok(piece)).await.is_err() {
        // The call has ended; its own result says why, and it comes before this does.
        std::future::pending::<()>().await;
    }
    Ok(())
}

fn unreadable(error: FormError) -> Fault {
    match error {
        FormError::Twice(field) => Fault::invalid(field.name(), format!("'{}' is given twice.", field.name())),
        FormError::TooLarge => Fault::invalid("body", "A part of the form is too large, or there are too many parts."),
        FormError::Truncated => Fault::invalid("body", "The form ends before its last boundary."),
        FormError::Boundary | FormError::Malformed => Fault::invalid("body", "The form is malformed."),
    }
}
