//! Money back. A refund belongs to a charge and has a cause; together they are never more than the charge, and each
//! cause gives back once.

use super::apply::{customer, hour_of};
use super::entry::{Book, Entry, RequestId};
use super::find::{self, line_of};
use crate::accounts::{Accounts, day_of};
use crate::keys::Mode;
use crate::keys::manage::Actor;
use crate::store::audit::{self, AuditRow};
use crate::store::ledger::{self as rows, Posting, RefundRow, RollupRow};
use crate::store::{Store, StoreError, Write, revision};
use crate::{clock, ids};
use serde_json::json;

/// Prefix of refunds.
const REFUND: &str = "rfd_";

/// Why money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The vendor could not do it after all.
    Failed,
    /// The vendor did it and kept it back.
    Filtered,
    /// Nobody asked for it in time.
    Expired,
    /// It was cancelled before it ran.
    Cancelled,
    /// Less was delivered than was charged for.
    Undelivered,
    /// The vendor gave the operator money back.
    ProviderCredit,
    /// The operator wants to.
    Goodwill,
}

impl Cause {
    /// All of them. Their names are kept in the ledger.
    pub const ALL: [Self; 7] = [
        Self::Failed,
        Self::Filtered,
        Self::Expired,
        Self::Cancelled,
        Self::Undelivered,
        Self::ProviderCredit,
        Self::Goodwill,
    ];

    /// As it is called outside.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Filtered => "filtered",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Undelivered => "undelivered",
            Self::ProviderCredit => "provider_credit",
            Self::Goodwill => "goodwill",
        }
    }
}

/// What is to be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Of which request.
    pub request: RequestId,
    /// Why.
    pub cause: Cause,
    /// Nano-dollars; `None` for all that is left of the charge.
    pub amount: Option<i64>,
    /// For people.
    pub note: Option<String>,
}

/// A refund as it is in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refunded {
    /// The charge.
    pub entry: Entry,
    /// The refund.
    pub row: RefundRow,
    /// Whether it was made now; the same one may have been there.
    pub is_new: bool,
}

