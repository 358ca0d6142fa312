//! Video tasks: what the vendors' protocols say about them, as values.
//!
//! A vendor is a file or folder of pure functions: check a request and say what decides its price, build the calls,
//! read what comes back, write it for a caller with the gateway's own ids and links. Who is called when, and who pays,
//! is not decided here.
//!
//! | module | what |
//! | --- | --- |
//! | [`ark`] | Volcengine Ark (Seedance) |
//! | [`kling`] | Kling's text2video and image2video |
//! | [`veo`] | Google's long-running predictions, in the forms of Vertex and of the Gemini API |
//! | [`openai`] | `OpenAI` Videos, which is also the one dialect in front of all of them |
//! | [`model`] | what a model can; data from the catalogue |
//! | [`kind`] | what a second of video is sold by |
//! | [`inline`] | takes base64 results out of an answer while it passes |

pub mod ark;
pub mod edit;
pub mod fields;
pub mod image;
pub mod inline;
pub mod kind;
pub mod kling;
pub mod model;
pub mod openai;
pub mod veo;

use crate::fault::{Fault, FaultKind};
use crate::usage::ServiceTier;
use bytes::Bytes;
use kind::VideoKind;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest video that is believed, in milliseconds: an hour.
pub const MAX_MILLISECONDS: u64 = 3_600_000;

/// What decides the price of a task and is known before it is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// The longest that one video may become, in milliseconds.
    pub milliseconds: u64,
    /// What a second of it is sold by.
    pub kind: VideoKind,
    /// Videos asked for.
    pub samples: u32,
    /// At which of the vendor's speeds.
    pub tier: ServiceTier,
    /// Milliseconds of video read that may be billed too, at the most.
    pub reads: u64,
}

/// How far a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Accepted, not begun.
    Queued,
    /// Being made.
    Running,
    /// Made.
    Succeeded,
    /// Not made.
    Failed,
    /// Called off before it ran.
    Cancelled,
    /// Not made in time.
    Expired,
}

impl State {
    /// Whether nothing more will come.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What a file of a result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The video.
    Video,
    /// The same with the vendor's mark in it.
    Watermarked,
    /// Its last picture.
    LastFrame,
    /// A picture to show for it.
    Thumbnail,
    /// Many small pictures of it.
    Spritesheet,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Video, Self::Watermarked, Self::LastFrame, Self::Thumbnail, Self::Spritesheet];

    /// As links name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Watermarked => "watermarked",
            Self::LastFrame => "last_frame",
            Self::Thumbnail => "thumbnail",
            Self::Spritesheet => "spritesheet",
        }
    }
}

/// Where a file of a result is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A link; the account's proof goes with it only if it leads to the vendor's own host.
    Link(String),
    /// A path below the vendor's base URL.
    Path(String),
    /// Stood in the answer itself, the so-manieth text that was taken out.
    Inline(usize),
}

/// A file of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// What it is.
    pub role: Role,
    /// Which of several of its role.
    pub index: u32,
    /// Where it is.
    pub place: Place,
}

/// Why a task was not done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskError {
    /// For a machine; the vendor's own where it gives one.
    pub code: String,
    /// For a person, account data taken out.
    pub message: String,
    /// The vendor would not show what it made, or would not make it.
    pub filtered: bool,
}

/// What the vendor says was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// Length of one video in milliseconds; what is billed where the vendor bills more than that.
    pub milliseconds: Option<u64>,
    /// Tokens that the vendor bills by, where it does.
    pub tokens: u64,
    /// What is said of its kind; the rest is unknown.
    pub kind: VideoKind,
    /// At which speed.
    pub tier: Option<ServiceTier>,
    /// Calls of the vendor's own tools.
    pub tool_calls: u64,
}

/// A task as a vendor's answer shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How far it is. Words that nobody knows count as running.
    pub state: State,
    /// Why not, where it failed.
    pub error: Option<TaskError>,
    /// What there is to be fetched.
    pub assets: Vec<Asset>,
    /// What was made.
    pub measured: Measured,
    /// Percent, where the vendor tells it.
    pub progress: Option<u8>,
}

impl Seen {
    /// A task that is not finished.
    pub fn unfinished(state: State) -> Self {
        Self { state, error: None, assets: Vec::new(), measured: Measured::default(), progress: None }
    }

    /// A task that was not done.
    pub fn failed(code: &str, message: &str, filtered: bool) -> Self {
        let error = TaskError { code: code.to_owned(), message: crate::scrub::text(message), filtered };
        Self { error: Some(error), ..Self::unfinished(State::Failed) }
    }
}

/// A request to a vendor: path below its base URL, method by whether there is a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// `POST`, `GET` or `DELETE`.
    pub method: &'static str,
    /// Path and query below the vendor's base URL.
    pub path: String,
    /// Content type; empty for no body.
    pub content_type: String,
    /// Body.
    pub body: Bytes,
}

