//! Keys and projects: who is asking, and what they may.
//!
//! Owns the form of the secrets, their digests, and the in-memory index that answers the hot path without a
//! database read. Never sees a request body, a provider or money.

pub mod admin_key;
pub mod bootstrap;
mod index;
pub mod manage;
mod policy;
pub mod secret;
mod spec;
pub mod view;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use index::{KeyError, Keys};
pub use policy::{PolicyError, allows_model, check_policy};
pub use spec::{Invalid, KeySpec, ProjectSpec};
pub use watch::watch;

/// The project of keys that name none; exists from the first start.
pub const DEFAULT_PROJECT: &str = "proj_default";

/// Whether a key's calls go to vendors or to the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Configured providers.
    Live,
    /// The built-in simulator; nothing leaves the machine.
    Test,
}

impl Mode {
    /// `live` or `test`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// Undoes [`Mode::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Live, Self::Test].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// A key as the hot path sees it.
#[derive(Debug, Clone)]
pub struct Key {
    /// `key_…`, public.
    pub id: Arc<str>,
    /// `proj_…`, public.
    pub project_id: Arc<str>,
    /// Free text.
    pub name: String,
    /// Live or test.
    pub mode: Mode,
    /// Unix milliseconds after which the key is refused.
    pub expires_at: Option<i64>,
    /// Globs (`*` and `?`) over public model names; empty allows all.
    pub allowed_models: Vec<String>,
    /// Client addresses that may use it; empty allows all.
    pub allowed_ips: Vec<ipnet::IpNet>,
    /// Money it may spend, its own.
    pub budget: Option<Budget>,
    /// Rates it may run at, its own.
    pub limits: Limits,
    /// Its project's budget and limits.
    pub project: Arc<Project>,
}

impl Key {
    /// Whether the key has run out at `now_ms` (unix milliseconds). Everything else that can end a key changes the
    /// index's epoch; this does not, so a remembered key must be asked each time.
    pub fn expired(&self, now_ms: i64) -> bool {
        self.expires_at.is_some_and(|at| now_ms >= at)
    }
}

/// A project as the hot path sees it.
#[derive(Debug)]
pub struct Project {
    /// `proj_…`, public.
    pub id: Arc<str>,
    /// Budget over all its keys.
    pub budget: Option<Budget>,
    /// Limits over all its keys.
    pub limits: Limits,
}

/// A spending limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Nano-dollars.
    pub limit_nano_usd: i64,
    /// How long until it starts anew.
    pub window: Window,
    /// What it does when it is used up.
    pub mode: BudgetMode,
}

/// What a budget does when it is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BudgetMode {
    /// Admits only what fits at its worst: spent and held never pass the limit.
    #[default]
    Strict,
    /// Admits as long as the limit has not been spent; requests that run then may pass it.
    Soft,
    /// Never refuses.
    Meter,
}

impl BudgetMode {
    const ALL: [Self; 3] = [Self::Strict, Self::Soft, Self::Meter];

    /// `strict`, `soft` or `meter`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Soft => "soft",
            Self::Meter => "meter",
        }
    }

    /// Undoes [`BudgetMode::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// When a budget starts anew (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Never.
    Total,
    /// At midnight.
    Day,
    /// On Monday at midnight.
    Week,
    /// On the first at midnight.
    Month,
}

impl Window {
    const ALL: [Self; 4] = [Self::Total, Self::Day, Self::Week, Self::Month];

    /// `total`, `day`, `week` or `month`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// Undoes [`Window::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.as_str() == text)
    }
}

/// Rates; `None` is unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests started in a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens in and out in a minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests open at the same time.
    pub concurrency: Option<u32>,
}

/// Free metadata of a key.
pub type Metadata = BTreeMap<String, String>;