/// Why nothing was given back.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    /// No such charge is booked.
    #[error("there is no such charge")]
    NotFound,
    /// This cause has given back another amount.
    #[error("this cause has given back another amount")]
    Other,
    /// More than is left of the charge, or nothing.
    #[error("more than is left of the charge")]
    TooMuch {
        /// What is left, in nano-dollars.
        left: i64,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// As [`super::Ledger::refund`], of what is in the database.
pub(super) async fn refund(
    store: &Store,
    accounts: &Accounts,
    asked: Asked,
    by: Option<&Actor>,
) -> Result<Refunded, RefundError> {
    let Some((entry, _)) = find::get(store, asked.request).await? else { return Err(RefundError::NotFound) };
    let series = {
        let line = line_of(&mut store.snapshot().await?, asked.request).await?;
        line.map(|(_, line)| line.series).ok_or(RefundError::NotFound)?
    };
    let request = entry.id.to_string();
    let mut write = store.write().await?;
    let before = rows::refunds_for_write(&mut write, &request).await?;
    if let Some(row) = before.iter().find(|row| row.cause == asked.cause.name()) {
        return if asked.amount.is_none_or(|amount| amount == row.amount) {
            Ok(Refunded { entry, row: row.clone(), is_new: false })
        } else {
            Err(RefundError::Other)
        };
    }
    let left = entry.amount - before.iter().map(|row| row.amount).sum::<i64>();
    let amount = asked.amount.unwrap_or(left);
    if !(1..=left).contains(&amount) {
        return Err(RefundError::TooMuch { left });
    }
    let now = clock::now_ms();
    let id = ids::new(REFUND, now).map_err(|_| StoreError::Interrupted)?;
    let (cause, note) = (asked.cause.name().to_owned(), asked.note);
    let row = RefundRow { id, request, cause, amount, created_at: now, note };
    book(&mut write, &entry, series, &row).await?;
    if let Some(by) = by {
        audited(&mut write, &row, by).await?;
    }
    write.commit().await?;
    let (of, mode) = (&entry.series, if entry.series.book == Book::Live { Mode::Live } else { Mode::Test });
    accounts.adjust(mode, (&of.key_id, &of.project_id), day_of(entry.admitted_at), -amount);
    Ok(Refunded { entry, row, is_new: true })
}

/// The refund with all its effects. It counts to the hour and the day of its charge.
async fn book(write: &mut Write, entry: &Entry, series: i64, row: &RefundRow) -> Result<(), StoreError> {
    rows::insert_refund(write, row).await?;
    let rollup = RollupRow {
        hour: hour_of(entry.admitted_at),
        series,
        requests: 0,
        errors: 0,
        amount: 0,
        cost: 0,
        refunded: row.amount,
        usage: json!(vec![0; 14]).to_string(),
    };
    rows::add_rollups(write, &[rollup]).await?;
    let (day, book) = (day_of(entry.admitted_at), entry.series.book);
    let legs = [
        Posting { day, account: customer(book, &entry.series.key_id), nano: -row.amount },
        Posting { day, account: format!("revenue:{}", book.name()), nano: row.amount },
    ];
    rows::post(write, &legs).await
}

async fn audited(write: &mut Write, row: &RefundRow, by: &Actor) -> Result<(), StoreError> {
    let after = json!({
        "id": row.id, "request_id": row.request, "cause": row.cause,
        "amount_usd": crate::money::print(row.amount), "note": row.note,
    });
    let line = AuditRow {
        seq: revision::next(write).await?,
        at: by.now_ms,
        actor: by.name.to_string(),
        peer: by.peer.map(|peer| peer.to_string()),
        action: "refund.create".into(),
        object: row.id.clone(),
        before: None,
        after: Some(after.to_string()),
    };
    audit::append(write, &line).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::ledger::tests::{book_over_time, entry, store, with_price};
    use crate::ledger::verify::verify;

    #[tokio::test]
    async fn never_more_than_was_charged_and_each_cause_once() {
        let (_dir, store) = store().await;
        with_price(&store).await;
        let entries: Vec<_> = (0..40).map(|n| entry(n, 100)).collect();
        book_over_time(&store, &entries, 8).await;
        let accounts = Accounts::default();
        // The third of each lot of eight is a stray, the last is not.
        for of in [&entries[2], &entries[7]] {
            let ask = |cause, amount| Asked { request: of.id, cause, amount, note: None };
            let first = refund(&store, &accounts, ask(Cause::Goodwill, Some(30)), None).await.unwrap();
            assert!(first.is_new && first.row.amount == 30);
            for amount in [Some(30), None] {
                let again = refund(&store, &accounts, ask(Cause::Goodwill, amount), None).await.unwrap();
                assert!(!again.is_new && again.row == first.row);
            }
            let other = refund(&store, &accounts, ask(Cause::Goodwill, Some(31)), None).await;
            assert!(matches!(other, Err(RefundError::Other)));
            for amount in [71, 0, -1, i64::MAX] {
                let more = refund(&store, &accounts, ask(Cause::Failed, Some(amount)), None).await;
                assert!(matches!(more, Err(RefundError::TooMuch { left: 70 })), "{amount}");
            }
            let rest = refund(&store, &accounts, ask(Cause::Failed, None), None).await.unwrap();
            assert_eq!(rest.row.amount, 70);
            let none = refund(&store, &accounts, ask(Cause::Expired, None), None).await;
            assert!(matches!(none, Err(RefundError::TooMuch { left: 0 })));
        }
        let unknown = Asked { request: RequestId(1), cause: Cause::Failed, amount: None, note: None };
        assert!(matches!(refund(&store, &accounts, unknown, None).await, Err(RefundError::NotFound)));
        let report = verify(&store).await.unwrap();
        assert!(report.is_ok() && report.refunds == 2, "{report:?}");
    }
}
