//! What an earlier process left in the journal, into the database.

use super::apply::{Applier, Batch};
use super::block;
use super::codec::read_entry;
use super::entry::{Entry, RequestId};
use super::run::{FINAL, LedgerError};
use super::section::Section;
use crate::journal::Recovered;
use crate::store::ledger as rows;
use crate::store::{Store, StoreError};
use std::collections::HashMap;

/// Entries of one transaction.
const LOT: usize = 4_096;
/// Blocks read at a time.
const BLOCKS: i64 = 16;

/// Books what is left: of each request its final entry, or else the last provisional one.
pub(super) async fn replay(store: &Store, applier: &mut Applier, mut recovered: Recovered) -> Result<(), LedgerError> {
    let mut entries: HashMap<RequestId, (bool, Entry)> = HashMap::new();
    let mut unreadable = 0_u64;
    recovered.read(|payload| {
        let read = payload.split_first().and_then(|(kind, bytes)| Some((*kind == FINAL, read_entry(bytes)?)));
        match read {
            Some((done, entry)) => {
                let better = entries.get(&entry.id).is_none_or(|(before, _)| done || !before);
                if better {
                    entries.insert(entry.id, (done, entry));
                }
            }
            None => unreadable += 1,
        }
    })?;
    drop_known(store, &mut entries).await?;
    let open = entries.values().filter(|(done, _)| !done).count();
    let entries: Vec<Entry> = entries.into_values().map(|(_, entry)| entry).collect();
    let booked = entries.len();
    book(store, applier, entries).await?;
    if booked > 0 || unreadable > 0 || recovered.torn() > 0 {
        tracing::warn!(
            booked,
            without_end = open,
            torn = recovered.torn(),
            unreadable,
            "the last process left work in the journal"
        );
    }
    recovered.discard()?;
    Ok(())
}

/// Books entries that are not in the database, the oldest first.
pub(super) async fn book(store: &Store, applier: &mut Applier, mut entries: Vec<Entry>) -> Result<(), StoreError> {
    entries.sort_unstable_by_key(|entry| entry.id);
    for lot in entries.chunks(LOT) {
        let mut sections: Vec<Section> = Vec::new();
        let mut record = Vec::new();
        for entry in lot {
            let section = match sections.last_mut() {
                Some(last) if !last.is_full() => last,
                _ => sections.push_mut(Section::default()),
            };
            record.clear();
            section.push(entry, &mut record);
        }
        applier.apply(store, &mut Batch::new(sections)).await?;
    }
    Ok(())
}

/// Leaves out what is booked already. Looks at every id that was booked since the first of these requests came.
pub(super) async fn drop_known<T>(store: &Store, entries: &mut HashMap<RequestId, T>) -> Result<(), StoreError> {
    let Some(first) = entries.keys().min() else { return Ok(()) };
    let snapshot = &mut store.snapshot().await?;
    let mut after = block::first_at(first.time()) - 1;
    let strays: Vec<RequestId> = entries.keys().copied().collect();
    loop {
        let blocks = rows::blocks_after(snapshot, after, BLOCKS).await?;
        let Some(last) = blocks.last() else { break };
        after = last.id;
        for bytes in blocks.iter().flat_map(|block| block.ids.chunks_exact(16)) {
            entries.remove(&RequestId::of(bytes));
        }
    }
    // Booked at a time before their own, by a clock that was set back.
    for id in strays {
        if entries.contains_key(&id) && rows::stray(snapshot, &id.bytes()).await?.is_some() {
            entries.remove(&id);
        }
    }
    Ok(())
}
