//! A task, between its row and those who work on it.

use super::state::{Dialect, TaskId, TaskState};
use crate::archive::Stored;
use crate::ledger::RequestId;
use crate::store::tasks::TaskRow;
use serde::{Deserialize, Serialize};
use tollgate_protocol::usage::ServiceTier;
use tollgate_protocol::video::kind::VideoKind;
use tollgate_protocol::video::kling::Family;
use tollgate_protocol::video::{Asset, Facts, Role};

/// What was asked for, and what must be known later. Kept as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Longest length of one video.
    pub milliseconds: u64,
    /// [`VideoKind::code`].
    pub kind: u16,
    /// Videos asked for.
    pub samples: u32,
    /// Asked for at the vendor's slow and cheaper speed.
    pub flex: bool,
    /// At Kling: made from pictures.
    pub from_image: bool,
    /// The vendor speaks what the caller speaks: its answers are shown.
    pub native: bool,
    /// In the unified dialect: what is to be seen, its size, the length that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// `1280x720`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Where the caller wants to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// Where the caller found this gateway: links begin with it.
    pub base: String,
    /// What the translation lost, as the header tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub losses: Option<String>,
    /// The id of the video that this one was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remixed_from: Option<String>,
    /// What stands before `/operations/` in the operation's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The call that is to be sent once there is room; its body is in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

/// A call that waits for room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Path below the base URL.
    pub path: String,
    /// Content type of the body.
    pub content_type: String,
    /// The sandbox's steering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steer: Option<String>,
}

/// What a vendor has made, while it is being fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Where it is.
    pub assets: Vec<Asset>,
    /// The vendor's last answer, to be shown once the files are here.
    pub answer: Option<String>,
    /// Length of a video, as far as it is told.
    pub milliseconds: u64,
}

/// A file of a result in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it is.
    pub role: Role,
    /// Which of several of its role.
    pub index: u32,
    /// Its content type.
    pub content_type: String,
    /// Length in milliseconds; 0 for pictures.
    pub milliseconds: u64,
    /// Where it is.
    pub stored: Stored,
}

/// How far a charge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Held for.
    Open,
    /// Decided, and perhaps not in the books.
    Due,
    /// In the books.
    Settled,
}

/// How far the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveState {
    /// There are none yet, or never will be.
    None,
    /// Being fetched.
    Pending,
    /// Here.
    Stored,
    /// Their time was over.
    Gone,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// What its caller speaks.
    pub dialect: Dialect,
    /// Where it stands.
    pub state: TaskState,
    /// What was asked for.
    pub asked: Asked,
    /// What was made, while it is being fetched.
    pub made: Option<Made>,
    /// What is in the archive.
    pub files: Vec<Kept>,
    /// How far its charge is.
    pub settlement: Settlement,
    /// How far its files are.
    pub archive: ArchiveState,
    /// Everything else, as stored. What has a field of its own above is out of date in here.
    pub row: TaskRow,
}

impl Settlement {
    const NAMES: [(Self, &'static str); 3] = [(Self::Open, "open"), (Self::Due, "due"), (Self::Settled, "settled")];

    /// Its word in the database.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }
}

impl ArchiveState {
    const NAMES: [(Self, &'static str); 4] =
        [(Self::None, "none"), (Self::Pending, "pending"), (Self::Stored, "stored"), (Self::Gone, "gone")];

    /// Its word in the database.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }
}

impl Task {
    /// Reads a row; `None` if it holds what this program does not write.
    pub fn read(row: TaskRow) -> Option<Self> {
        let named = |names: &[(Settlement, &str)]| names.iter().find(|(_, name)| *name == row.settlement).map(|n| n.0);
        let archive = ArchiveState::NAMES.iter().find(|(_, name)| *name == row.archive).map(|(own, _)| *own)?;
        let made = match &row.result {
            Some(text) => Some(serde_json::from_str(text).ok()?),
            None => None,
        };
        Some(Self {
            id: TaskId::from_bytes(&row.id)?,
            dialect: Dialect::read(&row.dialect)?,
            state: TaskState::read(&row.state)?,
            asked: serde_json::from_str(&row.facts).ok()?,
            made,
            files: serde_json::from_str(&row.files).ok()?,
            settlement: named(&Settlement::NAMES)?,
            archive,
            row,
        })
    }

    /// The row to be stored.
    pub fn to_row(&self) -> TaskRow {
        let text = |value: serde_json::Result<String>| value.unwrap_or_default();
        TaskRow {
            state: self.state.name().to_owned(),
            facts: text(serde_json::to_string(&self.asked)),
            result: self.made.as_ref().map(|made| text(serde_json::to_string(made))),
            files: text(serde_json::to_string(&self.files)),
            settlement: self.settlement.name().to_owned(),
            archive: self.archive.name().to_owned(),
            ..self.row.clone()
        }
    }

    /// The request that made it.
    pub fn request(&self) -> RequestId {
        let bytes = self.row.request_id.as_slice().try_into().unwrap_or_default();
        RequestId(u128::from_be_bytes(bytes))
    }

    /// What decides its price, as it was asked for.
    pub fn facts(&self) -> Facts {
        Facts {
            milliseconds: self.asked.milliseconds,
            kind: VideoKind::from_code(self.asked.kind).unwrap_or_default(),
            samples: self.asked.samples.max(1),
            tier: if self.asked.flex { ServiceTier::Flex } else { ServiceTier::Standard },
            reads: 0,
        }
    }

    /// Kling's family, at that vendor.
    pub fn family(&self) -> Family {
        if self.asked.from_image { Family::Image } else { Family::Text }
    }

    /// Its id as its caller knows it.
    pub fn public_id(&self) -> String {
        self.dialect.write_id(self.id)
    }

    /// The group of its files in the archive.
    pub fn group(&self) -> String {
        Dialect::Veo.write_id(self.id)
    }

    /// The file of a role.
    pub fn file(&self, role: Role, index: u32) -> Option<&Kept> {
        self.files.iter().find(|file| file.role == role && file.index == index)
    }

    /// Whether it belongs to the sandbox.
    pub fn is_test(&self) -> bool {
        self.row.book != 0
    }
}

/// What was asked for, with what decides its price.
pub fn asked(facts: &Facts) -> Asked {
    Asked {
        milliseconds: facts.milliseconds,
        kind: facts.kind.code(),
        samples: facts.samples,
        flex: facts.tier == ServiceTier::Flex,
        ..Asked::default()
    }
}
