//! The request log forgets: what the ledger does not need goes after some days, in small steps, and its room with it.

use super::block;
use crate::clock::now_ms;
use crate::store::ledger as rows;
use crate::store::{Store, StoreError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Blocks of one step, so that the applier never waits long for the database.
const STEP: i64 = 16;
/// Pages of one step, and those that may lie unused: the next entries will need them. A page is 4 KiB.
const PAGES: u32 = 256;
const KEEP: i64 = 4_096;
/// Between steps while there is something to do.
const PAUSE: Duration = Duration::from_millis(50);
/// Between looks.
const ROUND: Duration = Duration::from_secs(600);
const DAY_MS: i64 = 86_400_000;

/// Forgets the details of requests that ended more than so many days ago until told to stop; 0 days forget nothing.
pub async fn keep(store: Store, days: u32, stop: CancellationToken) {
    if days == 0 {
        return;
    }
    loop {
        let before = now_ms() - i64::from(days) * DAY_MS;
        let pause = match forget(&store, before, KEEP).await {
            Ok(true) => PAUSE,
            Ok(false) => ROUND,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the request log could not forget");
                ROUND
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One step; whether there may be more to do.
async fn forget(store: &Store, before_ms: i64, keep: i64) -> Result<bool, StoreError> {
    let mut write = store.write().await?;
    let gone = rows::forget_details(&mut write, block::first_at(before_ms), STEP).await?;
    write.commit().await?;
    if gone > 0 {
        return Ok(true);
    }
    rows::reclaim(store, keep, PAGES).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::ledger::find::{self, Wanted};
    use crate::ledger::tests::{book_over_time, entry, open, store, with_price};

    #[tokio::test]
    async fn old_details_go_with_their_room_and_charges_stay() {
        let (dir, store) = store().await;
        with_price(&store).await;
        let mut entries: Vec<_> = (0..2_500).map(|n| entry(n, 10)).collect();
        for entry in &mut entries {
            // A long error, so that there is room to be freed.
            entry.detail.error = Some("e".repeat(2_000));
        }
        book_over_time(&store, &entries, 50).await;
        // The last connection folds the log into the file.
        store.close().await;
        let size = || std::fs::metadata(dir.path().join("tollgate.db")).unwrap().len();
        let (full, store) = (size(), open(&dir).await);
        let cut = entries[1_200].id.time();
        while forget(&store, cut, 16).await.unwrap() {}
        store.close().await;
        let (left, store) = (size(), open(&dir).await);
        assert!(left < full * 2 / 3, "{full} bytes before, {left} after");
        let page = find::page(&store, &Wanted::default(), 10_000).await.unwrap();
        assert_eq!(page.found.len(), 2_500);
        for (entry, kept) in page.found {
            // Whole blocks go, of fifty entries here.
            let place = usize::try_from(entry.id.0 & 0xffff).unwrap();
            assert_eq!(kept, place >= 1_200, "{place}");
            assert_eq!(entry.amount, 10);
        }
        assert!(crate::ledger::verify::verify(&store).await.unwrap().is_ok());
    }
}