impl Send {
    /// A request without a body.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), content_type: String::new(), body: Bytes::new() }
    }

    /// A request with a JSON body.
    pub fn post(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { method: "POST", path: path.into(), content_type: "application/json".into(), body: body.into() }
    }

    /// Takes something away at the vendor.
    pub fn delete(path: impl Into<String>) -> Self {
        Self { method: "DELETE", ..Self::get(path) }
    }
}

/// What a vendor's refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The request is wrong: the caller is told.
    Caller,
    /// The vendor will not make this: the caller is told.
    Policy,
    /// The operator's account is refused, locked or out of money. Nothing was accepted.
    Account,
    /// Too many requests in too short a time. Nothing was accepted.
    RateLimited,
    /// As many tasks run as the account may have. Nothing was accepted; there will be room when one ends.
    Full,
    /// The vendor failed: whether it accepted the request is not known.
    Doubtful,
    /// There is no such task.
    Missing,
}

/// A vendor's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it means.
    pub meaning: Meaning,
    /// The vendor's code.
    pub code: String,
    /// For a person, account data taken out.
    pub message: String,
    /// When to come back, where the body says it.
    pub wait: Option<Duration>,
}

impl Refusal {
    /// The fault for a caller; `status` is the vendor's.
    pub fn fault(self, status: u16, wait: Option<Duration>) -> Fault {
        let wait = self.wait.or(wait);
        let said =
            |otherwise: &'static str| if self.message.is_empty() { otherwise.into() } else { self.message.clone() };
        match self.meaning {
            Meaning::Caller | Meaning::Policy => {
                let status = if matches!(status, 400 | 404 | 413 | 422) { status } else { 400 };
                let code = if self.code.is_empty() { "upstream_rejected".to_owned() } else { self.code.clone() };
                Fault::new(FaultKind::Rejected(status), code, said("The provider rejected the request."))
            }
            Meaning::Account => {
                Fault::broken("upstream_account_error", "The provider refused this gateway's account.").retry(false)
            }
            Meaning::RateLimited | Meaning::Full => {
                Fault::new(FaultKind::RateLimited, "upstream_rate_limited", "The provider's rate limit is reached.")
                    .after(wait)
            }
            Meaning::Doubtful => Fault::broken("upstream_error", "The provider failed."),
            Meaning::Missing => {
                Fault::broken("upstream_task_missing", "The provider does not know this task any more.")
            }
        }
    }
}

/// A task in a vendor's list, for finding one whose id was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The vendor's id.
    pub id: String,
    /// When it was made, in unix milliseconds.
    pub created_at: i64,
    /// The vendor's name of the model.
    pub model: String,
    /// What it was asked for, where the list shows it.
    pub prompt: Option<String>,
}

/// What a caller is shown of a task.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The gateway's id of it, as this dialect writes it.
    pub id: &'a str,
    /// How far it is.
    pub state: State,
    /// The vendor's last answer about it, in this very dialect; empty if there is none.
    pub body: &'a [u8],
    /// The model as the caller named it.
    pub model: &'a str,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
    /// Unix milliseconds, once nothing more will come.
    pub finished_at: Option<i64>,
    /// When its files go, in unix milliseconds.
    pub expires_at: Option<i64>,
    /// Why it failed: code and message.
    pub error: Option<(&'a str, &'a str)>,
    /// Id of the request that asks.
    pub request_id: &'a str,
    /// The caller's own name for the task.
    pub external_id: Option<&'a str>,
    /// Files that are there, and links to them.
    pub links: &'a [Link],
    /// Videos that were made and not shown.
    pub filtered: u32,
}

/// A file of a task and the gateway's own link to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it is.
    pub role: Role,
    /// Which of several of its role.
    pub index: u32,
    /// Where the caller gets it.
    pub url: String,
    /// Its content type.
    pub content_type: String,
    /// Its length in milliseconds, where known.
    pub milliseconds: Option<u64>,
}

impl View<'_> {
    /// The link to a file.
    pub fn link(&self, role: Role, index: u32) -> Option<&Link> {
        self.links.iter().find(|link| link.role == role && link.index == index)
    }

    /// Links to the videos themselves.
    pub fn videos(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(|link| link.role == Role::Video)
    }
}

/// Tries an address of a vendor's answer: texts that are links and that the gateway has no own link for are taken out,
/// so that no vendor's link ever leaves.
pub(crate) fn conceal_link(value: &[u8]) -> Option<String> {
    let text = crate::json::string(value)?;
    fields::is_url(text.trim_start()).then(|| "\"\"".to_owned())
}

/// Milliseconds from seconds as a vendor writes them, a number or a text: `5`, `"5"`, `"5.041"`; clamped to
/// [`MAX_MILLISECONDS`].
pub(crate) fn milliseconds(value: &serde_json::Value) -> Option<u64> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    if !(seconds.is_finite() && seconds > 0.0) {
        return None;
    }
    let most = Duration::from_millis(MAX_MILLISECONDS);
    let length = Duration::try_from_secs_f64(seconds).unwrap_or(most).min(most);
    // Rounded to the nearest: 5.041 is 5041 also where it was read as 5.0409999.
    u64::try_from((length.as_micros() + 500) / 1000).ok()
}
