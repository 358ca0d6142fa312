//! The request log forgets: what the ledger does not need goes after some days, in small steps.

use crate::clock::now_ms;
use crate::store::ledger as rows;
use crate::store::{Store, StoreError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Entries of one step, so that the applier never waits long for the database.
const STEP: i64 = 1_000;
/// Between steps while there is something to forget.
const PAUSE: Duration = Duration::from_millis(50);
/// Between looks.
const ROUND: Duration = Duration::from_secs(600);
const DAY_MS: i64 = 86_400_000;

/// Forgets the details of requests that are older than so many days until told to stop; 0 days forget nothing.
pub async fn keep(store: Store, days: u32, stop: CancellationToken) {
    if days == 0 {
        return;
    }
    let mut from = Vec::new();
    loop {
        let before = now_ms() - i64::from(days) * DAY_MS;
        let pause = match forget(&store, &mut from, before).await {
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

/// One step from `from` on, which moves; whether there may be more.
async fn forget(store: &Store, from: &mut Vec<u8>, before_ms: i64) -> Result<bool, StoreError> {
    let before = (u128::from(before_ms.max(0).unsigned_abs()) << 80).to_be_bytes();
    let mut write = store.write().await?;
    let last = rows::forget_details(&mut write, from, &before, STEP).await?;
    write.commit().await?;
    match last {
        Some(last) => *from = last,
        None => return Ok(false),
    }
    Ok(true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::ledger::tests::{entry, store, with_price};
    use crate::ledger::{Applier, view};

    #[tokio::test]
    async fn old_details_go_and_charges_stay() {
        let (_dir, store) = store().await;
        with_price(&store).await;
        let entries: Vec<_> = (0..2_500).map(|n| entry(n, 10)).collect();
        Applier::default().apply(&store, &entries).await.unwrap();
        let cut = entries[1_200].id.time();
        let mut from = Vec::new();
        while forget(&store, &mut from, cut).await.unwrap() {}
        let wanted = view::Wanted::default();
        let found = view::page(&store, &wanted, 10_000).await.unwrap();
        assert_eq!(found.len(), 2_500);
        for (entry, kept) in found {
            assert_eq!(kept, entry.id.time() >= cut);
            assert_eq!(entry.amount, 10);
        }
        assert!(crate::ledger::verify::verify(&store).await.unwrap().is_ok());
    }
}
