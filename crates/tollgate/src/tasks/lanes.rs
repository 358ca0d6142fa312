//! Accounts of vendors: how many tasks run on each, who waits for room, and how often each may be asked.

use super::state::TaskId;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Tasks that may wait for one account.
const MAX_WAITING: usize = 10_000;
/// How long nothing is sent after an account was full; doubled each time, up to the second.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Shortest time between two polls of one account: Ark documents 20 a second, others more.
const BETWEEN: Duration = Duration::from_millis(50);

/// An account: provider's name and which of its accounts.
pub(super) type LaneKey = (String, String);

/// Whether a task may be sent to an account now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// A place is taken for it.
    Yes,
    /// As many run as may, or others wait; to be tried again at that time at the latest.
    Later(Option<Instant>),
}

#[derive(Default)]
struct Lane {
    running: usize,
    waiting: VecDeque<TaskId>,
    /// The vendor said that it was full: nothing is sent before.
    closed_until: Option<Instant>,
    pause: Duration,
    next_poll: Option<Instant>,
}

/// All accounts that tasks run on.
#[derive(Default)]
pub(super) struct Lanes(HashMap<LaneKey, Lane>);

impl Lanes {
    /// Takes a place, if there is one. `limit` is the operator's; one who has waited may pass those who still do.
    pub(super) fn enter(&mut self, key: &LaneKey, limit: Option<u32>, waited: bool, now: Instant) -> Room {
        let lane = self.0.entry(key.clone()).or_default();
        if let Some(until) = lane.closed_until.filter(|until| *until > now) {
            return Room::Later(Some(until));
        }
        let full = limit.is_some_and(|limit| lane.running >= usize::try_from(limit).unwrap_or(usize::MAX));
        if full || (!waited && !lane.waiting.is_empty()) {
            return Room::Later(None);
        }
        lane.running += 1;
        Room::Yes
    }

    /// A task that an earlier process sent runs on.
    pub(super) fn resume(&mut self, key: &LaneKey) {
        self.0.entry(key.clone()).or_default().running += 1;
    }

    /// Gives a place back: the task has ended, or was not taken. Gives who is to be tried next.
    pub(super) fn leave(&mut self, key: &LaneKey) -> Option<TaskId> {
        let lane = self.0.get_mut(key)?;
        lane.running = lane.running.saturating_sub(1);
        // What ended makes room at the vendor, too.
        (lane.closed_until, lane.pause) = (None, Duration::ZERO);
        lane.waiting.front().copied()
    }

    /// The vendor would not take another one: the place is given back, and nothing is sent for a while. Gives until
    /// when.
    pub(super) fn full(&mut self, key: &LaneKey, now: Instant) -> Instant {
        let lane = self.0.entry(key.clone()).or_default();
        lane.running = lane.running.saturating_sub(1);
        lane.pause = (lane.pause * 2).clamp(PAUSE.0, PAUSE.1);
        let until = now + lane.pause;
        lane.closed_until = Some(until);
        until
    }

    /// A task was taken by the vendor.
    pub(super) fn taken(&mut self, key: &LaneKey) {
        if let Some(lane) = self.0.get_mut(key) {
            lane.pause = Duration::ZERO;
        }
    }

    /// Lets a task wait; `false` if too many do.
    pub(super) fn wait(&mut self, key: &LaneKey, id: TaskId, first: bool) -> bool {
        let lane = self.0.entry(key.clone()).or_default();
        if lane.waiting.contains(&id) {
            return true;
        }
        if first {
            lane.waiting.push_front(id);
        } else if lane.waiting.len() < MAX_WAITING {
            lane.waiting.push_back(id);
        } else {
            return false;
        }
        true
    }

    /// Whether it is this task's turn.
    pub(super) fn is_next(&self, key: &LaneKey, id: TaskId) -> bool {
        self.0.get(key).is_none_or(|lane| lane.waiting.front().is_none_or(|first| *first == id))
    }

    /// A task waits no longer. Gives who is next.
    pub(super) fn done_waiting(&mut self, key: &LaneKey, id: TaskId) -> Option<TaskId> {
        let lane = self.0.get_mut(key)?;
        lane.waiting.retain(|other| *other != id);
        lane.waiting.front().copied()
    }

    /// When an account may be polled; the time is taken.
    pub(super) fn poll_at(&mut self, key: &LaneKey, now: Instant) -> Instant {
        let lane = self.0.entry(key.clone()).or_default();
        let at = lane.next_poll.unwrap_or(now).max(now);
        lane.next_poll = Some(at + BETWEEN);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_turns() {
        let key = ("kling".to_owned(), "a".to_owned());
        let mut lanes = Lanes::default();
        let now = Instant::now();
        assert_eq!(lanes.enter(&key, Some(1), false, now), Room::Yes);
        assert_eq!(lanes.enter(&key, Some(1), false, now), Room::Later(None));
        assert!(lanes.wait(&key, TaskId(1), false) && lanes.wait(&key, TaskId(2), false));
        assert_eq!(lanes.leave(&key), Some(TaskId(1)));
        // Nobody passes those who wait.
        assert_eq!(lanes.enter(&key, Some(1), false, now), Room::Later(None));
        assert!(lanes.is_next(&key, TaskId(1)) && !lanes.is_next(&key, TaskId(2)));
        assert_eq!(lanes.enter(&key, Some(1), true, now), Room::Yes);
        assert_eq!(lanes.done_waiting(&key, TaskId(1)), Some(TaskId(2)));
        // The vendor is full all the same: it rests, longer each time, until one ends.
        let first = lanes.full(&key, now);
        assert_eq!(lanes.enter(&key, None, true, now), Room::Later(Some(first)));
        assert_eq!(lanes.enter(&key, None, true, first), Room::Yes);
        assert_eq!(lanes.full(&key, first) - first, (first - now) * 2);
        lanes.resume(&key);
        assert_eq!(lanes.leave(&key), Some(TaskId(2)));
        assert_eq!(lanes.enter(&key, None, true, first), Room::Yes);
    }

    #[test]
    fn polls_are_spread() {
        let key = ("ark".to_owned(), "a".to_owned());
        let mut lanes = Lanes::default();
        let now = Instant::now();
        let (first, second) = (lanes.poll_at(&key, now), lanes.poll_at(&key, now));
        assert_eq!((first, second - first), (now, BETWEEN));
        let later = now + Duration::from_secs(1);
        assert_eq!(lanes.poll_at(&key, later), later);
    }
}
