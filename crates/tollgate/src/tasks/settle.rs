//! The end of a task: its last state, its charge, the news of it in one transaction; then the books.
//!
//! The row decides. A charge that is due is handed to the books once, under the request's id.

use super::task::Settlement;
use super::{ArchiveState, Task, TaskState, Tasks, crash, lock};
use crate::clock::now_ms;
use crate::ledger::codec::{read_usage, write_usage};
use crate::ledger::{Basis, Book, Detail, Entry, Flags, Series};
use crate::outcome::Outcome;
use std::sync::Arc;
use tollgate_protocol::usage::{MAX_COUNT, Usage};
use tollgate_protocol::video::kind::{Resolution, Sound, VideoMode};
use tollgate_protocol::video::{Facts, Measured, State};

impl Tasks {
    /// Ends a task: it is not changed any more but for its files. `new`: its row is not there yet.
    pub(super) async fn finish(
        self: &Arc<Self>,
        task: &mut Task,
        state: TaskState,
        error: Option<(String, String)>,
        filtered: u32,
        new: bool,
    ) {
        let now = now_ms();
        task.state = state;
        task.row.finished_at = Some(now);
        task.row.filtered = i64::from(filtered);
        task.settlement = Settlement::Due;
        if let Some((code, message)) = error {
            task.row.error_code = Some(code);
            task.row.error_message = Some(message);
        }
        if state == TaskState::Succeeded {
            let days = i64::from(self.fleet.load().config.video.keep_days);
            task.archive = ArchiveState::Stored;
            task.row.expires_at = Some(now.saturating_add(days.saturating_mul(86_400_000)));
        } else {
            // Nothing is charged for, whatever the vendor may have begun.
            task.row.amount = 0;
            task.row.usage = Vec::new();
            task.archive = ArchiveState::None;
        }
        task.made = None;
        let waited = task.asked.waiting.take().is_some();
        let lane = (task.row.provider.clone(), task.row.account.clone());
        let note = task.row.error_code.clone();
        if !self.save(task, new, note).await {
            return;
        }
        crash::point("final");
        if waited {
            self.done_waiting(&lane, task.id).await;
        }
        if state != TaskState::Succeeded && !task.files.is_empty() {
            // What was fetched of a result that is not complete.
            let _ = self.archive.remove(&task.group()).await;
        }
        self.settle(task).await;
    }

    /// Books the charge of a task that has ended.
    pub(super) async fn settle(self: &Arc<Self>, task: &mut Task) {
        let amount = task.row.amount;
        let taken = self.with(task.id, |live| (live.hold.take(), std::mem::replace(&mut live.booked, true)));
        // Whoever took it out of memory has it.
        let Some((hold, booked)) = taken else { return };
        if !booked {
            self.ledger.settle(&entry_of(task), None);
        }
        if let Some(hold) = hold {
            hold.settle(amount, 0);
        }
        // The row may say that it is booked only when that can no longer be lost.
        if self.ledger.kept().await.is_err() {
            tracing::error!(task = %task.id, "a charge is not on the disk yet");
            return self.agenda.put(task.id, tokio::time::Instant::now() + UNKEPT);
        }
        crash::point("settled");
        task.settlement = Settlement::Settled;
        self.save(task, false, None).await;
        self.forget(task.id);
    }

    /// Notes what a task that was made costs.
    pub(super) fn measure(&self, task: &mut Task, measured: &Measured, delivered: u32) -> u64 {
        let facts = task.facts();
        let price = self.with(task.id, |live| live.price.clone()).flatten();
        let by_tokens = price.as_ref().is_some_and(|price| price.sells_video_by_tokens());
        let (usage, milliseconds) = usage_of(&facts, measured, delivered, by_tokens);
        let mut flags = Flags::default();
        let mut amount = 0;
        match price {
            Some(price) => {
                let due = price.amount(&usage, task.row.admitted_at);
                amount = due.nano;
                if due.unpriced {
                    flags.set(Flags::UNPRICED_USAGE);
                }
                if due.other_tier {
                    flags.set(Flags::OTHER_TIER);
                }
            }
            None => flags.set(Flags::UNPRICED),
        }
        if usage.suspect {
            flags.set(Flags::SUSPECT_USAGE);
        }
        if task.row.held > 0 && amount > task.row.held {
            flags.set(Flags::OVERRUN);
        }
        task.row.amount = amount;
        task.row.flags = i64::from(flags.0);
        task.row.usage.clear();
        write_usage(&usage, &mut task.row.usage);
        milliseconds
    }

