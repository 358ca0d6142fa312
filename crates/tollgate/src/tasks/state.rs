//! The states of a task, and what its callers speak.

use crate::config::Kind;
use crate::ids;
use std::fmt;
use tollgate_protocol::video::State;
use tollgate_protocol::video::kling::Family;

/// Where a task stands.
///
/// ```text
/// reserved ─▶ submitting ─▶ submitted ─▶ running ─▶ succeeded | failed | cancelled | expired
///                 └▶ submit_unknown ─▶ submitted | failed | needs_attention
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// Held for, and waiting for room at an account.
    Reserved,
    /// Being sent: the vendor may have it.
    Submitting,
    /// The vendor has it.
    Submitted,
    /// Sent, and never confirmed: being looked for, never sent again.
    SubmitUnknown,
    /// Being made.
    Running,
    /// Made, and its files are here.
    Succeeded,
    /// Not made.
    Failed,
    /// Called off before it ran.
    Cancelled,
    /// Not made in time.
    Expired,
    /// Neither can be found out; waits for its deadline or a person.
    NeedsAttention,
}

impl TaskState {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Reserved,
        Self::Submitting,
        Self::Submitted,
        Self::SubmitUnknown,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
        Self::NeedsAttention,
    ];

    /// Its word, in the database and for operators.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Submitting => "submitting",
            Self::Submitted => "submitted",
            Self::SubmitUnknown => "submit_unknown",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::NeedsAttention => "needs_attention",
        }
    }

    /// By its word.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == word)
    }

    /// Whether nothing more will come.
    pub fn is_final(self) -> bool {
        self.shown().is_final()
    }

    /// What its caller is told.
    pub fn shown(self) -> State {
        match self {
            Self::Reserved | Self::Submitting | Self::Submitted | Self::SubmitUnknown => State::Queued,
            Self::Running | Self::NeedsAttention => State::Running,
            Self::Succeeded => State::Succeeded,
            Self::Failed => State::Failed,
            Self::Cancelled => State::Cancelled,
            Self::Expired => State::Expired,
        }
    }

    /// The words of the states that are shown like this.
    pub fn words_of(shown: State) -> Vec<&'static str> {
        Self::ALL.into_iter().filter(|state| state.shown() == shown).map(Self::name).collect()
    }
}

/// What a task's caller speaks. Kling's families are apart: a task is only known under the one that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `OpenAI` Videos.
    OpenAi,
    /// Ark.
    Ark,
    /// Kling's text2video.
    KlingText,
    /// Kling's image2video.
    KlingImage,
    /// Google's long-running predictions.
    Veo,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::OpenAi, Self::Ark, Self::KlingText, Self::KlingImage, Self::Veo];

    /// Its word in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Ark => "ark",
            Self::KlingText => "kling-text2video",
            Self::KlingImage => "kling-image2video",
            Self::Veo => "veo",
        }
    }

    /// By its word.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == word)
    }

    /// The route of its creates, in logs, metrics and the ledger.
    pub const fn endpoint(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/videos",
            Self::Ark => "/seedance/v3/contents/generations/tasks",
            Self::KlingText => "/kling/v1/videos/text2video",
            Self::KlingImage => "/kling/v1/videos/image2video",
            Self::Veo => "/v1beta/models/{model}:predictLongRunning",
        }
    }

    /// Kling's family.
    pub const fn family(self) -> Option<Family> {
        match self {
            Self::KlingText => Some(Family::Text),
            Self::KlingImage => Some(Family::Image),
            _ => None,
        }
    }

    /// Whether a vendor of this kind speaks it too.
    pub fn is_spoken_by(self, kind: Kind) -> bool {
        match self {
            Self::OpenAi => matches!(kind, Kind::OpenAi | Kind::OpenAiCompatible),
            Self::Ark => kind == Kind::Ark,
            Self::KlingText | Self::KlingImage => kind == Kind::Kling,
            Self::Veo => matches!(kind, Kind::Gemini | Kind::Vertex),
        }
    }

    /// A task's id as this dialect writes it. Kling's ids are decimal numbers of more than 53 bits, and so are ours.
    pub fn write_id(self, id: TaskId) -> String {
        match self {
            Self::OpenAi => ids::from_bits("video_", id.0),
            Self::Ark => ids::from_bits("cgt-", id.0),
            Self::KlingText | Self::KlingImage => id.0.to_string(),
            Self::Veo => ids::from_bits("", id.0),
        }
    }

    /// Undoes [`Dialect::write_id`]; `None` for anything else, vendors' ids among it.
    pub fn read_id(self, text: &str) -> Option<TaskId> {
        let id = match self {
            Self::OpenAi => ids::bits("video_", text),
            Self::Ark => ids::bits("cgt-", text),
            // 48 bits of time make a number of 33 digits or more: no vendor's id is as long.
            Self::KlingText | Self::KlingImage => {
                let digits = (30..=39).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
                digits.then(|| text.parse().ok()).flatten()
            }
            Self::Veo => ids::bits("", text),
        };
        id.map(TaskId).filter(|id| self.write_id(*id) == text)
    }
}

/// A task's id: 128 bits, the upper 48 its time in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u128);

impl TaskId {
    /// A new one.
    pub fn new(now_ms: i64) -> Result<Self, ids::NoRandomness> {
        let text = ids::new("", now_ms)?;
        ids::bits("", &text).map(Self).ok_or(ids::NoRandomness)
    }

    /// As stored.
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Undoes [`TaskId::bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(u128::from_be_bytes(bytes.try_into().ok()?)))
    }

    /// Undoes its text: `task_…`.
    pub fn read(text: &str) -> Option<Self> {
        ids::bits("task_", text).map(Self).filter(|id| id.to_string() == text)
    }

    /// When it was made, in unix milliseconds.
    pub fn time(self) -> i64 {
        ids::time(self.0)
    }
}

/// As operators see it, and as vendors do that take a name from us: `task_…`.
impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ids::from_bits("task_", self.0))
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_one_dialect() {
        let id = TaskId::new(1_795_000_000_000).unwrap();
        assert_eq!((id.time(), TaskId::from_bytes(&id.bytes())), (1_795_000_000_000, Some(id)));
        for dialect in Dialect::ALL {
            let text = dialect.write_id(id);
            assert_eq!(dialect.read_id(&text), Some(id), "{text}");
            for vendors in [
                "cgt-20260101101010-abcde",
                "867283741759111202",
                "video_68d7512d07848190b3e45da0ecbebcde",
                "operations",
                "",
            ] {
                assert_eq!(dialect.read_id(vendors), None, "{vendors}");
            }
        }
        for state in TaskState::ALL {
            assert_eq!(TaskState::read(state.name()), Some(state));
        }
        assert_eq!(TaskState::words_of(State::Running), ["running", "needs_attention"]);
    }
}
