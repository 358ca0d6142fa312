//! A task's life: what a request and its steering plan, where a task is at a time, and what the vendor bills for it.
//!
//! A fifth of the time is the queue, the rest the work. Only what was delivered is billed.

use serde_json::{Value, json};

use super::{
    media::RATE,
    shape::{Lines, Shape},
    table::Task,
    ticket::{Kind, Outcome, Ticket},
};
use crate::steer::{Steer, Video};

/// Seconds that a task takes when nothing is said, and when it is to be slow.
const USUAL: u32 = 3;
const SLOW: u32 = 120;

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Queued,
    /// Percent done.
    Running(u8),
    Cancelled,
    Over(Outcome),
}

impl Phase {
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Cancelled | Self::Over(_))
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Ark => "ark",
            Self::KlingText => "kling/text2video",
            Self::KlingImage => "kling/image2video",
            Self::VeoGemini => "veo/gemini",
            Self::VeoVertex => "veo/vertex",
        }
    }

    /// Counts against the same limit.
    pub(super) fn same_pool(self, other: Self) -> bool {
        let kling = |kind| matches!(kind, Self::KlingText | Self::KlingImage);
        self == other || (kling(self) && kling(other))
    }
}

impl Outcome {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Filtered => "filtered",
            Self::Expired => "expired",
            Self::Partial => "partial",
        }
    }
}

/// What a request asks for, in no vendor's words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub kind: Kind,
    pub shape: Shape,
    pub frames: u16,
    pub samples: u8,
    pub audio: bool,
    pub last_frame: bool,
    pub flex: bool,
    pub special: bool,
}

impl Wish {
    /// One silent clip of that many frames.
    pub(super) fn new(kind: Kind, shape: Shape, frames: u16) -> Self {
        Self { kind, shape, frames, samples: 1, audio: false, last_frame: false, flex: false, special: false }
    }

    /// The ticket of a task that begins now.
    pub(super) fn ticket(&self, steer: &Steer, account: u8, digest: u64, now: u64) -> Ticket {
        let outcome = match steer.video {
            Some(Video::Failed) => Outcome::Failed,
            Some(Video::Filtered) => Outcome::Filtered,
            Some(Video::Expired) => Outcome::Expired,
            Some(Video::Slow) | None if steer.video_partial => Outcome::Partial,
            Some(Video::Slow) | None => Outcome::Done,
        };
        let usual = if steer.video == Some(Video::Slow) { SLOW } else { USUAL };
        Ticket {
            kind: self.kind,
            created: now,
            work: steer.video_time.map_or(usual, |time| u32::try_from(time.as_secs()).unwrap_or(SLOW)),
            outcome,
            shape: self.shape,
            frames: self.frames,
            samples: self.samples,
            link_expired: steer.video_link_expired,
            audio: self.audio,
            last_frame: self.last_frame,
            flex: self.flex,
            special: self.special,
            account,
            digest: u16::try_from(digest & 0x3FF).unwrap_or(0),
            nonce: 0,
        }
    }
}

impl Ticket {
    /// When the work begins, in milliseconds since 1970.
    pub(super) fn starts(&self) -> u64 {
        self.created + u64::from(self.work) * 200
    }

    /// When the task ends, whichever way.
    pub(super) fn ends(&self) -> u64 {
        self.created + u64::from(self.work) * 1000
    }

    pub(super) fn phase(&self, now: u64) -> Phase {
        if now >= self.ends() {
            return Phase::Over(self.outcome);
        }
        if now < self.starts() {
            return Phase::Queued;
        }
        let percent = ((now - self.starts()) * 100).checked_div(self.ends() - self.starts()).unwrap_or(0);
        Phase::Running(u8::try_from(percent.min(99)).unwrap_or(99))
    }

    /// Whole seconds of the clip, as asked.
    pub(super) fn seconds(&self) -> u64 {
        u64::from(self.frames) / u64::from(RATE)
    }

    /// Samples that are delivered in the end.
    pub(super) fn delivered(&self) -> u8 {
        match self.outcome {
            Outcome::Done => self.samples,
            Outcome::Partial => self.samples.saturating_sub(1),
            Outcome::Failed | Outcome::Filtered | Outcome::Expired => 0,
        }
    }

    /// Ark's tokens: pixels of all frames by 1024.
    pub(super) fn tokens(&self) -> u64 {
        u64::from(self.shape.width) * u64::from(self.shape.height) * u64::from(self.frames) / 1024
    }

    /// Kling's units, in tenths: a price list of our own, since units are the vendor's secret.
    pub(super) fn tenths(&self) -> u64 {
        let per_second = match self.shape.lines {
            Lines::P480 | Lines::P720 => 4,
            Lines::P1080 => 7,
            Lines::P2160 => 12,
        };
        per_second * self.seconds() * if self.audio { 2 } else { 1 }
    }

    /// The same as Kling writes it.
    pub(super) fn units(&self) -> String {
        let (whole, tenth) = (self.tenths() / 10, self.tenths() % 10);
        if tenth == 0 { whole.to_string() } else { format!("{whole}.{tenth}") }
    }
}

impl Task {
    pub(super) fn phase(&self, now: u64) -> Phase {
        if self.cancelled.is_some() { Phase::Cancelled } else { self.ticket.phase(now) }
    }

    /// What the vendor takes; null before success and without it.
    pub(super) fn bill(&self, now: u64) -> Value {
        let (ticket, samples) = (&self.ticket, u64::from(self.ticket.delivered()));
        if samples == 0 || !matches!(self.phase(now), Phase::Over(_)) {
            return Value::Null;
        }
        let mut bill = json!({"seconds": ticket.seconds() * samples, "samples": samples});
        match ticket.kind {
            Kind::Ark => bill["tokens"] = json!(ticket.tokens()),
            Kind::KlingText | Kind::KlingImage => bill["units"] = json!(ticket.units()),
            Kind::OpenAi | Kind::VeoGemini | Kind::VeoVertex => {}
        }
        bill
    }
}