    /// Whether nothing is being worked on that must not be lost.
    pub(super) fn is_idle(&self) -> bool {
        self.creating.load(std::sync::atomic::Ordering::SeqCst) == 0
    }

    /// Puts a task's next look into the agenda, as its pace has it.
    pub(super) fn later(&self, task: &Task, at_least: Option<std::time::Duration>) {
        let video = self.fleet.load().config.video.clone();
        let (first, slowest) = if task.is_test() {
            // Nobody's rate limit is in the way of the sandbox.
            (video.first_poll.min(SANDBOX.0), video.slowest_poll.min(SANDBOX.1))
        } else {
            (video.first_poll, video.slowest_poll)
        };
        let delay = self.with(task.id, |live| {
            let delay = live.pace.delay;
            live.pace.delay = if delay.is_zero() { first } else { (delay * 3 / 2).min(slowest) };
            live.pace.delay
        });
        let Some(delay) = delay else { return };
        let spread = u64::try_from(delay.as_millis()).unwrap_or(0) * 2 / 5;
        let jitter = std::time::Duration::from_millis(crate::ids::below(spread.max(1)));
        let delay = (delay * 4 / 5 + jitter).max(at_least.unwrap_or_default());
        self.agenda.put(task.id, tokio::time::Instant::now() + delay);
    }

    /// Tasks by state, for metrics and tests.
    pub fn states(&self) -> Vec<(TaskState, usize)> {
        let live = lock(&self.live);
        let count = |state| live.values().filter(|live| live.task.state == state).count();
        TaskState::ALL.into_iter().map(|state| (state, count(state))).filter(|(_, count)| *count > 0).collect()
    }
}

/// How soon it is looked again whether a charge is on the disk.
const UNKEPT: std::time::Duration = std::time::Duration::from_secs(5);
/// First and slowest look at a task of the sandbox.
const SANDBOX: (std::time::Duration, std::time::Duration) =
    (std::time::Duration::from_millis(200), std::time::Duration::from_millis(500));

/// What was used, and the length of one video in milliseconds. Tokens and length tell the same thing: it is booked by
/// the one that has a price.
fn usage_of(facts: &Facts, measured: &Measured, delivered: u32, by_tokens: bool) -> (Usage, u64) {
    let told = measured.kind;
    let mut kind = facts.kind;
    if told.resolution != Resolution::Unknown {
        kind.resolution = told.resolution;
    }
    if told.sound != Sound::Unknown {
        kind.sound = told.sound;
    }
    if told.mode != VideoMode::Unknown {
        kind.mode = told.mode;
    }
    let mut milliseconds = measured.milliseconds.unwrap_or(facts.milliseconds);
    let mut suspect = false;
    // A vendor may make less than was asked for, and a little more; not many times as much.
    if facts.milliseconds > 0 && milliseconds > facts.milliseconds.saturating_mul(11) / 10 + 1_000 {
        (milliseconds, suspect) = (facts.milliseconds, true);
    }
    let single = milliseconds;
    // Where what was read is billed as well, the vendor's tokens tell how long all of it was.
    if kind.from_video
        && let Some(rate) = tollgate_protocol::video::ark::tokens_of_second(kind.resolution)
        && measured.tokens > 0
    {
        milliseconds = measured.tokens.saturating_mul(1_000) / rate;
    }
    let by_tokens = by_tokens && measured.tokens > 0;
    let length = milliseconds.saturating_mul(u64::from(delivered)).min(MAX_COUNT);
    let usage = Usage {
        video_milliseconds: if by_tokens { 0 } else { length },
        output_tokens: if by_tokens { measured.tokens.min(MAX_COUNT) } else { 0 },
        tool_calls: measured.tool_calls.min(MAX_COUNT),
        tier: measured.tier.unwrap_or(facts.tier),
        video: kind,
        suspect,
        ..Usage::default()
    };
    (usage, single)
}

