//! From rows back to entries.

use super::codec::{read_detail, read_usage};
use super::entry::{Basis, Book, Detail, Entry, Flags, RequestId, Series};
use crate::outcome::Outcome;
use crate::store::ledger::{EntryRow, SeriesRow};

/// A series as it was stored.
pub(super) fn series(row: &SeriesRow) -> Series {
    Series {
        book: if row.book == 0 { Book::Live } else { Book::Test },
        key_id: row.key_id.as_str().into(),
        project_id: row.project_id.as_str().into(),
        endpoint: row.endpoint.as_str().into(),
        model: row.model.as_str().into(),
        provider: row.provider.as_str().into(),
        provider_kind: row.provider_kind.as_str().into(),
        upstream_model: row.upstream_model.as_str().into(),
        price_version: row.price_version.as_str().into(),
    }
}

/// An entry as it was stored; `None` if the row is not one. The second value says whether its detail is still kept.
pub(super) fn entry(row: &EntryRow, series: Series) -> Option<(Entry, bool)> {
    let place = |shift: u32| usize::try_from(row.marks >> shift & 15).ok();
    let (detail, kept) = match &row.detail {
        Some(bytes) => (read_detail(bytes)?, true),
        None => (Detail::default(), false),
    };
    let entry = Entry {
        id: RequestId(u128::from_be_bytes(row.id.as_slice().try_into().ok()?)),
        admitted_at: row.admitted_at,
        series,
        amount: row.amount,
        cost: row.cost,
        basis: *Basis::ALL.get(place(0)?)?,
        flags: Flags(u32::try_from(row.marks >> 16).ok()?),
        usage: read_usage(&row.usage)?,
        status: u16::try_from(row.status).ok()?,
        outcome: *Outcome::ALL.get(place(4)?)?,
        detail,
    };
    Some((entry, kept))
}
