//! An answer on its way to the caller and to its place here.
//!
//! It gets the gateway's id, whoever made it. What is kept is put on the shelf before the caller has the last bytes, so
//! that whoever comes back at once finds it.

use super::kept::{Kept, Place};
use super::{Shelves, Turn};
use bytes::{Bytes, BytesMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tollgate_protocol::canonical::{Event, Losses};
use tollgate_protocol::codec::Encoder;
use tollgate_protocol::fault::Fault;
use tollgate_protocol::json;
use tollgate_protocol::relay::Watch;
use tollgate_protocol::responses::{self, Names, Renaming, Told};
use tollgate_protocol::sse;
use tollgate_protocol::usage::Usage;

/// Where one answer goes.
pub(in crate::gateway) struct Filing {
    /// `None` where what is read is there already.
    shelves: Option<Shelves>,
    names: Names,
    keep: bool,
    /// The account that keeps it; `None`: the gateway does.
    account: Option<String>,
    /// The request's own part of the conversation.
    said: Bytes,
    told: Arc<Mutex<Told>>,
    /// It is on the shelf.
    filed: bool,
}

impl Filing {
    pub(super) fn new(turn: &Turn, account: Option<String>) -> Self {
        Self {
            shelves: Some(turn.shelves.clone()),
            names: Names { id: turn.id.clone(), previous: turn.previous.clone() },
            keep: turn.keep,
            account,
            said: turn.said.clone(),
            told: Arc::default(),
            filed: false,
        }
    }

    /// For a kept answer that is read again by the gateway's names.
    pub(super) fn reading(names: Names) -> Self {
        Self {
            shelves: None,
            names,
            keep: false,
            account: None,
            said: Bytes::new(),
            told: Arc::default(),
            filed: false,
        }
    }

    /// What watches a stream in the caller's own protocol and gives it the gateway's names.
    pub(in crate::gateway) fn watch(&mut self) -> Box<dyn Watch> {
        let (watch, told) = Renaming::new(self.names.clone(), self.keep && self.account.is_none());
        self.told = told;
        Box::new(watch)
    }

    /// What writes a stream that crosses, and notes what it says at the end.
    pub(in crate::gateway) fn encoder(&self, encoder: Box<dyn Encoder>) -> Box<dyn Encoder> {
        Box::new(Noting { encoder, told: Arc::clone(&self.told) })
    }

    /// A whole answer in the caller's own protocol, by the gateway's names; it is kept.
    pub(in crate::gateway) fn renamed(&mut self, body: &Bytes) -> Bytes {
        let (renamed, vendor) = responses::rename(body, &self.names);
        let response =
            if self.account.is_none() { std::str::from_utf8(&renamed).ok().map(str::to_owned) } else { None };
        let items = if self.keep { responses::item_ids(body) } else { Vec::new() };
        *lock(&self.told) = Told { id: vendor, response, items };
        self.file();
        renamed
    }

    /// A whole answer that has crossed: it is kept.
    pub(in crate::gateway) fn whole(&mut self, body: &Bytes) {
        lock(&self.told).response = std::str::from_utf8(body).ok().map(str::to_owned);
        self.file();
    }

    /// A stream has said something. A vendor that keeps its answer does so from the beginning, and whoever loses the
    /// stream may ask for it.
    pub(in crate::gateway) fn begun(&mut self) {
        if self.account.is_some() {
            self.file();
        }
    }

    /// The answer is complete.
    pub(in crate::gateway) fn file(&mut self) {
        let Some(shelves) = self.shelves.as_ref().filter(|_| self.keep) else { return };
        // A whole answer may be large: it is left where it is until it is wanted.
        let items = std::mem::take(&mut lock(&self.told).items);
        for item in items.iter().filter(|item| !responses::is_ours(item)) {
            shelves.place(item, &self.place());
        }
        if self.filed {
            return;
        }
        let Told { id, response, .. } = lock(&self.told).clone();
        let previous = self.names.previous.clone();
        let kept = match &self.account {
            Some(account) => id.map(|id| Kept::Theirs { account: account.clone(), id, previous }),
            None => response.and_then(|response| self.ours(previous, &response)),
        };
        if let Some(kept) = kept {
            shelves.put(&self.names.id, &kept);
            self.filed = true;
        }
    }

    /// Where its items are.
    fn place(&self) -> Place {
        match &self.account {
            Some(account) => Place::Account(account.clone()),
            None => Place::Response(self.names.id.clone()),
        }
    }

    fn ours(&self, previous: Option<String>, response: &str) -> Option<Kept> {
        let (response, _) = responses::rename(&Bytes::copy_from_slice(response.as_bytes()), &self.names);
        let response = String::from_utf8(response.to_vec()).ok()?;
        let number = self.names.id.strip_prefix(responses::RESPONSE).unwrap_or_default();
        let input = responses::kept_input(&self.said, number).ok()?;
        Some(Kept::Ours { previous, input, response })
    }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An encoder whose last event tells the whole response.
struct Noting {
    encoder: Box<dyn Encoder>,
    told: Arc<Mutex<Told>>,
}

impl Encoder for Noting {
    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) {
        self.encoder.event(event, out);
    }

    fn finish(&mut self, usage: Option<&Usage>, out: &mut BytesMut) {
        let before = out.len();
        self.encoder.finish(usage, out);
        let mut rest = out.get(before..).unwrap_or_default();
        while let Some(length) = sse::Splitter::default().event_end(rest, true) {
            let (event, tail) = rest.split_at(length);
            let data = sse::Event::read(event).data.unwrap_or_default();
            // Events without a whole response tell nothing here.
            let _ = json::members(&data, |member| {
                if member.key().as_ref() == b"response" {
                    lock(&self.told).response = std::str::from_utf8(member.value).ok().map(str::to_owned);
                }
            });
            rest = tail;
        }
    }

    fn fault(&mut self, fault: &Fault, out: &mut BytesMut) {
        self.encoder.fault(fault, out);
    }

    fn keep_alive(&mut self, out: &mut BytesMut) {
        self.encoder.keep_alive(out);
    }

    fn losses(&self) -> &Losses {
        self.encoder.losses()
    }
}