/// The task as the books know it. The same each time it is asked for.
pub(super) fn entry_of(task: &Task) -> Entry {
    let row = &task.row;
    let shared = |text: &str| -> Arc<str> { text.into() };
    let made = task.state == TaskState::Succeeded;
    let finished = row.finished_at.unwrap_or(row.admitted_at);
    let total_us = u64::try_from(finished.saturating_sub(row.admitted_at)).unwrap_or(0).saturating_mul(1_000);
    let status = u16::try_from(row.status).unwrap_or(200);
    let outcome = match task.state.shown() {
        State::Succeeded => Outcome::Completed,
        State::Cancelled => Outcome::ClientLeft,
        _ if row.filtered > 0 || matches!(status, 400 | 404 | 413 | 422) => Outcome::Rejected,
        _ => Outcome::UpstreamError,
    };
    Entry {
        id: task.request(),
        admitted_at: row.admitted_at,
        series: Series {
            book: if task.is_test() { Book::Test } else { Book::Live },
            key_id: shared(&row.key_id),
            project_id: shared(&row.project_id),
            endpoint: shared(task.dialect.endpoint()),
            model: shared(&row.model),
            provider: shared(&row.provider),
            provider_kind: shared(&row.provider_kind),
            upstream_model: shared(&row.upstream_model),
            price_version: shared(&row.price_version),
        },
        amount: if made { row.amount } else { 0 },
        cost: if made { row.amount } else { 0 },
        basis: if made { Basis::Provider } else { Basis::None },
        flags: Flags(u32::try_from(row.flags).unwrap_or(0)),
        usage: if made { read_usage(&row.usage).unwrap_or_default() } else { Usage::default() },
        status,
        outcome,
        detail: Detail {
            total_us,
            attempts: u32::try_from(row.attempts).unwrap_or(0),
            error: row.error_code.clone(),
            upstream_id: row.vendor_id.clone(),
            translation: task.asked.losses.clone(),
            ..Detail::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_protocol::video::kind::VideoKind;

    #[test]
    fn what_was_made_is_what_the_vendor_tells_within_reason() {
        let kind = VideoKind { sound: Sound::On, ..VideoKind::default() };
        let facts = Facts { milliseconds: 12_000, kind, samples: 2, ..Facts::default() };
        let told = |milliseconds| Measured { milliseconds, ..Measured::default() };
        let (usage, single) = usage_of(&facts, &told(Some(5_000)), 1, false);
        assert_eq!((usage.video_milliseconds, single, usage.suspect), (5_000, 5_000, false));
        assert_eq!(usage_of(&facts, &told(None), 2, false).0.video_milliseconds, 24_000);
        let (usage, _) = usage_of(&facts, &told(Some(3_600_000)), 1, false);
        assert_eq!((usage.video_milliseconds, usage.suspect), (12_000, true));
        let kind = VideoKind { resolution: Resolution::P720, ..VideoKind::default() };
        let measured = Measured { kind, tokens: 216_000, milliseconds: Some(5_000), ..Measured::default() };
        let from_video = Facts { kind: VideoKind { from_video: true, ..facts.kind }, ..facts };
        let (usage, _) = usage_of(&from_video, &measured, 1, false);
        assert_eq!((usage.video_milliseconds, usage.video.sound), (10_000, Sound::On));
        assert_eq!(usage.video.resolution, Resolution::P720);
        let (usage, single) = usage_of(&facts, &measured, 1, true);
        assert_eq!((usage.video_milliseconds, usage.output_tokens, single), (0, 216_000, 5_000));
    }
}
