//! From rows back to values.

use super::entry::{Book, Series};
use crate::store::ledger::SeriesRow;

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
